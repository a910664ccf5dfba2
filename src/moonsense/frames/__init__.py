"""Sessions as tables: Arrow, pandas and polars.

One table a sensor, with a schema that is the same for every source. ``read``
gives whole tables, ``batches`` streams what does not fit into memory,
``schema`` and ``sensors`` say what there is, ``align`` and ``resample`` bring
sensors together, ``map_sessions`` runs a function over many sessions, ``plot``
draws one. Needs the extra ``frames``, and for pictures ``plot``.
"""

from __future__ import annotations

from importlib.util import find_spec

from moonsense.errors import MissingExtraError

for _needed in ("pyarrow", "pandas", "polars"):
    if find_spec(_needed) is None:
        raise MissingExtraError("moonsense.frames", "frames")

# What is missing is said before anything needs it.
from moonsense.frames._align import align  # noqa: E402
from moonsense.frames._frame import Frame  # noqa: E402
from moonsense.frames._map import map_sessions  # noqa: E402
from moonsense.frames._plot.plot import plot  # noqa: E402
from moonsense.frames._read import batches, read, schema, sensors  # noqa: E402
from moonsense.frames._resample import resample  # noqa: E402

__all__ = ["Frame", "align", "batches", "map_sessions", "plot", "read", "resample", "schema", "sensors"]
