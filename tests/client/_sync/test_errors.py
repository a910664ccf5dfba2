# Made from tests/client/_async/test_errors.py by scripts/generate_sync.py: do not edit.
# ruff: noqa: SIM117
"""Answers that are errors: which class, with what on it, and without any secret."""

from __future__ import annotations

import gzip
import io
import logging
import pickle
import traceback

import pytest
from support.wire import TOKEN, Reply, WireServer, connect, reply

from moonsense import errors
from moonsense.client import Client
from moonsense.models.common_v2_pb2 import ErrorResponse

PROBLEM = {"type": "not_found_error", "param": "session_id", "message": "there is no such session"}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.BadRequestError),
        (401, errors.AuthenticationError),
        (403, errors.PermissionDeniedError),
        (404, errors.NotFoundError),
        (409, errors.ConflictError),
        (413, errors.TooLargeError),
        (418, errors.ResponseError),
        (422, errors.UnprocessableError),
        (429, errors.RateLimitError),
        (500, errors.ServerError),
        (503, errors.ServerError),
        # Only 200 is success.
        (201, errors.ResponseError),
        (206, errors.ResponseError),
        (304, errors.ResponseError),
    ],
)
def test_the_status_makes_the_class(status: int, kind: type[errors.ResponseError]) -> None:
    answer = reply(PROBLEM, status, X_Request_Id="r-1") if status != 304 else reply(status=304)
    with WireServer(answer) as server:
        with connect(Client, server, tries=1) as client:
            with pytest.raises(errors.ResponseError) as caught:
                client.whoami()
    assert type(caught.value) is kind
    assert caught.value.status == status
    if status != 304:
        assert caught.value.request_id == "r-1"


def test_what_the_cloud_said_is_on_the_error() -> None:
    with WireServer(reply(PROBLEM, 404, X_Request_Id="r-1")) as server:
        with connect(Client, server) as client:
            with pytest.raises(errors.NotFoundError) as caught:
                client.describe_session("s")
    error = pickle.loads(pickle.dumps(caught.value))
    assert (error.status, error.type, error.param, error.detail) == (
        404,
        "not_found_error",
        "session_id",
        "there is no such session",
    )
    assert (error.method, error.url, error.request_id) == ("GET", f"{server.url}/v2/sessions/s", "r-1")
    assert str(error) == (
        f"GET {server.url}/v2/sessions/s: 404 not_found_error: there is no such session "
        "(param session_id) (request id r-1)"
    )
    assert isinstance(error, RuntimeError)


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (reply(b"", 503), ""),
        (reply(b"<html>\n <b>Bad</b>   gateway", 502, content_type="text/html"), "<html> <b>Bad</b> gateway"),
        (reply(b'{"message": "half', 500, content_type="application/json"), '{"message": "half'),
        (reply(b"\xff\xfe", 500), "\ufffd\ufffd"),
        (reply(b"x" * 100_000, 500), "x" * 300),
        (
            reply(
                ErrorResponse(message="in protobuf").SerializeToString(),
                500,
                content_type="application/x-protobuf",
            ),
            "in protobuf",
        ),
        (reply(b"not gzip", 500, content_encoding="gzip"), ""),
        (reply(b"whole", 500, length=False), "whole"),
        (reply({"message": "cut off"}, 500).cut(80), None),
    ],
)
def test_any_body_of_an_error_will_do(answer: Reply, detail: str | None) -> None:
    with WireServer(answer) as server:
        with connect(Client, server, tries=1) as client:
            with pytest.raises(errors.ServerError) as caught:
                client.whoami()
    if detail is not None:
        assert caught.value.detail == detail


def test_an_answer_that_inflates_without_end_is_not_held() -> None:
    bomb = gzip.compress(bytes(70 * 1024 * 1024), 9)
    with WireServer(reply(bomb, content_encoding="gzip", content_type="application/json")) as server:
        with connect(Client, server) as client:
            with pytest.raises(errors.DataError, match="larger than 67108864 bytes"):
                client.whoami()


def test_retry_after_is_on_the_error() -> None:
    with WireServer(reply(PROBLEM, 429, retry_after="300")) as server:
        with connect(Client, server) as client:
            with pytest.raises(errors.RateLimitError) as caught:
                client.whoami()
    assert caught.value.retry_after == 300
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        reply(b"\x00garbage", content_type="application/json"),
        reply(b"[1]", content_type="application/json"),
        reply(b"\xff\xff\xff", content_type="application/x-protobuf"),
        reply(b"<html>Sign in to this network</html>", content_type="text/html"),
        reply(b"{}", content_encoding="br"),
        reply(b"\x1f\x8b not gzip", content_encoding="gzip"),
        reply(b"\x0a\x01a", content_type="application/x-protobuf", length=False),
    ],
)
def test_a_200_that_is_no_message_is_a_data_error(answer: Reply) -> None:
    with WireServer(answer) as server:
        with connect(Client, server) as client:
            with pytest.raises(errors.DataError, match="GET http"):
                client.whoami()


@pytest.mark.parametrize(
    "data", [b"", b"HTTP/1.1", b"SSH-2.0-OpenSSH\r\n", b"\x00" * 100, b"HTTP/1.1 abc\r\n\r\n"]
)
def test_what_is_no_http_is_a_failed_connection(data: bytes) -> None:
    with WireServer(Reply(data, close=True)) as server:
        with connect(Client, server) as client:
            with pytest.raises(errors.ConnectionFailed, match="the connection broke"):
                client.whoami()
    assert len(server.requests) == 3


def test_a_reset_is_a_failed_connection() -> None:
    with WireServer(Reply(b"", reset=True)) as server:
        with connect(Client, server) as client:
            with pytest.raises(errors.ConnectionFailed):
                client.whoami()


def test_nobody_listening_is_a_failed_connection() -> None:
    with WireServer(reply({})) as server:
        domain = server.root_domain
    with Client(TOKEN, domain, "http", "", backoff=0.001) as client:
        with pytest.raises(errors.ConnectionFailed, match="no connection") as caught:
            client.whoami()
    assert not caught.value.sent


def test_an_impossible_host_is_an_error_of_ours() -> None:
    with Client(TOKEN, "x" * 100, "http", "", tries=1) as client:
        with pytest.raises((errors.ConfigurationError, errors.ConnectionFailed)):
            client.whoami()


def test_no_answer_is_a_timeout() -> None:
    with WireServer(Reply(b"", hang=True)) as server:
        with connect(Client, server, tries=1, timeout=0.25) as client:
            with pytest.raises(errors.RequestTimeout, match="no answer in the time given"):
                client.whoami()


def test_half_an_answer_is_a_timeout() -> None:
    half = Reply(reply({"app_id": "a"}).data[:-3], hang=True)
    with WireServer(half) as server:
        with connect(Client, server, tries=1, timeout=0.25) as client:
            with pytest.raises(errors.RequestTimeout):
                client.whoami()


def test_without_a_token_both_ways_out_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MOONSENSE_SECRET_TOKEN", raising=False)
    with pytest.raises(RuntimeError, match=r"set MOONSENSE_SECRET_TOKEN.*moonsense cloud serve"):
        Client()


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"tries": 0}, "tries"),
        ({"timeout": 0}, "timeout"),
        ({"wire": "xml"}, "wire"),
        ({"backoff": -1}, "backoff"),
    ],
)
def test_options_that_cannot_be(options: dict[str, object], word: str) -> None:
    with pytest.raises(errors.ConfigurationError, match=word):
        Client(TOKEN, **options)


@pytest.mark.parametrize(
    "answer",
    [
        reply({"message": f"your header was Bearer {TOKEN}"}, 401),
        reply(b"Bearer " + TOKEN.encode(), 500),
        Reply(b"", close=True),
        reply(b"\x00", content_type="application/json"),
        reply({}),
    ],
)
def test_the_token_is_nowhere_to_be_seen(answer: Reply, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    seen = io.StringIO()
    with WireServer(answer) as server:
        with connect(Client, server, tries=2) as client:
            try:
                print(client.whoami(), file=seen)
            except errors.MoonsenseError as error:
                traceback.print_exception(error, file=seen)
                print(repr(error), vars(error), error.args, pickle.dumps(error), file=seen)
                cause = error.__cause__ or error.__context__
                while cause is not None:  # some packages pickle these, too
                    print(pickle.dumps((vars(cause), cause.args)), file=seen)
                    cause = cause.__cause__ or cause.__context__
            print(repr(client), str(client), file=seen)
    assert TOKEN in server.requests[0].headers["authorization"]
    assert TOKEN not in seen.getvalue()
    assert TOKEN not in caplog.text
    assert "moonsense.client" in caplog.text or "httpcore2" in caplog.text
