"""Which addresses webhooks go to: by a table of spellings, through the system's own resolver."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonsense.cloud.webhooks.addresses import check_url, literal, networks, refusal

# As they can stand in a URL; what the system makes of them is what counts.
REFUSED = {
    "loopback": [
        "127.0.0.1", "127.1", "127.0.1", "127.255.255.254", "2130706433", "0x7f000001", "0x7f.1",
        "0x7f.0x0.0x0.0x1", "0177.0.0.1", "017700000001", "0177.1", "127.0.0.01", "::1", "0:0:0:0:0:0:0:1",
        "0000:0000:0000:0000:0000:0000:0000:0001", "::0001", "0::1",
    ],
    "of this network": ["0.0.0.0", "0", "0x0", "0.0.0.7", "00.00.00.00", "::", "0::0"],
    "private": [
        "10.0.0.1", "10.1", "0xa.1", "012.0.0.1", "167772161", "10.255.255.255", "172.16.0.1",
        "172.31.255.254",
        "0xac100001", "192.168.0.1", "192.168.257", "3232235777", "0300.0250.1.1", "fc00::1", "fd12:3456::1",
        "fd00:ec2::254", "fd20:ce::254", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    ],
    "of a carrier's own network": ["100.64.0.1", "100.127.255.255", "100.100.100.200", "0x64.0x40.1"],
    "link-local": [
        "169.254.169.254", "169.254.170.2", "2852039166", "0xa9fea9fe", "0xa9.0xfe.0xa9.0xfe",
        "0251.0376.0251.0376", "169.254.43518", "fe80::1", "fe80::a9fe:a9fe", "febf::1",
    ],
    "site-local": ["fec0::1", "feff::1"],
    "a metadata service": ["168.63.129.16", "0xa83f8110"],
    "multicast": ["224.0.0.1", "239.255.255.250", "0xe0000001", "ff02::1", "ff0e::1", "ff05::2"],
    "reserved": ["192.0.0.1", "192.0.0.192", "240.0.0.1", "255.255.255.255", "0xffffffff", "4294967295",
                 "2001:1::1", "2001:20::1"],
    "for documentation": ["192.0.2.1", "198.51.100.7", "203.0.113.9", "2001:db8::1", "3fff::1"],
    "for benchmarks": ["198.18.0.1", "198.19.255.255"],
    "a relay to IPv6": ["192.88.99.1"],
    "an IPv4 address inside (mapped)": [
        "::ffff:127.0.0.1", "::ffff:7f00:1", "0:0:0:0:0:ffff:7f00:1", "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:8.8.8.8", "::FFFF:192.168.1.1",
    ],
    "an IPv4 address inside (compatible)": ["::127.0.0.1", "::7f00:1", "::10.0.0.1", "::169.254.169.254"],
    "an IPv4 address inside (translated)": ["::ffff:0:127.0.0.1", "::ffff:0:a00:1"],
    "an IPv4 address inside (NAT64)": [
        "64:ff9b::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b::8.8.8.8", "64:ff9b:1::a00:1",
    ],
    "an IPv4 address inside (6to4)": ["2002:7f00:1::", "2002:a00:1::1", "2002:808:808::1"],
    "an IPv4 address inside (Teredo)": ["2001:0:7f00:1::", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2"],
    "an IPv4 address inside (ISATAP)": ["2600::5efe:127.0.0.1", "2a00:1450::200:5efe:10.0.0.1"],
    "not a global one": ["100::1", "5f00::1", "4000::1", "8000::1", "200::1", "1000::1"],
}  # fmt: skip

SPELLINGS = [(text, kind) for kind, texts in REFUSED.items() for text in texts]

TAKEN = [
    "1.1.1.1", "8.8.8.8", "0x08080808", "134744072", "93.184.216.34", "9.255.255.255", "11.0.0.1",
    "100.63.255.255",
    "100.128.0.1", "126.255.255.255", "128.0.0.1", "168.63.129.15", "169.253.255.255", "172.15.255.255",
    "172.32.0.1", "192.167.255.255", "192.169.0.1", "198.17.255.255", "198.20.0.1", "223.255.255.255",
    "2606:4700::1111", "2001:4860:4860::8888", "2a00:1450:4001::1", "2600::1", "2003::1",
]  # fmt: skip


def resolved(text: str) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """What the system connects to for a host of this spelling; none is looked up."""
    found = socket.getaddrinfo(text, 443, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    return [ipaddress.ip_address(address[0]) for *_, address in found]


def test_the_table_is_long() -> None:
    assert len(SPELLINGS) == len({text for text, _ in SPELLINGS}) >= 80


@pytest.mark.parametrize(("text", "kind"), SPELLINGS)
def test_an_address_that_is_not_on_the_internet_is_refused(text: str, kind: str) -> None:
    assert [refusal(address) for address in resolved(text)] == [kind]
    host = f"[{text}]" if ":" in text else text
    with pytest.raises(ValueError, match="MOONSENSE_CLOUD_WEBHOOK_ALLOWED_NETWORKS"):
        check_url(f"https://{host}/x")


@pytest.mark.parametrize("text", TAKEN)
def test_an_address_on_the_internet_is_taken(text: str) -> None:
    assert [refusal(address) for address in resolved(text)] == [""]
    check_url(f"https://[{text}]:8443/x" if ":" in text else f"https://{text}:8443/x")


def test_what_the_standard_library_calls_global_is_not_enough() -> None:
    wrong = {text for text, _ in SPELLINGS for address in resolved(text) if address.is_global}
    assert len(wrong) >= 12, wrong


def test_allowed_networks_are_taken_and_no_others() -> None:
    allowed = networks(["127.0.0.0/8", "fd00:1::/32", "10.1.2.3"])
    for text in ("127.0.0.1", "0x7f.1", "fd00:1::7", "10.1.2.3", "::ffff:127.0.0.1"):
        assert [refusal(address, allowed) for address in resolved(text)] == [""]
    for text in ("::1", "fd00:2::1", "10.1.2.4", "64:ff9b::127.0.0.1", "2002:7f00:1::", "::127.0.0.1"):
        assert refusal(resolved(text)[0], allowed)


@pytest.mark.parametrize("text", ["10.0.0.0/33", "10.0.0.1/8", "here", ""])
def test_a_network_that_is_none_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        networks([text])


def test_http_is_for_allowed_networks() -> None:
    with pytest.raises(ValueError, match="https"):
        check_url("http://example.org/")
    with pytest.raises(ValueError, match="https"):
        check_url("http://8.8.8.8/", networks(["127.0.0.0/8"]))
    check_url("http://127.0.0.1/", networks(["127.0.0.0/8"]))


@given(st.integers(0, 2**32 - 1))
def test_every_ipv4_address_is_judged_alike_in_every_spelling(number: int) -> None:
    address = ipaddress.IPv4Address(number)
    parts = [number >> 24, number >> 16 & 255, number >> 8 & 255, number & 255]
    for text in (str(address), str(number), hex(number), ".".join(map(hex, parts)),
                 f"{parts[0]}.{number & 0xFFFFFF}"):  # fmt: skip
        assert literal(text) == address
    # Whatever holds it inside is no way around, for a public one neither.
    for text in (f"::ffff:{address}", f"64:ff9b::{address}", f"::ffff:0:{address}"):
        assert refusal(ipaddress.ip_address(text))
    if not address.is_global:
        assert refusal(address)


@given(st.integers(0, 2**128 - 1).map(ipaddress.IPv6Address))
def test_no_ipv6_address_is_taken_that_the_standard_library_refuses(address: ipaddress.IPv6Address) -> None:
    if not address.is_global:
        assert refusal(address)


@given(st.text())
def test_a_url_that_passes_names_one_host(text: str) -> None:
    url = f"https://{text}"
    try:
        check_url(url)
    except ValueError:
        return
    assert urlsplit(url).hostname
    assert urlsplit(url).username is None
