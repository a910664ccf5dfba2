"""The order of the rows of a whole table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from moonsense.frames._rows import Selection

_KEYS = ("session_id", "bundle_index")


def with_keys(selection: Selection) -> Selection:
    """A selection with the columns that make the order."""
    missing = tuple(name for name in _KEYS if name not in selection.names)
    return replace(selection, names=selection.names + missing)


def in_order(table: pa.Table) -> pa.Table:
    """The rows by session, as these first appear, and in it by the index of the bundle; else as they are."""
    if not table.num_rows:
        return table
    table = table.unify_dictionaries()
    sessions = np.concatenate([chunk.indices.to_numpy() for chunk in table["session_id"].chunks])
    index = table["bundle_index"].to_numpy()
    step, inner = np.diff(sessions), np.diff(index)
    if np.all((step > 0) | ((step == 0) & (inner >= 0))):
        return table
    return table.take(pa.array(np.lexsort((index, sessions))))
