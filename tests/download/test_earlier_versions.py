"""Folders of 0.13.1 and older are gone on with, whatever their own notes say."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
from support.project import NOON, ScriptedProject, session_at, tree

from moonsense.client import Client
from moonsense.cloud.embed import EmbeddedCloud
from moonsense.codec import json as messages
from moonsense.download import Download, Why, verify
from moonsense.models.bundle_v2_pb2 import Bundle
from moonsense.models.data_plane_v2_sdk_pb2 import Session

PROGRAM = """
import json, sys
from datetime import date
from moonsense.client import Client
order = json.loads(sys.argv[1])
client = Client(**order["client"])
client.download_all_sessions(
    order["output"], date(2030, 1, 1), date(2021, 1, 1), [], True, [], None, order["journeys"]
)
"""


@pytest.fixture(scope="module")
def small_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedCloud]:
    """A cloud with some sessions, two of a journey."""
    with EmbeddedCloud(tmp_path_factory.mktemp("cloud") / "data") as cloud:
        with Client(cloud.public_token, cloud.root_domain, "http", "") as client:
            for number in range(1, 9):
                opened = client.create_session(Session(journey_id="j" if number < 3 else ""))
                bundles = [Bundle(index=index) for index in range(1, number + 1)]
                client.send_bundles(opened.session_id, bundles)
        yield cloud


@pytest.fixture
def client(small_cloud: EmbeddedCloud) -> Iterator[Client]:
    with Client(small_cloud.secret_token, small_cloud.root_domain, "http", "") as client:
        yield client


@pytest.fixture
def published(published_python: Callable[[str], Path], small_cloud: EmbeddedCloud) -> Callable[..., None]:
    """Has 0.13.1 download into a folder."""
    python = published_python("0.13.1")

    def download(output: Path, *, journeys: bool = False, zone: str = "UTC") -> None:
        arguments = {
            "secret_token": small_cloud.secret_token,
            "root_domain": small_cloud.root_domain,
            "protocol": "http",
            "default_region": "",
        }
        order = json.dumps({"client": arguments, "output": str(output), "journeys": journeys})
        subprocess.run(
            [python, "-I", "-c", PROGRAM, order],
            env={**os.environ, "TZ": zone},
            stdout=subprocess.DEVNULL,
            check=True,
            timeout=60,
        )

    return download


def contents(folder: Path) -> dict[str, tuple[bytes, bytes]]:
    """Metadata, as a message, and bundles of every session, by id."""
    return {
        path.parent.name: (
            messages.parse(path.read_bytes(), Session).SerializeToString(deterministic=True),
            path.with_name("raw_sealed_bundles.json").read_bytes(),
        )
        for path in folder.rglob("metadata.json")
    }


@pytest.mark.peers
@pytest.mark.parametrize(("journeys", "zone"), [(False, "UTC"), (True, "Pacific/Kiritimati")])
def test_a_whole_folder_is_taken_over(
    tmp_path: Path, client: Client, published: Callable[..., None], journeys: bool, zone: str
) -> None:
    published(tmp_path / "old", journeys=journeys, zone=zone)
    Download(client, tmp_path / "straight").run()
    before = {path: path.read_bytes() for path in (tmp_path / "old").rglob("*.json")}
    assert verify(tmp_path / "old").without_ledger == 8
    report = Download(client, tmp_path / "old").run()
    assert (report.found, report.downloaded) == (8, {})
    assert {path: path.read_bytes() for path in (tmp_path / "old").rglob("*.json")} == before
    assert contents(tmp_path / "old") == contents(tmp_path / "straight")
    checked = verify(tmp_path / "old")
    assert (checked.ok, checked.without_ledger) == (True, 0)


@pytest.mark.peers
def test_what_an_interrupted_run_passed_over_is_found(
    tmp_path: Path, client: Client, published: Callable[..., None]
) -> None:
    output = tmp_path / "old"
    published(output)
    sessions = sorted(path.parent for path in output.rglob("metadata.json"))
    # As its runs end when they are killed: nothing yet, metadata alone, and a file that is cut off.
    for path in sessions[0].iterdir():
        path.unlink()
    shutil.rmtree(sessions[1])
    (sessions[2] / "raw_sealed_bundles.json").unlink()
    cut = max(
        (path / "raw_sealed_bundles.json" for path in sessions[3:]), key=lambda path: path.stat().st_size
    )
    cut.write_bytes(cut.read_bytes()[:-10])
    # It goes by its own note, and leaves all of that as it is.
    published(output)
    assert not list(sessions[0].iterdir())
    assert not sessions[1].exists()

    assert {damage.session_id for damage in verify(output).damages} == {sessions[2].name, cut.parent.name}
    report = Download(client, output).run()
    assert report.downloaded == {Why.NEW: 2, Why.HALF: 2}
    assert (report.found, report.passed_over) == (4, 4)
    Download(client, tmp_path / "straight").run()
    assert contents(output) == contents(tmp_path / "straight")
    # And that one goes on with ours.
    published(output)
    assert verify(output).ok


def test_a_client_session_group_in_the_middle_is_left_there(tmp_path: Path) -> None:
    session = session_at(NOON, bundles=2)
    source = ScriptedProject(session)
    Download(source, tmp_path).run()
    (tmp_path / "2026-03-01" / "group").mkdir()
    (tmp_path / "2026-03-01" / session.session_id).rename(
        tmp_path / "2026-03-01" / "group" / session.session_id
    )
    shutil.rmtree(tmp_path / ".moonsense")
    before = tree(tmp_path)
    assert Download(source, tmp_path).run().found == 1
    session.counters["bundle"].total = 4
    assert Download(source, tmp_path).run().downloaded == {Why.GROWN: 1}
    assert tree(tmp_path) == before


def test_a_note_that_is_none_is_passed_by(tmp_path: Path) -> None:
    (tmp_path / "2026-03-01").mkdir()
    (tmp_path / "2026-03-01" / "max_timestamp").write_text("")
    (tmp_path / "notes").mkdir()
    session = session_at(NOON)
    report = Download(ScriptedProject(session), tmp_path).run(since=date(2026, 1, 1))
    assert (report.downloaded, report.passed_over) == ({Why.NEW: 1}, 0)


def test_a_folder_of_another_session_is_not_taken_for_it(tmp_path: Path) -> None:
    one, other = session_at(NOON), session_at(NOON)
    source = ScriptedProject(one)
    Download(source, tmp_path).run()
    (tmp_path / "2026-03-01" / one.session_id).rename(tmp_path / "2026-03-01" / other.session_id)
    shutil.rmtree(tmp_path / ".moonsense")
    source.sessions[other.session_id] = other
    assert Download(source, tmp_path).run().downloaded == {Why.NEW: 1, Why.HALF: 1}
    assert verify(tmp_path).ok
