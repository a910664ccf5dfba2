"""A phone that records its sensors while its owner walks through a park."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from datetime import datetime

from moonsense.models.bundle_v2_pb2 import AppLifeCycleEvent, Battery, Bundle, Clock, PermissionEvent
from moonsense.models.data_plane_v2_sdk_pb2 import Session, SessionLabel
from moonsense.simulator.devices import PHONE_SENSORS, PHONES, Phone, phone_config, phone_metadata
from moonsense.simulator.places import PARKS, Place
from moonsense.simulator.sensors import Gps, MotionSensors
from moonsense.simulator.session import BUNDLE_MILLIS, SimulatedSession, random_id, wall_start
from moonsense.simulator.walk import draw_walker, walk

_BATTERY_EVERY = 10
"""Bundles from one battery reading to the next."""

_BUNDLES_A_PERCENT = 240
"""How long a percent of the battery lasts while every sensor is on."""


def walking_phone(
    seed: int, duration: float = 60.0, rate: float = 100.0, *, start: datetime | None = None
) -> SimulatedSession:
    """A phone in the pocket or hand of someone who walks at about 1.8 steps a second.

    Accelerometer in G with gravity, gyroscope in radians a second and
    magnetometer in microtesla, each ``rate`` times a second; location once a
    second, battery every ten; ``determined_at`` in epoch milliseconds. iOS for
    even seeds, Android for odd ones.

    Args:
        seed: the same one gives the same session.
        duration: seconds.
        rate: samples a second.
        start: the phone's wall clock at the start; naive means UTC. Without it the seed decides.

    Raises:
        ValueError: duration or rate is not positive.
    """
    if not (duration > 0 and rate > 0):
        raise ValueError(f"duration and rate must be positive, not {duration} and {rate}")
    rng = random.Random(f"walking phone {seed}")  # noqa: S311 - a simulation, no secret
    phone = PHONES[seed % len(PHONES)]
    begin = wall_start(rng, start)
    session = Session(
        metadata=phone_metadata(rng, phone),
        config=phone_config(duration, rate),
        labels=[SessionLabel(name="motion"), SessionLabel(name="walking")],
        journey_id=random_id(rng),
    )
    state = rng.getstate()

    def bundles() -> Iterator[Bundle]:
        again = random.Random()  # noqa: S311
        again.setstate(state)
        return _bundles(again, phone, begin, duration, rate)

    return SimulatedSession(session, bundles)


def _bundles(rng: random.Random, phone: Phone, begin: int, duration: float, rate: float) -> Iterator[Bundle]:
    place: Place = rng.choice(PARKS)
    sensors = MotionSensors(rng, phone, begin, rate)
    gps = Gps(rng, phone, place, begin)
    awake, asleep = rng.randrange(3_600_000, 90_000_000), rng.randrange(200_000_000)
    capacity = rng.uniform(40, 95)
    moments = walk(rng, draw_walker(rng), place, duration, rate)
    moment = next(moments, None)
    count = math.ceil(duration * 1000 / BUNDLE_MILLIS)
    for index in range(1, count + 1):
        bundle = Bundle(index=index, is_final_bundle=index == count)
        if index == 1:
            _opening(bundle, begin)
        if moment is not None:
            gps.read(bundle, moment)
        while moment is not None and moment.seconds * 1000 < index * BUNDLE_MILLIS:
            sensors.read(bundle, moment)
            moment = next(moments, None)
        if index % _BATTERY_EVERY == 1:
            left = max(1, int(capacity - index / _BUNDLES_A_PERCENT))
            bundle.battery.CopyFrom(Battery(capacity=left, state=Battery.DISCHARGING))
        elapsed = min(index * BUNDLE_MILLIS, round(duration * 1000)) + rng.randrange(20, 32)
        bundle.client_time.CopyFrom(
            Clock(
                wall_time_millis=begin + elapsed,
                # The one timer stops while the phone sleeps, the other goes on.
                timer_millis=awake + elapsed,
                timer_realtime_millis=awake + asleep + elapsed,
            )
        )
        yield bundle


def _opening(bundle: Bundle, begin: int) -> None:
    """What a recorder notes first: the app is in front, and which sensors it may read."""
    bundle.app_life_cycle_events.append(
        AppLifeCycleEvent(determined_at=begin, app_life_cycle_status=AppLifeCycleEvent.FOREGROUND)
    )
    bundle.permission_events.extend(
        PermissionEvent(determined_at=begin, sensor_type=sensor, permission_status=PermissionEvent.ALLOWED)
        for sensor in PHONE_SENSORS
    )
