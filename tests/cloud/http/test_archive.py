"""The tar.gz of a session: what is in it, and that it is made without holding it."""

from __future__ import annotations

import gzip
import io
import tarfile
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonsense.cloud.archive import _header, tar_gz
from moonsense.cloud.records import Body
from moonsense.errors import IncompleteError

pytestmark = pytest.mark.anyio


def body_of(pieces: Sequence[bytes], size: int | None = None) -> Body:
    async def read(_offset: int = 0) -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    return Body(sum(map(len, pieces)) if size is None else size, read)


async def collect(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


@pytest.mark.parametrize("sizes", [[], [0], [1], [511], [512], [513], [300_000, 7, 300_000], [1] * 600])
async def test_it_has_one_regular_member_of_a_relative_name(sizes: list[int]) -> None:
    pieces = [bytes([65 + n % 26]) * size for n, size in enumerate(sizes)]

    packed = await collect(tar_gz("session.json", body_of(pieces), 1))

    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as archive:
        (member,) = archive.getmembers()
        assert member.isreg()
        assert member.name == "session.json"
        content = archive.extractfile(member)
        assert content is not None
        assert content.read() == b"".join(pieces)


async def test_it_is_one_gzip_member() -> None:
    packed = await collect(tar_gz("s.json", body_of([b"x" * 1_000_000]), 6))

    member = zlib.decompressobj(wbits=31)
    member.decompress(packed)

    assert member.eof
    assert member.unused_data == b""


async def test_it_ends_with_two_empty_blocks_on_a_block_boundary() -> None:
    tar = gzip.decompress(await collect(tar_gz("s.json", body_of([b"x" * 700]), 1)))

    assert len(tar) == 512 + 1024 + 1024
    assert tar[-1024:] == bytes(1024)


async def test_the_same_content_gives_the_same_bytes() -> None:
    whole = await collect(tar_gz("s.json", body_of([b"ab" * 300_000]), 1))
    parts = await collect(tar_gz("s.json", body_of([b"ab"] * 300_000), 1))

    assert gzip.decompress(whole) == gzip.decompress(parts)
    assert whole == await collect(tar_gz("s.json", body_of([b"ab" * 300_000]), 1))


@pytest.mark.parametrize("size", [0, 8**11 - 1, 8**11, 2**40])
async def test_a_header_holds_any_size(size: int) -> None:
    member = tarfile.TarInfo.frombuf(_header("s.json", size), "utf-8", "strict")

    assert member.size == size


@given(st.integers(0, 3_000), st.integers(0, 3_000))
async def test_a_body_of_another_length_than_it_said_is_an_error(said: int, real: int) -> None:
    archive = tar_gz("s.json", body_of([b"x" * real], said), 1)

    if said == real:
        await collect(archive)
    else:
        with pytest.raises(IncompleteError, match=f"{real} bytes.*{said}"):
            await collect(archive)


async def test_the_source_is_closed_when_the_reader_stops_early() -> None:
    closed = []

    async def read(_offset: int = 0) -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 1_000_000
        finally:
            closed.append(True)

    archive = tar_gz("s.json", Body(10**12, read), 0)
    await anext(archive)
    await archive.aclose()  # type: ignore[attr-defined]

    assert closed == [True]


async def test_memory_does_not_grow_with_the_content() -> None:
    async def peak(pieces: int) -> int:
        block = bytes(range(256)) * 256

        async def read(_offset: int = 0) -> AsyncIterator[bytes]:
            for _ in range(pieces):
                yield block

        tracemalloc.reset_peak()
        async for _ in tar_gz("s.json", Body(pieces * len(block), read), 1):
            pass
        return tracemalloc.get_traced_memory()[1]

    tracemalloc.start()
    try:
        await peak(10)  # what is made once
        small, large = await peak(20), await peak(400)
    finally:
        tracemalloc.stop()

    assert large < small + 4 * 1024 * 1024  # of 26
