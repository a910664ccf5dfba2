"""Whether a request is sent again, and after how long: the one place that decides it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from moonsense.errors import ConfigurationError, RequestError, ResponseError

if TYPE_CHECKING:
    from moonsense.client._core.requests import Request

RETRIED = frozenset({408, 429, 502, 503, 504})
"""Statuses that a later attempt may not meet."""

_REFUSED = frozenset({408, 429, 503})
"""Of those, the ones by which a cloud says that it did nothing."""

_LONGEST_PAUSE = 30.0
"""Seconds between two attempts when the cloud asks for none: a doubled pause grows fast."""

_PATIENCE = 120.0
"""Seconds that ``Retry-After`` may ask for; with more, the caller decides, who finds it on the error."""


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how patiently a request is tried.

    Attributes:
        tries: attempts in total, the first included.
        backoff: seconds before the second attempt; each later pause is twice as
            long. Half of a pause is left to chance, so that many clients that
            failed together do not come back together.
    """

    tries: int = 3
    backoff: float = 0.5

    def __post_init__(self) -> None:
        if self.tries < 1:
            raise ConfigurationError(f"tries must be at least 1, not {self.tries}")
        if not self.backoff >= 0:
            raise ConfigurationError(f"backoff must be at least 0 seconds, not {self.backoff}")

    def pause(self, request: Request, attempt: int, error: RequestError, *, chance: float) -> float | None:
        """Seconds to wait before the next attempt, or None to give up.

        Args:
            attempt: the one that failed, from 1.
            error: how it failed.
            chance: a random number from 0 to 1.
        """
        if attempt >= self.tries or (error.sent and not request.repeatable):
            return None
        pause = min(_LONGEST_PAUSE, self.backoff * 2.0 ** (attempt - 1)) * (0.5 + 0.5 * chance)
        if not isinstance(error, ResponseError):
            return pause
        if error.status not in RETRIED:
            return None
        asked = error.retry_after or 0.0
        return max(pause, asked) if asked <= _PATIENCE else None


def may_have_been_done(error: RequestError) -> bool:
    """Whether the cloud may have done what was asked although it ended with this error."""
    if isinstance(error, ResponseError):
        return error.status in RETRIED - _REFUSED
    return error.sent
