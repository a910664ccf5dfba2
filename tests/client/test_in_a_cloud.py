"""The client against our own cloud: every call, and every form in which bundles are sent."""

from __future__ import annotations

import struct
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from support.wire import Received, Reply, WireServer, connect, reply

from moonsense.client import AsyncClient, Client
from moonsense.client._core import bundles as core
from moonsense.codec import json
from moonsense.codec.frames import frame
from moonsense.contract.ids import new_id
from moonsense.errors import AuthenticationError, NotFoundError, PermissionDeniedError, UnprocessableError
from moonsense.models.bundle_v2_pb2 import Accelerometer, Bundle, Clock, SealedBundle
from moonsense.models.data_plane_v2_pb2 import (
    JourneyFeaturesResponse,
    SessionFeaturesResponse,
    SignalsResponse,
)
from moonsense.models.data_plane_v2_sdk_pb2 import Session, SessionLabel, SessionMetadata
from moonsense.models.journey_feedback_pb2 import JourneyFeedback

if TYPE_CHECKING:
    from moonsense.cloud.embed import EmbeddedCloud

COUNT = 700


@pytest.fixture(scope="module")
def recorded(cloud: EmbeddedCloud) -> Session:
    """A session of 700 bundles, some of them sealed into a chunk already."""
    with Client(cloud.public_token, cloud.root_domain, "http", "") as client:
        session = client.create_session(
            Session(metadata=SessionMetadata(platform="WEB"), labels=[SessionLabel(name="forms")])
        )
        for start in range(0, COUNT, 100):
            bundles = [
                Bundle(
                    index=start + n + 1,
                    client_time=Clock(wall_time_millis=1_700_000_000_000 + start + n),
                    accelerometer_data=[Accelerometer(determined_at=n, x=n / 3)],
                )
                for n in range(100)
            ]
            assert client.send_bundles(session.session_id, bundles).success_count == 100
    return session


@pytest.fixture(params=["auto", "json"])
def either_client(request: pytest.FixtureRequest, cloud: EmbeddedCloud) -> Iterator[Client]:
    with Client(cloud.secret_token, cloud.root_domain, "http", "", wire=request.param) as client:
        yield client


def test_regions_and_token(either_client: Client, cloud: EmbeddedCloud) -> None:
    token = either_client.whoami()
    assert (token.project_id, token.app_id) == (cloud.project_id, cloud.app_id)
    assert "q" in token.scopes
    assert either_client.list_regions().regions
    assert either_client.locate_region().primary_url


@pytest.mark.parametrize(
    "form",
    [
        "*/*",
        "application/x-ndjson",
        "application/x-protobuf-delimited",
        core.accept("auto"),
        core.accept("json"),
    ],
)
def test_every_form_of_a_session_is_the_same(
    client: Client, recorded: Session, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core, "accept", lambda wire: form)
    read = list(client.read_session(recorded.session_id))
    assert [sealed.bundle.index for sealed in read] == list(range(1, COUNT + 1))
    assert read[5].bundle.accelerometer_data[0].x == 5 / 3
    assert {sealed.session_id for sealed in read} == {recorded.session_id}
    assert all(sealed.server_time_millis for sealed in read)


def test_chunks(either_client: Client, recorded: Session, eventually: Any) -> None:
    chunks = eventually(lambda: list(either_client.list_chunks(recorded.session_id)))
    assert all(len(chunk.md5) == 32 for chunk in chunks)
    read = [
        sealed.bundle.index
        for chunk in chunks
        for sealed in either_client.read_chunk(recorded.session_id, chunk.chunk_id)
    ]
    assert read == list(range(1, len(read) + 1))


def test_download(either_client: Client, recorded: Session, tmp_path: Path) -> None:
    path = tmp_path / "session.json"
    either_client.download_session(recorded.session_id, path)
    lines = path.read_bytes().splitlines()
    assert [json.parse(line, SealedBundle) for line in lines] == list(
        either_client.read_session(recorded.session_id)
    )


def test_describe(either_client: Client, recorded: Session) -> None:
    session = either_client.describe_session(recorded.session_id)
    assert session.counters["accelerometer"].total == COUNT
    assert not session.counters["bundle"].buckets
    full = either_client.describe_session(recorded.session_id, minimal=False)
    assert sum(bucket.value for bucket in full.counters["bundle"].buckets) == COUNT


def test_lists_by_link(either_client: Client, recording_client: Client) -> None:
    journey = new_id()
    ids = [recording_client.create_session(Session(journey_id=journey)).session_id for _ in range(110)]
    listed = either_client.list_sessions(journey_id=journey)
    first = [next(listed).session_id for _ in range(100)]
    recording_client.create_session(Session(journey_id=journey))
    either_client.delete_session(first[-1])
    assert first + [session.session_id for session in listed] == list(reversed(ids))


def test_filters(either_client: Client, recording_client: Client) -> None:
    label, group = new_id(), new_id()
    web = Session(metadata=SessionMetadata(platform="WEB"), client_session_group_id=group)
    session = recording_client.create_session(web)
    either_client.update_session_labels(session.session_id, [label, "other"])
    now = datetime.now(UTC)

    def found(**filters: Any) -> bool:
        return session.session_id in {found.session_id for found in either_client.list_sessions(**filters)}

    assert found(labels=[label])
    assert found(labels=["none", label], client_session_group_id=group, platforms=["WEB"])
    assert found(labels=[label], since=now - timedelta(minutes=5), until=now + timedelta(minutes=5))
    assert not found(labels=[label], platforms=["iOS"])
    assert not found(labels=[label], until=now - timedelta(minutes=5))
    assert label in {entry.name for entry in either_client.list_labels()}
    assert {entry.name: entry.sessions_count for entry in either_client.top_labels()}.get("other", 1) >= 1


def test_cards(either_client: Client, recording_client: Client) -> None:
    session = recording_client.create_session(Session())
    made = [either_client.create_card(session.session_id, f"T{n}", "D").card_id for n in range(3)]
    assert all(made)
    assert [card.card_id for card in either_client.list_cards(session.session_id)] == made[::-1]
    assert [card.card_id for card in either_client.iter_cards(session.session_id, limit=2)] == made[:0:-1]
    either_client.delete_card(made[1])
    assert [card.title for card in either_client.list_cards(session.session_id)] == ["T2", "T0"]


def test_a_session_without_bundles(either_client: Client, recording_client: Client, tmp_path: Path) -> None:
    session = recording_client.create_session(Session())
    assert list(either_client.read_session(session.session_id)) == []
    either_client.download_session(session.session_id, tmp_path / "empty.json")
    assert (tmp_path / "empty.json").read_bytes() == b""


def test_opening_a_session_again_gives_the_same(recording_client: Client) -> None:
    first = recording_client.create_session(Session(journey_id="j"))
    assert recording_client.create_session(Session(session_id=first.session_id)) == first


def test_errors(
    either_client: Client, recording_client: Client, cloud: EmbeddedCloud, tmp_path: Path
) -> None:
    calls = [
        lambda: either_client.describe_session("nothing"),
        lambda: list(either_client.read_session("nothing")),
        lambda: list(either_client.list_chunks("nothing")),
        lambda: either_client.delete_session("nothing"),
        lambda: either_client.delete_card("nothing"),
        lambda: either_client.download_session("nothing", tmp_path / "x"),
    ]
    for call in calls:
        with pytest.raises(NotFoundError) as caught:
            call()
        assert caught.value.type == "not_found_error"
        assert caught.value.request_id
    with pytest.raises(UnprocessableError) as unprocessable:
        either_client.update_session_labels(recording_client.create_session(Session()).session_id, [""])
    assert "name" in unprocessable.value.param
    with pytest.raises(PermissionDeniedError):
        recording_client.describe_session("nothing")
    with (
        Client("msk_unknown", cloud.root_domain, "http", "") as stranger,
        pytest.raises(AuthenticationError),
    ):
        stranger.whoami()


@pytest.mark.anyio
async def test_the_async_client_reads_the_same(cloud: EmbeddedCloud, recorded: Session) -> None:
    async with AsyncClient(cloud.secret_token, cloud.root_domain, "http", "") as client:
        indices = [sealed.bundle.index async for sealed in client.read_session(recorded.session_id)]
        assert indices == list(range(1, COUNT + 1))
        assert (await client.whoami()).project_id == cloud.project_id


@pytest.mark.parametrize("wire", ["auto", "json"])
def test_memory_does_not_grow_with_the_session(wire: str) -> None:
    """Buffers of a reader stay small; the messages are the reader's to keep or drop."""
    sealed = SealedBundle(bundle=Bundle(custom_events=[{"event_name": "x" * 2000}]))
    count = 8_000
    bodies = {
        "auto": (frame(sealed.SerializeToString()) * count, "application/x-protobuf-delimited"),
        "json": (json.write_line(sealed) * count, "application/x-ndjson"),
    }
    body, content_type = bodies[wire]
    with (
        WireServer(reply(body, content_type=content_type)) as server,
        connect(Client, server, wire=wire) as client,
    ):
        next(client.read_session("s"))
        tracemalloc.start()
        try:
            assert sum(1 for _ in client.read_session("s")) == count
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert len(body) > 16_000_000
    assert peak < 2_000_000


@pytest.fixture
def journey(recording_client: Client) -> Session:
    """A session of a journey of its own."""
    return recording_client.create_session(
        Session(
            metadata=SessionMetadata(platform="WEB"), journey_id=new_id(), labels=[SessionLabel(name="a")]
        )
    )


def test_journeys_and_feedback(either_client: Client, journey: Session) -> None:
    name = journey.journey_id
    assert name in [found.journey_id for found in either_client.list_journeys(platforms=["web"])]
    detail = either_client.describe_journey(name)
    assert [session.session_id for session in detail.sessions] == [journey.session_id]
    either_client.add_journey_feedback(name, {"fraud_feedback": {"is_fraud": True, "fraud_reason": "r"}})
    either_client.add_journey_feedback(name, JourneyFeedback(chargeback_feedback={"is_chargeback": True}))
    feedback = either_client.get_journey_feedback(name)
    assert (feedback.fraud_feedback.fraud_reason, feedback.chargeback_feedback.is_chargeback) == ("r", True)
    assert either_client.add_journey_feedback(name, {}).fraud_feedback.is_fraud
    with pytest.raises(NotFoundError):
        either_client.describe_journey("nothing")


def test_journeys_page_by_page(cloud: EmbeddedCloud, client: Client) -> None:
    with Client(cloud.public_token, cloud.root_domain, "http", "") as recording:
        made = [recording.create_session(Session(journey_id=new_id())).journey_id for _ in range(7)]
    found = [journey.journey_id for journey in client.list_journeys(2)]
    assert found[:7] == made[::-1]
    assert len(found) == len(set(found))
    assert [journey.journey_id for journey in client.list_journeys(limit=3)] == made[:3:-1]


def test_features_and_signals(either_client: Client, journey: Session) -> None:
    features = {"speed": {"double_list": {"value": [1.5, 2.5]}}}
    name = journey.session_id
    either_client.set_session_features(name, SessionFeaturesResponse(client_sdk=features))
    found = either_client.list_session_features(name)
    assert list(found.client_sdk["speed"].double_list.value) == [1.5, 2.5]
    either_client.set_journey_features(journey.journey_id, JourneyFeaturesResponse(cloud_network=features))
    found_of_journey = either_client.list_journey_features(journey.journey_id, region="")
    assert list(found_of_journey.cloud_network["speed"].double_list.value) == [1.5, 2.5]
    either_client.set_session_signals(name, SignalsResponse(os={"predicted_os_family": "iOS"}))
    assert either_client.list_session_signals(name).os.predicted_os_family == "iOS"


def test_packets(either_client: Client, recording_client: Client, journey: Session, tmp_path: Path) -> None:
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    capture = header + struct.pack("<IIII", 1, 2, 4, 4) + b"pack"
    answer = recording_client.upload_pcap_data(journey.session_id, capture)
    assert answer.sessionId == journey.session_id
    either_client.download_pcap_data(journey.session_id, tmp_path / "packets.pcap")
    assert (tmp_path / "packets.pcap").read_bytes() == capture
    with pytest.raises(UnprocessableError):
        recording_client.upload_pcap_data(journey.session_id, b"no capture at all, whatever it says")


def test_single_labels(either_client: Client, journey: Session) -> None:
    name = journey.session_id

    def labels() -> list[str]:
        return sorted(label.name for label in either_client.describe_session(name).labels)

    either_client.add_session_labels(name, ["b", "a", "c"])
    assert labels() == ["a", "b", "c"]
    either_client.remove_session_labels(name, ["a", "z"])
    assert labels() == ["b", "c"]
    with pytest.raises(NotFoundError):
        either_client.add_session_labels("nothing", ["a"])


def test_a_card_whose_answer_is_lost_is_there_once(
    cloud: EmbeddedCloud, client: Client, journey: Session
) -> None:
    """Over a proxy that does what is asked and then loses the first answers."""
    lost = [True, True]
    with httpx2.Client() as direct:

        def answer(request: Received) -> Reply:
            headers = {k: v for k, v in request.headers.items() if k not in ("host", "content-length")}
            url = f"{cloud.url}{request.target}"
            done = direct.request(request.method, url, content=request.body, headers=headers)
            if lost:
                lost.pop()
                return Reply(b"", close=True)
            return reply(done.content, done.status_code, content_type=done.headers["content-type"])

        with WireServer(answer) as proxy, Client(cloud.secret_token, proxy.root_domain, "http", "") as losing:
            card = losing.create_card(journey.session_id, "T", "D")
    assert lost == []
    assert [found.card_id for found in client.list_cards(journey.session_id)] == [card.card_id]
