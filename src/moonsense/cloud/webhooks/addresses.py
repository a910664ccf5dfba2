"""Which network addresses webhooks may go to.

An endpoint is an address that a user names and the cloud connects to from
inside its own network, so everything that is not plainly out on the internet
is refused: by the registries of special addresses of IANA, and by the forms in
which an IPv6 address can stand for an IPv4 one. ``ipaddress.is_global`` is not
enough: it takes multicast, 6to4, NAT64, Teredo and site-local addresses, among
others, for global.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from moonsense.contract import limits

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# https://www.iana.org/assignments/iana-ipv4-special-registry, and one address
# that a provider serves its machines' secrets on although it is a public one.
_SPECIAL_V4 = tuple(
    (ipaddress.IPv4Network(network), kind)
    for network, kind in (
        ("0.0.0.0/8", "of this network"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "of a carrier's own network"),
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "a metadata service"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "for documentation"),
        ("192.88.99.0/24", "a relay to IPv6"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "for benchmarks"),
        ("198.51.100.0/24", "for documentation"),
        ("203.0.113.0/24", "for documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)

# https://www.iana.org/assignments/iana-ipv6-special-registry; the first that fits names it.
_SPECIAL_V6 = tuple(
    (ipaddress.IPv6Network(network), kind)
    for network, kind in (
        ("::1/128", "loopback"),
        ("::/128", "of this network"),
        ("::ffff:0:0/96", "an IPv4 address inside (mapped)"),
        ("::/96", "an IPv4 address inside (compatible)"),
        ("::ffff:0:0:0/96", "an IPv4 address inside (translated)"),
        ("64:ff9b::/96", "an IPv4 address inside (NAT64)"),
        ("64:ff9b:1::/48", "an IPv4 address inside (NAT64)"),
        ("2001::/32", "an IPv4 address inside (Teredo)"),
        ("2001::/23", "reserved"),
        ("2001:db8::/32", "for documentation"),
        ("2002::/16", "an IPv4 address inside (6to4)"),
        ("3fff::/20", "for documentation"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
    )
)
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")

# The upper half of an interface's identifier in ISATAP (RFC 5214, 6.1); the lower half is an IPv4 address.
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Networks such as ``10.1.0.0/16`` or ``::1``. Raises ValueError naming the one that is none."""
    return tuple(ipaddress.ip_network(text) for text in texts)


def is_allowed(address: Address, allowed: Sequence[Network]) -> bool:
    """Whether an address is in one of the networks that the settings allow."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return any(address in network or (mapped is not None and mapped in network) for network in allowed)


def refusal(address: Address, allowed: Sequence[Network] = ()) -> str:
    """Why webhooks do not go to an address, as what it is; empty when they do."""
    if is_allowed(address, allowed):
        return ""
    if isinstance(address, ipaddress.IPv4Address):
        return next((kind for network, kind in _SPECIAL_V4 if address in network), "")
    for network, kind in _SPECIAL_V6:
        if address in network:
            return kind
    if address not in _GLOBAL_V6:
        return "not a global one"
    if (int(address) >> 32) & 0xFFFF_FFFF in _ISATAP:
        return "an IPv4 address inside (ISATAP)"
    return ""


def check_url(url: str, allowed: Sequence[Network] = ()) -> None:
    """Raise ValueError with the reason when a URL can be no endpoint's.

    A name's address is looked at when it is connected to, not here.
    """
    if len(url) > limits.MAX_WEBHOOK_URL:
        raise ValueError(f"it is longer than {limits.MAX_WEBHOOK_URL} characters")
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise ValueError("it has a character that a URL cannot have; names of hosts are in ASCII (xn--…)")
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http"):
        raise ValueError("it must begin with https://")
    if parts.username is not None or parts.password is not None:
        raise ValueError("it must not hold a user or a password; deliveries are signed instead")
    if parts.fragment or url.endswith("#"):
        raise ValueError("it must not have a fragment")
    host, port = parts.hostname, parts.port
    if not host:
        raise ValueError("it names no host")
    if port == 0:
        raise ValueError("it has the port 0")
    address = literal(host)
    if address is not None and (kind := refusal(address, allowed)):
        raise ValueError(f"{address} is {kind}; {_HOW_TO_ALLOW}")
    if parts.scheme == "http" and (not allowed if address is None else not is_allowed(address, allowed)):
        raise ValueError(f"it must begin with https://; {_HOW_TO_ALLOW} by http")


_HOW_TO_ALLOW = "MOONSENSE_CLOUD_WEBHOOK_ALLOWED_NETWORKS of the cloud lists networks to send to all the same"


def literal(host: str) -> Address | None:
    """The address that a host is, in any spelling that the system takes for one; None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))  # 127.1, 0x7f000001, 2130706433
    except OSError:
        return None
