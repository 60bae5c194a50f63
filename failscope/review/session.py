"""One review: a plan, its reviewers, and what they say, each word an event that is written before it counts."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from failscope.errors import ArgumentError, NotFoundError
from failscope.review.estimates import ANY_FAILURE, prevalence_frame, saturation_frame
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
from failscope.surface.clustering import Clustering
from failscope.traces.table import Traces

MARK_COLUMNS = ("failure_modes", "scores", "note", "expected_output", "read", "reviewers", "at")
MAX_NAME = 120
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}


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
            said["failure_modes"] = list(dict.fromkeys(_mode_name(m) for m in failure_modes))
        if scores:
            said["scores"] = _scores(scores)
        if note is not None:
            said["note"] = str(note)
        if expected_output is not None:
            said["expected_output"] = str(expected_output)
        if not said:
            raise ArgumentError(
                "nothing was said; give failure_modes ([] means fine), scores, note or expected_output"
            )
        return self.log.append(ANNOTATION, actor=who, session=self.name, trace_id=trace_id, payload=said).id

    def tag_traces(self, trace_ids: Iterable[str], failure_mode: str, *, reviewer: str | None = None) -> str:
        """Give one failure mode to several traces in one event, a lasso's worth; they do not count as read."""
        who, ids = self._reviewer(reviewer), id_list(trace_ids)
        self._known(ids)
        if not ids:
            raise ArgumentError("no traces to tag; select some first")
        said = {"trace_ids": ids, "failure_mode": _mode_name(failure_mode)}
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
            "failure_mode": _mode_name(failure_mode),
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
        """How far each reviewer is: index ``reviewer``, columns ``read, left, of, share``."""
        planned = set(self.plan.frame["trace_id"])
        ledger = self._current()
        read: dict[str, set[str]] = {who: set() for who in self._people(ledger)}
        for (who, trace_id), mark in ledger.marks().items():
            if mark.read and trace_id in planned:
                read[who].add(trace_id)
        of = len(planned)
        rows = [(len(ids), of - len(ids), of, len(ids) / of if of else 1.0) for ids in read.values()]
        return pd.DataFrame(
            rows, index=pd.Index(list(read), name="reviewer"), columns=["read", "left", "of", "share"]
        )

    def prevalence(self, *, confidence: float = 0.95) -> pd.DataFrame:
        """How common each failure mode is in all the traces, from those read of the random sample alone.

        Index ``failure_mode``; ``estimate, low, high`` (shares of all clustered traces), ``count`` and ``of``
        (in the sample as read), and ``naive``: the share among everything read, which the chosen traces bias.
        """
        read = self._read_modes()
        return prevalence_frame(read, self.plan.frame, population=len(self.traces), confidence=confidence)

    def saturation(self) -> pd.DataFrame:
        """How much is still unseen, trace by trace in the order they were read.

        Columns ``read, modes`` (distinct failure modes met so far) and ``unseen``: the chance that the next
        failure is of a mode not met yet (Good 1953; see ``estimates``).
        """
        return saturation_frame(self._read_modes())

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


def id_list(trace_ids: Iterable[str]) -> list[str]:
    """Trace ids without repeats; one text is not a list of its letters."""
    if isinstance(trace_ids, str):
        raise ArgumentError(f"trace_ids={trace_ids!r} is one text; give a list: [{trace_ids!r}]")
    return list(dict.fromkeys(trace_ids))


def proposal_frame(events: Iterable[Event]) -> pd.DataFrame:
    """One row for each trace of each proposal: ``golden, trace_id, reviewer, reason, session, at``."""
    rows = [
        (e.payload["golden"], trace_id, e.actor, e.payload["reason"], e.session, e.at)
        for e in events
        for trace_id in e.payload["trace_ids"]
    ]
    return pd.DataFrame(rows, columns=["golden", "trace_id", "reviewer", "reason", "session", "at"])


def set_name(name: str) -> str:
    """The name of a golden set, checked: it becomes a folder, so it holds letters, digits, '-', '_' and '.' only."""
    ok = isinstance(name, str) and 0 < len(name) <= MAX_NAME and name[0].isalnum()
    if not ok or not all(c.isascii() and (c.isalnum() or c in "-_.") for c in name) or name.endswith("."):
        raise ArgumentError(
            f"golden set name {name!r} cannot be a folder; use letters, digits, '-', '_' and '.', as 'refunds'"
        )
    if name.split(".")[0].lower() in _DEVICES:
        raise ArgumentError(f"golden set name {name!r} is a device on Windows; use another, as 'refunds'")
    return name


def describe(event: Event) -> str:
    """One event in words."""
    said = event.payload
    if event.kind == CLUSTER_TAG:
        return f"cluster {said['cluster']} is “{said['failure_mode']}”"
    if event.kind == TRACE_TAGS:
        return f"“{said['failure_mode']}” on {len(said['trace_ids']):,} traces"
    if event.kind == PROPOSAL:
        return f"{len(said['trace_ids']):,} proposed for “{said['golden']}”"
    parts = []
    if said.get("failure_modes") is not None:
        parts.append(", ".join(f"“{m}”" for m in said["failure_modes"]) or "fine")
    if said.get("scores"):
        parts.append("scores " + ", ".join(f"{k} {v:g}" for k, v in said["scores"].items()))
    parts += [
        word for key, word in (("note", "a note"), ("expected_output", "an expected output")) if key in said
    ]
    return f"{' and '.join(parts)} on {event.trace_id!r}"


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


def _mode_name(name: str) -> str:
    if name == ANY_FAILURE:
        raise ArgumentError(f"{ANY_FAILURE!r} is what all failure modes are together; use a name of its own")
    return short_name(name, "failure mode")


def short_name(name: str, what: str) -> str:
    """A short name that people give or bear (of a reviewer, a curator, a failure mode), checked and stripped."""
    clean = " ".join(name.split()) if isinstance(name, str) else ""
    # joiners are part of honest words and emoji; every other sign that cannot be printed stays out of names
    bare = clean.replace("\u200c", "").replace("\u200d", "")
    if not bare or len(clean) > MAX_NAME or not bare.isprintable():
        raise ArgumentError(f"{what} {name!r} is not a name; use 1 to {MAX_NAME} printable characters")
    return clean


def _scores(scores: Mapping[str, float]) -> dict[str, float]:
    out = {}
    for dimension, score in scores.items():
        try:
            value = float(score)
        except (TypeError, ValueError) as error:
            raise ArgumentError(f"score {score!r} of {dimension!r} is not a number") from error
        if not math.isfinite(value):
            raise ArgumentError(
                f"score {score!r} of {dimension!r} is not finite; leave it out if it was not judged"
            )
        out[str(dimension)] = value
    return out
