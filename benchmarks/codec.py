"""How fast the codec reads and writes, beside google.protobuf.json_format.

    python benchmarks/codec.py [--rounds N]

It runs on synthetic bundles of a phone's sensors, and on real recordings of
people filling web forms where they are beside the project. All in one thread;
times are processor time, the best of the rounds.
"""

from __future__ import annotations

import argparse
import platform
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import google.protobuf
import orjson
from google.protobuf import json_format
from rich.console import Console
from rich.table import Table

from moonsense.clock import event_bounds_millis
from moonsense.codec.frames import FrameParser, frame
from moonsense.codec.json import parse, write
from moonsense.codec.ndjson import NdjsonParser
from moonsense.codec.reading import reader
from moonsense.models.bundle_v2_pb2 import Battery, Bundle, Clock, Location, SealedBundle

RECORDINGS = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "web-sessions"
PIECE = 64 * 1024


@dataclass
class Case:
    """Bundles in all their forms."""

    name: str
    lines: list[bytes]

    def __post_init__(self) -> None:
        self.size = sum(map(len, self.lines))
        self.messages = [parse(line, SealedBundle) for line in self.lines]
        self.camel = [write(message, camel=True) for message in self.messages]
        self.newer = [line[:-1] + b',"newer_field":{"x":1}}' for line in self.lines]
        self.ndjson = b"\n".join(self.lines) + b"\n"
        self.frames = b"".join(frame(message.SerializeToString()) for message in self.messages)


def phone(bundles: int, seed: int = 1) -> list[bytes]:
    """Seconds of a phone in a pocket: three sensors at 100 Hz, a location and the battery."""
    chance = random.Random(seed)
    lines = []
    for index in range(bundles):
        start, wall = 50_000 + 1_000 * index, 1_700_000_000_000 + 1_000 * index
        bundle = Bundle(index=index, battery=Battery(capacity=80, state=Battery.DISCHARGING))
        bundle.client_time.CopyFrom(Clock(wall_time_millis=wall + 1_000, timer_millis=start + 1_000))
        for field in ("accelerometer_data", "gyroscope_data", "magnetometer_data"):
            for tick in range(100):
                x, y, z = (chance.gauss(0, 1) for _ in range(3))
                getattr(bundle, field).add(determined_at=start + 10 * tick, x=x, y=y, z=z)
        bundle.location_data.append(
            Location(
                determined_at=wall, latitude=52.5, longitude=chance.random(), speed=1.25, provider="fused"
            )
        )
        lines.append(write(SealedBundle(bundle=bundle, session_id="s", server_time_millis=wall + 1_200)))
    return lines


def cases() -> Iterator[Case]:
    """What is measured on."""
    yield Case("phone", phone(300))
    if RECORDINGS.exists():
        paths = sorted(RECORDINGS.rglob("raw_sealed_bundles.json"))
        yield Case("web", [line for path in paths for line in path.read_bytes().splitlines()])
    else:
        print(f"no real recordings: {RECORDINGS} is not there", file=sys.stderr)


def measures(case: Case) -> Iterator[tuple[str, str, Callable[[], object]]]:
    """What is measured: group, name and work. The first of a group is the measure of the others."""

    def feed(parser: NdjsonParser[SealedBundle] | FrameParser[SealedBundle], data: bytes) -> None:
        for start in range(0, len(data), PIECE):
            parser.feed(data[start : start + PIECE])
        parser.close()

    def each(work: Callable[[bytes], object], documents: list[bytes]) -> Callable[[], object]:
        return lambda: [None for document in documents if work(document) is None]

    def each_message(work: Callable[[SealedBundle], object]) -> Callable[[], object]:
        return lambda: [None for message in case.messages if work(message) is None]

    yield "read", "json_format.Parse", each(lambda line: json_format.Parse(line, SealedBundle()), case.lines)
    yield "read", "codec.json.parse", each(lambda line: parse(line, SealedBundle), case.lines)
    yield "read", "  with a field unknown", each(lambda line: parse(line, SealedBundle), case.newer)
    yield "read", "  in camelCase", each(lambda line: parse(line, SealedBundle), case.camel)
    yield "read", "NdjsonParser, 64 KB pieces", lambda: feed(NdjsonParser(SealedBundle), case.ndjson)
    yield "read", "FrameParser, 64 KB pieces", lambda: feed(FrameParser(SealedBundle), case.frames)
    yield "read", "only orjson.loads", each(orjson.loads, case.lines)
    yield (
        "write",
        "json_format.MessageToJson",
        each_message(lambda m: json_format.MessageToJson(m, indent=None)),
    )
    yield "write", "codec.json.write", each_message(write)
    yield "write", "  in camelCase", each_message(lambda message: write(message, camel=True))
    yield "bounds", "clock.event_bounds_millis", each_message(lambda m: event_bounds_millis(m.bundle))


def seconds(work: Callable[[], object], rounds: int) -> float:
    """Processor time of the best round."""
    reader.cache_clear()  # a reader remembers which way its documents took
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    console = Console()
    versions = f"protobuf {google.protobuf.__version__}, orjson {orjson.__version__}"
    console.print(f"Python {platform.python_version()}, {versions}")
    for case in cases():
        count = len(case.lines)
        table = Table(title=f"{case.name}: {count} bundles, {case.size / 1e6:.1f} MB of JSON")
        table.add_column("")
        for heading in ("MB of JSON/s", "bundles/s", "µs/bundle", "times"):
            table.add_column(heading, justify="right")
        group, baseline = "", 1.0
        for of_group, name, work in measures(case):
            took = seconds(work, rounds)
            if of_group != group:
                group, baseline = of_group, took
                table.add_section()
            speed, rate = f"{case.size / took / 1e6:.1f}", f"{count / took:,.0f}"
            table.add_row(name, speed, rate, f"{took / count * 1e6:.1f}", f"{baseline / took:.1f}")
        console.print(table)


if __name__ == "__main__":
    main()
