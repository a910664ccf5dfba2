"""What a client is told of times, headers, proxies and certificates, and what it makes of it."""

from __future__ import annotations

import time
from pathlib import Path

import httpx2
import pytest
from support.wire import TOKEN, Reply, WireServer, connect, reply

from moonsense.client import AsyncClient, Timeout
from moonsense.errors import ConfigurationError, ConnectionFailed, MoonsenseError, RequestTimeout, ServerError

pytestmark = pytest.mark.anyio

WELL = reply({"app_id": "a", "session_id": "s"})


async def test_a_copy_has_other_times_and_the_same_connections() -> None:
    with WireServer([reply(status=503), WELL]) as server:
        async with connect(AsyncClient, server, tries=3) as client:
            once = client.with_options(tries=1, timeout=5, deadline=5)
            assert (once.tries, client.tries) == (1, 3)
            with pytest.raises(ServerError):
                await once.whoami()
            assert (await client.whoami()).app_id == "a"
            assert (await once.with_options(tries=2).whoami()).app_id == "a"
            assert server.connections == 1
        with pytest.raises(RuntimeError, match="the client is closed"):
            await once.whoami()


async def test_a_copy_works_when_the_first_one_is_dropped() -> None:
    with WireServer(WELL) as server:
        client = connect(AsyncClient, server).with_options(tries=1)
        assert (await client.whoami()).app_id == "a"
        await client.aclose()


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"tries": 0}, "tries"),
        ({"timeout": 0}, "timeout"),
        ({"deadline": 0}, "deadline"),
        ({"backoff": -1}, "backoff"),
    ],
)
async def test_other_times_that_cannot_be(options: dict[str, object], word: str) -> None:
    async with AsyncClient(TOKEN) as client:
        with pytest.raises(ConfigurationError, match=word):
            client.with_options(**options)


@pytest.mark.parametrize(
    "answer",
    [
        Reply(b"", hang=True),
        Reply(b"HTTP/1.1 200 OK\r\nContent-", hang=True),
        Reply(WELL.data[:-3], hang=True),
        Reply(WELL.data, drip=0.2),
        Reply(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200, drip=0.1),
        Reply(b"", close=True),
        reply(status=503),
        reply(status=503, retry_after="0.3"),
    ],
)
async def test_a_call_is_over_by_its_deadline(answer: Reply) -> None:
    with WireServer(answer) as server:
        async with connect(AsyncClient, server, tries=100, backoff=0.05, deadline=0.5) as client:
            started = time.monotonic()
            with pytest.raises((RequestTimeout, ConnectionFailed, ServerError)) as caught:
                await client.whoami()
            took = time.monotonic() - started
    # Without one each of these takes 20 s or more; a busy machine takes a while for anything.
    assert took < 10
    assert caught.value.request_id


async def test_the_deadline_names_itself() -> None:
    with WireServer(Reply(b"", hang=True)) as server:
        async with connect(AsyncClient, server, deadline=0.2) as client:
            with pytest.raises(RequestTimeout, match=r"not done within the deadline of 0\.2 s"):
                await client.describe_session("s")


async def test_no_pause_goes_beyond_the_deadline() -> None:
    with WireServer(reply({}, 503, retry_after="60")) as server:
        async with connect(AsyncClient, server, deadline=50) as client:
            started = time.monotonic()
            with pytest.raises(ServerError) as caught:
                await client.whoami()
    assert time.monotonic() - started < 20
    assert caught.value.retry_after == 60
    assert len(server.requests) == 1


async def test_a_reader_has_a_deadline_when_it_is_given_one() -> None:
    answer = reply(b'{"bundle": {}}\n' * 50, content_type="application/x-ndjson")
    with WireServer(Reply(answer.data, drip=0.02)) as server:
        async with connect(AsyncClient, server, tries=1) as client:
            with pytest.raises(RequestTimeout, match="deadline"):
                _ = [b async for b in client.with_options(deadline=0.3).read_session("s")]


async def test_headers_and_user_agent() -> None:
    with WireServer(WELL) as server:
        async with connect(
            AsyncClient, server, headers={"X-Team": "fraud"}, user_agent="nightly/2"
        ) as client:
            await client.whoami()
    sent = server.requests[0].headers
    assert sent["x-team"] == "fraud"
    assert sent["user-agent"].startswith("moonsense-python/")
    assert sent["user-agent"].endswith(" nightly/2")


async def test_own_headers_go_to_no_other_host() -> None:
    with (
        WireServer(WELL) as elsewhere,
        WireServer(reply(status=302, location=f"{elsewhere.url}/object")) as server,
    ):
        async with connect(AsyncClient, server, headers={"X-Gateway-Key": "s3cret"}) as client:
            await client.whoami()
    assert server.requests[0].headers["x-gateway-key"] == "s3cret"
    assert "x-gateway-key" not in elsewhere.requests[0].headers


@pytest.mark.parametrize(
    "headers", [{"Authorization": "x"}, {"host": "x"}, {"X-A": "b\r\nX-C: d"}, {"X\nA": "b"}, {"X": "ü"}]
)
async def test_headers_that_cannot_be(headers: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="header"):
        AsyncClient(TOKEN, headers=headers)


async def test_hooks_see_what_is_sent_and_received() -> None:
    seen: list[object] = []

    async def on_request(request: httpx2.Request) -> None:
        seen.append((request.method, request.headers["x-request-id"]))

    async def on_response(response: httpx2.Response) -> None:
        seen.append(response.status_code)

    hooks = {"request": [on_request], "response": [on_response]}
    with WireServer(WELL) as server:
        async with connect(AsyncClient, server, event_hooks=hooks) as client:
            await client.whoami()
    assert seen == [("GET", server.requests[0].headers["x-request-id"]), 200]


async def test_a_transport_in_place_of_connections() -> None:
    def handle(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json={"app_id": request.url.path})

    client = AsyncClient(TOKEN, "cloud.test", "http", "", transport=httpx2.MockTransport(handle))
    async with client:
        assert (await client.whoami()).app_id == "/v2/tokens/self"


async def test_a_proxy_is_asked() -> None:
    with WireServer(WELL) as proxy:
        async with AsyncClient(TOKEN, "cloud.test", "http", "", proxy=proxy.url) as client:
            assert (await client.whoami()).app_id == "a"
    assert proxy.requests[0].target == "http://cloud.test/v2/tokens/self"


async def test_the_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with WireServer(WELL) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        async with AsyncClient(TOKEN, "cloud.test", "http", "") as client:
            assert (await client.whoami()).app_id == "a"
    assert len(proxy.requests) == 1


async def test_a_proxy_that_drips_is_held_to_the_deadline() -> None:
    with WireServer(Reply(WELL.data, drip=0.02)) as proxy:
        async with AsyncClient(TOKEN, "cloud.test", "http", "", proxy=proxy.url, deadline=0.3) as client:
            with pytest.raises(RequestTimeout, match="deadline"):
                await client.whoami()


async def test_certificates_that_are_not_there(tmp_path: Path) -> None:
    missing = tmp_path / "none.pem"
    for options in ({"verify": missing}, {"cert": str(missing)}, {"cert": (str(missing), str(missing))}):
        with pytest.raises(ConfigurationError, match="verify or cert cannot be used"):
            AsyncClient(TOKEN, **options)


async def test_every_error_names_the_request() -> None:
    header = "x_request_id"
    answers = [
        Reply(b"", close=True),
        reply(b"\x00", content_type="application/json", **{header: "r-1"}),
        Reply(reply({"app_id": "a"}, **{header: "r-1"}).data[:-3], close=True),
        reply({}, 404, **{header: "r-1"}),
        reply({}, 404),
    ]
    for answer in answers:
        with WireServer(answer) as server:
            async with connect(AsyncClient, server, tries=1) as client:
                with pytest.raises(MoonsenseError) as caught:
                    await client.whoami()
        named = b"r-1" in answer.data
        assert caught.value.request_id == ("r-1" if named else server.requests[0].headers["x-request-id"])


async def test_steps_have_times_of_their_own() -> None:
    with WireServer(Reply(b"", hang=True)) as server:
        async with connect(AsyncClient, server, tries=1, timeout=Timeout(read=0.2)) as client:
            with pytest.raises(RequestTimeout, match="no answer in the time given"):
                await client.whoami()
