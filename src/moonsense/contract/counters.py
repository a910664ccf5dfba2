"""Counters of a session: how many items of each kind its bundles hold."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from moonsense.models.bundle_v2_pb2 import Bundle
from moonsense.reflection import is_repeated

if TYPE_CHECKING:
    from google.protobuf.descriptor import FieldDescriptor

BUNDLE = "bundle"
"""The counter of the bundles themselves; the full view has buckets of one minute for it."""

PACKET = "packet"
"""The counter of captured network packets, which are in no bundle."""

BUCKET_MILLIS = 60_000
"""The width of a bucket in milliseconds."""

_SUFFIXES = ("_data", "_events", "_event")
_EXCEPTIONS = {"custom_events": "custom_event", "markers": "marker"}


def counter_name(field: str) -> str:
    """The counter of a ``Bundle`` field: ``pointer_data`` -> ``pointer``."""
    if field in _EXCEPTIONS:
        return _EXCEPTIONS[field]
    for suffix in _SUFFIXES:
        if field.endswith(suffix):
            return field.removesuffix(suffix)
    return field


@cache
def item_fields() -> dict[str, str]:
    """The ``Bundle`` fields that hold items, with their counters' names, in schema order.

    Repeated messages count their items; ``battery`` and ``frame_rate_event``
    are one item when present. The clock and the feature map are none.
    """
    names = {}
    for field in Bundle.DESCRIPTOR.fields:
        if field.message_type is None or field.name in ("client_time", "features"):
            continue
        names[field.name] = counter_name(field.name)
    return names


@cache
def _by_number() -> dict[int, tuple[str, bool]]:
    """Of each field with items its counter's name, and whether it is a list."""
    named = item_fields()
    fields = [field for field in Bundle.DESCRIPTOR.fields if field.name in named]
    return {field.number: (named[field.name], is_repeated(field)) for field in fields}


def count_items(bundle: Bundle) -> dict[str, int]:
    """Items a counter in one bundle; counters without an item are left out."""
    known = _by_number()
    counts: dict[str, int] = {}
    field: FieldDescriptor
    for field, value in bundle.ListFields():
        # By its number: asking for its name makes a new text each time.
        if (item := known.get(field.number)) is not None:
            name, is_list = item
            counts[name] = len(value) if is_list else 1
    return counts
