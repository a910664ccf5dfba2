"""The path under which the published client 0.5.0 gave tables of pandas; ``moonsense.frames`` has more."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from moonsense import frames

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read_accelerometer"]

_AXES = ["x", "y", "z"]


def read_accelerometer(session_file: str | os.PathLike[str]) -> pd.DataFrame:
    """Read accelerometer data from a session file.

    Args:
        session_file: path to session file, NDJSON of sealed bundles.

    Returns:
        ``x``, ``y`` and ``z`` in G, by time: the index ``at`` has no zone and is UTC,
        in nanoseconds, sorted. As in 0.5.0, but readings on a timer are where they
        belong, not in 1970, those that nothing places are last, at NaT, and a file
        without readings is an empty table.

    Raises:
        FileNotFoundError: there is no such file.
        DataError: a line is no bundle, or cut off.
    """
    import numpy as np  # noqa: PLC0415 (frames says first what is missing)
    import pandas as pd  # noqa: PLC0415

    table = frames.read(session_file, "accelerometer", columns=["at", "x", "y", "z"]).arrow
    at = table["at"].to_numpy().astype("datetime64[us]")
    # Nanoseconds end in 2262: what is later is as good as nowhere.
    at[at >= np.datetime64("2262", "us")] = np.datetime64("NaT")
    order = np.argsort(at, kind="stable")  # what is nowhere is last
    index = pd.DatetimeIndex(at[order].astype("datetime64[ns]"), name="at")
    # In one array, as pandas holds them: for several, memory takes longer than the readings.
    readings = np.empty((len(_AXES), len(order)))
    for axis, row in zip(_AXES, readings, strict=True):
        np.take(table[axis].to_numpy(), order, out=row, mode="clip")  # else it would be by way of a copy
    return pd.DataFrame(readings.T, index, _AXES, copy=False)
