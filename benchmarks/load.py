"""Sends recordings over many connections at once, as fast as they are answered.

    python -m benchmarks.load < order

The order, in JSON: ``port``, ``token``, ``wire`` (protobuf or json), ``sessions``
(a connection each, with the next index to send), ``requests`` a connection and
``bundles`` a request. Every bundle is new. Bodies are made beforehand, and every
answer is checked. Prints the seconds from the first request to the last answer.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from typing import Any

import uvloop

from benchmarks.material import to_record
from moonsense.codec.frames import frame
from moonsense.codec.json import write
from moonsense.contract import media
from moonsense.models import Bundle, BundleCreateRequest, BundleCreateResponse

# The key of the field on the wire, one byte.
_BUNDLES_KEY = BundleCreateRequest(bundles=[Bundle()]).SerializeToString()[:1]


class Connection(asyncio.Protocol):
    """Sends its requests one after the other."""

    def __init__(self, requests: Iterator[bytes], successes: int | None, done: asyncio.Future[None]) -> None:
        self._requests = requests
        self._successes = successes
        self._done = done
        self._received = b""
        self._seen: set[bytes] = set()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def send(self) -> None:
        """Send the next request; after the last one this connection is done."""
        request = next(self._requests, None)
        if request is not None:
            self._transport.write(request)
        elif not self._done.done():
            self._transport.close()
            self._done.set_result(None)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end:
            return
        _, _, length = head.lower().partition(b"content-length:")
        if len(body) < int(length.partition(b"\r\n")[0]):
            return
        self._received = b""
        try:
            self._check(head, body)
        except ValueError as error:
            if not self._done.done():
                self._done.set_exception(error)
            return
        self.send()

    def _check(self, head: bytes, body: bytes) -> None:
        if not head.startswith(b"HTTP/1.1 200 "):
            raise ValueError(f"{head.decode()}\n{body.decode(errors='replace')}")
        # There is one right answer, which comes thousands of times.
        if self._successes is not None and body not in self._seen:
            answer = BundleCreateResponse.FromString(body)
            if (answer.success_count, answer.error_count) != (self._successes, 0):
                raise ValueError(f"not all stored: {answer}")
            self._seen.add(body)

    def connection_lost(self, error: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(error or ConnectionError("the server closed the connection"))


def requests(order: dict[str, Any], session_id: str, first: int) -> list[bytes]:
    """All requests of a connection, whole."""
    protobuf = order["wire"] == "protobuf"
    (bundle,) = to_record().bundles
    body = _protobuf_body if protobuf else _json_body
    raw = bundle.SerializeToString() if protobuf else write(bundle)
    head = (
        f"POST /v2/bundles HTTP/1.1\r\nHost: 127.0.0.1:{order['port']}\r\n"
        f"Authorization: Bearer {order['token']}\r\nAccept: {media.PROTOBUF}\r\n"
        f"Content-Type: {media.PROTOBUF if protobuf else media.JSON}\r\nContent-Length: "
    ).encode()
    made = []
    for _ in range(order["requests"]):
        content = body(session_id, raw, range(first, first := first + order["bundles"]))
        made.append(head + b"%d\r\n\r\n" % len(content) + content)
    return made


def _protobuf_body(session_id: str, raw: bytes, indexes: range) -> bytes:
    # Fields may come in any order and messages be joined: the index goes behind the rest.
    parts = [BundleCreateRequest(session_id=session_id).SerializeToString()]
    for index in indexes:
        parts += (_BUNDLES_KEY, frame(raw + Bundle(index=index).SerializeToString()))
    return b"".join(parts)


def _json_body(session_id: str, raw: bytes, indexes: range) -> bytes:
    bundles = b",".join(b'{"index":%d,%s' % (index, raw[1:]) for index in indexes)
    return b'{"session_id":"%s","bundles":[%s]}' % (session_id.encode(), bundles)


async def run(order: dict[str, Any]) -> float:
    loop = asyncio.get_running_loop()
    prepared = [requests(order, session_id, first) for session_id, first in order["sessions"].items()]
    futures: list[asyncio.Future[None]] = []
    connections = []
    for made in prepared:
        futures.append(loop.create_future())
        connection = Connection(iter(made), order["successes"], futures[-1])
        await loop.create_connection(lambda made=connection: made, "127.0.0.1", order["port"])  # type: ignore[misc]
        connections.append(connection)
    start = loop.time()
    for connection in connections:
        connection.send()
    await asyncio.gather(*futures)
    return loop.time() - start


def main() -> None:
    order = json.load(sys.stdin)
    print(json.dumps({"seconds": uvloop.run(run(order))}))


if __name__ == "__main__":
    main()
