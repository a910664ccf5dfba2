"""Lists as they are handed out: items one by one, or page by page."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator
from itertools import islice
from types import TracebackType
from typing import TypeVar

from moonsense.client._shown import AsyncShown

T = TypeVar("T")


class AsyncListing(AsyncShown, AsyncGenerator[T, None]):
    """The items of a list, asked for page by page as they are taken.

    It is a generator: ``async for``, ``anext`` and ``aclose`` work as on any.
    """

    def __init__(self, pages: AsyncGenerator[list[T]]) -> None:
        self._pages = pages
        self._items: deque[T] = deque()

    async def pages(self) -> AsyncGenerator[list[T]]:
        """What is left of the list, a page of the cloud's at a time; no page is empty."""
        while True:
            if self._items:
                page = list(self._items)
                self._items.clear()
            else:
                try:
                    page = await anext(self._pages)
                except StopAsyncIteration:
                    return
            yield page

    async def peek(self, count: int = 1) -> list[T]:
        """The items that come next, without taking them; fewer than ``count`` at the end of the list."""
        while len(self._items) < count:
            try:
                self._items.extend(await anext(self._pages))
            except StopAsyncIteration:
                break
            except BaseException as error:
                # Whoever takes the items is told too: after a fault the pages end as if they were all.
                self._pages = _failing(error)
                raise
        return list(islice(self._items, count))

    async def asend(self, value: None) -> T:
        """The next item. Raises StopAsyncIteration at the end."""
        while not self._items:
            self._items.extend(await anext(self._pages))
        return self._items.popleft()

    async def athrow(
        self,
        kind: type[BaseException] | BaseException,
        value: BaseException | object = None,
        trace: TracebackType | None = None,
    ) -> T:
        """End the list with an error."""
        await self.aclose()
        if isinstance(kind, BaseException):
            raise kind
        raise value if isinstance(value, BaseException) else kind()

    async def aclose(self) -> None:
        """Ask for nothing more."""
        self._items.clear()
        await self._pages.aclose()


async def _failing(error: BaseException) -> AsyncGenerator[list[T]]:
    for none in list[list[T]]():
        yield none
    raise error
