"""HTTP on a connection: what goes past the application, and the errors that none sees."""

from __future__ import annotations

import asyncio
import os
from functools import partial
from typing import Any, NamedTuple

from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from moonsense.cloud.direct import MOST_BYTES, Direct, Meaning
from moonsense.cloud.gathering import Gathering
from moonsense.cloud.heads import Head
from moonsense.cloud.journal import REQUEST_ID
from moonsense.cloud.patience import Patience
from moonsense.cloud.responses import problem_response
from moonsense.contract.problems import Problem

# With a longer head than any client sends.
_MOST_SEEN = MOST_BYTES + 16 * 1024

_CLOSE = (b"connection", b"close")


class _Last(NamedTuple):
    """A request that was handed straight to the cloud: the next one may be like it."""

    head: Head
    meaning: Meaning
    cycle: RequestResponseCycle


class Protocol(HttpToolsProtocol):
    """uvicorn's protocol, with recorded bundles handed straight to the cloud.

    A request with the head of the one before it is not parsed again: it goes
    the way that one went, in the same cycle. A connection that falls silent in
    the middle of a request is given up. What is no HTTP is answered with our
    error body instead of plain text.
    """

    def __init__(self, *args: Any, stall_seconds: float, **options: Any) -> None:
        """``stall_seconds`` may go by without a byte of a request that is not whole."""
        super().__init__(*args, **options)
        self._stall_seconds = stall_seconds
        self._patience = Patience(self.loop, self._silent)
        # Behind trusted proxies there is a layer around the application that
        # finds out who the sender is: nothing may go past it.
        self._direct: Direct | None = getattr(self.app, "direct", None)
        # A head that concerns it, whose body is to come.
        self._incoming: tuple[RequestResponseCycle, Meaning] | None = None
        # What it took of the data that the parser was last given.
        self._taken: tuple[RequestResponseCycle, Meaning] | None = None
        self._last: _Last | None = None
        # The beginning of a request with the last head, which the parser has not seen.
        self._held = b""
        # What the parser has seen of a request that is not whole yet.
        self._seen = b""
        # Whether the parser has seen the beginning of a request and not its end.
        self._within = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, with a transport that gathers."""
        super().connection_made(Gathering(transport))
        self._patience.expect(self._stall_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._patience.close()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take in what came: a request, a part of one, or several."""
        self._patience.rest()
        if self._held:
            data = self._held + data
        if self._last is None or not self._is_like(self._last, data):
            self._parse(data)
        if self._within or self._held:
            self._patience.expect(self._stall_seconds)

    def _parse(self, data: bytes) -> None:
        self._held = b""
        # What a request that comes in pieces was so far, as long as it may be one to remember.
        self._seen = self._seen + data if self._within and len(self._seen) <= _MOST_SEEN else data
        super().data_received(data)
        taken, self._taken = self._taken, None
        if taken is not None and not self._within:
            self._remember(self._seen, *taken)
        if not self._within:
            self._seen = b""

    def _is_like(self, last: _Last, data: bytes) -> bool:
        """Take a request in that is like the last one; False, and nothing is done, when it is not."""
        cycle = last.cycle
        if self._within or cycle is not self.cycle or not (cycle.response_complete or self._held):
            return False
        span = last.head.match(data)
        if span is not None and len(data) <= span.end <= span.start + MOST_BYTES:
            cycle.response_complete = False
            if len(data) < span.end:
                self._held = data
                return True
            if self._begin(cycle, last.meaning, data[span.start :]):
                self._held = b""
                return True
        cycle.response_complete = True
        return False

    def _remember(self, data: bytes, cycle: RequestResponseCycle, meaning: Meaning) -> None:
        """Keep the head of a request that was just taken in, when the data are it and nothing else."""
        head = Head.of(data[: len(data) - len(cycle.body)], len(cycle.body))
        if head is not None and cycle is self.cycle:
            self._last = _Last(head, meaning, cycle)

    def on_message_begin(self) -> None:
        """Note that a request begins."""
        super().on_message_begin()
        self._within = True

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Answer a request whose head is there: its body may be, or may be still to come."""
        if self._direct is not None and app is self.app:
            meaning = self._direct.concerns(cycle.scope)
            if meaning is not None:
                if cycle.more_body:
                    self._incoming = cycle, meaning
                else:
                    self._record(cycle, meaning)
                return
        super()._start_asgi_task(cycle, app)

    def on_message_complete(self) -> None:
        """Go on where a body was waited for."""
        super().on_message_complete()
        self._within = False
        if self._incoming is not None:
            incoming, self._incoming = self._incoming, None
            self._record(*incoming)

    def _record(self, cycle: RequestResponseCycle, meaning: Meaning) -> None:
        if self._begin(cycle, meaning, bytes(cycle.body)):
            self._taken = cycle, meaning
        else:
            super()._start_asgi_task(cycle, self.app)

    def _begin(self, cycle: RequestResponseCycle, meaning: Meaning, body: bytes) -> bool:
        assert self._direct is not None
        return not self.flow.write_paused and self._direct.begin(
            cycle.scope, meaning, body, partial(self._answer, cycle)
        )

    def _answer(self, cycle: RequestResponseCycle, response: Response, request_id: bytes) -> None:
        """Send a whole response, as the cycle would."""
        if cycle.disconnected:
            return
        cycle.response_complete = True
        closing = () if cycle.keep_alive else (_CLOSE,)
        self.transport.write(_whole(response, *cycle.default_headers, (REQUEST_ID, request_id), *closing))
        if closing:
            self.transport.close()
        cycle.on_response()

    def on_response_complete(self) -> None:
        """Go on with the next request, or wait for one.

        As the server's own, but for its timer, which is made and unmade every time.
        """
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif not (self._within or self._held):
            self._patience.expect(self.timeout_keep_alive)

    def _silent(self) -> None:
        """Give a connection up that said nothing for too long."""
        if self.transport.is_closing():
            return
        under_way = self._within or self._held
        if under_way and self.flow.read_paused:
            self._patience.expect(self._stall_seconds)  # it is we who do not listen
            return
        cycle: RequestResponseCycle | None = self.cycle
        begun = cycle is not None and cycle.response_started and not cycle.response_complete
        if under_way and not begun and not self.pipeline:
            self._refuse(Problem(408, "the rest of the request did not come; send it again"))
        self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Answer and close; there is no telling where a next request would begin."""
        self._refuse(Problem(400, "the request is not HTTP"))
        self.transport.close()

    def _refuse(self, problem: Problem) -> None:
        """Send an answer that no application made."""
        request_id = os.urandom(8).hex().encode()
        self.transport.write(_whole(problem_response(problem), (REQUEST_ID, request_id), _CLOSE))


def _whole(response: Response, *more: tuple[bytes, bytes]) -> bytes:
    """A response as it goes over the wire, with more headers than its own."""
    parts = [STATUS_LINE[response.status_code]]
    for name, value in (*response.raw_headers, *more):
        parts += (name, b": ", value, b"\r\n")
    return b"".join((*parts, b"\r\n", bytes(response.body)))
