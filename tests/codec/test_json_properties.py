"""Our JSON is json_format's JSON: for every message type, both ways, and for documents that went wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.internal.type_checkers import ToShortestFloat
from google.protobuf.message import Message
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support.messages import messages, odd_type, schema_types

from moonsense.codec.exact import exactly
from moonsense.codec.json import parse, write, write_line
from moonsense.codec.scalars import write_float
from moonsense.codec.trusting import trusting
from moonsense.errors import DecodeError
from moonsense.models.bundle_v2_pb2 import Clock
from moonsense.reflection import is_map, is_repeated

TYPES = (*schema_types(), odd_type())


def name(message_type: type[Message]) -> str:
    return message_type.DESCRIPTOR.full_name


def same(left: Message, right: Message) -> bool:
    """Equal to the bit: NaN equals itself, and 0.0 is not -0.0."""
    return left.SerializeToString(deterministic=True) == right.SerializeToString(deterministic=True)


@pytest.mark.parametrize("message_type", TYPES, ids=name)
@given(data=st.data())
@settings(max_examples=max(1, settings().max_examples // 4))
def test_a_message_is_written_and_read_as_json_format_does(
    message_type: type[Message], data: st.DataObject
) -> None:
    message = data.draw(messages(message_type))
    ours = write(message)
    assert orjson.loads(ours) == json_format.MessageToDict(message, preserving_proto_field_name=True)
    assert orjson.loads(write(message, camel=True)) == json_format.MessageToDict(message)
    assert orjson.loads(write(message, indent=True)) == orjson.loads(ours)
    assert write_line(message) == ours + b"\n"
    for text in (ours, json_format.MessageToJson(message), write(message, camel=True)):
        assert same(parse(text, message_type, ignore_unknown=False), message)
        exact = exactly(message_type.DESCRIPTOR, ignore_unknown=False)
        assert same(message_type(**exact(orjson.loads(text))), message)
        if b'"NaN"' not in ours and b'Infinity"' not in ours:  # these are left to the exact way
            tidy = trusting(message_type.DESCRIPTOR, tidy=True)
            assert same(message_type(**tidy(orjson.loads(text))), message)
    if b"3.4028235e+38" not in ours:  # json_format writes the greatest 32-bit float, and refuses to read it
        assert same(json_format.Parse(ours, message_type()), message)


@given(value=st.floats(width=32, allow_nan=False, allow_infinity=False))
@settings(max_examples=settings().max_examples * 20)
def test_a_32_bit_float_is_as_short_as_json_format_writes_it(value: float) -> None:
    assert write_float(value) == ToShortestFloat(value)


# What may stand where it should not. No value here is one where this package
# is stricter than json_format by its own word; those are in ``stricter``.
VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 2**31 - 1, 2**31, -(2**31) - 1, 2**32, 2**53 + 1),
    *(2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64 - 1, 2**64),
    *(0.0, -0.0, 1.0, 1.5, -2.0, 1e300, -1e39, 3.5e38, 4e18, 1e19, 5e-324),
    *("", "abc", "5", "-7", "007", "+1", "2147483648", "9223372036854775808", "1.5", "-", "MOUSE", "WEB"),
    *("NaN", "Infinity", "-Infinity", "nan", "true", "QUJD", "QUI=", "_-__", "+/+/", "A", "é\u2028"),
    *("2023-01-31T10:20:30Z", "2023-01-31T10:20:30.123456789+01:30", "2023-02-30T00:00:00Z"),
    *("2023-01-31T10:20:30", "2023-01-31t10:20:30Z", "0001-01-01T00:00:00+00:01", "2023-01-31T24:00:00Z"),
    *([], {}, [[]], [None], [1, "2"], ["QQ=="], {"a": 1}, {"true": "QQ=="}, {"7": 0.5}, {"x": None}, [{}]),
]


def _reads(text: str, message_type: type[Message]) -> bool:
    try:
        json_format.Parse(text, message_type())
    except json_format.ParseError:
        return False
    return True


if _reads('{"timer_millis": "1e3"}', Clock):  # since protobuf 6
    VALUES += ["1.5e3", "5.0", "-0.0", "1e19", "1e-1"]


@pytest.mark.parametrize("ignore_unknown", [True, False])
@given(data=st.data())
@settings(max_examples=settings().max_examples * 10)
def test_a_document_that_went_wrong_is_taken_or_refused_as_json_format_does(
    ignore_unknown: bool, data: st.DataObject
) -> None:
    message_type = data.draw(st.sampled_from(TYPES))
    document = json_format.MessageToDict(data.draw(messages(message_type)), preserving_proto_field_name=True)
    for _ in range(data.draw(st.integers(1, 3))):
        document = mutated(document, message_type.DESCRIPTOR, data)
    text = json.dumps(document)
    assume("3.4028235e+38" not in text)  # see above
    try:
        theirs = json_format.Parse(text, message_type(), ignore_unknown_fields=ignore_unknown)
    except Exception:  # noqa: BLE001  # it raises more than its ParseError
        theirs = None
    if theirs is None or any(stricter(document, message_type.DESCRIPTOR)):
        with pytest.raises(DecodeError):
            parse(text, message_type, ignore_unknown=ignore_unknown)
    else:
        assert same(parse(text, message_type, ignore_unknown=ignore_unknown), theirs)


def mutated(document: Any, descriptor: Descriptor | None, data: st.DataObject) -> Any:
    """The document with one node changed: another value, another name, a member more or less."""
    if isinstance(document, list) and document and data.draw(st.integers(0, 3)):
        index = data.draw(st.integers(0, len(document) - 1))
        return [mutated(each, descriptor, data) if at == index else each for at, each in enumerate(document)]
    if not isinstance(document, dict) or not data.draw(st.integers(0, 5)):
        return data.draw(st.sampled_from(VALUES))
    if descriptor is not None and data.draw(st.booleans()):
        names = [each for field in descriptor.fields for each in (field.name, field.json_name)]
        added = data.draw(st.sampled_from([*names, "unheard_of", ""]))
        return document | {added: data.draw(st.sampled_from(VALUES))}
    if not document:
        return document
    chosen = data.draw(st.sampled_from(list(document)))
    field = descriptor.fields_by_name.get(chosen) if descriptor is not None else None
    return document | {chosen: mutated(document[chosen], field.message_type if field else None, data)}


def stricter(document: Any, descriptor: Descriptor) -> Iterator[str]:
    """Why this package refuses a document that json_format may take; as ``codec.json`` says."""
    if not isinstance(document, dict):
        yield "an object is needed"
        return
    by_name = {f.name: f for f in descriptor.fields} | {f.json_name: f for f in descriptor.fields}
    known = {key: value for key, value in document.items() if key in by_name}
    if len({by_name[key].name for key in known}) < len(known):
        yield "both spellings"
    for key, value in known.items():
        field = by_name[key]
        values = [value] if value is not None else []
        if is_map(field):
            values = list(value.values()) if isinstance(value, dict) else []
            field = field.message_type.fields_by_name["value"]
        elif is_repeated(field):
            values = value if isinstance(value, list) else []
        for each in values:
            yield from _stricter_value(each, field)


def _stricter_value(value: Any, field: FieldDescriptor) -> Iterator[str]:
    if field.message_type is not None and field.message_type.full_name != "google.protobuf.Timestamp":
        yield from stricter(value, field.message_type)
    elif field.type == FieldDescriptor.TYPE_BYTES and isinstance(value, str):
        if not re.fullmatch("[A-Za-z0-9+/_-]*={0,2}", value):
            yield "base64 has no other characters"
    elif field.enum_type is not None and isinstance(value, int | float) and not is_int32(value):
        yield "an enum's number is an int32"


def is_int32(value: float) -> bool:
    return value == int(value) and -(2**31) <= value < 2**31
