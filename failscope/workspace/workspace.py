"""The folder that a team's reviews live in: traces, vectors, clusterings, sessions and golden sets, in one place."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from failscope.errors import (
    ArgumentError,
    NotAWorkspaceError,
    NotFoundError,
    ReadOnlyWorkspaceError,
    WorkspaceError,
)
from failscope.golden.dataset import GoldenSet, versions
from failscope.golden.promotion import promote_cases
from failscope.review import events as kinds
from failscope.review.events import Event, Ledger
from failscope.review.plan import ReviewPlan
from failscope.review.session import Session, proposal_frame, propose, set_name
from failscope.surface.clustering import Clustering
from failscope.traces.table import Traces
from failscope.workspace import schema
from failscope.workspace.files import write_parquet
from failscope.workspace.shelf import Added, TraceShelf
from failscope.workspace.store import Store, now, to_json
from failscope.workspace.vectors import VectorStore

DATABASE = "failscope.db"


class Workspace:
    """A folder that holds everything of a team's reviews; made when it is not there.

    Parameters
    ----------
    path : str or Path
        The folder.

    Raises
    ------
    NotAWorkspaceError
        The path is a file, or its database is something else.
    NewerWorkspaceError, LockedWorkspaceError, ReadOnlyWorkspaceError

    Examples
    --------
    >>> import failscope as fs, pandas as pd, tempfile
    >>> ws = fs.Workspace(tempfile.mkdtemp())
    >>> ws.add(fs.Traces.from_frame(pd.DataFrame({"trace_id": ["a"], "input": ["hi"], "output": ["hello"]})))
    <Added 1 new · 0 known · 0 updated>
    >>> len(ws.traces())
    1
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if "://" in str(path):
            raise ArgumentError(
                f"{str(path).split('://')[0]}:// addresses cannot be opened yet; give a folder, as fs.Workspace('reviews/support-bot')"
            )
        self.path = Path(path).expanduser().absolute()  # a notebook may change its folder later
        if self.path.exists() and not self.path.is_dir():
            raise NotAWorkspaceError(
                f"{self.path} is a file; a workspace is a folder, as 'reviews/support-bot'"
            )
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except PermissionError as error:
            raise ReadOnlyWorkspaceError(
                f"{self.path} cannot be made: {error.strerror}; choose a folder of yours"
            ) from error
        except OSError as error:
            raise WorkspaceError(f"{self.path} cannot be made: {error.strerror}") from error
        self.log = Store(self.path / DATABASE)
        self._shelf = TraceShelf(self.path / "traces", self.log)

    # traces --------------------------------------------------------------------------------------------------

    def add(self, traces: Traces) -> Added:
        """Keep traces. Adding the same ones again changes nothing; the answer says how many were new."""
        return self._shelf.add(traces)

    def traces(self, since: Any = None, until: Any = None) -> Traces:
        """What production said with ``since <= timestamp < until``, in the order of time.

        Vectors made of these traces are kept in the workspace, so that a text is embedded once.
        """
        everything = replace(self._shelf.load(), vectors=self._vectors)
        return everything if since is None and until is None else everything.between(since, until)

    @property
    def rejected(self) -> pd.DataFrame:
        """What could not be read, of every ``add``: ``file, line, reason, raw``."""
        return self._shelf.rejected()

    # clusterings ---------------------------------------------------------------------------------------------

    def save_clustering(self, name: str, found: Clustering) -> None:
        """Keep a clustering under a name. The name then means this one; sessions keep the one they began with."""
        _named(name, "clustering")
        self._keep(found)
        with self.log.writing() as connection:
            connection.execute(
                sa.insert(schema.clusterings).values(
                    id=found.id, name=name, at=now(), meta=to_json(found.meta())
                )
            )
            self.log.append_in(
                connection, kinds.CLUSTERING_SAVED, payload={"name": name, "clustering": found.id}
            )

    def clustering(self, name: str) -> Clustering:
        """The clustering of this name (the newest), or of this id, with the traces it was made from."""
        table = schema.clusterings
        query = sa.select(table.c.id, table.c.meta).where((table.c.name == name) | (table.c.id == name))
        with self.log.reading() as connection:
            row = connection.execute(query.order_by(table.c.seq.desc())).first()
            names = connection.execute(sa.select(table.c.name).distinct()).scalars().all()
        if row is None:
            raise NotFoundError(f"no clustering {name!r}; {_listed(names)}")
        frame = (
            pq.read_table(self.path / "clusterings" / f"{row.id}.parquet").to_pandas().set_index("trace_id")
        )
        traces = self.traces().take(frame.index)
        return Clustering.restore(traces, frame, json.loads(row.meta))

    def clusterings(self) -> pd.DataFrame:
        """What was saved: ``name, id, at``, newest first."""
        table = schema.clusterings
        with self.log.reading() as connection:
            rows = connection.execute(
                sa.select(table.c.name, table.c.id, table.c.at).order_by(table.c.seq.desc())
            ).all()
        return pd.DataFrame(rows, columns=["name", "id", "at"])

    # reviews -------------------------------------------------------------------------------------------------

    def start_review(
        self, name: str, plan: ReviewPlan | None = None, *, reviewers: Sequence[str] | None = None
    ) -> Session:
        """Begin a review, or open it again where it was left.

        A review keeps the plan it began with: another plan under the same name is an error, so that nobody
        loses their place. ``reviewers`` are added to those it has.
        """
        _named(name, "review")
        people = _people(reviewers)
        held = self._session_row(name)
        if held is None:
            if plan is None:
                raise NotFoundError(
                    f"no review {name!r}; {_listed(self.reviews()['name'])}; begin it with a plan: "
                    f"ws.start_review({name!r}, fs.plan_review(found), reviewers=['ana'])"
                )
            if not people:
                raise ArgumentError("a review needs reviewers; pass reviewers=['ana', 'ben']")
            self._begin(name, plan, people)
        else:
            if plan is not None and _plan_json(plan) != held.plan:
                raise ArgumentError(
                    f"review {name!r} began on {held.at[:10]} with another plan; open it with ws.start_review({name!r}), "
                    f"or begin a new one under another name"
                )
            joined = list(dict.fromkeys((*json.loads(held.reviewers), *people)))
            if joined != json.loads(held.reviewers):
                self._join_review(name, joined)
        return self._open(name)

    def reviews(self) -> pd.DataFrame:
        """Every review: ``name, at, reviewers, planned``."""
        table = schema.sessions
        with self.log.reading() as connection:
            rows = connection.execute(sa.select(table).order_by(table.c.at)).all()
        return pd.DataFrame(
            [(r.name, r.at, json.loads(r.reviewers), len(json.loads(r.plan))) for r in rows],
            columns=["name", "at", "reviewers", "planned"],
        )

    def failure_modes(self) -> pd.DataFrame:
        """Every failure mode that people named, over all reviews; index ``failure_mode``.

        ``traces`` (read and given it), ``tagged`` (given it by a selection's tag alone), ``clusters``,
        ``first_seen`` and ``last_seen`` (the traces' time), ``reviewers``, and ``examples``: up to five ids.
        """
        ledger = self._ledger_of_all
        ledger.refresh()
        when = self.traces().frame["timestamp"]
        of: dict[str, dict[str, Any]] = {
            m: {"read": {}, "tagged": {}, "clusters": 0, "who": {}} for m in ledger.failure_modes()
        }
        for (who, trace_id), mark in ledger.marks().items():
            for mode in mark.failure_modes:
                of[mode]["read" if mark.read else "tagged"][trace_id] = None
                of[mode]["who"][who] = None
        for event in ledger.standing(kinds.CLUSTER_TAG):
            of[event.payload["failure_mode"]]["clusters"] += 1
            of[event.payload["failure_mode"]]["who"][event.actor] = None
        rows = []
        for said in of.values():
            tagged = [t for t in said["tagged"] if t not in said["read"]]
            times = when.reindex([*said["read"], *tagged]).dropna()
            first, last = (times.min(), times.max()) if len(times) else (pd.NaT, pd.NaT)
            examples = [*said["read"], *tagged][:5]
            rows.append(
                (len(said["read"]), len(tagged), said["clusters"], first, last, list(said["who"]), examples)
            )
        columns = ["traces", "tagged", "clusters", "first_seen", "last_seen", "reviewers", "examples"]
        frame = pd.DataFrame(
            rows, columns=columns, index=pd.Index(list(of), name="failure_mode", dtype="str")
        )
        said_at_all = (
            frame["traces"] + frame["tagged"] + frame["clusters"]
        ) > 0  # not those that were undone
        return frame[said_at_all].sort_values(["traces", "tagged"], ascending=False, kind="stable")

    def events(self) -> pd.DataFrame:
        """Everything that happened, in order: ``seq, at, kind, actor, session, trace_id, payload, version``."""
        rows = [
            (e.seq, e.at, e.kind, e.actor, e.session, e.trace_id, dict(e.payload), e.version)
            for e in self.log.read()
        ]
        return pd.DataFrame(
            rows, columns=["seq", "at", "kind", "actor", "session", "trace_id", "payload", "version"]
        )

    # golden sets ---------------------------------------------------------------------------------------------

    def propose(self, name: str, trace_ids: Iterable[str], *, reviewer: str, reason: str = "") -> str:
        """Put traces forward for a golden set; a curator promotes them."""
        ids = list(dict.fromkeys(trace_ids))
        self.traces().take(ids)
        return propose(self.log, name, ids, reviewer=reviewer, reason=reason)

    def proposals(self, name: str | None = None) -> pd.DataFrame:
        """What waits for a curator: ``golden, trace_id, reviewer, reason, session, at``, one row a trace."""
        events = [e for e in self._standing(kinds.PROPOSAL) if name in (None, e.payload["golden"])]
        frame = proposal_frame(events)
        here = {g: set(self.golden(g).trace_ids) for g in self.golden_sets() if g in set(frame["golden"])}
        waits = [row.trace_id not in here.get(row.golden, ()) for row in frame.itertuples()]
        return frame[waits].reset_index(drop=True)

    def promote(self, name: str, *, curator: str, reason: str = "") -> GoldenSet:
        """Make a new version of a golden set out of its proposals and what was said of those traces since.

        Returns
        -------
        GoldenSet
            The new version; the newest one there is when nothing is different.
        """
        set_name(name)
        proposed = [e for e in self._standing(kinds.PROPOSAL) if e.payload["golden"] == name]
        ids = list(dict.fromkeys(t for e in proposed for t in e.payload["trace_ids"]))
        if not ids:
            raise NotFoundError(
                f"nothing is proposed for {name!r}; {_listed(sorted(self.golden_sets()))}; "
                f"propose first: ws.propose({name!r}, trace_ids, reviewer=...)"
            )
        ledger = self._ledger_of_all
        sessions = {
            n: self._open(n) for n in dict.fromkeys(e.session for e in self._sayings(ids) if e.session)
        }
        golden, made = promote_cases(
            self.path / "golden" / name,
            traces=self.traces().take(ids),
            proposals=proposed,
            sayings=self._sayings(ids),
            ledger=ledger,
            sessions=sessions,
            curator=curator,
            reason=reason,
        )
        if made:
            said = {
                "golden": name,
                "version": golden.version,
                "examples": len(golden),
                "sha256": golden.sha256,
                "reason": reason,
            }
            self.log.append(kinds.PROMOTION, actor=curator, payload=said)
        return golden

    def golden(self, name: str, version: int | None = None) -> GoldenSet:
        """One version of a golden set, the newest unless a number is given."""
        folder = self.path / "golden" / set_name(name)
        there = versions(folder)
        if not there:
            raise NotFoundError(f"no golden set {name!r}; {_listed(self.golden_sets())}")
        if version is not None and version not in there:
            raise NotFoundError(
                f"golden set {name!r} has no version {version}; it has {there[0]} to {there[-1]}"
            )
        return GoldenSet.open(folder, there[-1] if version is None else version)

    def golden_sets(self) -> list[str]:
        """The names of the golden sets."""
        folder = self.path / "golden"
        return (
            sorted(p.name for p in folder.iterdir() if p.is_dir() and versions(p)) if folder.is_dir() else []
        )

    # ---------------------------------------------------------------------------------------------------------

    @cached_property
    def _vectors(self) -> VectorStore:
        return VectorStore(self.path / "vectors")

    @cached_property
    def _ledger_of_all(self) -> Ledger:
        return Ledger(self.log)

    def _standing(self, kind: str) -> list[Event]:
        self._ledger_of_all.refresh()
        return self._ledger_of_all.standing(kind)

    def _sayings(self, trace_ids: Sequence[str]) -> list[Event]:
        """Every standing event that says something of one of these traces, oldest first."""
        ids = set(trace_ids)
        said = [
            e for kind in (kinds.ANNOTATION, kinds.TRACE_TAGS, kinds.PROPOSAL) for e in self._standing(kind)
        ]
        mine = [e for e in said if e.trace_id in ids or ids.intersection(e.payload.get("trace_ids", ()))]
        return sorted(mine, key=lambda e: e.seq)

    def _keep(self, found: Clustering) -> None:
        path = self.path / "clusterings" / f"{found.id}.parquet"
        if not path.exists():
            frame = found.to_frame().rename_axis("trace_id").reset_index()
            write_parquet(pa.Table.from_pandas(frame, preserve_index=False), path)

    def _begin(self, name: str, plan: ReviewPlan, people: list[str]) -> None:
        known = set(self.traces().frame.index)
        strange = [i for i in plan.clustering.trace_ids if i not in known]
        if strange:
            raise NotFoundError(
                f"{len(strange):,} traces of the plan are not in this workspace, as {strange[0]!r}; ws.add(traces) first"
            )
        self.save_clustering(f"review {name}", plan.clustering)
        with self.log.writing() as connection:
            row = {
                "name": name,
                "at": now(),
                "reviewers": to_json(people),
                "clustering": plan.clustering.id,
                "plan": _plan_json(plan),
                "params": to_json(dict(plan.params)),
            }
            connection.execute(sa.insert(schema.sessions).values(row))
            said = {"reviewers": people, "clustering": plan.clustering.id, "plan": dict(plan.params)}
            self.log.append_in(connection, kinds.REVIEW_STARTED, session=name, payload=said)

    def _join_review(self, name: str, people: list[str]) -> None:
        with self.log.writing() as connection:
            table = schema.sessions
            connection.execute(sa.update(table).where(table.c.name == name).values(reviewers=to_json(people)))
            self.log.append_in(connection, kinds.REVIEW_STARTED, session=name, payload={"reviewers": people})

    def _session_row(self, name: str) -> Any:
        with self.log.reading() as connection:
            return connection.execute(
                sa.select(schema.sessions).where(schema.sessions.c.name == name)
            ).first()

    def _open(self, name: str) -> Session:
        row = self._session_row(name)
        frame = pd.DataFrame(
            json.loads(row.plan), columns=["position", "trace_id", "cluster", "reason", "probability"]
        )
        frame = frame.astype({"trace_id": "str", "reason": "str", "probability": "float64"})
        plan = ReviewPlan(frame, self.clustering(row.clustering), json.loads(row.params))
        return Session(name, plan, tuple(json.loads(row.reviewers)), self.log)

    def __repr__(self) -> str:
        return f"<Workspace {str(self.path)!r} · {self._counts()}>"

    def _repr_html_(self) -> str:
        return f"<div><b>Workspace</b> {html.escape(str(self.path))} · {html.escape(self._counts())}</div>"

    def _counts(self) -> str:
        with self.log.reading() as connection:
            count = connection.execute(sa.select(sa.func.count()).select_from(schema.traces)).scalar() or 0
        golden = ", ".join(self.golden_sets()) or "none"
        return f"{count:,} traces · {len(self.reviews()):,} reviews · golden sets: {golden}"


def _plan_json(plan: ReviewPlan) -> str:
    rows = [
        [
            int(r.position),
            r.trace_id,
            int(r.cluster),
            r.reason,
            None if pd.isna(r.probability) else float(r.probability),
        ]
        for r in plan.frame.itertuples()
    ]
    return to_json(rows)


def _people(reviewers: Sequence[str] | None) -> list[str]:
    if isinstance(reviewers, str):
        raise ArgumentError(f"reviewers={reviewers!r} is one text; give a list: [{reviewers!r}]")
    people = [str(r).strip() for r in reviewers or ()]
    if not all(people):
        raise ArgumentError("a reviewer's name is empty; give each reviewer a name")
    return list(dict.fromkeys(people))


def _named(name: str, what: str) -> None:
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise ArgumentError(f"{what} name {name!r} is not a name; use printable text, as '2026-W23'")


def _listed(names: Iterable[str]) -> str:
    there = list(names)
    return f"there are {', '.join(map(repr, there))}" if there else "there is none yet"
