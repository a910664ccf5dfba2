"""Recording into a real cloud and reading back: the way of every bundle, and of one sent twice."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from support.wire import Received, Reply, WireServer, reply

from moonsense.client import Client
from moonsense.errors import ConnectionFailed, RecordingError
from moonsense.models.bundle_v2_pb2 import Accelerometer, Bundle
from moonsense.models.data_plane_v2_sdk_pb2 import SessionMetadata
from moonsense.recorder import Recorder

if TYPE_CHECKING:
    from moonsense.cloud.embed import EmbeddedCloud


def readings(count: int) -> list[Accelerometer]:
    return [Accelerometer(determined_at=n, x=n / 3, y=-n / 7, z=1e-9 * n) for n in range(count)]


@pytest.mark.parametrize("wire", ["auto", "json"])
def test_what_goes_in_comes_out(cloud: EmbeddedCloud, wire: Any) -> None:
    at = {"root_domain": cloud.root_domain, "protocol": "http", "default_region": ""}
    with (
        Client(cloud.public_token, **at, wire=wire) as recording,
        Client(cloud.secret_token, **at, wire=wire) as c,
    ):
        with Recorder(
            recording,
            metadata=SessionMetadata(platform="ANDROID", model="m"),
            labels=["walk", "ü"],
            journey_id="j",
            bundle_interval=0.01,
        ) as recorder:
            for item in readings(3000):
                recorder.add("accelerometer", item)
            recorder.add("battery", {"capacity": 50})
        bundles = list(c.read_session(recorder.session_id))
        session = c.describe_session(recorder.session_id)
    assert [item for b in bundles for item in b.bundle.accelerometer_data] == readings(3000)
    assert [b.bundle.index for b in bundles] == list(range(1, len(bundles) + 1))
    assert [b.bundle.is_final_bundle for b in bundles] == [False] * (len(bundles) - 1) + [True]
    assert recorder.sent == len(bundles)
    assert session.counters["accelerometer"].total == 3000
    assert session.counters["bundle"].total == len(bundles)
    assert {label.name for label in session.labels} == {"walk", "ü"}
    assert (session.journey_id, session.metadata.model) == ("j", "m")


def test_a_bundle_sent_twice_is_stored_once(client: Client, recording_client: Client) -> None:
    lost = {2, 3}
    send = recording_client.send_bundles

    def lose(session_id: str, bundles: list[Bundle], **options: Any) -> Any:
        answer = send(session_id, bundles, **options)
        for bundle in bundles:
            if bundle.index in lost:
                lost.discard(bundle.index)
                raise ConnectionFailed("the answer was lost")
        return answer

    recording_client.send_bundles = lose  # type: ignore[method-assign]
    with Recorder(recording_client, batch_interval=0) as recorder:
        for n in range(5):
            recorder.add_bundle(Bundle(accelerometer_data=[Accelerometer(determined_at=n)]))
            recorder.flush()
    assert lost == set()
    bundles = list(client.read_session(recorder.session_id))
    assert [b.bundle.index for b in bundles] == [1, 2, 3, 4, 5, 6]


def test_a_token_that_only_reads_cannot_record(client: Client) -> None:
    with pytest.raises(RuntimeError, match="403"):
        Recorder(client)


def test_a_cloud_that_is_away_for_a_while(cloud: EmbeddedCloud, client: Client) -> None:
    """Over a proxy that answers 503, hangs up and loses answers before it works."""
    faults = [reply(status=503), Reply(b"", close=True), reply(status=503, retry_after="0.05")] * 3
    with httpx2.Client() as direct:

        def answer(request: Received) -> Reply:
            if request.path == "/v2/bundles" and faults:
                return faults.pop()
            done = direct.request(
                request.method,
                f"{cloud.url}{request.target}",
                content=request.body,
                headers={name: request.headers[name] for name in ("authorization", "content-type", "accept")},
            )
            return reply(done.content, done.status_code, content_type=done.headers["content-type"])

        with (
            WireServer(answer) as proxy,
            Client(cloud.public_token, proxy.root_domain, "http", "", backoff=0.001) as recording,
            Recorder(recording) as recorder,
        ):
            for item in readings(100):
                recorder.add("accelerometer", item)
    assert faults == []
    bundles = list(client.read_session(recorder.session_id))
    assert [item for b in bundles for item in b.bundle.accelerometer_data] == readings(100)


def test_a_cloud_that_is_gone_gets_nothing_and_nothing_is_lost() -> None:
    with WireServer(lambda request: reply({"session_id": "s"})) as server:
        client = Client("token", server.root_domain, "http", "", tries=2, backoff=0.001)
        recorder = Recorder(client, timeout=0.2)
        recorder.add("accelerometer", readings(10))
    with pytest.raises(RecordingError, match="no connection") as caught, client:
        recorder.close()
    assert [item for b in caught.value.unsent for item in b.accelerometer_data] == readings(10)


PROGRAM = """
from moonsense.client import Client
from moonsense.recorder import Recorder
recorder = Recorder(Client({token!r}, {domain!r}, "http", ""))
recorder.add("accelerometer", {{"determined_at": 1, "x": 1.0}})
print(recorder.session_id)
"""


def test_a_program_that_forgets_to_close_has_its_readings_sent(cloud: EmbeddedCloud, client: Client) -> None:
    program = PROGRAM.format(token=cloud.public_token, domain=cloud.root_domain)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    (bundle,) = client.read_session(done.stdout.strip())
    assert bundle.bundle.is_final_bundle
    assert bundle.bundle.accelerometer_data[0].x == 1.0
    assert done.stderr == ""
