"""What a store of checkpoints is, and what it and a consumer hand to each other.

A store holds, by the name of a consumer, every session that was found, every
chunk that is done with, leases and dead letters. Several processes may share
it. Times are microseconds since 1970 by the store's own clock, but for the
``created_at`` of sessions and chunks, which is the cloud's.
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any, NamedTuple, Self

MICROS = 1_000_000


class State(enum.Enum):
    """Where a chunk is: ``DONE``, tried and to be tried again, given up, or left out by a person."""

    DONE = "done"
    FAILED = "failed"
    DEAD = "dead"
    SKIPPED = "skipped"


class ChunkRecord(NamedTuple):
    """What is kept of a chunk: a row only once it was done or has failed."""

    state: State
    attempts: int
    wait: int
    """Microseconds until it is to be tried again; 0 and less: now."""


@dataclass(frozen=True)
class Found:
    """A session as a list gave it; ``total`` bundles by its counter, -1 when it has none."""

    session_id: str
    created_at: int
    total: int
    document: bytes = field(repr=False)


@dataclass(frozen=True)
class Lease:
    """The right to work on a session until it expires.

    Attributes:
        fence: grows with each lease of the session. Nothing is committed under
            an older one than the last, whatever the clocks say.
        due_at: when the session was due as it was taken.
        quiet: microseconds since the session grew or a chunk of it was done.
        document: the session, serialized.
        pending: chunks that were known and not done.
    """

    consumer: str
    session_id: str
    fence: int
    due_at: int
    quiet: int
    document: bytes = field(repr=False)
    pending: int = 0


@dataclass(frozen=True)
class Backlog:
    """The chunks of a session that are listed and not done: how many, and when the oldest was created."""

    chunks: int = 0
    oldest: int | None = None


@dataclass(frozen=True)
class Outcome:
    """A chunk that was done: how many bundles it has, and what is left behind it."""

    chunk_id: str
    created_at: int
    bundles: int
    left: Backlog


@dataclass(frozen=True)
class Failure:
    """A try of a chunk that failed.

    Attributes:
        attempts: tries so far, this one included.
        pause: microseconds until the next one; None gives the chunk up.
        bundles: how many it has; 0 when it could not be read.
        error, trace: the error's line and its traceback.
        left: what is left, this chunk included unless it is given up.
    """

    chunk_id: str
    created_at: int
    bundles: int
    attempts: int
    pause: int | None
    error: str
    trace: str = field(repr=False)
    left: Backlog


@dataclass(frozen=True)
class DeadLetter:
    """A chunk that was given up: its handler failed as often as it may.

    Attributes:
        consumer, session_id, chunk_id: which.
        created_at: when the cloud made the chunk.
        failed_at: when it was tried last.
        attempts: how often it was tried.
        error, traceback: of the last try.
    """

    consumer: str
    session_id: str
    chunk_id: str
    created_at: datetime
    failed_at: datetime
    attempts: int
    error: str
    traceback: str = field(repr=False)


@dataclass(frozen=True)
class ConsumerStatus:
    """How far a consumer is.

    Attributes:
        name: of the consumer.
        start: where it began: ``beginning``, ``now`` or a time.
        begun_at: chunks of before are not processed; None from the beginning.
        sessions: found so far.
        waiting: of them, those that are to be asked for chunks now, or are being worked on.
        working: leases that are held.
        processed: chunks that are done.
        lag_chunks: chunks known and not done, those that wait for another try among them.
        lag_seconds: the age of the oldest of them; 0.0 without one.
        dead: chunks that were given up.
    """

    name: str
    start: str
    begun_at: datetime | None
    sessions: int
    waiting: int
    working: int
    processed: int
    lag_chunks: int
    lag_seconds: float
    dead: int


class Transaction(ABC):
    """One transaction of a store, open for the effect of a handler."""

    connection: Any
    """What a handler that asks for ``transaction`` gets; None where there is none."""

    @abstractmethod
    def done(self, outcome: Outcome) -> None:
        """Add to the transaction that a chunk is done. Raises LeaseLostError, which undoes it."""


class Checkpoints(ABC):
    """A store of checkpoints.

    Every call raises CheckpointError when the store cannot be used. Calls with
    a lease raise LeaseLostError, and change nothing, once another has it.
    """

    transactional = False
    """Whether a handler can write in the transaction of the checkpoint."""

    @abstractmethod
    def begin(self, consumer: str, start: str, begun_at: int | None) -> int | None:
        """Register a consumer; gives the ``begun_at`` of its first start, which stays.

        Raises ConfigurationError when it was begun with another ``start``.
        """

    @abstractmethod
    def found(self, consumer: str, sessions: Sequence[Found]) -> int:
        """Note sessions that a list gave; how many of them are new or have grown."""

    @abstractmethod
    def wake(self, consumer: str, session_ids: Collection[str] | None = None) -> list[str]:
        """Have sessions asked for chunks at once; gives those that were never found.

        Without ids, all that are not known to be done.
        """

    @abstractmethod
    def take(self, consumer: str, owner: str, seconds: float) -> Lease | None:
        """A lease of the session that has been due for longest; None when none is.

        An owner holds one lease at a time: one that it did not give back is let go.
        """

    @abstractmethod
    def next_due(self, consumer: str) -> float | None:
        """Seconds until a session can be taken; 0.0 now, None when nothing is planned."""

    @abstractmethod
    def renew(self, owners: Collection[str], seconds: float) -> None:
        """Prolong the leases that owners hold."""

    @abstractmethod
    def chunks(self, lease: Lease) -> dict[str, ChunkRecord]:
        """What is kept of a session's chunks, by their ids."""

    @abstractmethod
    def asked(self, lease: Lease, left: Backlog) -> None:
        """Note what is to be done of a session."""

    @abstractmethod
    def transaction(self, lease: Lease) -> AbstractContextManager[Transaction]:
        """A transaction: committed when its block ends, undone when it raises."""

    @abstractmethod
    def failed(self, lease: Lease, failure: Failure) -> None:
        """Note a try that failed; one without ``pause`` becomes a dead letter."""

    @abstractmethod
    def release(self, lease: Lease, pause: float, *, settle: bool) -> None:
        """Give a lease back; the session is due again after so many seconds.

        With ``settle`` it is not, when as many bundles are done as it has.
        """

    @abstractmethod
    def forget(self, lease: Lease) -> None:
        """Drop a session that was deleted from the cloud."""

    @abstractmethod
    def status(self, consumer: str | None = None) -> list[ConsumerStatus]:
        """How far consumers are: all, or one."""

    @abstractmethod
    def dead_letters(self, consumer: str | None = None) -> list[DeadLetter]:
        """What was given up, the oldest first."""

    @abstractmethod
    def retry(self, consumer: str, chunk_ids: Collection[str] | None = None) -> list[str]:
        """Have chunks tried anew that were given up or, when named, are still failing; gives their ids.

        Without ``chunk_ids``, all that were given up.
        """

    @abstractmethod
    def skip(self, consumer: str, chunk_ids: Collection[str] | None = None) -> list[str]:
        """Leave chunks out for good that were given up or are still failing; gives their ids.

        Without ``chunk_ids``, all that were given up.
        """

    @property
    @abstractmethod
    def closed(self) -> bool:
        """Whether it was let go of: every other call raises CheckpointError then."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the store. Idempotent."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def oldest_of(moments: Iterable[int]) -> Backlog:
    """The backlog of chunks that were created at these moments, in their order."""
    every = list(moments)
    return Backlog(len(every), every[0] if every else None)
