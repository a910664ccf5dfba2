"""Connections to a store: lent to one thread at a time, and kept for the next."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from moonsense.errors import CheckpointError

C = TypeVar("C")


class Pool(Generic[C]):
    """As many connections as threads needed at the same time.

    Args:
        of: the store, as errors name it.
        connect: makes one.
        shut: closes one.
        usable: whether one that came back can be lent again.
    """

    def __init__(
        self,
        of: object,
        connect: Callable[[], C],
        shut: Callable[[C], None],
        usable: Callable[[C], bool] = lambda _connection: True,
    ) -> None:
        self._of = of
        self._connect = connect
        self._shut = shut
        self._usable = usable
        self._idle: list[C] = []
        self._lock = threading.Lock()
        self.closed = False

    @contextmanager
    def lend(self) -> Iterator[C]:
        """A connection for a block. Raises CheckpointError once the pool is closed."""
        with self._lock:
            if self.closed:
                raise CheckpointError(f"{self._of!r} is closed")
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = self._connect()
        try:
            yield connection
        finally:
            self._take_back(connection)

    def _take_back(self, connection: C) -> None:
        with self._lock:
            kept = not self.closed and self._usable(connection)
            if kept:
                self._idle.append(connection)
        if not kept:
            self._shut(connection)

    def close(self) -> None:
        """Close what is idle, and what is lent when it comes back. Idempotent."""
        with self._lock:
            self.closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            self._shut(connection)
