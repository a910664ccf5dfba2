"""Importing recordings of the on-disk layout."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from google.protobuf import json_format
from support.recordings import write_recording
from support.stores import make_principal, read_back

from moonsense.cloud.importer import ImportReport, import_tree
from moonsense.cloud.records import Principal
from moonsense.cloud.store import Store

RECORDINGS = Path(__file__).parents[4] / "shared" / "data" / "web-sessions"


def run(store: Store, root: Path, who: Principal) -> ImportReport:
    return import_tree(store, root, who.project_id)


async def lines(store: Store, who: Principal, session_id: str) -> list[object]:
    snapshot = await store.bundles.open(who.project_id, session_id, "application/x-ndjson")
    text = b"".join([piece async for piece in snapshot.body])
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("middle", ["", "33643170", "missing-journey-id"])
def test_a_recording_comes_back_as_it_was(store: Store, who: Principal, tmp_path: Path, middle: str) -> None:
    session, text = write_recording(tmp_path / "tree", "abcABC234567", middle)
    report = run(store, tmp_path / "tree", who)
    assert (report.imported, report.present, report.failed) == (["abcABC234567"], [], [])
    assert report.bundles == 7
    back = asyncio.run(lines(store, who, "abcABC234567"))
    assert back == [json.loads(line) for line in text.splitlines()]
    described = asyncio.run(store.sessions.describe(who.project_id, "abcABC234567", full=True))
    assert (described.app_id, described.created_at) == ("appAPP", session.created_at)
    del session.counters["packet"]  # there is no capture of them
    assert described.counters == session.counters
    assert [(label.label_id, label.name) for label in described.labels] == [
        ("label-of-abcABC234567", "registration")
    ]
    chunks = asyncio.run(store.bundles.chunks(who.project_id, "abcABC234567", offset=0, limit=9))
    assert chunks.total == 2  # five bundles and two


def test_importing_twice_changes_nothing(store: Store, who: Principal, tmp_path: Path) -> None:
    write_recording(tmp_path / "tree", "first2345")
    run(store, tmp_path / "tree", who)
    before = (store.numbers(), asyncio.run(read_back(store, who.project_id, "first2345")))
    write_recording(tmp_path / "tree", "second345")
    report = run(store, tmp_path / "tree", who)
    assert (report.imported, report.present) == (["second345"], ["first2345"])
    report = run(store, tmp_path / "tree", who)
    assert (report.imported, report.present) == ([], ["first2345", "second345"])
    assert asyncio.run(read_back(store, who.project_id, "first2345")) == before[1]


def test_one_bad_recording_leaves_nothing_and_stops_nobody(
    store: Store, who: Principal, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    write_recording(tree, "aGood2345")
    write_recording(tree, "bBroken45")
    write_recording(tree, "cNoBundles")
    write_recording(tree, "dGood2345")
    broken = tree / "2022-08-04" / "bBroken45" / "raw_sealed_bundles.json"
    broken.write_text(broken.read_text()[:-40])
    (tree / "2022-08-04" / "cNoBundles" / "raw_sealed_bundles.json").unlink()
    report = run(store, tree, who)
    assert report.imported == ["aGood2345", "dGood2345"]
    assert [path.name for path, _ in report.failed] == ["bBroken45", "cNoBundles"]
    assert "line 7" in report.failed[0][1]
    assert store.numbers()["sessions"] == 2


def test_counters_that_the_bundles_do_not_bear_out_are_counted_anew(
    store: Store, who: Principal, tmp_path: Path
) -> None:
    write_recording(tmp_path / "tree", "grew23456")
    path = tmp_path / "tree" / "2022-08-04" / "grew23456" / "metadata.json"
    wrong = json.loads(path.read_text())
    wrong["counters"]["accelerometer"]["total"] = 3
    wrong["counters"]["pointer"] = {"total": 9}
    path.write_text(json.dumps(wrong))
    run(store, tmp_path / "tree", who)
    described = asyncio.run(store.sessions.describe(who.project_id, "grew23456", full=False))
    totals = {name: counter.total for name, counter in described.counters.items()}
    assert totals == {"bundle": 7, "accelerometer": 14}


def test_a_recording_without_a_bundle_counts_none(store: Store, who: Principal, tmp_path: Path) -> None:
    write_recording(tmp_path / "tree", "empty2345", bundles=1)
    (tmp_path / "tree" / "2022-08-04" / "empty2345" / "raw_sealed_bundles.json").write_bytes(b"")
    report = run(store, tmp_path / "tree", who)
    assert (report.imported, report.bundles) == (["empty2345"], 0)
    described = asyncio.run(store.sessions.describe(who.project_id, "empty2345", full=True))
    assert dict(described.counters) == {}


def test_bundles_without_metadata_are_a_failure(store: Store, who: Principal, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    write_recording(tree, "whole2345")
    write_recording(tree, "lost23456", "journey")
    write_recording(tree / ".moonsense" / "partial", "underway2")
    write_recording(tree / ".moonsense" / "partial", "underway3")
    lost = tree / "2022-08-04" / "journey" / "lost23456"
    (lost / "metadata.json").unlink()
    (tree / ".moonsense" / "partial" / "2022-08-04" / "underway2" / "metadata.json").unlink()
    report = run(store, tree, who)
    assert report.imported == ["whole2345"]
    assert report.failed == [(lost, "there is no metadata.json")]


def test_what_belongs_to_another_project_is_refused(store: Store, who: Principal, tmp_path: Path) -> None:
    write_recording(tmp_path / "tree", "taken2345")
    run(store, tmp_path / "tree", who)
    report = run(store, tmp_path / "tree", make_principal(store))
    assert "another project" in report.failed[0][1]
    with pytest.raises(FileNotFoundError):
        run(store, tmp_path / "nowhere", who)


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the real recordings are not beside this checkout")
def test_every_real_recording_comes_back_line_for_line(open_store: Callable[..., Store]) -> None:
    store = open_store(seal_bundles=50, serving=False)
    who = make_principal(store)
    report = run(store, RECORDINGS, who)
    folders = {path.parent.name: path.parent for path in RECORDINGS.rglob("metadata.json")}
    assert not report.failed
    assert sorted(report.imported) == sorted(folders)
    for session_id, folder in folders.items():
        original = [
            json.loads(line) for line in (folder / "raw_sealed_bundles.json").read_bytes().splitlines()
        ]
        assert asyncio.run(lines(store, who, session_id)) == original
        described = asyncio.run(store.sessions.describe(who.project_id, session_id, full=True))
        told = json.loads((folder / "metadata.json").read_text())
        ours = json_format.MessageToDict(described)
        for label in ours["labels"]:
            del label["createdAt"], label["sessionLabelId"]
        del told["regionId"]
        told["createdAt"] = described.created_at.ToJsonString()
        assert ours == told
