"""Lines of NDJSON out of a stream, in one buffer from its start to its end.

Pieces of their own would be copied once more where a line goes from one into the
next, which took as long as a third of reading the numbers.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO
from typing import IO

from moonsense.codec.push import MAX_DOCUMENT_BYTES
from moonsense.errors import DecodeError

BUFFER_BYTES = 2 * 1024 * 1024
"""Text that is read at a time, and is made into rows at a time."""


@dataclass(slots=True)
class Text:
    """Lines of NDJSON.

    Attributes:
        data: the lines; the last may lack its newline. They are there until the
            next text of the same source is asked for.
        where: what they are from, for errors.
        line: how many lines were before them.
        session_id: by which the source knows the session, or "".
        is_last: no more of the same source follows.
        lines: how many there are, once somebody knows.
    """

    data: memoryview
    where: str
    line: int
    session_id: str
    is_last: bool = True
    lines: int | None = None


def texts(stream: IO[bytes], where: str, session_id: str) -> Iterator[Text]:
    """The lines of a stream, as many at a time as its buffer holds.

    Raises:
        DecodeError: a line is longer than any bundle.
    """
    buffer = bytearray(_size(stream))
    filled = number = 0
    try:
        while count := _read_into(stream, buffer, filled):
            filled += count
            if filled < len(buffer):
                continue
            end = buffer.rfind(b"\n") + 1
            if end:
                text = Text(memoryview(buffer)[:end], where, number, session_id, is_last=False)
                yield text
                number += buffer.count(b"\n", 0, end) if text.lines is None else text.lines
                text.data.release()
                buffer[: filled - end] = buffer[end:filled]
                filled -= end
            elif filled > MAX_DOCUMENT_BYTES:
                raise DecodeError(
                    f"the line is longer than {MAX_DOCUMENT_BYTES} bytes", line=number + 1, where=where
                )
            else:
                buffer += bytes(filled)
    except Exception:
        if end := buffer.rfind(b"\n", 0, filled) + 1:  # what was read before a fault comes before it
            yield Text(memoryview(buffer)[:end], where, number, session_id)
        raise
    if filled:
        yield Text(memoryview(buffer)[:filled], where, number, session_id)


def _size(stream: IO[bytes]) -> int:
    """How large a buffer is: for a small file so that the file fits, and its end is seen at once."""
    if not isinstance(stream, FileIO):
        return BUFFER_BYTES
    return min(os.fstat(stream.fileno()).st_size or BUFFER_BYTES, BUFFER_BYTES - 1) + 1


def _read_into(stream: IO[bytes], buffer: bytearray, filled: int) -> int:
    """Read what follows into the free part of a buffer; gives how much it was."""
    if hasattr(stream, "readinto"):
        with memoryview(buffer)[filled:] as free:
            return stream.readinto(free) or 0
    piece: bytes | str = stream.read(len(buffer) - filled)
    if isinstance(piece, str):
        raise TypeError("a file of bundles is read as bytes: open it in mode 'rb'")
    buffer[filled : filled + len(piece)] = piece
    return len(piece)
