"""Sessions."""

from __future__ import annotations

from collections.abc import Hashable

from starlette.responses import Response

from moonsense.cloud.listing import Query, next_link, page_number, page_size, pagination
from moonsense.cloud.pins import Pins
from moonsense.cloud.records import Place, SessionFilters
from moonsense.cloud.requests import Request
from moonsense.cloud.responses import message_response
from moonsense.cloud.routes.labels import check_names
from moonsense.cloud.settings import Settings
from moonsense.cloud.store import Store
from moonsense.contract import paging, times
from moonsense.contract.paging import Key
from moonsense.contract.problems import Problem
from moonsense.contract.routes import CURSOR, Time
from moonsense.models.data_plane_v2_pb2 import SessionDeleteResponse, SessionListResponse
from moonsense.models.data_plane_v2_sdk_pb2 import Session


class Sessions:
    """The routes of sessions. ``region_id`` is answered as the request's host has it."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._domain = settings.domain
        self._pins = Pins(settings.page_pin_seconds)

    async def list(self, request: Request) -> Response:
        """GET /v2/sessions"""
        query = request.query()
        filters = _filters(query)
        per_page, number = page_size(query), page_number(query)
        listing: Hashable = (request.who.credential_id, filters, per_page)
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
        page = await self._store.sessions.page(request.who.project_id, filters, place)
        following = page.last if page.more else None
        if not by_cursor:
            self._pins.served(listing, number, following)
        region = request.region(self._domain)
        for session in page.items:
            session.region_id = region
        answer = SessionListResponse(
            sessions=page.items, pagination=pagination(number, per_page, page.total, more=page.more)
        )
        link = {} if following is None else next_link(request, number + 1, following.cursor())
        return message_response(request, answer, link)

    async def create(self, request: Request) -> Response:
        """POST /v2/sessions"""
        session = await request.message(Session)
        check_names([label.name for label in session.labels])
        return self._answer(request, await self._store.sessions.create(request.who, session))

    async def describe(self, request: Request) -> Response:
        """GET /v2/sessions/{session_id}"""
        full = request.query().get("view", "full") == "full"
        session_id = request.ids["session_id"]
        return self._answer(
            request, await self._store.sessions.describe(request.who.project_id, session_id, full=full)
        )

    async def delete(self, request: Request) -> Response:
        """DELETE /v2/sessions/{session_id}"""
        session_id = request.ids["session_id"]
        await self._store.sessions.delete(request.who.project_id, session_id)
        return message_response(request, SessionDeleteResponse(session_id=session_id))

    def _answer(self, request: Request, session: Session) -> Response:
        session.region_id = request.region(self._domain)
        return message_response(request, session)


def _filters(query: Query) -> SessionFilters:
    since, until = query.get("since"), query.get("until")
    return SessionFilters(
        labels=_texts(query, "labels"),
        platforms=_texts(query, "platforms"),
        journey_id=_text(query, "journey_id"),
        client_session_group_id=_text(query, "client_session_group_id"),
        since_micros=times.to_micros(since.moment) if isinstance(since, Time) else None,
        before_micros=paging.upper_bound(times.to_micros(until.moment), until.digits)
        if isinstance(until, Time)
        else None,
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
