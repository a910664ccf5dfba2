"""kill -9 of a download at any moment: no half session is ever seen, and in the end everything is there."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from moonsense.client import Client
from moonsense.cloud.embed import EmbeddedCloud
from moonsense.contract.ids import new_id
from moonsense.download import Download, verify
from moonsense.models.bundle_v2_pb2 import Bundle
from moonsense.models.data_plane_v2_sdk_pb2 import Session

pytestmark = [
    pytest.mark.torture,
    pytest.mark.skipif(sys.platform == "win32", reason="it has no SIGKILL"),
]

TORTURE = bool(os.environ.get("MOONSENSE_TORTURE"))
KILLS = 100 if TORTURE else 8
SESSIONS = 400 if TORTURE else 120
SEED = int(os.environ.get("MOONSENSE_TORTURE") or 1)

Files = dict[str, bytes]


@pytest.fixture(scope="module")
def project() -> Iterator[tuple[EmbeddedCloud, list[str]]]:
    """A cloud with many small sessions, some of a journey."""
    with EmbeddedCloud() as cloud, Client(cloud.public_token, cloud.root_domain, "http", "") as client:
        names = []
        for number in range(SESSIONS):
            opened = client.create_session(Session(session_id=new_id(), journey_id="j" * (number % 2)))
            _record(client, opened.session_id, 1, 1 + number % 5)
            names.append(opened.session_id)
        yield cloud, names


def _record(client: Client, session_id: str, first: int, count: int) -> None:
    client.send_bundles(session_id, [Bundle(index=index) for index in range(first, first + count)])


def test_kills_while_downloading(tmp_path: Path, project: tuple[EmbeddedCloud, list[str]]) -> None:
    cloud, names = project
    rng = random.Random(f"download {SEED}")
    output = tmp_path / "killed"
    landed = 0
    with Client(cloud.public_token, cloud.root_domain, "http", "") as recorder:
        for number in range(KILLS):
            # Most kills meet the downloading, some whatever is before and after it.
            at_work, most = (number % 4 != 3, 0.15 if number % 4 != 3 else 1.5)
            landed += _killed(cloud, output, rng.uniform(0, most), at_work=at_work)
            for folder in _sessions(output):
                assert _is_whole(folder), folder
            # What is there grows, and then its files are what the next kill meets.
            for session_id in rng.sample(names, 30):
                _record(recorder, session_id, 100 + 2 * number, 2)
    assert landed > KILLS // 2, "too many processes had ended before their kill"
    with Client(cloud.secret_token, cloud.root_domain, "http", "") as client:
        report = Download(client, output).run()
        assert report.ok
        straight = tmp_path / "straight"
        Download(client, straight).run()
    assert verify(output).ok
    assert _files(output) == _files(straight)
    assert _partials(output) == set()
    print(f"{landed} of {KILLS} kills met a download, {len(_sessions(straight))} sessions")


def _killed(cloud: EmbeddedCloud, output: Path, seconds: float, *, at_work: bool) -> bool:
    """Download in a process of its own and kill it; whether it had not come to its end.

    ``seconds`` after its start, or after it began with a session when it is to be ``at_work``.
    """
    script = Path(sys.executable).with_name("moonsense")
    process = subprocess.Popen(
        [script, "download", "--output", output, "--quiet", "--parallel", "3"],
        env={**os.environ, **cloud.environment},
        stdin=subprocess.DEVNULL,
    )
    try:
        before = _partials(output)
        while at_work and process.poll() is None and not _partials(output) - before:
            _wait(0.001)
        _wait(seconds)
    finally:
        process.kill()
        code = process.wait(60)
    assert code in (0, -9), code
    return code == -9


def _partials(output: Path) -> set[str]:
    """What is being downloaded, or was when it was killed."""
    try:
        return {path.name for path in (output / ".moonsense" / "partial").iterdir()}
    except FileNotFoundError:
        return set()


def _wait(seconds: float) -> None:
    """Let some time go by: a moment of the kill, and nothing that has to happen until then."""
    threading.Event().wait(seconds)


def _sessions(output: Path) -> list[Path]:
    return [path.parent for path in output.glob("2*/*/metadata.json")]


def _is_whole(folder: Path) -> bool:
    """Both files are there, and the bundles end with a whole line."""
    text = (folder / "raw_sealed_bundles.json").read_bytes()
    return text.endswith(b"\n") and (folder / "metadata.json").read_bytes().endswith(b"}\n")


def _files(output: Path) -> Files:
    return {
        path.relative_to(output).as_posix(): path.read_bytes()
        for path in output.glob("2*/**/*")
        if path.is_file()
    }
