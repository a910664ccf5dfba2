"""The sensors, and the columns of their tables, made from the descriptors of the messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property

import pyarrow as pa

from moonsense.codec.arrow.units import unit_of
from moonsense.codec.plan import Field, Kind, Plan, Shape, plan_of
from moonsense.contract.counters import item_fields
from moonsense.models.bundle_v2_pb2 import Bundle, SealedBundle

__all__ = [
    "AXIS",
    "BUNDLES",
    "DETERMINED",
    "INTERVAL_END",
    "MOMENT",
    "TEXTS",
    "UNIT",
    "WALL",
    "Column",
    "Sensor",
    "names",
    "sensor_of",
]

BUNDLES = "bundles"
"""The table of the bundles themselves."""

UNIT = b"unit"
"""Where the metadata of an Arrow field has its unit."""

TEXTS = pa.dictionary(pa.int32(), pa.string())
"""Texts that repeat: ids and names. Parquet gives dictionaries back with these indices."""

MOMENT = pa.timestamp("us", "UTC")

AXIS: tuple[pa.Field, ...] = (
    pa.field("session_id", TEXTS, nullable=False),
    pa.field("bundle_index", pa.int32(), nullable=False),
    pa.field("at", MOMENT),
    pa.field("clock", TEXTS, nullable=False),
)
"""What every table begins with: which bundle a row is of, and when it was."""

DETERMINED = "determined_at"
INTERVAL_END = "to"
WALL = "client_time_wall_time_millis"
"""The columns that can say when an item was: the last is a wall clock, the others may be timers."""

_SCALARS = {
    Kind.INT: pa.int32(),
    Kind.WIDE_INT: pa.int64(),
    Kind.FLOAT: pa.float32(),
    Kind.DOUBLE: pa.float64(),
    Kind.BOOL: pa.bool_(),
    Kind.STRING: pa.string(),
    Kind.BYTES: pa.binary(),
    Kind.ENUM: TEXTS,
}


@dataclass(frozen=True)
class Column:
    """A column that holds one field of a message, or of a message inside it.

    Attributes:
        name: the path with ``_`` between its parts.
        path: the fields that lead to the value.
        field: the last of them, as JSON sees it.
        type: of the Arrow column.
        unit: of its values, or "".
        nullable: whether a message on the path can be left out; a value that is
            left out of a message that is there is its zero.
    """

    name: str
    path: tuple[str, ...]
    field: Field
    type: pa.DataType
    unit: str
    nullable: bool

    def arrow(self) -> pa.Field:
        """The same for Arrow, with the unit in its metadata."""
        return pa.field(self.name, self.type, self.nullable, {UNIT: self.unit} if self.unit else None)


@dataclass(frozen=True)
class Sensor:
    """A kind of reading or event: a field of the bundle that holds items, or the bundles themselves.

    Attributes:
        name: of its table.
        field: of the bundle, "" for the bundles themselves.
        many: whether the field is a list.
        plan: of an item.
        columns: the fields of an item; ``determined_at`` is the first of every
            table and all null where items have none.
    """

    name: str
    field: str
    many: bool
    plan: Plan
    columns: tuple[Column, ...]

    @cached_property
    def schema(self) -> pa.Schema:
        """The schema of the table: the same for every source, and for no rows."""
        return pa.schema([*AXIS, *(column.arrow() for column in self.columns)], {b"sensor": self.name})

    @cached_property
    def time(self) -> str:
        """The column that says when an item was, or "": then it was when its bundle was made.

        Where it is an interval, the item is known at its end.
        """
        there = {column.name for column in self.columns if column.path}
        return next((name for name in (DETERMINED, INTERVAL_END, WALL) if name in there), "")


def names() -> tuple[str, ...]:
    """The names of all sensors, in the order of the schema; ``bundles`` is the last."""
    return (*item_fields().values(), BUNDLES)


@cache
def sensor_of(name: str) -> Sensor:
    """A sensor by its name. Raises ValueError for one that there is not, with those that there are."""
    if name == BUNDLES:
        return Sensor(BUNDLES, "", False, plan_of(SealedBundle.DESCRIPTOR), tuple(_bundle_columns()))
    for field, sensor in item_fields().items():
        if sensor == name:
            described = plan_of(Bundle.DESCRIPTOR).by_name[field]
            assert described.plan is not None
            columns = list(_columns(described.plan))
            own = [column for column in columns if column.name == DETERMINED] or [_no_time()]
            others = [column for column in columns if column.name != DETERMINED]
            return Sensor(name, field, described.shape is Shape.LIST, described.plan, (*own, *others))
    raise ValueError(f"there is no sensor {name!r}; there are {', '.join(names())}")


def _columns(
    plan: Plan, path: tuple[str, ...] = (), unit: str = "", leave_out: Iterable[str] = ()
) -> Iterator[Column]:
    """The fields of a message; those of messages inside it in their place."""
    message = plan.message_type.DESCRIPTOR.name
    for field in plan.fields:
        if field.name in leave_out:
            continue
        here = (*path, field.name)
        own = unit_of(message, field.name) or unit
        if field.plan is not None and field.shape is Shape.SINGLE:
            yield from _columns(field.plan, here, own)
        else:
            yield Column("_".join(here), here, field, _type(field), own, nullable=len(path) > 0)


def _bundle_columns() -> Iterator[Column]:
    """Of the bundles: what was sealed around them, then their own fields but for the items."""
    yield _no_time()
    for column in _columns(plan_of(SealedBundle.DESCRIPTOR), leave_out=("bundle", "session_id")):
        if column.name == "server_time_millis":
            # Sometimes microseconds in the messages, and here always a moment.
            yield Column("server_time", column.path, column.field, MOMENT, "", nullable=True)
        else:
            yield column
    for column in _columns(plan_of(Bundle.DESCRIPTOR), leave_out=(*item_fields(), "index")):
        # The row is the bundle, so it is no message that could be left out of it.
        yield Column(
            column.name, ("bundle", *column.path), column.field, column.type, column.unit, column.nullable
        )


def _no_time() -> Column:
    """The column ``determined_at`` of items that have no such field."""
    field = Field(DETERMINED, "determinedAt", Kind.WIDE_INT)
    return Column(field.name, (), field, pa.int64(), unit_of("", field.name), nullable=True)


def _type(field: Field) -> pa.DataType:
    if field.shape is Shape.MAP:
        assert field.key is not None
        return pa.map_(_SCALARS[field.key.kind], _value_type(field))
    return pa.list_(_value_type(field)) if field.shape is Shape.LIST else _value_type(field)


def _value_type(field: Field) -> pa.DataType:
    if field.plan is not None:
        return pa.struct([pa.field(inner.name, _type(inner)) for inner in field.plan.fields])
    return _SCALARS[field.kind]
