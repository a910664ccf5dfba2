"""What the threads of a consumer share: its orders, and how they tell each other of changes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from moonsense.consumer._rules import Selection
from moonsense.consumer.checkpoints import Checkpoints

if TYPE_CHECKING:
    from moonsense.client import Client


@dataclass(frozen=True)
class Orders:
    """What a consumer was told; times in seconds."""

    client: Client
    checkpoints: Checkpoints
    name: str
    selection: Selection
    tries: int
    backoff: float
    poll: float
    window: float
    sweep: float
    lease: float


class Finished:
    """How many of a session's first chunks are done with, and the last of those, by session."""

    _CAPACITY = 10_000

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[int, str]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, session_id: str) -> tuple[int, str] | None:
        with self._lock:
            return self._known.get(session_id)

    def note(self, session_id: str, count: int, last: str) -> None:
        with self._lock:
            self._known[session_id] = count, last
            self._known.move_to_end(session_id)
            if len(self._known) > self._CAPACITY:
                self._known.popitem(last=False)


@dataclass
class Run:
    """One run of a consumer.

    Attributes:
        once: whether it ends when nothing is left to do.
        begun_at: chunks of before, in microseconds since 1970, are not processed.
        stopping: set when no other chunk is to be begun.
        abandoned: set when nothing is to be committed any more.
        listed: set when all sessions were listed once.
        over: set when the workers have ended, or are not waited for any more.
        finished: what of sessions needs to be listed no more.
        done, failed, dead: chunks so far: done, tries that failed, given up.
    """

    once: bool
    begun_at: int | None = None
    stopping: threading.Event = field(default_factory=threading.Event)
    abandoned: threading.Event = field(default_factory=threading.Event)
    listed: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    finished: Finished = field(default_factory=Finished)
    error: BaseException | None = None
    done: int = 0
    failed: int = 0
    dead: int = 0
    _changes: threading.Condition = field(default_factory=threading.Condition)
    _version: int = 0

    def stop(self) -> None:
        """Begin no other chunk."""
        self.stopping.set()
        self.changed()

    def abandon(self) -> None:
        """Commit nothing more."""
        self.abandoned.set()
        self.stop()
        self.over.set()

    def fail(self, error: BaseException) -> None:
        """Stop for an error; the first one is kept."""
        with self._changes:
            self.error = self.error or error
        self.stop()

    def count(self, *, done: int = 0, failed: int = 0, dead: int = 0) -> None:
        """Add to the numbers."""
        with self._changes:
            self.done += done
            self.failed += failed
            self.dead += dead

    @property
    def version(self) -> int:
        """Of what there is to do: another one after each change."""
        with self._changes:
            return self._version

    def changed(self) -> None:
        """Wake all that wait."""
        with self._changes:
            self._version += 1
            self._changes.notify_all()

    def wait(self, seen: int, seconds: float) -> None:
        """Return when there was a change since a version was read, or after so long."""
        with self._changes:
            self._changes.wait_for(lambda: self._version != seen, seconds)
