"""kill -9 at any moment: nothing acknowledged is lost, nothing is there twice, nothing half is visible."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import random
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import select, update
from support.killable import KillableCloud, init, lives
from support.killing import metric, running, start_and_kill, wait
from support.traffic import Ledger, Reader, Recorder

from moonsense.cloud import admin
from moonsense.cloud.catalog.tables import chunk, garbage, session
from moonsense.cloud.objects import chunk_keys
from moonsense.cloud.settings import Settings
from moonsense.cloud.store import Store

pytestmark = [
    pytest.mark.torture,
    pytest.mark.skipif(sys.platform == "win32", reason="it has no SIGKILL"),
]

TORTURE = bool(os.environ.get("MOONSENSE_TORTURE"))
KILLS = 100 if TORTURE else 8
SETUP_KILLS = 30 if TORTURE else 3
SEED = int(os.environ.get("MOONSENSE_TORTURE") or 1)

# Chunks so small and young that there is always one being made.
SEALING = {"seal_bundles": 7, "seal_bytes": 100_000, "seal_age_seconds": 0.05}

Eventually = Callable[..., Any]


def test_kills_while_recording(tmp_path: Path, eventually: Eventually) -> None:
    credentials = admin.init(tmp_path / "data")
    ledger = Ledger()
    rng = random.Random(f"kills {SEED}")
    with KillableCloud(tmp_path / "data", **SEALING) as cloud:
        threads = [
            *(Recorder(ledger, cloud.url, credentials.public_token, seed) for seed in range(4)),
            *(Reader(ledger, cloud.url, credentials.secret_token, seed) for seed in range(2)),
        ]
        with running(threads, ledger):
            for number in range(KILLS):
                start_and_kill(cloud, rng, number, ledger, eventually)
                assert ledger.wrong == []
            cloud.start()
        print(f"{KILLS} kills, {len(ledger.recordings)} sessions, {dict(ledger.counts)}")
        assert ledger.counts["requests acknowledged"] > 5 * KILLS
        assert ledger.counts["reads"] > KILLS

        eventually(lambda: metric(cloud, "bundles_in_log") == 0, timeout=60)
        with closing(Reader(ledger, cloud.url, credentials.secret_token, seed=0)) as reader:
            for recording in ledger.recordings:
                reader.check_all(recording)
        assert ledger.wrong == []
        cloud.stop()
        eventually(lambda: not any(lives(pid) for pid in cloud.renderers))
    _check_objects(tmp_path / "data", eventually)


def _check_objects(folder: Path, eventually: Eventually) -> None:
    """Every chunk's objects are on the disk and right; all others are known garbage, and get swept."""
    chunks = _chunks(folder)
    assert len(chunks) > KILLS
    for (ndjson_gz, _), (md5, size) in chunks.items():
        text = gzip.decompress((folder / "objects" / ndjson_gz).read_bytes())
        assert hashlib.md5(text).hexdigest() == md5
        assert len(text) == size
    wanted = {key for keys in chunks for key in keys}
    # A write that was killed leaves a file with a number behind its name.
    assert {name.partition("#")[0] for name in _files(folder)} - wanted <= _garbage(folder)

    with closing(Store.open(Settings.of(data_dir=folder), serving=False)) as store:
        store.folder.write_now(lambda connection: connection.execute(update(garbage).values(not_before=0)))
    with closing(Store.open(Settings.of(data_dir=folder))):
        eventually(lambda: _garbage(folder) == set())
    assert _files(folder) == wanted


def _chunks(folder: Path) -> dict[tuple[str, str], tuple[str, int]]:
    """The objects of every chunk, with the md5 and the size of its text."""
    query = select(
        session.c.project_id, session.c.session_id, chunk.c.chunk_id, chunk.c.md5, chunk.c.ndjson_size
    ).select_from(chunk.join(session))
    with closing(Store.open(Settings.of(data_dir=folder), serving=False)) as store:
        rows = store.folder.read_now(lambda connection: connection.execute(query).all())
    return {chunk_keys(*row[:3]): (row.md5, row.ndjson_size) for row in rows}


def _garbage(folder: Path) -> set[str]:
    with closing(Store.open(Settings.of(data_dir=folder), serving=False)) as store:
        return store.folder.read_now(
            lambda connection: set(connection.execute(select(garbage.c.object_key)).scalars())
        )


def _files(folder: Path) -> set[str]:
    objects = folder / "objects"
    return {str(path.relative_to(objects)) for path in objects.rglob("*") if path.is_file()}


def test_kills_while_a_cloud_is_made(tmp_path: Path) -> None:
    rng = random.Random(f"setup {SEED}")
    for number in range(SETUP_KILLS):
        folder = tmp_path / str(number)
        process = init(folder)
        wait(rng.uniform(0, 1.5))
        process.kill()
        said, _ = process.communicate()
        if said:
            # It came to its end before: its tokens are good.
            token = json.loads(said)["secret_token"]
        else:
            again = init(folder)
            said, complaint = again.communicate(timeout=60)
            # A cloud that was made and whose tokens nobody saw: there are others to be had.
            assert again.returncode == 0 or b"cloud token create" in complaint, complaint
            token = json.loads(said)["secret_token"] if said else admin.create_token(folder).token
        with KillableCloud(folder) as cloud:
            cloud.start()
            answer = httpx2.get(f"{cloud.url}/v2/tokens/self", headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == 200
