"""How long a connection may be silent before it is given up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Patience:
    """One timer of a connection, set anew with every request.

    The timer is left to run and looks, when it ends, whether it was set anew
    meanwhile: making and unmaking one a request would cost more than the look.
    """

    __slots__ = ("_loop", "_over", "_timer", "_until")

    def __init__(self, loop: asyncio.AbstractEventLoop, over: Callable[[], None]) -> None:
        """``over`` is called when something was expected and did not come."""
        self._loop = loop
        self._over = over
        self._timer: asyncio.TimerHandle | None = None
        self._until: float | None = None

    def expect(self, seconds: float) -> None:
        """Something must come within so many seconds."""
        self._until = self._loop.time() + seconds
        if self._timer is None:
            self._timer = self._loop.call_at(self._until, self._look)
        elif self._until < self._timer.when():
            self._timer.cancel()
            self._timer = self._loop.call_at(self._until, self._look)

    def rest(self) -> None:
        """Nothing is expected now."""
        self._until = None

    def close(self) -> None:
        """Nothing is expected any more."""
        self._until = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        if self._until is None:
            return
        if self._loop.time() < self._until:
            self._timer = self._loop.call_at(self._until, self._look)
        else:
            self._until = None
            self._over()
