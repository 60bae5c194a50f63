"""SQLite as the database of a workspace: telling its file from any other, safe transactions, and its errors in words."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import exc

from failscope.errors import (
    LockedWorkspaceError,
    NotAWorkspaceError,
    ReadOnlyWorkspaceError,
    WorkspaceError,
)

APPLICATION_ID = 0x6661696C  # "fail", in the header of the file: tells ours from any other

_READ_ONLY = (
    "{path} cannot be written ({why}); check its permissions, or copy the workspace to a folder of yours"
)


class SQLite:
    """One file in WAL mode, every commit synced to the disk; several processes write in turn.

    Parameters
    ----------
    path : Path
    wait_s : float
        How long a write waits for another process before it says that the workspace is locked.
    """

    def __init__(self, path: Path, *, wait_s: float) -> None:
        self.name = str(path)
        self._path = path
        self._wait_s = wait_s
        _check_header(path)
        self.engine = sa.create_engine(
            sa.URL.create("sqlite", database=str(path)), connect_args={"timeout": wait_s}
        )
        sa.event.listen(self.engine, "connect", _on_connect)
        sa.event.listen(self.engine, "begin", _on_begin)

    def check_ours(self, connection: sa.Connection, revision: str | None) -> None:
        """Nothing to do: the header of the file was looked at before it was opened."""

    def insert_many(
        self, connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, str]]
    ) -> None:
        """Add rows of texts."""
        connection.execute(sa.insert(table), list(rows))

    def mark(self, connection: sa.Connection) -> None:
        """Write into the header that the file is ours."""
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")

    def scrub(self) -> bool:
        """Leave no byte of what was deleted in the file or its log; False while another process is reading."""
        connection = self.engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute("VACUUM")
            busy = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            return not busy
        finally:
            connection.close()

    def explain(self, error: Exception) -> WorkspaceError:
        """What went wrong, in our words."""
        message = str(error.orig if isinstance(error, exc.DBAPIError) else error)
        if "locked" in message or "busy" in message:
            return LockedWorkspaceError(
                f"{self.name} has been held by another process for {self._wait_s:g} seconds; "
                f"close that process and try again"
            )
        if "readonly" in message or "unable to open" in message:
            return ReadOnlyWorkspaceError(_READ_ONLY.format(path=self.name, why=message))
        if "not a database" in message or "malformed" in message:
            return NotAWorkspaceError(
                f"{self.name} is not a sound database: {message}; restore it from a copy"
            )
        return WorkspaceError(f"{self.name}: {message}")


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
    connection.execute(
        "PRAGMA secure_delete = ON"
    )  # what a deletion removes is overwritten, not just unlisted


def _on_begin(connection: sa.Connection) -> None:
    # a write begins as one: upgraded later, it could fail half way because another process wrote in between
    write = connection.get_execution_options().get("write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
