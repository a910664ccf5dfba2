"""Packet captures taken apart."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonsense.cloud import pcap

ORDERS = ["<", ">"]
MAGICS = [0xA1B2C3D4, 0xA1B23C4D]


def capture(packets: list[bytes], *, order: str = "<", magic: int = 0xA1B2C3D4, link: int = 1) -> bytes:
    """A file as a sniffer writes it."""
    header = struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 65535, link)
    records = (struct.pack(f"{order}IIII", 1, 2, len(p), len(p) + 7) + p for p in packets)
    return header + b"".join(records)


@given(st.lists(st.binary(max_size=80), max_size=9), st.sampled_from(ORDERS), st.sampled_from(MAGICS))
def test_every_packet_is_counted_in_every_order_and_resolution(
    packets: list[bytes], order: str, magic: int
) -> None:
    data = capture(packets, order=order, magic=magic)
    read = pcap.read(data)
    assert read.packets == len(packets)
    assert read.header + read.records == data


@given(st.lists(st.binary(max_size=30), min_size=1, max_size=4), st.data())
def test_a_cut_capture_is_refused(packets: list[bytes], data: st.DataObject) -> None:
    whole = capture(packets)
    ends = [pcap.HEADER_BYTES]
    for packet in packets:
        ends.append(ends[-1] + 16 + len(packet))
    cut = data.draw(st.sampled_from([n for n in range(len(whole)) if n not in ends]))
    with pytest.raises(ValueError, match=r"half a header|is cut|24 bytes"):
        pcap.read(whole[:cut])


def test_what_is_no_capture_is_refused() -> None:
    with pytest.raises(ValueError, match="pcapng"):
        pcap.read(b"\x0a\x0d\x0d\x0a" + bytes(40))
    with pytest.raises(ValueError, match="magic"):
        pcap.read(b"GIF89a" + bytes(40))


def test_only_captures_of_one_kind_go_together() -> None:
    def header(data: bytes) -> bytes:
        return pcap.read(data).header

    first = header(capture([]))
    assert pcap.mergeable(first, header(capture([b"x"])))
    assert not pcap.mergeable(first, header(capture([], link=101)))
    assert not pcap.mergeable(first, header(capture([], order=">")))
    assert not pcap.mergeable(first, header(capture([], magic=0xA1B23C4D)))
