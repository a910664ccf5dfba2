"""The bundles that are read and recorded."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from moonsense.codec.json import parse, write
from moonsense.models import Bundle, SealedBundle
from moonsense.simulator import checkout_person, walking_phone

ROOT = Path(__file__).resolve().parent.parent
RECORDINGS = ROOT.parent / "shared" / "data" / "web-sessions"

_SMALL_BYTES = 1000


@dataclass(frozen=True)
class Material:
    """Bundles to make sessions of, and what to call them."""

    name: str
    bundles: list[Bundle]

    def session(self, length: int) -> Iterator[Bundle]:
        """So many bundles, numbered from 1 and the last one final; the material again and again."""
        for index, bundle in enumerate(itertools.islice(itertools.cycle(self.bundles), length), start=1):
            made = Bundle()
            made.CopyFrom(bundle)
            made.index = index
            made.is_final_bundle = index == length
            yield made


def to_read() -> Material:
    """Real recordings of people who fill web forms, or simulated ones where those are not there."""
    paths = sorted(RECORDINGS.rglob("raw_sealed_bundles.json"))
    if paths:
        lines = [line for path in paths for line in path.read_bytes().splitlines()]
        return Material("recordings of web forms", [parse(line, SealedBundle).bundle for line in lines])
    simulated = [
        *(bundle for seed in range(30) for bundle in checkout_person(seed).bundles()),
        *walking_phone(seed=1, duration=60, rate=25).bundles(),
    ]
    return Material("simulated web forms and a walking phone", simulated)


def to_record() -> Material:
    """A bundle of about a kilobyte: a second in which somebody types into a form."""
    candidates = [bundle for seed in range(10) for bundle in checkout_person(seed).bundles()]
    chosen = min(candidates, key=lambda bundle: abs(bundle.ByteSize() - _SMALL_BYTES))
    chosen.ClearField("is_final_bundle")
    chosen.ClearField("index")
    items = sum(len(value) for field, value in chosen.ListFields() if field.is_repeated)
    name = (
        f"one second of a web form: {items} events, {chosen.ByteSize():,} bytes in protobuf, "
        f"{len(write(chosen)):,} in JSON"
    )
    return Material(name, [chosen])
