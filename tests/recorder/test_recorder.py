"""The recorder: what it makes of readings, and that nothing of them is ever lost in silence."""

from __future__ import annotations

import logging
import pickle
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from support.scripted import ScriptedClient

from moonsense.errors import (
    AuthenticationError,
    ConnectionFailed,
    DecodeError,
    NotFoundError,
    RecordingError,
    RequestTimeout,
    ServerError,
    TooLargeError,
    UnprocessableError,
    error_for_status,
)
from moonsense.models.bundle_v2_pb2 import Accelerometer, Bundle, Clock, Location, Pointer
from moonsense.models.data_plane_v2_sdk_pb2 import (
    BundleCreateResponse,
    Session,
    SessionConfig,
    SessionLabel,
    SessionMetadata,
)
from moonsense.recorder import Recorder

CLOCK = Clock(wall_time_millis=1_700_000_000_000, timer_millis=5, timer_realtime_millis=7)


def recorder_of(client: Any, **options: Any) -> Recorder:
    return Recorder(client, **{"clock": lambda: CLOCK, "timeout": 10, **options})


def reading(n: int) -> dict[str, float]:
    return {"determined_at": n, "x": n / 8, "y": 9.75, "z": -1.5}


class TestOpening:
    def test_the_session_is_what_was_asked_for(self) -> None:
        client = ScriptedClient()
        template = Session(journey_id="old", labels=[SessionLabel(name="old")], client_session_group_id="g")
        with recorder_of(
            client,
            session=template,
            metadata=SessionMetadata(model="m", install_id="i"),
            config=SessionConfig(mask_text=True),
            labels=["a", "b"],
            journey_id="j",
            client_user_id="u",
        ) as recorder:
            assert recorder.session_id == "s"
        (opened,) = client.opened
        assert opened == Session(
            session_id="s",
            metadata=SessionMetadata(model="m", install_id="i"),
            config=SessionConfig(mask_text=True),
            labels=[SessionLabel(name="a"), SessionLabel(name="b")],
            journey_id="j",
            client_session_group_id="g",
        )
        assert client.options == {"install_id": "i", "client_user_id": "u"}
        assert template.journey_id == "old"

    def test_one_string_is_not_a_label_a_letter(self) -> None:
        with pytest.raises(TypeError, match=r"\['walk'\]"):
            recorder_of(ScriptedClient(), labels="walk")

    def test_a_session_that_cannot_be_opened_is_an_error_at_once(self) -> None:
        client = ScriptedClient()
        client.create_session = lambda session: raised(ConnectionFailed("no"))  # type: ignore[method-assign]
        before = threading.active_count()
        with pytest.raises(ConnectionFailed):
            recorder_of(client)
        assert threading.active_count() == before


def raised(error: Exception) -> Any:
    raise error


class TestReadings:
    def test_they_become_numbered_bundles_and_the_last_is_final(self) -> None:
        client = ScriptedClient()
        with recorder_of(client) as recorder:
            recorder.add("accelerometer", reading(1))
            recorder.add("accelerometer", [reading(2), Accelerometer(determined_at=3)])
            recorder.flush()
            recorder.add("location", Location(determined_at=4, latitude=1.5))
            recorder.add("pointer", {"determined_at": 5, "type": "TOUCH", "position": {"dx": 1.0}})
        first, last = (client.stored[index] for index in (1, 2))
        assert sorted(client.stored) == [1, 2]
        assert list(first.accelerometer_data) == [
            Accelerometer(**reading(1)),
            Accelerometer(**reading(2)),
            Accelerometer(determined_at=3),
        ]
        assert last.location_data[0].latitude == 1.5
        assert last.pointer_data[0].type == Pointer.TOUCH
        assert (first.is_final_bundle, last.is_final_bundle) == (False, True)
        assert first.client_time == last.client_time == CLOCK

    def test_a_session_without_readings_has_a_final_bundle_still(self) -> None:
        client = ScriptedClient()
        with recorder_of(client):
            pass
        assert client.stored == {1: Bundle(index=1, is_final_bundle=True, client_time=CLOCK)}

    def test_a_bundle_takes_a_battery_once(self) -> None:
        client = ScriptedClient()
        with recorder_of(client) as recorder:
            recorder.add("battery", {"capacity": 90, "state": "CHARGING"})
            recorder.add("battery", {"capacity": 89})
            recorder.add("frame_rate", {"frames_per_second": 60.0})
        assert [client.stored[index].battery.capacity for index in (1, 2)] == [90, 89]
        assert client.stored[2].frame_rate_event.frames_per_second == 60.0

    @pytest.mark.parametrize(
        ("kind", "items", "error"),
        [
            ("accelerometer_data", reading(1), ValueError),
            ("accelerometer", {"w": 1}, ValueError),
            ("accelerometer", {"x": "much"}, TypeError),
            ("accelerometer", [reading(1), Location()], TypeError),
            ("accelerometer", [reading(1), 7], TypeError),
            ("battery", [{"capacity": 1}, {"capacity": 2}], ValueError),
        ],
    )
    def test_what_is_no_reading_is_refused_whole(self, kind: str, items: Any, error: type[Exception]) -> None:
        client = ScriptedClient()
        with recorder_of(client) as recorder, pytest.raises(error):
            recorder.add(kind, items)
        assert client.items == []

    def test_no_readings_are_nothing(self) -> None:
        client = ScriptedClient()
        with recorder_of(client) as recorder:
            recorder.add("accelerometer", [])
            recorder.flush()
        assert client.batches == [[1]]

    def test_whole_bundles_are_copied_numbered_and_keep_their_place_and_time(self) -> None:
        client = ScriptedClient()
        given = Bundle(index=77, accelerometer_data=[Accelerometer(x=1)], client_time=Clock(timer_millis=3))
        with recorder_of(client) as recorder:
            recorder.add("accelerometer", reading(1))
            assert recorder.add_bundle(given) == 2
            assert recorder.add_bundle(Bundle()) == 3
        assert given.index == 77
        assert client.stored[1].accelerometer_data[0].determined_at == 1
        assert client.stored[2].client_time == Clock(timer_millis=3)
        assert client.stored[3].client_time == CLOCK
        assert sorted(client.stored) == [1, 2, 3, 4]

    def test_the_configured_interval_is_the_length_of_a_bundle(self) -> None:
        config = SessionConfig(bundle_generation_interval_millis=250)
        with recorder_of(ScriptedClient(), config=config) as recorder:
            assert recorder._bundle_interval == 0.25
        with recorder_of(ScriptedClient(), config=config, bundle_interval=3) as recorder:
            assert recorder._bundle_interval == 3
        with recorder_of(ScriptedClient()) as recorder:
            assert recorder._bundle_interval == 1

    def test_a_bundle_is_closed_when_its_time_is_up(self) -> None:
        client = ScriptedClient()
        with recorder_of(client, bundle_interval=0) as recorder:
            for n in range(4):
                recorder.add("accelerometer", reading(n))
        assert len(client.stored) >= 4
        assert [item.determined_at for item in client.items] == [0, 1, 2, 3]

    def test_a_bundle_is_closed_when_it_is_large(self) -> None:
        client = ScriptedClient()
        with recorder_of(client, bundle_interval=60) as recorder:
            for _ in range(3):
                recorder.add("accelerometer", [reading(1)] * 10_000)
        assert [len(client.stored[index].accelerometer_data) for index in (1, 2, 3)] == [10_000] * 3

    def test_readings_are_sent_without_another_call(self, eventually: Callable[..., Any]) -> None:
        client = ScriptedClient()
        with recorder_of(client, bundle_interval=0.01, batch_interval=0.01) as recorder:
            recorder.add("accelerometer", reading(1))
            eventually(lambda: recorder.sent == 1)
            assert recorder.unsent == []

    def test_the_devices_own_clock(self) -> None:
        client = ScriptedClient()
        with Recorder(client):  # type: ignore[arg-type]
            pass
        time = client.stored[1].client_time
        assert time.wall_time_millis > 1_700_000_000_000
        assert time.timer_millis > 0
        assert time.timer_realtime_millis >= time.timer_millis - 1

    def test_many_threads_may_add(self) -> None:
        client = ScriptedClient()

        def add(recorder: Recorder, start: int) -> None:
            for n in range(start, start + 200):
                recorder.add("accelerometer", reading(n))

        with recorder_of(client, bundle_interval=0.001, max_waiting=20) as recorder:
            threads = [threading.Thread(target=add, args=(recorder, 1000 * n)) for n in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        expected = sorted(1000 * thread + n for thread in range(8) for n in range(200))
        assert sorted(item.determined_at for item in client.items) == expected
        assert sorted(client.stored) == list(range(1, len(client.stored) + 1))


class TestSending:
    def test_bundles_go_together_but_not_too_many(self) -> None:
        client = ScriptedClient()
        with recorder_of(client, batch_bundles=10, batch_interval=60) as recorder:
            for _ in range(25):
                recorder.add_bundle(Bundle())
        assert max(map(len, client.batches)) == 10
        assert sorted(index for batch in client.batches for index in batch) == list(range(1, 27))

    def test_large_bundles_do_not_go_together(self) -> None:
        client = ScriptedClient()
        large = Bundle(custom_events=[{"properties": {"k": "x" * 1_500_000}}])
        with recorder_of(client, batch_interval=60) as recorder:
            for _ in range(5):
                recorder.add_bundle(large)
        assert max(map(len, client.batches)) == 2

    @pytest.mark.parametrize(
        "failure",
        [
            ConnectionFailed("no"),
            RequestTimeout("no"),
            ServerError("no", status=503),
            DecodeError("no"),
            error_for_status(429)("no", status=429),
        ],
        ids=lambda failure: type(failure).__name__,
    )
    def test_what_passes_is_waited_for(self, failure: Exception, caplog: pytest.LogCaptureFixture) -> None:
        failures = [failure]
        client = ScriptedClient(lambda bundles: failures.pop() if failures else None)
        with recorder_of(client) as recorder:
            recorder.add("accelerometer", reading(1))
        assert client.items == [Accelerometer(**reading(1))]
        assert [record.levelno for record in caplog.records if record.name == "moonsense.recorder"] == [
            logging.WARNING
        ]

    def test_a_bundle_whose_answer_was_lost_is_sent_again_and_stored_once(self) -> None:
        client = ScriptedClient()
        lost = [True]

        def judge(bundles: Sequence[Bundle]) -> Exception | None:
            if lost and lost.pop():
                client.store(bundles)
                return ConnectionFailed("the answer was lost")
            return None

        client.judge = judge
        with recorder_of(client) as recorder:
            recorder.add("accelerometer", reading(1))
            recorder.flush()
        assert client.batches[:2] == [[1], [1]]
        assert client.items == [Accelerometer(**reading(1))]

    def test_what_never_passes_is_kept_and_told(self) -> None:
        client = ScriptedClient(lambda bundles: ConnectionFailed("nobody there"))
        recorder = recorder_of(client, timeout=0.2)
        recorder.add("accelerometer", reading(1))
        with pytest.raises(RecordingError, match="1 bundle could not be sent: nobody there") as caught:
            recorder.flush()
        assert [bundle.index for bundle in caught.value.unsent] == [1]
        recorder.add("accelerometer", reading(2))
        with pytest.raises(RecordingError) as caught:
            recorder.close()
        error = pickle.loads(pickle.dumps(caught.value))
        assert error.session_id == "s"
        assert [bundle.index for bundle in error.unsent] == [1, 2]
        assert [b.accelerometer_data[0].determined_at for b in error.unsent] == [1, 2]
        assert error.unsent[1].is_final_bundle
        assert recorder.unsent == error.unsent
        recorder.close()

    def test_after_a_flush_that_failed_sending_goes_on(self, eventually: Callable[..., Any]) -> None:
        there = threading.Event()
        client = ScriptedClient(lambda bundles: None if there.is_set() else ConnectionFailed("no"))
        with recorder_of(client, timeout=0.2) as recorder:
            recorder.add("accelerometer", reading(1))
            with pytest.raises(RecordingError):
                recorder.flush()
            there.set()
            eventually(lambda: recorder.sent == 1)
        assert len(client.items) == 1

    def test_a_flush_waits_for_what_came_before_it_only(self) -> None:
        client = ScriptedClient(lambda bundles: ConnectionFailed("no") if bundles[-1].index > 1 else None)
        recorder = recorder_of(client, timeout=5, batch_bundles=1)
        more = threading.Thread(target=lambda: (client.asked.wait(5), recorder.add_bundle(Bundle())))
        more.start()
        recorder.add("accelerometer", reading(1))
        recorder.flush()
        more.join()
        recorder._timeout = 0.1
        with pytest.raises(RecordingError):
            recorder.close()

    def test_one_bundle_that_is_refused_does_not_hold_up_the_others(self) -> None:
        def judge(bundles: Sequence[Bundle]) -> Exception | None:
            if any(bundle.index == 13 for bundle in bundles):
                return UnprocessableError("bundles[12] breaks a rule", status=422)
            return None

        client = ScriptedClient(judge)
        recorder = recorder_of(client, batch_interval=60)
        for _ in range(30):
            recorder.add_bundle(Bundle())
        with pytest.raises(RecordingError, match="breaks a rule") as caught:
            recorder.close()
        assert [bundle.index for bundle in caught.value.unsent] == [13]
        assert sorted(client.stored) == [index for index in range(1, 32) if index != 13]
        assert len(client.batches) < 15

    def test_a_request_that_is_too_large_is_halved(self) -> None:
        client = ScriptedClient(lambda bundles: TooLargeError("no", status=413) if len(bundles) > 3 else None)
        with recorder_of(client, batch_interval=60) as recorder:
            for _ in range(30):
                recorder.add_bundle(Bundle())
        assert sorted(client.stored) == list(range(1, 32))

    def test_a_bundle_that_is_too_large_alone_is_kept(self) -> None:
        client = ScriptedClient(
            lambda bundles: (
                TooLargeError("no", status=413) if max(b.ByteSize() for b in bundles) > 900 else None
            )
        )
        recorder = recorder_of(client, batch_interval=60)
        recorder.add_bundle(Bundle(custom_events=[{"event_name": "x" * 1000}]))
        recorder.add_bundle(Bundle())
        with pytest.raises(RecordingError) as caught:
            recorder.close()
        assert [bundle.index for bundle in caught.value.unsent] == [1]
        assert sorted(client.stored) == [2, 3]

    def test_a_cloud_that_stores_a_part_is_asked_for_the_rest(self) -> None:
        client = ScriptedClient()
        whole = client.send_bundles

        def send(session_id: str, bundles: Sequence[Bundle], **options: str) -> BundleCreateResponse:
            good = [bundle for bundle in bundles if bundle.index != 2]
            whole(session_id, good, **options)
            return BundleCreateResponse(success_count=len(good), error_count=len(bundles) - len(good))

        client.send_bundles = send  # type: ignore[method-assign]
        recorder = recorder_of(client, batch_interval=60)
        for _ in range(3):
            recorder.add_bundle(Bundle())
        with pytest.raises(RecordingError) as caught:
            recorder.close()
        assert [bundle.index for bundle in caught.value.unsent] == [2]
        assert sorted(client.stored) == [1, 3, 4]

    @pytest.mark.parametrize(
        "failure",
        [
            AuthenticationError("no token", status=401),
            NotFoundError("no session", status=404),
            OSError("odd"),
        ],
    )
    def test_when_nothing_will_be_taken_any_more_waiting_ends(self, failure: Exception) -> None:
        client = ScriptedClient(lambda bundles: failure)
        recorder = recorder_of(client, timeout=60)
        recorder.add("accelerometer", reading(1))
        with pytest.raises(RecordingError, match=str(failure)):
            recorder.flush()
        with pytest.raises(RecordingError, match=str(failure)) as caught:
            recorder.close()
        assert [bundle.index for bundle in caught.value.unsent] == [1, 2]
        assert len(client.batches) == 1

    def test_a_program_that_is_too_fast_is_slowed_down(self) -> None:
        free = threading.Event()

        def judge(bundles: Sequence[Bundle]) -> Exception | None:
            free.wait(10)
            return None

        client = ScriptedClient(judge)
        with recorder_of(client, max_waiting=3, batch_bundles=2) as recorder:

            def fill() -> None:
                for _ in range(10):
                    recorder.add_bundle(Bundle())

            thread = threading.Thread(target=fill)
            thread.start()
            assert client.asked.wait(10)
            thread.join(0.1)
            assert thread.is_alive()
            assert len(recorder.unsent) == 3
            free.set()
            thread.join(10)
            assert not thread.is_alive()
        assert sorted(client.stored) == list(range(1, 12))

    def test_a_program_that_nobody_takes_from_is_told(self) -> None:
        client = ScriptedClient(lambda bundles: ConnectionFailed("nobody there"))
        recorder = recorder_of(client, max_waiting=2, timeout=0.1)
        recorder.add_bundle(Bundle())
        recorder.add_bundle(Bundle())
        with pytest.raises(RecordingError, match="nobody there"):
            recorder.add_bundle(Bundle())
        with pytest.raises(RecordingError) as caught:
            recorder.close()
        assert [bundle.index for bundle in caught.value.unsent] == [1, 2, 3]
        assert caught.value.unsent[2].is_final_bundle


class TestClosing:
    def test_the_thread_ends_and_closing_twice_is_nothing(self) -> None:
        before = set(threading.enumerate())
        client = ScriptedClient()
        recorder = recorder_of(client)
        recorder.close()
        recorder.close()
        assert set(threading.enumerate()) <= before
        assert client.batches == [[1]]

    def test_a_closed_recorder_takes_nothing(self) -> None:
        recorder = recorder_of(ScriptedClient())
        recorder.close()
        for call in (
            lambda: recorder.add("battery", {}),
            lambda: recorder.add_bundle(Bundle()),
            recorder.flush,
        ):
            with pytest.raises(RecordingError, match="closed"):
                call()

    @staticmethod
    def fail_in_block(client: ScriptedClient) -> None:
        with recorder_of(client) as recorder:
            recorder.add("accelerometer", reading(1))
            raise KeyError("mine")

    def test_an_error_in_the_block_is_that_error(self) -> None:
        client = ScriptedClient()
        with pytest.raises(KeyError, match="mine"):
            self.fail_in_block(client)
        assert len(client.items) == 1

    def test_an_error_in_the_block_does_not_hide_what_was_not_sent(self) -> None:
        with pytest.raises(RecordingError) as caught:
            self.fail_in_block(ScriptedClient(lambda bundles: AuthenticationError("no", status=401)))
        assert isinstance(caught.value.__cause__, KeyError)
        assert len(caught.value.unsent) == 1

    def test_a_clock_that_fails_is_told_and_loses_nothing(self) -> None:
        client = ScriptedClient()
        works = [True]

        def clock() -> Clock:
            if not works:
                raise OSError("no clock")
            return CLOCK

        recorder = recorder_of(client, clock=clock)
        recorder.add("accelerometer", reading(1))
        works.clear()
        with pytest.raises(OSError, match="no clock"):
            recorder.flush()
        works.append(True)
        recorder.close()
        assert client.items == [Accelerometer(**reading(1))]

    def test_a_clock_that_fails_in_the_background_is_told(self, eventually: Callable[..., Any]) -> None:
        client = ScriptedClient()
        threads = []

        def clock() -> Clock:
            if threading.current_thread().name == "moonsense-recorder":
                threads.append(1)
                raise OSError("no clock here")
            return CLOCK

        recorder = recorder_of(client, clock=clock, bundle_interval=0.01)
        recorder.add("accelerometer", reading(1))
        eventually(lambda: threads)
        with pytest.raises(RecordingError, match="no clock here") as caught:
            recorder.close()
        assert caught.value.unsent[0].accelerometer_data[0].determined_at == 1
