"""The clients that are compared, and the cloud that they all work with."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.material import ROOT
from benchmarks.waiting import until
from moonsense.client import Client
from moonsense.cloud.embed import EmbeddedCloud
from moonsense.models import Bundle, Session

WORKER = Path(__file__).with_name("worker.py")
PEERS = ROOT / ".venv-peers"
VERSIONS = ("0.5.0", "0.13.1")

_BATCH = 50


@dataclass(frozen=True)
class Contender:
    """A client that is measured: its Python, and what ours is told to ask for."""

    name: str
    python: Path
    wire: str = ""

    @property
    def published(self) -> bool:
        """Whether it is not ours."""
        return not self.wire


@dataclass(frozen=True)
class Result:
    """Of one client on one thing: seconds in the best round, and the peak of memory in bytes."""

    seconds: float
    memory: int


def contenders() -> Iterator[Contender]:
    """Ours, and the published clients that are installed."""
    yield Contender("this client, protobuf", Path(sys.executable), "protobuf")
    yield Contender("this client, JSON", Path(sys.executable), "json")
    for version in VERSIONS:
        python = PEERS / version / "bin" / "python"
        if python.exists():
            yield Contender(f"published {version}", python)
        else:
            print(f"without moonsense {version}: scripts/side_environments.py says why", file=sys.stderr)


def run(
    cloud: EmbeddedCloud,
    contender: Contender,
    work: str,
    *,
    warm_up: Mapping[str, object],
    arguments: Mapping[str, object],
    count: int,
    rounds: int,
) -> Result:
    """Let a client do something in a process of its own. Raises ValueError when it did not do all of it."""
    client = {
        "secret_token": cloud.secret_token,
        "root_domain": cloud.root_domain,
        "protocol": "http",
        "default_region": "",
    }
    if contender.wire:
        client["wire"] = contender.wire
    order = {
        "client": client,
        "work": work,
        "warm_up": dict(warm_up),
        "arguments": dict(arguments),
        "rounds": rounds,
    }
    answer = json.loads(
        subprocess.run(
            [str(contender.python), "-I", str(WORKER), json.dumps(order)],
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
    )
    if answer["count"] != count:
        raise ValueError(f"{contender.name}, {work}: {answer['count']} of {count}")
    return Result(seconds=min(answer["seconds"]), memory=answer["memory"])


def recorder(cloud: EmbeddedCloud) -> Callable[[Iterable[Bundle]], str]:
    """Records a session, waits until all of it is in chunks, and gives its id."""

    def client(token: str) -> Client:
        return Client(token, cloud.root_domain, "http", "")

    def record(bundles: Iterable[Bundle]) -> str:
        with client(cloud.public_token) as recorder, client(cloud.secret_token) as reader:
            session_id = recorder.create_session(Session()).session_id
            batch: list[Bundle] = []
            total = 0
            for bundle in bundles:
                batch.append(bundle)
                total += 1
                if len(batch) == _BATCH:
                    recorder.send_bundles(session_id, batch)
                    batch = []
            if batch:
                recorder.send_bundles(session_id, batch)
            # One of the published clients reads chunks only.
            until(lambda: _sealed(reader, session_id) >= total, "the session is not sealed")
            return session_id

    return record


def _sealed(client: Client, session_id: str) -> int:
    """How many bundles of a session are in chunks."""
    chunks = client.list_chunks(session_id)
    return sum(sum(1 for _ in client.read_chunk(session_id, chunk.chunk_id)) for chunk in chunks)
