"""Regions, the token's own description, health, numbers."""

from __future__ import annotations

import httpx2
import pytest
from support.tenants import Tenant

from moonsense.cloud.embed import EmbeddedCloud
from moonsense.cloud.store import Store
from moonsense.contract import media
from moonsense.models import TokenSelfResponse


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1:4711", "http://127.0.0.1:4711"),
        ("localhost", "http://localhost"),
        ("[::1]:80", "http://[::1]:80"),
        ("api.example.test:8443", "http://here.data-api.example.test:8443"),
        ("here.data-api.example.test", "http://here.data-api.example.test"),
        ("Example.Test", "http://here.data-api.example.test"),
        ("notexample.test", "http://notexample.test"),
    ],
)
def test_the_region_is_where_the_request_s_host_is(anonymous: httpx2.Client, host: str, url: str) -> None:
    (region,) = anonymous.get("/v2/regions", headers={"Host": host}).json()["regions"]

    assert (region["name"], region["url"], region["default_primary"]) == ("here", url, True)
    located = anonymous.get("/v2/regions/locate", headers={"Host": host}).json()
    assert located == {"primary_url": url}


def test_a_token_describes_itself(tenant: Tenant) -> None:
    reader = tenant.reader.get("/v2/tokens/self").json()
    recorder = TokenSelfResponse.FromString(
        tenant.recorder.get("/v2/tokens/self", headers={"Accept": media.PROTOBUF}).content
    )

    assert (reader["project_id"], reader["app_id"]) == (tenant.project_id, tenant.app_id)
    assert (recorder.project_id, recorder.app_id) == (tenant.project_id, tenant.app_id)
    assert (reader["scopes"], recorder.scopes) == ("qt", "c")
    assert reader["credential_id"] != recorder.credential_id


def test_health_needs_no_token(anonymous: httpx2.Client) -> None:
    for path in ("/healthz", "/readyz"):
        assert anonymous.get(path).json() == {"status": "ok"}


def test_a_store_that_does_not_work_is_not_ready(
    anonymous: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Store, "ready", lambda _store: "the disk is full")

    answer = anonymous.get("/readyz")

    assert (answer.status_code, answer.json()["message"]) == (503, "the disk is full")
    assert anonymous.get("/healthz").status_code == 200


def test_numbers_are_in_the_form_of_prometheus(anonymous: httpx2.Client, tenant: Tenant) -> None:
    tenant.record(3)
    anonymous.get("/nothing")

    answer = anonymous.get("/metrics")

    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    numbers: dict[str, float] = {}
    kinds: dict[str, str] = {}
    for line in answer.text.splitlines():
        if line.startswith("#"):
            _, word, name, kind = line.split(" ")
            assert word == "TYPE"
            assert name not in kinds
            kinds[name] = kind
        else:
            name, value = line.rsplit(" ", 1)
            assert name.partition("{")[0] in kinds
            numbers[name] = float(value)
    assert numbers['moonsense_requests_total{route="create_bundles",status="200"}'] >= 1
    assert numbers['moonsense_requests_total{route="unknown",status="404"}'] >= 1
    assert numbers["moonsense_bundles_received_total"] >= 3
    assert kinds["moonsense_bundles_received_total"] == "counter"
    assert kinds["moonsense_sessions"] == "gauge"


def test_every_answer_is_counted_once(running: EmbeddedCloud, anonymous: httpx2.Client) -> None:
    name = 'moonsense_requests_total{route="healthz",status="200"}'

    def count() -> int:
        lines = anonymous.get("/metrics").text.splitlines()
        return sum(int(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))

    before = count()
    for _ in range(5):
        anonymous.get("/healthz")

    assert count() == before + 5
