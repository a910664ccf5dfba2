"""Tables, on the terminal and in docs/performance.md."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table as RichTable

_PACKAGES = (
    "protobuf",
    "orjson",
    "httpx2",
    "starlette",
    "uvicorn",
    "uvloop",
    "httptools",
    "sqlalchemy",
    "pyarrow",
)


@dataclass(frozen=True)
class Table:
    """What was measured: what it is, and rows whose first column names them."""

    title: str
    text: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]

    def show(self, console: Console) -> None:
        """Print it."""
        table = RichTable(title=self.title)
        for number, heading in enumerate(self.headings):
            table.add_column(heading, justify="right" if number else "left")
        for row in self.rows:
            table.add_row(*row)
        console.print(table)

    def markdown(self) -> str:
        """It as a section of a document."""
        lines = [
            f"## {self.title}",
            "",
            self.text,
            "",
            _row(self.headings),
            _row(["---", *["---:"] * (len(self.headings) - 1)]),
            *map(_row, self.rows),
        ]
        return "\n".join(lines)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def megabytes(size: float) -> str:
    """A size as a person reads it."""
    return f"{size / 1e6:,.1f} MB"


def machine() -> str:
    """What the figures are of."""
    versions = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return (
        f"{os.cpu_count()} cores of {_processor()}, {platform.system()}, "
        f"{platform.python_implementation()} {platform.python_version()}; {versions}."
    )


def _processor() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def document(tables: Iterable[Table]) -> str:
    """docs/performance.md."""
    head = f"""\
# Performance

`make bench` measures everything here in one run and writes this page. What counts are the proportions: the
figures in a row were taken one after the other on the same machine, and another machine has others.
`python benchmarks/codec.py` measures the codec alone.

This run: {machine()}"""
    return "\n\n".join([head, *(table.markdown() for table in tables)]) + "\n"
