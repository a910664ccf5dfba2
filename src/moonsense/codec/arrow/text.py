"""Columns out of the JSON of items, by Arrow's own reader.

It takes what the service and this package write, and what it takes it takes as
``codec.json`` does. Where it cannot, or would read something else, ``columns_of``
gives nothing, and the text is to be read as messages, which says what is wrong
with it if something is. What it would read otherwise, and is looked for here:
names in camelCase, which it ignores as it does those of a newer schema; bare
NaN and Infinity, which are no JSON; integers in hexadecimal; texts that are not
UTF-8. Nulls are zeros, as everywhere, and null for an item is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from moonsense.codec.arrow.messages import enum_column
from moonsense.codec.arrow.schema import Column
from moonsense.codec.plan import Field, Kind, Plan, Shape
from moonsense.codec.scalars import MAX_FLOAT

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["TextReader"]

_LIST = "i"
_BEFORE, _BETWEEN, _AFTER = b'{"i":[', b']}\n{"i":[', b"]}\n"

_WRITTEN = {
    Kind.INT: pa.int32(),
    Kind.WIDE_INT: pa.string(),
    Kind.FLOAT: pa.float64(),  # so it is rounded as from a message: to 64 bits, then to 32
    Kind.DOUBLE: pa.float64(),
    Kind.BOOL: pa.bool_(),
    Kind.STRING: pa.string(),
    Kind.ENUM: pa.string(),
}
"""What JSON has for a value. Bytes are in no item, and lists and maps are left to messages."""

_ZEROS: dict[Kind, Any] = {Kind.BOOL: False, Kind.STRING: ""}

_ESCAPE = b"\\"
_SPELLED = b"\\u"
"""With it, any name may be written in a way that is not looked for."""


class _Odd(Exception):
    """A text is not for this reader."""


@dataclass(frozen=True)
class TextReader:
    """Reads some columns out of the JSON of items.

    Attributes:
        plan: of an item.
        columns: which to read; at least one.
    """

    plan: Plan
    columns: tuple[Column, ...]

    @cached_property
    def able(self) -> bool:
        """Whether it can read these columns at all."""
        return all(
            column.field.shape is Shape.SINGLE and column.field.kind in _WRITTEN for column in self.columns
        )

    def read(self, texts: Sequence[bytes]) -> tuple[NDArray[np.int64], list[pa.Array]] | None:
        """How many items there are in each text, and the columns of all of them.

        Args:
            texts: items with commas between them.

        Returns:
            None when a text is to be read by a reader of messages.
        """
        if not texts:
            return np.zeros(0, np.int64), [pa.array([], column.type) for column in self.columns]
        data = _BEFORE + _BETWEEN.join(texts) + _AFTER
        try:
            self._look(data)
            table = pyarrow.json.read_json(
                pa.BufferReader(data),
                read_options=pyarrow.json.ReadOptions(use_threads=False, block_size=len(data)),
                parse_options=pyarrow.json.ParseOptions(
                    explicit_schema=self._schema, unexpected_field_behavior="ignore"
                ),
            )
            lists = table[_LIST].combine_chunks()
            items = lists.flatten()
            if len(lists) != len(texts) or items.null_count:
                return None
            return lists.value_lengths().to_numpy().astype(np.int64), [
                _column(column, items) for column in self.columns
            ]
        except (_Odd, pa.ArrowInvalid, UnicodeDecodeError):
            return None

    def _look(self, data: bytes) -> None:
        if any(begin in data for begin in self._camel) or (_ESCAPE in data and _SPELLED in data):
            raise _Odd
        if not data.isascii():
            data.decode()

    @cached_property
    def _camel(self) -> tuple[bytes, ...]:
        """How the names in camelCase begin, up to a capital: a rare letter, so quick to look for."""
        fields = {field.json_name for column in self.columns for field in _way(self.plan, column)}
        begins = (re.match(r"[^A-Z]+[A-Z]", name) for name in fields)
        return tuple(sorted({begin[0].encode() for begin in begins if begin}))

    @cached_property
    def _schema(self) -> pa.Schema:
        paths = {column.path for column in self.columns}
        return pa.schema([(_LIST, pa.list_(_written(self.plan, paths)))])


def _way(plan: Plan, column: Column) -> list[Field]:
    """The fields on the path of a column."""
    found: list[Field] = []
    here: Plan | None = plan
    for name in column.path:
        assert here is not None
        found.append(here.by_name[name])
        here = found[-1].plan
    return found


def _written(plan: Plan, paths: set[tuple[str, ...]]) -> pa.DataType:
    """What JSON has for a message, as far as it is asked for."""
    fields = []
    for field in plan.fields:
        below = {path[1:] for path in paths if path[0] == field.name}
        if below:
            kind = _WRITTEN[field.kind] if field.plan is None else _written(field.plan, below)
            fields.append((field.name, kind))
    return pa.struct(fields)


def _column(column: Column, items: pa.StructArray) -> pa.Array:
    *ways, last = column.path
    holder, present = items, None
    for name in ways:
        holder = holder.field(name)
        there = holder.is_valid()
        present = there if present is None else pc.and_(present, there)
    values = holder.field(last)
    kind = column.field.kind
    if kind is Kind.ENUM:
        values = _numbers(column.field, values)
    elif kind is Kind.WIDE_INT:
        if any(pc.any(pc.starts_with(values, begin)).as_py() for begin in ("0x", "0X")):
            raise _Odd
        values = values.cast(pa.int64())
    elif kind in (Kind.FLOAT, Kind.DOUBLE):
        _check_range(values, kind)
        values = values.cast(column.type, safe=False)
    if values.null_count:
        values = values.fill_null(_ZEROS.get(kind, 0))
    if present is not None:
        values = pc.if_else(present, values, pa.scalar(None, values.type))
    return enum_column(column.field, values) if kind is Kind.ENUM else values


def _numbers(field: Field, names: pa.Array) -> pa.Array:
    """The numbers of an enum's names; a name that the schema does not know is not for this reader."""
    places = pc.index_in(names, value_set=pa.array(field.numbers))
    if places.null_count != names.null_count:
        raise _Odd
    return pa.array(field.numbers.values(), pa.int32()).take(places)


def _check_range(values: pa.Array, kind: Kind) -> None:
    """A number that is none, or too large for its field, is not for this reader."""
    if not pc.all(pc.is_finite(values), min_count=0).as_py():
        raise _Odd
    if kind is Kind.FLOAT and not pc.all(pc.less_equal(pc.abs(values), MAX_FLOAT), min_count=0).as_py():
        raise _Odd
