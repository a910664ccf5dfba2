"""The outbox: who wants to know of what, and events written in the transaction that makes them true.

Whatever records an event runs in the writer's thread, inside that
transaction. So that a cloud without endpoints does no more than before, who
wants what is kept in memory: one look into a dictionary says that nobody does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, select, text

from moonsense.cloud.catalog import deliveries, endpoints, labels, sessions
from moonsense.cloud.catalog.deliveries import Entry
from moonsense.cloud.catalog.log import LogRow
from moonsense.cloud.catalog.sessions import SessionRef
from moonsense.cloud.catalog.tables import session, webhook_watch
from moonsense.contract.ids import new_id
from moonsense.models.data_plane_v2_pb2 import WebhookEventTypes, WebhookPayload
from moonsense.models.webhooks_v2_pb2 import WebhookEndpoint

SILENT_AT_ONCE = 200
"""Sessions that are told of in one transaction."""

_WATCH = text(
    "INSERT INTO webhook_watch (session_key, last_received_at) VALUES (:session_key, :now) "
    "ON CONFLICT (session_key) DO UPDATE SET last_received_at = excluded.last_received_at"
)


class Subscriber(NamedTuple):
    """An endpoint that is on."""

    key: int
    app_id: str
    events: frozenset[int]
    thin: bool


class Outbox:
    """Records events for the endpoints that want them.

    ``woken`` is called, in the writer's thread, after each commit with events
    in it, with the keys of their endpoints.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._subscribers: dict[str, tuple[Subscriber, ...]] = {}
        self._touched: set[int] = set()
        self.woken: Callable[[Iterable[int]], None] = lambda _keys: None

    def load(self, connection: Connection) -> None:
        """Learn who wants what, in the writer's thread, after any change of endpoints.

        Every endpoint is looked at after this commit: it may have been switched on.
        """
        found: dict[str, list[Subscriber]] = {}
        for target in endpoints.targets(connection):
            if not target.endpoint.disabled:
                found.setdefault(target.project_id, []).append(_subscriber(target.key, target.endpoint))
                self.touch([target.key])
        self._subscribers = {project_id: tuple(each) for project_id, each in found.items()}

    def touch(self, keys: Iterable[int]) -> None:
        """Wake endpoints after this commit, whatever is due to them."""
        self._touched.update(keys)

    def committed(self) -> None:
        """What was recorded can be seen now."""
        if self._touched:
            touched, self._touched = self._touched, set()
            self.woken(touched)

    @property
    def watches(self) -> bool:
        """Whether anybody wants to know of sessions that fall silent."""
        wanted = WebhookEventTypes.SESSION_INACTIVE
        return any(wanted in each.events for project in self._subscribers.values() for each in project)

    def session_created(self, connection: Connection, ref: SessionRef) -> None:
        """A session was opened."""
        if ref.project_id in self._subscribers:
            self._record(connection, ref, WebhookEventTypes.SESSION_CREATED)
            self._watch(connection, ref)

    def chunk_persisted(self, connection: Connection, project_id: str, session_id: str) -> None:
        """A chunk of a session can be read."""
        if project_id not in self._subscribers:
            return
        if (ref := sessions.find(connection, session_id)) is not None:
            self._record(connection, ref, WebhookEventTypes.CHUNK_PERSISTED)

    def bundles_received(
        self, ref: SessionRef, rows: Sequence[LogRow]
    ) -> Callable[[Connection], None] | None:
        """What is to be done in the transaction that stores bundles; None when nobody wants to know.

        Rows that were stored before tell nobody anything a second time.
        """
        if ref.project_id not in self._subscribers:
            return None
        wanting = self._wanting(ref, WebhookEventTypes.BUNDLE_RECEIVED)
        if not wanting and not self._wanting(ref, WebhookEventTypes.SESSION_INACTIVE):
            return None

        def record(connection: Connection) -> None:
            if wanting:
                self._record_bundles(connection, ref, rows, wanting)
            self._watch(connection, ref)

        return record

    def any_silent(self, connection: Connection, before: int) -> bool:
        """Whether a watched session has had no bundle since a time."""
        query = select(webhook_watch.c.session_key).where(webhook_watch.c.last_received_at < before)
        return connection.execute(query.limit(1)).first() is not None

    def silences(self, connection: Connection, before: int) -> int:
        """Tell of watched sessions without a bundle since a time: some of them, and how many."""
        query = (
            select(webhook_watch.c.session_key, *_REF_COLUMNS)
            .join(session, session.c.key == webhook_watch.c.session_key)
            .where(webhook_watch.c.last_received_at < before)
            .order_by(webhook_watch.c.last_received_at)
        )
        refs = [SessionRef(*row) for row in connection.execute(query.limit(SILENT_AT_ONCE))]
        for ref in refs:
            self._record(connection, ref, WebhookEventTypes.SESSION_INACTIVE)
        keys = [ref.key for ref in refs]
        connection.execute(delete(webhook_watch).where(webhook_watch.c.session_key.in_(keys)))
        return len(refs)

    def record_for(
        self, connection: Connection, key: int, project_id: str, payload: WebhookPayload, now: int
    ) -> str:
        """An event that nothing happened for, to one endpoint; gives the delivery's id."""
        bundle = payload.bundle.SerializeToString() if payload.HasField("bundle") else None
        plain = WebhookPayload()
        plain.CopyFrom(payload)
        plain.ClearField("bundle")
        entry = Entry(
            new_delivery_id(), project_id, key, None, payload.event_type,
            None, bundle, plain.SerializeToString(), now,
        )  # fmt: skip
        deliveries.add(connection, [entry])
        self.touch([key])
        return entry.delivery_id

    def _wanting(self, ref: SessionRef, event: WebhookEventTypes.ValueType) -> list[Subscriber]:
        return [
            each
            for each in self._subscribers.get(ref.project_id, ())
            if event in each.events and each.app_id in ("", ref.app_id)
        ]

    def _record(self, connection: Connection, ref: SessionRef, event: WebhookEventTypes.ValueType) -> None:
        wanting = self._wanting(ref, event)
        if not wanting:
            return
        payload = payload_of(connection, ref.key, event).SerializeToString()
        now = self._clock()
        deliveries.add(
            connection,
            [
                Entry(new_delivery_id(), ref.project_id, each.key, ref.key, event, None, None, payload, now)
                for each in wanting
            ],
        )
        self.touch(each.key for each in wanting)

    def _record_bundles(
        self, connection: Connection, ref: SessionRef, rows: Sequence[LogRow], wanting: Sequence[Subscriber]
    ) -> None:
        event, now = WebhookEventTypes.BUNDLE_RECEIVED, self._clock()
        payload = payload_of(connection, ref.key, event).SerializeToString()
        deliveries.add(
            connection,
            [
                Entry(
                    new_delivery_id(), ref.project_id, each.key, ref.key, event, row.bundle_index,
                    row.payload if row.bundle_index is None and not each.thin else None,
                    payload, now,
                )
                for row in rows
                for each in wanting
            ],
        )  # fmt: skip
        self.touch(each.key for each in wanting)

    def _watch(self, connection: Connection, ref: SessionRef) -> None:
        if self._wanting(ref, WebhookEventTypes.SESSION_INACTIVE):
            connection.execute(_WATCH, {"session_key": ref.key, "now": self._clock()})


_REF_COLUMNS = (session.c.project_id, session.c.app_id, session.c.journey_id)


def new_delivery_id() -> str:
    """What a delivery is known by, to us and to whoever receives it."""
    return f"msg_{new_id()}"


def payload_of(
    connection: Connection, session_key: int, event: WebhookEventTypes.ValueType
) -> WebhookPayload:
    """What is told of a session, without a bundle."""
    row = connection.execute(select(session).where(session.c.key == session_key)).one()
    return WebhookPayload(
        project_id=row.project_id,
        app_id=row.app_id,
        session_id=row.session_id,
        event_type=event,
        client_session_group_id=row.client_session_group_id,
        session_labels=[
            label.name for label in labels.of_sessions(connection, [session_key]).get(session_key, ())
        ],
        journey_id=row.journey_id,
    )


def _subscriber(key: int, endpoint: WebhookEndpoint) -> Subscriber:
    every = (number for number in WebhookEventTypes.values() if number)
    return Subscriber(key, endpoint.app_id, frozenset(endpoint.events or every), endpoint.thin)
