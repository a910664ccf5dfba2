"""Addresses that are sent letter by letter, and those that are not."""

from __future__ import annotations

import httpx2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from moonsense.client._core.addresses import PORTS, plain_address

PIECES = ["a", "Z", "0", "-", "_", "~", ".", "..", "/", "//", "%2E", "%5B", "%zz", "%", "?", "&", "=", "+",
          ":", "@", ";", ",", "'", '"', "(", "[", "|", "#", " ", "ü", "\n", "\\"]  # fmt: skip


@given(
    st.sampled_from(["http", "https"]),
    st.sampled_from(["cloud.test", "a-b.c_d", "127.0.0.1", "x", "[::1]", "Cloud.test", "ü.test", "a..b"]),
    st.sampled_from(["", ":80", ":443", ":8090", ":1", ":65535"]),
    st.lists(st.sampled_from(PIECES), max_size=8).map("".join),
)
@example("http", "cloud.test", ":8090", "v2/sessions?filter%5Blabels%5D%5B%5D=a+b&per_page=100")
def test_what_is_plain_is_what_the_library_would_send(scheme: str, host: str, port: str, path: str) -> None:
    url = f"{scheme}://{host}{port}/{path}"
    address = plain_address(url)
    if address is None:
        return
    same = httpx2.URL(url)
    assert address.origin == (same.scheme, same.host, same.port or PORTS[same.scheme])
    assert address.target.encode() == same.raw_path
    assert address.authority.encode() == same.netloc


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8090/v2/sessions/3fXk9Q/bundles",
        "https://us-central1.gcp.data-api.moonsense.cloud/v2/sessions?per_page=100&page=2",
        "http://cloud.test/v2/sessions?filter%5Bmin_created_at%5D=2024-01-01T00%3A00%3A00.000000%2B00%3A00",
    ],
)
def test_nearly_all_are_plain(url: str) -> None:
    assert plain_address(url) is not None


@pytest.mark.parametrize(
    "url",
    [
        "http://cloud.test",
        "http://user:secret@cloud.test/",
        "http://cloud.test:99999/",
        "http://cloud.test/a/../b",
        "http://cloud.test/./b",
        "http://cloud.test/a b",
        "http://cloud.test/a#b",
        "http://cloud.test/a\n",
        "ftp://cloud.test/",
        "http://Cloud.test/",
        "http:///a",
    ],
)
def test_others_are_left_to_the_library(url: str) -> None:
    assert plain_address(url) is None
