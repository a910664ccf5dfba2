"""Single values: what JSON holds for them to what a message holds, and back.

The readers take what ``google.protobuf.json_format`` takes, except where that
takes a value for something it does not say: see ``codec.json``.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from math import isinf, isnan
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from moonsense.codec.plan import Field, Kind

__all__ = [
    "MAX_FLOAT",
    "Read",
    "Refused",
    "UnknownName",
    "key_reader",
    "read_timestamp",
    "reader",
    "shown",
    "write_bytes",
    "write_double",
    "write_float",
    "write_timestamp",
]

MAX_DOUBLE = sys.float_info.max
MAX_FLOAT = float.fromhex("0x1.fffffefffffffp+127")
"""The greatest number that is a finite 32-bit float after rounding.

It is above the greatest 32-bit float: the shortest text for that one, 3.4028235e38, is so too.
"""

Read = Callable[[Any], Any]

_INTEGER = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_BASE64 = re.compile(r"([A-Za-z0-9+/_-]*)={0,2}")
_TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})"
    r"(?:\.([0-9]{1,9}))?(?:Z|([+-])([0-9]{2}):([0-9]{2}))"
)
_SPELLED = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  # naive on both sides: UTC throughout
_SECOND = timedelta(seconds=1)
_FIRST_SECOND = -62_135_596_800  # 0001-01-01T00:00:00Z
_LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z
_FLOAT = struct.Struct("<f")


class Refused(Exception):
    """A value that does not fit its field.

    Attributes:
        reason: what is wrong, in words.
        path: where, from the value outwards; the readers add to it on the way up.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path: list[str] = []


class UnknownName(Refused):
    """The name of no value of an enum: from a newer schema, perhaps."""


def reader(field: Field) -> Read:
    """A function from a JSON value to what a message holds, for any kind but a message. It raises Refused."""
    match field.kind:
        case Kind.INT | Kind.WIDE_INT:
            return _integer(field.low, field.high)
        case Kind.FLOAT:
            return _number(MAX_FLOAT)
        case Kind.DOUBLE:
            return _number(MAX_DOUBLE)
        case Kind.BOOL:
            return _boolean
        case Kind.STRING:
            return _string
        case Kind.BYTES:
            return _bytes
        case Kind.ENUM:
            return _enum(field)
        case Kind.TIMESTAMP:
            return read_timestamp
        case Kind.MESSAGE:
            raise AssertionError("a message is no scalar")


def key_reader(field: Field) -> Read:
    """The same for the key of a map, which JSON always has as a string."""
    return _boolean_key if field.kind is Kind.BOOL else reader(field)


def _boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise Refused(f"expected true or false, got {shown(value)}")
    return value


def _boolean_key(key: str) -> bool:
    if key not in ("true", "false"):
        raise Refused(f'expected "true" or "false", got {shown(key)}')
    return key == "true"


def _string(value: Any) -> str:
    if type(value) is not str:
        raise Refused(f"expected a string, got {shown(value)}")
    return value


def _integer(low: int, high: int) -> Read:
    def read(value: Any) -> int:
        number: int
        if type(value) is str:
            number = _integer_of_text(value)
        elif type(value) is int:
            number = value
        elif type(value) is float and value.is_integer() and value != -(2.0**63):
            # orjson reads integers of more than 64 bits as floats, and so rounds
            # -9223372036854775809 to the least int64: that one is refused.
            number = int(value)
        else:
            raise Refused(f"expected an integer, got {shown(value)}")
        if not low <= number <= high:
            raise Refused(f"{shown(value)} is not between {low} and {high}")
        return number

    return read


def _integer_of_text(text: str) -> int:
    try:
        if _INTEGER.fullmatch(text):
            return int(text)
    except ValueError:  # more digits than Python reads
        raise Refused(f"expected an integer, got {shown(text)}") from None
    number = float(text) if _DECIMAL.fullmatch(text) else 0.5
    if not number.is_integer():
        raise Refused(f"expected an integer, got {shown(text)}")
    return int(number)


def _number(most: float) -> Read:
    def read(value: Any) -> float:
        if type(value) is str:
            if value in _SPELLED:
                return _SPELLED[value]
            if not _DECIMAL.fullmatch(value):
                raise Refused(f"expected a number, got {shown(value)}")
        elif type(value) not in (float, int, bool):
            raise Refused(f"expected a number, got {shown(value)}")
        number = float(value)
        if not -most <= number <= most:
            raise Refused(f"{shown(value)} is not between {-most} and {most}")
        return number

    return read


def _bytes(value: Any) -> bytes:
    match = _BASE64.fullmatch(value) if type(value) is str else None
    if match is None:
        raise Refused(f"expected base64, got {shown(value)}")
    try:
        return base64.urlsafe_b64decode(match[1] + "=" * (-len(match[1]) % 4))
    except binascii.Error:
        raise Refused(f"expected base64, got {shown(value)}") from None


def _enum(field: Field) -> Read:
    numbers = field.numbers
    read_number = _integer(field.low, field.high)

    def read(value: Any) -> int:
        if type(value) is str:
            if value in numbers:
                return numbers[value]
            if not _INTEGER.fullmatch(value):
                raise UnknownName(f"{shown(value)} is not one of {', '.join(numbers)}")
        number: int = read_number(int(value) if type(value) is bool else value)
        return number

    return read


def read_timestamp(value: Any) -> Timestamp:
    """A moment written as RFC 3339, with up to nine digits of a fraction. Raises Refused."""
    match = _TIME.fullmatch(value) if type(value) is str else None
    if match is None:
        raise Refused(f"expected a time such as 2023-01-31T00:00:00.5Z, got {shown(value)}")
    year, month, day, hour, minute, second, fraction, sign, zone_hours, zone_minutes = match.groups()
    try:
        moment = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second))  # noqa: DTZ001
    except ValueError as error:
        raise Refused(f"{shown(value)} is no time: {error}") from None
    seconds = (moment - _EPOCH) // _SECOND
    if sign:
        zone = int(zone_hours) * 3600 + int(zone_minutes) * 60
        seconds += zone if sign == "-" else -zone
    if not _FIRST_SECOND <= seconds <= _LAST_SECOND:
        raise Refused(f"{shown(value)} is not in the years 1 to 9999")
    return Timestamp(seconds=seconds, nanos=int(f"{fraction:0<9}") if fraction else 0)


def write_timestamp(moment: Timestamp) -> str:
    """RFC 3339 in UTC with a fraction of 0, 3, 6 or 9 digits. ValueError for what is no time."""
    seconds, nanos = moment.seconds, moment.nanos
    if not (_FIRST_SECOND <= seconds <= _LAST_SECOND and 0 <= nanos < 1_000_000_000):
        raise ValueError(f"a timestamp of {seconds} seconds and {nanos} nanoseconds is no time")
    text = (_EPOCH + timedelta(seconds=seconds)).isoformat()
    if not nanos:
        return f"{text}Z"
    if not nanos % 1_000_000:
        return f"{text}.{nanos // 1_000_000:03}Z"
    if not nanos % 1_000:
        return f"{text}.{nanos // 1_000:06}Z"
    return f"{text}.{nanos:09}Z"


def write_double(value: float) -> float | str:
    """A number, or the name of what JSON has no number for."""
    if isnan(value):
        return "NaN"
    if isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def write_float(value: float) -> float | str:
    """A 32-bit float with the fewest digits, of at least six tried, that read as the same 32 bits.

    Six digits are always exact enough for a decimal to survive, nine for a float.
    """
    if isnan(value) or isinf(value):
        return write_double(value)
    for digits in (6, 7, 8):
        short = float(f"{value:.{digits}g}")
        if _FLOAT.unpack(_FLOAT.pack(short))[0] == value:
            return short
    return float(f"{value:.9g}")


def write_bytes(value: bytes) -> str:
    """Base64 with padding."""
    return base64.b64encode(value).decode("ascii")


def shown(value: object) -> str:
    """A value in an error message: as JSON would write it, and short."""
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"' if len(value) <= 40 else f'"{value[:40]}…"'
    return str(value)
