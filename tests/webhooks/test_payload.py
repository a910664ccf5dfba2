"""The body of a webhook, as JSON and as a form."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonsense.codec import json
from moonsense.errors import DecodeError
from moonsense.models.bundle_v2_pb2 import Bundle, SealedBundle
from moonsense.models.data_plane_v2_pb2 import BUNDLE_RECEIVED, UNKNOWN, WebhookPayload
from moonsense.webhooks import parse

FORM = "application/x-www-form-urlencoded"

PAYLOAD = WebhookPayload(
    project_id="p",
    app_id="a",
    session_id="s",
    event_type=BUNDLE_RECEIVED,
    bundle=SealedBundle(bundle=Bundle(index=3), server_time_millis=1),
    session_labels=["größer & kleiner = 100 %", "+"],
    journey_id="j",
)


def form(text: bytes | str) -> bytes:
    return urlencode({"payload": text}).encode()


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON", ""]
)
def test_json(content_type: str) -> None:
    assert parse(json.write(PAYLOAD), content_type) == PAYLOAD


@pytest.mark.parametrize("content_type", [FORM, f"{FORM}; charset=utf-8"])
def test_a_form(content_type: str) -> None:
    assert parse(form(json.write(PAYLOAD)), content_type) == PAYLOAD
    assert parse(b"other=1&" + form(json.write(PAYLOAD)) + b"&empty=", content_type) == PAYLOAD


@given(st.lists(st.text(st.characters(codec="utf-8"))))
def test_any_text_comes_through_a_form(labels: list[str]) -> None:
    payload = WebhookPayload(session_id="s", session_labels=labels)
    assert parse(form(json.write(payload)), FORM) == payload


def test_what_is_not_known_is_ignored() -> None:
    payload = parse(b'{"session_id": "s", "event_type": "SESSION_EXPLODED", "newer": {"a": [1]}}')
    assert payload == WebhookPayload(session_id="s", event_type=UNKNOWN)


@pytest.mark.parametrize(
    ("body", "content_type", "reason"),
    [
        (b"", "application/json", "not JSON"),
        (b"[]", "application/json", "object"),
        (b'{"session_id": 1}', "application/json", "session_id"),
        (b"{}", "text/plain", "not 'text/plain'"),
        (b"{}", FORM, "0 fields"),
        (b"payload={}&payload={}", FORM, "2 fields"),
        (b"payload=%ff", FORM, "not a form"),
        (b"payload=\xff", FORM, "not a form"),
        (b"&".join([b"a=1"] * 17), FORM, "not a form"),
        (b"payload=%7B", FORM, "not JSON"),
    ],
)
def test_what_is_no_payload_is_refused(body: bytes, content_type: str, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        parse(body, content_type)
