"""What type checkers see of the client. Read by mypy in strict mode, run by nobody."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, assert_type

import moonsense
from moonsense.client import AsyncClient, Client, RawResponse, SessionReport, Timeout
from moonsense.download import DownloadAllSessions
from moonsense.errors import DownloadError, MoonsenseError, RecordingError, ResponseError
from moonsense.models.bundle_v2_pb2 import Accelerometer, Bundle, SealedBundle
from moonsense.models.common_v2_pb2 import TokenSelfResponse
from moonsense.models.control_plane_v2_pb2 import DataRegionsListResponse
from moonsense.models.data_plane_v2_pb2 import (
    Card,
    Chunk,
    Journey,
    JourneyFeaturesResponse,
    LabelWithStats,
    SessionFeaturesResponse,
    SignalsResponse,
)
from moonsense.models.data_plane_v2_sdk_pb2 import (
    BundleCreateResponse,
    NetworkPacketCaptureClientResponse,
    Session,
    SessionLabel,
)
from moonsense.models.journey_feedback_pb2 import JourneyFeedback
from moonsense.recorder import Recorder


def reads() -> None:
    client = moonsense.Client()
    assert_type(client, Client)
    Client("token", "moonsense.cloud", "https", "us-central1.gcp", 3)
    Client(timeout=5.0, wire="json")
    Client(timeout=Timeout(read=None), backoff=0.1)
    Client(wire="xml")  # type: ignore[arg-type]
    assert_type(client.list_regions(), DataRegionsListResponse)
    assert_type(client.whoami(), TokenSelfResponse)
    assert_type(client.describe_session("s"), Session)
    sessions: Generator[Session, None, None] = client.list_sessions(limit=3)
    assert_type(next(sessions), Session)
    for page in client.list_sessions().pages():
        assert_type(page, list[Session])
    client.list_sessions(["label"], "group")
    client.list_sessions(
        labels=("label",),
        platforms=[moonsense.Platform.WEB],
        since=datetime.now(UTC),
        until=datetime.now(UTC),
        journey_id="j",
    )
    client.list_sessions(since="2026-01-01")  # type: ignore[arg-type]
    assert_type(next(client.list_chunks("s", limit=1)), Chunk)
    assert_type(client.read_chunk("s", "c"), Generator[SealedBundle, None, None])
    assert_type(client.read_chunks("s"), Generator[SealedBundle, None, None])
    assert_type(client.read_session("s", order="index"), Generator[SealedBundle, None, None])
    client.read_session("s", order="time")  # type: ignore[arg-type]
    report = client.check_session("s")
    assert_type(report, SessionReport)
    assert_type(report.gaps, tuple[tuple[int, int], ...])
    for bundle in client.read_session("s"):
        assert_type(bundle.bundle.accelerometer_data[0].x, float)
    client.download_session("s", "file.json")
    client.download_session("s", Path("file.json"))
    client.update_session_labels("s", ["label"])
    assert_type(client.list_cards("s"), list[Card])
    assert_type(next(client.iter_cards("s", limit=3)), Card)
    assert_type(client.create_card("s", "title", "description"), Card)
    assert_type(client.list_labels(), list[SessionLabel])
    assert_type(client.top_labels(), list[LabelWithStats])
    client.delete_card("c")
    client.delete_session("s")
    client.add_session_labels("s", ["label"])
    client.remove_session_labels("s", ["label"])
    assert_type(client.with_options(tries=1, timeout=None, deadline=5), Client)
    client.with_options(tries="1")  # type: ignore[arg-type]
    assert_type(client.with_raw_response.whoami(), RawResponse[Any])
    assert_type(moonsense.__version__, str)
    with client as same:
        assert_type(same, Client)
    client.close()


def journeys_and_what_was_found(client: Client) -> None:
    assert_type(next(client.list_journeys(journeys_per_page=10)), Journey)
    client.list_journeys(platforms=["ios"], since=datetime.now(UTC), limit=5)
    assert_type(client.describe_journey("j").sessions[0], Session)
    assert_type(client.get_journey_feedback("j"), JourneyFeedback)
    assert_type(client.add_journey_feedback("j", JourneyFeedback()), JourneyFeedback)
    client.add_journey_feedback("j", {"fraud_feedback": {"is_fraud": True}})
    client.add_journey_feedback("j", "fraud")  # type: ignore[arg-type]
    assert_type(client.list_session_features("s"), SessionFeaturesResponse)
    assert_type(client.list_session_features("s", region=""), SessionFeaturesResponse)
    assert_type(client.set_session_features("s", SessionFeaturesResponse()), SessionFeaturesResponse)
    assert_type(client.list_journey_features("j"), JourneyFeaturesResponse)
    assert_type(client.set_journey_features("j", JourneyFeaturesResponse()), JourneyFeaturesResponse)
    assert_type(client.list_session_signals("s"), SignalsResponse)
    assert_type(client.set_session_signals("s", SignalsResponse()), SignalsResponse)
    client.download_pcap_data("s", Path("packets.pcap"))
    assert_type(client.upload_pcap_data("s", b""), NetworkPacketCaptureClientResponse)


def downloads(client: Client) -> None:
    client.download_all_sessions("out", None, datetime.now(UTC), [], True, ["label"], with_journey_id=True)
    download = DownloadAllSessions(client)
    try:
        download.download(Path("out"), date(2026, 1, 2), date(2026, 1, 1), None, False, None, ["web"])
    except DownloadError as error:
        assert_type(error.failures, dict[str, Exception])


async def reads_without_threads() -> None:
    async with AsyncClient() as client:
        assert_type(client, AsyncClient)
        assert_type(await client.describe_session("s"), Session)
        sessions: AsyncGenerator[Session, None] = client.list_sessions(limit=3)
        assert_type(await anext(sessions), Session)
        async for page in client.list_journeys().pages():
            assert_type(page, list[Journey])
        assert_type((await client.with_raw_response.whoami()).parse(), Any)
        await client.download_all_sessions("out", None, None, None, True, None)
        assert_type(client.read_session("s"), AsyncGenerator[SealedBundle, None])
        async for chunk in client.list_chunks("s"):
            assert_type(chunk, Chunk)
        assert_type(await client.list_cards("s"), list[Card])
        async for cards in client.iter_cards("s").pages():
            assert_type(cards, list[Card])


def records(client: Client) -> None:
    assert_type(client.create_session(Session()), Session)
    assert_type(client.send_bundles("s", [Bundle(index=1)]), BundleCreateResponse)
    try:
        with Recorder(client, labels=["label"], journey_id="j") as recorder:
            assert_type(recorder, Recorder)
            assert_type(recorder.session_id, str)
            recorder.add("accelerometer", {"determined_at": 1, "x": 0.0, "y": 9.8, "z": 0.0})
            recorder.add("accelerometer", [Accelerometer(determined_at=1)])
            recorder.add("battery", 50)  # type: ignore[arg-type]
            assert_type(recorder.add_bundle(Bundle()), int)
            recorder.flush()
    except RecordingError as error:
        assert_type(error.session_id, str)
    except ResponseError as error:
        assert_type(error.status, int)
    except MoonsenseError as error:
        assert_type(error.message, str)
