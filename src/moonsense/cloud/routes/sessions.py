"""Sessions."""

from __future__ import annotations

from starlette.responses import Response

from moonsense.cloud.listing import Listing, session_filters
from moonsense.cloud.requests import Request
from moonsense.cloud.responses import message_response
from moonsense.cloud.routes.labels import check_names
from moonsense.cloud.settings import Settings
from moonsense.cloud.store import Store
from moonsense.models.data_plane_v2_pb2 import SessionDeleteResponse, SessionListResponse
from moonsense.models.data_plane_v2_sdk_pb2 import Session


class Sessions:
    """The routes of sessions. ``region_id`` is answered as the request's host has it."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._domain = settings.domain
        self._listing = Listing(settings.page_pin_seconds, session_filters)

    async def list(self, request: Request) -> Response:
        """GET /v2/sessions"""
        asked = self._listing.of(request)
        page = await self._store.sessions.page(request.who.project_id, asked.filters, asked.place)
        region = request.region(self._domain)
        for session in page.items:
            session.region_id = region
        pagination, link = self._listing.answer(request, asked, page)
        return message_response(
            request, SessionListResponse(sessions=page.items, pagination=pagination), link
        )

    async def create(self, request: Request) -> Response:
        """POST /v2/sessions"""
        session = await request.message(Session)
        check_names([label.name for label in session.labels])
        made = await self._store.sessions.create(request.who, session, request.asked())
        return self._answer(request, made)

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
