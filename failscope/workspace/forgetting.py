"""Deletion on request: hides in how many places a user's texts lie, and that a deletion may be killed half way."""

from __future__ import annotations

import html
import json
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import sqlalchemy as sa

from failscope.errors import ArgumentError, IntegrityError, LockedWorkspaceError, WorkspaceError
from failscope.golden.writing import forget_examples
from failscope.review.events import FORGOTTEN
from failscope.review.wording import id_list, short_name
from failscope.traces.values import mend
from failscope.workspace import schema
from failscope.workspace.files import whole_file
from failscope.workspace.footprint import Footprint, find
from failscope.workspace.shelf import REJECTED, TraceShelf, rejected_name
from failscope.workspace.store import to_json
from failscope.workspace.tombstones import Tombstones
from failscope.workspace.vectors import forget_vectors

BEYOND = (
    "commits: git keeps the golden sets as they were in every clone; the history must be written anew, "
    "or the repository made anew",
    "exports: golden sets, audits, annotations and tables that were written to other places",
    "reports and notebooks that were saved: pages and the outputs of cells quote texts",
    "backups of the workspace, of its disk or of its database, and a PostgreSQL server's own log of changes",
    "the log files that the traces were read from",
    "notebooks that are open now hold the texts in memory, until they are restarted",
    "what curators wrote as the reason of a whole version or of a retirement",
    "what people wrote about failure modes, and the names of groups in the provenance of other examples",
)
"""What a deletion cannot reach, in words."""

_TEAM = "copies on other machines, until each opens the workspace again"
_UNFINISHED = (
    "not finished: another process kept the database from being cleaned, so old pages of it may still hold texts; "
    "close the other notebooks and call forget again"
)


@dataclass(frozen=True)
class Forgotten:
    """What ``ws.forget`` removed, with what it finished of an earlier deletion that was cut short.

    Attributes
    ----------
    traces : tuple of str
        The ids of the traces whose rows are gone; as tombstones they stay.
    examples : mapping
        Golden set -> version -> ids of the examples that are tombstones now.
    events : int
        Events of the log whose words were taken out.
    vectors : int
        Vectors of texts that no other trace has.
    rejected : int
        Rows that could not be read, and name the user or one of the traces.
    files : int
        Files that were written anew or taken away.
    beyond : tuple of str
        What cannot be reached from here, in words: somebody has to see to it.
    """

    traces: tuple[str, ...] = ()
    examples: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    events: int = 0
    vectors: int = 0
    rejected: int = 0
    files: int = 0
    beyond: tuple[str, ...] = BEYOND

    def to_frame(self) -> pd.DataFrame:
        """One row a place: ``what, where, count``."""
        rows = [("traces", "traces", len(self.traces))]
        rows += [
            ("examples", f"golden/{name}/{version}", len(ids))
            for name, versions in self.examples.items()
            for version, ids in versions.items()
        ]
        rows += [("events redacted", "log", self.events), ("vectors", "vectors", self.vectors)]
        rows += [("rejected rows", "traces/rejected", self.rejected), ("files", "workspace", self.files)]
        return pd.DataFrame(rows, columns=["what", "where", "count"])

    def __repr__(self) -> str:
        return f"<Forgotten {self._counts()} · {len(self.beyond)} places beyond reach, see .beyond>"

    def _repr_html_(self) -> str:
        lines = "".join(f"<li>{html.escape(line)}</li>" for line in self.beyond)
        return f"<div><b>Forgotten</b> {html.escape(self._counts())}<div>Not reached from here:</div><ul>{lines}</ul></div>"

    def _counts(self) -> str:
        lines = sum(len(ids) for versions in self.examples.values() for ids in versions.values())
        return (
            f"{len(self.traces):,} traces · {lines:,} golden lines · {self.events:,} events redacted · "
            f"{self.vectors:,} vectors · {self.rejected:,} rejected rows · {self.files:,} files"
        )


def forget(
    shelf: TraceShelf,
    *,
    by: str,
    user_id: str | None = None,
    trace_ids: Iterable[str] | None = None,
    reason: str = "",
    remember: bool = False,
) -> Forgotten:
    """Remove a user's texts, or those of some traces, everywhere in a workspace; see ``Workspace.forget``."""
    who, user, asked = short_name(by, "person"), _user(user_id), id_list(trace_ids or ())
    if user is None and not asked:
        raise ArgumentError("nobody was named; pass user_id='...' or trace_ids=[...]")
    done, found = complete(shelf), None
    while found is None:
        found = _begin(shelf, who, user=user, asked=asked, reason=str(reason), remember=remember)
        complete(shelf, done)
    beyond = ((_UNFINISHED,) if done.unfinished else ()) + BEYOND
    return Forgotten(
        traces=tuple(sorted(found.ids)),
        examples=done.examples,
        events=found.events,
        vectors=done.vectors,
        rejected=done.rejected,
        files=done.files,
        beyond=beyond + ((_TEAM,) if "://" in shelf.store.name else ()),
    )


def _begin(
    shelf: TraceShelf, who: str, *, user: str | None, asked: list[str], reason: str, remember: bool
) -> Footprint | None:
    """The one transaction after which the texts count as gone; None while another deletion is not finished."""
    with shelf.store.writing() as connection:
        table = schema.deletions
        # what that one is about to take away would be found here once more
        if any(json.loads(todo) for todo in connection.execute(sa.select(table.c.todo)).scalars()):
            return None
        found = find(shelf, connection, user=user, asked=asked, remember=remember)
        if found.anything:
            said = {
                "traces": sorted(found.ids),
                "user": found.user_key,
                "events": found.seals,
                "rejected": sum(map(len, found.rejected.values())),
                "reason": reason if user is None else reason.replace(user, "…"),
            }
            event = shelf.store.append_in(connection, FORGOTTEN, actor=who, payload=said)
            connection.execute(sa.insert(table).values(id=event.id, todo=to_json(found.todo())))
    return found


def _user(user_id: str | None) -> str | None:
    if user_id is not None and (not isinstance(user_id, str) or not user_id.strip()):
        raise ArgumentError(f"user_id={user_id!r} is nobody; give the text that the column user_id has")
    return user_id if user_id is None else mend(user_id, Counter())  # as it was read


# what is left to do once the index and the log say that it was done ------------------------------------------


@dataclass
class Done:
    """What finishing deletions did."""

    examples: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)
    vectors: int = 0
    rejected: int = 0
    files: int = 0
    unfinished: bool = False


def resume(shelf: TraceShelf) -> None:
    """Finish what a killed process left of a deletion, when a workspace is opened; what cannot be done now waits."""
    with suppress(WorkspaceError, IntegrityError):
        complete(shelf)


def complete(shelf: TraceShelf, done: Done | None = None) -> Done:
    """Do what is left of every deletion that has begun, by whichever process; all of it may be done again and again.

    Each step is one turn as the only writer, and is crossed off when it is done. What was done is added to ``done``.
    """
    done, table = done or Done(), schema.deletions
    done.unfinished = False
    with shelf.store.reading() as connection:
        if not Tombstones(connection).any:
            return done
        begun = connection.execute(sa.select(table.c.id).order_by(table.c.id)).scalars().all()
    shelf.files.tidy()
    for deletion in begun:
        for name, step in _STEPS.items():
            with shelf.store.writing() as connection:
                row = connection.execute(sa.select(table.c.todo).where(table.c.id == deletion)).first()
                todo = json.loads(row.todo) if row else {}
                if name not in todo:
                    continue
                step(shelf, todo.pop(name), done, connection)
                connection.execute(sa.update(table).where(table.c.id == deletion).values(todo=to_json(todo)))
    if begun:
        with suppress(LockedWorkspaceError):
            done.unfinished = True
            if shelf.store.scrub():
                done.unfinished = False
                with shelf.store.writing() as connection:
                    connection.execute(sa.delete(table).where(table.c.id.in_(begun)))
        if done.unfinished:
            warnings.warn(f"the deletion is {_UNFINISHED}", stacklevel=4)
    return done


def _parts(shelf: TraceShelf, names: list[str], done: Done, connection: sa.Connection) -> None:
    for name in names:
        shelf.files.remove(name, connection=connection)
    done.files += len(names)


def _rejected(
    shelf: TraceShelf, rows: Mapping[str, list[int]], done: Done, connection: sa.Connection
) -> None:
    there = shelf.files.names(REJECTED)
    for name in set(rows) & set(there):
        frame = shelf.files.read(name).to_pandas()
        kept = frame.drop(index=rows[name]).reset_index(drop=True)
        other = rejected_name(kept)
        if len(kept) and other not in there:
            shelf.files.write(other, pa.Table.from_pandas(kept, preserve_index=False), connection=connection)
        shelf.files.remove(name, connection=connection)
        done.rejected += len(frame) - len(kept)
        done.files += 1


def _vectors(shelf: TraceShelf, hashes: list[str], done: Done, connection: sa.Connection) -> None:
    vectors, parts = forget_vectors(shelf.files, hashes, connection=connection)
    done.vectors += vectors
    done.files += parts


def _clusterings(
    shelf: TraceShelf, ids: Mapping[str, list[str]], done: Done, connection: sa.Connection
) -> None:
    for name, trace_ids in ids.items():
        blank = partial(_blank, trace_ids=trace_ids)
        done.files += int(shelf.files.change(name, blank, connection=connection))


def _blank(path: Path, trace_ids: list[str]) -> bool:
    """Take a clustering's figures of these traces away; ids and groups stay, so that counts do."""
    if not path.exists():
        return False
    table = pq.read_table(path)
    hit = pc.is_in(table["trace_id"], value_set=pa.array(trace_ids, type=table["trace_id"].type))
    for k, column in enumerate(table.schema):
        kept = column.name in ("trace_id", "cluster", "exemplar") or column.name.startswith("layer_")
        if not kept:
            nothing = pa.scalar(0 if pa.types.is_integer(column.type) else False).cast(column.type)
            if pa.types.is_floating(column.type):
                nothing = pa.scalar(float("nan"), type=column.type)
            table = table.set_column(k, column, pc.if_else(hit, nothing, table[column.name]))
    with whole_file(path) as half:
        pq.write_table(table, half, compression="zstd")
    return True


def _golden(shelf: TraceShelf, trace_ids: list[str], done: Done, connection: sa.Connection) -> None:
    # nobody promotes meanwhile, so that everything half written is of a process that is dead
    shelf.files.tidy(alone=True)
    for name in golden_names(shelf):

        def clean(home: Path) -> dict[str, list[str]]:
            for hidden in home.glob(".near*"):  # what a set works out of its texts and keeps for itself
                hidden.unlink()
            return forget_examples(home, trace_ids)

        hit = shelf.files.change(f"golden/{name}/", clean, connection=connection)
        if hit:
            done.examples = _merged(done.examples, {name: {v: tuple(ids) for v, ids in hit.items()}})
            done.files += len(hit)


def _copies(shelf: TraceShelf, trace_ids: list[str], done: Done, connection: sa.Connection) -> None:
    """What this machine has of golden sets beside the team's: fetched anew, or a version that was never shared."""
    shelf.files.tidy()
    for name in golden_names(shelf):
        forget_examples(shelf.files.folder / "golden" / name, trace_ids)


def golden_names(shelf: TraceShelf) -> list[str]:
    """The golden sets that are here or that the team has."""
    home = shelf.files.folder / "golden"
    here = [p.name for p in home.iterdir() if p.is_dir()] if home.is_dir() else []
    return sorted({*here, *(name.split("/")[1] for name in shelf.files.tree("golden/"))})


_STEPS: Mapping[str, Callable[[TraceShelf, Any, Done, sa.Connection], None]] = {
    "parts": _parts,
    "rejected": _rejected,
    "vectors": _vectors,
    "clusterings": _clusterings,
    "golden": _golden,
    "copies": _copies,
}


def _merged(
    one: Mapping[str, Mapping[str, tuple[str, ...]]], other: Mapping[str, Mapping[str, tuple[str, ...]]]
) -> dict[str, dict[str, tuple[str, ...]]]:
    both = {name: dict(versions) for name, versions in one.items()}
    for name, versions in other.items():
        for version, ids in versions.items():
            held = both.setdefault(name, {})
            held[version] = tuple(dict.fromkeys((*held.get(version, ()), *ids)))
    return both
