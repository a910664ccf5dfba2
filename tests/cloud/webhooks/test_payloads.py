"""Bodies as endpoints want them; those of 0.5.0 have nothing that came later."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from moonsense.cloud.webhooks.payloads import body
from moonsense.models.data_plane_v2_pb2 import WebhookPayload
from moonsense.models.webhooks_v2_pb2 import WebhookEndpoint
from moonsense.reflection import is_map, is_repeated
from moonsense.webhooks import parse

STRICT = """
import sys
from google.protobuf import json_format
from moonsense.models.data_plane_v2_pb2 import WebhookPayload
print(json_format.MessageToJson(json_format.Parse(sys.stdin.read(), WebhookPayload())))
"""

_VALUES = {
    FieldDescriptor.CPPTYPE_STRING: "text",
    FieldDescriptor.CPPTYPE_BOOL: True,
    FieldDescriptor.CPPTYPE_FLOAT: 1.5,
    FieldDescriptor.CPPTYPE_DOUBLE: 2.5,
}


def fill(message: Message) -> None:
    """Set every field of a message, at any depth; of a oneof the last counts."""
    for field in message.DESCRIPTOR.fields:
        if is_map(field):
            value = field.message_type.fields_by_name["value"]
            entries = getattr(message, field.name)
            if value.message_type is None:
                entries["key"] = _value(value)
            else:
                fill(entries["key"])
        elif field.message_type is not None:
            inner = getattr(message, field.name)
            fill(inner.add() if is_repeated(field) else inner)
        elif is_repeated(field):
            getattr(message, field.name).append(_value(field))
        else:
            setattr(message, field.name, _value(field))


def _value(field: FieldDescriptor) -> object:
    if field.enum_type is not None:
        return field.enum_type.values[-1].number
    if field.type == FieldDescriptor.TYPE_BYTES:
        return b"bytes"
    return _VALUES.get(field.cpp_type, 7)


@pytest.fixture
def whole() -> WebhookPayload:
    """A payload with every field of the schema."""
    payload = WebhookPayload()
    fill(payload)
    return payload


def test_a_receiver_of_0_5_0_that_parses_strictly_reads_it(
    whole: WebhookPayload, published_python: Callable[[str], Path]
) -> None:
    python = published_python("0.5.0")

    def read(text: bytes) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([python, "-I", "-c", STRICT], input=text, capture_output=True, check=False)

    latest, _ = body(_copy(whole), WebhookEndpoint(schema_version="latest"))
    old, _ = body(_copy(whole), WebhookEndpoint(schema_version="0.5.0"))
    assert b"has no field named" in read(latest).stderr
    answer = read(old)
    assert answer.returncode == 0, answer.stderr
    assert parse(answer.stdout) == parse(old)


def test_nothing_else_is_left_out(whole: WebhookPayload) -> None:
    latest, _ = body(_copy(whole), WebhookEndpoint())
    assert parse(latest) == whole
    old = parse(body(_copy(whole), WebhookEndpoint(schema_version="0.5.0"))[0])
    kept = {field.name for field, _ in old.bundle.bundle.ListFields()}
    assert {"accelerometer_data", "steps_data", "markers", "pointer_data", "index"} <= kept
    assert old.session_labels == whole.session_labels


def test_a_form_has_the_json_in_one_field(whole: WebhookPayload) -> None:
    text, content_type = body(_copy(whole), WebhookEndpoint())
    form, form_type = body(_copy(whole), WebhookEndpoint(content_type=WebhookEndpoint.FORM))
    assert (content_type, form_type) == ("application/json", "application/x-www-form-urlencoded")
    fields = parse_qs(form.decode("ascii"), strict_parsing=True)
    assert list(fields) == ["payload"]
    assert json.loads(fields["payload"][0]) == json.loads(text)
    assert parse(form, form_type) == whole


def _copy(message: WebhookPayload) -> WebhookPayload:
    made = WebhookPayload()
    made.CopyFrom(message)
    return made
