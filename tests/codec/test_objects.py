"""Lines looked at by the compiled part: what it takes any reader takes, and it takes what is written here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.compiler import can_compile

from moonsense.codec.json import write_line
from moonsense.codec.objects import can_count, count_objects
from moonsense.models.bundle_v2_pb2 import SealedBundle
from moonsense.simulator import checkout_bot, checkout_person, walking_phone

if not can_count and not can_compile():
    pytest.skip("there was no compiler", allow_module_level=True)


def check(lines: bytes) -> int | None:
    """What is counted; and that a reader takes just as many objects where anything is counted."""
    count = count_objects(lines)
    if count is not None:
        *found, rest = lines.split(b"\n")
        assert rest == b""
        assert len(found) == count
        assert all(isinstance(orjson.loads(line), dict) for line in found)
    return count


def test_the_compiled_part_is_there_where_there_is_a_compiler() -> None:
    assert can_count


@pytest.mark.parametrize("simulated", [walking_phone, checkout_person, checkout_bot])
def test_all_that_this_package_writes_is_counted(simulated: Any) -> None:
    lines = [write_line(SealedBundle(bundle=one, session_id="s")) for one in simulated(3).bundles()]
    assert check(b"".join(lines)) == len(lines)


def test_real_recordings_are_counted(web_sessions: Path) -> None:
    for path in sorted(web_sessions.rglob("raw_sealed_bundles.json")):
        text = path.read_bytes()
        assert check(text) == text.count(b"\n")


@pytest.mark.parametrize(
    ("lines", "count"),
    [
        ("", 0),
        ("{}\n", 1),
        (" { } \r\n{\t\"a\" : [ ] , \"b\" : [ 1 , 2 ] }\n", 2),
        ('{"a":true,"b":false,"c":null,"d":[{},{"e":"f"}]}\n', 1),
        ('{"a":0,"b":-0,"c":-1.50,"d":123456789012345678,"e":0.1e-7,"f":2E+08}\n', 1),
        (r'{"\"\\\/\b\f\n\r\t":"\u00e4\u0000\uffff"}' + "\n", 1),
        ('{"ä":"\u007f\u0080\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff•"}\n', 1),
        ('{"a":' + "[" * 31 + "]" * 31 + "}\n", 1),
    ],
)  # fmt: skip
def test_what_is_counted(lines: str, count: int) -> None:
    assert check(lines.encode()) == count


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b" ",
        b"1",
        b"[]",
        b'"a"',
        b"null",
        b"{",
        b"}",
        b"{}{}",
        b"{},",
        b"{} {}",
        b"x{}",
        b"\xef\xbb\xbf{}",
        b'{"a"}',
        b'{"a":}',
        b'{"a":1,}',
        b'{,"a":1}',
        b"{a:1}",
        b"{'a':1}",
        b'{"a":1 "b":2}',
        b'{"a" 1}',
        b'{"a":1]',
        b'{"a":[1,]}',
        b'{"a":[,1]}',
        b'{"a":[1 2]}',
        b'{"a":[1}',
        b'{"a":[}',
        b'{"a":(1)}',
        b'{"a":1}/**/',
        b'{"a":01}',
        b'{"a":-01}',
        b'{"a":-}',
        b'{"a":+1}',
        b'{"a":.5}',
        b'{"a":1.}',
        b'{"a":1.e5}',
        b'{"a":1e}',
        b'{"a":1e+}',
        b'{"a":0x1}',
        b'{"a":1.2.3}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":1_0}',
        b'{"a":tru}',
        b'{"a":truex}',
        b'{"a":nul}',
        b'{"a":falsy}',
        b'{"a":True}',
        b'{"a":undefined}',
        b'{"a":"',
        b'{"a":"b}',
        b'{"a":"\t"}',
        b'{"a":"\0"}',
        b'{"a":"\\x41"}',
        b'{"a":"\\"}',
        b'{"a":"\\u12"}',
        b'{"a":"\\u12g4"}',
        b'{"a":"\\u 123"}',
        b"{\0}",
        b"{}\0",
        b"{\x0b}",
        b"{\x0c}",
        b"{\xa0}",
        # Not UTF-8: a byte alone, cut off, too long a form, a surrogate, too far.
        b'{"a":"\x80"}',
        b'{"a":"\xff"}',
        b'{"a":"\xc3"}',
        b'{"a":"\xe2\x80"}',
        b'{"a":"\xe2\x80x"}',
        b'{"a":"\xc0\x80"}',
        b'{"a":"\xc1\xbf"}',
        b'{"a":"\xe0\x9f\xbf"}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":"\xf0\x8f\xbf\xbf"}',
        b'{"a":"\xf4\x90\x80\x80"}',
        b'{"a":"\xf5\x80\x80\x80"}',
        b'{"a":"\xf0\x9f\x98"}',
        # A reader may take these, or not.
        b'{"a":"\\ud83d\\ude00"}',
        b'{"a":"\\ud83d"}',
        b'{"a":1234567890123456789}',
        b'{"a":1e100}',
        b'{"a":1e-100}',
        b'{"a":' + b"[" * 32 + b"]" * 32 + b"}",
        b'{"a":' * 100_000,
        b'{"a":' + b"[" * 100_000,
    ],
)
def test_what_is_left_to_a_reader(line: bytes) -> None:
    assert count_objects(line + b"\n") is None
    assert count_objects(b"{}\n" + line + b"\n{}\n") is None


@pytest.mark.parametrize("lines", [b"{}", b"{}\n{}", b"{}\n ", b'{"a":1}\n{"a":'])
def test_each_line_ends(lines: bytes) -> None:
    assert count_objects(lines) is None


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
documents = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.floats(-1e90, 1e90) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=10,
)


@given(st.lists(st.dictionaries(texts, documents, max_size=4), max_size=4), st.data())
def test_objects_are_counted_however_they_are_written(objects: list[Any], data: st.DataObject) -> None:
    lines = []
    for one in objects:
        separators = data.draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", "\r:")]))
        lines.append(json.dumps(one, ensure_ascii=False, separators=separators).encode() + b"\n")
    # Of numbers, Python writes exponents of three digits too.
    small = any(b"e-1" in line or b"e-2" in line or b"e-3" in line for line in lines)
    assert check(b"".join(lines)) == len(objects) or small


SAMPLE = (
    '{"bundle":{"pointer_data":[{"determined_at":"15","x":-20.25,"y":1e-7,"target":{"target_id":"ä\\"]•"}}],'
    '"client_time":{"wall_time_millis":"15"},"index":7,"is_final_bundle":true},"session_id":"b\\u00e4"}\n'
).encode()
pieces = st.sampled_from(
    [bytes([byte]) for byte in b'"\\{}[]:,0123456789.-+eEtfnu \t\r\n\x00\x1f\x7f\x80\xbf\xc3\xe2\xf0']
)


@given(st.data())
@example(None)
def test_one_piece_more_or_another_is_never_taken_for_an_object(data: st.DataObject | None) -> None:
    odd = SAMPLE
    for _ in range(data.draw(st.integers(1, 3)) if data else 0):
        assert data is not None
        place = data.draw(st.integers(0, len(odd)))
        odd = odd[:place] + data.draw(pieces) + odd[place + data.draw(st.integers(0, 3)) :]
    assert check(odd) or odd != SAMPLE
    check(odd + SAMPLE)


@given(st.lists(pieces | st.binary(max_size=2)).map(b"".join))
def test_noise(noise: bytes) -> None:
    check(noise)
    check(b'{"a":' + noise + b"}\n")
    check(b'{"a":"' + noise + b'"}\n')
