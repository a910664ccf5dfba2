"""The time rules for whole columns: what ``place`` says of each item, by numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from moonsense.clock import EPOCH_FLOOR, LAST_MILLIS, Knowledge

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["KNOWLEDGE", "NOWHERE", "Clocks", "place_all", "wall_all"]

KNOWLEDGE: tuple[Knowledge, ...] = tuple(Knowledge)
"""What the numbers in a column of knowledge mean."""

NOWHERE = -1
"""The time of an item that nothing places. No item is placed before 1970."""

_TIMER, _EPOCH, _WALL, _UNKNOWN = (
    np.int32(KNOWLEDGE.index(known))
    for known in (Knowledge.TIMER, Knowledge.EPOCH, Knowledge.WALL, Knowledge.UNKNOWN)
)
_NO_START = -4 * LAST_MILLIS
"""A start from which no timer reaches 1970, and which cannot overflow."""


@dataclass(frozen=True)
class Clocks:
    """The clocks of many bundles.

    Attributes:
        floor: from these values on a time is epoch milliseconds.
        start: the wall time at which each timer was zero.
        wall: the wall clock of each, in epoch milliseconds.
    """

    floor: NDArray[np.int64]
    start: NDArray[np.int64]
    wall: NDArray[np.int64]

    @classmethod
    def of(cls, wall: NDArray[np.int64], timer: NDArray[np.int64], realtime: NDArray[np.int64]) -> Clocks:
        """The clocks of bundles, by their readings; a bundle that has none reads zeros."""
        timer = np.where(timer != 0, timer, realtime)
        # The mean of two numbers, rounded down, whose sum might overflow.
        middle = (wall & timer) + ((wall ^ timer) >> 1)
        floor = np.where((wall >= EPOCH_FLOOR) & (timer < wall), middle, EPOCH_FLOOR)
        start = wall - timer
        far = (np.abs(start) > 2 * LAST_MILLIS) | ((timer < 0) & (start < 0))  # the latter overflowed
        return cls(floor, np.where((wall > 0) & (timer != 0) & ~far, start, _NO_START), wall)


def place_all(
    determined_at: NDArray[np.int64], clocks: Clocks, bundles: NDArray[np.intp]
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Where items are: epoch milliseconds or ``NOWHERE``, and numbers of ``KNOWLEDGE``.

    Args:
        determined_at: milliseconds, one an item.
        clocks: of the bundles.
        bundles: the number of each item's bundle.
    """
    epoch = determined_at >= clocks.floor[bundles]
    # A value beyond the last year is out of range either way; clipped, the sum cannot overflow.
    at = np.minimum(determined_at, LAST_MILLIS + 1)
    if epoch.all():  # as most recordings of phones are
        return _within(at, np.full(len(at), _EPOCH), at > 0)
    at = np.where(epoch, at, clocks.start[bundles] + np.maximum(at, 0))
    return _within(at, np.where(epoch, _EPOCH, _TIMER), determined_at > 0)


def wall_all(wall: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The same for items that have only a wall clock; one that was never set places nothing."""
    return _within(wall, np.full(len(wall), _WALL), wall > 0)


def _within(
    at: NDArray[np.int64], known: NDArray[np.int32], said: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    placed = said & (at >= 0) & (at <= LAST_MILLIS)
    if placed.all():
        return at, known
    return np.where(placed, at, NOWHERE), np.where(placed, known, _UNKNOWN)
