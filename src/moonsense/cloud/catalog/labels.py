"""Labels of a project, and which sessions carry them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from moonsense.cloud.catalog.tables import label, session_label
from moonsense.contract.ids import new_id
from moonsense.models.data_plane_v2_pb2 import LabelWithStats
from moonsense.models.data_plane_v2_sdk_pb2 import SessionLabel


def replace(
    connection: Connection, project_id: str, session_key: int, wanted: Iterable[SessionLabel], now: int
) -> None:
    """Give a session exactly these labels, in this order, each once.

    A label is meant by its name; one that the project does not know yet is
    made. Imported recordings bring ids too, which are kept: the service has
    labels of one name and several ids. A label that stays on the session keeps
    its ``session_label_id`` and time.
    """
    kept = {
        row.label_id: row
        for row in connection.execute(select(session_label).where(session_label.c.session_key == session_key))
    }
    connection.execute(delete(session_label).where(session_label.c.session_key == session_key))
    rows: dict[str, dict[str, object]] = {}
    for message in wanted:
        label_id = _known(connection, project_id, message) or _make(connection, project_id, message, now)
        before = kept.get(label_id)
        rows.setdefault(
            label_id,
            {
                "session_key": session_key,
                "label_id": label_id,
                "session_label_id": before.session_label_id
                if before
                else message.session_label_id or new_id(),
                "position": len(rows),
                "created_at": before.created_at if before else _created_at(message, now),
            },
        )
    if rows:
        connection.execute(insert(session_label), list(rows.values()))


def _created_at(message: SessionLabel, now: int) -> int:
    return message.created_at.ToMicroseconds() if message.HasField("created_at") else now


def _known(connection: Connection, project_id: str, message: SessionLabel) -> str | None:
    """The id of the project's label that is meant: of that name, and of that id if one is given."""
    query = select(label.c.label_id).where(label.c.project_id == project_id, label.c.name == message.name)
    if message.label_id:
        query = query.where(label.c.label_id == message.label_id)
    return connection.execute(query.order_by(label.c.created_at, label.c.label_id)).scalars().first()


def _make(connection: Connection, project_id: str, message: SessionLabel, now: int) -> str:
    """A new label, under the id it brings if that is free."""
    taken = select(label.c.label_id).where(label.c.label_id == message.label_id)
    free = message.label_id and connection.execute(taken).first() is None
    label_id = message.label_id if free else new_id()
    connection.execute(
        insert(label).values(label_id=label_id, project_id=project_id, name=message.name, created_at=now)
    )
    return label_id


# Made once: a list of keys in place of the parameter would be taken apart and put together at each call.
_OF_SESSIONS = (
    select(
        session_label.c.session_key,
        session_label.c.label_id,
        session_label.c.session_label_id,
        session_label.c.created_at,
        label.c.name,
    )
    .join(label, label.c.label_id == session_label.c.label_id)
    .where(session_label.c.session_key.in_(bindparam("keys", expanding=True)))
    .order_by(session_label.c.session_key, session_label.c.position)
)


def of_sessions(connection: Connection, session_keys: Sequence[int]) -> dict[int, list[SessionLabel]]:
    """The labels of sessions by the sessions' keys, each in the order given."""
    if not session_keys:
        return {}
    found: dict[int, list[SessionLabel]] = {}
    rows = connection.execute(_OF_SESSIONS, {"keys": session_keys}).all()
    for key, label_id, session_label_id, created_at, name in rows:
        message = SessionLabel(label_id=label_id, session_label_id=session_label_id, name=name)
        message.created_at.FromMicroseconds(created_at)
        found.setdefault(key, []).append(message)
    return found


def all_labels(connection: Connection, project_id: str) -> list[SessionLabel]:
    """The labels of a project by name."""
    query = select(label).where(label.c.project_id == project_id).order_by(label.c.name, label.c.label_id)
    found = []
    for row in connection.execute(query):
        message = SessionLabel(label_id=row.label_id, name=row.name)
        message.created_at.FromMicroseconds(row.created_at)
        found.append(message)
    return found


def top(connection: Connection, project_id: str) -> list[LabelWithStats]:
    """The labels of a project with their number of sessions, most first."""
    sessions = func.count(session_label.c.session_key.distinct())
    query = (
        select(label.c.name, sessions)
        .join(session_label, session_label.c.label_id == label.c.label_id)
        .where(label.c.project_id == project_id)
        .group_by(label.c.name)
        .order_by(sessions.desc(), label.c.name)
    )
    return [LabelWithStats(name=name, sessions_count=n) for name, n in connection.execute(query)]
