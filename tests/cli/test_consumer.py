"""``moonsense consumer`` as its user runs it: a module in the current folder, a real cloud, SQLite."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from moonsense.client import Client
from moonsense.cloud.embed import EmbeddedCloud

HANDLERS = r"""
import pathlib

def write(session, chunk, bundles, transaction):
    transaction.execute("CREATE TABLE IF NOT EXISTS seen (chunk)")
    transaction.execute("INSERT INTO seen VALUES (?)", (chunk.chunk_id,))

def fail(session, chunk, bundles):
    if not pathlib.Path("mended").exists():
        raise ValueError("broken\non purpose")

number = 3

class Steps:
    @staticmethod
    def count(session, chunk, bundles):
        print(f"{session.session_id} {len(bundles)}\n", end="")
"""

Eventually = Callable[..., Any]


class Desk:
    """Where a user sits: a folder with handlers, and recorded sessions of a label of its own."""

    def __init__(self, folder: Path, label: str, sessions: dict[str, str], script: Any, command: Any) -> None:
        folder.joinpath("handlers.py").write_text(HANDLERS)
        self.folder = folder
        self.label = label
        self.sessions = sessions
        """The chunk of each session."""
        self._script = script
        self._command = command

    def run(self, handler: str, *options: object) -> subprocess.CompletedProcess[str]:
        """``moonsense consumer run`` in the folder, in a process of its own."""
        return self._script(
            *("consumer", "run", handler, "--checkpoints", "done.db", "--label", self.label, *options),
            folder=self.folder,
        )

    def __call__(self, *arguments: object) -> Result:
        """Another command of ``moonsense consumer`` on the same checkpoints."""
        return self._command("consumer", *arguments, "--checkpoints", self.folder / "done.db")


@pytest.fixture
def desk(
    tmp_path: Path,
    client: Client,
    record: Callable[..., str],
    script_on_cloud: Callable[..., Any],
    run: Callable[..., Any],
    eventually: Eventually,
    request: pytest.FixtureRequest,
) -> Desk:
    label = request.node.name
    sessions = {}
    for session_id in [record(labels=(label,)) for _ in range(2)]:
        (chunk,) = eventually(lambda session_id=session_id: list(client.list_chunks(session_id)), timeout=60)
        sessions[session_id] = chunk.chunk_id
    return Desk(tmp_path, label, sessions, script_on_cloud, run)


def columns(stdout: str) -> list[dict[str, str]]:
    """The rows of the first table, by its headings."""
    head, *rows = stdout.partition("\n\n")[0].splitlines()
    titles = re.split(r"\s{2,}", head)
    return [dict(zip(titles, re.split(r"\s{2,}", row.strip()), strict=True)) for row in rows]


def test_every_chunk_is_processed_and_told_of(desk: Desk) -> None:
    ran = desk.run("handlers:Steps.count", "--start", "beginning", "--once")
    assert ran.returncode == 0, ran.stderr
    assert {line.split()[0] for line in ran.stdout.splitlines()} == set(desk.sessions)
    assert ran.stderr.splitlines()[-1] == "2 chunks done, 0 tries failed, 0 chunks given up"
    assert "INFO consumer default begins: 4 sessions at the same time" in ran.stderr
    assert "INFO consumer default: 0 chunks behind" in ran.stderr

    again = desk.run("handlers:Steps.count", "--start", "beginning", "--once")
    assert (again.returncode, again.stdout) == (0, "")
    (row,) = columns(desk("status").stdout)
    assert row == {
        "CONSUMER": "default", "START": "beginning", "SESSIONS": "2", "WAITING": "0", "WORKING": "0",
        "DONE": "2", "BEHIND": "0", "FOR": "0 s", "DEAD": "0",
    }  # fmt: skip


def test_what_fails_is_given_up_shown_tried_anew_and_left_out(desk: Desk) -> None:
    ran = desk.run("handlers:fail", "--start", "beginning", "--once", "--tries", 2)
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr.splitlines()[-1] == "0 chunks done, 4 tries failed, 2 chunks given up"
    assert len(re.findall(r"WARNING chunk \w+ of session \w+ failed, try 1; again in ", ran.stderr)) == 2
    assert len(re.findall(r"ERROR chunk \w+ of session \w+ was given up at try 2", ran.stderr)) == 2
    assert "_worker.py" not in ran.stderr, "a traceback begins with the handler"

    status = desk("status")
    (row,) = columns(status.stdout)
    assert (row["DONE"], row["BEHIND"], row["DEAD"]) == ("0", "0", "2")
    letters = status.stdout.partition("\n\n")[2]
    assert letters.splitlines()[0].split() == ["DEAD", "CHUNK", "SESSION", "FAILED", "TRIES", "ERROR"]
    for session_id, chunk_id in desk.sessions.items():
        assert re.search(rf"^{chunk_id} +{session_id} .* 2  ValueError: broken on purpose$", letters, re.M)
    assert "moonsense consumer retry" in status.stderr
    traces = desk("status", "--traceback").stdout
    assert traces.count('handlers.py", line') == 2
    assert traces.count("ValueError: broken\non purpose") == 2
    (told,) = json.loads(desk("status", "--json").stdout)
    assert (told["name"], told["processed"], told["dead"], told["lag_chunks"]) == ("default", 0, 2, 0)
    assert {letter["chunk_id"] for letter in told["dead_letters"]} == set(desk.sessions.values())
    assert all(letter["traceback"].startswith("Traceback") for letter in told["dead_letters"])

    one, other = desk.sessions.values()
    retried = desk("retry", one)
    assert (retried.exit_code, retried.stdout, retried.stderr) == (0, f"{one}\n", "1 to be tried anew\n")
    (row,) = columns(desk("status").stdout)
    assert (row["WAITING"], row["BEHIND"], row["DEAD"]) == ("1", "1", "1")
    assert row["FOR"] != "", "the chunk has an age"
    desk.folder.joinpath("mended").touch()
    ran = desk.run("handlers:fail", "--start", "beginning", "--once")
    assert ran.stderr.splitlines()[-1] == "1 chunks done, 0 tries failed, 0 chunks given up"

    skipped = desk("skip", "--all")
    assert (skipped.exit_code, skipped.stdout, skipped.stderr) == (0, f"{other}\n", "1 left out\n")
    nothing = desk("skip", "--all")
    assert (nothing.exit_code, nothing.stdout) == (0, "")
    assert nothing.stderr == "there is no chunk that was given up\n"
    ran = desk.run("handlers:fail", "--start", "beginning", "--once")
    assert ran.stderr.splitlines()[-1] == "0 chunks done, 0 tries failed, 0 chunks given up"
    (row,) = columns(desk("status").stdout)
    assert (row["WAITING"], row["DONE"], row["BEHIND"], row["DEAD"]) == ("0", "1", "0", "0")


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such signal")
def test_it_runs_until_it_is_told_to_stop(
    desk: Desk, cloud: EmbeddedCloud, start_script, eventually: Eventually
) -> None:
    process = start_script(
        *("consumer", "run", "handlers:write", "--start", "beginning", "--label", desk.label, "-p", "web"),
        *("--checkpoints", desk.folder / "done.db", "--poll", 0.1),
        **cloud.environment,
        PYTHONPATH=str(desk.folder),
    )
    eventually(lambda: '"processed": 2' in desk("status", "--json").stdout, timeout=60)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0
    assert b"SIGTERM: no other chunk is begun" in said
    assert said.decode().splitlines()[-1] == "2 chunks done, 0 tries failed, 0 chunks given up"


@pytest.mark.parametrize(
    ("handler", "options", "code", "says"),
    [
        ("handlers", ("--start", "now"), 2, "'handlers' is not MODULE:HANDLER"),
        ("handlers:nothing", ("--start", "now"), 2, "handlers has no function 'nothing'"),
        ("handlers:number", ("--start", "now"), 2, "handlers has no function 'number'"),
        ("nowhere:count", ("--start", "now"), 2, "no module 'nowhere'"),
        ("handlers:fail", (), 2, "--start"),
        ("handlers:fail", ("--start", "2h"), 2, "'2h' is another time at every start"),
        ("handlers:fail", ("--start", "yesterday"), 2, "'yesterday' is not a time"),
        ("handlers:fail", ("--start", "now", "-p", "windows"), 2, "'windows' is none of"),
        ("handlers:fail", ("--start", "now", "--poll", "0"), 2, "--poll"),
        ("handlers:write", ("--start", "now", "-c", "done.jsonl"), 2, "no transaction for the handler"),
        ("handlers:fail", ("--start", "now", "-c", "handlers.py"), 1, "handlers.py cannot be used"),
        ("handlers:fail", ("--start", "now", "-c", "nowhere/done.db"), 1, "no folder nowhere"),
        ("handlers:fail", ("--start", "now", "-c", "nowhere/done.jsonl"), 1, "no folder nowhere"),
    ],
)
def test_orders_that_cannot_be_are_explained(
    on_cloud, tmp_path: Path, monkeypatch, handler: str, options: tuple[str, ...], code: int, says: str
) -> None:
    tmp_path.joinpath("handlers.py").write_text(HANDLERS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "handlers", raising=False)
    result = on_cloud("consumer", "run", handler, "-c", "done.db", *options)
    assert result.exit_code == code, result.output
    assert says in " ".join(result.stderr.replace("│", "").split())
    monkeypatch.delitem(sys.modules, "handlers", raising=False)


def test_another_start_than_the_first_is_refused(desk: Desk) -> None:
    desk.run("handlers:fail", "--start", "now", "--once")
    (row,) = columns(desk("status").stdout)
    assert row["START"].startswith("now, at 20")
    other = desk.run("handlers:fail", "--start", "beginning", "--once")
    assert other.returncode == 2
    assert "began with start='now', not 'beginning'" in other.stderr


def test_checkpoints_and_consumers_that_are_not_there(run, tmp_path: Path) -> None:
    there, missing = ("--checkpoints", tmp_path / "done.db"), ("--checkpoints", tmp_path / "other.db")
    for command in (("status",), ("retry", "--all"), ("skip", "--all")):
        result = run("consumer", *command, *missing)
        assert result.exit_code == 1
        assert "there are no checkpoints at" in result.stderr
        assert not missing[1].exists()

    from moonsense.consumer import SqliteCheckpoints

    with SqliteCheckpoints(there[1]) as store:
        nobody = run("consumer", "status", *there)
        assert (nobody.exit_code, nobody.stdout) == (0, "")
        assert nobody.stderr == "no consumer was run on these checkpoints yet\n"
        assert run("consumer", "status", "--json", *there).stdout == "[]\n"
        store.begin("steps", "beginning", None)
    for command in (("status",), ("retry", "--all"), ("skip", "--all")):
        result = run("consumer", *command, "--name", "stepz", *there)
        assert result.exit_code == 1
        assert "no consumer 'stepz' was run on these checkpoints" in result.stderr
        assert "steps" in result.stderr
    result = run("consumer", "retry", "nothing", "--name", "steps", *there)
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "error: not among the chunks that failed: nothing (moonsense consumer status shows those)"
    ]
    for wrong in (("retry",), ("skip", "--all", "nothing")):
        result = run("consumer", *wrong, *there)
        assert result.exit_code == 2
        assert "name chunks, or say --all" in result.stderr
