"""The example of a consumer, as its own process: steps of simulated walks, and one card a chunk."""

from __future__ import annotations

import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from moonsense.client import Client
from moonsense.cloud.embed import EmbeddedCloud
from moonsense.simulator import SimulatedSession, checkout_person, phone, walking_phone
from moonsense.simulator.walk import Walker

EXAMPLE = Path(__file__).resolve().parent.parent.parent / "examples" / "consumer_example.py"
SECONDS = 30.0


def walk(seed: int, monkeypatch: pytest.MonkeyPatch) -> tuple[SimulatedSession, Walker]:
    """A simulated walk, and how its person walks."""
    drawn: list[Walker] = []
    plain = phone.draw_walker
    with monkeypatch.context() as patched:
        patched.setattr(phone, "draw_walker", lambda rng: drawn.append(plain(rng)) or drawn[-1])
        simulated = walking_phone(seed, duration=SECONDS, rate=50)
        next(simulated.bundles())
    return simulated, drawn[0]


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent otherwise there")
def test_the_steps_of_simulated_walks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, eventually: Callable[..., Any]
) -> None:
    walks = dict(enumerate(walk(seed, monkeypatch) for seed in range(4)))
    with (
        EmbeddedCloud(seal_bundles=12, seal_age_seconds=3600, sealer_process=False) as cloud,
        Client(cloud.public_token, cloud.root_domain, "http", "") as recorder,
        Client(cloud.secret_token, cloud.root_domain, "http", "") as client,
    ):

        def record(simulated: SimulatedSession) -> str:
            session_id = recorder.create_session(simulated.session).session_id
            recorder.send_bundles(session_id, list(simulated.bundles()))
            return session_id

        sessions = {record(simulated): walker for simulated, walker in walks.values()}
        page = record(checkout_person(1))

        def cards() -> dict[str, list[str]]:
            return {
                session: [card.description for card in client.list_cards(session)] for session in sessions
            }

        # The second time without what it remembers: the chunks come again, and their cards do not.
        for _ in range(2):
            run(cloud, tmp_path, lambda: eventually(lambda: complete(tmp_path, 3 * len(sessions))))
            for session, walker in sessions.items():
                counted = [int(re.match(r"\d+", text)[0]) for text in cards()[session]]
                assert len(counted) == 3
                walked = walker.step_hertz * SECONDS
                # A step that two chunks share may be in neither.
                assert abs(sum(counted) - walked) < 0.03 * walked + 3
            with closing(sqlite3.connect(tmp_path / "steps.db")) as written:
                rows = written.execute("SELECT session_id, steps, chunk_id FROM steps").fetchall()
            told = [(session, text) for session, texts in cards().items() for text in texts]
            assert sorted((at, f"{steps} steps in chunk {chunk}") for at, steps, chunk in rows) == sorted(
                told
            )
            (tmp_path / "steps.db").unlink()
        assert client.list_cards(page) == []


def complete(folder: Path, chunks: int) -> bool:
    path = folder / "steps.db"
    if not path.exists():
        return False
    with closing(sqlite3.connect(path)) as written:
        try:
            return written.execute("SELECT count(*) FROM steps").fetchone()[0] == chunks
        except sqlite3.OperationalError:
            return False  # the first chunk is not done yet


def run(cloud: EmbeddedCloud, folder: Path, wait: Callable[[], Any]) -> None:
    """Run the example until something is so, and end it as its user would."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", EXAMPLE],
        cwd=folder,
        env=cloud.environment,
        stdout=subprocess.DEVNULL,
    )
    try:
        wait()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
