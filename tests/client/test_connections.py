"""Connections of one kind of client only: what threads can do, and what event loops can."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.wire import Received, Reply, WireServer, connect, reply

from moonsense.client import AsyncClient, Client
from moonsense.client._core.requests import Request
from moonsense.errors import ConnectionFailed, TooLargeError

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
