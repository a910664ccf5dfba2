"""Writes one part; in any thread, process or machine."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import pyarrow as pa

from moonsense.errors import MoonsenseError, NotFoundError
from moonsense.export._lake import Lake
from moonsense.export._parts import UNSURE, Item, Part, Work
from moonsense.export._source import Source
from moonsense.export._tables import TABLES, decode, encode, of_sessions
from moonsense.frames import Frame, schema

logger = logging.getLogger("moonsense.export")

T = TypeVar("T")

_ROWS_AT_A_TIME = 250_000
"""Rows of several sessions that are read together: one by one, small ones would take longer."""


@dataclass
class Written:
    """What came of a part.

    Attributes:
        sessions: how many new or changed ones are in it.
        rows: how many were read for it.
        files, size: how many were written, and their bytes.
        gone: ids of those that the source has no more.
        failures: the error of each that could not be read, by id.
    """

    sessions: int = 0
    rows: int = 0
    files: int = 0
    size: int = 0
    gone: list[str] = field(default_factory=list)
    failures: dict[str, Exception] = field(default_factory=dict)


@dataclass
class _Contents:
    """The files of a part by path, and the sessions that were read for them.

    ``tables`` are what is to be in files, by sensor; ``kept_files`` stay as they are.
    """

    tables: dict[str, list[pa.Table]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    kept_files: set[str] = field(default_factory=set)
    items: list[Item] = field(default_factory=list)
    rows: int = 0


@dataclass(frozen=True)
class PartWriter:
    """Reads the sessions of a part and writes its files; can be pickled."""

    source: Source
    lake: Lake
    format: str

    def __call__(self, work: Work) -> Written:
        """Write a part and note it down.

        A session that cannot be read is left out. When it was exported before,
        what there is of it stays.
        """
        part, written, contents = work.part, Written(), _Contents()
        read = self._read_tables if self.format in TABLES else self._read_recordings
        read(part, [item for item in work.items if item.session_id in work.changed], contents, written)
        if not contents.items and not work.partly and not work.moved:
            return written  # it would be what it is
        read(part, [item for item in work.items if item.session_id not in work.changed], contents, written)
        kept = work.kept(contents.items)
        if self.format in TABLES:
            self._put_together(work, kept, contents)
        else:
            contents.kept_files = {self._recording(part, name) for name in kept} - work.lost
        for name, (_, rows) in kept.items():
            if work.partly or name in written.failures:
                kept[name] = UNSURE, rows
        # Noted down before anything is written: a later run finds what a killed one left.
        begun = {*part.files, *contents.files}
        claimed = {item.session_id: ("", item.rows) for item in contents.items}
        sessions = {**claimed, **part.sessions}
        self._note(replace(part, sessions=sessions, files=tuple(sorted(begun)), done=False))
        for path, content in contents.files.items():
            self.lake.put(path, content)
        files = {*contents.files, *contents.kept_files}
        for path in begun - files:
            self.lake.delete(path)
        sessions = kept | {item.session_id: (item.version, item.rows) for item in contents.items}
        self._note(replace(part, sessions=sessions, files=tuple(sorted(files)), done=True))
        written.sessions = sum(item.session_id in work.changed for item in contents.items)
        written.rows = contents.rows
        written.files = len(contents.files)
        written.size = sum(map(len, contents.files.values()))
        return written

    def _note(self, part: Part) -> None:
        if part.sessions:
            self.lake.note(self.format, part)
        else:
            self.lake.forget(self.format, part)

    def _read_tables(self, part: Part, items: Sequence[Item], contents: _Contents, written: Written) -> None:
        """The tables of some sessions."""
        for group in _groups(items):
            for some, frames in self._read(group, part.sensors, written):
                contents.items += some
                for name, frame in frames.items():
                    if len(frame):
                        contents.tables.setdefault(name, []).append(frame.arrow)

    def _put_together(self, work: Work, kept: Iterable[str], contents: _Contents) -> None:
        """A file a sensor with the rows of all sessions."""
        part = work.part
        for name in part.sensors:
            tables = contents.tables.pop(name, [])
            path = f"sensor={name}/date={part.day}/{part.id}{TABLES[self.format]}"
            contents.rows += sum(table.num_rows for table in tables)
            if kept and path in part.files:
                tables.insert(0, self._kept(path, name, kept))
            if any(table.num_rows for table in tables):
                contents.files[path] = encode(tables, self.format)

    def _kept(self, path: str, sensor: str, sessions: Iterable[str]) -> pa.Table:
        """What a file has of sessions that stay as they are."""
        try:
            content = self.lake.get(path)
        except FileNotFoundError:
            return schema(sensor).empty_table()  # removed, or never written by a run that was killed
        return of_sessions(decode(content, self.format, schema(sensor)), sessions)

    def _read(
        self, items: Sequence[Item], sensors: Sequence[str], written: Written
    ) -> Iterator[tuple[Sequence[Item], dict[str, Frame]]]:
        """The tables of some sessions; one by one when something is wrong with one of them."""
        frames: dict[str, Frame] | None = None
        if len(items) > 1:
            try:
                frames = self.source.frames(items, sensors)
            except (MoonsenseError, OSError) as error:
                logger.info("read one by one: %s", error)
        if frames is not None:
            yield items, frames
            return
        for item in items:
            one = self._tried(item, lambda item=item: self.source.frames([item], sensors), written)  # type: ignore[misc]
            if one is not None:
                yield [item], one

    def _read_recordings(
        self, part: Part, items: Sequence[Item], contents: _Contents, written: Written
    ) -> None:
        """A file a session with the messages of all sensors."""
        from moonsense.export import _mcap  # noqa: PLC0415 (tables need no mcap)

        for item in items:
            made = self._tried(
                item,
                lambda item=item: _mcap.encode(self.source.bundles(item), part.sensors),  # type: ignore[misc]
                written,
            )
            if made is not None:
                content, rows = made
                contents.items.append(item)
                contents.rows += rows
                contents.files[self._recording(part, item.session_id)] = content

    def _recording(self, part: Part, session_id: str) -> str:
        return f"date={part.day}/{session_id}.mcap"

    def _tried(self, item: Item, read: Callable[[], T], written: Written) -> T | None:
        try:
            return read()
        except (NotFoundError, FileNotFoundError) as error:
            # Of a folder that this worker does not see, this raises.
            if self.source.again(item.session_id, item.day) is None:
                written.gone.append(item.session_id)
            else:
                written.failures[item.session_id] = error
        except (MoonsenseError, OSError) as error:
            logger.warning("session %s cannot be exported: %s", item.session_id, error)
            written.failures[item.session_id] = error
        return None


def _groups(items: Sequence[Item]) -> Iterator[list[Item]]:
    group: list[Item] = []
    rows = 0
    for item in items:
        group.append(item)
        rows += item.rows
        if rows >= _ROWS_AT_A_TIME:
            yield group
            group, rows = [], 0
    if group:
        yield group
