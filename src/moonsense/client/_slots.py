"""So many requests at a time; the others wait, and come in the order in which they came.

A semaphore would not do: that of threads lets whoever gives back take again
before those who wait, and that of asyncio belongs to the first event loop.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio


class Slots:
    """Slots for threads."""

    def __init__(self, count: int) -> None:
        self._free = count
        # The collector may end a reading, and so give back, in the midst of anything here.
        self._lock = threading.RLock()
        self._waiting: deque[threading.Lock] = deque()

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

    def _is_given(self, turn: threading.Lock) -> bool:
        """Whether a slot was given after all; if not, nobody waits there any more."""
        with self._lock:
            if turn in self._waiting:
                self._waiting.remove(turn)
                return False
            return True


class AsyncSlots:
    """Slots for tasks, of one event loop or several."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._lock = threading.RLock()
        self._waiting: deque[asyncio.Future[None]] = deque()

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

    def _is_given(self, turn: asyncio.Future[None]) -> bool:
        """Whether a slot was given after all; if not, nobody waits there any more."""
        with self._lock:
            if turn in self._waiting:
                self._waiting.remove(turn)
                return False
            return True


def _end(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_result(None)
