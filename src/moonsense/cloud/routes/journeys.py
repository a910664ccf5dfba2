"""Journeys, and what is reported about them."""

from __future__ import annotations

from starlette.responses import Response

from moonsense.cloud.listing import Listing, session_filters
from moonsense.cloud.requests import Request
from moonsense.cloud.responses import message_response
from moonsense.cloud.settings import Settings
from moonsense.cloud.store import Store
from moonsense.models.data_plane_v2_pb2 import JourneyListResponse
from moonsense.models.journey_feedback_pb2 import JourneyFeedback


class Journeys:
    """The routes of journeys. Regions are answered as the request's host has them."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._domain = settings.domain
        self._listing = Listing(settings.page_pin_seconds, session_filters)

    async def list(self, request: Request) -> Response:
        """GET /v2/journeys"""
        asked = self._listing.of(request)
        page = await self._store.journeys.page(request.who.project_id, asked.filters, asked.place)
        region = request.region(self._domain)
        for journey in page.items:
            journey.primary_region_id = region
        pagination, link = self._listing.answer(request, asked, page)
        return message_response(
            request, JourneyListResponse(journeys=page.items, pagination=pagination), link
        )

    async def describe(self, request: Request) -> Response:
        """GET /v2/journeys/{journey_id}"""
        found = await self._store.journeys.describe(request.who.project_id, request.ids["journey_id"])
        found.journey.primary_region_id = request.region(self._domain)
        for session in found.sessions:
            session.region_id = request.region(self._domain)
        return message_response(request, found)

    async def feedback(self, request: Request) -> Response:
        """GET /v2/journeys/{journey_id}/feedback"""
        feedback = await self._store.journeys.feedback(request.who.project_id, request.ids["journey_id"])
        return message_response(request, feedback)

    async def add_feedback(self, request: Request) -> Response:
        """POST /v2/journeys/{journey_id}/feedback"""
        reported = await request.message(JourneyFeedback)
        feedback = await self._store.journeys.add_feedback(
            request.who.project_id, request.ids["journey_id"], reported, request.asked()
        )
        return message_response(request, feedback)
