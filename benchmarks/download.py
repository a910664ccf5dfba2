"""Downloading all sessions of a project: this client and 0.13.1, from the same cloud."""

from __future__ import annotations

import json
import os
import resource
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import trustme

from benchmarks.material import RECORDINGS, ROOT
from benchmarks.report import Table
from benchmarks.waiting import until
from moonsense.client import Client
from moonsense.cloud.embed import EmbeddedCloud
from moonsense.codec.json import parse
from moonsense.models import Bundle, SealedBundle, Session
from moonsense.simulator import checkout_person

PEER = ROOT / ".venv-peers" / "0.13.1" / "bin" / "python"
PARALLEL = 4

# What a user of either writes.
_PROGRAM = """
import json, sys
from datetime import date
from moonsense.client import Client
order = json.loads(sys.argv[1])
client = Client(**order["client"])
client.download_all_sessions(order["output"], date(2100, 1, 1), date(2021, 1, 1), [], True, [])
"""


@dataclass(frozen=True)
class Cost:
    """What one download took."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Program:
    """A client that downloads, so many sessions at a time."""

    name: str
    python: Path
    parallel: int

    def run(self, cloud: EmbeddedCloud, root_domain: str, output: Path, authority: Path) -> Cost:
        """Download everything into a new folder."""
        order = {
            "client": {
                "secret_token": cloud.secret_token,
                "root_domain": root_domain,
                "protocol": cloud.url.partition(":")[0],
                "default_region": "",
            },
            "output": str(output),
        }
        environment = {
            **os.environ,
            "MOONSENSE_DOWNLOAD_PARALLELISM": str(self.parallel),
            "SSL_CERT_FILE": str(authority),
            "REQUESTS_CA_BUNDLE": str(authority),
        }
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.perf_counter()
        subprocess.run(
            [self.python, "-I", "-c", _PROGRAM, json.dumps(order)],
            env=environment,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        wall = time.perf_counter() - began
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return Cost(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def measure(folder: Path, count: int, rounds: int) -> list[Table]:
    """Download the same sessions with every program, over HTTP and over HTTPS."""
    if not PEER.exists():
        print("without moonsense 0.13.1: scripts/side_environments.py says why", file=sys.stderr)
    programs = [
        Program(name, python, parallel)
        for name, python, parallel in (
            ("this client", Path(sys.executable), 1),
            ("this client", Path(sys.executable), PARALLEL),
            ("published 0.13.1", PEER, PARALLEL),
            ("published 0.13.1", PEER, 4 * PARALLEL),
        )
        if python.exists()
    ]
    folder.mkdir(parents=True)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    tls = _certificate(authority, folder)
    rows = []
    size = 0
    for protocol, settings in (("HTTP", {}), ("HTTPS", tls)):
        with EmbeddedCloud(folder / f"cloud-{protocol}", **settings) as cloud:
            size = _fill(cloud, count, folder / "authority.pem")
            costs: dict[Program, list[Cost]] = {program: [] for program in programs}
            # In turn, so that a moment in which the machine is busy falls on all alike.
            for number in range(rounds):
                for program, some in costs.items():
                    some.append(_download(program, cloud, protocol, folder, str(number), count))
            rows += [_row(program, cloud, protocol, folder, costs[program]) for program in programs]
    return [
        Table(
            title="Downloading a project",
            text=f"{count:,} sessions of people who fill web forms ({size / 1e6:,.1f} MB of NDJSON), each "
            "program in a fresh process into an empty folder; startup is counted. Processor time is that of "
            "the program with all its processes; the cloud runs beside it on the same machine. Requests are "
            f"those that the cloud counted, connections those that a proxy saw. Best of {rounds} rounds, in "
            "turn. Of this client's processor time a quarter is the start of Python with its imports, a "
            "quarter files and folders, an eighth the requests (one a session), a thirtieth the look whether "
            "each line is JSON, by the compiled part.",
            headings=("client", "over", "at a time", "seconds", "CPU seconds", "requests", "connections"),
            rows=rows,
        )
    ]


def _download(
    program: Program, cloud: EmbeddedCloud, protocol: str, folder: Path, round_: str, count: int
) -> Cost:
    # A folder a run, and none removed meanwhile: ext4 passes over files that were deleted a moment ago one by
    # one, and whoever comes next would pay for it.
    output = folder / f"output-{protocol}-{program.name}-{program.parallel}" / round_
    cost = program.run(cloud, cloud.root_domain, output, folder / "authority.pem")
    found = sum(1 for _ in output.glob("*/*/raw_sealed_bundles.json"))
    if found != count:
        raise ValueError(f"{program.name} downloaded {found} of {count} sessions")
    return cost


def _row(
    program: Program, cloud: EmbeddedCloud, protocol: str, folder: Path, costs: list[Cost]
) -> tuple[str, ...]:
    authority = folder / "authority.pem"
    output = folder / f"output-{protocol}-{program.name}-{program.parallel}"
    before = _requests(cloud, authority)
    with _counting_proxy(cloud.root_domain) as proxy:
        program.run(cloud, proxy.address, output / "proxy", authority)
    # Asking how many there were is one more.
    requests = _requests(cloud, authority) - before - 1
    wall, cpu = min(cost.wall for cost in costs), min(cost.cpu for cost in costs)
    print(f"  {program.name}, {protocol}, {program.parallel}: {wall:.2f} s, {cpu:.2f} s of CPU, "
          f"{requests:,} requests on {proxy.connections:,} connections", flush=True)  # fmt: skip
    return (
        program.name,
        protocol,
        str(program.parallel),
        f"{wall:.2f}",
        f"{cpu:.2f}",
        f"{requests:,}",
        f"{proxy.connections:,}",
    )


def _fill(cloud: EmbeddedCloud, count: int, authority: Path) -> int:
    """Record sessions and wait until they are sealed; gives how many bytes of NDJSON they are."""
    protocol = cloud.url.partition(":")[0]

    def client(token: str) -> Client:
        return Client(token, cloud.root_domain, protocol, "", verify=str(authority))

    paths = sorted(RECORDINGS.rglob("raw_sealed_bundles.json"))
    with client(cloud.public_token) as recorder:
        for number in range(count):
            bundles = _recorded(paths[number % len(paths)]) if paths else _simulated(number)
            for index, bundle in enumerate(bundles, start=1):
                bundle.index = index
            bundles[-1].is_final_bundle = True
            session_id = recorder.create_session(Session()).session_id
            for first in range(0, len(bundles), 50):
                recorder.send_bundles(session_id, bundles[first : first + 50])
    until(lambda: not _metric(cloud, authority, "moonsense_bundles_in_log"), "the sessions are not sealed")

    class Size:
        total = 0

        def write(self, data: bytes) -> None:
            self.total += len(data)

    size = Size()
    with client(cloud.secret_token) as reader:
        for session in reader.list_sessions():
            reader.download_session(session.session_id, size)
    return size.total


def _recorded(path: Path) -> list[Bundle]:
    return [parse(line, SealedBundle).bundle for line in path.read_bytes().splitlines()] or [Bundle()]


def _simulated(number: int) -> list[Bundle]:
    return list(checkout_person(number).bundles())


def _certificate(authority: trustme.CA, folder: Path) -> dict[str, Path]:
    """A cloud's settings for HTTPS."""
    issued = authority.issue_cert("127.0.0.1")
    key, chain = folder / "key.pem", folder / "chain.pem"
    issued.private_key_pem.write_to_path(str(key))
    for number, part in enumerate(issued.cert_chain_pems):
        part.write_to_path(str(chain), append=number > 0)
    return {"tls_cert": chain, "tls_key": key}


def _metrics(cloud: EmbeddedCloud, authority: Path) -> list[str]:
    context = ssl.create_default_context(cafile=str(authority))
    return httpx2.get(f"{cloud.url}/metrics", verify=context).text.splitlines()


def _metric(cloud: EmbeddedCloud, authority: Path, name: str) -> float:
    return sum(float(line.rpartition(" ")[2]) for line in _metrics(cloud, authority) if line.startswith(name))


def _requests(cloud: EmbeddedCloud, authority: Path) -> int:
    return int(_metric(cloud, authority, "moonsense_requests_total"))


class CountingProxy:
    """Passes bytes on to a server and counts the connections."""

    def __init__(self, target: str) -> None:
        host, _, port = target.partition(":")
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.connections = 0

    def serve(self) -> None:
        """Accept until it is closed."""
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            server = socket.create_connection(self._target)
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=_pass_on, args=(source, sink), daemon=True).start()

    def close(self) -> None:
        """Accept no more."""
        # Closing alone does not wake up a thread that waits in accept.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(1 << 16):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        source.close()
        sink.close()


@contextmanager
def _counting_proxy(target: str) -> Iterator[CountingProxy]:
    proxy = CountingProxy(target)
    thread = threading.Thread(target=proxy.serve)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.close()
        thread.join()
