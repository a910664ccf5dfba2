"""What becomes of a delivery after a try, as a function."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonsense.cloud.settings import Settings
from moonsense.cloud.webhooks.retries import Answer, Rules, given_up, judge
from moonsense.models.webhooks_v2_pb2 import WebhookDelivery

RULES = Rules.of(Settings())
NOW = 1_750_000_000_000_000
PAUSES = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]


def test_the_pauses_are_as_documented() -> None:
    assert list(RULES.pauses) == PAUSES
    assert RULES.switch_off == 5 * 86_400


@given(st.integers(200, 299), st.integers(1, 10))
def test_only_2xx_is_success(status: int, tries: int) -> None:
    assert judge(Answer(status), tries, NOW, RULES, 0.5) == (WebhookDelivery.DELIVERED, None, 0)


@given(st.integers(0, 599).filter(lambda status: not 200 <= status < 300), st.integers(1, 9), st.floats(0, 1))
def test_anything_else_is_tried_again(status: int, tries: int, chance: float) -> None:
    verdict = judge(Answer(status), tries, NOW, RULES, chance)
    assert verdict.state == WebhookDelivery.WAITING
    assert verdict.due_at is not None
    pause = (verdict.due_at - NOW) / 1e6
    assert PAUSES[tries - 1] <= pause <= PAUSES[tries - 1] * 1.1


def test_a_tenth_try_is_the_last() -> None:
    assert judge(Answer(500), 10, NOW, RULES, 0.5).state == WebhookDelivery.FAILED


@pytest.mark.parametrize(
    ("headers", "seconds", "held"),
    [
        ({"retry-after": "120"}, 120, 120),
        ({"retry-after": "1"}, 5, 1),
        ({"retry-after": "nonsense"}, 5, 0),
        ({"retry-after": "-7"}, 5, 0),
        ({"retry-after": "99999999999"}, 86_400, 86_400),
        (
            {"retry-after": "Sun, 15 Jun 2025 15:10:00 GMT", "date": "Sun, 15 Jun 2025 15:06:40 GMT"},
            200,
            200,
        ),
    ],
)
def test_retry_after_is_respected(headers: dict[str, str], seconds: int, held: int) -> None:
    verdict = judge(Answer(429, headers), 1, NOW, RULES, 0)
    assert verdict.due_at == NOW + seconds * 1_000_000
    assert verdict.hold_until == (NOW + held * 1_000_000 if held else 0)


def test_an_endpoint_is_held_for_429_and_503_only() -> None:
    wait = {"retry-after": "60"}
    assert judge(Answer(503, wait), 1, NOW, RULES, 0).hold_until == NOW + 60_000_000
    assert judge(Answer(500, wait), 1, NOW, RULES, 0).hold_until == 0
    assert judge(Answer(500, wait), 1, NOW, RULES, 0).due_at == NOW + 60_000_000


def test_an_endpoint_is_given_up_after_five_days_or_by_410() -> None:
    five_days = 5 * 86_400 * 1_000_000
    assert given_up(Answer(500), NOW, NOW + five_days - 1, RULES) is None
    notice = given_up(Answer(500), NOW, NOW + five_days, RULES)
    assert notice is not None
    assert "5 days" in notice.title
    gone = given_up(Answer(410), NOW, NOW, RULES)
    assert gone is not None
    assert "410" in gone.title
