"""The first schema: events, traces, signals, clusterings, sessions."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(32), nullable=False, unique=True),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False, index=True),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("session", sa.Text, nullable=False, index=True),
        sa.Column("trace_id", sa.Text, nullable=False, index=True),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("version", sa.String(40), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "traces",
        sa.Column("trace_id", sa.Text, primary_key=True),
        sa.Column("part", sa.String(80), nullable=False),
        sa.Column("text_hash", sa.String(64), nullable=False),
        sa.Column("row_hash", sa.String(64), nullable=False),
    )
    op.create_table(
        "signals",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("direction", sa.String(4), nullable=False),
    )
    op.create_table(
        "clusterings",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(64), nullable=False, index=True),
        sa.Column("name", sa.Text, nullable=False, index=True),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("meta", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "sessions",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("reviewers", sa.Text, nullable=False),
        sa.Column("clustering", sa.String(64), nullable=False),
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("params", sa.Text, nullable=False),
    )
