"""Sessions in the catalog: create, find, list, describe, delete."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    delete,
    func,
    insert,
    select,
    update,
)

from moonsense.cloud.catalog import captures, chunks, grouping, labels, log
from moonsense.cloud.catalog.listing import newest_first
from moonsense.cloud.catalog.tables import app, label, session, session_label
from moonsense.cloud.contents import Contents, contents
from moonsense.cloud.records import Page, Place, SessionFilters
from moonsense.contract import counters
from moonsense.models.data_plane_v2_sdk_pb2 import BucketedCounter, Session, SessionMetadata


class SessionRef(NamedTuple):
    """Where a session's bundles go."""

    key: int
    project_id: str
    app_id: str
    journey_id: str


def find(connection: Connection, session_id: str) -> SessionRef | None:
    """The session of an id, whatever its project: the caller compares that."""
    query = select(session.c.key, session.c.project_id, session.c.app_id, session.c.journey_id)
    row = connection.execute(query.where(session.c.session_id == session_id)).one_or_none()
    return None if row is None else SessionRef(*row)


def owner(connection: Connection, key: int) -> tuple[str, str] | None:
    """The project's and the session's id of a key; None when it was deleted."""
    query = select(session.c.project_id, session.c.session_id).where(session.c.key == key)
    row = connection.execute(query).one_or_none()
    return None if row is None else (row.project_id, row.session_id)


def create(connection: Connection, project_id: str, app_id: str, message: Session, created_at: int) -> int:
    """Store a session with its labels; gives its key. The id must be free."""
    document = Session(cdfs=message.cdfs)
    if message.HasField("metadata"):
        document.metadata.CopyFrom(message.metadata)
    if message.HasField("config"):
        document.config.CopyFrom(message.config)
    if message.HasField("circle"):
        document.circle.CopyFrom(message.circle)
    if message.HasField("oldest_event"):
        document.oldest_event.CopyFrom(message.oldest_event)
    if message.HasField("newest_event"):
        document.newest_event.CopyFrom(message.newest_event)
    document.counters.MergeFrom(message.counters)
    key: int = connection.execute(
        insert(session)
        .values(
            session_id=message.session_id,
            project_id=project_id,
            app_id=app_id,
            created_at=created_at,
            platform=message.metadata.platform,
            journey_id=message.journey_id,
            client_session_group_id=message.client_session_group_id,
            document=document.SerializeToString(),
        )
        .returning(session.c.key)
    ).scalar_one()
    labels.replace(connection, project_id, key, message.labels, created_at)
    if message.journey_id:
        grouping.joined(connection, project_id, message.journey_id, created_at)
    return key


def describe(connection: Connection, project_id: str, session_id: str, *, full: bool) -> Session | None:
    """A session as the contract answers it; ``full`` with the counters' buckets."""
    query = select(session).where(session.c.session_id == session_id, session.c.project_id == project_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else _messages(connection, [row], full=full)[0]


def page(connection: Connection, project_id: str, filters: SessionFilters, place: Place) -> Page[Session]:
    """A part of a project's sessions, newest first."""
    listed = newest_first(connection, session, session.c.session_id, _matching(project_id, filters), place)
    return Page(_messages(connection, listed.rows, full=False), listed.total, listed.more, listed.last)


def of_journeys(connection: Connection, project_id: str, journey_ids: Sequence[str]) -> list[Session]:
    """The sessions of journeys, newest first."""
    mine = (session.c.project_id == project_id) & session.c.journey_id.in_(journey_ids)
    query = select(session).where(mine)
    rows = connection.execute(query.order_by(session.c.created_at.desc(), session.c.session_id.desc()))
    return _messages(connection, rows.all(), full=False)


def _matching(project_id: str, filters: SessionFilters) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = [session.c.project_id == project_id]
    if filters.since_micros is not None:
        conditions.append(session.c.created_at >= filters.since_micros)
    if filters.before_micros is not None:
        conditions.append(session.c.created_at < filters.before_micros)
    if filters.journey_id is not None:
        conditions.append(session.c.journey_id == filters.journey_id)
    if filters.client_session_group_id is not None:
        conditions.append(session.c.client_session_group_id == filters.client_session_group_id)
    if filters.platforms:
        numbers = [SessionMetadata.Platform.Value(name) for name in filters.platforms]
        conditions.append(session.c.platform.in_(numbers))
    if filters.labels:
        labelled = (
            select(session_label.c.session_key)
            .join(label, label.c.label_id == session_label.c.label_id)
            .where(label.c.project_id == project_id, label.c.name.in_(filters.labels))
        )
        conditions.append(session.c.key.in_(labelled))
    return and_(*conditions)


def _messages(connection: Connection, rows: Sequence[Row[Any]], *, full: bool) -> list[Session]:
    """Rows as messages, with their labels and what the log adds to the sealed counters."""
    keys = [row.key for row in rows]
    named = labels.of_sessions(connection, keys)
    received = log.of_sessions(connection, keys)
    captured = captures.packets(connection, keys)
    messages = []
    for row in rows:
        message = Session.FromString(row.document)
        message.session_id = row.session_id
        message.app_id = row.app_id
        message.journey_id = row.journey_id
        message.client_session_group_id = row.client_session_group_id
        message.created_at.FromMicroseconds(row.created_at)
        message.labels.extend(named.get(row.key, ()))
        if row.key in received:
            add_tallies(message, received[row.key])
            contents(waiting.payload for waiting in received[row.key]).widen(message)
        if row.key in captured:
            message.counters[counters.PACKET].total = captured[row.key]
        if not full:
            for counter in message.counters.values():
                del counter.buckets[:]
        messages.append(message)
    return messages


def add_tallies(message: Session, received: Iterable[log.Received]) -> None:
    """Add bundles to a session's counters and their buckets."""
    totals: dict[str, int] = {}
    minutes: dict[int, int] = {}
    for row in received:
        for name, count in row.counts.items():
            totals[name] = totals.get(name, 0) + count
        totals[counters.BUNDLE] = totals.get(counters.BUNDLE, 0) + 1
        minute = row.received_at // 1000 // counters.BUCKET_MILLIS * counters.BUCKET_MILLIS
        minutes[minute] = minutes.get(minute, 0) + 1
    for name, count in totals.items():
        message.counters[name].total += count
    if minutes:
        _add_buckets(message.counters[counters.BUNDLE], minutes)


def _add_buckets(counter: BucketedCounter, minutes: dict[int, int]) -> None:
    for bucket in counter.buckets:
        minutes[bucket.start_time] = minutes.get(bucket.start_time, 0) + bucket.value
    del counter.buckets[:]
    for start in sorted(minutes, reverse=True):
        counter.buckets.add(start_time=start, value=minutes[start])


def fold(connection: Connection, session_key: int, received: Iterable[log.Received], found: Contents) -> bool:
    """Add bundles that are being sealed to the session's own numbers; False when it was deleted."""
    document = connection.execute(
        select(session.c.document).where(session.c.key == session_key)
    ).scalar_one_or_none()
    if document is None:
        return False
    message = Session.FromString(document)
    add_tallies(message, received)
    found.widen(message)
    connection.execute(
        update(session).where(session.c.key == session_key).values(document=message.SerializeToString())
    )
    return True


def remove(connection: Connection, project_id: str, session_id: str, now: int) -> SessionRef | None:
    """Delete a session and all that hangs on it; its objects become garbage."""
    found = find(connection, session_id)
    if found is None or found.project_id != project_id:
        return None
    chunks.discard_all(connection, found.key, project_id, session_id, now)
    # Log, chunks, labels, cards and what was found out go with it (ON DELETE CASCADE).
    connection.execute(delete(session).where(session.c.key == found.key))
    if found.journey_id:
        grouping.left(connection, project_id, found.journey_id)
    return found


def ensure_app(connection: Connection, project_id: str, app_id: str, now: int) -> bool:
    """Make an app known that imported sessions belong to; False when it is another project's."""
    owner = connection.execute(select(app.c.project_id).where(app.c.app_id == app_id)).scalar_one_or_none()
    if owner is None:
        connection.execute(
            insert(app).values(app_id=app_id, project_id=project_id, name=app_id, created_at=now)
        )
        return True
    return bool(owner == project_id)


def count(connection: Connection) -> int:
    """Sessions in the catalog."""
    return connection.execute(select(func.count()).select_from(session)).scalar_one()
