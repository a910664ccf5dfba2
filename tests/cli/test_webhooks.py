"""``moonsense webhooks`` on a real cloud, with a real receiver."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.wire import WireServer, reply

from moonsense.client import Client
from moonsense.models.webhooks_v2_pb2 import WebhookDelivery
from moonsense.webhooks import verify

ENDPOINTS, DELIVERIES = ("webhooks", "endpoints"), ("webhooks", "deliveries")


@pytest.fixture
def receiver() -> Iterator[WireServer]:
    with WireServer(reply(b"thanks")) as server:
        yield server


@pytest.fixture
def endpoint(on_cloud: Callable, receiver: WireServer) -> Iterator[dict[str, Any]]:
    """An endpoint of the receiver that no event of another test reaches, with its secret."""
    made = json.loads(
        on_cloud(*ENDPOINTS, "create", receiver.url, "--event", "SESSION_INACTIVE", "--json").stdout
    )
    yield {**made["endpoint"], "secret": made["secret"]}
    on_cloud(*ENDPOINTS, "delete", made["endpoint"]["endpoint_id"])


def test_an_endpoint_is_made_and_its_secret_shown(on_cloud: Callable, receiver: WireServer) -> None:
    made = on_cloud(
        *ENDPOINTS, "create", receiver.url, "--event", "SESSION_CREATED", "--event", "CHUNK_PERSISTED",
        "--content-type", "form", "--thin", "--schema", "0.5.0", "--description", "mine",
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    shown = dict(re.split(r"\s{2,}", line, maxsplit=1) for line in made.stdout.splitlines())
    try:
        assert shown["url"] == receiver.url
        assert shown["events"] == "SESSION_CREATED, CHUNK_PERSISTED"
        assert (shown["body"], shown["bundles"], shown["schema"]) == ("form", "ids only", "0.5.0")
        assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", shown["secret"])
        assert "not shown again" in made.stderr
        again = on_cloud(*ENDPOINTS, "show", shown["endpoint"])
        listed = on_cloud(*ENDPOINTS, "list")
        assert shown["secret"] not in again.output + listed.output
        assert any(row.split()[:2] == [shown["endpoint"], "on"] for row in listed.stdout.splitlines())
    finally:
        gone = on_cloud(*ENDPOINTS, "delete", shown["endpoint"])
    assert gone.exit_code == 0
    missing = on_cloud(*ENDPOINTS, "show", shown["endpoint"])
    assert missing.exit_code == 4
    assert "no such endpoint" in missing.stderr


def test_what_is_not_given_stays_as_it_is(on_cloud: Callable, endpoint: dict[str, Any]) -> None:
    def update(*options: str) -> dict[str, Any]:
        changed = on_cloud(*ENDPOINTS, "update", endpoint["endpoint_id"], *options, "--json")
        assert changed.exit_code == 0, changed.output
        return json.loads(changed.stdout)

    assert update("--thin", "--off")["disabled"] is True
    changed = update("--schema", "0.5.0", "--on")
    assert (changed["thin"], changed["schema_version"]) == (True, "0.5.0")
    assert "disabled" not in changed
    assert changed["events"] == ["SESSION_INACTIVE"]
    assert "events" not in update("--all-events")
    assert update("--event", "SESSION_INACTIVE", "--full")["events"] == ["SESSION_INACTIVE"]
    both = on_cloud(
        *ENDPOINTS, "update", endpoint["endpoint_id"], "--all-events", "--event", "CHUNK_PERSISTED"
    )
    assert both.exit_code == 2


def test_a_test_shows_how_it_went(on_cloud: Callable, endpoint: dict[str, Any], receiver: WireServer) -> None:
    result = on_cloud(*ENDPOINTS, "test", endpoint["endpoint_id"], "--event", "BUNDLE_RECEIVED")
    assert result.exit_code == 0, result.output
    assert re.search(r"^state +delivered$", result.stdout, re.MULTILINE)
    assert re.search(r"^try 1, .*: 200$", result.stdout, re.MULTILINE)
    assert "< thanks" in result.stdout
    (got,) = receiver.requests
    assert verify(got.body, got.headers, endpoint["secret"])


def test_a_test_that_fails_is_an_error(
    on_cloud: Callable, endpoint: dict[str, Any], receiver: WireServer
) -> None:
    receiver.answer = reply(b"\x1b[31mno", status=500)
    result = on_cloud(*ENDPOINTS, "test", endpoint["endpoint_id"])
    assert result.exit_code == 1
    assert re.search(r"^try 1, .*: 500$", result.stdout, re.MULTILINE)
    assert "\x1b" not in result.stdout


def test_what_failed_is_listed_shown_and_sent_again(
    on_cloud: Callable, endpoint: dict[str, Any], receiver: WireServer, client: Client, eventually: Callable
) -> None:
    receiver.answer = reply(status=500)
    on_cloud(*ENDPOINTS, "test", endpoint["endpoint_id"])
    here = ("--endpoint", endpoint["endpoint_id"])
    title, row = on_cloud(*DELIVERIES, "list", *here).stdout.splitlines()
    assert title.split() == ["DELIVERY", "EVENT", "STATE", "TRIES", "CREATED", "SESSION", "OUTCOME"]
    delivery_id = row.split()[0]
    assert row.split()[1:3] == ["SESSION_CREATED", "waiting"]
    (listed,) = json.loads(on_cloud(*DELIVERIES, "list", *here, "--state", "waiting", "--json").stdout)
    assert listed["delivery_id"] == delivery_id
    nothing = on_cloud(*DELIVERIES, "list", *here, "--event", "CHUNK_PERSISTED")
    assert (nothing.stdout, nothing.stderr.strip()) == ("", "no deliveries")

    receiver.answer = reply()
    again = on_cloud(*DELIVERIES, "resend", "--failed", "--since", "1h", *here)
    assert (again.exit_code, again.stderr.strip()) == (0, "1 is sent again")
    eventually(lambda: client.describe_webhook_delivery(delivery_id).state == WebhookDelivery.DELIVERED)
    shown = on_cloud(*DELIVERIES, "show", delivery_id).stdout
    assert "try 2, " in shown
    assert "> webhook-id: " + delivery_id in shown
    by_id = on_cloud(*DELIVERIES, "resend", delivery_id, "--json")
    assert json.loads(by_id.stdout) == {"count": 1}


def test_sending_again_needs_to_know_what(on_cloud: Callable) -> None:
    result = on_cloud(*DELIVERIES, "resend")
    assert result.exit_code == 2
    assert "say which deliveries" in result.stderr


def test_a_secret_is_rotated(on_cloud: Callable, endpoint: dict[str, Any], receiver: WireServer) -> None:
    rotated = json.loads(
        on_cloud(*ENDPOINTS, "rotate-secret", endpoint["endpoint_id"], "--overlap", "1h", "--json").stdout
    )
    on_cloud(*ENDPOINTS, "test", endpoint["endpoint_id"])
    (got,) = receiver.requests
    for secret in (endpoint["secret"], rotated["secret"]):
        verify(got.body, got.headers, secret)
    wrong = on_cloud(*ENDPOINTS, "rotate-secret", endpoint["endpoint_id"], "--overlap", "soon")
    assert wrong.exit_code == 2


def test_a_url_that_cannot_be_is_explained(on_cloud: Callable) -> None:
    result = on_cloud(*ENDPOINTS, "create", "https://169.254.169.254/latest")
    assert result.exit_code == 1
    assert "link-local" in result.stderr
    assert "MOONSENSE_CLOUD_WEBHOOK_ALLOWED_NETWORKS" in result.stderr
