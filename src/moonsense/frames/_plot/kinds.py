"""Which sensor is drawn how, and what is needed of it for that."""

from __future__ import annotations

from collections.abc import Iterable

from moonsense.codec.arrow.schema import sensor_of

__all__ = ["SERIES", "columns_of", "companions", "is_event"]

_XYZ = ("x", "y", "z")

SERIES: dict[str, tuple[str, ...]] = {
    "accelerometer": _XYZ,
    "linear_accelerometer": _XYZ,
    "gyroscope": _XYZ,
    "magnetometer": _XYZ,
    "orientation": ("azimuth", "pitch", "roll"),
    "temperature": ("value",),
    "light": ("value",),
    "pressure": ("value",),
    "humidity": ("value",),
    "heart_rate": ("rate",),
    "steps": ("count",),
    "battery": ("capacity",),
    "frame_rate": ("frames_per_second",),
}
"""The sensors that are lines over time, from the top, and their columns."""

_PLACE = ("position_dx", "position_dy")

_OTHERS: dict[str, tuple[str, ...]] = {
    "key_press": ("type", "special_key", "masked_key", "shift_key"),
    "pointer": ("type", "device", "viewport_boundary_status", *_PLACE),
    "click": _PLACE,
    "viewport_size": ("device_logical_width", "device_logical_height"),
    "location": ("latitude", "longitude", "horizontal_accuracy"),
}

_AXIS = ("session_id", "at")


def columns_of(sensor: str) -> tuple[str, ...]:
    """The columns that its picture is made of; of an event only when it was."""
    return (*_AXIS, *SERIES.get(sensor, ()), *_OTHERS.get(sensor, ()))


def companions(sensors: Iterable[str]) -> tuple[str, ...]:
    """The sensors, and those without which their pictures are half: clicks and the window of a pointer.

    Raises:
        ValueError: there is no such sensor; the error names those that there are.
    """
    names = list(sensors)
    for name in names:
        sensor_of(name)
    if "pointer" in names or "click" in names:
        names += ["click", "viewport_size"]
    return tuple(dict.fromkeys(names))


def is_event(sensor: str) -> bool:
    """Whether it has no picture of its own, so that it is a tick for each time it happened."""
    return sensor not in SERIES and sensor not in ("key_press", "pointer", "location")
