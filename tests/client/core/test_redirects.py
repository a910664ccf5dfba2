"""Where a redirect leads, and whether the token goes with it."""

from __future__ import annotations

import pytest

from moonsense.client._core.answers import Head
from moonsense.client._core.redirects import next_hop
from moonsense.client._core.requests import Request

START = Request("GET", "https://cloud.test/v2/sessions?page=1", {"Accept": "x"})


def hop(location: str, request: Request = START, status: int = 302) -> Request | None:
    return next_hop(request, Head(status, {"location": location} if location else {}))


@pytest.mark.parametrize(
    "location", ["/other", "https://cloud.test/other", "https://CLOUD.test:443/other#part"]
)
def test_the_same_origin_sees_the_token(location: str) -> None:
    target = hop(location)
    assert target is not None
    assert target.authorized
    assert target.url.lower().startswith("https://cloud.test")
    assert target.url.endswith("/other")


@pytest.mark.parametrize(
    "location",
    [
        "https://elsewhere.test/x",
        "//elsewhere.test/x",
        "https://cloud.test:8443/x",
        "https://cloud.test.evil.test/x",
        "https://cloud.test@evil.test/x",
    ],
)
def test_another_origin_does_not(location: str) -> None:
    target = hop(location)
    assert target is not None
    assert not target.authorized


def test_the_token_does_not_come_back() -> None:
    away = hop("https://elsewhere.test/x")
    assert away is not None
    back = hop("https://cloud.test/x", away)
    assert back is not None
    assert not back.authorized


@pytest.mark.parametrize(
    "location",
    [
        "",
        "http://cloud.test/x",
        "ftp://cloud.test/x",
        "file:///etc/passwd",
        "https://[::bad/",
        "https://cloud.test:port/",
    ],
)
def test_nothing_else_is_followed(location: str) -> None:
    assert hop(location) is None


@pytest.mark.parametrize("status", [200, 300, 304, 305, 404])
def test_only_redirects_are(status: int) -> None:
    assert hop("/x", status=status) is None


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_only_reads_are(method: str) -> None:
    assert hop("/x", Request(method, START.url, {})) is None
