"""Clients that go away: what they began is not kept, and what was open for them is closed."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from support.tenants import Tenant, bundle

from moonsense.cloud.embed import EmbeddedCloud
from moonsense.cloud.records import Body, Snapshot
from moonsense.cloud.store.bundles import Bundles
from moonsense.contract import media
from moonsense.models import BundleCreateRequest


def connect(cloud: EmbeddedCloud) -> socket.socket:
    host, _, port = cloud.root_domain.partition(":")
    return socket.create_connection((host, int(port)), timeout=20)


def test_an_upload_that_breaks_off_stores_nothing(
    tenant: Tenant, running: EmbeddedCloud, caplog: pytest.LogCaptureFixture
) -> None:
    session_id = tenant.open_session()
    body = BundleCreateRequest(session_id=session_id, bundles=[bundle(1), bundle(2)]).SerializeToString()
    head = (
        f"POST /v2/bundles HTTP/1.1\r\nHost: x\r\nContent-Type: {media.PROTOBUF}\r\n"
        f"Authorization: {tenant.recorder.headers['Authorization']}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    for end in (0, 1, len(body) // 2, len(body) - 1):
        with connect(running) as connection:
            connection.sendall(head + body[:end])

    # The cloud has dealt with those connections when it has with a later one that says all.
    with connect(running) as connection:
        connection.sendall(head + body)
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
    found = tenant.reader.get(f"/v2/sessions/{session_id}").json()
    assert found["counters"]["bundle"]["total"] == 2
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("accept", [media.TAR_GZ, media.FRAMES])
def test_a_reader_that_goes_away_closes_what_it_read_from(
    tenant: Tenant,
    running: EmbeddedCloud,
    monkeypatch: pytest.MonkeyPatch,
    accept: str,
) -> None:
    closed = threading.Event()
    noise = bytes(range(256)) * 1024

    async def read(_offset: int = 0) -> AsyncIterator[bytes]:
        try:
            while True:
                yield noise
        finally:
            closed.set()

    open_really = Bundles.open

    async def open_bundles(bundles: Bundles, *arguments: Any) -> Snapshot:
        return replace(await open_really(bundles, *arguments), body=Body(10**12, read))

    session_id = tenant.record(1)
    monkeypatch.setattr(Bundles, "open", open_bundles)
    with connect(running) as connection:
        connection.sendall(
            (
                f"GET /v2/sessions/{session_id}/bundles HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n"
                f"Authorization: {tenant.reader.headers['Authorization']}\r\n\r\n"
            ).encode()
        )
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
        assert not closed.is_set()

    assert closed.wait(20)
    assert tenant.reader.get("/v2/labels").status_code == 200
