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
    columns = ["at", "x", "y", "z"]
    table = frames.read(session_file, "accelerometer", columns=columns).to_pandas()
    # Nanoseconds end in 2262: what is later is as good as nowhere.
    at = table["at"].dt.tz_localize(None)
    table["at"] = at.where(at.dt.year < 2262).astype("datetime64[ns]")
    return table.set_index("at").sort_index(kind="stable")
