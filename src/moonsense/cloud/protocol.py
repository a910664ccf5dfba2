"""HTTP on a connection: answers in one packet, and the one error that no application sees."""

from __future__ import annotations

import asyncio
import os
from functools import partial
from typing import Any

from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from moonsense.cloud.direct import Direct, Headers
from moonsense.cloud.journal import REQUEST_ID
from moonsense.cloud.responses import problem_response
from moonsense.contract.problems import Problem

# From here on a copy costs more than a packet.
_LARGE = 64 * 1024

_CLOSE = (b"connection", b"close")


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
    """uvicorn's protocol, with recorded bundles handed straight to the cloud.

    What is no HTTP is answered with our error body instead of plain text.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # Behind trusted proxies there is a layer around the application that
        # finds out who the sender is: nothing may go past it.
        self._direct: Direct | None = getattr(self.app, "direct", None)
        self._incoming: tuple[RequestResponseCycle, Headers] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, with a transport that gathers."""
        super().connection_made(Gathering(transport))

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Answer a request whose head is there: its body may be, or may be still to come."""
        if self._direct is not None and app is self.app:
            headers = self._direct.concerns(cycle.scope)
            if headers is not None:
                if cycle.more_body:
                    self._incoming = cycle, headers
                else:
                    self._record(cycle, headers)
                return
        super()._start_asgi_task(cycle, app)

    def on_message_complete(self) -> None:
        """Go on where a body was waited for."""
        super().on_message_complete()
        if self._incoming is not None:
            incoming, self._incoming = self._incoming, None
            self._record(*incoming)

    def _record(self, cycle: RequestResponseCycle, headers: Headers) -> None:
        assert self._direct is not None
        begun = not self.flow.write_paused and self._direct.begin(
            cycle.scope, headers, bytes(cycle.body), partial(self._answer, cycle)
        )
        if not begun:
            super()._start_asgi_task(cycle, self.app)

    def _answer(self, cycle: RequestResponseCycle, response: Response, request_id: bytes) -> None:
        """Send a whole response, as the cycle would."""
        if cycle.disconnected:
            return
        cycle.response_started = cycle.response_complete = True
        closing = () if cycle.keep_alive else (_CLOSE,)
        self.transport.write(_whole(response, *cycle.default_headers, (REQUEST_ID, request_id), *closing))
        if closing:
            self.transport.close()
        cycle.on_response()

    def send_400_response(self, msg: str) -> None:
        """Answer and close; there is no telling where a next request would begin."""
        response = problem_response(Problem(400, "the request is not HTTP"))
        self.transport.write(_whole(response, (REQUEST_ID, os.urandom(8).hex().encode()), _CLOSE))
        self.transport.close()


def _whole(response: Response, *more: tuple[bytes, bytes]) -> bytes:
    """A response as it goes over the wire, with more headers than its own."""
    parts = [STATUS_LINE[response.status_code]]
    for name, value in (*response.raw_headers, *more):
        parts += (name, b": ", value, b"\r\n")
    return b"".join((*parts, b"\r\n", bytes(response.body)))
