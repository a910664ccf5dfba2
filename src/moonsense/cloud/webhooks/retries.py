"""What becomes of a delivery after a try: decided here, without doing anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from moonsense.cloud.settings import Settings
from moonsense.contract import times
from moonsense.contract.waiting import retry_after
from moonsense.models.webhooks_v2_pb2 import WebhookDelivery

_MICROS = 1_000_000

_JITTER = 0.1
"""How much longer a pause may be, so that what failed together does not come back together."""

_LONGEST_HOLD = 24 * 3600
"""Seconds that an endpoint may ask for with ``Retry-After``."""

_BUSY = (429, 503)
_GONE = 410


@dataclass(frozen=True)
class Answer:
    """What came of a try.

    Attributes:
        status: of the HTTP answer, 0 when there was none.
        headers: of the answer, by their names in lower case.
        start: the first bytes of its body.
        error: why there was no answer.
        seconds: how long the try took.
    """

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    start: bytes = b""
    error: str = ""
    seconds: float = 0.0

    @property
    def taken(self) -> bool:
        """Whether the endpoint took the delivery: only by an answer 2xx."""
        return 200 <= self.status < 300 and not self.error

    @property
    def outcome(self) -> str:
        """It in a few words."""
        return self.error or str(self.status)


@dataclass(frozen=True)
class Rules:
    """When a delivery is tried again, and when an endpoint is given up.

    Attributes:
        pauses: seconds before the second and each further try.
        switch_off: seconds of nothing but failures after which an endpoint is switched off.
    """

    pauses: Sequence[float]
    switch_off: float

    @classmethod
    def of(cls, settings: Settings) -> Rules:
        """Those of a cloud's settings."""
        return cls(settings.webhook_retry_seconds, settings.webhook_switch_off_seconds)


class Verdict(NamedTuple):
    """What becomes of a delivery, and of its endpoint. Times in microseconds since 1970.

    Attributes:
        state: of the delivery.
        due_at: when it is tried next; None when it is not.
        hold_until: until when nothing else is sent to the endpoint; 0 for no hold.
    """

    state: WebhookDelivery.State.ValueType
    due_at: int | None
    hold_until: int = 0


def judge(answer: Answer, tries: int, now: int, rules: Rules, chance: float) -> Verdict:
    """What becomes of a delivery.

    Args:
        answer: what came of the last try.
        tries: how many there were, this one included.
        now: when it ended.
        chance: a random number from 0 to 1.
    """
    if answer.taken:
        return Verdict(WebhookDelivery.DELIVERED, None)
    wait = answer.headers.get("retry-after", ""), answer.headers.get("date", "")
    asked = min(retry_after(*wait, now=times.from_micros(now)) or 0.0, _LONGEST_HOLD)
    hold = now + int(asked * _MICROS) if answer.status in _BUSY and asked else 0
    if tries > len(rules.pauses):
        return Verdict(WebhookDelivery.FAILED, None, hold)
    pause = max(rules.pauses[tries - 1] * (1 + _JITTER * chance), asked)
    return Verdict(WebhookDelivery.WAITING, now + int(pause * _MICROS), hold)


class Notice(NamedTuple):
    """Why an endpoint is switched off, in a line and in full."""

    title: str
    description: str


def given_up(answer: Answer, failing_since: int, now: int, rules: Rules) -> Notice | None:
    """Why an endpoint is to be switched off after a try that failed; None when it is not."""
    again = "What waits for it is kept for 30 days and sent when it is switched on again."
    if answer.status == _GONE:
        return Notice("Switched off: it answered 410", f"It says that it is gone for good. {again}")
    failing = (now - failing_since) / _MICROS
    if failing >= rules.switch_off:
        days = rules.switch_off / 86_400
        return Notice(
            f"Switched off: every try failed for {days:g} days",
            f"The last one: {answer.outcome}. {again}",
        )
    return None
