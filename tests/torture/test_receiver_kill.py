"""kill -9 of a receiver at any moment: what it wrote in its transaction is there once for each delivery."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from support.deliveries import SECRET, body_of, signed

from moonsense.contract import environment

pytestmark = [
    pytest.mark.torture,
    pytest.mark.skipif(sys.platform == "win32", reason="it has no SIGKILL"),
]

TORTURE = bool(os.environ.get("MOONSENSE_TORTURE"))
KILLS = 200 if TORTURE else 5
SEED = int(os.environ.get("MOONSENSE_TORTURE") or 1)

# Fails a third of the time: before, between and after what it writes.
PROGRAM = """
import random, signal, sqlite3
from moonsense.webhooks import WebhookReceiver

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
receiver = WebhookReceiver("webhooks.db", lease=0.2)

def perhaps():
    if random.random() < 1 / 9:
        raise OSError("now and then")

@receiver.on("CHUNK_PERSISTED")
def plain(payload):
    perhaps()
    with open("calls.txt", "a") as calls:
        calls.write(payload.session_id + "\\n")

@receiver.on("CHUNK_PERSISTED", transaction=True)
def inside(payload, connection):
    perhaps()
    connection.execute("CREATE TABLE IF NOT EXISTS effects (session_id TEXT)")
    connection.execute("INSERT INTO effects VALUES (?)", (payload.session_id,))
    perhaps()

with receiver.server() as server:
    print(server.url, flush=True)
    server.wait()
"""


class Sender(threading.Thread):
    """Sends deliveries as a cloud does: each until it is taken, and now and then once more."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.url = ""
        self.stopping = False
        self.taken: list[str] = []
        self._number = number
        self._rng = random.Random(f"sender {SEED} {number}")

    def run(self) -> None:
        with httpx2.Client(timeout=30, trust_env=False) as client:
            while not self.stopping:
                name = f"{self._number}_{len(self.taken)}"
                while not self._post(client, name):
                    time.sleep(0.01)
                self.taken.append(name)
                if self._rng.random() < 0.3:
                    self._post(client, self._rng.choice(self.taken))

    def _post(self, client: httpx2.Client, name: str) -> bool:
        body = body_of(session=name)
        try:
            answer = client.post(self.url, content=body, headers=signed(body, f"msg_{name}"))
        except httpx2.TransportError:
            return False
        assert answer.status_code in (200, 500, 503), answer.text
        return answer.status_code == 200


def start(folder: Path) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        cwd=folder,
        env={environment.WEBHOOK_SECRET: SECRET},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # its log of every third failure
        text=True,
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def end(process: subprocess.Popen[str], number: int) -> int:
    assert process.stdout is not None
    process.send_signal(number)
    code = process.wait(60)
    process.stdout.close()
    return code


def test_kills_while_webhooks_are_received(tmp_path: Path, eventually: Callable[..., Any]) -> None:
    rng = random.Random(f"receiver kills {SEED}")
    senders = [Sender(number) for number in range(4)]
    process, url = start(tmp_path)
    for sender in senders:
        sender.url = url
        sender.start()
    try:
        for _ in range(KILLS):
            before = sum(len(sender.taken) for sender in senders)
            eventually(
                lambda before=before: sum(len(sender.taken) for sender in senders) > before, timeout=300
            )
            time.sleep(rng.uniform(0, 0.1))  # any moment of what goes on now
            end(process, signal.SIGKILL)
            process, url = start(tmp_path)
            for sender in senders:
                sender.url = url
    finally:
        for sender in senders:
            sender.stopping = True
        for sender in senders:
            sender.join(120)
        code = end(process, signal.SIGINT)
    assert code == 0
    taken = sorted(name for sender in senders for name in sender.taken)
    with sqlite3.connect(tmp_path / "webhooks.db") as connection:
        effects = connection.execute("SELECT session_id FROM effects").fetchall()
    connection.close()
    print(f"{KILLS} kills, {len(taken)} deliveries")
    assert sorted(name for (name,) in effects) == taken
    assert set((tmp_path / "calls.txt").read_text().split()) == set(taken)
    assert len(taken) >= KILLS
