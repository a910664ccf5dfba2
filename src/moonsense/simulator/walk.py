"""The motion of a phone that a walking person carries, as its sensors feel it.

The body bounces, surges and sways with the steps; the phone swings with the
leg or the hand, once in two steps. Gravity, the magnetic field and the rate of
rotation all follow from one orientation, so the sensors agree with each other.

Axes: the world is east, north, up; the phone x to the right, y to its top,
z out of the screen. The orientation takes the phone's axes to the world's by
a turn about its y axis (roll), then about x (pitch), then about the vertical
(yaw).
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

from moonsense.simulator.noise import Sway, Wander
from moonsense.simulator.places import Place

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Walker:
    """How one person walks and carries the phone.

    Attributes:
        step_hertz: steps a second.
        speed: metres a second.
        bounce: up and down acceleration at the step frequency, in G.
        strike: the shock of a heel, in G.
        swing: how far the phone swings with the stride, in radians.
        pitch, roll, turn: how it sits in pocket or hand, in radians; ``turn`` is
            its yaw against the walking direction.
    """

    step_hertz: float
    speed: float
    bounce: float
    strike: float
    swing: float
    pitch: float
    roll: float
    turn: float


def draw_walker(rng: random.Random) -> Walker:
    """A person, and where the phone is: pocket head up, pocket head down, or hand."""
    step_hertz = rng.uniform(1.7, 1.9)
    # People lengthen and quicken their steps together; 0.75 m is usual at this pace.
    speed = step_hertz * rng.uniform(0.70, 0.80)
    pitch, swing = rng.choice(((1.25, 0.30), (-1.30, 0.26), (0.65, 0.12)))
    return Walker(
        step_hertz=step_hertz,
        speed=speed,
        bounce=rng.uniform(0.16, 0.22),
        strike=rng.uniform(0.35, 0.6),
        swing=swing * rng.uniform(0.9, 1.1),
        pitch=pitch + rng.gauss(0, 0.08),
        roll=rng.gauss(0, 0.25),
        turn=rng.uniform(-0.6, 0.6),
    )


@dataclass(frozen=True, slots=True)
class Motion:
    """One moment.

    Attributes:
        seconds: since the start.
        force: what the accelerometer feels, gravity included, in G.
        spin: rotation in radians a second.
        field: the earth's magnetic field in microtesla.
        east, north: metres from the start.
        heading: the walking direction in radians, clockwise from north.
    """

    seconds: float
    force: Vector
    spin: Vector
    field: Vector
    east: float
    north: float
    heading: float


def walk(rng: random.Random, walker: Walker, place: Place, duration: float, rate: float) -> Iterator[Motion]:
    """The motion, ``rate`` moments a second for ``duration`` seconds."""
    step = 1 / rate
    cadence = Wander(rng, 0.012, 3.0, step)
    veer = Wander(rng, 0.04, 6.0, step)
    slack = [Wander(rng, 0.035, 0.04, step) for _ in range(3)]
    loose_pitch = Sway(rng, 0.35, 0.12, 1.0, step)
    loose_roll = Sway(rng, 0.7, 0.12, 1.0, step)
    loose_yaw = Sway(rng, 0.4, 0.12, 1.0, step)
    phase = rng.uniform(0, math.tau)
    heading = rng.uniform(-math.pi, math.pi)
    strike = walker.strike
    east = north = 0.0
    world_field = place.magnetic_field()
    for tick in range(round(duration * rate)):
        pace = math.tau * walker.step_hertz * (1 + cadence.next())
        phase += pace * step
        if phase >= 2 * math.tau:  # two steps are one stride
            phase -= 2 * math.tau
        into_step = (phase % math.tau) / pace
        if into_step < step:
            strike = walker.strike * math.exp(rng.gauss(0, 0.25))
        heading += veer.next() * step
        stride = phase / 2

        up = (
            walker.bounce * math.cos(phase - 0.6)
            + 0.4 * walker.bounce * math.cos(2 * phase + 0.9)
            + strike * math.exp(-into_step / 0.06) * math.sin(math.tau * 7 * into_step)
            + slack[0].next()
        )
        ahead = 0.07 * math.sin(phase + 0.4) + 0.04 * math.sin(2 * phase) + slack[1].next()
        aside = 0.05 * math.sin(stride) + slack[2].next()

        for sway in (loose_pitch, loose_roll, loose_yaw):
            sway.next()
        swing, half = walker.swing, pace / 2
        pitch = walker.pitch + swing * (math.sin(stride) + 0.2 * math.sin(phase + 1)) + loose_pitch.angle
        roll = walker.roll + 0.3 * swing * math.sin(stride + 0.8) + loose_roll.angle
        yaw = -heading + walker.turn + 0.25 * swing * math.sin(stride + 2) + loose_yaw.angle
        pitch_rate = swing * (half * math.cos(stride) + 0.2 * pace * math.cos(phase + 1)) + loose_pitch.rate
        roll_rate = 0.3 * swing * half * math.cos(stride + 0.8) + loose_roll.rate
        yaw_rate = -veer.value + 0.25 * swing * half * math.cos(stride + 2) + loose_yaw.rate

        turned = _Orientation(yaw, pitch, roll)
        sin_heading, cos_heading = math.sin(heading), math.cos(heading)
        # Right of the walking direction is east when walking north.
        push = (
            ahead * sin_heading + aside * cos_heading,
            ahead * cos_heading - aside * sin_heading,
            1.0 + up,
        )
        east += walker.speed * sin_heading * step
        north += walker.speed * cos_heading * step
        yield Motion(
            seconds=tick / rate,
            force=turned.to_phone(push),
            spin=turned.spin(yaw_rate, pitch_rate, roll_rate),
            field=turned.to_phone(world_field),
            east=east,
            north=north,
            heading=heading,
        )


class _Orientation:
    """A turn by roll, pitch and yaw, with its sines and cosines."""

    __slots__ = ("_cp", "_cr", "_cy", "_sp", "_sr", "_sy")

    def __init__(self, yaw: float, pitch: float, roll: float) -> None:
        self._cy, self._sy = math.cos(yaw), math.sin(yaw)
        self._cp, self._sp = math.cos(pitch), math.sin(pitch)
        self._cr, self._sr = math.cos(roll), math.sin(roll)

    def to_phone(self, world: Vector) -> Vector:
        """A vector of the world along the phone's axes: the turns undone, yaw first."""
        x, y, z = world
        x, y = self._cy * x + self._sy * y, self._cy * y - self._sy * x
        y, z = self._cp * y + self._sp * z, self._cp * z - self._sp * y
        return self._cr * x - self._sr * z, y, self._sr * x + self._cr * z

    def spin(self, yaw_rate: float, pitch_rate: float, roll_rate: float) -> Vector:
        """The rotation about the phone's own axes for the rates of the three angles."""
        return (
            pitch_rate * self._cr - yaw_rate * self._sr * self._cp,
            roll_rate + yaw_rate * self._sp,
            pitch_rate * self._sr + yaw_rate * self._cr * self._cp,
        )
