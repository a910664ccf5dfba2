"""From a JSON document to a message, the fastest way that takes it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import orjson

from moonsense.codec.exact import exactly
from moonsense.codec.plan import plan_of
from moonsense.codec.trusting import OBJECTIONS, trusting

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor
    from google.protobuf.message import Message

__all__ = ["Reader", "reader"]

_loads = orjson.loads


class Reader:
    """Reads documents of one message type."""

    def __init__(self, descriptor: Descriptor, ignore_unknown: bool) -> None:
        self._message_type = plan_of(descriptor).message_type
        self._way = trusting(descriptor)
        self._other_ways = [trusting(descriptor, tidy=True)] if ignore_unknown else []
        self._exactly = exactly(descriptor, ignore_unknown=ignore_unknown)

    def read(self, data: bytes | bytearray | memoryview | str) -> Message:
        """The message. Raises orjson.JSONDecodeError for what is no JSON, and Refused for the rest."""
        try:
            return self._message_type(**self._way(_loads(data)))
        except OBJECTIONS:
            return self._read_otherwise(data)

    def _read_otherwise(self, data: bytes | bytearray | memoryview | str) -> Message:
        """The same from the text again: the way that did not take the document has changed it."""
        for position, way in enumerate(self._other_ways, start=1):
            try:
                message = self._message_type(**way(_loads(data)))
            except OBJECTIONS:
                continue
            # Where one document is in camelCase or of a newer schema, the next is most likely, too.
            self._way, self._other_ways = way, self._other_ways[position:]
            return message
        return self._message_type(**self._exactly(_loads(data)))


@cache
def reader(descriptor: Descriptor, *, ignore_unknown: bool) -> Reader:
    """The reader of a message type. TypeError for types that have a JSON form of their own."""
    return Reader(descriptor, ignore_unknown)
