"""To polars for work on several rows at a time, and back into the schemas of tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

import pyarrow as pa

from moonsense.frames._frame import Frame

if TYPE_CHECKING:
    import polars as pl

Strategy = Literal["nearest", "backward", "forward"]

TIME = "at"
SESSION = "session_id"


def placed(frame: Frame) -> pl.DataFrame:
    """The rows that are on the time axis, by session and time, with texts as texts.

    Raises:
        ValueError: the table lacks a column that this needs.
    """
    import polars as pl  # noqa: PLC0415 (slow to load)

    missing = [name for name in (SESSION, TIME) if name not in frame.arrow.column_names]
    if missing:
        raise ValueError(f"the table has no column {' and none '.join(missing)}")
    rows = frame.to_polars().with_columns(pl.col(pl.Categorical).cast(pl.String))
    return rows.drop_nulls(TIME).sort(SESSION, TIME, maintain_order=True)


def frame_of(rows: pl.DataFrame, fields: Iterable[pa.Field], sensor: str = "") -> Frame:
    """Rows as a table with these columns."""
    fields = list(fields)
    columns = []
    for field in fields:
        column = rows[field.name].to_arrow()
        if pa.types.is_dictionary(field.type):
            column = column.cast(pa.string()).dictionary_encode()
        columns.append(column.cast(field.type))
    schema = pa.schema(fields, {b"sensor": sensor} if sensor else None)
    return Frame(pa.Table.from_arrays(columns, schema=schema))
