"""How a hand moves a pointer and strikes keys: paths and times."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

from moonsense.simulator.noise import log_normal

FRAME = 1000 / 60
"""Milliseconds between two pointer events at most: browsers give one a frame."""

Point = tuple[float, float]


def reach(rng: random.Random, start: Point, end: Point, width: float) -> list[tuple[float, float, float]]:
    """The way of a hand from a point to another: milliseconds, x and y of each frame.

    Speed follows the minimum-jerk profile (Flash and Hogan 1985), the time
    Fitts's law for a target ``width`` pixels wide; the path bows to one side,
    the hand trembles, and a long reach may overshoot and come back.
    """
    distance = math.dist(start, end)
    if distance < 1:
        return []
    if distance > 250 and rng.random() < 0.35:
        beyond = 1 + rng.uniform(0.02, 0.06)
        over = (start[0] + (end[0] - start[0]) * beyond, start[1] + (end[1] - start[1]) * beyond)
        there = _stroke(rng, start, over, width)
        pause = there[-1][0] + rng.uniform(40, 110)
        back = _stroke(rng, over, end, width)
        return there + [(pause + at, x, y) for at, x, y in back]
    return _stroke(rng, start, end, width)


def _stroke(rng: random.Random, start: Point, end: Point, width: float) -> list[tuple[float, float, float]]:
    distance = math.dist(start, end)
    difficulty = math.log2(distance / width + 1)
    duration = (130 + 140 * difficulty) * log_normal(rng, 1.0, 0.15)
    bow = distance * rng.gauss(0, 0.07)
    across = (-(end[1] - start[1]) / distance, (end[0] - start[0]) / distance)
    path = []
    at = rng.uniform(0.5, 1.0) * FRAME
    while at < duration:
        part = at / duration
        done = part**3 * (10 - 15 * part + 6 * part * part)
        aside = 4 * bow * done * (1 - done) + rng.gauss(0, 0.3)
        path.append(
            (
                at,
                start[0] + (end[0] - start[0]) * done + across[0] * aside,
                start[1] + (end[1] - start[1]) * done + across[1] * aside,
            )
        )
        # Now and then a frame is late: the page is busy.
        at += FRAME * (2 if rng.random() < 0.03 else 1) + rng.gauss(0, 1.2)
    path.append((max(at, duration), end[0], end[1]))
    return path


def tremble(rng: random.Random, point: Point, millis: float) -> Iterator[tuple[float, float, float]]:
    """A hand that rests on the mouse: small moves at long, uneven times."""
    at = log_normal(rng, 70, 0.8)
    x, y = point
    while at < millis:
        x += rng.gauss(0, 0.7)
        y += rng.gauss(0, 0.7)
        yield at, x, y
        at += max(FRAME, log_normal(rng, 90, 0.9))


@dataclass(frozen=True)
class Stroke:
    """One key goes down and up, in milliseconds; the text of the field once it is down."""

    key: str
    down: float
    up: float
    shift: bool
    text: str


@dataclass(frozen=True)
class Typist:
    """How someone types: typical milliseconds a key is held and between two keys, and slips a key."""

    dwell: float
    flight: float
    slips: float


def draw_typist(rng: random.Random) -> Typist:
    """A person between hunting and touch typing."""
    return Typist(dwell=rng.uniform(80, 110), flight=rng.uniform(140, 230), slips=rng.uniform(0.02, 0.05))


def type_text(rng: random.Random, typist: Typist, text: str) -> list[Stroke]:
    """The strokes of a text, with slips and their repair; times from the first key on.

    Dwell and flight are log-normal. A quick typist presses a key before the
    one before is up, so strokes may overlap.
    """
    strokes: list[Stroke] = []
    at = 0.0
    written = ""

    def strike(key: str, now: str) -> None:
        held = log_normal(rng, typist.dwell, 0.25)
        shift = len(key) == 1 and (key.isupper() or key in "@")
        strokes.append(Stroke(key, at, at + held, shift, now))

    for character in text:
        if rng.random() < typist.slips:
            wrong = _neighbour(rng, character)
            strike(wrong, written + wrong)
            at += log_normal(rng, 2.2 * typist.flight, 0.3)  # until it is noticed
            strike("Backspace", written)
            at += log_normal(rng, 1.3 * typist.flight, 0.3)
        written += character
        strike(character, written)
        at += log_normal(rng, typist.flight, 0.38)
        if character in " .@" or rng.random() < 0.03:
            at += log_normal(rng, 1.5 * typist.flight, 0.5)
    return strokes


_ROWS = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm")


def _neighbour(rng: random.Random, character: str) -> str:
    """The key beside a character's own."""
    for row in _ROWS:
        place = row.find(character.lower())
        if place >= 0:
            beside = (
                row[place + 1]
                if place == 0 or (place + 1 < len(row) and rng.random() < 0.5)
                else row[place - 1]
            )
            return beside.upper() if character.isupper() else beside
    return "x"
