"""Lines scanned by the compiled part: as they are read as messages, or not at all."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.compiler import can_compile
from support.messages import messages

from moonsense.codec.arrow.outline import LISTS
from moonsense.codec.arrow.scan import Scanner, can_scan, has_only_numbers
from moonsense.codec.arrow.schema import names, sensor_of
from moonsense.codec.json import parse, write_line
from moonsense.errors import DecodeError
from moonsense.models.bundle_v2_pb2 import Bundle, Clock, SealedBundle
from moonsense.simulator import checkout_bot, checkout_person, walking_phone

if not can_scan and not can_compile():
    pytest.skip("there was no compiler, or not what it needs", allow_module_level=True)

SENSORS = {sensor.field: sensor for sensor in map(sensor_of, names()) if sensor.field in LISTS}
NUMBERS = {field: sensor for field, sensor in SENSORS.items() if has_only_numbers(sensor.plan)}
TEXTS = [field for field in LISTS if field not in NUMBERS]
SCANNER = Scanner(
    {field: (sensor.plan, sensor.columns) for field, sensor in NUMBERS.items()}, TEXTS, wants_rests=True
)


def check(lines: bytes, session_id: str = "") -> bool:
    """Whether lines are scanned; then all that was found is what the messages say."""
    scan = SCANNER.scan([(lines, session_id)])
    if scan is None:
        return False
    sealed = [parse(line, SealedBundle) for line in lines.split(b"\n") if line.strip()]
    assert [scan.ids[number] for number in scan.sessions] == [one.session_id or session_id for one in sealed]
    assert scan.envelopes.tolist() == [
        [
            one.bundle.index,
            one.bundle.client_time.wall_time_millis,
            one.bundle.client_time.timer_millis,
            one.bundle.client_time.timer_realtime_millis,
        ]
        for one in sealed
    ]
    for field, (counts, columns) in scan.columns.items():
        items = [item for one in sealed for item in getattr(one.bundle, field)]
        assert counts.tolist() == [len(getattr(one.bundle, field)) for one in sealed]
        for name, column in columns.items():
            # As texts, so that the sign of a zero counts too.
            assert list(map(repr, column.to_pylist())) == [repr(getattr(item, name)) for item in items]
            assert column.validate(full=True) is None
    for field, texts in scan.texts.items():
        for text, one in zip(texts, sealed, strict=True):
            found = parse(b'{"%b":[%b]}' % (field.encode(), text), Bundle)
            assert list(getattr(found, field)) == list(getattr(one.bundle, field))
    for rest, one in zip(scan.rests, sealed, strict=True):
        expected = SealedBundle()
        expected.CopyFrom(one)
        for field in LISTS:
            expected.bundle.ClearField(field)  # type: ignore[arg-type]
        assert parse(rest, SealedBundle) == expected
    return True


def test_the_compiled_part_is_there_where_there_is_a_compiler() -> None:
    assert can_scan


@pytest.mark.parametrize("simulated", [walking_phone, checkout_person, checkout_bot])
def test_all_that_this_package_writes_is_scanned(simulated: Any) -> None:
    lines = [
        write_line(SealedBundle(bundle=one, session_id="abc-_1"))
        for one in simulated(3).bundles()
        if one.HasField("client_time")
    ]
    assert len(lines) > 2
    assert check(b"".join(lines))


def test_every_line_of_real_recordings_is_scanned(web_sessions: Path) -> None:
    for path in sorted(web_sessions.rglob("raw_sealed_bundles.json")):
        for line in path.read_bytes().splitlines(keepends=True):
            assert check(line)


small = st.integers(0, 2**40)
some_clocks = st.builds(
    Clock,
    wall_time_millis=st.integers(1, 2**63 - 1),
    timer_millis=st.integers(-(2**63), 2**63 - 1),
    timer_realtime_millis=small,
)


def some_items(field: str) -> st.SearchStrategy[list[Any]]:
    return st.lists(
        messages(Bundle.DESCRIPTOR.fields_by_name[field].message_type._concrete_class), max_size=3
    )


NOT_NUMBERS = (b'"Infinity"', b'"-Infinity"', b'"NaN"')
"""What stands in JSON for numbers that are none."""


@st.composite
def some_bundles(draw: st.DrawFn, fields: list[str]) -> SealedBundle:
    chosen = draw(st.lists(st.sampled_from(fields), unique=True, max_size=3))
    bundle = Bundle(
        index=draw(st.integers(1, 2**31 - 1)),
        client_time=draw(some_clocks),
        **{field: draw(some_items(field)) for field in chosen},
    )
    return SealedBundle(bundle=bundle, session_id=draw(st.sampled_from(["", "a", "b-_C9"])))


@given(st.lists(some_bundles(list(NUMBERS)), max_size=3))
def test_numbers_are_always_scanned(sealed: list[SealedBundle]) -> None:
    lines = b"".join(map(write_line, sealed))
    is_usual = all(one.session_id for one in sealed) and not any(word in lines for word in NOT_NUMBERS)
    assert check(lines, "its own") == is_usual


@given(st.lists(some_bundles(LISTS), max_size=3))
def test_texts_may_hold_anything(sealed: list[SealedBundle]) -> None:
    check(b"".join(map(write_line, sealed)))


@given(st.lists(some_bundles(LISTS), min_size=1, max_size=3), st.sets(st.sampled_from(LISTS), max_size=3))
def test_what_is_not_wanted_is_passed_over(sealed: list[SealedBundle], wanted: set[str]) -> None:
    lines = b"".join(map(write_line, sealed))
    whole = SCANNER.scan([(lines, "")])
    some = Scanner(
        {field: (NUMBERS[field].plan, NUMBERS[field].columns[-1:]) for field in wanted & set(NUMBERS)},
        wanted - set(NUMBERS),
        [field for field in LISTS if field not in wanted],
        wants_rests=True,
    ).scan([(lines, "")])
    if whole is None:
        return
    assert some is not None
    assert some.texts == {field: whole.texts[field] for field in wanted if field in whole.texts}
    for field, (counts, columns) in some.columns.items():
        name = NUMBERS[field].columns[-1].name
        assert counts.tolist() == whole.columns[field][0].tolist()
        assert columns == {name: whole.columns[field][1][name]}
    for rest, one in zip(some.rests, sealed, strict=True):
        for field in wanted:
            one.bundle.ClearField(field)  # type: ignore[arg-type]
        assert parse(rest, SealedBundle) == one


ITEM = b'{"determined_at":"15","x":0.5,"y":-20.25,"z":3}'
GOOD = (
    b'{"bundle":{"gyroscope_data":[%b,{"y":1e-7}],"battery":{"capacity":3},"custom_events":'
    b'[{"event_name":"a]}\\"],\\"x\\":"}],"client_time":{"wall_time_millis":"15","timer_millis":"3"},'
    b'"index":7,"is_final_bundle":true},"app_id":"a","session_id":"b","server_time_millis":"9"}\n' % ITEM
)
pieces = [
    *(bytes([letter]) for letter in b'0123456789.-+eE"{}[],:\\ \nax'),
    b'"y":1', b',"x":0', b'"z":"1"', b"},{", b"],", b'"},', b'":{', b'"index":8', b"{}", b"[]", b"\xff", b"",
]  # fmt: skip


def test_a_line_with_everything_is_scanned() -> None:
    assert check(GOOD)
    assert check(GOOD.rstrip())
    assert check(b"\r\n \n" + GOOD.replace(b"}\n", b"} \r\n") + b"\n" + GOOD)
    assert check(b"")


@given(st.data())
def test_one_piece_more_or_another_is_never_read_as_something_else(data: st.DataObject) -> None:
    """The line may be no JSON any more, or say something else. All in it is looked at here."""
    odd = re.sub(rb'"battery".*"client_time"', b'"client_time"', GOOD)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(odd)))
        piece = data.draw(st.sampled_from(pieces))
        odd = odd[:place] + piece + odd[place + data.draw(st.integers(0, 4)) :]
    for lines in (odd, GOOD + odd, odd + b"\n" + GOOD):
        try:
            check(lines)
        except DecodeError as error:
            raise AssertionError(f"what is no bundle was read: {lines!r}") from error


@pytest.mark.parametrize("place", range(0, len(GOOD) - 1, 7))
def test_a_line_that_is_cut_off_does_not_go_on_in_the_next(place: int) -> None:
    assert not check(GOOD[:place] + b"\n" + GOOD) or place == 0
    assert SCANNER.scan([(GOOD[:place], ""), (GOOD[place:], "")]) is None or place == 0


@pytest.mark.parametrize("behind", [b"123", b"\n", b'","x":5}', b"\0"])
def test_what_lies_behind_a_text_is_not_read(behind: bytes) -> None:
    for place in range(len(GOOD)):
        cut = memoryview(GOOD[:place] + behind)[:place]
        assert (SCANNER.scan([(cut, "")]) is not None) == (not place or GOOD[:place].endswith(b'"9"}'))


@pytest.mark.parametrize("digits", range(1, 30))
@pytest.mark.parametrize("sign", ["", "-"])
def test_numbers_of_any_length(digits: int, sign: str) -> None:
    whole = "1234567890123456789012345678901"[:digits]
    for number in (
        whole,
        f"{whole}.5",
        f"0.{whole}",
        f"7.{'0' * digits}",
        f"{whole}.{whole}",
        f"0.{whole}e3",
    ):
        assert check(GOOD.replace(b"0.5", (sign + number).encode()))
    fits = -(2**63) <= int(sign + whole) < 2**63
    assert check(GOOD.replace(b'"15"', f'"{sign}{whole}"'.encode())) == fits
    fits = -(2**31) <= int(sign + whole) < 2**31
    assert check(GOOD.replace(b'"index":7', f'"index":{sign}{whole}'.encode())) == fits


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"x"', b'"x2"'),
        (b'"x"', b'"y"'),
        (b'"z"', b'"x"'),
        (b"determined_at", b"determinedAt"),
        (b"client_time", b"clientTime"),
        (b"gyroscope_data", b"gyroscopeData"),
        (b"battery", b"a_new_field"),
        (b"0.5", b"00.5"),
        (b"0.5", b"-00.5"),
        (b"0.5", b".5"),
        (b"0.5", b"5."),
        (b"0.5", b"1.e5"),
        (b"0.5", b"1.E5"),
        (b"0.5", b"1e"),
        (b"0.5", b"1.5e+"),
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
        (b"0.5", b"-inf"),
        (b"0.5", b"0x5"),
        (b"0.5", b"null"),
        (b'"15"', b'"1.5"'),
        (b'"15"', b'""'),
        (b'"15"', b'"'),
        (b'"15"', b'"-0"'),
        (b'"15"', b'"015"'),
        (b'"15"', b'"0x15"'),
        (b'"15"', b'" 15"'),
        (b'"15"', b'"9223372036854775808"'),
        (b'"15"', b"15"),
        (b'"index":7', b'"index":7,"index":8'),
        (b'"index":7', b'"index":2147483648'),
        (b'"index":7', b'"index":7.0'),
        (b'"index":7', b'"index":7,"a_new_list":[1]'),
        (b'"index":7', b'"index":7,"gyroscope_data":[]'),
        (b'"session_id":"b"', b'"session_id":"\\u0062"'),
        (b'"session_id":"b"', b'"session_id":"\xc3\xa4"'),
        (b'"app_id":"a"', b'"user_id":"a"'),
        (b"true", b"false"),
        (b"}\n", b"}{}\n"),
    ],
)
def test_what_looks_otherwise_is_left_to_others(old: bytes, new: bytes) -> None:
    odd = GOOD.replace(old, new)
    assert odd != GOOD
    for lines in (odd, GOOD + odd, odd + GOOD):
        assert not check(lines)


@pytest.mark.parametrize(
    "number",
    [
        *("1e5", "1E5", "1.5e+10", "-0.0", "-0", "0e1", "-0e1", "0", "-1e-7", "5e-324"),
        *("0.33061999999999997", "123456789012345", "0.1234567890123456789", "9007199254740993"),
        *("1e22", "1e23", "8.5e15", "179769313486231570000e288", "2.2250738585072011e-308"),
        *("0.000000000000001", "999999999999999.9", "1.00000000000000000000000001"),
    ],
)
def test_numbers_as_others_write_them(number: str) -> None:
    assert check(GOOD.replace(b"0.5", number.encode()))


@given(
    st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(["r", ".15g", ".16e", ".17g", ".20f"])
)
def test_numbers_are_rounded_as_floats_are(number: float, form: str) -> None:
    text = repr(number) if form == "r" else format(number, form)
    assert check(GOOD.replace(b"0.5", text.encode())) == math.isfinite(float(text))
