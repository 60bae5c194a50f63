"""One review: a plan, its reviewers, and what they say, each word an event that is written before it counts."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

import pandas as pd

from failscope.errors import ArgumentError, NotFoundError
from failscope.review.estimates import prevalence_frame, saturation_frame
from failscope.review.events import (
    ANNOTATION,
    CLUSTER_TAG,
    PROPOSAL,
    TRACE_TAGS,
    UNDO,
    Event,
    EventLog,
    Ledger,
    Mark,
    expected_output,
)
from failscope.review.plan import ReviewPlan
from failscope.review.suggest import SHOWN, Learned, Space, learn, more_like, space_of
from failscope.review.wording import clean_scores, describe, id_list, mode_name, set_name, short_name
from failscope.surface.clustering import Clustering
from failscope.surface.contrast import Contrast
from failscope.traces.table import Traces

MARK_COLUMNS = ("failure_modes", "scores", "note", "expected_output", "read", "reviewers", "at")


@dataclass(frozen=True, eq=False)
class Session:
    """A review that people work through, alone or together; ``ws.start_review`` makes and reopens it.

    Nothing is held here that is not in the log: close it, kill it, open it elsewhere, it is where it was.

    Attributes
    ----------
    name : str
    plan : ReviewPlan
    reviewers : tuple of str
    """

    name: str
    plan: ReviewPlan
    reviewers: tuple[str, ...]
    log: EventLog

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
            said["scores"] = clean_scores(scores)
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
        return _join({w: ledger.mark(w, trace_id) for w in who})

    def marks(self, *, reviewer: str | None = None) -> pd.DataFrame:
        """Every trace of which something was said, index ``trace_id``, columns ``MARK_COLUMNS``.

        Of several reviewers, the failure modes are joined, scores are averaged, and the latest expected output
        holds.
        """
        of: dict[str, dict[str, Mark]] = {}
        for (who, trace_id), mark in self._current().marks().items():
            if reviewer is None or who == reviewer:
                of.setdefault(trace_id, {})[who] = mark
        rows = [_join(marks) for marks in of.values()]
        index = pd.Index(list(of), name="trace_id", dtype="str")
        frame = pd.DataFrame(rows, index=index, columns=list(MARK_COLUMNS), dtype=object)
        return frame.astype({"note": "str", "read": "bool", "at": "str"})  # what was not written stays None

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

    def progress(self) -> pd.DataFrame:
        """How far each reviewer is: index ``reviewer``, columns ``read, left, of, share``.

        Every trace that was read counts, since the chosen part of a plan is chosen anew while people read (see
        ``queue``); the random sample is left until it was read itself.
        """
        drawn = set(self.plan.frame.loc[self.plan.frame["probability"].notna(), "trace_id"])
        ledger = self._current()
        read: dict[str, set[str]] = {who: set() for who in self._people(ledger)}
        for (who, trace_id), mark in ledger.marks().items():
            if mark.read:
                read[who].add(trace_id)
        rows = []
        for ids in read.values():
            left = max(len(self.plan) - len(ids), len(drawn - ids))
            of = len(ids) + left
            rows.append((len(ids), left, of, len(ids) / of if of else 1.0))
        return pd.DataFrame(
            rows, index=pd.Index(list(read), name="reviewer"), columns=["read", "left", "of", "share"]
        )

    def prevalence(self, *, confidence: float = 0.95) -> pd.DataFrame:
        """How common each failure mode is in all the traces, from those read of the random sample alone.

        Index ``failure_mode``; ``estimate, low, high`` (shares of all clustered traces that were not reviewed before
        the plan was made), ``count`` and ``of`` (in the sample as read), and ``naive``: the share among everything
        read, which the chosen traces bias. A reading counts for the traces that are alike, see ``ReviewPlan.alike``.
        """
        read = self._read_modes()
        together = self.plan.alike_all(read)
        counted = {other: modes for trace_id, modes in read.items() for other in together[trace_id]}
        return prevalence_frame(read, self.plan.sample(), counted=counted, confidence=confidence)

    def saturation(self) -> pd.DataFrame:
        """How much is still unseen, trace by trace in the order they were read.

        Columns ``read, modes`` (distinct failure modes met so far) and ``unseen``: the chance that the next
        failure is of a mode not met yet (Good 1953; see ``estimates``).
        """
        return saturation_frame(self._read_modes())

    # what to read next ---------------------------------------------------------------------------------------

    def queue(self, *, reviewer: str | None = None, batch: int = 1) -> pd.DataFrame:
        """What is left to read, chosen and ordered by what was read: see ``ReviewPlan.adapt``.

        Parameters
        ----------
        reviewer : str, optional
            Leave out what this reviewer read, and put what only others read last. Without a name, what anybody
            read is left out.
        batch : int
            Adapt after every so many reads, and not in between.

        Returns
        -------
        pandas.DataFrame
            The columns of ``plan.frame``; ``position`` counts from 1.
        """
        read = self._read_modes()
        whole = len(read) - len(read) % max(batch, 1)
        plan = self.plan.adapt(dict(list(read.items())[:whole])) if whole else self.plan
        own = list(read) if reviewer is None else self._read_by(self._reviewer(reviewer))
        frame = plan.frame[~plan.frame["trace_id"].isin(own)]
        others = frame["trace_id"].isin(list(read))
        frame = pd.concat([frame[~others], frame[others]], ignore_index=True)
        return frame.assign(position=range(1, len(frame) + 1))

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
        """The failure modes of every trace that was read, in the order of the first reading."""
        modes: dict[str, dict[str, None]] = {}
        read = {key: mark for key, mark in self._current().marks().items() if mark.read}
        for (_, trace_id), mark in sorted(read.items(), key=lambda item: item[1].read_seq):
            modes.setdefault(trace_id, {}).update(dict.fromkeys(mark.failure_modes))
        return {trace_id: list(names) for trace_id, names in modes.items()}

    # ---------------------------------------------------------------------------------------------------------

    def _current(self) -> Ledger:
        ledger: Ledger = self._ledger  # type: ignore[attr-defined]  # set in __post_init__, frozen since
        ledger.refresh()
        return ledger

    def _people(self, ledger: Ledger) -> list[str]:
        return list(dict.fromkeys((*self.reviewers, *(who for who, _ in ledger.marks()))))

    def _reviewer(self, reviewer: str | None) -> str:
        if reviewer is None and len(self.reviewers) == 1:
            return self.reviewers[0]
        if reviewer not in self.reviewers:
            known = ", ".join(map(repr, self.reviewers))
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


def _join(marks: Mapping[str, Mark]) -> dict[str, Any]:
    said = {who: m for who, m in marks.items() if not m.empty}
    scores: dict[str, list[float]] = {}
    for mark in said.values():
        for dimension, score in mark.scores.items():
            scores.setdefault(dimension, []).append(score)
    notes = [f"{who}: {m.note}" if len(said) > 1 else m.note for who, m in said.items() if m.note]
    return {
        "failure_modes": list(dict.fromkeys(mode for m in said.values() for mode in m.failure_modes)),
        "scores": {dimension: sum(values) / len(values) for dimension, values in scores.items()},
        "note": "\n".join(notes),
        "expected_output": expected_output(said.values()),
        "read": any(m.read for m in said.values()),
        "reviewers": list(said),
        "at": max((m.at for m in said.values()), default=""),
    }
