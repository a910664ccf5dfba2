"""Makes a table out of a file in one of several ways, and says what it took.

    <environment>/bin/python -I table_reader.py '{"way": "published", "file": "<path>", "rounds": 3}'

One program for all environments. The memory is of the first round: the most
that the process had at any moment of it, less what it had before.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
from worker import forget_the_most, memory


def published(file: str) -> int:
    """``moonsense.pd`` of whichever version is installed."""
    return len(import_module("moonsense.pd").read_accelerometer(file))


def loop(file: str) -> int:
    """What one writes without a library: json line by line, then pandas."""
    pandas = import_module("pandas")
    rows = []
    with Path(file).open(encoding="utf-8") as lines:
        for line in lines:
            rows += json.loads(line)["bundle"].get("accelerometer_data", [])
    table = pandas.DataFrame(rows)
    table["at"] = pandas.to_datetime(table.pop("determined_at").astype("int64"), unit="ms")
    return len(table.set_index("at").sort_index())


def whole(file: str) -> int:
    """A whole table."""
    return len(import_module("moonsense.frames").read(file, "accelerometer"))


def streamed(file: str) -> int:
    """Batch by batch, nothing kept."""
    return sum(batch.num_rows for batch in import_module("moonsense.frames").batches(file, "accelerometer"))


WAYS: dict[str, Callable[[str], int]] = {
    "published": published, "loop": loop, "whole": whole, "streamed": streamed,
}  # fmt: skip


def main() -> None:
    order = json.loads(sys.argv[1])
    read = WAYS[order["way"]]
    read(order["warm_up"])
    forget_the_most()
    before = memory("VmRSS")
    most = rows = 0
    processor, wall = [], []
    for _ in range(order["rounds"]):
        started, spent = time.perf_counter(), time.process_time()
        rows = read(order["file"])
        processor.append(time.process_time() - spent)
        wall.append(time.perf_counter() - started)
        most = most or memory("VmHWM")
    print(json.dumps({"rows": rows, "processor": processor, "wall": wall, "memory": max(0, most - before)}))


if __name__ == "__main__":
    main()
