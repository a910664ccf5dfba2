"""Which journeys there are: kept true wherever a session comes or goes."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, select, update

from moonsense.cloud.catalog.tables import journey, session


def joined(connection: Connection, project_id: str, journey_id: str, created_at: int) -> None:
    """A session of a journey was made: the journey is there, and as old as its oldest session."""
    this = _this(project_id, journey_id)
    if connection.execute(select(journey.c.key).where(this)).first() is None:
        connection.execute(
            insert(journey).values(project_id=project_id, journey_id=journey_id, created_at=created_at)
        )
    else:
        younger = journey.c.created_at > created_at
        connection.execute(update(journey).where(this, younger).values(created_at=created_at))


def left(connection: Connection, project_id: str, journey_id: str) -> None:
    """A session of a journey was deleted: the last one takes the journey with it."""
    mine = (session.c.project_id == project_id) & (session.c.journey_id == journey_id)
    oldest = connection.execute(select(func.min(session.c.created_at)).where(mine)).scalar_one()
    this = _this(project_id, journey_id)
    if oldest is None:
        connection.execute(delete(journey).where(this))
    else:
        connection.execute(update(journey).where(this).values(created_at=oldest))


def _this(project_id: str, journey_id: str) -> ColumnElement[bool]:
    return and_(journey.c.project_id == project_id, journey.c.journey_id == journey_id)
