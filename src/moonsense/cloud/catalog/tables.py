"""The tables of the catalog.

Times are integers, microseconds since 1970 UTC. Messages that are only ever
read and written whole (a session's metadata, config and sealed counters) are
one protobuf column instead of many. Changes need a migration; a test compares
these tables with what the migrations make.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

# SQLite gives row ids only to "INTEGER PRIMARY KEY"; elsewhere a key must not run out at 2^31.
_RowId = BigInteger().with_variant(Integer, "sqlite")


def _time(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


def _session_key(*, primary: bool = False) -> Column[int]:
    return Column(
        "session_key", ForeignKey("session.key", ondelete="CASCADE"), nullable=False, primary_key=primary
    )


project = Table(
    "project",
    metadata,
    Column("project_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    _time("created_at"),
)

app = Table(
    "app",
    metadata,
    Column("app_id", Text, primary_key=True),
    Column("project_id", ForeignKey("project.project_id"), nullable=False),
    Column("name", Text, nullable=False),
    _time("created_at"),
)

token = Table(
    "token",
    metadata,
    Column("credential_id", Text, primary_key=True),
    Column("project_id", ForeignKey("project.project_id"), nullable=False),
    Column("app_id", ForeignKey("app.app_id"), nullable=False),
    Column("scopes", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("hint", Text, nullable=False),
    _time("created_at"),
    _time("revoked_at", nullable=True),
)

session = Table(
    "session",
    metadata,
    Column("key", _RowId, primary_key=True, autoincrement=True),
    Column("session_id", Text, nullable=False, unique=True),
    Column("project_id", ForeignKey("project.project_id"), nullable=False),
    Column("app_id", ForeignKey("app.app_id"), nullable=False),
    _time("created_at"),
    Column("platform", Integer, nullable=False),
    Column("journey_id", Text, nullable=False),
    Column("client_session_group_id", Text, nullable=False),
    # A Session message: metadata, config, and what the sealed chunks add up to
    # (counters, oldest and newest event). What is not sealed yet is in the log.
    Column("document", LargeBinary, nullable=False),
    Index("session_newest", "project_id", "created_at", "session_id"),
    Index("session_journey", "project_id", "journey_id", "created_at", "session_id"),
    # A key must never come back: readers of a deleted session would get another's rows.
    sqlite_autoincrement=True,
)

label = Table(
    "label",
    metadata,
    Column("label_id", Text, primary_key=True),
    Column("project_id", ForeignKey("project.project_id"), nullable=False),
    Column("name", Text, nullable=False),
    _time("created_at"),
    # Not unique: recordings of the service carry two labels of one name on one session.
    Index("label_name", "project_id", "name"),
)

session_label = Table(
    "session_label",
    metadata,
    _session_key(primary=True),
    Column("label_id", ForeignKey("label.label_id"), primary_key=True),
    Column("session_label_id", Text, nullable=False),
    Column("position", Integer, nullable=False),
    _time("created_at"),
    Index("session_label_sessions", "label_id", "session_key"),
)

log = Table(
    "log",
    metadata,
    Column("seq", _RowId, primary_key=True, autoincrement=True),
    _session_key(),
    # Null for index 0, which clients without numbering send; nulls are all different.
    Column("bundle_index", Integer, nullable=True),
    _time("received_at"),
    # JSON of the items a counter.
    Column("counts", LargeBinary, nullable=False),
    Column("final", Boolean, nullable=False),
    # A SealedBundle message.
    Column("payload", LargeBinary, nullable=False),
    # A bundle sent again is stored once. The one index of the table: another
    # for the order of a session's bundles doubled what a commit writes.
    Index("log_once", "session_key", "bundle_index", unique=True),
    sqlite_autoincrement=True,
)

chunk = Table(
    "chunk",
    metadata,
    Column("key", _RowId, primary_key=True, autoincrement=True),
    Column("chunk_id", Text, nullable=False, unique=True),
    _session_key(),
    _time("created_at"),
    Column("md5", Text, nullable=False),
    Column("bundles", Integer, nullable=False),
    Column("ndjson_size", BigInteger, nullable=False),
    Column("ndjson_gz_size", BigInteger, nullable=False),
    Column("frames_size", BigInteger, nullable=False),
    # Of the renditions as they are stored; chunks of before have none.
    Column("ndjson_gz_sha256", LargeBinary, nullable=True),
    Column("frames_sha256", LargeBinary, nullable=True),
    # The bundles' indexes as ranges, "1-40,42": a bundle sent again after it was sealed is known by them.
    Column("indexes", Text, nullable=False),
    Index("chunk_session", "session_key", "key"),
    sqlite_autoincrement=True,
)

card = Table(
    "card",
    metadata,
    Column("card_id", Text, primary_key=True),
    _session_key(),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("source_type", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    Column("payload", Text, nullable=False),
    _time("created_at"),
    Index("card_session", "session_key", "created_at", "card_id"),
)

journey = Table(
    "journey",
    metadata,
    # Made with its first session, gone with its last.
    Column("key", _RowId, primary_key=True, autoincrement=True),
    Column("project_id", ForeignKey("project.project_id"), nullable=False),
    Column("journey_id", Text, nullable=False),
    _time("created_at"),
    UniqueConstraint("project_id", "journey_id"),
    Index("journey_newest", "project_id", "created_at", "journey_id"),
    sqlite_autoincrement=True,
)

journey_value = Table(
    "journey_value",
    metadata,
    # What was found out or reported about a journey; kinds are in catalog.values.
    Column("journey_key", ForeignKey("journey.key", ondelete="CASCADE"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("document", LargeBinary, nullable=False),
)

session_value = Table(
    "session_value",
    metadata,
    # What was found out about a session; kinds are in catalog.values.
    _session_key(primary=True),
    Column("kind", Text, primary_key=True),
    Column("document", LargeBinary, nullable=False),
)

capture = Table(
    "capture",
    metadata,
    # An uploaded packet capture: its records without the file's header, which all of a session share.
    Column("key", _RowId, primary_key=True, autoincrement=True),
    _session_key(),
    Column("object_key", Text, nullable=False, unique=True),
    Column("header", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("packets", Integer, nullable=False),
    _time("created_at"),
    Index("capture_session", "session_key", "key"),
    sqlite_autoincrement=True,
)

answer = Table(
    "answer",
    metadata,
    # What was answered to a request with an Idempotency-Key, in the transaction that did what it asked.
    Column("credential_id", ForeignKey("token.credential_id"), primary_key=True),
    Column("idempotency_key", Text, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("document", LargeBinary, nullable=False),
    _time("created_at"),
    Index("answer_oldest", "created_at"),
)

webhook_endpoint = Table(
    "webhook_endpoint",
    metadata,
    Column("key", _RowId, primary_key=True, autoincrement=True),
    Column("endpoint_id", Text, nullable=False, unique=True),
    Column("project_id", ForeignKey("project.project_id"), nullable=False),
    Column("disabled", Boolean, nullable=False),
    _time("created_at"),
    # Since when every try failed; null while deliveries succeed.
    _time("failing_since", nullable=True),
    # A WebhookEndpoint message: what its owner set.
    Column("document", LargeBinary, nullable=False),
    Index("webhook_endpoint_project", "project_id", "key"),
    sqlite_autoincrement=True,
)

webhook_secret = Table(
    "webhook_secret",
    metadata,
    # Deliveries are signed with it, so it is kept as it is, apart from all that is ever listed.
    Column("key", _RowId, primary_key=True, autoincrement=True),
    Column("endpoint_key", ForeignKey("webhook_endpoint.key", ondelete="CASCADE"), nullable=False),
    Column("secret", Text, nullable=False),
    _time("created_at"),
    # Of one that another took the place of: until when it signs too.
    _time("ends_at", nullable=True),
    Index("webhook_secret_endpoint", "endpoint_key", "key"),
    sqlite_autoincrement=True,
)

webhook_notice = Table(
    "webhook_notice",
    metadata,
    # What the cloud has to say of an endpoint, as a card is what somebody has to say of a session.
    Column("key", _RowId, primary_key=True, autoincrement=True),
    Column("endpoint_key", ForeignKey("webhook_endpoint.key", ondelete="CASCADE"), nullable=False),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False),
    _time("created_at"),
    Index("webhook_notice_endpoint", "endpoint_key", "key"),
    sqlite_autoincrement=True,
)

webhook_delivery = Table(
    "webhook_delivery",
    metadata,
    # The outbox: written in the transaction that makes an event true, a row an
    # endpoint. It stays for a while after it was delivered or given up.
    Column("key", _RowId, primary_key=True, autoincrement=True),
    Column("delivery_id", Text, nullable=False, unique=True),
    Column("project_id", ForeignKey("project.project_id"), nullable=False),
    Column("endpoint_key", ForeignKey("webhook_endpoint.key", ondelete="CASCADE"), nullable=False),
    # Null for an event that nothing happened for.
    Column("session_key", ForeignKey("session.key", ondelete="CASCADE"), nullable=True),
    Column("event", Integer, nullable=False),
    # Of BUNDLE_RECEIVED. The bundle itself is found by it, in the log or in a
    # chunk, and not copied; null for index 0, which names no bundle.
    Column("bundle_index", Integer, nullable=True),
    # A SealedBundle message, where nothing else would find it.
    Column("bundle", LargeBinary, nullable=True),
    # A WebhookPayload message without its bundle.
    Column("payload", LargeBinary, nullable=False),
    _time("created_at"),
    Column("state", Integer, nullable=False),
    Column("tries", Integer, nullable=False),
    # When it is tried next; null when it is not.
    _time("due_at", nullable=True),
    _time("finished_at", nullable=True),
    Column("outcome", Text, nullable=False),
    Index("webhook_delivery_due", "endpoint_key", "due_at", "key"),
    Index("webhook_delivery_newest", "project_id", "created_at", "delivery_id"),
    # A bundle is told of once an endpoint, however often it is sent; nulls are all different.
    Index("webhook_delivery_once", "session_key", "endpoint_key", "bundle_index", unique=True),
    sqlite_autoincrement=True,
)

webhook_try = Table(
    "webhook_try",
    metadata,
    Column("key", _RowId, primary_key=True, autoincrement=True),
    Column("delivery_key", ForeignKey("webhook_delivery.key", ondelete="CASCADE"), nullable=False),
    # A WebhookTry message.
    Column("document", LargeBinary, nullable=False),
    Index("webhook_try_delivery", "delivery_key", "key"),
    sqlite_autoincrement=True,
)

webhook_watch = Table(
    "webhook_watch",
    metadata,
    # Sessions that an endpoint wants to know the silence of, and have not fallen silent yet.
    _session_key(primary=True),
    _time("last_received_at"),
    Index("webhook_watch_oldest", "last_received_at"),
)

garbage = Table(
    "garbage",
    metadata,
    # An object nobody refers to: one of a deleted session, or one that is just
    # being written and becomes a chunk's when its transaction commits.
    Column("object_key", Text, primary_key=True),
    _time("not_before"),
)
