"""Journeys over HTTP: grouped from sessions, listed, reported about."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import httpx2
from support.tenants import Tenant, bundle

from moonsense.models import JourneyDetailResponse, JourneyListResponse


def listed(tenant: Tenant, **params: object) -> list[str]:
    answer = tenant.reader.get("/v2/journeys", params=params)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    return [journey["journey_id"] for journey in answer.json().get("journeys", [])]


def test_a_journey_is_its_sessions(tenant: Tenant) -> None:
    first = tenant.record(2, journey_id="checkout", metadata={"platform": "WEB"})
    second = tenant.record(1, journey_id="checkout", metadata={"platform": "ANDROID"})
    tenant.record(1, journey_id="another")
    tenant.record(1)

    detail = tenant.reader.get("/v2/journeys/checkout").json()

    assert [session["session_id"] for session in detail["sessions"]] == [second, first]
    journey = detail["journey"]
    sessions = {session["session_id"]: session for session in detail["sessions"]}
    assert journey["session_count"] == 2
    assert journey["app_id"] == tenant.app_id
    assert journey["primary_platform"] == "WEB", "of the session that began it"
    assert journey["created_at"] == sessions[first]["created_at"]
    assert journey["newest_event"] == max(session["newest_event"] for session in detail["sessions"])
    assert listed(tenant) == ["another", "checkout"]
    in_protobuf = tenant.reader.get("/v2/journeys/checkout", headers={"Accept": "application/x-protobuf"})
    assert JourneyDetailResponse.FromString(in_protobuf.content).journey.session_count == 2


def test_a_journey_goes_with_its_last_session(tenant: Tenant) -> None:
    first = tenant.record(1, journey_id="short")
    second = tenant.record(1, journey_id="short")
    assert tenant.reader.delete(f"/v2/sessions/{first}").status_code == 200
    described = tenant.reader.get("/v2/journeys/short").json()["journey"]
    remaining = tenant.reader.get(f"/v2/sessions/{second}").json()
    assert (described["session_count"], described["created_at"]) == (1, remaining["created_at"])
    assert tenant.reader.delete(f"/v2/sessions/{second}").status_code == 200
    assert tenant.reader.get("/v2/journeys/short").status_code == 404
    assert listed(tenant) == []


def test_journeys_are_filtered(tenant: Tenant) -> None:
    tenant.record(0, journey_id="web", metadata={"platform": "WEB"})
    tenant.record(0, journey_id="phone", metadata={"platform": "iOS"})
    tenant.record(0, journey_id="both", metadata={"platform": "iOS"})
    tenant.record(0, journey_id="both", metadata={"platform": "WEB"})
    assert listed(tenant, **{"filter[platforms][]": "WEB"}) == ["both", "web"]
    assert listed(tenant, **{"filter[platforms][]": "Platform.iOS"}) == ["both", "phone"]
    middle = tenant.reader.get("/v2/journeys/phone").json()["journey"]["created_at"]
    assert listed(tenant, **{"filter[min_created_at]": middle}) == ["both", "phone"]
    inclusive = datetime.fromisoformat(middle).strftime("%Y-%m-%dT%H:%M:%S.%f+00:00")
    assert listed(tenant, **{"filter[max_created_at]": inclusive}) == ["phone", "web"]


def test_the_published_client_s_time_cursor_sees_every_journey_once(tenant: Tenant) -> None:
    """0.13.1 goes on at the last created_at minus one microsecond, without a page."""
    made = [f"j{number}" for number in range(7)]
    for journey_id in made:
        tenant.record(0, journey_id=journey_id)
    seen: list[str] = []
    params: dict[str, object] = {"per_page": 2}
    for _ in range(20):
        answer = tenant.reader.get(
            "/v2/journeys", params=params, headers={"Accept": "application/x-protobuf"}
        )
        page = JourneyListResponse.FromString(answer.content)
        seen += [journey.journey_id for journey in page.journeys]
        if not page.pagination.next_page:
            break
        last = page.journeys[-1].created_at.ToDatetime() - timedelta(microseconds=1)
        params["filter[max_created_at]"] = last.isoformat() + "+00:00"
    assert seen == made[::-1]


def test_the_link_leads_through_all_journeys(tenant: Tenant) -> None:
    made = [f"j{number}" for number in range(5)]
    for journey_id in made:
        tenant.record(0, journey_id=journey_id)
    seen: list[str] = []
    answer = tenant.reader.get("/v2/journeys", params={"per_page": 2, "page": 1})
    while True:
        seen += [journey["journey_id"] for journey in answer.json()["journeys"]]
        if "next" not in answer.links:
            break
        answer = tenant.reader.get(answer.links["next"]["url"])
    assert seen == made[::-1]


def test_feedback_is_additive(tenant: Tenant) -> None:
    tenant.record(0, journey_id="j")
    path = "/v2/journeys/j/feedback"
    assert tenant.reader.get(path).json() == {"journey_id": "j"}
    first = tenant.reader.post(
        path, json={"fraud_feedback": {"is_fraud": True, "fraud_reason": "a bot"}}
    ).json()
    assert first["fraud_feedback"]["is_fraud"]
    assert first["fraud_feedback"]["feedback_id"]
    assert first["fraud_feedback"]["reported_at"]
    both = tenant.reader.post(path, json={"chargeback_feedback": {"is_chargeback": True}}).json()
    assert both["fraud_feedback"] == first["fraud_feedback"]
    last = tenant.reader.post(path, json={"fraud_feedback": {"fraud_reason": "no bot"}}).json()
    assert "is_fraud" not in last["fraud_feedback"]
    assert last["chargeback_feedback"] == both["chargeback_feedback"]
    assert tenant.reader.get(path).json() == last
    assert tenant.reader.post(path, json={}).json() == last


def test_another_project_s_journey_is_none(tenant: Tenant, tenants: Callable[[], Tenant]) -> None:
    tenant.record(1, journey_id="mine")
    stranger = tenants()
    calls: list[tuple[str, str]] = [
        ("GET", ""), ("GET", "/feedback"), ("POST", "/feedback"), ("GET", "/features"), ("POST", "/features"),
    ]  # fmt: skip
    for method, path in calls:
        answer = stranger.reader.request(
            method, f"/v2/journeys/mine{path}", json={} if method == "POST" else None
        )
        assert answer.status_code == 404, (method, path)
    stranger.record(0, journey_id="mine")
    assert stranger.reader.get("/v2/journeys/mine").json()["journey"]["session_count"] == 1
    assert tenant.reader.get("/v2/journeys/mine").json()["journey"]["session_count"] == 1


def test_a_journey_id_may_be_any_text(tenant: Tenant) -> None:
    odd = "order 7/2 — größer?#&%"
    tenant.record(0, journey_id=odd)
    found = tenant.reader.get(httpx2.URL(tenant.reader.base_url, raw_path=_path(odd)))
    assert found.json()["journey"]["journey_id"] == odd
    assert listed(tenant) == [odd]


def _path(journey_id: str) -> bytes:
    from moonsense.contract.routes import BY_NAME

    return BY_NAME["describe_journey"].fill(journey_id=journey_id).encode()


def test_bundles_of_a_journey_carry_its_id(tenant: Tenant) -> None:
    session_id = tenant.open_session(journey_id="j")
    assert tenant.send(session_id, [bundle(1)]).status_code == 200
    lines = tenant.reader.get(
        f"/v2/sessions/{session_id}/bundles", headers={"Accept": "application/x-ndjson"}
    )
    assert lines.json()["journey_id"] == "j"
