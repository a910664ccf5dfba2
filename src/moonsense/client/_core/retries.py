"""Whether a request is sent again, and after how long: the one place that decides it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from moonsense.errors import ConfigurationError, RequestError, ResponseError

if TYPE_CHECKING:
    from moonsense.client._core.requests import Request

_REFUSED = frozenset({408, 429, 503})
"""Statuses by which a cloud says that it did nothing, and may do it later."""

_LASTING = frozenset({501, 505})
"""Statuses above 500 that a later attempt meets again."""

_LONGEST_PAUSE = 30.0
"""Seconds between two attempts when the cloud asks for none: a doubled pause grows fast."""

_PATIENCE = 120.0
"""Seconds that ``Retry-After`` may ask for; with more, the caller decides, who finds it on the error."""


def passes(status: int) -> bool:
    """Whether a later attempt may not meet this status."""
    return status in _REFUSED or (status >= 500 and status not in _LASTING)


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how patiently a request is tried.

    Attributes:
        tries: attempts in total, the first included.
        backoff: seconds before the second attempt at most; each later pause may
            be twice as long. All of it is left to chance, so that many clients
            that failed together do not come back together.
    """

    tries: int = 3
    backoff: float = 0.5

    def __post_init__(self) -> None:
        if self.tries < 1:
            raise ConfigurationError(f"tries must be at least 1, not {self.tries}")
        if not self.backoff >= 0:
            raise ConfigurationError(f"backoff must be at least 0 seconds, not {self.backoff}")

    def pause(
        self,
        request: Request,
        attempt: int,
        error: RequestError,
        *,
        chance: float,
        left: float | None = None,
    ) -> float | None:
        """Seconds to wait before the next attempt, or None to give up.

        Args:
            attempt: the one that failed, from 1.
            error: how it failed.
            chance: a random number from 0 to 1.
            left: seconds until the call's deadline; a pause that reaches it is no use.
        """
        if attempt >= self.tries or (error.sent and not request.repeatable):
            return None
        pause = min(_LONGEST_PAUSE, self.backoff * 2.0 ** (attempt - 1)) * chance
        if isinstance(error, ResponseError):
            asked = error.retry_after or 0.0
            if not passes(error.status) or asked > _PATIENCE:
                return None
            # Never earlier than asked, and not all at the same moment.
            pause += asked
        return pause if left is None or pause < left else None


def may_have_been_done(error: RequestError) -> bool:
    """Whether the cloud may have done what was asked although it ended with this error."""
    if isinstance(error, ResponseError):
        return passes(error.status) and error.status not in _REFUSED
    return error.sent
