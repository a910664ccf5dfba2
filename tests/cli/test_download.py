"""``moonsense download``, on a real cloud."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.wire import TOKEN, Received, Reply, WireServer, reply

from moonsense.client import Client
from moonsense.cloud.embed import EmbeddedCloud
from moonsense.contract.ids import new_id
from moonsense.models.bundle_v2_pb2 import Bundle
from moonsense.models.data_plane_v2_sdk_pb2 import Session

TODAY = datetime.now(UTC).date().isoformat()


@pytest.fixture
def label() -> str:
    return f"only-{new_id()}"


@pytest.fixture
def sessions(recording_client: Client, label: str) -> list[str]:
    """Three sessions of a label; one on a phone, in a journey."""
    made = []
    for count in range(3):
        wanted = Session(journey_id="j" if count == 2 else "")
        wanted.labels.add(name=label)
        wanted.metadata.platform = wanted.metadata.ANDROID if count == 2 else wanted.metadata.WEB
        made.append(recording_client.create_session(wanted).session_id)
        recording_client.send_bundles(made[-1], [Bundle(index=index + 1) for index in range(count + 1)])
    return made


def below(folder: Path) -> set[str]:
    # A walk takes no offence at a folder that goes while it looks, as those of half a download do.
    found = (Path(at) for at, _, names in os.walk(folder) if "metadata.json" in names)
    return {path.relative_to(folder).as_posix() for path in found}


def test_the_options_of_0_13_1(on_cloud: Callable, label: str, sessions: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    common = ("--output", out, "--since", "2021-01-01", "--until", TODAY, "-l", label)
    result = on_cloud("download", *common, "--platform", "android", "--with-journey-id", "True")
    assert result.exit_code == 0, result.output
    assert below(out) == {f"{TODAY}/j/{sessions[2]}"}
    result = on_cloud("download", *common, "--skip-days", TODAY, "--skip-days", "2022-01-01")
    assert len(below(out)) == 1
    result = on_cloud("download", *common, "--incremental", "true")
    assert "2 new" in result.stderr
    assert "1 already there" in result.stderr
    assert below(out) == {f"{TODAY}/j/{sessions[2]}", f"{TODAY}/{sessions[0]}", f"{TODAY}/{sessions[1]}"}
    result = on_cloud("download", *common, "--incremental", "False", "--json")
    assert json.loads(result.stdout)["downloaded"] == {"asked": 3}
    assert result.stderr == ""


def test_it_goes_into_data_without_a_folder(
    on_cloud: Callable, label: str, sessions: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = on_cloud("download", "-l", label, "--quiet")
    assert (result.exit_code, result.output) == (0, "")
    assert len(below(tmp_path / "data")) == 3


def test_a_dry_run_names_what_it_would_do(
    on_cloud: Callable, label: str, sessions: list[str], tmp_path: Path
) -> None:
    result = on_cloud("download", "-l", label, "--output", tmp_path / "out", "--dry-run")
    assert {line.split()[0] for line in result.stdout.splitlines()} == set(sessions)
    assert "would download 3 sessions (3 new), 6 bundles" in result.stderr
    assert not (tmp_path / "out").exists()


def test_verify_and_repair(on_cloud: Callable, label: str, sessions: list[str], tmp_path: Path) -> None:
    options = ("--output", tmp_path / "out")
    assert on_cloud("download", "-l", label, *options).exit_code == 0
    path = tmp_path / "out" / TODAY / sessions[1] / "raw_sealed_bundles.json"
    path.write_bytes(path.read_bytes().replace(b'"index":1', b'"index":7'))
    # It needs no cloud, and so no token.
    result = on_cloud("download", "--verify", *options, MOONSENSE_SECRET_TOKEN="")
    assert result.exit_code == 7
    assert f"{sessions[1]}/raw_sealed_bundles.json: its SHA-256 differs" in result.stderr
    assert "moonsense download --repair --output" in result.stderr
    result = on_cloud("download", "--verify", "--json", *options)
    assert [damage["session_id"] for damage in json.loads(result.stdout)["damages"]] == [sessions[1]]
    result = on_cloud("download", "--repair", *options)
    assert (result.exit_code, "1 damaged" in result.stderr) == (0, True)
    result = on_cloud("download", "--verify", *options)
    assert (result.exit_code, result.stderr.count("\n")) == (0, 1)


def test_what_cannot_be_repaired_is_said(
    on_cloud: Callable, client: Client, label: str, sessions: list[str], tmp_path: Path
) -> None:
    options = ("--output", tmp_path / "out")
    on_cloud("download", "-l", label, *options)
    client.delete_session(sessions[0])
    (tmp_path / "out" / TODAY / sessions[0] / "raw_sealed_bundles.json").unlink()
    result = on_cloud("download", "--repair", *options)
    assert result.exit_code == 1
    folder = tmp_path / "out" / TODAY / sessions[0]
    assert f"{sessions[0]}: the cloud has it no more" in result.stderr
    assert f"remove {folder} and repair again" in result.stderr
    shutil.rmtree(folder)
    result = on_cloud("download", "--repair", *options)
    assert (result.exit_code, "1 no more in the cloud" in result.stderr) == (0, True)
    assert "error" not in result.stderr
    assert on_cloud("download", "--verify", *options).exit_code == 0


def test_some_are_verified_and_repaired(
    on_cloud: Callable, label: str, sessions: list[str], tmp_path: Path
) -> None:
    options = ("--output", tmp_path / "out")
    on_cloud("download", "-l", label, *options)
    for session_id in (sessions[0], sessions[2]):
        (tmp_path / "out" / TODAY / session_id / "raw_sealed_bundles.json").unlink()
    assert on_cloud("download", "--verify", *options, "--until", "2021-01-01").exit_code == 0
    assert on_cloud("download", "--verify", *options, "--skip-days", TODAY).exit_code == 0
    some = ("--since", TODAY, "--skip-days", "2021-01-01", "--platform", "android")
    result = on_cloud("download", "--verify", *options, *some)
    assert result.exit_code == 7
    assert (sessions[0] in result.stderr, sessions[2] in result.stderr) == (False, True)
    repair = result.stderr.splitlines()[-1].removeprefix("try:   moonsense ")
    assert repair.endswith(f"--since {TODAY} --skip-days 2021-01-01 --platform ANDROID")
    result = on_cloud(*shlex.split(repair))
    assert (result.exit_code, "1 damaged" in result.stderr) == (0, True)
    result = on_cloud("download", "--verify", *options)
    assert (result.exit_code, sessions[0] in result.stderr) == (7, True)


def test_a_damaged_ledger_is_named_with_what_to_do(run: Callable, tmp_path: Path) -> None:
    path = tmp_path / "my data" / ".moonsense" / "ledger.sqlite"
    path.parent.mkdir(parents=True)
    path.write_text("garbage\n")
    result = run("download", "--verify", "--output", tmp_path / "my data")
    assert result.exit_code == 7
    error, hint = result.stderr.splitlines()
    assert error.startswith(f"error: {path}: it cannot be read (file is not a database)")
    assert hint == f"try:   rm '{path}', then the command again"


@pytest.fixture
def half_broken() -> Iterator[tuple[WireServer, str]]:
    """A cloud with two sessions, and the id of the one that cannot be read."""
    well, broken = new_id(), new_id()

    def answer(request: Received) -> Reply:
        if request.path == "/v2/sessions":
            named = [{"session_id": name, "created_at": "2026-03-01T12:00:00Z"} for name in (well, broken)]
            return reply({"sessions": [{**one, "counters": {"bundle": {"total": 1}}} for one in named]})
        if broken in request.path:
            return reply({"message": "the disk is on fire"}, 500)
        return reply(b'{"bundle":{"index":1}}\n', content_type="application/x-ndjson")

    with WireServer(answer) as server:
        yield server, broken


def test_failures_are_listed(
    run: Callable, half_broken: tuple[WireServer, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, broken = half_broken
    monkeypatch.setattr("moonsense.client._sync.transport.sleep", lambda _seconds: None)
    variables = {
        "MOONSENSE_SECRET_TOKEN": TOKEN,
        "MOONSENSE_ROOT_DOMAIN": server.root_domain,
        "MOONSENSE_PROTOCOL": "http",
        "MOONSENSE_DEFAULT_REGION": "",
    }
    result = run("download", "--output", tmp_path, **variables)
    assert result.exit_code == 1
    assert "downloaded 1 session " in result.stderr
    (line,) = (line for line in result.stderr.splitlines() if line.startswith("error"))
    assert line.startswith(f"error: {broken}: ")
    assert "the disk is on fire" in line
    result = run("download", "--output", tmp_path, "--quiet", "--json", **variables)
    said = json.loads(result.stdout)
    assert (result.exit_code, list(said["failures"]), said["ok"]) == (1, [broken], False)


@pytest.mark.parametrize(
    "options",
    [
        ("--repair", "--dry-run"),
        ("--verify", "--repair"),
        ("--verify", "--label", "x"),
        ("--repair", "--label", "x"),
        ("--verify", "--overlap", "1d"),
        ("--repair", "--incremental", "false"),
        ("--repair", "--with-journey-id", "true"),
    ],
    ids=" ".join,
)
def test_what_does_not_go_together(on_cloud: Callable, tmp_path: Path, options: tuple[str, ...]) -> None:
    result = on_cloud("download", "--output", tmp_path / "out", *options)
    assert result.exit_code == 2
    assert "--verify" in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--incremental", "maybe", "neither true nor false"),
        ("--since", "yesterday", "is not a time"),
        ("--skip-days", "2026-13-01", "is not a day"),
        ("--platform", "desktop", "is none of"),
        ("--overlap", "a week", "is not a length of time"),
        ("--parallel", "0", "greater than or equal to 1"),
    ],
)
def test_wrong_options(run: Callable, option: str, value: str, said: str) -> None:
    result = run("download", option, value)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.replace("│", " ").split())


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_at_once(
    start_script: Callable, tmp_path: Path, eventually: Callable, number: int, code: int
) -> None:
    names = [new_id() for _ in range(5)]

    def answer(request: Received) -> Reply:
        if request.path == "/v2/sessions":
            named = [{"session_id": name, "created_at": "2026-03-01T12:00:00Z"} for name in names]
            return reply({"sessions": [{**one, "counters": {"bundle": {"total": 1}}} for one in named]})
        # One comes, the others never do.
        if names[0] in request.path:
            return reply(b'{"bundle":{"index":1}}\n', content_type="application/x-ndjson")
        return Reply(b"", hang=True)

    with WireServer(answer) as server:
        process: subprocess.Popen[bytes] = start_script(
            "download",
            "--output",
            tmp_path,
            MOONSENSE_SECRET_TOKEN=TOKEN,
            MOONSENSE_ROOT_DOMAIN=server.root_domain,
            MOONSENSE_PROTOCOL="http",
            MOONSENSE_DEFAULT_REGION="",
        )
        eventually(lambda: below(tmp_path) == {f"2026-03-01/{names[0]}"})
        eventually(lambda: len(server.requests) >= 3)
        process.send_signal(number)
        _, said = process.communicate(timeout=20)
    assert process.returncode == code, said
    assert b"Traceback" not in said
    assert (b"the same command goes on" in said) == (number == signal.SIGINT)


def test_every_session_of_another_project_stays_there(
    cloud: EmbeddedCloud, run: Callable, tmp_path: Path
) -> None:
    result = run(
        "download", "--output", tmp_path, **{**cloud.environment, "MOONSENSE_SECRET_TOKEN": "moon_sk_x"}
    )
    assert result.exit_code == 3
    assert below(tmp_path) == set()
