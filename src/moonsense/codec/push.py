"""What the push parsers share: bytes go in as they come, whole messages come out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Generic, TypeVar

from moonsense.errors import DataError

if TYPE_CHECKING:
    from google.protobuf.message import Message

__all__ = ["MAX_DOCUMENT_BYTES", "PushParser"]

M = TypeVar("M", bound="Message")

MAX_DOCUMENT_BYTES = 128 * 1024 * 1024
"""A line or a frame is held in memory whole. A bundle of 100,000 items takes some 30 MB as JSON."""


class PushParser(ABC, Generic[M]):
    """Turns a stream of bytes, in pieces of any size, into messages.

    Nothing that was whole is lost to an error behind it: messages before the
    fault are returned first, and the error is raised by the next call. From
    then on every call raises it. So read a stream to its end and call
    ``close``; what ``close`` does not object to was complete.

    Attributes:
        line: how many lines or frames have ended so far.
    """

    def __init__(
        self,
        message_type: type[M],
        *,
        where: str = "",
        max_bytes: int = MAX_DOCUMENT_BYTES,
    ) -> None:
        """
        Args:
            message_type: the class of the messages.
            where: what the stream is, for errors, such as ``session abc, chunk def``.
            max_bytes: the largest line or frame taken; more of one is never held in memory.
        """
        self.line = 0
        self._message_type = message_type
        self._where = where
        self._max_bytes = max_bytes
        self._rest = bytearray()
        self._error: DataError | None = None

    def feed(self, data: bytes | bytearray | memoryview) -> list[M]:
        """The messages that are whole now. Raises DataError for what cannot be read."""
        return self._collect(self._messages(bytes(data)))

    def close(self) -> list[M]:
        """The message that only the end makes whole, if any. Raises DataError when the end is cut off."""
        return self._collect(self._last())

    @abstractmethod
    def _messages(self, data: bytes) -> Iterator[M]:
        """Yields what more data makes whole; keeps the rest in ``_rest``."""

    @abstractmethod
    def _last(self) -> Iterator[M]:
        """Yields what ``_rest`` is at the end of the stream."""

    def _collect(self, messages: Iterator[M]) -> list[M]:
        if self._error is not None:
            raise self._error
        found: list[M] = []
        try:
            # One by one: an error must not take along what came before it.
            for message in messages:
                found.append(message)  # noqa: PERF402
        except DataError as error:
            self._error = error
            self._rest.clear()
            if not found:
                raise
        return found
