"""The pointer's way over its window, its speed as colour, and clicks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from moonsense.frames._plot.look import ACCENT, FAINT, SMALL, head, legend, nothing, plain
from moonsense.frames._plot.way import places, way_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from moonsense.frames._plot.rows import Rows

_LEAST = 20.0
"""Logical pixels around all that are shown at least."""

_FASTEST = 0.98
"""The part of all speeds that the colours span; the few above have the last one."""

_MANY = 20_000
"""Pieces beyond which they are pixels in SVG and PDF too."""


def draw_pointer(
    figure: Figure, ax: Axes, pointer: Rows | None, clicks: Rows | None, window: tuple[float, float] | None
) -> None:
    """The way as on the screen: y grows downwards, both axes in the same scale.

    Args:
        figure: gets the bar of colours.
        pointer, clicks: those rows that have a place; None for none.
        window: its width and height in logical pixels, where they are known.
    """
    head(ax, "pointer")
    if pointer is None and clicks is None:
        nothing(ax, "no place was recorded")
        return
    if window is not None:
        _draw_window(ax, window)
    entries = _draw_way(figure, ax, pointer) if pointer is not None else 0
    entries += _draw_clicks(ax, clicks) if clicks is not None else 0
    plain(ax)
    lower, upper = np.array(ax.dataLim)
    ax.update_datalim([lower - _LEAST, upper + _LEAST])
    ax.autoscale_view()
    ax.set_aspect("equal", adjustable="datalim")
    ax.invert_yaxis()
    ax.set_xlabel("x [px]", fontsize=10)
    ax.set_ylabel("y [px]", fontsize=10)
    legend(ax, entries)


def _draw_window(ax: Axes, size: tuple[float, float]) -> None:
    from matplotlib.patches import Rectangle  # noqa: PLC0415 (the extra plot, and slow to load)

    ax.set_facecolor("#f4f4f4")
    ax.add_patch(Rectangle((0, 0), *size, facecolor="white", zorder=0))
    ax.add_patch(Rectangle((0, 0), *size, facecolor="none", edgecolor="#a0a0a0", linewidth=0.9, zorder=1))


def _draw_way(figure: Figure, ax: Axes, rows: Rows) -> int:
    """Draws the way; how many entries of the legend that makes."""
    from matplotlib import colormaps  # noqa: PLC0415 (the extra plot, and slow to load)
    from matplotlib.collections import LineCollection  # noqa: PLC0415
    from matplotlib.colors import ListedColormap  # noqa: PLC0415

    way = way_of(rows)
    ax.add_collection(LineCollection(list(way.rested), colors=FAINT, linewidths=0.8, zorder=1))
    if len(way.moved):
        # The end of viridis is too pale on white.
        colours = ListedColormap(colormaps["viridis"](np.linspace(0, 0.88, 256)))
        lines = LineCollection(list(way.moved), array=way.speed, cmap=colours, linewidths=1.6, zorder=2)
        lines.set_capstyle("round")
        lines.set_rasterized(len(way.moved) > _MANY)
        fastest = float(np.quantile(way.speed, _FASTEST)) or 1.0
        lines.set_clim(0, fastest)
        ax.add_collection(lines)
        beyond = "max" if np.any(way.speed > fastest) else "neither"
        bar = figure.colorbar(lines, ax=ax, location="bottom", shrink=0.5, aspect=45, pad=0.02, extend=beyond)
        bar.set_label("speed [px/s]", fontsize=10)
        bar.ax.tick_params(labelsize=SMALL)
        bar.outline.set_visible(False)
    x, y = places(rows).T
    ax.plot(x, y, ".", color="#9a9a9a", markersize=2, zorder=1.5, label="_nolegend_")
    ax.plot(x[0], y[0], "^", color="black", markersize=7, zorder=6, label="begin")
    if len(x) == 1:
        return 1
    ax.plot(x[-1], y[-1], "s", color="black", markersize=6, zorder=6, label="end")
    return 2


def _draw_clicks(ax: Axes, rows: Rows) -> int:
    """Draws rings, with white around them; how many entries of the legend that makes."""
    for colour, width, order, label in (("white", 3.6, 4, "_nolegend_"), (ACCENT, 1.8, 5, "click")):
        ax.plot(
            *places(rows).T,
            "o",
            markerfacecolor="none",
            markeredgecolor=colour,
            markeredgewidth=width,
            markersize=10,
            zorder=order,
            label=label,
        )
    return 1
