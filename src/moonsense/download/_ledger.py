"""What was downloaded into a folder, and what is still to be: an SQLite file in it.

One process at a time has it, for as long as it is open: the lock is the
system's own, so it ends with the process however that ends. It is in WAL mode
with ``synchronous=NORMAL``, and rows are written and saved together, a few times a
second: what a kill or a power loss takes of them is found on disk again.
"""

from __future__ import annotations

import enum
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from moonsense.download._contents import Contents, Digest, Told
from moonsense.download._layout import OWN
from moonsense.errors import ConfigurationError, DamagedLedgerError

NAME = "ledger.sqlite"
_VERSION = 1
_LOCK_SECONDS = 1.0
_ROWS = 1000
"""Rows that are read or written at once; so many are in memory at most."""

_TABLES = """
CREATE TABLE session (
    session_id TEXT PRIMARY KEY,
    created INTEGER NOT NULL,       -- epoch microseconds
    platform INTEGER NOT NULL,      -- of the metadata
    folder TEXT NOT NULL,           -- below the output folder, with slashes
    state TEXT NOT NULL,            -- see State
    run INTEGER NOT NULL,           -- the last run that considered it
    changed INTEGER NOT NULL,       -- when what lies here last changed, epoch microseconds
    told_bundles INTEGER, told_packets INTEGER, told_newest INTEGER, told_sha256 TEXT,
    bundles INTEGER, last_index INTEGER, final INTEGER,
    error TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX session_created ON session (created);
CREATE TABLE file (
    session_id TEXT NOT NULL ,
    name TEXT NOT NULL,
    size INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    PRIMARY KEY (session_id, name)
) WITHOUT ROWID;
CREATE TABLE waiting (              -- listed in this run, not begun yet
    session_id TEXT PRIMARY KEY ,
    listed REAL NOT NULL,           -- when, epoch seconds
    message BLOB NOT NULL           -- the Session
) WITHOUT ROWID;
CREATE TABLE note (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


class State(enum.StrEnum):
    """Where a session stands."""

    WANTED = "wanted"
    """Known, and to be downloaded, for the first time or again."""
    FAILED = "failed"
    """To be downloaded; the last time it could not be."""
    GROWING = "growing"
    """All that there was is here, and more may come."""
    COMPLETE = "complete"
    """All is here: its last bundle, or everything long after the last change."""
    GONE = "gone"
    """What is here stays; the cloud has it no more."""


@dataclass
class Entry:
    """A session's row.

    Attributes:
        folder: where it lies, below the output folder, with slashes.
        told: what the cloud said when it was downloaded; None before that.
        contents: what lies on disk; None when it was never downloaded.
        error: why it failed, or "".
    """

    session_id: str
    created: int
    platform: int
    folder: str
    state: State
    changed: int
    told: Told | None = None
    contents: Contents | None = None
    error: str = ""


class _Rows(NamedTuple):
    """What is to be written of a session."""

    entry: Entry
    session: tuple[object, ...]
    files: list[tuple[object, ...]]

    @classmethod
    def of(cls, entry: Entry, run: int) -> Self:
        told, contents = entry.told, entry.contents
        session = (
            entry.session_id, entry.created, entry.platform, entry.folder, entry.state, run,
            entry.changed,
            *((told.bundles, told.packets, told.newest, told.sha256) if told else (None,) * 4),
            *((contents.bundles, contents.last_index, contents.final) if contents else (None,) * 3),
            entry.error,
        )  # fmt: skip
        files: list[tuple[object, ...]] = [
            (entry.session_id, name, digest.size, digest.sha256)
            for name, digest in (contents.files if contents else {}).items()
        ]
        return cls(entry, session, files)


class Ledger:
    """The open ledger of a folder; for one thread."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        # What is to be written with the next save; most sessions are put a second time before.
        self._unwritten: dict[str, _Rows] = {}
        self.is_new = not connection.execute("PRAGMA user_version").fetchone()[0]
        if self.is_new:
            connection.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {_VERSION}; COMMIT;")
        self.run = int(self.note("run") or 0) + 1
        self.put_note("run", str(self.run))
        # What a killed run had listed is listed again, or asked for one by one.
        connection.execute("DELETE FROM waiting")
        connection.execute("BEGIN")

    @classmethod
    def open(cls, output: Path) -> Self:
        """Open the ledger of a folder, made when it is not there.

        Raises:
            ConfigurationError: another process has it, or it is of a newer version.
            DamagedLedgerError: it is none, or cannot be read any more.
            OSError: the folder cannot be written.
        """
        path = output / OWN / NAME
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = _connect(path)
        try:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            _check(connection, path)
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute("COMMIT")
            return cls(connection, path)
        except BaseException as error:
            connection.close()
            if isinstance(error, sqlite3.Error):
                raise _translated(error, path) from error
            raise

    @classmethod
    def copy(cls, output: Path) -> Self:
        """A copy in memory, to try what a run would do; an empty one where there is none yet.

        Raises ConfigurationError and DamagedLedgerError as ``open`` does.
        """
        path = output / OWN / NAME
        memory = sqlite3.connect(":memory:", isolation_level=None)
        try:
            if path.exists():
                with closing(_connect(path)) as source:
                    _check(source, path)
                    source.backup(memory)
            return cls(memory, path)
        except BaseException as error:
            memory.close()
            if isinstance(error, sqlite3.Error):
                raise _translated(error, path) from error
            raise

    def save(self) -> None:
        """Make what was written so far outlast a kill."""
        self._write()
        self._connection.execute("COMMIT")
        self._connection.execute("BEGIN")

    def close(self) -> None:
        """Save and close it; another process may have it then."""
        try:
            self._write()
            self._connection.execute("COMMIT")
        finally:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except sqlite3.Error as broken:
            raise _translated(broken, self._path) from (error or broken)
        if isinstance(error, sqlite3.Error):
            raise _translated(error, self._path) from error

    def note(self, name: str) -> str | None:
        """A note by its name."""
        row = self._connection.execute("SELECT value FROM note WHERE name = ?", [name]).fetchone()
        return None if row is None else str(row[0])

    def put_note(self, name: str, value: str) -> None:
        """Write a note down, in the place of the one before."""
        self._connection.execute("INSERT OR REPLACE INTO note VALUES (?, ?)", [name, value])

    def listed(self, scope: str) -> tuple[int | None, int] | None:
        """The moments between which all sessions were listed; the first is None for all before."""
        text = self.note(f"listed {scope}")
        if text is None:
            return None
        first, last = json.loads(text)
        return first, last

    def put_listed(self, scope: str, first: int | None, last: int) -> None:
        """Note down between which moments all sessions were listed."""
        self.put_note(f"listed {scope}", json.dumps([first, last]))

    def get(self, session_id: str) -> Entry | None:
        """A session's row, or None."""
        unwritten = self._unwritten.get(session_id)
        if unwritten is not None:
            return unwritten.entry
        row = self._connection.execute(f"{_SELECT} WHERE session_id = ?", [session_id]).fetchone()
        return None if row is None else self._entry(row)

    def put(self, entry: Entry) -> None:
        """Write a row with its files, in the place of the one before."""
        self._unwritten[entry.session_id] = _Rows.of(entry, self.run)
        if len(self._unwritten) >= _ROWS:
            self._write()

    def _write(self) -> None:
        """Write the rows that were put since the last time."""
        if not self._unwritten:
            return
        rows = self._unwritten.values()
        with _together(self._connection):
            self._connection.executemany(
                "INSERT OR REPLACE INTO session VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [row.session for row in rows],
            )
            self._connection.executemany(
                "DELETE FROM file WHERE session_id = ?", [(session_id,) for session_id in self._unwritten]
            )
            self._connection.executemany(
                "INSERT INTO file VALUES (?, ?, ?, ?)", [file for row in rows for file in row.files]
            )
        self._unwritten.clear()

    def forget(self, session_id: str) -> None:
        """Remove a row: the cloud has the session no more, and neither has the folder."""
        self._unwritten.pop(session_id, None)
        with _together(self._connection):
            for table in ("file", "session"):
                self._connection.execute(f"DELETE FROM {table} WHERE session_id = ?", [session_id])  # noqa: S608

    def considered(self, session_id: str) -> None:
        """Note down that this run looked at a session and left it as it is."""
        if session_id in self._unwritten:
            return  # written in this run, and so by it
        self._connection.execute("UPDATE session SET run = ? WHERE session_id = ?", [self.run, session_id])

    def wait(self, session_id: str, listed: float, message: bytes) -> None:
        """Put a listed session aside until there is a free hand."""
        self._connection.execute(
            "INSERT OR REPLACE INTO waiting VALUES (?, ?, ?)", [session_id, listed, message]
        )

    def take_waiting(self) -> tuple[str, float, bytes] | None:
        """Take one that was put aside: its id, when it was listed, and its message."""
        row: tuple[str, float, bytes] | None = self._connection.execute(
            "DELETE FROM waiting WHERE session_id = (SELECT min(session_id) FROM waiting) RETURNING *"
        ).fetchone()
        return row

    def left(self, first: int | None, last: int | None) -> Iterator[Entry]:
        """The sessions of a time that this run did not look at yet; it may write meanwhile."""
        self._write()
        after = ""
        while True:
            rows = self._connection.execute(
                f"{_SELECT} WHERE run < ? AND session_id > ? AND created >= ? AND created <= ?"
                " ORDER BY session_id LIMIT ?",
                [self.run, after, -(1 << 62) if first is None else first,
                 (1 << 62) if last is None else last, _ROWS],
            ).fetchall()  # fmt: skip
            if not rows:
                return
            after = rows[-1][0]
            yield from map(self._entry, rows)

    def _entry(self, row: tuple[object, ...]) -> Entry:
        session_id, created, platform, folder, state, changed, *rest, error = row
        told, (bundles, last_index, final) = rest[:4], rest[4:]
        contents = None
        if bundles is not None:
            files = self._connection.execute(
                "SELECT name, size, sha256 FROM file WHERE session_id = ?", [session_id]
            )
            contents = Contents(
                bundles,  # type: ignore[arg-type]
                last_index,  # type: ignore[arg-type]
                bool(final),
                {name: Digest(size, sha256) for name, size, sha256 in files},
            )
        return Entry(
            str(session_id),
            created,  # type: ignore[arg-type]
            platform,  # type: ignore[arg-type]
            str(folder),
            State(str(state)),
            changed,  # type: ignore[arg-type]
            None if told[0] is None else Told(*told),  # type: ignore[arg-type]
            contents,
            str(error),
        )


_SELECT = (
    "SELECT session_id, created, platform, folder, state, changed, told_bundles, told_packets, told_newest,"
    " told_sha256, bundles, last_index, final, error FROM session"
)


class _together:  # noqa: N801 (read as a statement)
    """A few statements that are done all or none, whatever comes between, such as Ctrl-C."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("SAVEPOINT together")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._connection.execute("ROLLBACK TO together")
        self._connection.execute("RELEASE together")


def _connect(path: Path) -> sqlite3.Connection:
    # No transactions of its own: here each statement is one, but for those put together on purpose.
    try:
        return sqlite3.connect(path, timeout=_LOCK_SECONDS, isolation_level=None)
    except sqlite3.Error as error:
        raise _translated(error, path) from error


def _check(connection: sqlite3.Connection, path: Path) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version not in (0, _VERSION):
        raise ConfigurationError(f"{path} is of a newer moonsense (its version is {version})")


_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR})
"""What SQLite says of a file that is not what it was; the last one of missing tables."""


def _translated(error: sqlite3.Error, path: Path) -> ConfigurationError | DamagedLedgerError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return ConfigurationError(f"another process is downloading into {path.parent.parent}")
    if code in _DAMAGED:
        return DamagedLedgerError(
            f"it cannot be read ({error}); without it, the next download finds what is there by itself",
            where=str(path),
        )
    return ConfigurationError(f"{path} cannot be used ({error})")
