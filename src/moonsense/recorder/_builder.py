"""The bundle that is being filled, and how readings get into it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from moonsense.contract import counters
from moonsense.models.bundle_v2_pb2 import Bundle, Clock
from moonsense.reflection import is_repeated

Reading = Message | Mapping[str, Any]
"""One item of a sensor: its message, or the fields of one by name."""


def device_clock() -> Clock:
    """This machine's three clocks: wall, timer, and timer that also runs while it sleeps."""
    timer = time.monotonic_ns()
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return Clock(
        wall_time_millis=time.time_ns() // 1_000_000,
        timer_millis=timer // 1_000_000,
        timer_realtime_millis=(timer if boot is None else time.clock_gettime_ns(boot)) // 1_000_000,
    )


@cache
def _fields() -> dict[str, tuple[str, type[Message], bool]]:
    """Kinds of readings by their counters' names: field of ``Bundle``, message, whether a list."""
    kinds = {}
    for name, kind in counters.item_fields().items():
        field = Bundle.DESCRIPTOR.fields_by_name[name]
        assert field.message_type is not None
        kinds[kind] = (name, GetMessageClass(field.message_type), is_repeated(field))
    return kinds


class BundleBuilder:
    """Collects readings into one bundle after another."""

    def __init__(self, clock: Callable[[], Clock]) -> None:
        self._clock = clock
        self._bundle = Bundle()
        self.items = 0
        """How many readings the present bundle holds."""

    def parse(self, kind: str, items: Reading | Iterable[Reading]) -> list[Message]:
        """The readings as messages; nothing is added.

        Raises ValueError for a kind or a field that there is not, or for several
        readings of a kind that a bundle holds once, TypeError for a message or a
        value of another type.
        """
        if kind not in _fields():
            raise ValueError(f"{kind!r} is no kind of reading; there are {', '.join(sorted(_fields()))}")
        _, message_type, many = _fields()[kind]
        readings = [items] if isinstance(items, (Message, Mapping)) else items
        messages = [_message(reading, message_type, kind) for reading in readings]
        if len(messages) > 1 and not many:
            raise ValueError(f"a bundle holds one reading of {kind}: add them one at a time")
        return messages

    def takes(self, kind: str) -> bool:
        """Whether the present bundle has room for a reading: some kinds go into it once."""
        name, _, many = _fields()[kind]
        return many or not self._bundle.HasField(name)  # type: ignore[arg-type]

    def add(self, kind: str, messages: list[Message]) -> None:
        """Put readings into the present bundle, which must take them."""
        name, _, many = _fields()[kind]
        if many:
            getattr(self._bundle, name).extend(messages)
        else:
            (message,) = messages
            getattr(self._bundle, name).CopyFrom(message)
        self.items += len(messages)

    def cut(self, index: int, *, final: bool = False) -> Bundle:
        """The present bundle, numbered and stamped with the time; a new one is begun."""
        bundle = self.finish(self._bundle, index, final=final)
        self._bundle, self.items = Bundle(), 0
        return bundle

    def finish(self, bundle: Bundle, index: int, *, final: bool = False) -> Bundle:
        """Number a bundle, and stamp it with the time if it has none."""
        if not bundle.HasField("client_time"):
            bundle.client_time.CopyFrom(self._clock())
        bundle.index = index
        if final:
            bundle.is_final_bundle = True
        return bundle


def _message(reading: Reading, message_type: type[Message], kind: str) -> Message:
    if isinstance(reading, message_type):
        return reading
    if isinstance(reading, Mapping):
        return message_type(**reading)
    raise TypeError(
        f"a reading of {kind} is a {message_type.DESCRIPTOR.name} or a dict of its fields, "
        f"not {type(reading).__name__}"
    )
