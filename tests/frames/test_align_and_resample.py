"""Several sensors in one table, and readings at equal distances in time."""

from __future__ import annotations

import math
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonsense import frames
from moonsense.models import Bundle, SealedBundle

START = 1_700_000_000_000


def walk(
    session_id: str,
    accelerometer: list[tuple[int, float]],
    gyroscope: list[tuple[int, float]] = (),  # type: ignore[assignment]
) -> SealedBundle:
    """Readings of x at milliseconds from the start."""
    one = SealedBundle(session_id=session_id, bundle=Bundle(index=1))
    for at, x in accelerometer:
        one.bundle.accelerometer_data.add(determined_at=START + at, x=x)
    for at, x in gyroscope:
        one.bundle.gyroscope_data.add(determined_at=START + at, x=x)
    return one


def tables(*bundles: SealedBundle) -> dict[str, frames.Frame]:
    return frames.read(bundles, ["accelerometer", "gyroscope", "activity"])


def column(frame: frames.Frame, name: str) -> list[object]:
    return frame.arrow[name].to_pylist()


class TestAlign:
    walk = tables(
        walk("a", [(0, 1), (20, 2), (40, 3)], [(4, 10), (29, 20)]), walk("b", [(0, 5)], [(400, 50)])
    )

    def test_the_nearest_reading_of_the_same_session(self) -> None:
        frame = frames.align(self.walk, on="accelerometer")
        assert column(frame, "accelerometer_x") == [1, 2, 3, 5]
        assert column(frame, "gyroscope_x") == [10, 20, 20, 50]
        assert column(frame, "session_id") == ["a", "a", "a", "b"]
        assert column(frame, "activity_type") == [None] * 4
        assert frame.units["gyroscope_x"] == "rad/s"

    def test_not_further_off_than_told(self) -> None:
        frame = frames.align(self.walk, on="accelerometer", tolerance=timedelta(milliseconds=10))
        assert column(frame, "gyroscope_x") == [10, 20, None, None]
        assert column(frame, "gyroscope_at")[2:] == [None, None]

    def test_not_later(self) -> None:
        frame = frames.align(self.walk, on="accelerometer", strategy="backward")
        assert column(frame, "gyroscope_x") == [None, 10, 20, None]

    def test_what_it_needs(self) -> None:
        with pytest.raises(ValueError, match="no table 'click' to align on; there are accelerometer"):
            frames.align(self.walk, on="click")
        bare = frames.read([walk("a", [(0, 1)])], ["accelerometer", "gyroscope"], columns=["x"])
        with pytest.raises(ValueError, match="the table has no column session_id and none at"):
            frames.align(bare, on="gyroscope")

    def test_empty_tables_give_the_same_columns(self) -> None:
        full = frames.align(self.walk, on="accelerometer")
        empty = frames.align(tables(), on="accelerometer")
        assert len(empty) == 0
        assert empty.arrow.schema == full.arrow.schema


class TestResample:
    def test_values_lie_on_the_line_between_readings(self) -> None:
        frame = frames.resample(tables(walk("a", [(0, 0), (30, 3), (60, 0)]))["accelerometer"], 100)
        assert column(frame, "x") == pytest.approx([0, 1, 2, 3, 2, 1, 0])
        assert column(frame, "gap") == [False] * 7
        assert frame.units == {"x": "G", "y": "G", "z": "G"}
        assert frame.sensor == "accelerometer"

    def test_gaps_are_marked_and_not_filled(self) -> None:
        readings = [(0, 1.0), (10, 1), (20, 1), (30, 1), (100, 1), (110, 1)]
        frame = frames.resample(tables(walk("a", readings))["accelerometer"], 100)
        assert column(frame, "gap") == [False] * 4 + [True] * 6 + [False] * 2
        assert column(frame, "x") == [1] * 4 + [None] * 6 + [1] * 2
        whole = frames.resample(
            tables(walk("a", readings))["accelerometer"], 100, max_gap=timedelta(seconds=1)
        )
        assert column(whole, "gap") == [False] * 12

    def test_texts_and_whole_numbers_stay_as_they_last_were(self) -> None:
        one = SealedBundle(session_id="a", bundle=Bundle(index=1))
        one.bundle.activity_data.add(determined_at=START, type="WALKING", confidence=40)
        one.bundle.activity_data.add(determined_at=START + 200, type="STILL", confidence=90)
        frame = frames.resample(frames.read([one], "activity"), 10)
        assert column(frame, "type") == ["WALKING", "WALKING", "STILL"]
        assert column(frame, "confidence") == [40, 40, 90]

    def test_sensors_share_their_moments_and_sessions_do_not_mix(self) -> None:
        read = tables(walk("b", [(3, 1), (33, 2)], [(8, 1), (40, 1)]), walk("a", [(1000, 7), (1021, 7)]))
        accelerometer = frames.resample(read["accelerometer"], 100)
        gyroscope = frames.resample(read["gyroscope"], 100)
        assert column(accelerometer, "session_id") == ["a", "a", "a", "b", "b", "b"]
        assert column(accelerometer, "at")[3:] == column(gyroscope, "at")[:3]
        assert column(accelerometer, "x")[:3] == [7, 7, 7]

    def test_readings_of_one_moment_and_without_one(self) -> None:
        one = walk("a", [(0, 1), (0, 2), (10, 2)])
        one.bundle.accelerometer_data.add(x=9)
        assert column(frames.resample(tables(one)["accelerometer"], 100), "x") == [2, 2]

    @pytest.mark.parametrize("hz", [0, -1, math.nan, math.inf])
    def test_rates_that_are_none(self, hz: float) -> None:
        with pytest.raises(ValueError, match="hz must be"):
            frames.resample(tables()["accelerometer"], hz)

    def test_a_clock_that_was_set_does_not_fill_the_memory(self) -> None:
        frame = tables(walk("late", [(0, 1), (10**12, 1)]))["accelerometer"]
        with pytest.raises(ValueError, match="session late is the longest"):
            frames.resample(frame, 50)

    def test_no_readings(self) -> None:
        empty = frames.resample(tables()["accelerometer"], 50)
        some = frames.resample(tables(walk("a", [(0, 1)]))["accelerometer"], 50)
        assert len(empty) == 0
        assert empty.arrow.schema == some.arrow.schema

    @given(
        st.lists(st.tuples(st.integers(1, 60_000), st.floats(-10, 10)), max_size=30),
        st.floats(0.1, 200),
    )
    def test_every_value_is_where_the_line_is(self, readings: list[tuple[int, float]], hz: float) -> None:
        one = walk("a", readings)
        frame = frames.resample(tables(one)["accelerometer"], hz, max_gap=timedelta(hours=1))
        line = dict(readings)  # the last reading of a moment counts
        times = sorted(line)
        for at, x in zip(column(frame, "at"), column(frame, "x"), strict=True):
            moment = at.timestamp() * 1000 - START  # type: ignore[attr-defined]
            assert times[0] - 0.01 <= moment <= times[-1] + 0.01
            before = max((time for time in times if time <= moment + 0.01), default=times[0])
            after = min((time for time in times if time >= moment - 0.01), default=times[-1])
            part = (moment - before) / (after - before) if after > before else 0
            assert x == pytest.approx(line[before] + (line[after] - line[before]) * part, abs=0.02)


def test_a_real_walk_at_fifty_hertz(phone_walk: dict[str, frames.Frame]) -> None:
    both = {name: frames.resample(table, 50) for name, table in phone_walk.items()}
    aligned = frames.align(both, on="accelerometer", tolerance=timedelta(0))
    assert len(aligned) == len(both["accelerometer"])
    assert 1_800 < len(aligned) < 1_900  # 37 seconds
    present = aligned.arrow["gyroscope_x"].null_count / len(aligned)
    assert present < 0.02  # it began a quarter of a second later
    strength = [
        math.sqrt(sum(row[f"accelerometer_{axis}"] ** 2 for axis in "xyz"))
        for row in aligned.arrow.to_pylist()
        if not row["accelerometer_gap"]
    ]
    assert sum(strength) / len(strength) == pytest.approx(1.0, abs=0.1)  # gravity


@pytest.fixture
def phone_walk() -> dict[str, frames.Frame]:
    """A real phone in the pocket of somebody who walks."""
    folder = Path(__file__).resolve().parents[3] / "shared" / "data" / "phone-walking" / "acquisition_1"
    if not folder.exists():
        pytest.skip(f"the recordings are not there: {folder}")
    one = SealedBundle(session_id="walk", bundle=Bundle(index=1))
    for name, field, unit in (
        ("Accelerometer", "accelerometer_data", 9.80665),
        ("Gyroscope", "gyroscope_data", 1),
    ):
        for line in (folder / f"{name}.txt").read_text().splitlines():
            nanos, *axes = [float(part) for part in line.split(",")[:4]]
            x, y, z = (value / unit for value in axes)
            getattr(one.bundle, field).add(determined_at=START + round(nanos / 1e6), x=x, y=y, z=z)
    return frames.read([one], ["accelerometer", "gyroscope"])
