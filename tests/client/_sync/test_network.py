# Made from tests/client/_async/test_network.py by scripts/generate_sync.py: do not edit.
# ruff: noqa: SIM117
"""Retries, redirects and regions: what goes where, how often, and with which token."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from support.wire import TOKEN, Received, Reply, WireServer, connect, reply

from moonsense.client import Client
from moonsense.errors import IntegrityError, NotFoundError, ResponseError, ServerError
from moonsense.models.bundle_v2_pb2 import Bundle
from moonsense.models.data_plane_v2_sdk_pb2 import Session

BROKEN = Reply(b"", close=True)
WELL = reply({"app_id": "a", "session_id": "s", "success_count": 1})


@pytest.mark.parametrize("failure", [reply(status=n) for n in (408, 429, 500, 502, 503, 504)] + [BROKEN])
def test_a_passing_failure_is_not_seen(failure: Reply) -> None:
    with WireServer([failure, failure, WELL]) as server:
        with connect(Client, server) as client:
            assert (client.whoami()).app_id == "a"
    assert len(server.requests) == 3


def test_tries_is_the_number_of_attempts() -> None:
    with WireServer(reply({"message": "busy"}, 503)) as server:
        with connect(Client, server, tries=2) as client:
            assert client.tries == 2
            with pytest.raises(ServerError, match="busy"):
                client.whoami()
    assert len(server.requests) == 2


def test_retry_after_is_waited_for() -> None:
    with WireServer([reply(status=503, retry_after="0.2"), WELL]) as server:
        with connect(Client, server) as client:
            started = time.monotonic()
            client.whoami()
    assert time.monotonic() - started >= 0.2


def test_an_answer_cut_off_is_asked_for_again() -> None:
    with WireServer([WELL.cut(len(WELL.data) - 4), WELL]) as server:
        with connect(Client, server) as client:
            assert (client.whoami()).app_id == "a"


KEY = "idempotency-key"


def test_a_post_is_repeated_with_the_same_key() -> None:
    calls: list[Callable[[Client], object]] = [
        lambda client: client.create_card("s", "T", "D"),
        lambda client: client.update_session_labels("s", ["l"]),
        lambda client: client.create_session(Session()),
    ]
    keys = set()
    for call in calls:
        with WireServer([BROKEN, reply(status=503), WELL]) as server:
            with connect(Client, server) as client:
                call(client)
        first, *others = server.requests
        assert len(others) == 2
        assert all((r.body, r.headers[KEY]) == (first.body, first.headers[KEY]) for r in others)
        keys.add(first.headers[KEY])
    assert len(keys) == len(calls), "every call has a key of its own"


def test_reads_and_bundles_need_no_key() -> None:
    with WireServer(WELL) as server:
        with connect(Client, server) as client:
            client.whoami()
            client.send_bundles("s", [Bundle(index=1)])
            client.delete_session("s")
    assert not any(KEY in request.headers for request in server.requests)


def test_recording_may_be_repeated() -> None:
    with WireServer([BROKEN, WELL]) as server:
        with connect(Client, server) as client:
            client.create_session(Session())
    assert server.requests[0].body == server.requests[1].body
    with WireServer([BROKEN, reply(status=503), WELL]) as server:
        with connect(Client, server) as client:
            assert (client.send_bundles("s", [Bundle(index=1)])).success_count == 1
    assert len({request.body for request in server.requests}) == 1


def test_a_deletion_whose_answer_was_lost_is_done() -> None:
    with WireServer([BROKEN, reply({}, 404)]) as server:
        with connect(Client, server) as client:
            assert client.delete_session("s") is None


@pytest.mark.parametrize("first", [None, reply(status=503)])
def test_a_deletion_of_nothing_is_an_error(first: Reply | None) -> None:
    with WireServer([*filter(None, [first]), reply({}, 404)]) as server:
        with connect(Client, server) as client:
            with pytest.raises(NotFoundError):
                client.delete_card("c")


def test_a_redirect_within_the_cloud_is_followed_with_the_token() -> None:
    def answer(request: Received) -> Reply:
        return WELL if request.path == "/moved" else reply(status=307, location="/moved?x=1")

    with WireServer(answer) as server:
        with connect(Client, server) as client:
            assert (client.whoami()).app_id == "a"
    assert server.requests[1].headers["authorization"] == f"Bearer {TOKEN}"


def test_the_token_goes_to_no_other_host() -> None:
    with WireServer(WELL) as elsewhere:
        signed = f"{elsewhere.url}/object?signature=s3cret"
        with WireServer(reply(status=302, location=signed)) as server:
            with connect(Client, server) as client:
                assert (client.whoami()).app_id == "a"
    (request,) = elsewhere.requests
    assert request.target == "/object?signature=s3cret"
    assert "authorization" not in request.headers
    assert request.headers["host"] == elsewhere.root_domain


def test_a_signature_is_in_no_log_and_no_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with WireServer(reply({"message": "expired"}, 403)) as elsewhere:
        signed = f"{elsewhere.url}/object?signature=s3cret"
        with WireServer(reply(status=302, location=signed)) as server:
            with connect(Client, server) as client:
                with pytest.raises(ResponseError, match="expired") as caught:
                    client.whoami()
    assert caught.value.url == f"{elsewhere.url}/object"
    records = [record for record in caplog.records if not record.name.startswith("httpcore2")]
    assert len(records) > 1
    assert not any("s3cret" in record.getMessage() for record in records)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("location", ["/v2/tokens/self", "", "ftp://x/", "http://[::bad/"])
def test_a_redirect_that_leads_nowhere_is_an_error(location: str) -> None:
    with WireServer(reply(status=302, location=location)) as server:
        with connect(Client, server) as client:
            with pytest.raises(ResponseError) as caught:
                client.whoami()
    assert caught.value.status == 302
    assert len(server.requests) <= 6


def test_a_post_is_not_redirected() -> None:
    with WireServer(reply(status=307, location="/elsewhere")) as server:
        with connect(Client, server) as client:
            with pytest.raises(ResponseError):
                client.update_session_labels("s", ["l"])
    assert len(server.requests) == 1


class Regions:
    """Clouds of several regions on one socket, told apart by the ``Host`` of a request.

    Names below ``localhost`` lead to the loopback interface without a name server.
    """

    def __init__(self, **regions: str) -> None:
        self.regions = regions

    def __call__(self, request: Received) -> Reply:
        name = request.path.split("/")[3] if request.path.startswith("/v2/sessions/") else ""
        if name and request.path.endswith(name):
            if name not in self.regions:
                return reply({}, 404)
            return reply({"session_id": name, "region_id": self.regions[name]})
        if request.path == "/v2/sessions":
            return reply(
                {
                    "sessions": [
                        {"session_id": name, "region_id": value} for name, value in self.regions.items()
                    ]
                }
            )
        return reply({"card_id": "c"}) if "cards" in request.path else reply(b"", content_type="text/plain")


def asked(server: WireServer) -> list[tuple[str, str]]:
    return [(r.headers["host"].partition(".data-api.")[0], f"{r.method} {r.path}") for r in server.requests]


@pytest.fixture
def no_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every host is here."""
    import socket

    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, port, *args, **kwargs: real("127.0.0.1", port, *args, **kwargs)
    )


def in_region(server: WireServer, region: str = "home") -> Client:
    domain = server.root_domain.replace("127.0.0.1", "cloud.test")
    return Client(TOKEN, domain, "http", region, backoff=0.001)


@pytest.mark.usefixtures("no_names")
def test_a_session_is_read_from_its_region_which_is_asked_for_once() -> None:
    with WireServer(Regions(s="away", t="")) as server:
        with in_region(server) as client:
            for _ in range(2):
                _ = list(client.read_session("s"))
            _ = list(client.read_chunk("s", "c"))
            _ = list(client.read_session("t"))
            client.create_card("s", "T", "D")
            client.delete_session("s")
    assert asked(server) == [
        ("home", "GET /v2/sessions/s"),
        ("away", "GET /v2/sessions/s/bundles"),
        ("away", "GET /v2/sessions/s/bundles"),
        ("away", "GET /v2/sessions/s/chunks/c"),
        ("home", "GET /v2/sessions/t"),
        ("home", "GET /v2/sessions/t/bundles"),
        ("away", "POST /v2/cards"),
        ("away", "DELETE /v2/sessions/s"),
    ]


@pytest.mark.usefixtures("no_names")
def test_what_was_computed_is_asked_for_where_it_is() -> None:
    def answer(request: Received) -> Reply:
        return reply({"session_id": "s", "region_id": "away", "journey": {"primary_region_id": "far"}})

    with WireServer(answer) as server:
        with in_region(server) as client:
            for _ in range(2):
                client.list_journey_features("j")
                client.list_session_features("s")
            client.list_session_signals("t", region="given")
    assert asked(server) == [
        ("home", "GET /v2/journeys/j"),
        ("far", "GET /v2/journeys/j/features"),
        ("home", "GET /v2/sessions/s"),
        ("away", "GET /v2/sessions/s/features"),
        ("far", "GET /v2/journeys/j/features"),
        ("away", "GET /v2/sessions/s/features"),
        ("given", "GET /v2/sessions/t/signals"),
    ]


@pytest.mark.usefixtures("no_names")
def test_a_list_tells_the_regions() -> None:
    with WireServer(Regions(s="away")) as server:
        with in_region(server) as client:
            for session in client.list_sessions():
                _ = list(client.read_session(session.session_id))
    assert asked(server) == [("home", "GET /v2/sessions"), ("away", "GET /v2/sessions/s/bundles")]


@pytest.mark.usefixtures("no_names")
def test_the_control_plane_is_asked_for_regions() -> None:
    with WireServer(reply({})) as server:
        with in_region(server) as client:
            client.list_regions()
    assert server.requests[0].headers["host"].startswith("api.cloud.test")


@pytest.mark.usefixtures("no_names")
@pytest.mark.parametrize("region", ["evil.test/", "evil.test#", "a@evil.test", "x:1", "a b", "../"])
def test_a_region_that_is_none_gets_no_token(region: str) -> None:
    with WireServer(Regions(s=region)) as server:
        with in_region(server) as client:
            with pytest.raises(IntegrityError, match="cannot be one"):
                _ = list(client.read_session("s"))
    assert len(server.requests) == 1


def test_on_one_host_no_region_is_asked_for() -> None:
    with WireServer(Regions(s="away")) as server:
        with connect(Client, server) as client:
            _ = list(client.read_session("s"))
            client.list_cards("s")
    assert [request.path for request in server.requests] == ["/v2/sessions/s/bundles", "/v2/cards"]


@pytest.mark.usefixtures("no_names")
def test_the_environment_names_the_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    with WireServer(WELL) as server:
        monkeypatch.setenv("MOONSENSE_SECRET_TOKEN", "from-the-environment")
        monkeypatch.setenv("MOONSENSE_ROOT_DOMAIN", server.root_domain)
        monkeypatch.setenv("MOONSENSE_PROTOCOL", "http")
        monkeypatch.setenv("MOONSENSE_DEFAULT_REGION", "")
        with Client() as client:
            assert (client.whoami()).app_id == "a"
        with Client(default_region="home") as client:
            assert (client.whoami()).app_id == "a"
    assert [request.headers["host"] for request in server.requests] == [
        server.root_domain,
        f"home.data-api.{server.root_domain}",
    ]
    assert server.requests[0].headers["authorization"] == "Bearer from-the-environment"
