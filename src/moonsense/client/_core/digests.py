"""Digests that a cloud announces, compared with what arrived."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from moonsense.errors import IntegrityError

if TYPE_CHECKING:
    from hashlib import _Hash

_ALGORITHMS = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}
"""The two that RFC 9530 keeps active; others are not compared."""

_ENTRY = re.compile(r"(?:^|,)\s*([a-z*][a-z0-9_.*-]*)\s*=\s*:([A-Za-z0-9+/=]*):")


class SentDigests:
    """The digests of ``Repr-Digest`` or ``Content-Digest`` (RFC 9530), of bytes as they are sent.

    Args:
        name: of the header, for errors.
        header: its value: a dictionary of RFC 8941, ``sha-256=:base64:, …``.
    """

    def __init__(self, name: str, header: str, where: str) -> None:
        self._name = name
        self._where = where
        self._running: list[tuple[str, _Hash, bytes]] = [
            (algorithm, _ALGORITHMS[algorithm](usedforsecurity=False), _decoded(value))
            for algorithm, value in dict(_ENTRY.findall(header)).items()
            if algorithm in _ALGORITHMS
        ]

    def update(self, raw: bytes) -> None:
        """Take the next bytes of the body."""
        for _, running, _ in self._running:
            running.update(raw)

    def check(self) -> bool:
        """Whether there was one to compare. Raises IntegrityError when one differs."""
        for algorithm, running, expected in self._running:
            if running.digest() != expected:
                raise IntegrityError(
                    f"the {algorithm} of the answer differs from its {self._name}", where=self._where
                )
        return bool(self._running)


def _decoded(value: str) -> bytes:
    """The digest; of what is no base64 one that nothing has."""
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error:
        return b""


class Md5:
    """Compares with the md5 that a cloud gave of a chunk, in hex or base64.

    Ours is of the NDJSON. What the original service's is of is not documented;
    the bytes of a compressed object, as object stores compute it, are allowed.
    """

    def __init__(self, expected: str, where: str) -> None:
        self._expected = expected
        self._where = where
        self.content = hashlib.md5(usedforsecurity=False)
        self.raw = hashlib.md5(usedforsecurity=False)

    def passing(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Pieces of the content as they are, each taken on the way."""
        for piece in pieces:
            self.content.update(piece)
            yield piece

    def check(self) -> bool:
        """Whether it could be compared. Raises IntegrityError when it differs."""
        expected = _md5_bytes(self._expected)
        if expected is not None and expected not in (self.content.digest(), self.raw.digest()):
            raise IntegrityError(
                f"the md5 is {self.content.hexdigest()}, announced was {expected.hex()}", where=self._where
            )
        return expected is not None


def _md5_bytes(text: str) -> bytes | None:
    """The digest of its hex or base64 form; None of anything else, which cannot be compared."""
    try:
        digest = bytes.fromhex(text) if len(text) == 32 else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return None
    return digest if len(digest) == 16 else None
