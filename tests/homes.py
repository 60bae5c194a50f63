"""A workspace in SQLite and one in PostgreSQL: in the rooms whose conftest takes ``ws`` from here, tests run on both."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import failscope as fs
from tests.server import Server, server_or_skip


class Home:
    """Where a workspace is kept, to open it again and again, from here or from another process."""

    def __init__(self, kind: str, folder: Path, server: Server | None = None, address: str = "") -> None:
        self.kind = kind
        self.folder = folder
        self.server = server
        self.address = address or str(folder)

    def open(self, *, folder: Path | None = None) -> fs.Workspace:
        """The workspace; in PostgreSQL, with ``folder``, as another machine would open it."""
        if self.server:
            return fs.Workspace(self.address, folder=folder or self.folder)
        return fs.Workspace(self.address)

    @property
    def arguments(self) -> list[str]:
        """For a script that opens it: ``fs.Workspace(sys.argv[1], folder=sys.argv[2] or None)``."""
        return [self.address, str(self.folder) if self.server else ""]

    def sql(self, statement: str) -> list[Any]:
        """Run one statement past failscope, as somebody with a database client would."""
        if self.server:
            return self.server.sql(self.address.rsplit("/", 1)[1], statement)
        with sqlite3.connect(self.folder / "failscope.db") as database:
            rows = database.execute(statement).fetchall()
        database.close()
        return rows


@pytest.fixture(scope="session")
def postgres() -> Iterator[tuple[Server, str]]:
    """A PostgreSQL server for these tests alone, and the address of a database in it."""
    server = server_or_skip()
    yield server, server.database()
    server.close()


@pytest.fixture(params=["sqlite", "postgres"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Home]:
    """A place for a workspace that is not there yet."""
    if request.param == "sqlite":
        yield Home("sqlite", tmp_path / "ws")
        return
    server, address = request.getfixturevalue("postgres")
    yield Home("postgres", tmp_path / "ws", server, address)
    server.clear(address)


@pytest.fixture
def ws(home: Home, traces: fs.Traces) -> Iterator[fs.Workspace]:
    """A workspace with the eighty traces."""
    workspace = home.open()
    workspace.add(traces)
    yield workspace
    workspace.log.close()
