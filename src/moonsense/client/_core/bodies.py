"""Bodies as they are sent, back to their content, checked to their very end.

The HTTP library's own decoding is not used: it stops after the first member
of a gzip body, and takes a cut one for whole, both without an error.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from moonsense.errors import DecodeError, IncompleteError, IntegrityError

if TYPE_CHECKING:
    from moonsense.client._core.answers import Head

PIECE = 1024 * 1024
"""Bytes that are inflated at once: a small body may hold very many."""

_GZIP = 16 + zlib.MAX_WBITS


class Gunzip:
    """Inflates gzip of any number of members; nothing else may lie between or behind them."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._member = zlib.decompressobj(_GZIP)
        self._inside = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The content of the next bytes, in pieces of at most 1 MiB. Raises IntegrityError."""
        more = True
        while data or more:
            if data and not self._inside:
                self._member = zlib.decompressobj(_GZIP)
                self._inside = True
            try:
                piece = self._member.decompress(data, PIECE)
            except zlib.error as error:
                raise IntegrityError(
                    f"the compressed bytes are damaged: {error}", where=self._where
                ) from None
            if piece:
                yield piece
            if self._member.eof:
                data, more = self._member.unused_data, False
                self._inside = False
            else:
                data, more = self._member.unconsumed_tail, len(piece) == PIECE

    def close(self) -> None:
        """Raises IncompleteError when the last member did not end."""
        if self._inside:
            raise IncompleteError("the compressed bytes stop before their end", where=self._where)


class BodyDecoder:
    """The content of a body, from its raw bytes and by its headers.

    Attributes:
        length: how many raw bytes there are, or None when that is not announced.

    Raises DecodeError for an encoding that was not asked for.
    """

    def __init__(self, head: Head, where: str) -> None:
        self._where = where
        self._received = 0
        self.length = head.length
        self._announced = head.says_its_end
        self._gunzip: Gunzip | None = None
        encoding = head.get("Content-Encoding").strip().lower()
        if encoding in ("gzip", "x-gzip"):
            self._gunzip = Gunzip(where)
        elif encoding not in ("", "identity"):
            raise DecodeError(f"the answer comes as {encoding!r}, which was not asked for", where=where)

    @property
    def says_its_end(self) -> bool:
        """Whether a body that is cut off can be told from one that is whole."""
        return self._announced or self._gunzip is not None

    def expect(self, length: int) -> None:
        """So many bytes there are in all, as an answer with the rest of them says."""
        self.length = length
        self._announced = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The content of the next raw bytes, in pieces of at most 1 MiB (or as they came)."""
        self._received += len(data)
        if self._gunzip is None:
            yield data
        else:
            yield from self._gunzip.feed(data)

    def close(self) -> None:
        """Raises IncompleteError or IntegrityError when the body did not end where it should."""
        length = self.length
        if length is not None and self._received < length:
            raise IncompleteError(f"{self._received} of {length} bytes arrived", where=self._where)
        if length is not None and self._received > length:
            raise IntegrityError(
                f"{self._received} bytes arrived, announced were {length}", where=self._where
            )
        # An empty body has no member at all.
        if self._gunzip is not None and not (self._received == 0 and length == 0):
            self._gunzip.close()
