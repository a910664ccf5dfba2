"""What a field is, on every protobuf that is supported."""

from __future__ import annotations

import pytest

from moonsense.models import Bundle, CustomEvent, Feature, SessionMetadata
from moonsense.models.feature_pb2 import DoubleMap
from moonsense.reflection import is_map, is_repeated


@pytest.mark.parametrize(
    ("message", "field", "repeated", "mapped"),
    [
        (Bundle, "pointer_data", True, False),
        (Bundle, "client_time", False, False),
        (Bundle, "index", False, False),
        (Bundle, "features", True, True),
        (CustomEvent, "properties", True, True),
        (DoubleMap, "value", True, True),
        (Feature, "double_map", False, False),
        (SessionMetadata, "platform", False, False),
    ],
)
def test_lists_and_maps(message, field: str, repeated: bool, mapped: bool) -> None:
    descriptor = message.DESCRIPTOR.fields_by_name[field]
    assert is_repeated(descriptor) is repeated
    assert is_map(descriptor) is mapped
