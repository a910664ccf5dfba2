"""What differs between what went into a cloud and what came back, in words."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from moonsense.contract.counters import BUNDLE, count_items
from moonsense.models.bundle_v2_pb2 import Bundle, SealedBundle
from moonsense.models.data_plane_v2_sdk_pb2 import Session
from moonsense.reflection import is_map, is_repeated


def message_differences(sent: Message, got: Message, path: str = "") -> Iterator[str]:
    """Each value that differs, with its path such as ``accelerometer_data[3].x``."""
    if sent == got:
        return
    fields = {field.name: field for message in (sent, got) for field, _ in message.ListFields()}
    for name, field in fields.items():
        place = f"{path}.{name}" if path else name
        if field.has_presence and sent.HasField(name) != got.HasField(name):
            yield f"{place} {'is missing' if sent.HasField(name) else 'was not sent'}"
        elif is_map(field):
            yield from _map_differences(getattr(sent, name), getattr(got, name), place)
        elif is_repeated(field):
            yield from _list_differences(field, getattr(sent, name), getattr(got, name), place)
        else:
            yield from _value_differences(field, getattr(sent, name), getattr(got, name), place)


def _list_differences(field: FieldDescriptor, sent: Any, got: Any, path: str) -> Iterator[str]:
    if len(sent) != len(got):
        yield f"{path}: {len(sent)} items were sent, {len(got)} came back"
    for index, (one, other) in enumerate(zip(sent, got, strict=False)):
        yield from _value_differences(field, one, other, f"{path}[{index}]")


def _map_differences(sent: Any, got: Any, path: str) -> Iterator[str]:
    for key in sorted(set(sent) | set(got)):
        if key not in got or key not in sent:
            yield f"{path}[{key!r}] {'is missing' if key in sent else 'was not sent'}"
        elif isinstance(sent[key], Message):
            yield from message_differences(sent[key], got[key], f"{path}[{key!r}]")
        elif sent[key] != got[key]:
            yield f"{path}[{key!r}]: {sent[key]!r} was sent, {got[key]!r} came back"


def _value_differences(field: FieldDescriptor, sent: Any, got: Any, path: str) -> Iterator[str]:
    if field.message_type is not None:
        yield from message_differences(sent, got, path)
    elif sent != got and not _both_nan(sent, got):
        yield f"{path}: {sent!r} was sent, {got!r} came back"


def _both_nan(one: Any, other: Any) -> bool:
    return isinstance(one, float) and isinstance(other, float) and math.isnan(one) and math.isnan(other)


def bundle_differences(
    session_id: str, sent: Iterable[Bundle], got: Iterable[SealedBundle], *, closing: int = 0
) -> Iterator[str]:
    """What differs between bundles sent and bundles read, one by one in their order.

    ``closing`` is how many bundles the recorder put behind those sent: without
    items, and marked as final.
    """
    received = iter(got)
    position = 0
    for position, bundle in enumerate(sent, start=1):
        sealed = next(received, None)
        if sealed is None:
            yield f"bundle {position} (index {bundle.index}) is missing"
            continue
        for difference in _envelope_differences(session_id, sealed):
            yield f"bundle {position} {difference}"
        for difference in message_differences(bundle, sealed.bundle):
            yield f"bundle {position}: {difference}"
    for last, sealed in enumerate(received, start=1):
        if last > closing:
            yield f"bundle {position + last} (index {sealed.bundle.index}) was not sent"
            continue
        for difference in _envelope_differences(session_id, sealed):
            yield f"bundle {position + last} {difference}"
        if count_items(sealed.bundle) or not sealed.bundle.is_final_bundle:
            yield f"bundle {position + last} is not the empty final one that the recorder sent"


def _envelope_differences(session_id: str, sealed: SealedBundle) -> Iterator[str]:
    if sealed.session_id != session_id:
        yield f"came back as one of session {sealed.session_id!r}"
    if not sealed.server_time_millis:
        yield "has no server_time_millis"


def session_differences(sent: Session, got: Session, items: Counter[str], bundles: int) -> Iterator[str]:
    """What differs between a session as it was opened and filled, and as it is described."""
    for name in ("metadata", "config"):
        yield from message_differences(getattr(sent, name), getattr(got, name), name)
    for name in ("journey_id", "client_session_group_id"):
        if getattr(sent, name) != getattr(got, name):
            yield f"{name}: {getattr(sent, name)!r} was sent, {getattr(got, name)!r} came back"
    wanted, labels = {label.name for label in sent.labels}, {label.name for label in got.labels}
    if wanted != labels:
        yield f"labels: {sorted(wanted)} were sent, {sorted(labels)} came back"
    expected = {**items, BUNDLE: bundles} if bundles else dict(items)
    counters = {name: counter.total for name, counter in got.counters.items() if counter.total}
    for name in sorted(expected.keys() | counters.keys()):
        if expected.get(name, 0) != counters.get(name, 0):
            yield f"counter {name}: {expected.get(name, 0)} expected, {counters.get(name, 0)} found"


def counting(bundles: Iterable[Bundle], items: Counter[str]) -> Iterator[Bundle]:
    """The bundles, their items added to the counts as they go by."""
    for bundle in bundles:
        items.update(count_items(bundle))
        yield bundle
