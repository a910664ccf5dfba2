"""Packet captures as the service gives them out: libpcap's classic file format.

A file is a header of 24 bytes (magic, version, time zone, accuracy, snapshot
length, link type) and records of 16 bytes and a packet each, in the byte order
of the magic. The format: https://datatracker.ietf.org/doc/html/draft-ietf-opsawg-pcap
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

HEADER_BYTES = 24
_RECORD_BYTES = 16

# Magic numbers by what they read as in little-endian order: microseconds and
# nanoseconds, each in both byte orders.
_ORDERS = {0xA1B2C3D4: "<", 0xA1B23C4D: "<", 0xD4C3B2A1: ">", 0x4D3CB2A1: ">"}
_PCAPNG = 0x0A0D0D0A


@dataclass(frozen=True)
class Capture:
    """A capture taken apart: its header, its records as they stand, and how many they are."""

    header: bytes
    records: bytes
    packets: int


def read(data: bytes) -> Capture:
    """A capture, checked record by record. Raises ValueError saying what is wrong and where."""
    if len(data) < HEADER_BYTES:
        raise ValueError("a packet capture begins with a header of 24 bytes")
    (magic,) = struct.unpack_from("<I", data)
    if magic == _PCAPNG:
        raise ValueError("this is pcapng; send the classic format (tcpdump -w, editcap -F pcap)")
    order = _ORDERS.get(magic)
    if order is None:
        raise ValueError("this is no packet capture: the magic number is none of libpcap's")
    length_at = struct.Struct(f"{order}8xI4x")
    position, packets = HEADER_BYTES, 0
    while position < len(data):
        if position + _RECORD_BYTES > len(data):
            raise ValueError(f"packet {packets + 1} has half a header")
        (length,) = length_at.unpack_from(data, position)
        position += _RECORD_BYTES + length
        if position > len(data):
            raise ValueError(f"packet {packets + 1} is cut")
        packets += 1
    return Capture(data[:HEADER_BYTES], data[HEADER_BYTES:], packets)


def mergeable(first: bytes, second: bytes) -> bool:
    """Whether records under one header mean the same under another.

    They do when byte order, resolution and link type agree; the snapshot
    length says only how much was kept at most.
    """
    return first[:8] == second[:8] and first[20:] == second[20:]
