"""Cards on sessions."""

from __future__ import annotations

from sqlalchemy import Connection, delete, func, insert, select

from moonsense.cloud.catalog.tables import card, session
from moonsense.cloud.records import Page
from moonsense.models.data_plane_v2_pb2 import Card


def create(connection: Connection, session_key: int, message: Card, now: int) -> None:
    """Put a card on a session."""
    connection.execute(
        insert(card).values(
            card_id=message.card_id,
            session_key=session_key,
            title=message.title,
            description=message.description,
            source_type=message.source_type,
            source_id=message.source_id,
            payload=message.payload,
            created_at=now,
        )
    )


def page(connection: Connection, session_key: int, session_id: str, *, offset: int, limit: int) -> Page[Card]:
    """A part of a session's cards, newest first."""
    mine = card.c.session_key == session_key
    total = connection.execute(select(func.count()).select_from(card).where(mine)).scalar_one()
    query = select(card).where(mine).order_by(card.c.created_at.desc(), card.c.card_id.desc())
    found = []
    for row in connection.execute(query.offset(offset).limit(limit)):
        message = Card(
            session_id=session_id,
            card_id=row.card_id,
            title=row.title,
            description=row.description,
            source_type=row.source_type,
            source_id=row.source_id,
            payload=row.payload,
        )
        message.created_at.FromMicroseconds(row.created_at)
        found.append(message)
    return Page(found, total, offset + len(found) < total)


def remove(connection: Connection, project_id: str, card_id: str) -> bool:
    """Delete a card of a project; False when there is none of that id."""
    mine = select(session.c.key).where(session.c.project_id == project_id)
    removed = connection.execute(delete(card).where(card.c.card_id == card_id, card.c.session_key.in_(mine)))
    return removed.rowcount > 0
