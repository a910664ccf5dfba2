"""Where the pages of a listing begin, remembered for clients that page by number.

"Page 3" by counting shifts when sessions arrive or vanish between two
requests: clients then see some twice and miss others. So when page n is
served, the place where it ended is remembered, and page n + 1 starts behind
that place, wherever it is by then. A pin that is gone (too old, or too many)
costs only the steadiness: the page is then found by counting.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

from moonsense.contract.paging import Key

_MOST = 10_000


class Pins:
    """The places where next pages start, by listing and page number. Bounded in time and number."""

    def __init__(
        self, seconds: float, most: int = _MOST, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds = seconds
        self._most = most
        self._clock = clock
        self._places: OrderedDict[tuple[Hashable, int], tuple[float, Key]] = OrderedDict()

    def after(self, listing: Hashable, page: int) -> Key | None:
        """The place behind which a page starts, if it is remembered."""
        found = self._places.get((listing, page))
        return found[1] if found is not None and self._clock() < found[0] else None

    def served(self, listing: Hashable, page: int, next_after: Key | None) -> None:
        """A page was served; the next one starts behind ``next_after``, or there is none."""
        name = (listing, page + 1)
        self._places.pop(name, None)
        if next_after is None:
            return
        self._places[name] = (self._clock() + self._seconds, next_after)
        while len(self._places) > self._most:
            self._places.popitem(last=False)

    def __len__(self) -> int:
        return len(self._places)
