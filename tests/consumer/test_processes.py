"""Consumers in processes of their own: signals, one that stands still, several that share the work."""

from __future__ import annotations

import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from support.consuming import ConsumerProcess

from moonsense.cloud.embed import EmbeddedCloud
from moonsense.consumer import open_checkpoints
from moonsense.models import SessionLabel

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="it has no such signals")

Start = Callable[..., ConsumerProcess]
Eventually = Callable[..., Any]


@pytest.fixture
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Checkpoints as the command takes them: in SQLite, or as the test says."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return str(tmp_path / "checkpoints.db")
    fields = dict(pair.split("=", 1) for pair in request.getfixturevalue("postgres_database").split())
    return f"postgresql://{fields['user']}@/{fields['dbname']}?host={fields['host']}&options={quote(fields['options'])}"


def sink(location: str) -> list[tuple[str, str, str, int]]:
    """What the handlers wrote, as they wrote it; nothing before one made the table."""
    import psycopg

    query = "SELECT session, chunk, bundles, pid FROM sink"
    connect: Any = psycopg.connect if location.startswith("postgresql") else sqlite3.connect
    with closing(connect(location)) as connection:
        try:
            return connection.execute(query).fetchall()
        except (sqlite3.OperationalError, psycopg.errors.UndefinedTable):
            return []


@pytest.fixture
def start(sealing_cloud: EmbeddedCloud, recording, location: str, tmp_path: Path) -> Iterator[Start]:
    """Starts consumers of the sessions with the test's label; they are killed in the end."""
    started: list[ConsumerProcess] = []

    def start(handler: str, *options: str) -> ConsumerProcess:
        environment = sealing_cloud.environment | {"HELD": str(tmp_path)}
        process = ConsumerProcess(
            environment,
            location,
            handler,
            tmp_path / f"{len(started)}.log",
            *("--label", recording.group, "--poll", "0.1", "--parallel", "1", *options),
        )
        started.append(process.start())
        return process

    yield start
    for process in started:
        process.kill()
        print(process._log.read_text(encoding="utf-8"))


def labelled(recording, count: int) -> str:
    return recording.session(count, labels=[SessionLabel(name=recording.group)])


def begun(process: ConsumerProcess, folder: Path) -> Path:
    return folder / f"begun-{process.pid}"


def go(process: ConsumerProcess, folder: Path) -> None:
    (folder / f"go-{process.pid}").touch()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_the_chunk_be_finished(
    recording, start: Start, location: str, tmp_path: Path, number: signal.Signals, eventually: Eventually
) -> None:
    session = labelled(recording, 15)
    consumer = start("held")
    eventually(begun(consumer, tmp_path).exists)
    consumer.signal(number)
    eventually(lambda: consumer.said("no other chunk is begun"))
    go(consumer, tmp_path)
    assert consumer.wait() == 0
    assert [(at, bundles) for at, _, bundles, _ in sink(location)] == [(session, "1,2,3,4,5")]
    assert consumer.said("1 chunks done")


def test_a_second_signal_abandons_the_chunk(
    recording, start: Start, location: str, tmp_path: Path, eventually: Eventually
) -> None:
    labelled(recording, 5)
    consumer = start("held")
    eventually(begun(consumer, tmp_path).exists)
    consumer.signal(signal.SIGINT)
    eventually(lambda: consumer.said("no other chunk is begun"))
    consumer.signal(signal.SIGINT)
    assert consumer.wait() == 0
    with open_checkpoints(location, readonly=True) as store:
        (status,) = store.status()
    assert status.processed == 0
    assert status.lag_chunks == 1


@pytest.mark.parametrize("location", ["sqlite", "postgres"], indirect=True)
def test_one_that_stood_still_commits_nothing(
    recording, start: Start, location: str, tmp_path: Path, eventually: Eventually
) -> None:
    session = labelled(recording, 10)
    sleeper = start("held", "--lease", "1")
    eventually(begun(sleeper, tmp_path).exists)
    sleeper.signal(signal.SIGSTOP)
    waker = start("held", "--lease", "1")
    eventually(begun(waker, tmp_path).exists)
    go(waker, tmp_path)
    eventually(lambda: len(sink(location)) == 2)

    sleeper.signal(signal.SIGCONT)
    go(sleeper, tmp_path)
    eventually(lambda: sleeper.said("is another's by now"))
    late = labelled(recording, 5)
    eventually(lambda: len(sink(location)) == 3)
    assert waker.stop() == 0
    assert sleeper.stop() == 0
    rows = sorted(sink(location), key=lambda row: (row[0] != session, row[2]))
    assert [(at, bundles) for at, _, bundles, _ in rows] == [
        (session, "1,2,3,4,5"),
        (session, "6,7,8,9,10"),
        (late, "1,2,3,4,5"),
    ]
    assert {pid for at, _, _, pid in rows if at == session} == {waker.pid}


@pytest.mark.parametrize("location", ["postgres"], indirect=True)
def test_processes_share_the_work(recording, start: Start, location: str, eventually: Eventually) -> None:
    sessions = [labelled(recording, 10) for _ in range(6)]
    for _ in range(3):
        start("into_sink", "--parallel", "2")

    def written() -> list[tuple[str, str, str, int]]:
        with open_checkpoints(location) as store:
            processed = [status.processed for status in store.status()]
        return sink(location) if processed == [12] else []

    rows = eventually(written, timeout=60)
    assert sorted((at, bundles) for at, _, bundles, _ in rows) == sorted(
        (session, bundles) for session in sessions for bundles in ("1,2,3,4,5", "6,7,8,9,10")
    )
