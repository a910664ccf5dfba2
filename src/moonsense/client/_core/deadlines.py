"""How long a whole call may take, whatever it does meanwhile."""

from __future__ import annotations

import time
from contextvars import ContextVar


class Deadline:
    """A moment after which a call gives up; without seconds there is none."""

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self._end = None if seconds is None else time.monotonic() + seconds

    def left(self) -> float | None:
        """Seconds until then, never below 0; None without an end."""
        return None if self._end is None else max(0.0, self._end - time.monotonic())

    @property
    def passed(self) -> bool:
        """Whether the time is up."""
        return self._end is not None and self._end <= time.monotonic()

    def cap(self, seconds: float | None) -> float | None:
        """No more than these seconds, and no more than what is left."""
        left = self.left()
        if seconds is None or left is None:
            return left if seconds is None else seconds
        return min(seconds, left)

    def holding(self) -> _Holding:
        """Within it, every step on the network ends by this deadline (see ``current``)."""
        return _Holding(self)


class _Holding:
    """Each piece of a body is read within one, and a generator as a block would take three times as long."""

    __slots__ = ("_deadline", "_token")

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline

    def __enter__(self) -> None:
        self._token = _CURRENT.set(self._deadline)

    def __exit__(self, *_: object) -> None:
        _CURRENT.reset(self._token)


_CURRENT: ContextVar[Deadline] = ContextVar("deadline")
_ENDLESS = Deadline(None)


def current() -> Deadline:
    """The deadline of the call that runs here.

    The HTTP library waits for each piece of an answer as long as it is told at
    the beginning: a server that sends a byte now and then would keep a call for
    ever. So the network itself asks here before each step.
    """
    return _CURRENT.get(_ENDLESS)
