"""Deliveries of webhooks in the catalog: the outbox, what is due, and what came of every try."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, or_, select, text, update

from moonsense.cloud.catalog.listing import newest_first
from moonsense.cloud.catalog.tables import session, webhook_delivery, webhook_endpoint, webhook_try
from moonsense.cloud.records import DeliveryFilters, Page, Place
from moonsense.models.data_plane_v2_pb2 import WebhookEventTypes, WebhookPayload
from moonsense.models.webhooks_v2_pb2 import WebhookDelivery, WebhookTry

KEPT_MICROS = 30 * 24 * 3600 * 1_000_000
"""How long a delivery and its tries are kept."""

WAITING, DELIVERED, FAILED = WebhookDelivery.WAITING, WebhookDelivery.DELIVERED, WebhookDelivery.FAILED

_PURGED_AT_ONCE = 1_000


class Entry(NamedTuple):
    """An event for an endpoint. Times in microseconds since 1970."""

    delivery_id: str
    project_id: str
    endpoint_key: int
    session_key: int | None
    event: int
    bundle_index: int | None
    bundle: bytes | None
    payload: bytes
    created_at: int


class Due(NamedTuple):
    """A delivery that is to be tried."""

    key: int
    delivery_id: str
    session_key: int | None
    event: int
    bundle_index: int | None
    bundle: bytes | None
    payload: bytes
    tries: int


class Result(NamedTuple):
    """What came of a try, and what is to become of its delivery."""

    key: int
    state: int
    tries: int
    due_at: int | None
    finished_at: int | None
    outcome: str
    attempt: WebhookTry


# Out of the endpoint's own row: one that was deleted or switched off since
# somebody looked gets nothing. A bundle that is told of already is left alone.
_ADD = text(
    f"INSERT INTO webhook_delivery ({', '.join(Entry._fields)}, state, tries, due_at, outcome) "  # noqa: S608
    f"SELECT {', '.join(f':{name}' for name in Entry._fields)}, {WAITING}, 0, :created_at, '' "
    "FROM webhook_endpoint WHERE key = :endpoint_key AND NOT disabled "
    "ON CONFLICT DO NOTHING"
)


_RESULT = text(
    "UPDATE webhook_delivery SET state = :state, tries = :tries, due_at = :due_at, "
    "finished_at = :finished_at, outcome = :outcome WHERE key = :key"
)
_TRY = text(
    "INSERT INTO webhook_try (delivery_key, document) "
    "SELECT key, :attempt FROM webhook_delivery WHERE key = :key"
)


def add(connection: Connection, entries: Sequence[Entry]) -> None:
    """Put events into the outbox, due at once."""
    if entries:
        connection.execute(_ADD, [entry._asdict() for entry in entries])


def due(connection: Connection, endpoint_key: int, now: int, limit: int) -> list[Due]:
    """The first deliveries of an endpoint that are due, the longest due first."""
    mine = and_(webhook_delivery.c.endpoint_key == endpoint_key, webhook_delivery.c.due_at <= now)
    query = select(*(webhook_delivery.c[name] for name in Due._fields)).where(mine)
    rows = connection.execute(query.order_by(webhook_delivery.c.due_at, webhook_delivery.c.key).limit(limit))
    return [Due(*row) for row in rows]


def next_due(connection: Connection, endpoint_key: int, now: int) -> int | None:
    """When a delivery of an endpoint is due that is not due yet; None when there is none."""
    query = select(func.min(webhook_delivery.c.due_at))
    first: int | None = connection.execute(
        query.where(webhook_delivery.c.endpoint_key == endpoint_key, webhook_delivery.c.due_at > now)
    ).scalar_one()
    return first


def record(connection: Connection, results: Sequence[Result]) -> None:
    """Keep what came of tries. Deliveries that are gone meanwhile are left out."""
    rows = [row._asdict() | {"attempt": row.attempt.SerializeToString()} for row in results]
    if rows:
        connection.execute(_RESULT, rows)
        connection.execute(_TRY, rows)


def describe(connection: Connection, project_id: str, delivery_id: str) -> WebhookDelivery | None:
    """A delivery with its tries, newest first."""
    this = (webhook_delivery.c.delivery_id == delivery_id) & (webhook_delivery.c.project_id == project_id)
    rows = connection.execute(select(webhook_delivery).where(this)).all()
    if not rows:
        return None
    (message,) = _messages(connection, rows)
    query = select(webhook_try.c.document).where(webhook_try.c.delivery_key == rows[0].key)
    documents = connection.execute(query.order_by(webhook_try.c.key.desc())).scalars()
    message.attempts.extend(WebhookTry.FromString(document) for document in documents)
    return message


def page(
    connection: Connection, project_id: str, filters: DeliveryFilters, place: Place
) -> Page[WebhookDelivery]:
    """A part of a project's deliveries, newest first."""
    matching = _matching(project_id, filters)
    listed = newest_first(connection, webhook_delivery, webhook_delivery.c.delivery_id, matching, place)
    return Page(_messages(connection, listed.rows), listed.total, listed.more, listed.last)


def count(connection: Connection, project_id: str, filters: DeliveryFilters) -> int:
    """How many of a project's deliveries are meant."""
    query = select(func.count()).select_from(webhook_delivery)
    return connection.execute(query.where(_matching(project_id, filters))).scalar_one()


def resend(
    connection: Connection, project_id: str, filters: DeliveryFilters, now: int
) -> tuple[int, set[int]]:
    """Make deliveries due now, as if they had never been tried; how many, and to which endpoints."""
    matching = _matching(project_id, filters)
    keys = connection.execute(select(webhook_delivery.c.endpoint_key).where(matching).distinct()).scalars()
    endpoints = set(keys)
    values = {"state": WAITING, "tries": 0, "due_at": now, "finished_at": None}
    again = connection.execute(update(webhook_delivery).where(matching).values(values))
    return again.rowcount, endpoints


def purge(connection: Connection, before: int) -> int:
    """Delete some of the deliveries of events before a time, with their tries; how many."""
    # The oldest by key: a search by time would read the whole table.
    query = select(webhook_delivery.c.key, webhook_delivery.c.created_at).order_by(webhook_delivery.c.key)
    rows = connection.execute(query.limit(_PURGED_AT_ONCE)).all()
    old = [row.key for row in rows if row.created_at < before]
    if old:
        connection.execute(delete(webhook_delivery).where(webhook_delivery.c.key.in_(old)))
    return len(old)


def _matching(project_id: str, filters: DeliveryFilters) -> ColumnElement[bool]:
    table = webhook_delivery.c
    conditions: list[ColumnElement[bool]] = [table.project_id == project_id]
    if filters.delivery_ids:
        conditions.append(table.delivery_id.in_(filters.delivery_ids))
    if filters.endpoint_id is not None:
        keys = select(webhook_endpoint.c.key).where(webhook_endpoint.c.endpoint_id == filters.endpoint_id)
        conditions.append(table.endpoint_key.in_(keys))
    if filters.session_id is not None:
        keys = select(session.c.key).where(session.c.session_id == filters.session_id)
        conditions.append(table.session_key.in_(keys))
    if filters.event is not None:
        conditions.append(table.event == WebhookEventTypes.Value(filters.event))
    if filters.state is not None:
        conditions.append(table.state == WebhookDelivery.State.Value(filters.state))
    if filters.since_micros is not None:
        conditions.append(table.created_at >= filters.since_micros)
    if filters.before_micros is not None:
        conditions.append(table.created_at < filters.before_micros)
    if filters.failed:
        conditions.append(or_(table.state == FAILED, (table.state == WAITING) & (table.tries > 0)))
    return and_(*conditions)


def _messages(connection: Connection, rows: Iterable[Row[Any]]) -> list[WebhookDelivery]:
    rows = list(rows)
    query = select(webhook_endpoint.c.key, webhook_endpoint.c.endpoint_id)
    named = connection.execute(query.where(webhook_endpoint.c.key.in_({row.endpoint_key for row in rows})))
    endpoint_ids: dict[int, str] = {row.key: row.endpoint_id for row in named}
    messages = []
    for row in rows:
        message = WebhookDelivery(
            delivery_id=row.delivery_id,
            endpoint_id=endpoint_ids[row.endpoint_key],
            event_type=row.event,
            session_id=WebhookPayload.FromString(row.payload).session_id,
            bundle_index=row.bundle_index or 0,
            state=row.state,
            tries=row.tries,
            outcome=row.outcome,
        )
        message.created_at.FromMicroseconds(row.created_at)
        if row.due_at is not None:
            message.next_try_at.FromMicroseconds(row.due_at)
        if row.finished_at is not None:
            message.finished_at.FromMicroseconds(row.finished_at)
        messages.append(message)
    return messages
