"""The one thread that writes to the catalog, and the grouping of commits.

A commit costs an fsync whatever is in it, so everything that waits when the
thread gets to it goes into one transaction: with 32 recorders at once a bundle
pays about a thirtieth of an fsync. What is handed in is answered only after
that commit, so an answer is a promise.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.engine.interfaces import DBAPICursor

from moonsense.cloud.catalog.log import LogRow, SealedIndexes, append, is_one_statement
from moonsense.contract.problems import Problem

log = logging.getLogger(__name__)

T = TypeVar("T")

# More than this in one transaction makes the first wait for the last without saving any fsync.
_GROUP_ROWS = 4096


Done = Callable[[Any, BaseException | None], None]
"""Told what became of something written: what it gave, or why it failed."""


@dataclass(slots=True)
class _Work:
    """Something to write, and who is told: in the event loop's thread, or else in the writer's."""

    job: Callable[[Connection], Any] | None
    rows: Sequence[LogRow]
    loop: asyncio.AbstractEventLoop | None
    done: Done
    outcome: Any = None
    error: BaseException | None = None


class Writer:
    """Writes what is handed in, in groups. ``close`` is idempotent and finishes what was handed in.

    Args:
        engine: an engine of one writing connection.
        capacity: log rows that may wait; beyond it appends are refused with 503.
        appended: called after each commit, in the writer's thread, with the rows stored.
        committed: called after each commit, in the writer's thread.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        capacity: int,
        appended: Callable[[list[LogRow]], None],
        committed: Callable[[], None] = lambda: None,
    ) -> None:
        self._engine = engine
        self._integrity_error: type[Exception] = engine.dialect.loaded_dbapi.IntegrityError
        self._capacity = capacity
        self._appended = appended
        self._committed = committed
        self._waiting = 0
        self._commits = 0
        self._rows = 0
        self._sealed = SealedIndexes()
        self._queue: queue.SimpleQueue[list[_Work] | None] = queue.SimpleQueue()
        self._batches: dict[asyncio.AbstractEventLoop, list[_Work]] = {}
        self._closed = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="moonsense-writer", daemon=True)
        self._thread.start()

    @property
    def sealed(self) -> SealedIndexes:
        """Which indexes are in chunks already; only for jobs, which run in the writer's thread."""
        return self._sealed

    @property
    def waiting(self) -> int:
        """Log rows handed in and not yet committed."""
        return self._waiting

    @property
    def commits(self) -> int:
        """Transactions so far."""
        return self._commits

    @property
    def rows(self) -> int:
        """Log rows committed so far."""
        return self._rows

    def has_room(self, rows: int) -> bool:
        """Whether so many rows may be handed in now."""
        return self._waiting + rows <= self._capacity

    async def append(self, rows: Sequence[LogRow], job: Callable[[Connection], None] | None = None) -> None:
        """Store bundles; returns when the disk has them. Problem 503 when too many wait, 404 when
        their session was deleted meanwhile. ``job`` is done in the same transaction."""
        if not self.has_room(len(rows)):
            raise Problem(503, "the cloud is busy storing what came before; try again", retry_after=1)
        await self._hand_in(job, rows)

    async def do(self, job: Callable[[Connection], T]) -> T:
        """Run a job in a transaction; returns what it returns after the commit."""
        result: T = await self._hand_in(job, ())
        return result

    def do_now(self, job: Callable[[Connection], T]) -> T:
        """As ``do``, for a thread that is not an event loop's."""
        future: Future[T] = Future()
        self._put([_Work(job, (), None, functools.partial(_fulfil, future))])
        return future.result()

    def begin(
        self,
        rows: Sequence[LogRow],
        job: Callable[[Connection], None] | None,
        loop: asyncio.AbstractEventLoop,
        done: Done,
    ) -> None:
        """Store bundles as ``append`` does; ``done`` is called in the loop when the disk has them.

        For a caller in the loop's thread that has no task of its own, and has asked ``has_room``.
        """
        self._add(_Work(job, rows, loop, done), loop)

    def _add(self, work: _Work, loop: asyncio.AbstractEventLoop) -> None:
        batch = self._batches.get(loop)
        if batch is None:
            # The requests that an event loop found ready together are passed on
            # together: one by one, the writer would begin a commit for the first
            # and let the rest wait for the next.
            batch = self._batches[loop] = []
            loop.call_soon(self._pass_on, loop)
        batch.append(work)

    def _hand_in(
        self, job: Callable[[Connection], Any] | None, rows: Sequence[LogRow]
    ) -> asyncio.Future[Any]:
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._add(_Work(job, rows, loop, functools.partial(_fulfil, future)), loop)
        return future

    def _pass_on(self, loop: asyncio.AbstractEventLoop) -> None:
        batch = self._batches.pop(loop)
        try:
            self._put(batch)
        except Problem as problem:
            for work in batch:
                work.error = problem
            _settle(batch)

    def _put(self, batch: list[_Work]) -> None:
        with self._lock:
            if self._closed:
                raise Problem(503, "the cloud is stopping", retry_after=1)
            self._waiting += sum(len(work.rows) for work in batch)
            self._queue.put(batch)

    def close(self) -> None:
        """Commit what was handed in, then end the thread."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        with self._engine.connect() as connection:
            while (batch := self._queue.get()) is not None:
                group, last = self._gather(batch)
                self._commit(connection, group)
                if last:
                    return

    def _gather(self, group: list[_Work]) -> tuple[list[_Work], bool]:
        """A batch and all that wait behind it, and whether the end was among them."""
        rows = sum(len(work.rows) for work in group)
        while rows < _GROUP_ROWS:
            try:
                batch = self._queue.get_nowait()
            except queue.Empty:
                return group, False
            if batch is None:
                return group, True
            group += batch
            rows += sum(len(work.rows) for work in batch)
        return group, False

    def _commit(self, connection: Connection, group: list[_Work]) -> None:
        try:
            stored = self._transact(connection, group)
        except Exception as error:
            # Each waiter gets the error; the thread must live on.
            log.exception("a transaction of %d writes failed", len(group))
            self._sealed.clear()
            for work in group:
                work.error = error
        else:
            self._commits += 1
            self._rows += len(stored)
            if stored:
                self._appended(stored)
            self._committed()
        with self._lock:
            self._waiting -= sum(len(work.rows) for work in group)
        _answer(group)

    def _transact(self, connection: Connection, group: list[_Work]) -> list[LogRow]:
        """Everything of a group in one transaction; gives the rows stored."""
        plain = [row for work in group if work.job is None for row in work.rows]
        jobs = [work for work in group if work.job is not None]
        try:
            if not jobs and is_one_statement(plain, self._sealed):
                with contextlib.closing(connection.connection.cursor()) as cursor:
                    return append(connection, cursor, plain, self._sealed)
            with self._transaction(connection) as cursor:
                stored = append(connection, cursor, plain, self._sealed)
                for work in jobs:
                    stored += self._attempt(connection, cursor, work)
            return stored
        except self._integrity_error:
            # One of the bundles is for a session that was just deleted: no job
            # raises here, each fails alone. Store the others one by one.
            with self._transaction(connection) as cursor:
                return [row for work in group for row in self._attempt(connection, cursor, work)]

    @staticmethod
    @contextlib.contextmanager
    def _transaction(connection: Connection) -> Iterator[DBAPICursor]:
        """A transaction, with a cursor of the driver in it."""
        with connection.begin(), contextlib.closing(connection.connection.cursor()) as cursor:
            yield cursor

    def _attempt(self, connection: Connection, cursor: DBAPICursor, work: _Work) -> list[LogRow]:
        """Store one's rows and run its job, so that a failure of either undoes both and nothing else;
        gives the rows stored."""
        try:
            with connection.begin_nested():
                try:
                    stored = append(connection, cursor, work.rows, self._sealed)
                except self._integrity_error:
                    raise Problem(404, "the session was deleted", param="session_id") from None
                if work.job is not None:
                    work.outcome = work.job(connection)
        except Exception as error:  # noqa: BLE001 - handed to the one who waits
            work.error = error
            return []
        return stored


def _answer(group: list[_Work]) -> None:
    """Tell everybody; each event loop is woken once, not once a request."""
    loops: dict[asyncio.AbstractEventLoop, list[_Work]] = {}
    for work in group:
        if work.loop is None:
            work.done(work.outcome, work.error)
        else:
            loops.setdefault(work.loop, []).append(work)
    for loop, works in loops.items():
        # A loop that is closed has nobody left who waits.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_settle, works)


def _settle(works: list[_Work]) -> None:
    for work in works:
        try:
            work.done(work.outcome, work.error)
        except Exception:
            # One that cannot be told must not keep the others waiting.
            log.exception("the end of a write could not be told")


def _fulfil(future: Future[Any] | asyncio.Future[Any], outcome: Any, error: BaseException | None) -> None:
    if future.done():  # nobody waits any more
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(outcome)
