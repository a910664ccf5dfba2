"""The call that exports."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Set
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any

from moonsense.codec.arrow.schema import BUNDLES
from moonsense.errors import ConfigurationError, ExportError
from moonsense.export._lake import Lake
from moonsense.export._parts import Part, Planner
from moonsense.export._source import source_of
from moonsense.export._tables import TABLES
from moonsense.export._write import PartWriter, Written
from moonsense.frames import map_sessions, schema, sensors

FORMATS = (*TABLES, "mcap")

ROWS = 1_000_000
"""Rows of a part, in all of its tables together: some tens of megabytes of Parquet."""

_PART_FILE = re.compile(
    rf"sensor=\w+/date=\d{{4}}-\d\d-\d\d/[0-9a-f]{{16}}({'|'.join(map(re.escape, TABLES.values()))})"
)
"""What an export calls the files of tables; others are somebody's own."""


@dataclass
class ExportReport:
    """What an export did.

    Attributes:
        sessions: how many new or changed ones were written.
        unchanged: how many were there already as they are.
        rows, files, size: what was written: rows of all tables, files, bytes.
        gone: ids of those that the source lost meanwhile; what was exported of them stays.
        failures: the error of each session that could not be read, by id.
        seconds: how long it took.
    """

    sessions: int = 0
    unchanged: int = 0
    rows: int = 0
    files: int = 0
    size: int = 0
    gone: list[str] = field(default_factory=list)
    failures: dict[str, Exception] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.failures

    def raise_for_failures(self) -> None:
        """Raises ExportError when something failed."""
        if self.failures:
            raise ExportError(self.failures, self.sessions + self.unchanged + len(self.failures))

    def as_dict(self) -> dict[str, Any]:
        """It as plain values, for JSON."""
        failures = {session_id: str(error) for session_id, error in self.failures.items()}
        return vars(self) | {"failures": failures, "seconds": round(self.seconds, 3), "ok": self.ok}

    def add(self, written: Written) -> None:
        """Count what came of a part."""
        for name in ("sessions", "rows", "files", "size"):
            setattr(self, name, getattr(self, name) + getattr(written, name))
        self.gone += written.gone
        self.failures |= written.failures


def export(
    source: object,
    to: str | os.PathLike[str],
    *,
    format: str = "parquet",
    sensors: Iterable[str] | None = None,
    sessions: Iterable[str] | None = None,
    rows: int = ROWS,
    executor: Executor | None = None,
    on_progress: Callable[[int, int, int], None] | None = None,
    **filters: Any,
) -> ExportReport:
    """Write sessions as a dataset, and later those that came or grew since.

    Tables are ``sensor=<name>/date=<day, UTC>/<part>.parquet`` (or ``.arrow``, in
    the file format with zstd; or ``.csv``), MCAP is a file a session,
    ``date=<day>/<session_id>.mcap``. The day is that on which the session was
    created. Notes of what was exported are in ``_export/``, which readers pass by:
    by them a session is in the export once, and an export that was interrupted is
    gone on with. What the source has no more stays in it. One export at a time
    may write to a place.

    Args:
        source: a client, or the path of a folder of recordings.
        to: a folder, or an address that obstore understands (``s3://bucket/prefix``);
            its credentials are in the environment.
        format: ``parquet``, ``arrow``, ``csv`` or ``mcap``.
        sensors: names of tables; all without any.
        sessions: only these, by id.
        rows: about how many rows a part may have in all tables together. Parts are
            filled with sessions of one day, and with those that come later.
        executor: whatever has the interface of ``concurrent.futures``. For one with
            processes or machines the source must be one that can be pickled (a
            client whose token is from the environment, a path they all see), and
            so must ``to`` be one that they all reach. Without one all is done here.
        on_progress: called after each part with the sessions that are done, those
            that there are, and the bytes that were written.
        filters: of a client's ``list_sessions``: labels, platforms, since, until and so on.

    Raises:
        ConfigurationError: nothing can be written there, there are tables in another format, or
            files of tables of which there are no notes.
        StoreError: the object store does not answer, or refuses.
        FileNotFoundError: there is no such folder of recordings, here or where a worker is.
        ValueError: there is no such format or sensor.
        TypeError: the source is none, or has no filters.
        RequestError: the sessions could not be listed.
        MissingExtraError: the extra ``export`` is not installed.
    """
    if format not in FORMATS:
        raise ValueError(f"there is no format {format!r}; there are {', '.join(FORMATS)}")
    if rows < 1:
        raise ValueError(f"a part must have a row at least, not {rows}")
    began = time.perf_counter()
    wanted = _sensors(sensors, format)
    lake = Lake(to)
    if format in TABLES and (others := lake.formats() & TABLES.keys() - {format}):
        raise ConfigurationError(
            f"{lake.place} has a dataset in {' and '.join(sorted(others))}, and readers take"
            f" all files of a table for one format: give {format} a place of its own"
        )
    found = source_of(source, sessions, filters)
    parts, files = list(lake.parts(format)), lake.files(format)
    if format in TABLES:
        _check_known(files, parts, lake.place)
    planner = Planner(parts, files, wanted, rows, found.again)
    for item in found.items():
        planner.add(item)
    report = ExportReport(unchanged=planner.unchanged)
    work = list(planner.work())
    total, done = sum(len(one.items) for one in work), 0
    written = map_sessions(PartWriter(found, lake, format), work, executor=executor)
    for one, result in zip(work, written, strict=True):
        report.add(result)
        done += len(one.items)
        if on_progress is not None:
            on_progress(done, total, report.size)
    lake.sweep()
    report.seconds = time.perf_counter() - began
    return report


def _check_known(files: Set[str], parts: Iterable[Part], place: str) -> None:
    """Raises ConfigurationError when there are files of which no note is: their rows would be there twice."""
    known = {path for part in parts for path in part.files}
    unknown = sorted(path for path in files - known if _PART_FILE.fullmatch(path))
    if unknown:
        raise ConfigurationError(
            f"{place} has {len(unknown):,} file{'' if len(unknown) == 1 else 's'} of an earlier export"
            f" of which there are no notes in _export/, {unknown[0]} first: rows would be there twice."
            " Remove them, or export to another place"
        )


def _sensors(names: Iterable[str] | None, format: str) -> tuple[str, ...]:
    if names is None:
        chosen = sensors()
    else:
        chosen = tuple(dict.fromkeys([names] if isinstance(names, str) else names))
        for name in chosen:
            schema(name)  # which says what there is
    # A bundle is no message of its own there.
    return tuple(name for name in chosen if format != "mcap" or name != BUNDLES)
