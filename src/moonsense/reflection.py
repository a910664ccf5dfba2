"""Questions to a message type's descriptor whose answer moved between protobuf 5 and 7."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf import descriptor

if TYPE_CHECKING:
    from google.protobuf.descriptor import FieldDescriptor

# protobuf 6.31 brought is_repeated, 7 took label away.
_HAS_IS_REPEATED = hasattr(descriptor.FieldDescriptor, "is_repeated")


def is_repeated(field: FieldDescriptor) -> bool:
    """Whether a field is a list (maps are lists of entries)."""
    if _HAS_IS_REPEATED:
        return field.is_repeated
    return bool(field.label == 3)  # type: ignore[attr-defined]


def is_map(field: FieldDescriptor) -> bool:
    """Whether a field is a map."""
    return field.message_type is not None and field.message_type.GetOptions().map_entry
