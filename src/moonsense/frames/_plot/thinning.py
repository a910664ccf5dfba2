"""Long lines with fewer points and the same look, and where a line is to be broken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from moonsense.frames._resample import SPACINGS

if TYPE_CHECKING:
    from numpy.typing import NDArray

BINS = 2_000
"""Parts of a line's width of which each is drawn right: more than a picture has columns of pixels."""


def breaks(at: NDArray[np.datetime64]) -> NDArray[np.intp]:
    """Which rows begin anew after a gap: one longer than five times the usual (median) distance."""
    steps = np.diff(at).astype(np.int64)
    some = steps[steps > 0]
    if not len(some):
        return np.empty(0, dtype=np.intp)
    return np.flatnonzero(steps > SPACINGS * float(np.median(some))) + 1


def thinned(at: NDArray[np.datetime64], values: NDArray[np.float64], bins: int = BINS) -> NDArray[np.intp]:
    """Which readings to draw: of each part of the time its first, lowest, highest and last.

    A line through these looks the same as one through all when the picture has
    no more columns than there are parts (M4: Jugel, Jerzak, Hackenbroich and
    Markl, 2014), so that no peak is lost, as it would be with every n-th.

    Args:
        at: the times of the readings, never falling.
        values: the readings; NaN is kept where a line is to be broken.
        bins: how many parts.

    Returns:
        Their numbers, rising.
    """
    if len(at) <= 4 * bins:
        return np.arange(len(at))
    ticks = (at - at[0]).astype(np.int64)
    part = np.minimum(ticks * bins // max(int(ticks[-1]), 1), bins - 1)
    first = np.flatnonzero(np.diff(part, prepend=-1))
    last = np.append(first[1:], len(at)) - 1
    known = ~np.isnan(values)
    # The lowest of each part stands first when a part is sorted by value; NaN sorts behind all.
    order = np.lexsort((values, part))
    lowest = order[first]
    counts = np.add.reduceat(known, first)
    highest = order[first + np.maximum(counts - 1, 0)]
    return np.unique(np.concatenate([first, lowest, highest, last, np.flatnonzero(~known)]))
