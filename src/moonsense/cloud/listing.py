"""Which part of a list a request asks for, and what the answer says of its pages."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from moonsense.cloud.pins import Pins
from moonsense.cloud.records import DeliveryFilters, Page, Place, SessionFilters
from moonsense.cloud.requests import Request
from moonsense.contract import paging, times
from moonsense.contract.paging import Key
from moonsense.contract.problems import Problem
from moonsense.contract.routes import CURSOR, PAGE, Time, Value
from moonsense.models.pagination_pb2 import PaginationResponse

Query = dict[str, Value | list[Value]]
F = TypeVar("F", bound=Hashable)


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


@dataclass(frozen=True)
class Asked(Generic[F]):
    """What a request wants of a list that is newest first."""

    filters: F
    place: Place
    number: int
    listing: Hashable
    by_cursor: bool


class Listing(Generic[F]):
    """A list that is newest first, by whichever of the contract's ways a client pages through it.

    ``filters`` reads from a request's query what the list is of.
    """

    def __init__(self, pin_seconds: float, filters: Callable[[Query], F]) -> None:
        self._pins = Pins(pin_seconds)
        self._filters = filters

    def of(self, request: Request) -> Asked[F]:
        """What a request asks for. Raises Problems of status 422."""
        query = request.query()
        filters = self._filters(query)
        per_page, number = page_size(query), page_number(query)
        listing = (request.who.credential_id, filters, per_page)
        after = _cursor(query)
        by_cursor = after is not None
        if number > 1 and not by_cursor:
            after = self._pins.after(listing, number)
        place = Place(
            limit=per_page,
            offset=0 if after is not None else (number - 1) * per_page,
            after=after,
            whole_second="page" not in query and not by_cursor,
        )
        return Asked(filters, place, number, listing, by_cursor)

    def answer(
        self, request: Request, asked: Asked[F], page: Page[Any]
    ) -> tuple[PaginationResponse, dict[str, str]]:
        """The page's numbers, and the header that leads to the next one."""
        following = page.last if page.more else None
        if not asked.by_cursor:
            self._pins.served(asked.listing, asked.number, following)
        numbers = pagination(asked.number, asked.place.limit, page.total, more=page.more)
        link = {} if following is None else next_link(request, asked.number + 1, following.cursor())
        return numbers, link


def session_filters(query: Query) -> SessionFilters:
    """Which sessions, or journeys, a query is of."""
    since, before = _bounds(query)
    return SessionFilters(
        labels=_texts(query, "labels"),
        platforms=_texts(query, "platforms"),
        journey_id=_text(query, "journey_id"),
        client_session_group_id=_text(query, "client_session_group_id"),
        since_micros=since,
        before_micros=before,
    )


def delivery_filters(query: Query) -> DeliveryFilters:
    """Which deliveries a query is of."""
    since, before = _bounds(query)
    return DeliveryFilters(
        endpoint_id=_text(query, "endpoint_id"),
        session_id=_text(query, "session_id"),
        event=_text(query, "event"),
        state=_text(query, "state"),
        since_micros=since,
        before_micros=before,
    )


def _bounds(query: Query) -> tuple[int | None, int | None]:
    """The times that a query asks for, in microseconds: the first inclusive, the second exclusive."""
    since, until = query.get("since"), query.get("until")
    return (
        times.to_micros(since.moment) if isinstance(since, Time) else None,
        paging.upper_bound(times.to_micros(until.moment), until.digits) if isinstance(until, Time) else None,
    )


def _text(query: Query, name: str) -> str | None:
    value = query.get(name)
    return value if isinstance(value, str) else None


def _texts(query: Query, name: str) -> tuple[str, ...]:
    """The values of a repeated parameter, in an order that does not depend on the request."""
    values = query.get(name, [])
    assert isinstance(values, list)
    return tuple(sorted({str(value) for value in values}))


def _cursor(query: Query) -> Key | None:
    text = _text(query, "cursor")
    if text is None:
        return None
    try:
        return Key.from_cursor(text)
    except ValueError as error:
        raise Problem(422, f"{CURSOR.wire}: {error}", param=CURSOR.wire) from None
