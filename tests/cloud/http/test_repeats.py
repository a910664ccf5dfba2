"""Requests that come again: by their idempotency key, and for the rest of a body."""

from __future__ import annotations

import base64
import hashlib

import pytest
from support.tenants import SEAL_BUNDLES, Tenant, bundle

FRAMES = "application/x-protobuf-delimited"
NDJSON = "application/x-ndjson"


def test_the_same_key_and_body_get_the_same_answer(tenant: Tenant) -> None:
    session_id = tenant.record(1)
    card = {"session_id": session_id, "title": "once"}
    key = {"Idempotency-Key": "k1"}
    first = tenant.reader.post("/v2/cards", json=card, headers=key)
    again = tenant.reader.post("/v2/cards", json=card, headers=key)
    assert first.json() == again.json()
    assert len(tenant.reader.get("/v2/cards", params={"session_id": session_id}).json()["cards"]) == 1
    other_key = tenant.reader.post("/v2/cards", json=card, headers={"Idempotency-Key": "k2"})
    assert other_key.json()["card_id"] != first.json()["card_id"]


def test_the_same_key_with_another_body_or_route_is_422(tenant: Tenant) -> None:
    session_id = tenant.record(0, journey_id="j")
    key = {"Idempotency-Key": "k"}
    card = {"session_id": session_id, "title": "one"}
    assert tenant.reader.post("/v2/cards", json=card, headers=key).status_code == 200
    for path, body in [("/v2/cards", {**card, "title": "two"}), ("/v2/journeys/j/feedback", card)]:
        answer = tenant.reader.post(path, json=body, headers=key)
        assert (answer.status_code, answer.json()["param"]) == (422, "Idempotency-Key")


def test_a_request_that_failed_may_be_put_right_under_its_key(tenant: Tenant) -> None:
    key = {"Idempotency-Key": "k"}
    missing = {"session_id": "nosuchsession", "title": "t"}
    assert tenant.reader.post("/v2/cards", json=missing, headers=key).status_code == 404
    right = {"session_id": tenant.record(0), "title": "t"}
    assert tenant.reader.post("/v2/cards", json=right, headers=key).status_code == 200


def test_a_session_is_opened_once(tenant: Tenant) -> None:
    key = {"Idempotency-Key": "open"}
    answers = [tenant.recorder.post("/v2/sessions", json={}, headers=key).json() for _ in range(2)]
    assert answers[0] == answers[1]


@pytest.mark.parametrize("key", ["x" * 256, "tab\there"])
def test_a_key_that_is_none_is_422(tenant: Tenant, key: str) -> None:
    answer = tenant.recorder.post("/v2/sessions", json={}, headers={"Idempotency-Key": key})
    assert answer.status_code == 422


@pytest.mark.parametrize("media_type", [FRAMES, NDJSON])
def test_every_rest_of_a_session_is_given(tenant: Tenant, media_type: str) -> None:
    """Over two chunks and the log; the tag still holds when more bundles have come."""
    session_id = tenant.record(2 * SEAL_BUNDLES + 2)
    path = f"/v2/sessions/{session_id}/bundles"
    whole = tenant.reader.get(path, headers={"Accept": media_type})
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert tenant.send(session_id, [bundle(99)]).status_code == 200
    for first in range(0, len(whole.content), max(1, len(whole.content) // 23)):
        rest = tenant.reader.get(
            path,
            headers={"Accept": media_type, "Range": f"bytes={first}-", "If-Range": whole.headers["ETag"]},
        )
        assert rest.status_code == 206
        assert rest.content[: len(whole.content) - first] == whole.content[first:]
        total = int(rest.headers["Content-Range"].rpartition("/")[2])
        assert rest.headers["Content-Range"] == f"bytes {first}-{total - 1}/{total}"
        assert len(rest.content) == total - first


def test_of_another_session_or_rendition_the_whole_is_given(tenant: Tenant) -> None:
    one, other = tenant.record(3), tenant.record(3)
    tag = tenant.reader.get(f"/v2/sessions/{one}/bundles", headers={"Accept": FRAMES}).headers["ETag"]
    for session_id, media_type in [(other, FRAMES), (one, NDJSON)]:
        answer = tenant.reader.get(
            f"/v2/sessions/{session_id}/bundles",
            headers={"Accept": media_type, "Range": "bytes=5-", "If-Range": tag},
        )
        assert answer.status_code == 200


def test_ranges_past_the_end_and_of_no_sense(tenant: Tenant) -> None:
    path = f"/v2/sessions/{tenant.record(3)}/bundles"
    size = len(tenant.reader.get(path, headers={"Accept": FRAMES}).content)
    past = tenant.reader.get(path, headers={"Accept": FRAMES, "Range": f"bytes={size}-"})
    assert (past.status_code, past.headers["Content-Range"]) == (416, f"bytes */{size}")
    for text in ["bytes=-5", "bytes=1-2,5-6", "lines=1-", "bytes=9-3x"]:
        whole = tenant.reader.get(path, headers={"Accept": FRAMES, "Range": text})
        assert (whole.status_code, len(whole.content)) == (200, size)
    part = tenant.reader.get(path, headers={"Accept": FRAMES, "Range": "bytes=2-6"})
    assert (part.status_code, len(part.content)) == (206, 5)


@pytest.mark.parametrize("media_type", [FRAMES, NDJSON])
def test_a_chunk_has_a_digest_of_what_is_sent(tenant: Tenant, media_type: str) -> None:
    session_id = tenant.record(2, final=True)
    chunk = _chunk(tenant, session_id)
    path = f"/v2/sessions/{session_id}/chunks/{chunk}"
    with tenant.reader.stream("GET", path, headers={"Accept": media_type}) as answer:
        sent = b"".join(answer.iter_raw())
    digest = base64.b64encode(hashlib.sha256(sent).digest()).decode()
    assert answer.headers["Repr-Digest"] == f"sha-256=:{digest}:"
    rest = {"Accept": media_type, "Range": "bytes=7-", "If-Range": answer.headers["ETag"]}
    with tenant.reader.stream("GET", path, headers=rest) as part:
        assert part.status_code == 206
        assert b"".join(part.iter_raw()) == sent[7:]
    assert part.headers["Repr-Digest"] == answer.headers["Repr-Digest"]


def _chunk(tenant: Tenant, session_id: str) -> str:
    import time

    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        chunks = tenant.reader.get(f"/v2/sessions/{session_id}/chunks").json().get("chunks", [])
        if chunks:
            return str(chunks[0]["chunk_id"])
    raise AssertionError("no chunk was made")
