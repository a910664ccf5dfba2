"""kill -9 of consumers and cloud while sessions are recorded: every chunk is done, its effect there once."""

from __future__ import annotations

import os
import random
import sqlite3
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support.consuming import ConsumerProcess
from support.handlers import into_sink
from support.killable import KillableCloud
from support.killing import metric, running, start_and_kill, wait
from support.traffic import Ledger, Recorder

from moonsense.client import Client
from moonsense.cloud import admin
from moonsense.consumer import Consumer, SqliteCheckpoints

pytestmark = [
    pytest.mark.torture,
    pytest.mark.skipif(sys.platform == "win32", reason="it has no SIGKILL"),
]

TORTURE = bool(os.environ.get("MOONSENSE_TORTURE"))
KILLS = 200 if TORTURE else 4
SEED = int(os.environ.get("MOONSENSE_TORTURE") or 1)

SEALING = {"seal_bundles": 7, "seal_bytes": 100_000, "seal_age_seconds": 0.05}
CONSUMING = ("--lease", "1", "--poll", "0.05", "--parallel", "3")

Eventually = Callable[..., Any]


class Killer(threading.Thread):
    """Starts consumers, two at a time, and kills each at some moment of its life, so often in all."""

    def __init__(self, environment: dict[str, str], checkpoints: Path, log: Path, kills: int) -> None:
        super().__init__(name="killer", daemon=True)
        self._rng = random.Random(f"consumer kills {SEED}")
        self._checkpoints = checkpoints
        self._consumers = [
            ConsumerProcess(environment, str(checkpoints), "into_sink", log, *CONSUMING) for _ in range(2)
        ]
        self._left = kills
        self.kills = 0
        self.at_work = 0
        """Kills after which something had been done since the consumer began."""

    def run(self) -> None:
        for consumer in self._consumers:
            consumer.start()
        try:
            while self.kills < self._left:
                self._kill(self._rng.choice(self._consumers))
        finally:
            for consumer in self._consumers:
                consumer.kill()

    def _kill(self, consumer: ConsumerProcess) -> None:
        before = self._done()
        # Some die while they start; most at work, a moment after a chunk was done.
        if self._rng.random() < 0.8:
            for _ in range(2_000):
                if self._done() > before:
                    break
                wait(0.01)
            wait(self._rng.uniform(0, 0.05))
        else:
            wait(self._rng.uniform(0, 2))
        consumer.kill()
        self.kills += 1
        self.at_work += self._done() > before
        consumer.start()

    def _done(self) -> int:
        return len(sink(self._checkpoints))


def sink(checkpoints: Path) -> list[tuple[str, str, str]]:
    """What was written, in the order of the transactions."""
    if not checkpoints.exists():
        return []
    with closing(sqlite3.connect(checkpoints, timeout=60)) as connection:
        try:
            return connection.execute("SELECT session, chunk, bundles FROM sink ORDER BY rowid").fetchall()
        except sqlite3.OperationalError:
            return []


def test_kills_of_consumers_and_cloud(tmp_path: Path, eventually: Eventually) -> None:
    credentials = admin.init(tmp_path / "data")
    ledger = Ledger()
    rng = random.Random(f"consumer cloud kills {SEED}")
    checkpoints = tmp_path / "checkpoints.db"
    with KillableCloud(tmp_path / "data", **SEALING) as cloud:
        domain = cloud.url.removeprefix("http://")
        environment = {
            "MOONSENSE_SECRET_TOKEN": credentials.secret_token,
            "MOONSENSE_ROOT_DOMAIN": domain,
            "MOONSENSE_PROTOCOL": "http",
            "MOONSENSE_DEFAULT_REGION": "",
        }
        recorders = [Recorder(ledger, cloud.url, credentials.public_token, seed) for seed in range(2)]
        killer = Killer(environment, checkpoints, tmp_path / "consumer.log", KILLS)
        cloud_kills = 0
        with running(recorders, ledger):
            killer.start()
            # The cloud as often as it must be, and on while consumers are still to be killed.
            while cloud_kills < KILLS or killer.is_alive():
                start_and_kill(cloud, rng, cloud_kills, ledger, eventually)
                cloud_kills += 1
            cloud.start()
        assert killer.kills == KILLS
        eventually(lambda: metric(cloud, "bundles_in_log") == 0, timeout=60)

        with (
            Client(credentials.secret_token, domain, "http", "") as client,
            SqliteCheckpoints(checkpoints) as store,
        ):
            consumer = Consumer(client, checkpoints=store, start="beginning")
            consumer.run(into_sink, once=True)
            status = consumer.status()
            expected = {
                recording.session_id: [
                    (chunk.chunk_id, _indexes(client, recording.session_id, chunk.chunk_id))
                    for chunk in client.list_chunks(recording.session_id)
                ]
                for recording in ledger.recordings
            }
        cloud.stop()

    assert ledger.wrong == []
    rows = sink(checkpoints)
    print(
        f"{cloud_kills} kills of the cloud, {killer.kills} of consumers, {killer.at_work} of them at work; "
        f"{len(rows)} chunks of {len(expected)} sessions"
    )
    assert Counter(chunk for _, chunk, _ in rows).most_common(1)[0][1] == 1
    written: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for session_id, chunk_id, indexes in rows:
        written[session_id].append((chunk_id, indexes))
    assert written == {session_id: chunks for session_id, chunks in expected.items() if chunks}
    for recording in ledger.recordings:
        there = {int(index) for _, indexes in written[recording.session_id] for index in indexes.split(",")}
        assert recording.promised() <= there
    assert (status.lag_chunks, status.dead) == (0, 0)
    assert status.processed == len(rows)


def _indexes(client: Client, session_id: str, chunk_id: str) -> str:
    return ",".join(str(sealed.bundle.index) for sealed in client.read_chunk(session_id, chunk_id))
