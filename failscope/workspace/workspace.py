"""The folder that a team's reviews live in: traces, vectors, clusterings, sessions and golden sets, in one place."""

from __future__ import annotations

import html
import json
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
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
    IntegrityError,
    NotAWorkspaceError,
    NotFoundError,
    ReadOnlyWorkspaceError,
    WorkspaceError,
)
from failscope.golden.dataset import GoldenSet, versions
from failscope.golden.promotion import promote_cases
from failscope.review import events as kinds
from failscope.review.events import Event, Ledger
from failscope.review.plan import PLAN_COLUMNS, ReviewPlan
from failscope.review.session import Session, proposal_frame, propose
from failscope.review.wording import id_list, set_name, short_name
from failscope.surface.clustering import Clustering
from failscope.traces.table import Traces, encodable
from failscope.workspace import schema
from failscope.workspace.files import write_parquet
from failscope.workspace.shelf import Added, TraceShelf, text_hashes
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
        """The clustering of this name (the newest), or of this id.

        Groups, map and stability are those that were saved. Lifts are of the signals as they are now: feedback that
        came since is counted.
        """
        table = schema.clusterings
        query = sa.select(table.c.id, table.c.meta).where((table.c.name == name) | (table.c.id == name))
        with self.log.reading() as connection:
            row = connection.execute(query.order_by(table.c.seq.desc())).first()
            names = connection.execute(sa.select(table.c.name).distinct()).scalars().all()
        if row is None:
            raise NotFoundError(f"no clustering {name!r}; {_listed(names)}")
        return self._restored(row.id, row.meta, self.traces())

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

        A review keeps the plan it began with, so that nobody loses their place: given another one, it opens with
        its own and warns. ``reviewers`` are added to those it has.
        """
        _named(name, "review")
        people = _people(reviewers)
        if self._session_row(name) is None:
            if plan is None:
                raise NotFoundError(
                    f"no review {name!r}; {_listed(self.reviews()['name'])}; begin it with a plan: "
                    f"ws.start_review({name!r}, fs.plan_review(found), reviewers=['ana'])"
                )
            if not people:
                raise ArgumentError("a review needs reviewers; pass reviewers=['ana', 'ben']")
            self._begin(name, plan, people)
        held = self._join_review(name, people)
        if plan is not None and _plan_json(plan) != held.plan:
            warnings.warn(
                f"review {name!r} began on {held.at[:10]} with another plan and is opened with that one; "
                f"begin a new review under another name to use this one",
                stacklevel=2,
            )
        return self._open(name, self.traces())

    def reviews(self) -> pd.DataFrame:
        """Every review: ``name, at, reviewers, planned``."""
        table = schema.sessions
        with self.log.reading() as connection:
            rows = connection.execute(sa.select(table).order_by(table.c.at)).all()
        return pd.DataFrame(
            [(r.name, r.at, json.loads(r.reviewers), len(json.loads(r.plan))) for r in rows],
            columns=["name", "at", "reviewers", "planned"],
        )

    def reviewed(self) -> dict[str, list[str]]:
        """Every trace that somebody read in any review, with its failure modes; ``[]`` was fine.

        ``fs.plan_review(found, reviewed=ws.reviewed())`` plans none of them again.
        """
        ledger = self._ledger_of_all
        ledger.refresh()
        said: dict[str, dict[str, None]] = {}
        for (_, trace_id), mark in ledger.marks().items():
            if mark.read:
                said.setdefault(trace_id, {}).update(dict.fromkeys(mark.failure_modes))
        return {trace_id: list(modes) for trace_id, modes in said.items()}

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
        ids = id_list(trace_ids)
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
        twin = [n for n in self.golden_sets() if n != name and n.casefold() == name.casefold()]
        if twin:
            raise ArgumentError(
                f"golden set {name!r} and {twin[0]!r} are one folder on some systems; use {twin[0]!r}"
            )
        proposed = [e for e in self._standing(kinds.PROPOSAL) if e.payload["golden"] == name]
        ids = list(dict.fromkeys(t for e in proposed for t in e.payload["trace_ids"]))
        if not ids:
            raise NotFoundError(
                f"nothing is proposed for {name!r}; {_listed(self.golden_sets())}; "
                f"propose first: ws.propose({name!r}, trace_ids, reviewer=...)"
            )
        traces, sayings = self.traces(), self._sayings(ids)
        golden = promote_cases(
            self.path / "golden" / name,
            traces=traces.take(ids),
            proposals=proposed,
            sayings=sayings,
            ledger=self._ledger_of_all,
            sessions={
                n: self._open(n, traces) for n in dict.fromkeys(e.session for e in sayings if e.session)
            },
            curator=short_name(curator, "curator"),
            reason=encodable(str(reason)),
        )
        # by the log and not by whether this call wrote it: a process may have been killed between the two
        if golden.sha256 not in {said["sha256"] for said in self._promotions(name)}:
            about = golden.manifest
            said = {
                "golden": name,
                "version": golden.version,
                "examples": len(golden),
                "sha256": golden.sha256,
            }
            self.log.append(
                kinds.PROMOTION, actor=about["curator"], payload={**said, "reason": about["reason"]}
            )
        return golden

    def golden(self, name: str, version: int | None = None) -> GoldenSet:
        """One version of a golden set, the newest unless a number is given.

        Raises
        ------
        IntegrityError
            It is not what was promoted, or a version that the log knows is gone.
        """
        folder = self.path / "golden" / set_name(name)
        there, promoted = versions(folder), self._promotions(name)
        if not there and not promoted:
            raise NotFoundError(f"no golden set {name!r}; {_listed(self.golden_sets())}")
        gone = [said["version"] for said in promoted if said["version"] not in there]
        if gone:
            raise IntegrityError(
                f"{folder} has lost version {gone[-1]}, which was promoted; restore it from a copy"
            )
        golden = GoldenSet.open(folder, version)
        logged = {said["version"]: said["sha256"] for said in promoted}
        if logged.get(golden.version, golden.sha256) != golden.sha256:
            raise IntegrityError(f"{golden.folder} is another one than was promoted; restore it from a copy")
        return golden

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
        """Write a clustering's file, after a look whether it is of the texts that this workspace has."""
        frame = found.traces.frame
        held = self._shelf.text_hashes().reindex(frame.index)
        strange = frame.index[(held != text_hashes(frame)).to_numpy()]
        if len(strange):
            raise NotFoundError(
                f"{len(strange):,} of the clustered traces are not in this workspace, or have other texts there, "
                f"as {strange[0]!r}; ws.add(traces) first"
            )
        path = self.path / "clusterings" / f"{found.id}.parquet"
        if not path.exists():
            table = pa.Table.from_pandas(
                found.to_frame().rename_axis("trace_id").reset_index(), preserve_index=False
            )
            write_parquet(table, path)

    def _begin(self, name: str, plan: ReviewPlan, people: list[str]) -> None:
        self.save_clustering(f"review {name}", plan.clustering)
        row = {
            "name": name,
            "at": now(),
            "reviewers": to_json(people),
            "clustering": plan.clustering.id,
            "plan": _plan_json(plan),
            "params": to_json(dict(plan.params)),
        }
        with self.log.writing() as connection:
            table = schema.sessions
            if connection.execute(sa.select(table.c.name).where(table.c.name == name)).first():
                return  # another process began it a moment ago: its plan holds
            connection.execute(sa.insert(table).values(row))
            said = {"reviewers": people, "clustering": plan.clustering.id, "plan": dict(plan.params)}
            self.log.append_in(connection, kinds.REVIEW_STARTED, session=name, payload=said)

    def _join_review(self, name: str, people: list[str]) -> Any:
        """Add reviewers, read and written in one transaction; the review's row."""
        table = schema.sessions
        with self.log.writing() as connection:
            row = connection.execute(sa.select(table).where(table.c.name == name)).one()
            there = json.loads(row.reviewers)
            joined = list(dict.fromkeys((*there, *people)))
            if joined != there:
                connection.execute(
                    sa.update(table).where(table.c.name == name).values(reviewers=to_json(joined))
                )
                self.log.append_in(
                    connection, kinds.REVIEW_STARTED, session=name, payload={"reviewers": joined}
                )
        return row

    def _session_row(self, name: str) -> Any:
        with self.log.reading() as connection:
            return connection.execute(
                sa.select(schema.sessions).where(schema.sessions.c.name == name)
            ).first()

    def _open(self, name: str, traces: Traces) -> Session:
        row = self._session_row(name)
        table = schema.clusterings
        with self.log.reading() as connection:
            meta = (
                connection.execute(sa.select(table.c.meta).where(table.c.id == row.clustering))
                .scalars()
                .first()
            )
        frame = pd.DataFrame(json.loads(row.plan), columns=list(PLAN_COLUMNS))
        frame = frame.astype({"trace_id": "str", "reason": "str", "probability": "float64"})
        plan = ReviewPlan(frame, self._restored(row.clustering, str(meta), traces), json.loads(row.params))
        return Session(name, plan, tuple(json.loads(row.reviewers)), self.log)

    def _restored(self, clustering: str, meta: str, traces: Traces) -> Clustering:
        table = pq.read_table(self.path / "clusterings" / f"{clustering}.parquet")
        frame = table.to_pandas().set_index("trace_id")
        return Clustering.restore(traces.take(frame.index), frame, json.loads(meta))

    def _promotions(self, name: str) -> list[Mapping[str, Any]]:
        """What the log says was promoted into a golden set."""
        return [
            e.payload for e in self.log.read() if e.kind == kinds.PROMOTION and e.payload["golden"] == name
        ]

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
    return list(dict.fromkeys(short_name(r, "reviewer") for r in reviewers or ()))


def _named(name: str, what: str) -> None:
    if short_name(name, f"{what} name") != name:
        raise ArgumentError(f"{what} name {name!r} has spaces at its ends or several in a row; take them out")


def _listed(names: Iterable[str]) -> str:
    there = list(names)
    return f"there are {', '.join(map(repr, there))}" if there else "there is none yet"
