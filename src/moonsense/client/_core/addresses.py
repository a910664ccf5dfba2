"""Addresses in the four parts that a request is sent by."""

from __future__ import annotations

import re
from typing import NamedTuple

_PLAIN = re.compile(
    r"(https?)://([a-z0-9_-]+(?:\.[a-z0-9_-]+)*)(?::([1-9][0-9]{1,4}))?"
    r"(/(?:[A-Za-z0-9_~=+&?/-]++|(?<!/)\.|%[0-9A-Fa-f]{2})*+)"
)
"""What is sent letter by letter: nothing to quote, no dots to resolve, no host in other letters."""

_PORTS = {"http": 80, "https": 443}


class Address(NamedTuple):
    """Where a request goes, and what it asks for there.

    ``port`` is None where the scheme says it; ``authority`` is what the header ``Host`` has.
    """

    scheme: bytes
    host: bytes
    port: int | None
    target: bytes
    authority: bytes


def plain_address(url: str) -> Address | None:
    """The parts of an address that needs no normalizing, as nearly all do; None of any other."""
    found = _PLAIN.fullmatch(url)
    if found is None:
        return None
    scheme, host, port, target = found.groups()
    if port is None:
        return Address(scheme.encode(), host.encode(), None, target.encode(), host.encode())
    number = int(port)
    if number == _PORTS[scheme] or number > 0xFFFF:
        return None
    return Address(scheme.encode(), host.encode(), number, target.encode(), f"{host}:{port}".encode())
