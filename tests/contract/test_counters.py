"""Counters of a session: their names, and what they count."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from google.protobuf import json_format

from moonsense.contract import counters
from moonsense.models import Battery, Bundle, Click, Clock, CustomEvent, FrameRateEvent, Pointer, SealedBundle
from moonsense.models.feature_pb2 import Feature


def test_every_field_with_items_has_a_name_of_its_own() -> None:
    names = counters.item_fields()
    plain = {"index", "is_final_bundle", "client_time", "features"}
    assert set(names) == {field.name for field in Bundle.DESCRIPTOR.fields} - plain
    assert len(set(names.values())) == len(names)
    assert counters.BUNDLE not in names.values()


def test_the_names_that_the_service_gives() -> None:
    expected = {
        "pointer_data": "pointer",
        "key_press_data": "key_press",
        "linear_accelerometer_data": "linear_accelerometer",
        "permission_events": "permission",
        "viewport_size_events": "viewport_size",
        "app_life_cycle_events": "app_life_cycle",
        "custom_events": "custom_event",
        "context_menu_events": "context_menu",
        "frame_rate_event": "frame_rate",
        "markers": "marker",
        "battery": "battery",
    }
    names = counters.item_fields()
    assert {field: names[field] for field in expected} == expected


def test_items_are_counted_and_nothing_else() -> None:
    bundle = Bundle(
        index=7,
        is_final_bundle=True,
        client_time=Clock(timer_millis=5),
        battery=Battery(),
        frame_rate_event=FrameRateEvent(frames_per_second=60),
        pointer_data=[Pointer(), Pointer(), Pointer()],
        click_data=[Click()],
        custom_events=[CustomEvent()],
        features={"a": Feature()},
    )
    assert counters.count_items(bundle) == {
        "battery": 1,
        "frame_rate": 1,
        "pointer": 3,
        "click": 1,
        "custom_event": 1,
    }
    assert counters.count_items(Bundle()) == {}


def test_real_recordings_have_the_counters_that_the_service_gave_them(web_sessions: Path) -> None:
    seen = 0
    for metadata in sorted(web_sessions.glob("*/*/*/metadata.json"))[::4]:
        expected = {name: c["total"] for name, c in json.loads(metadata.read_bytes())["counters"].items()}
        totals: Counter[str] = Counter()
        for line in metadata.with_name("raw_sealed_bundles.json").read_bytes().splitlines():
            sealed = json_format.Parse(line, SealedBundle(), ignore_unknown_fields=True)
            totals.update(counters.count_items(sealed.bundle) | {counters.BUNDLE: 1})
        assert totals == expected, metadata
        seen += 1
    assert seen > 50
