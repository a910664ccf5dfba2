"""Labels of a project, and which sessions carry them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, delete, func, insert, select

from moonsense.cloud.catalog.tables import label, session_label
from moonsense.contract.ids import new_id
from moonsense.models.data_plane_v2_pb2 import LabelWithStats
from moonsense.models.data_plane_v2_sdk_pb2 import SessionLabel


def replace(
    connection: Connection, project_id: str, session_key: int, wanted: Iterable[SessionLabel], now: int
) -> None:
    """Give a session exactly these labels, in this order, each name once.

    A label that the project does not know yet is made, with the id it brings
    (imported recordings) if that is free, else with a new one. A label that
    stays keeps its ``session_label_id`` and time.
    """
    names = {message.name: message for message in wanted}
    kept = {
        row.name: row
        for row in connection.execute(
            select(session_label, label.c.name)
            .join(label, label.c.label_id == session_label.c.label_id)
            .where(session_label.c.session_key == session_key)
        )
    }
    connection.execute(delete(session_label).where(session_label.c.session_key == session_key))
    if not names:
        return
    ids = _ids(connection, project_id, names, now)
    connection.execute(
        insert(session_label),
        [
            {
                "session_key": session_key,
                "label_id": ids[name],
                "session_label_id": kept[name].session_label_id
                if name in kept
                else message.session_label_id or new_id(),
                "position": position,
                "created_at": kept[name].created_at if name in kept else _created_at(message, now),
            }
            for position, (name, message) in enumerate(names.items())
        ],
    )


def _created_at(message: SessionLabel, now: int) -> int:
    return message.created_at.ToMicroseconds() if message.HasField("created_at") else now


def _ids(connection: Connection, project_id: str, names: dict[str, SessionLabel], now: int) -> dict[str, str]:
    """The ids of labels by name; those that are not there are made."""
    known = select(label.c.name, label.c.label_id).where(
        label.c.project_id == project_id, label.c.name.in_(list(names))
    )
    ids: dict[str, str] = {row.name: row.label_id for row in connection.execute(known)}
    for name, message in names.items():
        if name in ids:
            continue
        label_id = message.label_id
        taken = select(label.c.label_id).where(label.c.label_id == label_id)
        if not label_id or connection.execute(taken).first() is not None:
            label_id = new_id()
        connection.execute(
            insert(label).values(label_id=label_id, project_id=project_id, name=name, created_at=now)
        )
        ids[name] = label_id
    return ids


def of_sessions(connection: Connection, session_keys: Sequence[int]) -> dict[int, list[SessionLabel]]:
    """The labels of sessions by the sessions' keys, each in the order given."""
    if not session_keys:
        return {}
    query = (
        select(session_label, label.c.name)
        .join(label, label.c.label_id == session_label.c.label_id)
        .where(session_label.c.session_key.in_(session_keys))
        .order_by(session_label.c.session_key, session_label.c.position)
    )
    found: dict[int, list[SessionLabel]] = {}
    for row in connection.execute(query):
        message = SessionLabel(label_id=row.label_id, session_label_id=row.session_label_id, name=row.name)
        message.created_at.FromMicroseconds(row.created_at)
        found.setdefault(row.session_key, []).append(message)
    return found


def all_labels(connection: Connection, project_id: str) -> list[SessionLabel]:
    """The labels of a project by name."""
    query = select(label).where(label.c.project_id == project_id).order_by(label.c.name)
    found = []
    for row in connection.execute(query):
        message = SessionLabel(label_id=row.label_id, name=row.name)
        message.created_at.FromMicroseconds(row.created_at)
        found.append(message)
    return found


def top(connection: Connection, project_id: str) -> list[LabelWithStats]:
    """The labels of a project with their number of sessions, most first."""
    sessions = func.count(session_label.c.session_key)
    query = (
        select(label.c.name, sessions)
        .join(session_label, session_label.c.label_id == label.c.label_id)
        .where(label.c.project_id == project_id)
        .group_by(label.c.label_id, label.c.name)
        .order_by(sessions.desc(), label.c.name)
    )
    return [LabelWithStats(name=name, sessions_count=n) for name, n in connection.execute(query)]
