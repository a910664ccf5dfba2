"""The calls that came after 0.5.0, made by the published client that has them."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.published import Connect, PublishedClient, PublishedError, Recorded, only

from moonsense.client import Client
from moonsense.cloud.embed import EmbeddedCloud
from moonsense.contract.ids import new_id
from moonsense.models import Bundle, Session
from moonsense.models.common_v2_pb2 import ANDROID, WEB
from moonsense.models.data_plane_v2_pb2 import (
    JourneyFeaturesResponse,
    SessionFeaturesResponse,
    SignalsResponse,
)

pytestmark = [pytest.mark.peers, only("0.13.1")]

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def published(connect: Connect, recording_cloud: EmbeddedCloud) -> PublishedClient:
    """The published client on the cloud with what was recorded."""
    return connect(recording_cloud)


@pytest.fixture(scope="module")
def ours(recording_cloud: EmbeddedCloud) -> Iterator[Client]:
    """A client of ours that puts there what the published one reads."""
    with Client(recording_cloud.secret_token, recording_cloud.root_domain, "http", "") as client:
        yield client


def capture(*packets: bytes) -> bytes:
    """A packet capture in libpcap's classic format."""
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    return header + b"".join(struct.pack("<IIII", 1, 2, len(p), len(p)) + p for p in packets)


def test_journeys_are_listed_newest_first_over_pages(
    published: PublishedClient, record: Callable[..., Recorded]
) -> None:
    made = [record(Session(journey_id=new_id()), []).session.journey_id for _ in range(7)]
    listed = [journey["journey_id"] for journey in published.call("list_journeys", journeys_per_page=2)]
    assert [one for one in listed if one in made] == made[::-1]
    assert len(set(listed)) == len(listed)
    assert listed == [journey["journey_id"] for journey in published.call("list_journeys")]


def test_journeys_of_a_time(published: PublishedClient, record: Callable[..., Recorded]) -> None:
    made = [record(Session(journey_id=new_id()), []).session for _ in range(3)]
    moments = [session.created_at.ToDatetime() for session in made]
    found = published.call("list_journeys", since=moments[1].isoformat(), until=moments[1].isoformat())
    assert [journey["journey_id"] for journey in found] == [made[1].journey_id]


def test_journeys_of_a_platform(published: PublishedClient, record: Callable[..., Recorded]) -> None:
    """This client sends ``Platform.WEB`` here."""
    web, android = (
        record(Session(journey_id=new_id(), metadata={"platform": platform}), []).session.journey_id
        for platform in (WEB, ANDROID)
    )
    listed = [journey["journey_id"] for journey in published.call("list_journeys", platforms=["WEB"])]
    assert web in listed
    assert android not in listed


def test_a_journey_is_described_with_its_sessions(
    published: PublishedClient, record: Callable[..., Recorded]
) -> None:
    journey = new_id()
    sessions = [record(Session(journey_id=journey), []).id for _ in range(2)]
    described = published.call("describe_journey", journey_id=journey)
    assert described["journey"]["journey_id"] == journey
    assert [session["session_id"] for session in described["sessions"]] == sessions[::-1]


def test_feedback_is_given_and_added_to(published: PublishedClient, record: Callable[..., Recorded]) -> None:
    journey = record(Session(journey_id=new_id()), []).session.journey_id
    assert published.call("get_journey_feedback", journey_id=journey) == {"journey_id": journey}
    fraud = {"fraud_feedback": {"is_fraud": True, "fraud_reason": "a bot"}}
    assert published.call("add_journey_feedback", journey_id=journey, feedback=fraud) is None
    chargeback = {"chargeback_feedback": {"is_chargeback": True}}
    published.call("add_journey_feedback", journey_id=journey, feedback=chargeback)
    found = published.call("get_journey_feedback", journey_id=journey)
    assert found["fraud_feedback"]["fraud_reason"] == "a bot"
    assert found["fraud_feedback"]["is_fraud"]
    assert found["chargeback_feedback"]["is_chargeback"]


def test_features_and_signals_are_read(
    published: PublishedClient, ours: Client, record: Callable[..., Recorded]
) -> None:
    session = record(Session(journey_id=new_id()), []).session
    given = {"cloud_behavioral": {"speed": {"double_list": {"value": [1.5]}}}}
    ours.set_session_features(session.session_id, SessionFeaturesResponse(**given))
    ours.set_journey_features(session.journey_id, JourneyFeaturesResponse(**given))
    ours.set_session_signals(session.session_id, SignalsResponse(os={"predicted_os_family": "iOS"}))
    for more in ({}, {"region": ""}):
        features = published.call("list_session_features", session_id=session.session_id, **more)
        assert features == {"session_id": session.session_id, **given}
        features = published.call("list_journey_features", journey_id=session.journey_id, **more)
        assert features == {"journey_id": session.journey_id, **given}
        signals = published.call("list_session_signals", session_id=session.session_id, **more)
        assert signals == {"os": {"predicted_os_family": "iOS"}}


def test_packets_are_downloaded(
    published: PublishedClient,
    recording_cloud: EmbeddedCloud,
    record: Callable[..., Recorded],
    tmp_path: Path,
) -> None:
    session = record(Session(), []).id
    with Client(recording_cloud.public_token, recording_cloud.root_domain, "http", "") as recorder:
        recorder.upload_pcap_data(session, capture(b"syn", b"ack"))
    target = tmp_path / "packets.pcap"
    published.call("download_pcap_data", session_id=session, output_file=str(target))
    assert target.read_bytes() == capture(b"syn", b"ack")


@pytest.mark.parametrize("with_journey_id", [False, True])
def test_all_sessions_are_downloaded(
    published: PublishedClient, record: Callable[..., Recorded], tmp_path: Path, with_journey_id: bool
) -> None:
    label = f"all {with_journey_id}"
    bundles = [Bundle(index=index) for index in (1, 2)]
    made = [record(Session(labels=[{"name": label}], journey_id=f"journey-{n}"), bundles) for n in range(3)]
    day = made[0].session.created_at.ToDatetime().date()
    published.call(
        "download_all_sessions",
        output=str(tmp_path),
        since=str(day - DAY),
        until=str(day + DAY),
        skip_days=[str(day - DAY)],
        incremental=False,
        labels=[label],
        platforms=None,
        with_journey_id=with_journey_id,
    )
    for recorded in made:
        (metadata,) = tmp_path.rglob(f"{recorded.id}/metadata.json")
        journey = [recorded.session.journey_id] if with_journey_id else []
        assert [*metadata.relative_to(tmp_path).parts[1:-1]] == [*journey, recorded.id]
        assert json.loads(metadata.read_text())["sessionId"] == recorded.id
        lines = metadata.with_name("raw_sealed_bundles.json").read_bytes().splitlines()
        assert [json.loads(line)["bundle"]["index"] for line in lines] == [1, 2]


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("describe_journey", {"journey_id": "none"}),
        ("get_journey_feedback", {"journey_id": "none"}),
        ("add_journey_feedback", {"journey_id": "none", "feedback": {}}),
        ("list_session_features", {"session_id": "none"}),
        ("list_journey_features", {"journey_id": "none"}),
        ("list_session_signals", {"session_id": "none"}),
        ("download_pcap_data", {"session_id": "none", "output_file": "none"}),
        ("download_session", {"session_id": "none", "output_file": "none"}),
    ],
)
def test_what_is_not_there(published: PublishedClient, call: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(PublishedError, match=r"RuntimeError: .*status code: 404"):
        published.call(call, **arguments)
