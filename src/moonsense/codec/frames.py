"""Length-delimited protobuf: each message behind its length as a varint, read from pieces of any size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeVar

from moonsense.codec import protobuf
from moonsense.codec.push import PushParser
from moonsense.errors import DecodeError, IncompleteError

if TYPE_CHECKING:
    from google.protobuf.message import Message

__all__ = ["FrameParser", "frame"]

M = TypeVar("M", bound="Message")

_MAX_VARINT_BYTES = 10
"""What 64 bits take at 7 bits a byte."""


def frame(payload: bytes) -> bytes:
    """A serialized message with its length before it."""
    length = len(payload)
    prefix = bytearray()
    while length > 0x7F:
        prefix.append(length & 0x7F | 0x80)
        length >>= 7
    prefix.append(length)
    return bytes(prefix) + payload


class FrameParser(PushParser[M]):
    """Reads messages from length-delimited protobuf.

    Errors are ``DecodeError`` with the frame, from 1, as the line; a stream
    that ends inside a frame is an ``IncompleteError`` that names it.
    """

    def _messages(self, data: bytes) -> Iterator[M]:
        if self._rest:
            self._rest += data
            # A frame in small pieces is copied once, when it is whole.
            if not self._has_frame(self._rest):
                return
            data = bytes(self._rest)
            self._rest.clear()
        position = 0
        while True:
            start, length = self._header(data, position)
            if start + length > len(data) or start == position:
                break
            position = start + length
            self.line += 1
            yield protobuf.parse(data[start:position], self._message_type, line=self.line, where=self._where)
        self._rest += data[position:]

    def _last(self) -> Iterator[M]:
        yield from ()  # a stream that ends well ends between frames
        if self._rest:
            start, length = self._header(self._rest, 0)
            held = f"{len(self._rest) - start} of {length} bytes" if start else "a part of its length"
            raise IncompleteError(
                f"the stream ends inside frame {self.line + 1}, of which it has {held}", where=self._where
            )

    def _has_frame(self, data: bytes | bytearray) -> bool:
        start, length = self._header(data, 0)
        return start > 0 and start + length <= len(data)

    def _header(self, data: bytes | bytearray, position: int) -> tuple[int, int]:
        """Where the payload of the frame at ``position`` starts, and its length.

        The start is ``position`` itself while the length is not there whole.
        """
        length = 0
        for count, byte in enumerate(data[position : position + _MAX_VARINT_BYTES]):
            length |= (byte & 0x7F) << (7 * count)
            if byte <= 0x7F:
                if length > self._max_bytes:
                    self._refuse(f"the frame says it has {length} bytes, more than {self._max_bytes}")
                return position + count + 1, length
        if len(data) - position >= _MAX_VARINT_BYTES:
            self._refuse("not a length: a varint has at most 10 bytes")
        return position, 0

    def _refuse(self, reason: str) -> None:
        raise DecodeError(reason, line=self.line + 1, where=self._where)
