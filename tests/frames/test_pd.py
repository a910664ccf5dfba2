"""``moonsense.pd`` of 0.5.0: its table, without its faults."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from moonsense.codec.json import write_line
from moonsense.errors import DecodeError
from moonsense.models import Bundle, SealedBundle
from moonsense.pd import read_accelerometer

START = 1_700_000_000_000
PEER = Path(__file__).resolve().parents[2] / ".venv-peers" / "0.5.0" / "bin" / "python"

PROGRAM = """
import json, sys
from moonsense.pd import read_accelerometer
table = read_accelerometer(sys.argv[1])
print(json.dumps({
    "index": [str(at) for at in table.index], "name": table.index.name, "type": str(table.index.dtype),
    "columns": list(table.columns), "values": table.values.tolist(),
}))
"""


def session(path: Path, *readings: dict[str, float], clock: dict[str, int] | None = None) -> Path:
    """A file with a bundle for each reading, the last one first."""
    bundles = [
        SealedBundle(
            session_id="a", bundle=Bundle(index=index, client_time=clock, accelerometer_data=[reading])
        )  # type: ignore[arg-type]
        for index, reading in enumerate(readings, 1)
    ]
    path.write_bytes(b"".join(map(write_line, reversed(bundles))))
    return path


@pytest.mark.peers
def test_the_table_is_that_of_the_published_client(tmp_path: Path) -> None:
    if not PEER.exists():
        pytest.skip("moonsense 0.5.0 is not there; scripts/side_environments.py says why")
    readings = [{"determined_at": START + 10 * n, "x": n / 3 + 1, "y": -n - 1.0, "z": 1.0} for n in range(9)]
    path = session(tmp_path / "one.json", *readings)
    done = subprocess.run(
        [str(PEER), "-I", "-c", PROGRAM, str(path)], check=True, capture_output=True, text=True, timeout=60
    )
    theirs = json.loads(done.stdout)

    ours = read_accelerometer(path)

    assert [str(at) for at in ours.index] == theirs["index"]
    assert (ours.index.name, str(ours.index.dtype)) == (theirs["name"], theirs["type"])
    assert list(ours.columns) == theirs["columns"]
    # Its JSON reader is off in the last digit of some numbers.
    assert np.allclose(ours.to_numpy(), theirs["values"], rtol=1e-15, atol=0)


def test_timers_are_not_in_1970(tmp_path: Path) -> None:
    path = session(
        tmp_path / "one.json",
        {"determined_at": 900, "x": 1},
        clock={"wall_time_millis": START, "timer_millis": 1000},
    )
    assert read_accelerometer(path).index.tolist() == [pd.Timestamp(START - 100, unit="ms")]


def test_what_nothing_places_is_last(tmp_path: Path) -> None:
    path = session(
        tmp_path / "one.json",
        {"determined_at": 5, "x": 1},
        {"determined_at": START, "x": 2},
        {"x": 3, "determined_at": 10**13},
    )
    table = read_accelerometer(path)
    assert table["x"].tolist()[0] == 2
    assert table.index.isna().tolist() == [False, True, True]


def test_a_session_without_the_sensor_is_an_empty_table(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_bytes(write_line(SealedBundle(session_id="a", bundle=Bundle(index=1))))
    table = read_accelerometer(str(path))
    assert table.empty
    assert list(table.columns) == ["x", "y", "z"]
    assert str(table.index.dtype) == "datetime64[ns]"


def test_faults_are_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_accelerometer(tmp_path / "none.json")
    (tmp_path / "cut.json").write_bytes(b'{"bundle":{"accelerometer_data":[{"x":1')
    with pytest.raises(DecodeError, match="cut off"):
        read_accelerometer(tmp_path / "cut.json")
