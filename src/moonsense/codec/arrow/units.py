"""The unit of every quantity that a bundle holds, as ``proto/bundle_v2.proto`` tells it.

A protobuf descriptor knows no comments, so they are said here again; a test
holds the two against each other.
"""

from __future__ import annotations

__all__ = ["UNITS", "unit_of"]

_MOTION = dict.fromkeys(("x", "y", "z"))

UNITS: dict[str, dict[str, str]] = {
    "Accelerometer": dict.fromkeys(_MOTION, "G"),
    "Activity": {"confidence": "%"},
    "Battery": {"capacity": "%"},
    "Clock": dict.fromkeys(("wall_time_millis", "timer_millis", "timer_realtime_millis"), "ms"),
    "FrameRateEvent": {"frames_per_second": "1/s"},
    "Gyroscope": dict.fromkeys(_MOTION, "rad/s"),
    "HeartRate": {"rate": "1/min", "from": "ms", "to": "ms"},
    "Humidity": {"value": "%"},
    "Light": {"value": "lx"},
    "Location": {
        **dict.fromkeys(("horizontal_accuracy", "vertical_accurracy", "altitude"), "m"),
        **dict.fromkeys(("bearing", "bearing_accuracy_degrees", "latitude", "longitude"), "deg"),
        **dict.fromkeys(("speed", "speed_accurracy"), "m/s"),
    },
    "Magnetometer": dict.fromkeys(_MOTION, "uT"),
    "MouseWheel": {
        **dict.fromkeys(("wheel_delta_x", "wheel_delta_y"), "px"),
        **dict.fromkeys(("wheel_delta_x_line", "wheel_delta_y_line"), "line"),
        **dict.fromkeys(("wheel_delta_x_page", "wheel_delta_y_page"), "page"),
    },
    "Offset2D": {"dx": "px", "dy": "px"},
    "Orientation": dict.fromkeys(("azimuth", "pitch", "roll"), "rad"),
    "Pointer": {
        **dict.fromkeys(("radius_major", "radius_minor"), "px"),
        **dict.fromkeys(("orientation", "tilt"), "rad"),
        # The unit of a range is that of what it bounds.
        "radius_range": "px",
    },
    "Pressure": {"value": "mbar"},
    "Steps": {"from": "ms", "to": "ms"},
    "Temperature": {"value": "degC"},
    "ViewportScroll": {"x_position": "px", "y_position": "px"},
    "ViewportSizeEvent": dict.fromkeys(
        ("device_logical_width", "device_logical_height", "device_physical_width", "device_physical_height"),
        "px",
    ),
}
"""By message and field. A ``G`` is 9.80665 m/s²; ``px`` are logical pixels, or physical by name."""


def unit_of(message: str, field: str) -> str:
    """The unit of a message's field, or "" for what has none; times in milliseconds are of every message."""
    return "ms" if field == "determined_at" else UNITS.get(message, {}).get(field, "")
