"""A bot that fills in the same checkout form as a person."""

from __future__ import annotations

import random
from datetime import datetime

from moonsense.models.data_plane_v2_sdk_pb2 import Session, SessionLabel
from moonsense.simulator.browser import Browser
from moonsense.simulator.devices import BOT_DESKTOP, page_config, page_metadata
from moonsense.simulator.page import Element, checkout_page, draw_answers
from moonsense.simulator.session import SimulatedSession, random_id, wall_start

MOVE_STEPS, MOVE_MILLIS = 4, 10
"""A move is so many jumps on a straight line, so far apart."""

DWELL_MILLIS, FLIGHT_MILLIS = 8, 40
"""How long every key is held, and from one key to the next."""

_PAUSE_MILLIS = 100


def checkout_bot(seed: int, *, start: datetime | None = None) -> SimulatedSession:
    """An automated browser fills in the checkout form, in a few seconds.

    The pointer jumps along straight lines to the very middle of each field in
    constant steps, its events marked as synthesized; every key is held and
    follows the one before after the same time; no slip, no Tab, no wheel, no
    Shift before a capital. The times and masks are as those of ``checkout_person``.

    Args:
        seed: the same one gives the same session.
        start: the wall clock when the page opens; naive means UTC. Without it the seed decides.
    """
    rng = random.Random(f"checkout bot {seed}")  # noqa: S311 - a simulation, no secret
    begin = wall_start(rng, start)
    session = Session(
        metadata=page_metadata(rng, BOT_DESKTOP),
        config=page_config(),
        labels=[SessionLabel(name="bot"), SessionLabel(name="checkout")],
        journey_id=random_id(rng),
    )
    browser = Browser(rng, BOT_DESKTOP, checkout_page(rng, BOT_DESKTOP.width), automated=True)
    _check_out(browser, draw_answers(rng))
    cut = rng.getrandbits(64)
    return SimulatedSession(session, lambda: browser.tape.bundles(random.Random(cut), begin))  # noqa: S311


def _check_out(browser: Browser, answers: dict[str, str]) -> None:
    now = 200
    browser.open(now)
    for field in browser.page.fields:
        now = _click(browser, field, now + _PAUSE_MILLIS)
        text = ""
        for character in answers[field.name]:
            text += character
            browser.key(now, character, down=True)
            browser.write(now, text)
            browser.key(now + DWELL_MILLIS, character, down=False)
            now += FLIGHT_MILLIS
    now = _click(browser, browser.page.submit, now + _PAUSE_MILLIS)
    browser.submit(now)
    browser.close(now + _PAUSE_MILLIS)


def _click(browser: Browser, element: Element, now: int) -> int:
    """Brings an element into the window, jumps to its middle and clicks; the time afterwards."""
    x, y = element.centre
    if not 0 <= y - browser.scrolled < browser.desktop.height:
        browser.scroll(now, round(y - browser.desktop.height / 2))
    y -= browser.scrolled
    from_x, from_y = browser.pointer
    for step in range(1, MOVE_STEPS + 1):
        now += MOVE_MILLIS
        part = step / MOVE_STEPS
        browser.move(now, from_x + (x - from_x) * part, from_y + (y - from_y) * part)
    browser.press(now + MOVE_MILLIS)
    browser.release(now + 2 * MOVE_MILLIS)
    return now + 3 * MOVE_MILLIS
