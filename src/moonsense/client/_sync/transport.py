# Made from src/moonsense/client/_async/transport.py by scripts/generate_sync.py: do not edit.
"""Sends requests and carries out what the core decides about them."""

from __future__ import annotations

import contextlib
import logging
import random
import time
from collections.abc import Callable, Generator
from typing import Any, TypeVar

import httpx2

from moonsense.client._concurrency import close_when_dropped, sleep
from moonsense.client._core import redirects
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
from moonsense.client._core.failures import FOREIGN, translate, translate_body
from moonsense.client._core.options import Timeout
from moonsense.client._core.requests import Request
from moonsense.client._core.retries import RetryPolicy, may_have_been_done
from moonsense.client._tls import tls_context
from moonsense.errors import (
    ConnectionFailed,
    DataError,
    IncompleteError,
    MoonsenseError,
    NotFoundError,
    RequestError,
)

logger = logging.getLogger("moonsense.client")

T = TypeVar("T")

_LIMITS = httpx2.Limits(
    max_connections=100,
    max_keepalive_connections=100,
    # Below the 5 s after which common servers close an idle connection: one
    # that is being closed from there fails the next request on it.
    keepalive_expiry=4.0,
)


class Transport:
    """One pool of connections, with the token, the retries and the timeouts of a client."""

    def __init__(self, token: str, policy: RetryPolicy, timeout: Timeout) -> None:
        self._token = token
        self._policy = policy
        self._timeout = {
            "connect": timeout.connect,
            "read": timeout.read,
            "write": timeout.write,
            "pool": timeout.pool,
        }
        self._http = httpx2.Client(verify=tls_context(), limits=_LIMITS, follow_redirects=False)
        close_when_dropped(self, self._http)

    def close(self) -> None:
        """Close the connections; a second time is nothing."""
        self._http.close()

    def send(self, request: Request) -> Answer:
        """The whole answer to a request. Raises RequestError, or DataError for a damaged body."""
        return self._retry(request, self._exchange)

    def delete(self, request: Request) -> None:
        """Send a DELETE. That there is nothing is success when an attempt before may have deleted it."""
        lost = False

        def once(request: Request) -> None:
            nonlocal lost
            try:
                self._exchange(request)
            except NotFoundError:
                if not lost:
                    raise
            except RequestError as error:
                lost = lost or may_have_been_done(error)
                raise

        self._retry(request, once)

    @contextlib.contextmanager
    def stream(self, request: Request, where: str) -> Generator[Body]:
        """The answer to a request with its body still to be read; ``where`` names it in errors."""
        body = Body(request, self._retry(request, self._open), where)
        try:
            yield body
        finally:
            body.close()

    def pause(self, request: Request, attempt: int, error: RequestError | IncompleteError) -> float | None:
        """Seconds before a body that broke off is asked for again, or None when it is not.

        ``attempt`` is the number of the one that broke off without any progress, from 1.
        """
        if isinstance(error, IncompleteError):
            error = ConnectionFailed(error.message)
        return self._policy.pause(request, attempt, error, chance=random.random())  # noqa: S311

    def _retry(self, request: Request, once: Callable[[Request], T]) -> T:
        attempt = 1
        while True:
            started = time.monotonic()
            try:
                result = once(request)
            except RequestError as error:
                pause = self._policy.pause(request, attempt, error, chance=random.random())  # noqa: S311
                if pause is None:
                    raise
                logger.info("attempt %d failed, the next is in %.2f s: %s", attempt, pause, error)
            else:
                logger.debug("%s: 200 in %.0f ms", request, (time.monotonic() - started) * 1000)
                return result
            sleep(pause)
            attempt += 1

    def _exchange(self, request: Request) -> Answer:
        response = self._open(request)
        try:
            head = _head(response)
            decoder = BodyDecoder(head, str(request))
            body = bytearray()
            try:
                for raw in response.iter_raw():
                    for piece in decoder.feed(raw):
                        body += piece
                        if len(body) > MAX_WHOLE_BYTES:
                            reason = f"the answer is larger than {MAX_WHOLE_BYTES} bytes"
                            raise DataError(reason, where=str(request))
            except FOREIGN as error:
                raise translate(error, request) from None
            decoder.close()
            return Answer(request, head, bytes(body))
        finally:
            response.close()

    def _open(self, request: Request) -> httpx2.Response:
        """The response of success, redirects followed, its body unread."""
        hops = 0
        while True:
            response = self._send_once(request)
            if response.status_code == SUCCESS:
                return response
            if response.status_code == PARTIAL and "Range" in request.headers:
                return response
            try:
                head = _head(response)
                hop = redirects.next_hop(request, head) if hops < redirects.MOST else None
                if hop is None:
                    raise error_of(request, head, _error_body(response, head), secret=self._token)
                request = hop
                hops += 1
            finally:
                response.close()

    def _send_once(self, request: Request) -> httpx2.Response:
        if self._http.is_closed:
            raise MoonsenseError("the client is closed")
        headers = dict(request.headers)
        if request.authorized:
            headers["Authorization"] = f"Bearer {self._token}"
        try:
            outgoing = httpx2.Request(
                request.method,
                request.url,
                headers=headers,
                content=request.content or None,
                extensions={"timeout": self._timeout},
            )
            outgoing.url = _QuietURL(outgoing.url)
            return self._http.send(outgoing, stream=True)
        except FOREIGN as error:
            raise translate(error, request) from None


class Body:
    """The body of an answer that is read piece by piece."""

    def __init__(self, request: Request, response: httpx2.Response, where: str) -> None:
        self.head = _head(response)
        self._request = request
        self._response = response
        self._where = where
        self._pieces: Any = response.iter_raw()

    def read(self) -> bytes:
        """The next bytes as they were sent; none at the end.

        Raises IncompleteError when they break off, RequestTimeout when they do not go on.
        """
        try:
            piece: bytes = next(self._pieces, b"")
        except FOREIGN as error:
            raise translate_body(error, self._request, self._where) from None
        return piece

    def close(self) -> None:
        """Give the connection back, or close it when the body was not read to its end."""
        self._pieces.close()
        self._response.close()


class _QuietURL(httpx2.URL):
    """An address that is written without its query.

    The HTTP library logs addresses, and those of redirects may be signed.
    """

    def __str__(self) -> str:
        return super().__str__().partition("?")[0]


def _head(response: httpx2.Response) -> Head:
    return Head(response.status_code, {name.lower(): value for name, value in response.headers.items()})


def _error_body(response: httpx2.Response, head: Head) -> bytes:
    """The beginning of an error's body. The status counts: a body that cannot be read is left out."""
    body = bytearray()
    try:
        decoder = BodyDecoder(head, "")
        for raw in response.iter_raw():
            for piece in decoder.feed(raw):
                body += piece
                if len(body) >= MAX_ERROR_BYTES:
                    return bytes(body)
    except (*FOREIGN, DataError) as error:
        logger.debug("the body of an error answer could not be read: %s", type(error).__name__)
    return bytes(body)
