"""Streams of a session's bundles, put together from chunks and what is still in the log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial

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
        ndjson_gz=Body(row.ndjson_gz_size, partial(objects.stream, ndjson_gz), row.ndjson_gz_sha256),
        frames=Body(row.frames_size, partial(objects.stream, framed), row.frames_sha256),
    )


async def snapshot(
    lineage: str, stored: Sequence[StoredChunk], unsealed: Sequence[bytes], media_type: str
) -> Snapshot:
    """All bundles of a session in one rendition: chunks as stored, then the log's."""
    if media_type == media.FRAMES:
        parts = [chunk.frames for chunk in stored]
        tail = frames(unsealed)
    else:
        parts = [Body(chunk.ndjson_size, partial(_text, chunk)) for chunk in stored]
        # Writing JSON takes long enough to keep others waiting.
        tail = await asyncio.to_thread(ndjson, unsealed)
    parts.append(Body(len(tail), partial(_bytes, tail)))
    bundles = sum(chunk.bundles for chunk in stored) + len(unsealed)
    return Snapshot(lineage, bundles, Body(sum(part.size for part in parts), partial(_joined, parts)))


async def _joined(parts: Sequence[Body], offset: int) -> AsyncIterator[bytes]:
    """Parts one behind the other; those that end before the offset are not opened."""
    for part in parts:
        if offset < part.size:
            async for piece in part.begin_at(offset):
                yield piece
        offset = max(0, offset - part.size)


async def _text(chunk: StoredChunk, offset: int) -> AsyncIterator[bytes]:
    """A chunk's NDJSON; what lies before the offset is inflated and dropped."""
    async for piece in gunzip(aiter(chunk.ndjson_gz)):
        if offset < len(piece):
            yield piece[offset:]
        offset = max(0, offset - len(piece))


async def _bytes(data: bytes, offset: int) -> AsyncIterator[bytes]:
    if offset < len(data):
        yield data[offset:]
