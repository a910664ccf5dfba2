"""Times as the wire writes them: every spelling, exactly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonsense.contract import times

NEW_YEAR = datetime(2023, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment", "digits"),
    [
        ("2023-01-01T00:00:00+00:00", NEW_YEAR, 0),
        ("2023-01-01T00:00:00.000001+00:00", NEW_YEAR + timedelta(microseconds=1), 6),
        ("2023-01-01T00:00:00.123Z", NEW_YEAR + timedelta(milliseconds=123), 3),
        ("2023-01-01T00:00:05Z", NEW_YEAR + timedelta(seconds=5), 0),
        ("2022-12-31T16:00:05-08:00", NEW_YEAR + timedelta(seconds=5), 0),
        ("2023-01-01T05:45:00+05:45", NEW_YEAR, 0),
        ("2023-01-01t00:00:00z", NEW_YEAR, 0),
        ("2023-01-01 00:00:00Z", NEW_YEAR, 0),
        ("2023-01-01T00:00:00 00:00", NEW_YEAR, 0),  # "+" as a query string reads it
        ("2022-12-31T23:59:59.9Z", NEW_YEAR - timedelta(milliseconds=100), 1),
        ("2022-08-04T18:20:04.394879570Z", datetime(2022, 8, 4, 18, 20, 4, 394879, UTC), 9),
        ("0001-01-01T00:00:00Z", datetime.min.replace(tzinfo=UTC), 0),
        ("9999-12-31T23:59:59.999999Z", datetime.max.replace(tzinfo=UTC), 6),
    ],
)
def test_every_spelling_is_read(text: str, moment: datetime, digits: int) -> None:
    assert times.parse(text) == (moment, digits)
    assert times.parse(text)[0].utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2023-01-01",
        "2023-01-01T00:00:00",
        "2023-01-01T00:00Z",
        "2023-1-1T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "2023-01-01T25:00:00Z",
        "2023-01-01T00:61:00Z",
        "2023-01-01T00:00:00.Z",
        "2023-01-01T00:00:00.1234567890Z",
        "2023-01-01T00:00:00+25:00",
        "2023-01-01T00:00:00Z\n",
        "2023-01-01T00:00:00Zjunk",
        "٢٠٢٣-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",  # before the year 1
        "1672531200",
        "now",
    ],
)
def test_anything_else_is_refused_with_the_text(text: str) -> None:
    with pytest.raises(ValueError, match="not a") as caught:
        times.parse(text)
    assert repr(text) in str(caught.value)


aware = st.datetimes(
    min_value=datetime(2, 1, 1),  # noqa: DTZ001 (hypothesis takes naive bounds)
    max_value=datetime(9998, 1, 1),  # noqa: DTZ001
    timezones=st.integers(-23 * 60, 23 * 60).map(lambda m: timezone(timedelta(minutes=m))),
)


@given(aware)
def test_what_is_written_is_read_back(moment: datetime) -> None:
    assert times.parse(times.write(moment)) == (moment, 6)


@given(aware)
def test_what_python_writes_is_read(moment: datetime) -> None:
    parsed, digits = times.parse(moment.isoformat())
    assert parsed == moment
    assert digits == (6 if moment.microsecond else 0)


@given(aware)
def test_micros_are_exact(moment: datetime) -> None:
    micros = times.to_micros(moment)
    assert times.from_micros(micros) == moment
    assert times.to_micros(moment + timedelta(microseconds=1)) == micros + 1


def test_a_naive_moment_is_utc() -> None:
    naive = datetime(2023, 1, 1)  # noqa: DTZ001
    assert times.aware(naive) == NEW_YEAR
    assert times.write(naive) == "2023-01-01T00:00:00.000000+00:00"
    assert times.to_micros(naive) == 1_672_531_200_000_000
