"""A cloud's server as someone runs it, to be ended in the middle of anything."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_START_SECONDS = 300.0
_STOP_SECONDS = 30.0

_MOONSENSE = [sys.executable, "-c", "from moonsense.cli import main; main()"]


class KillableCloud:
    """``moonsense cloud serve`` on one folder and one port, started and killed again and again.

    Args:
        folder: of the data, made with ``moonsense cloud init`` or ``admin.init``.
        settings: more of ``moonsense.cloud.settings.Settings``.
    """

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.log = folder.with_suffix(".log")
        self.pid = 0
        self.renderers: set[int] = set()
        """Every process that rendered for it and was seen."""
        self._process: subprocess.Popen[bytes] | None = None
        self._environment = os.environ | {
            f"MOONSENSE_CLOUD_{name.upper()}": str(value) for name, value in settings.items()
        }
        # The port stays the same over restarts, as that of a cloud does.
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def begin(self) -> None:
        """Start the process, without waiting until it serves."""
        serve = ["cloud", "serve", "--data-dir", str(self.folder), "--port", str(self.port)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*_MOONSENSE, *serve],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self._environment,
                start_new_session=True,
            )
        self.pid = self._process.pid

    def wait(self) -> None:
        """Return when it serves."""
        assert self._process is not None
        assert self._process.stdout is not None
        late = threading.Timer(_START_SECONDS, self._process.kill)
        late.start()
        try:
            said = self._process.stdout.readline()
        finally:
            late.cancel()
        assert said.decode().startswith(self.url), (
            f"it said {said!r}; its log: {self.log.read_text()[-4000:]}"
        )

    def start(self) -> None:
        """Start it and wait until it serves."""
        self.begin()
        self.wait()

    def kill(self) -> None:
        """End it as a power cut ends a process: at once, with nothing written."""
        if self._process is not None:
            self.renderer()
            self._process.kill()
            self._reap()

    def stop(self) -> None:
        """End it as its owner would."""
        assert self._process is not None
        self._process.terminate()
        assert self._process.wait(_STOP_SECONDS) == 0
        self._reap()

    def _reap(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        self._process.wait()
        self._process.stdout.close()
        self._process = None

    def renderer(self) -> int | None:
        """The process that renders chunks for the server, if there is one now (on Linux)."""
        for child in children(self.pid):
            self.renderers.add(child)
            return child
        return None

    def kill_renderer(self) -> bool:
        """End the rendering process alone; whether there was one."""
        child = self.renderer()
        if child is not None:
            os.kill(child, signal.SIGKILL)
        return child is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


def children(pid: int) -> list[int]:
    """The living children of a process, as Linux tells them; none elsewhere."""
    found: list[int] = []
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += map(int, tasks.read_text().split())
        except OSError:
            continue  # the thread ended while we looked
    return found


def lives(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def init(folder: Path) -> subprocess.Popen[bytes]:
    """``moonsense cloud init``, under way."""
    return subprocess.Popen(
        [*_MOONSENSE, "cloud", "init", "--json", "--data-dir", str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
