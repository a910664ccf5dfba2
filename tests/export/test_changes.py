"""What became of recordings and of datasets between two exports: repaired, cut short, moved, removed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset
import pytest
from support import s3 as servers
from support.export_recordings import NOON, write_session

from moonsense.codec import json as messages
from moonsense.errors import ConfigurationError, IncompleteError
from moonsense.export import export
from moonsense.export._lake import Lake
from moonsense.frames import read
from moonsense.models.bundle_v2_pb2 import Bundle, SealedBundle
from moonsense.simulator import checkout_person, walking_phone

SENSORS = ("accelerometer", "pointer", "key_press", "bundles")


def rows(lake: Path, sensor: str) -> list[str]:
    table = pa.dataset.dataset(lake / f"sensor={sensor}", format="parquet").to_table()
    return sorted(map(repr, table.to_pylist()))


def expected(recordings: Path, sensor: str) -> list[str]:
    return sorted(map(repr, read(recordings, sensor).arrow.to_pylist()))


def is_the_same(lake: Path, recordings: Path) -> bool:
    return all(rows(lake, sensor) == expected(recordings, sensor) for sensor in SENSORS)


def states(lake: Path) -> dict[str, tuple[int, bytes]]:
    """Of each file its inode, which is another when it is written again, and what it holds."""
    return {
        path.relative_to(lake).as_posix(): (path.stat().st_ino, path.read_bytes())
        for path in lake.rglob("*")
        if path.is_file()
    }


def bundles(folder: Path) -> Path:
    return next(folder.glob("2026-03-01/*/raw_sealed_bundles.json"))


def put(path: Path, content: bytes) -> None:
    """As a download does it: a new file in the place of the old one."""
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.replace(path)


def cut(path: Path) -> bytes:
    """Take the last line away; gives what there was."""
    whole = path.read_bytes()
    put(path, whole[: whole.rindex(b"\n", 0, -1) + 1])
    return whole


@pytest.mark.parametrize("format", ["parquet", "mcap"])
def test_a_repair_of_the_same_length_is_seen(recordings: Path, tmp_path: Path, format: str) -> None:
    path, lake, right = bundles(recordings), tmp_path / "lake", tmp_path / "right"
    export(recordings, right, format=format)
    whole = path.read_bytes()
    put(path, whole.replace(b'"wall_time_millis":"1', b'"wall_time_millis":"2'))
    assert len(path.read_bytes()) == len(whole)
    assert path.read_bytes() != whole
    export(recordings, lake, format=format)
    put(path, whole)
    report = export(recordings, lake, format=format)
    assert (report.sessions, report.unchanged, report.ok) == (1, 5, True)
    if format == "parquet":
        assert is_the_same(lake, recordings)
    else:
        name = f"date=2026-03-01/{path.parent.name}.mcap"
        assert (lake / name).read_bytes() == (right / name).read_bytes()


def test_a_copy_with_its_times_is_nothing_new(recordings: Path, tmp_path: Path) -> None:
    export(recordings, tmp_path / "lake")
    copy = shutil.copytree(recordings, tmp_path / "copy")
    assert export(copy, tmp_path / "lake").unchanged == 6


def test_notes_of_a_version_that_knew_lengths_only(recordings: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    export(recordings, lake)
    for note in lake.glob("_export/parquet/*.json"):
        part = json.loads(note.read_bytes())
        for name, one in part["sessions"].items():
            one[0] = f"bytes {next(recordings.glob(f'*/{name}/raw_sealed_bundles.json')).stat().st_size}"
        note.write_text(json.dumps(part))
    assert export(recordings, lake).sessions == 6
    assert export(recordings, lake).unchanged == 6
    assert is_the_same(lake, recordings)


@pytest.mark.parametrize(
    ("format", "sensors"), [("parquet", None), ("parquet", ["pointer"]), ("csv", None), ("mcap", None)]
)
def test_fewer_bundles_than_the_metadata_says(
    recordings: Path, tmp_path: Path, format: str, sensors: list[str] | None
) -> None:
    path, lake = bundles(recordings), tmp_path / "lake"
    whole = cut(path)
    for _ in range(2):
        report = export(recordings, lake, format=format, sensors=sensors)
        assert list(report.failures) == [path.parent.name]
        error = report.failures[path.parent.name]
        count = whole.count(b"\n")
        assert isinstance(error, IncompleteError)
        assert error.reason == f"there are {count - 1} bundles, and {count} in the metadata"
        assert error.where == str(path.parent)
    put(path, whole)
    report = export(recordings, lake, format=format, sensors=sensors)
    assert (report.sessions, report.unchanged, report.ok) == (1, 5, True)


def test_more_bundles_than_the_metadata_says(recordings: Path, tmp_path: Path) -> None:
    path = bundles(recordings)
    path.write_bytes(path.read_bytes() + messages.write_line(SealedBundle(bundle=Bundle(index=500))))
    report = export(recordings, tmp_path / "lake")
    assert (report.sessions, report.ok) == (6, True)


def test_one_that_is_cut_short_later_stays_as_it_was(recordings: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    export(recordings, lake)
    right = {sensor: rows(lake, sensor) for sensor in SENSORS}
    path = bundles(recordings)
    whole = cut(path)
    came = write_session(recordings, checkout_person(70))
    report = export(recordings, lake)
    assert (report.sessions, list(report.failures)) == (1, [path.parent.name])
    # The part took in the one that came, and has lost nothing.
    for sensor in SENSORS:
        assert [row for row in rows(lake, sensor) if came not in row] == right[sensor], sensor
    before = states(lake)
    assert list(export(recordings, lake).failures) == [path.parent.name]
    assert states(lake) == before
    put(path, whole)
    assert export(recordings, lake).sessions == 1
    assert is_the_same(lake, recordings)


def alone(root: Path, above: str, *, clock: bool) -> Path:
    """A recording without metadata, whose second bundle has a wall clock or none has."""
    folder = root / above / "session1"
    folder.mkdir(parents=True)
    told = [Bundle(index=1, battery={"capacity": 1}), Bundle(index=2)]
    if clock:
        told[1].client_time.wall_time_millis = int(NOON.timestamp() * 1000)
    text = b"".join(messages.write_line(SealedBundle(bundle=one)) for one in told)
    (folder / "raw_sealed_bundles.json").write_bytes(text)
    return folder


@pytest.mark.parametrize("metadata", [None, b"{", b"{}"])
@pytest.mark.parametrize(
    ("above", "clock", "day"),
    [
        ("2025-01-02", True, "2026-03-01"),
        ("2025-01-02", False, "2025-01-02"),
        ("2025-01-02/journey", False, "2025-01-02"),
        ("2025-13-02", False, "1970-01-01"),
    ],
)
def test_the_day_without_metadata(
    tmp_path: Path, above: str, clock: bool, day: str, metadata: bytes | None
) -> None:
    folder = alone(tmp_path / "data", above, clock=clock)
    if metadata is not None:
        (folder / "metadata.json").write_bytes(metadata)
    assert export(tmp_path / "data", tmp_path / "lake").ok
    assert [path.name for path in (tmp_path / "lake/sensor=bundles").iterdir()] == [f"date={day}"]


def test_the_day_by_the_folder_itself(tmp_path: Path) -> None:
    alone(tmp_path, "2025-01-02", clock=False)
    export(tmp_path / "2025-01-02", tmp_path / "lake")
    assert (tmp_path / "lake/sensor=bundles/date=2025-01-02").exists()


def test_one_whose_day_cannot_be_read_any_more_loses_nothing(tmp_path: Path) -> None:
    folder = alone(tmp_path / "data", "2025-01-02", clock=True)
    export(tmp_path / "data", tmp_path / "lake")
    before = states(tmp_path / "lake")
    put(folder / "raw_sealed_bundles.json", b"{\n")
    assert list(export(tmp_path / "data", tmp_path / "lake").failures) == ["session1"]
    assert states(tmp_path / "lake") == before


def test_a_table_that_was_removed_comes_again(recordings: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    export(recordings, lake)
    shutil.rmtree(lake / "sensor=pointer")
    # Whatever is asked for: what the notes say is there.
    report = export(recordings, lake, sensors=["bundles"])
    assert (report.sessions, report.unchanged) == (6, 0)
    assert is_the_same(lake, recordings)
    next((lake / "sensor=bundles/date=2026-03-01").iterdir()).unlink()
    report = export(recordings, lake)
    assert (report.sessions, report.unchanged) == (3, 3)
    assert is_the_same(lake, recordings)
    assert export(recordings, lake).unchanged == 6


def test_a_recording_that_was_removed_comes_again(recordings: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    export(recordings, lake, format="mcap")
    before = {name: content for name, (_, content) in states(lake).items()}
    next((lake / "date=2026-03-01").iterdir()).unlink()
    assert export(recordings, lake, format="mcap").unchanged == 3
    assert {name: content for name, (_, content) in states(lake).items()} == before


def test_however_many_days_there_are(recordings: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    export(recordings, lake, format="mcap")
    for number in range(100):
        (lake / f"date=2020-{number:03}").mkdir()
        (lake / f"date=2020-{number:03}" / "empty.mcap").touch()
    (lake / "else").mkdir()
    (lake / "else" / "file.mcap").touch()
    assert len(Lake(lake).files("mcap")) == 106
    assert export(recordings, lake, format="mcap").unchanged == 6


@pytest.mark.parametrize("format", ["parquet", "mcap"])
def test_what_was_removed_and_is_in_no_source(recordings: Path, tmp_path: Path, format: str) -> None:
    """Another source cannot give it; the one that it is from can still, later."""
    lake, other = tmp_path / "lake", tmp_path / "other"
    export(recordings, lake, format=format)
    right = {name: content for name, (_, content) in states(lake).items() if not name.startswith("_")}
    write_session(other, checkout_person(80), day=9)
    shutil.rmtree(lake / ("sensor=pointer" if format == "parquet" else "date=2026-03-01"))
    assert export(other, lake, format=format).sessions == 1
    before = states(lake)
    assert export(other, lake, format=format).unchanged == 1
    assert states(lake) == before
    assert export(recordings, lake, format=format).sessions == (6 if format == "parquet" else 3)
    found = {name: content for name, (_, content) in states(lake).items() if name in right}
    assert found.keys() == right.keys()


def test_more_sensors_of_another_source(recordings: Path, tmp_path: Path) -> None:
    lake, other = tmp_path / "lake", tmp_path / "other"
    export(recordings, lake, sensors=["pointer"])
    write_session(other, checkout_person(80))
    export(other, lake)
    assert export(recordings, lake).sessions == 6
    shutil.copytree(other, recordings, dirs_exist_ok=True)
    assert is_the_same(lake, recordings)


def test_in_a_store(s3: servers.S3, bucket: str, recordings: Path) -> None:
    to = f"s3://{bucket}/lakes/one"
    export(recordings, to)
    before = s3.keys(bucket)
    (removed, *_) = (key for key in before if "sensor=pointer/date=2026-03-01" in key)
    Lake(to).delete(removed.removeprefix("lakes/one/"))
    assert removed not in s3.keys(bucket)
    assert export(recordings, to).unchanged == 3
    assert s3.keys(bucket) == before
    for key in before:
        if "/_export/" in key:
            Lake(to).delete(key.removeprefix("lakes/one/"))
    with pytest.raises(ConfigurationError, match="no notes"):
        export(recordings, to)


@pytest.mark.parametrize("format", ["parquet", "arrow"])
def test_files_without_notes_are_refused(recordings: Path, tmp_path: Path, format: str) -> None:
    lake = tmp_path / "lake"
    export(recordings, lake)
    shutil.rmtree(lake / "_export")
    before = states(lake)
    with pytest.raises(ConfigurationError) as caught:
        export(recordings, lake, format=format)
    said = str(caught.value)
    assert f"{lake} has {len(before)} files of an earlier export of which there are no notes" in said
    assert f"{min(before)} first" in said
    assert said.endswith("Remove them, or export to another place")
    assert states(lake) == before
    for path in lake.glob("sensor=*"):
        shutil.rmtree(path)
    assert export(recordings, lake, format=format).sessions == 6


def test_a_note_that_is_lost_is_seen(recordings: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    export(recordings, lake)
    next(lake.glob("_export/parquet/2026-03-02-*.json")).unlink()
    with pytest.raises(ConfigurationError, match="date=2026-03-02"):
        export(recordings, lake)


def test_files_of_others_are_none_of_ours(recordings: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    for name in ("sensor=pointer/date=2026-03-01/mine.parquet", "sensor=pointer/README", "else.parquet"):
        (lake / name).parent.mkdir(parents=True, exist_ok=True)
        (lake / name).write_bytes(b"x")
    assert export(recordings, lake).ok


@pytest.fixture
def broken(recordings: Path) -> Path:
    """A recording that cannot be read, among the others of its day."""
    path = bundles(recordings)
    put(path, path.read_bytes()[:-20])
    return path


@pytest.mark.parametrize("format", ["parquet", "mcap"])
def test_one_that_fails_again_has_nothing_written(
    recordings: Path, broken: Path, tmp_path: Path, format: str
) -> None:
    lake = tmp_path / "lake"
    report = export(recordings, lake, format=format)
    assert (report.sessions, report.unchanged, len(report.failures)) == (5, 0, 1)
    before = states(lake)
    report = export(recordings, lake, format=format)
    assert (report.sessions, report.unchanged, list(report.failures)) == (0, 5, [broken.parent.name])
    assert (report.rows, report.files, report.size) == (0, 0, 0)
    assert states(lake) == before
    write_session(recordings, walking_phone(71, 2.0, rate=10))
    report = export(recordings, lake, format=format)
    assert (report.sessions, report.unchanged, len(report.failures)) == (1, 5, 1)
