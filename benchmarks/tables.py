"""One sensor's table out of a session's file: ours, 0.5.0's, and what one writes without a library."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.clients import PEERS
from benchmarks.report import Table, megabytes
from moonsense.codec.json import write_line
from moonsense.contract.ids import new_id
from moonsense.models import SealedBundle
from moonsense.simulator import walking_phone

READER = Path(__file__).with_name("table_reader.py")

_MINUTES_A_WALK = 2.0


@dataclass(frozen=True)
class Way:
    """A way to a table: its name, the Python that goes it, and what it is called there."""

    name: str
    python: Path
    way: str


@dataclass(frozen=True)
class Result:
    """The best round in seconds of the processor and of the clock, and the peak of memory in bytes."""

    processor: float
    wall: float
    memory: int


def ways() -> list[Way]:
    """Ours, what one writes without a library, and the published one if it is installed."""
    own = Path(sys.executable)
    found = [
        Way("`frames.batches`", own, "streamed"),
        Way("`frames.read`", own, "whole"),
        Way("`pd.read_accelerometer`", own, "published"),
        Way("json and pandas in a loop", own, "loop"),
    ]
    python = PEERS / "0.5.0" / "bin" / "python"
    if python.exists():
        found.append(Way("published 0.5.0, `pd.read_accelerometer`", python, "published"))
    else:
        print("without moonsense 0.5.0: scripts/side_environments.py says why", file=sys.stderr)
    return found


def measure(folder: Path, size: int, rounds: int) -> list[Table]:
    """Read a file of so many bytes, and one ten times as large, in every way."""
    folder.mkdir()
    warm_up = _file(folder / "warm-up.json", 1)
    tables = []
    for rate in (50, 200):
        files = [_file(folder / f"{rate}-{many}.json", many * size, rate) for many in (1, 10)]
        results = {way: [_read(way, warm_up, file, rounds) for file in files] for way in ways()}
        tables.append(_table(rate, [file.stat().st_size for file in files], rounds, results))
    return tables


def _file(path: Path, size: int, rate: float = 50) -> Path:
    """A file of at least so many bytes: a phone with three motion sensors, location and battery."""
    seed = 0
    with path.open("wb") as file:
        while file.tell() < size:
            session_id = new_id()
            for bundle in walking_phone(seed, 60 * _MINUTES_A_WALK, rate=rate).bundles():
                file.write(write_line(SealedBundle(bundle=bundle, session_id=session_id)))
            seed += 1
    return path


def _read(way: Way, warm_up: Path, file: Path, rounds: int) -> Result:
    order = {"way": way.way, "warm_up": str(warm_up), "file": str(file), "rounds": rounds}
    done = subprocess.run(
        [str(way.python), "-I", str(READER), json.dumps(order)], stdout=subprocess.PIPE, check=True
    )
    answer = json.loads(done.stdout)
    result = Result(min(answer["processor"]), min(answer["wall"]), answer["memory"])
    print(
        f"  {way.name}: {answer['rows']:,} rows, {result.processor:.2f} s, {megabytes(result.memory)}",
        flush=True,
    )
    return result


def _table(rate: int, sizes: list[int], rounds: int, results: dict[Way, list[Result]]) -> Table:
    published = next((long for way, (_, long) in results.items() if way.python != Path(sys.executable)), None)
    rows = [
        (
            way.name,
            *(f"{size / 1e6 / result.processor:,.0f}" for size, result in zip(sizes, both, strict=True)),
            f"{published.processor / both[1].processor:,.1f}" if published else "",
            f"{both[1].wall:,.2f} s",
            *(megabytes(result.memory) for result in both),
        )
        for way, both in results.items()
    ]
    small, large = (megabytes(size) for size in sizes)
    return Table(
        title=f"Tables out of files, {rate} Hz",
        text="The accelerometer of a phone that recorded three motion sensors at "
        f"{rate} Hz, location and battery, out of a file of {small} and one of {large}. Each in a fresh "
        "process, after a small file to warm up: megabytes of the file a second of the processor in the "
        f"best of {rounds} rounds, and the peak of memory in the first. *Times* is against 0.5.0, in "
        "seconds of the processor, on the large file. What bounds it: half of the time is the "
        "one pass of the compiled part over the text, in which a number takes 11 ns and a list that is not "
        "wanted next to nothing; a quarter is reading the file, the rest making columns of clocks and "
        "sessions. What is kept is memory anew, at two microseconds a page on this machine: a third of "
        "what `pd.read_accelerometer` takes. DuckDB, whose reader of JSON is compiled too, takes four "
        "times the processor's time for these rows. Without its compiled part this package takes ten "
        "times as long.",
        headings=(
            "way",
            f"MB/s of {small}",
            f"MB/s of {large}",
            "times",
            f"wall, {large}",
            f"memory, {small}",
            f"memory, {large}",
        ),
        rows=rows,
    )
