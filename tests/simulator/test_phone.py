"""The walking phone: rates, units, the step in the signal, and sensors that agree with each other."""

from __future__ import annotations

import cmath
import math
import random
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from moonsense.models.bundle_v2_pb2 import Accelerometer, Bundle, Gyroscope, Magnetometer
from moonsense.models.data_plane_v2_sdk_pb2 import SessionMetadata
from moonsense.simulator import walking_phone
from moonsense.simulator.places import PARKS
from moonsense.simulator.walk import draw_walker, walk

SEEDS = range(4)


def accelerometer(bundles: Sequence[Bundle]) -> list[Accelerometer]:
    return [sample for bundle in bundles for sample in bundle.accelerometer_data]


def lengths(samples: Sequence[Accelerometer | Gyroscope | Magnetometer]) -> list[float]:
    return [math.hypot(sample.x, sample.y, sample.z) for sample in samples]


def strongest_frequency(values: Sequence[float], rate: float, low: float, high: float) -> float:
    """The peak of a plain Fourier transform between two frequencies, in steps of 0.02 Hz."""
    mean = statistics.fmean(values)

    def strength(hertz: float) -> float:
        turn = -2j * math.pi * hertz / rate
        return abs(sum((value - mean) * cmath.exp(turn * n) for n, value in enumerate(values)))

    return max((low + 0.02 * n for n in range(round((high - low) / 0.02))), key=strength)


@pytest.fixture(scope="module", params=SEEDS)
def phone(request: pytest.FixtureRequest) -> list[Bundle]:
    return list(walking_phone(request.param).bundles())


def test_a_minute_has_sixty_bundles_with_every_sensor(phone: list[Bundle]) -> None:
    assert len(phone) == 60
    for bundle in phone:
        assert len(bundle.accelerometer_data) == 100
        assert len(bundle.gyroscope_data) == 100
        assert len(bundle.magnetometer_data) == 100
        assert len(bundle.location_data) == 1
    assert sum(bundle.HasField("battery") for bundle in phone) == 6


def test_bundles_are_numbered_and_the_last_is_final(phone: list[Bundle]) -> None:
    assert [bundle.index for bundle in phone] == list(range(1, 61))
    assert [bundle.is_final_bundle for bundle in phone] == [False] * 59 + [True]


def test_samples_are_a_hundredth_of_a_second_apart_in_epoch_milliseconds(phone: list[Bundle]) -> None:
    at = [sample.determined_at for sample in accelerometer(phone)]
    gaps = [after - before for before, after in pairwise(at)]
    assert 9.9 < statistics.fmean(gaps) < 10.1
    assert set(gaps) <= {9, 10, 11}
    assert datetime.fromtimestamp(at[0] / 1000, UTC).year == 2026


def test_a_bundle_is_handed_over_after_its_last_sample(phone: list[Bundle]) -> None:
    for bundle in phone:
        newest = max(bundle.gyroscope_data[-1].determined_at, bundle.accelerometer_data[-1].determined_at)
        assert 0 <= bundle.client_time.wall_time_millis - newest < 60
        assert bundle.client_time.timer_millis < bundle.client_time.timer_realtime_millis


def test_the_steps_show_in_the_acceleration(phone: list[Bundle]) -> None:
    assert 1.65 <= strongest_frequency(lengths(accelerometer(phone)), 100, 0.5, 5.0) <= 1.95


def test_acceleration_is_in_g_with_gravity(phone: list[Bundle]) -> None:
    strength = lengths(accelerometer(phone))
    assert 0.97 < statistics.fmean(strength) < 1.08
    assert 0.12 < statistics.pstdev(strength) < 0.25
    assert min(strength) > 0.3
    assert max(strength) < 2.6


def test_rotation_is_in_radians_a_second(phone: list[Bundle]) -> None:
    samples = [sample for bundle in phone for sample in bundle.gyroscope_data]
    assert 0.5 < statistics.fmean(lengths(samples)) < 2.0
    assert max(lengths(samples)) < 8


def test_the_magnetic_field_is_the_earths_in_microtesla(phone: list[Bundle]) -> None:
    strength = lengths([sample for bundle in phone for sample in bundle.magnetometer_data])
    assert 35 < statistics.fmean(strength) < 70
    # It turns with the phone and hardly changes its length.
    assert statistics.pstdev(strength) < 4


def test_the_phone_moves_at_walking_pace(phone: list[Bundle]) -> None:
    fixes = [fix for bundle in phone for fix in bundle.location_data]
    assert 1.1 < statistics.fmean(fix.speed for fix in fixes[1:]) < 1.6
    first, last = fixes[0], fixes[-1]
    north = (last.latitude - first.latitude) * 111_320
    east = (last.longitude - first.longitude) * 111_320 * math.cos(math.radians(first.latitude))
    assert 15 < math.hypot(east, north) < 110
    assert all(0 <= fix.bearing < 360 and 2 < fix.horizontal_accuracy < 12 for fix in fixes)


def test_the_gyroscope_agrees_with_the_turning_of_the_field() -> None:
    """A vector fixed in the world turns in the phone's axes by minus the rotation times itself."""
    rate = 1000.0
    rng = random.Random("agree")
    moments = list(walk(rng, draw_walker(rng), PARKS[0], 4.0, rate))
    off = []
    for before, after in pairwise(moments):
        change = [(b - a) * rate for a, b in zip(before.field, after.field, strict=True)]
        (wx, wy, wz), (x, y, z) = after.spin, before.field
        turned = [z * wy - y * wz, x * wz - z * wx, y * wx - x * wy]
        off.append(math.dist(change, [-value for value in turned]))
    assert statistics.fmean(off) < 0.02 * PARKS[0].intensity


def test_the_same_seed_gives_the_same_session_and_another_another() -> None:
    once, again, other = walking_phone(7, 3.0), walking_phone(7, 3.0), walking_phone(8, 3.0)
    assert once.session == again.session
    assert list(once.bundles()) == list(again.bundles()) == list(once.bundles())
    assert once.session != other.session
    assert list(once.bundles()) != list(other.bundles())


def test_even_seeds_are_ios_and_odd_ones_android() -> None:
    platforms = [walking_phone(seed, 1.0).session.metadata.platform for seed in SEEDS]
    assert platforms == [SessionMetadata.iOS, SessionMetadata.ANDROID] * 2


def test_the_session_says_what_was_asked_for() -> None:
    session = walking_phone(1, 20.0, 50.0).session
    assert session.config.requested_duration_millis == 20_000
    assert session.config.sensor_sampling_rate == 50
    assert [label.name for label in session.labels] == ["motion", "walking"]
    assert len(session.journey_id) == 22
    assert not session.session_id


@pytest.mark.parametrize(("duration", "rate", "bundles", "samples"), [(2.5, 100, 3, 250), (0.4, 50, 1, 20)])
def test_any_duration_and_rate(duration: float, rate: float, bundles: int, samples: int) -> None:
    made = list(walking_phone(1, duration, rate).bundles())
    assert len(made) == bundles
    assert len(accelerometer(made)) == samples
    assert made[-1].is_final_bundle


def test_a_naive_start_is_utc() -> None:
    naive = walking_phone(1, 1.0, start=datetime(2026, 7, 1, 12, 0))  # noqa: DTZ001 - the point of the test
    aware = walking_phone(1, 1.0, start=datetime(2026, 7, 1, 12, 0, tzinfo=UTC))
    assert list(naive.bundles()) == list(aware.bundles())
    first = next(naive.bundles()).app_life_cycle_events[0].determined_at
    assert first == datetime(2026, 7, 1, 12, 0, tzinfo=UTC).timestamp() * 1000


@pytest.mark.parametrize(("duration", "rate"), [(0, 100), (-1, 100), (10, 0), (math.nan, 100)])
def test_a_duration_or_rate_that_cannot_be_is_refused(duration: float, rate: float) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        walking_phone(1, duration, rate)


def test_a_long_session_is_made_while_it_is_read() -> None:
    a_day = walking_phone(1, 86_400.0).bundles()
    assert next(a_day).index == 1
