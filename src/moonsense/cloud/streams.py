"""Streams: things that are iterated over once, and hold something open while they are."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterable, AsyncIterator
from typing import TypeVar

T = TypeVar("T")


@contextlib.asynccontextmanager
async def opened(stream: AsyncIterable[T]) -> AsyncIterator[AsyncIterator[T]]:
    """A stream's iterator, closed at the end of the block if it can be.

    ``async for`` alone leaves a generator it breaks out of to the garbage
    collector, with all that the generator holds.
    """
    source = aiter(stream)
    try:
        yield source
    finally:
        close = getattr(source, "aclose", None)
        if close is not None:
            await close()
