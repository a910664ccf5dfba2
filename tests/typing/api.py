"""What type checkers see of the client. Read by mypy in strict mode, run by nobody."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import assert_type

import moonsense
from moonsense.client import AsyncClient, Client, Timeout
from moonsense.errors import MoonsenseError, RecordingError, ResponseError
from moonsense.models.bundle_v2_pb2 import Accelerometer, Bundle, SealedBundle
from moonsense.models.common_v2_pb2 import TokenSelfResponse
from moonsense.models.control_plane_v2_pb2 import DataRegionsListResponse
from moonsense.models.data_plane_v2_pb2 import Card, Chunk, LabelWithStats
from moonsense.models.data_plane_v2_sdk_pb2 import BundleCreateResponse, Session, SessionLabel
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
    assert_type(client.list_sessions(), Generator[Session, None, None])
    client.list_sessions(["label"], "group")
    client.list_sessions(
        labels=("label",),
        platforms=[moonsense.Platform.WEB],
        since=datetime.now(UTC),
        until=datetime.now(UTC),
        journey_id="j",
    )
    client.list_sessions(since="2026-01-01")  # type: ignore[arg-type]
    assert_type(client.list_chunks("s"), Generator[Chunk, None, None])
    assert_type(client.read_chunk("s", "c"), Generator[SealedBundle, None, None])
    for bundle in client.read_session("s"):
        assert_type(bundle.bundle.accelerometer_data[0].x, float)
    client.download_session("s", "file.json")
    client.download_session("s", Path("file.json"))
    client.update_session_labels("s", ["label"])
    assert_type(client.list_cards("s"), list[Card])
    assert_type(client.create_card("s", "title", "description"), Card)
    assert_type(client.list_labels(), list[SessionLabel])
    assert_type(client.top_labels(), list[LabelWithStats])
    client.delete_card("c")
    client.delete_session("s")
    assert_type(moonsense.__version__, str)
    with client as same:
        assert_type(same, Client)
    client.close()


async def reads_without_threads() -> None:
    async with AsyncClient() as client:
        assert_type(client, AsyncClient)
        assert_type(await client.describe_session("s"), Session)
        assert_type(client.list_sessions(), AsyncGenerator[Session, None])
        assert_type(client.read_session("s"), AsyncGenerator[SealedBundle, None])
        async for chunk in client.list_chunks("s"):
            assert_type(chunk, Chunk)
        assert_type(await client.list_cards("s"), list[Card])


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
