"""Reading one session from one cloud: our client in both forms, and the published ones."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.material import ROOT, Material
from benchmarks.report import Table, megabytes
from moonsense.client import Client
from moonsense.cloud.embed import EmbeddedCloud
from moonsense.models import Bundle, Session

READER = Path(__file__).with_name("reader.py")
PEERS = ROOT / ".venv-peers"
VERSIONS = ("0.5.0", "0.13.1")

_BATCH = 50
_SEAL_SECONDS = 120.0


@dataclass(frozen=True)
class Reading:
    """A client that reads: its Python, and what ours is told to ask for."""

    name: str
    python: Path
    wire: str = ""

    @property
    def published(self) -> bool:
        """Whether it is not ours."""
        return not self.wire


@dataclass(frozen=True)
class Result:
    """One client on one session: bundles a second in the best round, and the peak of memory in bytes."""

    rate: float
    memory: int


def readings() -> Iterator[Reading]:
    """Ours, and the published clients that are installed."""
    yield Reading("this client, protobuf", Path(sys.executable), "protobuf")
    yield Reading("this client, JSON", Path(sys.executable), "json")
    for version in VERSIONS:
        python = PEERS / version / "bin" / "python"
        if python.exists():
            yield Reading(f"published {version}", python)
        else:
            print(f"without moonsense {version}: scripts/side_environments.py says why", file=sys.stderr)


def measure(folder: Path, material: Material, length: int, rounds: int) -> list[Table]:
    """Read a session of so many bundles, and one ten times as long, with every client."""
    with EmbeddedCloud(folder) as cloud:
        record = _recorder(cloud)
        warm_up = record(material.session(20))
        sessions = [(size, record(material.session(size))) for size in (length, 10 * length)]
        results = {
            reading: [_read(cloud, reading, warm_up, session, size, rounds) for size, session in sessions]
            for reading in readings()
        }
    return [_table(material, length, rounds, results)]


def _recorder(cloud: EmbeddedCloud) -> Callable[[Iterable[Bundle]], str]:
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
            deadline = time.monotonic() + _SEAL_SECONDS
            while _sealed(reader, session_id) < total:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"the session is not sealed after {_SEAL_SECONDS:.0f} s")
                time.sleep(0.2)
            return session_id

    return record


def _sealed(client: Client, session_id: str) -> int:
    """How many bundles of a session are in chunks."""
    chunks = client.list_chunks(session_id)
    return sum(sum(1 for _ in client.read_chunk(session_id, chunk.chunk_id)) for chunk in chunks)


def _read(
    cloud: EmbeddedCloud, reading: Reading, warm_up: str, session_id: str, bundles: int, rounds: int
) -> Result:
    """Read a session in a process of its own."""
    client = {
        "secret_token": cloud.secret_token,
        "root_domain": cloud.root_domain,
        "protocol": "http",
        "default_region": "",
    }
    if reading.wire:
        client["wire"] = reading.wire
    order = {"client": client, "warm_up": warm_up, "session": session_id, "rounds": rounds}
    answer = json.loads(
        subprocess.run(
            [str(reading.python), "-I", str(READER), json.dumps(order)],
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
    )
    if answer["bundles"] != bundles:
        raise ValueError(f"{reading.name} read {answer['bundles']} of {bundles} bundles")
    result = Result(rate=bundles / min(answer["seconds"]), memory=answer["memory"])
    print(
        f"  {reading.name}: {bundles:,} bundles, {result.rate:,.0f}/s, {megabytes(result.memory)}", flush=True
    )
    return result


def _table(material: Material, length: int, rounds: int, results: dict[Reading, list[Result]]) -> Table:
    fastest = max((long.rate for reading, (_, long) in results.items() if reading.published), default=0.0)
    rows = [
        (
            reading.name,
            f"{short.rate:,.0f}",
            f"{long.rate:,.0f}",
            f"{long.rate / fastest:,.1f}" if fastest else "",
            megabytes(short.memory),
            megabytes(long.memory),
        )
        for reading, (short, long) in results.items()
    ]
    size = sum(bundle.ByteSize() for bundle in material.bundles) / len(material.bundles)
    return Table(
        title="Reading a session",
        text=f"`for bundle in client.read_session(id)`, nothing kept, of a session of {length:,} bundles and "
        f"of one of {10 * length:,} ({material.name}; {size:,.0f} bytes each in protobuf on average). All "
        "clients read the same sessions from the same cloud on the same machine, each in a fresh process: "
        f"bundles a second in the best of {rounds} rounds after a short session to warm up, and the peak of "
        "memory in the first round above what the process had before. *Times* is against the faster of the "
        "published clients, on the long session.",
        headings=(
            "client",
            f"bundles/s of {length:,}",
            f"bundles/s of {10 * length:,}",
            "times",
            f"memory, {length:,}",
            f"memory, {10 * length:,}",
        ),
        rows=rows,
    )
