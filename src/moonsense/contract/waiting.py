"""How long an answer asks to wait."""

from __future__ import annotations

import math
from datetime import UTC, datetime


def retry_after(text: str, date: str = "", *, now: datetime | None = None) -> float | None:
    """Seconds that a ``Retry-After`` asks for, given as a number or as a date; None for none.

    A date is measured from the answer's own ``Date``, so that a wrong clock on
    either side does not matter.
    """
    text = text.strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        until = _moment(text)
        if until is None:
            return None
        start = _moment(date) or now or datetime.now(UTC)
        seconds = (until - start).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _moment(text: str) -> datetime | None:
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 (a while to load, and few answers have one)

    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
