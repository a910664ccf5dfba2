"""Where the two planes are, and which region a host names."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonsense.contract import hosts
from moonsense.errors import ConfigurationError


def test_the_published_service() -> None:
    assert (
        hosts.data_plane("https", "moonsense.cloud", "us-central1.gcp")
        == "https://us-central1.gcp.data-api.moonsense.cloud"
    )
    assert hosts.control_plane("https", "moonsense.cloud", "us-central1.gcp") == "https://api.moonsense.cloud"


@pytest.mark.parametrize("root", ["127.0.0.1:8080", "localhost", "[::1]:8080", "[::1]", "cloud.example.test"])
def test_an_empty_region_is_one_origin(root: str) -> None:
    assert hosts.data_plane("http", root, "") == f"http://{root}"
    assert hosts.control_plane("http", root, "") == f"http://{root}"


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("us-central1.gcp.data-api.example.test", "us-central1.gcp"),
        ("us-central1.gcp.data-api.example.test:8443", "us-central1.gcp"),
        ("US-Central1.GCP.Data-API.Example.Test", "us-central1.gcp"),
        ("eu.data-api.example.test.", "eu"),
        ("eu.data-api.example.test:", "eu"),
        ("example.test", ""),
        ("example.test:8443", ""),
        ("api.example.test", ""),
        ("data-api.example.test", ""),
        (".data-api.example.test", ""),
        ("eu.data-api.example.test.evil.test", ""),
        ("eu.data-api.other.test", ""),
        ("eu data-api.example.test", ""),
        ("a/b.data-api.example.test", ""),
        ("127.0.0.1", ""),
        ("127.0.0.1:8080", ""),
        ("[::1]", ""),
        ("[::1]:8080", ""),
        ("[2001:db8::5]", ""),
        ("", ""),
    ],
)
def test_the_region_of_a_host(host: str, region: str) -> None:
    assert hosts.region_of_host(host, "example.test") == region


@pytest.mark.parametrize("host", ["eu.data-api.example.test", "eu.data-api.", "[::1]:80", ""])
def test_a_cloud_without_a_domain_has_no_regions(host: str) -> None:
    assert hosts.region_of_host(host, "") == ""


label = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=8)
region = st.lists(label, min_size=1, max_size=3).map(".".join)


@given(region, st.integers(1, 65535))
def test_a_client_s_host_names_its_region(name: str, port: int) -> None:
    origin = hosts.data_plane("https", f"example.test:{port}", name)
    assert hosts.region_of_host(origin.removeprefix("https://"), "example.test") == name


@pytest.mark.parametrize(
    "text",
    [
        "evil.test/",
        "evil.test#",
        "a@b",
        "a b",
        "..",
        ".",
        "-a",
        "a-",
        "a..b",
        "ä",
        "\u017f",
        "a\n",
        "x" * 129,
    ],
)
def test_a_region_that_would_lead_the_token_elsewhere_is_refused(text: str) -> None:
    assert not hosts.is_region(text)
    with pytest.raises(ConfigurationError, match="region"):
        hosts.data_plane("https", "moonsense.cloud", text)


@pytest.mark.parametrize(
    "text", ["moonsense.cloud", "127.0.0.1:8080", "localhost", "[::1]:8080", "[2001:db8::5]", "the_cloud:80"]
)
def test_what_is_a_host(text: str) -> None:
    assert hosts.is_host(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a/b",
        "https://a",
        "user@a",
        "a?b",
        "a#b",
        "a b",
        "a:b",
        "a:123456",
        "::1",
        "[::1",
        "ä.test",
        "a\\b",
        "a\n",
    ],
)
def test_what_is_no_host(text: str) -> None:
    assert not hosts.is_host(text)
