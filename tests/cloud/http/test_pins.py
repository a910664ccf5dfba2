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

    pins.served("listing", 1, None)

    assert pins.after("listing", 2) is None
    assert len(pins) == 0


def test_the_oldest_go_when_there_are_too_many() -> None:
    pins = Pins(10, most=3)
    for page in (1, 2, 3):
        pins.served("listing", page, Key(page, "a"))
    pins.served("listing", 1, Key(9, "z"))  # served again, so it is not the oldest any more

    pins.served("listing", 4, Key(4, "a"))

    assert len(pins) == 3
    assert pins.after("listing", 2) == Key(9, "z")
    assert pins.after("listing", 3) is None
