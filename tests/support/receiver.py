"""A receiver of webhooks in a process of its own, which fails a third of the time.

    python receiver.py LOG SEED

It says its port on a line, reads the endpoint's secret from a line, and then
notes what it takes in LOG, a line of JSON a delivery. Of its failures some come
before it noted anything and some after, as those of real receivers do.
"""

from __future__ import annotations

import json
import random
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from moonsense.errors import MoonsenseError
from moonsense.models.data_plane_v2_pb2 import WebhookEventTypes
from moonsense.webhooks import parse, verify


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, log: Path, seed: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.secret = ""
        self._log = log.open("a", encoding="utf-8")
        self._rng = random.Random(f"receiver {seed}")
        self._lock = threading.Lock()

    def note(self, line: dict[str, Any]) -> None:
        with self._lock:
            self._log.write(json.dumps(line) + "\n")
            self._log.flush()

    def mood(self) -> str:
        with self._lock:
            bad = self._rng.random() < 1 / 3
            return self._rng.choice(("500", "500 after", "hang up", "hang up after")) if bad else "200"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """The cloud was killed in the middle: nothing to say of it."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True  # the cloud was killed in the middle of it
            return
        mood = self.server.mood()
        if mood == "200" or mood.endswith("after"):
            self._take(body)
        if mood.startswith("hang up"):
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        self.send_response(int(mood[:3]))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _take(self, body: bytes) -> None:
        try:
            message = verify(body, dict(self.headers.items()), self.server.secret)
            payload = parse(body, self.headers["Content-Type"])
        except MoonsenseError as error:
            self.server.note({"wrong": str(error)})
            return
        self.server.note(
            {
                "id": message.message_id,
                "event": WebhookEventTypes.Name(payload.event_type),
                "session": payload.session_id,
                "index": payload.bundle.bundle.index,
            }
        )

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the terminal."""


@contextmanager
def receiving(log: Path, seed: int) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A receiver in a process of its own: where it listens, and the process, which waits for the secret."""
    process = subprocess.Popen(
        [sys.executable, __file__, str(log), str(seed)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/hook", process
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def _main() -> None:
    with _Server(Path(sys.argv[1]), int(sys.argv[2])) as server:
        sys.stdout.write(f"{server.server_port}\n")
        sys.stdout.flush()
        server.secret = sys.stdin.readline().strip()
        server.serve_forever()


if __name__ == "__main__":
    _main()
