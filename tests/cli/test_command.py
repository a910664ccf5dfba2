"""The command as a whole: help, version, speed, signals, pipes, and errors as a user sees them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from moonsense.cli.app import app
from moonsense.cloud.embed import EmbeddedCloud
from moonsense.contract.ids import new_id
from moonsense.simulator import walking_phone


def commands(command: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command and group, as one types it."""
    command = command or typer.main.get_command(app)
    yield path
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*path, name))


ALL = list(commands())


def test_the_commands_are_those_that_are_promised() -> None:
    names = {" ".join(path) for path in ALL}
    assert names >= {
        *("demo", "whoami", "regions"),
        *(f"sessions {name}" for name in ("list", "show", "read", "check", "label", "delete", "download")),
        *("chunks list", "chunks read", "cards list", "cards create"),
        *("cloud init", "cloud serve", "cloud import"),
        *("cloud token create", "cloud token list", "cloud token revoke"),
    }


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_has_help_that_reads_well(run: Callable, path: tuple[str, ...]) -> None:
    result = run(*path, "--help", COLUMNS="80")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    command = typer.main.get_command(app)
    for name in path:
        command = command.commands[name]  # type: ignore[attr-defined]
    sentence = (command.help or "").strip().splitlines()[0]
    assert sentence[0].isupper()
    assert sentence[-1] in ".:,"
    for parameter in command.params:
        if getattr(parameter, "help", None) is not None:
            assert parameter.help, f"{parameter.name} says nothing"  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", [path for path in ALL if path], ids=" ".join)
def test_every_option_is_explained(path: tuple[str, ...]) -> None:
    command = typer.main.get_command(app)
    for name in path:
        command = command.commands[name]  # type: ignore[attr-defined]
    unexplained = [
        parameter.name
        for parameter in command.params
        if parameter.param_type_name == "option" and not getattr(parameter, "help", "")
    ]
    assert unexplained == []


def test_help_needs_no_token_and_no_server(run_script: Callable) -> None:
    result = run_script("--help")
    assert result.returncode == 0
    assert "Exit codes" in result.stdout
    assert result.stderr == ""


def test_help_loads_neither_client_nor_cloud() -> None:
    """What keeps it under half a second, checked without a clock."""
    code = (
        "import sys; sys.argv = ['moonsense', '--help']\n"
        "from moonsense.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'httpx2', 'starlette', 'uvicorn', 'sqlalchemy', 'pydantic', 'google.protobuf', 'asyncio'}\n"
        "print('heavy:', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "heavy: []"


def test_no_arguments_shows_help(run: Callable) -> None:
    result = run()
    assert "Usage: moonsense" in result.stdout + result.stderr


def test_version(run: Callable) -> None:
    from moonsense._version import version

    assert run("--version").stdout == f"moonsense {version()}\n"


def test_the_package_runs_as_the_command() -> None:
    command = [sys.executable, "-m", "moonsense", "download", "--help"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert "Usage: moonsense download" in result.stdout


def test_shell_completion_offers_commands(run_script: Callable) -> None:
    result = run_script(_MOONSENSE_COMPLETE="complete_bash", COMP_WORDS="moonsense sessions ", COMP_CWORD="2")
    assert set(result.stdout.split()) == {"list", "show", "read", "check", "download", "label", "delete"}


def test_without_a_token_both_ways_out_are_said(run_script: Callable) -> None:
    result = run_script("sessions", "list")
    assert result.returncode == 2
    assert result.stdout == ""
    assert "MOONSENSE_SECRET_TOKEN" in result.stderr
    assert "moonsense cloud serve" in result.stderr
    assert "Traceback" not in result.stderr
    assert len(result.stderr.splitlines()) == 2


def test_a_token_that_is_not_known_is_exit_code_3(on_cloud: Callable) -> None:
    result = on_cloud("whoami", MOONSENSE_SECRET_TOKEN="nobodys")
    assert result.exit_code == 3
    assert "nobodys" not in result.output


def test_a_token_that_may_not_is_exit_code_3(on_cloud: Callable, cloud: EmbeddedCloud) -> None:
    result = on_cloud("sessions", "list", MOONSENSE_SECRET_TOKEN=cloud.public_token)
    assert result.exit_code == 3
    assert "moonsense whoami" in result.stderr


def test_no_connection_is_exit_code_5(on_cloud: Callable) -> None:
    with socket.socket() as deaf:  # bound and not listening: nobody else can take the port
        deaf.bind(("127.0.0.1", 0))
        result = on_cloud("whoami", MOONSENSE_ROOT_DOMAIN=f"127.0.0.1:{deaf.getsockname()[1]}")
    assert result.exit_code == 5
    assert "MOONSENSE_ROOT_DOMAIN" in result.stderr


def test_debug_shows_the_traceback_and_no_token(script_on_cloud: Callable, cloud: EmbeddedCloud) -> None:
    plain = script_on_cloud("sessions", "show", new_id())
    debug = script_on_cloud("--debug", "sessions", "show", new_id())
    by_variable = script_on_cloud("sessions", "show", new_id(), MOONSENSE_DEBUG="1")
    assert "Traceback" not in plain.stderr
    for result in (debug, by_variable):
        assert "Traceback" in result.stderr
        assert "NotFoundError" in result.stderr
        assert cloud.secret_token not in result.stderr
        assert result.returncode == 1


def test_a_reader_that_goes_away_ends_it_quietly(
    start_script: Callable, record: Callable, cloud: EmbeddedCloud
) -> None:
    session_id = record(walking_phone(1, 60.0))
    process = start_script("sessions", "read", session_id, "--json", **cloud.environment)
    assert process.stdout.readline().startswith(b'{"bundle"')
    process.stdout.close()
    said = process.stderr.read()
    assert process.wait(30) == 1
    assert said == b""


def test_a_pipe_that_was_closed_before_a_short_answer_is_no_complaint(
    start_script: Callable, cloud: EmbeddedCloud
) -> None:
    process = start_script("whoami", **cloud.environment)
    process.stdout.close()
    said = process.stderr.read()
    assert process.wait(30) == 1
    assert said == b""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send")
def test_ctrl_c_ends_it_with_130_and_no_traceback(start_script: Callable) -> None:
    """Interrupted while it waits for an answer that does not come."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        process = start_script(
            "whoami",
            MOONSENSE_SECRET_TOKEN="x",
            MOONSENSE_ROOT_DOMAIN=f"127.0.0.1:{silent.getsockname()[1]}",
            MOONSENSE_PROTOCOL="http",
            MOONSENSE_DEFAULT_REGION="",
        )
        silent.settimeout(30)
        connection, _ = silent.accept()
        with connection:
            assert connection.recv(1)  # it has asked, and waits
            process.send_signal(signal.SIGINT)
            stdout, stderr = process.communicate(timeout=10)
    assert process.returncode == 130
    assert (stdout, stderr) == (b"", b"")


def test_the_program_of_the_documentation_runs_as_it_stands(
    cloud: EmbeddedCloud, record: Callable, tmp_path: Path
) -> None:
    session_id = record(walking_phone(1, 2.0))
    example = Path(__file__).resolve().parents[2] / "examples" / "list_and_read.py"
    done = subprocess.run(
        [sys.executable, example],
        env={**os.environ, **cloud.environment},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert f"{session_id}     2 bundles     200 samples" in done.stdout


def test_the_example_for_asyncio_runs_as_it_stands(
    cloud: EmbeddedCloud, record: Callable, tmp_path: Path
) -> None:
    session_id = record(walking_phone(2, 2.0))
    example = Path(__file__).resolve().parents[2] / "examples" / "async_read.py"
    done = subprocess.run(
        [sys.executable, example],
        env={**os.environ, **cloud.environment},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert f"{session_id} 2" in done.stdout.splitlines()
