"""Features and signals of sessions and journeys."""

from __future__ import annotations

from starlette.responses import Response

from moonsense.cloud.requests import Request
from moonsense.cloud.responses import message_response
from moonsense.cloud.store import Store
from moonsense.models.data_plane_v2_pb2 import (
    JourneyFeaturesResponse,
    SessionFeaturesResponse,
    SignalsResponse,
)


class Findings:
    """The routes of features and signals."""

    def __init__(self, store: Store) -> None:
        self._findings = store.findings

    async def session_features(self, request: Request) -> Response:
        """GET /v2/sessions/{session_id}/features"""
        found = await self._findings.session_features(request.who.project_id, request.ids["session_id"])
        return message_response(request, found)

    async def set_session_features(self, request: Request) -> Response:
        """POST /v2/sessions/{session_id}/features"""
        given = await request.message(SessionFeaturesResponse)
        found = await self._findings.set_session_features(
            request.who.project_id, request.ids["session_id"], given, request.asked()
        )
        return message_response(request, found)

    async def journey_features(self, request: Request) -> Response:
        """GET /v2/journeys/{journey_id}/features"""
        found = await self._findings.journey_features(request.who.project_id, request.ids["journey_id"])
        return message_response(request, found)

    async def set_journey_features(self, request: Request) -> Response:
        """POST /v2/journeys/{journey_id}/features"""
        given = await request.message(JourneyFeaturesResponse)
        found = await self._findings.set_journey_features(
            request.who.project_id, request.ids["journey_id"], given, request.asked()
        )
        return message_response(request, found)

    async def signals(self, request: Request) -> Response:
        """GET /v2/sessions/{session_id}/signals"""
        found = await self._findings.signals(request.who.project_id, request.ids["session_id"])
        return message_response(request, found)

    async def set_signals(self, request: Request) -> Response:
        """POST /v2/sessions/{session_id}/signals"""
        given = await request.message(SignalsResponse)
        found = await self._findings.set_signals(
            request.who.project_id, request.ids["session_id"], given, request.asked()
        )
        return message_response(request, found)
