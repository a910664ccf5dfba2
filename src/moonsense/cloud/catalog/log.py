"""The bundle log: what was received and is not in a chunk yet."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain
from typing import NamedTuple

import orjson
from sqlalchemy import Connection, bindparam, delete, func, select
from sqlalchemy.engine.interfaces import DBAPICursor

from moonsense.cloud.catalog.tables import chunk, log


class LogRow(NamedTuple):
    """A received bundle. Times in microseconds since 1970."""

    session_key: int
    bundle_index: int | None
    received_at: int
    counts: bytes
    final: bool
    payload: bytes


class Unsealed(NamedTuple):
    """What a session has in the log: enough for the sealer to decide."""

    session_key: int
    bundles: int
    size: int
    first_received_at: int
    final: bool


class Ranges:
    """A set of whole numbers above 0 as disjoint ranges: one for a gapless recording."""

    __slots__ = ("_ranges",)

    def __init__(self, numbers: Iterable[int | None] = ()) -> None:
        self._ranges: list[tuple[int, int]] = []
        self._merge((number, number) for number in numbers if number is not None and number > 0)

    def __contains__(self, number: int) -> bool:
        for first, last in reversed(self._ranges):  # the latest are asked for most
            if first <= number:
                return number <= last
        return False

    def update(self, other: Ranges) -> None:
        """Take in another set."""
        self._merge(other._ranges)

    def _merge(self, ranges: Iterable[tuple[int, int]]) -> None:
        merged: list[tuple[int, int]] = []
        for first, last in sorted([*self._ranges, *ranges]):
            if merged and first <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
            else:
                merged.append((first, last))
        self._ranges = merged

    def __str__(self) -> str:
        return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in self._ranges)

    @classmethod
    def parse(cls, text: str) -> Ranges:
        """The set a text such as ``1-40,42`` stands for."""
        ranges = cls()
        pairs = (part.partition("-") for part in text.split(",") if part)
        ranges._merge((int(first), int(last or first)) for first, _, last in pairs)
        return ranges


class SealedIndexes:
    """Which bundle indexes of a session are in chunks already, remembered for the active sessions."""

    _CAPACITY = 10_000

    def __init__(self) -> None:
        self._known: OrderedDict[int, Ranges] = OrderedDict()

    def of(self, connection: Connection, session_key: int) -> Ranges:
        """The indexes of a session's chunks."""
        ranges = self._known.get(session_key)
        if ranges is None:
            ranges = Ranges()
            for (text,) in connection.execute(_CHUNK_INDEXES, {"session_key": session_key}):
                ranges.update(Ranges.parse(text))
            self._known[session_key] = ranges
            if len(self._known) > self._CAPACITY:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(session_key)
        return ranges

    def knows(self, session_key: int) -> bool:
        """Whether a session's indexes are remembered, so that nothing is read for them."""
        return session_key in self._known

    def forget(self, session_key: int) -> None:
        """Read a session's chunks anew next time."""
        self._known.pop(session_key, None)

    def clear(self) -> None:
        """Forget all, after a transaction that may not have happened."""
        self._known.clear()


_CHUNK_INDEXES = select(chunk.c.indexes).where(chunk.c.session_key == bindparam("session_key"))

# One statement for up to so many rows: with a row a statement, the writer's
# thread would hand the interpreter's lock to and fro once a row.
_ROWS_A_STATEMENT = 64


@cache
def _append_statement(rows: int) -> str:
    row = f"({', '.join('?' * len(LogRow._fields))})"
    return (
        f"INSERT INTO log ({', '.join(LogRow._fields)}) VALUES {', '.join([row] * rows)} "  # noqa: S608
        "ON CONFLICT DO NOTHING"
    )


def append(
    connection: Connection, cursor: DBAPICursor, rows: Sequence[LogRow], sealed: SealedIndexes
) -> list[LogRow]:
    """Store bundles that are not there yet; gives those that were handed to the table.

    The statements go to the driver itself: they are of every recorded bundle,
    and SQLAlchemy's own work for one is more than SQLite's.
    """
    fresh = [
        row
        for row in rows
        if row.bundle_index is None or row.bundle_index not in sealed.of(connection, row.session_key)
    ]
    for start in range(0, len(fresh), _ROWS_A_STATEMENT):
        part = fresh[start : start + _ROWS_A_STATEMENT]
        cursor.execute(_append_statement(len(part)), list(chain.from_iterable(part)))
    return fresh


def is_one_statement(rows: Sequence[LogRow], sealed: SealedIndexes) -> bool:
    """Whether ``append`` needs no more than one statement, which is a transaction by itself.

    The thread gives the interpreter's lock away once then, and not with each
    step of a transaction; while others are busy, getting it back takes longer
    than the disk does.
    """
    return len(rows) <= _ROWS_A_STATEMENT and all(sealed.knows(row.session_key) for row in rows)


def unsealed(connection: Connection, session_key: int | None = None) -> list[Unsealed]:
    """What sessions have in the log: every one that has something, or one alone."""
    query = select(
        log.c.session_key,
        func.count(),
        func.sum(func.length(log.c.payload)),
        func.min(log.c.received_at),
        func.max(log.c.final),
    ).group_by(log.c.session_key)
    if session_key is not None:
        query = query.where(log.c.session_key == session_key)
    return [
        Unsealed(key, bundles, size, first, bool(final))
        for key, bundles, size, first, final in connection.execute(query)
    ]


class Received(NamedTuple):
    """A row of the log with its place in it."""

    seq: int
    bundle_index: int | None
    received_at: int
    counts: dict[str, int]
    payload: bytes


def read(connection: Connection, session_key: int, *, bundles: int = -1, size: int = 0) -> list[Received]:
    """A session's bundles in the order received: all, or the first so many or so many bytes, at least one."""
    query = select(
        log.c.seq,
        log.c.bundle_index,
        log.c.received_at,
        log.c.counts,
        log.c.payload,
    ).where(log.c.session_key == session_key)
    rows: list[Received] = []
    total = 0
    with connection.execute(query.order_by(log.c.seq).limit(bundles)) as result:
        for row in result:
            total += len(row.payload)
            if size and rows and total > size:
                break
            rows.append(Received(*row[:3], orjson.loads(row.counts), row.payload))
    return rows


_OF_SESSIONS = (
    select(
        log.c.session_key,
        log.c.seq,
        log.c.bundle_index,
        log.c.received_at,
        log.c.counts,
        log.c.payload,
    )
    .where(log.c.session_key.in_(bindparam("keys", expanding=True)))
    .order_by(log.c.seq)
)


def of_sessions(connection: Connection, session_keys: Sequence[int]) -> dict[int, list[Received]]:
    """What sessions have in the log, by their keys; sessions that have nothing are left out."""
    if not session_keys:
        return {}
    found: dict[int, list[Received]] = {}
    rows = connection.execute(_OF_SESSIONS, {"keys": session_keys}).all()
    for key, seq, index, received_at, counts, payload in rows:
        row = Received(seq, index, received_at, orjson.loads(counts), payload)
        found.setdefault(key, []).append(row)
    return found


def remove(connection: Connection, session_key: int, up_to_seq: int) -> int:
    """Take a session's first bundles out of the log; gives how many there were."""
    return connection.execute(
        delete(log).where(log.c.session_key == session_key, log.c.seq <= up_to_seq)
    ).rowcount


def size(connection: Connection) -> int:
    """Bundles in the log."""
    return connection.execute(select(func.count()).select_from(log)).scalar_one()
