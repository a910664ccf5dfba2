"""The checkout form: what a person does at it, what a bot does, and how they differ."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from moonsense.models.bundle_v2_pb2 import (
    Bundle,
    FocusChange,
    InputChange,
    KeyPress,
    Pointer,
)
from moonsense.models.data_plane_v2_sdk_pb2 import SessionMetadata
from moonsense.simulator import SimulatedSession, checkout_bot, checkout_person

SEEDS = range(6)

Make = Callable[[int], SimulatedSession]
both = pytest.mark.parametrize("make", [checkout_person, checkout_bot])


def pointers(bundles: Sequence[Bundle]) -> list[Pointer]:
    return [event for bundle in bundles for event in bundle.pointer_data]


def keys(bundles: Sequence[Bundle]) -> list[KeyPress]:
    return [event for bundle in bundles for event in bundle.key_press_data]


def dwell_times(bundles: Sequence[Bundle]) -> list[int]:
    """Milliseconds from each key's way down to its way up."""
    down: dict[tuple[int, str], int] = {}
    held = []
    for press in keys(bundles):
        name = (press.masked_key, press.special_key)
        if press.type == KeyPress.KEY_DOWN:
            down[name] = press.determined_at
        elif name in down:
            held.append(press.determined_at - down.pop(name))
    return held


def flights(bundles: Sequence[Bundle]) -> list[int]:
    """Milliseconds from one key down to the next, without the pauses between fields."""
    at = [press.determined_at for press in keys(bundles) if press.type == KeyPress.KEY_DOWN]
    return [gap for gap in (after - before for before, after in pairwise(at)) if gap < 1000]


def moves(bundles: Sequence[Bundle], longer_than: float) -> Iterator[list[Pointer]]:
    """Runs of moves without a pause of 50 ms, at least so many pixels from start to end."""
    run: list[Pointer] = []
    for event in pointers(bundles):
        if run and event.determined_at - run[-1].determined_at > 50:
            if apart(run[0], run[-1]) > longer_than and len(run) > 2:
                yield run
            run = []
        run.append(event)


def apart(one: Pointer, other: Pointer) -> float:
    return math.dist((one.position.dx, one.position.dy), (other.position.dx, other.position.dy))


def detour(run: list[Pointer]) -> float:
    """The length of a path over that of the straight line."""
    return sum(apart(a, b) for a, b in pairwise(run)) / apart(run[0], run[-1])


@pytest.fixture(scope="module", params=SEEDS)
def person(request: pytest.FixtureRequest) -> list[Bundle]:
    return list(checkout_person(request.param).bundles())


@pytest.fixture(scope="module", params=SEEDS)
def bot(request: pytest.FixtureRequest) -> list[Bundle]:
    return list(checkout_bot(request.param).bundles())


@both
def test_the_same_seed_gives_the_same_session_and_another_another(make: Make) -> None:
    once, again, other = make(3), make(3), make(4)
    assert once.session == again.session
    assert list(once.bundles()) == list(again.bundles()) == list(once.bundles())
    assert list(once.bundles()) != list(other.bundles())


@both
def test_bundles_are_numbered_and_the_last_is_final(make: Make) -> None:
    bundles = list(make(1).bundles())
    assert [bundle.index for bundle in bundles] == list(range(1, len(bundles) + 1))
    assert [bundle.is_final_bundle for bundle in bundles] == [False] * (len(bundles) - 1) + [True]


@both
def test_the_session_is_of_a_page(make: Make) -> None:
    session = make(1).session
    assert session.metadata.platform == SessionMetadata.WEB
    assert "Mozilla/5.0" in session.metadata.model
    assert session.config.mask_text
    assert "checkout" in [label.name for label in session.labels]


@both
def test_times_are_the_pages_timer_and_in_order(make: Make) -> None:
    previous = 0
    for bundle in make(2).bundles():
        clock = bundle.client_time
        assert clock.timer_millis == clock.timer_realtime_millis
        assert clock.wall_time_millis > 10**12
        events = [event for _, value in bundle.ListFields() if hasattr(value, "append") for event in value]
        assert events
        assert all(previous <= event.determined_at <= clock.timer_millis for event in events)
        assert clock.timer_millis - previous >= 990
        previous = clock.timer_millis // 1000 * 1000
        for field in (bundle.pointer_data, bundle.key_press_data, bundle.input_change_data):
            at = [event.determined_at for event in field]
            assert at == sorted(at)


@both
def test_every_field_is_filled_and_the_form_sent_once(make: Make) -> None:
    bundles = list(make(5).bundles())
    gained = [
        event.target.target_id
        for bundle in bundles
        for event in bundle.focus_change_data
        if event.type == FocusChange.FOCUS_GAINED
    ]
    written = {event.target.target_id for bundle in bundles for event in bundle.input_change_data}
    assert len(gained) == len(set(gained)) == 10
    assert written == set(gained)
    assert sum(len(bundle.form_submit_events) for bundle in bundles) == 1


@both
def test_keys_and_texts_are_masked_alike(make: Make) -> None:
    bundles = list(make(1).bundles())
    typed = {chr(press.masked_key) for press in keys(bundles) if press.masked_key}
    texts = [event.masked_text for bundle in bundles for event in bundle.input_change_data]
    assert all(character.isalpha() for text in texts for character in text)
    assert not any("@" in text or "4242" in text for text in texts)
    # What is typed is what appears, so the masks of keys and of texts are one.
    first = next(event for bundle in bundles for event in bundle.input_change_data)
    assert first.masked_text in typed


def test_a_masked_letter_stays_the_same_within_a_session(person: list[Bundle]) -> None:
    texts = [event.masked_text for bundle in person for event in bundle.input_change_data]
    kept = [after.startswith(before) for before, after in pairwise(texts) if len(after) == len(before) + 1]
    assert kept
    assert all(kept)


def test_a_person_takes_half_a_minute_or_more_and_a_bot_seconds(
    person: list[Bundle], bot: list[Bundle]
) -> None:
    assert 30_000 < person[-1].client_time.timer_millis < 180_000
    assert bot[-1].client_time.timer_millis < 10_000


def test_a_person_holds_keys_for_uneven_times(person: list[Bundle]) -> None:
    held, between = dwell_times(person), flights(person)
    assert 60 < statistics.median(held) < 150
    assert statistics.pstdev(held) > 15
    assert 100 < statistics.median(between) < 400
    # Log-normal: the mean lies above the median.
    assert statistics.fmean(between) > statistics.median(between)


def test_a_bot_holds_every_key_for_the_same_time(bot: list[Bundle]) -> None:
    assert len(set(dwell_times(bot))) == 1
    assert statistics.mode(flights(bot)) == 40
    assert not any(press.special_key or press.shift_key for press in keys(bot))


def test_a_person_moves_on_bowed_paths_that_start_and_end_slowly(person: list[Bundle]) -> None:
    runs = list(moves(person, 150))
    assert runs
    assert statistics.fmean(detour(run) for run in runs) > 1.005
    for run in runs:
        steps = [apart(a, b) for a, b in pairwise(run)]
        assert max(steps) > 3 * max(steps[0], steps[-1]) or len(steps) < 8


def test_a_bot_jumps_straight_to_the_middle(bot: list[Bundle]) -> None:
    runs = list(moves(bot, 150))
    assert runs
    assert all(detour(run) < 1.0001 for run in runs)
    clicks = [click for bundle in bot for click in bundle.click_data]
    assert len(clicks) == 11
    assert all(click.target.target_id for click in clicks)
    gaps = {b.determined_at - a.determined_at for run in runs for a, b in pairwise(run)}
    assert gaps == {10}


def test_only_the_bots_pointer_is_synthesized(person: list[Bundle], bot: list[Bundle]) -> None:
    assert not any(event.synthesized for event in pointers(person))
    assert all(event.synthesized for event in pointers(bot))


def test_a_persons_pointer_trembles_at_rest(person: list[Bundle]) -> None:
    small = [event for event in pointers(person) if 0 < math.hypot(event.delta.dx, event.delta.dy) < 2]
    assert len(small) > 20


def test_deltas_are_the_differences_of_positions(person: list[Bundle]) -> None:
    inside = [event for event in pointers(person) if event.viewport_boundary_status == Pointer.IN_VIEWPORT]
    for before, after in pairwise(inside):
        assert after.position.dx - before.position.dx == pytest.approx(after.delta.dx, abs=1e-9)
        assert after.position.dy - before.position.dy == pytest.approx(after.delta.dy, abs=1e-9)


def test_a_person_scrolls_with_the_wheel(person: list[Bundle]) -> None:
    wheel = [event for bundle in person for event in bundle.mouse_wheel_data]
    scroll = [event for bundle in person for event in bundle.viewport_scroll_data]
    assert wheel
    assert len(scroll) >= len(wheel)
    assert scroll[-1].y_position > 0


def test_a_person_pastes_one_text_with_a_shortcut(person: list[Bundle]) -> None:
    changes = [event for bundle in person for event in bundle.input_change_data]
    pasted = [event for event in changes if event.action == InputChange.PASTE]
    assert len(pasted) == 1
    assert len(pasted[0].masked_text) == 12
    assert any(press.meta_key or press.control_key for press in keys(person))


def test_people_slip_and_repair(person: list[Bundle]) -> None:
    names = [press.special_key for press in keys(person) if press.type == KeyPress.KEY_DOWN]
    lengths = [len(event.masked_text) for bundle in person for event in bundle.input_change_data]
    shorter = sum(after == before - 1 for before, after in pairwise(lengths))
    assert names.count("Backspace") == shorter


def test_most_people_slip() -> None:
    slips = [
        any(press.special_key == "Backspace" for press in keys(list(checkout_person(seed).bundles())))
        for seed in range(10)
    ]
    assert sum(slips) >= 7


def test_the_pointer_is_over_what_is_clicked(person: list[Bundle]) -> None:
    for bundle in person:
        for click in bundle.click_data:
            assert click.target.target_type in {"email", "text", "password", "submit"}


def test_the_wall_clock_begins_at_the_start() -> None:
    start = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
    first = next(checkout_person(1, start=start).bundles()).client_time
    assert first.wall_time_millis - first.timer_millis == start.timestamp() * 1000
