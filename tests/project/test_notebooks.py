"""The notebooks of examples/ run from top to bottom, show what they should, and are kept without outputs."""

from __future__ import annotations

import warnings
from pathlib import Path

import nbformat
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of what they import
    from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent.parent
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))


def test_there_is_one() -> None:
    assert [path.name for path in NOTEBOOKS] == ["explore.ipynb"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_is_kept_without_outputs(path: Path) -> None:
    """Pictures in a history only ever grow old: who wants them runs it."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
    assert set(notebook.metadata) == {"kernelspec", "language_info"}


@pytest.fixture
def kernels_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing of the one who runs the tests is read or written: no profile, no history."""
    for name in (
        "IPYTHONDIR",
        "JUPYTER_CONFIG_DIR",
        "JUPYTER_DATA_DIR",
        "JUPYTER_RUNTIME_DIR",
        "MPLCONFIGDIR",
    ):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    return tmp_path


def test_explore_goes_from_a_client_to_tables_to_pictures(kernels_at_home: Path) -> None:
    notebook = nbformat.read(ROOT / "examples" / "explore.ipynb", as_version=4)
    resources = {"metadata": {"path": str(kernels_at_home)}}
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources=resources).execute()
    shown = []
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            assert output.output_type == "execute_result", output
            shown.append(output.data)
    pages = [data["text/html"] for data in shown if "text/html" in data]
    assert sum("image/png" in data for data in shown) == 4
    assert "<b>Sessions</b> 3" in pages[0]
    assert "<b>Session</b>" in pages[1]
    assert "<b>accelerometer</b> 2,000 rows" in pages[2]
    assert len(pages) == 5
