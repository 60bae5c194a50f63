"""A proposed trace with all that was said of it: what the gate looks at, and what becomes an example."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from failscope.golden.lines import example_id
from failscope.review import events as kinds
from failscope.review.events import Event
from failscope.review.ledger import Ledger, Mark
from failscope.review.session import Session
from failscope.review.wording import describe
from failscope.traces.table import TEXT_COLUMNS, text_hash

EDITABLE = ("input", "expected_output", "criteria", "context", "system_prompt", "output", "note")
"""What a curator may write otherwise than it was found."""


@dataclass(frozen=True, eq=False)
class Case:
    """One trace that was put forward for a golden set.

    Attributes
    ----------
    trace_id : str
    example : mapping
        The example as it would be written: ``id, input, expected_output, criteria, output, context, system_prompt,
        failure_modes, note, provenance``.
    readings : mapping of str to Mark
        Reviewer -> what they say of it; only those who read it.
    settled : bool
        A difference between them was decided.
    forgotten : bool
        Its user asked for deletion.
    waived : mapping of str to mapping
        Check -> ``{"by", "at", "reason"}``.
    status : str
        ``"waiting"``, ``"accepted"``, ``"sent back"``, ``"rejected"`` or ``"promoted"``.
    question : str
        Why it was sent back or rejected; "" otherwise.
    history : sequence of mapping
        What was done on the desk, oldest first: ``by, at, what, reason``.
    """

    trace_id: str
    example: Mapping[str, Any]
    readings: Mapping[str, Mark] = field(default_factory=dict)
    settled: bool = False
    forgotten: bool = False
    waived: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    status: str = "waiting"
    question: str = ""
    history: Sequence[Mapping[str, str]] = ()

    @property
    def agree(self) -> bool | None:
        """Whether those who read it say the same of it; None where fewer than two did.

        A judgement that was made from somebody else's note is no reading of one's own.
        """
        read = [m for m in self.readings.values() if not m.coded]
        return None if len(read) < 2 else len({frozenset(m.failure_modes) for m in read}) == 1


class Source(Protocol):
    """Where cases come from; a workspace is one."""

    def ledger(self) -> Ledger:
        """What everybody has said, in all reviews."""
        ...

    def rows(self, trace_ids: Sequence[str]) -> pd.DataFrame:
        """Those of these traces that are here, as rows of a traces' frame."""
        ...

    def session(self, name: str) -> Session:
        """A review."""
        ...

    def forgotten(self, trace_ids: Sequence[str]) -> set[str]:
        """Those of these traces whose deletion was asked for."""
        ...

    def home(self, golden: str) -> Path:
        """The folder of a golden set."""
        ...


@dataclass(frozen=True, eq=False)
class Words:
    """What stands in the log of one trace, oldest first: proposals, what was done on the desk, what reviewers said."""

    proposals: Sequence[Event] = ()
    desk: Sequence[Event] = ()
    sayings: Sequence[Event] = ()
    decision: Event | None = None

    @property
    def edits(self) -> list[Event]:
        """What was written otherwise than it was found."""
        return [e for e in self.desk if e.kind == kinds.CASE_EDITED]

    def waived(self) -> dict[str, dict[str, str]]:
        """The waivers that hold: one was given for what was there, not for what somebody else wrote afterwards."""
        out = {}
        for event in self.desk:
            if event.kind != kinds.CHECK_WAIVED:
                continue
            later = (e for e in (*self.edits, *self.sayings) if e.seq > event.seq and changes_example(e))
            if all(e.actor == event.actor for e in later):
                out[event.payload["check"]] = {
                    "by": event.actor,
                    "at": event.at,
                    "reason": event.payload["reason"],
                }
        return out


def changes_example(event: Event) -> bool:
    """Whether an event changes what the example would say."""
    if event.kind == kinds.ANNOTATION:
        return any(event.payload.get(k) is not None for k in ("failure_modes", "note", "expected_output"))
    return event.kind in (kinds.CASE_EDITED, kinds.TRACE_TAGS, kinds.DECISION)


def case_of(
    trace_id: str,
    row: pd.Series | None,
    words: Words,
    *,
    marks: Mapping[str, Mark],
    found: Callable[[str, str], dict[str, Any]],
    state: tuple[str, str],
) -> Case:
    """Put a case together.

    Parameters
    ----------
    row : Series or None
        The trace; None for one that is not here any more.
    marks : mapping of str to Mark
        Reviewer -> what they say of it.
    found : callable
        Gives the path of discovery of a trace through a review.
    state : tuple
        Where it stands, and why.
    """
    gone = row is None
    if row is None:
        row = pd.Series(dict.fromkeys((*TEXT_COLUMNS, "model", "prompt_version"), "") | {"timestamp": pd.NaT})
    decision = words.decision
    modes = dict.fromkeys(mode for m in marks.values() for mode in m.failure_modes)
    example: dict[str, Any] = {
        "id": example_id(trace_id),
        **{c: str(row[c]) for c in TEXT_COLUMNS},
        "criteria": [],
        "failure_modes": list(decision.payload["failure_modes"] if decision else modes),
        "note": "\n".join(m.note for m in marks.values() if m.note),
    }
    written = [(m.expected_seq, m.expected_output) for m in marks.values() if m.expected_output is not None]
    at, example["expected_output"] = max(written, default=(0, None))
    for event in words.edits:
        changes = dict(event.payload["changes"])
        if event.seq < at:
            changes.pop("expected_output", None)  # a reviewer wrote another one since
        example |= changes
    case = Case(
        trace_id,
        example,
        {who: m for who, m in marks.items() if m.read},
        settled=decision is not None,
        forgotten=gone,
        waived=words.waived(),
        status=state[0],
        question=state[1],
        history=[_done(e) for e in words.desk],
    )
    example["provenance"] = _provenance(case, row, words, found)
    return case


def _provenance(
    case: Case, row: pd.Series, words: Words, found: Callable[[str, str], dict[str, Any]]
) -> dict[str, Any]:
    sayings = [e for e in words.sayings if e.kind != kinds.DECISION]
    reviews = dict.fromkeys(e.session for e in (*sayings, *words.proposals) if e.session)
    settled = words.decision and {
        "by": words.decision.actor,
        "reason": words.decision.payload.get("reason", ""),
    }
    return {
        "trace": _trace(case.trace_id, row),
        "found": [found(name, case.trace_id) for name in reviews],
        "said": [_said(e) for e in sayings],
        "agreement": {"readers": list(case.readings), "agree": case.agree, "settled": settled},
        "proposed": [
            {"reviewer": e.actor, "at": e.at, "reason": e.payload["reason"], "review": e.session}
            for e in words.proposals
        ],
        "edited": [
            {
                "by": e.actor,
                "at": e.at,
                "reason": e.payload["reason"],
                "fields": sorted(e.payload["changes"]),
                **({"masked": e.payload["masked"]} if e.payload.get("masked") else {}),
            }
            for e in words.edits
        ],
        "waived": [{"check": check, **said} for check, said in case.waived.items()],
    }


def _said(event: Event) -> dict[str, Any]:
    said: dict[str, Any] = {
        "reviewer": event.actor,
        "at": event.at,
        "review": event.session,
        "what": describe(event),
    }
    modes = event.payload.get("failure_modes")
    if modes is not None:
        said["failure_modes"] = list(modes)
    if event.payload.get("scores"):
        said["scores"] = dict(event.payload["scores"])
        if event.payload.get("rubric"):
            said["rubric"] = {"version": event.payload["rubric"]}
    return said


def _trace(trace_id: str, row: pd.Series) -> dict[str, Any]:
    when, line = row["timestamp"], row.get("source_line")
    return {
        "trace_id": trace_id,
        "timestamp": "" if pd.isna(when) else when.isoformat(),
        "week": "" if pd.isna(when) else f"{when.isocalendar().year}-W{when.isocalendar().week:02d}",
        "log_file": str(row.get("source_file", "")),
        "log_line": int(line) if line is not None and pd.notna(line) else None,
        "log_sha256": str(row.get("source_sha256", "") or ""),
        "model": row["model"],
        "prompt_version": row["prompt_version"],
        "text_sha256": text_hash("\0".join(str(row[c]) for c in TEXT_COLUMNS)),
    }


def _done(event: Event) -> dict[str, str]:
    """One thing done on the desk, in words."""
    said = event.payload
    match event.kind:
        case kinds.CASE_EDITED:
            masked = said.get("masked") or {}
            told = f"edited {', '.join(sorted(said['changes']))}".replace("_", " ")
            if masked:
                told += " (masked " + ", ".join(f"{kind} {n}" for kind, n in masked.items()) + ")"
        case kinds.CASE_DECIDED:
            told = said["verdict"]
        case kinds.CASE_ANSWERED:
            told = "answered"
        case _:
            told = f"waived “{said.get('check', '')}”"
    return {
        "by": event.actor,
        "at": event.at,
        "what": told,
        "reason": said.get("reason", said.get("answer", "")),
    }
