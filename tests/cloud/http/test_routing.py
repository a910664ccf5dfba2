"""Which handler a request is for."""

from __future__ import annotations

import re

import pytest
from starlette.responses import Response

from moonsense.cloud.requests import Request
from moonsense.cloud.routing import Endpoint, Table, WrongMethod
from moonsense.contract.problems import Problem
from moonsense.contract.routes import ROUTES, Route


async def _handler(_request: Request) -> Response:
    return Response()


HANDLERS = {route.name: _handler for route in ROUTES}


@pytest.fixture(scope="module")
def table() -> Table:
    return Table(HANDLERS)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_every_route_is_found(table: Table, route: Route) -> None:
    path = re.sub(r"{\w+}", "abc", route.path)

    endpoint, _ = table.find(route.method, path.encode())

    assert endpoint == Endpoint(route, _handler)


def test_placeholders_are_given_by_name(table: Table) -> None:
    endpoint, ids = table.find("GET", b"/v2/sessions/abc/chunks/def")

    assert endpoint.route.name == "read_chunk"
    assert ids == {"session_id": "abc", "chunk_id": "def"}


def test_a_quoted_slash_stays_in_its_segment(table: Table) -> None:
    endpoint, ids = table.find("GET", b"/v2/sessions/abc%2Fchunks")

    assert endpoint.route.name == "describe_session"
    assert ids == {"session_id": "abc/chunks"}


def test_a_segment_is_unquoted_once(table: Table) -> None:
    assert table.find("GET", b"/v2/sessions/a%2562")[1] == {"session_id": "a%62"}
    assert table.find("GET", b"/v2/sessions/%FF")[1] == {"session_id": "\ufffd"}


def test_head_is_answered_where_get_is(table: Table) -> None:
    assert table.find("HEAD", b"/v2/sessions") == table.find("GET", b"/v2/sessions")
    with pytest.raises(WrongMethod):
        table.find("HEAD", b"/v2/bundles")


@pytest.mark.parametrize(
    "path", [b"", b"/", b"//", b"/v2", b"/v2/sessions/", b"/v2/sessions/a/b", b"/V2/sessions", b"/v2/x/a"]
)
def test_any_other_path_is_404(table: Table, path: bytes) -> None:
    with pytest.raises(Problem) as caught:
        table.find("GET", path)

    assert caught.value.status == 404


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", b"/v2/sessions", ("GET", "HEAD", "POST")),
        ("PUT", b"/v2/sessions/abc", ("DELETE", "GET", "HEAD")),
        ("GET", b"/v2/bundles", ("POST",)),
    ],
)
def test_any_other_method_is_405_with_those_of_the_path(
    table: Table, method: str, path: bytes, allowed: tuple[str, ...]
) -> None:
    with pytest.raises(WrongMethod) as caught:
        table.find(method, path)

    assert caught.value.status == 405
    assert caught.value.allowed == allowed


def test_handlers_and_routes_must_be_the_same() -> None:
    with pytest.raises(KeyError, match="another"):
        Table(HANDLERS | {"another": _handler})
    with pytest.raises(KeyError, match="whoami"):
        Table({name: handler for name, handler in HANDLERS.items() if name != "whoami"})
