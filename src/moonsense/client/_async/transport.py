"""Sends requests and carries out what the core decides about them."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from moonsense.client._async.pool import AsyncPool
from moonsense.client._concurrency import async_sleep
from moonsense.client._core import redirects, telemetry
from moonsense.client._core.answers import (
    MAX_ERROR_BYTES,
    MAX_WHOLE_BYTES,
    PARTIAL,
    SUCCESS,
    Answer,
    Head,
    error_of,
)
from moonsense.client._core.bodies import BodyDecoder
from moonsense.client._core.deadlines import Deadline
from moonsense.client._core.failures import foreign, too_late, translate, translate_body
from moonsense.client._core.options import MESSAGE_DEADLINE, UNSET, Timeout, Unset
from moonsense.client._core.requests import Request
from moonsense.client._core.retries import RetryPolicy, may_have_been_done
from moonsense.contract import headers as names
from moonsense.contract.ids import new_id
from moonsense.errors import (
    ConnectionFailed,
    DataError,
    IncompleteError,
    MoonsenseError,
    NotFoundError,
    RateLimitError,
    RequestError,
)

if TYPE_CHECKING:
    from moonsense.client._async.pool import AsyncResponse

logger = logging.getLogger("moonsense.client")

T = TypeVar("T")


class AsyncTransport:
    """Sends a client's requests over its pool of connections, with its token, retries and times."""

    def __init__(
        self,
        pool: AsyncPool,
        token: str,
        policy: RetryPolicy,
        timeout: Timeout,
        deadline: float | Unset | None = UNSET,
        note: Callable[[Answer], None] | None = None,
    ) -> None:
        self._pool = pool
        self._token = token
        self._policy = policy
        self._timeout = timeout
        self._deadline = deadline
        self._note = note

    def with_options(
        self,
        *,
        policy: RetryPolicy | None = None,
        timeout: Timeout | None = None,
        deadline: float | Unset | None = UNSET,
        note: Callable[[Answer], None] | None = None,
    ) -> AsyncTransport:
        """Another one over the same connections; what is not given stays."""
        return AsyncTransport(
            self._pool,
            self._token,
            policy or self._policy,
            timeout or self._timeout,
            self._deadline if deadline is UNSET else deadline,
            note or self._note,
        )

    async def aclose(self) -> None:
        """Close the connections; a second time is nothing."""
        await self._pool.aclose()

    def deadline(self, *, streaming: bool = False) -> Deadline:
        """The deadline of a call that begins now.

        One that reads data of any size, ``streaming``, has none unless it was asked for.
        """
        if self._deadline is UNSET:
            return Deadline(None if streaming else MESSAGE_DEADLINE)
        return Deadline(self._deadline)

    async def send(self, request: Request, deadline: Deadline | None = None) -> Answer:
        """The whole answer to a request. Raises RequestError, or DataError for a damaged body."""
        return await self._retry(request, self._exchange, deadline or self.deadline())

    async def delete(self, request: Request, deadline: Deadline | None = None) -> None:
        """Send a DELETE. That there is nothing is success when an attempt before may have deleted it."""
        lost = False

        async def once(request: Request, deadline: Deadline, attempt: int) -> None:
            nonlocal lost
            try:
                await self._exchange(request, deadline, attempt)
            except NotFoundError:
                if not lost:
                    raise
            except RequestError as error:
                lost = lost or may_have_been_done(error)
                raise

        await self._retry(request, once, deadline or self.deadline())

    def stream(self, request: Request, where: str, deadline: Deadline | None = None) -> AsyncBody:
        """The answer to a request, to be read piece by piece; ``where`` names it in errors."""
        return AsyncBody(self, request, where, deadline or self.deadline(streaming=True))

    async def open(self, request: Request, deadline: Deadline) -> AsyncResponse:
        """The response to a request with its body unread, which the caller closes."""
        response = await self._retry(request, self._open, deadline)
        if self._note:
            self._note(Answer(request, response.head, b""))
        return response

    def pause(
        self,
        request: Request,
        attempt: int,
        error: RequestError | IncompleteError,
        deadline: Deadline | None = None,
    ) -> float | None:
        """Seconds before a body that broke off is asked for again, or None when it is not.

        ``attempt`` is the number of the one that broke off without any progress, from 1.
        """
        if isinstance(error, IncompleteError):
            error = ConnectionFailed(error.message)
        left = deadline.left() if deadline else None
        chance = random.random()  # noqa: S311
        return self._policy.pause(request, attempt, error, chance=chance, left=left)

    async def _retry(
        self,
        request: Request,
        once: Callable[[Request, Deadline, int], Awaitable[T]],
        deadline: Deadline,
    ) -> T:
        attempt = 1
        while True:
            try:
                with deadline.holding():
                    return await once(request, deadline, attempt)
            except RequestError as error:
                pause = self.pause(request, attempt, error, deadline)
                if pause is None:
                    raise
                level = logging.WARNING if isinstance(error, RateLimitError) else logging.INFO
                logger.log(level, "attempt %d failed, the next is in %.2f s: %s", attempt, pause, error)
            await async_sleep(pause)
            attempt += 1

    async def _exchange(self, request: Request, deadline: Deadline, attempt: int) -> Answer:
        response = await self._open(request, deadline, attempt)
        head = response.head
        try:
            decoder = BodyDecoder(head, str(request))
            body = bytearray()
            try:
                async for raw in response.pieces():
                    if deadline.passed:
                        raise too_late(request, deadline)
                    for piece in decoder.feed(raw):
                        body += piece
                        if len(body) > MAX_WHOLE_BYTES:
                            reason = f"the answer is larger than {MAX_WHOLE_BYTES} bytes"
                            raise DataError(reason, where=str(request))
            except foreign() as error:
                raise translate(error, request, deadline) from None
            decoder.close()
            answer = Answer(request, head, bytes(body))
            if self._note:
                self._note(answer)
            return answer
        except MoonsenseError as error:
            error.request_id = error.request_id or head.request_id
            raise
        finally:
            await response.aclose()

    async def _open(self, request: Request, deadline: Deadline, attempt: int) -> AsyncResponse:
        """The response of a status of success, redirects followed, its body unread."""
        hops = 0
        while True:
            response = await self._send_once(request, deadline, attempt)
            head = response.head
            if head.status == SUCCESS or (head.status == PARTIAL and "Range" in request.headers):
                return response
            try:
                hop = redirects.next_hop(request, head) if hops < redirects.MOST else None
                if hop is None:
                    raise error_of(request, head, await _error_body(response), secret=self._token)
                request = hop
                hops += 1
            finally:
                await response.aclose()

    async def _send_once(self, request: Request, deadline: Deadline, attempt: int) -> AsyncResponse:
        request_id = new_id()
        headers = {**request.private, **request.headers, names.REQUEST_ID: request_id}
        if request.authorized:
            headers["Authorization"] = f"Bearer {self._token}"
        started = time.monotonic()
        span = telemetry.begin(request, attempt)
        try:
            response = await self._pool.sender.send(
                request.method, request.url, headers, request.content, self._timeout.within(deadline)
            )
        except foreign() as failure:
            error = translate(failure, request, deadline)
            error.request_id = request_id
            _log(request, type(error).__name__, started, request_id)
            telemetry.end(span, None, error)
            raise error from None
        except BaseException as error:
            telemetry.end(span, None, error)
            raise
        head = response.head
        _log(request, str(head.status), started, head.request_id)
        telemetry.end(span, head)
        return response


def _log(request: Request, outcome: str, started: float, request_id: str) -> None:
    millis = (time.monotonic() - started) * 1000
    logger.debug("%s: %s in %.0f ms (request id %s)", request, outcome, millis, request_id)


class AsyncBody:
    """The body of an answer that is read piece by piece, asked for when its block is entered."""

    head: Head

    def __init__(self, transport: AsyncTransport, request: Request, where: str, deadline: Deadline) -> None:
        self._transport = transport
        self._request = request
        self._where = where
        self._deadline = deadline

    async def read(self) -> bytes:
        """The next bytes as they were sent; none at the end.

        Raises IncompleteError when they break off, RequestTimeout when they do
        not go on or the call's deadline passes.
        """
        if self._deadline.passed:
            raise too_late(self._request, self._deadline)
        try:
            with self._deadline.holding():
                piece: bytes = await anext(self._pieces, b"")
        except foreign() as error:
            raise translate_body(error, self._request, self._where, self._deadline) from None
        return piece

    async def __aenter__(self) -> Self:
        self._response = await self._transport.open(self._request, self._deadline)
        self._pieces = self._response.pieces()
        self.head = self._response.head
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the connection back, or close it when the body was not read to its end."""
        if isinstance(error, MoonsenseError):
            error.request_id = error.request_id or self.head.request_id
        await self._pieces.aclose()
        await self._response.aclose()


async def _error_body(response: AsyncResponse) -> bytes:
    """The beginning of an error's body. The status counts: a body that cannot be read is left out."""
    body = bytearray()
    unreadable: tuple[type[Exception], ...] = (*foreign(), DataError)
    try:
        decoder = BodyDecoder(response.head, "")
        async for raw in response.pieces():
            for piece in decoder.feed(raw):
                body += piece
                if len(body) >= MAX_ERROR_BYTES:
                    return bytes(body)
    except unreadable as error:
        logger.debug("the body of an error answer could not be read: %s", type(error).__name__)
    return bytes(body)
