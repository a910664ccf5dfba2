"""One connection to a server, for one request after the other."""

# ruff: noqa: ASYNC109 (the network takes its timeouts so)

from __future__ import annotations

import ssl
import time
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Self

import httpcore2

from moonsense.client._concurrency import AsyncHome, async_has_unread, async_shielded
from moonsense.client._core.addresses import Origin
from moonsense.client._core.http1 import ResponseReader
from moonsense.client._core.options import KEEP_SECONDS

_READ_BYTES = 64 * 1024

_WITH_HEAD_BYTES = 16 * 1024
"""Of a body that is sent together with its head: as much as is copied sooner than sent by itself."""


class AsyncConnection:
    """An open connection; whoever made it sees to it that it is closed."""

    def __init__(self, origin: Origin, stream: httpcore2.AsyncNetworkStream) -> None:
        self._origin = origin
        self._home = AsyncHome()
        self._stream = stream
        self._reader = ResponseReader()
        self._is_drained = True
        self._kept_until = 0.0

    @classmethod
    async def connect(
        cls,
        origin: Origin,
        backend: httpcore2.AsyncNetworkBackend,
        context: ssl.SSLContext | None,
        timeout: float | None,
    ) -> Self:
        """Make one; with a ``context`` it is by TLS."""
        stream = await backend.connect_tcp(origin.host, origin.port, timeout)
        if context is not None:
            context.set_alpn_protocols(["http/1.1"])
            try:
                stream = await stream.start_tls(context, origin.host, timeout)
            except BaseException:
                with async_shielded():
                    await stream.aclose()
                raise
        return cls(origin, stream)

    async def ask(
        self, head: bytes, content: bytes, timeouts: Mapping[str, Any]
    ) -> tuple[int, list[tuple[bytes, bytes]]]:
        """Send a request, and give status and headers of its response."""
        reader = self._reader
        reader.begin()
        try:
            if len(content) <= _WITH_HEAD_BYTES:
                await self._stream.write(head + content, timeouts["write"])
            else:
                await self._stream.write(head, timeouts["write"])
                await self._stream.write(content, timeouts["write"])
        except httpcore2.WriteError:
            # A server may refuse a request before it has read all of it, and says why.
            reader.may_go_on = False
        while not reader.has_head:
            await self._read(timeouts["read"])
        return reader.status, reader.headers

    async def body(self, timeout: float | None) -> AsyncGenerator[bytes]:
        """The body of the response, as it comes; ``timeout`` is for each piece."""
        reader = self._reader
        while True:
            for piece in reader.take():
                yield piece
            if reader.is_whole:
                return
            await self._read(timeout)

    async def _read(self, timeout: float | None) -> None:
        data = await self._stream.read(_READ_BYTES, timeout)
        # When all that was asked for came, the event loop may hold more, of which nobody could know.
        self._is_drained = len(data) < _READ_BYTES
        self._reader.feed(data)

    def rest(self) -> bool:
        """Whether it may serve another request: the response was read to its end, and no more is to come."""
        self._kept_until = time.monotonic() + KEEP_SECONDS
        return self._reader.is_whole and self._reader.may_go_on and self._is_drained

    def serves(self, origin: Origin) -> bool:
        """Whether it leads there, and from here."""
        return self._origin == origin and self._home.is_here

    @property
    def is_over(self) -> bool:
        """Whether it has rested as long as one is kept, or nobody is there any more who could use it."""
        return self._kept_until < time.monotonic() or self._home.is_gone

    @property
    def was_ended(self) -> bool:
        """Whether the server closed it while it rested, or sent what nobody asked for."""
        return bool(self._stream.get_extra_info("is_readable")) or async_has_unread(self._stream)

    async def aclose(self) -> None:
        """Close it. That of another event loop, which may be gone, is left to the garbage collector."""
        if self._home.is_here:
            with async_shielded():
                await self._stream.aclose()
