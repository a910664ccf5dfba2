"""Rendering chunks in a process of its own.

Writing JSON and compressing it takes longer than storing the bundles did, and
in the server's process it would take that time from its requests. The child is
started with the first chunk, runs at a lower priority, and ends when its
standard input does: with its parent, however that ends.
"""

from __future__ import annotations

import os
import pickle
import struct
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import IO, Any

from moonsense.cloud.renditions import Rendered, render

_LENGTH = struct.Struct("<Q")
_NICENESS = 10


class Renderer:
    """Renders chunks, one at a time, in a child process. ``close`` is idempotent."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    @property
    def pid(self) -> int | None:
        """The child's process id, while there is one."""
        return self._child.pid if self._child else None

    def render(self, payloads: Sequence[bytes]) -> Rendered:
        """Both renditions of a chunk. Raises OSError when the child died; the next call starts another."""
        with self._lock:
            child = self._child or self._start()
            assert child.stdin is not None
            assert child.stdout is not None
            try:
                _send(child.stdin, list(payloads))
                answer = _receive(child.stdout)
            except (OSError, EOFError) as error:
                self._stop()
                raise OSError(f"the process that renders chunks ended: {error}") from error
        if isinstance(answer, BaseException):
            raise answer
        assert isinstance(answer, Rendered)
        return answer

    def _start(self) -> subprocess.Popen[bytes]:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "moonsense.cloud.renderer"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Ctrl-C is for the server, which then closes this one in its turn.
            start_new_session=True,
        )
        return self._child

    def _stop(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        assert child.stdin is not None
        assert child.stdout is not None
        child.kill()
        child.wait()
        child.stdout.close()
        try:
            child.stdin.close()
        except BrokenPipeError:
            # What was buffered for a dead child is in the log still.
            return

    def close(self) -> None:
        """End the child."""
        with self._lock:
            self._stop()


def _send(stream: IO[bytes], value: Any) -> None:
    data = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    stream.write(_LENGTH.pack(len(data)))
    stream.write(data)
    stream.flush()


def _receive(stream: IO[bytes]) -> Any:
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError("no answer")
    (length,) = _LENGTH.unpack(head)
    data = stream.read(length)
    if len(data) < length:
        raise EOFError("half an answer")
    # Both ends are this module in processes of one user.
    return pickle.loads(data)  # noqa: S301


def _serve() -> None:
    """What the child does: render what comes in until the input ends."""
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    while True:
        try:
            payloads = _receive(sys.stdin.buffer)
        except EOFError:
            return
        try:
            answer: Rendered | Exception = render(payloads)
        except Exception as error:  # noqa: BLE001 - the parent raises it
            answer = error
        _send(sys.stdout.buffer, answer)


if __name__ == "__main__":
    _serve()
