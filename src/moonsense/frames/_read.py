"""The calls that read tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, overload

import pyarrow as pa

from moonsense.codec.arrow.schema import Sensor, names, sensor_of
from moonsense.contract import times
from moonsense.errors import NotFoundError
from moonsense.frames._frame import Frame
from moonsense.frames._order import in_order, with_keys
from moonsense.frames._reading import Reading
from moonsense.frames._rows import Selection
from moonsense.frames._sources import Between, Wanted, parts
from moonsense.models.data_plane_v2_sdk_pb2 import Session

__all__ = ["batches", "read", "schema", "sensors"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Sessions = str | Session | Iterable[str | Session]
Columns = Iterable[str] | Mapping[str, Iterable[str]]


def sensors() -> tuple[str, ...]:
    """The names of all tables: one a sensor, and ``bundles``."""
    return names()


def schema(sensor: str) -> pa.Schema:
    """The schema of a sensor's table, with units in the metadata of its fields (``unit``).

    Raises:
        ValueError: there is no such sensor.
    """
    return sensor_of(sensor).schema


@overload
def read(
    source: object,
    sensor: str,
    *,
    sessions: Sessions | None = None,
    columns: Columns | None = None,
    between: Between = (None, None),
    **filters: Any,
) -> Frame: ...
@overload
def read(
    source: object,
    sensor: Iterable[str],
    *,
    sessions: Sessions | None = None,
    columns: Columns | None = None,
    between: Between = (None, None),
    **filters: Any,
) -> dict[str, Frame]: ...
def read(
    source: object,
    sensor: str | Iterable[str],
    *,
    sessions: Sessions | None = None,
    columns: Columns | None = None,
    between: Between = (None, None),
    **filters: Any,
) -> Frame | dict[str, Frame]:
    """Tables out of sessions.

    Rows are in the order of the sessions in the source, and in a session in the
    order of its bundles' index, whatever order they were received in.

    Args:
        source: a client; the path of a file of sealed bundles, of a folder of
            recordings, or a pattern of such paths (``data/2024-*``); several
            paths; NDJSON as bytes or as a binary file; or bundles, sealed or not.
            Files that end in ``.gz`` or ``.zst`` are unpacked.
        sensor: the name of a table, see ``sensors``, or several: then the source
            is read once for all of them.
        sessions: only these, by id or as messages.
        columns: only these, in this order; of several sensors either a mapping or
            the columns of each one that has them.
        between: only what was at the first time or later and before the second;
            None leaves an end open, naive times are UTC. What has no place on the
            time axis is left out then. Sessions that say they ended a day before,
            or began a day after, are not opened.
        filters: of a client's ``list_sessions``: labels, platforms, journey_id,
            since, until, limit and so on.

    Returns:
        A table, or a mapping of them by sensor when several were asked for.

    Raises:
        ValueError: there is no such sensor or column.
        TypeError: the source is none, or has no filters.
        FileNotFoundError: there is nothing at the path.
        NotFoundError: a session that was named is not in the source.
        DataError: something in the source is no bundle, or its end is missing;
            of what was not asked for, that may stay unseen.
        RequestError: a cloud did not give what was asked for.
    """
    chosen = _selections(sensor, columns, between)
    # What the order is made of is read with it.
    selections = [with_keys(selection) for selection in chosen]
    collected: dict[str, list[pa.RecordBatch]] = {selection.sensor.name: [] for selection in chosen}
    for group in _groups(source, selections, sessions, between, filters):
        for name, batch in group.items():
            if batch.num_rows:
                collected[name].append(batch)
    tables = {}
    for selection, wider in zip(chosen, selections, strict=True):
        name = selection.sensor.name
        whole = pa.Table.from_batches(collected.pop(name), wider.schema)
        tables[name] = Frame(in_order(whole).select(list(selection.names)))
    return tables[sensor] if isinstance(sensor, str) else tables


@overload
def batches(
    source: object,
    sensor: str,
    *,
    sessions: Sessions | None = None,
    columns: Columns | None = None,
    between: Between = (None, None),
    **filters: Any,
) -> pa.RecordBatchReader: ...
@overload
def batches(
    source: object,
    sensor: Iterable[str],
    *,
    sessions: Sessions | None = None,
    columns: Columns | None = None,
    between: Between = (None, None),
    **filters: Any,
) -> Iterator[dict[str, pa.RecordBatch]]: ...
def batches(
    source: object,
    sensor: str | Iterable[str],
    *,
    sessions: Sessions | None = None,
    columns: Columns | None = None,
    between: Between = (None, None),
    **filters: Any,
) -> pa.RecordBatchReader | Iterator[dict[str, pa.RecordBatch]]:
    """Rows as they are read, for what does not fit into memory.

    A batch holds the rows of some megabytes of the source. They come in the
    source's order: where bundles were received in another order than that of
    their index, so do their rows.

    Args:
        source, sensor, sessions, columns, between, filters: as for ``read``.

    Returns:
        Of one sensor a reader, which polars, DuckDB and others take as it is. Of
        several an iterator of mappings by sensor, each of the same bundles; a
        sensor without rows in them has an empty batch.

    Raises:
        As ``read``; what is wrong with data is raised when it is reached, and all
        rows before it have come.
    """
    selections = _selections(sensor, columns, between)
    groups = _groups(source, selections, sessions, between, filters)
    if not isinstance(sensor, str):
        return (group for group in groups if any(batch.num_rows for batch in group.values()))
    some = (group[sensor] for group in groups)
    return pa.RecordBatchReader.from_batches(
        selections[0].schema, (batch for batch in some if batch.num_rows)
    )


def _groups(
    source: object,
    selections: Sequence[Selection],
    sessions: Sessions | None,
    between: Between,
    filters: Mapping[str, Any],
) -> Iterator[dict[str, pa.RecordBatch]]:
    if sessions is not None and filters:
        raise TypeError(f"give sessions or filters ({', '.join(filters)}), not both")
    wanted = _wanted(sessions, between, filters)
    return _with_all_named(Reading(selections, wanted).batches(parts(source, wanted)), wanted)


def _with_all_named(
    groups: Iterator[dict[str, pa.RecordBatch]], wanted: Wanted
) -> Iterator[dict[str, pa.RecordBatch]]:
    """The batches; at their end a NotFoundError when a session that was named is nowhere."""
    yield from groups
    if missing := [one for one in wanted.ids or () if one not in wanted.there]:
        raise NotFoundError(f"there is no session {', '.join(missing)} in the source", status=404)


def _wanted(sessions: Sessions | None, between: Between, filters: Mapping[str, Any]) -> Wanted:
    if sessions is None:
        return Wanted(None, {}, filters, between)
    some = [sessions] if isinstance(sessions, (str, Session)) else list(sessions)
    listed = {one.session_id: one for one in some if isinstance(one, Session)}
    ids = dict.fromkeys(one.session_id if isinstance(one, Session) else one for one in some)
    return Wanted(ids, listed, filters, between)


def _selections(sensor: str | Iterable[str], columns: Columns | None, between: Between) -> list[Selection]:
    names = [sensor] if isinstance(sensor, str) else list(dict.fromkeys(sensor))
    sensors = [sensor_of(name) for name in names]
    start, end = between
    micros = (_micros(start), _micros(end))
    chosen = _columns(sensors, columns)
    return [Selection(one, chosen[one.name], micros) for one in sensors]


def _micros(moment: datetime | None) -> int | None:
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        raise TypeError(f"between takes two datetimes, or None for an open end, not {moment!r}")
    return (times.aware(moment) - _EPOCH) // timedelta(microseconds=1)


def _columns(sensors: Sequence[Sensor], columns: Columns | None) -> dict[str, tuple[str, ...]]:
    """The columns of each sensor. Raises ValueError for one that none has."""
    there = {sensor.name: tuple(sensor.schema.names) for sensor in sensors}
    if columns is None:
        return there
    if isinstance(columns, Mapping):
        chosen = {name: tuple(columns.get(name, whole)) for name, whole in there.items()}
        unknown = [
            *(column for name, some in chosen.items() for column in some if column not in there[name]),
            *(name for name in columns if name not in there),
        ]
    else:
        wanted = [columns] if isinstance(columns, str) else list(columns)
        chosen = {name: tuple(one for one in wanted if one in whole) for name, whole in there.items()}
        unknown = [one for one in wanted if not any(one in whole for whole in there.values())]
    for name, some in chosen.items():
        if len(set(some)) < len(some):
            raise ValueError(f"a column of {name} is asked for twice: {', '.join(some)}")
    if unknown:
        known = "; ".join(f"{name} has {', '.join(whole)}" for name, whole in there.items())
        raise ValueError(f"there is no column {', '.join(map(repr, unknown))}: {known}")
    return chosen
