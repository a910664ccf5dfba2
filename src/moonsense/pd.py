"""The path under which the published client 0.5.0 gave tables of pandas; ``moonsense.frames`` has more."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from moonsense import frames

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read_accelerometer"]


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
    at = table["at"].to_numpy()
    late = at >= np.datetime64("2262", "us")
    if late.any():  # nanoseconds end then: what is later is as good as nowhere
        at = np.where(late, np.datetime64("NaT"), at)
    order = np.argsort(at, kind="stable")  # what is nowhere is last
    moments = at.astype("datetime64[ns]")
    moments.sort(kind="stable")
    axes = {axis: table[axis].to_numpy()[order] for axis in "xyz"}
    return pd.DataFrame(axes, pd.DatetimeIndex(moments, name="at"), copy=False)
