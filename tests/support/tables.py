"""What a table has to say, read off the messages one field at a time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from moonsense.clock import place, server_time_micros
from moonsense.models.bundle_v2_pb2 import Clock, SealedBundle
from moonsense.reflection import is_map, is_repeated

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST_MILLIS = 253_402_300_799_999

FIELDS = {
    "location": "location_data",
    "accelerometer": "accelerometer_data",
    "linear_accelerometer": "linear_accelerometer_data",
    "gyroscope": "gyroscope_data",
    "magnetometer": "magnetometer_data",
    "orientation": "orientation_data",
    "battery": "battery",
    "temperature": "temperature_data",
    "light": "light_data",
    "pressure": "pressure_data",
    "humidity": "humidity_data",
    "steps": "steps_data",
    "heart_rate": "heart_rate_data",
    "activity": "activity_data",
    "pointer": "pointer_data",
    "key_press": "key_press_data",
    "text_change": "text_change_data",
    "input_change": "input_change_data",
    "focus_change": "focus_change_data",
    "click": "click_data",
    "viewport_scroll": "viewport_scroll_data",
    "mouse_wheel": "mouse_wheel_data",
    "marker": "markers",
    "permission": "permission_events",
    "viewport_size": "viewport_size_events",
    "app_life_cycle": "app_life_cycle_events",
    "custom_event": "custom_events",
    "form_submit": "form_submit_events",
    "context_menu": "context_menu_events",
    "frame_rate": "frame_rate_event",
}
"""The sensors and the fields of the bundle that hold them."""


def expected(sensor: str, sealed: Iterable[SealedBundle]) -> list[dict[str, Any]]:
    """The rows of a table, in the order that bundles without one are read in."""
    return [row for one in sealed for row in (_bundle(one) if sensor == "bundles" else _items(sensor, one))]


def in_order(sealed: Iterable[SealedBundle]) -> list[SealedBundle]:
    """Bundles as whole tables have them: by session as they first come, in it by index."""
    some = list(sealed)
    first = {one.session_id: place for place, one in reversed(list(enumerate(some)))}
    return sorted(some, key=lambda one: (first[one.session_id], one.bundle.index))


def comparable(value: Any) -> Any:
    """The same with NaN equal to itself."""
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else value
    if isinstance(value, dict):
        return {key: comparable(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [comparable(each) for each in value]
    return value


def _items(sensor: str, sealed: SealedBundle) -> Iterator[dict[str, Any]]:
    field = sealed.bundle.DESCRIPTOR.fields_by_name[FIELDS[sensor]]
    held = getattr(sealed.bundle, field.name)
    items = held if is_repeated(field) else [held] if sealed.bundle.HasField(FIELDS[sensor]) else []  # type: ignore[arg-type]
    clock = _clock(sealed)
    for item in items:
        if sensor == "marker":
            at, how = _wall(item.client_time)
        elif sensor in ("steps", "heart_rate"):
            at, how = place(item.to, clock)
        elif sensor == "battery":
            at, how = _wall(clock)
        else:
            at, how = place(item.determined_at, clock)
        yield {**_axis(sealed, at, str(how)), "determined_at": None, **_flat(item)}


def _bundle(sealed: SealedBundle) -> Iterator[dict[str, Any]]:
    at, how = _wall(_clock(sealed))
    own = _flat(sealed)
    stamp = own.pop("server_time_millis")
    named = {name.removeprefix("bundle_"): value for name, value in own.items() if name != "session_id"}
    items = set(FIELDS.values())
    row = {
        name: value
        for name, value in named.items()
        if name != "index" and not any(name == item or name.startswith(f"{item}_") for item in items)
    }
    if not sealed.HasField("bundle"):
        row["is_final_bundle"], row["features"] = False, []
    micros = server_time_micros(stamp)
    placed = 0 < micros < (LAST_MILLIS + 1) * 1000
    row["server_time"] = EPOCH + timedelta(microseconds=micros) if placed else None
    yield {**_axis(sealed, at, how), "determined_at": None, **row}


def _axis(sealed: SealedBundle, at: int | None, how: str) -> dict[str, Any]:
    return {
        "session_id": sealed.session_id,
        "bundle_index": sealed.bundle.index,
        "at": None if at is None else EPOCH + timedelta(milliseconds=at),
        "clock": how,
    }


def _clock(sealed: SealedBundle) -> Clock | None:
    return sealed.bundle.client_time if sealed.bundle.HasField("client_time") else None


def _wall(clock: Clock | None) -> tuple[int | None, str]:
    wall = clock.wall_time_millis if clock else 0
    return (wall, "wall") if 0 < wall <= LAST_MILLIS else (None, "unknown")


def _flat(message: Message, prefix: str = "", there: bool = True) -> dict[str, Any]:
    """The fields of a message and of those in it, by their path; None for what is in none."""
    row: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if field.message_type is not None and not is_repeated(field):
            row |= _flat(value, f"{prefix}{field.name}_", there and message.HasField(field.name))
        else:
            row[prefix + field.name] = _plain(field, value) if there else None
    return row


def _plain(field: FieldDescriptor, value: Any) -> Any:
    if is_map(field):
        entry = field.message_type.fields_by_name["value"]
        return [(key, _single(entry, value[key])) for key in sorted(value)]
    return [_single(field, each) for each in value] if is_repeated(field) else _single(field, value)


def _single(field: FieldDescriptor, value: Any) -> Any:
    if field.enum_type is not None:
        named = field.enum_type.values_by_number.get(value)
        return named.name if named else str(value)
    if field.message_type is not None:
        return {
            inner.name: None
            if inner.message_type is not None and not is_repeated(inner) and not value.HasField(inner.name)
            else _plain(inner, getattr(value, inner.name))
            for inner in field.message_type.fields
        }
    return value
