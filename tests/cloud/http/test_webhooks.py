"""The endpoints of webhooks over HTTP: made, listed, changed, and their secrets shown once."""

from __future__ import annotations

import re
from typing import Any

import httpx2
import pytest
from support.tenants import Tenant

from moonsense.cloud.embed import EmbeddedCloud

ENDPOINTS = "/v2/webhooks/endpoints"
URL = "https://hooks.example.org/moonsense"


def make(tenant: Tenant, **fields: Any) -> dict[str, Any]:
    """A new endpoint, with its secret."""
    answer = tenant.reader.post(ENDPOINTS, json={"url": URL, **fields})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_an_endpoint_is_made_and_its_secret_shown_once(tenant: Tenant) -> None:
    made = make(tenant, events=["SESSION_CREATED", "CHUNK_PERSISTED"], thin=True, description="mine")
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", made["secret"])
    endpoint = made["endpoint"]
    assert endpoint.items() >= {
        "url": URL, "events": ["SESSION_CREATED", "CHUNK_PERSISTED"], "thin": True, "description": "mine"
    }.items()  # fmt: skip

    one = tenant.reader.get(f"{ENDPOINTS}/{endpoint['endpoint_id']}")
    listed = tenant.reader.get(ENDPOINTS)
    assert one.json() == endpoint
    assert listed.json()["endpoints"] == [endpoint]
    for answer in (one, listed):
        assert "whsec" not in answer.text


def test_what_its_owner_cannot_set_is_not_taken(tenant: Tenant) -> None:
    made = make(tenant, endpoint_id="mine", notices=[{"title": "t"}], failing_since="2020-01-01T00:00:00Z")
    endpoint = made["endpoint"]
    assert endpoint["endpoint_id"] != "mine"
    assert {"notices", "failing_since"}.isdisjoint(endpoint)


def test_all_that_can_be_set_is_replaced(tenant: Tenant) -> None:
    endpoint = make(tenant, events=["SESSION_CREATED"], content_type="FORM", schema_version="0.5.0")[
        "endpoint"
    ]
    path = f"{ENDPOINTS}/{endpoint['endpoint_id']}"
    changed = tenant.reader.post(path, json={"url": URL + "/2", "disabled": True}).json()
    assert changed == {
        "endpoint_id": endpoint["endpoint_id"],
        "url": URL + "/2",
        "disabled": True,
        "created_at": endpoint["created_at"],
    }
    assert tenant.reader.get(path).json() == changed


def test_a_deleted_endpoint_is_gone(tenant: Tenant) -> None:
    path = f"{ENDPOINTS}/{make(tenant)['endpoint']['endpoint_id']}"
    assert tenant.reader.delete(path).status_code == 200
    assert tenant.reader.delete(path).status_code == 404
    assert tenant.reader.get(path).status_code == 404
    assert tenant.reader.get(ENDPOINTS).json().get("endpoints") is None


def test_another_project_does_not_see_them(tenant: Tenant, other: Tenant) -> None:
    path = f"{ENDPOINTS}/{make(tenant)['endpoint']['endpoint_id']}"
    assert "endpoints" not in other.reader.get(ENDPOINTS).json()
    for answer in (
        other.reader.get(path),
        other.reader.delete(path),
        other.reader.post(path, json={"url": URL}),
        other.reader.post(f"{path}/secret", json={}),
        other.reader.post(f"{path}/test", json={}),
    ):
        assert (answer.status_code, answer.json()["param"]) == (404, "endpoint_id")


def test_a_token_that_records_sees_none(tenant: Tenant) -> None:
    assert tenant.recorder.get(ENDPOINTS).status_code == 403
    assert tenant.recorder.post(ENDPOINTS, json={"url": URL}).status_code == 403


def test_a_secret_is_rotated_and_the_one_before_ends(tenant: Tenant) -> None:
    made = make(tenant)
    path = f"{ENDPOINTS}/{made['endpoint']['endpoint_id']}"
    rotated = tenant.reader.post(f"{path}/secret", json={}).json()
    assert rotated["secret"] != made["secret"]
    assert rotated["endpoint"]["rotating_until"] > made["endpoint"]["created_at"]
    # At once: there is one secret again.
    at_once = tenant.reader.post(f"{path}/secret", json={"overlap_seconds": "-1"}).json()
    assert at_once["secret"] not in (made["secret"], rotated["secret"])
    assert "rotating_until" not in tenant.reader.get(path).json()


def test_the_same_key_makes_one_endpoint(tenant: Tenant) -> None:
    answers = [
        tenant.reader.post(ENDPOINTS, json={"url": URL}, headers={"Idempotency-Key": "k"}).json()
        for _ in range(2)
    ]
    assert answers[0] == answers[1]
    assert len(tenant.reader.get(ENDPOINTS).json()["endpoints"]) == 1


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"url": ""}, "url"),
        ({"url": "ftp://example.org/"}, "url"),
        ({"url": "https://user:word@example.org/"}, "url"),
        ({"url": "https://example.org/#part"}, "url"),
        ({"url": "https:///path"}, "url"),
        ({"url": "https://example.org:0/"}, "url"),
        ({"url": "https://example.org:99999/"}, "url"),
        ({"url": "https://exa mple.org/"}, "url"),
        ({"url": "https://exämple.org/"}, "url"),
        ({"url": "https://example.org\\@10.0.0.1/"}, "url"),
        ({"url": "https://[::1"}, "url"),
        ({"url": "https://10.1.2.3/"}, "url"),
        ({"url": "https://0x0a.1/"}, "url"),
        ({"url": "https://169.254.169.254/latest"}, "url"),
        ({"url": "https://[fe80::1]/"}, "url"),
        ({"url": "https://example.org/" + "x" * 2048}, "url"),
        ({"schema_version": "0.6.0"}, "schema_version"),
        ({"app_id": "nosuchapp"}, "app_id"),
        ({"events": ["UNKNOWN"]}, "events"),
        ({"description": "x" * 1001}, "description"),
    ],
)
def test_what_no_endpoint_can_have_is_422(tenant: Tenant, fields: dict[str, Any], param: str) -> None:
    answer = tenant.reader.post(ENDPOINTS, json={"url": URL, **fields})
    assert (answer.status_code, answer.json()["param"]) == (422, param), answer.text


def test_http_goes_to_allowed_networks_only(tenant: Tenant) -> None:
    """The embedded cloud allows loopback."""
    assert make(tenant, url="http://127.0.0.1:1/x")
    refused = tenant.reader.post(ENDPOINTS, json={"url": "http://10.0.0.1/x"})
    assert refused.status_code == 422
    assert "MOONSENSE_CLOUD_WEBHOOK_ALLOWED_NETWORKS" in refused.json()["message"]


def test_an_app_of_the_project_can_be_named(tenant: Tenant) -> None:
    assert make(tenant, app_id=tenant.app_id)["endpoint"]["app_id"] == tenant.app_id


def test_a_project_has_so_many_endpoints(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moonsense.contract.limits.MAX_WEBHOOK_ENDPOINTS", 2)
    make(tenant)
    make(tenant)
    assert tenant.reader.post(ENDPOINTS, json={"url": URL}).status_code == 409


def test_only_the_owner_of_the_folder_reads_the_catalog(
    running: EmbeddedCloud, anonymous: httpx2.Client
) -> None:
    """Secrets are kept in it as they are: deliveries are signed with them."""
    assert anonymous.get("/healthz").status_code == 200
    for path in running.data_dir.glob("catalog.db*"):
        assert path.stat().st_mode & 0o077 == 0, path
