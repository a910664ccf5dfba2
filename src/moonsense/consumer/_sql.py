"""What the stores in databases share: everything but the connections."""

from __future__ import annotations

import functools
from abc import abstractmethod
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

from moonsense.consumer import _statements as sql
from moonsense.consumer._pool import Pool
from moonsense.consumer.checkpoints import (
    MICROS,
    Backlog,
    Checkpoints,
    ChunkRecord,
    ConsumerStatus,
    DeadLetter,
    Failure,
    Found,
    Lease,
    Outcome,
    State,
    Transaction,
)
from moonsense.contract import times
from moonsense.errors import CheckpointError, ConfigurationError, LeaseLostError

_SOON = 30 * MICROS
"""Within this a session that grew is asked for chunks, however long it was quiet."""


class Cursor(Protocol):
    """The part of a driver's cursor that is used."""

    @property
    def rowcount(self) -> int: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...


class Run(Protocol):
    """Runs a statement inside the transaction that is open."""

    def __call__(self, statement: str, **values: object) -> Cursor: ...


class SqlTransaction(Transaction):
    """A transaction of a database, and the lease it is under."""

    def __init__(self, connection: Any, run: Run, lease: Lease) -> None:
        self.connection = connection
        self._run = run
        self._lease = lease

    def done(self, outcome: Outcome) -> None:
        marked = _mark(self._run, self._lease, outcome.chunk_id, State.DONE, outcome.bundles)
        advanced = self._run(
            sql.ADVANCE, **_mine(self._lease), **_left(outcome.left), bundles=outcome.bundles
        )
        if not (marked and advanced.rowcount):
            raise _lost(self._lease)


class SqlCheckpoints(Checkpoints):
    """A store in a database. A subclass has the connections."""

    transactional = True

    _pool: Pool[Any]

    @property
    def closed(self) -> bool:
        return self._pool.closed

    def close(self) -> None:
        self._pool.close()

    @abstractmethod
    def _writing(self) -> AbstractContextManager[Run]:
        """A transaction for our own statements; every error of the driver becomes a CheckpointError."""

    @abstractmethod
    def _reading(self) -> AbstractContextManager[Run]:
        """The same for statements that change nothing."""

    def _create(self, run: Run) -> None:
        """Make the tables unless they are there. Raises CheckpointError for those of a later version."""
        for table in sql.TABLES:
            run(table)
        row = run(sql.READ_VERSION).fetchone()
        if row is None:
            run(sql.WRITE_VERSION, version=sql.VERSION)
        elif row[0] != sql.VERSION:
            raise CheckpointError(
                f"the checkpoints have version {row[0]}, and this moonsense knows {sql.VERSION}: update it"
            )

    def begin(self, consumer: str, start: str, begun_at: int | None) -> int | None:
        with self._writing() as run:
            run(sql.BEGIN, consumer=consumer, start=start, begun_at=begun_at)
            row = run(sql.READ_START, consumer=consumer).fetchone()
        if row[0] != start:
            raise ConfigurationError(
                f"the consumer {consumer!r} began with start={row[0]!r}, not {start!r}: keep that, "
                "or give a consumer that begins elsewhere another name"
            )
        return None if row[1] is None else int(row[1])

    def found(self, consumer: str, sessions: Sequence[Found]) -> int:
        with self._writing() as run:
            return sum(
                run(sql.FOUND, consumer=consumer, soon=_SOON, **vars(found)).rowcount for found in sessions
            )

    def wake(self, consumer: str, session_ids: Collection[str] | None = None) -> list[str]:
        with self._writing() as run:
            if session_ids is None:
                run(sql.WAKE_ALL, consumer=consumer)
                return []
            return [
                session_id
                for session_id in session_ids
                if not run(sql.WAKE, consumer=consumer, session_id=session_id).rowcount
            ]

    def take(self, consumer: str, owner: str, seconds: float) -> Lease | None:
        with self._writing() as run:
            run(sql.LET_GO, owner=owner)
            row = run(sql.TAKE, consumer=consumer, owner=owner, lease=round(seconds * MICROS)).fetchone()
        if row is None:
            return None
        session_id, fence, due_at, quiet, document, pending = row
        return Lease(consumer, session_id, fence, due_at, quiet, bytes(document), pending)

    def next_due(self, consumer: str) -> float | None:
        with self._reading() as run:
            waits = run(sql.NEXT_DUE, consumer=consumer).fetchone()
        known = [float(wait) for wait in waits if wait is not None]
        return max(0.0, min(known) / MICROS) if known else None

    def renew(self, owners: Collection[str], seconds: float) -> None:
        with self._writing() as run:
            for owner in owners:
                run(sql.RENEW, owner=owner, lease=round(seconds * MICROS))

    def chunks(self, lease: Lease) -> dict[str, ChunkRecord]:
        with self._reading() as run:
            rows = run(sql.CHUNKS, consumer=lease.consumer, session_id=lease.session_id).fetchall()
        return {chunk_id: ChunkRecord(State(state), *rest) for chunk_id, state, *rest in rows}

    def asked(self, lease: Lease, left: Backlog) -> None:
        self._only_mine(lease, sql.ASKED, **_left(left))

    @contextmanager
    def transaction(self, lease: Lease) -> Iterator[Transaction]:
        with self._open() as (connection, run):
            yield SqlTransaction(connection, run, lease)

    @abstractmethod
    def _open(self) -> AbstractContextManager[tuple[Any, Run]]:
        """A transaction for a handler: its connection, and how our own statements join it."""

    def failed(self, lease: Lease, failure: Failure) -> None:
        dead = failure.pause is None
        state = State.DEAD if dead else State.FAILED
        with self._writing() as run:
            marked = _mark(
                run, lease, failure.chunk_id, state, failure.bundles, failure.attempts, failure.pause or 0
            )
            advanced = run(
                sql.ADVANCE,
                **_mine(lease),
                **_left(failure.left),
                # What is tried again is not counted as done.
                bundles=failure.bundles if dead else 0,
            )
            if not (marked and advanced.rowcount):
                raise _lost(lease)
            if dead:
                run(
                    sql.BURY,
                    consumer=lease.consumer,
                    session_id=lease.session_id,
                    chunk_id=failure.chunk_id,
                    created_at=failure.created_at,
                    failed_at=None,  # now
                    attempts=failure.attempts,
                    error=_storable(failure.error),
                    traceback=_storable(failure.trace),
                )

    def release(self, lease: Lease, pause: float, *, settle: bool) -> None:
        self._only_mine(
            lease, sql.RELEASE, due_at=lease.due_at, settle=int(settle), pause=round(pause * MICROS)
        )

    def forget(self, lease: Lease) -> None:
        with self._writing() as run:
            if not run(sql.FORGET, **_mine(lease)).rowcount:
                raise _lost(lease)
            for statement in (sql.FORGET_CHUNKS, sql.FORGET_DEAD):
                run(statement, consumer=lease.consumer, session_id=lease.session_id)

    def _only_mine(self, lease: Lease, statement: str, **values: object) -> None:
        with self._writing() as run:
            if not run(statement, **_mine(lease), **values).rowcount:
                raise _lost(lease)

    def status(self, consumer: str | None = None) -> list[ConsumerStatus]:
        with self._reading() as run:
            rows = run(sql.STATUS, consumer=consumer or "").fetchall()
        return [
            ConsumerStatus(
                name=name,
                start=start,
                begun_at=None if begun_at is None else times.from_micros(begun_at),
                sessions=sessions,
                waiting=waiting,
                working=working,
                processed=processed,
                lag_chunks=int(lag),
                # The two clocks may differ a little.
                lag_seconds=max(0.0, float(age or 0) / MICROS),
                dead=dead,
            )
            for name, start, begun_at, processed, sessions, waiting, working, lag, age, dead in rows
        ]

    def dead_letters(self, consumer: str | None = None) -> list[DeadLetter]:
        with self._reading() as run:
            rows = run(sql.DEAD, consumer=consumer or "").fetchall()
        return [
            DeadLetter(
                consumer=name,
                session_id=session_id,
                chunk_id=chunk_id,
                created_at=times.from_micros(created_at),
                failed_at=times.from_micros(failed_at),
                attempts=attempts,
                error=error,
                traceback=traceback,
            )
            for name, session_id, chunk_id, created_at, failed_at, attempts, error, traceback in rows
        ]

    def retry(self, consumer: str, chunk_ids: Collection[str] | None = None) -> list[str]:
        return self._move(consumer, chunk_ids, _before(chunk_ids), State.FAILED)

    def skip(self, consumer: str, chunk_ids: Collection[str] | None = None) -> list[str]:
        return self._move(consumer, chunk_ids, _before(chunk_ids), State.SKIPPED)

    def _move(
        self, consumer: str, chunk_ids: Collection[str] | None, before: Collection[State], after: State
    ) -> list[str]:
        moved = []
        with self._writing() as run:
            for session_id, chunk_id, state, bundles in run(sql.STUCK, consumer=consumer).fetchall():
                wanted = chunk_ids is None or chunk_id in chunk_ids
                if not wanted or State(state) not in before:
                    continue
                place = {"consumer": consumer, "session_id": session_id}
                changed = run(sql.CHANGE_STATE, **place, chunk_id=chunk_id, state=after.value, before=state)
                if not changed.rowcount:
                    continue  # another process was faster
                counted = {State.DEAD.value, State.SKIPPED.value}
                change = (after.value in counted) - (state in counted)
                run(sql.STIR, **place, chunk_id=chunk_id, bundles=bundles * change, chunks=-change)
                run(sql.EXHUME, consumer=consumer, chunk_id=chunk_id)
                moved.append(chunk_id)
        return moved


def _before(chunk_ids: Collection[str] | None) -> tuple[State, ...]:
    """The states that chunks are moved out of: what is still being tried is left alone unless it is named."""
    return (State.DEAD,) if chunk_ids is None else (State.DEAD, State.FAILED)


def _mine(lease: Lease) -> dict[str, object]:
    return {"consumer": lease.consumer, "session_id": lease.session_id, "fence": lease.fence}


def _left(left: Backlog) -> dict[str, object]:
    return {"pending": left.chunks, "oldest_pending": left.oldest}


def _mark(
    run: Run, lease: Lease, chunk_id: str, state: State, bundles: int, attempts: int = 0, pause: int = 0
) -> bool:
    marked = run(
        sql.MARK,
        consumer=lease.consumer,
        session_id=lease.session_id,
        chunk_id=chunk_id,
        state=state.value,
        bundles=bundles,
        attempts=attempts,
        pause=pause,
    )
    return marked.rowcount > 0


def _lost(lease: Lease) -> LeaseLostError:
    return LeaseLostError(f"session {lease.session_id} of consumer {lease.consumer!r} is another's by now")


def _storable(text: str) -> str:
    """A text as any database takes it: PostgreSQL knows no NUL, and none lone surrogates."""
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode("utf-8")


@functools.cache
def rendered(statement: str, now: str, blob: str = "", skip_locked: str = "") -> str:
    """A statement with what differs between databases put in."""
    return statement.format(now=now, blob=blob, skip_locked=skip_locked)
