"""Calls that read what a session recorded."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from moonsense.client._async.ahead import WORTH_FETCHING_AHEAD, AsyncAhead
from moonsense.client._async.listing import AsyncListing
from moonsense.client._async.readings import AsyncReadings
from moonsense.client._concurrency import async_run
from moonsense.client._core import bundles
from moonsense.client._core.bundles import BundleReader
from moonsense.client._core.deadlines import Deadline
from moonsense.client._core.ordering import Order, Sorter, checked_order
from moonsense.client._core.text import BundleText
from moonsense.client._files import Target, opened
from moonsense.contract.counters import BUNDLE
from moonsense.errors import NotFoundError
from moonsense.models.bundle_v2_pb2 import SealedBundle
from moonsense.models.data_plane_v2_pb2 import Chunk, ChunksListResponse


class AsyncChunkCalls(AsyncReadings):
    """Chunks and bundles.

    Bundles come as ``SealedBundle`` messages, while the answer is still
    arriving: memory does not grow with the session. A reader that cannot
    deliver everything raises, and has delivered only whole, correct bundles
    before. A reader that is dropped half way closes its connection.
    """

    def list_chunks(self, session_id: str, *, limit: int | None = None, skip: int = 0) -> AsyncListing[Chunk]:
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

    def read_chunk(self, session_id: str, chunk_id: str) -> AsyncGenerator[SealedBundle]:
        """The bundles of one chunk.

        The text's md5 is compared with the one that the cloud gives, in its
        answer or in ``list_chunks``.

        Raises:
            IncompleteError: the answer broke off.
            IntegrityError: the md5 or the number of bundles differs.
            DecodeError: a line is no bundle.
        """
        return self._chunk(session_id, chunk_id)

    def read_chunks(self, session_id: str) -> AsyncGenerator[SealedBundle]:
        """The bundles of all chunks of a session so far, chunk after chunk.

        Unlike ``read_session`` it leaves out what is in no chunk yet. Where the
        cloud is far, the next chunk is fetched while this one is read.

        Raises:
            NotFoundError, IncompleteError, IntegrityError, DecodeError: as read_chunk.
        """
        return self._chunk_after_chunk(session_id)

    def read_session(self, session_id: str, *, order: Order = "received") -> AsyncGenerator[SealedBundle]:
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

    async def _reading(
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
            region=await self._region_of(session_id, deadline),
            accept=accept or bundles.accept(self._wire),
            ids=ids,
        )
        return BundleReader(request, where, archive=not chunk_id, md5=self._digests.get(chunk_id) or "")

    async def _batches(
        self, session_id: str, deadline: Deadline | None = None
    ) -> AsyncGenerator[list[SealedBundle]]:
        """The bundles of a session as they arrive."""
        deadline = deadline or self._transport.deadline(streaming=True)
        batches = self._read(await self._reading(deadline, session_id), deadline)
        try:
            async for batch in batches:
                yield batch
        except NotFoundError:
            if not await self._is_empty(session_id, deadline):
                raise
        finally:
            await batches.aclose()

    async def _chunk(self, session_id: str, chunk_id: str) -> AsyncGenerator[SealedBundle]:
        if not chunk_id:
            raise ValueError("chunk_id must not be ''")
        deadline = self._transport.deadline(streaming=True)
        batches = _single(self._read(await self._reading(deadline, session_id, chunk_id), deadline))
        try:
            async for bundle in batches:
                yield bundle
        finally:
            await batches.aclose()

    async def _by_index(self, session_id: str) -> AsyncGenerator[SealedBundle]:
        batches = self._batches(session_id)
        try:
            with await async_run(Sorter) as sorter:
                async for batch in batches:
                    await async_run(sorter.add, batch)
                while ordered := await async_run(sorter.take):
                    for bundle in ordered:
                        yield bundle
        finally:
            await batches.aclose()

    async def _chunk_after_chunk(self, session_id: str) -> AsyncGenerator[SealedBundle]:
        deadline = self._transport.deadline(streaming=True)
        chunks = self.list_chunks(session_id)
        far = False
        ahead: AsyncAhead | None = None
        batches: AsyncGenerator[list[SealedBundle]] | None = None
        try:
            following = await self._next_chunk(deadline, session_id, chunks)
            while following is not None:
                present, fetched = following, ahead
                batches = self._read(present, deadline, fetched)
                following = await self._next_chunk(deadline, session_id, chunks)
                ahead = None
                if far and following is not None:
                    ahead = AsyncAhead(self._transport, following.request, following.where, deadline)
                async for batch in batches:
                    for bundle in batch:
                        yield bundle
                far = far or present.waited >= WORTH_FETCHING_AHEAD
        finally:
            if ahead is not None:
                await ahead.aclose()
            if batches is not None:
                await batches.aclose()
            await chunks.aclose()

    async def _next_chunk(
        self, deadline: Deadline, session_id: str, chunks: AsyncGenerator[Chunk]
    ) -> BundleReader | None:
        chunk = await anext(chunks, None)
        return None if chunk is None else await self._reading(deadline, session_id, chunk.chunk_id)

    async def download_session(self, session_id: str, output_file: Target) -> None:
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
            region=await self._region_of(session_id, deadline),
            accept=bundles.accept_text(),
            ids={"session_id": session_id},
        )
        try:
            await self._save(BundleText(request, f"session {session_id}"), output_file, deadline)
        except NotFoundError:
            if not await self._is_empty(session_id, deadline):
                raise
            with await async_run(opened, output_file) as file:
                await async_run(file.commit)

    async def _is_empty(self, session_id: str, deadline: Deadline) -> bool:
        """Whether a session is there and has no bundle, which some clouds answer like no session."""
        counters = (await self._describe(session_id, deadline=deadline)).counters
        return BUNDLE not in counters or counters[BUNDLE].total == 0


async def _single(batches: AsyncGenerator[list[SealedBundle]]) -> AsyncGenerator[SealedBundle]:
    """Bundles one by one. Closing it closes what they come from."""
    try:
        async for batch in batches:
            for bundle in batch:
                yield bundle
    finally:
        await batches.aclose()
