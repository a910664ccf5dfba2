"""One time axis: which clock a value is of, and between which times the events of a bundle are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.messages import messages

from moonsense.clock import (
    EPOCH_FLOOR,
    Knowledge,
    epoch_floor,
    event_bounds_millis,
    knowledge,
    server_time_micros,
    wall_millis,
)
from moonsense.codec.json import parse
from moonsense.contract.counters import item_fields
from moonsense.models.bundle_v2_pb2 import (
    Accelerometer,
    Battery,
    Bundle,
    Clock,
    FrameRateEvent,
    HeartRate,
    Location,
    Marker,
    Pointer,
    SealedBundle,
    Steps,
)
from moonsense.models.data_plane_v2_sdk_pb2 import Session

WALL = 1_659_637_204_822
PAGE = Clock(wall_time_millis=WALL, timer_millis=1_210, timer_realtime_millis=1_210)
PHONE = Clock(wall_time_millis=WALL, timer_millis=400_000_000, timer_realtime_millis=900_000_000)


class TestWhichClock:
    @pytest.mark.parametrize(
        ("determined_at", "clock", "knows", "wall"),
        [
            (202, PAGE, "timer", WALL - 1_008),
            (0, PAGE, "timer", WALL - 1_210),
            (WALL - 300, PAGE, "epoch", WALL - 300),
            (WALL - 86_400_000, PAGE, "epoch", WALL - 86_400_000),
            (399_999_000, PHONE, "timer", WALL - 1_000),
            (WALL, PHONE, "epoch", WALL),
            # a timer on a timeline of its own, beyond any fixed limit
            (
                500_000_000_900,
                Clock(wall_time_millis=WALL, timer_millis=500_000_001_000),
                "timer",
                WALL - 100,
            ),
            # only the timer that runs while the device sleeps
            (900, Clock(wall_time_millis=WALL, timer_realtime_millis=1_000), "timer", WALL - 100),
            # a wall clock that was never set
            (900, Clock(wall_time_millis=60_000, timer_millis=1_000), "timer", 59_900),
            (WALL, Clock(wall_time_millis=60_000, timer_millis=1_000), "epoch", WALL),
            # a timer that makes no sense beside its wall clock
            (WALL, Clock(wall_time_millis=WALL, timer_millis=2**62), "epoch", WALL),
            # no clock, or half of one
            (WALL, None, "epoch", WALL),
            (1_210, None, "unknown", 1_210),
            (1_210, Clock(), "unknown", 1_210),
            (1_210, Clock(wall_time_millis=WALL), "unknown", 1_210),
            (1_210, Clock(timer_millis=1_000), "unknown", 1_210),
        ],
    )
    def test_the_nearer_reading_decides(
        self, determined_at: int, clock: Clock | None, knows: str, wall: int
    ) -> None:
        assert knowledge(determined_at, clock) == Knowledge(knows)
        assert wall_millis(determined_at, clock) == wall

    def test_without_a_clock_the_limit_is_fixed(self) -> None:
        assert epoch_floor(None) == EPOCH_FLOOR
        assert knowledge(EPOCH_FLOOR - 1, None) is Knowledge.UNKNOWN
        assert knowledge(EPOCH_FLOOR, None) is Knowledge.EPOCH

    @given(
        wall=st.integers(1_400_000_000_000, 4_000_000_000_000),
        uptime=st.integers(1, 3 * 365 * 86_400_000),
        age=st.integers(-60_000, 86_400_000),
    )
    def test_an_item_is_as_old_as_it_is_on_either_clock(self, wall: int, uptime: int, age: int) -> None:
        clock = Clock(wall_time_millis=wall, timer_millis=uptime)
        assert wall_millis(uptime - age, clock) == wall_millis(wall - age, clock) == wall - age


class TestBounds:
    def test_from_the_first_item_to_the_reading_of_the_clock(self) -> None:
        bundle = Bundle(
            client_time=PAGE, pointer_data=[Pointer(determined_at=at) for at in (300, 202, 1_000)]
        )
        assert event_bounds_millis(bundle) == (WALL - 1_008, WALL)

    def test_every_field_with_items_counts_but_the_battery(self) -> None:
        for name in item_fields():
            bundle = Bundle(client_time=PAGE)
            field: Any = getattr(bundle, name)
            item = field.add() if hasattr(field, "add") else field
            item.SetInParent()
            names = item.DESCRIPTOR.fields_by_name
            if "determined_at" in names:
                item.determined_at = 210
            elif "from" in names:
                setattr(item, "from", 210)
                item.to = 220
            elif "client_time" in names:
                item.client_time.wall_time_millis = WALL - 1_000
            assert event_bounds_millis(bundle) == (None if name == "battery" else (WALL - 1_000, WALL)), name

    def test_kinds_on_different_clocks(self) -> None:
        bundle = Bundle(
            client_time=PHONE,
            accelerometer_data=[
                Accelerometer(determined_at=399_999_000),
                Accelerometer(determined_at=400_000_000),
            ],
            location_data=[Location(determined_at=WALL - 5_000), Location(determined_at=WALL + 70)],
        )
        assert event_bounds_millis(bundle) == (WALL - 5_000, WALL + 70)

    def test_one_kind_on_both_clocks_and_without_a_time(self) -> None:
        times = (0, 1_200, WALL - 2_000, -5, 2**62)
        bundle = Bundle(client_time=PAGE, pointer_data=[Pointer(determined_at=at) for at in times])
        assert event_bounds_millis(bundle) == (WALL - 2_000, WALL)

    def test_intervals_markers_and_the_one_event_that_is_no_list(self) -> None:
        bundle = Bundle(
            client_time=PAGE,
            steps_data=[Steps(**{"from": 10, "to": 500})],
            heart_rate_data=[HeartRate(**{"from": 400, "to": 2_210})],
            markers=[Marker(client_time=Clock(wall_time_millis=WALL + 5_000))],
            frame_rate_event=FrameRateEvent(determined_at=1_000),
        )
        assert event_bounds_millis(bundle) == (WALL - 1_200, WALL + 5_000)

    def test_without_items(self) -> None:
        assert event_bounds_millis(Bundle()) is None
        assert event_bounds_millis(Bundle(client_time=PAGE, is_final_bundle=True)) is None
        assert event_bounds_millis(Bundle(client_time=PAGE, battery=Battery(capacity=5))) is None

    def test_without_a_clock(self) -> None:
        assert event_bounds_millis(Bundle(pointer_data=[Pointer(determined_at=300)])) is None
        bundle = Bundle(pointer_data=[Pointer(determined_at=300), Pointer(determined_at=WALL)])
        assert event_bounds_millis(bundle) == (WALL, WALL)

    def test_items_that_nothing_places_leave_the_clock(self) -> None:
        bundle = Bundle(client_time=Clock(wall_time_millis=WALL), pointer_data=[Pointer(determined_at=300)])
        assert event_bounds_millis(bundle) == (WALL, WALL)

    @given(bundle=messages(Bundle))
    def test_whatever_a_device_sends_the_bounds_are_times(self, bundle: Bundle) -> None:
        bounds = event_bounds_millis(bundle)
        if bounds is not None:
            assert bounds[0] <= bounds[1]
            session = Session()
            session.oldest_event.FromMilliseconds(bounds[0])
            session.newest_event.FromMilliseconds(bounds[1])

    @given(
        times=st.lists(st.integers(1, 10_000_000) | st.integers(WALL - 10_000, WALL + 10_000), min_size=1),
        timer=st.integers(1, 10_000_000),
    )
    def test_they_are_the_bounds_of_all_items(self, times: list[int], timer: int) -> None:
        clock = Clock(wall_time_millis=WALL, timer_millis=timer)
        bundle = Bundle(client_time=clock, pointer_data=[Pointer(determined_at=time) for time in times])
        walls = [*(wall_millis(time, clock) for time in times), WALL]
        assert event_bounds_millis(bundle) == (min(walls), max(walls))


@pytest.mark.parametrize(
    ("value", "micros"),
    [(1_659_637_204_822, 1_659_637_204_822_000), (1_659_637_204_822_123, 1_659_637_204_822_123), (0, 0)],
)
def test_server_times_in_milliseconds_or_in_microseconds(value: int, micros: int) -> None:
    assert server_time_micros(value) == micros


def test_the_bounds_of_real_sessions(web_sessions: Path) -> None:
    """The service's newest event is ours; its oldest is the opening of the session, after the first items."""
    descriptions = sorted(web_sessions.rglob("metadata.json"))
    assert len(descriptions) == 221
    for description in descriptions:
        session = parse(description.read_bytes(), Session)
        lines = description.with_name("raw_sealed_bundles.json").read_bytes().splitlines()
        sealed = [parse(line, SealedBundle) for line in lines]
        bounds = [event_bounds_millis(each.bundle) for each in sealed]
        assert all(bounds)
        assert max(each[1] for each in bounds if each) == session.newest_event.ToMilliseconds()
        opened = min(session.oldest_event.ToMilliseconds(), session.created_at.ToMilliseconds())
        assert 0 < opened - min(each[0] for each in bounds if each) < 1_000
        server_times = [server_time_micros(each.server_time_millis) for each in sealed]
        assert all(abs(time - session.created_at.ToMicroseconds()) < 3_600_000_000 for time in server_times)
