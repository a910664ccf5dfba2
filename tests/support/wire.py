"""A server on a real socket that sends exactly the bytes it is told to, faults included."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

TOKEN = "msk_canary_5d41402abc4b2a76"


@dataclass(frozen=True)
class Received:
    """A request as it arrived; names of headers are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(urlsplit(self.target).query, keep_blank_values=True)


@dataclass(frozen=True)
class Reply:
    """Bytes to send, and what comes then."""

    data: bytes
    close: bool = False
    hang: bool = False
    """Send nothing more and keep the connection until the server ends."""
    drip: float = 0
    """Seconds between the bytes, which are sent one at a time."""
    reset: bool = False
    """Break the connection off with a reset."""

    def cut(self, length: int) -> Reply:
        """Only the first bytes, and then the end of the connection."""
        return Reply(self.data[:length], close=True)


def reply(
    body: bytes | dict[str, Any] = b"",
    status: int = 200,
    *,
    chunked: bool = False,
    length: bool = True,
    **headers: str,
) -> Reply:
    """A well-formed answer; without ``length`` its body ends with the connection."""
    if isinstance(body, dict):
        body = json.dumps(body).encode()
        headers.setdefault("content_type", "application/json")
    lines = [f"HTTP/1.1 {status} Whatever"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if chunked:
        lines.append("Transfer-Encoding: chunked")
        pieces = [body[i : i + 100] for i in range(0, len(body), 100)]
        body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    elif length:
        lines.append(f"Content-Length: {len(body)}")
    else:
        lines.append("Connection: close")
    head = "\r\n".join([*lines, "", ""]).encode()
    return Reply(head + body, close=not (length or chunked))


Answer = Callable[[Received], Reply] | Iterable[Reply] | Reply


@dataclass
class WireServer:
    """Answers by a function, by a list in order (the last one again and again), or always the same.

    Attributes:
        reads_bodies: of requests; else it answers when it has their heads.
        requests: what arrived so far.
        connections: how many were made.
        root_domain: where it listens.
    """

    answer: Answer
    reads_bodies: bool = True
    requests: list[Received] = field(default_factory=list)
    connections: int = 0
    root_domain: str = ""

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.root_domain = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        if not callable(self.answer) and not isinstance(self.answer, Reply):
            self._script = list(self.answer)
        self._spawn(self._accept)

    @property
    def url(self) -> str:
        return f"http://{self.root_domain}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        # Wakes accept, which closing alone does not everywhere.
        with socket.create_connection(self._listener.getsockname()):
            self._threads[0].join(10)
        self._listener.close()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):  # the client may have reset it
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)

    def _spawn(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self._ended.is_set():
                connection.close()
                return
            self.connections += 1
            self._spawn(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.add(connection)
        try:
            with connection.makefile("rb") as stream:
                while (received := _read(stream, with_body=self.reads_bodies)) is not None:
                    self.requests.append(received)
                    answer = self._choose(received)
                    self._send(connection, answer)
                    if answer.hang:
                        self._ended.wait(30)
                    if answer.reset:
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    if answer.close or answer.hang or answer.reset:
                        return
        except OSError:
            return  # the client went away, as some tests want it to
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def _send(self, connection: socket.socket, answer: Reply) -> None:
        if not answer.drip:
            connection.sendall(answer.data)
            return
        for position in range(len(answer.data)):
            connection.sendall(answer.data[position : position + 1])
            if self._ended.wait(answer.drip):
                return

    def _choose(self, received: Received) -> Reply:
        if isinstance(self.answer, Reply):
            return self.answer
        if callable(self.answer):
            return self.answer(received)
        with self._lock:
            return self._script.pop(0) if len(self._script) > 1 else self._script[0]


def _read(stream: Any, *, with_body: bool) -> Received | None:
    line = stream.readline().decode()
    if not line:
        return None
    method, target, _ = line.split(" ")
    headers = {}
    while (line := stream.readline().decode().strip()) != "":
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    length = int(headers.get("content-length", 0)) if with_body else 0
    return Received(method, target, headers, stream.read(length))


def connect(client_class: Any, server: WireServer, **options: Any) -> Any:
    """A client of the server, which waits next to nothing between attempts."""
    return client_class(
        TOKEN,
        root_domain=server.root_domain,
        protocol="http",
        default_region="",
        **{"backoff": 0.001, **options},
    )
