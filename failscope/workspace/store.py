"""The database of a workspace: opening it safely, its migrations, and the append-only log of events."""

from __future__ import annotations

import json
import os
import sqlite3
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from failscope.errors import (
    LockedWorkspaceError,
    NewerWorkspaceError,
    NotAWorkspaceError,
    ReadOnlyWorkspaceError,
    WorkspaceError,
)
from failscope.review.events import Event
from failscope.traces.table import encodable
from failscope.workspace import schema

APPLICATION_ID = 0x6661696C  # "fail", in the header of the SQLite file: tells ours from any other
WAIT_S = 10.0
"""How long a write waits for another process before it says that the workspace is locked."""

_READ_ONLY = (
    "{path} cannot be written ({why}); check its permissions, or copy the workspace to a folder of yours"
)


class Store:
    """A SQLite file with the tables of ``schema``, in WAL mode, every commit synced to the disk.

    It is an ``EventLog``. Several processes may hold one open and write in turn.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        _check_header(path)
        self._engine = sa.create_engine(
            sa.URL.create("sqlite", database=str(path)), connect_args={"timeout": WAIT_S}
        )
        sa.event.listen(self._engine, "connect", _on_connect)
        sa.event.listen(self._engine, "begin", _on_begin)
        self._migrate()

    def close(self) -> None:
        """Give the file back."""
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection that sees one state of the database."""
        with _translated(self.path), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """One transaction: all of it is on the disk when the block ends, none of it when it raises."""
        with (
            _translated(self.path),
            self._engine.connect().execution_options(write=True) as connection,
            connection.begin(),
        ):
            yield connection

    # the log -------------------------------------------------------------------------------------------------

    def append(
        self,
        kind: str,
        *,
        actor: str = "",
        session: str = "",
        trace_id: str = "",
        payload: Mapping[str, Any] | None = None,
    ) -> Event:
        """Add one event; when this returns, the event is on the disk."""
        with self.writing() as connection:
            return self.append_in(
                connection, kind, actor=actor, session=session, trace_id=trace_id, payload=payload
            )

    @staticmethod
    def append_in(
        connection: sa.Connection,
        kind: str,
        *,
        actor: str = "",
        session: str = "",
        trace_id: str = "",
        payload: Mapping[str, Any] | None = None,
    ) -> Event:
        """Add one event as part of a larger transaction."""
        from failscope import __version__

        row = {
            "id": uuid.uuid4().hex,
            "at": now(),
            "kind": kind,
            "actor": encodable(actor),
            "session": encodable(session),
            "trace_id": encodable(trace_id),
            "payload": to_json(payload or {}),
            "version": __version__,
        }
        table = schema.events
        seq = connection.execute(sa.insert(table).values(row).returning(table.c.seq)).scalar_one()
        return Event(seq=seq, **{**row, "payload": json.loads(row["payload"])})

    def read(self, *, after: int = 0, session: str | None = None) -> list[Event]:
        """The events with ``seq > after``, in order."""
        table = schema.events
        query = sa.select(table).where(table.c.seq > after).order_by(table.c.seq)
        if session is not None:
            query = query.where(table.c.session == session)
        with self.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return [Event(**{**row, "payload": json.loads(row["payload"])}) for row in rows]

    @property
    def revision(self) -> int:
        """The ``seq`` of the newest event, 0 when there is none."""
        with self.reading() as connection:
            return connection.execute(sa.select(sa.func.max(schema.events.c.seq))).scalar() or 0

    # opening -------------------------------------------------------------------------------------------------

    def _migrate(self) -> None:
        from alembic import command
        from alembic.config import Config
        from alembic.runtime.migration import MigrationContext
        from alembic.script import ScriptDirectory

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        config.set_main_option("path_separator", "os")
        script = ScriptDirectory.from_config(config)
        # a write transaction from the start: it shows at once whether the file can be written, and two
        # processes that open a new workspace together do not both make its tables
        with self.writing() as connection:
            current = MigrationContext.configure(connection).get_current_revision()
            known = {revision.revision for revision in script.walk_revisions()}
            if current is not None and current not in known:
                raise NewerWorkspaceError(
                    f"{self.path} was written by a later failscope (its schema is {current!r}, "
                    f"this one knows up to {script.get_current_head()!r}); upgrade with: pip install --upgrade failscope"
                )
            if current != script.get_current_head():
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
                connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")


def now() -> str:
    """This moment, ISO 8601 in UTC with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def to_json(value: Any) -> str:
    """Compact JSON with sorted keys, of text that any database takes."""
    return encodable(json.dumps(value, ensure_ascii=False, sort_keys=True, allow_nan=False))


def _check_header(path: Path) -> None:
    if not path.exists():
        return
    # SQLite opens such a file and fails at the first write, which would be a reviewer's first word
    if not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        raise ReadOnlyWorkspaceError(_READ_ONLY.format(path=path, why="no permission"))
    try:
        with path.open("rb") as file:
            head = file.read(100)
    except OSError as error:
        raise WorkspaceError(f"{path} cannot be read: {error.strerror}") from error
    # an empty file is what SQLite itself leaves when it was killed before its first write
    if not head:
        return
    ours = head[:16] == b"SQLite format 3\0" and int.from_bytes(head[68:72], "big") in (0, APPLICATION_ID)
    if ours and int.from_bytes(head[68:72], "big") == 0:
        ours = _is_bare(path)
    if not ours:
        raise NotAWorkspaceError(
            f"{path} is not a failscope database; open another folder, or move that file away"
        )


def _is_bare(path: Path) -> bool:
    """Whether a SQLite file holds no table: ours before its first transaction ended, and nobody's yet.

    The mark and the tables are written in one transaction, but a WAL that was not yet folded in leaves the header old.
    """
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        mark = connection.execute("PRAGMA application_id").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    finally:
        connection.close()
    return mark == APPLICATION_ID or tables == 0


def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # the driver begins no transaction by itself; _on_begin does
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")


def _on_begin(connection: sa.Connection) -> None:
    # a write begins as one: upgraded later, it could fail half way because another process wrote in between
    write = connection.get_execution_options().get("write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except (exc.DatabaseError, sqlite3.DatabaseError) as error:
        message = str(error.orig if isinstance(error, exc.DBAPIError) else error)
        if "locked" in message or "busy" in message:
            raise LockedWorkspaceError(
                f"{path} has been held by another process for {WAIT_S:g} seconds; close that process and try again"
            ) from error
        if "readonly" in message or "unable to open" in message:
            raise ReadOnlyWorkspaceError(_READ_ONLY.format(path=path, why=message)) from error
        if "not a database" in message or "malformed" in message:
            raise NotAWorkspaceError(
                f"{path} is not a sound database: {message}; restore it from a copy"
            ) from error
        raise WorkspaceError(f"{path}: {message}") from error
