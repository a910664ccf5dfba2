"""Connections that are kept, given back and ended."""

from __future__ import annotations

import select

import pytest
from support.wire import Received, Reply, WireServer, connect, reply

from moonsense.client import AsyncClient
from moonsense.client._core.options import Timeout
from moonsense.errors import MoonsenseError, RequestTimeout

pytestmark = pytest.mark.anyio

WELL = reply({"app_id": "a"})
HALF = Reply(reply(b"{}\n" * 9, content_type="application/x-ndjson").data[:-5], hang=True)


def opened(client: AsyncClient) -> int:
    """How many connections a client has."""
    return len(client._transport._pool.sender._open)


async def test_one_connection_serves_one_request_after_the_other() -> None:
    answers = [
        WELL,
        reply({"app_id": "a"}, chunked=True),
        reply({"message": "no"}, 404),
        Reply(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + WELL.data),
        WELL,
    ]
    with WireServer(answers) as server:
        async with connect(AsyncClient, server) as client:
            for answer in answers:
                try:
                    assert (await client.whoami()).app_id == "a"
                except MoonsenseError:
                    assert b" 404 " in answer.data
            assert opened(client) == 1
    assert server.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        reply({"app_id": "a"}, length=False),
        reply({"app_id": "a"}, connection="close"),
        Reply(WELL.data + b"more"),
        Reply(WELL.data.replace(b"HTTP/1.1", b"HTTP/1.0")),
    ],
    ids=["ends it", "says so", "goes on", "is of old"],
)
async def test_a_connection_that_cannot_go_on_is_left(answer: Reply) -> None:
    with WireServer(answer) as server:
        async with connect(AsyncClient, server) as client:
            for _ in range(3):
                assert (await client.whoami()).app_id == "a"
            assert opened(client) == 0
    assert server.connections == 3


async def test_one_that_the_server_closed_is_not_used() -> None:
    # Without repeats: a request on such a connection would fail.
    with WireServer(Reply(WELL.data, close=True)) as server:
        async with connect(AsyncClient, server, tries=1) as client:
            for _ in range(3):
                assert (await client.whoami()).app_id == "a"
                (kept,) = client._transport._pool.sender._resting
                select.select([kept._stream.get_extra_info("socket").fileno()], [], [], 10)
                assert kept.was_ended
    assert server.connections == 3


async def test_one_that_rested_long_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with WireServer(WELL) as server:
        async with connect(AsyncClient, server) as client:
            await client.whoami()
            kept = client._transport._pool.sender._resting[0]
            assert not kept.is_over
            monkeypatch.setattr(kept, "_kept_until", 0.0)
            await client.whoami()
            assert opened(client) == 1
    assert server.connections == 2


async def test_there_are_no_more_than_allowed() -> None:
    with WireServer([HALF, WELL]) as server:
        options = {"max_connections": 1, "tries": 1, "timeout": Timeout(pool=0.05)}
        async with connect(AsyncClient, server, **options) as client:
            bundles = client.read_session("s")
            await anext(bundles)
            with pytest.raises(RequestTimeout, match="no free connection"):
                await client.whoami()
            await bundles.aclose()
            assert (await client.whoami()).app_id == "a"
            assert opened(client) == 1
    assert server.connections == 2


async def test_a_connection_elsewhere_takes_the_place_of_one_that_rests() -> None:
    with WireServer(reply({"app_id": "b"})) as other:

        def answer(received: Received) -> Reply:
            return (
                reply(status=302, location=f"{other.url}/elsewhere") if "sessions" in received.path else WELL
            )

        with WireServer(answer) as server:
            async with connect(AsyncClient, server, max_connections=2) as client:
                for _ in range(3):
                    await client.whoami()
                    await client.describe_session("s")
                assert opened(client) == 2
            assert (server.connections, other.connections) == (1, 1)
            async with connect(AsyncClient, server, max_connections=1) as client:
                for _ in range(3):
                    await client.whoami()
                    await client.describe_session("s")
                    assert opened(client) == 1
            assert other.connections == 4


async def test_what_is_no_http_leaves_nothing_open() -> None:
    for answer in (Reply(b"nonsense\r\n\r\n"), Reply(b"", close=True), WELL.cut(30), Reply(b"", reset=True)):
        with WireServer(answer) as server:
            async with connect(AsyncClient, server, tries=1) as client:
                with pytest.raises(MoonsenseError):
                    await client.whoami()
                assert opened(client) == 0


async def test_without_the_parser_the_library_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moonsense.client._async.pool._HAS_PARSER", False)
    with WireServer(WELL) as server:
        async with connect(AsyncClient, server) as client:
            for _ in range(2):
                assert (await client.whoami()).app_id == "a"
            assert type(client._transport._pool.sender).__name__ == "AsyncLibrary"
    assert server.connections == 1
