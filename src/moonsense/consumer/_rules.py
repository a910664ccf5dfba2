"""What a consumer decides, without any I/O: which sessions, from when on, and how long to wait."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from moonsense.consumer.checkpoints import MICROS, Backlog, Found
from moonsense.contract import times
from moonsense.contract.counters import BUNDLE
from moonsense.contract.platforms import Platform
from moonsense.errors import ConfigurationError
from moonsense.models.data_plane_v2_pb2 import Chunk
from moonsense.models.data_plane_v2_sdk_pb2 import Session, SessionMetadata

_LONGEST_BACKOFF = 300.0
"""Seconds between two tries of a chunk, at most."""

_LONGEST_QUIET = 86_400.0
"""Seconds until a session is asked again that has been quiet for long and is not known to be done."""


@dataclass(frozen=True)
class Selection:
    """Which sessions are processed, as ``Client.list_sessions`` takes it."""

    labels: tuple[str, ...] = ()
    platforms: tuple[Platform, ...] = ()
    journey_id: str | None = None
    client_session_group_id: str | None = None

    @classmethod
    def of(
        cls,
        labels: Iterable[str] | None,
        platforms: Iterable[Platform | str] | None,
        journey_id: str | None,
        client_session_group_id: str | None,
    ) -> Selection:
        """From arguments; one string is one label or platform, not one a letter."""
        return cls(
            tuple([labels] if isinstance(labels, str) else labels or ()),
            tuple(
                platform if isinstance(platform, Platform) else Platform.from_str(platform)
                for platform in ([platforms] if isinstance(platforms, (str, Platform)) else platforms or ())
            ),
            journey_id,
            client_session_group_id,
        )

    def arguments(self) -> dict[str, Any]:
        """For ``Client.list_sessions``."""
        return {
            "labels": list(self.labels) or None,
            "platforms": list(self.platforms) or None,
            "journey_id": self.journey_id,
            "client_session_group_id": self.client_session_group_id,
        }

    def takes(self, session: Session) -> bool:
        """Whether a list with these arguments would have the session."""
        platform = SessionMetadata.Platform.Name(session.metadata.platform)
        return (
            (not self.labels or any(label.name in self.labels for label in session.labels))
            and (not self.platforms or platform in {wanted.value for wanted in self.platforms})
            and self.journey_id in (None, session.journey_id)
            and self.client_session_group_id in (None, session.client_session_group_id)
        )


def start_text(start: str | datetime) -> str:
    """A start as it is kept with the checkpoints. Raises ConfigurationError for what is none."""
    if isinstance(start, datetime):
        return times.aware(start).isoformat()
    if start not in ("beginning", "now"):
        raise ConfigurationError(f"start must be 'beginning', 'now' or a datetime, not {start!r}")
    return start


def found(session: Session) -> Found:
    """A session that a list gave."""
    total = session.counters[BUNDLE].total if BUNDLE in session.counters else -1
    return Found(session.session_id, session.created_at.ToMicroseconds(), total, session.SerializeToString())


def is_new(chunk: Chunk, begun_at: int | None) -> bool:
    """Whether a chunk was made after the consumer's start; one without a time counts as such."""
    return begun_at is None or not chunk.HasField("created_at") or created(chunk) >= begun_at


def created(chunk: Chunk) -> int:
    """When a chunk was made, in microseconds since 1970."""
    return int(chunk.created_at.ToMicroseconds())


def backlog(chunks: list[Chunk]) -> Backlog:
    """What a list of chunks amounts to."""
    return Backlog(len(chunks), created(chunks[0]) if chunks else None)


def backoff(attempt: int, base: float) -> float:
    """Seconds before the try after a failed one: doubled each time, half of it left to chance."""
    longest = min(_LONGEST_BACKOFF, base * 2.0 ** min(attempt - 1, 30))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 (no secret)


def ask_again(quiet: int, poll: float) -> float:
    """Seconds until a session is asked for chunks again, after so many microseconds of quiet.

    Half as long as it has been quiet: what still grows is asked at every poll,
    and one that may have bundles in no chunk ever more rarely, but for ever.
    """
    return max(poll, min(_LONGEST_QUIET, quiet / 2 / MICROS))
