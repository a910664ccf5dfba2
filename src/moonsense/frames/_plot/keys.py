"""Keys over time: a bar for each hold, as wide and as high as it was long."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from moonsense.frames._plot.holds import Hold, holds
from moonsense.frames._plot.look import COLOURS, QUIET, SMALL, head, legend, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from moonsense.frames._plot.rows import Rows

MILLIS_A_DAY = 86_400_000
"""The axis of time counts days."""

_USUAL = 0.9
_CUT = 4
"""A hold of more than four times what nine of ten stay below would flatten all others: its bar is cut."""

_NAMED = 12
"""Cut bars up to which each says how long it was."""


def draw_keys(ax: Axes, name: str, rows: Rows) -> None:
    """Holds as bars: the dwell in milliseconds, at the time of the press."""
    found = holds(rows)
    whole = [hold for hold in found if hold.dwell is not None]
    lone = [hold for hold in found if hold.dwell is None]
    top = _top([_millis(hold) for hold in whole])
    entries = 0
    for special, colour, label in ((True, COLOURS[1], "special key"), (False, COLOURS[0], "character")):
        some = [hold for hold in whole if hold.special is special]
        if some:
            _bars(ax, some, top, colour, label)
            entries += 1
    if lone:
        ax.plot(
            [hold.at for hold in lone],
            [0.0] * len(lone),
            "x",
            color=QUIET,
            markersize=4.5,
            clip_on=False,
            label="release or press not seen",
            zorder=3,
        )
        entries += 1
    plain(ax)
    ax.set_ylim(0, top * 1.06)
    ax.set_ylabel("held [ms]", fontsize=10)
    head(ax, name)
    if entries:
        legend(ax, entries)


def _bars(ax: Axes, some: list[Hold], top: float, colour: str, label: str) -> None:
    from matplotlib.collections import PolyCollection  # noqa: PLC0415 (the extra plot, and slow to load)
    from matplotlib.dates import date2num  # noqa: PLC0415

    left = date2num(np.array([hold.at for hold in some]))
    millis = np.array([_millis(hold) for hold in some])
    right = left + millis / MILLIS_A_DAY
    zero = np.zeros_like(left)
    corners = np.stack([[left, zero], [left, millis], [right, millis], [right, zero]]).transpose(2, 0, 1)
    # The edge makes a bar visible that is narrower than a pixel.
    bars = PolyCollection(
        list(corners), facecolor=colour, edgecolor=colour, linewidth=1.2, alpha=0.9, label=label
    )
    ax.add_collection(bars, autolim=True)
    cut = np.flatnonzero(millis > top)
    for one in cut if len(cut) <= _NAMED else ():
        ax.annotate(
            f"▲ {millis[one] / 1000:.1f} s",
            (left[one], top),
            (0, -2),
            textcoords="offset points",
            fontsize=SMALL,
            va="top",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.0},
            zorder=4,
        )
    if len(cut) > _NAMED:
        ax.plot(
            left[cut], np.full(len(cut), top), "^", color="black", markersize=4, label="_nolegend_", zorder=4
        )


def _millis(hold: Hold) -> float:
    assert hold.dwell is not None
    return float(hold.dwell / np.timedelta64(1, "us")) / 1000


def _top(millis: list[float]) -> float:
    """How high the axis is."""
    if not millis:
        return 100.0
    limit = _CUT * float(np.quantile(millis, _USUAL))
    return max(1.0, *(one for one in millis if one <= limit))
