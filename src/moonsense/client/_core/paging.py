"""Lists over many pages: by the cloud's ``Link`` where it sends one, else by number or time.

Whatever a cloud answers, a list ends, and no item comes twice.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from moonsense.contract import times
from moonsense.contract.limits import MAX_PER_PAGE
from moonsense.contract.routes import UNTIL
from moonsense.errors import IntegrityError

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from moonsense.client._core.answers import Answer
    from moonsense.client._core.requests import Request
    from moonsense.models.pagination_pb2 import PaginationResponse

PER_PAGE = MAX_PER_PAGE

_REMEMBERED = 100_000
"""Ids kept to drop repeats: on a list by number an item comes again when newer ones push it down."""

_STALE_PAGES = 100
"""Pages in a row with nothing new, before a list is held to go in circles."""

T = TypeVar("T")


class Pager(ABC, Generic[T]):
    """Walks one list: ``request`` is what to ask next, ``feed`` takes its answer.

    Args:
        first: the request of the first page.
        message_type: of a page.
        items: the items of a page.
        identity: the id of an item.
        per_page: how many items a page were asked for.
        number: which page the first request is for.
    """

    FIRST: Mapping[str, int]
    """Parameters that the first request has besides ``per_page``."""

    def __init__(
        self,
        first: Request,
        message_type: type[Message],
        items: Callable[[Message], Iterable[T]],
        identity: Callable[[T], str],
        per_page: int = PER_PAGE,
        number: int = 1,
    ) -> None:
        self.request: Request | None = first
        self._first = first
        self._message_type = message_type
        self._items = items
        self._identity = identity
        self._per_page = per_page
        self._page = number
        self._linked = False
        self._seen: dict[str, None] = {}
        self._asked: set[str] = {first.url}
        self._stale = 0
        self._taken = 0
        self._mark = ""

    def feed(self, answer: Answer) -> list[T]:
        """The items of a page that did not come before; sets the next request, None at the end."""
        page = answer.message(self._message_type)
        items = list(self._items(page))
        new = [item for item in items if self._is_new(self._identity(item))]
        self._stale = 0 if new else self._stale + 1
        if self._stale >= _STALE_PAGES:
            raise self._circle(f"nothing new on {_STALE_PAGES} pages")
        link = next_link(answer.head.get("Link"))
        if not items:
            self.request = None
        elif link or self._linked:
            self._linked = True
            self.request = self._by_link(link) if link else None
        else:
            self.request = self._next(page.pagination, items, fresh=bool(new))  # type: ignore[attr-defined]
        return new

    @abstractmethod
    def _next(self, numbers: PaginationResponse, items: list[T], *, fresh: bool) -> Request | None:
        """What to ask after a page of a cloud that sends no links."""

    def _is_new(self, identity: str) -> bool:
        if identity in self._seen:
            return False
        # Of a long list the first ids are forgotten, so one that begins anew
        # would go on for ever: an item is kept as a mark, now and then a later
        # one (Brent's way to find a circle of any length).
        if identity == self._mark:
            raise self._circle(f"item {identity} came again")
        self._taken += 1
        if self._taken & (self._taken - 1) == 0:
            self._mark = identity
        self._seen[identity] = None
        if len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]
        return True

    def _circle(self, what: str) -> IntegrityError:
        return IntegrityError(f"the list repeats itself: {what}", where=str(self._first))

    def _more(self, numbers: PaginationResponse, page: int, count: int) -> bool:
        """Whether there is a page behind this one."""
        if not (numbers.next_page or numbers.total_pages or numbers.current_page):
            # A cloud that says nothing of its pages: a full one may have a successor.
            return count >= self._per_page
        return numbers.next_page > page or numbers.total_pages > page

    def _by_link(self, link: str) -> Request | None:
        """Only the query of the link is taken: the token goes to no host that an answer names."""
        query = urlsplit(urljoin(self._first.url, link)).query
        url = f"{self._first.url.partition('?')[0]}?{query}"
        if url in self._asked:
            return None
        self._asked.add(url)
        return self._first.with_url(url)


class NumberPager(Pager[T]):
    """Goes on by the number of the page."""

    FIRST: Mapping[str, int] = {"page": 1}

    def _next(self, numbers: PaginationResponse, items: list[T], *, fresh: bool) -> Request | None:
        more = self._more(numbers, self._page, len(items))
        # A page of only repeats is right when as many new items arrived since
        # the last one, but only from a cloud that shows it went on.
        if not more or not (fresh or numbers.current_page == self._page):
            return None
        self._page += 1
        return self._first.with_url(_with_query(self._first.url, {"page": str(self._page)}))


class TimePager(Pager[T]):
    """Goes on by the time of the last item, for lists that know no page numbers.

    What has the very same time is asked for again, so that nothing between two
    pages is left out; only when a page brings nothing else, it goes on below.
    """

    FIRST: Mapping[str, int] = {}

    def _next(self, numbers: PaginationResponse, items: list[T], *, fresh: bool) -> Request | None:
        if not self._more(numbers, max(1, numbers.current_page), len(items)):
            return None
        last = min(_created_at(item) for item in items)
        for until in (last, last - 1) if fresh else (last - 1,):
            url = _with_query(self._first.url, {UNTIL.wire: times.write(times.from_micros(until))})
            if url not in self._asked:
                self._asked.add(url)
                return self._first.with_url(url)
        raise self._circle("what is older is the same again")


def _created_at(item: Any) -> int:
    return int(item.created_at.ToMicroseconds())


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """A link with its parameters, and the parameter that says where a list goes on."""
    link = r"<([^>]*)>((?:\s*;\s*[^\s=;,]+\s*(?:=\s*(?:\"[^\"]*\"|[^\s;,\"]*))?)*)"
    is_next = r";\s*rel\s*=\s*(?:\"(?:[^\"]*\s)?next(?:\s[^\"]*)?\"|next(?=[\s;,]|$))"
    return re.compile(link), re.compile(is_next, re.IGNORECASE)


def next_link(header: str) -> str:
    """The target of ``rel="next"`` in a ``Link`` header (RFC 8288), or ""."""
    if not header:
        return ""
    link, is_next = _patterns()
    for target, parameters in link.findall(header):
        if is_next.search(parameters):
            return str(target)
    return ""


def _with_query(url: str, values: dict[str, str]) -> str:
    path, _, query = url.partition("?")
    pairs = [(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if name not in values]
    return f"{path}?{urlencode([*pairs, *values.items()])}"
