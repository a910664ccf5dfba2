"""A person who fills in a checkout form in a browser."""

from __future__ import annotations

import random
from datetime import datetime

from moonsense.models.bundle_v2_pb2 import InputChange
from moonsense.models.data_plane_v2_sdk_pb2 import Session, SessionLabel
from moonsense.simulator.browser import Browser
from moonsense.simulator.devices import DESKTOPS, page_config, page_metadata
from moonsense.simulator.hand import Typist, draw_typist, reach, tremble, type_text
from moonsense.simulator.noise import log_normal
from moonsense.simulator.page import Element, checkout_page, draw_answers
from moonsense.simulator.session import SimulatedSession, random_id, wall_start

_PASTED = "voucher"
"""The field whose text people copy from somewhere else."""


def checkout_person(seed: int, *, start: datetime | None = None) -> SimulatedSession:
    """Someone fills in a checkout form with mouse and keyboard, in about a minute or two.

    The pointer moves on curved paths and trembles at rest; keys are held and
    follow each other at log-normal times; there are slips with backspaces, one
    paste, wheel and scroll. Keys and texts are masked. ``determined_at`` is
    the page's timer in milliseconds, not the wall clock; a second in which
    nothing happens gives no bundle.

    Args:
        seed: the same one gives the same session.
        start: the wall clock when the page opens; naive means UTC. Without it the seed decides.
    """
    rng = random.Random(f"checkout person {seed}")  # noqa: S311 - a simulation, no secret
    desktop = DESKTOPS[seed % len(DESKTOPS)]
    begin = wall_start(rng, start)
    session = Session(
        metadata=page_metadata(rng, desktop),
        config=page_config(),
        labels=[SessionLabel(name="checkout"), SessionLabel(name="person")],
        journey_id=random_id(rng),
    )
    browser = Browser(rng, desktop, checkout_page(rng, desktop.width))
    _Person(rng, browser, draw_typist(rng)).check_out(draw_answers(rng))
    cut = rng.getrandbits(64)
    return SimulatedSession(session, lambda: browser.tape.bundles(random.Random(cut), begin))  # noqa: S311


class _Person:
    """Someone at the browser; ``now`` is where they are in time, in milliseconds of the page."""

    def __init__(self, rng: random.Random, browser: Browser, typist: Typist) -> None:
        self._rng = rng
        self._browser = browser
        self._typist = typist
        self._now = rng.uniform(150, 350)

    def check_out(self, answers: dict[str, str]) -> None:
        rng, browser = self._rng, self._browser
        browser.open(self._now)
        self._wait(500, 0.4)
        browser.enter(self._now, browser.desktop.width * rng.uniform(0.3, 0.7), 2.0)
        self._look_around()
        for field in browser.page.fields:
            self._go_to(field)
            if field.name == _PASTED:
                self._paste(answers[field.name])
            else:
                self._type(answers[field.name])
            self._wait(350, 0.5)
        self._scroll_to(browser.page.submit)
        self._point_at(browser.page.submit)
        self._click()
        browser.submit(self._now + 4)
        self._wait(900, 0.3)
        browser.leave(self._now)
        browser.close(self._now + 30)

    def _wait(self, median: float, sigma: float) -> None:
        self._now += log_normal(self._rng, median, sigma)

    def _look_around(self) -> None:
        """Reads the page with the pointer before the first field."""
        desktop = self._browser.desktop
        for _ in range(self._rng.randrange(2, 4)):
            self._move(
                (
                    desktop.width * self._rng.uniform(0.25, 0.75),
                    desktop.height * self._rng.uniform(0.15, 0.6),
                ),
                120,
            )
            self._rest(log_normal(self._rng, 700, 0.5))

    def _go_to(self, field: Element) -> None:
        """Gives a field the focus: with the Tab key from the field before, or with the mouse."""
        browser = self._browser
        if browser.focused is not None and self._rng.random() < 0.45:
            held = log_normal(self._rng, self._typist.dwell, 0.2)
            browser.key(self._now, "Tab", down=True)
            browser.focus(self._now + 5, field)
            browser.key(self._now + held, "Tab", down=False)
            self._now += held
            if self._top(field) + field.height > browser.desktop.height:
                # The browser brings a field that was out of sight to the middle.
                browser.scroll(self._now, round(field.centre[1] - browser.desktop.height / 2))
        else:
            self._scroll_to(field)
            self._point_at(field)
            self._click()
        self._wait(300, 0.4)

    def _top(self, element: Element) -> float:
        return element.y - self._browser.scrolled

    def _scroll_to(self, element: Element) -> None:
        """Turns the wheel until the element is well inside the window."""
        browser = self._browser
        while self._top(element) + element.height > 0.85 * browser.desktop.height:
            # One push of a finger: deltas that rise and die away.
            for part in (0.2, 0.7, 1.0, 0.8, 0.6, 0.4, 0.25, 0.12, 0.05):
                browser.wheel(self._now, max(1, round(part * self._rng.uniform(22, 36))))
                self._now += self._rng.uniform(14, 20)
            self._wait(180, 0.4)

    def _point_at(self, element: Element) -> None:
        """Moves to somewhere on an element: nobody hits the middle."""
        x = element.x + element.width * min(max(self._rng.gauss(0.4, 0.14), 0.05), 0.95)
        y = self._top(element) + element.height * min(max(self._rng.gauss(0.52, 0.13), 0.12), 0.88)
        self._move((x, y), element.height)
        self._rest(log_normal(self._rng, 160, 0.45))

    def _move(self, end: tuple[float, float], width: float) -> None:
        began = self._now
        for at, x, y in reach(self._rng, self._browser.pointer, end, width):
            self._now = began + at
            self._browser.move(self._now, x, y)

    def _rest(self, millis: float) -> None:
        """Stays with the hand on the mouse, which is never quite still."""
        for at, x, y in tremble(self._rng, self._browser.pointer, millis):
            self._browser.move(self._now + at, x, y)
        self._now += millis

    def _click(self) -> None:
        self._browser.press(self._now)
        self._wait(95, 0.22)
        self._browser.release(self._now)

    def _type(self, text: str) -> None:
        browser, began = self._browser, self._now
        for stroke in type_text(self._rng, self._typist, text):
            down, up = began + stroke.down, began + stroke.up
            if stroke.shift:
                browser.key(down - self._rng.uniform(40, 90), "Shift", down=True, shift=True)
            browser.key(down, stroke.key, down=True, shift=stroke.shift)
            browser.write(down + self._rng.uniform(2, 5), stroke.text)
            browser.key(up, stroke.key, down=False, shift=stroke.shift)
            if stroke.shift:
                browser.key(up + self._rng.uniform(5, 50), "Shift", down=False)
            self._now = max(self._now, up)

    def _paste(self, text: str) -> None:
        """Fetches the text elsewhere and puts it in with a shortcut."""
        browser, shortcut = self._browser, self._browser.desktop.shortcut
        self._wait(2500, 0.3)
        browser.key(self._now, shortcut, down=True, command=True)
        self._wait(110, 0.3)
        browser.key(self._now, "v", down=True, command=True)
        browser.write(self._now + 4, text, InputChange.PASTE)
        self._wait(self._typist.dwell, 0.25)
        browser.key(self._now, "v", down=False, command=True)
        self._wait(60, 0.4)
        browser.key(self._now, shortcut, down=False)
