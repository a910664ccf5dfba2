"""What all pictures have in common: colours, sizes, titles, the clock, units."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text
    from numpy.typing import NDArray

COLOURS = ("#0072b2", "#e69f00", "#009e73")
"""Of lines: colours that colour-blind people tell apart (Okabe and Ito, 2008), of different lightness."""

ACCENT = "#d55e00"
"""Of what must be seen on top of these, from the same palette."""

QUIET = "#767676"
"""Of what explains: the lightest grey that is still read well on white."""

FAINT = "#b4b4b4"
"""Of ways over which nothing was recorded."""

SMALL = 9.0
"""Points of the smallest text."""

_GLYPHS = {"uT": "µT", "degC": "°C", "deg": "°"}

_SHORTEST = np.timedelta64(1, "s")
"""The least that a time axis shows, so that a lone event has seconds around it, not years."""

_MARGIN = 0.01

_LAST = np.datetime64("9999-12-31T23:59:59")
"""Behind it there are no dates."""


def unit_text(unit: str) -> str:
    """A unit as it is printed: those of the schema are in ASCII."""
    return _GLYPHS.get(unit, unit)


def spoken(name: str) -> str:
    """The name of a sensor in words."""
    return name.replace("_", " ")


def literal(text: Text) -> None:
    """Show a text as it is: one of ours can hold a ``$``, which would begin a formula."""
    text.set_parse_math(False)


def head(ax: Axes, title: str, remark: str = "") -> None:
    """The panel's name at the left above it, and a remark behind it."""
    literal(ax.set_title(title, loc="left", fontsize=10.5, fontweight="bold"))
    if remark:
        literal(ax.set_title(remark, loc="right", fontsize=SMALL, color=QUIET))


def legend(ax: Axes, entries: int) -> None:
    """The legend at the right above the panel, where it covers nothing."""
    shown = ax.legend(
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=entries,
        frameon=False,
        fontsize=SMALL,
        borderaxespad=0.1,
        handlelength=1.4,
        columnspacing=1.2,
    )
    for line in shown.get_lines():
        line.set(alpha=1.0, linewidth=max(line.get_linewidth(), 1.2))


def plain(ax: Axes) -> None:
    """Few lines around the data, and pale ones through it."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=SMALL)
    ax.grid(color="#dddddd", linewidth=0.6)
    ax.set_axisbelow(True)


def span_of(times: list[NDArray[np.datetime64]]) -> tuple[np.datetime64, np.datetime64] | None:
    """From the first to the last of all, with a margin; None when there is none."""
    there = [one for one in times if len(one)]
    if not there:
        return None
    first, last = min(one.min() for one in there), max(one.max() for one in there)
    margin = max((last - first) * _MARGIN, (_SHORTEST - (last - first)) / 2)
    return first - margin, min(last + margin, _LAST)


def clock(axes: list[Axes], span: tuple[np.datetime64, np.datetime64]) -> None:
    """Panels over each other on one axis of wall time, labelled below the last."""
    from matplotlib.dates import (  # noqa: PLC0415 (the extra plot, and slow to load)
        AutoDateLocator,
        ConciseDateFormatter,
        date2num,
    )

    for ax in axes:
        ax.xaxis_date(tz="UTC")
        ax.set_xlim(*date2num(np.array(span)))
        locator = AutoDateLocator(tz="UTC", minticks=4, maxticks=9)
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(
            ConciseDateFormatter(
                locator,
                tz="UTC",
                formats=["%Y", "%Y-%m", "%m-%d", "%H:%M", "%H:%M", "%H:%M:%S.%f"],
                zero_formats=["", "%Y", "%Y-%m", "%m-%d", "%H:%M", "%H:%M:%S"],
                offset_formats=["UTC", "UTC", "%Y UTC", *["%Y-%m-%d UTC"] * 3],
            )
        )
        last = ax is axes[-1]
        ax.tick_params(labelbottom=last)
        ax.xaxis.get_offset_text().set(fontsize=SMALL, visible=last)


def map_height(size: tuple[float, float]) -> float:
    """The inches that a map is high, by the extent of what is on it, so that little is left around that."""
    width, height = size
    return float(np.clip(8.4 * height / width if width > 0 else 5.0, 2.4, 6.0)) + 0.8


def nothing(ax: Axes, text: str) -> None:
    """An empty panel that says so."""
    ax.set_axis_off()
    literal(ax.text(0.5, 0.5, text, ha="center", va="center", color=QUIET, transform=ax.transAxes))
