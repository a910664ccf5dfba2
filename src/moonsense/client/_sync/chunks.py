# Made from src/moonsense/client/_async/chunks.py by scripts/generate_sync.py: do not edit.
"""Calls that read what a session recorded."""

from __future__ import annotations

from collections.abc import Generator

from moonsense.client._concurrency import run
from moonsense.client._core import bundles
from moonsense.client._core.bundles import BundleReader
from moonsense.client._core.deadlines import Deadline
from moonsense.client._core.ordering import Order, Sorter, checked_order
from moonsense.client._core.text import BundleText
from moonsense.client._files import Target, opened
from moonsense.client._sync.ahead import WORTH_FETCHING_AHEAD, Ahead
from moonsense.client._sync.listing import Listing
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

    def list_chunks(self, session_id: str, *, limit: int | None = None, skip: int = 0) -> Listing[Chunk]:
        """The chunks that a session's bundles were sealed into so far, oldest first.

        Args:
            session_id: the session.
            limit: at most so many.
            skip: without the first so many, whose pages are not asked for.

        Raises:
            ValueError: ``limit`` or ``skip`` is below 0.
        """

        def seen(chunk: Chunk) -> None:
            if chunk.md5:
                self._digests.put(chunk.chunk_id, chunk.md5)

        return self._list(
            "list_chunks",
            ChunksListResponse,
            lambda page: page.chunks,
            lambda chunk: chunk.chunk_id,
            session=session_id,
            ids={"session_id": session_id},
            limit=limit,
            skip=skip,
            seen=seen,
        )

    def read_chunk(self, session_id: str, chunk_id: str) -> Generator[SealedBundle]:
        """The bundles of one chunk.

        The text's md5 is compared with the one that the cloud gives, in its
        answer or in ``list_chunks``.

        Raises:
            IncompleteError: the answer broke off.
            IntegrityError: the md5 or the number of bundles differs.
            DecodeError: a line is no bundle.
        """
        return self._chunk(session_id, chunk_id)

    def read_chunks(self, session_id: str) -> Generator[SealedBundle]:
        """The bundles of all chunks of a session so far, chunk after chunk.

        Unlike ``read_session`` it leaves out what is in no chunk yet. Where the
        cloud is far, the next chunk is fetched while this one is read.

        Raises:
            NotFoundError, IncompleteError, IntegrityError, DecodeError: as read_chunk.
        """
        return self._chunk_after_chunk(session_id)

    def read_session(self, session_id: str, *, order: Order = "received") -> Generator[SealedBundle]:
        """All bundles of a session that the cloud received so far.

        Args:
            order: ``received`` gives them as the cloud received them, while they
                arrive. ``index`` sorts them by their index first, with a temporary
                file for those that do not fit into 16 MiB: bundles without an index
                come first, one that was sent again comes once, and bundles that
                share an index and differ all come, as received.

        Raises:
            NotFoundError: the token's project has no such session.
            IncompleteError: the answer broke off.
            IntegrityError: a checksum or the number of bundles differs, or the
                archive is none with exactly one file.
            DecodeError: a line or frame is no bundle.
            ValueError: there is no such order.
        """
        if checked_order(order) == "index":
            return self._by_index(session_id)
        return _single(self._batches(session_id))

    def _reading(
        self, deadline: Deadline, session_id: str, chunk_id: str = "", accept: str = ""
    ) -> BundleReader:
        """How to read a session, or one chunk of it."""
        ids = {"session_id": session_id}
        where = f"session {session_id}"
        if chunk_id:
            ids["chunk_id"] = chunk_id
            where += f", chunk {chunk_id}"
        request = self._builder.build(
            "read_chunk" if chunk_id else "read_session",
            region=self._region_of(session_id, deadline),
            accept=accept or bundles.accept(self._wire),
            ids=ids,
        )
        return BundleReader(request, where, archive=not chunk_id, md5=self._digests.get(chunk_id) or "")

    def _batches(self, session_id: str, deadline: Deadline | None = None) -> Generator[list[SealedBundle]]:
        """The bundles of a session as they arrive."""
        deadline = deadline or self._transport.deadline(streaming=True)
        batches = self._read(self._reading(deadline, session_id), deadline)
        try:
            yield from batches
        except NotFoundError:
            if not self._is_empty(session_id, deadline):
                raise
        finally:
            batches.close()

    def _chunk(self, session_id: str, chunk_id: str) -> Generator[SealedBundle]:
        if not chunk_id:
            raise ValueError("chunk_id must not be ''")
        deadline = self._transport.deadline(streaming=True)
        batches = _single(self._read(self._reading(deadline, session_id, chunk_id), deadline))
        try:
            yield from batches
        finally:
            batches.close()

    def _by_index(self, session_id: str) -> Generator[SealedBundle]:
        batches = self._batches(session_id)
        try:
            with run(Sorter) as sorter:
                for batch in batches:
                    run(sorter.add, batch)
                while ordered := run(sorter.take):
                    yield from ordered
        finally:
            batches.close()

    def _chunk_after_chunk(self, session_id: str) -> Generator[SealedBundle]:
        deadline = self._transport.deadline(streaming=True)
        chunks = self.list_chunks(session_id)
        far = False
        ahead: Ahead | None = None
        batches: Generator[list[SealedBundle]] | None = None
        try:
            following = self._next_chunk(deadline, session_id, chunks)
            while following is not None:
                present, fetched = following, ahead
                batches = self._read(present, deadline, fetched)
                following = self._next_chunk(deadline, session_id, chunks)
                ahead = None
                if far and following is not None:
                    ahead = Ahead(self._transport, following.request, following.where, deadline)
                for batch in batches:
                    yield from batch
                far = far or present.waited >= WORTH_FETCHING_AHEAD
        finally:
            if ahead is not None:
                ahead.close()
            if batches is not None:
                batches.close()
            chunks.close()

    def _next_chunk(
        self, deadline: Deadline, session_id: str, chunks: Generator[Chunk]
    ) -> BundleReader | None:
        chunk = next(chunks, None)
        return None if chunk is None else self._reading(deadline, session_id, chunk.chunk_id)

    def download_session(self, session_id: str, output_file: Target) -> None:
        """Write all bundles of a session to a file, one JSON document a line.

        The lines are those that the cloud sends. The file appears whole or not
        at all; one that is there already stays as it is until then.

        Args:
            output_file: its name; or what has a ``write``, such as an open binary
                file, which is given whole lines as they come and is the caller's
                to close, and to throw away when this raises.

        Raises:
            NotFoundError, IncompleteError, IntegrityError, DecodeError: as read_session.
            OSError: the file cannot be written.
        """
        deadline = self._transport.deadline(streaming=True)
        request = self._builder.build(
            "read_session",
            region=self._region_of(session_id, deadline),
            accept=bundles.accept_text(),
            ids={"session_id": session_id},
        )
        try:
            self._save(BundleText(request, f"session {session_id}"), output_file, deadline)
        except NotFoundError:
            if not self._is_empty(session_id, deadline):
                raise
            with run(opened, output_file) as file:
                run(file.commit)

    def _is_empty(self, session_id: str, deadline: Deadline) -> bool:
        """Whether a session is there and has no bundle, which some clouds answer like no session."""
        counters = (self._describe(session_id, deadline=deadline)).counters
        return BUNDLE not in counters or counters[BUNDLE].total == 0


def _single(batches: Generator[list[SealedBundle]]) -> Generator[SealedBundle]:
    """Bundles one by one. Closing it closes what they come from."""
    try:
        for batch in batches:
            yield from batch
    finally:
        batches.close()
