"""A consumer in a process of its own, to be stopped, held and killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

_STOP_SECONDS = 60.0
_TESTS = Path(__file__).resolve().parent.parent


class ConsumerProcess:
    """``moonsense consumer run`` with a handler of ``support.handlers``.

    Args:
        environment: of the cloud, and whatever the handler needs.
        checkpoints: as the command takes them.
        handler: its name.
        log: where its log goes, behind what is there.
        options: more of the command's.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        checkpoints: str,
        handler: str,
        log: Path,
        *options: str,
    ) -> None:
        paths = os.pathsep.join(filter(None, [str(_TESTS), os.environ.get("PYTHONPATH")]))
        self._environment = os.environ | {"PYTHONPATH": paths} | dict(environment)
        program = [sys.executable, "-c", "from moonsense.cli import main; main()"]
        run = ["consumer", "run", f"support.handlers:{handler}", "--start", "beginning"]
        self._command = [*program, *run, "--checkpoints", checkpoints, *options]
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> Self:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
                start_new_session=True,
            )
        return self

    def said(self, text: str) -> bool:
        """Whether it logged something."""
        return text in self._log.read_text(encoding="utf-8")

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self) -> int:
        """Its exit code, once it ends by itself."""
        assert self._process is not None
        return self._process.wait(_STOP_SECONDS)

    def stop(self) -> int:
        """End it as its owner would; its exit code."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
