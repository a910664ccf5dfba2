"""A cloud started from Python: in a child process, or in a thread of this one.

    with EmbeddedCloud() as cloud:
        client = Client(cloud.secret_token, cloud.root_domain, "http", "")

It is reachable on this machine only, and ends with the block, with the
interpreter, and when the process that started it dies.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol

from moonsense.cloud.admin import Credentials, mint_credentials
from moonsense.cloud.server import Server
from moonsense.cloud.settings import Settings
from moonsense.cloud.store import Store
from moonsense.contract import environment
from moonsense.errors import ConfigurationError, MoonsenseError

__all__ = ["EmbeddedCloud"]

log = logging.getLogger(__name__)

_MODULE = "moonsense.cloud.embed"
_START_SECONDS = 60.0
_KILL_SECONDS = 5.0
_TAIL_BYTES = 4000

# A program that is told of what happens listens on this machine, as the cloud does.
_LOOPBACK = ("127.0.0.0/8", "::1/128")


@dataclass
class _Ready:
    """What a started cloud says of itself."""

    port: int
    credentials: Credentials | None = field(repr=False)


class _Runner(Protocol):
    """One run of a cloud."""

    @property
    def pid(self) -> int | None: ...

    def start(self, settings: Settings, *, mint: bool) -> _Ready: ...

    def stop(self, seconds: float) -> None: ...

    def kill(self) -> None: ...


class EmbeddedCloud:
    """A cloud on 127.0.0.1, with a project, an app and tokens.

    Unlike one that is served, its webhooks may go to this machine's loopback
    addresses, by http too (the setting ``webhook_allowed_networks``).

    Attributes:
        secret_token, public_token: made at the first start and kept in memory
            only; opening the same folder again makes new ones for the same app.
        project_id, app_id: of the folder's oldest project and app.
    """

    project_id: str
    app_id: str
    secret_token: str
    public_token: str

    def __init__(
        self,
        data_dir: Path | str | None = None,
        *,
        port: int = 0,
        in_process: bool = False,
        **settings: Any,
    ) -> None:
        """Nothing is started yet.

        Args:
            data_dir: where to keep things; without one, in a temporary folder
                that ``close`` deletes.
            port: a port of 127.0.0.1; 0 takes a free one and keeps it over restarts.
            in_process: run in a thread of this process. Quicker to start, but it
                shares the interpreter's lock, and cannot be killed.
            settings: more of ``Settings``.
        """
        folder = {} if data_dir is None else {"data_dir": Path(data_dir)}
        usual = {"host": "127.0.0.1", "webhook_allowed_networks": _LOOPBACK}
        self._settings = Settings.of(**{**usual, **settings, **folder, "port": port})
        self._keeps = data_dir is not None
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._in_process = in_process
        self._credentials: Credentials | None = None
        self._runner: _Runner | None = None
        self._owner = os.getpid()

    def start(self) -> EmbeddedCloud:
        """Start it, unless it runs; returns when it answers.

        Raises ConfigurationError with what it said when it does not come up.
        """
        if self._runner is not None:
            return self
        if not self._keeps and self._temporary is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="moonsense-")
            self._settings = self._settings.model_copy(update={"data_dir": Path(self._temporary.name)})
        runner: _Runner = _Thread() if self._in_process else _Child()
        ready = runner.start(self._settings, mint=self._credentials is None)
        self._runner = runner
        if networks := self._settings.webhook_allowed_networks:
            log.info("webhooks of this cloud may go to %s too", ", ".join(networks))
        atexit.register(self.close)
        self._settings = self._settings.model_copy(update={"port": ready.port})
        if ready.credentials is not None:
            self._credentials = ready.credentials
            for name, value in asdict(ready.credentials).items():
                setattr(self, name, value)
        return self

    def close(self) -> None:
        """Stop it and delete a temporary folder. Idempotent."""
        # A forked process has a copy of this object, but the cloud is not its to end.
        if os.getpid() != self._owner:
            return
        self._stop()
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = self._credentials = None

    def restart(self) -> EmbeddedCloud:
        """Start it again, stopping it first if it runs: the same data, port and tokens."""
        self._stop()
        return self.start()

    def kill(self) -> None:
        """End its process at once (SIGKILL), as a crash would. Not with ``in_process``."""
        if self._runner is not None:
            self._runner.kill()
            self._forget()

    def _stop(self) -> None:
        if self._runner is not None:
            self._runner.stop(self._settings.shutdown_seconds + _KILL_SECONDS)
            self._forget()

    def _forget(self) -> None:
        self._runner = None
        atexit.unregister(self.close)

    def __enter__(self) -> EmbeddedCloud:
        return self.start()

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<EmbeddedCloud {self.root_domain} {'running' if self._runner else 'stopped'}>"

    @property
    def root_domain(self) -> str:
        """Its host and port, as clients take it."""
        return f"{self._settings.host}:{self._settings.port}"

    @property
    def url(self) -> str:
        """Its address, without a final slash."""
        return f"{self._settings.protocol}://{self.root_domain}"

    @property
    def data_dir(self) -> Path:
        """The folder it keeps things in; without one given, only while it is open."""
        return self._settings.data_dir

    @property
    def pid(self) -> int | None:
        """The child's process id; None when it does not run, or runs in this process."""
        return self._runner.pid if self._runner is not None else None

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead a program of the documentation to this cloud."""
        return {
            environment.SECRET_TOKEN: self.secret_token,
            environment.PUBLIC_TOKEN: self.public_token,
            environment.ROOT_DOMAIN: self.root_domain,
            environment.PROTOCOL: self._settings.protocol,
            environment.DEFAULT_REGION: "",
        }


class _Thread:
    """A cloud in a thread of this process."""

    pid = None

    def start(self, settings: Settings, *, mint: bool) -> _Ready:
        self._store = Store.open(settings)
        try:
            credentials = mint_credentials(self._store) if mint else None
            self._server = Server(settings, self._store)
        except BaseException:
            self._store.close()
            raise
        ready = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(ready,), name="moonsense-cloud", daemon=True)
        self._thread.start()
        if not ready.wait(_START_SECONDS) or self._error is not None:
            self.stop(_KILL_SECONDS)
            raise ConfigurationError("the cloud did not start") from self._error
        return _Ready(self._server.port, credentials)

    def _run(self, ready: threading.Event) -> None:
        try:
            self._server.run(lambda _url: ready.set())
        except BaseException as error:
            self._error = error
            log.exception("the cloud's thread failed")
        finally:
            ready.set()

    def stop(self, seconds: float) -> None:
        self._server.stop()
        self._thread.join(seconds)
        if self._thread.is_alive():
            log.error("the cloud's thread does not stop; its store stays open")
            return
        self._store.close()

    def kill(self) -> None:
        raise ConfigurationError("a cloud in this process cannot be killed; make it without in_process")


class _Child:
    """A cloud in a child process.

    Its standard input is a pipe from here that says what to do and then stays
    open: when this process dies, however it does, the pipe ends and the child
    stops. It answers with one line on its standard output.
    """

    pid: int | None = None

    def start(self, settings: Settings, *, mint: bool) -> _Ready:
        with contextlib.ExitStack() as undo:
            # A file and not a pipe: a pipe that nobody reads would stop the child when it is full.
            self._stderr = undo.enter_context(tempfile.TemporaryFile())
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter and this module
                [sys.executable, "-m", _MODULE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                start_new_session=True,  # an interrupt from the keyboard is for this process
            )
            undo.callback(self._reap)
            self.pid = self._process.pid
            ready = self._introduce(settings, mint=mint)
            undo.pop_all()
            return ready

    def _introduce(self, settings: Settings, *, mint: bool) -> _Ready:
        """Tell the child what to be, and wait until it is."""
        orders = {"settings": settings.model_dump(mode="json"), "mint": mint}
        line = self._exchange(json.dumps(orders).encode() + b"\n")
        if not line:
            raise ConfigurationError(f"the cloud did not start: {self._tail() or 'it said nothing'}")
        said = json.loads(line)
        return _Ready(said["port"], Credentials(**said["credentials"]) if mint else None)

    def _exchange(self, order: bytes) -> bytes:
        """The child's answer to an order; empty when it died, or did not answer in time."""
        stdin, stdout = _pipes(self._process)
        with contextlib.suppress(BrokenPipeError):
            stdin.write(order)
            stdin.flush()
        late = threading.Timer(_START_SECONDS, self._process.kill)
        late.start()
        try:
            return stdout.readline()
        finally:
            late.cancel()

    def _tail(self) -> str:
        self._process.wait(_KILL_SECONDS)
        size = self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, size - _TAIL_BYTES))
        return self._stderr.read().decode(errors="replace").strip()

    def stop(self, seconds: float) -> None:
        stdin, _ = _pipes(self._process)
        stdin.close()
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            log.error("the cloud did not stop within %.0f s, and is killed", seconds)
        else:
            if code:
                log.error("the cloud's process ended with %d: %s", code, self._tail())
        self._reap()

    def kill(self) -> None:
        self._reap()

    def _reap(self) -> None:
        """End the process if it lives, and let go of everything of it."""
        self._process.kill()
        self._process.wait()
        for pipe in (*_pipes(self._process), self._stderr):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    assert process.stdin is not None
    assert process.stdout is not None
    return process.stdin, process.stdout


def _child() -> None:
    """The child's side of ``_Child``."""
    orders = json.loads(sys.stdin.buffer.readline())
    settings = Settings.of(**orders["settings"])
    with contextlib.closing(Store.open(settings)) as store:
        credentials = mint_credentials(store) if orders["mint"] else None
        server = Server(settings, store)

        def announce(_url: str) -> None:
            said = {"port": server.port, "credentials": asdict(credentials) if credentials else None}
            sys.stdout.buffer.write(json.dumps(said).encode() + b"\n")
            sys.stdout.buffer.flush()

        threading.Thread(target=_stop_with_parent, args=(server,), daemon=True).start()
        server.run(announce)


def _stop_with_parent(server: Server) -> None:
    """Wait for the end of the pipe from the parent."""
    # Not through sys.stdin: its lock, held at the interpreter's end, is a fatal error.
    while os.read(0, 1):
        continue
    server.stop()


if __name__ == "__main__":
    try:
        _child()
    except MoonsenseError as error:
        sys.exit(error.message)
