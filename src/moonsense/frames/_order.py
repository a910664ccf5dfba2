"""The order of the rows of a whole table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from moonsense.frames._rows import Selection

if TYPE_CHECKING:
    from numpy.typing import NDArray

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
    sessions = [chunk.indices.to_numpy() for chunk in table["session_id"].chunks]
    index = [chunk.to_numpy() for chunk in table["bundle_index"].chunks]
    if _rises(sessions, index):
        return table
    return table.take(pa.array(np.lexsort((np.concatenate(index), np.concatenate(sessions)))))


def _rises(sessions: Sequence[NDArray[np.int32]], index: Sequence[NDArray[np.int32]]) -> bool:
    """Whether rows are in order as they are: piece by piece, for a whole column would be memory anew."""
    before = (-1, 0)
    for outer, inner in zip(sessions, index, strict=True):
        if not len(outer):
            continue
        if (outer[0], inner[0]) < before:
            return False
        same = outer[1:] == outer[:-1]
        if not np.all((outer[1:] > outer[:-1]) | (same & (inner[1:] >= inner[:-1]))):
            return False
        before = (outer[-1], inner[-1])
    return True
