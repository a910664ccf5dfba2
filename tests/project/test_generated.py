"""What is generated is what its source makes now."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from moonsense.client import Client
from moonsense.download import DownloadAllSessions
from moonsense.recorder import Recorder

ROOT = Path(__file__).resolve().parent.parent.parent


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def generator() -> Path:
    """The Python that has the generator of the models."""
    python = ROOT / ".venv-models" / "bin" / "python"
    if not python.exists():
        reason = ROOT / ".venv-models.reason"
        pytest.skip(
            reason.read_text().strip() if reason.exists() else "run scripts/side_environments.py models first"
        )
    return python


def test_the_models_are_what_the_schema_makes(generator: Path) -> None:
    result = run(generator, "scripts/generate_models.py", "--check")
    assert result.returncode == 0, result.stderr


def test_the_client_for_threads_is_what_the_one_for_asyncio_makes() -> None:
    result = run(sys.executable, "scripts/generate_sync.py", "--check")
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_reference_is_what_the_docstrings_say() -> None:
    result = run(sys.executable, "scripts/generate_reference.py", "--check")
    assert result.returncode == 0, result.stderr


def test_every_public_call_is_in_the_reference() -> None:
    text = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    for cls in (Client, DownloadAllSessions, Recorder):
        for name in dir(cls):
            if not name.startswith("_"):
                assert f"### `{name}`" in text, f"{cls.__name__}.{name}"


def test_a_change_by_hand_is_found(generator: Path, tmp_path: Path) -> None:
    """In a copy: a changed, a missing and an added file are each named."""
    for part in ("proto", "scripts", "src/moonsense/models"):
        for path in (ROOT / part).iterdir():
            if path.is_file():
                copy = tmp_path / path.relative_to(ROOT)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(path.read_bytes())
    models = tmp_path / "src" / "moonsense" / "models"
    (models / "signal_pb2.py").write_text("# changed\n", encoding="utf-8")
    (models / "feature_pb2.pyi").unlink()
    (models / "extra_pb2.py").write_text("", encoding="utf-8")
    script = tmp_path / "scripts" / "generate_models.py"
    result = run(generator, script, "--check")
    assert result.returncode == 1
    assert [line.split()[0] for line in result.stderr.splitlines()] == [
        "models/extra_pb2.py",
        "models/feature_pb2.pyi",
        "models/signal_pb2.py",
    ]
    assert run(generator, script).returncode == 0
    assert run(generator, script, "--check").returncode == 0
