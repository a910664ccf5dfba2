"""Webhooks: endpoints, their secrets and notices, deliveries, tries, and sessions watched for silence."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "webhook_endpoint",
        sa.Column(
            "key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("endpoint_id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("failing_since", sa.BigInteger(), nullable=True),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.project_id"],
        ),
        sa.PrimaryKeyConstraint("key"),
        sa.UniqueConstraint("endpoint_id"),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("webhook_endpoint", schema=None) as batch_op:
        batch_op.create_index("webhook_endpoint_project", ["project_id", "key"], unique=False)
    op.create_table(
        "webhook_notice",
        sa.Column(
            "key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("endpoint_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["endpoint_key"], ["webhook_endpoint.key"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("key"),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("webhook_notice", schema=None) as batch_op:
        batch_op.create_index("webhook_notice_endpoint", ["endpoint_key", "key"], unique=False)
    op.create_table(
        "webhook_secret",
        sa.Column(
            "key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("endpoint_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["endpoint_key"], ["webhook_endpoint.key"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("key"),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("webhook_secret", schema=None) as batch_op:
        batch_op.create_index("webhook_secret_endpoint", ["endpoint_key", "key"], unique=False)
    op.create_table(
        "webhook_delivery",
        sa.Column(
            "key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("endpoint_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("session_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("event", sa.Integer(), nullable=False),
        sa.Column("bundle_index", sa.Integer(), nullable=True),
        sa.Column("bundle", sa.LargeBinary(), nullable=True),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["endpoint_key"], ["webhook_endpoint.key"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.project_id"],
        ),
        sa.ForeignKeyConstraint(["session_key"], ["session.key"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("key"),
        sa.UniqueConstraint("delivery_id"),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("webhook_delivery", schema=None) as batch_op:
        batch_op.create_index("webhook_delivery_due", ["endpoint_key", "due_at", "key"], unique=False)
        batch_op.create_index(
            "webhook_delivery_newest", ["project_id", "created_at", "delivery_id"], unique=False
        )
        batch_op.create_index(
            "webhook_delivery_once", ["session_key", "endpoint_key", "bundle_index"], unique=True
        )
    op.create_table(
        "webhook_watch",
        sa.Column("session_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("last_received_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["session_key"], ["session.key"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("session_key"),
    )
    with op.batch_alter_table("webhook_watch", schema=None) as batch_op:
        batch_op.create_index("webhook_watch_oldest", ["last_received_at"], unique=False)
    op.create_table(
        "webhook_try",
        sa.Column(
            "key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("delivery_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["delivery_key"], ["webhook_delivery.key"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("key"),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("webhook_try", schema=None) as batch_op:
        batch_op.create_index("webhook_try_delivery", ["delivery_key", "key"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("webhook_try", schema=None) as batch_op:
        batch_op.drop_index("webhook_try_delivery")
    op.drop_table("webhook_try")
    with op.batch_alter_table("webhook_watch", schema=None) as batch_op:
        batch_op.drop_index("webhook_watch_oldest")
    op.drop_table("webhook_watch")
    with op.batch_alter_table("webhook_delivery", schema=None) as batch_op:
        batch_op.drop_index("webhook_delivery_once")
        batch_op.drop_index("webhook_delivery_newest")
        batch_op.drop_index("webhook_delivery_due")
    op.drop_table("webhook_delivery")
    with op.batch_alter_table("webhook_secret", schema=None) as batch_op:
        batch_op.drop_index("webhook_secret_endpoint")
    op.drop_table("webhook_secret")
    with op.batch_alter_table("webhook_notice", schema=None) as batch_op:
        batch_op.drop_index("webhook_notice_endpoint")
    op.drop_table("webhook_notice")
    with op.batch_alter_table("webhook_endpoint", schema=None) as batch_op:
        batch_op.drop_index("webhook_endpoint_project")
    op.drop_table("webhook_endpoint")
