"""The database of a workspace: opening it safely, its migrations, and the append-only, chained log of events."""

from __future__ import annotations

import json
import sqlite3
import ssl
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import exc

from failscope.errors import IntegrityError, NewerWorkspaceError, NotFoundError, UnreachableWorkspaceError
from failscope.review.events import SHARED, Event
from failscope.traces.table import encodable
from failscope.workspace import schema
from failscope.workspace.chain import link
from failscope.workspace.postgres import Postgres
from failscope.workspace.redaction import REFUSED, about, has_words
from failscope.workspace.sqlite import SQLite

T = TypeVar("T")

WAIT_S = 10.0
"""How long a write waits for another one, or the log for a server that is gone, before it says so."""

_BETWEEN_TRIES_S = 0.25
_AT_ONCE = 1_000  # ids that one statement names; databases have a limit

_COLUMNS = tuple(schema.events.c[field.name] for field in fields(Event))
_PAYLOAD = [column.name for column in _COLUMNS].index("payload")


class Store:
    """The tables of ``schema`` in a SQLite file or a PostgreSQL database; the same to its users.

    It is an ``EventLog``. Several processes may hold one open and write in turn.

    Parameters
    ----------
    where : Path or str
        A SQLite file, or the address of a PostgreSQL database.

    Attributes
    ----------
    name : str
        Where it is, for people: an address is without its password.
    """

    def __init__(self, where: Path | str) -> None:
        self._database = (
            Postgres(where, wait_s=WAIT_S) if isinstance(where, str) else SQLite(where, wait_s=WAIT_S)
        )
        self.name = self._database.name
        self._engine = self._database.engine
        self._migrate()

    def close(self) -> None:
        """Give the file or the connections back."""
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection that sees one state of the database."""
        with self._translated(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self, *, alone: bool = True) -> Iterator[sa.Connection]:
        """One transaction: all of it is on the disk when the block ends, none of it when it raises.

        Parameters
        ----------
        alone : bool
            No other process writes meanwhile. False only for what no other process names: a large file should
            not keep reviewers waiting.
        """
        with (
            self._translated(),
            self._engine.connect().execution_options(write=True, alone=alone) as connection,
            connection.begin(),
        ):
            yield connection

    def insert_many(
        self, connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, str]]
    ) -> None:
        """Add many rows of texts in the way that is quick in this database."""
        if rows:
            self._database.insert_many(connection, table, rows)

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
        """Add one event; when this returns, the event is on the disk.

        A connection that is lost meanwhile is made anew for up to ``WAIT_S`` seconds. The event keeps its id over
        the tries, so it is in the log once even when only the answer to the first try was lost.
        """
        event_id, tries = uuid.uuid4().hex, 0

        def add() -> Event:
            nonlocal tries
            tries += 1
            with self.writing() as connection:
                there = self._find(connection, event_id) if tries > 1 else None
                return there or self.append_in(
                    connection,
                    kind,
                    actor=actor,
                    session=session,
                    trace_id=trace_id,
                    payload=payload,
                    event_id=event_id,
                )

        return _patient(add)

    def append_in(
        self,
        connection: sa.Connection,
        kind: str,
        *,
        actor: str = "",
        session: str = "",
        trace_id: str = "",
        payload: Mapping[str, Any] | None = None,
        event_id: str | None = None,
    ) -> Event:
        """Add one event as part of a larger transaction, which holds the writers' lock.

        Raises
        ------
        NotFoundError
            Words about a trace that was forgotten: somebody had it open before the deletion.
        """
        from failscope import __version__

        if kind in REFUSED and payload and has_words(payload):
            self._check_not_forgotten(connection, about(trace_id, payload))
        head = connection.execute(sa.select(schema.head.c.seq, schema.head.c.hash)).one_or_none()
        if head is None:
            raise IntegrityError(
                f"the log of {self.name} has lost its head, the row that says where it ends; "
                f"look with ws.audit().verify() and restore the database from a copy"
            )
        said = to_json(payload or {})
        row = {
            "seq": head.seq + 1,
            "id": event_id or uuid.uuid4().hex,
            "at": now(),
            "kind": kind,
            "actor": encodable(actor),
            "session": encodable(session),
            "trace_id": encodable(trace_id),
            "payload": json.loads(said),
            "version": __version__,
        }
        row["hash"] = link(head.hash, row)
        connection.execute(sa.insert(schema.events).values({**row, "payload": said}))
        connection.execute(sa.update(schema.head).values(seq=row["seq"], hash=row["hash"]))
        return Event(**row)

    @staticmethod
    def _check_not_forgotten(connection: sa.Connection, trace_ids: set[str]) -> None:
        table, ids, gone = schema.tombstones, sorted(trace_ids), None
        for k in range(0, len(ids), _AT_ONCE):
            some = (table.c.kind == "trace") & table.c.name.in_(ids[k : k + _AT_ONCE])
            gone = gone or connection.execute(sa.select(table.c.name, table.c.at).where(some)).first()
        if gone is not None:
            raise NotFoundError(
                f"trace {gone.name!r} was forgotten on {gone.at[:10]}: its user asked for deletion, so no words about "
                f"it are kept; open the review again, which then is without it"
            )

    def scrub(self) -> bool:
        """Leave nothing of what was deleted in the database's own files; False where others kept it from doing so."""
        with self._translated():
            return self._database.scrub()

    @staticmethod
    def _find(connection: sa.Connection, event_id: str) -> Event | None:
        row = connection.execute(sa.select(*_COLUMNS).where(schema.events.c.id == event_id)).first()
        return _event(row) if row else None

    def read(self, *, after: int = 0, session: str | None = None) -> list[Event]:
        """The events with ``seq > after``, in order."""
        table = schema.events
        query = sa.select(*_COLUMNS).where(table.c.seq > after).order_by(table.c.seq)
        if session is not None:
            shared = (table.c.session == "") & table.c.kind.in_(sorted(SHARED))
            query = query.where((table.c.session == session) | shared)

        def ask() -> list[Any]:
            with self.reading() as connection:
                return list(connection.execute(query))

        return [_event(row) for row in _patient(ask)]

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
            self._database.check_ours(connection, current)
            known = {revision.revision for revision in script.walk_revisions()}
            if current is not None and current not in known:
                raise NewerWorkspaceError(
                    f"{self.name} was written by a later failscope (its schema is {current!r}, "
                    f"this one knows up to {script.get_current_head()!r}); upgrade with: pip install --upgrade failscope"
                )
            if current != script.get_current_head():
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
                self._database.mark(connection)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        # the last three: what the drivers pass on as it is
        except (exc.DBAPIError, sqlite3.DatabaseError, ConnectionError, TimeoutError, ssl.SSLError) as error:
            raise self._database.explain(error) from error


def _event(row: Sequence[Any]) -> Event:
    # by place: a log of many thousand events is read whenever a session is opened
    values = list(row)
    values[_PAYLOAD] = json.loads(values[_PAYLOAD])
    return Event(*values)


def _patient(call: Callable[[], T]) -> T:
    """The call's answer; made again for up to ``WAIT_S`` seconds while the database cannot be reached."""
    until = time.monotonic() + WAIT_S
    while True:
        try:
            return call()
        except UnreachableWorkspaceError:
            if time.monotonic() > until:
                raise
            time.sleep(_BETWEEN_TRIES_S)


def now() -> str:
    """This moment, ISO 8601 in UTC with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def to_json(value: Any) -> str:
    """Compact JSON with sorted keys, of text that any database takes."""
    return encodable(json.dumps(value, ensure_ascii=False, sort_keys=True, allow_nan=False))
