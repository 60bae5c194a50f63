"""What a deletion on request leaves behind: tombstones, the key of their hashes, what is still to do, withdrawn files."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "tombstones",
        sa.Column("kind", sa.String(10), primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("at", sa.String(32), nullable=False),
    )
    op.create_table(
        "secrets",
        sa.Column("name", sa.String(20), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "deletions",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("todo", sa.Text, nullable=False),
    )
    op.create_table(
        "withdrawn",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("sha256", sa.String(64), primary_key=True),
    )
