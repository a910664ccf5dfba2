"""Bundles: recorded in, and read back."""

from __future__ import annotations

from functools import lru_cache

from starlette.responses import Response

from moonsense.cloud.archive import tar_gz
from moonsense.cloud.ranges import body_response, growing
from moonsense.cloud.requests import Request
from moonsense.cloud.responses import StreamResponse, encode
from moonsense.cloud.settings import Settings
from moonsense.cloud.store import Store
from moonsense.contract import headers, media
from moonsense.contract.problems import Problem
from moonsense.models.data_plane_v2_sdk_pb2 import BundleCreateRequest, BundleCreateResponse


class Bundles:
    """The routes of bundles."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._limit = settings.max_body_bytes
        self._gzip_level = settings.gzip_level

    async def create(self, request: Request) -> Response:
        """POST /v2/bundles; answered when the disk has them."""
        wanted = await request.message(BundleCreateRequest, self._limit)
        answer = await self._store.bundles.add(request.who, wanted, remote_ip=request.remote_ip)
        return acknowledgement(request.chosen(), answer.success_count)

    async def read(self, request: Request) -> Response:
        """GET /v2/sessions/{session_id}/bundles"""
        session_id = request.ids["session_id"]
        chosen = request.chosen()
        rendition = media.FRAMES if chosen == media.FRAMES else media.NDJSON
        snapshot = await self._store.bundles.open(request.who.project_id, session_id, rendition)
        about = {headers.BUNDLE_COUNT: str(snapshot.bundles), "Vary": "Accept"}
        if chosen != media.TAR_GZ:
            lineage = f"{snapshot.lineage}.{'frames' if chosen == media.FRAMES else 'ndjson'}"
            validator = growing(lineage, snapshot.body.size)
            return body_response(request, snapshot.body, chosen, validator, about)
        if not snapshot.bundles and request.accepts(media.PROTOBUF):
            # There is a client that asks for protobuf, gets this archive, and
            # waits for ever for the first line of an empty member.
            raise Problem(404, "the session has no bundles", param="session_id")
        archive = tar_gz(f"{session_id}.json", snapshot.body, self._gzip_level)
        return StreamResponse(archive, media.TAR_GZ, about)


@lru_cache(maxsize=4096)
def acknowledgement(media_type: str, bundles: int) -> Response:
    """The answer to recorded bundles; there are few different ones, and many of each."""
    return Response(encode(BundleCreateResponse(success_count=bundles), media_type), media_type=media_type)
