"""Answers that arrive before anyone reads them."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

from moonsense.client._concurrency import async_sleep
from moonsense.client._core.answers import Head
from moonsense.client._core.deadlines import Deadline
from moonsense.client._core.requests import Request
from moonsense.client._pipes import AsyncJob, AsyncPipe

if TYPE_CHECKING:
    from moonsense.client._async.transport import AsyncTransport

WORTH_FETCHING_AHEAD = 0.01
"""Seconds that a cloud takes to begin an answer, from which on asking ahead saves more than it costs."""

_MOST_BYTES = 8 * 1024 * 1024
"""Bytes of an answer that wait for their reader; the rest stays with the cloud until then."""


class AsyncAhead:
    """The answer to a request that is sent at once; like ``stream`` of the transport otherwise."""

    head: Head

    def __init__(self, transport: AsyncTransport, request: Request, where: str, deadline: Deadline) -> None:
        self._transport = transport
        self._request = request
        self._where = where
        self._deadline = deadline
        self._pipe: AsyncPipe[Head | bytes | Exception] = AsyncPipe(_MOST_BYTES)
        self._job = AsyncJob(self._fetch)

    async def _fetch(self) -> None:
        try:
            async with self._transport.stream(self._request, self._where, self._deadline) as body:
                wanted = await self._pipe.put(body.head)
                while wanted:
                    raw = await body.read()
                    wanted = await self._pipe.put(raw, len(raw)) and raw != b""
        except Exception as error:  # noqa: BLE001 (it is raised where the answer is read)
            await self._pipe.put(error)

    async def read(self) -> bytes:
        """The next bytes as they were sent; none at the end. Raises what the transport raised."""
        # Whoever decodes what is here already would keep the other from going on.
        await async_sleep(0.0)
        item = await self._pipe.get()
        if isinstance(item, Exception):
            raise item
        assert isinstance(item, bytes)
        return item

    async def aclose(self) -> None:
        """Stop fetching; a second time is nothing."""
        await self._pipe.aclose()
        await self._job.end()

    async def __aenter__(self) -> Self:
        head = await self._pipe.get()
        if isinstance(head, Exception):
            raise head
        assert isinstance(head, Head)
        self.head = head
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
