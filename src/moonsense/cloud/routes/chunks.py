"""Chunks."""

from __future__ import annotations

from starlette.responses import Response

from moonsense.cloud.listing import next_link, page_number, page_size, pagination
from moonsense.cloud.ranges import body_response, fixed
from moonsense.cloud.renditions import gunzip
from moonsense.cloud.requests import Request
from moonsense.cloud.responses import StreamResponse, message_response
from moonsense.cloud.store import Store
from moonsense.contract import headers, media
from moonsense.models.data_plane_v2_pb2 import ChunksListResponse


class Chunks:
    """The routes of chunks."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def list(self, request: Request) -> Response:
        """GET /v2/sessions/{session_id}/chunks"""
        query = request.query()
        session_id = request.ids["session_id"]
        per_page, number = page_size(query), page_number(query)
        page = await self._store.bundles.chunks(
            request.who.project_id, session_id, offset=(number - 1) * per_page, limit=per_page
        )
        answer = ChunksListResponse(
            session_id=session_id,
            chunks=page.items,
            pagination=pagination(number, per_page, page.total, more=page.more),
        )
        return message_response(request, answer, next_link(request, number + 1) if page.more else None)

    async def read(self, request: Request) -> Response:
        """GET /v2/sessions/{session_id}/chunks/{chunk_id}"""
        ids = request.ids
        chunk = await self._store.bundles.open_chunk(
            request.who.project_id, ids["session_id"], ids["chunk_id"]
        )
        about = {
            headers.BUNDLE_COUNT: str(chunk.bundles),
            headers.CONTENT_MD5: chunk.md5,
            "Vary": "Accept, Accept-Encoding",
        }
        if request.chosen() == media.FRAMES:
            tag = fixed(f'"{chunk.chunk_id}.frames"')
            return body_response(request, chunk.frames, media.FRAMES, tag, about)
        if request.accepts_gzip():
            about["Content-Encoding"] = "gzip"
            tag = fixed(f'"{chunk.chunk_id}.ndjson.gz"')
            return body_response(request, chunk.ndjson_gz, media.NDJSON, tag, about)
        return StreamResponse(gunzip(aiter(chunk.ndjson_gz)), media.NDJSON, about, chunk.ndjson_size)
