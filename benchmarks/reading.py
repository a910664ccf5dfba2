"""Reading one session from one cloud: our client in both forms, and the published ones."""

from __future__ import annotations

from pathlib import Path

from benchmarks.clients import Contender, Result, contenders, recorder, run
from benchmarks.material import Material
from benchmarks.report import Table, megabytes
from moonsense.cloud.embed import EmbeddedCloud


def measure(folder: Path, material: Material, length: int, rounds: int) -> list[Table]:
    """Read a session of so many bundles, and one ten times as long, with every client."""
    sizes = (length, 10 * length)
    with EmbeddedCloud(folder) as cloud:
        record = recorder(cloud)
        warm_up = record(material.session(20))
        sessions = [record(material.session(size)) for size in sizes]
        results: dict[Contender, list[Result]] = {}
        for contender in contenders():
            results[contender] = []
            for size, session_id in zip(sizes, sessions, strict=True):
                result = run(
                    cloud,
                    contender,
                    "read",
                    warm_up={"session_id": warm_up},
                    arguments={"session_id": session_id},
                    count=size,
                    rounds=rounds,
                )
                rate, memory = size / result.seconds, megabytes(result.memory)
                print(f"  {contender.name}: {size:,} bundles, {rate:,.0f}/s, {memory}", flush=True)
                results[contender].append(result)
    return [_table(material, sizes, rounds, results)]


def _table(
    material: Material, sizes: tuple[int, int], rounds: int, results: dict[Contender, list[Result]]
) -> Table:
    published = [long.seconds for contender, (_, long) in results.items() if contender.published]
    fastest = min(published, default=0.0)
    rows = [
        (
            contender.name,
            f"{sizes[0] / short.seconds:,.0f}",
            f"{sizes[1] / long.seconds:,.0f}",
            f"{fastest / long.seconds:,.1f}" if fastest else "",
            megabytes(short.memory),
            megabytes(long.memory),
        )
        for contender, (short, long) in results.items()
    ]
    size = sum(bundle.ByteSize() for bundle in material.bundles) / len(material.bundles)
    return Table(
        title="Reading a session",
        text="`for bundle in client.read_session(id)`, nothing kept, of a session of "
        f"{sizes[0]:,} bundles and of one of {sizes[1]:,} ({material.name}; {size:,.0f} bytes each in "
        "protobuf on average). All clients read the same sessions from the same cloud on the same machine, "
        f"each in a fresh process: bundles a second in the best of {rounds} rounds after a short session to "
        "warm up, and the peak of memory in the first round above what the process had before. *Times* is "
        "against the faster of the published clients, on the long session. Of what JSON takes, two thirds "
        "are spent in `orjson` and in protobuf's own constructor, a sixth in the conversions between, "
        "and less than a tenth in the HTTP library (by `py-spy`); the cloud is not waited for.",
        headings=(
            "client",
            f"bundles/s of {sizes[0]:,}",
            f"bundles/s of {sizes[1]:,}",
            "times",
            f"memory, {sizes[0]:,}",
            f"memory, {sizes[1]:,}",
        ),
        rows=rows,
    )
