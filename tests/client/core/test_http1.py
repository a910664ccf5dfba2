"""Requests as bytes, and responses read out of bytes however they are cut."""

from __future__ import annotations

import itertools
from collections import deque

import h11
import httpcore2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from moonsense.client._core.http1 import ResponseReader, request_head

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n"
ABC = b"Content-Length: 3\r\n\r\nabc"


def read(*pieces: bytes) -> tuple[ResponseReader, bytes]:
    """What a reader makes of the pieces; an empty one is the end of the connection."""
    reader = ResponseReader()
    body = b""
    for piece in pieces:
        reader.feed(piece)
        body += b"".join(reader.take())
    return reader, body


@pytest.mark.parametrize(
    ("data", "status", "body", "may_go_on"),
    [
        (OK + ABC, 200, b"abc", True),
        (OK + b"Content-Length: 0\r\n\r\n", 200, b"", True),
        (OK + b"Connection: close\r\nContent-Length: 3\r\n\r\nabc", 200, b"abc", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc", 200, b"abc", False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabc", 200, b"abc", True),
        (b"HTTP/1.1 200\r\nContent-Length: 3\r\n\r\nabc", 200, b"abc", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 30\r\n\r\n", 304, b"", True),
        (CHUNKED + b"\r\n3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: t\r\n\r\n", 200, b"abcde", True),
        (CHUNKED + b"Content-Length: 9\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 200, b"abc", True),
        (b"HTTP/1.1 200 OK\nContent-Length: 3\n\nabc", 200, b"abc", True),
        (CHUNKED + b"\r\n3   \r\nabc\r\n0  \r\n\r\n", 200, b"abc", True),
        (b"HTTP/1.0 100 Continue\r\nConnection: close\r\n\r\n" + OK + ABC, 200, b"abc", True),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK + ABC, 200, b"abc", True),
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK + ABC, 200, b"abc", True),
    ],
)  # fmt: skip
def test_a_response_is_read_however_it_is_cut(data: bytes, status: int, body: bytes, may_go_on: bool) -> None:
    for pieces in ([data], [data[i : i + 1] for i in range(len(data))]):
        reader, found = read(*pieces)
        assert (reader.is_whole, reader.status, found) == (True, status, body)
        assert reader.may_go_on is may_go_on
        assert not {b"Link", b"Trailer"} & {name for name, _ in reader.headers}
    for cut in range(len(data)):
        reader, found = read(*filter(None, (data[:cut], data[cut:])))
        assert (reader.is_whole, found) == (True, body)


def test_without_a_length_the_end_of_the_connection_is_the_bodys() -> None:
    reader, body = read(OK + b"\r\nab", b"c")
    assert not reader.is_whole
    reader.feed(b"")
    assert (reader.is_whole, reader.may_go_on, body) == (True, False, b"abc")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "without an answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "without an answer"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "without an answer"),
        (OK + b"Content-Length: 4\r\n\r\nabc", "before the body's end"),
        (CHUNKED + b"\r\n3\r\nabc\r\n", "before the body's end"),
    ],
)
def test_an_end_in_between_is_an_error(data: bytes, reason: str) -> None:
    with pytest.raises(httpcore2.RemoteProtocolError, match=reason):
        read(*filter(None, [data]), b"")


@pytest.mark.parametrize(
    "data",
    [
        b"<html>nothing</html>",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        OK + b"no header\r\n\r\n",
        OK + b"X: a\x01b\r\n\r\n",
        OK + b"Content-Length: -3\r\n\r\n",
        OK + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        CHUNKED + b"\r\nxyz\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
    ],
)
def test_what_is_no_response_is_an_error(data: bytes) -> None:
    with pytest.raises(httpcore2.RemoteProtocolError):
        read(data, b"")


def test_headers_without_end_are_not_held() -> None:
    reader = ResponseReader()
    reader.feed(OK)
    with pytest.raises(httpcore2.RemoteProtocolError, match="of headers"):
        deque(map(reader.feed, itertools.repeat(b"X: %s\r\n" % (b"x" * 1000), 200)))


@pytest.mark.parametrize(
    "more", [b"x", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"]
)
@pytest.mark.parametrize("together", [True, False])
def test_what_comes_after_a_response_is_not_the_next_one(more: bytes, together: bool) -> None:
    whole = OK + ABC
    reader, body = read(whole + more) if together else read(whole, more)
    assert (reader.is_whole, reader.may_go_on, reader.status, body) == (True, False, 200, b"abc")


def test_one_response_after_the_other() -> None:
    reader = ResponseReader()
    for number in range(3):
        reader.begin()
        assert not reader.is_whole
        reader.feed(b"HTTP/1.1 20%d OK\r\nX: %d\r\nContent-Length: 1\r\n\r\n%d" % (number, number, number))
        assert (reader.status, b"".join(reader.take())) == (200 + number, b"%d" % number)
        assert dict(reader.headers)[b"X"] == b"%d" % number
        assert reader.may_go_on


HEADER_NAMES = st.from_regex(r"X-[A-Za-z0-9!#$%&'*+.^_`|~-]{0,12}", fullmatch=True)
HEADER_VALUES = st.from_regex(r"([!-~]([ -~]{0,20}[!-~])?)?", fullmatch=True)


@st.composite
def responses(draw: st.DrawFn) -> bytes:
    """Well-formed responses of every framing."""
    body = draw(st.binary(max_size=300))
    lines = [f"HTTP/1.{draw(st.sampled_from('01'))} {draw(st.integers(200, 599))} {draw(HEADER_VALUES)}"]
    lines += [f"{n}: {v}" for n, v in draw(st.lists(st.tuples(HEADER_NAMES, HEADER_VALUES), max_size=5))]
    lines += draw(st.sampled_from([[], ["Connection: close"], ["Connection: keep-alive"]]))
    framing = draw(st.sampled_from(["length", "chunks", "end"]))
    if framing == "length":
        lines.append(f"Content-Length: {len(body)}")
    elif framing == "chunks" and lines[0].startswith("HTTP/1.1"):
        lines.append("Transfer-Encoding: chunked")
        size = draw(st.integers(1, 100))
        chunks = [body[i : i + size] for i in range(0, len(body), size)]
        body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    return "\r\n".join([*lines, "", ""]).encode() + body


def is_kept_of_old(data: bytes) -> bool:
    """Whether a server of HTTP/1.0 offers to go on, which h11 never does."""
    return data.startswith(b"HTTP/1.0") and b"\r\nConnection: keep-alive\r\n" in data


def by_h11(data: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes, bool]:
    """What another parser makes of a response and the end of the connection after it."""
    connection = h11.Connection(our_role=h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "h")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    response = connection.next_event()
    assert isinstance(response, h11.Response)
    body = b""
    may_go_on = None
    while not isinstance(event := connection.next_event(), h11.EndOfMessage):
        if event is h11.NEED_DATA:
            connection.receive_data(b"")
            may_go_on = False
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
    if may_go_on is None:
        may_go_on = connection.their_state is h11.DONE or is_kept_of_old(data)
    return response.status_code, response.headers.raw_items(), body, may_go_on


@given(responses(), st.lists(st.integers(0, 600), max_size=4).map(sorted))
@example(b"HTTP/1.1 204 No\r\nConnection: close\r\n\r\n", [])
def test_another_parser_reads_the_same(data: bytes, cuts: list[int]) -> None:
    status, headers, body, may_go_on = by_h11(data)
    edges = [0, *cuts, len(data)]
    reader, found = read(*(data[a:b] for a, b in itertools.pairwise(edges) if data[a:b]))
    if not reader.is_whole:
        reader.feed(b"")
    assert (reader.status, reader.headers, found) == (status, headers, body)
    assert reader.is_whole
    if reader.may_go_on:  # it may be more careful
        assert may_go_on


def test_a_request() -> None:
    head = request_head("POST", "/v2/a?b=c", "cloud.test:8090", {"Accept": "x", "X-Key": "y"}, 5)
    assert head == (
        b"POST /v2/a?b=c HTTP/1.1\r\nHost: cloud.test:8090\r\n"
        b"Accept: x\r\nX-Key: y\r\nContent-Length: 5\r\n\r\n"
    )
    assert b"Content-Length" not in request_head("GET", "/", "h", {}, 0)
    assert b"Content-Length: 0\r\n" in request_head("POST", "/", "h", {}, 0)


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "a\rb", "a\0b"])
def test_a_value_stays_in_its_line(value: str) -> None:
    for arguments in (("GET", "/", "h", {"X": value}, 0), ("GET", "/" + value, "h", {}, 0)):
        with pytest.raises(httpcore2.LocalProtocolError, match="a line's end"):
            request_head(*arguments)
