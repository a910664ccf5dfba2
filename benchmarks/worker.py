"""Does one thing with whichever client is installed, and says how long it took and how much memory.

    <environment>/bin/python -I worker.py '{"client": {…}, "work": "read", "warm_up": {"session_id": "…"},
                                            "arguments": {"session_id": "…"}, "rounds": 3}'

One program for all clients; nothing of this project is imported but by that
name. The memory is of the first round: the most that the process had at any
moment of it, less what it had before.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

from moonsense.client import Client

STATUS = Path("/proc/self/status")


def memory(name: str) -> int:
    """A figure of the process in bytes: VmRSS is what it has, VmHWM the most it had."""
    if not STATUS.exists():  # not Linux: there is only the most it ever had
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
    (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith(name + ":"))
    return int(line.split()[1]) * 1024


def forget_the_most() -> None:
    """From now on VmHWM is the most since now."""
    if STATUS.exists():
        Path("/proc/self/clear_refs").write_text("5")


def read(client: Client, session_id: str) -> int:
    """Read a session to its end, keeping nothing; gives the number of bundles."""
    count = 0
    for _bundle in client.read_session(session_id):
        count += 1
    return count


def list_all(client: Client, labels: list[str] | None = None) -> int:
    """List sessions to the end, keeping none; gives their number."""
    count = 0
    for _session in client.list_sessions(labels=labels):
        count += 1
    return count


def describe(client: Client, session_id: str, times: int) -> int:
    """Describe a session so many times, one after the other; gives how often it was the right one."""
    return sum(client.describe_session(session_id).session_id == session_id for _ in range(times))


def download(client: Client, session_id: str, output_file: str) -> int:
    """Download a session; gives the number of lines that are in the file."""
    client.download_session(session_id, output_file)
    with Path(output_file).open("rb") as file:
        return sum(1 for _ in file)


WORK: dict[str, Callable[..., int]] = {
    "read": read,
    "list": list_all,
    "describe": describe,
    "download": download,
}


def main() -> None:
    order = json.loads(sys.argv[1])
    client = Client(**order["client"])
    work = WORK[order["work"]]
    work(client, **order["warm_up"])
    forget_the_most()
    before = memory("VmRSS")
    most = 0
    seconds = []
    count = 0
    for _ in range(order["rounds"]):
        start = time.perf_counter()
        count = work(client, **order["arguments"])
        seconds.append(time.perf_counter() - start)
        most = most or memory("VmHWM")
    print(json.dumps({"count": count, "seconds": seconds, "memory": max(0, most - before)}))


if __name__ == "__main__":
    main()
