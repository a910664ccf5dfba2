"""Streams of a session's bundles, put together from chunks and what is still in the log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from moonsense.cloud.catalog.chunks import ChunkRow
from moonsense.cloud.objects import Objects, chunk_keys
from moonsense.cloud.records import Body, Snapshot, StoredChunk
from moonsense.cloud.renditions import frames, gunzip, ndjson
from moonsense.contract import media


def stored_chunk(objects: Objects, project_id: str, session_id: str, row: ChunkRow) -> StoredChunk:
    """A chunk whose two objects are read when they are asked for."""
    ndjson_gz, framed = chunk_keys(project_id, session_id, row.chunk_id)
    return StoredChunk(
        chunk_id=row.chunk_id,
        bundles=row.bundles,
        md5=row.md5,
        ndjson_size=row.ndjson_size,
        ndjson_gz=Body(row.ndjson_gz_size, lambda: objects.stream(ndjson_gz)),
        frames=Body(row.frames_size, lambda: objects.stream(framed)),
    )


async def snapshot(stored: Sequence[StoredChunk], unsealed: Sequence[bytes], media_type: str) -> Snapshot:
    """All bundles of a session in one rendition: chunks as stored, then the log's."""
    if media_type == media.FRAMES:
        tail = frames(unsealed)
        size = sum(chunk.frames.size for chunk in stored)
        pieces: Callable[[StoredChunk], AsyncIterator[bytes]] = lambda chunk: aiter(chunk.frames)  # noqa: E731
    else:
        # Writing JSON takes long enough to keep others waiting.
        tail = await asyncio.to_thread(ndjson, unsealed)
        size = sum(chunk.ndjson_size for chunk in stored)
        pieces = lambda chunk: gunzip(aiter(chunk.ndjson_gz))  # noqa: E731

    async def stream() -> AsyncIterator[bytes]:
        for chunk in stored:
            async for piece in pieces(chunk):
                yield piece
        if tail:
            yield tail

    bundles = sum(chunk.bundles for chunk in stored) + len(unsealed)
    return Snapshot(bundles, Body(size + len(tail), stream))
