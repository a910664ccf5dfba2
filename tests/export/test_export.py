"""What an export writes, and what a later one does."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset
import pyarrow.ipc
import pyarrow.parquet
import pytest
from support.export_recordings import killed_after, write_session

from moonsense.client import Client
from moonsense.contract.ids import new_id
from moonsense.errors import ConfigurationError, ExportError, NotFoundError
from moonsense.export import export
from moonsense.frames import read, schema
from moonsense.models.bundle_v2_pb2 import Bundle
from moonsense.models.data_plane_v2_sdk_pb2 import Session
from moonsense.simulator import checkout_person, walking_phone


def dataset(lake: Path, sensor: str) -> pa.Table:
    """All rows of a sensor, in an order that does not depend on the parts."""
    found = pa.dataset.dataset(lake / f"sensor={sensor}", format="parquet", partitioning="hive")
    table = found.to_table().drop_columns(["date"])
    return _sorted(table)


def expected(recordings: Path, sensor: str) -> pa.Table:
    return _sorted(read(recordings, sensor).arrow)


def _sorted(table: pa.Table) -> pa.Table:
    """By session, rows of one in their own order."""
    ids = table["session_id"].to_pylist()
    return table.take(sorted(range(len(ids)), key=ids.__getitem__)).unify_dictionaries()


def files(lake: Path) -> dict[str, bytes]:
    return {
        path.relative_to(lake).as_posix(): path.read_bytes() for path in lake.rglob("*") if path.is_file()
    }


def test_rows_are_those_of_the_tables(recordings: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    report = export(recordings, lake)
    assert (report.sessions, report.ok) == (6, True)
    for sensor in ("accelerometer", "pointer", "key_press", "custom_event", "bundles"):
        found = dataset(lake, sensor)
        assert found.to_pylist() == expected(recordings, sensor).to_pylist(), sensor
        assert found.schema.remove_metadata().equals(schema(sensor).remove_metadata()), sensor
    written = sum(
        dataset(path.parent, path.name.removeprefix("sensor=")).num_rows for path in lake.glob("s*")
    )
    assert written == report.rows
    assert report.files == len([path for path in files(lake) if path.endswith(".parquet")])


def test_files_say_what_is_in_them(recordings: Path, tmp_path: Path) -> None:
    export(recordings, tmp_path / "lake")
    (path,) = (tmp_path / "lake" / "sensor=pointer" / "date=2026-03-01").iterdir()
    file = pa.parquet.ParquetFile(path)
    column = file.metadata.row_group(0).column(file.schema_arrow.names.index("at"))
    assert column.compression == "ZSTD"
    assert column.statistics.has_min_max
    assert column.has_offset_index
    assert column.has_column_index
    assert file.schema_arrow.field("position_dx").metadata == {b"unit": b"px"}


def test_again_is_nothing(recordings: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    export(recordings, lake)
    before = files(lake)
    report = export(recordings, lake)
    assert (report.sessions, report.unchanged) == (0, 6)
    assert files(lake) == before


def test_a_session_that_grew_is_there_once(recordings: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    grown = write_session(recordings, walking_phone(7, 2.0, rate=10))
    export(recordings, lake)
    write_session(recordings, walking_phone(7, 9.0, rate=10), session_id=grown)
    report = export(recordings, lake)
    assert report.unchanged == 6
    assert dataset(lake, "accelerometer").to_pylist() == expected(recordings, "accelerometer").to_pylist()


def test_new_sessions_fill_a_part_before_they_make_another(recordings: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    for seed in range(4):
        write_session(recordings, checkout_person(100 + seed))
        export(recordings, lake)
    assert len(list((lake / "sensor=pointer" / "date=2026-03-01").iterdir())) == 1
    assert dataset(lake, "pointer").to_pylist() == expected(recordings, "pointer").to_pylist()


def test_parts_are_of_the_size_that_is_asked_for(recordings: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    export(recordings, lake, rows=1)
    assert len(list((lake / "sensor=pointer").rglob("*.parquet"))) == 4
    assert dataset(lake, "pointer").to_pylist() == expected(recordings, "pointer").to_pylist()


def test_only_some_sensors_and_later_all(recordings: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    export(recordings, lake, sensors=["pointer"])
    assert [path.name for path in sorted(lake.glob("sensor=*"))] == ["sensor=pointer"]
    assert export(recordings, lake, sensors="pointer").unchanged == 6
    assert export(recordings, lake).sessions == 6
    assert dataset(lake, "key_press").to_pylist() == expected(recordings, "key_press").to_pylist()


@pytest.mark.parametrize("format", ["parquet", "arrow", "csv", "mcap"])
def test_another_source_takes_nothing_away(recordings: Path, tmp_path: Path, format: str) -> None:
    other, both = tmp_path / "other", tmp_path / "both"
    write_session(other, checkout_person(50))
    for source in (recordings, other):
        export(source, both, format=format)
    together = tmp_path / "together"
    for source in (recordings, other):
        for path in source.rglob("*.json"):
            target = together / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    straight = tmp_path / "straight"
    export(together, straight, format=format)
    assert _rows(both, format) == _rows(straight, format)


def _rows(lake: Path, format: str) -> Any:
    found: dict[str, list[Any]] = {}
    for path in sorted(lake.rglob(f"*.{format}")):
        name = path.parent.parent.name if format != "mcap" else path.name
        if format == "parquet":
            rows = pa.parquet.read_table(path, partitioning=None).to_pylist()
        elif format == "arrow":
            rows = pa.ipc.open_file(path).read_all().to_pylist()
        else:
            rows = path.read_bytes().splitlines()
        found.setdefault(name, []).extend(sorted(map(repr, rows)))
    return {name: sorted(rows) for name, rows in found.items()}


def test_arrow_and_csv(recordings: Path, tmp_path: Path) -> None:
    for name in ("arrow", "csv"):
        export(recordings, tmp_path / name, format=name)
    (path,) = (tmp_path / "arrow" / "sensor=pointer" / "date=2026-03-01").iterdir()
    table = pa.ipc.open_file(path).read_all()
    assert table.schema.equals(schema("pointer"))
    (path,) = (tmp_path / "csv" / "sensor=pointer" / "date=2026-03-01").iterdir()
    text = pa.csv.read_csv(path)
    assert text["position_dx"].to_pylist() == table["position_dx"].to_pylist()
    (path,) = (tmp_path / "csv" / "sensor=bundles" / "date=2026-03-01").iterdir()
    options = pa.csv.ParseOptions(newlines_in_values=True)
    features = [json.loads(text) for text in pa.csv.read_csv(path)["features"].to_pylist()]
    assert [one["speed"]["double_list"] for one in features if one] == [{"value": [1.5]}]
    (path,) = (tmp_path / "csv" / "sensor=custom_event" / "date=2026-03-01").iterdir()
    (event,) = pa.csv.read_csv(path, parse_options=options)["properties"].to_pylist()
    assert json.loads(event) == {"amount": "7", "note": 'a "b",\nc'}


def test_a_broken_session_does_not_keep_the_others(recordings: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    broken = next(recordings.glob("2026-03-01/*/raw_sealed_bundles.json"))
    whole = broken.read_bytes()
    broken.write_bytes(whole[:-20])
    report = export(recordings, lake)
    assert (report.sessions, list(report.failures)) == (5, [broken.parent.name])
    with pytest.raises(ExportError, match=f"1 of 6 sessions could not be exported: {broken.parent.name}"):
        report.raise_for_failures()
    broken.write_bytes(whole)
    report = export(recordings, lake)
    assert (report.ok, report.unchanged) == (True, 5)
    assert dataset(lake, "bundles").to_pylist() == expected(recordings, "bundles").to_pylist()


def test_one_that_breaks_later_loses_nothing(recordings: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    export(recordings, lake)
    before = dataset(lake, "bundles").to_pylist()
    path = next(recordings.glob("2026-03-01/*/raw_sealed_bundles.json"))
    path.write_bytes(path.read_bytes() + b"{")
    assert list(export(recordings, lake).failures) == [path.parent.name]
    assert dataset(lake, "bundles").to_pylist() == before


@pytest.mark.parametrize("after", [0, 1, 3, 8])
def test_a_run_that_is_killed_is_gone_on_with(recordings: Path, tmp_path: Path, after: int) -> None:
    lake = tmp_path / "lake"
    grown = write_session(recordings, walking_phone(7, 2.0, rate=10))
    export(recordings, lake, sensors=["accelerometer", "pointer", "bundles"])
    write_session(recordings, walking_phone(7, 9.0, rate=10), session_id=grown)
    write_session(recordings, checkout_person(60), day=5)
    with contextlib.suppress(KeyboardInterrupt), killed_after(after):
        export(recordings, lake)
    # More comes before the next run, which would be put together in another way.
    write_session(recordings, checkout_person(61), day=5)
    assert export(recordings, lake).ok
    for sensor in ("accelerometer", "pointer", "bundles", "key_press"):
        assert dataset(lake, sensor).to_pylist() == expected(recordings, sensor).to_pylist(), sensor
    assert export(recordings, lake).sessions == 0


def test_what_a_killed_writer_left_half_written_is_removed(recordings: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    export(recordings, lake)
    there = files(lake)
    note, table = (
        next(path for path in sorted(there) if path.endswith(end)) for end in (".json", ".parquet")
    )
    own = Path(table).with_name("notes of mine #1.txt").as_posix()
    for half in (f"{note}#1", f"{table}#12", "date=2026-01-01/abc.mcap#3", own):
        (lake / half).parent.mkdir(exist_ok=True)
        (lake / half).write_bytes(b"half")
    assert export(recordings, lake).sessions == 0
    assert files(lake) == there | {own: b"half"}


def test_to_an_address(recordings: Path, tmp_path: Path) -> None:
    export(recordings, f"file://{tmp_path}/lake")
    assert dataset(tmp_path / "lake", "pointer").num_rows
    with pytest.raises(ConfigurationError, match="ftp://host"):
        export(recordings, "ftp://host/x?key=secret")


def test_wrong_arguments(recordings: Path, tmp_path: Path, client: Client) -> None:
    for wrong, match in (
        ({"format": "xlsx"}, "there are parquet"),
        ({"sensors": ["smell"]}, "no sensor 'smell'"),
        ({"rows": 0}, "a row at least"),
    ):
        with pytest.raises(ValueError, match=match):
            export(recordings, tmp_path / "lake", **wrong)
    with pytest.raises(TypeError, match="filtered by labels"):
        export(recordings, tmp_path / "lake", labels=["x"])
    with pytest.raises(TypeError, match="not both"):
        export(client, tmp_path / "lake", sessions=["x"], labels=["x"])
    with pytest.raises(TypeError, match="a source is"):
        export(7, tmp_path / "lake")
    with pytest.raises(NotFoundError, match="no session x"):
        export(recordings, tmp_path / "lake", sessions="x")
    with pytest.raises(FileNotFoundError):
        export(tmp_path / "nothing", tmp_path / "lake")


@pytest.fixture
def label(recording_client: Client) -> str:
    """Three sessions of a label in a cloud."""
    name = new_id()
    for count in range(3):
        wanted = Session()
        wanted.labels.add(name=name)
        session_id = recording_client.create_session(wanted).session_id
        recording_client.send_bundles(
            session_id, [Bundle(index=index + 1, battery={"capacity": index}) for index in range(count)]
        )
    return name


def test_from_a_cloud(client: Client, recording_client: Client, label: str, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    seen: list[tuple[int, int, int]] = []
    report = export(client, lake, labels=[label], on_progress=lambda *one: seen.append(one))
    assert (report.sessions, report.rows) == (3, 6)
    assert seen[-1][:2] == (3, 3)
    assert dataset(lake, "battery")["capacity"].to_pylist() != []
    grown = next(iter(client.list_sessions([label]))).session_id
    recording_client.send_bundles(grown, [Bundle(index=9)])
    report = export(client, lake, labels=[label])
    assert report.unchanged == 2
    assert dataset(lake, "bundles").num_rows == 4
    client.delete_session(grown)
    recording_client.send_bundles(next(iter(client.list_sessions([label]))).session_id, [Bundle(index=9)])
    export(client, lake, labels=[label])
    assert dataset(lake, "bundles").num_rows == 5, "what was deleted stays"
