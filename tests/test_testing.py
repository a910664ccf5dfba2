"""The fixtures that users take into their own tests, in a test run of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CONFTEST = 'pytest_plugins = ["moonsense.testing"]\n'

TESTS = """
from moonsense.client import Client
from moonsense.simulator import checkout_bot, walking_phone


def test_what_is_recorded_can_be_read(moonsense_client, moonsense_record):
    simulated = walking_phone(seed=1, duration=3)
    session_id = moonsense_record(simulated)
    got = [sealed.bundle for sealed in moonsense_client.read_session(session_id)]
    assert got == list(simulated.bundles())


def test_a_plain_client_finds_the_cloud(moonsense_environment, moonsense_record):
    session_id = moonsense_record(checkout_bot(seed=1))
    with Client() as client:
        assert session_id in [session.session_id for session in client.list_sessions()]


def test_tests_share_the_cloud(moonsense_client, moonsense_recording_client, moonsense_cloud):
    assert len(list(moonsense_client.list_sessions())) == 2
    assert moonsense_recording_client.whoami().scopes == "c"
    assert moonsense_cloud.pid
"""


def run_pytest(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", folder],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_fixtures_work_where_they_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_mine.py").write_text(TESTS)
    done = run_pytest(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_without_asking_there_are_none(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text("def test_mine(moonsense_cloud): pass\n")
    done = run_pytest(tmp_path)
    assert "fixture 'moonsense_cloud' not found" in done.stdout
