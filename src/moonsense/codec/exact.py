"""The exact way from a JSON document to a message: every value is looked at, every error has its path.

It serves what the fast way (``trusting``) cannot take: camelCase, nulls,
fields of a newer schema, unusual spellings of values, and all that is wrong.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from moonsense.codec.plan import Field, Plan, Shape, plan_of
from moonsense.codec.scalars import Refused, UnknownName, key_reader, reader, shown

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor

__all__ = ["exactly", "path_of"]

Read = Callable[[Any], Any]


@cache
def exactly(descriptor: Descriptor, *, ignore_unknown: bool) -> Read:
    """A function from a JSON value to the arguments of a message's constructor. It raises Refused."""
    return _Types(ignore_unknown).reader(plan_of(descriptor))


def path_of(refused: Refused) -> str:
    """Where a value is that was refused: ``bundle.pointer_data[3].position.dx``."""
    path = ""
    for part in reversed(refused.path):
        path += f".{part}" if path and not part.startswith("[") else part
    return path


class _Types:
    """Makes the functions for a message type and all types below it."""

    def __init__(self, ignore_unknown: bool) -> None:
        self.ignore_unknown = ignore_unknown
        self.known: dict[int, Read] = {}

    def reader(self, plan: Plan) -> Read:
        """The function for the objects of a type; made when it is first asked for."""
        if id(plan) in self.known:
            return self.known[id(plan)]
        full_name = plan.message_type.DESCRIPTOR.full_name
        ignore_unknown = self.ignore_unknown
        fields: dict[str, tuple[str, Read]] = {}
        oneofs = _oneofs(plan)

        def read(document: Any) -> dict[str, Any]:
            if type(document) is not dict:
                raise Refused(f"expected an object, got {shown(document)}")
            arguments: dict[str, Any] = {}
            for name, value in document.items():
                if name not in fields:
                    if ignore_unknown:
                        continue
                    raise Refused(f"{full_name} has no field {shown(name)}")
                field, convert = fields[name]
                try:
                    if field in arguments:
                        raise Refused("it is there in both spellings")
                    # Null says "not set", and so does None to the constructor.
                    arguments[field] = None if value is None else convert(value)
                except Refused as refused:
                    refused.path.append(field)
                    raise
            for members in oneofs:
                present = [name for name in members if arguments.get(name) is not None]
                if len(present) > 1:
                    raise Refused(f"{' and '.join(present)} exclude each other")
            return arguments

        self.known[id(plan)] = read
        for name, field in plan.by_name.items():
            fields[name] = (field.name, self._field(field))
        return read

    def _field(self, field: Field) -> Read:
        convert = self._value(field)
        match field.shape:
            case Shape.SINGLE:
                return convert
            case Shape.LIST:
                return _list(convert)
            case Shape.MAP:
                return _map(convert, field)

    def _value(self, field: Field) -> Read:
        """Reads one value; to None when it is the name of no known value and to be ignored."""
        if field.plan is not None:
            return self.reader(field.plan)
        convert = reader(field)
        if not self.ignore_unknown or not field.numbers:
            return convert

        def known_or_none(value: Any) -> Any:
            try:
                return convert(value)
            except UnknownName:
                return None

        return known_or_none


def _oneofs(plan: Plan) -> list[list[str]]:
    members: defaultdict[str, list[str]] = defaultdict(list)
    for field in plan.fields:
        if field.oneof:
            members[field.oneof].append(field.name)
    return list(members.values())


def _list(convert: Read) -> Read:
    def read(values: Any) -> list[Any]:
        if type(values) is not list:
            raise Refused(f"expected a list, got {shown(values)}")
        found = []
        for index, value in enumerate(values):
            try:
                item = convert(value)
            except Refused as refused:
                refused.path.append(f"[{index}]")
                raise
            if item is not None:
                found.append(item)
        return found

    return read


def _map(convert: Read, field: Field) -> Read:
    assert field.key is not None
    convert_key = key_reader(field.key)
    message_type = None if field.plan is None else field.plan.message_type

    def read(values: Any) -> dict[Any, Any]:
        if type(values) is not dict:
            raise Refused(f"expected an object, got {shown(values)}")
        found = {}
        for key, value in values.items():
            try:
                known_key, item = convert_key(key), convert(value)
            except Refused as refused:
                refused.path.append(f"[{shown(key)}]")
                raise
            if item is not None:
                # protobuf 5 takes no dictionaries for the messages of a map
                found[known_key] = item if message_type is None else message_type(**item)
        return found

    return read
