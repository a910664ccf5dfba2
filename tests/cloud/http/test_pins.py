"""Where next pages start."""

from __future__ import annotations

from moonsense.cloud.pins import Pins
from moonsense.contract.paging import Key


def test_a_pin_is_found_until_it_is_too_old() -> None:
    now = 0.0
    pins = Pins(10, clock=lambda: now)
    pins.served("listing", 1, Key(5, "a"))

    assert pins.after("listing", 2) == Key(5, "a")
    assert pins.after("listing", 3) is None
    assert pins.after("another", 2) is None
    now = 10.0
    assert pins.after("listing", 2) is None


def test_a_last_page_takes_away_what_was_behind_it() -> None:
    pins = Pins(10)
    pins.served("listing", 1, Key(5, "a"))
    assert pins.after("listing", 2) == Key(5, "a")

    pins.served("listing", 1, None)

    assert pins.after("listing", 2) is None
    assert len(pins) == 0


def test_of_two_walks_at_once_neither_misses_anything() -> None:
    pins = Pins(10)
    pins.served("listing", 1, Key(50, "a"))  # one walk
    pins.served("listing", 1, Key(40, "a"))  # another, after some were deleted
    assert [pins.after("listing", 2), pins.after("listing", 2)] == [Key(50, "a")] * 2
    pins.served("listing", 2, Key(30, "a"))
    pins.served("listing", 2, Key(30, "b"))  # and some arrived
    assert pins.after("listing", 3) == Key(30, "b")
    pins.served("listing", 3, Key(20, "a"))
    pins.served("listing", 3, None)  # the other is at its end already
    assert pins.after("listing", 4) == Key(20, "a")


def test_a_walk_after_another_goes_by_its_own_places() -> None:
    now = 0.0
    pins = Pins(10, clock=lambda: now)
    pins.served("listing", 1, Key(50, "a"))
    assert pins.after("listing", 2) == Key(50, "a")
    pins.served("listing", 1, Key(40, "a"))
    assert pins.after("listing", 2) == Key(40, "a")
    pins.served("listing", 1, Key(30, "a"))  # given up here
    now = 10.0
    pins.served("listing", 1, Key(20, "a"))
    assert pins.after("listing", 2) == Key(20, "a")


def test_the_oldest_go_when_there_are_too_many() -> None:
    pins = Pins(10, most=3)
    for page in (1, 2, 3):
        pins.served("listing", page, Key(page, "a"))
    pins.served("listing", 1, Key(9, "z"))  # served again, so it is not the oldest any more

    pins.served("listing", 4, Key(4, "a"))

    assert len(pins) == 3
    assert pins.after("listing", 2) == Key(9, "z")
    assert pins.after("listing", 3) is None
