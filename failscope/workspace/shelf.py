"""Where a workspace keeps traces: texts in Parquet parts, and an index that says which part holds each one."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import sqlalchemy as sa

from failscope.errors import ArgumentError, DataError, WorkspaceError
from failscope.review.events import TRACES_ADDED
from failscope.traces.table import (
    COLUMNS,
    REJECTED_COLUMNS,
    SOURCE_COLUMNS,
    TEXT_COLUMNS,
    Direction,
    Traces,
    text_hash,
)
from failscope.traces.values import as_field
from failscope.workspace import schema
from failscope.workspace.files import Files, part_name
from failscope.workspace.store import Store
from failscope.workspace.tombstones import TRACE, Tombstones

T = TypeVar("T")

PARTS, REJECTED = "traces/", "traces/rejected/"
_AT_ONCE = 1_000
"""How many ids one statement names; databases have a limit."""


@dataclass(frozen=True)
class Added:
    """What ``Workspace.add`` did with each trace.

    Attributes
    ----------
    new : int
        Traces that were not there before.
    known : int
        There already, the same in every column.
    updated : int
        There already, and this log says more or other of them beside the texts (feedback that came later): the
        newer value holds. What this log leaves open stays as it was.
    conflicting : tuple of str
        The ids that are there already with another input, output, context or system prompt. The first one holds; nothing is changed.
    forgotten : int
        Traces and rejected rows of those whose deletion was asked for (``ws.forget``): they are not taken in again.
    """

    new: int = 0
    known: int = 0
    updated: int = 0
    conflicting: tuple[str, ...] = field(default=())
    forgotten: int = 0

    def __repr__(self) -> str:
        text = f"<Added {self.new:,} new · {self.known:,} known · {self.updated:,} updated"
        if self.conflicting:
            text += (
                f" · {len(self.conflicting):,} conflicting (kept as first added), as {self.conflicting[0]!r}"
            )
        if self.forgotten:
            text += f" · {self.forgotten:,} forgotten (deletion was asked for; not taken in)"
        return text + ">"


class TraceShelf:
    """The traces of one workspace.

    A part file is written before the index names it, in one transaction: a process that is killed in between
    leaves a file that nothing names.
    """

    def __init__(self, files: Files, store: Store) -> None:
        self.files = files
        self.store = store

    def add(self, traces: Traces) -> Added:
        """Keep traces; see ``Workspace.add``."""
        frame = traces.frame
        twice = frame.index[frame.index.duplicated()]
        if len(twice):
            raise DataError(
                f"trace {twice[0]!r} is there {int((frame.index == twice[0]).sum())} times; ids are unique"
            )
        part = part_name()
        with self.store.writing() as connection:
            aside = self.is_forgotten(frame.index, frame["user_id"], connection=connection)
            known = _held(connection)
            _say_known(frame.index[aside & frame.index.isin(known.index)])
            frame = frame[~aside]
            ids, texts = frame.index, text_hashes(frame)
            held = known.reindex(ids)
            there = held["text_hash"].notna().to_numpy()
            conflicting = there & (held["text_hash"].to_numpy() != texts)
            rows = _row_hashes(frame)
            changed = there & ~conflicting & (held["row_hash"].to_numpy() != rows)
            if changed.any():
                # what this log does not say of a trace is not taken from it: an export without feedback erases none
                frame = _filled(frame, self._rows(held["part"][changed]))
                rows = _row_hashes(frame)
                changed &= held["row_hash"].to_numpy() != rows
            keep = ~there | changed
            directions = self._directions(connection, traces.signals, frame[keep])
            if keep.any():
                self.files.write(PARTS + part, _to_arrow(frame[keep]), connection=connection)
                table = schema.traces
                gone = ids[changed].tolist()
                for k in range(0, len(gone), _AT_ONCE):
                    some = gone[k : k + _AT_ONCE]
                    connection.execute(sa.delete(table).where(table.c.trace_id.in_(some)))
                named = [
                    {"trace_id": i, "part": part, "text_hash": t, "row_hash": r}
                    for i, t, r in zip(ids[keep], texts[keep].tolist(), rows[keep].tolist(), strict=True)
                ]
                self.store.insert_many(connection, table, named)
            if directions:
                connection.execute(sa.insert(schema.signals), directions)
            refused = Tombstones(connection).rows(traces.rejected)
            rejected = traces.rejected[~refused]
            done = Added(
                new=int((~there).sum()),
                known=int((there & ~conflicting & ~changed).sum()),
                updated=int(changed.sum()),
                conflicting=tuple(ids[conflicting]),
                forgotten=int(aside.sum() + refused.sum()),
            )
            if self._set_aside(rejected, connection) or keep.any():
                said = {
                    "new": done.new,
                    "updated": done.updated,
                    "conflicting": len(done.conflicting),
                    "rejected": len(rejected),
                    "part": part,
                    **({"forgotten": done.forgotten} if done.forgotten else {}),
                }
                self.store.append_in(connection, TRACES_ADDED, payload=said)
        return done

    def load(self) -> Traces:
        """Every trace as it holds now, in the order of time."""
        return self._again(self._load)

    def _again(self, read: Callable[[], T]) -> T:
        """What ``read`` gives; once more where files were rewritten by a deletion between the index and the file."""
        before = self._deletions()
        try:
            return read()
        except WorkspaceError:
            if self._deletions() == before:
                raise
            return self._again(read)

    def _deletions(self) -> tuple[int, list[str]]:
        """What changes when a deletion begins, and with each file that it takes away."""
        with self.store.reading() as connection:
            query = sa.select(sa.func.count()).select_from(schema.tombstones)
            count = connection.execute(query).scalar_one()
            todo = sa.select(schema.deletions.c.todo).order_by(schema.deletions.c.id)
            return count, list(connection.execute(todo).scalars())

    def _load(self) -> Traces:
        table = schema.traces
        with self.store.reading() as connection:
            counts = connection.execute(
                sa.select(table.c.part, sa.func.count().label("traces")).group_by(table.c.part)
            ).all()
            held = connection.execute(sa.select(schema.signals.c.name, schema.signals.c.direction)).all()
            # in one state of the index: an update in between moves a trace from one part to another
            parts = [self._part(row.part, row.traces, connection) for row in sorted(counts)]
        if not counts:
            return Traces(_nothing(), rejected=self._rejected())
        frame = _joined(parts).sort_values("timestamp", kind="stable", na_position="last")
        signals: dict[str, Direction] = {r.name: r.direction for r in held if r.name in frame}
        others = [c for c in frame.columns if c not in COLUMNS]
        return Traces(frame[[*COLUMNS, *others]], signals=signals, rejected=self._rejected())

    def rows(self, trace_ids: Sequence[str]) -> pd.DataFrame:
        """Those of these traces that are here, in this order, as rows of a traces' frame; other parts are not read."""
        return self._again(lambda: self._rows_of(trace_ids))

    def _rows_of(self, trace_ids: Sequence[str]) -> pd.DataFrame:
        table = schema.traces
        held: dict[str, str] = {}
        with self.store.reading() as connection:
            for k in range(0, len(trace_ids), _AT_ONCE):
                query = sa.select(table.c.trace_id, table.c.part)
                some = connection.execute(query.where(table.c.trace_id.in_(trace_ids[k : k + _AT_ONCE])))
                held |= {row.trace_id: row.part for row in some}
            if not held:
                return pd.DataFrame(columns=list(COLUMNS))
            frame = self._rows(pd.Series(held))
        return frame.loc[[i for i in trace_ids if i in frame.index]]

    def text_hashes(self) -> pd.Series:
        """What the index knows of the texts: hash by trace id."""
        with self.store.reading() as connection:
            return _held(connection)["text_hash"]

    def is_forgotten(
        self,
        trace_ids: Sequence[str] | pd.Index,
        user_ids: Sequence[str] | pd.Series | None = None,
        *,
        connection: sa.Connection | None = None,
    ) -> np.ndarray:
        """Which traces are of somebody who asked for deletion, by their own id or by their user's.

        Parameters
        ----------
        trace_ids : (n,) sequence of str
        user_ids : (n,) sequence of str, optional
            In the same order; "" where it is not known.
        connection : sqlalchemy.Connection, optional
            To ask inside a transaction: what holds under the writers' lock holds until the commit.

        Returns
        -------
        (n,) bool array
        """
        if connection is not None:
            return Tombstones(connection).traces(trace_ids, user_ids)
        with self.store.reading() as own:
            return Tombstones(own).traces(trace_ids, user_ids)

    def forgotten_ids(self) -> frozenset[str]:
        """The ids of the traces that were forgotten; of later traces of a forgotten user there is nothing to tell."""
        with self.store.reading() as connection:
            return frozenset(Tombstones(connection).names(TRACE))

    def _part(self, part: str, count: int, connection: sa.Connection) -> pd.DataFrame:
        """The rows of a part that hold; ``count`` is how many they are."""
        frame = self._read(part)
        if len(frame) == count:
            return frame  # none was updated by a later part: the index need not say which
        table = schema.traces
        ids = connection.execute(sa.select(table.c.trace_id).where(table.c.part == part)).scalars().all()
        return frame[frame.index.isin(ids)]

    def _rows(self, where: pd.Series) -> pd.DataFrame:
        """The rows of these traces; ``where`` is the part that holds each."""
        parts = []
        for part in sorted(where.unique()):
            frame = self._read(part)
            parts.append(frame[(where.reindex(frame.index) == part).to_numpy()])
        return _joined(parts)

    def _read(self, part: str) -> pd.DataFrame:
        return self.files.read(PARTS + part).to_pandas().set_index("trace_id")

    @staticmethod
    def _directions(
        connection: sa.Connection, signals: Mapping[str, Direction], kept: pd.DataFrame
    ) -> list[dict[str, str]]:
        """The signals to note down; one that is there with the other direction is an error, not a change."""
        held = {r.name: r.direction for r in connection.execute(sa.select(schema.signals))}
        for name, direction in signals.items():
            if held.get(name, direction) != direction:
                raise ArgumentError(
                    f"signal {name!r} is {held[name]!r} when high in this workspace, and {direction!r} in what is added; "
                    f"pass signals={{{name!r}: {held[name]!r}}}, or rename the column"
                )
        return [
            {"name": name, "direction": direction}
            for name, direction in signals.items()
            if name not in held and len(kept)
        ]

    def rejected(self) -> pd.DataFrame:
        """What could not be read, of every ``add``."""
        return self._again(self._rejected)

    def _rejected(self) -> pd.DataFrame:
        parts = [self.files.read(name).to_pandas() for name in self.files.names(REJECTED)]
        empty = pd.DataFrame(columns=list(REJECTED_COLUMNS))
        return pd.concat(parts, ignore_index=True) if parts else empty

    def _set_aside(self, rejected: pd.DataFrame, connection: sa.Connection) -> bool:
        """Keep rejected rows; False when there is none, or the same ones are kept already."""
        if rejected.empty:
            return False
        rejected = rejected.reset_index(drop=True)
        table = _to_arrow(rejected.astype({"file": "str", "reason": "str", "raw": "str"}))
        name = rejected_name(rejected)
        if name in self.files.names(REJECTED):
            return False
        self.files.write(name, table, connection=connection)
        return True


def rejected_name(rejected: pd.DataFrame) -> str:
    """The file of these rejected rows, counted from 0: the same rows, the same name."""
    return f"{REJECTED}{text_hash(rejected.to_json())[:32]}.parquet"


def _say_known(ids: pd.Index) -> None:
    if len(ids):
        warnings.warn(
            f"{len(ids):,} traces of this log are here already, and it says that they are of a user who asked for "
            f"deletion, as {ids[0]!r}; forget them too: ws.forget(trace_ids={ids[:3].tolist()!r}, by=...)",
            stacklevel=5,
        )


def _nothing() -> pd.DataFrame:
    columns = pd.DataFrame({"trace_id": [], "input": [], "output": []}, dtype="str")
    return Traces.from_frame(columns).frame


def _joined(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The rows of several parts, each column in one type."""
    frame = pd.concat(parts)
    columns = {}
    for name in frame.columns:
        column = frame[name]
        if column.dtype == object:  # parts that disagree, as a number here and a text there
            column = as_field(column, notes=Counter())
        if isinstance(column.dtype, pd.StringDtype):
            column = column.fillna("")  # a text column that an older part did not have
        columns[name] = column
    return pd.DataFrame(columns, index=frame.index)


def _to_arrow(frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(frame.reset_index() if frame.index.name else frame, preserve_index=False)


def text_hashes(frame: pd.DataFrame) -> np.ndarray:
    """One hash a row over what the model was given and said; two traces of one id must have it in common."""
    columns = [frame[c] for c in TEXT_COLUMNS]
    return np.array([text_hash("\0".join(texts)) for texts in zip(*columns, strict=True)], dtype=object)


def _row_hashes(frame: pd.DataFrame) -> np.ndarray:
    """One hash a row over the columns that it fills, whatever other rows, other columns or their order."""
    sums = np.zeros(len(frame), dtype=np.uint64)
    for column in frame.columns:
        if column in SOURCE_COLUMNS:
            continue  # where a row was read from is not what it says
        values = frame[column]
        filled = values.notna().to_numpy()
        if isinstance(values.dtype, pd.DatetimeTZDtype):
            plain = values.dt.tz_convert(None).to_numpy().astype("datetime64[us]").view("int64")
        elif pd.api.types.is_numeric_dtype(values.dtype):
            # 1, 1.0 and True are one value: which of them a column holds depends on its other rows
            plain = values.to_numpy(dtype="float64", na_value=np.nan)
        else:
            plain = values.astype("str").to_numpy(dtype=object)
            filled = filled & (plain != "")
        hashes = pd.util.hash_array(plain, hash_key=text_hash(str(column))[:16], categorize=False)
        if plain.dtype != object:  # numbers are hashed without the key
            hashes = hashes * np.uint64(2 * int(text_hash(str(column))[:12], 16) + 1)
        sums += np.where(filled, hashes, np.uint64(0))
    return np.array([f"{s:016x}" for s in sums], dtype=object)


def _filled(frame: pd.DataFrame, older: pd.DataFrame) -> pd.DataFrame:
    """The frame, with what it leaves open of a trace taken from the trace's older row."""
    out = frame.copy()
    for name in (c for c in older.columns if c not in SOURCE_COLUMNS):
        past = older[name].reindex(frame.index)
        if name not in out:
            out[name] = past.fillna("") if isinstance(older[name].dtype, pd.StringDtype) else past
            continue
        open_ = out[name].isna() | (out[name].astype("str") == "")
        take = open_ & past.notna()
        if take.any():
            merged = out[name].astype(object).where(~take, past.astype(object))
            out[name] = (
                as_field(merged, notes=Counter())
                if out[name].dtype != older[name].dtype
                else merged.astype(older[name].dtype)
            )
    return _with_source(out, older)


def _with_source(frame: pd.DataFrame, older: pd.DataFrame) -> pd.DataFrame:
    """The frame, with where a row was first read from if it came from no file now; file, line and hash go together."""
    held = frame.index.isin(older.index)
    named = (frame["source_file"] != "").to_numpy() if "source_file" in frame else np.zeros(len(frame), bool)
    for name in (c for c in SOURCE_COLUMNS if c in older):
        blank = 0 if name == "source_line" else ""
        now = frame[name] if name in frame else pd.Series(blank, index=frame.index)
        past = older[name].reindex(frame.index).fillna(blank)
        frame[name] = now.where(named | ~held, past).astype(older[name].dtype)
    return frame


def _held(connection: sa.Connection) -> pd.DataFrame:
    """What the index knows: ``part, text_hash, row_hash`` by trace id."""
    table = schema.traces
    rows = connection.execute(sa.select(table)).all()
    index = [row.trace_id for row in rows]
    columns = ["part", "text_hash", "row_hash"]
    return pd.DataFrame([tuple(getattr(r, c) for c in columns) for r in rows], index=index, columns=columns)
