"""The first tables"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "garbage",
        sa.Column("object_key", sa.Text(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("object_key"),
    )
    op.create_table(
        "project",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project_id"),
    )
    op.create_table(
        "app",
        sa.Column("app_id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.project_id"],
        ),
        sa.PrimaryKeyConstraint("app_id"),
    )
    op.create_table(
        "label",
        sa.Column("label_id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.project_id"],
        ),
        sa.PrimaryKeyConstraint("label_id"),
    )
    with op.batch_alter_table("label", schema=None) as batch_op:
        batch_op.create_index("label_name", ["project_id", "name"], unique=False)

    op.create_table(
        "session",
        sa.Column(
            "key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("app_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("platform", sa.Integer(), nullable=False),
        sa.Column("journey_id", sa.Text(), nullable=False),
        sa.Column("client_session_group_id", sa.Text(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["app_id"],
            ["app.app_id"],
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.project_id"],
        ),
        sa.PrimaryKeyConstraint("key"),
        sa.UniqueConstraint("session_id"),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.create_index(
            "session_journey", ["project_id", "journey_id", "created_at", "session_id"], unique=False
        )
        batch_op.create_index("session_newest", ["project_id", "created_at", "session_id"], unique=False)

    op.create_table(
        "token",
        sa.Column("credential_id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("app_id", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["app_id"],
            ["app.app_id"],
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.project_id"],
        ),
        sa.PrimaryKeyConstraint("credential_id"),
        sa.UniqueConstraint("digest"),
    )
    op.create_table(
        "card",
        sa.Column("card_id", sa.Text(), nullable=False),
        sa.Column("session_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("source_type", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["session_key"], ["session.key"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("card_id"),
    )
    with op.batch_alter_table("card", schema=None) as batch_op:
        batch_op.create_index("card_session", ["session_key", "created_at", "card_id"], unique=False)

    op.create_table(
        "chunk",
        sa.Column(
            "key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("chunk_id", sa.Text(), nullable=False),
        sa.Column("session_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("md5", sa.Text(), nullable=False),
        sa.Column("bundles", sa.Integer(), nullable=False),
        sa.Column("ndjson_size", sa.BigInteger(), nullable=False),
        sa.Column("ndjson_gz_size", sa.BigInteger(), nullable=False),
        sa.Column("frames_size", sa.BigInteger(), nullable=False),
        sa.Column("indexes", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["session_key"], ["session.key"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("key"),
        sa.UniqueConstraint("chunk_id"),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("chunk", schema=None) as batch_op:
        batch_op.create_index("chunk_session", ["session_key", "key"], unique=False)

    op.create_table(
        "log",
        sa.Column(
            "seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("session_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("bundle_index", sa.Integer(), nullable=True),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("counts", sa.LargeBinary(), nullable=False),
        sa.Column("final", sa.Boolean(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["session_key"], ["session.key"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("seq"),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("log", schema=None) as batch_op:
        batch_op.create_index("log_once", ["session_key", "bundle_index"], unique=True)

    op.create_table(
        "session_label",
        sa.Column("session_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("label_id", sa.Text(), nullable=False),
        sa.Column("session_label_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["label_id"],
            ["label.label_id"],
        ),
        sa.ForeignKeyConstraint(["session_key"], ["session.key"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("session_key", "label_id"),
    )
    with op.batch_alter_table("session_label", schema=None) as batch_op:
        batch_op.create_index("session_label_sessions", ["label_id", "session_key"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("session_label", schema=None) as batch_op:
        batch_op.drop_index("session_label_sessions")

    op.drop_table("session_label")
    with op.batch_alter_table("log", schema=None) as batch_op:
        batch_op.drop_index("log_once")

    op.drop_table("log")
    with op.batch_alter_table("chunk", schema=None) as batch_op:
        batch_op.drop_index("chunk_session")

    op.drop_table("chunk")
    with op.batch_alter_table("card", schema=None) as batch_op:
        batch_op.drop_index("card_session")

    op.drop_table("card")
    op.drop_table("token")
    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.drop_index("session_newest")
        batch_op.drop_index("session_journey")

    op.drop_table("session")
    with op.batch_alter_table("label", schema=None) as batch_op:
        batch_op.drop_index("label_name")

    op.drop_table("label")
    op.drop_table("app")
    op.drop_table("project")
    op.drop_table("garbage")
