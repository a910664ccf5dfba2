"""A table of one sensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from moonsense.codec.arrow.schema import UNIT
from moonsense.frames import _html

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

__all__ = ["Frame"]


class Frame:
    """The readings or events of one sensor, a row each.

    ``polars.DataFrame(frame)``, ``duckdb.from_arrow(frame.arrow)`` and whatever
    else takes Arrow's stream interface take it as it is.

    Attributes:
        arrow: the table.
    """

    def __init__(self, arrow: pa.Table) -> None:
        self.arrow = arrow

    @property
    def sensor(self) -> str:
        """The name of the sensor, or "" for a table that was made out of others."""
        metadata = self.arrow.schema.metadata or {}
        return str(metadata.get(b"sensor", b"").decode())

    @property
    def units(self) -> dict[str, str]:
        """The units of the columns that have one."""
        return {
            field.name: field.metadata[UNIT].decode()
            for field in self.arrow.schema
            if field.metadata and UNIT in field.metadata
        }

    def to_pandas(self) -> pd.DataFrame:
        """The same as a pandas DataFrame.

        ``at`` has the zone UTC and the unit microseconds, ids and names are
        categories, and integers that can be missing are pandas' own ``Int64`` or
        ``Int32``, so that a type never depends on the rows.
        """
        import pandas as pd  # noqa: PLC0415 (slow to load, and not needed for polars)

        own = {pa.int32(): pd.Int32Dtype(), pa.int64(): pd.Int64Dtype()}
        schema = self.arrow.schema
        missing = [field.name for field in schema if field.nullable and field.type in own]
        frame = self.arrow.drop_columns(missing).to_pandas()
        if not missing:
            return frame
        return frame.join(self.arrow.select(missing).to_pandas(types_mapper=own.get))[schema.names]

    def to_polars(self) -> pl.DataFrame:
        """The same as a polars DataFrame, without a copy where that is possible."""
        import polars as pl  # noqa: PLC0415

        frame = pl.from_arrow(self.arrow)
        assert isinstance(frame, pl.DataFrame)
        return frame

    def __len__(self) -> int:
        return int(self.arrow.num_rows)

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.arrow.__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        return f"<Frame {self.sensor or 'of others'}: {len(self):,} rows, {self.arrow.num_columns} columns>"

    def _repr_html_(self) -> str:
        return _html.page(self.arrow, self.sensor, self.units)
