"""What happened, a row of ticks for each kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from moonsense.frames._plot.look import COLOURS, SMALL, head, plain
from moonsense.frames._plot.thinning import BINS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from moonsense.frames._plot.rows import Rows


def draw_events(ax: Axes, rows: Sequence[tuple[str, Rows]]) -> None:
    """A tick for each event at its time, a row for each kind, the first at the top."""
    from matplotlib.dates import date2num  # noqa: PLC0415 (the extra plot, and slow to load)

    lines = range(len(rows))
    ax.eventplot(
        [date2num(_apart(some.at)) for _, some in rows],
        lineoffsets=list(lines),
        linelengths=0.7,
        linewidths=1.0,
        colors=COLOURS[0],
    )
    plain(ax)
    ax.set_yticks(list(lines), [f"{name}  {len(some):,}" for name, some in rows])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.tick_params(axis="y", labelsize=SMALL, length=0)
    head(ax, "events")


def _apart(at: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
    """The times of ticks that can be told from one another."""
    if len(at) <= BINS:
        return at
    ticks = (at - at[0]).astype(np.int64)
    parts = ticks * BINS // max(int(ticks[-1]), 1)
    return at[np.unique(parts, return_index=True)[1]]
