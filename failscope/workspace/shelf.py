"""Where a workspace keeps traces: texts in Parquet parts, and an index that says which part holds each one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from failscope.review.events import TRACES_ADDED
from failscope.traces.table import COLUMNS, REJECTED_COLUMNS, Direction, Traces, text_hash
from failscope.workspace import schema
from failscope.workspace.files import part_name, write_parquet
from failscope.workspace.store import Store


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
        There already, and some column beside the texts is different now (feedback that came later): the newer
        one holds.
    conflicting : tuple of str
        The ids that are there already with another input or output. The first one holds; nothing is changed.
    """

    new: int = 0
    known: int = 0
    updated: int = 0
    conflicting: tuple[str, ...] = field(default=())

    def __repr__(self) -> str:
        text = f"<Added {self.new:,} new · {self.known:,} known · {self.updated:,} updated"
        if self.conflicting:
            text += (
                f" · {len(self.conflicting):,} conflicting (kept as first added), as {self.conflicting[0]!r}"
            )
        return text + ">"


class TraceShelf:
    """The traces of one workspace.

    A part file is written before the index names it, in one transaction: a process that is killed in between
    leaves a file that nothing names.
    """

    def __init__(self, folder: Path, store: Store) -> None:
        self.folder = folder
        self.store = store

    def add(self, traces: Traces) -> Added:
        """Keep traces; see ``Workspace.add``."""
        frame = traces.frame
        ids = frame.index
        texts = np.array(
            [text_hash(f"{i}\0{o}") for i, o in zip(frame["input"], frame["output"], strict=True)]
        )
        rows = _row_hashes(frame)
        part = part_name()
        with self.store.writing() as connection:
            held = _held(connection).reindex(ids)
            there = held["text_hash"].notna().to_numpy()
            conflicting = there & (held["text_hash"].to_numpy() != texts)
            changed = there & ~conflicting & (held["row_hash"].to_numpy() != rows)
            keep = ~there | changed
            if keep.any():
                write_parquet(_to_arrow(frame[keep]), self.folder / part)
                gone = [{"gone": i} for i in ids[changed]]
                if gone:
                    table = schema.traces
                    connection.execute(sa.delete(table).where(table.c.trace_id == sa.bindparam("gone")), gone)
                named = [
                    {"trace_id": i, "part": part, "text_hash": t, "row_hash": r}
                    for i, t, r in zip(ids[keep], texts[keep].tolist(), rows[keep].tolist(), strict=True)
                ]
                connection.execute(sa.insert(schema.traces), named)
            for name, direction in traces.signals.items():
                connection.execute(sa.delete(schema.signals).where(schema.signals.c.name == name))
                connection.execute(sa.insert(schema.signals).values(name=name, direction=direction))
            done = Added(
                new=int((~there).sum()),
                known=int((there & ~conflicting & ~changed).sum()),
                updated=int(changed.sum()),
                conflicting=tuple(ids[conflicting]),
            )
            set_aside = self._set_aside(traces.rejected)
            if keep.any() or set_aside:
                said = {"new": done.new, "updated": done.updated, "conflicting": len(done.conflicting)}
                self.store.append_in(
                    connection, TRACES_ADDED, payload={**said, "rejected": len(traces.rejected), "part": part}
                )
        return done

    def load(self) -> Traces:
        """Every trace as it holds now, in the order of time."""
        table = schema.traces
        with self.store.reading() as connection:
            rows = connection.execute(sa.select(table.c.trace_id, table.c.part)).all()
            held = connection.execute(sa.select(schema.signals.c.name, schema.signals.c.direction)).all()
        where = pd.Series([r.part for r in rows], index=[r.trace_id for r in rows], dtype="str")
        signals: dict[str, Direction] = {r.name: r.direction for r in held}
        parts = []
        for part in sorted(where.unique()):
            frame = pq.read_table(self.folder / part).to_pandas().set_index("trace_id")
            parts.append(frame[(where.reindex(frame.index) == part).to_numpy()])
        if not parts:
            return Traces.from_frame(pd.DataFrame({"trace_id": [], "input": [], "output": []}, dtype="str"))
        frame = pd.concat(parts).sort_values("timestamp", kind="stable", na_position="last")
        # a text column that an older part did not have is empty there, as in Traces
        text = [c for c in frame.columns if c not in signals and isinstance(frame[c].dtype, pd.StringDtype)]
        frame[text] = frame[text].fillna("")
        others = [c for c in frame.columns if c not in COLUMNS]
        return Traces(frame[[*COLUMNS, *others]], signals=signals)

    def rejected(self) -> pd.DataFrame:
        """What could not be read, of every ``add``."""
        parts = sorted((self.folder / "rejected").glob("*.parquet"))
        empty = pd.DataFrame(columns=list(REJECTED_COLUMNS))
        return pd.concat([pq.read_table(p).to_pandas() for p in parts], ignore_index=True) if parts else empty

    def _set_aside(self, rejected: pd.DataFrame) -> bool:
        """Keep rejected rows; False when there is none, or the same ones are kept already."""
        if rejected.empty:
            return False
        table = _to_arrow(rejected.astype({"file": "str", "reason": "str", "raw": "str"}))
        path = self.folder / "rejected" / f"{text_hash(rejected.to_json())[:32]}.parquet"
        if path.exists():
            return False
        write_parquet(table, path)
        return True


def _to_arrow(frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(frame.reset_index() if frame.index.name else frame, preserve_index=False)


def _row_hashes(frame: pd.DataFrame) -> np.ndarray:
    """One hash a row over the columns that it fills, whatever their order and whichever others there are."""
    sums = np.zeros(len(frame), dtype=np.uint64)
    for column in frame.columns:
        if column in ("source_file", "source_line"):
            continue  # where a row was read from is not what it says
        values = frame[column].astype("str")
        filled = frame[column].notna().to_numpy() & (values != "").to_numpy()
        hashes = pd.util.hash_array(values.to_numpy(dtype=object), hash_key=text_hash(str(column))[:16])
        sums += np.where(filled, hashes, np.uint64(0))
    return np.array([f"{s:016x}" for s in sums])


def _held(connection: sa.Connection) -> pd.DataFrame:
    """What the index knows: ``text_hash, row_hash`` by trace id."""
    table = schema.traces
    rows = connection.execute(sa.select(table.c.trace_id, table.c.text_hash, table.c.row_hash)).all()
    index = [row.trace_id for row in rows]
    return pd.DataFrame(
        [(r.text_hash, r.row_hash) for r in rows], index=index, columns=["text_hash", "row_hash"]
    )
