"""The few things that waiting needs, once for asyncio and once for threads.

The names differ by ``async_`` only: that is how the sync client is generated.
"""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    import httpx2

P = ParamSpec("P")
T = TypeVar("T")


async def async_sleep(seconds: float) -> None:
    """Let so much time pass."""
    await asyncio.sleep(seconds)


def sleep(seconds: float) -> None:
    """Let so much time pass."""
    time.sleep(seconds)


async def async_run(function: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    """Call what blocks, such as work on files, beside the event loop."""
    return await asyncio.to_thread(function, *args, **options)


def run(function: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    """Call what blocks."""
    return function(*args, **options)


def async_close_when_dropped(owner: object, http: httpx2.AsyncClient) -> None:
    """Nothing: closing needs the event loop, so an AsyncClient must be closed by its user."""


def close_when_dropped(owner: object, http: httpx2.Client) -> None:
    """Close the connections of a client that nobody holds any more: the published ones had no close."""
    weakref.finalize(owner, http.close)
