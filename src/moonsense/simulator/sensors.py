"""A phone's sensors: what is true, and what they say of it."""

from __future__ import annotations

import math
import random

from moonsense.models.bundle_v2_pb2 import Accelerometer, Bundle, Gyroscope, Location, Magnetometer
from moonsense.simulator.devices import Phone
from moonsense.simulator.noise import Wander, to_step
from moonsense.simulator.places import Place
from moonsense.simulator.walk import Motion


class MotionSensors:
    """Accelerometer, gyroscope and magnetometer, with noise, drift and resolution."""

    def __init__(self, rng: random.Random, phone: Phone, begin: int, rate: float) -> None:
        """``begin`` is the wall clock in epoch milliseconds, ``rate`` samples a second."""
        self._rng = rng
        self._phone = phone
        self._begin = begin
        # Each sensor has its own way through the phone, a few milliseconds long.
        self._late = [rng.uniform(0, 4) for _ in range(3)]
        self._scale = [1 + rng.gauss(0, 0.004) for _ in range(3)]
        self._drift = [Wander(rng, 0.006, 40.0, 1 / rate) for _ in range(3)]
        # The phone's own magnets shift the field; calibration leaves a rest of that.
        self._iron = [rng.gauss(0, 4) for _ in range(3)]

    def read(self, bundle: Bundle, moment: Motion) -> None:
        """Adds a sample of each to the bundle."""
        gauss = self._rng.gauss
        phone = self._phone
        force = [
            to_step(value * scale + gauss(0, 0.004), phone.gravity_step)
            for value, scale in zip(moment.force, self._scale, strict=True)
        ]
        spin = [
            to_step(value + drift.next() + gauss(0, 0.006), phone.spin_step)
            for value, drift in zip(moment.spin, self._drift, strict=True)
        ]
        field = [
            to_step(value + iron + gauss(0, 0.4), phone.field_step)
            for value, iron in zip(moment.field, self._iron, strict=True)
        ]
        at = [self._begin + int(moment.seconds * 1000 + late + self._rng.random()) for late in self._late]
        bundle.accelerometer_data.append(
            Accelerometer(determined_at=at[0], x=force[0], y=force[1], z=force[2])
        )
        bundle.gyroscope_data.append(Gyroscope(determined_at=at[1], x=spin[0], y=spin[1], z=spin[2]))
        bundle.magnetometer_data.append(Magnetometer(determined_at=at[2], x=field[0], y=field[1], z=field[2]))


class Gps:
    """Positions whose errors last for a while, as those of satellites do."""

    def __init__(self, rng: random.Random, phone: Phone, place: Place, begin: int) -> None:
        """``begin`` is the wall clock in epoch milliseconds."""
        self._rng = rng
        self._phone = phone
        self._place = place
        self._begin = begin
        self._accuracy = rng.uniform(3.5, 7.0)
        self._error = [Wander(rng, self._accuracy / 2, 20.0, 1.0) for _ in range(2)]
        self._altitude = Wander(rng, 1.5, 30.0, 1.0)
        self._before: Motion | None = None

    def read(self, bundle: Bundle, moment: Motion) -> None:
        """Adds a fix to the bundle; call it about once a second."""
        rng = self._rng
        latitude, longitude = self._place.offset(
            moment.east + self._error[0].next(), moment.north + self._error[1].next()
        )
        bundle.location_data.append(
            Location(
                determined_at=self._begin + int(moment.seconds * 1000) + rng.randrange(15),
                horizontal_accuracy=self._accuracy * rng.uniform(0.9, 1.2),
                vertical_accurracy=self._accuracy * rng.uniform(1.2, 1.6),
                altitude=round(self._place.altitude + self._altitude.next(), 2),
                bearing=(math.degrees(moment.heading) + rng.gauss(0, 4)) % 360,
                bearing_accuracy_degrees=rng.uniform(6, 14),
                latitude=round(latitude, 7),
                longitude=round(longitude, 7),
                provider=self._phone.provider,
                speed=self._speed(moment),
                speed_accurracy=rng.uniform(0.2, 0.5),
            )
        )

    def _speed(self, moment: Motion) -> float:
        """Metres a second since the last fix; a phone has it from Doppler, not from its positions."""
        before, self._before = self._before, moment
        if before is None:
            return 0.0
        way = math.hypot(moment.east - before.east, moment.north - before.north)
        return max(0.0, way / (moment.seconds - before.seconds) + self._rng.gauss(0, 0.08))
