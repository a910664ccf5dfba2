"""The levels of the house hold, and the check that says so finds what it should."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SCRIPT = ROOT / "scripts" / "check_layers.py"


@pytest.fixture(scope="module")
def check_layers() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_layers", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["check_layers"] = module
    spec.loader.exec_module(module)
    return module


def test_the_house_is_in_order() -> None:
    result = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


def test_every_room_has_a_level_and_every_level_a_reason(check_layers: ModuleType) -> None:
    rooms = {
        path.stem
        for path in (ROOT / "src" / "moonsense").iterdir()
        if (path.is_dir() and any(path.glob("*.py"))) or (path.suffix == ".py" and path.stem != "__init__")
    }
    assert rooms <= set(check_layers.LEVELS)


LAZY = "def __getattr__(name):\n    from moonsense import client\n    return getattr(client, name)\n"
FOR_TYPES = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from moonsense.codec import x"
BY_NAME = "import importlib\nimportlib.import_module('moonsense.codec')"

FILES = {
    "__init__": LAZY,
    "errors": "",
    "contract/__init__": "",
    "contract/hosts": "from moonsense.errors import X\n",
    "codec/__init__": "from moonsense.codec.json import parse\n",
    "codec/json": "from moonsense.contract import hosts\n",
    "client/__init__": "from moonsense.client._core import x\n",
    "client/_core": "from moonsense.codec import json\n",
    "cloud/__init__": "",
    "cloud/app": "from ..contract import hosts\nfrom . import store\n",
    "cloud/store": "",
    "recorder": "from moonsense.client import Client\n",
    "cli/__init__": "def main():\n    from moonsense.recorder import Recorder\n",
}


def house(folder: Path, changes: dict[str, str]) -> Path:
    source = folder / "moonsense"
    for name, text in (FILES | changes).items():
        path = source / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return source


def test_a_small_house_is_in_order(check_layers: ModuleType, tmp_path: Path) -> None:
    assert check_layers.complaints(house(tmp_path, {})) == []


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"contract/hosts": "import moonsense.client"}, "contract/hosts.py:1"),
        ({"errors": "from moonsense.contract.hosts import x"}, "level 0 may not import level 1"),
        ({"errors": "from .contract import hosts"}, "level 0 may not import level 1"),
        ({"errors": "from . import contract"}, "level 0 may not import level 1"),
        ({"contract/hosts": "def f():\n    from moonsense import codec"}, "contract/hosts.py:2"),
        ({"contract/hosts": FOR_TYPES}, "contract/hosts.py:3"),
        ({"contract/hosts": BY_NAME}, "contract/hosts.py:2"),
        ({"recorder": "from moonsense.cloud import app"}, "level 5 may not import level 5"),
        ({"cloud/app": "from moonsense.recorder import Recorder"}, "level 5 may not import level 5"),
        ({"cloud/app": "from moonsense.client import Client"}, "cloud never imports client"),
        ({"cloud/app": "def f():\n    from ..client._core import x"}, "cloud never imports client"),
        ({"cloud/app": "from moonsense import Client"}, "import the room it is from"),
        ({"codec/json": "from moonsense.codec import frames", "codec/frames": "from . import json"},
         "circle: moonsense.codec.json -> moonsense.codec.frames -> moonsense.codec.json"),
        ({"codec/json": "from moonsense.codec import parse"}, "circle: moonsense.codec ->"),
        ({"attic": ""}, "'attic' has no level"),
    ],
)  # fmt: skip
def test_what_breaks_a_rule_is_found(
    check_layers: ModuleType, tmp_path: Path, changes: dict[str, str], complaint: str
) -> None:
    found = check_layers.complaints(house(tmp_path, changes))
    assert len(found) == 1, found
    assert complaint in found[0]


def test_a_circle_for_type_checkers_only_is_none(check_layers: ModuleType, tmp_path: Path) -> None:
    text = FOR_TYPES.replace("import x", "import frames")
    assert check_layers.complaints(
        house(tmp_path, {"codec/json": text, "codec/frames": "from . import json\n"})
    ) == []  # fmt: skip


def test_the_script_says_what_it_found(tmp_path: Path) -> None:
    source = house(tmp_path, {"errors": "import moonsense.client"})
    result = subprocess.run([sys.executable, SCRIPT, source], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "moonsense.errors imports moonsense.client" in result.stderr
