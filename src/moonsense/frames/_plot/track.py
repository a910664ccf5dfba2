"""Where a device was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from moonsense.frames._plot.look import COLOURS, FAINT, head, legend, nothing, plain
from moonsense.frames._plot.thinning import breaks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from moonsense.frames._plot.rows import Rows

_DEGREE = 6_371_008.8 * np.pi / 180
"""Metres in a degree of latitude, on a sphere of the earth's mean radius (IUGG)."""

_LEAST = 10.0
"""Metres around a place that are shown at least."""

_CIRCLES = 500


def metres(
    latitude: NDArray[np.float64], longitude: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """East and north of the first place, in metres, as if the earth were flat there.

    Over ten kilometres that is wrong by less than a part in a thousand at most
    latitudes (equirectangular projection); the date line is crossed the short way.
    """
    east = (longitude - longitude[0] + 180) % 360 - 180
    return east * _DEGREE * np.cos(np.radians(latitude[0])), (latitude - latitude[0]) * _DEGREE


def extent(rows: Rows) -> tuple[float, float]:
    """Metres from west to east and from south to north, with what is shown around the track."""
    placed = _placed(rows)
    if len(placed) < 2:
        return 2.0, 1.0
    east, north = metres(placed.numbers("latitude"), placed.numbers("longitude"))
    return float(np.ptp(east)) + 2 * _LEAST, float(np.ptp(north)) + 2 * _LEAST


def _placed(rows: Rows) -> Rows:
    """Those with a place on the earth: 0, 0 is what is left of one that was not determined."""
    latitude, longitude = rows.numbers("latitude"), rows.numbers("longitude")
    on_earth = (np.abs(latitude) <= 90) & (np.abs(longitude) <= 180)
    return rows.select(on_earth & ((latitude != 0) | (longitude != 0)))


def draw_track(ax: Axes, name: str, rows: Rows) -> None:
    """The way over the ground, east and north in the same scale, with its accuracy around it."""
    from matplotlib.collections import EllipseCollection, LineCollection  # noqa: PLC0415 (the extra plot, and slow to load)

    placed = _placed(rows)
    if not len(placed):
        head(ax, name)
        nothing(ax, "no place was determined")
        return
    latitude, longitude = placed.numbers("latitude"), placed.numbers("longitude")
    east, north = metres(latitude, longitude)
    accuracy = placed.numbers("horizontal_accuracy")
    entries = 1
    if len(east) <= _CIRCLES and np.any(accuracy > 0):
        circles = EllipseCollection(
            2 * accuracy,
            2 * accuracy,
            np.zeros_like(accuracy),
            units="xy",
            offsets=np.stack([east, north], axis=1),
            offset_transform=ax.transData,
            facecolor=COLOURS[0],
            alpha=0.06,
            linewidth=0,
        )
        ax.add_collection(circles)
        # A legend knows no circles that are measured in metres.
        ax.plot(
            [],
            [],
            "o",
            color=COLOURS[0],
            markerfacecolor="#b8d6ea",
            markersize=9,
            markeredgecolor="none",
            label="accuracy",
        )
        entries += 1
    gaps = breaks(placed.at)
    bridges = [np.stack([east, north], axis=1)[start - 1 : start + 1] for start in gaps]
    ax.add_collection(LineCollection(bridges, colors=FAINT, linewidths=1.0, linestyles="dashed"))
    ax.plot(
        np.insert(east, gaps, np.nan),
        np.insert(north, gaps, np.nan),
        ".-",
        color=COLOURS[0],
        linewidth=1.4,
        markersize=5,
        label="_nolegend_",
    )
    ax.plot(east[0], north[0], "^", color="black", markersize=8, label="begin")
    if len(east) > 1:
        ax.plot(east[-1], north[-1], "s", color="black", markersize=7, label="end")
        entries += 1
    plain(ax)
    ax.update_datalim(
        [(east.min() - _LEAST, north.min() - _LEAST), (east.max() + _LEAST, north.max() + _LEAST)]
    )
    ax.autoscale_view()
    ax.set_aspect("equal", adjustable="datalim")
    ax.set_xlabel(f"east [m] of {latitude[0]:.5f}°, {longitude[0]:.5f}°", fontsize=10)
    ax.set_ylabel("north [m]", fontsize=10)
    head(ax, name)
    legend(ax, entries)
