"""Processing every chunk of every session: the consumer, and the plain loop of the documentation."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.clients import PEERS
from benchmarks.material import Material
from benchmarks.report import Table
from benchmarks.waiting import until
from moonsense.client import Client
from moonsense.cloud.embed import EmbeddedCloud
from moonsense.models import Session

CHUNK = 50

# What users of either write, and how long it takes them. "again" is another
# look, at once, when nothing is new.
_HEAD = """
import json, sys, time
from moonsense.client import Client
order = json.loads(sys.argv[1])
client = Client(**order["client"])
client.whoami()
chunks = bundles = 0
"""
_TAIL = """
seconds, processor = [], []
for _ in range(2):
    began, used = time.perf_counter(), time.process_time()
    look()
    seconds.append(time.perf_counter() - began)
    processor.append(time.process_time() - used)
print(json.dumps({"chunks": chunks, "bundles": bundles, "seconds": seconds, "processor": processor}))
"""
_CONSUMER = f"""{_HEAD}
from moonsense.consumer import Consumer, SqliteCheckpoints
store = SqliteCheckpoints(order["checkpoints"])
consumer = Consumer(client, checkpoints=store, start="beginning", parallel=order["parallel"])

def handle(session, chunk, read, transaction):
    global chunks, bundles
    transaction.execute("CREATE TABLE IF NOT EXISTS seen (chunk TEXT PRIMARY KEY, bundles INTEGER)")
    transaction.execute("INSERT INTO seen VALUES (?, ?)", (chunk.chunk_id, len(read)))
    # One at a time from here on: the transaction has begun.
    chunks, bundles = chunks + 1, bundles + len(read)

def look():
    consumer.run(handle, once=True)
{_TAIL}"""
_LOOP = f"""{_HEAD}
until = 0

def look():
    global chunks, bundles, until
    newest = until
    for session in client.list_sessions():
        for chunk in client.list_chunks(session.session_id):
            made = chunk.created_at.ToMicroseconds()
            if made <= until:
                continue
            newest = max(newest, made)
            chunks += 1
            for _ in client.read_chunk(session.session_id, chunk.chunk_id):
                bundles += 1
    until = newest
{_TAIL}"""


@dataclass(frozen=True)
class Program:
    """Something that processes chunks, so many sessions at the same time."""

    name: str
    python: Path
    text: str
    parallel: int = 1


@dataclass(frozen=True)
class Cost:
    """Of processing everything, and of looking once more: seconds, and seconds of the program's processor."""

    seconds: float
    processor: float
    again: float


def measure(folder: Path, material: Material, sessions: int, length: int, rounds: int) -> list[Table]:
    """Process so many sessions of so many bundles with every program."""
    programs = list(_programs())
    costs: dict[Program, list[Cost]] = {program: [] for program in programs}
    with EmbeddedCloud(folder, seal_bundles=CHUNK) as cloud:
        chunks = _record(cloud, material, sessions, length)
        for number in range(rounds):
            for program in programs:
                checkpoints = folder.with_name(f"{folder.name}-{programs.index(program)}-{number}.db")
                cost = _run(cloud, program, checkpoints, chunks, sessions * length)
                costs[program].append(cost)
                print(f"  {program.name}: {sessions * length / cost.seconds:,.0f} bundles/s", flush=True)
    best = {program: min(found, key=lambda cost: cost.seconds) for program, found in costs.items()}
    return [_table(material, best, chunks, sessions, length, rounds)]


def _programs() -> Iterator[Program]:
    ours = Path(sys.executable)
    for parallel in (4, 1):
        yield Program(f"this consumer, {parallel} at the same time", ours, _CONSUMER, parallel)
    yield Program("the loop, over this client", ours, _LOOP)
    published = PEERS / "0.13.1" / "bin" / "python"
    if published.exists():
        yield Program("the loop, over published 0.13.1", published, _LOOP)
    else:
        print("without moonsense 0.13.1: scripts/side_environments.py says why", file=sys.stderr)


def _record(cloud: EmbeddedCloud, material: Material, sessions: int, length: int) -> int:
    """Record sessions of so many bundles; gives how many chunks the cloud made of them."""
    made = list(material.session(length))
    with (
        Client(cloud.public_token, cloud.root_domain, "http", "") as recorder,
        Client(cloud.secret_token, cloud.root_domain, "http", "") as reader,
    ):
        ids = [recorder.create_session(Session()).session_id for _ in range(sessions)]
        for session_id in ids:
            for start in range(0, length, CHUNK):
                recorder.send_bundles(session_id, made[start : start + CHUNK])
        total = sessions * -(-length // CHUNK)

        def found() -> int:
            return sum(sum(1 for _ in reader.list_chunks(each)) for each in ids)

        until(lambda: found() >= total, f"not all of {total} chunks are there")
        return found()


def _run(cloud: EmbeddedCloud, program: Program, checkpoints: Path, chunks: int, bundles: int) -> Cost:
    """Let a program process everything. Raises ValueError when it did not, or did something twice."""
    order = {
        "client": {
            "secret_token": cloud.secret_token,
            "root_domain": cloud.root_domain,
            "protocol": "http",
            "default_region": "",
        },
        "checkpoints": str(checkpoints),
        "parallel": program.parallel,
    }
    printed = subprocess.run(
        [program.python, "-I", "-c", program.text, json.dumps(order)], stdout=subprocess.PIPE, check=True
    ).stdout
    answer = json.loads(printed)
    if (answer["chunks"], answer["bundles"]) != (chunks, bundles):
        raise ValueError(f"{program.name}: {answer['chunks']} chunks and {answer['bundles']} bundles")
    return Cost(answer["seconds"][0], answer["processor"][0], answer["seconds"][1])


def _table(
    material: Material, best: dict[Program, Cost], chunks: int, sessions: int, length: int, rounds: int
) -> Table:
    # The last one is the published client, where it is installed.
    slowest = list(best.values())[-1].seconds
    return Table(
        title="Processing chunk by chunk",
        text=f"{sessions} sessions of {length} bundles ({material.name}) in {chunks} chunks, each chunk read "
        "whole and counted. The consumer commits the count and that the chunk is done to SQLite, durable, a "
        "transaction a chunk, and finds what it did not do after any crash. The loop lists sessions and "
        "chunks, reads what is newer than its last look, and remembers nothing. *Again* is another look when "
        f"nothing is new. In fresh processes, the best of {rounds} rounds; *processor* is the program's own.",
        headings=("program", "chunks/s", "bundles/s", "times", "processor a bundle", "again"),
        rows=[
            (
                program.name,
                f"{chunks / cost.seconds:,.0f}",
                f"{sessions * length / cost.seconds:,.0f}",
                f"{slowest / cost.seconds:,.1f}",
                f"{cost.processor / (sessions * length) * 1e6:,.0f} us",
                f"{cost.again * 1e3:,.0f} ms",
            )
            for program, cost in best.items()
        ],
    )
