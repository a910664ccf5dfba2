"""Lists that are newest first: one query for sessions and journeys alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, Connection, Row, Table, func, select, tuple_

from moonsense.cloud.records import Place
from moonsense.contract.paging import MICROS_PER_SECOND, Key


class Listed(NamedTuple):
    """Rows of a list, how many the whole has, whether one follows, the place of the last."""

    rows: Sequence[Row[Any]]
    total: int
    more: bool
    last: Key | None


def newest_first(
    connection: Connection, table: Table, id_column: Column[str], matching: ColumnElement[bool], place: Place
) -> Listed:
    """The rows of a table that match, by ``created_at`` and then id, both descending.

    They begin behind ``place.after``, or ``place.offset`` rows from the start.
    With ``whole_second`` they go on past the limit until the next row lies in
    an earlier second.
    """
    total = connection.execute(select(func.count()).select_from(table).where(matching)).scalar_one()
    time = table.c.created_at
    position = tuple_(time, id_column)
    query = select(table).where(matching).order_by(time.desc(), id_column.desc())
    part = query.limit(place.limit + 1).offset(place.offset)
    if place.after is not None:
        part = query.where(position < tuple_(place.after.micros, place.after.id)).limit(place.limit + 1)
    rows = list(connection.execute(part).all())
    more = len(rows) > place.limit
    rows = rows[: place.limit]
    if more and place.whole_second:
        start = rows[-1].created_at // MICROS_PER_SECOND * MICROS_PER_SECOND
        last = tuple_(rows[-1].created_at, getattr(rows[-1], id_column.name))
        rows += connection.execute(query.where(position < last, time >= start))
        more = connection.execute(query.where(time < start).limit(1)).first() is not None
    last_key = Key(rows[-1].created_at, getattr(rows[-1], id_column.name)) if rows else None
    return Listed(rows, total, more, last_key)
