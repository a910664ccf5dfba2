"""Lives and deaths of a cloud while others record into it and read from it."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx2
from support.killable import KillableCloud
from support.traffic import Ledger

Eventually = Callable[..., Any]


def start_and_kill(
    cloud: KillableCloud,
    rng: random.Random,
    number: int,
    ledger: Ledger,
    eventually: Eventually,
    requests: int = 50,
) -> None:
    """One life of the server: some end before it serves, most after up to so many requests and a moment."""
    cloud.begin()
    if number % 5 == 4:
        wait(rng.uniform(0, 1.5))
    else:
        cloud.wait()
        enough = ledger.counts["requests acknowledged"] + rng.randrange(requests)
        eventually(lambda: ledger.counts["requests acknowledged"] >= enough, timeout=300)
        if number % 5 == 3 and cloud.kill_renderer():
            wait(rng.uniform(0, 0.3))
        wait(rng.uniform(0, 0.02))
    cloud.kill()


def wait(seconds: float) -> None:
    """Let some time go by: a moment of the kill, and nothing that has to happen until then."""
    threading.Event().wait(seconds)


@contextmanager
def running(threads: Sequence[threading.Thread], ledger: Ledger) -> Iterator[None]:
    """Threads that record and read until the block ends."""
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ledger.over.set()
        for thread in threads:
            thread.join(60)
    assert not any(thread.is_alive() for thread in threads)


def metric(cloud: KillableCloud, name: str) -> float:
    """One of the cloud's numbers."""
    lines = httpx2.get(f"{cloud.url}/metrics").text.splitlines()
    (value,) = (line.rpartition(" ")[2] for line in lines if line.startswith(f"moonsense_{name} "))
    return float(value)
