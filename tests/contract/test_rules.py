"""The schema's rules: each field that has one is held to it, at any depth, and named."""

from __future__ import annotations

import pytest
from google.protobuf.message import Message

from moonsense import models
from moonsense.contract.rules import broken_rules
from moonsense.models import (
    Bundle,
    BundleCreateRequest,
    ErrorMessage,
    RevokeAppTokenRequest,
    SealedBundle,
    Session,
    SessionLabel,
    SessionLabelCreateRequest,
    SessionMetadata,
    TokenUpgradeRequest,
    WebhookPayload,
    rules_pb2,
)

# Each rule of the schema: a message that keeps all of its own, and what breaks one.
PAYLOAD = {"app_id": "a", "session_id": "s"}
REPORT = {"title": "t", "timestamp": 1, "platform": models.WEB, "level": ErrorMessage.ERROR}
EXCEPTION = {"type": "t", "value": "v"}
RULES: list[tuple[type[Message], dict[str, object], str, object]] = [
    (WebhookPayload, PAYLOAD, "app_id", ""),
    (WebhookPayload, PAYLOAD, "session_id", ""),
    (WebhookPayload, PAYLOAD, "event_type", 99),
    (SessionMetadata, {}, "platform", 99),
    (SessionLabel, {"name": "n"}, "name", ""),
    (TokenUpgradeRequest, {"public_token": "p"}, "public_token", ""),
    (RevokeAppTokenRequest, {"user_id": "u"}, "user_id", ""),
    (ErrorMessage, REPORT, "title", ""),
    (ErrorMessage, REPORT, "timestamp", 0),
    (ErrorMessage, REPORT, "timestamp", -1),
    (ErrorMessage, REPORT, "platform", 0),
    (ErrorMessage, REPORT, "platform", 99),
    (ErrorMessage, REPORT, "level", 0),
    (ErrorMessage, REPORT, "level", 99),
    (models.error_reporting_pb2.Exception, EXCEPTION, "type", ""),
    (models.error_reporting_pb2.Exception, EXCEPTION, "value", ""),
]


@pytest.mark.parametrize(
    ("message_type", "good", "field", "bad"), RULES, ids=lambda value: getattr(value, "__name__", None)
)
def test_a_rule_is_kept_or_named(message_type, good, field, bad) -> None:
    assert list(broken_rules(message_type(**good))) == []
    broken = list(broken_rules(message_type(**good | {field: bad})))
    assert [path for path, _ in broken] == [field]
    assert broken[0][1].startswith("must be") or broken[0][1].startswith("must have")


def test_every_rule_of_the_schema_is_tried_above() -> None:
    ruled = {
        (message.full_name, field.name)
        for module in (*(getattr(models, name) for name in models.__all__ if name.endswith("_pb2")),)
        for message in module.DESCRIPTOR.message_types_by_name.values()
        for field in message.fields
        if field.GetOptions().HasExtension(rules_pb2.field)
    }
    assert ruled == {(message_type.DESCRIPTOR.full_name, field) for message_type, _, field, _ in RULES}


def test_a_rule_counts_bytes_or_characters_of_at_least_one() -> None:
    assert list(broken_rules(SessionLabel(name="ü"))) == []
    assert list(broken_rules(SessionLabel(name=" "))) == []


def test_the_message_says_what_an_enum_may_be() -> None:
    ((_, reason),) = broken_rules(ErrorMessage(title="t", timestamp=1, platform=models.WEB))
    assert reason == "must be one of DEBUG, INFO, WARNING, ERROR, FATAL"


def test_rules_deeper_down_are_named_by_their_path() -> None:
    labels = SessionLabelCreateRequest(labels=[SessionLabel(name="a"), SessionLabel(), SessionLabel()])
    assert [path for path, _ in broken_rules(labels)] == ["labels[1].name", "labels[2].name"]
    session = Session(metadata=SessionMetadata(platform=9), labels=[SessionLabel()])  # type: ignore[arg-type]
    assert {path for path, _ in broken_rules(session)} == {"metadata.platform", "labels[0].name"}


def test_what_is_absent_is_not_looked_into() -> None:
    assert list(broken_rules(Session())) == []
    assert list(broken_rules(WebhookPayload(**PAYLOAD, bundle=SealedBundle()))) == []


def test_bundles_have_no_rules() -> None:
    request = BundleCreateRequest(session_id="", bundles=[Bundle(), Bundle(index=-1)])
    assert list(broken_rules(request)) == []
