# Made from src/moonsense/client/_async/listing.py by scripts/generate_sync.py: do not edit.
"""Lists as they are handed out: items one by one, or page by page."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from itertools import islice
from types import TracebackType
from typing import TypeVar

from moonsense.client._shown import Shown

T = TypeVar("T")


class Listing(Shown, Generator[T, None]):
    """The items of a list, asked for page by page as they are taken.

    It is a generator: ``for``, ``next`` and ``close`` work as on any.
    """

    def __init__(self, pages: Generator[list[T]]) -> None:
        self._pages = pages
        self._items: deque[T] = deque()

    def pages(self) -> Generator[list[T]]:
        """What is left of the list, a page of the cloud's at a time; no page is empty."""
        while True:
            if self._items:
                page = list(self._items)
                self._items.clear()
            else:
                try:
                    page = next(self._pages)
                except StopIteration:
                    return
            yield page

    def peek(self, count: int = 1) -> list[T]:
        """The items that come next, without taking them; fewer than ``count`` at the end of the list."""
        while len(self._items) < count:
            try:
                self._items.extend(next(self._pages))
            except StopIteration:
                break
            except BaseException as error:
                # Whoever takes the items is told too: after a fault the pages end as if they were all.
                self._pages = _failing(error)
                raise
        return list(islice(self._items, count))

    def send(self, value: None) -> T:
        """The next item. Raises StopIteration at the end."""
        while not self._items:
            self._items.extend(next(self._pages))
        return self._items.popleft()

    def throw(
        self,
        kind: type[BaseException] | BaseException,
        value: BaseException | object = None,
        trace: TracebackType | None = None,
    ) -> T:
        """End the list with an error."""
        self.close()
        if isinstance(kind, BaseException):
            raise kind
        raise value if isinstance(value, BaseException) else kind()

    def close(self) -> None:
        """Ask for nothing more."""
        self._items.clear()
        self._pages.close()


def _failing(error: BaseException) -> Generator[list[T]]:
    yield from list[list[T]]()
    raise error
