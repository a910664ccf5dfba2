"""Bulk download: the layout on disk, what is left out, and what happens when something fails."""

from __future__ import annotations

import json
import pickle
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from support.project import NOON, ScriptedProject, line, session_at, tree
from support.wire import Received, Reply, WireServer, connect, reply

from moonsense.client import AsyncClient, Client
from moonsense.contract.ids import new_id
from moonsense.download import DownloadAllSessions
from moonsense.errors import ConfigurationError, ConnectionFailed, DownloadError, NotFoundError
from moonsense.models.bundle_v2_pb2 import Bundle
from moonsense.models.data_plane_v2_sdk_pb2 import Session, SessionLabel

if TYPE_CHECKING:
    from moonsense.cloud.embed import EmbeddedCloud


def download(source: ScriptedProject, output: Path, **changes: Any) -> None:
    arguments = {"until": None, "since": None, "skip_days": [], "incremental": True, "labels": []}
    DownloadAllSessions(source).download(output, **{**arguments, **changes})


@pytest.mark.parametrize("with_journey_id", [False, True])
def test_the_layout(tmp_path: Path, with_journey_id: bool) -> None:
    plain = session_at(datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC))
    packets = session_at(datetime(2026, 3, 2, 0, 0, 1, tzinfo=UTC), journey_id="j")
    packets.counters["packet"].total = 3
    hostile = session_at(NOON, journey_id="../../x/.")
    download(ScriptedProject(plain, packets, hostile), tmp_path, with_journey_id=with_journey_id)
    middle = ["missing-journey-id/", "j/", "%2E%2E%2F%2E%2E%2Fx%2F%2E/"] if with_journey_id else ["", "", ""]
    folders = [
        f"2026-03-01/{middle[0]}{plain.session_id}",
        f"2026-03-02/{middle[1]}{packets.session_id}",
        f"2026-03-01/{middle[2]}{hostile.session_id}",
    ]
    expected = [
        f"{folder}/{name}" for folder in folders for name in ("metadata.json", "raw_sealed_bundles.json")
    ]
    assert tree(tmp_path) == sorted([*expected, f"{folders[1]}/packets.pcap"])
    metadata = json.loads((tmp_path / folders[1] / "metadata.json").read_text())
    assert metadata["sessionId"] == packets.session_id
    assert metadata["createdAt"] == "2026-03-02T00:00:01Z"


def test_a_session_that_names_another_place_is_refused(tmp_path: Path) -> None:
    evil = session_at(NOON)
    evil.session_id = "../../evil"
    well = session_at(NOON)
    with pytest.raises(DownloadError, match="evil"):
        download(ScriptedProject(evil, well), tmp_path / "out")
    assert len(tree(tmp_path)) == 2


@pytest.mark.parametrize("listed_with_counters", [True, False])
def test_what_is_there_is_left_out_and_what_grew_is_not(tmp_path: Path, listed_with_counters: bool) -> None:
    sessions = [session_at(NOON), session_at(NOON)]
    source = ScriptedProject(*sessions, listed_with_counters=listed_with_counters)
    download(source, tmp_path)
    download(source, tmp_path)
    assert sorted(source.downloads) == sorted(source.sessions)
    grown = sessions[0]
    grown.counters["bundle"].total = 2
    download(source, tmp_path)
    assert source.downloads[2:] == [grown.session_id]
    (path,) = tmp_path.glob(f"*/{grown.session_id}/raw_sealed_bundles.json")
    assert path.read_text().count("\n") == 2
    download(source, tmp_path, incremental=False)
    assert len(source.downloads) == 5


def test_what_an_interrupted_run_left_is_made_whole(tmp_path: Path) -> None:
    session = session_at(NOON)
    source = ScriptedProject(session)
    day = tmp_path / "2026-03-01"
    (day / session.session_id).mkdir(parents=True)
    (day / session.session_id / "raw_sealed_bundles.json").write_text("half")
    partial = tmp_path / ".moonsense" / "partial" / session.session_id
    partial.mkdir(parents=True)
    (partial / "packets.pcap").write_text("half")
    # Other programs' memory of how far they came is nothing to go by.
    (day / "max_timestamp").write_text("9999999999")
    download(source, tmp_path)
    assert source.downloads == [session.session_id]
    assert sorted(path.name for path in day.iterdir()) == sorted([session.session_id, "max_timestamp"])
    assert (day / session.session_id / "raw_sealed_bundles.json").read_text() == line(session.session_id, 1)
    assert not partial.exists()


def test_one_that_fails_does_not_keep_the_others(tmp_path: Path) -> None:
    sessions = [session_at(NOON) for _ in range(30)]
    source = ScriptedProject(*sessions)
    bad = [session.session_id for session in sessions[3:6]]
    source.broken = {name: ConnectionFailed(f"no {name}") for name in bad}
    with pytest.raises(DownloadError, match="3 of 30 sessions could not be downloaded") as caught:
        download(source, tmp_path)
    error = pickle.loads(pickle.dumps(caught.value))
    assert sorted(error.failures) == sorted(bad)
    assert all(name in str(error) for name in bad)
    assert len(source.downloads) == 27
    assert not list((tmp_path / ".moonsense" / "partial").glob("*"))
    source.broken.clear()
    download(source, tmp_path)
    assert sorted(source.downloads[27:]) == sorted(bad)


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    session = session_at(NOON)
    source = ScriptedProject(session)
    download(source, tmp_path)
    session.counters["bundle"].total = 9
    source.broken = {session.session_id: ConnectionFailed("no")}
    with pytest.raises(DownloadError):
        download(source, tmp_path)
    (path,) = tmp_path.glob("*/*/raw_sealed_bundles.json")
    assert path.read_text().count("\n") == 1


def test_a_session_that_is_deleted_meanwhile_is_no_failure(tmp_path: Path) -> None:
    gone, stays = session_at(NOON), session_at(NOON)
    source = ScriptedProject(gone, stays)
    source.broken = {gone.session_id: NotFoundError("gone", status=404)}
    source.describe_session = lambda name: (  # type: ignore[method-assign]
        stays if name == stays.session_id else (_ for _ in ()).throw(NotFoundError("gone", status=404))
    )
    download(source, tmp_path)
    assert source.downloads == [stays.session_id]
    assert len(tree(tmp_path)) == 2


def test_days_and_times_are_utc(tmp_path: Path) -> None:
    source = ScriptedProject()
    download(source, tmp_path, since=date(2026, 3, 1), until=date(2026, 3, 2))
    assert source.filters["since"] == datetime(2026, 3, 1, tzinfo=UTC)
    assert source.filters["until"] == datetime(2026, 3, 2, 23, 59, 59, 999999, tzinfo=UTC)
    download(source, tmp_path, since=datetime(2026, 3, 1, 7))  # noqa: DTZ001 (naive is UTC)
    assert source.filters["since"] == datetime(2026, 3, 1, 7, tzinfo=UTC)
    assert (source.filters["labels"], source.filters["platforms"]) == (None, None)
    with pytest.raises(ValueError, match="is after"):
        download(source, tmp_path, since=date(2026, 3, 2), until=date(2026, 3, 1))


def test_days_are_skipped(tmp_path: Path) -> None:
    sessions = [session_at(NOON + timedelta(days=n)) for n in range(3)]
    source = ScriptedProject(*sessions)
    download(source, tmp_path, skip_days=[date(2026, 3, 2)])
    assert sorted(path.name for path in tmp_path.glob("2*")) == ["2026-03-01", "2026-03-03"]


def test_how_many_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = ScriptedProject(*(session_at(NOON) for _ in range(20)))
    monkeypatch.setenv("MOONSENSE_DOWNLOAD_PARALLELISM", "1")
    download(source, tmp_path)
    assert source.most_at_once == 1
    for wrong in ("0", "many", "-1"):
        monkeypatch.setenv("MOONSENSE_DOWNLOAD_PARALLELISM", wrong)
        with pytest.raises(ConfigurationError, match="MOONSENSE_DOWNLOAD_PARALLELISM"):
            download(source, tmp_path)


def test_a_list_that_fails_ends_the_download(tmp_path: Path) -> None:
    source = ScriptedProject(session_at(NOON))

    def broken(**filters: Any) -> Iterator[Session]:
        yield from source.sessions.values()
        raise ConnectionFailed("the list broke")

    source.list_sessions = broken  # type: ignore[method-assign]
    with pytest.raises(ConnectionFailed, match="the list broke"):
        download(source, tmp_path)
    assert not list((tmp_path / ".moonsense" / "partial").glob("*"))


@pytest.fixture(scope="module")
def label(cloud: EmbeddedCloud) -> str:
    """Three sessions of a label."""
    name = new_id()
    with Client(cloud.public_token, cloud.root_domain, "http", "") as client:
        for count in (0, 1, 7):
            session = client.create_session(Session(labels=[SessionLabel(name=name)], journey_id="j"))
            if count:
                client.send_bundles(session.session_id, [Bundle(index=n + 1) for n in range(count)])
    return name


def test_from_a_cloud(client: Client, label: str, tmp_path: Path) -> None:
    client.download_all_sessions(tmp_path, None, None, [], True, [label], with_journey_id=True)
    found = {
        path.parent.name: path.read_text().count("\n")
        for path in tmp_path.glob("*/j/*/raw_sealed_bundles.json")
    }
    assert found == {
        session.session_id: session.counters["bundle"].total for session in client.list_sessions([label])
    }
    assert sorted(found.values()) == [0, 1, 7]


@pytest.mark.anyio
async def test_from_a_cloud_without_threads(cloud: EmbeddedCloud, label: str, tmp_path: Path) -> None:
    async with AsyncClient(cloud.secret_token, cloud.root_domain, "http", "") as client:
        await client.download_all_sessions(tmp_path, None, None, None, False, [label])
    assert len(tree(tmp_path)) == 6


@pytest.mark.anyio
async def test_what_is_given_up_ends_at_once(tmp_path: Path) -> None:
    def answer(request: Received) -> Reply:
        if request.path != "/v2/sessions":
            return Reply(b"", hang=True)
        return reply({"sessions": [{"session_id": new_id()} for _ in range(3)]})

    with WireServer(answer) as server:
        async with connect(AsyncClient, server) as client:
            with anyio.move_on_after(0.5) as scope:
                await client.download_all_sessions(tmp_path, None, None, None, False, None)
            assert scope.cancelled_caught
        names = [thread.name for thread in threading.enumerate()]
        deadline = monotonic() + 10
        while any("moonsense-download" in name for name in names) and monotonic() < deadline:
            await anyio.sleep(0.01)
            names = [thread.name for thread in threading.enumerate()]
    assert not any("moonsense-download" in name for name in names)
    assert tree(tmp_path) == []
