"""PostgreSQL as the database of a workspace: its address and password, one writer at a time, and its errors in words."""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from failscope.errors import (
    ArgumentError,
    LockedWorkspaceError,
    MissingPackageError,
    NotAWorkspaceError,
    ReadOnlyWorkspaceError,
    UnreachableWorkspaceError,
    WorkspaceError,
)
from failscope.workspace.schema import metadata

SCHEMES = ("postgresql", "postgres", "postgresql+pg8000")
WRITERS_LOCK = 0x6661696C  # "fail"; the number of the advisory lock that a writer holds until it commits
SILENCE_S = 30.0
"""How long the server may say nothing in the middle of an answer before the connection counts as lost."""

_AT_ONCE = 20_000
"""Rows of one statement: some megabytes."""

_SMALL = ("events", "traces", "clusterings", "deletions")
"""Tables from which a deletion takes words, and that are written anew in seconds."""

_LOST = {"57P01", "57P02", "57P03"}  # the server shuts down, crashed, or is not up yet
_SSL = ("disable", "prefer", "require", "verify-full")


class Postgres:
    """One database on a server that a team shares.

    Parameters
    ----------
    address : str
        ``postgresql://user[:password]@host[:port]/database[?sslmode=...]``. A password that is not in it is
        taken from ``PGPASSWORD`` or ``~/.pgpass``, as psql does.
    wait_s : float
        How long a write waits for another writer before it says that the workspace is locked.
    """

    def __init__(self, address: str, *, wait_s: float) -> None:
        url = parse(address)
        self.name = shown(url)
        self._wait_s = wait_s
        try:
            self.engine = sa.create_engine(
                # without the password: what holds the engine can be printed
                url.set(drivername="postgresql+pg8000", password=None, query={}),
                connect_args=_arguments(url),
                pool_pre_ping=True,  # a connection that was lost while it lay idle is made anew
                hide_parameters=True,  # errors of the driver name no reviewer's words
            )
        except ModuleNotFoundError as error:
            raise MissingPackageError(
                "a PostgreSQL workspace needs the package pg8000; install it with: pip install 'failscope[postgres]'"
            ) from error
        self.engine.dialect.do_terminate = self.engine.dialect.do_close = self._hang_up  # type: ignore[method-assign]
        sa.event.listen(self.engine, "connect", self._on_connect)
        sa.event.listen(self.engine, "begin", _on_begin)
        sa.event.listen(self.engine, "handle_error", _on_error)

    def _on_connect(self, connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute(f"SET lock_timeout = {int(self._wait_s * 1000)}")
        # whatever the server's default: a stricter one would read as of before the writer's lock was got
        cursor.execute("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED")
        connection.commit()
        cursor.close()

    def _hang_up(self, dbapi_connection: Any) -> None:
        # a lost connection cannot be said goodbye to; SQLAlchemy would print the driver's traceback to the notebook
        with suppress(OSError, self.engine.dialect.loaded_dbapi.Error):
            dbapi_connection.close()

    def check_ours(self, connection: sa.Connection, revision: str | None) -> None:
        """Refuse a database that holds another program's tables; nothing in it is touched."""
        there = set(sa.inspect(connection).get_table_names())
        ours = {"events", "traces", "sessions"} & set(metadata.tables)
        if (there and revision is None) or (revision is not None and not ours <= there):
            raise NotAWorkspaceError(
                f"{self.name} holds tables of another program, as {min(there)!r}; "
                f"give failscope a database of its own: createdb reviews"
            )
        encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
        if encoding != "UTF8":
            raise WorkspaceError(
                f"{self.name} keeps text as {encoding}, which cannot hold every output; "
                f"make one with: createdb --encoding=UTF8 --template=template0 reviews"
            )

    def insert_many(
        self, connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, str]]
    ) -> None:
        """Add rows of texts; as JSON, since the driver takes long over many parameters."""
        names = ", ".join(rows[0])
        statement = sa.text(
            f"INSERT INTO {table.name} ({names}) SELECT {names} FROM json_to_recordset(CAST(:rows AS json)) "
            f"AS given({', '.join(f'{name} text' for name in rows[0])})"
        )
        for k in range(0, len(rows), _AT_ONCE):
            connection.execute(statement, {"rows": json.dumps(rows[k : k + _AT_ONCE])})

    def mark(self, connection: sa.Connection) -> None:
        """Nothing to do: the tables are mark enough."""

    def scrub(self) -> bool:
        """Have the server drop the old states of what was redacted and deleted; it skips tables that we do not own."""
        with self.engine.connect().execution_options(
            isolation_level="AUTOCOMMIT", write=True, alone=False
        ) as connection:
            driver: Any = connection.connection.driver_connection
            driver.rollback()  # the look whether the connection lives began a transaction, and VACUUM runs in none
            for table in _SMALL:
                connection.exec_driver_sql(f"VACUUM FULL {table}")
            # written anew it would keep everybody waiting for as long as it takes to copy all files
            connection.exec_driver_sql("VACUUM files")
        return True

    def explain(self, error: Exception) -> WorkspaceError:
        """What went wrong, in our words; no message of the driver holds the password."""
        cause = error.orig if isinstance(error, exc.DBAPIError) else error
        code, message = _said(cause)
        if is_lost(error):
            return UnreachableWorkspaceError(
                f"{self.name} cannot be reached ({message}); check the network and the server and do it again: "
                f"what was not confirmed is there whole or not at all, and doing it twice changes nothing"
            )
        if code in ("55P03", "40P01"):
            return LockedWorkspaceError(
                f"{self.name} has been held by another writer for {self._wait_s:g} seconds; try again"
            )
        if code in ("28P01", "28000"):
            return WorkspaceError(
                f"{self.name} did not let you in ({message}); give the password in PGPASSWORD or ~/.pgpass, "
                f"or ask the owner of the server for an account"
            )
        if code == "3D000":
            return WorkspaceError(f"{self.name}: {message}; make it first: createdb")
        if code in ("42501", "25006"):
            return ReadOnlyWorkspaceError(
                f"{self.name} cannot be written ({message}); ask the owner of the database for the right to write"
            )
        return WorkspaceError(f"{self.name}: {message}")


def is_lost(error: Exception) -> bool:
    """Whether the connection is gone, or none could be made: the same may work a moment later."""
    if isinstance(error, exc.DBAPIError) and error.connection_invalidated:
        return True
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    code, _ = _said(cause)
    return (
        code in _LOST
        or code.startswith("08")
        # the driver passes on some of the socket's own errors as they are
        or isinstance(cause, ConnectionError | TimeoutError | ssl.SSLError)
        or type(cause).__name__ == "InterfaceError"
    )


def parse(address: str) -> sa.URL:
    """The parts of an address.

    Raises
    ------
    ArgumentError
        It cannot be read. The message does not repeat the address, which may hold a password.
    """
    how = "write it as postgresql://ana@db.example.org/reviews"
    scheme = address.split("://")[0]
    if scheme not in SCHEMES:
        raise ArgumentError(
            f"{scheme}:// addresses cannot be opened; give a folder, as fs.Workspace('reviews/support-bot'), "
            f"or a PostgreSQL database: {how}"
        )
    try:
        url = sa.make_url(address)
    except (exc.ArgumentError, ValueError):
        raise ArgumentError(f"this {scheme}:// address cannot be read; {how}") from None
    if not url.database:
        raise ArgumentError(f"{shown(url)} names no database; {how}")
    strange = sorted(set(url.query) - {"sslmode", "host"})
    if strange:
        raise ArgumentError(f"{shown(url)}: {strange[0]!r} is not understood; sslmode and host are")
    if url.query.get("sslmode", "prefer") not in _SSL:
        raise ArgumentError(f"{shown(url)}: sslmode={url.query['sslmode']!r} is none of {', '.join(_SSL)}")
    return url


def shown(url: sa.URL) -> str:
    """The address without its password, for people."""
    who = f"{url.username}@" if url.username else ""
    port = f":{url.port}" if url.port else ""
    return f"postgresql://{who}{_host(url)}{port}/{url.database or ''}"


def _host(url: sa.URL) -> str:
    return str(url.host or url.query.get("host") or "localhost")


def _arguments(url: sa.URL) -> dict[str, Any]:
    """How pg8000 is to connect; its own reading of an address knows neither sslmode nor a socket's folder."""
    host, port = _host(url), url.port or 5432
    user = url.username or os.environ.get("PGUSER") or _login()
    arguments: dict[str, Any] = {"user": user, "timeout": SILENCE_S, "application_name": "failscope"}
    if host.startswith("/"):
        arguments |= {"unix_sock": f"{host}/.s.PGSQL.{port}", "ssl_context": False}
    else:
        arguments["ssl_context"] = _ssl_context(str(url.query.get("sslmode", "prefer")))
    password = (
        url.password
        or os.environ.get("PGPASSWORD")
        or _passed((host, str(port), str(url.database), user), os.environ)
    )
    # without one the driver fails on a server that asks; an empty one is refused in the server's words
    return {**arguments, "password": str(password)}


def _ssl_context(mode: str) -> ssl.SSLContext | bool | None:
    if mode == "verify-full":
        return ssl.create_default_context()
    # None: encrypted when the server can
    return {"disable": False, "prefer": None, "require": True}[mode]


def _login() -> str:
    import getpass

    return getpass.getuser()


def _passed(wanted: tuple[str, str, str, str], environment: Mapping[str, str]) -> str:
    """The password that ``~/.pgpass`` has for host, port, database and user; "" where it has none."""
    path = Path(environment.get("PGPASSFILE") or Path.home() / ".pgpass")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return ""
    for line in lines:
        # a colon or a backslash in a field is written with a backslash before it
        plain = line.replace("\\\\", "\0").replace("\\:", "\1").split(":", 4)
        fields = [field.replace("\1", ":").replace("\0", "\\") for field in plain]
        if len(fields) == 5 and all(f in ("*", w) for f, w in zip(fields, wanted, strict=False)):
            return fields[4]
    return ""


def _said(error: object) -> tuple[str, str]:
    """The SQLSTATE and the message of the server; ("", the driver's words) where the server said nothing."""
    said = error.args[0] if isinstance(error, Exception) and error.args else ""
    if isinstance(said, Mapping):
        return str(said.get("C", "")), str(said.get("M", ""))
    return "", str(said or type(error).__name__).split(" (timeout")[0]


def _on_error(context: Any) -> None:
    # SQLAlchemy knows only a closed socket; a server that is shut down says so first
    if is_lost(context.original_exception):
        context.is_disconnect = True


def _on_begin(connection: sa.Connection) -> None:
    options = connection.get_execution_options()
    if options.get("write", False) and options.get("alone", True):
        # one writer at a time, as in SQLite: what is read under the lock holds until the commit, and an event's
        # place in the log is taken only after the one before it can be seen by every reader
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITERS_LOCK})")
    elif not options.get("write", False):
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
