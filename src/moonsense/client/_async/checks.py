"""The call that checks a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moonsense.client._async.chunks import AsyncChunkCalls
from moonsense.client._core import bundles
from moonsense.client._core.bundles import BundleReader
from moonsense.client._core.deadlines import Deadline
from moonsense.errors import DataError, NotFoundError

if TYPE_CHECKING:
    from moonsense.client._core.check import SessionReport


class AsyncCheckCalls(AsyncChunkCalls):
    """Checks."""

    async def check_session(self, session_id: str) -> SessionReport:
        """Read all of a session, by chunks and as a whole, and report what is missing or wrong.

        Gaps and repeats are found by the bundles' ``index``; digests and
        counters are compared. What cannot be read is in the report; nothing is
        held in memory but runs of indices. A session that is being recorded may
        be checked: what arrives meanwhile is no fault.

        Raises:
            NotFoundError: the token's project has no such session.
            RequestError: the cloud could not be asked.
        """
        from moonsense.client._core.check import SessionCheck  # noqa: PLC0415 (few programs need it)

        check = SessionCheck(session_id)
        deadline = self._transport.deadline(streaming=True)
        before = await self._describe(session_id, deadline=deadline)
        async for chunk in self.list_chunks(session_id):
            # The text, since that is what the md5 in the list is of.
            reading = await self._reading(deadline, session_id, chunk.chunk_id, bundles.accept_text())
            try:
                count = await self._count(reading, deadline)
            except (DataError, NotFoundError) as error:
                check.broken_chunk(str(error))
            else:
                check.chunk(count, verified=reading.verified)
        try:
            async for batch in self._batches(session_id, deadline):
                check.add(batch)
        except DataError as error:
            check.broken(str(error))
        return check.report(before, await self._describe(session_id, deadline=deadline))

    async def _count(self, reading: BundleReader, deadline: Deadline) -> int:
        count = 0
        async for batch in self._read(reading, deadline):
            count += len(batch)
        return count
