"""Rows: the items of some bundles, behind what every table begins with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from moonsense.clock import LAST_MILLIS, server_time_micros
from moonsense.clock.columns import KNOWLEDGE, NOWHERE, Clocks, place_all, wall_all
from moonsense.codec.arrow.envelope import Envelope
from moonsense.codec.arrow.messages import column_of
from moonsense.codec.arrow.schema import DETERMINED, INTERVAL_END, MOMENT, Column, Sensor

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from numpy.typing import NDArray

    from moonsense.models.bundle_v2_pb2 import SealedBundle

_LAST_MICROS = LAST_MILLIS * 1000 + 999
_PLACED = {"at", "clock"}

Micros = tuple[int | None, int | None]
"""A time range in epoch microseconds: from the first on, and before the second."""


@dataclass(frozen=True)
class Selection:
    """What is wanted of a sensor.

    Attributes:
        sensor: which.
        names: of the columns, in order.
        between: only rows in this time, when there is one.
    """

    sensor: Sensor
    names: tuple[str, ...]
    between: Micros = (None, None)

    @cached_property
    def schema(self) -> pa.Schema:
        """Of the table."""
        whole = self.sensor.schema
        return pa.schema([whole.field(name) for name in self.names], whole.metadata)

    @cached_property
    def bounded(self) -> bool:
        """Whether only some time is wanted."""
        return self.between != (None, None)

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The columns to be read of the items: those that are wanted, and the one that says the time."""
        placed = self.bounded or bool(_PLACED & set(self.names))
        there = [column for column in self.sensor.columns if column.path]
        wanted = [
            column
            for column in there
            if column.name in self.names or (placed and column.name == self.sensor.time)
        ]
        # One at least, by which the items are counted.
        return tuple(wanted or there[:1])


class Bundles:
    """Some bundles, with what all of their items have in common."""

    def __init__(
        self,
        envelopes: NDArray[np.int64],
        sessions: NDArray[np.int32],
        ids: Sequence[str],
        sealed: Sequence[SealedBundle] = (),
    ) -> None:
        """
        Args:
            envelopes: the index, the wall clock and both timers of each, (bundles, 4).
            sessions: the number of each one's session.
            ids: of the sessions that are numbered.
            sealed: the bundles themselves, where their items are to be read of messages.
        """
        self.sealed = sealed
        self._envelopes = envelopes.T
        self._sessions = sessions
        self._ids = ids

    @classmethod
    def by(cls, envelopes: Sequence[Envelope], sealed: Sequence[SealedBundle] = ()) -> Bundles:
        """Bundles by what is around their items."""
        known: dict[str, int] = {}
        sessions = [known.setdefault(envelope.session_id, len(known)) for envelope in envelopes]
        numbers = np.array([envelope[1:] for envelope in envelopes], np.int64).reshape(-1, 4)
        return cls(numbers, np.array(sessions, np.int32), list(known), sealed)

    @classmethod
    def of(cls, sealed: Sequence[SealedBundle], session_id: str) -> Bundles:
        """Bundles by their messages; with the session that those are of that do not say it."""
        return cls.by([Envelope.of(one, session_id) for one in sealed], sealed)

    @cached_property
    def clocks(self) -> Clocks:
        """The clock of each."""
        return Clocks.of(*self._envelopes[1:])

    @cached_property
    def index(self) -> NDArray[np.int32]:
        """The number of each in its session."""
        index: NDArray[np.int32] = self._envelopes[0].astype(np.int32)
        return index

    @cached_property
    def sessions(self) -> tuple[NDArray[np.int32], pa.Array]:
        """The session of each as a number, and the ids that the numbers mean."""
        return self._sessions, pa.array(self._ids, pa.string())

    def items(self, sensor: Sensor) -> tuple[NDArray[np.intp], list[Message]]:
        """The items of a sensor, and the number of each one's bundle."""
        if not sensor.field:
            return np.arange(len(self.sealed)), list(self.sealed)
        items: list[Message] = []
        if not sensor.many:
            having = [one.bundle.HasField(sensor.field) for one in self.sealed]  # type: ignore[arg-type]
            items = [
                getattr(one.bundle, sensor.field) for one, has in zip(self.sealed, having, strict=True) if has
            ]
            return np.flatnonzero(having), items
        counts = []
        for one in self.sealed:
            some = getattr(one.bundle, sensor.field)
            items.extend(some)
            counts.append(len(some))
        return parents(np.array(counts, dtype=np.int64)), items


def parents(counts: NDArray[np.int64]) -> NDArray[np.intp]:
    """The number of each item's bundle, from the number of items of each bundle."""
    return np.repeat(np.arange(len(counts)), counts)


def from_messages(selection: Selection, bundles: Bundles) -> pa.RecordBatch:
    """The rows of a sensor, out of messages."""
    numbers, items = bundles.items(selection.sensor)
    values = {column.name: _read(column, items) for column in selection.columns}
    return rows(selection, bundles, numbers, values)


def _read(column: Column, items: Sequence[Message]) -> pa.Array:
    if column.type != MOMENT:
        return column_of(column, items)
    micros = [server_time_micros(getattr(item, *column.path)) for item in items]
    return pa.array([each if 0 < each <= _LAST_MICROS else None for each in micros], MOMENT)


def rows(
    selection: Selection, bundles: Bundles, numbers: NDArray[np.intp], values: dict[str, pa.Array]
) -> pa.RecordBatch:
    """The rows of a sensor.

    Args:
        selection: what is wanted.
        bundles: that the items are of.
        numbers: of each item's bundle among them.
        values: the columns of the items.
    """
    values = dict(values)
    keep: NDArray[np.bool_] | None = None
    if selection.bounded or _PLACED & set(selection.names):
        at, known = _place(selection.sensor, bundles, numbers, values)
        values |= {"at": _moments(at), "clock": _texts(known, _knowledge())}
        if selection.bounded:
            keep = _within(at, selection.between)
    if "session_id" in selection.names:
        codes, ids = bundles.sessions
        values["session_id"] = _texts(codes[numbers], ids)
    if "bundle_index" in selection.names:
        values["bundle_index"] = pa.array(bundles.index[numbers])
    if DETERMINED in selection.names and DETERMINED not in values:
        values[DETERMINED] = pa.nulls(len(numbers), pa.int64())
    batch = pa.RecordBatch.from_arrays([values[name] for name in selection.names], schema=selection.schema)
    return batch if keep is None else batch.filter(pa.array(keep))


def _place(
    sensor: Sensor, bundles: Bundles, numbers: NDArray[np.intp], values: dict[str, pa.Array]
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    if not sensor.time:
        return wall_all(bundles.clocks.wall[numbers])
    column = values[sensor.time]
    times = (column.fill_null(0) if column.null_count else column).to_numpy()
    if sensor.time in (DETERMINED, INTERVAL_END):
        return place_all(times, bundles.clocks, numbers)
    return wall_all(times)


@cache
def _knowledge() -> pa.Array:
    # The first pa.array loads pandas.
    return pa.array([str(known) for known in KNOWLEDGE], pa.string())


def _moments(at: NDArray[np.int64]) -> pa.Array:
    nowhere = at == NOWHERE
    return pa.array(at * 1000, pa.int64(), mask=nowhere if nowhere.any() else None).view(MOMENT)


def _texts(codes: NDArray[np.int32], texts: pa.Array) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), texts)


def _within(at: NDArray[np.int64], between: Micros) -> NDArray[np.bool_]:
    start, end = between
    keep: NDArray[np.bool_] = at != NOWHERE
    if start is not None:
        keep &= at * 1000 >= start
    if end is not None:
        keep &= at * 1000 < end
    return keep
