"""Every kind of call through a network that fails: the right result or one of our errors, in time."""

from __future__ import annotations

import gzip
import io
import tarfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.faults import WELL, Fault, FaultProxy
from support.wire import Received, Reply, WireServer, connect, reply

from moonsense.client import AsyncClient
from moonsense.codec import json
from moonsense.codec.frames import frame
from moonsense.errors import (
    ConnectionFailed,
    MoonsenseError,
    RateLimitError,
    RequestTimeout,
    ServerError,
)
from moonsense.models.bundle_v2_pb2 import Bundle, SealedBundle
from moonsense.models.common_v2_pb2 import TokenSelfResponse
from moonsense.models.data_plane_v2_pb2 import Card

pytestmark = pytest.mark.anyio

BUNDLES = [SealedBundle(session_id="s", bundle=Bundle(index=index)) for index in (1, 2)]
NDJSON = b"".join(map(json.write_line, BUNDLES))
FRAMES = b"".join(frame(bundle.SerializeToString()) for bundle in BUNDLES)
SOON = 20.0
"""Seconds: far below what a fault would take, and above what a busy machine makes of half a second."""

CAPTURE = b"\xa1\xb2\xc3\xd4" * 8


def archive(content: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo("one")
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    return gzip.compress(out.getvalue(), mtime=0)


SESSIONS = {"sessions": [{"session_id": "a"}, {"session_id": "b"}], "pagination": {"current_page": 1}}
TAR = {"content_type": "application/octet-stream"}


async def listed(items: AsyncGenerator[Any]) -> list[Any]:
    return [item async for item in items]


async def downloaded(folder: Path, download: Callable[[Path], Awaitable[None]]) -> bytes:
    """The file that a download makes, which replaces another; a failed one leaves nothing."""
    target = folder / "file"
    target.write_bytes(b"before")
    try:
        await download(target)
    except MoonsenseError:
        assert target.read_bytes() == b"before"
        raise
    finally:
        assert names(folder) == [target]
    return target.read_bytes()


def names(folder: Path) -> list[Path]:
    return list(folder.iterdir())


@dataclass(frozen=True)
class Call:
    """A kind of call: how it is made, what the cloud answers, and the right result."""

    make: Callable[[AsyncClient, Path], Awaitable[Any]]
    answer: Reply
    right: Any


CALLS = {
    "a list": Call(
        lambda client, _: listed(session.session_id async for session in client.list_sessions()),
        reply(SESSIONS),
        ["a", "b"],
    ),
    "a list, chunked": Call(
        lambda client, _: listed(session.session_id async for session in client.list_sessions()),
        reply(SESSIONS, chunked=True),
        ["a", "b"],
    ),
    "a message in protobuf": Call(
        lambda client, _: client.whoami(),
        reply(TokenSelfResponse(app_id="a").SerializeToString(), content_type="application/x-protobuf"),
        TokenSelfResponse(app_id="a"),
    ),
    "a deletion": Call(lambda client, _: client.delete_session("s"), reply({}), None),
    "a creation": Call(
        lambda client, _: client.create_card("s", "T", "D"), reply({"card_id": "c"}), Card(card_id="c")
    ),
    "frames": Call(
        lambda client, _: listed(client.read_session("s")),
        reply(FRAMES, content_type="application/x-protobuf-delimited"),
        BUNDLES,
    ),
    "frames that can be gone on with": Call(
        lambda client, _: listed(client.read_session("s")),
        reply(FRAMES, content_type="application/x-protobuf-delimited", etag='"one"'),
        BUNDLES,
    ),
    "a chunk in gzip": Call(
        lambda client, _: listed(client.read_chunk("s", "c")),
        reply(gzip.compress(NDJSON, mtime=0), content_type="application/x-ndjson", content_encoding="gzip"),
        BUNDLES,
    ),
    "ndjson, chunked": Call(
        lambda client, _: listed(client.read_session("s")),
        reply(NDJSON, content_type="application/x-ndjson", chunked=True),
        BUNDLES,
    ),
    "tar.gz": Call(
        lambda client, _: listed(client.read_session("s")), reply(archive(NDJSON), **TAR), BUNDLES
    ),
    "a download": Call(
        lambda client, folder: downloaded(folder, lambda path: client.download_session("s", path)),
        reply(archive(NDJSON), chunked=True, **TAR),
        NDJSON,
    ),
    "packets": Call(
        lambda client, folder: downloaded(folder, lambda path: client.download_pcap_data("s", path)),
        reply(archive(CAPTURE), **TAR),
        CAPTURE,
    ),
}


@dataclass
class Line:
    """A client, the proxy that it talks through, and the call to make."""

    call: Call
    proxy: FaultProxy
    folder: Path
    server: WireServer

    @property
    def size(self) -> int:
        return len(self.call.answer.data)

    async def outcome(self, client: AsyncClient) -> MoonsenseError | None:
        """The error of the call; without one the result is right."""
        try:
            result = await self.call.make(client, self.folder)
        except MoonsenseError as error:
            return error
        assert result == self.call.right
        return None


@pytest.fixture(params=CALLS)
def line(request: Any, tmp_path: Path) -> Iterator[Line]:
    call = CALLS[request.param]

    def answer(received: Received) -> Reply:
        """The whole or, for what has a tag, the part that is asked for."""
        wanted = received.headers.get("range", "")
        head, _, body = call.answer.data.partition(b"\r\n\r\n")
        if not wanted or b"etag" not in head:
            return call.answer
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        return reply(
            body[start:],
            206,
            content_type="application/x-protobuf-delimited",
            etag='"one"',
            content_range=f"bytes {start}-{len(body) - 1}/{len(body)}",
        )

    with WireServer(answer) as server, FaultProxy(server.root_domain) as proxy:
        yield Line(call, proxy, tmp_path, server)


async def test_without_a_fault(line: Line) -> None:
    async with connect(AsyncClient, line.proxy) as client:
        assert await line.outcome(client) is None
    assert line.proxy.answers == [line.size]


async def test_a_cut_at_any_byte_is_an_error(line: Line) -> None:
    line.proxy.set(Fault(cut=length) for length in range(line.size))
    async with connect(AsyncClient, line.proxy, tries=1) as client:
        for length in range(line.size):
            assert await line.outcome(client) is not None, length


async def test_a_cut_at_any_byte_is_got_over(line: Line) -> None:
    line.proxy.set(fault for length in range(line.size) for fault in (Fault(cut=length), WELL))
    async with connect(AsyncClient, line.proxy, tries=2) as client:
        for length in range(line.size):
            assert await line.outcome(client) is None, length
    assert line.proxy.requests == 2 * line.size


async def test_a_reset_is_an_error_or_got_over(line: Line) -> None:
    places = [*range(0, line.size, 13), line.size]
    line.proxy.set(Fault(cut=length, reset=True) for length in places)
    async with connect(AsyncClient, line.proxy, tries=1) as client:
        for length in places[:-1]:
            assert await line.outcome(client) is not None, length
    line.proxy.set(fault for length in places for fault in (Fault(cut=length, reset=True), WELL))
    async with connect(AsyncClient, line.proxy, tries=3) as client:
        for length in places:
            assert await line.outcome(client) is None, length


async def test_garbage_at_any_byte_is_an_error_or_what_it_should_be(line: Line) -> None:
    places = range(0, line.size, 3)
    line.proxy.set(Fault(garbage=place) for place in places)
    async with connect(AsyncClient, line.proxy, tries=1) as client:
        for place in places:
            assert await line.outcome(client) is not None, place


async def test_nothing_but_garbage(line: Line) -> None:
    line.proxy.set([Fault(instead=bytes(range(256)) * 4, cut=1024)])
    async with connect(AsyncClient, line.proxy, tries=2) as client:
        assert await line.outcome(client) is not None


async def test_a_slow_network_is_waited_for(line: Line) -> None:
    line.proxy.set([Fault(late=0.1), Fault(drip=16, pause=0.001)])
    async with connect(AsyncClient, line.proxy) as client:
        for _ in range(2):
            assert await line.outcome(client) is None


async def test_a_drip_ends_with_the_deadline(line: Line) -> None:
    """A byte now and then keeps no call for ever, although none is late."""
    line.proxy.set([Fault(drip=1, pause=0.1)])
    async with connect(AsyncClient, line.proxy, timeout=90, deadline=0.15) as client:
        started = time.monotonic()
        assert isinstance(await line.outcome(client), RequestTimeout)
        assert time.monotonic() - started < SOON


@pytest.mark.parametrize("options", [{"timeout": 0.1, "tries": 2}, {"timeout": 90, "deadline": 0.15}])
async def test_a_server_that_never_answers_is_a_timeout(line: Line, options: dict[str, Any]) -> None:
    line.proxy.set([Fault(silent=True)])
    async with connect(AsyncClient, line.proxy, **options) as client:
        started = time.monotonic()
        assert isinstance(await line.outcome(client), RequestTimeout)
        assert time.monotonic() - started < SOON


async def test_a_server_that_once_did_not_answer_is_got_over(line: Line) -> None:
    line.proxy.set([Fault(silent=True), WELL])
    async with connect(AsyncClient, line.proxy, timeout=0.3) as client:
        assert await line.outcome(client) is None


@pytest.mark.parametrize(("status", "kind"), [(429, RateLimitError), (503, ServerError)])
async def test_a_storm_of_refusals(line: Line, status: int, kind: type[MoonsenseError]) -> None:
    refusal = Fault(instead=reply({"message": "later"}, status, retry_after="0.05").data)
    line.proxy.set([refusal, refusal, WELL])
    async with connect(AsyncClient, line.proxy, tries=3) as client:
        started = time.monotonic()
        assert await line.outcome(client) is None
        assert time.monotonic() - started >= 0.1
        line.proxy.set([refusal])
        error = await line.outcome(client)
    assert isinstance(error, kind)
    assert error.detail == "later"
    assert line.proxy.requests == 6


async def test_a_storm_ends_with_the_deadline(line: Line) -> None:
    line.proxy.set([Fault(instead=reply({}, 503, retry_after="0.1").data)])
    async with connect(AsyncClient, line.proxy, tries=1_000, deadline=0.25) as client:
        started = time.monotonic()
        assert isinstance(await line.outcome(client), (ServerError, RequestTimeout))
        assert time.monotonic() - started < SOON


async def test_nobody_is_there(line: Line) -> None:
    with FaultProxy(line.server.root_domain) as gone:
        pass
    with pytest.raises(ConnectionFailed):
        async with connect(AsyncClient, gone, tries=2) as client:
            await line.call.make(client, line.folder)
