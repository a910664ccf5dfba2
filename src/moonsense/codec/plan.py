"""The plan of a message type: its fields as JSON sees them, read once from its descriptor."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from google.protobuf import message_factory
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.timestamp_pb2 import Timestamp

from moonsense.reflection import is_map, is_repeated

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor
    from google.protobuf.message import Message

__all__ = ["Field", "Kind", "Plan", "Shape", "plan_of"]


class Shape(enum.Enum):
    """How many values a field holds."""

    SINGLE = enum.auto()
    LIST = enum.auto()
    MAP = enum.auto()


class Kind(enum.Enum):
    """What JSON writes for a value; the values of a map or a list count, not the container."""

    INT = enum.auto()
    """32 bits, a number."""
    WIDE_INT = enum.auto()
    """64 bits, a string: JavaScript's numbers do not hold them."""
    FLOAT = enum.auto()
    """32 bits."""
    DOUBLE = enum.auto()
    BOOL = enum.auto()
    STRING = enum.auto()
    BYTES = enum.auto()
    ENUM = enum.auto()
    TIMESTAMP = enum.auto()
    MESSAGE = enum.auto()


_KINDS = {
    FieldDescriptor.CPPTYPE_INT32: Kind.INT,
    FieldDescriptor.CPPTYPE_UINT32: Kind.INT,
    FieldDescriptor.CPPTYPE_INT64: Kind.WIDE_INT,
    FieldDescriptor.CPPTYPE_UINT64: Kind.WIDE_INT,
    FieldDescriptor.CPPTYPE_FLOAT: Kind.FLOAT,
    FieldDescriptor.CPPTYPE_DOUBLE: Kind.DOUBLE,
    FieldDescriptor.CPPTYPE_BOOL: Kind.BOOL,
    FieldDescriptor.CPPTYPE_STRING: Kind.STRING,
    FieldDescriptor.CPPTYPE_ENUM: Kind.ENUM,
    FieldDescriptor.CPPTYPE_MESSAGE: Kind.MESSAGE,
}

_RANGES = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
    FieldDescriptor.CPPTYPE_ENUM: (-(2**31), 2**31 - 1),
}

# Of google.protobuf's types with a JSON form of their own, the schema uses
# one. The others would be read as plain messages, so they are refused.
_OWN_FORM = frozenset(
    f"google.protobuf.{name}"
    for name in (
        *("Any", "Duration", "FieldMask", "ListValue", "Struct", "Value"),
        *("BoolValue", "BytesValue", "DoubleValue", "FloatValue", "StringValue"),
        *("Int32Value", "Int64Value", "UInt32Value", "UInt64Value"),
    )
)


@dataclass(slots=True)
class Field:
    """One field of a message type.

    Attributes:
        name: as the schema writes it.
        json_name: the same in camelCase.
        kind: of its values.
        shape: how many of them.
        low, high: the range of an integer or enum kind.
        numbers: of an enum kind, its names and their numbers.
        plan: of a message kind, its plan.
        key: of a map, its key as a field.
        presence: whether a zero that was set differs from one that was not.
        oneof: the oneof it is a member of, or "".
    """

    name: str
    json_name: str
    kind: Kind
    shape: Shape = Shape.SINGLE
    low: int = 0
    high: int = 0
    numbers: dict[str, int] = field(default_factory=dict)
    plan: Plan | None = None
    key: Field | None = None
    presence: bool = False
    oneof: str = ""

    def names(self) -> dict[int, str]:
        """Of an enum kind, its numbers and their names; of several names the first."""
        return {number: name for name, number in reversed(self.numbers.items())}


@dataclass(slots=True)
class Plan:
    """A message type as JSON sees it.

    Attributes:
        message_type: its class.
        fields: in the order of their numbers, which is the order they are written in.
        by_name: the same by both of their names.
    """

    message_type: type[Message]
    fields: list[Field] = field(default_factory=list)
    by_name: dict[str, Field] = field(default_factory=dict)


@cache
def plan_of(descriptor: Descriptor) -> Plan:
    """The plan of a message type. TypeError for types that have a JSON form of their own."""
    return _plan(descriptor, {})


def _plan(descriptor: Descriptor, known: dict[str, Plan]) -> Plan:
    """``known`` holds the plans under way, so that a type may contain itself."""
    if descriptor.full_name in known:
        return known[descriptor.full_name]
    if descriptor.full_name in _OWN_FORM or descriptor.full_name == Timestamp.DESCRIPTOR.full_name:
        raise TypeError(f"{descriptor.full_name} has a JSON form of its own, which is not supported here")
    plan = Plan(message_factory.GetMessageClass(descriptor))
    known[descriptor.full_name] = plan
    plan.fields = [
        _field(each, known) for each in sorted(descriptor.fields, key=lambda each: int(each.number))
    ]
    plan.by_name = {each.name: each for each in plan.fields} | {each.json_name: each for each in plan.fields}
    return plan


def _field(descriptor: FieldDescriptor, known: dict[str, Plan]) -> Field:
    if is_map(descriptor):
        assert descriptor.message_type is not None
        entry = descriptor.message_type.fields_by_name
        found = _field(entry["value"], known)
        found.key = _field(entry["key"], known)
        found.shape, found.presence = Shape.MAP, False
    else:
        found = Field(descriptor.name, descriptor.json_name, _KINDS[descriptor.cpp_type])
        found.low, found.high = _RANGES.get(descriptor.cpp_type, (0, 0))
        found.presence = bool(descriptor.has_presence)
        if is_repeated(descriptor):
            found.shape = Shape.LIST
        _describe(found, descriptor, known)
    found.name, found.json_name = descriptor.name, descriptor.json_name
    oneof: Any = descriptor.containing_oneof
    # A proto3 "optional" is a oneof of one member, which nothing else can contradict.
    if oneof is not None and len(oneof.fields) > 1:
        found.oneof = oneof.name
    return found


def _describe(found: Field, descriptor: FieldDescriptor, known: dict[str, Plan]) -> None:
    """Say more of the kinds that have more to say."""
    if descriptor.type == FieldDescriptor.TYPE_BYTES:
        found.kind = Kind.BYTES
    elif descriptor.enum_type is not None:
        found.numbers = {value.name: value.number for value in descriptor.enum_type.values}
    elif descriptor.message_type is not None:
        if descriptor.message_type.full_name == Timestamp.DESCRIPTOR.full_name:
            found.kind = Kind.TIMESTAMP
        else:
            found.plan = _plan(descriptor.message_type, known)
