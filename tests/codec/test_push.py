"""NDJSON and frames from pieces of any size."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st
from support.messages import messages

from moonsense.codec import protobuf
from moonsense.codec.frames import FrameParser, frame
from moonsense.codec.json import write_line
from moonsense.codec.ndjson import NdjsonParser
from moonsense.codec.push import PushParser
from moonsense.errors import DataError, DecodeError, IncompleteError
from moonsense.models.bundle_v2_pb2 import SealedBundle
from moonsense.models.data_plane_v2_pb2 import LabelWithStats

MAKE: list[tuple[Callable[..., PushParser[LabelWithStats]], Callable[[Message], bytes]]] = [
    (NdjsonParser, write_line),
    (FrameParser, lambda message: frame(message.SerializeToString())),
]
LABELS = [LabelWithStats(name=name, sessions_count=len(name)) for name in ("a", "", "\u2028 é", "x" * 300)]


def label(line: int) -> LabelWithStats:
    return LabelWithStats(name=f"label {line}", sessions_count=line)


def read(parser: PushParser[LabelWithStats], pieces: Sequence[bytes]) -> list[LabelWithStats]:
    found = [message for piece in pieces for message in parser.feed(piece)]
    return found + parser.close()


def cut(data: bytes, at: Sequence[int]) -> list[bytes]:
    places = [0, *sorted(place % (len(data) + 1) for place in at), len(data)]
    return [data[start:end] for start, end in pairwise(places)]


@pytest.mark.parametrize(("parser", "encode"), MAKE)
class TestBoth:
    @given(
        at=st.lists(st.integers(0, 2**16), max_size=30), found=st.lists(messages(SealedBundle), max_size=4)
    )
    def test_where_the_pieces_are_cut_makes_no_difference(
        self,
        parser: Callable[..., PushParser[SealedBundle]],
        encode: Callable[[Message], bytes],
        at: list[int],
        found: list[SealedBundle],
    ) -> None:
        reader = parser(SealedBundle)
        pieces = cut(b"".join(map(encode, found)), at)
        read = [message for piece in pieces for message in reader.feed(piece)] + reader.close()
        assert [m.SerializeToString(deterministic=True) for m in read] == [
            m.SerializeToString(deterministic=True) for m in found
        ]
        assert reader.line == len(found)

    @pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
    def test_byte_by_byte(
        self,
        parser: Callable[..., PushParser[LabelWithStats]],
        encode: Callable[[Message], bytes],
        kind: type,
    ) -> None:
        data = b"".join(map(encode, LABELS))
        assert read(parser(LabelWithStats), [kind(data[i : i + 1]) for i in range(len(data))]) == LABELS

    def test_a_buffer_may_be_used_again_after_it_was_fed(
        self, parser: Callable[..., PushParser[LabelWithStats]], encode: Callable[[Message], bytes]
    ) -> None:
        data, buffer, found = b"".join(map(encode, LABELS)), bytearray(7), []
        reader = parser(LabelWithStats)
        for start in range(0, len(data), 7):
            piece = data[start : start + 7]
            buffer[: len(piece)] = piece
            found += reader.feed(memoryview(buffer)[: len(piece)])
        assert found + reader.close() == LABELS

    def test_a_cut_end_is_an_error_wherever_it_is_cut(
        self, parser: Callable[..., PushParser[LabelWithStats]], encode: Callable[[Message], bytes]
    ) -> None:
        first, second = encode(label(1)), encode(label(2)).rstrip(b"\n")
        for end in range(1, len(second)):
            reader = parser(LabelWithStats, where="chunk c")
            assert reader.feed(first + second[:end]) == [label(1)]
            with pytest.raises(DataError, match=r"chunk c: .*(line|frame) 2") as caught:
                reader.close()
            assert isinstance(caught.value, IncompleteError if parser is FrameParser else DecodeError)
            with pytest.raises(DataError):
                reader.close()

    def test_what_was_whole_before_a_fault_comes_first(
        self, parser: Callable[..., PushParser[LabelWithStats]], encode: Callable[[Message], bytes]
    ) -> None:
        bad = b'{"name": 5}\n' if parser is NdjsonParser else frame(b"\xff\xff")
        reader = parser(LabelWithStats)
        assert reader.feed(encode(label(1)) + encode(label(2)) + bad + encode(label(4))) == [
            label(1),
            label(2),
        ]
        for _ in range(2):
            with pytest.raises(DecodeError) as caught:
                reader.feed(encode(label(5)))
            assert caught.value.line == 3
        with pytest.raises(DecodeError):
            reader.close()

    def test_a_fault_at_once_is_raised_at_once(
        self, parser: Callable[..., PushParser[LabelWithStats]], encode: Callable[[Message], bytes]
    ) -> None:
        bad = b"{]\n" if parser is NdjsonParser else frame(b"\xff\xff")
        with pytest.raises(DecodeError) as caught:
            parser(LabelWithStats, where="here").feed(bad)
        assert (caught.value.line, caught.value.where) == (1, "here")

    def test_a_long_document_in_small_pieces_takes_time_by_its_length(
        self, parser: Callable[..., PushParser[LabelWithStats]], encode: Callable[[Message], bytes]
    ) -> None:
        # Ten times as long may take thirty times the time; it takes a hundred where it is quadratic.
        def seconds(length: int) -> float:
            message = LabelWithStats(name="x" * length)
            data = encode(message)
            pieces = [data[start : start + 50] for start in range(0, len(data), 50)]
            start = time.process_time()
            assert read(parser(LabelWithStats), pieces) == [message]
            return time.process_time() - start

        assert min(seconds(2_000_000) for _ in range(3)) < 30 * min(seconds(200_000) for _ in range(3))

    def test_a_document_longer_than_the_limit_is_not_kept(
        self, parser: Callable[..., PushParser[LabelWithStats]], encode: Callable[[Message], bytes]
    ) -> None:
        exact = LabelWithStats(name="x" * 80)
        limit = len(exact.SerializeToString()) if parser is FrameParser else len(encode(exact)) - 1
        assert read(parser(LabelWithStats, max_bytes=limit), [encode(exact)]) == [exact]
        data = encode(LabelWithStats(name="x" * 81))
        for pieces in ([data], [data[i : i + 1] for i in range(len(data) - 2)]):
            with pytest.raises(DecodeError, match=str(limit)):
                read(parser(LabelWithStats, max_bytes=limit), pieces)

    def test_nothing_is_kept_of_what_was_read(
        self, parser: Callable[..., PushParser[LabelWithStats]], encode: Callable[[Message], bytes]
    ) -> None:
        reader = parser(LabelWithStats)
        for line in range(1, 1000):
            data = encode(label(line))
            assert reader.feed(data[:5]) == []
            assert reader.feed(data[5:]) == [label(line)]
            assert not reader._rest

    def test_an_empty_stream_is_no_messages(
        self, parser: Callable[..., PushParser[LabelWithStats]], encode: Callable[[Message], bytes]
    ) -> None:
        assert read(parser(LabelWithStats), []) == []
        assert read(parser(LabelWithStats), [b"", b""]) == []


class TestLines:
    def test_line_numbers_count_blank_lines(self) -> None:
        reader = NdjsonParser(LabelWithStats)
        assert [m.name for m in reader.feed(b'\n\r\n \t\n{"name":"a"}\r\n\n{"name":"b"}\r\n')] == ["a", "b"]
        assert reader.line == 6
        with pytest.raises(DecodeError) as caught:
            reader.feed(b'\n{"name":5}\n')
        assert (caught.value.line, caught.value.path) == (8, "name")

    def test_the_last_line_needs_no_newline(self) -> None:
        reader = NdjsonParser(LabelWithStats)
        assert reader.feed(b'{"name":"a"}\n{"name":"b"}') == [LabelWithStats(name="a")]
        assert reader.close() == [LabelWithStats(name="b")]
        assert reader.line == 2

    def test_white_space_at_the_end_is_no_line(self) -> None:
        assert read(NdjsonParser(LabelWithStats), [b'{"name":"a"}\n \r']) == [LabelWithStats(name="a")]

    @pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85", "\x7f"])
    def test_only_a_newline_ends_a_line(self, separator: str) -> None:
        line = f'{{"name":"{separator}"}}\n'.encode()
        assert write_line(LabelWithStats(name=separator)) == line
        assert read(NdjsonParser(LabelWithStats), [line]) == [LabelWithStats(name=separator)]

    def test_a_whole_last_line_of_something_else_is_not_called_cut_off(self) -> None:
        reader = NdjsonParser(LabelWithStats)
        reader.feed(b'{"name":5}')
        with pytest.raises(DecodeError) as caught:
            reader.close()
        assert (caught.value.line, caught.value.path) == (1, "name")
        assert "cut off" not in caught.value.reason

    def test_unknown_fields_when_asked_to(self) -> None:
        assert read(NdjsonParser(LabelWithStats), [b'{"new":1}']) == [LabelWithStats()]
        with pytest.raises(DecodeError, match='no field "new"'):
            read(NdjsonParser(LabelWithStats, ignore_unknown=False), [b'{"new":1}'])


class TestFrames:
    @pytest.mark.parametrize("length", [0, 1, 127, 128, 16_383, 16_384, 2_097_152])
    def test_the_length_is_a_varint(self, length: int) -> None:
        framed = frame(b"\x00" * length)
        size, shift = 0, 0
        for byte in framed[: len(framed) - length]:
            size |= (byte & 0x7F) << shift
            shift += 7
        assert size == length

    def test_a_length_written_longer_than_needed_is_read(self) -> None:
        assert read(FrameParser(LabelWithStats), [b"\x80\x80\x00"]) == [LabelWithStats()]

    @pytest.mark.parametrize("pieces", [[b"\xff" * 10], [b"\xff"] * 10, [b"\xff" * 11]])
    def test_a_length_of_more_than_ten_bytes(self, pieces: list[bytes]) -> None:
        with pytest.raises(DecodeError, match="10 bytes"):
            read(FrameParser(LabelWithStats), pieces)

    def test_a_length_over_the_limit_is_refused_before_anything_is_kept(self) -> None:
        with pytest.raises(DecodeError, match="18446744073709551615 bytes, more than"):
            FrameParser(LabelWithStats).feed(b"\xff" * 9 + b"\x01")

    def test_how_much_of_a_cut_frame_there_is(self) -> None:
        reader = FrameParser(LabelWithStats)
        reader.feed(frame(b"") + b"\xac\x02abc")
        with pytest.raises(IncompleteError, match="inside frame 2, of which it has 3 of 300 bytes"):
            reader.close()
        reader = FrameParser(LabelWithStats)
        reader.feed(b"\xac")
        with pytest.raises(IncompleteError, match="inside frame 1, of which it has a part of its length"):
            reader.close()


class TestProtobuf:
    def test_one_message(self) -> None:
        assert protobuf.parse(label(3).SerializeToString(), LabelWithStats) == label(3)

    @pytest.mark.parametrize("data", [b"\xff", b"\x0a\x05a", b"\x0a\x01\xff"])
    def test_what_is_no_such_message(self, data: bytes) -> None:
        with pytest.raises(DecodeError, match=r"not a v2\.dataplane\.LabelWithStats in protobuf") as caught:
            protobuf.parse(data, LabelWithStats, where="the body")
        assert caught.value.where == "the body"
