"""Reads a session with whichever client is installed, and says how long it took and how much memory.

    <environment>/bin/python -I reader.py '{"client": {…}, "warm_up": "<id>", "session": "<id>", "rounds": 3}'

One program for all clients; nothing of this project is imported but by that
name. The memory is of the first round: the most that the process had at any
moment of it, less what it had before.
"""

from __future__ import annotations

import json
import resource
import sys
import time
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


def main() -> None:
    order = json.loads(sys.argv[1])
    client = Client(**order["client"])
    read(client, order["warm_up"])
    forget_the_most()
    before = memory("VmRSS")
    most = 0
    seconds = []
    bundles = 0
    for _ in range(order["rounds"]):
        start = time.perf_counter()
        bundles = read(client, order["session"])
        seconds.append(time.perf_counter() - start)
        most = most or memory("VmHWM")
    print(json.dumps({"bundles": bundles, "seconds": seconds, "memory": max(0, most - before)}))


if __name__ == "__main__":
    main()
