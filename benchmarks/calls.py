"""Other calls than reading, on a cloud with many sessions: our client and the published ones."""

from __future__ import annotations

import itertools
import json
import subprocess
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection

from benchmarks.clients import Contender, Result, contenders, recorder, run
from benchmarks.material import Material
from benchmarks.report import Table, megabytes
from moonsense.cloud import admin
from moonsense.cloud.catalog import sessions
from moonsense.cloud.embed import EmbeddedCloud
from moonsense.cloud.settings import Settings
from moonsense.cloud.store import Store, now_micros
from moonsense.contract.ids import new_id
from moonsense.simulator import walking_phone

IMPORT = """
import json, sys, time
start = time.perf_counter()
from moonsense.client import Client
imported = time.perf_counter()
client = Client(**json.loads(sys.argv[1]))
assert client.whoami().app_id
print(json.dumps([imported - start, time.perf_counter() - start]))
"""


@dataclass(frozen=True)
class Call:
    """Something that every client does.

    Attributes:
        name: in the table.
        work: of the worker.
        count: how much there is to do, and of each the time counts when ``each``.
    """

    name: str
    work: str
    count: int
    arguments: Mapping[str, object]
    warm_up: Mapping[str, object]
    each: bool = False


@dataclass
class Results:
    """Of one client: by the names of calls, and the seconds of its best import and first answer."""

    calls: dict[str, Result] = field(default_factory=dict)
    imported: float = 0.0
    answered: float = 0.0


def measure(folder: Path, material: Material, number: int, length: int, rounds: int) -> list[Table]:
    """List so many sessions, describe one, download one of so many bundles, import, with every client."""
    _fill(folder, number)
    results = {contender: Results() for contender in contenders()}
    with EmbeddedCloud(folder) as cloud:
        record = recorder(cloud)
        short, long = record(material.session(20)), record(material.session(length))
        times = max(20, number // 50)
        target = str(folder / "downloaded.json")
        calls = (
            # With those that are described and downloaded.
            Call(f"list of {number + 2:,} sessions", "list", number + 2, {}, {"labels": ["no such"]}),
            Call(
                "describe_session",
                "describe",
                times,
                {"session_id": long, "times": times},
                {"session_id": short, "times": 1},
                each=True,
            ),
            Call(
                f"download_session, {length:,} bundles",
                "download",
                length,
                {"session_id": long, "output_file": target},
                {"session_id": short, "output_file": target},
            ),
        )
        for call in calls:
            for contender, result in results.items():
                found = run(
                    cloud,
                    contender,
                    call.work,
                    warm_up=call.warm_up,
                    arguments=call.arguments,
                    count=call.count,
                    rounds=rounds,
                )
                result.calls[call.name] = found
                shown = found.seconds / call.count if call.each else found.seconds
                print(f"  {contender.name}: {call.name}, {_seconds(shown)}", flush=True)
        _imports(cloud, results, 4 * rounds)
    return [_table(material, calls, rounds, results), _import_table(rounds, results)]


def _fill(folder: Path, number: int) -> None:
    """Make a cloud with so many sessions; in its catalog, where many are one transaction."""
    credentials = admin.init(folder)
    # Of phones: the older client knows no sensor of a page.
    models = [walking_phone(seed=seed, duration=1, rate=1).session for seed in range(10)]

    def create(connection: Connection) -> None:
        for session in itertools.islice(itertools.cycle(models), number):
            session.session_id = new_id()
            sessions.create(connection, credentials.project_id, credentials.app_id, session, now_micros())

    with closing(Store.open(Settings.of(data_dir=folder), serving=False)) as store:
        store.folder.write_now(create)


def _imports(cloud: EmbeddedCloud, results: dict[Contender, Results], rounds: int) -> None:
    """Import the clients in fresh processes, in turn, and take the best of each."""
    arguments = json.dumps(
        {
            "secret_token": cloud.secret_token,
            "root_domain": cloud.root_domain,
            "protocol": "http",
            "default_region": "",
        }
    )
    taken: dict[Contender, list[list[float]]] = {contender: [] for contender in results}
    for _ in range(rounds):
        for contender in results:
            printed = subprocess.run(
                [str(contender.python), "-I", "-c", IMPORT, arguments], stdout=subprocess.PIPE, check=True
            ).stdout
            taken[contender].append(json.loads(printed))
    for contender, result in results.items():
        result.imported, result.answered = map(min, zip(*taken[contender], strict=True))
        print(f"  {contender.name}: import, {_seconds(result.imported)}", flush=True)


def _seconds(seconds: float) -> str:
    return f"{seconds:,.2f} s" if seconds >= 1 else f"{seconds * 1e3:,.1f} ms"


def _table(
    material: Material, calls: tuple[Call, ...], rounds: int, results: dict[Contender, Results]
) -> Table:
    rows = []
    for call in calls:
        of_call = {contender: result.calls[call.name] for contender, result in results.items()}
        fastest = min(
            (found.seconds for contender, found in of_call.items() if contender.published), default=0.0
        )
        for contender, found in of_call.items():
            rows.append(
                (
                    f"{call.name}: {contender.name}",
                    _seconds(found.seconds / call.count if call.each else found.seconds),
                    f"{fastest / found.seconds:,.1f}" if fastest else "",
                    megabytes(found.memory),
                )
            )
    return Table(
        title="Other calls",
        text="The same clients on a cloud of their own: all sessions listed to the end, none kept; one "
        f"session described again and again; one downloaded to a file ({material.name}), which ours makes "
        f"durable. Each call of each client is in a fresh process: the best of {rounds} rounds after a small "
        "call to warm up, and the peak of memory in the first round above what the process had before. "
        "*Times* is against the faster of the published clients. Of the time of the list over protobuf this "
        "client is busy for a seventh; the rest is the cloud's, which takes some 30 us for a session, and "
        "that is the same for all clients.",
        headings=("call and client", "time", "times", "memory"),
        rows=rows,
    )


def _import_table(rounds: int, results: dict[Contender, Results]) -> Table:
    # What is asked for afterwards makes no difference to an import.
    once = {contender: result for contender, result in results.items() if contender.wire != "json"}
    return Table(
        title="Importing",
        text="`from moonsense.client import Client` in a fresh process, and the same with a client made and "
        f"`whoami()` answered: the best of {4 * rounds} rounds, in turn. Ours loads its HTTP library when a "
        "client is made.",
        headings=("client", "import", "with a first answer"),
        rows=[
            (contender.name.partition(",")[0], _seconds(result.imported), _seconds(result.answered))
            for contender, result in once.items()
        ],
    )
