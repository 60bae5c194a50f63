"""Where a user's texts lie in a workspace: found, and taken out of index and log, in the one transaction that begins a deletion."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from failscope.errors import NotFoundError
from failscope.review.events import CLUSTER_TAG, FORGOTTEN
from failscope.traces.table import text_hash
from failscope.workspace import schema
from failscope.workspace.chain import FIELDS, START, link
from failscope.workspace.files import part_name
from failscope.workspace.redaction import MARK, concerns, has_words, redacted
from failscope.workspace.shelf import PARTS, REJECTED, TraceShelf
from failscope.workspace.store import to_json
from failscope.workspace.tombstones import ROW, TRACE, USER, Tombstones, mentions

_AT_ONCE = 1_000
_WHO = ["trace_id", "user_id"]


@dataclass
class Footprint:
    """What a deletion found.

    Attributes
    ----------
    ids : set of str
        Traces that were forgotten now.
    all_ids : set of str
        These, and those that were forgotten before by the same request.
    user_key : str
        The user's keyed hash; "" where traces were named.
    known : bool
        The user is known: has traces or rejected rows here, or was forgotten before.
    fresh : bool
        The user was not forgotten before.
    unknown : list of str
        Ids that were asked for, and are neither here nor forgotten.
    parts, rejected, hashes, clusterings
        What is left to do: part files to take away, rows of rejected files, text hashes of vectors, and traces of
        clusterings' files.
    seals : dict
        Event -> ``{"hash", "seal"}``: the hash that it keeps, and that of its redacted words in its place.
    events : int
        Events whose words were taken out.
    """

    ids: set[str] = field(default_factory=set)
    all_ids: set[str] = field(default_factory=set)
    user_key: str = ""
    known: bool = False
    fresh: bool = False
    unknown: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    rejected: dict[str, list[int]] = field(default_factory=dict)
    hashes: list[str] = field(default_factory=list)
    clusterings: dict[str, list[str]] = field(default_factory=dict)
    seals: dict[str, dict[str, str]] = field(default_factory=dict)
    events: int = 0

    @property
    def anything(self) -> bool:
        """Whether this request changes anything."""
        return bool(self.ids or self.fresh or self.parts or self.rejected or self.events)

    def todo(self) -> dict[str, Any]:
        """What is left to do, in JSON's types."""
        ids = sorted(self.all_ids)
        return {
            "parts": self.parts,
            "rejected": self.rejected,
            "vectors": self.hashes,
            "clusterings": self.clusterings,
            "golden": ids,
            "copies": ids,
        }


def find(
    shelf: TraceShelf,
    connection: sa.Connection,
    *,
    user: str | None,
    asked: Sequence[str],
    remember: bool = False,
) -> Footprint:
    """Find what a user or some traces left, write parts without it, and take it out of the index and the log.

    All of it is in the transaction of ``connection``: files are written under new names, and named by its commit.

    Raises
    ------
    NotFoundError
        Nobody here is known by these names, and they are not to be remembered.
    """
    tombs, found = Tombstones(connection), Footprint()
    index = _index(connection)
    names = [n for n in shelf.files.names(PARTS) if n.count("/") == PARTS.count("/")]
    rows = {name: shelf.files.read(name, columns=_WHO).to_pandas() for name in names}
    gone = tombs.names(TRACE)
    if user is not None:
        found.user_key = tombs.key(USER, user)
        found.fresh = found.user_key not in tombs.names(USER)
        found.ids |= {
            trace_id
            for name, frame in rows.items()
            for trace_id in frame.loc[frame["user_id"] == user, "trace_id"]
            if index.get(trace_id) == name
        }
        found.all_ids |= _told(connection, found.user_key)
        tombs.put(USER, [found.user_key])
    found.ids |= set(asked) & index.keys()
    found.unknown = [i for i in asked if i not in index and i not in gone]
    if remember:
        found.ids |= set(found.unknown)
    found.all_ids |= found.ids | (set(asked) & gone)
    tombs.put(TRACE, found.ids)

    _rejected(shelf, tombs, found, user)
    hit = {name: _hits(frame, found.all_ids, user) for name, frame in rows.items()}
    hit = {name: mask for name, mask in hit.items() if mask.any()}
    found.known = not found.fresh or bool(found.ids or hit or found.rejected)
    if not remember:
        _check_known(found, len(index), user)
    texts = _rewrite(shelf, connection, hit, index, found)
    if texts and shelf.files.tree("vectors/"):
        found.hashes = sorted(map(text_hash, texts - _shared(shelf, connection, texts)))
    groups = _groups(shelf, found)
    _redact(connection, found, groups)
    _unname(connection, groups)
    return found


def _check_known(found: Footprint, count: int, user: str | None) -> None:
    again = "to have it remembered for logs that come later, pass remember=True"
    if found.unknown:
        raise NotFoundError(
            f"no trace {found.unknown[0]!r} in this workspace of {count:,} traces, and it was not forgotten before; "
            f"nothing was removed; {again}"
        )
    if user is not None and not found.known:
        raise NotFoundError(
            f"user {user!r} is not known here: none of the {count:,} traces has this user_id, and no rejected row names "
            f"it; nothing was removed; {again}"
        )


def _index(connection: sa.Connection) -> dict[str, str]:
    """Trace -> the file that holds it."""
    table = schema.traces
    rows = connection.execute(sa.select(table.c.trace_id, table.c.part))
    return {row.trace_id: PARTS + row.part for row in rows}


def _told(connection: sa.Connection, user_key: str) -> set[str]:
    """The traces of this user that were forgotten before."""
    query = sa.select(schema.events.c.payload).where(schema.events.c.kind == FORGOTTEN)
    said = [json.loads(text) for text in connection.execute(query).scalars()]
    return {i for s in said if s.get("user") == user_key for i in s.get("traces", ())}


def _hits(frame: pd.DataFrame, ids: Collection[str], user: str | None) -> pd.Series:
    """The rows to take out; also those that a later part took the place of, and that nobody reads any more."""
    hit = frame["trace_id"].isin(ids)
    return hit if user is None else hit | (frame["user_id"] == user)


def _rejected(shelf: TraceShelf, tombs: Tombstones, found: Footprint, user: str | None) -> None:
    raws: list[str] = []
    for name in shelf.files.names(REJECTED):
        frame = shelf.files.read(name).to_pandas()
        told = tombs.rows(frame)
        hits = [
            k
            for k, raw in enumerate(frame["raw"].astype(str))
            if told[k] or mentions(raw, found.all_ids, user=user)
        ]
        if hits:
            found.rejected[name] = hits
            raws += frame["raw"].astype(str).iloc[hits].tolist()
    tombs.put(ROW, [tombs.key(ROW, raw) for raw in raws])


def _rewrite(
    shelf: TraceShelf,
    connection: sa.Connection,
    hit: Mapping[str, pd.Series],
    index: Mapping[str, str],
    found: Footprint,
) -> set[str]:
    """Write the parts anew and have the index name them; the texts that were taken out."""
    table = schema.traces
    named = {part for trace_id, part in index.items() if trace_id not in found.ids}
    texts: set[str] = set()
    for ids in _blocks(sorted(found.ids)):
        connection.execute(sa.delete(table).where(table.c.trace_id.in_(ids)))
    for name, mask in hit.items():
        whole = shelf.files.read(name)
        inside = pa.array(mask.to_numpy())
        for column in _text_columns(whole):
            texts |= set(whole[column].filter(inside).to_pylist())
        # a part that nobody names is what a killed process left: there is nothing in it to keep
        if name in named:
            new = part_name()
            shelf.files.write(PARTS + new, whole.filter(pc.invert(inside)), connection=connection)
            moved = sa.update(table).where(table.c.part == name.removeprefix(PARTS)).values(part=new)
            connection.execute(moved)
        found.parts.append(name)
    return {text for text in texts if text}


def _shared(shelf: TraceShelf, connection: sa.Connection, texts: Collection[str]) -> set[str]:
    """Of these texts, those that another trace has too."""
    wanted = pa.array(sorted(texts), type=pa.string())
    shared: set[str] = set()
    for name in sorted(set(_index(connection).values())):
        table = shelf.files.read(name)
        for column in _text_columns(table):
            values = table[column].cast(pa.string())
            shared |= set(values.filter(pc.is_in(values, value_set=wanted)).to_pylist())
    return shared


def _text_columns(table: pa.Table) -> list[str]:
    return [f.name for f in table.schema if pa.types.is_string(f.type) or pa.types.is_large_string(f.type)]


def _groups(shelf: TraceShelf, found: Footprint) -> dict[str, set[int]]:
    """Clustering -> its clusters that hold a trace of these."""
    groups: dict[str, set[int]] = {}
    for name in shelf.files.names("clusterings/") if found.ids else ():
        frame = shelf.files.read(name, columns=["trace_id", "cluster"]).to_pandas()
        inside = frame[frame["trace_id"].isin(found.ids)]
        if len(inside):
            found.clusterings[name] = inside["trace_id"].tolist()
            groups[name.removeprefix("clusterings/").removesuffix(".parquet")] = set(inside["cluster"])
    return groups


def _redact(connection: sa.Connection, found: Footprint, groups: Mapping[str, set[int]]) -> None:
    """Take the words out of the events about these traces, and note what the chain needs to know of each."""
    table, before = schema.events, START
    sessions = schema.sessions
    begun = {r.name: r.clustering for r in connection.execute(sa.select(sessions))}
    for mapping in connection.execute(sa.select(table).order_by(table.c.seq)).mappings().all():
        row: dict[str, Any] = {str(name): value for name, value in mapping.items()}
        follows, before = before, row["hash"]
        said = _read(row["payload"])
        if not _is_hit(row, said, found.all_ids, begun, groups):
            continue
        empty = redacted(row["payload"])
        event = {name: row[name] for name in FIELDS}
        # what was changed behind our back before stays a change: nothing vouches for it
        if said is not None and _link(follows, {**event, "payload": said}) == row["hash"]:
            found.seals[row["id"]] = {
                "hash": row["hash"],
                "seal": link(follows, {**event, "payload": empty}),
            }
        connection.execute(sa.update(table).where(table.c.seq == row["seq"]).values(payload=to_json(empty)))
        found.events += 1


def _is_hit(
    row: Mapping[str, Any],
    said: Mapping[str, Any] | None,
    ids: Collection[str],
    begun: Mapping[str, str],
    groups: Mapping[str, set[int]],
) -> bool:
    if said is None:  # no JSON any more: only the columns tell what it is about
        return concerns(row["kind"], row["trace_id"], {}, ids)
    if MARK in said or not has_words(said):
        return False
    if row["kind"] == CLUSTER_TAG:  # the group's name was made of its texts
        clusters = groups.get(said.get("clustering", ""), groups.get(begun.get(row["session"], ""), set()))
        return said.get("cluster") in clusters
    return concerns(row["kind"], row["trace_id"], said, ids)


def _link(before: str, event: Mapping[str, Any]) -> str:
    try:
        return link(before, event)
    except (ValueError, TypeError, RecursionError):
        return ""


def _read(text: str) -> dict[str, Any] | None:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def _unname(connection: sa.Connection, groups: Mapping[str, set[int]]) -> None:
    """Take back the names that a language model gave to groups after reading their texts."""
    table = schema.clusterings
    query = sa.select(table.c.seq, table.c.id, table.c.meta)
    for row in connection.execute(query).all():
        meta = json.loads(row.meta)
        given = meta.get("params", {}).get("names", {})
        hit = [str(c) for c in groups.get(row.id, ()) if "name" in given.get(str(c), {})]
        for c in hit:
            kept = {key: given[c][key] for key in ("by", "prompt") if key in given[c]}
            given[c] = {"problem": "texts that the name was made of were deleted on request", **kept}
        if hit:
            connection.execute(sa.update(table).where(table.c.seq == row.seq).values(meta=to_json(meta)))


def _blocks(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (ids[k : k + _AT_ONCE] for k in range(0, len(ids), _AT_ONCE))
