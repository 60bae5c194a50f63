"""What is open for a golden set: hides the fold that tells where each proposed case stands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from failscope.golden.cases import Case, Source, Words, case_of, changes_example
from failscope.golden.lines import content_of, example_id, line_of, row_of
from failscope.golden.versions import Version
from failscope.review import events as kinds
from failscope.review.events import Event
from failscope.review.ledger import Ledger
from failscope.review.session import Session

State = tuple[str, str]
"""``"waiting"``, ``"accepted"``, ``"sent back"`` or ``"rejected"``, and why for the last two."""

_AS_OF = re.compile(rb'"as_of":\{"log":"([0-9a-f]*)","seq":(\d+)\}')  # of a text, its quotes would be escaped


@dataclass(frozen=True, eq=False)
class Docket:
    """What stands in the log of the cases proposed for one golden set; it is read once and not kept.

    Attributes
    ----------
    words : mapping of str to Words
        By trace, for those that are proposed.
    retired : mapping of str to int
        Example -> the place in the log where it was last retired.
    promoted : int
        The place in the log of the set's last promotion.
    """

    golden: str
    source: Source
    ledger: Ledger
    words: Mapping[str, Words]
    retired: Mapping[str, int]
    promoted: int
    _paths: dict[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, golden: str, source: Source) -> Docket:
        """Read the log."""
        ledger = source.ledger()

        def mine(kind: str) -> list[Event]:
            return [e for e in ledger.standing(kind) if e.payload["golden"] == golden]

        proposals = _by_trace(mine(kinds.PROPOSAL))
        desk = _by_trace(e for kind in sorted(kinds.DESK) for e in mine(kind))
        said = (kinds.ANNOTATION, kinds.TRACE_TAGS, kinds.DECISION)
        sayings = _by_trace((e for kind in said for e in ledger.standing(kind)), only=proposals)
        decisions = ledger.decisions()
        words = {
            i: Words(put, desk.get(i, ()), sayings.get(i, ()), decisions.get(i))
            for i, put in proposals.items()
        }
        made = [e for e in ledger.others(kinds.PROMOTION) if e.payload["golden"] == golden]
        retired = {i: e.seq for e in made for i in e.payload.get("retired", ())}
        return cls(golden, source, ledger, words, retired, max((e.seq for e in made), default=0))

    def state(self, trace_id: str, *, after: int = 0) -> State:
        """Where a proposal stands, by what was said of it behind a place in the log."""
        words = self.words[trace_id]
        status, why, by = "waiting", "", ""
        events = (e for e in (*words.proposals, *words.desk, *words.sayings) if e.seq > after)
        for event in sorted(events, key=lambda e: e.seq):
            if event.kind == kinds.CASE_DECIDED:
                status, by = event.payload["verdict"], event.actor
                why = event.payload["reason"] if status in ("sent back", "rejected") else ""
            elif event.kind == kinds.PROPOSAL and status == "rejected":
                status, why = "waiting", ""  # put forward again
            elif status == "sent back" and event.kind in (kinds.CASE_ANSWERED, kinds.CASE_EDITED):
                status, why = "waiting", ""
            elif status == "accepted" and event.actor != by and changes_example(event):
                status = "waiting"  # it is not what was accepted
        return status, why

    def standing(self, base: Version | None) -> dict[str, State]:
        """What is open over a version: proposed and not in it, or in it and spoken of since. In the order of proposal.

        Left out are examples that were retired and not proposed again, and traces whose deletion was asked for.
        """
        lines = base.lines.by_id() if base else {}
        retired = base.manifest.get("retired", {}) if base else {}
        forgotten = self.source.forgotten(list(self.words))
        out = {}
        for trace_id, words in self.words.items():
            example, after = example_id(trace_id), 0
            if trace_id in forgotten or (base and example in base.lines.forgotten):
                continue
            if example in lines:
                after = self._as_of(lines[example])
                if self.ledger.last_word(trace_id) <= after:
                    continue
            elif example in retired:
                after = self.retired.get(example, 0)
                # one that another machine retired has no place in this log: there the time decides
                put = (e.seq > after if after else e.at > retired[example]["at"] for e in words.proposals)
                if not any(put):
                    continue
            out[trace_id] = self.state(trace_id, after=after)
        return out

    def _as_of(self, line: bytes) -> int:
        """The place in this log up to which an example was judged."""
        noted = _AS_OF.search(line)
        if noted and noted[1].decode() == self.ledger.log_id:
            return int(noted[2])
        return self.promoted  # judged elsewhere: what was said here before it came in was weighed then

    def as_of(self, trace_id: str) -> dict[str, Any]:
        """What ``_as_of`` reads again."""
        return {"log": self.ledger.log_id, "seq": self.ledger.last_word(trace_id)}

    def open_cases(self, base: Version | None, *, states: Iterable[str] | None = None) -> list[Case]:
        """The cases that are open over a version and would change it, of these states."""
        wanted = None if states is None else set(states)
        standing = {i: s for i, s in self.standing(base).items() if wanted is None or s[0] in wanted}
        lines = base.lines.by_id() if base else {}
        out = []
        for case in self.cases(standing, states=standing):
            old = lines.get(str(case.example["id"]))
            # a word that changes nothing of an example is no new decision
            if old is None or content_of(row_of(old)) != content_of(row_of(line_of(case.example))):
                out.append(case)
        return out

    def cases(self, trace_ids: Iterable[str], *, states: Mapping[str, State] | None = None) -> list[Case]:
        """The cases of these traces, in this order; one that is not here any more was forgotten."""
        ids = list(trace_ids)
        frame = self.source.rows(ids)
        out = []
        for trace_id in ids:
            words = self.words[trace_id]
            people = dict.fromkeys(e.actor for e in words.sayings if e.kind != kinds.DECISION)
            out.append(
                case_of(
                    trace_id,
                    frame.loc[trace_id] if trace_id in frame.index else None,
                    words,
                    marks={who: self.ledger.mark(who, trace_id) for who in people},
                    found=self._found,
                    state=states[trace_id] if states else self.state(trace_id),
                )
            )
        return out

    def _found(self, review: str, trace_id: str) -> dict[str, Any]:
        """The path of discovery of a trace through a review."""
        if review not in self._paths:
            self._paths[review] = _Path.of(self.source.session(review))
        return self._paths[review].to(trace_id)


@dataclass(frozen=True)
class _Path:
    """A review's plan and clustering, indexed once for all cases."""

    session: Session
    planned: pd.DataFrame
    place: Mapping[str, int]
    tags: Mapping[int, list[str]]

    @classmethod
    def of(cls, session: Session) -> _Path:
        place = {str(i): n for n, i in enumerate(session.clustering.trace_ids)}
        return cls(session, session.plan.frame.set_index("trace_id"), place, session.cluster_tags())

    def to(self, trace_id: str) -> dict[str, Any]:
        """How a trace was found."""
        found, plan = self.session.clustering, self.session.plan
        step: dict[str, Any] = {
            "review": self.session.name,
            "strategy": plan.params.get("strategy"),
            "budget": plan.params.get("budget"),
        }
        if trace_id in self.planned.index:
            pick = self.planned.loc[trace_id]
            step |= {"position": int(pick["position"]), "reason": pick["reason"]}
            step["probability"] = None if pd.isna(pick["probability"]) else float(pick["probability"])
        if trace_id not in self.place:
            return step
        cluster = int(found.labels[self.place[trace_id]])
        return step | {
            "clustering": found.id,
            "view": found.view,
            "embedder": found.params.get("embedder"),
            "params": {k: v for k, v in found.params.items() if isinstance(v, str | int | float | bool)},
            "random_state": found.params.get("random_state"),
            "cluster": cluster,
            "cluster_name": found.name(cluster) if cluster >= 0 else "noise",
            "cluster_tags": self.tags.get(cluster, []),
        }


def _by_trace(events: Iterable[Event], *, only: Mapping[str, Any] | None = None) -> dict[str, list[Event]]:
    out: dict[str, list[Event]] = {}
    for event in sorted(events, key=lambda e: e.seq):
        for trace_id in event.payload.get("trace_ids") or ([event.trace_id] if event.trace_id else []):
            if only is None or trace_id in only:
                out.setdefault(trace_id, []).append(event)
    return out
