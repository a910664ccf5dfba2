"""What is remembered of sessions and chunks between calls."""

from __future__ import annotations

import threading

from moonsense.client._forks import renew_after_fork
from moonsense.contract.hosts import is_region
from moonsense.errors import IntegrityError


class Memory:
    """The latest so many values by key; may be used from several threads and after a fork."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._values: dict[str, str] = {}
        self._lock = threading.Lock()
        renew_after_fork(self)

    def renew(self) -> None:
        """Another thread of the parent may hold the lock, and is not there to release it."""
        self._lock = threading.Lock()

    def get(self, key: str) -> str | None:
        """The value, or None when it is not known (any more)."""
        with self._lock:
            return self._values.get(key)

    def put(self, key: str, value: str) -> None:
        """Remember a value; the oldest one goes when there are too many."""
        with self._lock:
            self._values.pop(key, None)
            self._values[key] = value
            if len(self._values) > self._capacity:
                del self._values[next(iter(self._values))]

    def forget(self, key: str) -> None:
        """Forget a value if it is there."""
        with self._lock:
            self._values.pop(key, None)


def checked_region(name: str) -> str:
    """A region's name that a cloud gave, fit to be part of a host.

    The token is sent to the host that it becomes part of, so a name that would
    change the rest of the address is refused. Raises IntegrityError.
    """
    if name and not is_region(name):
        raise IntegrityError(f"the cloud names a region that cannot be one: {name!r}")
    return name
