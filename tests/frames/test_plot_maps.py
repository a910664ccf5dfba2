"""The pointer's way and the track: speeds, pauses, clicks, scale, metres."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from support.pictures import START, bundle, legend_of, panel, pointer, rendered, texts, titles

from moonsense import frames
from moonsense.frames._plot.rows import Rows
from moonsense.frames._plot.track import metres
from moonsense.frames._plot.way import Way, placed, way_of
from moonsense.models import Bundle, Pointer
from moonsense.simulator import checkout_person, walking_phone


def way(*events: Pointer) -> Way:
    rows = placed(Rows.of(frames.read([bundle(pointer_data=events)], "pointer")))
    assert rows is not None
    return way_of(rows)


TOUCH = {"type": Pointer.TOUCH, "viewport_boundary_status": 0}


class TestWay:
    def test_has_the_speed_of_each_piece(self) -> None:
        found = way(pointer(0, 0, 0), pointer(100, 30, 40), pointer(300, 30, 40))
        assert found.moved.tolist() == [[[0, 0], [30, 40]], [[30, 40], [30, 40]]]
        assert found.speed.tolist() == pytest.approx([500, 0])
        assert not len(found.rested)

    def test_over_a_pause_has_none(self) -> None:
        found = way(pointer(0, 0, 0), pointer(501, 30, 40))
        assert not len(found.moved)
        assert found.rested.tolist() == [[[0, 0], [30, 40]]]

    def test_of_one_moment_has_none(self) -> None:
        found = way(pointer(0, 0, 0), pointer(0, 30, 40))
        assert not len(found.speed)
        assert len(found.rested) == 1

    def test_ends_where_a_finger_is_lifted(self) -> None:
        found = way(*(pointer(at, at, 0, **TOUCH) for at in (0, 16, 32, 900, 916)))
        assert len(found.moved) == 3
        assert not len(found.rested)

    def test_of_two_fingers_are_two(self) -> None:
        events = [
            pointer(at, at + 100 * device, 0, device=device, **TOUCH)
            for at in (0, 16, 32)
            for device in (1, 2)
        ]
        found = way(*events)
        assert len(found.moved) == 4
        assert found.speed.tolist() == pytest.approx([1000] * 4)

    def test_is_not_joined_outside_of_the_window(self) -> None:
        inside, left, came = (Pointer.IN_VIEWPORT, Pointer.LEAVE_VIEWPORT, Pointer.ENTER_VIEWPORT)
        found = way(
            pointer(0, 0, 0, viewport_boundary_status=inside),
            pointer(10, 0, 5, viewport_boundary_status=left),
            pointer(20, 500, 5, viewport_boundary_status=came),
            pointer(30, 500, 9, viewport_boundary_status=inside),
        )
        assert found.moved.tolist() == [[[0, 0], [0, 5]], [[500, 5], [500, 9]]]
        assert not len(found.rested)

    def test_leaves_out_what_has_no_place(self) -> None:
        nowhere = Pointer(determined_at=START + 10, type=Pointer.MOUSE)
        found = way(pointer(0, 0, 0), nowhere, pointer(20, 12, 16))
        assert found.moved.tolist() == [[[0, 0], [12, 16]]]
        assert found.speed.tolist() == pytest.approx([1000])


def of_page() -> Figure:
    figure = frames.plot(checkout_person(1).bundles(), "pointer")
    assert rendered(figure)
    return figure


class TestPointer:
    def test_is_drawn_as_on_the_screen(self) -> None:
        ax = panel(of_page(), "pointer")
        assert ax.get_aspect() == 1
        assert ax.yaxis_inverted()
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("x [px]", "y [px]")
        box = ax.get_window_extent()
        (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
        assert box.width / (right - left) == pytest.approx(box.height / (bottom - top))

    def test_has_its_speed_as_colour(self) -> None:
        figure = of_page()
        ax = panel(figure, "pointer")
        coloured = next(one for one in ax.collections if one.get_array() is not None)
        expected = way_of(Rows.of(frames.read(checkout_person(1).bundles(), "pointer")))
        np.testing.assert_array_equal(coloured.get_array(), expected.speed)
        np.testing.assert_array_equal(np.array(coloured.get_segments()), expected.moved)
        low, high = coloured.get_clim()
        assert low == 0
        assert 0.9 <= np.mean(expected.speed <= high) < 1
        assert any(axes.get_xlabel() == "speed [px/s]" for axes in figure.axes)

    def test_has_the_window_around_it(self) -> None:
        ax = panel(of_page(), "pointer")
        assert {(box.get_width(), box.get_height()) for box in ax.patches} == {(1536, 730)}

    def test_has_the_clicks(self) -> None:
        ax = panel(of_page(), "pointer")
        clicks = frames.read(checkout_person(1).bundles(), "click").to_polars()
        (rings,) = (line for line in ax.lines if line.get_label() == "click")
        assert rings.get_xdata().tolist() == clicks["position_dx"].to_list()
        assert legend_of(ax) == ["begin", "end", "click"]

    def test_of_clicks_alone(self) -> None:
        ax = panel(frames.plot(checkout_person(1).bundles(), "click"), "pointer")
        assert legend_of(ax) == ["click"]
        assert len(frames.plot(checkout_person(1).bundles(), "click").axes) == 1

    def test_without_the_clicks_of_keys(self) -> None:
        click = {"determined_at": START, "position": {"dx": 0, "dy": 0}}
        one = bundle(click_data=[click], pointer_data=[pointer(0, 5, 5)])
        assert legend_of(panel(frames.plot([one]), "pointer")) == ["begin"]

    def test_of_one_place_has_some_room_around_it(self) -> None:
        figure = frames.plot([bundle(pointer_data=[pointer(0, 5, 7)])], "pointer")
        rendered(figure)
        ax = panel(figure, "pointer")
        assert ax.get_xlim()[0] <= -15
        assert ax.get_ylim()[0] >= 27

    def test_without_any_place(self) -> None:
        figure = frames.plot([bundle(pointer_data=[Pointer(determined_at=START)])], "pointer")
        assert "no place" in texts(figure)
        assert rendered(figure)
        assert titles(figure) == ["pointer"]


class TestTrack:
    @staticmethod
    def drawn(*places: tuple[float, float], every: int = 1000, **fields: float) -> Axes:
        data = [
            {"determined_at": START + every * number, "latitude": latitude, "longitude": longitude, **fields}
            for number, (latitude, longitude) in enumerate(places)
        ]
        figure = frames.plot([bundle(location_data=data)], "location")
        assert rendered(figure)
        return panel(figure, "location")

    def test_is_in_one_scale(self) -> None:
        figure = frames.plot(walking_phone(1, 20).bundles(), "location")
        assert rendered(figure)
        ax = panel(figure, "location")
        box = ax.get_window_extent()
        (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
        assert ax.get_aspect() == 1
        assert box.width / (right - left) == pytest.approx(box.height / (top - bottom))

    def test_is_in_metres_from_its_first_place(self) -> None:
        ax = self.drawn((60, 10), (60.001, 10.001))
        track = ax.lines[0]
        # A minute of latitude is a nautical mile; at 60 degrees one of longitude is half as long.
        assert track.get_ydata() == pytest.approx([0, 0.06 * 1852], rel=0.002)
        assert track.get_xdata() == pytest.approx([0, 0.03 * 1852], rel=0.002)
        assert ax.get_xlabel() == "east [m] of 60.00000°, 10.00000°"
        assert ax.get_ylabel() == "north [m]"
        assert legend_of(ax) == ["begin", "end"]

    def test_crosses_the_date_line_the_short_way(self) -> None:
        east, _ = metres(np.array([0.0, 0.0, 0.0]), np.array([179.9999, -179.9999, 179.9998]))
        assert east == pytest.approx([0, 22.24, -11.12], abs=0.01)

    def test_leaves_out_places_that_were_not_determined(self) -> None:
        assert len(self.drawn((52, 13), (0, 0), (52.0001, 13)).lines[0].get_xdata()) == 2

    def test_is_broken_at_gaps(self) -> None:
        data = [
            {"determined_at": START + 1000 * second, "latitude": 52 + second / 1e5, "longitude": 13.0}
            for second in (0, 1, 2, 3, 30, 31)
        ]
        ax = panel(frames.plot([bundle(location_data=data)], "location"), "location")
        assert np.flatnonzero(np.isnan(ax.lines[0].get_ydata())).tolist() == [4]
        (bridges,) = ax.collections
        assert len(bridges.get_segments()) == 1

    def test_has_its_accuracy_around_it(self) -> None:
        ax = self.drawn((52, 13), (52.0001, 13), horizontal_accuracy=8)
        assert legend_of(ax) == ["accuracy", "begin", "end"]

    def test_of_one_place(self) -> None:
        ax = self.drawn((52, 13))
        assert legend_of(ax) == ["begin"]
        assert ax.get_xlim()[0] <= -10

    def test_of_none(self) -> None:
        assert [text.get_text() for text in self.drawn((0, 0)).texts] == ["no place was determined"]


def test_both_maps_of_one_session() -> None:
    one = Bundle()
    one.CopyFrom(
        bundle(pointer_data=[pointer(0, 1, 1)], location_data=[{"determined_at": START, "latitude": 1}])
    )
    figure = frames.plot([one])
    assert rendered(figure)
    assert panel(figure, "pointer").get_position().y0 > panel(figure, "location").get_position().y1
