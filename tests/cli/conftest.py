"""Running the command line: in this process where speed matters, else as a user does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest
from typer.testing import CliRunner, Result

from moonsense.codec.json import write, write_line
from moonsense.models.bundle_v2_pb2 import SealedBundle
from moonsense.models.data_plane_v2_sdk_pb2 import Session
from moonsense.simulator import SimulatedSession, checkout_bot

if TYPE_CHECKING:
    from moonsense.client import Client
    from moonsense.cloud.embed import EmbeddedCloud

SCRIPT = Path(sys.executable).with_name("moonsense")


class Run(Protocol):
    """Run ``moonsense`` with arguments, in this process."""

    def __call__(self, *arguments: object, input: str | None = None, **variables: str) -> Result: ...


class RunScript(Protocol):
    """Run the installed ``moonsense`` with arguments, in a process of its own and perhaps another folder."""

    def __call__(
        self, *arguments: object, folder: Path | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]: ...


def without_color(variables: Mapping[str, str]) -> dict[str, str]:
    """An environment with these variables, in which output has no colours and no odd width."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MOONSENSE_")}
    for name in ("FORCE_COLOR", "COLUMNS", "GITHUB_ACTIONS"):
        kept.pop(name, None)
    return {**kept, "TERM": "dumb", "PYTHONWARNINGS": "error", **variables}


@pytest.fixture
def run() -> Run:
    """The command line without a cloud."""
    return _runner({})


@pytest.fixture
def on_cloud(cloud: EmbeddedCloud) -> Run:
    """The command line with the environment of the shared cloud and its secret token."""
    return _runner(cloud.environment)


def _runner(environment: Mapping[str, str]) -> Run:
    from moonsense.cli.app import app

    def run(*arguments: object, input: str | None = None, **variables: str) -> Result:
        return CliRunner().invoke(
            app,
            [str(argument) for argument in arguments],
            input=input,
            env=without_color({**environment, **variables}),
            prog_name="moonsense",
        )

    return run


@pytest.fixture
def run_script() -> RunScript:
    """The installed command without a cloud."""
    return _script({})


@pytest.fixture
def script_on_cloud(cloud: EmbeddedCloud) -> RunScript:
    """The installed command with the environment of the shared cloud."""
    return _script(cloud.environment)


def _script(environment: Mapping[str, str]) -> RunScript:
    def run(
        *arguments: object, folder: Path | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [SCRIPT, *map(str, arguments)],
            cwd=folder,
            env=without_color({**environment, **variables}),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


class Start(Protocol):
    """Start the installed ``moonsense`` in a process of its own, its output in pipes."""

    def __call__(self, *arguments: object, **variables: str) -> subprocess.Popen[bytes]: ...


@pytest.fixture
def start_script() -> Iterator[Start]:
    """Starts the installed command without a cloud; what still runs after the test is killed."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: object, **variables: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [SCRIPT, *map(str, arguments)],
            env=without_color(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


@pytest.fixture
def record(recording_client: Client) -> Callable[..., str]:
    """Record a simulated session into the shared cloud; gives its id."""

    def record(simulated: SimulatedSession | None = None, *, labels: tuple[str, ...] = ()) -> str:
        simulated = simulated or checkout_bot(1)
        wanted = simulated.session
        for label in labels:
            wanted.labels.add(name=label)
        session_id = recording_client.create_session(wanted).session_id
        recording_client.send_bundles(session_id, simulated.bundles())
        return session_id

    return record


@pytest.fixture
def write_recording() -> Callable[[Path, str, SimulatedSession], Path]:
    """Writes a simulated session below a folder in the on-disk layout; gives the session's folder."""
    return _write_recording


def _write_recording(root: Path, session_id: str, simulated: SimulatedSession) -> Path:
    """A simulated session in the on-disk layout."""
    folder = root / "2026-03-02" / "missing-journey-id" / session_id
    folder.mkdir(parents=True)
    session = Session(session_id=session_id, app_id="app1")
    session.MergeFrom(simulated.session)
    session.created_at.FromJsonString("2026-03-02T10:00:00.5Z")
    (folder / "metadata.json").write_bytes(write(session, camel=True, indent=True))
    with (folder / "raw_sealed_bundles.json").open("wb") as file:
        for bundle in simulated.bundles():
            sealed = SealedBundle(
                bundle=bundle, session_id=session_id, app_id="app1", server_time_millis=1_772_445_600_500
            )
            file.write(write_line(sealed))
    return folder
