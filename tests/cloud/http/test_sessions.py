"""Sessions over HTTP: opened, described, listed by every way of paging, deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from support.tenants import Tenant, bundle

from moonsense.cloud.store import sessions as store
from moonsense.contract import limits, media
from moonsense.models import Session, SessionListResponse

JANUARY = datetime(2023, 1, 1, tzinfo=UTC)


def ids(answer: httpx2.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [session["session_id"] for session in answer.json().get("sessions", [])]


def listed(tenant: Tenant, **params: Any) -> list[str]:
    return ids(tenant.reader.get("/v2/sessions", params=params))


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Sets the cloud's clock for the sessions that are opened from now on."""

    def set_to(moment: datetime) -> None:
        micros = round(moment.timestamp() * 1e6)
        monkeypatch.setattr(store, "_created_now", lambda: micros)

    return set_to


def test_a_session_is_opened_with_what_is_known_of_it(tenant: Tenant) -> None:
    wanted = {
        "metadata": {"platform": "iOS", "model": "Phone 1", "recording_profile": {"version": "3"}},
        "config": {"mask_text": True, "requested_sensors": ["ACCELEROMETER", "POINTER"]},
        "labels": [{"name": "checkout"}, {"name": "émigré"}],
        "journey_id": "j-1",
        "client_session_group_id": "g-1",
    }

    opened = tenant.recorder.post("/v2/sessions", json=wanted).json()

    found = tenant.reader.get(f"/v2/sessions/{opened['session_id']}").json()
    assert found == opened
    for name in ("metadata", "config", "journey_id", "client_session_group_id"):
        assert found[name] == wanted[name]
    assert sorted(label["name"] for label in found["labels"]) == ["checkout", "émigré"]
    assert found["app_id"] == tenant.app_id
    assert len(found["session_id"]) == 22


def test_a_session_is_opened_in_protobuf(tenant: Tenant) -> None:
    wanted = Session(journey_id="j-2")

    answer = tenant.recorder.post(
        "/v2/sessions",
        content=wanted.SerializeToString(),
        headers={"Content-Type": media.PROTOBUF, "Accept": media.PROTOBUF},
    )

    assert answer.headers["Content-Type"] == media.PROTOBUF
    assert Session.FromString(answer.content).journey_id == "j-2"


@pytest.mark.parametrize(
    ("wanted", "param"),
    [
        ({"metadata": {"platform": 99}}, "metadata.platform"),
        ({"labels": [{"name": "a"}, {}]}, "labels[1].name"),
        ({"labels": [{"name": "é" * 129}]}, "labels[0].name"),
        ({"labels": [{"name": str(n)} for n in range(limits.MAX_LABELS_PER_SESSION + 1)]}, "labels"),
        ({"session_id": "a/b"}, "session_id"),
    ],
)
def test_a_field_that_breaks_a_rule_is_422(tenant: Tenant, wanted: dict[str, Any], param: str) -> None:
    answer = tenant.recorder.post("/v2/sessions", json=wanted)

    assert (answer.status_code, answer.json()["param"]) == (422, param)
    assert listed(tenant) == []


def test_a_session_that_is_too_large_is_413(tenant: Tenant) -> None:
    answer = tenant.recorder.post("/v2/sessions", json={"journey_id": "x" * limits.MAX_SMALL_BODY_BYTES})

    assert answer.status_code == 413


def test_the_full_view_has_buckets_and_the_minimal_one_totals(tenant: Tenant) -> None:
    session_id = tenant.record(7)
    path = f"/v2/sessions/{session_id}"

    minimal = tenant.reader.get(path, params={"view": "minimal"}).json()["counters"]
    full = tenant.reader.get(path, params={"view": "full"}).json()["counters"]

    assert minimal == {"accelerometer": {"total": 7}, "bundle": {"total": 7}}
    assert {name: counter["total"] for name, counter in full.items()} == {"accelerometer": 7, "bundle": 7}
    assert sum(int(bucket["value"]) for bucket in full["bundle"]["buckets"]) == 7
    assert tenant.reader.get(path).json()["counters"] == full


def test_a_deleted_session_is_gone(tenant: Tenant) -> None:
    session_id = tenant.record(3)

    answer = tenant.reader.delete(f"/v2/sessions/{session_id}")

    assert answer.json() == {"session_id": session_id}
    assert tenant.reader.delete(f"/v2/sessions/{session_id}").status_code == 404
    assert tenant.reader.get(f"/v2/sessions/{session_id}").status_code == 404
    assert tenant.send(session_id, [bundle(4)]).status_code == 404
    assert listed(tenant) == []


def test_another_project_sees_nothing_of_it(tenant: Tenant, other: Tenant) -> None:
    session_id = tenant.record(1, labels=[{"name": "mine"}])
    path = f"/v2/sessions/{session_id}"

    assert listed(other) == []
    assert other.reader.get(path).status_code == 404
    assert other.reader.delete(path).status_code == 404
    assert other.reader.post(f"{path}/labels", json={"labels": []}).status_code == 404
    assert other.recorder.post("/v2/sessions", json={"session_id": session_id}).status_code == 409
    assert listed(tenant) == [session_id]


def test_the_region_is_the_one_of_the_host(tenant: Tenant) -> None:
    session_id = tenant.open_session()

    def regions(host: str) -> set[str]:
        named = {"Host": host}
        described = tenant.reader.get(f"/v2/sessions/{session_id}", headers=named).json()
        (found,) = tenant.reader.get("/v2/sessions", headers=named).json()["sessions"]
        opened = tenant.recorder.post("/v2/sessions", json={"session_id": session_id}, headers=named).json()
        return {session.get("region_id", "") for session in (described, found, opened)}

    assert regions("127.0.0.1:1") == {""}
    assert regions("example.test") == {""}
    assert regions("here.data-api.example.test") == {"here"}
    assert regions("HERE.data-api.example.test:8443") == {"here"}
    assert regions("here.data-api.another.test") == {""}


def test_sessions_are_listed_newest_first_in_both_forms(tenant: Tenant) -> None:
    made = [tenant.open_session() for _ in range(5)]

    answer = tenant.reader.get("/v2/sessions", headers={"Accept": media.PROTOBUF})

    message = SessionListResponse.FromString(answer.content)
    assert [session.session_id for session in message.sessions] == made[::-1] == listed(tenant)
    assert message.pagination.total_count == 5


@pytest.mark.parametrize(("per_page", "got"), [(None, 25), (-1, 25), (0, 25), (1, 1), (30, 30), (101, 30)])
def test_a_page_has_25_items_unless_another_number_is_asked_for(
    tenant: Tenant, at: Callable[[datetime], None], per_page: int | None, got: int
) -> None:
    for number in range(30):
        at(JANUARY + timedelta(seconds=number))
        tenant.open_session()

    assert len(listed(tenant, page=1, **({} if per_page is None else {"per_page": per_page}))) == got


@pytest.fixture
def filtered(tenant: Tenant, at: Callable[[datetime], None]) -> dict[str, str]:
    """Four sessions to choose from, by a name each."""
    made = {}
    for number, (name, fields) in enumerate(
        {
            "phone": {"metadata": {"platform": "iOS"}, "labels": [{"name": "a"}], "journey_id": "j"},
            "robot": {"metadata": {"platform": "ANDROID"}, "labels": [{"name": "a"}, {"name": "b"}]},
            "page": {"metadata": {"platform": "WEB"}, "client_session_group_id": "g"},
            "plain": {},
        }.items()
    ):
        at(JANUARY + timedelta(seconds=number, microseconds=500_000))
        made[name] = tenant.open_session(**fields)
    return made


@pytest.mark.parametrize(
    ("params", "names"),
    [
        ([], ["plain", "page", "robot", "phone"]),
        ([("filter[labels][]", "a")], ["robot", "phone"]),
        ([("filter[labels][]", "b")], ["robot"]),
        ([("filter[labels][]", "b"), ("filter[labels][]", "a")], ["robot", "phone"]),
        ([("filter[labels][]", "none")], []),
        ([("filter[platforms][]", "iOS")], ["phone"]),
        ([("filter[platforms][]", "Platform.iOS"), ("filter[platforms][]", "WEB")], ["page", "phone"]),
        ([("filter[journey_id]", "j")], ["phone"]),
        ([("filter[client_session_group_id]", "g")], ["page"]),
        ([("filter[labels][]", "a"), ("filter[platforms][]", "ANDROID")], ["robot"]),
        ([("filter[min_created_at]", "2023-01-01T00:00:02+00:00")], ["plain", "page"]),
        ([("filter[min_created_at]", "2023-01-01T00:00:02.500000+00:00")], ["plain", "page"]),
        ([("filter[max_created_at]", "2023-01-01T00:00:01.500000+00:00")], ["robot", "phone"]),
        ([("filter[max_created_at]", "2023-01-01T00:00:01.500Z")], ["phone"]),
        ([("filter[max_created_at]", "2023-01-01T01:00:01.499999+01:00")], ["phone"]),
        ([("filter[min_created_at]", "2023-01-01T00:00:02 00:00")], ["plain", "page"]),
        ([("unknown", "ignored"), ("filter[journey_id]", "")], ["plain", "page", "robot", "phone"]),
    ],
)
def test_filters(
    tenant: Tenant, filtered: dict[str, str], params: list[tuple[str, str]], names: list[str]
) -> None:
    answer = tenant.reader.get("/v2/sessions", params=params)

    assert ids(answer) == [filtered[name] for name in names]
    assert answer.json()["pagination"].get("total_count", 0) == len(names)


def by_next_page(client: httpx2.Client) -> Iterator[list[str]]:
    """The pages one by one; ``tests/peers/test_paging.py`` has all the ways of walking through them."""
    page = 1
    while page:
        answer = client.get("/v2/sessions", params={"per_page": 7, "page": page})
        yield ids(answer)
        page = answer.json()["pagination"].get("next_page", 0)


def test_a_page_is_never_empty_when_another_was_promised(
    tenant: Tenant, at: Callable[[datetime], None]
) -> None:
    for number in range(14):
        at(JANUARY + timedelta(seconds=number))
        tenant.open_session()

    pages = list(by_next_page(tenant.reader))

    assert [len(page) for page in pages] == [7, 7]
    numbers = tenant.reader.get("/v2/sessions", params={"per_page": 7, "page": 3}).json()["pagination"]
    assert numbers["current_page"] == 3
    assert numbers.get("next_page", 0) == 0
    assert numbers["total_pages"] == 3


def test_two_filters_have_pins_of_their_own(tenant: Tenant, at: Callable[[datetime], None]) -> None:
    for number in range(20):
        at(JANUARY + timedelta(seconds=number))
        tenant.open_session(labels=[{"name": "even" if number % 2 == 0 else "odd"}])

    even = {"filter[labels][]": "even", "per_page": 4}
    odd = {"filter[labels][]": "odd", "per_page": 4}
    seen = [
        session_id
        for page in (1, 2, 3)
        for kind in (even, odd)
        for session_id in listed(tenant, **kind, page=page)
    ]

    assert sorted(seen) == sorted(listed(tenant, per_page=50))


def test_the_link_keeps_the_filters(tenant: Tenant, at: Callable[[datetime], None]) -> None:
    for number in range(20):
        at(JANUARY + timedelta(seconds=number))
        tenant.open_session(labels=[{"name": "a&b=ü" if number % 2 else "other"}])

    first = tenant.reader.get("/v2/sessions", params={"filter[labels][]": "a&b=ü", "per_page": 4})
    second = tenant.reader.get(first.links["next"]["url"])

    assert first.links["next"]["url"].startswith("/v2/sessions?")
    assert second.json()["pagination"]["current_page"] == 2
    assert ids(first) + ids(second) == listed(tenant, **{"filter[labels][]": "a&b=ü", "per_page": 8})
