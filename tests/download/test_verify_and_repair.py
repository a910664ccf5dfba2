"""What is checked and repaired of a folder, and what becomes of that which cannot be."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.project import NOON, ScriptedProject, session_at, tree

from moonsense.download import Download, Why, verify
from moonsense.download._ledger import Ledger
from moonsense.errors import IntegrityError
from moonsense.models.data_plane_v2_sdk_pb2 import SessionMetadata


def run(source: ScriptedProject, output: Path, **options: Any) -> None:
    assert Download(source, output, parallel=3).run(**options).ok


def test_verify_and_repair(tmp_path: Path) -> None:
    source = ScriptedProject(*(session_at(NOON, bundles=3) for _ in range(6)))
    run(source, tmp_path)
    paths = [tmp_path / "2026-03-01" / name / "raw_sealed_bundles.json" for name in sorted(source.sessions)]
    paths[0].unlink()
    paths[1].write_bytes(paths[1].read_bytes()[:-1])
    changed = bytearray(paths[2].read_bytes())
    changed[20] ^= 1
    paths[2].write_bytes(changed)
    report = verify(tmp_path)
    assert (report.sessions, report.files, report.ok) == (6, 12, False)
    assert sorted(damage.session_id for damage in report.damages) == sorted(source.sessions)[:3]
    assert {damage.what.partition(" ")[0] for damage in report.damages} == {"No", "it", "its"}
    del source.sessions[paths[0].parent.name]
    fixed = Download(source, tmp_path).repair()
    assert fixed.downloaded == {Why.DAMAGED: 2}
    assert (fixed.gone, list(fixed.failures)) == ([], [paths[0].parent.name])
    assert f"remove {paths[0].parent}" in str(fixed.failures[paths[0].parent.name])
    assert [damage.session_id for damage in verify(tmp_path).damages] == [paths[0].parent.name]
    with pytest.raises(FileNotFoundError):
        verify(tmp_path / "nothing")


def test_what_is_in_the_cloud_no_more_and_not_on_disk_either_is_forgotten(tmp_path: Path) -> None:
    whole, lost, emptied, noted = (session_at(NOON) for _ in range(4))
    source = ScriptedProject(whole, lost, emptied, noted)
    run(source, tmp_path)
    day = tmp_path / "2026-03-01"
    for session in (lost, emptied, noted):
        for path in (day / session.session_id).iterdir():
            path.unlink()
    (day / lost.session_id).rmdir()
    (day / noted.session_id / "notes.txt").write_text("mine")
    source.sessions.clear()
    fixed = Download(source, tmp_path).repair()
    assert sorted(fixed.gone) == sorted([lost.session_id, emptied.session_id])
    assert list(fixed.failures) == [noted.session_id]
    with Ledger.copy(tmp_path) as ledger:
        assert ledger.get(lost.session_id) is None
    # What to do is what was said.
    (day / noted.session_id / "notes.txt").unlink()
    (day / noted.session_id).rmdir()
    assert Download(source, tmp_path).repair().gone == [noted.session_id]
    checked = verify(tmp_path)
    assert (checked.sessions, checked.ok) == (1, True)


def test_what_goes_from_the_cloud_during_a_repair_is_no_other(tmp_path: Path) -> None:
    damaged, lost = session_at(NOON), session_at(NOON)
    source = ScriptedProject(damaged, lost)
    run(source, tmp_path)
    day = tmp_path / "2026-03-01"
    (day / damaged.session_id / "raw_sealed_bundles.json").unlink()
    for path in (day / lost.session_id).iterdir():
        path.unlink()
    source.before_download = lambda session_id: source.sessions.pop(session_id, None)
    fixed = Download(source, tmp_path, parallel=1).repair()
    assert (fixed.gone, list(fixed.failures)) == ([lost.session_id], [damaged.session_id])
    assert (day / damaged.session_id / "metadata.json").exists()


def test_what_no_ledger_has_and_no_cloud_either_is_a_failure(tmp_path: Path) -> None:
    session = session_at(NOON)
    source = ScriptedProject(session)
    run(source, tmp_path)
    for path in (tmp_path / ".moonsense").glob("ledger*"):
        path.unlink()
    folder = tmp_path / "2026-03-01" / session.session_id
    (folder / "raw_sealed_bundles.json").unlink()
    source.sessions.clear()
    fixed = Download(source, tmp_path).repair()
    assert f"remove {folder}" in str(fixed.failures[session.session_id])


@pytest.mark.parametrize("with_ledger", [True, False])
def test_some_are_verified_and_repaired(tmp_path: Path, with_ledger: bool) -> None:
    sessions = [session_at(NOON + timedelta(days=n)) for n in range(5)]
    for session in sessions[:2]:
        session.metadata.platform = SessionMetadata.WEB
    source = ScriptedProject(*sessions)
    run(source, tmp_path)
    names = [session.session_id for session in sessions]
    for path in tmp_path.glob("2*/*/raw_sealed_bundles.json"):
        path.unlink()
    if not with_ledger:
        for path in (tmp_path / ".moonsense").glob("ledger*"):
            path.unlink()

    def found(**options: Any) -> list[int]:
        report = verify(tmp_path, **options)
        assert report.sessions == len(report.damages)
        return sorted(names.index(damage.session_id) for damage in report.damages)

    second, fourth = (NOON + timedelta(days=1)).date(), (NOON + timedelta(days=3)).date()
    assert found() == [0, 1, 2, 3, 4]
    assert found(since=second) == [1, 2, 3, 4]
    assert found(until=second) == [0, 1]
    assert found(since=second, until=fourth, skip_days=[NOON.date() + timedelta(days=2)]) == [1, 3]
    assert found(since=NOON + timedelta(days=3, seconds=1)) == [4]
    assert found(platforms=["web"]) == [0, 1]
    assert found(since=second, platforms="WEB") == [1]
    fixed = Download(source, tmp_path).repair(since=second, until=second)
    assert fixed.downloaded == {Why.DAMAGED: 1}
    assert found(since=fourth) == [3, 4]
    assert verify(tmp_path, since=second, until=second).ok
    with pytest.raises(ValueError, match="after until"):
        verify(tmp_path, since=fourth, until=second)


def test_without_metadata_it_is_the_day_of_its_folder_that_counts(tmp_path: Path) -> None:
    for day in ("2026-03-01", "2026-03-02", "2026-13-01"):
        folder = tmp_path / day / f"of{day.replace('-', '')}"
        folder.mkdir(parents=True)
        (folder / "raw_sealed_bundles.json").write_text("")

    def found(**options: Any) -> list[str]:
        return [damage.path.partition("/")[0] for damage in verify(tmp_path, **options).damages]

    first, second = date(2026, 3, 1), date(2026, 3, 2)
    assert found(until=first) == ["2026-03-01", "2026-13-01"]
    assert found(since=second) == found(skip_days=[first]) == ["2026-03-02", "2026-13-01"]
    assert len(found(since=first, until=second)) == 3


def test_what_waits_and_was_not_asked_for_goes_on_waiting(tmp_path: Path) -> None:
    days = [session_at(NOON + timedelta(days=n)) for n in range(3)]
    source = ScriptedProject(*days)
    run(source, tmp_path, skip_days=[NOON.date(), NOON.date() + timedelta(days=1)])
    assert verify(tmp_path, until=NOON.date()).waiting == [days[0].session_id]
    assert Download(source, tmp_path).repair(until=NOON.date()).downloaded.total() == 1
    assert verify(tmp_path).waiting == [days[1].session_id]


@pytest.mark.parametrize("name", ["raw_sealed_bundles.json", "metadata.json", "packets.pcap", "."])
def test_what_stands_in_the_way_is_named_and_kept(tmp_path: Path, name: str) -> None:
    session = session_at(NOON)
    session.counters["packet"].total = 1
    source = ScriptedProject(session)
    run(source, tmp_path)
    folder = tmp_path / "2026-03-01" / session.session_id
    place = folder / name
    if name == ".":
        folder.rename(tmp_path / "elsewhere")
        folder.write_text("mine")
    else:
        place.unlink()
        place.mkdir()
        (place / "mine").write_text("mine")
    before = tree(tmp_path)
    error = Download(source, tmp_path).repair().failures[session.session_id]
    assert isinstance(error, IntegrityError)
    assert "remove it" in str(error)
    assert error.where == str(folder if name == "." else place)
    assert tree(tmp_path) == before
    place.rename(tmp_path / "aside")
    assert Download(source, tmp_path).repair().ok
    assert verify(tmp_path).ok
