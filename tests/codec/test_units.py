"""The units of columns are those that the comments of the schema tell."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from moonsense.codec.arrow.units import UNITS, unit_of
from moonsense.models import bundle_v2_pb2

PROTO = Path(__file__).resolve().parents[2] / "proto" / "bundle_v2.proto"

WORDS = {
    "%": r"percent|from 0 to 100",
    "1/min": "beats a minute",
    "1/s": "[Pp]ictures a second",
    "G": "in G",
    "deg": "[Dd]egrees|degrees",
    "degC": "degrees Celsius",
    "line": "in lines",
    "lx": "lux",
    "m": "metres",
    "m/s": "metres per second",
    "mbar": "millibar",
    "ms": "milliseconds",
    "page": "in pages",
    "px": "pixels",
    "rad": "radians",
    "rad/s": "rad/s",
    "uT": "uT",
}
"""How the comments say each unit, of a field or of its message."""

UNITLESS = {
    *("Pointer.buttons", "Pointer.device", "Pointer.distance", "Pointer.pressure", "Pointer.size"),
    *("KeyPress.masked_key", "Steps.count", "ViewportSizeEvent.device_pixel_ratio"),
    *("ClosedRange.lower_bound", "ClosedRange.upper_bound", "Bundle.index"),
    "SealedBundle.server_time_millis",  # a moment in tables
}


def comments() -> dict[str, str]:
    """What is written above each message and each field."""
    found: dict[str, str] = {}
    message, comment = "", ""
    for line in PROTO.read_text(encoding="utf-8").splitlines():
        text = line.strip()
        if text.startswith("//"):
            comment += " " + text.removeprefix("//").strip()
            continue
        if match := re.fullmatch(r"message (\w+) \{", text):
            message = match[1]
            found[message] = comment
        elif match := re.match(r"(?:repeated )?[\w.]+ (\w+) = \d+", text):
            found[f"{message}.{match[1]}"] = comment
        comment = ""
    return found


COMMENTS = comments()


@pytest.mark.parametrize(
    ("message", "field", "unit"),
    [(message, field, unit) for message, units in UNITS.items() for field, unit in units.items()],
)
def test_each_is_told_in_the_schema(message: str, field: str, unit: str) -> None:
    told = COMMENTS[f"{message}.{field}"] + COMMENTS[message]
    assert re.search(WORDS[unit], told), told


def test_every_number_has_a_unit_or_has_none() -> None:
    for name, message in bundle_v2_pb2.DESCRIPTOR.message_types_by_name.items():
        for field in message.fields:
            is_number = (
                field.message_type is None and field.enum_type is None and field.cpp_type not in (7, 9)
            )
            where = f"{name}.{field.name}"
            if is_number:
                assert bool(unit_of(name, field.name)) != (where in UNITLESS), where
    for where in UNITLESS:
        assert where in COMMENTS, where
