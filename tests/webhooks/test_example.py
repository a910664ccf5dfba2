"""The example of webhooks, as its own process: touch gestures over several bundles, each counted once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from support.deliveries import SECRET, signed

from moonsense.client import Client
from moonsense.cloud.embed import EmbeddedCloud
from moonsense.codec import json
from moonsense.contract import environment
from moonsense.models.bundle_v2_pb2 import Bundle, Pointer, SealedBundle
from moonsense.models.data_plane_v2_pb2 import BUNDLE_RECEIVED, WebhookPayload
from moonsense.models.data_plane_v2_sdk_pb2 import Session
from moonsense.models.webhooks_v2_pb2 import WebhookEndpoint

EXAMPLE = Path(__file__).resolve().parent.parent.parent / "examples" / "webhook_example.py"


@contextmanager
def running(folder: Path, secret: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(
        [sys.executable, "-W", "error", EXAMPLE, "0"],
        cwd=folder,
        env={environment.WEBHOOK_SECRET: secret},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        said = process.stdout.readline()
        assert said.startswith("listening on http://127.0.0.1:")
        yield process, said.split()[-1]
        process.send_signal(2)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def touches(device: int, *pressures: float) -> list[Pointer]:
    return [
        Pointer(
            type=Pointer.TOUCH,
            device=device,
            pressure=pressure,
            pressure_range={"lower_bound": 0, "upper_bound": 2},
            size=pressure / 10,
        )
        for pressure in pressures
    ]


BUNDLES = [
    Bundle(index=1, pointer_data=[*touches(1, 0.4, 0.8), Pointer(type=Pointer.MOUSE, device=9)]),
    Bundle(index=2, pointer_data=[*touches(1, 1.2), *touches(2, 2.0)]),
    Bundle(index=3),
]


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent otherwise there")
def test_a_gesture_over_two_bundles_in_any_order(tmp_path: Path) -> None:
    with running(tmp_path, SECRET) as (process, url):
        assert process.stdout is not None
        for number in (1, 2, 0, 0, 1):  # the second first, and some twice
            payload = WebhookPayload(
                session_id="s", event_type=BUNDLE_RECEIVED, bundle=SealedBundle(bundle=BUNDLES[number])
            )
            body = json.write(payload)
            assert httpx2.post(url, content=body, headers=signed(body, f"msg_{number}")).status_code == 200
        process.send_signal(2)
        assert process.stdout.read().splitlines() == [
            "s gesture 1: 1 events, pressure 0.60 on average and 0.60 at most, size 0.120 at most",
            "s gesture 2: 1 events, pressure 1.00 on average and 1.00 at most, size 0.200 at most",
            "s gesture 1: 3 events, pressure 0.40 on average and 0.60 at most, size 0.120 at most",
        ]


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent otherwise there")
def test_a_gesture_that_a_real_cloud_tells_of(tmp_path: Path) -> None:
    with (
        EmbeddedCloud(tmp_path / "data") as cloud,
        Client(cloud.secret_token, cloud.root_domain, "http", "") as client,
        Client(cloud.public_token, cloud.root_domain, "http", "") as recording,
    ):
        # Nothing listens there yet; the secret is needed before anything can.
        wanted = WebhookEndpoint(url="http://127.0.0.1:1/", events=[BUNDLE_RECEIVED])
        made = client.create_webhook_endpoint(wanted)
        with running(tmp_path, made.secret) as (process, url):
            made.endpoint.url = url
            client.update_webhook_endpoint(made.endpoint)
            session_id = recording.create_session(Session()).session_id
            recording.send_bundles(session_id, BUNDLES)
            assert process.stdout is not None
            last: dict[str, str] = {}
            while "3 events" not in last.get("1", "") or "2" not in last:
                session, _, gesture = process.stdout.readline().partition(" gesture ")
                assert session == session_id
                number, _, measured = gesture.partition(": ")
                last[number] = measured
            assert last["1"] == ("3 events, pressure 0.40 on average and 0.60 at most, size 0.120 at most\n")
