"""The connections that requests are sent over, kept for the next ones."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import httpcore2

from moonsense.client._async.backends import new_backend
from moonsense.client._async.connection import AsyncConnection
from moonsense.client._core.addresses import PORTS, Address, Origin, plain_address
from moonsense.client._core.answers import Head
from moonsense.client._core.http1 import request_head
from moonsense.client._core.options import Network
from moonsense.client._slots import AsyncSlots
from moonsense.client._tls import tls_context
from moonsense.contract import headers as names
from moonsense.errors import MoonsenseError


class AsyncConnections:
    """The cheapest way to send a request, for clients without proxy, hooks or a transport of their own.

    Of the HTTP library there are only the network below and the exceptions: its
    own connections and their pool take three times as long for a request.
    """

    def __init__(self, network: Network) -> None:
        self.is_closed = False
        self._network = network
        self._backend = new_backend()
        self._slots = AsyncSlots(network.max_connections)
        # Never held while something is waited for, so it is one for asyncio too. The collector
        # may end a reading, and so give a connection back, in the midst of anything here.
        self._lock = threading.RLock()
        self._busy = 0
        self._open: set[AsyncConnection] = set()
        self._resting: list[AsyncConnection] = []  # the one that rests longest first

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes, timeouts: Mapping[str, Any]
    ) -> AsyncAnswering:
        """Send a request, and give its answer when the head of it is there."""
        address = plain_address(url) or _normalized(url)
        head = request_head(method, address.target, address.authority, headers, len(content))
        if not await self._slots.take(timeouts["pool"]):
            raise httpcore2.PoolTimeout
        connection, ended = self._choose(address.origin)
        try:
            for other in ended:
                await self._close(other)
            if connection is None:
                connection = await self._connect(address.origin, timeouts)
            status, raw = await connection.ask(head, content, timeouts)
        except BaseException:
            await self._end(connection)
            raise
        return AsyncAnswering(self, connection, Head.of(status, raw, headers[names.REQUEST_ID]), timeouts)

    async def give_back(self, connection: AsyncConnection) -> None:
        """Keep a connection for the next request, or end it when its response was not read to the end."""
        if connection.rest():
            with self._lock:
                kept = not self.is_closed
                if kept:
                    self._resting.append(connection)
                    self._busy -= 1
            if kept:
                self._slots.give()
                return
        await self._end(connection)

    async def aclose(self) -> None:
        """Close the connections; a second time goes on where the first was cancelled."""
        with self._lock:
            self.is_closed = True
            self._resting.clear()
        while left := list(self._open):
            for connection in left:
                await self._close(connection)

    def _choose(self, origin: Origin) -> tuple[AsyncConnection | None, list[AsyncConnection]]:
        """A connection for a request, if there is one, and those to close."""
        found = None
        with self._lock:
            self._busy += 1
            ended = [connection for connection in self._resting if connection.is_over]
            # The one that rested least has the best chance to be there still.
            for connection in reversed(self._resting):
                if connection.serves(origin) and connection not in ended:
                    if not connection.was_ended:
                        found = connection
                        break
                    ended.append(connection)
            for connection in (*ended, found) if found else ended:
                self._resting.remove(connection)
            if found is None and self._busy + len(self._resting) > self._network.max_connections:
                ended.append(self._resting.pop(0))
        return found, ended

    async def _connect(self, origin: Origin, timeouts: Mapping[str, Any]) -> AsyncConnection:
        self._check_open()
        # Reading the system's authorities takes a while, and plain HTTP needs none.
        context = tls_context(self._network) if origin.scheme == "https" else None
        connection = await AsyncConnection.connect(origin, self._backend, context, timeouts["connect"])
        self._open.add(connection)
        if self.is_closed:
            await self._close(connection)
        self._check_open()
        return connection

    def _check_open(self) -> None:
        if self.is_closed:
            raise MoonsenseError("the client is closed")

    async def _end(self, connection: AsyncConnection | None) -> None:
        with self._lock:
            self._busy -= 1
        try:
            if connection is not None:
                await self._close(connection)
        finally:
            self._slots.give()

    async def _close(self, connection: AsyncConnection) -> None:
        try:
            await connection.aclose()
        finally:
            self._open.discard(connection)


class AsyncAnswering:
    """An answer whose body is still to be read."""

    def __init__(
        self,
        connections: AsyncConnections,
        connection: AsyncConnection,
        head: Head,
        timeouts: Mapping[str, Any],
    ) -> None:
        self.head = head
        self._connections = connections
        self._connection: AsyncConnection | None = connection
        self._timeouts = timeouts

    def pieces(self) -> AsyncGenerator[bytes]:
        """The body as it is sent."""
        assert self._connection is not None
        return self._connection.body(self._timeouts["read"])

    async def aclose(self) -> None:
        """Give the connection back, or close it when the body was not read to its end."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await self._connections.give_back(connection)


def _normalized(url: str) -> Address:
    """The parts of an address that is sent in other letters than it is written in."""
    import httpx2  # noqa: PLC0415 (a while to load, and few addresses are such)

    parsed = httpx2.URL(url)
    if parsed.scheme not in PORTS or not parsed.raw_host:
        raise httpcore2.UnsupportedProtocol("an address begins with http:// or https:// and a host")
    port = PORTS[parsed.scheme] if parsed.port is None else parsed.port
    if not 0 < port <= 0xFFFF:
        raise httpcore2.UnsupportedProtocol(f"there is no port {port}")
    origin = Origin(parsed.scheme, parsed.raw_host.decode("ascii"), port)
    return Address(origin, parsed.raw_path.decode("ascii"), parsed.netloc.decode("ascii"))
