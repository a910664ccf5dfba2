"""``moonsense cloud``: made, filled, served and stopped, as its owner does."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from moonsense.client import Client
from moonsense.simulator import checkout_bot, walking_phone

ON = "--data-dir"


@pytest.fixture
def made(run: Callable, tmp_path: Path) -> dict[str, Any]:
    """A cloud that was made, and what was said of it."""
    document: dict[str, Any] = json.loads(run("cloud", "init", ON, tmp_path / "data", "--json").stdout)
    return document


@pytest.fixture
def data(made: dict[str, Any]) -> Path:
    return Path(made["data_dir"])


def test_init_shows_the_tokens_once_and_what_to_export(run: Callable, tmp_path: Path) -> None:
    result = run("cloud", "init", ON, tmp_path / "data")
    assert result.exit_code == 0
    tokens = [word for word in result.stdout.split() if word.startswith("moon_")]
    assert [token[:8] for token in tokens] == ["moon_sk_", "moon_pk_"]
    exports = [line for line in result.stdout.splitlines() if line.startswith("export ")]
    assert exports[0] == f"export MOONSENSE_SECRET_TOKEN={tokens[0]}"
    assert "export MOONSENSE_DEFAULT_REGION=''" in exports
    assert f"moonsense cloud serve --data-dir {tmp_path / 'data'}" in result.stderr


def test_init_as_json(made: dict[str, Any]) -> None:
    assert made["environment"]["MOONSENSE_SECRET_TOKEN"] == made["secret_token"]
    assert made["environment"]["MOONSENSE_ROOT_DOMAIN"] == "127.0.0.1:8090"
    assert made["project_id"]
    assert made["app_id"]


def test_init_of_what_is_a_cloud_already_changes_nothing(run: Callable, data: Path) -> None:
    before = json.loads(run("cloud", "token", "list", ON, data, "--json").stdout)
    result = run("cloud", "init", ON, data)
    assert result.exit_code == 2
    assert "cloud token create" in result.stderr
    assert json.loads(run("cloud", "token", "list", ON, data, "--json").stdout) == before


def test_tokens_are_created_listed_and_revoked(run: Callable, made: dict[str, Any], data: Path) -> None:
    created = json.loads(run("cloud", "token", "create", "--scopes", "q", ON, data, "--json").stdout)
    assert created["token"].startswith("moon_sk_")
    assert created["scopes"] == "q"

    listed = json.loads(run("cloud", "token", "list", ON, data, "--json").stdout)
    assert [token["scopes"] for token in listed] == ["qt", "c", "q"]
    assert {token["app_id"] for token in listed} == {made["app_id"]}
    assert listed[-1]["credential_id"] == created["credential_id"]
    assert listed[-1]["ends_with"] == created["token"][-4:]
    assert created["token"] not in run("cloud", "token", "list", ON, data).output

    revoked = run("cloud", "token", "revoke", created["credential_id"], ON, data)
    assert revoked.exit_code == 0
    (token,) = [
        token
        for token in json.loads(run("cloud", "token", "list", ON, data, "--json").stdout)
        if token["revoked_at"]
    ]
    assert token["credential_id"] == created["credential_id"]
    title, *rows = run("cloud", "token", "list", ON, data).stdout.splitlines()
    assert title.split() == ["CREDENTIAL", "SCOPES", "ENDS", "WITH", "APP", "CREATED", "REVOKED"]
    assert len(rows) == 3

    again = run("cloud", "token", "revoke", created["credential_id"], ON, data)
    assert again.exit_code == 4
    assert "token list" in again.stderr


def test_a_token_that_only_records_is_a_public_one(run: Callable, data: Path) -> None:
    result = run("cloud", "token", "create", "--scopes", "c", ON, data)
    assert result.stdout.startswith("moon_pk_")
    assert len(result.stdout.split()) == 1
    assert "not shown again" in result.stderr


def test_scopes_come_in_any_order(run: Callable, data: Path) -> None:
    document = run("cloud", "token", "create", "--scopes", "tcq", ON, data, "--json").stdout
    assert json.loads(document)["scopes"] == "qct"


@pytest.mark.parametrize("scopes", ["", "x", "q,c"])
def test_scopes_that_there_are_not_are_refused(run: Callable, data: Path, scopes: str) -> None:
    assert run("cloud", "token", "create", "--scopes", scopes, ON, data).exit_code == 2
    assert len(json.loads(run("cloud", "token", "list", ON, data, "--json").stdout)) == 2


def test_an_app_that_there_is_not_is_refused(run: Callable, data: Path) -> None:
    result = run("cloud", "token", "create", "--app", "nobodys", ON, data)
    assert result.exit_code == 2
    assert "no app nobodys" in result.stderr


@pytest.mark.parametrize(
    "command",
    [("token", "list"), ("token", "create"), ("token", "revoke", "x"), ("import", ".")],
    ids=" ".join,
)
def test_a_folder_that_is_no_cloud_is_not_made_one(
    run: Callable, tmp_path: Path, command: tuple[str, ...]
) -> None:
    result = run("cloud", *command, ON, tmp_path / "none")
    assert result.exit_code == 2
    assert "moonsense cloud init" in result.stderr
    assert not (tmp_path / "none").exists()


def test_import_takes_recordings_in_and_twice_changes_nothing(
    run: Callable, data: Path, tmp_path: Path, write_recording: Callable
) -> None:
    write_recording(tmp_path / "tree", "phone1", walking_phone(1, 3.0))
    write_recording(tmp_path / "tree", "bot1", checkout_bot(1))
    first = json.loads(run("cloud", "import", tmp_path / "tree", ON, data, "--json").stdout)
    assert sorted(first["imported"]) == ["bot1", "phone1"]
    assert first["bundles"] == 3 + len(list(checkout_bot(1).bundles()))
    again = run("cloud", "import", tmp_path / "tree", ON, data)
    assert again.exit_code == 0
    assert "imported 0 sessions" in again.stdout
    assert "2 were there" in again.stdout


def test_import_says_what_failed_and_takes_the_rest(
    run: Callable, data: Path, tmp_path: Path, write_recording: Callable
) -> None:
    broken = write_recording(tmp_path / "tree", "broken1", checkout_bot(1))
    (broken / "raw_sealed_bundles.json").write_text('{"bundle":')
    write_recording(tmp_path / "tree", "good1", checkout_bot(2))
    result = run("cloud", "import", tmp_path / "tree", ON, data)
    assert result.exit_code == 1
    assert "imported 1 sessions" in result.stdout
    assert str(broken) in result.stderr


def test_import_says_which_recording_has_no_metadata(
    run: Callable, data: Path, tmp_path: Path, write_recording: Callable
) -> None:
    lost = write_recording(tmp_path / "tree", "lost1", checkout_bot(1))
    (lost / "metadata.json").unlink()
    result = run("cloud", "import", tmp_path / "tree", ON, data)
    assert (result.exit_code, result.stderr) == (1, f"error: {lost}: there is no metadata.json\n")


def test_what_was_imported_without_its_bundles_and_packets_can_be_downloaded(
    run: Callable,
    start_script: Callable,
    made: dict[str, Any],
    data: Path,
    tmp_path: Path,
    write_recording: Callable,
) -> None:
    folder = write_recording(tmp_path / "tree", "empty1", checkout_bot(1))
    (folder / "raw_sealed_bundles.json").write_bytes(b"")
    metadata = json.loads((folder / "metadata.json").read_text())
    metadata["counters"] = {"bundle": {"total": 1}, "packet": {"total": 2}}
    (folder / "metadata.json").write_text(json.dumps(metadata))
    assert run("cloud", "import", tmp_path / "tree", ON, data).exit_code == 0

    process = start_script("cloud", "serve", ON, data, "--port", "0")
    address = process.stdout.readline().decode().partition(",")[0].removeprefix("http://")
    variables = {**made["environment"], "MOONSENSE_ROOT_DOMAIN": address}
    result = run("download", "--output", tmp_path / "out", **variables)
    assert result.exit_code == 0, result.stderr
    (path,) = (tmp_path / "out").glob("2*/empty1/raw_sealed_bundles.json")
    assert path.read_bytes() == b""


def test_import_of_a_folder_that_is_not_there(run: Callable, data: Path, tmp_path: Path) -> None:
    assert run("cloud", "import", tmp_path / "nowhere", ON, data).exit_code == 2


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals to send")
def test_serve_serves_what_was_imported_until_it_is_stopped(
    run: Callable,
    start_script: Callable,
    made: dict[str, Any],
    data: Path,
    tmp_path: Path,
    stop: signal.Signals,
    write_recording: Callable,
) -> None:
    write_recording(tmp_path / "tree", "phone1", walking_phone(1, 2.0))
    assert run("cloud", "import", tmp_path / "tree", ON, data).exit_code == 0

    process = start_script("cloud", "serve", ON, data, "--port", "0")
    url = process.stdout.readline().decode().partition(",")[0]
    assert url.startswith("http://127.0.0.1:")
    with Client(made["secret_token"], url.removeprefix("http://"), "http", "") as client:
        assert [session.session_id for session in client.list_sessions()] == ["phone1"]
        bundles = [sealed.bundle for sealed in client.read_session("phone1")]
    assert bundles == list(walking_phone(1, 2.0).bundles())

    process.send_signal(stop)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 0
    assert b"Traceback" not in stderr


def test_serve_on_a_port_that_is_taken_is_one_line(
    run: Callable, data: Path, tmp_path: Path, start_script: Callable
) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start_script("cloud", "serve", ON, data, "--port", port)
        stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 2
    assert stdout == b""
    assert f"cannot listen on 127.0.0.1:{port}" in stderr.decode()
    assert "Traceback" not in stderr.decode()
