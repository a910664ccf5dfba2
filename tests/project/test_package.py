"""What is installed: six dependencies, and a wheel with all that is needed and nothing else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from email.parser import HeaderParser
from importlib import metadata
from pathlib import Path

import pytest
from support.compiler import can_compile

import moonsense

PARTS = ("moonsense/codec/_objects", "moonsense/codec/arrow/_scan")
COMPILED = {part + suffix for part in PARTS for suffix in (".abi3.so", ".pyd")}

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCE = ROOT / "src" / "moonsense"


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def build(folder: Path, **environment: str) -> zipfile.ZipFile:
    """A wheel of the sources, built in a copy of them: building leaves files behind."""
    copy = folder / "sources"
    shutil.copytree(
        SOURCE, copy / "src" / "moonsense", ignore=shutil.ignore_patterns("__pycache__", "*.so", "*.pyd")
    )
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index"),
            *("--wheel-dir", folder, copy),
        ],
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
        timeout=120,
    )
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    return build(tmp_path_factory.mktemp("wheel"))


def contents(wheel: zipfile.ZipFile) -> set[str]:
    return {name for name in wheel.namelist() if ".dist-info/" not in name}


def test_the_core_has_six_dependencies(project: dict) -> None:
    names = [re.match(r"[\w-]+", requirement)[0] for requirement in project["dependencies"]]
    assert names == ["httptools", "httpx2", "orjson", "protobuf", "rich", "typer"]


def test_all_is_every_other_extra(project: dict) -> None:
    extras = project["optional-dependencies"]
    others = sorted(set(extras) - {"all"})
    assert extras["all"] == [f"moonsense[{','.join(others)}]"]


def test_the_version_is_the_installed_one(project: dict) -> None:
    assert moonsense.__version__ == metadata.version("moonsense") == project["version"]


def test_the_wheel_has_every_file_of_the_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "src/moonsense"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if tracked.returncode == 0:
        expected = {
            name.removeprefix("src/") for name in tracked.stdout.splitlines() if (ROOT / name).is_file()
        }
    else:  # not a git clone
        expected = {
            str(path.relative_to(SOURCE.parent))
            for path in SOURCE.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts and path.suffix not in (".so", ".pyd")
        }
    inside = contents(wheel)
    assert inside - COMPILED == {name for name in expected if not name.endswith((".c", ".cpp", ".hpp"))}
    assert "moonsense/py.typed" in inside
    assert "moonsense/models/bundle_v2_pb2.pyi" in inside


def test_the_compiled_parts_are_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    if not can_compile():
        pytest.skip("there is no compiler, or not what it needs")
    assert len(COMPILED & contents(wheel)) == len(PARTS)
    info = HeaderParser().parsestr(
        next(wheel.read(name) for name in wheel.namelist() if name.endswith("/WHEEL")).decode()
    )
    assert info["Tag"].startswith("cp311-abi3-")


def test_without_a_compiler_there_is_a_wheel_too(tmp_path: Path, wheel: zipfile.ZipFile) -> None:
    pure = build(tmp_path, CC="false", CXX="false")
    assert contents(pure) == contents(wheel) - COMPILED


def test_the_wheel_says_what_it_is(wheel: zipfile.ZipFile, project: dict) -> None:
    (folder,) = {name.partition("/")[0] for name in wheel.namelist() if ".dist-info/" in name}
    info = HeaderParser().parsestr(wheel.read(f"{folder}/METADATA").decode())
    assert info["Name"] == "moonsense"
    assert info["Requires-Python"] == ">=3.11"
    assert info["License-Expression"] == "Apache-2.0"
    assert set(info.get_all("Provides-Extra")) == set(project["optional-dependencies"])
    assert wheel.read(f"{folder}/licenses/LICENSE").startswith(b" " * 33 + b"Apache License") or (
        b"Apache License" in wheel.read(f"{folder}/licenses/LICENSE")[:200]
    )
    assert b"moonsense = moonsense.cli:main" in wheel.read(f"{folder}/entry_points.txt")
