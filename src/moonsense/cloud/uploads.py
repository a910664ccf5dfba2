"""Request bodies: received, unpacked and parsed, none of it beyond a limit."""

from __future__ import annotations

import zlib
from typing import TypeVar

import zstandard
from google.protobuf.message import Message
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from moonsense.codec import json, protobuf
from moonsense.contract import media
from moonsense.contract.problems import Problem
from moonsense.contract.rules import broken_rules
from moonsense.errors import DataError

M = TypeVar("M", bound=Message)

_PARSERS = {media.JSON: json.parse, media.PROTOBUF: protobuf.parse}

MESSAGE_TYPES = tuple(_PARSERS)
"""The media types of a body that is a message."""

_ZSTD_MAGIC = 0xFD2FB528
_ZSTD_SKIPPABLE = 0x184D2A50  # its last four bits are free
_ZSTD_RLE, _ZSTD_RESERVED = 1, 3


def check_types(content_type: str, encoding: str, content_types: tuple[str, ...] = MESSAGE_TYPES) -> None:
    """Raise a Problem of status 415 for a media type or an encoding that no body may have."""
    if content_type not in content_types:
        raise Problem(415, f"the body must be {' or '.join(content_types)}, not {content_type!r}")
    if encoding not in _UNPACKERS:
        raise Problem(415, f"the body may be encoded as gzip, zstd or not at all, not as {encoding!r}")


async def receive_body(receive: Receive, limit: int) -> bytes:
    """The body as it was sent.

    Raises a Problem of status 413 as soon as there is more than ``limit`` bytes,
    and ClientDisconnect when the client went away before the end.
    """
    event = await receive()
    if event["type"] == "http.disconnect":
        raise ClientDisconnect
    first: bytes = event.get("body", b"")
    if len(first) > limit:
        raise too_large(limit)
    if not event.get("more_body", False):
        return first
    body = bytearray(first)
    while event.get("more_body", False):
        event = await receive()
        if event["type"] == "http.disconnect":
            raise ClientDisconnect
        body += event.get("body", b"")
        if len(body) > limit:
            raise too_large(limit)
    return bytes(body)


def read_message(body: bytes, content_type: str, encoding: str, limit: int, message_type: type[M]) -> M:
    """The message of a body, unpacked, parsed and checked against the schema's rules.

    Raises Problems: 400 where it cannot be read, with the place; 413 when it
    unpacks to more than ``limit`` bytes; 422 naming the field that breaks a rule.
    """
    try:
        message: M = _PARSERS[content_type](unpack(body, encoding, limit), message_type)
    except DataError as error:
        raise Problem(
            400, f"the body is not what it should be: {error}", getattr(error, "path", "")
        ) from None
    for path, reason in broken_rules(message):
        raise Problem(422, f"{path} {reason}", param=path)
    return message


def unpack(body: bytes, encoding: str, limit: int) -> bytes:
    """A body without its content encoding; never more than ``limit`` bytes come to be."""
    return _UNPACKERS[encoding](body, limit)


def _plain(body: bytes, _limit: int) -> bytes:
    return body


def _gunzip(body: bytes, limit: int) -> bytes:
    """A body of one gzip member. Several are refused: many readers stop after the first in silence."""
    member = zlib.decompressobj(wbits=31)
    try:
        # One byte more than there is room for tells "full" from "too large".
        data = member.decompress(body, limit + 1)
    except zlib.error as error:
        raise Problem(400, f"the body is not gzip: {error}") from None
    if len(data) > limit:
        raise too_large(limit)
    if not member.eof:
        raise Problem(400, "the body is not whole: its gzip stream has no end")
    if member.unused_data:
        raise Problem(400, "the body goes on behind the end of its gzip stream; send it as one member")
    return data


def _unzstd(body: bytes, limit: int) -> bytes:
    """All frames of a zstd body. The window is bounded too: it is memory that a frame asks for."""
    try:
        _check_zstd_end(body)
        # The library wants a window limit of some size even for tiny bodies.
        decompressor = zstandard.ZstdDecompressor(max_window_size=max(limit, 8 * 1024 * 1024))
        with decompressor.stream_reader(body, read_across_frames=True) as reader:
            data = reader.read(limit + 1)
    except zstandard.ZstdError as error:
        raise Problem(400, f"the body is not zstd: {error}") from None
    if len(data) > limit:
        raise too_large(limit)
    return data


def _check_zstd_end(body: bytes) -> None:
    """Raise unless a body is whole zstd frames.

    The library hands out what it has when a frame is cut, without an error. The
    lengths are in the headers of the frames' blocks, so this reads a few bytes
    of every block.
    """
    end = _zstd_frame_end(body, 0)
    while end < len(body):
        end = _zstd_frame_end(body, end)
    if end != len(body):
        raise Problem(400, "the body is not whole: its zstd stream has no end")


def _zstd_frame_end(body: bytes, position: int) -> int:
    """Where the frame that begins at a position ends (RFC 8878, 3.1): past the body's end when it is cut."""
    magic = int.from_bytes(body[position : position + 4], "little")
    if magic & 0xFFFFFFF0 == _ZSTD_SKIPPABLE:
        return position + 8 + int.from_bytes(body[position + 4 : position + 8], "little")
    if magic != _ZSTD_MAGIC:
        raise zstandard.ZstdError("no frame begins here")
    head = body[position : position + 18]  # the longest header
    frame = zstandard.get_frame_parameters(head)
    position += zstandard.frame_header_size(head)
    while position < len(body):
        header = int.from_bytes(body[position : position + 3], "little")
        last, kind, length = header & 1, header >> 1 & 3, header >> 3
        if kind == _ZSTD_RESERVED:
            raise zstandard.ZstdError("a block of no known kind")
        position += 3 + (1 if kind == _ZSTD_RLE else length)
        if last:
            return position + (4 if frame.has_checksum else 0)
    return len(body) + 1


def too_large(limit: int) -> Problem:
    """The Problem of a body beyond the limit."""
    return Problem(413, f"the body is larger than {limit} bytes; send less at a time")


_UNPACKERS = {"": _plain, "identity": _plain, "gzip": _gunzip, "x-gzip": _gunzip, "zstd": _unzstd}
