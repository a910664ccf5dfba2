"""Lists over many pages: by the cloud's ``Link`` where it sends one, else by number.

Whatever a cloud answers, a list ends, and no item comes twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from moonsense.contract.limits import MAX_PER_PAGE
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

_LINK = re.compile(r"<([^>]*)>((?:\s*;\s*[^\s=;,]+\s*(?:=\s*(?:\"[^\"]*\"|[^\s;,\"]*))?)*)")
_REL_NEXT = re.compile(
    r";\s*rel\s*=\s*(?:\"(?:[^\"]*\s)?next(?:\s[^\"]*)?\"|next(?=[\s;,]|$))", re.IGNORECASE
)

T = TypeVar("T")


class _Page(Protocol):
    @property
    def pagination(self) -> PaginationResponse: ...


class Pager(Generic[T]):
    """Walks one list: ``request`` is what to ask next, ``feed`` takes its answer.

    Args:
        first: the request of page 1.
        message_type: of a page.
        items: the items of a page.
        identity: the id of an item.
    """

    def __init__(
        self,
        first: Request,
        message_type: type[Message],
        items: Callable[[Message], Iterable[T]],
        identity: Callable[[T], str],
    ) -> None:
        self.request: Request | None = first
        self._first = first
        self._message_type = message_type
        self._items = items
        self._identity = identity
        self._page = 1
        self._linked = False
        self._seen: dict[str, None] = {}
        self._asked: set[str] = {first.url}
        self._stale = 0

    def feed(self, answer: Answer) -> list[T]:
        """The items of a page that did not come before; sets the next request, None at the end."""
        page = answer.message(self._message_type)
        items = list(self._items(page))
        new = [item for item in items if self._is_new(self._identity(item))]
        self._stale = 0 if new else self._stale + 1
        if self._stale >= _STALE_PAGES:
            raise IntegrityError(
                f"the list repeats itself: nothing new on {_STALE_PAGES} pages", where=str(self._first)
            )
        self.request = self._next(answer, page, len(items), fresh=bool(new)) if items else None
        return new

    def _is_new(self, identity: str) -> bool:
        if identity in self._seen:
            return False
        self._seen[identity] = None
        if len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]
        return True

    def _next(self, answer: Answer, page: _Page | Message, count: int, *, fresh: bool) -> Request | None:
        link = next_link(answer.head.get("Link"))
        if link or self._linked:
            self._linked = True
            return self._by_link(link) if link else None
        numbers: PaginationResponse = page.pagination  # type: ignore[union-attr]
        more = numbers.next_page > self._page or numbers.total_pages > self._page
        if not (numbers.next_page or numbers.total_pages or numbers.current_page):
            # A cloud that says nothing of its pages: a full one may have a successor.
            more = count >= PER_PAGE
        # A page of only repeats is right when as many new items arrived since
        # the last one, but only from a cloud that shows it went on.
        if not more or not (fresh or numbers.current_page == self._page):
            return None
        self._page += 1
        return self._first.with_url(_with_query(self._first.url, {"page": str(self._page)}))

    def _by_link(self, link: str) -> Request | None:
        """Only the query of the link is taken: the token goes to no host that an answer names."""
        query = urlsplit(urljoin(self._first.url, link)).query
        url = f"{self._first.url.partition('?')[0]}?{query}"
        if url in self._asked:
            return None
        self._asked.add(url)
        return self._first.with_url(url)


def next_link(header: str) -> str:
    """The target of ``rel="next"`` in a ``Link`` header (RFC 8288), or ""."""
    for target, parameters in _LINK.findall(header):
        if _REL_NEXT.search(parameters):
            return str(target)
    return ""


def _with_query(url: str, values: dict[str, str]) -> str:
    path, _, query = url.partition("?")
    pairs = [(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if name not in values]
    return f"{path}?{urlencode([*pairs, *values.items()])}"
