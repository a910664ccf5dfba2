"""Measure everything, print it, and write docs/performance.md.

    python -m benchmarks [--quick] [--only PART] [--output FILE]

``--quick`` is a short run to see that it works; its figures are rough. It
writes nothing unless told where, and neither does ``--only``.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from rich.console import Console

from benchmarks import calls, consumer, download, ingest, material, reading, report, tables, webhooks

# On a disk: what is promised to be durable must be made so, which in memory costs nothing.
FOLDER = material.ROOT / ".bench"
DOCUMENT = material.ROOT / "docs" / "performance.md"
PARTS = ("reading", "calls", "ingest", "download", "webhooks", "consumer", "tables")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    whole = not (options.quick or options.only)

    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    found: list[report.Table] = []
    try:
        if options.only in (None, "reading"):
            print("reading")
            length, rounds = (100, 1) if options.quick else (1_000, 5)
            found += reading.measure(FOLDER / "reading", material.to_read(), length, rounds)
        if options.only in (None, "calls"):
            print("other calls")
            sessions, length, rounds = (500, 500, 1) if options.quick else (10_000, 10_000, 2)
            found += calls.measure(FOLDER / "calls", material.to_read(), sessions, length, rounds)
        if options.only in (None, "ingest"):
            print("recording")
            rounds, scale = (1, 0.1) if options.quick else (3, 1.0)
            found += ingest.measure(FOLDER / "ingest", rounds, scale)
        if options.only in (None, "download"):
            print("downloading")
            count, rounds = (60, 1) if options.quick else (1_000, 3)
            found += download.measure(FOLDER / "download", count, rounds)
        if options.only in (None, "webhooks"):
            print("webhooks")
            bundles, sessions = (100, 10) if options.quick else (2_000, 60)
            found += webhooks.measure(FOLDER / "webhooks", bundles, sessions)
        if options.only in (None, "consumer"):
            print("consumer")
            sessions, length, rounds = (10, 100, 1) if options.quick else (40, 200, 3)
            found += consumer.measure(FOLDER / "consumer", material.to_read(), sessions, length, rounds)
        if options.only in (None, "tables"):
            print("tables")
            size, rounds = (1_000_000, 1) if options.quick else (5_000_000, 5)
            found += tables.measure(FOLDER / "tables", size, rounds)
    finally:
        shutil.rmtree(FOLDER)

    console = Console(width=None if sys.stdout.isatty() else 120)
    for table in found:
        table.show(console)
    output = options.output or (DOCUMENT if whole else None)
    if output is not None:
        output.write_text(report.document(found), encoding="utf-8")
        print(f"written to {output}")


if __name__ == "__main__":
    main()
