"""Which deliveries were handled, in a SQLite file: a repeat of one is known by its id."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Busy", "Handled"]

KEPT_SECONDS = 7 * 24 * 3600
"""How long a delivery is remembered: twice as long as a cloud goes on trying."""

LEASE_SECONDS = 60.0
"""How long a delivery is one process's own. Of one that was killed meanwhile, others wait for so long."""

_PURGE_SECONDS = 3600.0

# Longer than handlers in a transaction should take, shorter than a cloud waits for an answer.
_LOCK_SECONDS = 10.0

_TABLE = """
CREATE TABLE IF NOT EXISTS moonsense_webhook (
    message_id TEXT PRIMARY KEY,
    -- when it was handled, or NULL while somebody is at it
    handled_at REAL,
    -- who is at it, and until when it is theirs
    owner TEXT NOT NULL,
    leased_until REAL NOT NULL
) WITHOUT ROWID
"""
_INDEX = "CREATE INDEX IF NOT EXISTS moonsense_webhook_age ON moonsense_webhook (leased_until)"

_PUT = (
    "INSERT INTO moonsense_webhook (message_id, handled_at, owner, leased_until) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (message_id) DO UPDATE SET handled_at = excluded.handled_at, owner = excluded.owner, "
    "leased_until = excluded.leased_until"
)


class Busy(Exception):
    """Somebody else is at this delivery.

    Attributes:
        seconds: until they have finished, or it is anybody's.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(f"for {seconds:.0f} seconds")
        self.seconds = seconds


class Handled:
    """The deliveries that were handled; several processes may share the file.

    There is one connection a process, and one transaction at a time: SQLite has
    one writer. ``synchronous=FULL``: what was marked is so after a power loss too.
    """

    def __init__(self, path: str | os.PathLike[str], clock: Callable[[], float], lease: float) -> None:
        self._path = os.fspath(path)
        self._clock = clock
        self._lease = lease
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._of_parents: list[sqlite3.Connection] = []  # never closed here: the parent's locks would go
        self._process = os.getpid()
        self._purged_at = 0.0

    def __repr__(self) -> str:
        return f"Handled({self._path!r})"

    def lease(self, message_id: str, owner: str) -> bool:
        """Take a delivery for a while; False when it was handled. Raises Busy."""
        with self._transaction() as connection:
            if not self._is_open(connection, message_id, owner):
                return False
            connection.execute(_PUT, (message_id, None, owner, self._clock() + self._lease))
            return True

    def release(self, message_id: str, owner: str) -> None:
        """Give a delivery back that was not handled after all."""
        with self._transaction() as connection:
            connection.execute(
                "DELETE FROM moonsense_webhook WHERE message_id = ? AND owner = ? AND handled_at IS NULL",
                (message_id, owner),
            )

    def finish(
        self,
        message_id: str | None,
        owner: str,
        inside: Sequence[Callable[[sqlite3.Connection], object]] = (),
    ) -> bool:
        """Mark a delivery as handled, and do what belongs to it in the same transaction.

        Args:
            message_id: without one, nothing is marked.
            inside: called with the connection; what they write is there with the mark or not at all.

        Returns:
            False when it was handled already, and nothing was done.

        Raises:
            Busy: it is somebody else's.
            RuntimeError: one of ``inside`` ended the transaction, and cannot be repeated safely.
        """
        with self._transaction() as connection:
            if message_id is not None and not self._is_open(connection, message_id, owner):
                return False
            for handle in inside:
                handle(connection)
                if not connection.in_transaction:
                    raise RuntimeError(
                        f"{getattr(handle, '__qualname__', handle)} ended the transaction that it was given: "
                        "leave commit, rollback and executescript out of it"
                    )
            now = self._clock()
            if message_id is not None:
                connection.execute(_PUT, (message_id, now, owner, now))
            if now - self._purged_at > _PURGE_SECONDS:
                connection.execute(
                    "DELETE FROM moonsense_webhook WHERE leased_until < ?", (now - KEPT_SECONDS,)
                )
                self._purged_at = now
            return True

    def close(self) -> None:
        """Close the file. It is opened again when it is needed."""
        with self._lock:
            if self._connection is not None and self._process == os.getpid():
                self._connection.close()
                self._connection = None

    def _is_open(self, connection: sqlite3.Connection, message_id: str, owner: str) -> bool:
        """Whether a delivery is to be handled by us. Raises Busy when somebody else is at it."""
        row = connection.execute(
            "SELECT handled_at, owner, leased_until FROM moonsense_webhook WHERE message_id = ?",
            (message_id,),
        ).fetchone()
        if row is None:
            return True
        handled_at, other, leased_until = row
        now = self._clock()
        if handled_at is not None:
            return bool(now - handled_at > KEPT_SECONDS)
        if other != owner and leased_until > now:
            raise Busy(leased_until - now)
        return True

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        if self._process != os.getpid():
            self._renew()
        with self._lock:
            connection = self._connection = self._connection or self._open()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def _open(self) -> sqlite3.Connection:
        if self._path != ":memory:":
            Path(self._path).parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            self._path, timeout=_LOCK_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA synchronous = FULL")
            # Keeps the journal's file, for half as many syncs. A file in WAL is left so: others may be in it.
            if connection.execute("PRAGMA journal_mode").fetchone() == ("delete",):
                connection.execute("PRAGMA journal_mode = PERSIST")
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(_TABLE)
            connection.execute(_INDEX)
            connection.execute("COMMIT")
        except BaseException:
            connection.close()
            raise
        return connection

    def _renew(self) -> None:
        """In a child of a fork: SQLite's connections and held locks must not be taken along."""
        if self._connection is not None:
            self._of_parents.append(self._connection)
        self._connection = None
        self._lock = threading.RLock()
        self._process = os.getpid()
