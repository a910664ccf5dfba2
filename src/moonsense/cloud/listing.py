"""What a list's answer says of its pages."""

from __future__ import annotations

from urllib.parse import urlencode

from moonsense.cloud.requests import Request
from moonsense.contract import paging
from moonsense.contract.routes import CURSOR, PAGE, Value
from moonsense.models.pagination_pb2 import PaginationResponse

Query = dict[str, Value | list[Value]]


def page_size(query: Query) -> int:
    """Items a page."""
    per_page = query.get("per_page")
    return paging.clamp_per_page(per_page if isinstance(per_page, int) else None)


def page_number(query: Query) -> int:
    """The page asked for, from 1."""
    page = query.get("page")
    return max(1, page) if isinstance(page, int) else 1


def pagination(page: int, per_page: int, total: int, *, more: bool) -> PaginationResponse:
    """The numbers of a page (see ``paging.number_pages``)."""
    numbers = paging.number_pages(page, per_page, total, more=more)
    return PaginationResponse(
        current_page=numbers.current_page,
        previous_page=numbers.previous_page,
        next_page=numbers.next_page,
        per_page=numbers.per_page,
        total_pages=numbers.total_pages,
        total_count=numbers.total_count,
    )


def next_link(request: Request, page: int, cursor: str = "") -> dict[str, str]:
    """The ``Link`` header to a next page: the same query, further on.

    The address is relative, so that it holds behind any proxy and never leads
    a token to another host.
    """
    pairs = [pair for pair in request.query_pairs() if pair[0] not in (PAGE.wire, CURSOR.wire)]
    pairs.append((PAGE.wire, str(page)))
    if cursor:
        pairs.append((CURSOR.wire, cursor))
    path = request.scope["raw_path"].decode("ascii")
    return {"Link": f'<{path}?{urlencode(pairs)}>; rel="next"'}
