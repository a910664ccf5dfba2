"""The rules by which lists are cut into pages.

Clients page in five ways, and each must see every item exactly once:

* by number (``page``), reading ``current_page`` with ``total_pages`` or ``next_page``;
* by time, with ``filter[max_created_at]`` set to the last item's ``created_at``
  minus one microsecond, or floored to milliseconds, or to whole seconds, and
  no ``page``;
* by our ``Link`` header with an opaque ``cursor``.

For the time cursors the rule is: a page without ``page`` is extended until the
next item lies in an earlier whole second, and ``filter[max_created_at]`` means
"at or before" when it has six fractional digits, else "before". Of the rules
that were tried in simulation it is the only one without loss, repeats or
endless loops for all of them.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from moonsense.contract.ids import is_id
from moonsense.contract.limits import DEFAULT_PER_PAGE, MAX_PER_PAGE

MICROS_PER_SECOND = 1_000_000

# Up to the year 33658, and always a number that a database can hold.
_MICROS = re.compile(r"-?[0-9]{1,18}", re.ASCII)


def clamp_per_page(per_page: int | None) -> int:
    """Items a page: 25 when absent or below 1 (a client sends 0), at most 100."""
    if per_page is None or per_page < 1:
        return DEFAULT_PER_PAGE
    return min(per_page, MAX_PER_PAGE)


@dataclass(frozen=True, order=True)
class Key:
    """The place of an item in a list ordered by time, then id."""

    micros: int
    id: str

    def cursor(self) -> str:
        """The place as an opaque text for a URL."""
        return base64.urlsafe_b64encode(f"{self.micros}.{self.id}".encode()).decode().rstrip("=")

    @classmethod
    def from_cursor(cls, text: str) -> Key:
        """The place a cursor stands for. Raises ValueError when it is none of ours."""
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
            micros, _, item_id = raw.partition(".")
            if not _MICROS.fullmatch(micros) or not is_id(item_id):
                raise ValueError
            key = cls(int(micros), item_id)
            if key.cursor() != text:
                raise ValueError
            return key
        except (ValueError, binascii.Error):
            raise ValueError("the cursor is not one that this cloud gave out") from None


def upper_bound(micros: int, fraction_digits: int) -> int:
    """``filter[max_created_at]`` as an exclusive bound in microseconds (see the module's rule)."""
    return micros + 1 if fraction_digits == 6 else micros


def same_second(first: int, second: int) -> bool:
    """Whether two moments in microseconds fall into one whole second."""
    return first // MICROS_PER_SECOND == second // MICROS_PER_SECOND


@dataclass(frozen=True)
class PageNumbers:
    """The numbers of a ``PaginationResponse``."""

    current_page: int
    previous_page: int
    next_page: int
    per_page: int
    total_pages: int
    total_count: int


def number_pages(page: int, per_page: int, total_count: int, *, more: bool) -> PageNumbers:
    """What a page says of itself.

    ``more`` is whether an item lies behind this page; ``next_page`` is never a
    page that would be empty, and 0 at the end. Clients that compare
    ``current_page`` with ``total_pages`` must stop and go on at the same places.
    """
    by_count = max(1, -(-total_count // per_page))
    return PageNumbers(
        current_page=page,
        previous_page=page - 1 if page > 1 else 0,
        next_page=page + 1 if more else 0,
        per_page=per_page,
        total_pages=max(by_count, page + 1) if more else page,
        total_count=total_count,
    )
