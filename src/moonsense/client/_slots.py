"""So many requests at a time; the others wait, and come in the order in which they came.

A semaphore would not do: that of threads lets whoever gives back take again
before those who wait, and that of asyncio belongs to the first event loop.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")


class _Queue(Generic[T]):
    """Slots that are free, and the turns of those who wait while none is."""

    def __init__(self, count: int) -> None:
        self._free = count
        # The collector may end a reading, and so give back, in the midst of anything here.
        self._lock = threading.RLock()
        self._waiting: deque[T] = deque()

    def _is_given(self, turn: T) -> bool:
        """Whether a slot was given after all; if not, nobody waits there any more."""
        with self._lock:
            if turn in self._waiting:
                self._waiting.remove(turn)
                return False
            return True


class Slots(_Queue[threading.Lock]):
    """Slots for threads."""

    def take(self, seconds: float | None) -> bool:
        """Wait for a slot, and say whether there was one in the time; None is for ever."""
        with self._lock:
            if self._free:
                self._free -= 1
                return True
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        try:
            came = turn.acquire(timeout=-1 if seconds is None else min(seconds, threading.TIMEOUT_MAX))
        except BaseException:
            if self._is_given(turn):
                self.give()
            raise
        return came or self._is_given(turn)

    def give(self) -> None:
        """Leave a slot to the one who waits longest."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1


class AsyncSlots(_Queue["asyncio.Future[None]"]):
    """Slots for tasks, of one event loop or several."""

    async def take(self, seconds: float | None) -> bool:
        """Wait for a slot, and say whether there was one in the time; None is for ever."""
        import asyncio  # noqa: PLC0415 (programs with threads need not load it)

        with self._lock:
            if self._free:
                self._free -= 1
                return True
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
        try:
            async with asyncio.timeout(seconds):
                await turn
        except TimeoutError:
            return self._is_given(turn)
        except BaseException:
            if self._is_given(turn):
                self.give()
            raise
        return True

    def give(self) -> None:
        """Leave a slot to the one who waits longest."""
        with self._lock:
            while self._waiting:
                turn = self._waiting.popleft()
                loop = turn.get_loop()
                if not loop.is_closed():  # else nobody is there any more
                    loop.call_soon_threadsafe(_end, turn)
                    return
            self._free += 1


def _end(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_result(None)
