"""What is wanted, and what has to be done for it: decisions, without disk or network."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from moonsense.contract import times
from moonsense.contract.platforms import Platform
from moonsense.download._contents import Contents, Told
from moonsense.download._ledger import Entry, State
from moonsense.models.data_plane_v2_sdk_pb2 import Session, SessionMetadata

OVERLAP = timedelta(days=7)
"""How far behind the newest session the list is read again: what came late is found there.

It is also how long a session without a last bundle must be quiet to be held
complete. A week covers a phone that was off, or a region that was cut off.
"""


class Why(enum.StrEnum):
    """Why a session is downloaded."""

    NEW = "new"
    GROWN = "grown"
    """The cloud has more of it."""
    HALF = "half"
    """What an earlier version left is not whole."""
    MISSING = "missing"
    """It was downloaded, and its files are there no more, or have another length."""
    DAMAGED = "damaged"
    """A digest differs: found by a check."""
    ASKED = "asked"
    """All is downloaded again, as asked."""


@dataclass(frozen=True)
class Want:
    """Which sessions.

    Attributes:
        first, last: created at this time or later, and at this time or before.
        skip_days: days, in UTC, that are left out.
        labels: with any of these; all without any.
        platforms: names; all without any.
    """

    first: datetime | None = None
    last: datetime | None = None
    skip_days: frozenset[date] = frozenset()
    labels: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        since: date | None = None,
        until: date | None = None,
        skip_days: Iterable[date] | None = None,
        labels: Iterable[str] | None = None,
        platforms: Iterable[Platform | str] | None = None,
    ) -> Want:
        """From what a user says: days are of UTC, naive times too.

        Raises ValueError when ``since`` is after ``until``.
        """
        first, last = _moment(since, time.min), _moment(until, time.max)
        if first and last and first > last:
            raise ValueError(f"since {first} is after until {last}")
        if isinstance(labels, str):
            labels = [labels]
        if isinstance(platforms, (str, Platform)):
            platforms = [platforms]
        names = {one.value if isinstance(one, Platform) else _platform(one) for one in platforms or ()}
        return cls(first, last, frozenset(skip_days or ()), tuple(labels or ()), tuple(sorted(names)))

    @property
    def first_micros(self) -> int | None:
        """``first`` in epoch microseconds."""
        return None if self.first is None else times.to_micros(self.first)

    @property
    def last_micros(self) -> int | None:
        """``last`` in epoch microseconds."""
        return None if self.last is None else times.to_micros(self.last)

    @property
    def scope(self) -> str | None:
        """What a listing is of, as a name; None when it says nothing about later ones.

        A session may get a label at any time, so one that was listed without it
        long ago may have it now.
        """
        return None if self.labels else ",".join(self.platforms)

    def has(self, created: int, platform: int) -> bool:
        """Whether a session is wanted that was created then, on that platform; labels are not looked at."""
        if times.from_micros(created).date() in self.skip_days:
            return False
        if self.first_micros is not None and created < self.first_micros:
            return False
        if self.last_micros is not None and created > self.last_micros:
            return False
        platforms = {SessionMetadata.Platform.Value(name) for name in self.platforms}
        return not platforms or platform in platforms

    def has_day(self, day: date) -> bool:
        """Whether sessions of a day, in UTC, may be wanted."""
        if day in self.skip_days or (self.first and day < times.aware(self.first).date()):
            return False
        return not self.last or day <= times.aware(self.last).date()

    def list_from(self, listed: tuple[int | None, int] | None, overlap: timedelta) -> datetime | None:
        """From when on sessions have to be listed, when all of some time were listed before."""
        if listed is None:
            return self.first
        first, last = listed
        if first is not None and (self.first_micros is None or self.first_micros < first):
            return self.first
        again = times.from_micros(last) - overlap
        return again if self.first is None else max(self.first, again)

    def listed(
        self, before: tuple[int | None, int] | None, newest: int | None
    ) -> tuple[int | None, int] | None:
        """Between which moments all was listed, after all that is wanted was.

        Args:
            before: what ``list_from`` was given.
            newest: when the newest session that was listed was created.
        """
        ends = [micros for micros in (newest, before and before[1]) if micros is not None]
        if not ends:
            return None
        if before is None:
            return self.first_micros, ends[0]
        start, end = before
        if self.first_micros is not None and self.first_micros > end:
            # Between the two nobody looked; of the two the later one is of more use.
            return before if newest is None else (self.first_micros, newest)
        if self.last_micros is not None and start is not None and self.last_micros < start:
            return before
        no_start = start is None or self.first_micros is None
        return None if no_start else min(start, self.first_micros), max(ends)  # type: ignore[type-var]


def why(entry: Entry | None, told: Told, *, there: bool) -> Why | None:
    """Why a session is to be downloaded; None when all of it is there.

    Args:
        told: what the cloud says of it now.
        there: whether its files are there, with the lengths in the ledger.
    """
    if entry is None or entry.contents is None or entry.told is None:
        return Why.NEW
    if not there:
        return Why.MISSING
    same = (told.bundles, told.packets, told.newest) == (
        entry.told.bundles, entry.told.packets, entry.told.newest
    )  # fmt: skip
    # While it was downloaded more may have arrived, and be here.
    if same or (told.bundles, told.packets) == (entry.contents.bundles, entry.told.packets):
        return None
    return Why.GROWN


def changed(session: Session, reason: Why, now: datetime) -> int:
    """When a session last changed, as far as one can tell, in epoch microseconds."""
    last = times.to_micros(now)
    if reason is not Why.GROWN:
        last = min(last, max(session.created_at.ToMicroseconds(), session.newest_event.ToMicroseconds()))
    return last


def state_of(contents: Contents, changed_micros: int, now: datetime, overlap: timedelta) -> State:
    """Whether more of a session may come."""
    quiet = now - times.from_micros(changed_micros) > overlap
    return State.COMPLETE if contents.final or quiet else State.GROWING


def _moment(value: date | None, at: time) -> datetime | None:
    if value is None:
        return None
    return times.aware(value) if isinstance(value, datetime) else datetime.combine(value, at, UTC)


def _platform(name: str) -> str:
    try:
        return Platform.from_str(name).value
    except NotImplementedError as error:
        raise ValueError(str(error)) from None
