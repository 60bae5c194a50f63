"""Each event's hash over the one before, the head of that chain, and files for a database that a team shares."""

import json

import sqlalchemy as sa
from alembic import op

from failscope.workspace.chain import START, link

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("events", sa.Column("hash", sa.String(64), nullable=False, server_default=""))
    head = op.create_table(
        "head",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_table(
        "files",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("piece", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    # the events that are there are chained as they are found: what was done to them before cannot be told
    columns = ("seq", "id", "at", "kind", "actor", "session", "trace_id", "payload", "version")
    events = sa.table("events", *(sa.column(c) for c in (*columns, "hash")))
    connection = op.get_bind()
    seq, last = 0, START
    query = sa.select(*(events.c[c] for c in columns)).order_by(events.c.seq)
    for row in connection.execute(query).mappings().all():
        seq, last = row["seq"], link(last, {**row, "payload": json.loads(row["payload"])})
        connection.execute(sa.update(events).where(events.c.seq == seq).values(hash=last))
    op.bulk_insert(head, [{"id": 1, "seq": seq, "hash": last}])
