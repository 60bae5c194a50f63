"""The tables of a workspace's database; a change here needs a migration beside it (a test compares the two)."""

from __future__ import annotations

from sqlalchemy import Column, Integer, LargeBinary, MetaData, String, Table, Text

metadata = MetaData()

# what happened, appended and never changed; what holds now is a fold over it (review/events.py)
events = Table(
    "events",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("at", String(32), nullable=False),
    Column("kind", String(40), nullable=False, index=True),
    Column("actor", Text, nullable=False),
    Column("session", Text, nullable=False, index=True),
    Column("trace_id", Text, nullable=False, index=True),
    Column("payload", Text, nullable=False),
    Column("version", String(40), nullable=False),
    # over the hash of the event before and this event's other columns (workspace/audit.py)
    Column("hash", String(64), nullable=False, server_default=""),
    sqlite_autoincrement=True,
)

# one row: the last event's place and hash, so that a log whose end was cut off can be told from a whole one
head = Table(
    "head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
)

# what a folder holds for a workspace of one machine; in pieces, since a file may be larger than a row should be
files = Table(
    "files",
    metadata,
    Column("name", Text, primary_key=True),
    Column("piece", Integer, primary_key=True, autoincrement=False),
    Column("sha256", String(64), nullable=False),
    Column("content", LargeBinary, nullable=False),
)

# which part file holds each trace; the texts are in Parquet
traces = Table(
    "traces",
    metadata,
    Column("trace_id", Text, primary_key=True),
    Column("part", String(80), nullable=False),
    Column("text_hash", String(64), nullable=False),
    Column("row_hash", String(64), nullable=False),
)

signals = Table(
    "signals",
    metadata,
    Column("name", Text, primary_key=True),
    Column("direction", String(4), nullable=False),
)

# saved again under the same name, a clustering is a new row; the newest of a name is the one that is meant
clusterings = Table(
    "clusterings",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False, index=True),
    Column("name", Text, nullable=False, index=True),
    Column("at", String(32), nullable=False),
    Column("meta", Text, nullable=False),
    sqlite_autoincrement=True,
)

sessions = Table(
    "sessions",
    metadata,
    Column("name", Text, primary_key=True),
    Column("at", String(32), nullable=False),
    Column("reviewers", Text, nullable=False),
    Column("clustering", String(64), nullable=False),
    Column("plan", Text, nullable=False),
    Column("params", Text, nullable=False),
)

# who and what was forgotten on request: a trace by its id, a user or a rejected row by a keyed hash (tombstones.py)
tombstones = Table(
    "tombstones",
    metadata,
    Column("kind", String(10), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("at", String(32), nullable=False),
)

# the key of those hashes, made by the first deletion
secrets = Table(
    "secrets",
    metadata,
    Column("name", String(20), primary_key=True),
    Column("value", Text, nullable=False),
)

# deletions that are not finished: what is left to do of each, by the id of its event
deletions = Table(
    "deletions",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("todo", Text, nullable=False),
)

# contents that a file of a team had before a deletion: a machine that holds such a copy gives it up
withdrawn = Table(
    "withdrawn",
    metadata,
    Column("name", Text, primary_key=True),
    Column("sha256", String(64), primary_key=True),
)
