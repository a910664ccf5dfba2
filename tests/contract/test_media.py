"""Which media type an answer has, by what the client accepts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonsense.contract import media

BOTH = (media.JSON, media.PROTOBUF)
BUNDLES = (media.TAR_GZ, media.FRAMES, media.NDJSON)


@pytest.mark.parametrize(
    ("header", "offered", "chosen"),
    [
        ("*/*", BOTH, media.JSON),
        ("", BOTH, media.JSON),
        ("application/x-protobuf", BOTH, media.PROTOBUF),
        ("Application/X-Protobuf; charset=utf-8", BOTH, media.PROTOBUF),
        ("application/x-protobuf, */*", BOTH, media.PROTOBUF),
        ("application/json;q=0.5, application/x-protobuf", BOTH, media.PROTOBUF),
        ("application/x-protobuf;q=0.5, application/json", BOTH, media.JSON),
        ("application/x-protobuf;q=0", BOTH, media.JSON),
        ("application/x-protobuf;q=nan, */*", BOTH, media.JSON),
        ("application/x-protobuf;q=much", BOTH, media.JSON),
        ("text/html", BOTH, media.JSON),
        ("application/*", BOTH, media.JSON),
        ("*/*", BUNDLES, media.TAR_GZ),
        ("application/x-protobuf", BUNDLES, media.TAR_GZ),  # the JavaScript client reads the tar.gz
        ("application/x-protobuf-delimited", BUNDLES, media.FRAMES),
        ("application/x-ndjson", BUNDLES, media.NDJSON),
        ("application/x-protobuf-delimited, application/x-ndjson;q=0.9", BUNDLES, media.FRAMES),
        ("application/x-ndjson, application/x-protobuf-delimited", BUNDLES, media.NDJSON),
    ],
)
def test_the_choice(header: str, offered: tuple[str, ...], chosen: str) -> None:
    assert media.choose(header, offered) == chosen


@given(st.text(max_size=60))
def test_any_header_gets_an_answer(header: str) -> None:
    assert media.choose(header, BOTH) in BOTH
    assert all(name == name.lower() and name for name in media.accepted(header))


@pytest.mark.parametrize(
    ("content_type", "base"),
    [
        ("application/json", media.JSON),
        ("Application/JSON; charset=UTF-8", media.JSON),
        (" application/x-protobuf ", media.PROTOBUF),
        ("", ""),
    ],
)
def test_the_base_of_a_content_type(content_type: str, base: str) -> None:
    assert media.base_type(content_type) == base
