"""The border to the HTTP library: each of its exceptions becomes one of ours."""

from __future__ import annotations

import sys
from types import ModuleType

import httpcore2
import httpx2
import pytest

from moonsense.client._core.deadlines import Deadline
from moonsense.client._core.failures import foreign, translate, translate_body
from moonsense.client._core.requests import Request
from moonsense.errors import (
    ConfigurationError,
    ConnectionFailed,
    IncompleteError,
    MoonsenseError,
    RequestTimeout,
)

REQUEST = Request("GET", "http://cloud.test/v2/sessions?signature=secret", {})
ENDLESS = Deadline(None)

EXCEPTIONS = sorted(
    (
        value
        for value in (*vars(httpx2).values(), *vars(httpcore2).values())
        if isinstance(value, type) and issubclass(value, Exception) and not issubclass(value, Warning)
    ),
    key=str,
)


def made(kind: type[Exception]) -> Exception:
    error = kind.__new__(kind)
    error.args = ("the reason",)
    return error


def test_there_are_exceptions_to_try() -> None:
    assert len(EXCEPTIONS) > 20


@pytest.mark.parametrize("kind", EXCEPTIONS, ids=str)
def test_none_passes_the_border(kind: type[Exception]) -> None:
    assert issubclass(kind, foreign())
    for error in (
        translate(made(kind), REQUEST, ENDLESS),
        translate_body(made(kind), REQUEST, "session s", ENDLESS),
    ):
        assert isinstance(error, MoonsenseError)
        assert "secret" not in str(error)


def test_without_the_librarys_client_its_connections_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "httpx2")
    assert issubclass(httpcore2.ReadTimeout, foreign())
    assert not issubclass(httpx2.ReadTimeout, foreign())


@pytest.mark.parametrize("library", [httpx2, httpcore2])
@pytest.mark.parametrize(
    ("name", "ours", "sent"),
    [
        ("ConnectError", ConnectionFailed, False),
        ("ConnectTimeout", RequestTimeout, False),
        ("PoolTimeout", RequestTimeout, False),
        ("ReadTimeout", RequestTimeout, True),
        ("WriteTimeout", RequestTimeout, True),
        ("ReadError", ConnectionFailed, True),
        ("RemoteProtocolError", ConnectionFailed, True),
    ],
)
def test_whether_a_request_left_is_kept(
    library: ModuleType, name: str, ours: type[MoonsenseError], sent: bool
) -> None:
    error = translate(made(getattr(library, name)), REQUEST, ENDLESS)
    assert type(error) is ours
    assert error.sent is sent  # type: ignore[attr-defined]
    assert error.url == "http://cloud.test/v2/sessions"  # type: ignore[attr-defined]


def test_an_address_that_cannot_be_is_a_setting() -> None:
    assert isinstance(translate(httpx2.InvalidURL("no"), REQUEST, ENDLESS), ConfigurationError)
    assert isinstance(translate(UnicodeError("no"), REQUEST, ENDLESS), ConfigurationError)


def test_a_body_that_breaks_off_is_incomplete() -> None:
    error = translate_body(made(httpx2.RemoteProtocolError), REQUEST, "session s, chunk c", ENDLESS)
    assert type(error) is IncompleteError
    assert str(error).startswith("session s, chunk c: ")


def test_the_innermost_reason_is_told() -> None:
    outer = made(httpx2.ConnectError)
    outer.__cause__ = OSError(111, "Connection refused")
    assert "Connection refused" in str(translate(outer, REQUEST, ENDLESS))
