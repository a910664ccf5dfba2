"""Runs one after the other into one folder: what the ledger makes them do, and leave alone."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.project import NOON, ScriptedProject, line, session_at, tree

from moonsense.download import Download, DownloadReport, Why, verify
from moonsense.download._ledger import Ledger, State
from moonsense.errors import (
    ConfigurationError,
    ConnectionFailed,
    DamagedLedgerError,
    MoonsenseError,
)
from moonsense.models.data_plane_v2_sdk_pb2 import Session, SessionMetadata

NOW = datetime.now(UTC)


def run(source: ScriptedProject, output: Path, **options: Any) -> DownloadReport:
    return Download(source, output, parallel=3).run(**options)


def text_of(output: Path, session: Session) -> str:
    (path,) = output.rglob(f"{session.session_id}/raw_sealed_bundles.json")
    return path.read_text()


def entry(output: Path, session: Session) -> Any:
    with Ledger.copy(output) as ledger:
        return ledger.get(session.session_id)


def test_what_the_ledger_says_of_a_session(tmp_path: Path) -> None:
    session = session_at(NOON, bundles=3)
    session.counters["packet"].total = 1
    report = run(ScriptedProject(session), tmp_path)
    assert (report.listed, report.downloaded[Why.NEW], report.bundles) == (1, 1, 3)
    found = entry(tmp_path, session)
    assert (found.contents.bundles, found.contents.last_index, found.contents.final) == (3, 3, False)
    assert found.folder == f"2026-03-01/{session.session_id}"
    for name in ("metadata.json", "raw_sealed_bundles.json", "packets.pcap"):
        assert found.contents.files[name].size == (tmp_path / found.folder / name).stat().st_size
    assert report.size == sum(digest.size for digest in found.contents.files.values())


def test_a_session_is_complete_by_its_last_bundle_or_by_its_age(tmp_path: Path) -> None:
    old, young, ended = session_at(NOON), session_at(NOW), session_at(NOW)

    def last(session_id: str, output_file: Any) -> None:
        final = b',"is_final_bundle":true' if session_id == ended.session_id else b""
        output_file.write(b'{"bundle":{"index":1%s},"session_id":"x"}\n' % final)

    source = ScriptedProject(old, young, ended)
    source.download_session = last  # type: ignore[method-assign]
    run(source, tmp_path)
    states = [entry(tmp_path, session).state for session in (old, young, ended)]
    assert states == [State.COMPLETE, State.GROWING, State.COMPLETE]


def test_only_what_is_new_is_listed_again(tmp_path: Path) -> None:
    source = ScriptedProject(session_at(NOW - timedelta(days=40)), session_at(NOW - timedelta(days=1)))
    run(source, tmp_path)
    assert source.filters["since"] is None
    report = run(source, tmp_path)
    assert source.filters["since"] == _created(list(source.sessions.values())[1]) - timedelta(days=7)
    assert (report.listed, report.unchanged, source.described) == (1, 1, [])
    assert len(source.downloads) == 2


def test_late_ones_are_found(tmp_path: Path) -> None:
    source = ScriptedProject(session_at(NOW))
    run(source, tmp_path)
    late = session_at(NOW - timedelta(days=6))
    later = session_at(NOW - timedelta(days=20))
    source.sessions |= {late.session_id: late, later.session_id: later}
    run(source, tmp_path)
    assert source.downloads[1:] == [late.session_id]
    run(source, tmp_path, overlap=timedelta(days=30))
    assert source.downloads[2:] == [later.session_id]


def test_one_that_may_still_grow_is_asked_for_however_old_it_is(tmp_path: Path) -> None:
    # Created long ago, and something came in lately.
    session = session_at(NOW - timedelta(days=30))
    session.newest_event.FromDatetime(NOW - timedelta(days=1))
    source = ScriptedProject(session, session_at(NOW))
    run(source, tmp_path)
    session.counters["bundle"].total = 5
    report = run(source, tmp_path)
    assert report.downloaded == {Why.GROWN: 1}
    assert text_of(tmp_path, session).count("\n") == 5
    assert entry(tmp_path, session).contents.last_index == 5


def test_what_arrived_meanwhile_is_not_downloaded_again(tmp_path: Path) -> None:
    session = session_at(NOW)
    source = ScriptedProject(session)

    def grow(_session_id: str) -> None:
        session.counters["bundle"].total = 4
        session.newest_event.FromDatetime(NOW + timedelta(seconds=1))

    source.before_download = grow
    run(source, tmp_path)
    report = run(source, tmp_path)
    assert (report.downloaded, report.described) == ({}, 1)
    assert (
        json.loads(next(tmp_path.glob("2*/*/metadata.json")).read_text())["counters"]["bundle"]["total"] == 4
    )


def test_a_new_label_is_new_metadata_and_nothing_else(tmp_path: Path) -> None:
    session = session_at(NOW)
    source = ScriptedProject(session)
    run(source, tmp_path)
    session.labels.add(name="fraud")
    report = run(source, tmp_path)
    assert (report.described, len(source.downloads)) == (1, 1)
    metadata = json.loads(next(tmp_path.glob("2*/*/metadata.json")).read_text())
    assert [label["name"] for label in metadata["labels"]] == ["fraud"]
    assert verify(tmp_path).ok
    assert run(source, tmp_path).unchanged == 1


def test_labels_are_listed_whole_since_they_come_at_any_time(tmp_path: Path) -> None:
    old, young = session_at(NOW - timedelta(days=90)), session_at(NOW)
    young.labels.add(name="x")
    source = ScriptedProject(old, young)
    run(source, tmp_path, labels=["x"])
    old.labels.add(name="x")
    run(source, tmp_path, labels=["x"])
    assert sorted(source.downloads) == sorted(source.sessions)


def test_a_platform_has_a_listing_of_its_own(tmp_path: Path) -> None:
    page, phone = session_at(NOW), session_at(NOW - timedelta(days=90))
    page.metadata.platform = SessionMetadata.WEB
    phone.metadata.platform = SessionMetadata.ANDROID
    source = ScriptedProject(page, phone)
    run(source, tmp_path, platforms=["web"])
    assert source.downloads == [page.session_id]
    run(source, tmp_path, platforms="WEB")
    assert source.filters["since"] is not None
    run(source, tmp_path)
    assert source.downloads == [page.session_id, phone.session_id]
    with pytest.raises(ValueError, match="platform"):
        run(source, tmp_path, platforms=["desktop"])


def test_earlier_days_are_listed_when_they_are_wanted_later(tmp_path: Path) -> None:
    days = [session_at(NOON + timedelta(days=n)) for n in range(0, 100, 10)]
    source = ScriptedProject(*days)
    run(source, tmp_path, since=date(2026, 4, 20))
    run(source, tmp_path, since=date(2026, 3, 1), until=date(2026, 3, 25))
    run(source, tmp_path, since=date(2026, 4, 20))
    run(source, tmp_path)
    assert sorted(source.downloads) == sorted(source.sessions)


def test_days_that_were_skipped_come_later(tmp_path: Path) -> None:
    days = [session_at(NOON + timedelta(days=n)) for n in range(0, 40, 10)]
    source = ScriptedProject(*days)
    skipped = (NOON + timedelta(days=10)).date()
    run(source, tmp_path, skip_days=[skipped])
    run(source, tmp_path, skip_days=[skipped])
    assert len(source.downloads) == 3
    assert verify(tmp_path).waiting == [days[1].session_id]
    run(source, tmp_path)
    assert sorted(source.downloads) == sorted(source.sessions)


def test_what_failed_is_tried_again_however_old_it_is(tmp_path: Path) -> None:
    old, young = session_at(NOON), session_at(NOW)
    source = ScriptedProject(old, young)
    source.broken = {old.session_id: ConnectionFailed("no")}
    assert list(run(source, tmp_path).failures) == [old.session_id]
    found = entry(tmp_path, old)
    assert (found.state, found.error) == (State.FAILED, "no")
    source.broken.clear()
    assert run(source, tmp_path).ok
    assert source.downloads[-1] == old.session_id


def test_fewer_bundles_than_the_cloud_counts_is_a_failure(tmp_path: Path) -> None:
    session = session_at(NOON, bundles=3)
    source = ScriptedProject(session)
    source.download_session = lambda name, file: file.write(line(name, 1).encode())  # type: ignore[method-assign]
    report = run(source, tmp_path)
    assert "1 bundles came, and the cloud counts 3" in str(report.failures[session.session_id])
    assert tree(tmp_path) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
        lambda path: os.rename(path.parent, path.parent.with_name("elsewhere")),  # noqa: PTH104
    ],
)
def test_what_is_not_there_any_more_is_downloaded_again(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    old = session_at(NOON)
    source = ScriptedProject(old, session_at(NOW))
    run(source, tmp_path)
    spoil(tmp_path / "2026-03-01" / old.session_id / "raw_sealed_bundles.json")
    report = run(source, tmp_path)
    assert report.downloaded == {Why.MISSING: 1}
    assert text_of(tmp_path, old) == line(old.session_id, 1)


def test_what_is_deleted_in_the_cloud_stays_on_disk(tmp_path: Path) -> None:
    session = session_at(NOW)
    source = ScriptedProject(session)
    run(source, tmp_path)
    source.sessions.clear()
    assert run(source, tmp_path).gone == [session.session_id]
    assert run(source, tmp_path).gone == []
    assert len(tree(tmp_path)) == 2
    assert verify(tmp_path).ok


def test_sessions_stay_where_they_are_unless_all_is_asked_for(tmp_path: Path) -> None:
    session = session_at(NOW, journey_id="j")
    source = ScriptedProject(session)
    run(source, tmp_path)
    session.counters["bundle"].total = 2
    run(source, tmp_path, with_journey_id=True)
    day = NOW.date().isoformat()
    assert {Path(path).parent.as_posix() for path in tree(tmp_path)} == {f"{day}/{session.session_id}"}
    run(source, tmp_path, with_journey_id=True, incremental=False)
    assert {Path(path).parent.as_posix() for path in tree(tmp_path)} == {f"{day}/j/{session.session_id}"}
    assert text_of(tmp_path, session).count("\n") == 2


def test_ctrl_c_leaves_whole_sessions_and_the_next_run_goes_on(tmp_path: Path) -> None:
    source = ScriptedProject(*(session_at(NOON - timedelta(hours=n)) for n in range(30)))

    def interrupt(progress: Any) -> None:
        if progress.done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(source, tmp_path, on_progress=interrupt)
    assert verify(tmp_path).ok
    report = run(source, tmp_path)
    assert report.unchanged + report.found >= 7
    assert sorted({Path(path).parent.name for path in tree(tmp_path)}) == sorted(source.sessions)
    assert len(source.downloads) <= 30 + 3, "at most what was in hand is downloaded twice"


def test_nothing_appears_after_a_run_was_given_up(tmp_path: Path) -> None:
    import threading

    held, go = threading.Event(), threading.Event()
    source = ScriptedProject(session_at(NOON), session_at(NOON))
    first = source.sessions[next(iter(source.sessions))]
    source.broken = {first.session_id: ConnectionFailed("no")}

    def hold(session_id: str) -> None:
        if session_id != first.session_id:
            held.set()
            go.wait(20)
        else:
            held.wait(20)

    source.before_download = hold

    def interrupt(_progress: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(source, tmp_path, on_progress=interrupt)
    go.set()
    for thread in threading.enumerate():
        if thread.name.startswith("moonsense-download"):
            thread.join(20)
    assert tree(tmp_path) == []
    assert list((tmp_path / ".moonsense" / "partial").iterdir()) == []


def test_a_cloud_that_is_away_ends_the_run(tmp_path: Path) -> None:
    source = ScriptedProject(*(session_at(NOON) for _ in range(200)))
    source.broken = {name: ConnectionFailed("away") for name in source.sessions}
    with pytest.raises(ConnectionFailed):
        run(source, tmp_path)
    source.broken.clear()
    assert run(source, tmp_path).downloaded == {Why.NEW: 200}


def test_a_full_disk_ends_the_run(tmp_path: Path) -> None:
    import errno

    source = ScriptedProject(session_at(NOON))
    source.broken = {name: OSError(errno.ENOSPC, "full") for name in source.sessions}
    with pytest.raises(OSError, match="full"):
        run(source, tmp_path)


def test_one_process_at_a_time(tmp_path: Path) -> None:
    source = ScriptedProject(session_at(NOON))
    with Ledger.open(tmp_path):
        for start in (
            lambda: run(source, tmp_path),
            lambda: run(source, tmp_path, dry_run=True),
            lambda: verify(tmp_path),
        ):
            with pytest.raises(ConfigurationError, match="another process"):
                start()
    assert run(source, tmp_path).ok


def test_a_ledger_that_is_none_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / ".moonsense").mkdir()
    path = tmp_path / ".moonsense" / "ledger.sqlite"
    path.write_bytes(b"this is no database" * 100)
    for start in (
        lambda: run(ScriptedProject(), tmp_path),
        lambda: run(ScriptedProject(), tmp_path, dry_run=True),
        lambda: verify(tmp_path),
    ):
        with pytest.raises(DamagedLedgerError, match="without it") as caught:
            start()
        assert caught.value.where == str(path)
    path.unlink()
    with Ledger.open(tmp_path) as ledger:
        ledger._connection.execute("COMMIT")
        ledger._connection.execute("PRAGMA user_version = 99")
        ledger._connection.execute("BEGIN")
    with pytest.raises(ConfigurationError, match="newer"):
        run(ScriptedProject(), tmp_path)


def test_a_ledger_that_is_damaged_inside_says_so_too(tmp_path: Path) -> None:
    source = ScriptedProject(*(session_at(NOON) for _ in range(200)))
    run(source, tmp_path)
    path = tmp_path / ".moonsense" / "ledger.sqlite"
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    for start in (lambda: run(source, tmp_path), lambda: verify(tmp_path)):
        with pytest.raises(DamagedLedgerError, match="without it"):
            start()
    path.unlink()
    assert run(source, tmp_path).found == 200


def test_a_lost_ledger_is_made_again_from_what_is_there(tmp_path: Path) -> None:
    source = ScriptedProject(*(session_at(NOON, bundles=n) for n in range(5)))
    run(source, tmp_path, with_journey_id=True)
    for path in (tmp_path / ".moonsense").glob("ledger*"):
        path.unlink()
    broken = next(path for path in tmp_path.glob("2*/*/*/raw*") if path.stat().st_size)
    broken.write_bytes(broken.read_bytes()[:-3])
    report = run(source, tmp_path)
    assert (report.found, report.downloaded) == (4, {Why.HALF: 1})
    assert verify(tmp_path).ok


def test_all_of_it_again_without_a_ledger_leaves_no_session_twice(tmp_path: Path) -> None:
    source = ScriptedProject(session_at(NOON, journey_id="j"))
    run(source, tmp_path, with_journey_id=True)
    for path in (tmp_path / ".moonsense").glob("ledger*"):
        path.unlink()
    run(source, tmp_path, incremental=False)
    assert len(list(tmp_path.glob("2*/**/metadata.json"))) == 1
    assert verify(tmp_path).ok


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    output = tmp_path / "out"
    session, other = session_at(NOW, bundles=4), session_at(NOW, bundles=2)
    source = ScriptedProject(session)
    report = run(source, output, dry_run=True)
    assert (report.planned, report.bundles) == ({session.session_id: Why.NEW}, 4)
    assert not output.exists()
    run(source, output)
    session.counters["bundle"].total = 5
    source.sessions[other.session_id] = other
    before = {path: path.read_bytes() for path in output.rglob("*") if path.is_file()}
    report = run(source, output, dry_run=True)
    assert report.planned == {session.session_id: Why.GROWN, other.session_id: Why.NEW}
    assert {path: path.read_bytes() for path in output.rglob("*") if path.is_file()} == before


def test_what_waits_does_so_on_disk(tmp_path: Path) -> None:
    sessions = [session_at(NOON - timedelta(minutes=n), bundles=2) for n in range(300)]
    source = ScriptedProject(*sessions)
    seen: list[Any] = []
    report = run(source, tmp_path, on_progress=seen.append)
    assert report.downloaded == {Why.NEW: 300}
    assert (seen[-1].total, seen[-1].done, seen[-1].listing) == (300, 300, False)
    assert source.described == []


def test_an_error_that_is_nobodys_own_is_raised(tmp_path: Path) -> None:
    source = ScriptedProject(session_at(NOON))
    source.broken = {name: RuntimeError("a defect") for name in source.sessions}
    with pytest.raises(RuntimeError, match="a defect") as caught:
        run(source, tmp_path)
    assert not isinstance(caught.value, MoonsenseError)


def test_a_row_is_written_whole(tmp_path: Path) -> None:
    session = session_at(NOON)
    run(ScriptedProject(session), tmp_path)
    before = entry(tmp_path, session)
    with Ledger.open(tmp_path) as ledger:
        bad = replace(before, contents=replace(before.contents, files={"x": None}))
        with pytest.raises(AttributeError):
            ledger.put(bad)
    assert entry(tmp_path, session) == before


def _created(session: Session) -> datetime:
    return session.created_at.ToDatetime(UTC)
