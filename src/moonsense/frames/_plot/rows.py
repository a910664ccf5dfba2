"""The rows of a sensor as they are drawn: in the order of time, in numpy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from moonsense.frames._frame import Frame

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LARGEST = 1e300
"""Readings of more than this, and infinite ones, are not drawn."""


@dataclass(frozen=True)
class Rows:
    """Rows of one session by time.

    Attributes:
        sensor: whose.
        at: when each was, UTC, ``datetime64[us]``, never falling.
        table: the same rows.
        units: of the columns that have one.
        unplaced: how many had no place on the time axis, and are not among them.
    """

    sensor: str
    at: NDArray[np.datetime64]
    table: pa.Table
    units: Mapping[str, str]
    unplaced: int

    @classmethod
    def of(cls, frame: Frame) -> Rows:
        """The rows of a table.

        Raises:
            ValueError: it has no column ``at``.
        """
        if "at" not in frame.arrow.column_names:
            raise ValueError(f"the table of {frame.sensor} has no column 'at': nothing says when a row was")
        placed = frame.arrow.filter(pc.is_valid(frame.arrow["at"]))
        at = placed["at"].cast(pa.timestamp("us")).to_numpy()
        if np.any(at[1:] < at[:-1]):
            order = np.argsort(at, kind="stable")
            at, placed = at[order], placed.take(pa.array(order))
        unplaced = frame.arrow.num_rows - placed.num_rows
        return cls(frame.sensor, at, placed, frame.units, unplaced)

    def __len__(self) -> int:
        return len(self.at)

    def numbers(self, column: str) -> NDArray[np.float64]:
        """A column of numbers; NaN where it is null, or no number that an axis could show."""
        values = self._column(column).cast(pa.float64(), safe=False).fill_null(np.nan)
        numbers: NDArray[np.float64] = np.array(values, dtype=np.float64)
        # The difference of two of them is to be a number too.
        numbers[~(np.abs(numbers) < _LARGEST)] = np.nan
        return numbers

    def texts(self, column: str) -> NDArray[np.object_]:
        """A column of texts; "" where it is null."""
        texts: NDArray[np.object_] = (
            self._column(column).cast(pa.string()).fill_null("").to_numpy(zero_copy_only=False)
        )
        return texts

    def select(self, keep: NDArray[np.bool_]) -> Rows:
        """Some of the rows."""
        return Rows(self.sensor, self.at[keep], self.table.filter(pa.array(keep)), self.units, self.unplaced)

    def _column(self, name: str) -> Any:
        if name not in self.table.column_names:
            raise ValueError(f"the table of {self.sensor} has no column {name!r}, which its picture needs")
        return self.table[name].combine_chunks()
