# Made from tests/client/_async/test_connections.py by scripts/generate_sync.py: do not edit.
# ruff: noqa: SIM117
"""Connections that are kept, given back and ended."""

from __future__ import annotations

import select

import pytest
from support.wire import Received, Reply, WireServer, connect, reply

from moonsense.client import Client
from moonsense.client._core.options import Timeout
from moonsense.errors import MoonsenseError, RequestTimeout

WELL = reply({"app_id": "a"})
HALF = Reply(reply(b"{}\n" * 9, content_type="application/x-ndjson").data[:-5], hang=True)


def opened(client: Client) -> int:
    """How many connections a client has."""
    return len(client._transport._pool.sender._open)


def test_one_connection_serves_one_request_after_the_other() -> None:
    answers = [
        WELL,
        reply({"app_id": "a"}, chunked=True),
        reply({"message": "no"}, 404),
        Reply(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + WELL.data),
        WELL,
    ]
    with WireServer(answers) as server:
        with connect(Client, server) as client:
            for answer in answers:
                try:
                    assert (client.whoami()).app_id == "a"
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
def test_a_connection_that_cannot_go_on_is_left(answer: Reply) -> None:
    with WireServer(answer) as server:
        with connect(Client, server) as client:
            for _ in range(3):
                assert (client.whoami()).app_id == "a"
            assert opened(client) == 0
    assert server.connections == 3


def test_one_that_the_server_closed_is_not_used() -> None:
    # Without repeats: a request on such a connection would fail.
    with WireServer(Reply(WELL.data, close=True)) as server:
        with connect(Client, server, tries=1) as client:
            for _ in range(3):
                assert (client.whoami()).app_id == "a"
                (kept,) = client._transport._pool.sender._resting
                select.select([kept._stream.get_extra_info("socket").fileno()], [], [], 10)
                assert kept.was_ended
    assert server.connections == 3


def test_one_that_rested_long_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with WireServer(WELL) as server:
        with connect(Client, server) as client:
            client.whoami()
            kept = client._transport._pool.sender._resting[0]
            assert not kept.is_over
            monkeypatch.setattr(kept, "_kept_until", 0.0)
            client.whoami()
            assert opened(client) == 1
    assert server.connections == 2


def test_there_are_no_more_than_allowed() -> None:
    with WireServer([HALF, WELL]) as server:
        options = {"max_connections": 1, "tries": 1, "timeout": Timeout(pool=0.05)}
        with connect(Client, server, **options) as client:
            bundles = client.read_session("s")
            next(bundles)
            with pytest.raises(RequestTimeout, match="no free connection"):
                client.whoami()
            bundles.close()
            assert (client.whoami()).app_id == "a"
            assert opened(client) == 1
    assert server.connections == 2


def test_a_connection_elsewhere_takes_the_place_of_one_that_rests() -> None:
    with WireServer(reply({"app_id": "b"})) as other:

        def answer(received: Received) -> Reply:
            return (
                reply(status=302, location=f"{other.url}/elsewhere") if "sessions" in received.path else WELL
            )

        with WireServer(answer) as server:
            with connect(Client, server, max_connections=2) as client:
                for _ in range(3):
                    client.whoami()
                    client.describe_session("s")
                assert opened(client) == 2
            assert (server.connections, other.connections) == (1, 1)
            with connect(Client, server, max_connections=1) as client:
                for _ in range(3):
                    client.whoami()
                    client.describe_session("s")
                    assert opened(client) == 1
            assert other.connections == 4


def test_what_is_no_http_leaves_nothing_open() -> None:
    for answer in (Reply(b"nonsense\r\n\r\n"), Reply(b"", close=True), WELL.cut(30), Reply(b"", reset=True)):
        with WireServer(answer) as server:
            with connect(Client, server, tries=1) as client:
                with pytest.raises(MoonsenseError):
                    client.whoami()
                assert opened(client) == 0


def test_without_the_parser_the_library_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moonsense.client._sync.pool._HAS_PARSER", False)
    with WireServer(WELL) as server:
        with connect(Client, server) as client:
            for _ in range(2):
                assert (client.whoami()).app_id == "a"
            assert type(client._transport._pool.sender).__name__ == "Library"
    assert server.connections == 1
