"""One try to deliver, over HTTP: to a checked address, within a deadline, answered or not.

The address is checked when it is connected to: the names that a URL has are
resolved here, once, and the connection is made to what was checked, so that a
name that stands for another address a moment later leads nowhere. Redirects
are not followed and proxies of the environment not used: both would lead to
addresses that nobody checked.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import ssl
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from socket import SOCK_STREAM, getaddrinfo
from typing import Any

import httpcore2

from moonsense._version import version
from moonsense.cloud.webhooks.addresses import Address, Network, is_allowed, literal, refusal
from moonsense.cloud.webhooks.retries import Answer

READ_BYTES = 16 * 1024
"""How much of an answer is read: an endpoint that sends more is not listened to further."""

_KEPT_BYTES = 1024
"""How much of it is kept with the try."""

_MOST_ADDRESSES = 4
"""Addresses of one name that are tried within one try."""

# Below the five seconds after which common servers close an idle connection:
# one that was just closed from over there would be a try that failed.
_KEEP_ALIVE_SECONDS = 3.0

# A resolver that does not answer keeps its thread for half a minute; an endpoint that fails has one try
# at a time, so a few threads an endpoint are all there can be.
_RESOLVERS = 256

USER_AGENT = f"moonsense-webhooks/{version()}"


class AddressRefusedError(Exception):
    """Webhooks do not go to an address."""


class Guard(httpcore2.AsyncNetworkBackend):
    """Connects to addresses that webhooks may go to, and to no others.

    Args:
        allowed: networks off the internet to connect to all the same.
        encrypted: whether TLS will be spoken; without it, only to those networks.
    """

    def __init__(self, allowed: Sequence[Network], resolvers: ThreadPoolExecutor, *, encrypted: bool) -> None:
        self._allowed = allowed
        self._resolvers = resolvers
        self._encrypted = encrypted
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 (the library's own signature)
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """A connection to one of the addresses of a host. Raises AddressRefusedError when it has none."""
        refused: list[str] = []
        error: Exception | None = None
        for address in (await self._resolve(host, port))[:_MOST_ADDRESSES]:
            if reason := self.refusal(address):
                refused.append(f"{address} is {reason}")
                continue
            try:
                stream = await self._inner.connect_tcp(
                    str(address), port, timeout, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as failed:
                error = failed
                continue
            # The system's word for where it leads, which is what counts.
            there = stream.get_extra_info("server_addr")
            reason = self.refusal(ipaddress.ip_address(there[0])) if there else "not known"
            if reason:
                await stream.aclose()
                raise AddressRefusedError(f"{host} led to an address that is {reason}")
            return stream
        if error is not None:
            raise error
        raise AddressRefusedError(f"webhooks do not go to {host}: {', '.join(refused)}")

    def refusal(self, address: Address) -> str:
        """Why an address is not connected to; empty when it is."""
        if reason := refusal(address, self._allowed):
            return reason
        if not self._encrypted and not is_allowed(address, self._allowed):
            return "for https only"
        return ""

    async def _resolve(self, host: str, port: int) -> list[Address]:
        """The addresses of a host, as the system resolves it, each once."""
        if (address := literal(host)) is not None:
            return [address]
        try:
            found = await asyncio.get_running_loop().run_in_executor(
                self._resolvers, lambda: getaddrinfo(host, port, type=SOCK_STREAM)
            )
        except (OSError, UnicodeError) as error:
            raise httpcore2.ConnectError(f"{host} has no address: {error}") from None
        return list(dict.fromkeys(ipaddress.ip_address(address[0]) for *_, address in found))

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Sender:
    """Makes tries. Belongs to one event loop; ``aclose`` lets go of every connection."""

    def __init__(self, allowed: Sequence[Network], seconds: float) -> None:
        """``seconds`` is the most a try may take in all."""
        self._allowed = allowed
        self._seconds = seconds
        self._resolvers = ThreadPoolExecutor(_RESOLVERS, thread_name_prefix="moonsense-resolver")
        self._tls: ssl.SSLContext | None = None

    def line(self, url: str) -> Line:
        """Connections to one endpoint, apart from those to others."""
        encrypted = url.startswith("https:")
        if encrypted and self._tls is None:
            self._tls = httpcore2.default_ssl_context()
        guard = Guard(self._allowed, self._resolvers, encrypted=encrypted)
        pool = httpcore2.AsyncConnectionPool(
            ssl_context=self._tls,
            max_connections=None,
            keepalive_expiry=_KEEP_ALIVE_SECONDS,
            network_backend=guard,
        )
        return Line(url, pool, self._seconds)

    def close(self) -> None:
        """Let go of the threads."""
        self._resolvers.shutdown(wait=False, cancel_futures=True)


class Line:
    """Connections to one endpoint."""

    def __init__(self, url: str, pool: httpcore2.AsyncConnectionPool, seconds: float) -> None:
        self.url = url
        self._pool = pool
        self._seconds = seconds

    async def send(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Make one try. Whatever goes wrong is in the answer."""
        started = time.perf_counter()

        def spent() -> float:
            return time.perf_counter() - started

        try:
            async with asyncio.timeout(self._seconds):
                status, answered, start = await self._exchange(body, headers)
        except TimeoutError:
            return Answer(error=f"no whole answer within {self._seconds:g} s", seconds=spent())
        except (AddressRefusedError, httpcore2.NetworkError, httpcore2.TimeoutException,
                httpcore2.ProtocolError, OSError, ValueError) as error:  # fmt: skip
            return Answer(error=_reason(error), seconds=spent())
        return Answer(status, answered, start, seconds=spent())

    async def _exchange(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
        pieces: list[bytes] = []
        async with self._pool.stream("POST", self.url, headers=list(headers.items()), content=body) as answer:
            size = 0
            async with contextlib.aclosing(answer.aiter_stream()) as stream:
                async for piece in stream:
                    pieces.append(piece)
                    size += len(piece)
                    if size >= READ_BYTES:
                        break
            pairs = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers)
            answered = {name.lower(): value for name, value in pairs}
            return answer.status, answered, b"".join(pieces)[:_KEPT_BYTES]

    async def aclose(self) -> None:
        """Let go of its connections."""
        await self._pool.aclose()


def _reason(error: BaseException) -> str:
    """An error in a line: the system's words where they are at the bottom of it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno and not isinstance(cause, ssl.SSLError):
            return f"no connection: {os.strerror(cause.errno).lower()}"
        cause = cause.__cause__ or cause.__context__  # the library lets go of causes now and then
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
