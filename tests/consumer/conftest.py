"""Stores of every kind, a cloud that seals at once, and recording into it."""

from __future__ import annotations

import itertools
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import postgres

from moonsense.client import Client
from moonsense.cloud.embed import EmbeddedCloud
from moonsense.consumer import Checkpoints, FileCheckpoints, PostgresCheckpoints, SqliteCheckpoints
from moonsense.models import Bundle, Session

CHUNK = 5

Open = Callable[[], Checkpoints]


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """How to connect to a PostgreSQL server of our own, or a skip with the reason."""
    if postgres.binaries() is None:
        pytest.skip("there is no PostgreSQL server on this machine")
    if shutil.which("setpriv") is None:
        pytest.skip("there is no setpriv, to start PostgreSQL as another user than root")
    with postgres.server(tmp_path_factory.mktemp("postgres")) as conninfo:
        yield conninfo


_numbers = itertools.count(1)


@pytest.fixture
def postgres_database(postgres_server: str) -> Iterator[str]:
    """A schema of its own: a database would take a second to make."""
    import psycopg

    name = f"test{next(_numbers)}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    yield f"{postgres_server} options=-csearch_path={name}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA {name} CASCADE")


@pytest.fixture(params=["sqlite", "postgres", "file"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens one and the same store, as often as it is called; all are closed in the end."""
    opened: list[Checkpoints] = []

    def open_() -> Checkpoints:
        store: Checkpoints
        if request.param == "sqlite":
            store = SqliteCheckpoints(tmp_path / "checkpoints.db")
        elif request.param == "postgres":
            store = PostgresCheckpoints(request.getfixturevalue("postgres_database"))
        else:
            store = FileCheckpoints(tmp_path / "checkpoints.jsonl")
        opened.append(store)
        return store

    yield open_
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Open) -> Checkpoints:
    return open_store()


@pytest.fixture(scope="session")
def sealing_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedCloud]:
    """A cloud that makes a chunk of every five bundles, and of fewer once a session ends or is silent."""
    with EmbeddedCloud(
        tmp_path_factory.mktemp("sealing") / "data",
        seal_bundles=CHUNK,
        seal_age_seconds=1.5,
        sealer_process=False,
    ) as cloud:
        yield cloud


def client_of(cloud: EmbeddedCloud, token: str) -> Client:
    return Client(token, cloud.root_domain, "http", "")


@pytest.fixture
def reading(sealing_cloud: EmbeddedCloud) -> Iterator[Client]:
    with client_of(sealing_cloud, sealing_cloud.secret_token) as client:
        yield client


class Recording:
    """Records into sessions of one group, and waits until the cloud has made chunks of it."""

    def __init__(self, recording: Client, reading: Client, group: str) -> None:
        self._recording = recording
        self._reading = reading
        self.group = group
        self.sent: dict[str, int] = {}

    def open(self, **fields: object) -> str:
        """A new session's id."""
        session = self._recording.create_session(Session(client_session_group_id=self.group, **fields))
        self.sent[session.session_id] = 0
        return session.session_id

    def send(self, session_id: str, count: int, *, final: bool = False) -> None:
        """So many more bundles of a session."""
        first = self.sent[session_id] + 1
        self.sent[session_id] += count
        self._recording.send_bundles(
            session_id,
            [
                Bundle(index=index, is_final_bundle=final and index == self.sent[session_id])
                for index in range(first, first + count)
            ],
        )

    def chunks(self, session_id: str) -> list[str]:
        return [chunk.chunk_id for chunk in self._reading.list_chunks(session_id)]

    def session(self, count: int = 5, *, final: bool = True, **fields: object) -> str:
        """A new session with so many bundles, once they are in chunks: when none is final, the full ones."""
        session_id = self.open(**fields)
        self.send(session_id, count, final=final)
        deadline = time.monotonic() + 30
        while len(self.chunks(session_id)) < (-(-count // CHUNK) if final else count // CHUNK):
            assert time.monotonic() < deadline, "the cloud makes no chunks"
            time.sleep(0.005)
        return session_id


@pytest.fixture
def recording(
    sealing_cloud: EmbeddedCloud, reading: Client, request: pytest.FixtureRequest
) -> Iterator[Recording]:
    with client_of(sealing_cloud, sealing_cloud.public_token) as client:
        yield Recording(client, reading, f"{request.node.name[:40]}-{next(_numbers)}")
