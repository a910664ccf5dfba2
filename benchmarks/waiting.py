"""Waiting for what a cloud does by itself."""

from __future__ import annotations

import time
from collections.abc import Callable

_SECONDS = 120.0
_PAUSE_SECONDS = 0.2


def until(done: Callable[[], bool], what: str) -> None:
    """Return when it is done. Raises TimeoutError, saying what is not, after two minutes."""
    deadline = time.monotonic() + _SECONDS
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} after {_SECONDS:.0f} s")
        time.sleep(_PAUSE_SECONDS)
