"""Tokens: how they are made and known again.

A token is a prefix that says its kind, a random body and a checksum, such as
``moon_sk_`` + 32 characters + 6. The prefix lets secret scanners find one that
leaked, the checksum refuses a mistyped one without asking the catalog. Only
the SHA-256 of a token is stored, so a copy of the catalog opens nothing.
"""

from __future__ import annotations

import enum
import hashlib
import secrets
import time
import zlib
from collections.abc import Awaitable, Callable

from moonsense.cloud.records import Principal
from moonsense.contract.problems import Problem
from moonsense.contract.routes import Scope

__all__ = [
    "Authenticator",
    "TokenKind",
    "bearer_digest",
    "check_scope",
    "digest",
    "has_scope",
    "hint",
    "is_wellformed",
    "new_token",
]

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LETTERS = frozenset(_BASE62)
_BODY = 32  # log2(62) bits each: 190 random bits
_CHECKSUM = 6  # base 62 digits that hold any CRC-32
_LENGTH = 8 + _BODY + _CHECKSUM

_MOST_KNOWN = 4096


class TokenKind(enum.Enum):
    """The two tokens an app has. The value is the prefix."""

    SECRET = "moon_sk_"
    """Reads, and manages tokens: for servers and notebooks."""

    PUBLIC = "moon_pk_"
    """Records, and cannot read anything: for apps and pages."""

    @property
    def scopes(self) -> str:
        """The letters of what a token of this kind may do."""
        return Scope.QUERY + Scope.TOKENS if self is TokenKind.SECRET else str(Scope.COLLECT)


def new_token(kind: TokenKind) -> str:
    """A new random token."""
    text = kind.value + "".join(secrets.choice(_BASE62) for _ in range(_BODY))
    return text + _checksum(text)


def is_wellformed(token: str) -> bool:
    """Whether a text can be a token of ours: its prefix, its letters and its checksum are right."""
    return (
        len(token) == _LENGTH
        and token[:8] in ("moon_sk_", "moon_pk_")
        and _LETTERS.issuperset(token[8:])
        and token[-_CHECKSUM:] == _checksum(token[:-_CHECKSUM])
    )


def _checksum(text: str) -> str:
    number = zlib.crc32(text.encode())
    digits = []
    for _ in range(_CHECKSUM):
        number, rest = divmod(number, 62)
        digits.append(_BASE62[rest])
    return "".join(reversed(digits))


def digest(token: str) -> bytes:
    """What is stored of a token: its SHA-256. A slow hash is for passwords; 190 random bits need none."""
    return hashlib.sha256(token.encode()).digest()


def hint(token: str) -> str:
    """The end of a token, by which its owner tells it from others."""
    return token[-4:]


class Authenticator:
    """Finds who a request is from, remembering tokens for a short while.

    Comparing in constant time is not needed: tokens are found by their digest,
    and how far a digest agrees with a stored one tells nothing about how to
    change the token to come closer.
    """

    def __init__(
        self,
        lookup: Callable[[bytes], Awaitable[Principal | None]],
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``lookup`` finds a digest's principal; what it finds is believed for so many ``seconds``."""
        self._lookup = lookup
        self._seconds = seconds
        self._clock = clock
        self._known: dict[bytes, tuple[float, Principal]] = {}

    async def principal(self, authorization: str) -> Principal:
        """Who an ``Authorization`` header stands for. Raises a Problem of status 401.

        A token that is not known is not remembered, so that a new one works at once.
        """
        token = _bearer(authorization)
        if not token:
            raise Problem(401, "there is no token; send it as 'Authorization: Bearer <token>'")
        key = digest(token)
        known = self.remembered(key)
        if known is not None:
            return known
        if not is_wellformed(token):
            raise Problem(401, "this is no token of this cloud: is it whole, and for this host?")
        principal = await self._lookup(key)
        if principal is None:
            self._known.pop(key, None)
            raise Problem(401, "the token is not known, or was revoked")
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[key] = (self._clock() + self._seconds, principal)
        return principal

    def remembered(self, key: bytes) -> Principal | None:
        """Whose token has a digest, as far as that is known without asking the catalog."""
        known = self._known.get(key)
        return known[1] if known is not None and self._clock() < known[0] else None


def bearer_digest(authorization: str) -> bytes:
    """The digest of an ``Authorization`` header's token."""
    return digest(_bearer(authorization))


def _bearer(authorization: str) -> str:
    """The token of a header; empty when there is none."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def has_scope(principal: Principal, scopes: tuple[Scope, ...]) -> bool:
    """Whether the principal has one of the scopes."""
    return any(scope in principal.scopes for scope in scopes)


def check_scope(principal: Principal, scopes: tuple[Scope, ...]) -> None:
    """Raise a Problem of status 403 unless the principal has one of the scopes."""
    if has_scope(principal, scopes):
        return
    names = " or ".join(f"{scope.name.lower()} ({scope})" for scope in scopes)
    raise Problem(403, f"the token is good, but not for this, which needs the scope {names}")
