"""What is found when a session is checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from moonsense.client._core.gaps import Indices
from moonsense.contract.counters import BUNDLE, count_items
from moonsense.models.bundle_v2_pb2 import SealedBundle
from moonsense.models.data_plane_v2_sdk_pb2 import Session


@dataclass(frozen=True)
class SessionReport:
    """How complete and sound a session is in the cloud.

    Attributes:
        session_id: the session.
        bundles: how many there are.
        first_index, last_index: the least and the greatest index, or None without any.
        gaps: first and last index of every range that is missing between them.
        repeats: how often an index came again, by index.
        out_of_order: how many bundles came behind one with a higher index.
        unnumbered: how many bundles have no index.
        finished: whether a bundle is marked as the last one; without it more may come.
        chunks: how many chunks there are, all of them read.
        chunks_verified: how many of them had a digest that could be compared.
        chunk_bundles: how many bundles the chunks hold; those received lately are in none yet.
        counters: the counters that differ: announced and counted items, by name.
        problems: what could not be read, in words that name the place.
    """

    session_id: str
    bundles: int
    first_index: int | None
    last_index: int | None
    gaps: tuple[tuple[int, int], ...]
    repeats: Mapping[int, int]
    out_of_order: int
    unnumbered: int
    finished: bool
    chunks: int
    chunks_verified: int
    chunk_bundles: int
    counters: Mapping[str, tuple[int, int]]
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Nothing is missing, nothing is there twice, and all could be read."""
        return not (self.gaps or self.repeats or self.counters or self.problems)


class SessionCheck:
    """Gathers a report."""

    def __init__(self, session_id: str) -> None:
        self._session_id = session_id
        self._indices = Indices()
        self._counted: Counter[str] = Counter()
        self._finished = False
        self._chunks = self._chunks_verified = self._chunk_bundles = 0
        self._problems: list[str] = []

    def chunk(self, bundles: int, *, verified: bool) -> None:
        """A chunk was read whole."""
        self._chunks += 1
        self._chunk_bundles += bundles
        self._chunks_verified += verified

    def broken_chunk(self, problem: str) -> None:
        """A chunk could not be read."""
        self._chunks += 1
        self._problems.append(problem)

    def broken(self, problem: str) -> None:
        """The session could not be read to its end."""
        self._problems.append(problem)

    def add(self, batch: Iterable[SealedBundle]) -> None:
        """The next bundles of the session."""
        for sealed in batch:
            self._counted[BUNDLE] += 1
            self._counted.update(count_items(sealed.bundle))
            self._indices.add(sealed.bundle.index)
            self._finished = self._finished or sealed.bundle.is_final_bundle

    def report(self, before: Session, after: Session) -> SessionReport:
        """What was found.

        Args:
            before, after: the session as it was described at first and at last. A
                counter differs when what was counted is not between the two.
        """
        bundles = self._counted[BUNDLE]
        if not self._problems and self._chunk_bundles > bundles:
            self._problems.append(f"the chunks hold {self._chunk_bundles} bundles, the session {bundles}")
        names = sorted(before.counters.keys() | after.counters.keys() | self._counted.keys())
        differ = {}
        for name in names:
            least, most = _total(before, name), _total(after, name)
            if not least <= self._counted[name] <= most:
                differ[name] = (most, self._counted[name])
        return SessionReport(
            session_id=self._session_id,
            bundles=bundles,
            first_index=self._indices.first,
            last_index=self._indices.last,
            gaps=self._indices.gaps,
            repeats=self._indices.repeats,
            out_of_order=self._indices.out_of_order,
            unnumbered=self._indices.unnumbered,
            finished=self._finished,
            chunks=self._chunks,
            chunks_verified=self._chunks_verified,
            chunk_bundles=self._chunk_bundles,
            counters=differ,
            problems=tuple(self._problems),
        )


def _total(session: Session, name: str) -> int:
    """A counter of a session; reading a map's missing key would put it there."""
    return session.counters[name].total if name in session.counters else 0
