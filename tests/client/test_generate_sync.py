"""How async code becomes sync code, and how a difference is found."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "generate_sync.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_sync", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_difference_of_two_trees_is_seen(script: ModuleType, tmp_path: Path) -> None:
    for tree in ("wanted", "there"):
        (tmp_path / tree / "inner").mkdir(parents=True)
        (tmp_path / tree / "same.py").write_text("1")
    (tmp_path / "wanted" / "inner" / "missing.py").write_text("1")
    (tmp_path / "wanted" / "cut.py").write_text("1\n2\n")
    (tmp_path / "there" / "cut.py").write_text("1\n")
    (tmp_path / "there" / "old.py").write_text("1")
    assert script.differences(tmp_path / "wanted", tmp_path / "there") == [
        "cut.py: differs",
        "inner/missing.py: missing",
        "old.py: left over",
    ]


@pytest.mark.parametrize(
    ("written", "made"),
    [
        ("async def f(self) -> AsyncGenerator[int]:", "def f(self) -> Generator[int]:"),
        ("async with httpx2.AsyncClient() as c:", "with httpx2.Client() as c:"),
        ("await async_sleep(1)", "sleep(1)"),
        ("once: Callable[[Request], Awaitable[T]]", "once: Callable[[Request], T]"),
        (
            "from moonsense.client._async.base import AsyncBase",
            "from moonsense.client._sync.base import Base",
        ),
        ("async def __aenter__(self):", "def __enter__(self):"),
        ("x = await anext(pieces, b'')", "x = next(pieces, b'')"),
        ("# asynchronous and awaited words stay", "# asynchronous and awaited words stay"),
    ],
)
def test_words(script: ModuleType, written: str, made: str) -> None:
    assert script._sync(written) == made
