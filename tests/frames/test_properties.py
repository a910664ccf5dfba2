"""Tables equal what the messages say, field by field: random bundles of every type, from every source."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st
from support.messages import messages
from support.tables import FIELDS, comparable, expected, in_order

from moonsense import frames
from moonsense.clock import Knowledge, place
from moonsense.clock.columns import KNOWLEDGE, NOWHERE, Clocks, place_all
from moonsense.codec.json import write_line
from moonsense.models.bundle_v2_pb2 import Bundle, Clock, SealedBundle

ALL = [*FIELDS, "bundles"]
BUNDLE = Bundle.DESCRIPTOR


def dense(field: str) -> st.SearchStrategy[SealedBundle]:
    """Bundles with several items of one field, as recordings have them."""
    item = messages(BUNDLE.fields_by_name[field].message_type._concrete_class)
    single = field in ("battery", "frame_rate_event")

    def made(items: list[Any], clock: Clock | None, index: int, session_id: str) -> SealedBundle:
        sealed = SealedBundle(session_id=session_id, bundle=Bundle(index=index, client_time=clock))
        if single:
            getattr(sealed.bundle, field).CopyFrom(items[0])
        else:
            getattr(sealed.bundle, field).extend(items)
        return sealed

    return st.builds(
        made,
        st.lists(item, min_size=1, max_size=5),
        st.none() | clocks,
        st.integers(0, 3),
        st.sampled_from(["a", "b", ""]),
    )


clocks = messages(Clock) | st.builds(
    Clock,
    wall_time_millis=st.integers(1_600_000_000_000, 1_700_000_000_000),
    timer_millis=st.integers(0, 10_000_000),
)

some_bundles = st.lists(
    messages(SealedBundle) | st.sampled_from(list(FIELDS.values())).flatmap(dense), max_size=6
)


def scanning(can_scan: bool) -> AbstractContextManager[object]:
    return mock.patch("moonsense.frames._reading.can_scan", can_scan)


def snake(sealed: SealedBundle) -> bytes:
    return write_line(sealed)


def camel(sealed: SealedBundle) -> bytes:
    return json_format.MessageToJson(sealed, indent=None).encode() + b"\n"


def numbered(sealed: SealedBundle) -> bytes:
    """Enums by number, and white space where our own writer has none."""
    text = json_format.MessageToJson(
        sealed, indent=None, preserving_proto_field_name=True, use_integers_for_enums=True
    )
    return text.encode() + b"\r\n"


def with_zeros(sealed: SealedBundle) -> bytes:
    text = json_format.MessageToDict(
        sealed, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return json.dumps(text, separators=(",", ":")).encode() + b"\n"


def newer(sealed: SealedBundle) -> bytes:
    """As a newer schema writes it, with fields that ours does not know, in any order, and with nulls."""
    document = json_format.MessageToDict(sealed, preserving_proto_field_name=True)
    bundle = document.get("bundle", {})
    for value in list(bundle.values()):
        for item in value if isinstance(value, list) else []:
            item["a_new_field"] = {"text": 'a "quoted" ]}', "list": [1, {"x": None}]}
            item["pressure"] = item.get("pressure")
    members = [*bundle.items(), ("a_new_list", [{"x": 1}]), ("accelerometer", "]")]
    random.Random(len(members)).shuffle(members)
    if "bundle" in document:
        document["bundle"] = dict(members)
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


WAYS = [pytest.param(True, id="scanned"), pytest.param(False, id="outlined")]
"""With the compiled part, and as where there is none."""


@pytest.mark.parametrize("can_scan", WAYS)
@pytest.mark.parametrize("write", [snake, camel, numbered, with_zeros, newer], ids=lambda one: one.__name__)
@settings(max_examples=settings().max_examples // 2)
@given(sealed=some_bundles)
def test_text_says_what_the_messages_say(
    write: Callable[[SealedBundle], bytes], can_scan: bool, sealed: list[SealedBundle]
) -> None:
    data = b"".join(map(write, sealed))

    with scanning(can_scan):
        tables = frames.read(data, ALL)

    for sensor, table in tables.items():
        rows = expected(sensor, in_order(sealed))
        assert comparable(table.arrow.to_pylist()) == comparable([_typed(sensor, row) for row in rows])
        assert table.arrow.schema.equals(frames.schema(sensor), check_metadata=True)
        assert table.arrow.validate(full=True) is None


@settings(max_examples=settings().max_examples // 2)
@given(sealed=some_bundles)
def test_messages_say_what_they_say(sealed: list[SealedBundle]) -> None:
    for sensor, table in frames.read(iter(sealed), ALL).items():
        rows = expected(sensor, in_order(sealed))
        assert comparable(table.arrow.to_pylist()) == comparable([_typed(sensor, row) for row in rows])


@pytest.mark.parametrize("can_scan", WAYS)
@given(data=st.data(), sensor=st.sampled_from(list(FIELDS)))
def test_one_sensor_alone_says_the_same(can_scan: bool, data: st.DataObject, sensor: str) -> None:
    """Alone, so that nothing else sends the text the exact way."""
    sealed = data.draw(st.lists(dense(FIELDS[sensor]), min_size=1, max_size=4))

    with scanning(can_scan):
        table = frames.read(b"".join(map(write_line, sealed)), sensor)

    rows = expected(sensor, in_order(sealed))
    assert comparable(table.arrow.to_pylist()) == comparable([_typed(sensor, row) for row in rows])


def _typed(sensor: str, row: dict[str, Any]) -> dict[str, Any]:
    """A row in the order of the columns; there are no others."""
    assert set(row) == set(frames.schema(sensor).names)
    return {name: row[name] for name in frames.schema(sensor).names}


def readings(clock: Clock | None) -> tuple[int, int, int]:
    clock = clock or Clock()
    return clock.wall_time_millis, clock.timer_millis, clock.timer_realtime_millis


@given(
    items=st.lists(
        st.tuples(st.integers(-(2**63), 2**63 - 1) | st.integers(0, 2 * 10**12), clocks | st.none())
    )
)
def test_times_are_placed_as_one_by_one(items: list[tuple[int, Clock | None]]) -> None:
    import numpy as np

    at, known = place_all(
        np.array([determined for determined, _ in items], np.int64),
        Clocks.of(*np.array([readings(clock) for _, clock in items], np.int64).reshape(-1, 3).T),
        np.arange(len(items)),
    )

    found = [
        (None if moment == NOWHERE else int(moment), KNOWLEDGE[how])
        for moment, how in zip(at, known, strict=True)
    ]
    assert found == [place(determined, clock) for determined, clock in items]
    assert Knowledge.WALL not in {how for _, how in found}


@pytest.mark.parametrize("can_scan", WAYS)
def test_every_real_recording_says_the_same_as_file_and_as_messages(
    web_sessions: Path, can_scan: bool
) -> None:
    from moonsense.codec.json import parse

    paths = sorted(web_sessions.rglob("raw_sealed_bundles.json"))[:60]
    sealed = [parse(line, SealedBundle) for path in paths for line in path.read_bytes().splitlines()]
    with scanning(can_scan):
        tables = frames.read(paths, ALL)
    for sensor, table in tables.items():
        rows = [_typed(sensor, row) for row in expected(sensor, in_order(sealed))]
        assert table.arrow.to_pylist() == rows
        assert set(table.arrow["clock"].to_pylist()) <= {"wall" if sensor == "bundles" else "timer"}


def test_compressed_files_are_read_like_others(tmp_path: Path) -> None:
    sealed = [SealedBundle(session_id="a", bundle=Bundle(index=index)) for index in range(1, 4)]
    for one in sealed:
        one.bundle.accelerometer_data.add(determined_at=1_700_000_000_000, x=1.5)
    data = b"".join(map(write_line, sealed))
    (tmp_path / "one.json.gz").write_bytes(gzip.compress(data[:200]) + gzip.compress(data[200:]))

    assert (
        frames.read(tmp_path / "one.json.gz", "accelerometer").arrow
        == frames.read(data, "accelerometer").arrow
    )
