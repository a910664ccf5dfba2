"""Identifiers as the service makes them: 22 letters and digits.

A random UUID written in base 57, whose alphabet leaves out the five
characters that look like another one (0, 1, I, O, l).
"""

from __future__ import annotations

import uuid

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
LENGTH = 22

_ALLOWED = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-")
_LONGEST = 64


def new_id() -> str:
    """A new random identifier of 22 characters."""
    number = uuid.uuid4().int
    base, digits = len(ALPHABET), ""
    for _ in range(LENGTH):
        digits = ALPHABET[number % base] + digits
        number //= base
    return digits


def is_id(text: str) -> bool:
    """Whether a text can be an identifier.

    Wider than what we make: other clouds' ids (real ones of 21 characters
    exist) are kept when recordings are imported, so letters, digits, ``_`` and
    ``-`` up to 64 of them pass.
    """
    return 0 < len(text) <= _LONGEST and _ALLOWED.issuperset(text)
