"""Heads that are compared instead of parsed: the same request, or none."""

from __future__ import annotations

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonsense.cloud.heads import Head

HEAD = b"POST /v2/bundles HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\nAccept: a/b\r\n\r\n"


def like(body: bytes, head: bytes = HEAD) -> bytes:
    return head.replace(b"Length: 12", b"Length: %d" % len(body)) + body


def known() -> Head:
    head = Head.of(HEAD, 12)
    assert head is not None
    return head


@pytest.mark.parametrize("length", [0, 7, 12, 32_000])
def test_a_body_is_found_whatever_its_length(length: int) -> None:
    request = like(b"b" * length)
    span = known().match(request)
    assert span is not None
    assert request[span.start : span.end] == b"b" * length


@given(st.binary(max_size=50), st.integers(0, 300))
def test_a_beginning_says_where_its_body_will_end(body: bytes, cut: int) -> None:
    request = like(body)
    span = known().match(request[: len(request) - cut])
    if span is None:
        assert len(request) - cut < len(request) - len(body)  # not even the head is whole
    else:
        assert span == (len(request) - len(body), len(request))


@pytest.mark.parametrize(
    "head",
    [
        HEAD.replace(b"POST", b"PUT"),
        HEAD.replace(b"Accept: a/b", b"Accept: a/c"),
        HEAD.replace(b"Accept: a/b", b"Accept: a/b\r\nConnection: close"),
        HEAD.replace(b" 12", b" +12"),
        HEAD.replace(b" 12", b" "),
        HEAD.replace(b" 12", b" 12 "),
        HEAD.replace(b" 12", b" 1_2"),
        HEAD.replace(b" 12", b" 000000000012"),
        HEAD.lower(),
        b"\r\n" + HEAD,
        b"",
    ],
)
def test_another_head_is_not_taken_for_it(head: bytes) -> None:
    assert known().match(head + b"b" * 12) is None


@pytest.mark.parametrize(
    ("head", "length"),
    [
        (HEAD, 11),
        (HEAD[:-2], 12),
        (like(b"one of twelve") + HEAD, 12),
        (HEAD + b"twelve bytes" + HEAD, 12),
        (HEAD.replace(b"Content-Length: 12\r\n", b""), 0),
        (HEAD.replace(b": 12", b":   12"), 12),
        (HEAD.replace(b"Host: x", b"X-Content-Length: 12").replace(b"Content-Length: 12\r\nA", b"A"), 12),
    ],
)
def test_a_length_that_is_written_otherwise_is_not_learned(head: bytes, length: int) -> None:
    assert Head.of(head, length) is None


class Parsed:
    """What the server's own parser reads."""

    def __init__(self, request: bytes) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.url = self.body = b""
        self.whole = False
        httptools.HttpRequestParser(self).feed_data(request)

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() != b"content-length":
            self.headers.append((name, value))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.whole = True


@given(
    st.binary(max_size=60).filter(lambda text: b"\r" not in text),
    st.binary(max_size=40),
    st.binary(max_size=40),
)
def test_what_is_taken_for_it_reads_as_the_parser_reads_it(
    header: bytes, first: bytes, second: bytes
) -> None:
    """Whatever the head holds: if the parser took the first and it is learned, the second reads the same."""
    head = HEAD.replace(b"Accept: a/b", b"Accept: " + header)
    request = like(first, head)
    try:
        parsed = Parsed(request)
    except httptools.HttpParserError:
        return
    if not parsed.whole or not request.endswith(parsed.body):
        return
    learned = Head.of(request[: len(request) - len(parsed.body)], len(parsed.body))
    if learned is None:
        return
    other = like(second, head)
    span = learned.match(other)
    if span is not None and span.end == len(other):
        again = Parsed(other)
        assert (again.whole, again.url, again.headers) == (True, parsed.url, parsed.headers)
        assert again.body == other[span.start :]
