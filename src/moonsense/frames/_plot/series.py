"""Readings over time as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from moonsense.frames._plot.kinds import SERIES
from moonsense.frames._plot.look import COLOURS, head, legend, plain, unit_text
from moonsense.frames._plot.thinning import breaks, thinned

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from moonsense.frames._plot.rows import Rows

_FEW = 30
"""Readings up to which each is marked."""


def is_still(rows: Rows) -> bool:
    """Whether no reading ever differs from the first: all there is to see is a few numbers."""
    columns = (rows.numbers(column) for column in SERIES[rows.sensor])
    return all(not np.any(values[1:] != values[:-1]) for values in columns)


def draw_series(ax: Axes, name: str, rows: Rows) -> None:
    """Lines over the clock, one a column, broken where readings are missing."""
    columns = SERIES[rows.sensor]
    unit = unit_text(rows.units.get(columns[0], ""))
    many = len(columns) > 1
    starts = breaks(rows.at)
    for column, colour in zip(columns, COLOURS, strict=False):
        _line(ax, rows.at, rows.numbers(column), starts, colour, column if many else "")
    plain(ax)
    ax.set_ylabel(unit or columns[0].replace("_", " "), fontsize=10)
    if is_still(rows):
        head(ax, name, f"stays at {_values(rows, unit)}")
        low, high = ax.dataLim.intervaly
        margin = max(1.0, abs(low) / 10, abs(high) / 10)
        ax.set_ylim(low - margin, high + margin)
        ax.locator_params(axis="y", nbins=2)
        return
    head(ax, name)
    if many:
        legend(ax, len(columns))


def _line(
    ax: Axes,
    at: NDArray[np.datetime64],
    values: NDArray[np.float64],
    starts: NDArray[np.intp],
    colour: str,
    label: str,
) -> None:
    # A NaN between two readings breaks the line.
    at, values = np.insert(at, starts, at[starts - 1]), np.insert(values, starts, np.nan)
    kept = thinned(at, values)
    dense = len(kept) < len(at)
    at, values = at[kept], values[kept]
    few = len(values) <= _FEW
    ax.plot(
        at,
        values,
        color=colour,
        linewidth=0.6 if dense else 1.0,
        alpha=0.6 if dense else 1.0,
        marker="o" if few else "",
        markersize=4,
        label=label or "_nolegend_",
    )
    alone = _alone(values)
    if not few and np.any(alone):
        # A line through one reading is invisible.
        ax.plot(at[alone], values[alone], ".", color=colour, markersize=4, label="_nolegend_")


def _alone(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which readings have none beside them."""
    known = np.concatenate([[False], ~np.isnan(values), [False]])
    alone: NDArray[np.bool_] = known[1:-1] & ~known[:-2] & ~known[2:]
    return alone


def _values(rows: Rows, unit: str) -> str:
    columns = SERIES[rows.sensor]
    first = {column: float(rows.numbers(column)[0]) for column in columns}
    if len(set(first.values())) == 1:
        shown = f"{first[columns[0]]:g}"
    else:
        shown = ", ".join(f"{column} {value:g}" for column, value in first.items())
    return f"{shown} {unit}".strip()
