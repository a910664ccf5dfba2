"""The rules that the schema puts on fields (``rules.proto``), applied to a message."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from moonsense.models import rules_pb2
from moonsense.reflection import is_map, is_repeated

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor, FieldDescriptor
    from google.protobuf.message import Message


def broken_rules(message: Message, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Each rule that a message breaks, as the field's path and what it must be.

    Sub-messages that are absent are not looked into; present ones are, at any depth.
    """
    ruled, nested = _plan(message.DESCRIPTOR)
    for field, rules in ruled:
        path = prefix + field.name
        values = getattr(message, field.name)
        for value in values if is_repeated(field) else [values]:
            reason = _broken(value, field, rules)
            if reason:
                yield path, reason
    for field in nested:
        path = prefix + field.name
        if not is_repeated(field):
            if message.HasField(field.name):
                yield from broken_rules(getattr(message, field.name), f"{path}.")
        elif is_map(field):
            for key, value in getattr(message, field.name).items():
                yield from broken_rules(value, f"{path}[{key!r}].")
        else:
            for index, value in enumerate(getattr(message, field.name)):
                yield from broken_rules(value, f"{path}[{index}].")


def _broken(value: Any, field: FieldDescriptor, rules: rules_pb2.FieldRules) -> str:
    if rules.min_bytes and len(value.encode()) < rules.min_bytes:
        return f"must have at least {rules.min_bytes} byte"
    if rules.min_len and len(value) < rules.min_len:
        return f"must have at least {rules.min_len} character"
    if rules.HasField("gt") and value <= rules.gt:
        return f"must be greater than {rules.gt}"
    if field.enum_type is not None:
        defined = field.enum_type.values_by_number
        if (rules.defined_only and value not in defined) or value in rules.not_in:
            allowed = (v.name for number, v in defined.items() if number not in rules.not_in)
            return f"must be one of {', '.join(allowed)}"
    return ""


@cache
def _plan(
    descriptor: Descriptor,
) -> tuple[tuple[tuple[FieldDescriptor, rules_pb2.FieldRules], ...], tuple[FieldDescriptor, ...]]:
    """The fields of a type with a rule of their own, and those that may hold one deeper down."""
    ruled = []
    nested = []
    for field in descriptor.fields:
        options = field.GetOptions()
        if options.HasExtension(rules_pb2.field):
            ruled.append((field, options.Extensions[rules_pb2.field]))
        inner = field.message_type
        if inner is not None and is_map(field):
            inner = inner.fields_by_name["value"].message_type
        if inner is not None and _has_rules(inner, frozenset()):
            nested.append(field)
    return tuple(ruled), tuple(nested)


def _has_rules(descriptor: Descriptor, seen: frozenset[str]) -> bool:
    """Whether a type or anything below it has a rule (``seen`` ends recursive types)."""
    if descriptor.full_name in seen:
        return False
    seen = seen | {descriptor.full_name}
    return any(
        field.GetOptions().HasExtension(rules_pb2.field)
        or (field.message_type is not None and _has_rules(field.message_type, seen))
        for field in descriptor.fields
    )
