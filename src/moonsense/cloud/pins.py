"""Where the pages of a listing begin, remembered for clients that page by number.

"Page 3" by counting shifts when sessions arrive or vanish between two
requests: clients then see some twice and miss others. So when page n is
served, the place where it ended is remembered, and page n + 1 starts behind
that place, wherever it is by then. A pin that is gone (too old, or too many)
costs only the steadiness: the page is then found by counting.

Clients do not say which walk a request belongs to, so two walks of one token
through the same list share their pins. While a place waits to be asked for, it
only moves towards the newest: then neither walk misses anything, though one
may get items twice. Once asked for, it is the next walk's to set.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from moonsense.contract.paging import Key

_MOST = 10_000


@dataclass
class _Pin:
    """A place, how long it is remembered, and whether a page was found by it."""

    place: Key
    until: float
    used: bool = False


class Pins:
    """The places where next pages start, by listing and page number. Bounded in time and number."""

    def __init__(
        self, seconds: float, most: int = _MOST, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds = seconds
        self._most = most
        self._clock = clock
        self._places: OrderedDict[tuple[Hashable, int], _Pin] = OrderedDict()

    def after(self, listing: Hashable, page: int) -> Key | None:
        """The place behind which a page starts, if it is remembered."""
        found = self._places.get((listing, page))
        if found is None or self._clock() >= found.until:
            return None
        found.used = True
        return found.place

    def served(self, listing: Hashable, page: int, next_after: Key | None) -> None:
        """A page was served; the next one starts behind ``next_after``, or there is none."""
        name = (listing, page + 1)
        before, now = self._places.pop(name, None), self._clock()
        if before is not None and not before.used and now < before.until:
            next_after = before.place if next_after is None else max(before.place, next_after)
        if next_after is None:
            return
        self._places[name] = _Pin(next_after, now + self._seconds)
        while len(self._places) > self._most:
            self._places.popitem(last=False)

    def __len__(self) -> int:
        return len(self._places)
