"""Points in time as the wire writes them: RFC 3339, in several spellings.

``2023-01-01T00:00:00[.ffffff]+00:00`` (Python), ``….123Z`` (JavaScript, Go),
``…:05-08:00`` and up to nine digits of a fraction (the service).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_PATTERN = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)\Z", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def aware(moment: datetime) -> datetime:
    """The same moment in UTC; a naive one is taken to be UTC already."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970, exactly (a float would not hold them)."""
    return (aware(moment) - _EPOCH) // timedelta(microseconds=1)


def from_micros(micros: int) -> datetime:
    """The UTC moment so many microseconds after 1970."""
    return _EPOCH + timedelta(microseconds=micros)


def parse(text: str) -> tuple[datetime, int]:
    """A moment in UTC and how many fractional digits it was written with.

    The number of digits matters for paging by time (see ``paging``). Digits
    beyond the sixth are cut off. A ``+`` that a query string turned into a
    space is understood. Raises ValueError with the reason.
    """
    match = _PATTERN.match(text) or _PATTERN.match(re.sub(r" (\d\d:\d\d)\Z", r"+\1", text))
    if match is None:
        raise ValueError(f"{text!r} is not an RFC 3339 time such as 2023-01-01T00:00:00+00:00")
    day, time, fraction, zone = match.groups()
    fraction = fraction or ""
    zone = "+00:00" if zone in "Zz" else zone
    try:
        moment = datetime.fromisoformat(f"{day}T{time}.{fraction[:6]:0<6}{zone}").astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is not a time: {error}") from None
    return moment, len(fraction)


def write(moment: datetime) -> str:
    """The moment as the published Python client writes it, with microseconds always."""
    return aware(moment).isoformat(timespec="microseconds")
