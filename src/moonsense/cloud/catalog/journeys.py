"""Journeys: sessions that a recording app put together under one id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, Row, and_, select

from moonsense.cloud.catalog import sessions
from moonsense.cloud.catalog.listing import newest_first
from moonsense.cloud.catalog.tables import journey, session
from moonsense.cloud.records import Page, Place, SessionFilters
from moonsense.models.common_v2_pb2 import DevicePlatform
from moonsense.models.data_plane_v2_pb2 import Journey
from moonsense.models.data_plane_v2_sdk_pb2 import Session, SessionMetadata


def find(connection: Connection, project_id: str, journey_id: str) -> int | None:
    """The key of a project's journey."""
    query = select(journey.c.key).where(_this(project_id, journey_id))
    return connection.execute(query).scalar_one_or_none()


def describe(
    connection: Connection, project_id: str, journey_id: str
) -> tuple[Journey, list[Session]] | None:
    """A journey and its sessions, newest first."""
    row = connection.execute(select(journey).where(_this(project_id, journey_id))).one_or_none()
    if row is None:
        return None
    members = sessions.of_journeys(connection, project_id, [journey_id])
    return _message(row, members), members


def page(connection: Connection, project_id: str, filters: SessionFilters, place: Place) -> Page[Journey]:
    """A part of the journeys, newest first.

    Of the filters, the times are of the journey, and a platform fits when one
    of the journey's sessions has it.
    """
    matching = _matching(project_id, filters)
    listed = newest_first(connection, journey, journey.c.journey_id, matching, place)
    return Page(_messages(connection, project_id, listed.rows), listed.total, listed.more, listed.last)


def _this(project_id: str, journey_id: str) -> ColumnElement[bool]:
    return and_(journey.c.project_id == project_id, journey.c.journey_id == journey_id)


def _matching(project_id: str, filters: SessionFilters) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = [journey.c.project_id == project_id]
    if filters.since_micros is not None:
        conditions.append(journey.c.created_at >= filters.since_micros)
    if filters.before_micros is not None:
        conditions.append(journey.c.created_at < filters.before_micros)
    if filters.platforms:
        numbers = [SessionMetadata.Platform.Value(name) for name in filters.platforms]
        recorded = select(session.c.journey_id).where(
            session.c.project_id == project_id, session.c.platform.in_(numbers)
        )
        conditions.append(journey.c.journey_id.in_(recorded))
    return and_(*conditions)


def _messages(connection: Connection, project_id: str, rows: Sequence[Row[Any]]) -> list[Journey]:
    members: dict[str, list[Session]] = {row.journey_id: [] for row in rows}
    for member in sessions.of_journeys(connection, project_id, list(members)):
        members[member.journey_id].append(member)
    return [_message(row, members[row.journey_id]) for row in rows]


def _message(row: Row[Any], members: Sequence[Session]) -> Journey:
    """What a journey's sessions (newest first) add up to; its app and platform are its first session's."""
    message = Journey(journey_id=row.journey_id, session_count=len(members))
    message.created_at.FromMicroseconds(row.created_at)
    if members:
        first = members[-1]
        message.app_id = first.app_id
        # Two enums of the same numbers: SessionMetadata's and this one.
        message.primary_platform = cast("DevicePlatform.ValueType", first.metadata.platform)
    oldest = [member.oldest_event.ToNanoseconds() for member in members if member.HasField("oldest_event")]
    newest = [member.newest_event.ToNanoseconds() for member in members if member.HasField("newest_event")]
    if oldest:
        message.oldest_event.FromNanoseconds(min(oldest))
    if newest:
        message.newest_event.FromNanoseconds(max(newest))
    return message
