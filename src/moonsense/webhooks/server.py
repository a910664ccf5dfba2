"""A receiver served by the standard library, for a script that has no web application."""

from __future__ import annotations

import logging
import socket
import socketserver
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol, Self

from moonsense.webhooks.answers import Answer, refusal

__all__ = ["Taker", "WebhookServer"]

logger = logging.getLogger("moonsense.webhooks")

_IDLE_SECONDS = 30.0  # of a connection that says nothing, or of a body that does not come


class Taker(Protocol):
    """What deliveries are handed to; a ``WebhookReceiver`` is one."""

    max_body_bytes: int

    def handle(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Answer a delivery. Header names are in lower case; called in many threads."""

    def close(self) -> None:
        """There is nothing more to come."""


class WebhookServer:
    """Listens from ``__enter__`` to ``__exit__``, in threads; a thread a connection.

    Attributes:
        url: where deliveries are taken, such as ``http://127.0.0.1:8091/``; known inside.
    """

    def __init__(self, receiver: Taker, host: str, port: int) -> None:
        self._receiver = receiver
        self._address = (host, port)
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self.url = ""

    def __enter__(self) -> Self:
        self._server = _Server(self._address, self._receiver)
        port = self._server.server_address[1]
        host = self._address[0]
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="webhooks", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def wait(self) -> None:
        """Wait until Ctrl-C, or until another thread closes the server."""
        thread = self._thread
        try:
            while thread is not None and thread.is_alive():
                thread.join(1.0)  # by seconds: an endless wait is deaf to Ctrl-C on Windows
        except KeyboardInterrupt:
            logger.info("stopping")

    def close(self) -> None:
        """Take nothing more, finish what has begun, and stop."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.hang_up()
            server.server_close()
            self._receiver.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # server_close waits for the handlers
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], receiver: Taker) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.receiver = receiver
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()
        super().__init__(address, _Request)

    def server_bind(self) -> None:
        # Past HTTPServer's, which looks up the host's full name: that can take seconds.
        socketserver.TCPServer.server_bind(self)

    def hang_up(self) -> None:
        """Let no connection bring another request; what is being answered still is."""
        with self._guard:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RD)
                except OSError as error:
                    logger.debug("a connection was gone already: %s", error)

    def opened(self, connection: socket.socket) -> None:
        with self._guard:
            self._open.add(connection)

    def closed(self, connection: socket.socket) -> None:
        with self._guard:
            self._open.discard(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        logger.debug("a connection from %s broke", client_address, exc_info=True)


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body in one packet
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.opened(self.connection)

    def finish(self) -> None:
        self.server.closed(self.connection)
        super().finish()

    def do_POST(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        most = self.server.receiver.max_body_bytes
        answer = refusal(self.command, headers, most)
        if answer is None and "content-length" not in headers:
            answer = Answer(411, "Content-Length is needed")
        if answer is not None:
            self.close_connection = True  # its body is still to come
            return self._send(answer)
        length = int(headers["content-length"])
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            return self._send(Answer(400, "the body broke off"))
        return self._send(self.server.receiver.handle(body, headers))

    def do_GET(self) -> None:
        answer = refusal(self.command, {}, 0)
        assert answer is not None
        self.close_connection = True
        self._send(answer)

    do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_HEAD = do_GET  # noqa: N815

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.all_headers:
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)
        self.wfile.flush()

    def version_string(self) -> str:
        return "moonsense"

    def log_message(self, format: str, *args: object) -> None:
        logger.debug("%s %s", self.address_string(), format % args)
