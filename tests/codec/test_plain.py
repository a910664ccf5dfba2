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

numbers = st.floats(allow_nan=False, allow_infinity=False)
times = st.integers(-(2**63), 2**63 - 1)
items = st.lists(
    st.fixed_dictionaries({"determined_at": times, "x": numbers, "y": numbers, "z": numbers}),
    min_size=1,
    max_size=4,
)


def text(some: list[dict[str, float]]) -> bytes:
    line = write(SealedBundle(bundle=Bundle(gyroscope_data=some)))  # type: ignore[arg-type]
    return line[len(b'{"bundle":{"gyroscope_data":[') : -len(b"]}}")]


def check(texts: list[bytes]) -> bool:
    """Whether they are read here; then they are read as by the other reader."""
    plain = PLAIN.read(texts)
    if plain is None:
        return False
    parsed = READER._json(texts)
    assert parsed is not None, "what is no JSON was read"
    assert plain[0].tolist() == parsed[0].tolist()
    assert plain[1] == parsed[1]
    return True


@given(st.lists(items, min_size=1, max_size=4))
def test_the_numbers_are_those_that_were_written(texts: list[list[dict[str, float]]]) -> None:
    read = READER.read([text(some) for some in texts])
    assert read is not None
    counts, columns = read
    assert counts.tolist() == [len(some) for some in texts]
    rows = list(zip(*(column.to_pylist() for column in columns), strict=True))
    assert rows == [tuple(item[column.name] for column in SENSOR.columns) for some in texts for item in some]


some_number = st.sampled_from([0.0, 0.5, -20.25, 1e-5, -2.5e300])
with_zeros = st.lists(
    st.fixed_dictionaries(
        {"determined_at": st.integers(0, 99), "x": some_number, "y": some_number, "z": some_number}
    ).filter(lambda item: any(item.values())),
    min_size=1,
    max_size=6,
)


@given(st.lists(with_zeros, min_size=1, max_size=4))
def test_what_is_left_out_is_zero(texts: list[list[dict[str, float]]]) -> None:
    """All that is written here is read without the other reader, but for items with nothing in them."""
    assert check([text(some) for some in texts])


@pytest.mark.parametrize("names", [["determined_at"], ["z"], ["y", "determined_at"]])
@given(texts=st.lists(with_zeros, min_size=1, max_size=4))
def test_some_columns_alone_are_those_of_all(texts: list[list[dict[str, float]]], names: list[str]) -> None:
    columns = {column.name: column for column in SENSOR.columns}
    some = TextReader(SENSOR.plan, tuple(columns[name] for name in names))
    data = [text(one) for one in texts]
    whole, alone = PLAIN.read(data), some._plain.read(data)
    assert whole is not None
    assert alone is not None
    there = dict(zip(columns, whole[1], strict=True))
    assert alone[1] == [there[name] for name in names]


GOOD = b'{"determined_at":"15","x":0.5,"y":-20.25,"z":3}'
SHORT = [f'{{"determined_at":"15"{more}}}'.encode() for more in ("", ',"y":-20.25', ',"x":1.5,"z":3e-10')]
letters = [bytes([byte]) for byte in b'0123456789.-+eEx"{},: ']
pieces = [*letters, b'"y":1', b',"x":0', b',"z":"1"', b"},{", b""]


@given(st.sampled_from([GOOD, *SHORT]), st.data())
def test_one_piece_more_or_another_is_never_read_as_something_else(good: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(good)))
    piece = data.draw(st.sampled_from(pieces))
    odd = good[:place] + piece + good[place + data.draw(st.integers(0, 4)) :]
    for texts in ([odd], [odd, GOOD], [SHORT[1], odd]):
        check([text for text in texts if text])


@given(st.sampled_from([GOOD, *SHORT]), st.integers(1, len(GOOD)))
def test_an_item_does_not_go_on_in_the_next_text(good: bytes, place: int) -> None:
    texts = [text for text in (good[:place], good[place:]) if text]
    assert check(texts) == (len(texts) == 1)
    assert not check([good, *texts]) or len(texts) == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"x"', b'"x2"'),
        (b'"x"', b'"-x"'),
        (b'"x"', b'"y"'),
        (b'"z"', b'"x"'),
        (b"determined_at", b"d1etermined_at"),
        (b"determined_at", b"determined_aT"),
        (b"0.5", b"00.5"),
        (b"0.5", b"-00.5"),
        (b"0.5", b".5"),
        (b"0.5", b"5."),
        (b"0.5", b"1.e5"),
        (b"0.5", b"1.E5"),
        (b"0.5", b"1e"),
        (b"0.5", b"-.5"),
        (b"0.5", b"-"),
        (b"0.5", b"+1"),
        (b"0.5", b" 1"),
        (b"0.5", b""),
        (b"0.5", b"1.2.3"),
        (b"0.5", b"1-2"),
        (b"0.5", b"9" * 400),
        (b"0.5", b"1e999"),
        (b"0.5", b"NaN"),
        (b"0.5", b"Infinity"),
        (b'"15"', b'"1.5"'),
        (b'"15"', b'""'),
        (b'"15"', b'"'),
        (b'"15"', b""),
        (b'"15"', b'"1"5'),
        (b'"15"', b'"0x15"'),
        (b'"15"', b'"-0x15"'),
        (b'"15"', b'" 15"'),
        (b'"15"', b'"9223372036854775808"'),
        (b'"15"', b"15"),
        (b"3}", b"3}4"),
        (b"3}", b"3}}"),
        (b"3}", b"3"),
        (b'{"d', b'{1"d'),
        (b'{"d', b'{{"d'),
        (b'{"d', b'"d'),
    ],
)
def test_what_looks_alike_is_left_to_others(old: bytes, new: bytes) -> None:
    odd = GOOD.replace(old, new)
    assert odd != GOOD
    for texts in ([odd], [GOOD, odd], [odd, SHORT[1]]):
        assert PLAIN.read(texts) is None
    assert check([GOOD, GOOD])


def test_a_quote_alone_is_no_number() -> None:
    for odd in (b'{"determined_at":"}', b'{"determined_at":","x":1}', b'{"determined_at":"1}'):
        assert PLAIN.read([odd]) is None
        assert PLAIN.read([GOOD, odd]) is None


@pytest.mark.parametrize("number", [b"1e5", b"1E5", b"1.5e+10", b"-0.0", b"0e1", b"0", b"-1e-7", b"5e-324"])
def test_numbers_as_others_write_them(number: bytes) -> None:
    assert check([GOOD.replace(b"0.5", number), SHORT[1]])


def test_texts_of_both_kinds_come_in_their_order() -> None:
    texts = [GOOD, b'{"x":1e-5}', GOOD + b"," + GOOD, b"", b"{}"]
    read = READER.read(texts)
    assert read is not None
    assert read[0].tolist() == [1, 1, 2, 0, 1]
    assert read[1][1].to_pylist() == [0.5, 1e-5, 0.5, 0.5, 0.0]
