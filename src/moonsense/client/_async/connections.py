"""Requests given straight to the connections of the HTTP library, past its client."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any

import httpcore2

from moonsense.client._async.backends import hold_to_deadline
from moonsense.client._core.addresses import Address, plain_address
from moonsense.client._core.answers import Head
from moonsense.client._core.options import KEEP_SECONDS, Network
from moonsense.client._tls import tls_context
from moonsense.contract import headers as names

_SAY_LENGTH = frozenset({"POST", "PUT", "PATCH"})
"""Methods by which a body is expected, so that its length is told also when there is none (RFC 9110, 8.6)."""


class AsyncConnections:
    """The cheapest way to send a request, for clients without proxy, hooks or a transport of their own.

    What the library's client does beyond it, such as redirects, cookies and
    decoding, is done elsewhere here or not at all, and took as long again.
    """

    def __init__(self, network: Network) -> None:
        self.is_closed = False
        self._network = network
        # Reading the system's authorities takes a while, and plain HTTP needs none.
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls_context(network) if network.has_own_tls else None,
            max_connections=network.max_connections,
            max_keepalive_connections=network.max_connections,
            keepalive_expiry=KEEP_SECONDS,
        )
        hold_to_deadline(self._pool)

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes, timeouts: Mapping[str, Any]
    ) -> AsyncAnswering:
        """Send a request, and give its answer when the head of it is there."""
        address = plain_address(url) or _normalized(url)
        if address.scheme == b"https" and self._pool._ssl_context is None:  # noqa: SLF001
            self._pool._ssl_context = tls_context(self._network)  # noqa: SLF001
        sent = [(b"Host", address.authority)]
        sent += [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()]
        if content or method in _SAY_LENGTH:
            sent.append((b"Content-Length", b"%d" % len(content)))
        request = httpcore2.Request(
            method,
            httpcore2.URL(scheme=address.scheme, host=address.host, port=address.port, target=address.target),
            content=content or _NO_BODY,
            extensions={"timeout": timeouts},
        )
        request.headers = sent  # as an argument, each would be made sure to be bytes
        response = await self._pool.handle_async_request(request)
        return AsyncAnswering(response, headers[names.REQUEST_ID])

    async def aclose(self) -> None:
        """Close the connections; a second time is nothing."""
        self.is_closed = True
        await self._pool.aclose()


class _NoBody(AsyncIterator[bytes]):
    """A body of no pieces; of no bytes, the library would send one that is empty."""

    async def __anext__(self) -> bytes:
        raise StopAsyncIteration


_NO_BODY = _NoBody()


class AsyncAnswering:
    """An answer whose body is still to be read."""

    def __init__(self, response: httpcore2.Response, request_id: str) -> None:
        self.head = Head.of(response.status, response.headers, request_id)
        self._stream: Any = response.stream

    async def pieces(self) -> AsyncGenerator[bytes]:
        """The body as it is sent."""
        async for piece in self._stream:
            yield piece

    async def aclose(self) -> None:
        """Give the connection back, or close it when the body was not read to its end."""
        await self._stream.aclose()


def _normalized(url: str) -> Address:
    """The parts of an address that is sent in other letters than it is written in."""
    import httpx2  # noqa: PLC0415 (a while to load, and few addresses are such)

    parsed = httpx2.URL(url)
    return Address(parsed.raw_scheme, parsed.raw_host, parsed.port, parsed.raw_path, parsed.netloc)
