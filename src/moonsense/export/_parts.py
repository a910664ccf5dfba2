"""How sessions are put together into files: decisions, without disk or network.

A *part* is some sessions of one day whose rows go into one file a sensor. What
was exported is noted down for each part, so that a session is in one part only
however often it is exported.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace

_OPEN_BELOW = 0.5
"""A part with less than this share of the rows it may have takes in more sessions of its day."""

UNSURE = "unsure"
"""The version of a session of which a part may not have all: no source gives it, so it is read again."""


@dataclass(frozen=True)
class Item:
    """A session to export.

    Attributes:
        day: on which it was created, in UTC, as ``2026-03-01``.
        version: a text that is another when there is more of it, or something else.
        rows: about how many rows it has in all tables.
        path: its file below the source's folder; "" in a cloud.
        bundles: how many it must have at least.
        guessed: whether the day is a guess, for which it does not leave the day that it was exported to.
    """

    session_id: str
    day: str
    version: str
    rows: int
    path: str = ""
    bundles: int = 0
    guessed: bool = False


@dataclass(frozen=True)
class Part:
    """Some sessions of one day, and what was written of them.

    Attributes:
        id: names its files.
        sessions: version and rows of each session, by id.
        sensors: which were asked for.
        files: the paths of what was written, or may have been by a run that was killed.
        done: whether all that ``sessions`` says is written.
    """

    id: str
    day: str
    sessions: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    sensors: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    done: bool = False

    @property
    def rows(self) -> int:
        """About how many rows it has."""
        return sum(rows for _, rows in self.sessions.values())

    def dump(self) -> bytes:
        """It as JSON."""
        return json.dumps(vars(self) | {"sessions": dict(self.sessions)}, indent=1).encode()

    @classmethod
    def load(cls, text: bytes) -> Part:
        """It from JSON."""
        values = json.loads(text)
        sessions = {name: (version, rows) for name, (version, rows) in values["sessions"].items()}
        return cls(
            **values
            | {"sessions": sessions, "sensors": tuple(values["sensors"]), "files": tuple(values["files"])}
        )


@dataclass(frozen=True)
class Work:
    """A part to write.

    Attributes:
        part: as it was noted down.
        items: the sessions that are read for it.
        changed: ids of those of them that are asked for and are new, or not written as they are now.
        moved: ids of those that leave it. All others that it has stay in it as they are.
        lost: the paths of its files that are not there.
        partly: whether it may not have all of the sessions that it has: files are not
            there, or a run was killed, or there are more sensors now.
    """

    part: Part
    items: tuple[Item, ...]
    changed: frozenset[str] = frozenset()
    moved: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()
    partly: bool = False

    def kept(self, read: Iterable[Item]) -> dict[str, tuple[str, int]]:
        """The sessions that stay as they are, when these were read: their version and rows.

        The source has them no more, or is another one. Those without a version
        were only begun.
        """
        known = {item.session_id for item in read} | self.moved
        return {name: one for name, one in self.part.sessions.items() if name not in known and one[0]}


class Planner:
    """Says which parts are to be written.

    Args:
        parts: those that there are.
        files: the paths of the files that there are.
        sensors: the tables that are wanted.
        rows: how many a part may have; a session with more has a part of its own.
        again: gives a session that was exported before and is not among those
            that are exported now; None when the source has it no more.
    """

    def __init__(
        self,
        parts: Iterable[Part],
        files: Set[str],
        sensors: tuple[str, ...],
        rows: int,
        again: Callable[[str, str], Item | None],
    ) -> None:
        self._parts = {part.id: part for part in parts}
        self._lost = {part.id: frozenset(part.files) - files for part in self._parts.values()}
        self._home = {name: part.id for part in self._parts.values() for name in part.sessions}
        self._sensors = sensors
        self._rows = rows
        self._again = again
        self._wanted: dict[str, dict[str, Item]] = {}
        self._fresh: dict[str, list[Item]] = {}
        self._changed: set[str] = set()
        self.unchanged = 0

    def add(self, item: Item) -> None:
        """Take in a session that is wanted."""
        part = self._parts.get(self._home.get(item.session_id, ""))
        stays = part is not None and (part.day == item.day or item.guessed)
        if part is not None and stays and self._is_written(part, item):
            self.unchanged += 1
            return
        self._changed.add(item.session_id)
        if part is None:
            self._fresh.setdefault(item.day, []).append(item)
        elif not stays:
            # Its time was corrected: it moves.
            self._wanted.setdefault(part.id, {})
            self._fresh.setdefault(item.day, []).append(item)
        else:
            self._wanted.setdefault(part.id, {})[item.session_id] = item

    def _is_written(self, part: Part, item: Item) -> bool:
        version, _ = part.sessions[item.session_id]
        return self._is_whole(part) and version == item.version and set(self._sensors) <= set(part.sensors)

    def _is_whole(self, part: Part) -> bool:
        return part.done and not self._lost[part.id]

    def work(self) -> Iterator[Work]:
        """The parts to write, each with the sessions that it had and those that come in."""
        moved = frozenset(item.session_id for items in self._fresh.values() for item in items)
        for part in self._parts.values():
            if part.id in self._wanted or not self._is_whole(part):
                self._wanted.setdefault(part.id, {})
                self._fill(part, moved)
        for day in self._fresh:
            for part in self._parts.values():
                small = part.rows < _OPEN_BELOW * self._rows
                if part.day == day and small and part.id not in self._wanted and self._fresh[day]:
                    self._wanted[part.id] = {}
                    self._fill(part, moved)
        for part_id, items in self._wanted.items():
            part = self._parts[part_id]
            yield self._work(part, [*items.values()], moved)
        for day, fresh in self._fresh.items():
            for group in _groups(fresh, self._rows):
                ids = ",".join(sorted(item.session_id for item in group))
                name = hashlib.sha256(ids.encode()).hexdigest()[:16]
                yield self._work(Part(name, day), group, moved)

    def _fill(self, part: Part, moved: frozenset[str]) -> None:
        """Put a part's other sessions beside those that are wanted of it, and new ones of its day."""
        items = self._wanted[part.id]
        for name in part.sessions:
            if name not in items and name not in moved:
                known = self._again(name, part.day)
                if known is not None:
                    items[name] = known
        rows = part.rows + sum(item.rows for name, item in items.items() if name not in part.sessions)
        fresh = self._fresh.get(part.day, [])
        while fresh and rows + fresh[0].rows <= self._rows:
            item = fresh.pop(0)
            items[item.session_id] = item
            rows += item.rows

    def _work(self, part: Part, items: list[Item], moved: frozenset[str]) -> Work:
        items.sort(key=lambda item: item.session_id)
        sensors = tuple(sorted({*part.sensors, *self._sensors}))
        leave = moved & part.sessions.keys() - {item.session_id for item in items}
        return Work(
            replace(part, sensors=sensors),
            tuple(items),
            frozenset(item.session_id for item in items if item.session_id in self._changed),
            frozenset(leave),
            self._lost.get(part.id, frozenset()),
            partly=part.id in self._parts and not (self._is_whole(part) and {*part.sensors} == {*sensors}),
        )


def _groups(items: list[Item], rows: int) -> Iterator[list[Item]]:
    group: list[Item] = []
    total = 0
    for item in items:
        if group and total + item.rows > rows:
            yield group
            group, total = [], 0
        group.append(item)
        total += item.rows
    if group:
        yield group
