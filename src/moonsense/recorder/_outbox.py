"""Bundles on their way: which to send next, and what an answer means for them. No I/O."""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Sequence

from moonsense.errors import DataError, MoonsenseError, RequestError, ResponseError
from moonsense.models.bundle_v2_pb2 import Bundle

MAX_BATCH_BYTES = 4 * 1024 * 1024
"""Bytes of bundles in one request: well below what clouds take, and quick to send again."""


class NotStored(MoonsenseError):
    """The cloud answered that it did not store all of a request's bundles."""


class Verdict(enum.Enum):
    """What a failure says about the bundles that were sent."""

    LATER = enum.auto()
    """Nothing: the same request may succeed later."""
    REFUSED = enum.auto()
    """Something in this request will never be taken."""
    OVER = enum.auto()
    """Nothing of this session will be taken any more."""


def verdict(error: Exception) -> Verdict:
    """What a failure of ``send_bundles`` means."""
    if isinstance(error, ResponseError):
        if error.status in (408, 429) or error.status >= 500:
            return Verdict.LATER
        if error.status in (400, 409, 413, 415, 422):
            return Verdict.REFUSED
        return Verdict.OVER
    if isinstance(error, NotStored):
        return Verdict.REFUSED
    # An answer that cannot be read does not say that the bundles were stored.
    return Verdict.LATER if isinstance(error, (RequestError, DataError)) else Verdict.OVER


class Outbox:
    """Bundles in the order of their numbers: waiting, then sent or refused.

    A bundle waits until its answer is there, so whatever happens it is in one
    of ``waiting`` and ``refused`` or the cloud has it.
    """

    def __init__(self, batch_bundles: int) -> None:
        self._batch_bundles = batch_bundles
        self._waiting: deque[Bundle] = deque()
        self._refused: list[Bundle] = []
        self.sent = 0
        """How many bundles the cloud has."""

    def __len__(self) -> int:
        """How many are waiting."""
        return len(self._waiting)

    @property
    def is_full_batch(self) -> bool:
        """Whether a whole batch is waiting."""
        return len(self._waiting) >= self._batch_bundles

    def is_past(self, index: int) -> bool:
        """Whether no bundle up to this number is waiting."""
        return not self._waiting or self._waiting[0].index > index

    @property
    def unsent(self) -> list[Bundle]:
        """What the cloud does not have, as far as is known, in order."""
        return sorted([*self._refused, *self._waiting], key=lambda bundle: bundle.index)

    def put(self, bundle: Bundle) -> None:
        """A bundle to be sent."""
        self._waiting.append(bundle)

    def batch(self) -> list[Bundle]:
        """The next bundles to send together; they stay in the box."""
        batch: list[Bundle] = []
        size = 0
        for bundle in self._waiting:
            size += bundle.ByteSize()
            if batch and (len(batch) == self._batch_bundles or size > MAX_BATCH_BYTES):
                break
            batch.append(bundle)
        return batch

    def mark_sent(self, bundles: Sequence[Bundle]) -> None:
        """The cloud has these, the first ones that wait."""
        for bundle in bundles:
            self._take(bundle)
        self.sent += len(bundles)

    def mark_refused(self, bundle: Bundle) -> None:
        """The cloud will never take this one, the first that waits."""
        self._take(bundle)
        self._refused.append(bundle)

    def _take(self, bundle: Bundle) -> None:
        first = self._waiting.popleft()
        assert first is bundle
