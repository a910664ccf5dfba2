"""The demo's comparison finds every kind of damage, and names the place."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import pytest
from google.protobuf.message import Message

from moonsense.cli.demo.compare import (
    bundle_differences,
    counting,
    message_differences,
    session_differences,
)
from moonsense.contract.counters import count_items
from moonsense.models.bundle_v2_pb2 import Accelerometer, Battery, Bundle, CustomEvent, SealedBundle
from moonsense.models.data_plane_v2_sdk_pb2 import BucketedCounter, Session, SessionLabel
from moonsense.simulator import checkout_bot, walking_phone

SENT = list(walking_phone(1, 3.0).bundles())


def sealed() -> list[SealedBundle]:
    return [SealedBundle(bundle=bundle, session_id="s1", server_time_millis=1) for bundle in SENT]


def found(got: list[SealedBundle]) -> list[str]:
    return list(bundle_differences("s1", SENT, got))


def test_what_came_back_whole_has_no_differences() -> None:
    assert found(sealed()) == []


def damage_value(got: list[SealedBundle]) -> None:
    got[1].bundle.accelerometer_data[7].x = 99.0


def damage_scalar(got: list[SealedBundle]) -> None:
    got[1].bundle.index = 9


def drop_item(got: list[SealedBundle]) -> None:
    del got[1].bundle.gyroscope_data[99]


def drop_message(got: list[SealedBundle]) -> None:
    got[0].bundle.ClearField("battery")


def add_message(got: list[SealedBundle]) -> None:
    got[1].bundle.battery.CopyFrom(Battery())


def drop_bundle(got: list[SealedBundle]) -> None:
    del got[2]


def repeat_bundle(got: list[SealedBundle]) -> None:
    got.append(got[2])


def swap_bundles(got: list[SealedBundle]) -> None:
    got[0], got[1] = got[1], got[0]


def mistake_session(got: list[SealedBundle]) -> None:
    got[1].session_id = "s2"


def forget_time(got: list[SealedBundle]) -> None:
    got[1].server_time_millis = 0


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (damage_value, "bundle 2: accelerometer_data[7].x: "),
        (damage_scalar, "bundle 2: index: 2 was sent, 9 came back"),
        (drop_item, "bundle 2: gyroscope_data: 100 items were sent, 99 came back"),
        (drop_message, "bundle 1: battery is missing"),
        (add_message, "bundle 2: battery was not sent"),
        (drop_bundle, "bundle 3 (index 3) is missing"),
        (repeat_bundle, "bundle 4 (index 3) was not sent"),
        (swap_bundles, "bundle 1: index: 1 was sent, 2 came back"),
        (mistake_session, "bundle 2 came back as one of session 's2'"),
        (forget_time, "bundle 2 has no server_time_millis"),
    ],
)
def test_damage_is_found_and_its_place_named(damage: Callable[[list[SealedBundle]], None], said: str) -> None:
    got = sealed()
    damage(got)
    differences = found(got)
    assert any(difference.startswith(said) for difference in differences), differences


def test_the_recorders_closing_bundle_is_expected_and_looked_at() -> None:
    closing = SealedBundle(session_id="s1", server_time_millis=1)
    closing.bundle.is_final_bundle = True
    closing.bundle.index = 4

    def found(*last: SealedBundle) -> list[str]:
        return list(bundle_differences("s1", SENT, [*sealed(), *last], closing=1))

    assert found(closing) == []
    assert found(closing, closing) == ["bundle 5 (index 4) was not sent"]
    not_final = SealedBundle(session_id="s2", server_time_millis=1, bundle=SENT[1])
    assert found(not_final) == [
        "bundle 4 came back as one of session 's2'",
        "bundle 4 is not the empty final one that the recorder sent",
    ]


def test_every_single_item_is_compared() -> None:
    """One change to any one value of the second bundle is one difference."""
    original = SENT[1]
    for name in ("accelerometer_data", "gyroscope_data", "magnetometer_data", "location_data"):
        for index in range(len(getattr(original, name))):
            changed = Bundle()
            changed.CopyFrom(original)
            getattr(changed, name)[index].determined_at += 1
            assert len(list(message_differences(original, changed))) == 1


@pytest.mark.parametrize(
    ("one", "other", "differences"),
    [
        (Accelerometer(x=math.nan), Accelerometer(x=math.nan), []),
        (Accelerometer(x=math.nan), Accelerometer(x=1.0), ["x: nan was sent, 1.0 came back"]),
        (CustomEvent(properties={"a": "1"}), CustomEvent(properties={"a": "1"}), []),
        (
            CustomEvent(properties={"a": "1", "b": "2"}),
            CustomEvent(properties={"a": "3", "c": "4"}),
            [
                "properties['a']: '1' was sent, '3' came back",
                "properties['b'] is missing",
                "properties['c'] was not sent",
            ],
        ),
    ],
)
def test_nan_equals_nan_and_maps_are_compared(one: Message, other: Message, differences: list[str]) -> None:
    assert list(message_differences(one, other)) == differences


def described(sent: Session, items: Counter[str], bundles: int) -> Session:
    """What a cloud says of a session that holds these items."""
    got = Session()
    got.CopyFrom(sent)
    for name, total in {**items, "bundle": bundles}.items():
        got.counters[name].CopyFrom(BucketedCounter(total=total))
    return got


def test_a_session_is_compared_with_its_counters() -> None:
    sent = checkout_bot(1).session
    items: Counter[str] = Counter()
    bundles = list(counting(checkout_bot(1).bundles(), items))
    assert items == sum((Counter(count_items(bundle)) for bundle in bundles), Counter())
    got = described(sent, items, len(bundles))
    assert list(session_differences(sent, got, items, len(bundles))) == []

    got.labels.add(name="other")
    got.counters["click"].total += 1
    del got.counters["focus_change"]
    got.metadata.model = "another"
    got.journey_id = "j2"
    said = "\n".join(session_differences(sent, got, items, len(bundles)))
    for part in (
        "labels: ",
        "counter click: 11 expected, 12 found",
        "counter focus_change: ",
        "metadata.model: ",
    ):
        assert part in said
    assert "journey_id: " in said


def test_labels_are_compared_as_names_in_any_order() -> None:
    sent = Session(labels=[SessionLabel(name="b"), SessionLabel(name="a"), SessionLabel(name="a")])
    got = Session(labels=[SessionLabel(name="a", label_id="1"), SessionLabel(name="b", label_id="2")])
    assert list(session_differences(sent, got, Counter(), 0)) == []


def test_bundles_of_a_phone_differ_from_each_other() -> None:
    """Else the tests above would compare nothing."""
    assert all(list(message_differences(a, b)) for a, b in pairwise(SENT))
