"""Random messages of any type, and a schema with the kinds of fields that ours has not."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from hypothesis import strategies as st

from moonsense import models
from moonsense.reflection import is_map, is_repeated

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


@cache
def schema_types() -> tuple[type[Message], ...]:
    """Every message type of the schema, those inside others too."""
    found = []
    for module in iter_modules(models.__path__, f"{models.__name__}."):
        if module.name.endswith("_pb2"):
            for descriptor in import_module(module.name).DESCRIPTOR.message_types_by_name.values():
                found += list(_with_nested(descriptor))
    return tuple(found)


def _with_nested(descriptor: Descriptor) -> Iterator[type[Message]]:
    if not descriptor.GetOptions().map_entry:
        yield message_factory.GetMessageClass(descriptor)
        for nested in descriptor.nested_types:
            yield from _with_nested(nested)


@cache
def odd_type() -> type[Message]:
    """A message type that contains itself, with every scalar type, map key and kind of presence."""
    file = descriptor_pb2.FileDescriptorProto(name="odd.proto", package="odd", syntax="proto3")
    message = file.message_type.add(name="Odd")
    colour = file.enum_type.add(name="Colour", options={"allow_alias": True})
    for name, number in (("NONE", 0), ("RED", 1), ("ROUGE", 1), ("DEEP", -5)):
        colour.value.add(name=name, number=number)
    types = descriptor_pb2.FieldDescriptorProto

    def add(name: str, kind: int, label: int = types.LABEL_OPTIONAL, **more: Any) -> None:
        message.field.add(name=name, number=len(message.field) + 1, type=kind, label=label, **more)

    scalars = (
        *("double", "float", "int64", "uint64", "int32", "fixed64", "fixed32", "bool", "string"),
        *("bytes", "uint32", "sfixed32", "sfixed64", "sint32", "sint64"),
    )
    kinds = {name: types.Type.Value(f"TYPE_{name.upper()}") for name in scalars}
    message.oneof_decl.add(name="choice")
    for name, kind in kinds.items():
        add(f"a_{name}", kind)
        add(f"some_{name}", kind, types.LABEL_REPEATED)
        add(f"or_{name}", kind, oneof_index=0)
    for index, (name, kind) in enumerate(kinds.items()):
        message.oneof_decl.add(name=f"_maybe_{name}")
        add(f"maybe_{name}", kind, oneof_index=index + 1, proto3_optional=True)
    add("a_colour", types.TYPE_ENUM, type_name=".odd.Colour")
    add("some_colours", types.TYPE_ENUM, types.LABEL_REPEATED, type_name=".odd.Colour")
    add("itself", types.TYPE_MESSAGE, type_name=".odd.Odd")
    add("some_of_itself", types.TYPE_MESSAGE, types.LABEL_REPEATED, type_name=".odd.Odd")
    add("import", types.TYPE_INT64)  # a word of Python

    def add_map(name: str, key: int, value: int, type_name: str = "") -> None:
        entry = message.nested_type.add(name=f"{name.title().replace('_', '')}Entry")
        entry.options.map_entry = True
        entry.field.add(name="key", number=1, type=key, label=types.LABEL_OPTIONAL)
        entry.field.add(
            name="value", number=2, type=value, label=types.LABEL_OPTIONAL, type_name=type_name or None
        )
        add(name, types.TYPE_MESSAGE, types.LABEL_REPEATED, type_name=f".odd.Odd.{entry.name}")

    add_map("by_bool", types.TYPE_BOOL, types.TYPE_BYTES)
    add_map("by_int32", types.TYPE_INT32, types.TYPE_FLOAT)
    add_map("by_uint64", types.TYPE_UINT64, types.TYPE_ENUM, ".odd.Colour")
    add_map("by_string", types.TYPE_STRING, types.TYPE_MESSAGE, ".odd.Odd")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("odd.Odd"))


def messages(message_type: type[Message], depth: int = 4) -> st.SearchStrategy[Any]:
    """Messages of a type: any field there or not, extremes included, sub-messages to some depth."""
    return _messages(message_type.DESCRIPTOR, depth)


@cache
def _messages(descriptor: Descriptor, depth: int) -> st.SearchStrategy[Any]:
    message_type: Any = message_factory.GetMessageClass(descriptor)
    if descriptor.full_name == "google.protobuf.Timestamp":
        return st.builds(
            timestamp_pb2.Timestamp,
            seconds=st.integers(-62_135_596_800, 253_402_300_799),
            nanos=st.sampled_from([0, 1, 1_000, 120_000_000, 999_999_999]) | st.integers(0, 999_999_999),
        )
    fields = {
        field.name: _field(field, depth) for field in descriptor.fields if depth or field.message_type is None
    }
    # Few at a time: the interesting faults are in one field or between two.
    names = st.lists(st.sampled_from(sorted(fields)), max_size=6, unique=True) if fields else st.just([])
    return names.flatmap(lambda chosen: st.fixed_dictionaries({name: fields[name] for name in chosen})).map(
        lambda values: message_type(**values)
    )


def _field(field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
    if is_map(field):
        entry = field.message_type.fields_by_name
        return st.dictionaries(_value(entry["key"], 0), _value(entry["value"], depth - 1), max_size=2)
    value = st.deferred(lambda: _value(field, depth - 1))
    return st.lists(value, max_size=3) if is_repeated(field) else value


def _value(field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
    if field.message_type is not None:
        return _messages(field.message_type, depth)
    if field.enum_type is not None:
        # A number without a name is a value of a newer schema.
        return st.sampled_from(sorted(field.enum_type.values_by_number)) | st.sampled_from([77, -(2**31)])
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_STRING:
            return st.binary(max_size=6) if field.type == FieldDescriptor.TYPE_BYTES else TEXT
        case FieldDescriptor.CPPTYPE_BOOL:
            return st.booleans()
        case FieldDescriptor.CPPTYPE_FLOAT:
            return st.floats(width=32).map(_plain)
        case FieldDescriptor.CPPTYPE_DOUBLE:
            return st.floats().map(_plain)
        case FieldDescriptor.CPPTYPE_INT32:
            return _integers(-(2**31), 2**31 - 1)
        case FieldDescriptor.CPPTYPE_UINT32:
            return _integers(0, 2**32 - 1)
        case FieldDescriptor.CPPTYPE_INT64:
            return _integers(-(2**63), 2**63 - 1)
        case _:
            return _integers(0, 2**64 - 1)


def _plain(number: float) -> float:
    """JSON has one NaN; the bits have many."""
    return math.nan if math.isnan(number) else number


def _integers(least: int, greatest: int) -> st.SearchStrategy[int]:
    return st.sampled_from([least, greatest, 0, 1]) | st.integers(least, greatest)
