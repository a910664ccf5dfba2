"""Datasets are read as they are by the programs that people use, and so are MCAP files."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from mcap.reader import make_reader

from moonsense.codec import json as messages
from moonsense.contract import times
from moonsense.export import export
from moonsense.frames import read
from moonsense.models.bundle_v2_pb2 import SealedBundle

SPARK = Path(__file__).resolve().parent.parent.parent / ".venv-peers" / "pyspark"

SENSORS = ("accelerometer", "pointer", "key_press", "custom_event")


@pytest.fixture(scope="module")
def lake(written: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lake")
    export(written, folder)
    return folder


Summary = dict[str, tuple[int, int, int]]
"""Of each day: rows, sessions, and the greatest time in epoch microseconds."""


def summary(written: Path, sensor: str) -> Summary:
    found = {}
    for day in sorted(path.name for path in written.iterdir()):
        table = read(written / day, sensor).arrow
        latest = max(filter(None, table["at"].to_pylist()))
        found[day] = (len(table), len(table["session_id"].unique()), times.to_micros(latest))
    return found


@pytest.mark.parametrize("sensor", SENSORS)
def test_duckdb(written: Path, lake: Path, sensor: str) -> None:
    with duckdb.connect() as connection:
        rows = connection.sql(
            'SELECT date, count(*), count(DISTINCT session_id), epoch_us(max("at"))'
            f" FROM read_parquet('{lake}/sensor={sensor}/*/*.parquet') GROUP BY date"
        ).fetchall()
    assert {str(day): tuple(values) for day, *values in rows} == summary(written, sensor)


@pytest.mark.parametrize("sensor", SENSORS)
def test_polars(written: Path, lake: Path, sensor: str) -> None:
    frame = pl.scan_parquet(lake / f"sensor={sensor}", hive_partitioning=True)
    found = (
        frame.group_by("date").agg(pl.len(), pl.col("session_id").n_unique(), pl.col("at").max()).collect()
    )
    assert {
        str(day): (rows, sessions, times.to_micros(latest))
        for day, rows, sessions, latest in found.iter_rows()
    } == summary(written, sensor)


@pytest.mark.parametrize("sensor", SENSORS)
def test_pandas(written: Path, lake: Path, sensor: str) -> None:
    frame = pd.read_parquet(lake / f"sensor={sensor}")
    found = {
        str(day): (len(rows), rows["session_id"].nunique(), times.to_micros(rows["at"].max().to_pydatetime()))
        for day, rows in frame.groupby("date", observed=True)
    }
    assert found == summary(written, sensor)


PROGRAM = """
import json, sys
from pyspark.sql import SparkSession, functions as f
spark = (
    SparkSession.builder.master("local[1]")
    .config("spark.ui.enabled", "false").config("spark.driver.host", "127.0.0.1")
    .config("spark.driver.bindAddress", "127.0.0.1").config("spark.sql.shuffle.partitions", "1")
    .getOrCreate()
)
found = {}
for sensor in sys.argv[2:]:
    table = spark.read.parquet(f"{sys.argv[1]}/sensor={sensor}")
    table.collect()
    rows = table.groupBy("date").agg(
        f.count("*"), f.countDistinct("session_id"), f.unix_micros(f.max("at"))
    ).collect()
    found[sensor] = {str(row[0]): list(row[1:]) for row in rows}
print(json.dumps(found))
"""


def test_spark(written: Path, lake: Path) -> None:
    python = SPARK / "bin" / "python"
    if not python.exists():
        reason = SPARK.with_name("pyspark.reason")
        pytest.skip(
            f"PySpark: {reason.read_text(encoding='utf-8').strip()}"
            if reason.exists()
            else "PySpark: run scripts/side_environments.py first"
        )
    sensors = (*SENSORS, "bundles")
    result = subprocess.run(
        [python, "-I", "-c", PROGRAM, lake, *sensors],
        env={**os.environ, "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": str(python)},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    found = json.loads(result.stdout.splitlines()[-1])
    assert found == {
        sensor: {day: list(values) for day, values in summary(written, sensor).items()} for sensor in sensors
    }


def test_foxglove_finds_every_message(written: Path, tmp_path: Path) -> None:
    report = export(written, tmp_path, format="mcap")
    assert (report.sessions, report.files) == (6, 6)
    count = 0
    for path in tmp_path.glob("date=*/*.mcap"):
        items = dict(_items(written, path))
        reader = make_reader(io.BytesIO(path.read_bytes()))
        last = 0
        for schema, channel, message in reader.iter_messages():
            assert schema is not None
            assert (schema.encoding, channel.message_encoding) == ("protobuf", "protobuf")
            # By the schema in the file alone, as one does who has never heard of us.
            decoded = _decoder(schema.name, schema.data)(message.data)
            assert items[channel.topic].pop(message.data).DESCRIPTOR.full_name == schema.name
            assert decoded.SerializeToString(deterministic=True)
            assert message.log_time >= last
            last = message.log_time
            count += 1
        assert not any(items.values()), "something is missing"
        summary = reader.get_summary()
        assert summary is not None
        assert summary.statistics is not None
    assert count == report.rows


def _items(written: Path, path: Path) -> Iterator[tuple[str, dict[bytes, object]]]:
    """The distinct items of a session by their bytes, of each topic."""
    (source,) = written.glob(f"*/{path.stem}/raw_sealed_bundles.json")
    found: dict[str, dict[bytes, object]] = {}
    from moonsense.contract.counters import item_fields

    for line in source.read_bytes().splitlines():
        bundle = messages.parse(line, SealedBundle).bundle
        for field, name in item_fields().items():
            value = getattr(bundle, field)
            some = (
                ([value] if bundle.HasField(field) else [])
                if field in ("battery", "frame_rate_event")
                else value
            )
            for item in some:
                found.setdefault(f"/{name}", {})[item.SerializeToString(deterministic=True)] = item
    yield from found.items()


def _decoder(name: str, data: bytes) -> object:
    files = descriptor_pb2.FileDescriptorSet.FromString(data)
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name)).FromString


def test_without_the_extra_there_is_one_line() -> None:
    program = (
        "import sys; sys.modules['obstore'] = None\n"
        "from moonsense.errors import MissingExtraError\n"
        "try:\n    import moonsense.export\n"
        "except MissingExtraError as error:\n    print(error)\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.count("\n") == 1
    assert "moonsense[export]" in result.stdout
