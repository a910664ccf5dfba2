"""A cloud whose chunks are in an object store that is spoken to over HTTP."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import s3 as servers
from support.export_recordings import write_session
from support.wire import WireServer, reply

from moonsense.client import Client
from moonsense.cloud.embed import EmbeddedCloud
from moonsense.cloud.objects import Objects
from moonsense.errors import StoreError
from moonsense.models.bundle_v2_pb2 import Bundle
from moonsense.models.data_plane_v2_sdk_pb2 import Session
from moonsense.simulator import checkout_bot


@pytest.fixture
def cloud_on_s3(bucket: str, tmp_path: Path) -> Iterator[EmbeddedCloud]:
    with EmbeddedCloud(
        tmp_path / "data", objects_url=f"s3://{bucket}/chunks", seal_bundles=5, seal_age_seconds=60
    ) as cloud:
        yield cloud


def client_of(cloud: EmbeddedCloud, token: str) -> Client:
    return Client(token, root_domain=cloud.root_domain, protocol="http", default_region="")


def test_from_recording_to_deleting(
    s3: servers.S3, bucket: str, cloud_on_s3: EmbeddedCloud, tmp_path: Path, eventually: Callable
) -> None:
    with client_of(cloud_on_s3, cloud_on_s3.public_token) as recording:
        ids = [recording.create_session(Session()).session_id for _ in range(2)]
        for session_id in ids:
            recording.send_bundles(session_id, [Bundle(index=index + 1) for index in range(12)])
    # Two chunks of five each, in two renditions; the rest is in the log.
    eventually(lambda: len(s3.keys(bucket, "chunks/")) == 8)
    assert not (tmp_path / "data" / "objects").exists()
    with client_of(cloud_on_s3, cloud_on_s3.secret_token) as client:
        for session_id in ids:
            read = client.read_session(session_id)
            assert [sealed.bundle.index for sealed in read] == list(range(1, 13))
            chunks = list(client.list_chunks(session_id))
            found = [sealed for chunk in chunks for sealed in client.read_chunk(session_id, chunk.chunk_id)]
            assert [sealed.bundle.index for sealed in found] == list(range(1, 11))
        client.delete_session(ids[0])
    cloud_on_s3.restart()
    eventually(lambda: len(s3.keys(bucket)) == 4)
    with client_of(cloud_on_s3, cloud_on_s3.secret_token) as client:
        assert len(list(client.read_session(ids[1]))) == 12


def test_importing(
    s3: servers.S3, bucket: str, cloud_on_s3: EmbeddedCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = write_session(tmp_path / "tree", checkout_bot(1))
    cloud_on_s3.close()
    monkeypatch.setenv("MOONSENSE_CLOUD_OBJECTS_URL", f"s3://{bucket}/chunks")
    command = [Path(sys.executable).with_name("moonsense"), "cloud", "import", tmp_path / "tree"]
    result = subprocess.run(
        [*command, "--data-dir", tmp_path / "data"], check=False, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    assert s3.keys(bucket, "chunks/")
    cloud_on_s3.start()
    with client_of(cloud_on_s3, cloud_on_s3.secret_token) as client:
        text = (tmp_path / "tree" / "2026-03-01" / session_id / "raw_sealed_bundles.json").read_bytes()
        assert len(list(client.read_session(session_id))) == text.count(b"\n")


def test_what_a_store_complains_of_shows_no_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The log of a cloud has what a store answers, and a store repeats what it was asked with."""
    body = f"<Error><Code>SlowDown</Code><AWSAccessKeyId>{servers.KEY_ID}</AWSAccessKeyId></Error>"
    with WireServer(reply(body.encode(), 403)) as server:
        for name, value in servers.variables(server.url).items():
            monkeypatch.setenv(name, value)
        objects = Objects(tmp_path, "s3://bucket/chunks")
        for ask in (lambda: objects.put("a", b""), lambda: objects.delete("a")):
            try:
                ask()
            except StoreError:
                logging.getLogger("moonsense").exception("it failed")
    assert caplog.text.count("403 Forbidden: SlowDown") >= 2
    assert "Traceback" in caplog.text
    assert not [canary for canary in servers.CANARIES if canary in caplog.text]
