"""Heads of requests that come again and again.

Whoever records sends one head over and over on a connection; only the body's
length in it changes. Parsing it anew costs more than storing the bundle, so it
is compared instead, byte by byte.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Self

_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: ?(\d{1,9})\r\n", re.IGNORECASE)
_MOST_DIGITS = 9


class Span(NamedTuple):
    """Where a body lies in what was received; it may end behind it."""

    start: int
    end: int


class Head:
    """The head of a request, but for the digits of its Content-Length."""

    __slots__ = ("_after", "_before")

    def __init__(self, before: bytes, after: bytes) -> None:
        self._before = before
        self._after = after

    @classmethod
    def of(cls, head: bytes, length: int) -> Self | None:
        """The head of a request that was parsed and found good, and the length of its body.

        None when there is more than a head, or its length is not written in the way that is compared.
        """
        found = _LENGTH.search(head)
        if found is None or int(found[1]) != length or head.find(_END) != len(head) - len(_END):
            return None
        return cls(head[: found.start(1)], head[found.end(1) :])

    def match(self, received: bytes) -> Span | None:
        """Where the body of a request with this head lies; None when another one begins here."""
        if not received.startswith(self._before):
            return None
        digits = len(self._before)
        behind = received.find(b"\r", digits, digits + _MOST_DIGITS + 1)
        if behind < 0 or not received.startswith(self._after, behind):
            return None
        length = received[digits:behind]
        if not length.isdigit():
            return None
        start = behind + len(self._after)
        return Span(start, start + int(length))
