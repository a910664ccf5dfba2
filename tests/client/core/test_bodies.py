"""Bodies back to their content: cut and damaged ones are told from whole ones."""

from __future__ import annotations

import gzip

import pytest

from moonsense.client._core.answers import Head
from moonsense.client._core.bodies import PIECE, BodyDecoder, Gunzip
from moonsense.errors import DecodeError, IncompleteError, IntegrityError

TEXT = b"".join(b'{"line": %d}\n' % n for n in range(200))


def gunzip(data: bytes, step: int) -> bytes:
    reader = Gunzip("here")
    out = b"".join(
        piece for start in range(0, len(data), step) for piece in reader.feed(data[start : start + step])
    )
    reader.close()
    return out


@pytest.mark.parametrize("step", [1, 7, 100, 10**6])
def test_any_pieces_give_the_same(step: int) -> None:
    assert gunzip(gzip.compress(TEXT), step) == TEXT


@pytest.mark.parametrize("step", [1, 7, 10**6])
def test_all_members_are_read(step: int) -> None:
    assert gunzip(gzip.compress(TEXT) + gzip.compress(b"more"), step) == TEXT + b"more"


def test_a_cut_anywhere_is_seen() -> None:
    data = gzip.compress(TEXT)
    for length in range(len(data)):
        with pytest.raises(IncompleteError, match="here"):
            gunzip(data[:length], 64)


def test_a_damaged_byte_is_seen() -> None:
    data = bytearray(gzip.compress(TEXT, mtime=0))
    for place in range(20, len(data)):
        damaged = bytes(data[:place]) + bytes([data[place] ^ 0x55]) + bytes(data[place + 1 :])
        with pytest.raises((IntegrityError, IncompleteError)):
            gunzip(damaged, 64)


def test_what_lies_behind_is_seen() -> None:
    with pytest.raises(IntegrityError):
        gunzip(gzip.compress(TEXT) + b"something", 64)


def test_pieces_are_small_however_much_is_inside() -> None:
    reader = Gunzip("here")
    sizes = [len(piece) for piece in reader.feed(gzip.compress(bytes(20 * PIECE + 5)))]
    reader.close()
    assert sum(sizes) == 20 * PIECE + 5
    assert max(sizes) <= PIECE


def decode(body: bytes, **headers: str) -> bytes:
    decoder = BodyDecoder(
        Head(200, {name.lower().replace("_", "-"): value for name, value in headers.items()}), "x"
    )
    content = b"".join(decoder.feed(body))
    decoder.close()
    return content


def test_the_length_is_compared() -> None:
    assert decode(b"abc", content_length="3") == b"abc"
    with pytest.raises(IncompleteError, match="3 of 4 bytes"):
        decode(b"abc", content_length="4")
    with pytest.raises(IntegrityError, match="announced were 2"):
        decode(b"abc", content_length="2")


def test_an_empty_body_needs_no_member() -> None:
    assert decode(b"", content_length="0", content_encoding="gzip") == b""
    with pytest.raises(IncompleteError):
        decode(b"", content_encoding="gzip")


def test_an_encoding_not_asked_for_is_an_error() -> None:
    with pytest.raises(DecodeError, match="'br'"):
        decode(b"abc", content_encoding="br")
