"""The demo's work: record into a cloud, wait for chunks, read back, compare."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from moonsense.cli.demo.compare import bundle_differences, counting, session_differences
from moonsense.cli.demo.sources import Source
from moonsense.client import Client
from moonsense.errors import MoonsenseError
from moonsense.models.bundle_v2_pb2 import SealedBundle
from moonsense.models.data_plane_v2_sdk_pb2 import Session
from moonsense.recorder import Recorder

T = TypeVar("T")

PERSIST_SECONDS = 30.0
"""How long chunks may take to appear before the demo gives up."""

_DEVICES = 8
"""Sessions that are recorded at the same time."""

_BATCH = 50
_POLL_SECONDS = 0.05
_MOST_DIFFERENCES = 20


@dataclass
class Recorded:
    """A source that went into a cloud, and what came of it.

    Attributes:
        bundles: all that were sent.
        closing: those among them that the recorder added to mark the end.
    """

    source: Source
    session_id: str
    bundles: int
    closing: int
    items: Counter[str]
    chunks: int = 0
    session: Session = field(default_factory=Session)
    read_seconds: float = 0.0
    differences: list[str] = field(default_factory=list)


def record(client: Client, sources: Sequence[Source], done: Callable[[], None]) -> list[Recorded]:
    """Record all sources at once, as so many devices would; ``done`` is called after each."""

    def one(source: Source) -> Recorded:
        recorded = _record_live(client, source) if source.live else _record_as_is(client, source)
        done()
        return recorded

    with ThreadPoolExecutor(_DEVICES) as devices:
        return list(devices.map(one, sources))


def _record_live(client: Client, source: Source) -> Recorded:
    items: Counter[str] = Counter()
    bundles = 0
    with Recorder(client, session=source.session, install_id=source.session.metadata.install_id) as recorder:
        for bundle in counting(source.bundles(), items):
            recorder.add_bundle(bundle)
            bundles += 1
    return Recorded(source, recorder.session_id, recorder.sent, recorder.sent - bundles, items)


def _record_as_is(client: Client, source: Source) -> Recorded:
    session_id = client.create_session(source.session).session_id
    items: Counter[str] = Counter()
    bundles = 0
    for batch in _batches(counting(source.bundles(), items), _BATCH):
        client.send_bundles(session_id, batch)
        bundles += len(batch)
    return Recorded(source, session_id, bundles, 0, items)


def wait_for_chunks(client: Client, recorded: Iterable[Recorded], *, within: float = PERSIST_SECONDS) -> int:
    """Wait until every bundle is in a chunk; the number of chunks.

    Raises MoonsenseError when that takes longer than ``within`` seconds.
    """
    deadline = time.monotonic() + within
    for one in recorded:
        seen: dict[str, int] = {}
        while True:
            for chunk in client.list_chunks(one.session_id):
                if chunk.chunk_id not in seen:
                    seen[chunk.chunk_id] = sum(1 for _ in client.read_chunk(one.session_id, chunk.chunk_id))
            if sum(seen.values()) >= one.bundles:
                break
            if time.monotonic() > deadline:
                raise MoonsenseError(
                    f"session {one.session_id} ({one.source.name}): {sum(seen.values())} of {one.bundles} "
                    f"bundles are in chunks after {within:g} seconds"
                )
            time.sleep(_POLL_SECONDS)
        one.chunks = len(seen)
    return sum(one.chunks for one in recorded)


def read_back(client: Client, recorded: Sequence[Recorded], done: Callable[[], None]) -> None:
    """List the sessions, read every bundle of each, and note what differs; ``done`` is called after each."""
    listed: dict[str, list[Session]] = {}
    for session in client.list_sessions():
        listed.setdefault(session.session_id, []).append(session)
    for one in recorded:
        times = len(listed.get(one.session_id, ()))
        if times != 1:
            one.differences.append(f"the session is listed {times} times")
        one.session = client.describe_session(one.session_id)
        # One kind of damage can show in every item; the first of them tell enough.
        one.differences += islice(_differences(client, one), _MOST_DIFFERENCES)
        done()


def _differences(client: Client, one: Recorded) -> Iterator[str]:
    read = _Timed(client.read_session(one.session_id))
    try:
        yield from bundle_differences(one.session_id, one.source.bundles(), read, closing=one.closing)
    finally:
        one.read_seconds = read.seconds
    yield from session_differences(one.source.session, one.session, one.items, one.bundles)


class _Timed(Iterator[SealedBundle]):
    """An iterator that knows how long it was waited for."""

    def __init__(self, bundles: Iterable[SealedBundle]) -> None:
        self._bundles = iter(bundles)
        self.seconds = 0.0

    def __next__(self) -> SealedBundle:
        began = time.perf_counter()
        try:
            return next(self._bundles)
        finally:
            self.seconds += time.perf_counter() - began


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
