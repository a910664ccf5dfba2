"""Bundles: received into the log, and read back from chunks and log."""

from __future__ import annotations

import asyncio

from sqlalchemy import Connection

from moonsense.cloud import bodies
from moonsense.cloud.catalog import chunks, log, sessions
from moonsense.cloud.catalog.writer import Done
from moonsense.cloud.ingest import rows_of
from moonsense.cloud.records import Page, Principal, Snapshot, StoredChunk
from moonsense.cloud.store.folder import Folder, of_project, there
from moonsense.contract.problems import Problem
from moonsense.models.data_plane_v2_pb2 import Chunk
from moonsense.models.data_plane_v2_sdk_pb2 import BundleCreateRequest, BundleCreateResponse

# More are counted and serialized in a thread: a bundle takes about ten microseconds.
_MANY_BUNDLES = 100


class Bundles:
    """The bundles of all sessions, and the chunks they are sealed into."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._most = folder.settings.max_bundles_per_request
        self._most_items = folder.settings.max_items_per_bundle

    async def add(
        self, who: Principal, request: BundleCreateRequest, *, remote_ip: str
    ) -> BundleCreateResponse:
        """Store bundles; returns when the disk has them. All of them are stored, or none."""
        if len(request.bundles) > self._most:
            raise Problem(
                413,
                f"a request may hold {self._most} bundles, this one has {len(request.bundles)}; "
                "send them in several",
                "bundles",
            )
        session = await self._folder.session(who.project_id, request.session_id)

        def rows() -> list[log.LogRow]:
            return rows_of(request, session, who, remote_ip=remote_ip, max_items=self._most_items)

        large = len(request.bundles) > _MANY_BUNDLES
        received = await asyncio.to_thread(rows) if large else rows()
        try:
            await self._folder.writer.append(
                received, self._folder.outbox.bundles_received(session, received)
            )
        except Problem as problem:
            self._failed(request.session_id, problem)
            raise
        return BundleCreateResponse(success_count=len(request.bundles))

    def begin(
        self,
        who: Principal,
        request: BundleCreateRequest,
        loop: asyncio.AbstractEventLoop,
        done: Done,
        *,
        remote_ip: str,
    ) -> bool:
        """Store bundles as ``add`` does, for a caller in the loop's thread that has no task to wait in.

        ``done`` is called in the loop when the disk has them, or with the error.
        False, and nothing is done, when there is more to it than handing them
        to the writer: a session to look up, a limit that is passed.
        """
        session = self._folder.known_session(who.project_id, request.session_id)
        if session is None or len(request.bundles) > min(self._most, _MANY_BUNDLES):
            return False
        writer = self._folder.writer
        if not writer.has_room(len(request.bundles)):
            return False
        try:
            rows = rows_of(request, session, who, remote_ip=remote_ip, max_items=self._most_items)
        except Problem:
            return False

        def stored(outcome: None, error: BaseException | None) -> None:
            if error is not None:
                self._failed(request.session_id, error)
            done(outcome, error)

        writer.begin(rows, self._folder.outbox.bundles_received(session, rows), loop, stored)
        return True

    def _failed(self, session_id: str, error: BaseException) -> None:
        """Look a session up anew when the writer did not find it."""
        if isinstance(error, Problem) and error.status == 404:
            self._folder.forget_session(session_id)

    async def chunks(self, project_id: str, session_id: str, *, offset: int, limit: int) -> Page[Chunk]:
        """A part of a session's chunks, oldest first."""

        def page(connection: Connection) -> Page[Chunk]:
            of_project(sessions.find(connection, session_id), project_id)
            return chunks.page(connection, project_id, session_id, offset=offset, limit=limit)

        return await self._folder.read(page)

    async def open_chunk(self, project_id: str, session_id: str, chunk_id: str) -> StoredChunk:
        """A chunk, to be streamed."""

        def find(connection: Connection) -> chunks.ChunkRow | None:
            ref = of_project(sessions.find(connection, session_id), project_id)
            return chunks.find(connection, ref.key, chunk_id)

        row = there(await self._folder.read(find), "chunk", "chunk_id")
        return bodies.stored_chunk(self._folder.objects, project_id, session_id, row)

    async def open(self, project_id: str, session_id: str, media_type: str) -> Snapshot:
        """Every bundle of a session received so far, as ``media.FRAMES`` or ``media.NDJSON``.

        Chunks and log are read in one transaction, so a bundle that is sealed
        meanwhile is neither missing nor there twice.
        """

        def find(connection: Connection) -> tuple[int, list[chunks.ChunkRow], list[bytes]]:
            ref = of_project(sessions.find(connection, session_id), project_id)
            unsealed = [row.payload for row in log.read(connection, ref.key)]
            return ref.key, chunks.of_session(connection, ref.key), unsealed

        key, rows, unsealed = await self._folder.read(find)
        objects = self._folder.objects
        stored = [bodies.stored_chunk(objects, project_id, session_id, row) for row in rows]
        return await bodies.snapshot(str(key), stored, unsealed, media_type)
