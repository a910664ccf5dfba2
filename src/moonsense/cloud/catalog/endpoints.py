"""Webhook endpoints in the catalog, with their secrets and what the cloud has to say of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, delete, func, insert, or_, select, update

from moonsense.cloud.catalog.tables import webhook_endpoint, webhook_notice, webhook_secret
from moonsense.cloud.records import Page
from moonsense.models.webhooks_v2_pb2 import WebhookEndpoint, WebhookNotice

_OWNERS = ("url", "events", "app_id", "content_type", "thin", "schema_version", "description")
"""Fields that an endpoint's owner sets; they are the row's document."""

_NOTICES = 10


class Target(NamedTuple):
    """An endpoint as events and deliveries see it."""

    key: int
    project_id: str
    endpoint: WebhookEndpoint


def create(
    connection: Connection, project_id: str, message: WebhookEndpoint, secret: str, now: int
) -> WebhookEndpoint:
    """Store an endpoint under the id that it has."""
    key = connection.execute(
        insert(webhook_endpoint)
        .values(
            endpoint_id=message.endpoint_id,
            project_id=project_id,
            disabled=message.disabled,
            created_at=now,
            document=_document(message),
        )
        .returning(webhook_endpoint.c.key)
    ).scalar_one()
    connection.execute(insert(webhook_secret).values(endpoint_key=key, secret=secret, created_at=now))
    return _one(connection, key)


def find(connection: Connection, project_id: str, endpoint_id: str) -> int | None:
    """The key of a project's endpoint."""
    mine = (webhook_endpoint.c.endpoint_id == endpoint_id) & (webhook_endpoint.c.project_id == project_id)
    return connection.execute(select(webhook_endpoint.c.key).where(mine)).scalar_one_or_none()


def describe(connection: Connection, project_id: str, endpoint_id: str) -> WebhookEndpoint | None:
    """An endpoint."""
    key = find(connection, project_id, endpoint_id)
    return None if key is None else by_key(connection, key)


def by_key(connection: Connection, key: int) -> WebhookEndpoint | None:
    """An endpoint by its key."""
    rows = connection.execute(select(webhook_endpoint).where(webhook_endpoint.c.key == key)).all()
    return _messages(connection, rows)[0] if rows else None


def page(connection: Connection, project_id: str, *, offset: int, limit: int) -> Page[WebhookEndpoint]:
    """A part of a project's endpoints, oldest first."""
    mine = webhook_endpoint.c.project_id == project_id
    total = connection.execute(select(func.count()).select_from(webhook_endpoint).where(mine)).scalar_one()
    query = select(webhook_endpoint).where(mine).order_by(webhook_endpoint.c.key)
    rows = connection.execute(query.offset(offset).limit(limit)).all()
    return Page(_messages(connection, rows), total, offset + len(rows) < total)


def count(connection: Connection, project_id: str) -> int:
    """How many endpoints a project has."""
    query = select(func.count()).select_from(webhook_endpoint)
    return connection.execute(query.where(webhook_endpoint.c.project_id == project_id)).scalar_one()


def replace(
    connection: Connection, project_id: str, endpoint_id: str, message: WebhookEndpoint
) -> WebhookEndpoint | None:
    """Set all that an endpoint's owner sets. Switching it on again begins a new count of its failing."""
    key = find(connection, project_id, endpoint_id)
    if key is None:
        return None
    values: dict[str, object] = {"document": _document(message), "disabled": message.disabled}
    was_off = select(webhook_endpoint.c.disabled).where(webhook_endpoint.c.key == key)
    if not message.disabled and connection.execute(was_off).scalar_one():
        values["failing_since"] = None
    connection.execute(update(webhook_endpoint).where(webhook_endpoint.c.key == key).values(values))
    return _one(connection, key)


def remove(connection: Connection, project_id: str, endpoint_id: str) -> bool:
    """Delete an endpoint with its secrets, notices and deliveries; False when there is none of that id."""
    mine = (webhook_endpoint.c.endpoint_id == endpoint_id) & (webhook_endpoint.c.project_id == project_id)
    return connection.execute(delete(webhook_endpoint).where(mine)).rowcount > 0


def rotate(
    connection: Connection, project_id: str, endpoint_id: str, secret: str, until: int, now: int
) -> WebhookEndpoint | None:
    """Give an endpoint a new secret; those before end at ``until``, or when they would have before it."""
    key = find(connection, project_id, endpoint_id)
    if key is None:
        return None
    mine = webhook_secret.c.endpoint_key == key
    ended = mine & (webhook_secret.c.ends_at <= now)
    connection.execute(delete(webhook_secret).where(ended))
    endless = or_(webhook_secret.c.ends_at.is_(None), webhook_secret.c.ends_at > until)
    connection.execute(update(webhook_secret).where(mine, endless).values(ends_at=until))
    connection.execute(insert(webhook_secret).values(endpoint_key=key, secret=secret, created_at=now))
    return _one(connection, key)


def secrets(connection: Connection, key: int, now: int) -> list[str]:
    """What an endpoint's deliveries are signed with now, newest first."""
    good = or_(webhook_secret.c.ends_at.is_(None), webhook_secret.c.ends_at > now)
    query = select(webhook_secret.c.secret).where(webhook_secret.c.endpoint_key == key, good)
    return list(connection.execute(query.order_by(webhook_secret.c.key.desc())).scalars())


def targets(connection: Connection) -> list[Target]:
    """Every endpoint of every project."""
    rows = connection.execute(select(webhook_endpoint).order_by(webhook_endpoint.c.key)).all()
    return [
        Target(row.key, row.project_id, message)
        for row, message in zip(rows, _messages(connection, rows), strict=True)
    ]


def failing(connection: Connection, key: int, now: int) -> int | None:
    """Since when an endpoint fails, which may be now; None when it is gone."""
    column = webhook_endpoint.c.failing_since
    this = webhook_endpoint.c.key == key
    connection.execute(update(webhook_endpoint).where(this, column.is_(None)).values(failing_since=now))
    return connection.execute(select(column).where(this)).scalar_one_or_none()


def succeeded(connection: Connection, key: int) -> None:
    """An endpoint took a delivery."""
    this = (webhook_endpoint.c.key == key) & webhook_endpoint.c.failing_since.is_not(None)
    connection.execute(update(webhook_endpoint).where(this).values(failing_since=None))


def switch_off(connection: Connection, key: int, title: str, description: str, now: int) -> bool:
    """Switch an endpoint off and say why; False when it was off, or is gone."""
    this = (webhook_endpoint.c.key == key) & webhook_endpoint.c.disabled.is_(False)
    if connection.execute(update(webhook_endpoint).where(this).values(disabled=True)).rowcount == 0:
        return False
    connection.execute(
        insert(webhook_notice).values(endpoint_key=key, title=title, description=description, created_at=now)
    )
    return True


def _document(message: WebhookEndpoint) -> bytes:
    kept = WebhookEndpoint()
    kept.CopyFrom(message)
    for field in WebhookEndpoint.DESCRIPTOR.fields:
        if field.name not in _OWNERS:
            kept.ClearField(field.name)  # type: ignore[arg-type]
    kept.events[:] = dict.fromkeys(message.events)
    return kept.SerializeToString()


def _one(connection: Connection, key: int) -> WebhookEndpoint:
    rows = connection.execute(select(webhook_endpoint).where(webhook_endpoint.c.key == key)).all()
    (message,) = _messages(connection, rows)
    return message


def _messages(connection: Connection, rows: Sequence[Row[Any]]) -> list[WebhookEndpoint]:
    keys = [row.key for row in rows]
    notices = _notices(connection, keys)
    until = _rotating(connection, keys)
    messages = []
    for row in rows:
        message = WebhookEndpoint.FromString(row.document)
        message.endpoint_id = row.endpoint_id
        message.disabled = row.disabled
        message.created_at.FromMicroseconds(row.created_at)
        if row.failing_since is not None:
            message.failing_since.FromMicroseconds(row.failing_since)
        if row.key in until:
            message.rotating_until.FromMicroseconds(until[row.key])
        message.notices.extend(notices.get(row.key, ()))
        messages.append(message)
    return messages


def _rotating(connection: Connection, keys: Sequence[int]) -> dict[int, int]:
    """Until when a secret before the present one is good, for endpoints that have two."""
    query = select(webhook_secret.c.endpoint_key, func.max(webhook_secret.c.ends_at))
    mine = webhook_secret.c.endpoint_key.in_(keys) & webhook_secret.c.ends_at.is_not(None)
    found = connection.execute(query.where(mine).group_by(webhook_secret.c.endpoint_key))
    now = time.time_ns() // 1000
    return {key: ends_at for key, ends_at in found if ends_at > now}


def _notices(connection: Connection, keys: Sequence[int]) -> dict[int, list[WebhookNotice]]:
    """The last notices of endpoints, newest first."""
    query = select(webhook_notice).where(webhook_notice.c.endpoint_key.in_(keys))
    found: dict[int, list[WebhookNotice]] = {}
    for row in connection.execute(query.order_by(webhook_notice.c.key.desc())):
        notices = found.setdefault(row.endpoint_key, [])
        if len(notices) < _NOTICES:
            notice = WebhookNotice(title=row.title, description=row.description)
            notice.created_at.FromMicroseconds(row.created_at)
            notices.append(notice)
    return found
