"""How a table shows itself in a notebook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from moonsense.display import html

_ENDS = 5
"""Rows that are shown of the beginning and of the end."""


def page(table: pa.Table, name: str, units: Mapping[str, str]) -> str:
    """The table's first and last rows, under a line that says what it is."""
    head = [(field.name, _below(field, units)) for field in table.schema]
    numbers = [field.name for field in table.schema if _is_number(field.type)]
    shown = html.table(head, _rows(table), right=numbers)
    return f"<div>{html.caption(name or 'Table', _caption(table))}{shown}</div>"


def _below(field: pa.Field, units: Mapping[str, str]) -> str:
    return "UTC" if pa.types.is_timestamp(field.type) else units.get(field.name, "")


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _rows(table: pa.Table) -> Iterator[Sequence[str] | None]:
    if table.num_rows <= 2 * _ENDS:
        yield from _texts(table)
        return
    yield from _texts(table.slice(0, _ENDS))
    yield None
    yield from _texts(table.slice(table.num_rows - _ENDS))


def _texts(table: pa.Table) -> Iterator[Sequence[str]]:
    for row in table.to_pylist():
        yield [_shown(value) for value in row.values()]


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.") + f"{value.microsecond // 1000:03}"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _caption(table: pa.Table) -> str:
    parts = [f"{_count(table.num_rows, 'row')}, {_count(table.num_columns, 'column')}"]
    if "session_id" in table.column_names:
        parts.append(_count(len(table["session_id"].unique()), "session"))
    if "at" in table.column_names and table.num_rows:
        ends = pc.min_max(table["at"])
        first, last = ends["min"].as_py(), ends["max"].as_py()
        if first is not None:
            parts.append(f"{first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S} UTC")
    return ", ".join(parts)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
