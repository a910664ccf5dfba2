"""Steps of a command that take a while."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Self

from moonsense.cli.output import err

_SIGTERM_CODE = 128 + signal.SIGTERM


class Step:
    """A line on the terminal while a step goes on, and its time afterwards; nothing in a pipe."""

    def __init__(self, name: str, total: int = 1) -> None:
        """``total`` is how often ``done`` will be called, where that is worth showing."""
        self.seconds = 0.0
        self._name = name
        self._total = total
        self._count = 0
        self._lock = threading.Lock()
        self._status = err().status(self._text) if err().is_terminal else None

    def __enter__(self) -> Self:
        self._began = time.perf_counter()
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.seconds = time.perf_counter() - self._began
        if self._status is not None:
            self._status.stop()

    def done(self) -> None:
        """One more is done. May be called from any thread."""
        with self._lock:
            self._count += 1
            if self._status is not None:
                self._status.update(self._text)

    @property
    def _text(self) -> str:
        return f"{self._name} {self._count} of {self._total}" if self._total > 1 else self._name


@contextlib.contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """Within it SIGTERM unwinds the program, so that what it started is stopped and cleaned up."""

    def end(_number: int, _frame: FrameType | None) -> None:
        sys.exit(_SIGTERM_CODE)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
