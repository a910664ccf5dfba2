"""Checkpoints in a SQLite file, which may also hold what handlers write."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, Literal, NoReturn, Self

from moonsense.consumer._pool import Pool
from moonsense.consumer._sql import Run, SqlCheckpoints, rendered
from moonsense.errors import CheckpointError

_BUSY_SECONDS = 60.0
"""How long to wait for another process's transaction."""

_SOUND_WAL = (3, 51, 3)
"""Before it, two processes that reset the write-ahead log at one moment could lose committed pages."""


class SqliteCheckpoints(SqlCheckpoints):
    """Checkpoints in a SQLite file.

    A handler that has a parameter ``transaction`` gets a ``sqlite3.Connection``
    to the same file, inside the transaction that commits the checkpoint. It
    begins, and locks the file for others that write, with the first statement.

    Several processes of one machine may share the file.
    """

    def __init__(self, path: str | os.PathLike[str], *, create: bool = True) -> None:
        """Open a file, or make it.

        Args:
            path: the file; ``:memory:`` keeps nothing.
            create: whether to make the file when it is not there.

        Raises:
            CheckpointError: it cannot be opened or is no such file.
        """
        self._path = os.fspath(path)
        in_memory = self._path == ":memory:"
        if not in_memory:
            check_place(Path(self._path), create=create)
        self._pool = Pool(self, self._connect, _Connection.shut)
        # Each connection to memory would have tables of its own, so there is one.
        self._one = threading.Lock() if in_memory else nullcontext()
        # Within the process transactions queue up here: SQLite's own waiting is polling, and not fair.
        self._turn = threading.Lock()
        try:
            with self._writing() as run:
                self._create(run)
        except BaseException:
            self.close()
            raise

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._path}>"

    @contextmanager
    def _writing(self) -> Iterator[Run]:
        with self._borrowed() as connection, self._turn, self._mapped():
            connection.do("BEGIN IMMEDIATE")
            try:
                yield connection.run
                connection.do("COMMIT")
            except BaseException:
                connection.undo()
                raise

    @contextmanager
    def _reading(self) -> Iterator[Run]:
        with self._borrowed() as connection, self._mapped():
            yield connection.run

    @contextmanager
    def _open(self) -> Iterator[tuple[Any, Run]]:
        with self._borrowed() as connection:
            connection.guard(self._begin)
            try:
                yield connection, self._joining(connection)
                if connection.begun:
                    with self._mapped(keep=sqlite3.IntegrityError):
                        connection.do("COMMIT")
            except BaseException:
                connection.undo()
                raise
            finally:
                if connection.begun:
                    self._turn.release()
                connection.unguard()

    def _begin(self, connection: _Connection) -> None:
        """Begin the transaction of a handler, when it turns out to need one."""
        self._turn.acquire()
        try:
            with self._mapped():
                connection.do("BEGIN IMMEDIATE")
        except BaseException:
            self._turn.release()
            raise

    def _joining(self, connection: _Connection) -> Run:
        def run(statement: str, **values: object) -> sqlite3.Cursor:
            connection.need()
            if not connection.in_transaction:
                raise sqlite3.ProgrammingError("the handler ended the transaction of the checkpoint")
            with self._mapped():
                return connection.run(statement, **values)

        return run

    @contextmanager
    def _borrowed(self) -> Iterator[_Connection]:
        with self._one, self._pool.lend() as connection:
            yield connection

    def _connect(self) -> _Connection:
        with self._mapped():
            connection = sqlite3.connect(
                self._path,
                timeout=_BUSY_SECONDS,
                isolation_level=None,  # it is said here when transactions begin
                check_same_thread=False,  # one thread at a time, but not always the same
                factory=_Connection,
            )
            try:
                connection.do("PRAGMA synchronous = FULL")
                connection.do("PRAGMA foreign_keys = ON")
                if sqlite3.sqlite_version_info >= _SOUND_WAL:
                    connection.do("PRAGMA journal_mode = WAL")
            except BaseException:
                connection.shut()
                raise
        return connection

    @contextmanager
    def _mapped(self, keep: type[Exception] | tuple[()] = ()) -> Iterator[None]:
        try:
            yield
        except keep:
            raise
        except sqlite3.Error as error:
            raise CheckpointError(f"the checkpoints in {self._path} cannot be used: {error}") from error


def check_place(path: Path, *, create: bool) -> None:
    """Raises CheckpointError where no checkpoints are and, with ``create``, none can be made."""
    if create and not path.parent.is_dir():
        raise CheckpointError(f"there is no folder {path.parent} to keep checkpoints in")
    if not create and not path.is_file():
        raise CheckpointError(f"there are no checkpoints at {path}")


class _Connection(sqlite3.Connection):
    """A connection that is a handler's while it is guarded: the transaction is not the handler's to end."""

    begun = False
    """Whether the handler has it and used it."""

    _begin: Callable[[_Connection], None] | None = None

    def guard(self, begin: Callable[[_Connection], None]) -> None:
        """Lend it to a handler; ``begin`` is called before the first statement."""
        self._begin = begin

    def unguard(self) -> None:
        """Take it back."""
        self._begin, self.begun = None, False

    def need(self) -> None:
        """Begin, unless it has."""
        if self._begin is not None and not self.begun:
            self._begin(self)
            self.begun = True

    def do(self, statement: str) -> None:
        """A statement of our own, guarded or not."""
        super().cursor().execute(statement)

    def run(self, statement: str, **values: object) -> sqlite3.Cursor:
        """A statement with its values and the time."""
        now = time.time_ns() // 1000
        text = rendered(statement, now=":now", blob="BLOB")
        return super().cursor().execute(text, {**values, "now": now})

    def undo(self) -> None:
        """Roll back, if there is something to."""
        if self.in_transaction:
            with suppress(sqlite3.Error):  # SQLite did so itself
                self.do("ROLLBACK")

    def shut(self) -> None:
        """Close it."""
        super().close()

    # What a handler sees. The ways to a statement do not lead through each other in every Python.

    def cursor(self, *args: Any, **options: Any) -> Any:
        self.need()
        return super().cursor(*args, **options)

    def execute(self, *args: Any) -> sqlite3.Cursor:
        self.need()
        return super().execute(*args)

    def executemany(self, *args: Any) -> sqlite3.Cursor:
        self.need()
        return super().executemany(*args)

    def blobopen(self, *args: Any, **options: Any) -> sqlite3.Blob:
        self.need()
        return super().blobopen(*args, **options)

    def commit(self) -> None:
        self._refuse("commit")

    def rollback(self) -> None:
        self._refuse("rollback")

    def close(self) -> None:
        self._refuse("close")

    def executescript(self, sql_script: str, /) -> sqlite3.Cursor:
        self._refuse("executescript, which commits")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> Literal[False]:
        return False

    def _refuse(self, what: str) -> NoReturn:
        raise sqlite3.ProgrammingError(
            f"no {what} in a handler: the consumer commits what it wrote together with the checkpoint"
        )
