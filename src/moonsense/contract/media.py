"""Media types of the wire and how one is chosen."""

from __future__ import annotations

JSON = "application/json"
PROTOBUF = "application/x-protobuf"
"""One message in protobuf."""

FORM = "application/x-www-form-urlencoded"
"""A form: what a webhook may come as, with its JSON in one field."""

FRAMES = "application/x-protobuf-delimited"
"""Ours: many messages, each behind its length as a varint (protobuf's delimited format)."""

NDJSON = "application/x-ndjson"
"""Ours: one JSON document a line, every line ended by a newline."""

PCAP = "application/vnd.tcpdump.pcap"
"""A packet capture in libpcap's classic format."""

TAR_GZ = "application/octet-stream"
"""The service's type for a tar.gz with one member."""


def accepted(header: str) -> list[str]:
    """The media types of an ``Accept`` header, best first, lower case, without parameters.

    Types with quality 0 are left out; equal ones stay in the order given.
    """
    weighted: list[tuple[float, int, str]] = []
    for position, part in enumerate(header.split(",")):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip().lower() == "q":
                try:
                    quality = float(value)
                except ValueError:
                    quality = 0.0
        if name and quality > 0:
            weighted.append((-quality, position, name.lower()))
    return [name for _, _, name in sorted(weighted)]


def choose(header: str, offered: tuple[str, ...]) -> str:
    """The first of the accepted types that is offered; the first offered when none is.

    The service answers its default to whatever a client says it accepts, and
    the published clients rely on that.
    """
    for name in accepted(header):
        if name in offered:
            return name
        if name == "*/*":
            break
    return offered[0]


def base_type(content_type: str) -> str:
    """A ``Content-Type`` without parameters, lower case."""
    return content_type.partition(";")[0].strip().lower()
