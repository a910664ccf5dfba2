"""The network under the HTTP library, held to the deadline of the call that uses it."""

# ruff: noqa: ASYNC109 (the library's own signatures)

from __future__ import annotations

import ssl
from collections.abc import Iterable
from typing import Any

import httpcore2

from moonsense.client._core.deadlines import current

_PIECE = 64 * 1024
"""Bytes written at once, so that a server that takes a few now and then is held to the deadline too."""


def _capped(timeout: float | None, error: type[Exception]) -> float | None:
    deadline = current()
    if deadline.seconds is None:
        return timeout
    if deadline.passed:
        raise error("the deadline has passed")
    return deadline.cap(timeout)


def new_backend() -> DeadlineBackend:
    """The network for connections of our own."""
    return DeadlineBackend(httpcore2.AnyIOBackend())


def hold_to_deadline(pool: Any) -> None:
    """Let every step of a pool's connections end by the deadline of its call.

    The library's own network takes no argument of ours. Were it to keep it
    elsewhere, each single step would still be held to the deadline.
    """
    if hasattr(pool, "_network_backend"):
        pool._network_backend = DeadlineBackend(pool._network_backend)  # noqa: SLF001


class DeadlineBackend(httpcore2.AsyncNetworkBackend):
    """Makes connections that ask for the deadline before each step."""

    def __init__(self, inner: httpcore2.AsyncNetworkBackend) -> None:
        self._inner = inner

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        timeout = _capped(timeout, httpcore2.ConnectTimeout)
        return DeadlineStream(
            await self._inner.connect_tcp(host, port, timeout, local_address, socket_options)
        )

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


class DeadlineStream(httpcore2.AsyncNetworkStream):
    """One such connection."""

    def __init__(self, inner: httpcore2.AsyncNetworkStream) -> None:
        self._inner = inner

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return await self._inner.read(max_bytes, _capped(timeout, httpcore2.ReadTimeout))

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _PIECE):
            piece = buffer[start : start + _PIECE]
            await self._inner.write(piece, _capped(timeout, httpcore2.WriteTimeout))

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.AsyncNetworkStream:
        timeout = _capped(timeout, httpcore2.ConnectTimeout)
        return DeadlineStream(await self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
