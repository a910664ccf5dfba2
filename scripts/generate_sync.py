"""Make the client for threads, and its tests, from those for asyncio.

    python scripts/generate_sync.py            write them
    python scripts/generate_sync.py --check    fail if what is there differs

The async code is the source. A fixed list of words is replaced, then ruff
puts imports and lines in order.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Source, target, and a line for the head of each file.
TREES = (
    ("src/moonsense/client/_async", "src/moonsense/client/_sync", ""),
    # An async with in a with becomes two that could be one.
    ("tests/client/_async", "tests/client/_sync", "# ruff: noqa: SIM117\n"),
)

WORDS = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"^pytestmark = pytest\.mark\.anyio\n", ""),
        (r"^# ruff: noqa: ASYNC.*\n", ""),
        (r"\bAwaitable\[(\w+)\]", r"\1"),
        (r"\bCoroutine\[Any, Any, (\w+\[\w+\])\]", r"\1"),
        (r"\basync (def|for|with)\b", r"\1"),
        (r"\bawait ", ""),
        (r"\basync_(\w+)", r"\1"),
        (r"_async\b", "_sync"),
        (r"\bAsync(\w+)", r"\1"),
        (r"\basynccontextmanager\b", "contextmanager"),
        (r"\baclosing\b", "closing"),
        (r"\baclose\b", "close"),
        (r"\banext\b", "next"),
        (r"\ba(send|throw)\b", r"\1"),
        (r"\baiter_raw\b", "iter_raw"),
        (r"\bAnyIOBackend\b", "SyncBackend"),
        (r"\b__a(enter|exit|iter|next)__\b", r"__\1__"),
        (r"\bStopAsyncIteration\b", "StopIteration"),
    )
]


def generate(source: Path, target: Path, into: Path, note: str = "") -> None:
    """Write the tree that ``target`` should be into the empty folder ``into``."""
    for path in sorted(source.rglob("*.py")):
        name = path.relative_to(source)
        text = "".join(map(_sync, path.read_text(encoding="utf-8").splitlines(keepends=True)))
        header = (
            f"# Made from {path.relative_to(ROOT).as_posix()} by scripts/generate_sync.py: do not edit.\n"
        )
        out = into / name
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(_tidied(header + note + text, target / name), encoding="utf-8")


def _sync(line: str) -> str:
    for pattern, replacement in WORDS:
        line = pattern.sub(replacement, line)
    return line


def _tidied(text: str, name: Path) -> str:
    """The text with imports and lines in order, by the rules for a file of that name."""
    ruff = [sys.executable, "-m", "ruff"]
    # What reads well with await is at times roundabout without it.
    fixes = ["check", "--quiet", "--fix", "--unsafe-fixes", "--exit-zero", "--select=I,F401,UP028,C416"]
    for command in (fixes, ["format", "--quiet"]):
        text = subprocess.run(
            [*ruff, *command, "--no-cache", "--stdin-filename", str(name), "-"],
            cwd=ROOT,
            input=text,
            capture_output=True,
            check=True,
            encoding="utf-8",
        ).stdout
    return text


def differences(expected: Path, actual: Path) -> list[str]:
    """The files by which two trees differ: changed, missing and left over ones."""
    wanted, there = _files(expected), _files(actual)
    return [
        f"{name}: {'missing' if name not in there else 'left over' if name not in wanted else 'differs'}"
        for name in sorted(wanted.keys() | there.keys())
        if wanted.get(name) != there.get(name)
    ]


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def main() -> int:
    """Write the trees, or with ``--check`` say what differs and return 1 if anything does."""
    parser = argparse.ArgumentParser(description="Make the sync client and its tests from the async ones.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if what is there differs")
    check = parser.parse_args().check
    failed = False
    for source_name, target_name, note in TREES:
        source, target = ROOT / source_name, ROOT / target_name
        with tempfile.TemporaryDirectory() as folder:
            fresh = Path(folder) / "tree"
            fresh.mkdir()
            generate(source, target, fresh, note)
            changes = differences(fresh, target)
            for change in changes:
                print(f"{target_name}/{change}")
            if check:
                failed = failed or bool(changes)
            elif changes:
                shutil.rmtree(target, ignore_errors=True)
                shutil.copytree(fresh, target)
    if failed:
        print("run: python scripts/generate_sync.py")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
