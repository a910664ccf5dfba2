"""HTTP on a connection: answers in one packet, and the one error that no application sees."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from moonsense.cloud.responses import problem_response
from moonsense.contract import headers
from moonsense.contract.problems import Problem

# From here on a copy costs more than a packet.
_LARGE = 64 * 1024


class Gathering(asyncio.Transport):
    """A transport that sends what is written in one turn of the event loop at once.

    An answer is written in two parts, its head and its body. Sent apart they
    are two system calls here, and two packets that wake the other side twice:
    for small answers a sixth of all the time they take.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._held: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send data, with what else is written before the loop's next turn."""
        if len(data) >= _LARGE:
            self._send()
            self._transport.write(data)
            return
        if not self._held:
            self._loop.call_soon(self._send)
        self._held.append(bytes(data))

    def _send(self) -> None:
        if self._held:
            held, self._held = self._held, []
            self._transport.write(held[0] if len(held) == 1 else b"".join(held))

    def close(self) -> None:
        """Send what is held, then close."""
        self._send()
        self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._held.clear()
        self._transport.abort()

    def is_closing(self) -> bool:
        """Whether it is closed or about to be."""
        return self._transport.is_closing()

    def is_reading(self) -> bool:
        """Whether data are taken in."""
        return self._transport.is_reading()

    def pause_reading(self) -> None:
        """Take no more data in."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Take data in again."""
        self._transport.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What is known of the connection."""
        return self._transport.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand the connection to another protocol."""
        self._transport.set_protocol(protocol)


class Protocol(HttpToolsProtocol):
    """uvicorn's protocol; what is no HTTP is answered with our error body instead of plain text."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, with a transport that gathers."""
        super().connection_made(Gathering(transport))

    def send_400_response(self, msg: str) -> None:
        """Answer and close; there is no telling where a next request would begin."""
        response = problem_response(Problem(400, "the request is not HTTP"))
        response.headers[headers.REQUEST_ID] = os.urandom(8).hex()
        response.headers["Connection"] = "close"
        lines = [b"HTTP/1.1 400 Bad Request"]
        lines += [name + b": " + value for name, value in response.raw_headers]
        self.transport.write(b"\r\n".join([*lines, b"", bytes(response.body)]))
        self.transport.close()
