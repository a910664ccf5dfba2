"""Times on the command line, and numbers and times in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
import typer
from google.protobuf.timestamp_pb2 import Timestamp

from moonsense.cli.options import parse_time
from moonsense.display.words import (
    duration_text,
    event_seconds,
    micros_text,
    millis_text,
    time_text,
    totals,
)
from moonsense.models.data_plane_v2_sdk_pb2 import BucketedCounter, Session


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01T10:30", datetime(2026, 3, 1, 10, 30, tzinfo=UTC)),
        ("2026-03-01 10:30:05.5", datetime(2026, 3, 1, 10, 30, 5, 500_000, tzinfo=UTC)),
        ("2026-03-01T10:30Z", datetime(2026, 3, 1, 10, 30, tzinfo=UTC)),
        ("2026-03-01T10:30+02:00", datetime(2026, 3, 1, 10, 30, tzinfo=timezone(timedelta(hours=2)))),
    ],
)
def test_a_time_without_a_zone_is_utc(text: str, moment: datetime) -> None:
    assert parse_time(text) == moment


@pytest.mark.parametrize(
    ("text", "ago"), [("90s", timedelta(seconds=90)), ("2h", timedelta(hours=2)), ("7d", timedelta(days=7))]
)
def test_a_time_may_be_so_long_ago(text: str, ago: timedelta) -> None:
    before = datetime.now(UTC)
    assert before - ago <= parse_time(text) <= datetime.now(UTC) - ago


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "7x", "", "-2h", "999999w"])
def test_what_is_no_time_is_refused_with_examples(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="2026-03-01T10:00"):
        parse_time(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (8.44, "8.4 s"),
        (59.99, "60.0 s"),
        (119.97, "2 min 00 s"),
        (125, "2 min 05 s"),
        (3599.6, "1 h 00 min"),
        (12_000, "3 h 20 min"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_times_are_to_the_second_and_empty_when_never_set() -> None:
    assert time_text(Timestamp(seconds=1_772_440_000)) == "2026-03-02 08:26:40"
    assert time_text(Timestamp()) == ""
    assert millis_text(1_772_440_000_123) == "2026-03-02 08:26:40.123"
    assert micros_text(None) == ""
    assert micros_text(1_772_440_000_000_000) == "2026-03-02 08:26:40"
    assert micros_text(1_772_440_000_000_001, machine=True) == "2026-03-02T08:26:40.000001+00:00"


def test_totals_put_the_most_first_and_bundles_apart() -> None:
    session = Session()
    for name, total in {"bundle": 3, "battery": 1, "gyroscope": 90, "accelerometer": 90}.items():
        session.counters[name].CopyFrom(BucketedCounter(total=total))
    bundles, items = totals(session)
    assert bundles == 3
    assert list(items.items()) == [("accelerometer", 90), ("gyroscope", 90), ("battery", 1)]


def test_a_session_without_events_has_no_duration() -> None:
    assert event_seconds(Session()) is None
    lasted = Session(
        oldest_event=Timestamp(seconds=10), newest_event=Timestamp(seconds=12, nanos=500_000_000)
    )
    assert event_seconds(lasted) == 2.5
