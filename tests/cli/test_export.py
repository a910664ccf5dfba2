"""``moonsense export``, of a real cloud and of a folder."""

from __future__ import annotations

import json
import pickle
import shutil
import signal
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.dataset
import pyarrow.parquet
import pytest

from moonsense.contract.ids import new_id
from moonsense.export import FORMATS
from moonsense.simulator import checkout_bot, walking_phone

TODAY = datetime.now(UTC).date().isoformat()


@pytest.fixture
def label() -> str:
    return f"only-{new_id()}"


@pytest.fixture
def sessions(record: Callable, label: str) -> list[str]:
    """A phone and two bots, of a label."""
    simulated = [walking_phone(1, 2.0, rate=10), checkout_bot(1), checkout_bot(2)]
    return [record(one, labels=(label,)) for one in simulated]


@pytest.fixture
def folder(write_recording: Callable, tmp_path: Path) -> Path:
    """Two recordings as a download leaves them."""
    for seed in range(2):
        write_recording(tmp_path / "data", new_id(), checkout_bot(seed))
    return tmp_path / "data"


def files(lake: Path) -> dict[str, bytes]:
    return {
        path.relative_to(lake).as_posix(): path.read_bytes() for path in lake.rglob("*") if path.is_file()
    }


def ids(lake: Path, sensor: str) -> set[str]:
    table = pyarrow.dataset.dataset(lake / f"sensor={sensor}", format="parquet").to_table(["session_id"])
    return set(table["session_id"].to_pylist())


def error_of(result: object) -> str:
    """The only line that begins with ``error:``; the panel of wrong options as one line."""
    said = result.stderr  # type: ignore[attr-defined]
    if "╭" in said:
        return " ".join(said.replace("│", " ").split())
    (line,) = (line for line in said.splitlines() if line.startswith("error:"))
    return str(line)


def test_a_cloud_and_later_what_came(
    on_cloud: Callable, record: Callable, label: str, sessions: list[str], tmp_path: Path
) -> None:
    lake = tmp_path / "lake"
    result = on_cloud("export", "--to", lake, "-l", label)
    assert (result.exit_code, result.stdout) == (0, "")
    assert f"{lake}: exported 3 sessions, " in result.stderr
    assert ids(lake, "bundles") == set(sessions)
    assert ids(lake, "accelerometer") == {sessions[0]}
    before = files(lake)
    result = on_cloud("export", "--to", lake, "-l", label)
    assert "exported 0 sessions, 0 rows, 0 files" in result.stderr
    assert "3 already there" in result.stderr
    assert files(lake) == before
    came = record(checkout_bot(3), labels=(label,))
    result = on_cloud("export", "--to", lake, "-l", label, "--json")
    said = json.loads(result.stdout)
    # The day's part is small, so it is written anew with the one that came, which alone counts.
    assert (said["sessions"], said["unchanged"], said["ok"], result.stderr) == (1, 3, True, "")
    assert ids(lake, "bundles") == {*sessions, came}


@pytest.mark.parametrize("format", FORMATS)
def test_formats(run: Callable, folder: Path, tmp_path: Path, format: str) -> None:
    lake = tmp_path / "lake"
    result = run("export", "--from", folder, "--to", lake, "--format", format, "--quiet")
    assert (result.exit_code, result.output) == (0, "")
    written = [path for path in files(lake) if not path.startswith("_export/")]
    assert {Path(path).suffix for path in written} == {f".{format}"}
    above = {path.split("/")[0] for path in written}
    assert above == {"date=2026-03-02"} if format == "mcap" else "sensor=pointer" in above


def test_to_an_address(run: Callable, folder: Path, tmp_path: Path) -> None:
    assert run("export", "--from", folder, "--to", f"file://{tmp_path}/lake").exit_code == 0
    assert ids(tmp_path / "lake", "pointer") == {path.parent.name for path in folder.rglob("metadata.json")}


def test_what_is_chosen(
    on_cloud: Callable, run: Callable, sessions: list[str], label: str, folder: Path, tmp_path: Path
) -> None:
    for options in (
        (*sessions[:1], "--to", tmp_path / "named"),
        ("-l", label, "--platform", "ios", "-p", "android", "--to", tmp_path / "platform"),
    ):
        assert on_cloud("export", *options).exit_code == 0
        assert ids(Path(options[-1]), "bundles") == {sessions[0]}
    for until, count in ((TODAY, 3), ("2021-01-01", 0)):
        result = on_cloud(
            "export",
            "-l",
            label,
            "--since",
            "2020-01-01",
            "--until",
            until,
            "--to",
            tmp_path / until,
            "--json",
        )
        assert json.loads(result.stdout)["sessions"] == count
    options = ("--from", folder, "--sensor", "pointer", "-s", "click", "--rows", 1)
    assert run("export", *options, "--to", tmp_path / "some").exit_code == 0
    assert {path.name for path in (tmp_path / "some").glob("sensor=*")} == {"sensor=pointer", "sensor=click"}
    assert len(list((tmp_path / "some" / "sensor=pointer").rglob("*.parquet"))) == 2


def test_failures_are_listed_and_made_good(run: Callable, folder: Path, tmp_path: Path) -> None:
    broken = next(folder.rglob("raw_sealed_bundles.json"))
    whole = broken.read_bytes()
    broken.write_bytes(whole[:-30])
    result = run("export", "--from", folder, "--to", tmp_path / "lake")
    assert result.exit_code == 1
    assert "exported 1 session," in result.stderr
    assert error_of(result).startswith(f"error: {broken.parent.name}: ")
    result = run("export", "--from", folder, "--to", tmp_path / "lake", "--json")
    said = json.loads(result.stdout)
    assert (result.exit_code, list(said["failures"]), said["ok"]) == (1, [broken.parent.name], False)
    broken.write_bytes(whole)
    assert run("export", "--from", folder, "--to", tmp_path / "lake").exit_code == 0
    assert len(ids(tmp_path / "lake", "bundles")) == 2


def test_what_a_download_repaired_comes_again(
    on_cloud: Callable, label: str, sessions: list[str], tmp_path: Path
) -> None:
    data = tmp_path / "data"
    assert on_cloud("download", "-l", label, "--output", data).exit_code == 0
    (path,) = data.glob(f"*/{sessions[1]}/raw_sealed_bundles.json")
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'"index":1', b'"index":7'))
    options = ("export", "--from", data, "--to", tmp_path / "lake")
    assert on_cloud(*options).exit_code == 0
    assert on_cloud("download", "--repair", "--output", data).exit_code == 0
    assert path.read_bytes() == whole
    result = on_cloud(*options)
    assert "exported 1 session, " in result.stderr
    assert "2 already there" in result.stderr
    bundles = pyarrow.dataset.dataset(tmp_path / "lake" / "sensor=bundles", format="parquet").to_table()
    assert 7 not in bundles["bundle_index"].to_pylist()


def test_files_without_notes_are_one_line(run: Callable, folder: Path, tmp_path: Path) -> None:
    options = ("export", "--from", folder, "--to", tmp_path / "lake", "--sensor", "pointer")
    assert run(*options).exit_code == 0
    shutil.rmtree(tmp_path / "lake" / "_export")
    result = run(*options)
    assert result.exit_code == 2
    assert "has 1 file of an earlier export of which there are no notes in _export/" in error_of(result)


def test_processes_stand_in_another_folder(
    run_script: Callable, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path is of the folder in which the command was given."""
    from moonsense.export._lake import Lake
    from moonsense.export._source import Folder

    monkeypatch.chdir(tmp_path)
    source, lake = pickle.dumps(Folder("data", None)), pickle.dumps(Lake("here"))
    options = ("export", "--from", "data", "--to", "lake", "--rows", 1)
    result = run_script(*options, "--executor", "processes", "--workers", 2)
    assert result.returncode == 0, result.stderr
    assert len(ids(tmp_path / "lake", "bundles")) == 2
    monkeypatch.chdir("/")
    assert len(list(pickle.loads(source).items())) == 2
    assert pickle.loads(lake).place == str(tmp_path / "here")


def test_a_second_format_of_tables_needs_a_place_of_its_own(
    run: Callable, folder: Path, tmp_path: Path
) -> None:
    options = ("export", "--from", folder, "--to", tmp_path / "lake")
    assert run(*options).exit_code == 0
    result = run(*options, "--format", "csv")
    assert result.exit_code == 2
    assert "has a dataset in parquet" in error_of(result)
    assert run(*options, "--format", "mcap").exit_code == 0
    assert pyarrow.parquet.read_table(tmp_path / "lake" / "sensor=pointer").num_rows


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ((), 2, "Missing option '--to'"),
        (("--to", "x", "--format", "xlsx"), 2, "'parquet', 'arrow', 'csv', 'mcap'"),
        (("--to", "x", "--rows", "0"), 2, "greater than or equal to 1"),
        (("--to", "x", "--since", "yesterday"), 2, "is not a time"),
        (("--to", "x", "--platform", "desktop"), 2, "is none of"),
        (("--to", "x", "--executor", "dask"), 2, "--executor dask and --scheduler ADDRESS go together"),
        (("--to", "x", "--scheduler", "tcp://h:1"), 2, "--executor dask and --scheduler ADDRESS go together"),
        (("--to", "x", "--workers", "2"), 2, "--workers goes with --executor processes"),
        (("--to", "x", "--from", ".", "-l", "a"), 2, "--label chooses among a cloud's sessions"),
        (("--to", "x", "an-id", "-p", "web"), 2, "does not go with sessions that are named"),
        (("--to", "x"), 2, "there is no token"),
        (("--to", "x", "--from", "nowhere"), 1, "there is no folder"),
        (("--to", "x", "--from", ".", "--sensor", "smell"), 2, "there is no sensor 'smell'; there are"),
        (("--to", "x", "--from", ".", "an-id"), 4, "there is no session an-id below"),
        (("--to", "ftp://host/x?key=secret", "--from", "."), 2, "ftp://host/x is no address"),
        (("--to", "s3://id:secret@bucket/x", "--from", "."), 2, "belong in the environment"),
    ],
)
def test_errors_are_one_line(
    run: Callable,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("export", *options)
    assert (result.exit_code, result.stdout) == (code, "")
    assert said in error_of(result)
    assert "secret" not in result.stderr
    assert "Traceback" not in result.stderr


def test_a_session_of_another_cloud(on_cloud: Callable, tmp_path: Path) -> None:
    result = on_cloud("export", new_id(), "--to", tmp_path / "lake")
    assert result.exit_code == 4
    assert error_of(result) == "error: there is no such session in this project (404)"


_PROCESSES = ("--executor", "processes", "--workers", "2")


@pytest.mark.parametrize(
    ("number", "code", "executor"),
    [
        (signal.SIGINT, 130, ()),
        (signal.SIGINT, 130, _PROCESSES),
        (signal.SIGTERM, 143, _PROCESSES),
        (signal.SIGKILL, -9, _PROCESSES),
    ],
)
def test_a_signal_ends_it_and_the_next_run_goes_on(
    start_script: Callable,
    run: Callable,
    write_recording: Callable,
    tmp_path: Path,
    eventually: Callable,
    number: int,
    code: int,
    executor: tuple[str, ...],
) -> None:
    root, lake = tmp_path / "data", tmp_path / "lake"
    for seed in range(24):
        write_recording(root, new_id(), checkout_bot(seed))
    options = ("export", "--from", root, "--to", lake, "--rows", 1)
    process: subprocess.Popen[bytes] = start_script(*options, *executor)
    eventually(lambda: len(list(lake.glob("_export/parquet/*.json"))) > 2)
    others = [Path("/proc", child) for child in _children(process)]
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == code, said
    assert b"Traceback" not in said
    assert (b"the same command goes on" in said) == (number == signal.SIGINT)
    eventually(lambda: not any(other.exists() for other in others))
    assert run(*options).exit_code == 0
    assert len(ids(lake, "bundles")) == 24


def _children(process: subprocess.Popen[bytes]) -> list[str]:
    found = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return found.read_text(encoding="ascii").split() if found.exists() else []
