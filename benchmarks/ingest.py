"""Recording over many connections at once, beside a server that only reads the bodies."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.material import ROOT, to_record
from benchmarks.report import Table
from moonsense.client import Client
from moonsense.cloud.embed import EmbeddedCloud
from moonsense.cloud.settings import Settings
from moonsense.models import Bundle, Session

CONNECTIONS = 32
WIRES = ("protobuf", "json")

_SEAL_BUNDLES = Settings.model_fields["seal_bundles"].default


@dataclass(frozen=True)
class Load:
    """So many requests a connection, of so many bundles."""

    bundles: int
    requests: int

    @property
    def total(self) -> int:
        """Bundles over all connections."""
        return CONNECTIONS * self.requests * self.bundles


@dataclass
class Target:
    """A server to send to, and the next index of each session."""

    port: int
    token: str
    successes: bool
    sessions: dict[str, int] = field(default_factory=dict)

    def send(self, wire: str, load: Load) -> float:
        """Seconds that a load takes."""
        order = {
            "port": self.port,
            "token": self.token,
            "wire": wire,
            "sessions": self.sessions,
            "requests": load.requests,
            "bundles": load.bundles,
            "successes": load.bundles if self.successes else None,
        }
        answer = subprocess.run(
            [sys.executable, "-m", "benchmarks.load"],
            input=json.dumps(order),
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            check=True,
        )
        for session_id in self.sessions:
            self.sessions[session_id] += load.requests * load.bundles
        seconds: float = json.loads(answer.stdout)["seconds"]
        return seconds


def measure(folder: Path, rounds: int, scale: float) -> list[Table]:
    """Send both loads in both forms to both servers, in turn."""
    loads = (Load(1, int(500 * scale)), Load(50, int(30 * scale)))
    rows = []
    with _cloud(folder) as cloud, _bare() as bare:
        for load in loads:
            for wire in WIRES:
                stored, read = [], []
                for _ in range(rounds):
                    read.append(load.total / bare.send(wire, load))
                    stored.append(load.total / cloud.send(wire, load))
                    print(f"  {load.bundles} a request, {wire}: {stored[-1]:,.0f} bundles/s durable, "
                          f"{read[-1]:,.0f} only read", flush=True)  # fmt: skip
                best, bare_best = max(stored), max(read)
                rows.append(
                    (
                        f"{load.bundles}, {'JSON' if wire == 'json' else wire}",
                        f"{best:,.0f}",
                        f"{bare_best:,.0f}",
                        f"{best / bare_best:.0%}",
                    )
                )
    return [
        Table(
            title="Recording",
            text=f"Bundles a second over {CONNECTIONS} connections, a session each, acknowledged when they "
            f"are on the disk ({to_record().name}); chunks are sealed meanwhile, as they always are. Beside "
            "it a Starlette route on the same server software that reads the body and answers. The load "
            f"comes from a process of its own on the same machine. Best of {rounds} rounds, in turn.",
            headings=("bundles a request", "durable bundles/s", "only read", "share"),
            rows=rows,
        )
    ]


@contextmanager
def _cloud(folder: Path) -> Iterator[Target]:
    """A cloud with sessions under way; afterwards it must have every bundle that was sent."""
    with (
        EmbeddedCloud(folder) as cloud,
        Client(cloud.public_token, cloud.root_domain, "http", "") as recorder,
        Client(cloud.secret_token, cloud.root_domain, "http", "") as reader,
    ):
        port = int(cloud.root_domain.rpartition(":")[2])
        target = Target(port, cloud.public_token, successes=True)
        (bundle,) = to_record().bundles
        for number in range(CONNECTIONS):
            session_id = recorder.create_session(Session()).session_id
            # Begun one after the other, so that they do not all fill a chunk at the same moment.
            begun = 1 + number * _SEAL_BUNDLES // CONNECTIONS
            recorder.send_bundles(session_id, _numbered(bundle, begun))
            target.sessions[session_id] = begun
        yield target
        for session_id, following in target.sessions.items():
            stored = reader.describe_session(session_id).counters["bundle"].total
            if stored != following - 1:
                raise ValueError(f"{stored} bundles are stored, {following - 1} were sent")


def _numbered(bundle: Bundle, until: int) -> Iterator[Bundle]:
    for index in range(1, until):
        made = Bundle(index=index)
        made.MergeFrom(bundle)
        yield made


@contextmanager
def _bare() -> Iterator[Target]:
    """The server that only reads."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.bare"], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        assert process.stdout is not None
        sessions = {f"session{number}": 1 for number in range(CONNECTIONS)}
        yield Target(int(process.stdout.readline()), "none", successes=False, sessions=sessions)
    finally:
        process.terminate()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
