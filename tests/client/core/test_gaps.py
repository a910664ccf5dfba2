"""Indices as runs: held against a plain list of them."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from moonsense.client._core.gaps import Indices


def of(numbers: list[int]) -> Indices:
    indices = Indices()
    for number in numbers:
        indices.add(number)
    return indices


@given(st.lists(st.integers(-2, 25)))
def test_what_is_found_is_what_a_list_shows(numbers: list[int]) -> None:
    indices = of(numbers)
    seen = [number for number in numbers if number > 0]
    missing = {n for first, last in indices.gaps for n in range(first, last + 1)}
    assert missing == set(range(min(seen, default=0), max(seen, default=0))) - set(seen)
    assert all(first <= last for first, last in indices.gaps)
    assert list(indices.gaps) == sorted(indices.gaps)
    assert indices.repeats == {n: times - 1 for n, times in Counter(seen).items() if times > 1}
    assert indices.unnumbered == len(numbers) - len(seen)
    assert (indices.first, indices.last) == (min(seen, default=None), max(seen, default=None))
    news = list(dict.fromkeys(seen))
    assert indices.out_of_order == sum(n < max(news[: i + 1]) for i, n in enumerate(news))


def test_a_session_without_gaps_is_one_run() -> None:
    indices = of([*range(5_000, 0, -1), *range(5_001, 10_000)])
    assert indices.gaps == ()
    assert len(indices._starts) == 1
