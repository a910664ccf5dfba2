"""Labels over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from support.tenants import PROTOBUF, Tenant

from moonsense.contract import limits
from moonsense.models import SessionLabelCreateRequest


def names(tenant: Tenant, session_id: str) -> list[str]:
    found = tenant.reader.get(f"/v2/sessions/{session_id}").json()
    return sorted(label["name"] for label in found.get("labels", []))


def test_labels_replace_all_that_were_there(tenant: Tenant) -> None:
    session_id = tenant.open_session(labels=[{"name": "old"}])
    path = f"/v2/sessions/{session_id}/labels"

    answer = tenant.reader.post(path, json={"labels": [{"name": "b"}, {"name": "a"}, {"name": "b"}]})

    assert (answer.status_code, answer.json()) == (200, {})
    assert names(tenant, session_id) == ["a", "b"]
    assert tenant.recorder.post(path, json={}).status_code == 200
    assert names(tenant, session_id) == []


def test_in_protobuf_the_answer_is_empty(tenant: Tenant) -> None:
    session_id = tenant.open_session()
    wanted = SessionLabelCreateRequest()
    wanted.labels.add(name="a")

    answer = tenant.reader.post(
        f"/v2/sessions/{session_id}/labels", content=wanted.SerializeToString(), headers=PROTOBUF
    )

    assert (answer.status_code, answer.content) == (200, b"")
    assert names(tenant, session_id) == ["a"]


@pytest.mark.parametrize(
    ("labels", "status", "param"),
    [
        ([{"name": ""}], 422, "labels[0].name"),
        ([{"name": "a"}, {"name": "x" * (limits.MAX_LABEL_BYTES + 1)}], 422, "labels[1].name"),
        ([{"name": str(n)} for n in range(limits.MAX_LABELS_PER_SESSION + 1)], 422, "labels"),
        ("a", 400, "labels"),
        ([{"name": 1}], 400, "labels[0].name"),
    ],
)
def test_bad_labels_change_nothing(tenant: Tenant, labels: Any, status: int, param: str) -> None:
    session_id = tenant.open_session(labels=[{"name": "kept"}])

    answer = tenant.reader.post(f"/v2/sessions/{session_id}/labels", json={"labels": labels})

    assert (answer.status_code, answer.json()["param"]) == (status, param)
    assert names(tenant, session_id) == ["kept"]


def test_as_many_and_as_long_as_may_be(tenant: Tenant) -> None:
    session_id = tenant.open_session()
    wanted = [f"{n:03}" + "x" * (limits.MAX_LABEL_BYTES - 3) for n in range(limits.MAX_LABELS_PER_SESSION)]

    answer = tenant.reader.post(
        f"/v2/sessions/{session_id}/labels", json={"labels": [{"name": name} for name in wanted]}
    )

    assert answer.status_code == 200
    assert names(tenant, session_id) == wanted


def test_a_session_that_is_not_there_is_404(tenant: Tenant) -> None:
    assert tenant.reader.post(f"/v2/sessions/{'a' * 22}/labels", json={"labels": []}).status_code == 404


def test_a_project_s_labels(tenant: Tenant, other: Tenant) -> None:
    for labels in (["a"], ["a", "b"], []):
        tenant.open_session(labels=[{"name": name} for name in labels])

    listed = tenant.reader.get("/v2/labels").json()["labels"]
    top = tenant.reader.get("/v2/labels/top").json()["labels"]

    assert [label["name"] for label in listed] == ["a", "b"]
    assert top == [{"name": "a", "sessions_count": "2"}, {"name": "b", "sessions_count": "1"}]
    assert other.reader.get("/v2/labels").json() == {}
