"""The sets of bundle indexes that chunks remember."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from moonsense.cloud.catalog.log import Ranges

indexes = st.lists(st.integers(min_value=-3, max_value=60))


@given(indexes, indexes)
def test_ranges_are_a_set_of_positive_numbers(first: list[int], second: list[int]) -> None:
    ranges = Ranges(first)
    ranges.update(Ranges(second))
    expected = {number for number in [*first, *second] if number > 0}
    assert {number for number in range(-5, 70) if number in ranges} == expected


@given(indexes)
def test_ranges_survive_being_written(numbers: list[int]) -> None:
    text = str(Ranges(numbers))
    again = Ranges.parse(text)
    assert str(again) == text
    assert all((number in again) == (number in set(numbers)) for number in range(1, 70))


def test_a_gapless_recording_is_one_range() -> None:
    assert str(Ranges(range(1, 501))) == "1-500"
    assert str(Ranges([7, 1, 2, 3, 9, 8])) == "1-3,7-9"
    assert str(Ranges([0, 0])) == ""
