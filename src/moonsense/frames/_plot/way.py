"""The pointer's way: where it went how fast, where it rested, and where it clicked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from moonsense.frames._plot.rows import Rows

PAUSE = 0.5
"""Seconds without an event after which a pointer rested: the way over them has no speed."""


@dataclass(frozen=True)
class Way:
    """Pieces of a pointer's way, from each event to the next.

    Attributes:
        moved: pieces with a speed, ``[pieces, ends, x and y]`` in logical pixels.
        speed: of each, in logical pixels a second.
        rested: pieces over a pause, of a pointer that was seen in the window all the time.
    """

    moved: NDArray[np.float64]
    speed: NDArray[np.float64]
    rested: NDArray[np.float64]


def way_of(rows: Rows) -> Way:
    """The way of each device by itself.

    A finger that is lifted, and a mouse that leaves the window, come back
    elsewhere: nothing is drawn in between.

    Args:
        rows: of the sensor ``pointer``, those that have a place.
    """
    devices = rows.numbers("device")
    order = np.argsort(devices, kind="stable")
    points = places(rows)[order]
    kinds, bounds = rows.texts("type")[order], rows.texts("viewport_boundary_status")[order]
    seconds = np.diff(rows.at[order]) / np.timedelta64(1, "s")
    same = (np.diff(devices[order]) == 0) & (kinds[1:] == kinds[:-1])
    inside = (bounds[:-1] != "LEAVE_VIEWPORT") & (bounds[1:] != "ENTER_VIEWPORT")
    pieces = np.stack([points[:-1], points[1:]], axis=1)
    moved = same & inside & (seconds > 0) & (seconds <= PAUSE)
    rested = same & inside & (kinds[1:] != "TOUCH") & ~moved
    length = np.hypot(*(pieces[moved, 1] - pieces[moved, 0]).T)
    return Way(pieces[moved], length / seconds[moved], pieces[rested])


def places(rows: Rows) -> NDArray[np.float64]:
    """Where each row was, ``[rows, x and y]`` in logical pixels."""
    return np.stack([rows.numbers("position_dx"), rows.numbers("position_dy")], axis=1)


def placed(rows: Rows | None) -> Rows | None:
    """The rows that have a place, of a pointer or of clicks; None when there is none."""
    if rows is None:
        return None
    where = places(rows)
    known = ~np.isnan(where[:, 0])
    if rows.sensor == "click":
        # One at the very corner is one that a key made.
        known &= np.any(where != 0, axis=1)
    return rows.select(known) if np.any(known) else None


def window_of(rows: Rows | None) -> tuple[float, float] | None:
    """The last size of the window, where it is known."""
    if rows is None or not len(rows):
        return None
    width, height = rows.numbers("device_logical_width")[-1], rows.numbers("device_logical_height")[-1]
    return (float(width), float(height)) if min(width, height) > 0 else None


def extent(shown: Iterable[Rows | None], window: tuple[float, float] | None) -> tuple[float, float]:
    """How wide and how high all places and the window are together."""
    corners = [places(rows) for rows in shown if rows is not None]
    corners += [np.array([[0.0, 0.0], window])] if window else []
    if not corners:
        return 1.0, 0.0
    width, height = np.ptp(np.concatenate(corners), axis=0)
    return float(width), float(height)
