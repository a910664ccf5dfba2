"""Packet captures."""

from __future__ import annotations

from starlette.responses import Response

from moonsense.cloud.archive import tar_gz
from moonsense.cloud.requests import Request
from moonsense.cloud.responses import StreamResponse, message_response
from moonsense.cloud.settings import Settings
from moonsense.cloud.store import Store
from moonsense.contract import media
from moonsense.contract.problems import Problem
from moonsense.models.data_plane_v2_sdk_pb2 import NetworkPacketCaptureClientResponse


class Packets:
    """The routes of packet captures."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._captures = store.captures
        self._limit = settings.max_body_bytes
        self._gzip_level = settings.gzip_level

    async def upload(self, request: Request) -> Response:
        """POST /v2/sessions/{session_id}/network-telemetry/packets"""
        session_id = request.ids["session_id"]
        data = await request.content(request.route.consumes, self._limit)
        await self._captures.add(request.who.project_id, session_id, data)
        return message_response(request, NetworkPacketCaptureClientResponse(sessionId=session_id))

    async def read(self, request: Request) -> Response:
        """GET /v2/sessions/{session_id}/network-telemetry/packets"""
        session_id = request.ids["session_id"]
        body = await self._captures.open(request.who.project_id, session_id)
        if body is None:
            raise Problem(404, "the session has no packet capture", "session_id")
        return StreamResponse(tar_gz(f"{session_id}.pcap", body, self._gzip_level), media.TAR_GZ, {})
