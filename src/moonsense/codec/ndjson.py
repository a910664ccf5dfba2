"""NDJSON: one JSON document a line, read from pieces of any size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar, cast

from moonsense.codec.json import parse
from moonsense.codec.push import MAX_DOCUMENT_BYTES, PushParser
from moonsense.codec.reading import reader
from moonsense.codec.scalars import Refused
from moonsense.errors import DecodeError

if TYPE_CHECKING:
    from google.protobuf.message import Message

__all__ = ["NdjsonParser"]

M = TypeVar("M", bound="Message")


class NdjsonParser(PushParser[M]):
    """Reads messages from NDJSON.

    Only ``\\n`` ends a line: U+2028 and the like may stand in strings. Blank
    lines are counted and skipped, a carriage return before the end is white
    space, and the last line needs no newline.

    Errors are ``DecodeError`` with the line, from 1; a last line that is cut
    off is one too.
    """

    def __init__(
        self,
        message_type: type[M],
        *,
        ignore_unknown: bool = True,
        where: str = "",
        max_bytes: int = MAX_DOCUMENT_BYTES,
    ) -> None:
        """
        Args:
            message_type: the class of the messages.
            ignore_unknown: skip fields and names of enum values that the schema does not know.
            where: what the stream is, for errors.
            max_bytes: the longest line taken.
        """
        super().__init__(message_type, where=where, max_bytes=max_bytes)
        self._ignore_unknown = ignore_unknown
        read = reader(message_type.DESCRIPTOR, ignore_unknown=ignore_unknown).read
        self._read = cast("Callable[[bytes], M]", read)

    def _messages(self, data: bytes) -> Iterator[M]:
        # Only new data is searched for line ends, and the bytearray grows in
        # place, so a long line in small pieces costs what its length costs.
        *ended, rest = data.split(b"\n")
        for line in ended:
            if self._rest:
                self._rest += line
                line = bytes(self._rest)
                self._rest.clear()
            if len(line) > self._max_bytes:
                self._check_length(len(line))
            self.line += 1
            if not line or line.isspace():
                continue
            try:
                message = self._read(line)
            except (ValueError, Refused, RecursionError):
                message = self._parse(line, self.line)  # raises, and says where
            yield message
        self._rest += rest
        self._check_length(len(self._rest))

    def _last(self) -> Iterator[M]:
        line = bytes(self._rest)
        self._rest.clear()
        if not line or line.isspace():
            return
        try:
            message = self._parse(line, self.line + 1)
        except DecodeError as error:
            if error.offset is None:  # whole JSON, of something else
                raise
            reason = f"the last line is cut off ({error.reason})"
            raise DecodeError(reason, line=error.line, offset=error.offset, where=self._where) from None
        self.line += 1
        yield message

    def _parse(self, line: bytes, number: int) -> M:
        return parse(
            line, self._message_type, ignore_unknown=self._ignore_unknown, line=number, where=self._where
        )

    def _check_length(self, length: int) -> None:
        if length > self._max_bytes:
            raise DecodeError(
                f"the line is longer than {self._max_bytes} bytes", line=self.line + 1, where=self._where
            )
