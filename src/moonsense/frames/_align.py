"""Several sensors in one table: what each last said, or said nearest, at the moments of one of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

import pyarrow as pa

from moonsense.codec.arrow.schema import AXIS, DETERMINED
from moonsense.frames._frame import Frame
from moonsense.frames._polars import SESSION, TIME, Strategy, frame_of, placed

if TYPE_CHECKING:
    import polars as pl

_OWN = {*(field.name for field in AXIS), DETERMINED}


def align(
    tables: Mapping[str, Frame],
    *,
    on: str,
    tolerance: timedelta | None = None,
    strategy: Strategy = "nearest",
) -> Frame:
    """One table with a row for each reading of one sensor, and beside it those of the others.

    In each session a reading of every other sensor is taken that is near in time
    (an as-of join). The columns are those of ``on``, then ``<sensor>_<column>``
    for all sensors; ``<sensor>_at`` says when the other one was. Readings that
    have no place on the time axis are left out.

    Args:
        tables: by sensor, as ``read`` gives them.
        on: the sensor that makes the rows.
        tolerance: how far off a reading may be at most; None for any distance.
        strategy: the ``nearest`` reading, the last one before or at the moment
            (``backward``), or the first one at or after it (``forward``).

    Returns:
        The rows by session and time; null where a sensor has no such reading.

    Raises:
        ValueError: there is no table ``on``, or one has no ``session_id`` or ``at``.
    """
    if on not in tables:
        raise ValueError(f"there is no table {on!r} to align on; there are {', '.join(tables)}")
    fields = list(_fields(tables[on], on, is_base=True))
    rows = placed(tables[on]).rename(_names(tables[on], on))
    for name, table in tables.items():
        if name == on:
            continue
        fields += _fields(table, name, is_base=False)
        rows = _join(rows, placed(table), name, table, tolerance, strategy)
    return frame_of(rows, fields)


def _join(
    rows: pl.DataFrame,
    other: pl.DataFrame,
    name: str,
    table: Frame,
    tolerance: timedelta | None,
    strategy: Strategy,
) -> pl.DataFrame:
    import polars as pl  # noqa: PLC0415 (slow to load)

    named = other.rename(_names(table, name)).with_columns(pl.col(TIME).alias(f"{name}_{TIME}"))
    wanted = [SESSION, TIME, *(field.name for field in _fields(table, name, is_base=False))]
    return rows.join_asof(
        named.select(wanted),
        on=TIME,
        by=SESSION,
        strategy=strategy,
        tolerance=tolerance,
        check_sortedness=False,  # polars cannot check it in groups; ``placed`` has sorted them
    )


def _names(table: Frame, name: str) -> dict[str, str]:
    return {column: f"{name}_{column}" for column in table.arrow.column_names if column not in _OWN}


def _fields(table: Frame, name: str, *, is_base: bool) -> Iterator[pa.Field]:
    """The columns of a table in the common one."""
    if not is_base:
        yield table.arrow.schema.field(TIME).with_name(f"{name}_{TIME}").with_nullable(True)
    for field in table.arrow.schema:
        if field.name not in _OWN:
            yield field.with_name(f"{name}_{field.name}").with_nullable(True)
        elif is_base:
            yield field
