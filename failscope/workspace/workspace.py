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
from typing import Any, Literal

import pandas as pd
import pyarrow as pa
import sqlalchemy as sa

from failscope.errors import (
    ArgumentError,
    NotAWorkspaceError,
    NotFoundError,
    ReadOnlyWorkspaceError,
    WorkspaceError,
)
from failscope.golden.dataset import GoldenSet
from failscope.golden.desk import Desk
from failscope.golden.gate.gate import Gate, forget_texts
from failscope.golden.versions import MAIN
from failscope.report.report import EARLIER, Report, make_report
from failscope.review import events as kinds
from failscope.review import taxonomy
from failscope.review.assignment import OVERLAP, checked_overlap
from failscope.review.ledger import Ledger
from failscope.review.matching import match_weeks
from failscope.review.modes import FailureMode, describe_mode, registry, say_match, words_of
from failscope.review.movements import Movements
from failscope.review.plan import PLAN_COLUMNS, ReviewPlan
from failscope.review.rubric import Rubric, adoption
from failscope.review.session import Session, propose
from failscope.review.taxonomy import Taxonomy
from failscope.review.wording import id_list, short_name
from failscope.surface.clustering import Clustering
from failscope.traces.table import Traces
from failscope.workspace import schema
from failscope.workspace.audit import Audit
from failscope.workspace.files import Files, Folder, SharedFiles
from failscope.workspace.forgetting import Forgotten, forget, resume
from failscope.workspace.goldens import Goldens
from failscope.workspace.modes import members_of, modes_frame
from failscope.workspace.postgres import parse
from failscope.workspace.roles import Roles
from failscope.workspace.shelf import Added, TraceShelf, text_hashes
from failscope.workspace.store import Store, now, to_json
from failscope.workspace.vectors import VectorStore

DATABASE = "failscope.db"
_TEAM = ".failscope-database"
"""In a folder of copies, so that it is not taken for an empty workspace: whose copies they are."""


class Workspace:
    """Everything of a team's reviews: a folder, made when it is not there, or a PostgreSQL database.

    Parameters
    ----------
    path : str or Path
        The folder; or ``"postgresql://ana@db.example.org/reviews"`` for a team, which then keeps everything in
        that database. A password comes from ``PGPASSWORD`` or ``~/.pgpass``; one in the address is never shown.
    folder : str or Path, optional
        With a database only: where this machine keeps golden sets, as plain files for git, and copies of what it
        has read. Default: a folder of the database's name.

    Raises
    ------
    NotAWorkspaceError
        The path is a file, or the database is something else.
    NewerWorkspaceError, LockedWorkspaceError, ReadOnlyWorkspaceError, UnreachableWorkspaceError

    Examples
    --------
    >>> import failscope as fs, pandas as pd, tempfile
    >>> ws = fs.Workspace(tempfile.mkdtemp())
    >>> ws.add(fs.Traces.from_frame(pd.DataFrame({"trace_id": ["a"], "input": ["hi"], "output": ["hello"]})))
    <Added 1 new · 0 known · 0 updated>
    >>> len(ws.traces())
    1
    """

    def __init__(self, path: str | os.PathLike[str], *, folder: str | os.PathLike[str] | None = None) -> None:
        address = str(path) if "://" in str(path) else None
        if address is None and folder is not None:
            raise ArgumentError(
                f"folder={str(folder)!r} goes with a database's address; {str(path)!r} is a folder itself"
            )
        local = path if address is None else folder or str(parse(address).database)
        self.path = Path(local).expanduser().absolute()  # a notebook may change its folder later
        mark = self.path / _TEAM
        if address is None:
            if mark.exists():
                raise ArgumentError(
                    f"{self.path} holds copies of {mark.read_text(encoding='utf-8').strip()}; open that address instead"
                )
            _make(self.path)
        elif (self.path / DATABASE).exists():
            raise ArgumentError(
                f"{self.path} is a workspace of its own; give the copies of the database another folder: folder=..."
            )
        self.log = Store(address or self.path / DATABASE)
        _make(self.path)
        if address and not mark.exists():
            mark.write_text(self.log.name + "\n", encoding="utf-8")
        self._files: Files = SharedFiles(self.path, self.log) if address else Folder(self.path)
        self._shelf = TraceShelf(self._files, self.log)
        resume(self._shelf)
        self._name = self.log.name if address else str(self.path)

    # traces --------------------------------------------------------------------------------------------------

    def add(self, traces: Traces) -> Added:
        """Keep traces. Adding the same ones again changes nothing; the answer says how many were new."""
        return self._shelf.add(traces)

    def traces(self, since: Any = None, until: Any = None, *, also: Iterable[str] = ()) -> Traces:
        """What production said with ``since <= timestamp < until``, in the order of time.

        ``also`` are traces of other times that come with them, as what was left unread last week. Vectors made of these
        traces are kept in the workspace, so that a text is embedded once.
        """
        everything = replace(self._shelf.load(), vectors=self._vectors)
        if since is None and until is None:
            return everything
        window = everything.between(since, until)
        more = set(also)
        if not more:
            return window
        missing = sorted(more - set(everything.frame.index))
        if missing:
            raise NotFoundError(f"no trace {missing[0]!r} in this workspace of {len(everything):,} traces")
        there = set(window.frame.index) | more
        return everything.take([i for i in everything.trace_ids if i in there])

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
        return self._restored(row.id, row.meta, self.traces())[0]

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
        self,
        name: str,
        plan: ReviewPlan | None = None,
        *,
        reviewers: Sequence[str] | None = None,
        overlap: float = OVERLAP,
        blind: bool = False,
        rubric: Rubric | str | None = None,
    ) -> Session:
        """Begin a review, or open it again where it was left.

        A review keeps the plan it began with, so that nobody loses their place: given another one, it opens with
        its own and warns.

        Parameters
        ----------
        name : str
        plan : ReviewPlan, optional
            Needed to begin.
        reviewers : sequence of str, optional
            Added to those it has.
        overlap : float
            The share of traces that a second person reads too, from which agreement is told; see ``Assignment``. Kept
            from when the review began, as is ``blind``.
        blind : bool
            Whether the workbench shows nobody what others said, until ``session.reveal()``.
        rubric : Rubric or str, optional
            What scores are checked against from now on: a rubric, a built-in one's name or a file. Scores given before
            keep theirs.
        """
        _named(name, "review")
        people = _people(reviewers)
        adopt = Rubric.load(rubric) if isinstance(rubric, str) else rubric
        if self._session_row(name) is None:
            if plan is None:
                raise NotFoundError(
                    f"no review {name!r}; {_listed(self.reviews()['name'])}; begin it with a plan: "
                    f"ws.start_review({name!r}, fs.plan_review(found), reviewers=['ana'])"
                )
            if not people:
                raise ArgumentError("a review needs reviewers; pass reviewers=['ana', 'ben']")
            self._begin(name, plan, people, {"overlap": checked_overlap(overlap), "blind": bool(blind)})
        held = self._join_review(name, people)
        if plan is not None and _plan_json(plan) != held.plan:
            warnings.warn(
                f"review {name!r} began on {held.at[:10]} with another plan and is opened with that one; "
                f"begin a new review under another name to use this one",
                stacklevel=2,
            )
        session = self._open(name, self.traces())
        if adopt is not None and (session.rubric is None or session.rubric.version != adopt.version):
            self.log.append(kinds.RUBRIC_ADOPTED, session=name, payload=adoption(adopt))
        return session

    def rename_reviewer(self, old: str, new: str) -> None:
        """Give a reviewer another name, everywhere and for the past too; the log keeps what was written under the old one."""
        old, new = short_name(old, "reviewer"), short_name(new, "reviewer")
        there = {who for people in self.reviews()["reviewers"] for who in people}
        if old not in there:
            raise NotFoundError(f"no reviewer {old!r}; {_listed(sorted(there))}")
        if new in there:
            raise ArgumentError(f"{new!r} is another reviewer; two people's words cannot become one's")
        table = schema.sessions
        with self.log.writing() as connection:
            for row in connection.execute(sa.select(table.c.name, table.c.reviewers)).all():
                people = json.loads(row.reviewers)
                if old in people:
                    renamed = to_json([new if who == old else who for who in people])
                    connection.execute(
                        sa.update(table).where(table.c.name == row.name).values(reviewers=renamed)
                    )
            self.log.append_in(connection, kinds.REVIEWER_RENAMED, payload={"from": old, "to": new})

    def rename_mode(self, old: str, new: str, *, by: str, reason: str = "") -> None:
        """Give a failure mode another name, in all reviews and for the past too; nothing that was written changes."""
        self._change_modes(taxonomy.rename(old, new, reason=reason, known=self._mode_names()), by)

    def merge_modes(self, old: Iterable[str], new: str, *, by: str, reason: str = "") -> None:
        """Make one failure mode of several, in all reviews and for the past too; ``new`` may be one of them."""
        self._change_modes(taxonomy.merge(old, new, reason=reason, known=self._mode_names()), by)

    def split_mode(
        self,
        old: str,
        into: Mapping[str, Iterable[str]],
        *,
        by: str,
        otherwise: str | None = None,
        reason: str = "",
    ) -> None:
        """Make several failure modes of one: ``into`` is new name -> trace ids; the other traces have ``otherwise``, or ``old``."""
        said = taxonomy.split(old, into, otherwise=otherwise, reason=reason, known=self._mode_names())
        self._change_modes(said, by)

    def taxonomy(self) -> Taxonomy:
        """What became of the names of failure modes."""
        return Taxonomy.of(self.log.read())

    def _change_modes(self, payload: Mapping[str, Any], by: str) -> None:
        self.log.append(kinds.TAXONOMY_CHANGED, actor=short_name(by, "reviewer"), payload=payload)

    def _mode_names(self) -> list[str]:
        return self._ledger().failure_modes()

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
        said: dict[str, dict[str, None]] = {}
        for (_, trace_id), mark in self._ledger().marks().items():
            if mark.read:
                said.setdefault(trace_id, {}).update(dict.fromkeys(mark.failure_modes))
        return {trace_id: list(modes) for trace_id, modes in said.items()}

    def failure_modes(self) -> pd.DataFrame:
        """Every failure mode, over all reviews and under today's names; index ``failure_mode``.

        ``traces`` (read and given it), ``tagged`` (given it by a selection's tag alone), ``clusters``,
        ``first_seen`` and ``last_seen`` (the traces' time), ``reviewers``, ``examples`` (up to five ids), and what was
        said by ``describe_mode``: ``status, severity, owner, dimension, definition``; ``back`` where one that was
        resolved was met again.
        """
        return modes_frame(self._ledger(), self.log.read(), self.traces().frame["timestamp"])

    def describe_mode(
        self,
        name: str,
        *,
        by: str,
        definition: str | None = None,
        severity: str | None = None,
        owner: str | None = None,
        status: str | None = None,
        dimension: str | None = None,
        examples: Iterable[str] | None = None,
        since: Any = None,
        reason: str = "",
    ) -> FailureMode:
        """Say what a failure mode is, how grave, whose, and whether it is open, mitigated, resolved or reopened.

        What is left out stays as it was. A change of status needs a reason; ``since`` is from when it is resolved.
        """
        who = short_name(by, "reviewer")
        known = self._modes()
        said = describe_mode(
            name,
            definition=definition,
            severity=severity,
            owner=owner,
            status=status,
            dimension=dimension,
            examples=examples,
            since=since,
            reason=reason,
            current=known.get(" ".join(name.split()) if isinstance(name, str) else name),
        )
        self.log.append(kinds.MODE_DESCRIBED, actor=who, payload=said)
        return self._modes()[said["name"]]

    def say_match(
        self,
        found: Clustering,
        cluster: int,
        mode: str | None,
        *,
        by: str,
        rejected: Iterable[str] = (),
    ) -> None:
        """Say which failure mode a group is, or with ``None`` that it is none of ``rejected``: it stands above every proposal."""
        said = say_match(
            found.id, cluster, mode, exemplars=found.exemplars(cluster, 8), view=found.view, rejected=rejected
        )
        self.log.append(kinds.MODE_MATCHED, actor=short_name(by, "reviewer"), payload=said)

    def movements(
        self, found: Clustering | Sequence[Clustering], *, before: Movements | None = None
    ) -> Movements:
        """Which groups and failure modes are new, growing, shrinking, gone or back, week by week: see ``match_weeks``.

        ``found`` are groups of the traces of all weeks up to now, in one view or several. The failure modes are those that
        people gave to the random samples of all reviews.
        """
        everything = found if isinstance(found, Clustering) else found[0]
        drawn = [i for name in self.reviews()["name"] for i in self._drawn(name)]
        members, read = members_of(self._ledger(), set(drawn) & set(everything.trace_ids))
        return match_weeks(
            found,
            before=before,
            modes=members or None,
            read=read or None,
            words=words_of(self.log.read()),
        )

    def _drawn(self, name: str) -> list[str]:
        """The random sample of a review."""
        row = self._session_row(name)
        plan = pd.DataFrame(json.loads(row.plan), columns=list(PLAN_COLUMNS))
        return plan.loc[plan["probability"].notna(), "trace_id"].tolist()

    def _modes(self) -> dict[str, FailureMode]:
        ledger = self._ledger()
        when = self.traces().frame["timestamp"]
        return registry(self.log.read(), members=members_of(ledger)[0], when=when)

    def _ledger(self) -> Ledger:
        self._ledger_of_all.refresh()
        return self._ledger_of_all

    def events(self) -> pd.DataFrame:
        """Everything that happened, in order: ``seq, at, kind, actor, session, trace_id, payload, version``."""
        rows = [
            (e.seq, e.at, e.kind, e.actor, e.session, e.trace_id, dict(e.payload), e.version)
            for e in self.log.read()
        ]
        return pd.DataFrame(
            rows, columns=["seq", "at", "kind", "actor", "session", "trace_id", "payload", "version"]
        )

    def audit(self) -> Audit:
        """Who did what and when, under which rubric, plan and software, in a chain that shows what was tampered with.

        ``ws.audit().verify()`` names the first event that was changed, removed, put in or put elsewhere.
        """
        return Audit.of(self.log)

    def report(self, name: str, *, now: Any = None) -> Report:
        """What a review found, on one page to send round: ``.save("report.html")`` or ``.save("report.md")``.

        Parameters
        ----------
        name : str
            The review. Those that began before it give the trend.
        now : time, optional
            What the page says of when it was made; with the same log and the same ``now`` it has the same bytes.

        Raises
        ------
        NotFoundError
            There is no review of that name.
        """
        begun = self.reviews()["name"].tolist()
        if name not in begun:
            raise NotFoundError(f"no review {name!r}; {_listed(begun)}")
        traces = self.traces()
        at = begun.index(name)
        sessions = [self._open(n, traces) for n in begun[max(0, at - EARLIER) : at + 1]]
        return make_report(sessions, source=self, now=now)

    # golden sets ---------------------------------------------------------------------------------------------

    def set_role(self, person: str, role: str, *, by: str) -> None:
        """Make somebody a ``"curator"``, who promotes, or a ``"reviewer"``, who proposes.

        Anybody may name the first curator; from then on a curator does. Without any, whoever is not a reviewer of some
        review may promote.
        """
        self._goldens.roles.set(person, role, by=by)

    def roles(self) -> pd.DataFrame:
        """Who was given which role: index ``person``; ``role, by, at``."""
        return self._goldens.roles.frame()

    def propose(self, name: str, trace_ids: Iterable[str], *, reviewer: str, reason: str = "") -> str:
        """Put traces forward for a golden set; a curator promotes them."""
        ids = id_list(trace_ids)
        here = set(self._shelf.rows(ids).index)
        missing = [i for i in ids if i not in here]
        if missing:
            gone = bool(self._shelf.is_forgotten(missing[:1])[0])
            why = "; its deletion was asked for" if gone else ""
            raise NotFoundError(f"no trace {missing[0]!r} in this workspace{why}")
        return propose(self.log, name, ids, reviewer=reviewer, reason=reason)

    def proposals(self, name: str | None = None) -> pd.DataFrame:
        """What is not in a golden set yet: ``golden, trace_id, reviewer, reason, session, at, status, question``.

        One row for each trace of each proposal. ``status`` is ``"waiting"``, ``"accepted"``, ``"sent back"`` or
        ``"rejected"``; ``question`` says why for the last two.
        """
        return self._goldens.proposals(name)

    def desk(self, name: str, *, branch: str = MAIN, gate: Gate | None = None) -> Desk:
        """The curator's desk of a golden set: what is proposed, with its evidence, to accept, edit, send back or reject."""
        return self._goldens.desk(name, branch=branch, gate=gate)

    def promote(
        self,
        name: str,
        *,
        curator: str,
        reason: str = "",
        trace_ids: Iterable[str] | None = None,
        branch: str = MAIN,
        waive: Mapping[str, str] | None = None,
        gate: Gate | None = None,
    ) -> GoldenSet:
        """Make a new version of a golden set out of the proposed cases that its gate lets pass.

        Cases of earlier versions of which something else was said since are looked at again. What the gate refuses
        stays proposed: a warning names it, ``golden.refused`` has it, ``ws.desk(name).check()`` tells why.

        Parameters
        ----------
        name : str
        curator : str
            Somebody who may promote; see ``set_role``.
        reason : str
            Of this version.
        trace_ids : iterable of str, optional
            Only these of the proposed; default: all that wait or were accepted.
        branch : str
            One that is not there yet begins at the newest version of ``"main"``.
        waive : mapping of str to str, optional
            Check -> the reason for which it is waived for those cases that it would refuse; kept in their provenance.
        gate : Gate, optional
            With other thresholds.

        Returns
        -------
        GoldenSet
            The new version; the newest one there is when nothing is different.

        Raises
        ------
        RoleError
            Not a curator.
        GateError
            There are cases, and the gate refuses all of them; ``.report`` says why.
        """
        return self._goldens.promote(
            name,
            curator=curator,
            reason=reason,
            trace_ids=None if trace_ids is None else id_list(trace_ids),
            branch=branch,
            waive=waive,
            gate=gate,
        )

    def retire(
        self, name: str, example_ids: Iterable[str], *, curator: str, reason: str, branch: str = MAIN
    ) -> GoldenSet:
        """Make a new version without some examples; earlier ones keep them, and the reason stays in the manifest."""
        return self._goldens.retire(name, example_ids, curator=curator, reason=reason, branch=branch)

    def merge(
        self,
        name: str,
        theirs: str | os.PathLike[str],
        *,
        curator: str,
        reason: str = "",
        branch: str = MAIN,
        prefer: Literal["ours", "theirs"] | Mapping[str, Literal["ours", "theirs"]] | None = None,
    ) -> GoldenSet:
        """Bring a branch, or the versions that another copy of the set has, into a branch of this one.

        Parameters
        ----------
        theirs : str or Path
            The name of a branch, or the folder of the copy, as ``"../other-clone/golden/refunds"``.
        prefer : ``"ours"``, ``"theirs"`` or a mapping of example id to one of them, optional
            Whose word holds for an example that both sides changed.

        Raises
        ------
        MergeError
            Both sides changed an example, and ``prefer`` does not say whose word holds; nothing was written.
        """
        return self._goldens.merge(
            name,
            theirs,
            curator=curator,
            reason=reason,
            branch=branch,
            prefer=prefer,
        )

    def golden(self, name: str, version: int | None = None, *, branch: str = MAIN) -> GoldenSet:
        """One version of a golden set, the newest of its branch unless a number is given.

        Raises
        ------
        IntegrityError
            It is not what was promoted, or a version that the log knows is gone.
        """
        return self._goldens.open(name, version, branch=branch)

    def golden_sets(self) -> list[str]:
        """The names of the golden sets."""
        return self._goldens.names()

    def forget(
        self,
        *,
        user_id: str | None = None,
        trace_ids: Iterable[str] | None = None,
        by: str = "deletion request",
        reason: str = "",
        remember: bool = False,
    ) -> Forgotten:
        """Remove the texts of a user, or of some traces, everywhere in this workspace; what stays keeps counts and hashes true.

        Traces, what was said of them, vectors, rejected rows and golden examples are rewritten without the texts; each
        example leaves a tombstone, so that ``golden.verify()`` and ``ws.audit().verify()`` still hold. The same traces
        are not taken in again. Doing it twice changes nothing more; one that was interrupted is finished by the next call.

        Parameters
        ----------
        user_id : str, optional
            Everything of this user, also what comes later; kept as a keyed hash only.
        trace_ids : iterable of str, optional
            These traces.
        by : str
            Who does it.
        reason : str
            Kept in the log; name nobody in it.
        remember : bool
            Block a user of whom there is nothing here yet, in place of an error.

        Returns
        -------
        Forgotten
            What was removed, and in ``beyond`` what no program here can reach.
        """
        done = forget(
            self._shelf, by=by, user_id=user_id, trace_ids=trace_ids, reason=reason, remember=remember
        )
        forget_texts()  # what this process remembers of texts that it compared
        return done

    # ---------------------------------------------------------------------------------------------------------

    @cached_property
    def _vectors(self) -> VectorStore:
        return VectorStore(self._files)

    @cached_property
    def _ledger_of_all(self) -> Ledger:
        return Ledger(self.log)

    @cached_property
    def _goldens(self) -> Goldens:
        def reviewers() -> Iterable[str]:
            return {self._ledger().name(who) for people in self.reviews()["reviewers"] for who in people}

        return Goldens(
            self.path,
            log=self.log,
            files=self._files,
            shelf=self._shelf,
            roles=Roles(self.log, self._ledger, reviewers),
            ledger=self._ledger,
            session=lambda review: self._open(review, self.traces()),
        )

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
        name = f"clusterings/{found.id}.parquet"
        if name not in self._files.names("clusterings/"):
            table = pa.Table.from_pandas(
                found.to_frame().rename_axis("trace_id").reset_index(), preserve_index=False
            )
            self._files.write(name, table)

    def _begin(self, name: str, plan: ReviewPlan, people: list[str], settings: Mapping[str, Any]) -> None:
        self.save_clustering(f"review {name}", plan.clustering)
        row = {
            "name": name,
            "at": now(),
            "reviewers": to_json(people),
            "clustering": plan.clustering.id,
            "plan": _plan_json(plan),
            "params": to_json({**plan.params, "review": settings}),
        }
        with self.log.writing() as connection:
            table = schema.sessions
            if connection.execute(sa.select(table.c.name).where(table.c.name == name)).first():
                return  # another process began it a moment ago: its plan holds
            connection.execute(sa.insert(table).values(row))
            said = {
                "reviewers": people,
                "clustering": plan.clustering.id,
                "plan": dict(plan.params),
                **settings,
            }
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
        params = json.loads(row.params)
        settings = params.pop("review", {"overlap": None, "blind": False})
        found, gone = self._restored(row.clustering, str(meta), traces)
        plan = ReviewPlan(frame, found, params)
        if gone:
            warnings.warn(
                f"{len(gone):,} of the traces of review {name!r} are no longer in this workspace, as {gone[0]!r}; "
                "they are left out of its groups, its plan and its population",
                stacklevel=3,
            )
            plan = plan.without(gone)
        return Session(name, plan, tuple(json.loads(row.reviewers)), self.log, **settings)

    def _restored(self, clustering: str, meta: str, traces: Traces) -> tuple[Clustering, list[str]]:
        """A clustering of the traces that are still here, and the ids of those that are not."""
        table = self._files.read(f"clusterings/{clustering}.parquet")
        frame = table.to_pandas().set_index("trace_id")
        here = traces.frame.index.get_indexer(frame.index) >= 0
        gone, frame = frame.index[~here].tolist(), frame[here]
        return Clustering.restore(traces, frame, json.loads(meta)), gone

    def __repr__(self) -> str:
        return f"<Workspace {self._name!r} · {self._counts()}>"

    def _repr_html_(self) -> str:
        return f"<div><b>Workspace</b> {html.escape(self._name)} · {html.escape(self._counts())}</div>"

    def _counts(self) -> str:
        with self.log.reading() as connection:
            count = connection.execute(sa.select(sa.func.count()).select_from(schema.traces)).scalar() or 0
        golden = ", ".join(self.golden_sets()) or "none"
        return f"{count:,} traces · {len(self.reviews()):,} reviews · golden sets: {golden}"


def _make(folder: Path) -> None:
    """Make the folder when it is not there."""
    if folder.exists() and not folder.is_dir():
        raise NotAWorkspaceError(f"{folder} is a file; a workspace is a folder, as 'reviews/support-bot'")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except PermissionError as error:
        raise ReadOnlyWorkspaceError(
            f"{folder} cannot be made: {error.strerror}; choose a folder of yours"
        ) from error
    except OSError as error:
        raise WorkspaceError(f"{folder} cannot be made: {error.strerror}") from error


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
