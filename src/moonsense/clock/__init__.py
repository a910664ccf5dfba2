"""One time axis for what devices measured on several clocks.

``determined_at`` of an item is epoch milliseconds on some platforms and a
timer, such as milliseconds since the page was opened, on others. Each bundle
carries a ``Clock``: the wall clock and the timer, read together when the
bundle was closed. So an item on the timer happened at

    wall_time_millis - timer_millis + determined_at

The rule for which of the two a value is: **it belongs to the clock whose
reading is nearer**. Items are seconds older than their bundle's clock, while
timer and wall clock are decades apart (on real web pages timers run from 50 to
300,000, epoch milliseconds are above 1,600,000,000,000), so nothing plausible
is near the middle. A fixed limit alone would be wrong for timers on an
arbitrary timeline, which the SDKs may use; without a usable clock it is all
there is: 100,000,000,000, which is March 1973 as epoch milliseconds and three
years as a timer.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

from moonsense.contract.counters import item_fields

if TYPE_CHECKING:
    from moonsense.models.bundle_v2_pb2 import Bundle, Clock

__all__ = [
    "EPOCH_FLOOR",
    "LAST_MILLIS",
    "Knowledge",
    "epoch_floor",
    "event_bounds_millis",
    "knowledge",
    "place",
    "server_time_micros",
    "timer_start",
    "wall_millis",
]

EPOCH_FLOOR = 100_000_000_000
"""Milliseconds. Without a clock, from here on a value is epoch milliseconds."""

_MICROS_FLOOR = 100_000_000_000_000
"""From here on a server time is microseconds: March 1973; as milliseconds it would be the year 5138."""

LAST_MILLIS = 253_402_300_799_999
"""The end of the year 9999, the last that a protobuf Timestamp and a datetime hold."""


class Knowledge(enum.StrEnum):
    """How the wall time of an item is known."""

    TIMER = "timer"
    """``determined_at`` is on the timer of the bundle's clock."""
    EPOCH = "epoch"
    """``determined_at`` is epoch milliseconds itself."""
    WALL = "wall"
    """It has no time of its own: the wall clock was read beside it."""
    UNKNOWN = "unknown"
    """It is a timer, and there is no clock to place it by; or it says no time, or an absurd one."""


def epoch_floor(clock: Clock | None) -> int:
    """From this value on a ``determined_at`` is epoch milliseconds, below it a timer.

    It is half-way between the clock's two readings. ``EPOCH_FLOOR`` when the
    clock is missing, was never set (a wall clock in 1970), or makes no sense.
    """
    if clock is None or clock.wall_time_millis < EPOCH_FLOOR:
        return EPOCH_FLOOR
    timer = _timer(clock)
    return (clock.wall_time_millis + timer) // 2 if timer < clock.wall_time_millis else EPOCH_FLOOR


def knowledge(determined_at: int, clock: Clock | None) -> Knowledge:
    """What ``determined_at`` (milliseconds) is, by the clock of its bundle."""
    if determined_at >= epoch_floor(clock):
        return Knowledge.EPOCH
    return Knowledge.UNKNOWN if timer_start(clock) is None else Knowledge.TIMER


def wall_millis(determined_at: int, clock: Clock | None) -> int:
    """When an item was determined, in epoch milliseconds on the device's wall clock.

    ``determined_at`` unchanged when it is epoch milliseconds, and also when
    nothing places it: ask ``knowledge`` where that matters.
    """
    if determined_at >= epoch_floor(clock):
        return determined_at
    start = timer_start(clock)
    return determined_at if start is None else start + determined_at


def timer_start(clock: Clock | None) -> int | None:
    """The wall time, in epoch milliseconds, at which the timer was zero; None without either reading."""
    if clock is None or clock.wall_time_millis <= 0 or not _timer(clock):
        return None
    return clock.wall_time_millis - _timer(clock)


def place(determined_at: int, clock: Clock | None) -> tuple[int | None, Knowledge]:
    """Where an item is on the time axis of tables: epoch milliseconds, and how that is known.

    An item that says no time (zero, or less), that nothing places, or that
    would be outside the years 1970 to 9999 is nowhere: None and ``UNKNOWN``.
    ``clock.columns`` does the same for many.
    """
    known = knowledge(determined_at, clock)
    at = wall_millis(determined_at, clock)
    if determined_at <= 0 or known is Knowledge.UNKNOWN or not 0 <= at <= LAST_MILLIS:
        return None, Knowledge.UNKNOWN
    return at, known


def event_bounds_millis(bundle: Bundle) -> tuple[int, int] | None:
    """The least and the greatest wall time of a bundle's events, in epoch milliseconds.

    The bundle's own wall clock is among them: it was read after the last item.
    Items without a time (zero), or with one outside the years 1970 to 9999,
    say nothing. None for a bundle without items, or with nothing to place them by.

    The service looks at no items. On 221 real recordings its ``newest_event``
    is the greatest ``wall_time_millis`` of the bundles, to the millisecond, in
    all of them, as it is here. Its ``oldest_event`` is the moment the session
    was opened, 15 to 202 ms before ``created_at``, or the least
    ``wall_time_millis`` where that is earlier (218 and 3 of them); the first
    items are 36 to 876 ms older than that. Here the first item counts, so that
    the bounds hold all events.
    """
    clock = bundle.client_time if bundle.HasField("client_time") else None
    floor = epoch_floor(clock)
    start = timer_start(clock)
    times_of = _times()
    ends: list[int] = []
    items = False
    for field, values in bundle.ListFields():
        times = times_of.get(field.name)
        if times is not None:
            items = True
            ends += _ends(times(values), floor, start)
    if not items:
        return None
    if clock is not None and clock.wall_time_millis > 0:
        ends.append(clock.wall_time_millis)
    ends = [end for end in ends if 0 <= end <= LAST_MILLIS]
    return (min(ends), max(ends)) if ends else None


def server_time_micros(value: int) -> int:
    """A ``server_time_millis`` in epoch microseconds: the service sometimes puts those there (16 digits)."""
    return value if value >= _MICROS_FLOOR else value * 1000


def _timer(clock: Clock) -> int:
    return clock.timer_millis or clock.timer_realtime_millis


def _ends(times: list[int], floor: int, start: int | None) -> list[int]:
    """The wall times between which the items of one field are."""
    least, greatest = min(times), max(times)
    if least >= floor:
        return [least, greatest] if greatest <= LAST_MILLIS else _mixed_ends(times, floor, start)
    if least > 0 and greatest < floor:
        return [] if start is None else [start + least, start + greatest]
    return _mixed_ends(times, floor, start)


def _mixed_ends(times: list[int], floor: int, start: int | None) -> list[int]:
    """The same for items on both clocks, or without a time, or with an absurd one."""
    placed = [time for time in times if floor <= time <= LAST_MILLIS]
    if start is not None:
        placed += [start + time for time in times if 0 < time < floor]
    return [min(placed), max(placed)] if placed else []


@cache
def _times() -> dict[str, Callable[[Any], list[int]]]:
    """For each field of a bundle that holds items with a time, how to get the times."""
    found: dict[str, Callable[[Any], list[int]]] = dict.fromkeys(item_fields(), _determined)
    found["frame_rate_event"] = lambda event: [event.determined_at]
    found["markers"] = lambda markers: [marker.client_time.wall_time_millis for marker in markers]
    found["steps_data"] = found["heart_rate_data"] = _intervals
    del found["battery"]  # a state without a time
    return found


def _determined(items: Iterable[Any]) -> list[int]:
    return [item.determined_at for item in items]


def _intervals(items: Iterable[Any]) -> list[int]:
    return [time for item in items for time in (getattr(item, "from"), item.to)]
