"""Columns out of messages."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from moonsense.codec.arrow.schema import Column
from moonsense.codec.plan import Field, Kind, Shape

if TYPE_CHECKING:
    from google.protobuf.message import Message

__all__ = ["column_of", "enum_column"]


def column_of(column: Column, items: Sequence[Message]) -> pa.Array:
    """One column of these items, a row each: zeros where a field was left out, null where its message was."""
    values: list[Any] = list(map(attrgetter(".".join(column.path)), items))
    if column.field.shape is not Shape.SINGLE:
        return pa.array([_plain(value, column.field) for value in values], column.type)
    array = pa.array(values, _storage(column))
    if column.nullable:
        array = pc.if_else(_present(column, items), array, None)
    return enum_column(column.field, array) if column.field.kind is Kind.ENUM else array


def enum_column(field: Field, numbers: pa.Array) -> pa.DictionaryArray:
    """Numbers of an enum as its names; the number itself for a value of a newer schema."""
    named = field.names()
    known = dict(sorted(named.items()))
    unknown = [
        number for number in pc.unique(numbers).to_pylist() if number is not None and number not in named
    ]
    places = pa.array([*known, *unknown], pa.int32())
    return pa.DictionaryArray.from_arrays(
        pc.index_in(numbers, value_set=places), pa.array([*known.values(), *map(str, unknown)], pa.string())
    )


def _storage(column: Column) -> pa.DataType:
    return pa.int32() if column.field.kind is Kind.ENUM else column.type


def _present(column: Column, items: Sequence[Message]) -> pa.Array:
    """Whether the message that holds the value is there, for each item."""
    *ways, last = column.path[:-1]
    holders: Sequence[Any] = list(map(attrgetter(".".join(ways)), items)) if ways else items
    return pa.array([holder.HasField(last) for holder in holders], pa.bool_())


def _plain(value: Any, field: Field) -> Any:
    """Lists, maps and the messages inside them in Python's own types, as Arrow takes them."""
    if field.shape is Shape.MAP:
        # In order: a message has them in another one in each process, and equal data give equal files.
        return [(key, _single(value[key], field)) for key in sorted(value)]
    if field.shape is Shape.LIST:
        return [_single(each, field) for each in value]
    return _single(value, field)


def _single(value: Any, field: Field) -> Any:
    if field.plan is None:
        return field.names().get(value, str(value)) if field.kind is Kind.ENUM else value
    return {
        inner.name: _plain(getattr(value, inner.name), inner)
        if not inner.presence or value.HasField(inner.name)
        else None
        for inner in field.plan.fields
    }
