"""A session as the service sends it: a tar.gz with exactly one member, made while it is sent.

The bytes depend on the content alone (no times, no owners), and the whole is
one gzip member, since there are readers that stop after the first in silence.
"""

from __future__ import annotations

import asyncio
import tarfile
import zlib
from collections.abc import AsyncIterator

from moonsense.cloud.records import Body
from moonsense.cloud.streams import opened
from moonsense.errors import IncompleteError

_BLOCK = 512
_END = bytes(2 * _BLOCK)

# The largest size that a header's eleven octal digits hold; larger ones need GNU's form.
_USTAR_LARGEST = 8**11 - 1

# Compressing is done in a thread; a hop there costs about as much as compressing 8 kB.
_PIECE = 256 * 1024


async def tar_gz(name: str, body: Body, level: int) -> AsyncIterator[bytes]:
    """The archive in pieces.

    Args:
        name: the member's relative name.
        body: the member's content.
        level: zlib's level of compression, 0 to 9.

    Raises IncompleteError when the body is not as long as it said.
    """
    compressor = zlib.compressobj(level, zlib.DEFLATED, wbits=31)
    async with opened(_tar(name, body)) as blocks:
        async for block in blocks:
            packed = await asyncio.to_thread(compressor.compress, block)
            if packed:
                yield packed
    yield await asyncio.to_thread(compressor.flush)


async def _tar(name: str, body: Body) -> AsyncIterator[bytes]:
    """The tar in pieces of at least ``_PIECE`` bytes, but the last."""
    pending = bytearray(_header(name, body.size))
    left = body.size
    async with opened(body) as pieces:
        async for piece in pieces:
            left -= len(piece)
            pending += piece
            if len(pending) >= _PIECE:
                yield bytes(pending)
                pending.clear()
    if left:
        raise IncompleteError(f"the member has {body.size - left} bytes and was to have {body.size}")
    yield bytes(pending) + bytes(-body.size % _BLOCK) + _END


def _header(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size = size
    return member.tobuf(tarfile.USTAR_FORMAT if size <= _USTAR_LARGEST else tarfile.GNU_FORMAT)
