"""Connections of one kind of client only: what threads can do, and what event loops can."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from support.wire import Received, Reply, WireServer, connect, reply

from moonsense.client import AsyncClient, Client
from moonsense.client._core.options import Timeout
from moonsense.client._core.requests import Request
from moonsense.errors import ConnectionFailed, MoonsenseError, TooLargeError

WELL = reply({"app_id": "a"})


def test_a_server_may_refuse_what_it_has_not_read() -> None:
    # An event loop gives a connection up when it cannot write to it: an AsyncClient has no answer then.
    refusal = Reply(reply({"message": "far too much"}, 413).data, close=True)
    with WireServer(refusal, reads_bodies=False) as server, connect(Client, server, tries=1) as client:
        request = Request("POST", f"{server.url}/v2/bundles", {}, bytes(64_000_000))
        with pytest.raises(TooLargeError, match="far too much"):
            client._transport.send(request)
        assert not client._transport._pool.sender._open


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # what an event loop leaves that ends before
def test_one_event_loop_after_the_other() -> None:
    with WireServer(WELL) as server:
        client = connect(AsyncClient, server, tries=1, max_connections=1)

        async def call() -> None:
            for _ in range(2):
                assert (await client.whoami()).app_id == "a"
            assert len(client._transport._pool.sender._open) == 1

        for _ in range(3):
            asyncio.run(call())
        asyncio.run(client.aclose())
        gc.collect()  # here and not in another test, where the warning would be an error
    assert server.connections == 3


def test_a_call_that_is_cancelled_leaves_nothing_open() -> None:
    async def go() -> None:
        loop = asyncio.get_running_loop()
        arrived = asyncio.Event()

        def never(_: Received) -> Reply:
            loop.call_soon_threadsafe(arrived.set)
            return Reply(b"", hang=True)

        with WireServer(never) as server:
            async with connect(AsyncClient, server, max_connections=1) as client:
                call = asyncio.create_task(client.whoami())
                await arrived.wait()
                call.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await call
                assert not client._transport._pool.sender._open
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await client.whoami()
                server.answer = WELL
                assert (await client.whoami()).app_id == "a"

    asyncio.run(go())


def test_connections_that_are_not_closed_for_a_cancellation_are_closed_at_the_end() -> None:
    async def go(server: WireServer) -> None:
        client = connect(AsyncClient, server, tries=1)
        await asyncio.gather(*(client.whoami() for _ in range(6)))
        sender = client._transport._pool.sender
        kept = list(sender._resting)
        assert len(kept) == 6
        for connection in kept:
            connection._kept_until = 0.0
        for call in (client.whoami(), client.aclose()):
            task = asyncio.create_task(call)
            for _ in range(2):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert 0 < len(sender._open) < 6
        await client.aclose()
        assert not sender._open

    with WireServer(WELL) as server:
        asyncio.run(go(server))
    assert server.connections == 6


def test_a_reading_that_the_collector_ends_gives_its_connection_back() -> None:
    """The collector may come at any time: here in the midst of choosing a connection."""
    half = Reply(reply(b"{}\n" * 9, content_type="application/x-ndjson").data[:-5], hang=True)
    with WireServer([WELL, half, WELL]) as server, connect(Client, server, timeout=10) as client:
        sender = client._transport._pool.sender
        client.whoami()
        (kept,) = sender._resting
        sender._resting.clear()  # so that the reading has one of its own
        bundles = client.read_session("s")
        next(bundles)
        sender._resting.append(kept)
        (reading,) = sender._open - {kept}

        class Collected(type(kept)):  # type: ignore[misc]
            @property
            def was_ended(self) -> bool:
                bundles.close()
                return False

        kept.__class__ = Collected
        call = threading.Thread(target=client.whoami, daemon=True)
        call.start()
        call.join(10)
        assert not call.is_alive()
        assert sender._open == {kept}
        assert reading not in sender._open
        kept.__class__ = type(reading)


def test_a_call_that_waits_while_its_client_is_closed_sends_nothing(
    eventually: Callable[..., Any],
) -> None:
    with WireServer(Reply(b"", hang=True)) as server, ThreadPoolExecutor() as pool:
        client = connect(Client, server, tries=1, max_connections=1, timeout=Timeout(read=1, pool=10))
        sender = client._transport._pool.sender
        calls = [pool.submit(client.whoami) for _ in range(2)]
        eventually(lambda: server.requests and sender._slots._waiting)
        client.close()
        errors = [call.exception(10) for call in calls]
        assert all(isinstance(error, MoonsenseError) for error in errors)
        assert any("the client is closed" in str(error) for error in errors)
        assert len(server.requests) == 1
        assert not sender._open


def twice(size: int) -> Reply:
    """An answer of so many bytes, and another one that nobody asked for behind it."""
    body = b'{"app_id":"right"}'
    body += b" " * (size - len(reply(body, content_type="application/json", x="x" * 100).data))
    first = reply(body, content_type="application/json", x="x" * 100).data
    first = first.replace(b"x" * 100, b"x" * (100 + size - len(first)))
    assert len(first) == size
    return Reply(first + reply({"app_id": "stale"}).data)


def test_what_an_event_loop_read_beyond_an_answer_is_no_answer() -> None:
    async def go(server: WireServer) -> None:
        async with connect(AsyncClient, server, tries=1) as client:
            for _ in range(2):
                assert (await client.whoami()).app_id == "right"

    with WireServer([twice(64 * 1024), twice(64 * 1024)]) as server:
        asyncio.run(go(server))
    assert server.connections == 2


def accept_nonsense(listener: socket.socket) -> socket.socket:
    """Accept a connection and answer its handshake with what is none."""
    connection, _ = listener.accept()
    connection.settimeout(10)
    connection.sendall(b"no handshake at all\r\n")
    return connection


def read_to_end(connection: socket.socket) -> None:
    """Wait until the other side has closed a connection."""
    with connection, contextlib.suppress(ConnectionResetError):
        while connection.recv(1000):
            pass


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        yield listener


def test_a_handshake_that_fails_leaves_nothing_open(listener: socket.socket) -> None:
    # Whether it was closed is seen from the other side, while the client is there still.
    address = f"127.0.0.1:{listener.getsockname()[1]}"
    with Client("t", address, "https", "", tries=1) as client, ThreadPoolExecutor() as pool:
        accepted = pool.submit(accept_nonsense, listener)
        with pytest.raises(ConnectionFailed):
            client.whoami()
        read_to_end(accepted.result())


def test_a_handshake_that_fails_leaves_nothing_open_in_an_event_loop(listener: socket.socket) -> None:
    address = f"127.0.0.1:{listener.getsockname()[1]}"

    async def go() -> None:
        async with AsyncClient("t", address, "https", "", tries=1) as client:
            call = asyncio.create_task(client.whoami())
            connection = await asyncio.to_thread(accept_nonsense, listener)
            with pytest.raises(ConnectionFailed):
                await call
            await asyncio.to_thread(read_to_end, connection)

    asyncio.run(go())
