"""Journeys, what is found out, packet captures, and answers to repeated requests."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "journey",
        sa.Column(
            "key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("journey_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.project_id"],
        ),
        sa.PrimaryKeyConstraint("key"),
        sa.UniqueConstraint("project_id", "journey_id"),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("journey", schema=None) as batch_op:
        batch_op.create_index("journey_newest", ["project_id", "created_at", "journey_id"], unique=False)

    op.create_table(
        "journey_value",
        sa.Column("journey_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["journey_key"], ["journey.key"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("journey_key", "kind"),
    )
    op.create_table(
        "answer",
        sa.Column("credential_id", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["credential_id"],
            ["token.credential_id"],
        ),
        sa.PrimaryKeyConstraint("credential_id", "idempotency_key"),
    )
    with op.batch_alter_table("answer", schema=None) as batch_op:
        batch_op.create_index("answer_oldest", ["created_at"], unique=False)

    op.create_table(
        "capture",
        sa.Column(
            "key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("session_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("object_key", sa.Text(), nullable=False),
        sa.Column("header", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("packets", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["session_key"], ["session.key"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("key"),
        sa.UniqueConstraint("object_key"),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("capture", schema=None) as batch_op:
        batch_op.create_index("capture_session", ["session_key", "key"], unique=False)

    op.create_table(
        "session_value",
        sa.Column("session_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["session_key"], ["session.key"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("session_key", "kind"),
    )
    with op.batch_alter_table("chunk", schema=None) as batch_op:
        batch_op.add_column(sa.Column("ndjson_gz_sha256", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("frames_sha256", sa.LargeBinary(), nullable=True))

    # The journeys that the sessions recorded before belong to.
    op.execute(
        "INSERT INTO journey (project_id, journey_id, created_at) "
        "SELECT project_id, journey_id, MIN(created_at) FROM session "
        "WHERE journey_id <> '' GROUP BY project_id, journey_id"
    )


def downgrade() -> None:
    with op.batch_alter_table("chunk", schema=None) as batch_op:
        batch_op.drop_column("frames_sha256")
        batch_op.drop_column("ndjson_gz_sha256")

    op.drop_table("session_value")
    with op.batch_alter_table("capture", schema=None) as batch_op:
        batch_op.drop_index("capture_session")

    op.drop_table("capture")
    with op.batch_alter_table("answer", schema=None) as batch_op:
        batch_op.drop_index("answer_oldest")

    op.drop_table("answer")
    op.drop_table("journey_value")
    with op.batch_alter_table("journey", schema=None) as batch_op:
        batch_op.drop_index("journey_newest")

    op.drop_table("journey")
