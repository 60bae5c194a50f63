"""The golden sets of a workspace: hides how folder, log and gate come together when a version is made or opened."""

from __future__ import annotations

import os
import uuid
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import sqlalchemy as sa

from failscope.errors import ArgumentError, IntegrityError, NotFoundError
from failscope.golden.dataset import GoldenSet
from failscope.golden.desk import Desk
from failscope.golden.docket import Docket
from failscope.golden.gate.checks import CHECKS, UNWAIVABLE
from failscope.golden.gate.gate import Gate
from failscope.golden.lines import example_id
from failscope.golden.merging import Side, ancestors, merge
from failscope.golden.near.index import NearIndex
from failscope.golden.promotion import (
    Change,
    chosen,
    head_or_main,
    next_version,
    promotion,
    retirement,
    signed,
    warn_refused,
)
from failscope.golden.versions import (
    MAIN,
    Place,
    Version,
    branch_name,
    places,
    read_manifest,
    read_version,
    sha_of,
)
from failscope.review import events as kinds
from failscope.review.ledger import Ledger
from failscope.review.session import Session, proposal_frame
from failscope.review.wording import id_list, set_name
from failscope.traces.table import encodable
from failscope.workspace.files import Files
from failscope.workspace.roles import Roles
from failscope.workspace.shelf import TraceShelf
from failscope.workspace.store import Store

_FOLDER = "golden/"


class Goldens:
    """The golden sets of one workspace; it is the ``Office`` of their desks.

    Parameters
    ----------
    path : Path
        The workspace's folder.
    ledger : callable
        Gives the fold over all reviews, current.
    session : callable
        Opens a review by its name.
    """

    def __init__(
        self,
        path: Path,
        *,
        log: Store,
        files: Files,
        shelf: TraceShelf,
        roles: Roles,
        ledger: Callable[[], Ledger],
        session: Callable[[str], Session],
    ) -> None:
        self.log = log
        self.roles = roles
        self._path = path
        self._files = files
        self._shelf = shelf
        self._ledger = ledger
        self._open = session
        self._sessions: dict[str, Session] = {}
        self._near: dict[str, NearIndex] = {}

    # what a desk asks ----------------------------------------------------------------------------------------

    def ledger(self) -> Ledger:
        """What everybody has said, in all reviews."""
        return self._ledger()

    def rows(self, trace_ids: Sequence[str]) -> pd.DataFrame:
        """Those of these traces that are here."""
        return self._shelf.rows(trace_ids)

    def forgotten(self, trace_ids: Sequence[str]) -> set[str]:
        """Those of these traces whose deletion was asked for."""
        gone = self._shelf.is_forgotten(trace_ids)
        return {i for i, is_gone in zip(trace_ids, gone, strict=True) if is_gone}

    def session(self, name: str) -> Session:
        """A review; opened once, since its clustering is large."""
        if name not in self._sessions:
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore", UserWarning
                )  # that traces are gone is told where the review is opened
                self._sessions[name] = self._open(name)
        return self._sessions[name]

    def home(self, golden: str) -> Path:
        """The folder of a golden set."""
        return self._path / "golden" / set_name(golden)

    def role(self, person: str) -> str:
        """``"curator"``, ``"reviewer"`` or ""."""
        return self.roles.of(person)

    def curator(self, person: str) -> str:
        """The person's name; ``RoleError`` for one who is no curator."""
        return self.roles.curator(person)

    def head(self, golden: str, branch: str = MAIN) -> GoldenSet | None:
        """The newest version of a branch, or of main where the branch has none; None where there is none."""
        if golden not in self.names():
            return None
        there = branch == MAIN or places(self.home(golden), branch)
        return self.open(golden, branch=branch if there else MAIN)

    def near(self, golden: str) -> NearIndex:
        """The index of what lies near the examples of a set."""
        if golden not in self._near:
            self._near[golden] = NearIndex.of(self.home(golden))
        return self._near[golden]

    def known_modes(self) -> Mapping[str, int]:
        """Failure mode -> how many traces were given it."""
        of: dict[str, set[str]] = {}
        for (_, trace_id), mark in self.ledger().marks().items():
            for mode in mark.failure_modes:
                of.setdefault(mode, set()).add(trace_id)
        return {mode: len(ids) for mode, ids in of.items()}

    # opening -------------------------------------------------------------------------------------------------

    def names(self) -> list[str]:
        """The names of the golden sets."""
        folder = self._path / "golden"
        here = (p.name for p in folder.iterdir() if places(p)) if folder.is_dir() else ()
        return sorted({*here, *(name.split("/")[1] for name in self._files.names(_FOLDER))})

    def open(self, name: str, version: int | None = None, *, branch: str = MAIN) -> GoldenSet:
        """One version; see ``Workspace.golden``."""
        home = self.home(name)
        self._fetch(name)
        promoted = self._promotions(name)
        there = places(home)
        if not there and not promoted:
            raise NotFoundError(f"no golden set {name!r}; {_listed(self.names())}")
        for said in promoted:
            if not any((p.version, p.branch) == (said["version"], said.get("branch", MAIN)) for p in there):
                raise IntegrityError(
                    f"{home} has lost version {said['version']}, which was promoted; restore it from a copy"
                )
        golden = GoldenSet.open(home, version, branch=branch)
        self._as_promoted(golden, promoted)
        return golden

    def _as_promoted(self, golden: GoldenSet, promoted: Sequence[Mapping[str, Any]]) -> None:
        """Hold a version against what the log says of it."""
        home = golden.folder.parent
        here = [
            s for s in promoted if (s["version"], s.get("branch", MAIN)) == (golden.version, golden.branch)
        ]
        logged = {said["sha256"] for said in here}
        if logged and golden.sha256 not in logged:
            # another machine's version of this number, which took ours in, is as good
            line = ancestors(home, golden.as_version())
            heads = [p for p in places(home, golden.branch) if not p.fork and p.version > golden.version]
            for place in heads[-1:]:
                line |= ancestors(home, read_version(home, place))
            if not logged & set(line):
                raise IntegrityError(
                    f"{golden.folder} is another one than was promoted here; restore it from a copy, or, if another "
                    f"machine made it, keep ours and bring theirs in with ws.merge({home.name!r}, theirs, curator=...)"
                )
        if golden.forgotten:
            asked = {
                example_id(i) for e in self.ledger().others(kinds.FORGOTTEN) for i in e.payload["traces"]
            }
            asked |= {i for said in promoted for i in said.get("forgotten", ())}
            forged = [i for i in golden.forgotten if i not in asked]
            if forged:
                raise IntegrityError(
                    f"{golden.folder} has no text of {forged[0]!r}, and nobody asked for its deletion; restore it from a copy"
                )

    def _fetch(self, name: str) -> None:
        """Bring the team's versions here."""
        try:
            self._files.fetch(f"{_FOLDER}{name}/")
        except IntegrityError:
            # a version that a killed process left here, uncommitted, whose number a colleague has used since
            home, known = self.home(name), {said["sha256"] for said in self._promotions(name)}
            left = [p for p in places(home) if sha_of(home, p) not in known]
            if not left:
                raise
            for place in left:
                (home / place.folder).rename(home / f".{place.folder}.{uuid.uuid4().hex[:8]}.half")
            self._files.fetch(f"{_FOLDER}{name}/")

    def proposals(self, name: str | None = None) -> pd.DataFrame:
        """What waits; see ``Workspace.proposals``."""
        events = self.ledger().standing(kinds.PROPOSAL)
        frame = proposal_frame(e for e in events if name in (None, e.payload["golden"]))
        standing = {}
        for golden in frame["golden"].unique():
            head = self.head(golden)
            cases = Docket.of(golden, self).open_cases(head.as_version() if head else None)
            standing[golden] = {case.trace_id: (case.status, case.question) for case in cases}
        states = [standing[g].get(i) for g, i in zip(frame["golden"], frame["trace_id"], strict=True)]
        frame = frame.assign(
            status=[s[0] if s else "" for s in states], question=[s[1] if s else "" for s in states]
        )
        return frame[frame["status"] != ""].reset_index(drop=True)

    def desk(self, name: str, *, branch: str = MAIN, gate: Gate | None = None) -> Desk:
        """The desk of a golden set."""
        there = {*self.names(), *(e.payload["golden"] for e in self.ledger().standing(kinds.PROPOSAL))}
        if there and set_name(name) not in there:
            others = ", ".join(map(repr, sorted(there)))
            warnings.warn(f"nothing is proposed for {name!r} yet; there are {others}", stacklevel=3)
        return Desk(set_name(name), self, branch if branch == MAIN else branch_name(branch), gate or Gate())

    # making versions -----------------------------------------------------------------------------------------

    def promote(
        self,
        name: str,
        *,
        curator: str,
        reason: str = "",
        trace_ids: Sequence[str] | None = None,
        branch: str = MAIN,
        waive: Mapping[str, str] | None = None,
        gate: Gate | None = None,
    ) -> GoldenSet:
        """Make the next version; see ``Workspace.promote``."""
        who = self._may(name, curator, branch)
        gate, near = gate or Gate(), self.near(name)
        unknown = [check for check in waive or () if check not in CHECKS or check in UNWAIVABLE]
        if unknown:
            known = ", ".join(repr(c) for c in CHECKS if c not in UNWAIVABLE)
            raise ArgumentError(f"check {unknown[0]!r} cannot be waived; those that can are {known}")
        docket = Docket.of(name, self)
        if not docket.words:
            raise NotFoundError(
                f"nothing is proposed for {name!r}; {_listed(self.names())}; "
                f"propose first: ws.propose({name!r}, trace_ids, reviewer=...)"
            )
        head, home = self.head(name, branch), self.home(name)
        # read again only where another machine's versions lie beside ours: those have to be merged first
        beside = any(p.fork for p in places(home))
        base = head_or_main(home, branch) if beside else head.as_version() if head else None
        # what is proposed while this runs waits for the next promotion: this curator has not seen it
        ids = chosen(docket, base, trace_ids)
        if base is None and not ids:
            raise NotFoundError(
                f"nothing that is proposed for {name!r} can be promoted: all is rejected, sent back or forgotten; "
                f"ws.desk({name!r}).cases() lists what is open"
            )
        # a case that passes one check may then be refused by another, since quotas count what enters
        for _ in waive or ():
            refused = gate.check(Docket.of(name, self).cases(ids), head, near=near).refused
            if not self._waive(name, refused, waive or {}, curator=who):
                break

        def change(base: Version | None) -> Change | None:
            return promotion(
                Docket.of(name, self),
                base,
                gate=gate,
                near=near,
                curator=who,
                reason=encodable(str(reason)),
                branch=branch,
                trace_ids=ids,
            )

        version, made = next_version(
            self.home(name), branch=branch, change=change, alone=self._alone(name), base=base
        )
        report = made.report if made else None
        warn_refused(name, report)
        return GoldenSet.of(version, refused=report.refused if report else {})

    def _waive(
        self, name: str, refused: Mapping[str, Sequence[str]], waive: Mapping[str, str], *, curator: str
    ) -> bool:
        """Let the cases pass that one of these checks refuses; whether there are any."""
        waived = False
        for check, why in waive.items():
            hit = [trace_id for trace_id, checks in refused.items() if check in checks]
            said = {"golden": name, "trace_ids": hit, "check": check, "reason": encodable(str(why)).strip()}
            if not said["reason"]:
                raise ArgumentError(f"a waiver of {check!r} needs its reason, and it is kept")
            if hit:
                one = hit[0] if len(hit) == 1 else ""
                self.log.append(kinds.CHECK_WAIVED, actor=curator, trace_id=one, payload=said)
                waived = True
        return waived

    def retire(
        self, name: str, example_ids: Iterable[str], *, curator: str, reason: str, branch: str = MAIN
    ) -> GoldenSet:
        """Take examples out; see ``Workspace.retire``."""
        who, ids = self._may(name, curator, branch), id_list(example_ids)
        said = encodable(str(reason)).strip()
        if not said:
            raise ArgumentError("a reason is needed, and it is kept; pass reason='...'")
        if not ids:
            raise ArgumentError("no examples to retire; give at least one example_id")
        self.open(name, branch=branch)  # a branch begins with a promotion
        version, _ = next_version(
            self.home(name),
            branch=branch,
            change=lambda base: retirement(base, ids, curator=who, reason=said),
            alone=self._alone(name),
        )
        return GoldenSet.of(version)

    def merge(
        self,
        name: str,
        theirs: str | os.PathLike[str],
        *,
        curator: str,
        reason: str = "",
        branch: str = MAIN,
        prefer: Side | Mapping[str, Side] | None = None,
    ) -> GoldenSet:
        """Bring another line of versions in; see ``Workspace.merge``."""
        who, home = self._may(name, curator, branch), self.home(name)
        if isinstance(prefer, str) and prefer not in ("ours", "theirs"):
            raise ArgumentError(
                f"prefer={prefer!r} is not known; it is 'ours', 'theirs' or a dict of example id to one of them"
            )
        there = isinstance(theirs, str) and bool(places(home, theirs))
        if there and theirs == branch:
            raise ArgumentError(
                f"{theirs!r} cannot be merged into itself; name another branch, or the folder of a copy"
            )
        source = home if there else Path(theirs).expanduser().absolute()
        if not there and not places(source):
            raise NotFoundError(
                f"{str(theirs)!r} is neither a branch of {name!r} nor the folder of a copy of it, as '../theirs/golden/{name}'"
            )
        if source.name != home.name:
            raise ArgumentError(f"{source} is golden set {source.name!r}, not {name!r}")
        under = f"{_FOLDER}{name}/"

        def bring(ours: Path) -> tuple[Version, list[str]]:
            return merge(
                ours,
                ours if there else source,
                branch=branch,
                source_branch=str(theirs) if there else branch,
                about=lambda: signed(who, encodable(str(reason))),
                prefer=prefer,
            )

        with self.log.writing() as connection:
            self._fetch(name)
            # where a team shares files, all of it is done in a copy and comes about with the log's event, or not at all
            version, forgotten = self._files.change(under, bring, connection=connection)
            self._log(connection, name, version, forgotten=forgotten)
        self._files.tidy()
        return self.open(name, branch=branch)

    def _may(self, name: str, curator: str, branch: str) -> str:
        """The curator's name, once it is clear that the set can be written."""
        set_name(name)
        if branch != MAIN:
            branch_name(branch)
        who = self.curator(curator)
        twin = [n for n in self.names() if n != name and n.casefold() == name.casefold()]
        if twin:
            raise ArgumentError(
                f"golden set {name!r} and {twin[0]!r} are one folder on some systems; use {twin[0]!r}"
            )
        return who

    def _alone(self, name: str) -> Callable[[], AbstractContextManager[Callable[[Version], None]]]:
        @contextmanager
        def alone() -> Iterator[Callable[[Version], None]]:
            # one curator at a time, on whatever machine: the next version follows the newest one that anybody made
            with self.log.writing() as connection:
                self._fetch(name)

                def done(version: Version) -> None:
                    self._files.share(f"{_FOLDER}{name}/", connection=connection)
                    self._log(connection, name, version)

                yield done

        return alone

    def _log(
        self, connection: sa.Connection, name: str, version: Version, *, forgotten: Sequence[str] = ()
    ) -> None:
        """Say in the log that a version was made, and those before it that are not there yet.

        By the log and not by whether this call wrote them: a process may have been killed between the two.
        """
        logged = self._promotions(name)
        there = {(said["version"], said.get("branch", MAIN)) for said in logged}
        home, last = version.folder.parent, version.place
        for place in places(home, last.branch):
            if not place.fork and place.version < last.version and (place.version, place.branch) not in there:
                self._say(connection, name, place, read_manifest(home, place))
        if version.sha256 not in {said["sha256"] for said in logged}:
            self._say(connection, name, last, version.manifest, forgotten=forgotten)

    def _say(
        self,
        connection: sa.Connection,
        name: str,
        place: Place,
        about: Mapping[str, Any],
        *,
        forgotten: Sequence[str] = (),
    ) -> None:
        """One version in the log."""
        retired = [
            i for i, how in about.get("retired", {}).items() if how["version"] == place.version and how["by"]
        ]
        said: dict[str, Any] = {
            "golden": name,
            "version": place.version,
            "branch": place.branch,
            "examples": len(about["examples"]),
            "sha256": about["sha256"],
            "reason": about["reason"],
            **({"retired": retired} if retired else {}),
            **({"forgotten": list(forgotten)} if forgotten else {}),
        }
        self.log.append_in(connection, kinds.PROMOTION, actor=about["curator"], payload=said)

    def _promotions(self, name: str) -> list[Mapping[str, Any]]:
        """What the log says was promoted into a golden set."""
        return [e.payload for e in self.ledger().others(kinds.PROMOTION) if e.payload["golden"] == name]


def _listed(names: Iterable[str]) -> str:
    there = list(names)
    return f"there are {', '.join(map(repr, there))}" if there else "there is none yet"
