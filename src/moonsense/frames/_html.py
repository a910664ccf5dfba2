"""How a table shows itself in a notebook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from html import escape

import pyarrow as pa
import pyarrow.compute as pc

_ENDS = 5
"""Rows that are shown of the beginning and of the end."""


def page(table: pa.Table, name: str, units: Mapping[str, str]) -> str:
    """The table's first and last rows, under a line that says what it is."""
    return "".join(_lines(table, name, units))


def _lines(table: pa.Table, name: str, units: Mapping[str, str]) -> Iterator[str]:
    yield f"<div><p><b>{escape(name)}</b> {escape(_caption(table))}</p>"
    yield "<table><thead><tr>"
    for column in table.column_names:
        unit = f"<br><small>{escape(units[column])}</small>" if column in units else ""
        yield f"<th>{escape(column)}{unit}</th>"
    yield "</tr></thead><tbody>"
    cut = table.num_rows > 2 * _ENDS
    yield from _rows(table.slice(0, _ENDS) if cut else table)
    if cut:
        yield f'<tr><td colspan="{table.num_columns}">&#8942;</td></tr>'
        yield from _rows(table.slice(table.num_rows - _ENDS))
    yield "</tbody></table></div>"


def _rows(table: pa.Table) -> Iterator[str]:
    for row in table.to_pylist():
        yield "<tr>" + "".join(f"<td>{escape(_shown(value))}</td>" for value in row.values()) + "</tr>"


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.") + f"{value.microsecond // 1000:03}"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _caption(table: pa.Table) -> str:
    parts = [_count(table.num_rows, "row")]
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
