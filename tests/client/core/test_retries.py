"""Whether a request is sent again, and when."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from moonsense.client._core.answers import Head, retry_after
from moonsense.client._core.requests import Request, RequestBuilder
from moonsense.client._core.retries import RetryPolicy, may_have_been_done
from moonsense.contract.environment import Address
from moonsense.errors import (
    ConfigurationError,
    ConnectionFailed,
    RequestError,
    RequestTimeout,
    error_for_status,
)
from moonsense.models.data_plane_v2_pb2 import Card

READ = Request("GET", "http://cloud/v2/sessions", {})
CARD = Request("POST", "http://cloud/v2/cards", {}, repeatable=False)
POLICY = RetryPolicy(tries=3, backoff=1.0)


def answered(status: int, retry_after: float | None = None) -> RequestError:
    return error_for_status(status)("no", status=status, retry_after=retry_after)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 507, 599])
def test_passing_failures_are_tried_again(status: int) -> None:
    assert POLICY.pause(READ, 1, answered(status), chance=1) == 1.0


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 409, 413, 422, 501, 505])
def test_lasting_failures_are_not(status: int) -> None:
    assert POLICY.pause(READ, 1, answered(status), chance=1) is None


def test_tries_counts_the_first_attempt() -> None:
    assert POLICY.pause(READ, 2, ConnectionFailed("no"), chance=1) == 2.0
    assert POLICY.pause(READ, 3, ConnectionFailed("no"), chance=1) is None
    assert RetryPolicy(tries=1).pause(READ, 1, ConnectionFailed("no"), chance=1) is None


def test_pauses_double_up_to_half_a_minute_and_all_is_chance() -> None:
    policy = RetryPolicy(tries=100, backoff=1.0)
    assert [policy.pause(READ, n, RequestTimeout("no"), chance=1) for n in (1, 2, 3, 9)] == [1, 2, 4, 30]
    assert [policy.pause(READ, 2, RequestTimeout("no"), chance=c) for c in (0, 0.25, 0.5)] == [0, 0.5, 1]


def test_what_may_not_be_repeated_is_repeated_only_when_it_never_left() -> None:
    assert POLICY.pause(CARD, 1, ConnectionFailed("no", sent=True), chance=1) is None
    assert POLICY.pause(CARD, 1, answered(503), chance=1) is None
    assert POLICY.pause(CARD, 1, ConnectionFailed("no", sent=False), chance=1) == 1.0


def test_the_cloud_is_never_asked_earlier_than_it_wants() -> None:
    assert POLICY.pause(READ, 1, answered(503, 7.0), chance=0) == 7.0
    assert POLICY.pause(READ, 1, answered(503, 7.0), chance=1) == 8.0
    assert POLICY.pause(READ, 1, answered(503, 0.0), chance=0.5) == 0.5


def test_a_very_long_wait_is_left_to_the_caller() -> None:
    assert POLICY.pause(READ, 1, answered(429, 120.0), chance=0) == 120.0
    assert POLICY.pause(READ, 1, answered(429, 121.0), chance=0) is None


def test_a_pause_that_reaches_the_deadline_is_no_use() -> None:
    assert POLICY.pause(READ, 1, answered(503, 7.0), chance=0, left=7.1) == 7.0
    assert POLICY.pause(READ, 1, answered(503, 7.0), chance=0, left=7.0) is None
    assert POLICY.pause(READ, 1, ConnectionFailed("no"), chance=1, left=0.9) is None


def test_a_card_is_repeated_only_where_keys_are_known_to_be_honoured() -> None:
    for domain, repeatable in (("moonsense.cloud", False), ("127.0.0.1:8080", True)):
        builder = RequestBuilder(Address(domain, "https", "", "t"), "auto")
        assert builder.build("create_card", body=Card()).repeatable is repeatable
        assert builder.build("update_session_labels", ids={"session_id": "s"}).repeatable


@pytest.mark.parametrize("tries", [0, -1])
def test_fewer_than_one_try_cannot_be(tries: int) -> None:
    with pytest.raises(ConfigurationError, match="tries"):
        RetryPolicy(tries=tries)


def test_what_may_have_been_done() -> None:
    assert may_have_been_done(RequestTimeout("no"))
    assert may_have_been_done(answered(502))
    assert not may_have_been_done(answered(503))
    assert not may_have_been_done(ConnectionFailed("no", sent=False))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("", None),
        ("3", 3.0),
        ("0.5", 0.5),
        ("-4", 0.0),
        ("inf", None),
        ("nan", None),
        ("soon", None),
        ("Wed, 21 Oct 2026 07:28:10 GMT", 10.0),
        ("Wed, 21 Oct 2026 07:27:00 GMT", 0.0),
    ],
)
def test_retry_after_in_both_forms(value: str, seconds: float | None) -> None:
    now = datetime(2026, 10, 21, 7, 28, tzinfo=UTC)
    assert retry_after(Head(503, {"retry-after": value}), now=now) == seconds


def test_a_date_is_measured_by_the_clouds_own_clock() -> None:
    head = Head(
        503, {"retry-after": "Wed, 21 Oct 2026 07:28:10 GMT", "date": "Wed, 21 Oct 2026 07:28:08 GMT"}
    )
    assert retry_after(head) == 2.0
