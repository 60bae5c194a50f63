"""One review: a plan, its reviewers, and what they say, each word an event that is written before it counts."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

import pandas as pd

from failscope.errors import ArgumentError, NotFoundError
from failscope.review.agreement import Agreement
from failscope.review.assignment import Assignment, in_turn
from failscope.review.assisted import ANY_FAILURE, FEWEST_READS
from failscope.review.coding import note_groups
from failscope.review.differences import disagreements
from failscope.review.events import (
    ANNOTATION,
    CLUSTER_TAG,
    DECISION,
    PROPOSAL,
    REVIEW_REVEALED,
    REVIEWER_AWAY,
    TRACE_TAGS,
    UNDO,
    Event,
    EventLog,
)
from failscope.review.ledger import Ledger, Mark, expected_output
from failscope.review.numbers import Numbers
from failscope.review.outcomes import Outcomes
from failscope.review.plan import ReviewPlan
from failscope.review.rubric import Rubric, rubric_at
from failscope.review.suggest import SHOWN, Learned, Space, learn, more_like, space_of
from failscope.review.wording import clean_scores, describe, id_list, mode_name, set_name, short_name
from failscope.surface.clustering import Clustering
from failscope.surface.contrast import Contrast
from failscope.traces.table import Traces

MARK_COLUMNS = ("failure_modes", "scores", "note", "expected_output", "read", "reviewers", "at", "settled")


@dataclass(frozen=True, eq=False)
class Session:
    """A review that people work through, alone or together; ``ws.start_review`` makes and reopens it.

    Nothing is held here that is not in the log: close it, kill it, open it elsewhere, it is where it was.

    Attributes
    ----------
    name : str
    plan : ReviewPlan
    reviewers : tuple of str
    overlap : float or None
        The share of traces that a second person reads; None in a review that began before there was one: all read all.
    blind : bool
        Whether nobody is shown others' marks until ``reveal``.
    """

    name: str
    plan: ReviewPlan
    reviewers: tuple[str, ...]
    log: EventLog
    overlap: float | None = None
    blind: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ledger", Ledger(self.log, session=self.name))
        object.__setattr__(self, "_guide", _Guide())

    @property
    def clustering(self) -> Clustering:
        """The groups that the plan was made from."""
        return self.plan.clustering

    @property
    def traces(self) -> Traces:
        """The traces that were clustered: those of the plan and all the others."""
        return self.plan.clustering.traces

    @property
    def rubric(self) -> Rubric | None:
        """What scores are checked against: the rubric that was adopted last, for this review or for all."""
        adopted = self._current().adopted
        return None if adopted is None else rubric_at([adopted], adopted.seq)

    @property
    def revision(self) -> int:
        """Grows with every event of the workspace, by anyone."""
        return self.log.revision

    # what a reviewer says ------------------------------------------------------------------------------------

    def annotate(
        self,
        trace_id: str,
        *,
        reviewer: str | None = None,
        failure_modes: Iterable[str] | None = None,
        scores: Mapping[str, float] | None = None,
        note: str | None = None,
        expected_output: str | None = None,
        suggested: Mapping[str, float] | None = None,
    ) -> str:
        """Say something of one trace.

        Parameters
        ----------
        trace_id : str
        reviewer : str, optional
            Who says it; may be left out when the session has one reviewer.
        failure_modes : iterable of str, optional
            All the failure modes of this output, in place of what this reviewer said before. ``[]`` means
            read and fine. Only this makes a trace count as read.
        scores : mapping, optional
            Dimension -> score, added to those given before.
        note, expected_output : str, optional
            ``""`` takes a note back; ``expected_output=""`` says that nothing is the right answer.
        suggested : mapping, optional
            Of these failure modes, those that were suggested, with the confidence that was shown: kept in the
            event, so that it can be told later what was seen and what was agreed to.

        Returns
        -------
        str
            The event's id. When it is there, the annotation is on the disk.
        """
        who = self._reviewer(reviewer)
        self._known([trace_id])
        said: dict[str, Any] = {}
        if failure_modes is not None:
            if isinstance(failure_modes, str):
                raise ArgumentError(
                    f"failure_modes={failure_modes!r} is one text; give a list: [{failure_modes!r}]"
                )
            said["failure_modes"] = list(dict.fromkeys(mode_name(m) for m in failure_modes))
        if scores:
            rubric = self.rubric
            said["scores"] = clean_scores(scores if rubric is None else rubric.check_scores(scores))
            if rubric is not None:
                said["rubric"] = rubric.version
        if note is not None:
            said["note"] = str(note)
        if expected_output is not None:
            said["expected_output"] = str(expected_output)
        if not said:
            raise ArgumentError(
                "nothing was said; give failure_modes ([] means fine), scores, note or expected_output"
            )
        agreed = {
            m: c for m, c in clean_scores(suggested or {}).items() if m in said.get("failure_modes", ())
        }
        if agreed:
            said["suggested"] = agreed
        return self.log.append(ANNOTATION, actor=who, session=self.name, trace_id=trace_id, payload=said).id

    def tag_traces(self, trace_ids: Iterable[str], failure_mode: str, *, reviewer: str | None = None) -> str:
        """Give one failure mode to several traces in one event, a lasso's worth; they do not count as read."""
        who, ids = self._reviewer(reviewer), id_list(trace_ids)
        self._known(ids)
        if not ids:
            raise ArgumentError("no traces to tag; select some first")
        said = {"trace_ids": ids, "failure_mode": mode_name(failure_mode)}
        return self.log.append(TRACE_TAGS, actor=who, session=self.name, payload=said).id

    def tag_cluster(self, cluster: int, failure_mode: str, *, reviewer: str | None = None) -> str:
        """Name what a cluster shows. It says something of the group, and nothing yet of each trace in it."""
        who = self._reviewer(reviewer)
        if cluster not in set(self.clustering.labels.tolist()):
            raise NotFoundError(
                f"no cluster {cluster!r}; the clusters are 0 to {self.clustering.labels.max()}"
            )
        said = {
            "cluster": int(cluster),
            "failure_mode": mode_name(failure_mode),
            "clustering": self.clustering.id,
            "cluster_name": self.clustering.name(cluster),
        }
        return self.log.append(CLUSTER_TAG, actor=who, session=self.name, payload=said).id

    def propose(
        self, name: str, trace_ids: Iterable[str], *, reviewer: str | None = None, reason: str = ""
    ) -> str:
        """Put traces forward for a golden set; a curator promotes them."""
        who, ids = self._reviewer(reviewer), id_list(trace_ids)
        self._known(ids)
        return propose(self.log, name, ids, reviewer=who, reason=reason, session=self.name)

    def settle(
        self,
        trace_id: str,
        failure_modes: Iterable[str],
        *,
        reason: str,
        reviewer: str | None = None,
    ) -> str:
        """Decide which failure modes a trace has, where people differ: from now on that holds, whoever said what.

        What they said stays as it is: agreement is told from it. A later decision takes the place of an earlier one.
        """
        who = self._reviewer(reviewer)
        self._known([trace_id])
        if isinstance(failure_modes, str):
            raise ArgumentError(
                f"failure_modes={failure_modes!r} is one text; give a list: [{failure_modes!r}]"
            )
        if not str(reason).strip():
            raise ArgumentError("a decision needs its reason, for whoever asks later; pass reason='...'")
        said = {
            "failure_modes": list(dict.fromkeys(mode_name(m) for m in failure_modes)),
            "reason": str(reason),
        }
        return self.log.append(DECISION, actor=who, session=self.name, trace_id=trace_id, payload=said).id

    def code(self, trace_ids: Iterable[str], failure_mode: str, *, reviewer: str | None = None) -> list[str]:
        """Give a failure mode to traces by their notes (see ``note_groups``): each now counts as read, with that mode too.

        Where the note is somebody else's it is no reading of one's own, and agreement leaves it out.

        Returns
        -------
        list of str
            The events' ids, one a trace.
        """
        who, ids = self._reviewer(reviewer), id_list(trace_ids)
        self._known(ids)
        ledger, mode = self._current(), mode_name(failure_mode)
        held = {i: ledger.mark(who, i) for i in ids}
        said = {i: {"failure_modes": list(dict.fromkeys([*m.failure_modes, mode]))} for i, m in held.items()}
        return [
            self.log.append(
                ANNOTATION,
                actor=who,
                session=self.name,
                trace_id=i,
                payload={**said[i], "coded": not (held[i].note or held[i].read)},
            ).id
            for i in ids
        ]

    def away(self, reviewer: str, *, away: bool = True) -> None:
        """Say that somebody does not read for now: what is theirs goes to the others, until ``away=False``."""
        said = {"reviewer": self._reviewer(reviewer), "away": bool(away)}
        self.log.append(REVIEWER_AWAY, session=self.name, payload=said)

    def reveal(self, *, reviewer: str | None = None) -> None:
        """End the blind part of a review: from now on the workbench shows everybody's marks."""
        self.log.append(REVIEW_REVEALED, actor=self._reviewer(reviewer), session=self.name)

    def undo(self, *, reviewer: str | None = None) -> str:
        """Take back this reviewer's last word that still stands, by one more event.

        Returns
        -------
        str
            A sentence of what was taken back, ``""`` when nothing is left.
        """
        who = self._reviewer(reviewer)
        last = self._current().last(who)
        if last is None:
            return ""
        self.log.append(
            UNDO, actor=who, session=self.name, trace_id=last.trace_id, payload={"undone": last.id}
        )
        return f"took back: {describe(last)}"

    # what holds now ------------------------------------------------------------------------------------------

    def mark(self, trace_id: str, *, reviewer: str | None = None) -> dict[str, Any]:
        """What holds for one trace: of one reviewer, or of all together; the keys are ``MARK_COLUMNS``."""
        self._known([trace_id])
        ledger = self._current()
        who = self._people(ledger) if reviewer is None else [reviewer]
        decided = ledger.decisions().get(trace_id) if reviewer is None else None
        return _join({w: ledger.mark(w, trace_id) for w in who}, decided)

    def marks(self, *, reviewer: str | None = None) -> pd.DataFrame:
        """Every trace of which something was said, index ``trace_id``, columns ``MARK_COLUMNS``.

        Of several reviewers, the failure modes are joined unless they were ``settled``, scores are averaged, and the
        latest expected output holds.
        """
        of: dict[str, dict[str, Mark]] = {}
        ledger = self._current()
        for (who, trace_id), mark in ledger.marks().items():
            if reviewer is None or who == reviewer:
                of.setdefault(trace_id, {})[who] = mark
        decided = (
            ledger.decisions() if reviewer is None else {}
        )  # of one reviewer, that one's own word is asked for
        rows = [_join(marks, decided.get(i)) for i, marks in of.items()]
        index = pd.Index(list(of), name="trace_id", dtype="str")
        frame = pd.DataFrame(rows, index=index, columns=list(MARK_COLUMNS), dtype=object)
        # what was not written stays None
        return frame.astype({"note": "str", "read": "bool", "at": "str", "settled": "bool"})

    def cluster_tags(self) -> dict[int, list[str]]:
        """Cluster -> the failure modes that people see in it, first said first."""
        tags: dict[int, dict[str, None]] = {}
        for event in self._current().standing(CLUSTER_TAG):
            tags.setdefault(event.payload["cluster"], {})[event.payload["failure_mode"]] = None
        return {cluster: list(names) for cluster, names in tags.items()}

    def failure_modes(self) -> list[str]:
        """The names in use, first used first: the keys 1 to 9 of the workbench."""
        return self._current().failure_modes()

    def proposals(self, name: str | None = None) -> pd.DataFrame:
        """What this session put forward: ``golden, trace_id, reviewer, reason, session, at``."""
        events = [e for e in self._current().standing(PROPOSAL) if name in (None, e.payload["golden"])]
        return proposal_frame(events)

    def new_failure_modes(self) -> list[str]:
        """Those of ``failure_modes`` that nobody had named when this review began."""
        return [mode for mode in self.failure_modes() if mode not in self._known_before()]

    def disagreements(self) -> pd.DataFrame:
        """The traces that people read and judged differently, unsettled ones first; settle them with ``settle``.

        Index ``trace_id``; ``said`` (reviewer -> failure modes), ``scores`` (dimension -> reviewer -> score), ``differ``
        (what they differ in), ``settled``, and the decision's ``failure_modes``, ``reason`` and ``by``.
        """
        ledger = self._current()
        return disagreements(ledger.marks(), ledger.decisions())

    def note_groups(self, *, reviewer: str | None = None) -> pd.DataFrame:
        """Notes that probably speak of the same failure, of traces without a failure mode yet; name one with ``code``.

        Index ``group``; ``size``, ``note`` (the most typical), ``trace_ids``, ``notes``.
        """
        marks = self.marks(reviewer=reviewer)
        open_ones = marks[(marks["note"] != "") & (marks["failure_modes"].str.len() == 0)]
        return note_groups({str(i): note for i, note in open_ones["note"].items()})

    def progress(self) -> pd.DataFrame:
        """How far each reviewer is, and the whole review.

        Index ``reviewer``; ``read``, ``left`` (what nobody has read, and second readings that are this reviewer's),
        ``of`` (both together), ``share``, ``due`` (the second readings among what is left), ``seconds`` (the median from
        one reading to the next, breaks left out).

        Every trace that was read counts, since the chosen part of a plan is chosen anew while people read (see
        ``queue``); the random sample is left until it was read itself.
        """
        drawn = set(self.plan.frame.loc[self.plan.frame["probability"].notna(), "trace_id"])
        ledger = self._current()
        readers = self._readers(ledger)
        shared, seconds = self._shared(ledger), self._numbers().seconds()
        rows, people = [], self._people(ledger)
        owned: dict[str, set[str]] = {who: set() for who in people}
        second: dict[str, int] = dict.fromkeys(people, 0)
        for trace_id, by in readers.items():
            for who in by:
                owned[who].add(trace_id)
            if shared is not None and len(by) == 1 and shared.twice(trace_id):
                for who in shared.readers(trace_id):
                    second[who] += shared.due(who, trace_id, by)
        for who in people:
            own = owned[who]
            counted = own if shared is None else set(readers)
            unread = max(len(self.plan) - len(counted), len(drawn - counted))
            due = second[who]
            of = len(own) + unread + due
            pace = seconds.get(who, float("nan"))
            rows.append((len(own), unread + due, of, len(own) / of if of else 1.0, due, pace))
        columns = ["read", "left", "of", "share", "due", "seconds"]
        return pd.DataFrame(rows, index=pd.Index(people, name="reviewer"), columns=columns)

    def agreement(self, *, random_state: int = 0) -> Agreement:
        """How far people agree who read the same traces, by failure mode and dimension; decisions change nothing in it."""
        return self._numbers().agreement(random_state=random_state)

    def prevalence(self, *, confidence: float = 0.95, assisted: bool = True) -> pd.DataFrame:
        """How common each failure mode is in all the traces, from those read of the random sample alone.

        Index ``failure_mode``; ``estimate, low, high`` (shares of all clustered traces that were not reviewed before
        the plan was made), ``count`` and ``of`` (in the sample as read), and ``naive``: the share among everything
        read, which the chosen traces bias. ``assisted, assisted_low, assisted_high``: with the help of suggested failure
        modes, where that is narrower; ``method``: in words. A reading counts for the traces that are alike, see
        ``ReviewPlan.alike``; the methods are those of docs/prevalence.md.
        """
        numbers = self._numbers()
        help_is_near = assisted and len(numbers.sample_read) >= FEWEST_READS and self._learned().modes
        return numbers.prevalence(space=self._space() if help_is_near else None, confidence=confidence)

    def by_cluster(self, *, failure_mode: str = ANY_FAILURE, confidence: float = 0.95) -> pd.DataFrame:
        """How common failures are in each cluster, from the random sample: ``estimate, low, high, count, of, size``."""
        return self._numbers().by_cluster(failure_mode=failure_mode, confidence=confidence)

    def scores(self, *, confidence: float = 0.95) -> pd.DataFrame:
        """The mean score of each dimension of the rubric in all the traces, from the random sample: ``estimate, low, high, of``."""
        rubric = self.rubric
        if rubric is None:
            raise ArgumentError(
                "this review has no rubric; begin one with ws.start_review(..., rubric='default')"
            )
        scales = {d.key: (float(d.scale[0].score), float(d.scale[-1].score)) for d in rubric.dimensions}
        return self._numbers().scores(scales, confidence=confidence)

    def outcomes(
        self, *, by: str = "failure_mode", confidence: float = 0.95, random_state: int = 0
    ) -> Outcomes:
        """What failure modes, or clusters (``by="cluster"``), go with: thumbs, escalations, latency, cost; see docs/outcomes.md.

        Clusters are known for every trace; of failure modes the totals come from the random sample alone.
        """
        if by not in ("failure_mode", "cluster"):
            raise ArgumentError(f"by={by!r} is not known; use 'failure_mode' or 'cluster'")
        return self._numbers().outcomes(by=by, confidence=confidence, random_state=random_state)

    def reads_needed(
        self, failure_mode: str = ANY_FAILURE, *, within: float = 0.02, confidence: float = 0.95
    ) -> int:
        """How many more reads of the random sample until the share is known to plus or minus ``within``."""
        return self._numbers().reads_needed(failure_mode, within=within, confidence=confidence)

    def saturation(self, *, confidence: float = 0.95) -> pd.DataFrame:
        """How much is still unseen, trace by trace in the order they were read.

        Columns ``read, modes`` (distinct failure modes met so far), ``unseen, unseen_low, unseen_high`` (the chance that
        the next failure is of a mode not met yet), ``chao, chao_low, chao_high`` (modes there are), ``enough`` (whether
        this week's review may stop), ``sampled`` (reads of the random sample by then) and ``new_high``; see ``saturation``.
        """
        return self._numbers().saturation(confidence=confidence)

    # what to read next ---------------------------------------------------------------------------------------

    def queue(self, *, reviewer: str | None = None, batch: int = 1) -> pd.DataFrame:
        """What is left to read, chosen and ordered by what was read: see ``ReviewPlan.adapt``.

        Parameters
        ----------
        reviewer : str, optional
            First what is this reviewer's to read, then what nobody has read yet, to help out; what others have read is
            left out, unless a second reading is due. Without a name, what anybody read is left out.
        batch : int
            Adapt after every so many reads, and not in between.

        Returns
        -------
        pandas.DataFrame
            The columns of ``plan.frame``; ``position`` counts from 1.
        """
        ledger = self._current()
        read = self._read_modes()
        whole = len(read) - len(read) % max(batch, 1)
        plan = self.plan.adapt(dict(list(read.items())[:whole])) if whole else self.plan
        frame = plan.frame
        if reviewer is None:
            frame = frame[~frame["trace_id"].isin(list(read))]
        else:
            shared = self._shared(ledger)
            own = self._read_by(self._reviewer(reviewer))
            if shared is None:
                frame = frame[~frame["trace_id"].isin(own)]
                others = frame["trace_id"].isin(list(read))
                frame = pd.concat([frame[~others], frame[others]])
            else:
                order = in_turn(frame["trace_id"].tolist(), reviewer, shared, self._readers(ledger))
                frame = frame.set_index("trace_id", drop=False).loc[order]
        return frame.reset_index(drop=True).assign(position=range(1, len(frame) + 1))

    def unread(self) -> pd.DataFrame:
        """What of the plan nobody has read, as it is now: next week's ``fs.plan_review(..., carried=session.unread())``."""
        return self.queue()[["trace_id", "reason"]]

    def suggestions(self, failure_mode: str | None = None, *, at_least: float = SHOWN) -> pd.DataFrame:
        """Failure modes that unread traces probably have, by their likeness to those read; nothing is written.

        Parameters
        ----------
        failure_mode : str, optional
            This one only.
        at_least : float
            The least confidence, 0 to 1.

        Returns
        -------
        pandas.DataFrame
            Index ``trace_id``, a row for each failure mode of a trace, the surest first: ``failure_mode``,
            ``confidence`` (the calibrated chance that a reader would give it) and ``reason``. A failure mode with
            fewer than three examples among those read is not suggested.

        Notes
        -----
        Accept one with ``annotate``; ``suggested=`` records that it was one. The method is told at
        ``failscope.review.suggest.learn``.
        """
        if failure_mode is not None and failure_mode not in self.failure_modes():
            raise NotFoundError(f"no failure mode {failure_mode!r} in this review; {self._modes_said()}")
        return self._learned().suggest(failure_mode=failure_mode, at_least=at_least)

    def more_like(self, like: str | Iterable[str], *, n: int = 20) -> pd.DataFrame:
        """The unread traces most like some given ones, or like those with a failure mode.

        Parameters
        ----------
        like : str or iterable of str
            A failure mode, or trace ids.
        n : int
            How many; of equal outputs only one is given.

        Returns
        -------
        pandas.DataFrame
            Index ``trace_id``, the most alike first: ``similarity`` (0 to 1: the mean to the three nearest of the
            given ones) and ``reason``.
        """
        given = self._meant(like)
        space = self._space()
        if not len(space.rows(given)):
            space = self._space(keep=given)
        return more_like(space, given, skip=self._read_modes(), n=n)

    def contrast(self, trace_id: str) -> Contrast | None:
        """A trace beside the nearest answer that passes, by what people said and else by signals; see ``contrast``."""
        self._known([trace_id])
        fine, failing = self.judged()
        return self.clustering.contrast(trace_id, fine=fine, failing=failing)

    def judged(self) -> tuple[list[str], list[str]]:
        """The traces that were read and found fine, and those that anyone gave a failure mode."""
        fine, failing = [], []
        for trace_id, mark in self.marks().iterrows():
            if mark["failure_modes"]:
                failing.append(str(trace_id))
            elif mark["read"]:
                fine.append(str(trace_id))
        return fine, failing

    def _meant(self, like: str | Iterable[str]) -> list[str]:
        if not isinstance(like, str):
            ids = id_list(like)
            self._known(ids)
            if not ids:
                raise ArgumentError("no traces to look for more of; give some trace ids or a failure mode")
            return ids
        tagged = [str(i) for i, modes in self.marks()["failure_modes"].items() if like in modes]
        if tagged:
            return tagged
        if like in self.traces.frame.index:
            return [like]
        raise NotFoundError(f"no trace has the failure mode {like!r}; {self._modes_said()}")

    def _modes_said(self) -> str:
        modes = self.failure_modes()
        return f"in use are {', '.join(map(repr, modes))}" if modes else "no failure mode was given yet"

    def _learned(self) -> Learned:
        read = self._read_modes()
        drawn = self.plan.frame.loc[self.plan.frame["probability"].notna(), "trace_id"]
        guide: _Guide = self._guide  # type: ignore[attr-defined]  # set in __post_init__, frozen since
        space = self._space()
        with guide.lock:
            if guide.learned is None or guide.learned[0] != read or guide.learned[1].space is not space:
                guide.learned = (read, learn(space, read, drawn=set(drawn)))
            return guide.learned[1]

    def _space(self, *, keep: Iterable[str] = ()) -> Space:
        """Where the traces lie, found once: it may take seconds."""
        guide: _Guide = self._guide  # type: ignore[attr-defined]
        with guide.lock:
            if guide.space is None or keep:
                must = {*self.plan.frame["trace_id"], *self._read_modes(), *keep}
                guide.space = space_of(self.clustering, keep=must)
            return guide.space

    def _read_by(self, reviewer: str) -> list[str]:
        """What one reviewer read, oldest first."""
        read = [
            (m.read_seq, i) for (who, i), m in self._current().marks().items() if who == reviewer and m.read
        ]
        return [trace_id for _, trace_id in sorted(read)]

    def _read_modes(self) -> dict[str, list[str]]:
        """The failure modes of every trace that was read, in the order of the first reading; what was decided holds."""
        ledger = self._current()
        modes: dict[str, dict[str, None]] = {}
        read = {key: mark for key, mark in ledger.marks().items() if mark.read}
        for (_, trace_id), mark in sorted(read.items(), key=lambda item: item[1].read_seq):
            modes.setdefault(trace_id, {}).update(dict.fromkeys(mark.failure_modes))
        for trace_id, decision in ledger.decisions().items():
            modes[trace_id] = dict.fromkeys(decision.payload["failure_modes"])
        return {trace_id: list(names) for trace_id, names in modes.items()}

    @staticmethod
    def _readers(ledger: Ledger) -> dict[str, set[str]]:
        """Trace -> who read it."""
        readers: dict[str, set[str]] = {}
        for (who, trace_id), mark in ledger.marks().items():
            if mark.read:
                readers.setdefault(trace_id, set()).add(who)
        return readers

    def _shared(self, ledger: Ledger) -> Assignment | None:
        """How the reading is shared; None where everybody reads everything."""
        if self.overlap is None:
            return None
        return Assignment(self.name, self._names(ledger), ledger.away(), self.overlap)

    def _names(self, ledger: Ledger) -> tuple[str, ...]:
        """The reviewers under the names that they have today."""
        return tuple(dict.fromkeys(ledger.name(who) for who in self.reviewers))

    def _numbers(self) -> Numbers:
        return Numbers(self.plan, self._current().marks(), self._read_modes())

    def _known_before(self) -> set[str]:
        guide: _Guide = self._guide  # type: ignore[attr-defined]
        if guide.before is None:
            begun = next((e.seq for e in self.log.read(session=self.name) if e.session == self.name), 0)
            before = Ledger(_Until(self.log, begun))
            before.refresh()
            guide.before = set(before.failure_modes())
        return guide.before

    @property
    def hides_others(self) -> bool:
        """Whether a reviewer is not to see what others said: a blind review that nobody has revealed."""
        return self.blind and not self._current().revealed

    # ---------------------------------------------------------------------------------------------------------

    def _current(self) -> Ledger:
        ledger: Ledger = self._ledger  # type: ignore[attr-defined]  # set in __post_init__, frozen since
        ledger.refresh()
        return ledger

    def _people(self, ledger: Ledger) -> list[str]:
        return list(dict.fromkeys((*self._names(ledger), *(who for who, _ in ledger.marks()))))

    def _reviewer(self, reviewer: str | None) -> str:
        names = self._names(self._current())
        if reviewer is None and len(names) == 1:
            return names[0]
        if reviewer not in names:
            known = ", ".join(map(repr, names))
            raise ArgumentError(
                f"reviewer={reviewer!r} is not in this review; its reviewers are {known}; "
                f"add one with ws.start_review({self.name!r}, reviewers=[...])"
            )
        return str(reviewer)

    def _known(self, trace_ids: Iterable[str]) -> None:
        for trace_id in trace_ids:
            if trace_id not in self.traces.frame.index:
                raise NotFoundError(
                    f"no trace {trace_id!r} in review {self.name!r}; it has {len(self.traces):,} traces"
                )

    def __repr__(self) -> str:
        return f"<Session {self.name!r} · {self._counts()}>"

    def _repr_html_(self) -> str:
        table = self.progress().to_html(escape=True, border=0, float_format="{:.0%}".format)
        return f"<div><b>Review {html.escape(self.name)}</b> · {html.escape(self._counts())}</div>{table}"

    def _counts(self) -> str:
        return f"{len(self.plan):,} traces planned of {len(self.traces):,} · reviewers: {', '.join(self.reviewers)}"


class _Guide:
    """What is worked out once and not kept: the space of the traces, and what was learned in it."""

    def __init__(self) -> None:
        self.lock = Lock()  # a workbench places the traces in a thread of its own
        self.space: Space | None = None
        self.learned: tuple[dict[str, list[str]], Learned] | None = None
        self.before: set[str] | None = None


@dataclass(frozen=True)
class _Until:
    """A log as it was when an event came."""

    log: EventLog
    seq: int

    @property
    def revision(self) -> int:
        return self.seq

    def read(self, *, after: int = 0, session: str | None = None) -> list[Event]:
        return [e for e in self.log.read(after=after, session=session) if e.seq < self.seq]

    def append(self, kind: str, **said: Any) -> Event:
        raise NotImplementedError("what was is not added to")


def propose(
    log: EventLog, name: str, trace_ids: list[str], *, reviewer: str, reason: str, session: str = ""
) -> str:
    """Append one proposal; the same words from a session and from a workspace."""
    if not trace_ids:
        raise ArgumentError("no traces to propose; give at least one trace_id")
    short_name(reviewer, "reviewer")
    said = {"golden": set_name(name), "trace_ids": trace_ids, "reason": str(reason)}
    one = trace_ids[0] if len(trace_ids) == 1 else ""
    return log.append(PROPOSAL, actor=reviewer, session=session, trace_id=one, payload=said).id


def proposal_frame(events: Iterable[Event]) -> pd.DataFrame:
    """One row for each trace of each proposal: ``golden, trace_id, reviewer, reason, session, at``."""
    rows = [
        (e.payload["golden"], trace_id, e.actor, e.payload["reason"], e.session, e.at)
        for e in events
        for trace_id in e.payload["trace_ids"]
    ]
    return pd.DataFrame(rows, columns=["golden", "trace_id", "reviewer", "reason", "session", "at"])


def _join(marks: Mapping[str, Mark], decision: Event | None = None) -> dict[str, Any]:
    said = {who: m for who, m in marks.items() if not m.empty}
    scores: dict[str, list[float]] = {}
    for mark in said.values():
        for dimension, score in mark.scores.items():
            scores.setdefault(dimension, []).append(score)
    notes = [f"{who}: {m.note}" if len(said) > 1 else m.note for who, m in said.items() if m.note]
    modes = list(dict.fromkeys(mode for m in said.values() for mode in m.failure_modes))
    return {
        "failure_modes": modes if decision is None else list(decision.payload["failure_modes"]),
        "scores": {dimension: sum(values) / len(values) for dimension, values in scores.items()},
        "note": "\n".join(notes),
        "expected_output": expected_output(said.values()),
        "read": any(m.read for m in said.values()),
        "reviewers": list(said),
        "at": max((m.at for m in said.values()), default=""),
        "settled": decision is not None,
    }
