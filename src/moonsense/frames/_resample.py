"""Readings at equal distances in time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import pyarrow as pa

from moonsense.codec.arrow.schema import AXIS, DETERMINED
from moonsense.frames._frame import Frame
from moonsense.frames._polars import SESSION, TIME, Strategy, frame_of, placed

if TYPE_CHECKING:
    import polars as pl

_LEFT_OUT = {*(field.name for field in AXIS), DETERMINED}

GAP = "gap"

MAX_ROWS = 50_000_000
"""More are hardly wanted: some clock was set in the middle of a session."""

SPACINGS = 5
_BEFORE, _AFTER = "before_", "after_"


def resample(frame: Frame, hz: float, *, max_gap: timedelta | None = None) -> Frame:
    """The same readings at a fixed rate: numbers in between by a straight line, all else as it last was.

    The moments are whole multiples of the period, counted from 1970, so that
    tables of several sensors that were resampled at one rate have moments in
    common. No mean is taken: a rate far below the sensor's own folds what is
    quicker than half of it into what is slower.

    Args:
        frame: of one sensor, with ``session_id`` and ``at``.
        hz: readings a second.
        max_gap: between two readings that are further apart nothing is made up;
            without it that is five times what is usual (the median) in the session.

    Returns:
        ``session_id``, ``at``, ``gap`` and the columns of the readings. Inside a
        gap ``gap`` is true and the readings are null.

    Raises:
        ValueError: ``hz`` is not above zero, the table lacks a column, or there
            would be more than 50,000,000 rows.
    """
    import polars as pl  # noqa: PLC0415 (slow to load)

    if not 0 < hz <= 1_000_000:
        raise ValueError(f"hz must be above 0 and at most 1,000,000, not {hz}")
    rows = placed(frame).unique([SESSION, TIME], keep="last", maintain_order=True)
    fields = [field for field in frame.arrow.schema if field.name not in _LEFT_OUT]
    names = [field.name for field in fields]
    readings = rows.select(SESSION, TIME, *names)
    grid = _grid(readings, hz)
    sides: list[tuple[str, Strategy]] = [(_BEFORE, "backward"), (_AFTER, "forward")]
    for prefix, strategy in sides:
        some = readings.rename({name: prefix + name for name in names})
        some = some.with_columns(pl.col(TIME).alias(prefix + TIME))
        grid = grid.join_asof(
            some,
            on=TIME,
            by=SESSION,
            strategy=strategy,
            check_sortedness=False,
        )
    grid = grid.join(_limits(readings, max_gap), on=SESSION, how="left", maintain_order="left")
    span = pl.col(_AFTER + TIME) - pl.col(_BEFORE + TIME)
    grid = grid.with_columns((span > pl.col("limit")).fill_null(value=False).alias(GAP))
    shown = grid.select(
        SESSION,
        TIME,
        GAP,
        *(pl.when(~pl.col(GAP)).then(value).alias(name) for name, value in _values(fields)),
    )
    return frame_of(shown, _columns(frame, fields), frame.sensor)


def _values(fields: list[pa.Field]) -> Iterator[tuple[str, pl.Expr]]:
    """Each column at a moment between two readings."""
    import polars as pl  # noqa: PLC0415 (slow to load)

    span = (pl.col(_AFTER + TIME) - pl.col(_BEFORE + TIME)).dt.total_microseconds()
    part = (pl.col(TIME) - pl.col(_BEFORE + TIME)).dt.total_microseconds() / span
    for field in fields:
        before, after = pl.col(_BEFORE + field.name), pl.col(_AFTER + field.name)
        if pa.types.is_floating(field.type):
            between = before + (after - before) * part
            yield field.name, pl.when(span == 0).then(before).otherwise(between)
        else:
            yield field.name, before


def _grid(readings: pl.DataFrame, hz: float) -> pl.DataFrame:
    """The moments of each session, from its first reading to its last."""
    import polars as pl  # noqa: PLC0415 (slow to load)

    moment = pl.col(TIME).dt.epoch("us")
    ends = readings.group_by(SESSION, maintain_order=True).agg(
        (moment.min() * hz / 1e6).ceil().cast(pl.Int64).alias("first"),
        (moment.max() * hz / 1e6).floor().cast(pl.Int64).alias("last"),
    )
    count = int((ends["last"] - ends["first"] + 1).sum())
    if count > MAX_ROWS:
        longest = ends.sort(pl.col("last") - pl.col("first"))[SESSION][-1]
        raise ValueError(
            f"{count:,} rows at {hz:g} Hz, more than {MAX_ROWS:,}: session {longest} is the longest; "
            "read less of it (between=...), or take a lower rate"
        )
    steps = pl.int_ranges("first", pl.col("last") + 1).alias(TIME)
    moments = (pl.col(TIME) * (1e6 / hz)).round().cast(pl.Int64).cast(pl.Datetime("us", "UTC"))
    return ends.select(SESSION, steps).explode(TIME).drop_nulls(TIME).with_columns(moments)


def _limits(readings: pl.DataFrame, max_gap: timedelta | None) -> pl.DataFrame:
    """From which distance on two readings have a gap between them, in each session."""
    import polars as pl  # noqa: PLC0415 (slow to load)

    usual = pl.col(TIME).diff().median()
    limit = pl.lit(max_gap, pl.Duration("us")) if max_gap is not None else usual * SPACINGS
    return readings.group_by(SESSION).agg(limit.alias("limit"))


def _columns(frame: Frame, fields: list[pa.Field]) -> Iterator[pa.Field]:
    yield frame.arrow.schema.field(SESSION)
    yield frame.arrow.schema.field(TIME)
    yield pa.field(GAP, pa.bool_(), nullable=False)
    for field in fields:
        yield field.with_nullable(True)
