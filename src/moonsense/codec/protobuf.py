"""One message in protobuf's own format."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from google.protobuf import message as protobuf

from moonsense.errors import DecodeError

if TYPE_CHECKING:
    from google.protobuf.message import Message

__all__ = ["parse"]

M = TypeVar("M", bound="Message")


def parse(data: bytes, message_type: type[M], *, line: int | None = None, where: str = "") -> M:
    """The message in ``data``; fields that the schema does not know are kept in it.

    Args:
        data: the whole message.
        message_type: its class.
        line: the number of its frame in a stream, for the error.
        where: what it is part of, for the error.

    Raises:
        DecodeError: it is not such a message.
    """
    try:
        return message_type.FromString(data)
    except protobuf.DecodeError:
        reason = f"not a {message_type.DESCRIPTOR.full_name} in protobuf"
        raise DecodeError(reason, line=line, where=where) from None
