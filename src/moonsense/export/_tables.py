"""A table as a file."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.ipc
import pyarrow.parquet

TABLES = {"parquet": ".parquet", "arrow": ".arrow", "csv": ".csv"}
"""The formats of tables, and how their files end."""

_ROW_GROUP = 256 * 1024
"""Rows a reader takes or leaves together, by their statistics."""


def encode(tables: list[pa.Table], format: str) -> bytes:
    """The bytes of a file with the rows of some tables of one sensor."""
    if format == "csv":
        tables = [flat(table) for table in tables]
    table = pa.concat_tables(tables).unify_dictionaries()
    sink = pa.BufferOutputStream()
    if format == "parquet":
        pa.parquet.write_table(
            table,
            sink,
            compression="zstd",
            row_group_size=_ROW_GROUP,
            write_statistics=True,
            write_page_index=True,
        )
    elif format == "arrow":
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        # Such a file holds one dictionary a column, so they were unified before.
        with pa.ipc.new_file(sink, table.schema, options=options) as writer:
            writer.write_table(table, max_chunksize=_ROW_GROUP)
    else:
        pa.csv.write_csv(table, sink)
    return bytes(sink.getvalue())


def decode(content: bytes, format: str, schema: pa.Schema) -> pa.Table:
    """The table of such a file."""
    source = pa.BufferReader(content)
    if format == "parquet":
        return pa.parquet.read_table(source).cast(schema)
    if format == "arrow":
        return pa.ipc.open_file(source).read_all()
    options = pa.csv.ConvertOptions(
        column_types={field.name: field.type for field in flat(schema.empty_table()).schema},
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    return pa.csv.read_csv(
        source, parse_options=pa.csv.ParseOptions(newlines_in_values=True), convert_options=options
    )


def of_sessions(table: pa.Table, session_ids: Iterable[str]) -> pa.Table:
    """The rows of some sessions."""
    wanted = pa.array(session_ids, pa.string())
    return table.filter(pc.is_in(table["session_id"].cast(pa.string()), wanted))


def flat(table: pa.Table) -> pa.Table:
    """The same with texts in place of dictionaries, and JSON in place of what has an inside."""
    columns = []
    for column in table.columns:
        if pa.types.is_dictionary(column.type):
            column = column.cast(pa.string())
        elif pa.types.is_nested(column.type):
            texts = [_json(value) for value in column.to_pylist(maps_as_pydicts="strict")]
            column = pa.chunked_array([pa.array(texts, pa.string())])
        columns.append(column)
    return pa.table(columns, names=table.column_names)


def _json(value: Any) -> str | None:
    if value is None:
        return None
    return orjson.dumps(value, default=lambda data: base64.b64encode(data).decode()).decode()
