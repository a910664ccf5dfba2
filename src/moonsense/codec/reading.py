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


class Reader:
    """Reads documents of one message type."""

    def __init__(self, descriptor: Descriptor, ignore_unknown: bool) -> None:
        self._message_type = plan_of(descriptor).message_type
        self._ways = [trusting(descriptor)]
        if ignore_unknown:
            self._ways.append(trusting(descriptor, tidy=True))
        self._exactly = exactly(descriptor, ignore_unknown=ignore_unknown)

    def read(self, data: bytes | bytearray | memoryview | str) -> Message:
        """The message. Raises orjson.JSONDecodeError for what is no JSON, and Refused for the rest."""
        for position, way in enumerate(self._ways):
            try:
                message = self._message_type(**way(orjson.loads(data)))
            except OBJECTIONS:
                continue  # with the text again, for it has changed the document
            if position:
                # Where one document is in camelCase or of a newer schema, the next is most likely, too.
                self._ways = self._ways[position:]
            return message
        return self._message_type(**self._exactly(orjson.loads(data)))


@cache
def reader(descriptor: Descriptor, *, ignore_unknown: bool) -> Reader:
    """The reader of a message type. TypeError for types that have a JSON form of their own."""
    return Reader(descriptor, ignore_unknown)
