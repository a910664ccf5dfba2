"""What a child process of a fork must have anew: connections and locks of its parent are no use to it."""

from __future__ import annotations

import os
import weakref
from functools import cache
from typing import Protocol


class Renewable(Protocol):
    """Something to be made anew in a child."""

    def renew(self) -> None:
        """Drop what belongs to the parent. Other threads are not there yet."""


_HELD: weakref.WeakSet[Renewable] = weakref.WeakSet()


def renew_after_fork(thing: Renewable) -> None:
    """Call ``thing.renew()`` in every child of a fork, as long as the thing lives."""
    _register()
    _HELD.add(thing)


@cache
def _register() -> None:
    if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
        os.register_at_fork(after_in_child=_renew)


def _renew() -> None:
    for thing in list(_HELD):
        thing.renew()
