"""Files that are there whole or not at all, however the process ends: in a folder, or in a team's database."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from failscope.errors import IntegrityError, WorkspaceError
from failscope.golden.writing import sync_folder
from failscope.workspace import schema

if TYPE_CHECKING:
    from failscope.workspace.store import Store

T = TypeVar("T")

PIECE = 8 * 2**20
"""Bytes of a file that one row of the database holds."""

KEPT_HERE = ("traces", "vectors", "clusterings", "golden")
"""The folders of a workspace."""

_STALE_S = 600.0
"""Seconds after which a file that was not finished counts as one whose process is dead."""


class Files(Protocol):
    """Where a workspace keeps what is too large for a table. A name, as ``"traces/a.parquet"``, is written once."""

    @property
    def folder(self) -> Path:
        """The local folder."""
        ...

    def write(self, name: str, table: pa.Table, *, connection: sa.Connection | None = None) -> None:
        """Keep a table; with a connection, as part of its transaction where the files are in the database."""
        ...

    def read(self, name: str, *, columns: Sequence[str] | None = None) -> pa.Table:
        """A table that was kept, or these of its columns.

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

    # for deletions: everything else writes a name once --------------------------------------------------------

    def tree(self, under: str) -> list[str]:
        """The names that lie under a folder's name, in its subfolders too, in order."""
        ...

    def remove(self, name: str, *, connection: sa.Connection) -> None:
        """Take a file away for good; one that is not there is no error."""
        ...

    def change(self, under: str, how: Callable[[Path], T], *, connection: sa.Connection) -> T:
        """Let ``how`` change files under a folder's name; it is given the folder that they lie in."""
        ...

    def tidy(self, *, alone: bool = False) -> None:
        """Give up local copies of what was removed or changed, here or on another machine, and what killed processes
        left half written; with ``alone``, the caller holds the writers' lock."""
        ...


class Folder:
    """Files on the disk of one machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def folder(self) -> Path:
        """The folder."""
        return self._folder

    def write(self, name: str, table: pa.Table, *, connection: sa.Connection | None = None) -> None:
        """Keep a table; when this returns it is on the disk."""
        with whole_file(self.folder / name) as half:
            pq.write_table(table, half, compression="zstd")

    def read(self, name: str, *, columns: Sequence[str] | None = None) -> pa.Table:
        """A table that was kept."""
        try:
            return pq.read_table(self.folder / name, columns=None if columns is None else list(columns))
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

    def tree(self, under: str) -> list[str]:
        """The name of this file, or of the files in this folder and in those within it, without hidden ones."""
        home = self.folder / under
        there = [home] if home.is_file() else [p for p in home.rglob("*") if p.is_file()]
        parts = (p.relative_to(self.folder).parts for p in there)
        return sorted("/".join(p) for p in parts if not any(part.startswith(".") for part in p))

    def remove(self, name: str, *, connection: sa.Connection) -> None:
        """Take a file away for good."""
        (self.folder / name).unlink(missing_ok=True)
        sync_folder((self.folder / name).parent)

    def change(self, under: str, how: Callable[[Path], T], *, connection: sa.Connection) -> T:
        """Let ``how`` change files."""
        return how(self.folder / under)

    def tidy(self, *, alone: bool = False) -> None:
        """Take away what killed processes left half written."""
        sweep(self.folder, at_once=("traces", "golden") if alone else ())


class SharedFiles:
    """Files in the database, each brought to a local folder when it is first read; a name never changes its content."""

    def __init__(self, folder: Path, store: Store) -> None:
        self._local = Folder(folder)
        self._store = store

    @property
    def folder(self) -> Path:
        """Where the copies are."""
        return self._local.folder

    def write(self, name: str, table: pa.Table, *, connection: sa.Connection | None = None) -> None:
        """Keep a table; without a connection, in a transaction of its own."""
        self._local.write(name, table)
        if connection is not None:
            self._put(name, connection)
            return
        with self._store.writing(alone=False) as own:
            self._put(name, own)

    def read(self, name: str, *, columns: Sequence[str] | None = None) -> pa.Table:
        """A table that was kept."""
        path = self._local.folder / name
        if path.exists():
            with suppress(WorkspaceError):
                return self._local.read(name, columns=columns)
        self._get(name)  # not here yet, or damaged here
        return self._local.read(name, columns=columns)

    def names(self, under: str) -> list[str]:
        """The names in the database that begin so."""
        with self._store.reading() as connection:
            return self._names_in(under, connection)

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
                continue
            here = _digests(path)
            if here != digests and self._is_withdrawn(name, here):
                self._renew(name)
            elif here != digests:
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

    def tree(self, under: str) -> list[str]:
        """The names in the database that begin so."""
        return self.names(under)

    def remove(self, name: str, *, connection: sa.Connection) -> None:
        """Take a file out of the database, and have every machine give up its copy."""
        self._withdraw([name], connection)
        table = schema.files
        connection.execute(sa.delete(table).where(table.c.name == name))

    def change(self, under: str, how: Callable[[Path], T], *, connection: sa.Connection) -> T:
        """Let ``how`` change files, in a folder that is thrown away; every machine then gives up its copies.

        What lies in the local folder stays as it is until ``tidy``: killed before the commit, nothing has changed.
        """
        self._local.folder.mkdir(parents=True, exist_ok=True)
        for left in self._local.folder.glob(
            ".changing-*"
        ):  # of a killed process: there is one writer at a time
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=".changing-", dir=self._local.folder) as away:
            beside = Folder(Path(away))
            names = self._names_in(under, connection)
            for name in names:
                self._get(name, into=beside.folder, connection=connection)
            before = {name: _digests(beside.folder / name) for name in names}
            done = how(beside.folder / under)
            there = beside.tree(under)
            changed = [n for n in there if n in before and _digests(beside.folder / n) != before[n]]
            self._withdraw(changed, connection)
            table = schema.files
            for name in changed:
                connection.execute(sa.delete(table).where(table.c.name == name))
            for name in (*changed, *sorted(set(there) - set(before))):
                self._put(name, connection, folder=beside.folder)
        return done

    def tidy(self, *, alone: bool = False) -> None:
        """Give up copies of what was removed, and fetch what was changed."""
        table = schema.withdrawn
        with self._store.reading() as connection:
            withdrawn = connection.execute(sa.select(table.c.name).distinct()).scalars().all()
            there = set(connection.execute(sa.select(schema.files.c.name).distinct()).scalars())
        for name in withdrawn:
            path = self._local.folder / name
            if not path.exists() or not self._is_withdrawn(name, _digests(path)):
                continue
            if name in there:
                self._renew(name)
            else:
                path.unlink(missing_ok=True)
        sweep(self._local.folder, at_once=())

    def _renew(self, name: str) -> None:
        # what a golden set's folder keeps for itself was worked out from the file as it was
        for hidden in (self._local.folder / name).parent.parent.glob(".near*"):
            hidden.unlink(missing_ok=True)
        self._get(name)

    def _withdraw(self, names: Collection[str], connection: sa.Connection) -> None:
        table = schema.files
        for name in names:
            query = sa.select(table.c.sha256).where(table.c.name == name).order_by(table.c.piece)
            digests = list(connection.execute(query).scalars())
            if digests:
                row = {"name": name, "sha256": _joined(digests)}
                connection.execute(insert(schema.withdrawn).values(row).on_conflict_do_nothing())

    def _is_withdrawn(self, name: str, digests: Sequence[str]) -> bool:
        table = schema.withdrawn
        query = sa.select(table.c.name).where(table.c.name == name, table.c.sha256 == _joined(digests))
        with self._store.reading() as connection:
            return connection.execute(query).first() is not None

    @staticmethod
    def _names_in(under: str, connection: sa.Connection) -> list[str]:
        name = schema.files.c.name
        query = sa.select(name).where(name.startswith(under, autoescape=True), schema.files.c.piece == 0)
        return sorted(connection.execute(query).scalars())

    def _put(self, name: str, connection: sa.Connection, *, folder: Path | None = None) -> None:
        for number, piece in enumerate(_pieces((folder or self._local.folder) / name)):
            row = {"name": name, "piece": number, "sha256": _sha(piece), "content": piece}
            # two who save one clustering at once write the same: the first one holds
            connection.execute(insert(schema.files).values(row).on_conflict_do_nothing())

    def _get(self, name: str, *, into: Path | None = None, connection: sa.Connection | None = None) -> None:
        table = schema.files
        query = sa.select(table.c.sha256, table.c.content).where(table.c.name == name)
        found = False
        with (
            nullcontext(connection) if connection else self._store.reading() as source,
            whole_file((into or self._local.folder) / name) as half,
            half.open("wb") as file,
        ):
            for number in range(2**31):  # a piece at a time: the driver holds a whole answer in memory
                row = source.execute(query.where(table.c.piece == number)).first()
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


def sweep(folder: Path, *, at_once: Collection[str]) -> None:
    """Take away files that a killed process left half written; in the folders ``at_once`` however new they are."""
    for top in KEPT_HERE:
        for where, folders, names in os.walk(folder / top):
            for name in [n for n in (*folders, *names) if n.startswith(".") and n.endswith(".half")]:
                _sweep(Path(where, name), at_once=top in at_once)


def _sweep(half: Path, *, at_once: bool) -> None:
    with suppress(FileNotFoundError):  # another process finished or took it meanwhile
        if not at_once and time.time() - half.stat().st_mtime < _STALE_S:
            return
        if half.is_dir():
            shutil.rmtree(half, ignore_errors=True)
        else:
            half.unlink()


def _digests(path: Path) -> list[str]:
    return [_sha(piece) for piece in _pieces(path)]


def _joined(digests: Sequence[str]) -> str:
    """One hash for a file in pieces; the file's own where it is one piece."""
    return digests[0] if len(digests) == 1 else _sha("".join(digests).encode())


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from iter(lambda: file.read(PIECE), b"")


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
