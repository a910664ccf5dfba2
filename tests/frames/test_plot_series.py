"""Readings over time: the lines are the readings, broken at gaps, thinned without losing a peak."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from support.pictures import START, bundle, legend_of, moments, panel, rendered, texts

from moonsense import frames
from moonsense.frames._plot.thinning import BINS, thinned
from moonsense.models import Bundle
from moonsense.simulator import walking_phone


def readings(*millis: int, **values: float) -> list[dict[str, float]]:
    return [{"determined_at": START + at, "x": number, **values} for number, at in enumerate(millis)]


def drawn(one: Bundle, name: str = "accelerometer") -> Axes:
    figure = frames.plot([one], name)
    assert rendered(figure)
    return panel(figure, name.replace("_", " "))


def line(ax: Axes, number: int = 0) -> tuple[list[float], list[float]]:
    """The times after ``START`` and the values of a line."""
    times, values = ax.lines[number].get_data(orig=False)
    return moments(times), [None if np.isnan(value) else float(value) for value in values]


class TestLines:
    def test_are_the_readings(self) -> None:
        bundles = list(walking_phone(seed=1, duration=5).bundles())
        ax = panel(frames.plot(bundles), "gyroscope")
        table = frames.read(bundles, "gyroscope").arrow
        for shown, column in zip(ax.lines, ("x", "y", "z"), strict=True):
            assert shown.get_label() == column
            np.testing.assert_array_equal(shown.get_ydata(), table[column].to_numpy())
            at = [moment.timestamp() * 1000 - START for moment in table["at"].to_pylist()]
            np.testing.assert_allclose(moments(shown.get_xdata(orig=False)), at, atol=0.01)
        assert legend_of(ax) == ["x", "y", "z"]

    def test_are_in_the_order_of_time(self) -> None:
        one = bundle(accelerometer_data=readings(20, 0, 10))
        assert line(drawn(one)) == ([0, 10, 20], [1, 2, 0])

    @pytest.mark.parametrize(
        ("field", "sensor", "unit"),
        [
            ("accelerometer_data", "accelerometer", "G"),
            ("gyroscope_data", "gyroscope", "rad/s"),
            ("magnetometer_data", "magnetometer", "µT"),
            ("temperature_data", "temperature", "°C"),
            ("pressure_data", "pressure", "mbar"),
        ],
    )
    def test_have_the_unit_of_the_table(self, field: str, sensor: str, unit: str) -> None:
        assert drawn(bundle(**{field: [{"determined_at": START}]}), sensor).get_ylabel() == unit

    def test_without_a_unit_have_the_name_of_what_is_counted(self) -> None:
        one = bundle(steps_data=[{"count": 3, "from": START, "to": START + 1000}])
        assert drawn(one, "steps").get_ylabel() == "count"

    def test_have_colours_that_differ_without_hue(self) -> None:
        ax = drawn(bundle(accelerometer_data=readings(0, 10)))
        weights = np.array([0.2126, 0.7152, 0.0722])
        from matplotlib.colors import to_rgb

        light = sorted(float(np.array(to_rgb(shown.get_color())) ** 2.2 @ weights) for shown in ax.lines)
        assert min(np.diff(light)) > 0.08


class TestGaps:
    def test_break_the_line(self) -> None:
        one = bundle(accelerometer_data=readings(0, 10, 20, 30, 90, 100))
        assert line(drawn(one)) == ([0, 10, 20, 30, 30, 90, 100], [0, 1, 2, 3, None, 4, 5])

    def test_are_longer_than_five_times_the_usual(self) -> None:
        one = bundle(accelerometer_data=readings(0, 10, 20, 30, 80, 90))
        assert None not in line(drawn(one))[1]

    def test_of_a_resampled_table_break_it_too(self) -> None:
        one = bundle(gyroscope_data=readings(0, 10, 20, 30, 90, 100))
        figure = frames.plot(frames.resample(frames.read([one], "gyroscope"), 100))
        _, values = line(panel(figure, "gyroscope"))
        assert values[:4] == [0, 1, 2, 3]
        assert values[-2:] == [4, 5]
        assert set(values[4:-2]) == {None}

    def test_around_one_reading_leave_a_dot(self) -> None:
        many = [*range(0, 400, 10), 1000, *range(2000, 2400, 10)]
        ax = drawn(bundle(accelerometer_data=readings(*many)))
        dots = [shown for shown in ax.lines if shown.get_marker() == "."]
        assert moments(dots[0].get_xdata(orig=False)) == [1000]

    def test_few_readings_are_marked(self) -> None:
        ax = drawn(bundle(accelerometer_data=readings(0, 10)))
        assert ax.lines[0].get_marker() == "o"


class TestStill:
    def test_is_said_in_numbers(self) -> None:
        one = bundle(orientation_data=[{"determined_at": START + at} for at in (0, 10)])
        ax = drawn(one, "orientation")
        assert ax.get_title(loc="right") == "stays at 0 rad"
        assert ax.get_legend() is None
        assert ax.get_ylim() == (-1, 1)

    def test_with_different_numbers_shows_them_all(self) -> None:
        one = bundle(accelerometer_data=[{"determined_at": START, "x": 1, "y": -2.5, "z": 30}])
        ax = drawn(one)
        assert ax.get_title(loc="right") == "stays at x 1, y -2.5, z 30 G"
        low, high = ax.get_ylim()
        assert low < -2.5 < 30 < high

    def test_takes_less_room(self) -> None:
        bundles = list(walking_phone(seed=1, duration=12).bundles())
        figure = frames.plot(bundles, ["accelerometer", "battery"])
        rendered(figure)
        moving, still = (panel(figure, name).get_position().height for name in ("accelerometer", "battery"))
        assert still < 0.6 * moving


class TestThinning:
    @given(
        values=st.lists(st.one_of(st.floats(-1e9, 1e9), st.just(float("nan"))), min_size=1, max_size=300),
        bins=st.integers(1, 20),
        data=st.data(),
    )
    def test_keeps_the_ends_and_extremes_of_each_part(
        self, values: list[float], bins: int, data: st.DataObject
    ) -> None:
        steps = data.draw(st.lists(st.integers(0, 9), min_size=len(values), max_size=len(values)))
        ticks = np.cumsum(steps)
        at = ticks.astype("datetime64[us]")
        array = np.array(values)
        kept = thinned(at, array, bins)
        assert np.all(np.diff(kept) > 0)
        if len(values) <= 4 * bins:
            assert len(kept) == len(values)
            return
        assert {0, len(values) - 1} <= set(kept)
        assert len(kept) <= 4 * bins + int(np.isnan(array).sum())
        assert set(np.flatnonzero(np.isnan(array))) <= set(kept), "a gap is not closed"
        span = max(ticks[-1] - ticks[0], 1)
        parts = np.minimum((ticks - ticks[0]) * bins // span, bins - 1)
        for part in set(parts):
            whole = array[parts == part]
            left = array[[number for number in kept if parts[number] == part]]
            for extreme in (np.fmin, np.fmax):
                assert np.array_equal(extreme.reduce(whole), extreme.reduce(left), equal_nan=True)

    def test_of_a_long_session_loses_no_peak(self) -> None:
        count = 40 * BINS
        values = np.sin(np.arange(count) / 50)
        values[31_415] = 7.5
        data = [{"determined_at": START + 10 * number, "x": x} for number, x in enumerate(values)]
        figure = frames.plot([bundle(accelerometer_data=data)], "accelerometer")
        x, y, _ = panel(figure, "accelerometer").lines
        assert len(x.get_ydata()) <= 4 * BINS
        assert x.get_ydata().max() == 7.5
        peak = moments([x.get_xdata(orig=False)[np.argmax(x.get_ydata())]])
        assert peak == [314_150]
        assert len(y.get_ydata()) <= 4 * BINS
        assert not texts(figure).strip()
