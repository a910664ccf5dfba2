"""What bundles tell of their session beyond the number of their items.

Looking at every item takes longer than storing the bundle did, so it is not
done for a recorder that waits: the process that renders chunks does it, and a
reader does it for what is not in a chunk yet.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from moonsense.clock import event_bounds_millis
from moonsense.models.bundle_v2_pb2 import SealedBundle
from moonsense.models.data_plane_v2_sdk_pb2 import Session
from moonsense.models.feature_pb2 import Feature


@dataclass
class Contents:
    """The bounds of the events (microseconds since 1970), and the recording app's own features."""

    bounds: tuple[int, int] | None = None
    features: dict[str, Feature] = field(default_factory=dict)

    def add(self, sealed: SealedBundle) -> None:
        """Take a bundle in; of a feature's name the last counts."""
        bounds = event_bounds_millis(sealed.bundle)
        if bounds is not None:
            self._take((bounds[0] * 1000, bounds[1] * 1000))
        self.features.update(sealed.bundle.features)

    def join(self, later: Contents) -> None:
        """Take in what later bundles tell."""
        if later.bounds is not None:
            self._take(later.bounds)
        self.features.update(later.features)

    def _take(self, bounds: tuple[int, int]) -> None:
        oldest, newest = self.bounds or bounds
        self.bounds = min(oldest, bounds[0]), max(newest, bounds[1])

    def widen(self, session: Session) -> None:
        """Make a session's bounds hold these events."""
        if self.bounds is None:
            return
        oldest, newest = self.bounds
        if not session.HasField("oldest_event") or oldest < session.oldest_event.ToMicroseconds():
            session.oldest_event.FromMicroseconds(oldest)
        if not session.HasField("newest_event") or newest > session.newest_event.ToMicroseconds():
            session.newest_event.FromMicroseconds(newest)


def contents(payloads: Iterable[bytes]) -> Contents:
    """What serialized sealed bundles tell."""
    found = Contents()
    for payload in payloads:
        found.add(SealedBundle.FromString(payload))
    return found
