"""``moonsense demo``, as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from moonsense.cli.demo import run as steps
from moonsense.cli.demo.run import record, wait_for_chunks
from moonsense.cli.demo.sources import Source, recordings, simulated
from moonsense.client import Client
from moonsense.errors import MoonsenseError
from moonsense.models.bundle_v2_pb2 import Bundle, SealedBundle
from moonsense.simulator import checkout_bot


@pytest.fixture
def temporary(tmp_path: Path) -> dict[str, str]:
    """Variables that put temporary folders where the test can look at them."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return {"TMPDIR": str(folder)}


@pytest.fixture
def two(tmp_path: Path, write_recording: Callable) -> Path:
    """A folder with two short recordings: what is not about the simulation runs quicker on it."""
    for seed in (1, 2):
        write_recording(tmp_path / "two", f"bot{seed}", checkout_bot(seed))
    return tmp_path / "two"


def left_over(temporary: dict[str, str]) -> list[Path]:
    return list(Path(temporary["TMPDIR"]).iterdir())


def test_the_demo_shows_its_steps_a_table_and_the_verdict(
    run_script: Callable, temporary: dict[str, str]
) -> None:
    result = run_script("demo", **temporary)
    assert result.stderr == ""
    assert result.returncode == 0
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines[:4]] == ["cloud", "recorded", "persisted", "read"]
    title = next(line for line in lines if line.startswith("SESSION"))
    assert title.split("  ")[0] == "SESSION"
    for heading in ("PLATFORM", "LABELS", "BUNDLES", "ITEMS A SENSOR", "DURATION", "READ"):
        assert heading in title
    rows = lines[lines.index(title) + 1 :][:6]
    assert [row.split()[1] for row in rows].count("WEB") == 3
    assert {row.split()[1] for row in rows} == {"iOS", "ANDROID", "WEB"}
    assert sum("accelerometer 6,000" in row for row in rows) == 3
    assert lines[-1].startswith("Equal: 6 sessions")
    assert left_over(temporary) == []


def test_the_demo_as_json(run_script: Callable, temporary: dict[str, str]) -> None:
    document = json.loads(run_script("demo", "--json", "--seed", "5", **temporary).stdout)
    assert document["equal"] is True
    assert len(document["sessions"]) == 6
    for session in document["sessions"]:
        assert session["differences"] == []
        assert session["bundles"] > 0
        assert session["chunks"] >= 1
        assert session["read_bundles_per_second"] > 0
    assert document["bundles"] == sum(session["bundles"] for session in document["sessions"])
    assert "environment" not in document["cloud"]


def test_the_demo_replays_recordings(
    run_script: Callable, tmp_path: Path, temporary: dict[str, str], web_sessions: Path
) -> None:
    some = tmp_path / "some"
    for folder in sorted(path.parent for path in web_sessions.rglob("metadata.json"))[::12]:
        copy = some / folder.relative_to(web_sessions)
        copy.mkdir(parents=True)
        for file in folder.iterdir():
            (copy / file.name).write_bytes(file.read_bytes())
    document = json.loads(run_script("demo", "--data", some, "--json", **temporary).stdout)
    assert document["equal"] is True
    assert len(document["sessions"]) == len(list(some.rglob("metadata.json")))
    by_name = {session["source"]: session for session in document["sessions"]}
    for metadata in some.rglob("metadata.json"):
        counters = json.loads(metadata.read_text())["counters"]
        session = by_name[metadata.parent.name]
        assert session["bundles"] == counters.pop("bundle")["total"]
        assert session["items"] == {name: counter["total"] for name, counter in counters.items()}


def test_a_folder_without_recordings_is_refused(run_script: Callable, tmp_path: Path) -> None:
    result = run_script("demo", "--data", tmp_path)
    assert result.returncode == 1
    assert "no recording" in result.stderr
    assert str(tmp_path) in result.stderr
    assert run_script("demo", "--data", tmp_path / "nowhere").returncode == 2


def test_the_data_stay_where_they_are_wanted(run_script: Callable, tmp_path: Path, two: Path) -> None:
    data = tmp_path / "data"
    for sessions in (2, 4):
        document = json.loads(run_script("demo", "--data", two, "--data-dir", data, "--json").stdout)
        assert document["equal"] is True
        assert document["cloud"]["data_dir"] == str(data)
        assert len(listed(run_script, data)) == sessions


def listed(run_script: Callable, data: Path) -> list[Any]:
    """The sessions in a data folder."""
    from moonsense.cloud.embed import EmbeddedCloud

    with EmbeddedCloud(data) as cloud:
        result = run_script("sessions", "list", "--json", **cloud.environment)
    sessions: list[Any] = json.loads(result.stdout)
    return sessions


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals to send")
@pytest.mark.parametrize(("stop", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)], ids=["INT", "TERM"])
def test_keep_leaves_the_cloud_running_and_prints_what_to_export(
    start_script: Callable,
    run_script: Callable,
    temporary: dict[str, str],
    two: Path,
    stop: signal.Signals,
    code: int,
) -> None:
    process = start_script("demo", "--keep", "--data", two, **temporary)
    environment: dict[str, str] = {}
    while "MOONSENSE_DEFAULT_REGION" not in environment:
        line = process.stdout.readline().decode()
        assert line, process.stderr.read().decode()
        if line.startswith("export "):
            name, _, value = line.removeprefix("export ").strip().partition("=")
            environment[name] = value.strip("'")

    result = run_script("sessions", "list", "--json", **environment)
    assert len(json.loads(result.stdout)) == 2

    process.send_signal(stop)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == code
    assert b"Traceback" not in stderr
    assert left_over(temporary) == []
    assert run_script("whoami", **environment).returncode == 5


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send")
def test_ctrl_c_in_the_middle_leaves_nothing_behind(
    start_script: Callable, temporary: dict[str, str]
) -> None:
    process = start_script("demo", **temporary)
    assert process.stdout.readline().startswith(b"cloud ")
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert stderr == b""
    assert left_over(temporary) == []


def test_what_does_not_come_back_is_listed_and_is_exit_code_1(
    run: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that loses one value in one bundle."""
    read = Client.read_session

    def damaged(client: Client, session_id: str) -> Iterator[SealedBundle]:
        for sealed in read(client, session_id):
            if sealed.bundle.index == 3 and sealed.bundle.click_data:
                sealed.bundle.click_data[0].position.dx += 1
            yield sealed

    monkeypatch.setattr(Client, "read_session", damaged)
    monkeypatch.setattr(
        "moonsense.cli.demo.sources.simulated",
        lambda _seed: [Source("bot", checkout_bot(1).session, checkout_bot(1).bundles, live=True)],
    )
    result = run("demo", TMPDIR=tempfile.gettempdir())
    assert result.exit_code == 1
    assert "Not equal: 1 of 1 sessions differ." in result.stdout
    assert "bundle 3: click_data[0].position.dx: " in result.stdout


def test_chunks_that_do_not_come_are_an_error_within_the_deadline(
    client: Client, recording_client: Client
) -> None:
    def never() -> Iterator[Bundle]:
        bundle = next(checkout_bot(1).bundles())
        bundle.is_final_bundle = False
        yield bundle

    source = Source("slow", checkout_bot(1).session, never, live=False)
    (recorded,) = record(recording_client, [source], lambda: None)
    with pytest.raises(MoonsenseError, match=r"0 of 1 bundles are in chunks after 0\.2 seconds"):
        wait_for_chunks(client, [recorded], within=0.2)


def test_devices_record_at_the_same_time(recording_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    together = threading.Barrier(3, timeout=30)
    original = steps._record_as_is

    def one(client: Client, source: Source) -> Any:
        together.wait()
        return original(client, source)

    monkeypatch.setattr(steps, "_record_as_is", one)
    sources = [Source(str(n), checkout_bot(n).session, checkout_bot(n).bundles, live=False) for n in range(3)]
    done: list[None] = []
    recorded = record(recording_client, sources, lambda: done.append(None))
    assert [one.source.name for one in recorded] == ["0", "1", "2"]
    assert len(done) == 3


def test_the_simulated_sources_are_what_the_demo_promises() -> None:
    sources = simulated(1)
    assert [source.name for source in sources] == [
        "phone 0",
        "phone 1",
        "phone 2",
        "person 0",
        "person 1",
        "bot",
    ]
    assert all(source.live for source in sources)
    assert [source.session.config.requested_duration_millis for source in sources[:3]] == [60_000] * 3


def test_recordings_keep_numbers_and_order(web_sessions: Path) -> None:
    sources = recordings(web_sessions)
    assert len(sources) == 221
    unsorted = 0
    for source in sources:
        indexes = [bundle.index for bundle in source.bundles()]
        unsorted += indexes != sorted(indexes)
        assert not source.session.session_id
    assert unsorted > 50
