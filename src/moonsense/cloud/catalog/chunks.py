"""Chunks in the catalog, and the objects that no chunk has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, insert, select

from moonsense.cloud.catalog import captures
from moonsense.cloud.catalog.log import Ranges
from moonsense.cloud.catalog.tables import chunk, garbage, session
from moonsense.cloud.objects import chunk_keys
from moonsense.cloud.records import Page
from moonsense.models.data_plane_v2_pb2 import Chunk


class ChunkRow(NamedTuple):
    """A chunk without its bundles."""

    chunk_id: str
    created_at: int
    md5: str
    bundles: int
    ndjson_size: int
    ndjson_gz_size: int
    frames_size: int
    ndjson_gz_sha256: bytes | None
    frames_sha256: bytes | None


_COLUMNS = tuple(chunk.c[name] for name in ChunkRow._fields)


def add(connection: Connection, session_key: int, row: ChunkRow, indexes: Ranges) -> None:
    """Make a chunk visible. Its objects must be stored."""
    connection.execute(insert(chunk).values(session_key=session_key, indexes=str(indexes), **row._asdict()))


def page(connection: Connection, project_id: str, session_id: str, *, offset: int, limit: int) -> Page[Chunk]:
    """A part of a session's chunks, oldest first."""
    belongs = (session.c.session_id == session_id) & (session.c.project_id == project_id)
    joined = chunk.join(session, session.c.key == chunk.c.session_key)
    total = connection.execute(select(func.count()).select_from(joined).where(belongs)).scalar_one()
    query = select(chunk.c.chunk_id, chunk.c.md5, chunk.c.created_at).select_from(joined).where(belongs)
    found = []
    for row in connection.execute(query.order_by(chunk.c.key).offset(offset).limit(limit)):
        message = Chunk(chunk_id=row.chunk_id, md5=row.md5)
        message.created_at.FromMicroseconds(row.created_at)
        found.append(message)
    return Page(found, total, offset + len(found) < total)


def find(connection: Connection, session_key: int, chunk_id: str) -> ChunkRow | None:
    """One chunk of a session."""
    query = select(*_COLUMNS).where(chunk.c.session_key == session_key, chunk.c.chunk_id == chunk_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else ChunkRow(*row)


def of_session(connection: Connection, session_key: int) -> list[ChunkRow]:
    """All chunks of a session, oldest first."""
    query = select(*_COLUMNS).where(chunk.c.session_key == session_key).order_by(chunk.c.key)
    return [ChunkRow(*row) for row in connection.execute(query)]


def announce(connection: Connection, object_keys: Sequence[str], not_before: int) -> None:
    """Say that objects are about to be written: garbage from ``not_before`` on, unless adopted."""
    connection.execute(
        insert(garbage), [{"object_key": key, "not_before": not_before} for key in object_keys]
    )


def adopt(connection: Connection, object_keys: Sequence[str]) -> bool:
    """Take announced objects out of the garbage; False when they were swept away meanwhile."""
    removed = connection.execute(delete(garbage).where(garbage.c.object_key.in_(object_keys)))
    return removed.rowcount == len(object_keys)


def discard_all(connection: Connection, session_key: int, project_id: str, session_id: str, now: int) -> None:
    """The objects of all chunks and captures of a session become garbage at once."""
    keys = [row.object_key for row in captures.of_session(connection, session_key)]
    for row in of_session(connection, session_key):
        keys += chunk_keys(project_id, session_id, row.chunk_id)
    if keys:
        announce(connection, keys, now)


def swept(connection: Connection, object_keys: Sequence[str]) -> None:
    """Forget garbage that is gone."""
    connection.execute(delete(garbage).where(garbage.c.object_key.in_(object_keys)))


def due_garbage(connection: Connection, now: int, limit: int) -> list[str]:
    """Objects that may be deleted."""
    query = select(garbage.c.object_key).where(garbage.c.not_before <= now).limit(limit)
    return list(connection.execute(query).scalars())


def count(connection: Connection) -> int:
    """Chunks in the catalog."""
    return connection.execute(select(func.count()).select_from(chunk)).scalar_one()
