"""Steps of a command that take a while."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Self

from moonsense.cli.output import err

if TYPE_CHECKING:
    from rich.progress import Progress

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


class SessionBar:
    """How many of many sessions are done, how fast, and how long it will take; on a terminal only."""

    def __init__(self, name: str, *, quiet: bool = False) -> None:
        self._name = name
        self._bar: Progress | None = None
        self._quiet = quiet or not err().is_terminal

    def __enter__(self) -> Self:
        if not self._quiet:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(),
                console=err(),
                transient=True,
            )
            self._task = self._bar.add_task(self._name, total=None, rate="")
            self._bar.start()
            self._began = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, done: int, total: int, size: int, *, failed: int = 0, more: bool = False) -> None:
        """Show how far it is.

        Args:
            size: bytes of what is done.
            failed: how many of the done ones failed.
            more: the total is not known yet.
        """
        if self._bar is None:
            return
        seconds = max(time.perf_counter() - self._began, 1e-3)
        rate = f"{done / seconds:,.0f}/s {size / seconds / 1e6:,.1f} MB/s"
        if failed:
            rate += f" {failed:,} failed"
        name = f"{self._name}, listing" if more else self._name
        self._bar.update(self._task, completed=done, total=total, description=name, rate=rate)


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
