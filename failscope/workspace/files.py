"""Files that are there whole or not at all, however the process ends: in a folder, or in a team's database."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from failscope.errors import IntegrityError, WorkspaceError
from failscope.golden.dataset import sync_folder
from failscope.workspace import schema

if TYPE_CHECKING:
    from failscope.workspace.store import Store

PIECE = 8 * 2**20
"""Bytes of a file that one row of the database holds."""


class Files(Protocol):
    """Where a workspace keeps what is too large for a table. A name, as ``"traces/a.parquet"``, is written once."""

    def write(self, name: str, table: pa.Table, *, connection: sa.Connection | None = None) -> None:
        """Keep a table; with a connection, as part of its transaction where the files are in the database."""
        ...

    def read(self, name: str) -> pa.Table:
        """A table that was kept.

        Raises
        ------
        WorkspaceError
            The file is not there, or is not what was written.
        """
        ...

    def names(self, under: str) -> list[str]:
        """The names that begin with ``under``, a folder's name with its slash, in order."""
        ...

    def fetch(self, under: str) -> None:
        """Bring what lies under a folder's name into the local folder, for those who read it there.

        Raises
        ------
        IntegrityError
            A file there is another one than the team's.
        """
        ...

    def share(self, under: str, *, connection: sa.Connection) -> None:
        """Let the team have what lies in the local folder under a folder's name."""
        ...


class Folder:
    """Files on the disk of one machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, table: pa.Table, *, connection: sa.Connection | None = None) -> None:
        """Keep a table; when this returns it is on the disk."""
        with whole_file(self.folder / name) as half:
            pq.write_table(table, half, compression="zstd")

    def read(self, name: str) -> pa.Table:
        """A table that was kept."""
        try:
            return pq.read_table(self.folder / name)
        except (OSError, pa.ArrowInvalid) as error:
            raise WorkspaceError(
                f"{self.folder / name} cannot be read ({error}); restore it from a copy"
            ) from error

    def names(self, under: str) -> list[str]:
        """The names of the files right in this folder, without hidden ones."""
        folder = self.folder / under
        there = folder.iterdir() if folder.is_dir() else ()
        return sorted(under + p.name for p in there if p.is_file() and not p.name.startswith("."))

    def fetch(self, under: str) -> None:
        """Nothing to do: everything is here."""

    def share(self, under: str, *, connection: sa.Connection) -> None:
        """Nothing to do: nobody else reads here."""


class SharedFiles:
    """Files in the database, each brought to a local folder when it is first read; a name never changes its content."""

    def __init__(self, folder: Path, store: Store) -> None:
        self._local = Folder(folder)
        self._store = store

    def write(self, name: str, table: pa.Table, *, connection: sa.Connection | None = None) -> None:
        """Keep a table; without a connection, in a transaction of its own."""
        self._local.write(name, table)
        if connection is not None:
            self._put(name, connection)
            return
        with self._store.writing(alone=False) as own:
            self._put(name, own)

    def read(self, name: str) -> pa.Table:
        """A table that was kept."""
        path = self._local.folder / name
        if path.exists():
            with suppress(WorkspaceError):
                return self._local.read(name)
        self._get(name)  # not here yet, or damaged here
        return self._local.read(name)

    def names(self, under: str) -> list[str]:
        """The names in the database that begin so."""
        name = schema.files.c.name
        query = sa.select(name).where(name.startswith(under, autoescape=True), schema.files.c.piece == 0)
        with self._store.reading() as connection:
            return sorted(connection.execute(query).scalars())

    def fetch(self, under: str) -> None:
        """Bring the files here that are missing."""
        table = schema.files
        query = sa.select(table.c.name, table.c.sha256).where(table.c.name.startswith(under, autoescape=True))
        with self._store.reading() as connection:
            rows = connection.execute(query.order_by(table.c.name, table.c.piece)).all()
        shared: dict[str, list[str]] = {}
        for row in rows:
            shared.setdefault(row.name, []).append(row.sha256)
        for name, digests in shared.items():
            path = self._local.folder / name
            if not path.exists():
                self._get(name)
            elif [_sha(piece) for piece in _pieces(path)] != digests:
                raise IntegrityError(
                    f"{path} is another one than in {self._store.name}; move it away, and it is fetched again"
                )

    def share(self, under: str, *, connection: sa.Connection) -> None:
        """Keep the local files that the database does not have yet."""
        home = self._local.folder / under
        there = set(self.names(under))
        for path in sorted(p for p in home.rglob("*") if p.is_file()):
            parts = path.relative_to(self._local.folder).parts
            name = "/".join(parts)
            if name not in there and not any(part.startswith(".") for part in parts):
                self._put(name, connection)

    def _put(self, name: str, connection: sa.Connection) -> None:
        for number, piece in enumerate(_pieces(self._local.folder / name)):
            row = {"name": name, "piece": number, "sha256": _sha(piece), "content": piece}
            # two who save one clustering at once write the same: the first one holds
            connection.execute(insert(schema.files).values(row).on_conflict_do_nothing())

    def _get(self, name: str) -> None:
        table = schema.files
        query = sa.select(table.c.sha256, table.c.content).where(table.c.name == name)
        found = False
        with (
            self._store.reading() as connection,
            whole_file(self._local.folder / name) as half,
            half.open("wb") as file,
        ):
            for number in range(2**31):  # a piece at a time: the driver holds a whole answer in memory
                row = connection.execute(query.where(table.c.piece == number)).first()
                if row is None:
                    break
                if _sha(row.content) != row.sha256:
                    raise WorkspaceError(
                        f"{name} in {self._store.name} is not what was written; restore the database from a copy"
                    )
                file.write(row.content)
                found = True
            if not found:
                raise WorkspaceError(f"{name} is not in {self._store.name}; restore the database from a copy")


def part_name() -> str:
    """A file name that no other process picks, in the order of time."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{uuid.uuid4().hex[:8]}.parquet"


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path to write to; it takes the place of ``path`` only when the block ends well, synced to the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.half")
    try:
        yield half
        with half.open("rb") as file:
            os.fsync(file.fileno())
        half.replace(path)
        sync_folder(path.parent)
    finally:
        with suppress(FileNotFoundError):
            half.unlink()


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from iter(lambda: file.read(PIECE), b"")


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
