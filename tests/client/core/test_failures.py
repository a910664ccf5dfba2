"""The border to the HTTP library: each of its exceptions becomes one of ours."""

from __future__ import annotations

import httpx2
import pytest

from moonsense.client._core.deadlines import Deadline
from moonsense.client._core.failures import FOREIGN, translate, translate_body
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
        for value in vars(httpx2).values()
        if isinstance(value, type) and issubclass(value, Exception) and not issubclass(value, Warning)
    ),
    key=lambda kind: kind.__name__,
)


def made(kind: type[Exception]) -> Exception:
    error = kind.__new__(kind)
    error.args = ("the reason",)
    return error


def test_there_are_exceptions_to_try() -> None:
    assert len(EXCEPTIONS) > 20


@pytest.mark.parametrize("kind", EXCEPTIONS, ids=lambda kind: kind.__name__)
def test_none_passes_the_border(kind: type[Exception]) -> None:
    assert issubclass(kind, FOREIGN)
    for error in (
        translate(made(kind), REQUEST, ENDLESS),
        translate_body(made(kind), REQUEST, "session s", ENDLESS),
    ):
        assert isinstance(error, MoonsenseError)
        assert "secret" not in str(error)


@pytest.mark.parametrize(
    ("kind", "ours", "sent"),
    [
        (httpx2.ConnectError, ConnectionFailed, False),
        (httpx2.ConnectTimeout, RequestTimeout, False),
        (httpx2.PoolTimeout, RequestTimeout, False),
        (httpx2.ReadTimeout, RequestTimeout, True),
        (httpx2.WriteTimeout, RequestTimeout, True),
        (httpx2.ReadError, ConnectionFailed, True),
        (httpx2.RemoteProtocolError, ConnectionFailed, True),
    ],
)
def test_whether_a_request_left_is_kept(
    kind: type[Exception], ours: type[MoonsenseError], sent: bool
) -> None:
    error = translate(made(kind), REQUEST, ENDLESS)
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
