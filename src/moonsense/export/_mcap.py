"""A session as an MCAP file, as Foxglove opens it.

A channel a sensor, named ``/accelerometer`` and so on, whose messages are the
items themselves in protobuf, with their schema in the file: so it is whole, and
nothing has to be translated. The time of a message is the item's place on the
time axis. Format: https://mcap.dev/spec, with the well-known encoding
``protobuf`` (https://mcap.dev/spec/registry).
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from moonsense.clock import wall_millis
from moonsense.codec.arrow.schema import WALL, Sensor, sensor_of
from moonsense.errors import MissingExtraError
from moonsense.models.bundle_v2_pb2 import Bundle, SealedBundle

try:
    from mcap.writer import Writer
except ImportError:
    raise MissingExtraError("moonsense.export to MCAP", "export") from None

if TYPE_CHECKING:
    from google.protobuf.message import Message

_MILLI = 1_000_000


def encode(bundles: Iterable[SealedBundle], sensors: Iterable[str]) -> tuple[bytes, int]:
    """The bytes of a file with some sensors of a session, and how many messages are in it.

    Messages are in the order of their time, which readers go by; what has no
    place on the time axis stands at its bundle's own time.
    """
    chosen = [sensor for sensor in map(sensor_of, sensors) if sensor.field]
    found: list[tuple[int, int, int, Message]] = []
    for sealed in bundles:
        for number, sensor in enumerate(chosen):
            for item in _items(sealed.bundle, sensor):
                found.append((_nanos(sealed, sensor, item), number, len(found), item))
    found.sort(key=lambda one: one[:3])
    stream = io.BytesIO()
    writer = Writer(stream)
    writer.start(profile="", library="moonsense")
    channels: dict[int, int] = {}
    sequences: dict[int, int] = {}
    for nanos, number, _, item in found:
        if number not in channels:
            channels[number] = _channel(writer, chosen[number], item)
        sequence = sequences[number] = sequences.get(number, -1) + 1
        data = item.SerializeToString(deterministic=True)  # maps in one order in every process
        writer.add_message(channels[number], nanos, data, nanos, sequence)
    writer.finish()  # type: ignore[no-untyped-call]
    return stream.getvalue(), len(found)


def _items(bundle: Bundle, sensor: Sensor) -> Iterable[Message]:
    if sensor.many:
        items: Iterable[Message] = getattr(bundle, sensor.field)
        return items
    return [getattr(bundle, sensor.field)] if bundle.HasField(sensor.field) else []  # type: ignore[arg-type]


def _nanos(sealed: SealedBundle, sensor: Sensor, item: Message) -> int:
    bundle = sealed.bundle
    clock = bundle.client_time if bundle.HasField("client_time") else None
    millis: int
    if sensor.time == WALL:
        millis = item.client_time.wall_time_millis  # type: ignore[attr-defined]
    elif sensor.time:
        millis = wall_millis(getattr(item, sensor.time), clock)
    else:
        millis = clock.wall_time_millis if clock else 0
    return max(0, millis) * _MILLI


def _channel(writer: Writer, sensor: Sensor, item: Message) -> int:
    schema = writer.register_schema(item.DESCRIPTOR.full_name, "protobuf", _described(item))
    channel: int = writer.register_channel(f"/{sensor.name}", "protobuf", schema)
    return channel


def _described(item: Message) -> bytes:
    """The descriptors of a message's file and of those that it needs, these first."""
    files = FileDescriptorSet()
    for file in _files(item.DESCRIPTOR.file, set()):
        file.CopyToProto(files.file.add())
    return files.SerializeToString()


def _files(file: Any, seen: set[str]) -> Iterator[Any]:
    if file.name in seen:
        return
    seen.add(file.name)
    for needed in file.dependencies:
        yield from _files(needed, seen)
    yield file
