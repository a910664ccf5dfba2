"""Error answers: one form for all of them, each with the request's id, none with a secret."""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from support.tenants import Tenant

from moonsense.cloud import auth
from moonsense.cloud.auth import TokenKind
from moonsense.cloud.embed import EmbeddedCloud
from moonsense.cloud.records import Body, Snapshot
from moonsense.cloud.store.bundles import Bundles
from moonsense.cloud.store.labels import Labels
from moonsense.contract import media
from moonsense.contract.problems import TYPES, Problem
from moonsense.contract.routes import ROUTES, Route, Scope


def check(answer: httpx2.Response, status: int, param: str = "") -> str:
    """An error answer is as the contract has it; gives its message."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == media.JSON
    assert answer.headers["X-Request-Id"]
    body = answer.json()
    assert list(body) == ["type", "param", "message"]
    assert body["type"] == TYPES[status]
    assert body["param"] == param
    message: str = body["message"]
    assert message
    return message


def path_of(route: Route) -> str:
    return filled(route, "a" * 22)


def filled(route: Route, value: str) -> str:
    """A route's path with one value for every placeholder."""
    return re.sub(r"{\w+}", value, route.path)


GUARDED = [route for route in ROUTES if route.scopes]


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PUT", "PATCH", "OPTIONS"])
def test_an_unknown_path_is_404(anonymous: httpx2.Client, method: str) -> None:
    check(anonymous.request(method, "/v2/nothing"), 404)


@pytest.mark.parametrize("path", sorted({path_of(route) for route in ROUTES}))
def test_a_wrong_method_is_405_with_the_right_ones(anonymous: httpx2.Client, path: str) -> None:
    answer = anonymous.put(path)

    check(answer, 405)
    right = {route.method for route in ROUTES if path_of(route) == path}
    assert set(answer.headers["Allow"].split(", ")) == right | ({"HEAD"} if "GET" in right else set())


@pytest.mark.parametrize("route", GUARDED, ids=lambda route: route.name)
def test_no_token_is_401(anonymous: httpx2.Client, route: Route) -> None:
    answer = anonymous.request(route.method, path_of(route))

    check(answer, 401)
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("route", GUARDED, ids=lambda route: route.name)
def test_an_unknown_token_is_401(anonymous: httpx2.Client, route: Route) -> None:
    token = auth.new_token(TokenKind.SECRET)

    answer = anonymous.request(route.method, path_of(route), headers={"Authorization": f"Bearer {token}"})

    assert token not in check(answer, 401)


@pytest.mark.parametrize("route", GUARDED, ids=lambda route: route.name)
def test_the_wrong_scope_is_403(tenant: Tenant, route: Route) -> None:
    for client, scopes in ((tenant.reader, "qt"), (tenant.recorder, "c")):
        answer = client.request(route.method, path_of(route))
        if any(scope in scopes for scope in route.scopes):
            assert answer.status_code not in (401, 403)
        else:
            check(answer, 403)


@pytest.mark.parametrize(
    "route",
    # A journey's id is the recording app's own text.
    [route for route in ROUTES if "{" in route.path and "{journey_id}" not in route.path],
    ids=lambda r: r.name,
)
@pytest.mark.parametrize("quoted", ["%2e%2e", "a%2Fb", "%00", "%20", "a" * 65, "%C3%A4"])
def test_what_can_be_no_id_is_404(tenant: Tenant, route: Route, quoted: str) -> None:
    path = filled(route, quoted)

    client = tenant.reader if Scope.QUERY in route.scopes else tenant.recorder
    answer = client.request(route.method, path)

    first = re.findall(r"{(\w+)}", route.path)[0]
    assert check(answer, 404, first)


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("per_page=many", "per_page"),
        ("page=1.5", "page"),
        ("filter[platforms][]=AMIGA", "filter[platforms][]"),
        ("filter[min_created_at]=yesterday", "filter[min_created_at]"),
        ("filter[max_created_at]=2023-13-01T00:00:00Z", "filter[max_created_at]"),
        ("cursor=nonsense", "cursor"),
    ],
)
def test_a_bad_parameter_is_422_naming_it(tenant: Tenant, query: str, param: str) -> None:
    check(tenant.reader.get(f"/v2/sessions?{query}"), 422, param)


def test_a_query_that_is_not_utf8_is_400(tenant: Tenant) -> None:
    check(tenant.reader.get("/v2/sessions?filter[labels][]=%FF"), 400)


def test_every_answer_has_a_request_id_of_its_own(anonymous: httpx2.Client) -> None:
    ids = {anonymous.get(path).headers["X-Request-Id"] for path in ("/healthz", "/healthz", "/nothing")}

    assert len(ids) == 3


def test_a_client_s_request_id_is_kept_when_it_is_short_and_plain(anonymous: httpx2.Client) -> None:
    def answered(given: str) -> str:
        kept: str = anonymous.get("/healthz", headers={"X-Request-Id": given}).headers["X-Request-Id"]
        return kept

    assert answered("order-4711.a:b_c") == "order-4711.a:b_c"
    for given in ("", "a" * 65, "a b", "<script>", "a,b"):
        assert answered(given) != given


def test_head_has_the_headers_of_get_and_no_body(tenant: Tenant) -> None:
    session_id = tenant.record(5)
    for path in ("/v2/sessions", f"/v2/sessions/{session_id}", "/healthz"):
        get, head = tenant.reader.get(path), tenant.reader.head(path)
        assert head.status_code == get.status_code == 200
        assert head.content == b""
        assert head.headers["Content-Length"] == get.headers["Content-Length"]


def exchange(cloud: EmbeddedCloud, sent: bytes) -> bytes:
    """What comes back for bytes on a connection, until the server closes it."""
    host, _, port = cloud.root_domain.partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(sent)
        received = b""
        while piece := connection.recv(65536):
            received += piece
        return received


@pytest.mark.parametrize(
    "sent",
    [b"nonsense\r\n\r\n", b"GET /\xff HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n"],
)
def test_what_is_no_http_is_400_in_the_same_form(running: EmbeddedCloud, sent: bytes) -> None:
    head, _, body = exchange(running, sent).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: application/json" in head.lower()
    assert b"x-request-id: " in head.lower()
    assert b'"type":"invalid_request_error"' in body


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Exception], EmbeddedCloud]]:
    """A cloud whose listing of labels raises an error."""
    error: list[Exception] = []

    async def fail(_labels: Labels, _project_id: str) -> object:
        raise error[-1]

    monkeypatch.setattr(Labels, "all", fail)
    with EmbeddedCloud(tmp_path / "data", in_process=True) as cloud:

        def with_error(raised: Exception) -> EmbeddedCloud:
            error.append(raised)
            return cloud

        yield with_error


def labels(cloud: EmbeddedCloud) -> httpx2.Response:
    return httpx2.get(f"{cloud.url}/v2/labels", headers={"Authorization": f"Bearer {cloud.secret_token}"})


def test_an_unforeseen_error_is_500_without_details_and_logged_with_the_id(
    broken: Callable[[Exception], EmbeddedCloud], caplog: pytest.LogCaptureFixture
) -> None:
    answer = labels(broken(RuntimeError("the canary sang")))

    message = check(answer, 500)
    assert "canary" not in answer.text
    assert answer.headers["X-Request-Id"] in message
    (record,) = [record for record in caplog.records if record.name == "moonsense.cloud.journal"]
    assert answer.headers["X-Request-Id"] in record.getMessage()
    assert "the canary sang" in (record.exc_text or "")


@pytest.mark.parametrize(("given", "answered"), [(None, "1"), (7, "7")])
@pytest.mark.parametrize("status", [429, 503])
def test_busy_is_answered_with_when_to_come_again(
    broken: Callable[[Exception], EmbeddedCloud], status: int, given: int | None, answered: str
) -> None:
    answer = labels(broken(Problem(status, "not now", retry_after=given)))

    check(answer, status)
    assert answer.headers["Retry-After"] == answered


def test_the_cloud_lives_on_after_an_error(broken: Callable[[Exception], EmbeddedCloud]) -> None:
    cloud = broken(RuntimeError("once"))
    for _ in range(3):
        check(labels(cloud), 500)

    assert httpx2.get(f"{cloud.url}/healthz").status_code == 200


def test_a_stream_that_fails_midway_cuts_the_connection(
    tenant: Tenant, running: EmbeddedCloud, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(_offset: int = 0) -> AsyncIterator[bytes]:
        yield b"x" * 500_000
        raise OSError("the disk is gone")

    open_really = Bundles.open

    async def open_bundles(bundles: Bundles, *arguments: Any) -> Snapshot:
        return replace(await open_really(bundles, *arguments), body=Body(1_000_000, fail))

    session_id = tenant.record(1)
    monkeypatch.setattr(Bundles, "open", open_bundles)
    for accept in (media.TAR_GZ, media.NDJSON, media.FRAMES):
        with pytest.raises(httpx2.RemoteProtocolError):
            tenant.reader.get(f"/v2/sessions/{session_id}/bundles", headers={"Accept": accept})

    broke = [record for record in caplog.records if "broke off" in record.getMessage()]
    assert len(broke) == 3
    assert tenant.reader.get("/v2/labels").status_code == 200


def test_no_token_is_ever_logged(
    running: EmbeddedCloud, broken: Callable[[Exception], EmbeddedCloud], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    cloud = broken(RuntimeError("for a traceback"))
    labels(cloud)
    httpx2.get(f"{cloud.url}/v2/bundles", headers={"Authorization": f"Bearer {cloud.public_token}"})
    httpx2.get(f"{cloud.url}/v2/labels", headers={"Authorization": f"Bearer {cloud.public_token}x"})

    shown = caplog.text + "".join(record.exc_text or "" for record in caplog.records)
    assert cloud.secret_token[8:] not in shown
    assert cloud.public_token[8:] not in shown
