"""Lists as they are handed out: items one by one, or page by page."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator
from types import TracebackType
from typing import TypeVar

T = TypeVar("T")


class AsyncListing(AsyncGenerator[T, None]):
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
