"""Keys: presses find their releases, and the bars are the holds."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.axes import Axes
from support.pictures import START, bundle, key, legend_of, moments, panel, rendered, texts

from moonsense import frames
from moonsense.frames._plot.holds import holds
from moonsense.frames._plot.rows import Rows
from moonsense.models import KeyPress
from moonsense.simulator import checkout_bot, checkout_person

Shown = tuple[float, float | None, bool]


def found(*presses: KeyPress) -> list[Shown]:
    """Each hold: when, how long in milliseconds, whether of a special key."""
    rows = Rows.of(frames.read([bundle(key_press_data=presses)], "key_press"))
    zero = np.datetime64(START, "ms")
    milli = np.timedelta64(1, "ms")
    return [
        ((hold.at - zero) / milli, None if hold.dwell is None else hold.dwell / milli, hold.special)
        for hold in holds(rows)
    ]


class TestHolds:
    def test_are_from_press_to_release(self) -> None:
        assert found(key(0, True, 5), key(80, False, 5), key(100, True, 6), key(250, False, 6)) == [
            (0, 80, False),
            (100, 150, False),
        ]

    def test_may_overlap(self) -> None:
        assert found(key(0, True, 5), key(40, True, 6), key(60, False, 5), key(90, False, 6)) == [
            (0, 60, False),
            (40, 50, False),
        ]

    def test_of_special_keys_are_told_apart(self) -> None:
        assert found(key(0, True, special="Tab"), key(70, False, special="Tab")) == [(0, 70, True)]

    def test_that_repeat_are_one(self) -> None:
        downs = [key(at, True, 5) for at in (0, 500, 530, 560, 590)]
        assert found(*downs, key(610, False, 5)) == [(0, 610, False)]

    def test_whose_release_was_missed_end_with_the_next_press(self) -> None:
        presses = [key(0, True, 5), key(9000, True, 5), key(9080, False, 5)]
        assert found(*presses) == [(0, None, False), (9000, 80, False)]

    def test_with_one_end_are_kept_without_a_length(self) -> None:
        assert found(key(0, False, 5), key(100, True, 6)) == [(0, None, False), (100, None, False)]

    def test_go_on_when_shift_is_released_first(self) -> None:
        """A capital goes down, its small letter comes up."""
        assert found(
            key(0, True, special="Shift", shift=True),
            key(50, True, 65, shift=True),
            key(110, False, special="Shift"),
            key(130, False, 97),
        ) == [(0, 110, True), (50, 80, False)]

    def test_are_not_guessed_among_several(self) -> None:
        presses = [key(0, True, 65, shift=True), key(10, True, 66, shift=True), key(90, False, 97)]
        assert found(*presses) == [(0, None, False), (10, None, False), (90, None, False)]

    @pytest.mark.parametrize("simulated", [checkout_person(2), checkout_bot(2)], ids=["person", "bot"])
    def test_of_a_simulated_session_are_nearly_all_whole(self, simulated) -> None:
        rows = Rows.of(frames.read(simulated.bundles(), "key_press"))
        held = holds(rows)
        whole = [hold for hold in held if hold.dwell is not None]
        assert len(whole) > 50
        assert len(whole) >= 0.97 * len(held)


def drawn(*presses: KeyPress) -> Axes:
    figure = frames.plot([bundle(key_press_data=presses)])
    assert rendered(figure)
    return panel(figure, "key press")


def bars(ax: Axes, label: str) -> list[tuple[float, float, float]]:
    """Begin, end and height of each bar."""
    (collection,) = (one for one in ax.collections if one.get_label() == label)
    ends = []
    for path in collection.get_paths():
        (left, low), (right, high) = path.vertices.min(axis=0), path.vertices.max(axis=0)
        assert low == 0
        ends.append((*moments([left, right]), round(float(high), 3)))
    return ends


class TestBars:
    def test_are_as_wide_and_as_high_as_the_holds(self) -> None:
        ax = drawn(
            key(0, True, 5), key(80, False, 5),
            key(200, True, special="Tab"), key(320, False, special="Tab"),
        )  # fmt: skip
        assert bars(ax, "character") == [(0, 80, 80)]
        assert bars(ax, "special key") == [(200, 320, 120)]
        assert legend_of(ax) == ["special key", "character"]
        assert ax.get_ylabel() == "held [ms]"
        assert ax.get_ylim() == (0, pytest.approx(1.06 * 120))

    def test_that_are_very_long_are_cut_and_say_how_long(self) -> None:
        usual = [press for at in range(0, 2000, 100) for press in (key(at, True, 5), key(at + 50, False, 5))]
        ax = drawn(*usual, key(2100, True, special="ArrowDown"), key(5700, False, special="ArrowDown"))
        assert ax.get_ylim()[1] == pytest.approx(1.06 * 50)
        assert [text.get_text() for text in ax.texts] == ["▲ 3.6 s"]
        assert bars(ax, "special key") == [(2100, 5700, 3600)]

    def test_are_crosses_where_a_release_is_missing(self) -> None:
        ax = drawn(key(0, True, 5))
        assert legend_of(ax) == ["release or press not seen"]
        (crosses,) = ax.lines
        assert moments(crosses.get_xdata(orig=False)) == [0]
        assert not ax.collections

    def test_of_nothing(self) -> None:
        assert "nothing was recorded" in texts(frames.plot([bundle()]))
