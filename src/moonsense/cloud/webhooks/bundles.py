"""The bundle that a delivery tells of: in the log, or in a chunk by now."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import NamedTuple

from sqlalchemy import Connection, select

from moonsense.cloud.catalog.deliveries import Due
from moonsense.cloud.catalog.log import Ranges
from moonsense.cloud.catalog.tables import chunk, log, session
from moonsense.cloud.objects import Objects, chunk_keys
from moonsense.cloud.records import Catalog
from moonsense.codec.frames import FrameParser
from moonsense.models.bundle_v2_pb2 import SealedBundle

# An endpoint that comes back after a while is sent the bundles of one chunk one after the other.
_CHUNKS_KEPT = 4


class BundleGoneError(Exception):
    """A bundle is neither in the log nor in a chunk: its session was deleted."""


class _Sealed(NamedTuple):
    project_id: str
    session_id: str
    chunk_id: str


class Bundles:
    """Finds bundles by what a delivery knows of them. For one event loop."""

    def __init__(self, catalog: Catalog, objects: Objects) -> None:
        self._catalog = catalog
        self._objects = objects
        self._chunks: OrderedDict[str, dict[int, SealedBundle]] = OrderedDict()
        self._reading = asyncio.Lock()

    async def of(self, delivery: Due) -> SealedBundle | None:
        """The bundle of a delivery, which is not to be changed; None when it has none.

        Raises BundleGoneError.
        """
        if delivery.bundle is not None:
            return SealedBundle.FromString(delivery.bundle)
        index, key = delivery.bundle_index, delivery.session_key
        if index is None or key is None:
            return None
        found = await self._catalog.read(lambda connection: _find(connection, key, index))
        if isinstance(found, bytes):
            return SealedBundle.FromString(found)
        if found is None:
            raise BundleGoneError("the bundle is gone")
        async with self._reading:  # several deliveries of one chunk would each read it
            sealed = (await self._chunk(found)).get(index)
        if sealed is None:
            raise BundleGoneError("the bundle is gone")
        return sealed

    async def _chunk(self, where: _Sealed) -> dict[int, SealedBundle]:
        """The bundles of a chunk by their indexes."""
        known = self._chunks.get(where.chunk_id)
        if known is None:
            _, key = chunk_keys(*where)
            parser = FrameParser(SealedBundle, where=f"chunk {where.chunk_id}")
            known = {}
            async for piece in self._objects.stream(key):
                known.update((sealed.bundle.index, sealed) for sealed in parser.feed(piece))
            parser.close()
            self._chunks[where.chunk_id] = known
            if len(self._chunks) > _CHUNKS_KEPT:
                self._chunks.popitem(last=False)
        return known


def _find(connection: Connection, session_key: int, index: int) -> bytes | _Sealed | None:
    """A bundle's bytes in the log, or the chunk that has it; looked for in one transaction."""
    query = select(log.c.payload).where(log.c.session_key == session_key, log.c.bundle_index == index)
    payload: bytes | None = connection.execute(query).scalar_one_or_none()
    if payload is not None:
        return payload
    sealed = (
        select(session.c.project_id, session.c.session_id, chunk.c.chunk_id, chunk.c.indexes)
        .join(session, session.c.key == chunk.c.session_key)
        .where(chunk.c.session_key == session_key)
    )
    for row in connection.execute(sealed):
        if index in Ranges.parse(row.indexes):
            return _Sealed(row.project_id, row.session_id, row.chunk_id)
    return None
