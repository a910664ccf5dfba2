"""The one timer of a connection: it goes off when nothing came, and never otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from moonsense.cloud.patience import Patience


class Clock:
    """The part of an event loop that keeps time, by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[asyncio.TimerHandle] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], Any]) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, (), self)  # type: ignore[arg-type]
        self.timers.append(handle)
        return handle

    def get_debug(self) -> bool:
        return False

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """As an event loop is told."""

    def pass_until(self, when: float) -> None:
        while self.timers:
            self.timers = sorted(timer for timer in self.timers if not timer.cancelled())
            if not self.timers or self.timers[0].when() > when:
                break
            timer = self.timers.pop(0)
            self.now = max(self.now, timer.when())
            timer._run()
        self.now = when


@given(st.lists(st.tuples(st.integers(0, 5), st.one_of(st.none(), st.integers(1, 6)))))
def test_it_goes_off_when_nothing_came_in_time(steps: list[tuple[int, int | None]]) -> None:
    clock = Clock()
    silent: list[float] = []
    patience = Patience(clock, lambda: silent.append(clock.now))  # type: ignore[arg-type]
    expected: list[float] = []
    until: float | None = None
    for pause, seconds in steps:
        later = clock.now + pause
        if until is not None and until <= later:
            expected.append(until)
            until = None
        clock.pass_until(later)
        if seconds is None:
            patience.rest()
            until = None
        else:
            patience.expect(seconds)
            until = clock.now + seconds
        assert len([timer for timer in clock.timers if not timer.cancelled()]) <= 1
    if until is not None:
        expected.append(until)
    clock.pass_until(clock.now + 100)
    assert silent == expected


def test_it_ends_with_the_connection() -> None:
    clock = Clock()
    silent: list[float] = []
    patience = Patience(clock, lambda: silent.append(clock.now))  # type: ignore[arg-type]
    patience.expect(1)
    patience.close()
    clock.pass_until(5)
    assert (silent, clock.timers) == ([], [])
