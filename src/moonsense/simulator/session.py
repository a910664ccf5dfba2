"""What a simulation is: the session as its device would open it, and its bundles."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from moonsense.contract.ids import ALPHABET, LENGTH
from moonsense.contract.times import aware, to_micros
from moonsense.models.bundle_v2_pb2 import Bundle
from moonsense.models.data_plane_v2_sdk_pb2 import Session

BUNDLE_MILLIS = 1000
"""How much a device collects before it hands a bundle over."""

_MORNING = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


@dataclass(frozen=True)
class SimulatedSession:
    """A session that nobody recorded.

    Attributes:
        session: metadata, config, labels and journey_id, as one would open it
            with ``Client.create_session``; without what a cloud fills in.
    """

    session: Session
    _make: Callable[[], Iterator[Bundle]] = field(repr=False)

    def bundles(self) -> Iterator[Bundle]:
        """The bundles in order, about one a second, each time the same.

        They are numbered from 1 and the last is marked final, as a device does.
        They are made while you iterate, so that a session may be of any length.
        """
        return self._make()


def wall_start(rng: random.Random, start: datetime | None) -> int:
    """The epoch milliseconds at which a session begins.

    Without a start it is some minute of one fixed morning, so that a seed
    alone decides the whole session. A naive start is taken as UTC.
    """
    minute = rng.randrange(240)
    moment = _MORNING + timedelta(minutes=minute, milliseconds=417) if start is None else aware(start)
    return to_micros(moment) // 1000


def random_id(rng: random.Random) -> str:
    """An identifier in the service's form that the seed decides."""
    return "".join(rng.choices(ALPHABET, k=LENGTH))


def random_uuid(rng: random.Random) -> str:
    """A version 4 UUID that the seed decides."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))
