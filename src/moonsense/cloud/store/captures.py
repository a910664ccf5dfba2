"""Packet captures: uploaded in parts, given out as one file."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator

from sqlalchemy import Connection

from moonsense.cloud import pcap
from moonsense.cloud.catalog import captures, chunks, sessions
from moonsense.cloud.catalog.captures import CaptureRow
from moonsense.cloud.objects import capture_key
from moonsense.cloud.records import Body
from moonsense.cloud.store.folder import Folder, now_micros, of_project
from moonsense.contract.ids import new_id
from moonsense.contract.problems import Problem

# No upload takes this long to be stored; what is unadopted then never will be.
_ANNOUNCED_MICROS = 3600 * 1_000_000


class Captures:
    """The packet captures of all sessions."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    async def add(self, project_id: str, session_id: str, data: bytes) -> None:
        """Store a capture (libpcap's classic format); its packets come behind those there are.

        Problem 422 when it is no such file, or of another kind (byte order,
        resolution, link type) than those before.
        """
        ref = await self._folder.session(project_id, session_id)
        try:
            capture = await asyncio.to_thread(pcap.read, data)
        except ValueError as error:
            raise Problem(422, str(error)) from None
        object_key = capture_key(project_id, session_id, new_id())
        row = CaptureRow(object_key, capture.header, len(capture.records), capture.packets, now_micros())
        due = now_micros() + _ANNOUNCED_MICROS
        await self._folder.write(lambda connection: chunks.announce(connection, [object_key], due))
        await asyncio.to_thread(self._folder.objects.put, object_key, capture.records)

        def adopt(connection: Connection) -> None:
            of_project(sessions.find(connection, session_id), project_id)
            before = captures.of_session(connection, ref.key)
            if before and not pcap.mergeable(before[0].header, capture.header):
                raise Problem(422, "the capture is of another kind than the session's first one")
            if not chunks.adopt(connection, [object_key]):
                raise Problem(503, "the upload took too long; try again", retry_after=1)
            captures.add(connection, ref.key, row)

        await self._folder.write(adopt)

    async def open(self, project_id: str, session_id: str) -> Body | None:
        """All captures of a session as one file; None when there is none."""

        def find(connection: Connection) -> list[CaptureRow]:
            ref = of_project(sessions.find(connection, session_id), project_id)
            return captures.of_session(connection, ref.key)

        rows = await self._folder.read(find)
        if not rows:
            return None
        size = pcap.HEADER_BYTES + sum(row.size for row in rows)
        return Body(size, functools.partial(self._stream, rows))

    async def _stream(self, rows: list[CaptureRow], offset: int) -> AsyncIterator[bytes]:
        assert offset == 0, "a capture is only ever sent whole, inside an archive"
        yield rows[0].header
        for row in rows:
            async for piece in self._folder.objects.stream(row.object_key):
                yield piece
