"""Noise of sensors and bodies, as small generators of numbers."""

from __future__ import annotations

import math
import random


class Wander:
    """A value that strays from 0 and comes back: noise with a memory.

    A first-order autoregressive process of standard deviation ``spread``
    whose correlation falls to 1/e within ``memory`` seconds.
    """

    def __init__(self, rng: random.Random, spread: float, memory: float, step: float) -> None:
        """``step`` is the time between two calls, in seconds."""
        self._rng = rng
        self._keep = math.exp(-step / memory)
        self._fresh = spread * math.sqrt(1 - self._keep * self._keep)
        self.value = rng.gauss(0, spread)

    def next(self) -> float:
        """The value one step later."""
        self.value = self.value * self._keep + self._rng.gauss(0, self._fresh)
        return self.value


class Sway:
    """An angle that is pushed about and pulled back: something loose that is carried along.

    ``rate`` is a ``Wander``; ``angle`` is what it adds up to, less what the
    pull of ``return_time`` seconds takes back. Both belong together, as a
    gyroscope and gravity would see them.
    """

    def __init__(
        self, rng: random.Random, spread: float, memory: float, return_time: float, step: float
    ) -> None:
        """``spread`` is of the rate, in radians a second; the times are in seconds."""
        self._push = Wander(rng, spread, memory, step)
        self._pull = 1 / return_time
        self._step = step
        self.angle = 0.0
        self.rate = 0.0

    def next(self) -> None:
        """One step on."""
        self.rate = self._push.next() - self._pull * self.angle
        self.angle += self.rate * self._step


def to_step(value: float, step: float) -> float:
    """The value as a sensor of that resolution gives it."""
    return round(value / step) * step


def log_normal(rng: random.Random, median: float, sigma: float) -> float:
    """A positive duration: times between human actions are skewed to the long side."""
    return median * math.exp(rng.gauss(0, sigma))
