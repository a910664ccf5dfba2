"""What the demo records: simulated sessions, or recordings from a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from moonsense.codec.json import parse
from moonsense.codec.ndjson import NdjsonParser
from moonsense.contract.layout import BUNDLES, METADATA
from moonsense.models.bundle_v2_pb2 import Bundle, SealedBundle
from moonsense.models.data_plane_v2_sdk_pb2 import Session, SessionLabel
from moonsense.simulator import SimulatedSession, checkout_bot, checkout_person, walking_phone

_PIECE_BYTES = 256 * 1024
_WALK_SECONDS = 60.0


@dataclass(frozen=True)
class Source:
    """A session to record.

    Attributes:
        name: what it is called in messages.
        session: what to open the session with.
        bundles: gives the bundles in order, each time the same.
        live: whether a recorder numbers and sends them, as on a device; else
            they go as they are, with the numbers and in the order they have.
    """

    name: str
    session: Session
    bundles: Callable[[], Iterator[Bundle]]
    live: bool


def simulated(seed: int) -> list[Source]:
    """Three walking phones, two people at a checkout form and a bot at the same form."""
    start = datetime.now(UTC) - timedelta(seconds=_WALK_SECONDS)
    made = {
        **{f"phone {n}": walking_phone(seed + n, _WALK_SECONDS, start=start) for n in range(3)},
        **{f"person {n}": checkout_person(seed + n, start=start) for n in range(2)},
        "bot": checkout_bot(seed, start=start),
    }
    return [Source(name, one.session, partial(_unended, one), live=True) for name, one in made.items()]


def _unended(simulated: SimulatedSession) -> Iterator[Bundle]:
    """The bundles without the mark of the last one: that is the recorder's to set when it is closed."""
    for bundle in simulated.bundles():
        bundle.is_final_bundle = False
        yield bundle


def recordings(root: Path) -> list[Source]:
    """Every recording below a folder of the on-disk layout.

    Raises:
        FileNotFoundError: there is none.
        DecodeError: a ``metadata.json`` is none.
    """
    found = [_recording(path.parent) for path in sorted(root.rglob(METADATA))]
    if not found:
        raise FileNotFoundError(2, f"no recording (<day>/<session>/{METADATA})", str(root))
    return found


def _recording(folder: Path) -> Source:
    path = folder / METADATA
    was = parse(path.read_bytes(), Session, where=str(path))
    session = Session(
        metadata=was.metadata,
        config=was.config,
        labels=[SessionLabel(name=label.name) for label in was.labels],
        journey_id=was.journey_id,
        client_session_group_id=was.client_session_group_id,
    )
    return Source(folder.name, session, partial(_read, folder / BUNDLES), live=False)


def _read(path: Path) -> Iterator[Bundle]:
    """The bundles of a file, a piece of it in memory at a time."""
    if not path.exists():
        return
    parser = NdjsonParser(SealedBundle, where=str(path))
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            for sealed in parser.feed(piece):
                yield sealed.bundle
    for sealed in parser.close():
        yield sealed.bundle
