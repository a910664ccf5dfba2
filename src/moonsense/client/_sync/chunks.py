# Made from src/moonsense/client/_async/chunks.py by scripts/generate_sync.py: do not edit.
"""Calls that read what a session recorded."""

from __future__ import annotations

import os
from collections.abc import Generator

from moonsense.client._concurrency import run
from moonsense.client._core import bundles
from moonsense.client._core.bundles import BundleReader
from moonsense.client._core.text import BundleText
from moonsense.client._files import WholeFile
from moonsense.client._sync.readings import Readings
from moonsense.contract.counters import BUNDLE
from moonsense.errors import NotFoundError
from moonsense.models.bundle_v2_pb2 import SealedBundle
from moonsense.models.data_plane_v2_pb2 import Chunk, ChunksListResponse


class ChunkCalls(Readings):
    """Chunks and bundles.

    Bundles come as ``SealedBundle`` messages, while the answer is still
    arriving: memory does not grow with the session. A reader that cannot
    deliver everything raises, and has delivered only whole, correct bundles
    before. A reader that is dropped half way closes its connection.
    """

    def list_chunks(self, session_id: str) -> Generator[Chunk]:
        """The chunks that a session's bundles were sealed into so far, oldest first."""
        region = self._region_of(session_id)
        first = self._first_page("list_chunks", region=region, ids={"session_id": session_id})
        for chunk in self._walk(
            first, ChunksListResponse, lambda page: page.chunks, lambda chunk: chunk.chunk_id
        ):
            if chunk.md5:
                self._digests.put(chunk.chunk_id, chunk.md5)
            yield chunk

    def read_chunk(self, session_id: str, chunk_id: str) -> Generator[SealedBundle]:
        """The bundles of one chunk.

        The text's md5 is compared with the one that the cloud gives, in its
        answer or in ``list_chunks``.

        Raises:
            IncompleteError: the answer broke off.
            IntegrityError: the md5 or the number of bundles differs.
            DecodeError: a line is no bundle.
        """
        return self._bundles("read_chunk", session_id, chunk_id=chunk_id)

    def read_session(self, session_id: str) -> Generator[SealedBundle]:
        """All bundles of a session that the cloud received so far, in their order.

        Raises:
            NotFoundError: the token's project has no such session.
            IncompleteError: the answer broke off.
            IntegrityError: a checksum or the number of bundles differs, or the
                archive is none with exactly one file.
            DecodeError: a line or frame is no bundle.
        """
        return self._bundles("read_session", session_id)

    def _bundles(self, name: str, session_id: str, **chunk: str) -> Generator[SealedBundle]:
        where = ", ".join([f"session {session_id}", *(f"chunk {chunk_id}" for chunk_id in chunk.values())])
        request = self._builder.build(
            name,
            region=self._region_of(session_id),
            accept=bundles.accept(self._wire),
            ids={"session_id": session_id, **chunk},
        )
        digest = self._digests.get(chunk.get("chunk_id", "")) or ""
        batches = self._read(BundleReader(request, where, archive=not chunk, md5=digest))
        try:
            for batch in batches:
                yield from batch
        except NotFoundError:
            if chunk or not self._is_empty(session_id):
                raise
        finally:
            batches.close()

    def download_session(self, session_id: str, output_file: str | os.PathLike[str]) -> None:
        """Write all bundles of a session to a file, one JSON document a line.

        The lines are those that the cloud sends. The file appears whole or not
        at all; one that is there already stays as it is until then.

        Raises:
            NotFoundError, IncompleteError, IntegrityError, DecodeError: as read_session.
            OSError: the file cannot be written.
        """
        request = self._builder.build(
            "read_session",
            region=self._region_of(session_id),
            accept=bundles.accept_text(),
            ids={"session_id": session_id},
        )
        try:
            self._save(BundleText(request, f"session {session_id}"), output_file)
        except NotFoundError:
            if not self._is_empty(session_id):
                raise
            with run(WholeFile, output_file) as file:
                run(file.commit)

    def _is_empty(self, session_id: str) -> bool:
        """Whether a session is there and has no bundle, which some clouds answer like no session."""
        counters = (self._describe(session_id)).counters
        return BUNDLE not in counters or counters[BUNDLE].total == 0
