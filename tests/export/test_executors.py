"""The same export by processes and by machines, one of which dies."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from support.export_recordings import write_session
from typer.testing import CliRunner

from moonsense.cli.app import app
from moonsense.export import export
from moonsense.frames import map_sessions, read
from moonsense.simulator import walking_phone

distributed = pytest.importorskip("distributed", reason="the extra dask is not installed")


def test_results_come_in_the_order_of_the_sessions() -> None:
    ready = threading.Barrier(2)

    def work(session: str) -> str:
        if session in ("0", "1"):
            ready.wait(20)
        return session * 2

    names = [str(number) for number in range(20)]
    assert list(map_sessions(str.lower, names)) == names
    with ThreadPoolExecutor(4) as pool:
        assert list(map_sessions(work, names, executor=pool, ahead=5)) == [name * 2 for name in names]


def test_an_error_cancels_what_was_not_begun() -> None:
    handed: list[Future[Any]] = []

    class Lazy(Executor):
        def submit(self, fn: Any, /, *args: Any, **options: Any) -> Future[Any]:
            handed.append(Future())
            if len(handed) == 1:
                handed[0].set_exception(ValueError("bad session"))
            return handed[-1]

    with pytest.raises(ValueError, match="bad session"):
        list(map_sessions(len, ["a"] * 10, executor=Lazy(), ahead=4))
    assert len(handed) == 4
    assert all(future.cancelled() for future in handed[1:])


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real scheduler of Dask, on a free port."""
    file = tmp_path_factory.mktemp("dask") / "scheduler.json"
    command = ["-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    process = _start(*command, "--no-show", "--scheduler-file", file)
    try:
        yield str(file)
    finally:
        _stop(process)


@pytest.fixture
def workers(scheduler: str, tmp_path: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Two worker processes of it."""
    command = [
        "-m",
        "distributed.cli.dask_worker",
        "--host",
        "127.0.0.1",
        "--nworkers",
        "1",
        "--nthreads",
        "1",
    ]
    options = ["--no-nanny", "--no-dashboard", "--local-directory", tmp_path, "--scheduler-file", scheduler]
    started = [_start(*command, *options) for _ in range(2)]
    try:
        yield started
    finally:
        for process in started:
            _stop(process)


def _start(*arguments: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
def test_a_worker_dies_and_nothing_is_missing(
    workers: list[subprocess.Popen[bytes]], scheduler: str, tmp_path: Path, eventually: Callable[..., Any]
) -> None:
    recordings = tmp_path / "recordings"
    for number in range(24):
        write_session(recordings, walking_phone(number, 2.0, rate=10), day=number)
    eventually(Path(scheduler).exists)
    killed = False

    def kill(done: int, total: int, _size: int) -> None:
        nonlocal killed
        if not killed and 0 < done < total:
            workers[0].kill()
            killed = True

    with (
        distributed.Client(scheduler_file=scheduler, timeout=30) as dask,
        dask.get_executor() as executor,
    ):
        dask.wait_for_workers(2, timeout=60)
        report = export(recordings, tmp_path / "dask", executor=executor, on_progress=kill)
        assert killed
        assert (report.sessions, report.ok) == (24, True)
        assert len(dask.scheduler_info()["workers"]) <= 1 or workers[0].wait(20)
    straight = export(recordings, tmp_path / "here")
    assert _files(tmp_path / "dask") == _files(tmp_path / "here")
    assert (report.rows, report.files) == (straight.rows, straight.files)
    assert read(recordings, "accelerometer").arrow.num_rows


def test_the_command_on_two_workers(
    workers: list[subprocess.Popen[bytes]],
    scheduler: str,
    tmp_path: Path,
    written: Path,
    eventually: Callable[..., Any],
) -> None:
    """Paths are of the folder in which the command is given, wherever the workers stand."""
    eventually(Path(scheduler).exists)
    address = json.loads(Path(scheduler).read_text(encoding="utf-8"))["address"]
    with distributed.Client(address, timeout=30) as dask:
        dask.wait_for_workers(2, timeout=60)
    command = Path(sys.executable).with_name("moonsense")
    options = ("--rows", "1", "--json", "--executor", "dask", "--scheduler", address)
    result = subprocess.run(
        [command, "export", "--from", written.name, "--to", tmp_path / "lake", *options],
        cwd=written.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (result.returncode, result.stderr) == (0, "")
    said = json.loads(result.stdout)
    assert (said["sessions"], said["gone"], said["ok"]) == (6, [], True)
    export(written, tmp_path / "here", rows=1)
    assert _files(tmp_path / "lake") == _files(tmp_path / "here")


def test_no_scheduler_is_one_line() -> None:
    result = CliRunner().invoke(
        app, ["export", "--to", "x", "--from", ".", "--executor", "dask", "--scheduler", "nonsense://h"]
    )
    assert result.exit_code == 2
    assert result.stderr.startswith("error: no scheduler of Dask answers at nonsense://h: ")


def _files(lake: Path) -> dict[str, bytes]:
    return {
        path.relative_to(lake).as_posix(): path.read_bytes() for path in lake.rglob("*") if path.is_file()
    }
