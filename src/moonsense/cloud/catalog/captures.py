"""Packet captures of sessions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, func, insert, select

from moonsense.cloud.catalog.tables import capture


class CaptureRow(NamedTuple):
    """An uploaded capture: the file's header, and where its records lie."""

    object_key: str
    header: bytes
    size: int
    packets: int
    created_at: int


_COLUMNS = tuple(capture.c[name] for name in CaptureRow._fields)


def add(connection: Connection, session_key: int, row: CaptureRow) -> None:
    """Make a capture known. Its object must be stored."""
    connection.execute(insert(capture).values(session_key=session_key, **row._asdict()))


def of_session(connection: Connection, session_key: int) -> list[CaptureRow]:
    """The captures of a session in the order they came."""
    query = select(*_COLUMNS).where(capture.c.session_key == session_key).order_by(capture.c.key)
    return [CaptureRow(*row) for row in connection.execute(query)]


_PACKETS = (
    select(capture.c.session_key, func.sum(capture.c.packets))
    .where(capture.c.session_key.in_(bindparam("keys", expanding=True)))
    .group_by(capture.c.session_key)
)


def packets(connection: Connection, session_keys: Sequence[int]) -> dict[int, int]:
    """The number of captured packets by session; sessions without any are left out."""
    if not session_keys:
        return {}
    return {key: total for key, total in connection.execute(_PACKETS, {"keys": session_keys}).all() if total}
