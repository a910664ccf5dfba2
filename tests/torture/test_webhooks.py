"""kill -9 of the cloud while it records and delivers: no event is missing, and repeats carry the same id."""

from __future__ import annotations

import json
import os
import random
import sys
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from support.killable import KillableCloud
from support.killing import metric, running, start_and_kill
from support.receiver import receiving
from support.traffic import Ledger, Recorder

from moonsense.client import Client
from moonsense.cloud import admin
from moonsense.cloud.catalog.tables import chunk, session
from moonsense.cloud.settings import Settings
from moonsense.cloud.store import Store
from moonsense.models.webhooks_v2_pb2 import WebhookEndpoint

pytestmark = [
    pytest.mark.torture,
    pytest.mark.skipif(sys.platform == "win32", reason="it has no SIGKILL"),
]

TORTURE = bool(os.environ.get("MOONSENSE_TORTURE"))
KILLS = 200 if TORTURE else 5
SEED = int(os.environ.get("MOONSENSE_TORTURE") or 1)

SETTINGS = {
    "seal_bundles": 7,
    "seal_age_seconds": 0.05,
    "session_inactive_seconds": 1,
    "webhook_allowed_networks": '["127.0.0.0/8"]',
    # So many that chance, a third each time, gives none of them up.
    "webhook_retry_seconds": json.dumps([0.05] * 40),
}

Eventually = Callable[..., Any]
Key = tuple[str, str, int]


def test_kills_while_webhooks_are_delivered(tmp_path: Path, eventually: Eventually) -> None:
    credentials = admin.init(tmp_path / "data")
    ledger = Ledger()
    rng = random.Random(f"webhook kills {SEED}")
    log = tmp_path / "received.ndjson"
    with receiving(log, SEED) as (url, receiver), KillableCloud(tmp_path / "data", **SETTINGS) as cloud:
        where = (credentials.secret_token, cloud.url.removeprefix("http://"), "http", "")
        cloud.start()
        with Client(*where) as client:
            made = client.create_webhook_endpoint(WebhookEndpoint(url=url))
        assert receiver.stdin is not None
        receiver.stdin.write(f"{made.secret}\n")
        receiver.stdin.flush()
        cloud.kill()

        threads = [Recorder(ledger, cloud.url, credentials.public_token, seed) for seed in range(2)]
        with running(threads, ledger):
            for number in range(KILLS):
                start_and_kill(cloud, rng, number, ledger, eventually, requests=15)
            cloud.start()
        assert ledger.wrong == []
        eventually(lambda: metric(cloud, "bundles_in_log") == 0, timeout=60)
        expected = _expected(ledger)
        with Client(*where) as client:
            eventually(
                lambda: (
                    next(client.list_webhook_deliveries(state="WAITING"), None) is None
                    and expected <= _received(log).keys()
                ),
                timeout=1800 if TORTURE else 90,
            )
            assert list(client.list_webhook_deliveries(state="FAILED", limit=1)) == []
        cloud.stop()

    received = _received(log)
    repeats = sum(len(ids) for ids in received.values()) - sum(len(set(ids)) for ids in received.values())
    print(f"{KILLS} kills, {len(expected)} events expected, {repeats} deliveries came more than once")
    for (event, session_id, index), ids in received.items():
        # What happens once has one id, however often it is told.
        if event in ("SESSION_CREATED", "BUNDLE_RECEIVED"):
            assert len(set(ids)) == 1, (event, session_id, index, ids)
    assert repeats > 0
    chunks = {key[1]: len(set(ids)) for key, ids in received.items() if key[0] == "CHUNK_PERSISTED"}
    assert chunks == _chunks(tmp_path / "data")


def _expected(ledger: Ledger) -> set[Key]:
    """Every event that the cloud's acknowledgements promise."""
    keys: set[Key] = set()
    for recording in ledger.recordings:
        keys.add(("SESSION_CREATED", recording.session_id, 0))
        keys.add(("SESSION_INACTIVE", recording.session_id, 0))
        keys.update(("BUNDLE_RECEIVED", recording.session_id, index) for index in recording.promised())
    return keys


def _received(log: Path) -> dict[Key, list[str]]:
    """The ids under which each event arrived, each arrival one."""
    received: defaultdict[Key, list[str]] = defaultdict(list)
    for line in log.read_text(encoding="utf-8").splitlines():
        noted = json.loads(line)
        assert "wrong" not in noted, noted
        received[noted["event"], noted["session"], noted["index"]].append(noted["id"])
    return received


def _chunks(folder: Path) -> dict[str, int]:
    """How many chunks each session has."""
    query = (
        select(session.c.session_id, func.count())
        .select_from(chunk.join(session))
        .group_by(session.c.session_id)
    )
    with closing(Store.open(Settings.of(data_dir=folder), serving=False)) as store:
        return dict(map(tuple, store.folder.read_now(lambda connection: connection.execute(query).all())))
