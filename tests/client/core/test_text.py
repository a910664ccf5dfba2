"""Bundles passed on as text: looked at by the compiled part, or by a reader alone."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonsense.client._core.answers import Head
from moonsense.client._core.requests import Request
from moonsense.client._core.text import BundleText
from moonsense.codec import objects
from moonsense.errors import DecodeError

REQUEST = Request("GET", "http://cloud.test/v2/sessions/s/bundles", {})


@pytest.fixture(params=[True, False], ids=["compiled", "read"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param and not objects.can_count:
        pytest.skip("there was no compiler")
    monkeypatch.setattr(objects, "can_count", request.param)


def passed_on(*pieces: bytes) -> bytes:
    """What comes out of a body of these pieces."""
    reader = BundleText(REQUEST, "session s")
    reader.begin(Head(200, {"content-type": "application/x-ndjson", "transfer-encoding": "chunked"}))
    out = b""
    for piece in pieces:
        out += b"".join(reader.feed(piece))
    return out + reader.close()


LINES = '{"bundle":{"index":1}}\n{"a":"ä\\u00e4 \\ud83d\\ude00","b":[1.5e300]}\n{}\n'.encode()


@given(st.lists(st.integers(0, len(LINES)), max_size=5).map(sorted))
def test_lines_come_as_they_are_however_they_are_cut(cuts: list[int]) -> None:
    edges = [0, *cuts, len(LINES)]
    assert passed_on(*(LINES[a:b] for a, b in itertools.pairwise(edges))) == LINES


@pytest.mark.parametrize(
    ("body", "out"),
    [
        (b"", b""),
        (b"\n \n", b""),
        (b"{}", b"{}\n"),
        (b"{}\r\n", b"{}\r\n"),
        (b"\n{}\n\n{}\n \n{}", b"{}\n{}\n{}\n"),
    ],
)
def test_each_line_is_ended_and_none_is_blank(body: bytes, out: bytes) -> None:
    assert passed_on(body) == passed_on(*(body[i : i + 1] for i in range(len(body)))) == out


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"a":1', "no JSON"),
        (b'{"a":01}', "no JSON"),
        (b'{"a":"\xff"}', "no JSON"),
        (b'{"a":1}{}', "no JSON"),
        (b"<html>", "no JSON"),
        (b"[]", "no JSON object"),
        (b"1", "no JSON object"),
    ],
)
def test_what_is_no_object_is_an_error_that_says_where(line: bytes, reason: str) -> None:
    for pieces in ([LINES + line + b"\n" + LINES], [LINES, line, b"\n", LINES], [LINES + line]):
        with pytest.raises(DecodeError, match=reason) as caught:
            passed_on(*pieces)
        assert caught.value.line == 4
