"""Every call of the published clients against our cloud, on sessions that were recorded over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from support.published import Connect, PublishedClient, PublishedError, Recorded, known, only

from moonsense.cloud.embed import EmbeddedCloud
from moonsense.models import Bundle, Session
from moonsense.models.common_v2_pb2 import ANDROID, WEB

pytestmark = pytest.mark.peers

CHUNK_BUNDLES = 4
PER_PAGE = 50
"""What both published clients ask for, whatever is listed."""


@pytest.fixture(scope="module")
def published(connect: Connect, recording_cloud: EmbeddedCloud) -> PublishedClient:
    """A published client on the cloud with what was recorded."""
    return connect(recording_cloud)


def ids(sessions: list[Any]) -> list[str]:
    return [session["session_id"] for session in sessions]


def sent(recorded: Recorded) -> list[Any]:
    """The bundles that were sent, as JSON."""
    return [plain(bundle) for bundle in recorded.bundles]


def plain(bundle: Bundle) -> Any:
    return json_format.MessageToDict(bundle, preserving_proto_field_name=True)


def sent_known(version: str, recorded: Recorded) -> list[Any]:
    """The bundles that were sent, as far as a published client knows their fields."""
    return [known(version, {"bundle": bundle})["bundle"] for bundle in sent(recorded)]


def bundles(sealed: list[Any]) -> list[Any]:
    """The recorder's part of what was read."""
    return [bundle["bundle"] for bundle in sealed]


@pytest.fixture(scope="package")
def many(record: Callable[..., Recorded]) -> list[Recorded]:
    """More sessions than a page, oldest first."""
    return [record(Session(labels=[{"name": "many"}]), []) for _ in range(PER_PAGE + 5)]


def test_whoami(published: PublishedClient, recording_cloud: EmbeddedCloud) -> None:
    described = published.call("whoami")
    assert described["app_id"] == recording_cloud.app_id
    assert described["project_id"] == recording_cloud.project_id
    assert described["scopes"] == "qt"


def test_sessions_are_listed_newest_first_over_pages(
    published: PublishedClient, many: list[Recorded], sealed: Recorded, unsealed: Recorded
) -> None:
    listed = ids(published.call("list_sessions"))
    assert len(set(listed)) == len(listed) > PER_PAGE
    wanted = [session.id for session in reversed(many)]
    assert [one for one in listed if one in wanted] == wanted
    assert {sealed.id, unsealed.id} <= set(listed)


def test_sessions_with_any_of_the_labels(
    published: PublishedClient, version: str, record: Callable[..., Recorded], many: list[Recorded]
) -> None:
    a, b, c = f"a label for {version}", f"ünï & {version}", f"another for {version}"
    one, both, other = (
        record(Session(labels=[{"name": name} for name in names]), []).id for names in ([a], [a, b], [c])
    )
    assert ids(published.call("list_sessions", labels=[a])) == [both, one]
    assert ids(published.call("list_sessions", labels=[c, b])) == [other, both]
    assert ids(published.call("list_sessions", labels=["many"])) == [session.id for session in reversed(many)]
    assert published.call("list_sessions", labels=["nobody's"]) == []


@only("0.5.0")
def test_sessions_of_a_group(published: PublishedClient, record: Callable[..., Recorded]) -> None:
    found = record(Session(client_session_group_id="group 1"), []).id
    record(Session(client_session_group_id="group 2"), [])
    assert ids(published.call("list_sessions", client_session_group_id="group 1")) == [found]


@only("0.13.1")
def test_sessions_of_a_journey(published: PublishedClient, record: Callable[..., Recorded]) -> None:
    found = record(Session(journey_id="journey-1"), []).id
    record(Session(journey_id="journey-2"), [])
    assert ids(published.call("list_sessions", journey_id="journey-1")) == [found]


@only("0.13.1")
def test_sessions_of_platforms(published: PublishedClient, record: Callable[..., Recorded]) -> None:
    label = {"name": "platforms"}
    android, web = (
        record(Session(metadata={"platform": platform}, labels=[label]), []).id for platform in (ANDROID, WEB)
    )

    def listed(*platforms: str) -> list[str]:
        return ids(published.call("list_sessions", labels=["platforms"], platforms=platforms))

    assert listed("WEB") == [web]
    assert listed("ANDROID", "WEB") == [web, android]
    assert listed("iOS") == []


@only("0.13.1")
def test_sessions_of_a_time(published: PublishedClient, record: Callable[..., Recorded]) -> None:
    label = [{"name": "time"}]
    sessions = [record(Session(labels=label), []).session for _ in range(3)]
    # This client takes naive times only, and takes them as UTC.
    moments = [session.created_at.ToDatetime() for session in sessions]
    assert moments == sorted(set(moments))

    def listed(**bounds: Any) -> list[str]:
        bounds = {name: moment.isoformat() for name, moment in bounds.items()}
        return ids(published.call("list_sessions", labels=["time"], **bounds))

    wanted = [session.session_id for session in sessions]
    assert listed(since=moments[1]) == [wanted[2], wanted[1]]
    assert listed(until=moments[1]) == [wanted[1], wanted[0]]
    assert listed(since=moments[1], until=moments[1]) == [wanted[1]]
    assert listed(since=moments[2] + timedelta(microseconds=1)) == []


def test_a_session_is_described(published: PublishedClient, sealed: Recorded) -> None:
    minimal = published.call("describe_session", session_id=sealed.id)
    assert minimal["session_id"] == sealed.id
    assert minimal["metadata"]["platform"] in ("iOS", "ANDROID")
    assert {label["name"] for label in minimal["labels"]} == {"motion", "walking"}
    assert minimal["counters"]["bundle"] == {"total": len(sealed.bundles)}
    readings = sum(len(bundle.accelerometer_data) for bundle in sealed.bundles)
    assert minimal["counters"]["accelerometer"] == {"total": readings}
    full = published.call("describe_session", session_id=sealed.id, minimal=False)
    counter = full["counters"]["bundle"]
    assert counter["total"] == len(sealed.bundles)
    assert sum(int(bucket["value"]) for bucket in counter["buckets"]) == len(sealed.bundles)


def test_chunks_are_listed_over_pages_and_read(published: PublishedClient, sealed: Recorded) -> None:
    chunks = published.call("list_chunks", session_id=sealed.id)
    assert len(chunks) == -(-len(sealed.bundles) // CHUNK_BUNDLES) > PER_PAGE
    assert all(len(chunk["md5"]) == 32 for chunk in chunks)
    wanted = sent_known(published.version, sealed)
    # The first, one of the second page, and the last, which is shorter.
    for place in (0, PER_PAGE + 1, len(chunks) - 1):
        read = published.call("read_chunk", session_id=sealed.id, chunk_id=chunks[place]["chunk_id"])
        assert bundles(read) == wanted[place * CHUNK_BUNDLES : (place + 1) * CHUNK_BUNDLES]


def test_an_ended_session_is_read(
    published: PublishedClient, recording_cloud: EmbeddedCloud, sealed: Recorded
) -> None:
    read = published.call("read_session", session_id=sealed.id)
    assert bundles(read) == sent_known(published.version, sealed)
    assert {bundle["session_id"] for bundle in read} == {sealed.id}
    assert {bundle["app_id"] for bundle in read} == {recording_cloud.app_id}
    times = [int(bundle["server_time_millis"]) for bundle in read]
    assert times == sorted(times)


@only("0.5.0")
def test_chunks_of_a_session_that_goes_on_are_read(published: PublishedClient, unsealed: Recorded) -> None:
    read = published.call("read_session", session_id=unsealed.id)
    assert bundles(read) == sent_known(published.version, unsealed)[: 2 * CHUNK_BUNDLES]


@only("0.13.1")
def test_everything_of_a_session_that_goes_on_is_read(published: PublishedClient, unsealed: Recorded) -> None:
    assert bundles(published.call("read_session", session_id=unsealed.id)) == sent_known(
        published.version, unsealed
    )


def test_a_session_is_downloaded(published: PublishedClient, sealed: Recorded, tmp_path: Path) -> None:
    target = tmp_path / "session.json"
    published.call("download_session", session_id=sealed.id, output_file=str(target))
    text = target.read_bytes()
    assert text.endswith(b"\n")
    assert bundles([json.loads(line) for line in text.splitlines()]) == sent(sealed)


@only("0.13.1")
def test_a_session_that_goes_on_is_downloaded(
    published: PublishedClient, unsealed: Recorded, tmp_path: Path
) -> None:
    target = tmp_path / "session.json"
    published.call("download_session", session_id=unsealed.id, output_file=str(target))
    assert bundles([json.loads(line) for line in target.read_bytes().splitlines()]) == sent(unsealed)


def test_a_session_without_bundles(published: PublishedClient, record: Callable[..., Recorded]) -> None:
    empty = record(Session(), []).id
    assert published.call("read_session", session_id=empty) == []
    assert published.call("list_chunks", session_id=empty) == []
    assert "counters" not in published.call("describe_session", session_id=empty)


def test_labels_are_replaced(published: PublishedClient, record: Callable[..., Recorded]) -> None:
    session = record(Session(labels=[{"name": "before"}]), []).id

    def labels() -> list[str]:
        described = published.call("describe_session", session_id=session)
        return sorted(label["name"] for label in described.get("labels", []))

    assert labels() == ["before"]
    assert published.call("update_session_labels", session_id=session, labels=["x", "y z"]) is None
    assert labels() == ["x", "y z"]
    published.call("update_session_labels", session_id=session, labels=[])
    assert labels() == []


def test_cards_are_made_and_listed(published: PublishedClient, record: Callable[..., Recorded]) -> None:
    session = record(Session(), []).id
    assert published.call("list_cards", session_id=session) == []
    for title in ("first", "second"):
        made = {"session_id": session, "title": title, "description": f"the {title} one"}
        assert published.call("create_card", **made) is None
    cards = published.call("list_cards", session_id=session)
    assert [card["title"] for card in cards] == ["second", "first"]
    for card in cards:
        assert card["session_id"] == session
        assert card["description"] == f"the {card['title']} one"
        assert card["source_type"] == "API"
        assert card["card_id"]
        assert card["created_at"]


@pytest.mark.parametrize(
    ("call", "more"),
    [
        ("describe_session", {}),
        ("list_chunks", {}),
        ("read_session", {}),
        ("read_chunk", {"chunk_id": "none"}),
        ("update_session_labels", {"labels": []}),
        ("create_card", {"title": "", "description": ""}),
    ],
)
def test_a_session_that_is_not_there(published: PublishedClient, call: str, more: dict[str, Any]) -> None:
    with pytest.raises(PublishedError, match=r"RuntimeError: .*status code: 404"):
        published.call(call, session_id="none", **more)


def test_a_chunk_that_is_not_there(published: PublishedClient, sealed: Recorded) -> None:
    with pytest.raises(PublishedError, match=r"RuntimeError: .*status code: 404"):
        published.call("read_chunk", session_id=sealed.id, chunk_id="none")
