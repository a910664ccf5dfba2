"""Addresses in the parts that a request is sent by."""

from __future__ import annotations

import re
from typing import NamedTuple

_PLAIN = re.compile(
    r"(https?)://([a-z0-9_-]+(?:\.[a-z0-9_-]+)*)(?::([1-9][0-9]{1,4}))?"
    r"(/(?:[A-Za-z0-9_~=+&?/-]++|(?<!/)\.|%[0-9A-Fa-f]{2})*+)"
)
"""What is sent letter by letter: nothing to quote, no dots to resolve, no host in other letters."""

PORTS = {"http": 80, "https": 443}
"""The ports of the schemes that there are."""


class Origin(NamedTuple):
    """Whom a connection is to."""

    scheme: str
    host: str
    port: int


class Address(NamedTuple):
    """Where a request goes, and what it asks for there; ``authority`` is what the header ``Host`` has."""

    origin: Origin
    target: str
    authority: str


def plain_address(url: str) -> Address | None:
    """The parts of an address that needs no normalizing, as nearly all do; None of any other."""
    found = _PLAIN.fullmatch(url)
    if found is None:
        return None
    scheme, host, port, target = found.groups()
    if port is None:
        return Address(Origin(scheme, host, PORTS[scheme]), target, host)
    number = int(port)
    if number == PORTS[scheme] or number > 0xFFFF:
        return None
    return Address(Origin(scheme, host, number), target, f"{host}:{port}")
