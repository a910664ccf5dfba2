"""Items of numbers, read without a JSON reader: as it reads them, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonsense.codec.arrow.schema import sensor_of
from moonsense.codec.arrow.text import TextReader
from moonsense.codec.json import write
from moonsense.models.bundle_v2_pb2 import Bundle, SealedBundle

SENSOR = sensor_of("gyroscope")
READER = TextReader(SENSOR.plan, SENSOR.columns)
PLAIN = READER._plain

numbers = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15)
items = st.lists(
    st.fixed_dictionaries(
        {"determined_at": st.integers(-(2**63), 2**63 - 1), "x": numbers, "y": numbers, "z": numbers}
    ),
    min_size=1,
    max_size=4,
)


def text(some: list[dict[str, float]]) -> bytes:
    line = write(SealedBundle(bundle=Bundle(gyroscope_data=some)))  # type: ignore[arg-type]
    return line[len(b'{"bundle":{"gyroscope_data":[') : -len(b"]}}")]


@given(st.lists(items, min_size=1, max_size=4))
def test_the_numbers_are_those_that_were_written(texts: list[list[dict[str, float]]]) -> None:
    read = READER.read([text(some) for some in texts])
    assert read is not None
    counts, columns = read
    assert counts.tolist() == [len(some) for some in texts]
    rows = list(zip(*(column.to_pylist() for column in columns), strict=True))
    assert rows == [tuple(item[column.name] for column in SENSOR.columns) for some in texts for item in some]


@given(items)
def test_both_readers_read_the_same(some: list[dict[str, float]]) -> None:
    data = text(some)
    if PLAIN.count(data):
        plain, parsed = PLAIN.read([data, data]), READER._json([data, data])
        assert plain is not None
        assert parsed is not None
        assert plain == parsed[1]


GOOD = b'{"determined_at":"15","x":0.5,"y":-20.25,"z":3}'


@given(
    st.integers(0, len(GOOD)),
    st.sampled_from([bytes([byte]) for byte in b'0123456789.-+e"{},: x']),
    st.booleans(),
)
def test_one_byte_more_or_another_is_never_read_as_something_else(
    place: int, byte: bytes, insert: bool
) -> None:
    odd = GOOD[:place] + byte + GOOD[place + (not insert) :]
    if not PLAIN.count(odd):
        return
    plain = PLAIN.read([odd, GOOD])
    if plain is not None:
        parsed = READER._json([odd, GOOD])
        assert parsed is not None, "what is no JSON was read"
        assert plain == parsed[1]


_some = st.sampled_from([0.0, 0.5, -20.25])
with_zeros = st.lists(
    st.fixed_dictionaries({"determined_at": st.integers(1, 99), "x": _some, "y": _some, "z": _some}),
    min_size=1,
    max_size=6,
)


@given(with_zeros)
def test_zeros_that_were_left_out_are_put_there(some: list[dict[str, float]]) -> None:
    data = text(some)
    filled = PLAIN.filled(data)
    assert PLAIN.count(filled) == len(some)
    assert filled.count(b":") == 4 * len(some)
    plain, parsed = PLAIN.read([filled]), READER._json([data])
    assert plain is not None
    assert parsed is not None
    assert plain == parsed[1]


@given(
    st.sampled_from([f'{{"determined_at":"15"{more}}}' for more in ("", ',"y":-20.25', ',"x":1.5,"z":30')]),
    st.data(),
)
def test_what_is_put_into_an_odd_text_makes_no_sense_of_it(good: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(good)))
    byte = data.draw(st.sampled_from([*'0123456789.-+e"{},: x', '"y":1', ',"x":0', ',"z":"1"']))
    odd = (good[:place] + byte + good[place + data.draw(st.integers(0, 1)) :]).encode()
    filled = PLAIN.filled(odd)
    if PLAIN.count(filled) and (plain := PLAIN.read([filled, GOOD])) is not None:
        parsed = READER._json([odd, GOOD])
        assert parsed is not None, "what is no JSON was read"
        assert plain == parsed[1]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"x"', b'"x2"'),
        (b'"x"', b'"-x"'),
        (b"determined_at", b"d1etermined_at"),
        (b"0.5", b"00.5"),
        (b"0.5", b".5"),
        (b"0.5", b"5."),
        (b"0.5", b"-.5"),
        (b"0.5", b"-"),
        (b"0.5", b""),
        (b"0.5", b"1.2.3"),
        (b"0.5", b"1-2"),
        (b"0.5", b"9" * 400),
        (b'"15"', b'"1.5"'),
        (b'"15"', b'""'),
        (b'"15"', b'"1"5'),
        (b"3}", b"3}4"),
        (b'{"d', b'{1"d'),
    ],
)
def test_what_looks_alike_is_left_to_others(old: bytes, new: bytes) -> None:
    odd = GOOD.replace(old, new)
    assert not PLAIN.count(odd) or PLAIN.read([GOOD, odd]) is None
    assert PLAIN.count(GOOD) == 1
    assert PLAIN.read([GOOD, GOOD]) is not None


def test_texts_of_both_kinds_come_in_their_order() -> None:
    texts = [GOOD, b'{"x":1e-5}', GOOD + b"," + GOOD, b"", b"{}"]
    read = READER.read(texts)
    assert read is not None
    assert read[0].tolist() == [1, 1, 2, 0, 1]
    assert read[1][1].to_pylist() == [0.5, 1e-5, 0.5, 0.5, 0.0]
