"""Work beside the reader, and what it hands over: once for asyncio and once for threads.

The names differ by ``Async`` only: that is how the sync client is generated.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class AsyncPipe(Generic[T]):
    """Things from a writer to a reader, no more of them between the two than fit."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._held: deque[tuple[T, int]] = deque()
        self._size = 0
        self._closed = False
        import asyncio  # noqa: PLC0415 (programs with threads need not load it)

        self._changed = asyncio.Condition()

    async def put(self, item: T, size: int = 0) -> bool:
        """Hand over a thing, when there is room; False when the reader left."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._closed or self._size <= self._capacity)
            self._held.append((item, size))
            self._size += size
            self._changed.notify_all()
            return not self._closed

    async def get(self) -> T:
        """The next thing, when it is there."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._held)
            item, size = self._held.popleft()
            self._size -= size
            self._changed.notify_all()
            return item

    async def aclose(self) -> None:
        """The reader leaves."""
        async with self._changed:
            self._closed = True
            self._changed.notify_all()


class Pipe(Generic[T]):
    """Things from a writer to a reader, no more of them between the two than fit."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._held: deque[tuple[T, int]] = deque()
        self._size = 0
        self._closed = False
        self._changed = threading.Condition()

    def put(self, item: T, size: int = 0) -> bool:
        """Hand over a thing, when there is room; False when the reader left."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._size <= self._capacity)
            self._held.append((item, size))
            self._size += size
            self._changed.notify_all()
            return not self._closed

    def get(self) -> T:
        """The next thing, when it is there."""
        with self._changed:
            self._changed.wait_for(lambda: self._held)
            item, size = self._held.popleft()
            self._size -= size
            self._changed.notify_all()
            return item

    def close(self) -> None:
        """The reader leaves."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class AsyncJob:
    """A function that runs beside its caller, as a task."""

    def __init__(self, function: Callable[[], Coroutine[Any, Any, None]]) -> None:
        import asyncio  # noqa: PLC0415

        self._task = asyncio.create_task(function())

    async def end(self) -> None:
        """Stop it where it waits, and let it clean up."""
        self._task.cancel()
        import asyncio  # noqa: PLC0415

        await asyncio.wait([self._task])


class Job:
    """A function that runs beside its caller, in a thread.

    A thread cannot be stopped while it waits for the network: it is left alone
    to end with what it waits for, and keeps no process from ending.
    """

    def __init__(self, function: Callable[[], None]) -> None:
        threading.Thread(target=function, name="moonsense-ahead", daemon=True).start()

    def end(self) -> None:
        """Nothing: it ends when it finds that its reader left."""
