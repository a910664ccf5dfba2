"""A proxy on the loopback interface that does to answers what networks do."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

_RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Fault:
    """What becomes of one answer.

    Attributes:
        late: seconds before its first byte.
        cut: only so many bytes of it come, headers included, then the connection ends.
        reset: it ends with a reset instead.
        drip: so many bytes at a time,
        pause: with so many seconds between.
        garbage: from this byte on it is overwritten.
        silent: nothing comes at all, and the connection stays.
        instead: bytes that come in its place; the cloud is not asked.
    """

    late: float = 0.0
    cut: int | None = None
    reset: bool = False
    drip: int = 0
    pause: float = 0.0
    garbage: int | None = None
    silent: bool = False
    instead: bytes = b""

    def spoilt(self, answer: bytes) -> bytes:
        """The bytes that come."""
        if self.garbage is not None:
            answer = answer[: self.garbage] + b"\xff" * (len(answer) - self.garbage)
        return answer if self.cut is None else answer[: self.cut]


WELL = Fault()


class FaultProxy:
    """Passes requests on to a server and its answers back, each with the next of ``faults``.

    Answers are passed on whole, so a fault can be at any byte. When the faults
    are used up, the last one stays.

    Attributes:
        answers: the sizes of the server's answers so far.
        requests: how many arrived.
    """

    def __init__(self, upstream: str, faults: Iterable[Fault] = (WELL,)) -> None:
        host, _, port = upstream.rpartition(":")
        self._upstream = (host, int(port))
        self.answers: list[int] = []
        self.requests = 0
        self.set(faults)

    def set(self, faults: Iterable[Fault]) -> None:
        """The faults of the requests from now on."""
        self._next = _and_again(faults).__next__

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.root_domain = f"127.0.0.1:{self._listener.getsockname()[1]}"
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run(ready.set)), daemon=True)
        self._thread.start()
        assert ready.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(10)
        assert not self._thread.is_alive()

    async def _run(self, ready: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._serve, sock=self._listener)
        ready()
        await self._ended.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        cloud: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        try:
            # The client going away in the midst is what some tests are about; the
            # end of the proxy is no error either, and asyncio would log it as one.
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while request := await _message(reader):
                    self.requests += 1
                    fault = self._next()
                    answer = fault.instead
                    if not answer and not fault.silent:
                        cloud = cloud or await asyncio.open_connection(*self._upstream)
                        cloud[1].write(request)
                        answer = await _message(cloud[0])
                        self.answers.append(len(answer))
                    if not await self._send(writer, fault, answer):
                        return
        finally:
            for stream in (writer, *(cloud[1:] if cloud else ())):
                stream.close()
            self._tasks.discard(task)

    async def _send(self, writer: asyncio.StreamWriter, fault: Fault, answer: bytes) -> bool:
        """Send an answer as the fault has it; whether the connection goes on."""
        if fault.silent:
            await self._ended.wait()
            return False
        await asyncio.sleep(fault.late)
        bytes_left = fault.spoilt(answer)
        step = fault.drip or len(bytes_left) or 1
        for start in range(0, len(bytes_left), step):
            writer.write(bytes_left[start : start + step])
            await writer.drain()
            await asyncio.sleep(fault.pause)
        if fault.reset:
            connection = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()
        return fault.cut is None and fault.garbage is None and not fault.reset


def _and_again(faults: Iterable[Fault]) -> Iterator[Fault]:
    last = WELL
    for last in faults:
        yield last
    while True:
        yield last


async def _message(reader: asyncio.StreamReader) -> bytes:
    """A request or an answer, whole; nothing at the end of the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    fields = head.lower()
    if b"transfer-encoding: chunked" in fields:
        body = b""
        while not body.endswith(b"0\r\n\r\n"):
            line = await reader.readuntil(b"\r\n")
            body += line + await reader.readexactly(int(line, 16) + 2)
        return head + body
    _, found, rest = fields.partition(b"content-length:")
    return head + await reader.readexactly(int(rest.partition(b"\r\n")[0]) if found else 0)
