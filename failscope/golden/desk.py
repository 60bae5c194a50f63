"""The curator's desk: proposed cases with their evidence, and what a curator does with each; every word is an event."""

from __future__ import annotations

import html
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pandas as pd

from failscope.errors import ArgumentError, NotFoundError
from failscope.golden.cases import EDITABLE, Case, Source
from failscope.golden.dataset import GoldenSet
from failscope.golden.docket import Docket
from failscope.golden.gate.balance import Balance, balance
from failscope.golden.gate.checks import CHECKS, UNWAIVABLE
from failscope.golden.gate.criteria import criteria as checked_criteria
from failscope.golden.gate.gate import Gate, GateReport
from failscope.golden.lines import example_id
from failscope.golden.near.index import NearIndex
from failscope.golden.promotion import OPEN
from failscope.golden.versions import MAIN
from failscope.review import events as kinds
from failscope.review.events import EventLog
from failscope.review.wording import id_list, mode_name, short_name
from failscope.traces.masking import Masked, mask
from failscope.traces.table import encodable

CASE_COLUMNS = (
    "input",
    "output",
    "expected_output",
    "criteria",
    "failure_modes",
    "proposed_by",
    "reason",
    "status",
    "question",
    "readers",
    "agree",
    "edited",
    "refused",
    "at",
)

_TEXTS = ("input", "context", "system_prompt", "output", "expected_output", "note")


class Office(Source, Protocol):
    """What a desk needs of a workspace beside the cases."""

    @property
    def log(self) -> EventLog:
        """Where events are kept."""
        ...

    def role(self, person: str) -> str:
        """``"curator"``, ``"reviewer"`` or ""."""
        ...

    def curator(self, person: str) -> str:
        """The person's name; ``RoleError`` for one who is no curator."""
        ...

    def head(self, golden: str, branch: str = MAIN) -> GoldenSet | None:
        """The newest version; None where there is none."""
        ...

    def near(self, golden: str) -> NearIndex:
        """The index of what lies near the examples of a set."""
        ...

    def promote(
        self, name: str, *, curator: str, reason: str, trace_ids: Sequence[str] | None, branch: str
    ) -> GoldenSet:
        """Make the next version."""
        ...

    def known_modes(self) -> Mapping[str, int]:
        """Failure mode -> how many traces were given it in all reviews."""
        ...


@dataclass(frozen=True, eq=False)
class Desk:
    """The cases proposed for one golden set; ``ws.desk(name)`` opens it.

    Nothing is held here that is not in the log. A reviewer proposes, edits and answers; to accept, send back, reject,
    waive and promote takes a curator (``ws.set_role``).

    Attributes
    ----------
    name : str
        The golden set.
    branch : str
    gate : Gate
    """

    name: str
    office: Office = field(repr=False)
    branch: str = MAIN
    gate: Gate = field(default_factory=Gate)

    # what is there -------------------------------------------------------------------------------------------

    @property
    def golden(self) -> GoldenSet | None:
        """The newest version; None before the first promotion."""
        return self.office.head(self.name, self.branch)

    @property
    def revision(self) -> int:
        """Grows with every event of the workspace, by anyone."""
        return self.office.log.revision

    def role(self, person: str) -> str:
        """``"curator"``, ``"reviewer"`` or "" for somebody who is neither."""
        return self.office.role(person)

    def cases(self) -> pd.DataFrame:
        """What is proposed and not in the set as it stands: one row a trace, index ``trace_id``.

        ``input, output, expected_output, criteria, failure_modes, proposed_by, reason, status, question, readers,
        agree, edited, refused, at``; ``refused`` are the checks of the gate that would refuse it now.
        """
        cases, report = self.standing()
        refused, rows = report.refused, []
        for case in cases:
            row, path = case.example, case.example["provenance"]
            proposed = path["proposed"]
            rows.append(
                (
                    row["input"],
                    row["output"],
                    row["expected_output"],
                    row["criteria"],
                    row["failure_modes"],
                    list(dict.fromkeys(p["reviewer"] for p in proposed)),
                    "\n".join(dict.fromkeys(p["reason"] for p in proposed if p["reason"])),
                    case.status,
                    case.question,
                    path["agreement"]["readers"],
                    case.agree,
                    bool(path["edited"]),
                    list(refused.get(case.trace_id, ())),
                    proposed[-1]["at"],
                )
            )
        index = pd.Index([c.trace_id for c in cases], name="trace_id", dtype="str")
        return pd.DataFrame(rows, index=index, columns=list(CASE_COLUMNS))

    def case(self, trace_id: str) -> Case:
        """One proposed case with all that was said of it."""
        docket = self._docket()
        self._proposed(docket, [trace_id])
        golden = self.golden
        case = next((c for c in self._cases(golden) if c.trace_id == trace_id), None)
        closed = {trace_id: ("promoted", "")} if golden and example_id(trace_id) in golden.rows.ids else None
        return case or docket.cases([trace_id], states=closed)[0]

    def check(self, trace_ids: Iterable[str] | None = None) -> GateReport:
        """What the gate says of the cases that wait or were accepted, or of these, as if they were promoted now."""
        golden = self.golden
        if trace_ids is None:
            return self._check([c for c in self._cases(golden) if c.status in OPEN], golden)
        ids, docket = id_list(trace_ids), self._docket()
        self._proposed(docket, ids)
        return self._check(docket.cases(ids), golden)

    def balance(self) -> Balance:
        """How many examples each failure mode has, and which known ones have none."""
        return balance(self.golden, known_modes=self.office.known_modes(), gate=self.gate)

    # what people do --------------------------------------------------------------------------------------------

    def edit(
        self,
        trace_id: str,
        *,
        by: str,
        reason: str,
        input: str | None = None,  # noqa: A002  # the field's name
        expected_output: str | None = None,
        criteria: Iterable[Mapping[str, Any]] | None = None,
        context: str | None = None,
        system_prompt: str | None = None,
        output: str | None = None,
        note: str | None = None,
    ) -> str:
        """Write a case otherwise than it was found; what is left out stays. The trace itself is not changed.

        Parameters
        ----------
        reason : str
            Why; it is kept in the provenance.
        criteria : iterable of mapping, optional
            What an answer has to meet, in place of those there are: ``[{"type": "contains", "value": "30 days"}]``;
            see ``failscope.golden.gate.criteria``.
        """
        given = {
            "input": input,
            "expected_output": expected_output,
            "context": context,
            "system_prompt": system_prompt,
            "output": output,
            "note": note,
        }
        changes: dict[str, Any] = {k: encodable(str(v)) for k, v in given.items() if v is not None}
        if criteria is not None:
            changes["criteria"] = [c.to_dict() for c in checked_criteria(list(criteria))]
        if not changes:
            raise ArgumentError(f"nothing to edit; pass one of {', '.join(EDITABLE)}")
        self._proposed(self._docket(), [trace_id])
        said = {"changes": changes, "reason": _reason(reason)}
        return self._say(kinds.CASE_EDITED, [trace_id], by, said)

    def masking(self, trace_id: str) -> Masked:
        """The texts of a case with personal data and secrets replaced by what they are; nothing is written."""
        return mask(_texts(self.case(trace_id)))

    def mask(self, trace_id: str, *, by: str, reason: str = "personal data masked") -> Masked:
        """Write a case with personal data and secrets replaced by what they are, "[e-mail 1]".

        The same value becomes the same placeholder in all texts and criteria. What was masked is kept by kind and how
        often, never the values.
        """
        case = self.case(trace_id)
        masked = mask(_texts(case))
        if masked.counts:
            row = case.example
            changes: dict[str, Any] = {
                k: masked.texts[k] for k in _TEXTS if row[k] and masked.texts[k] != row[k]
            }
            specs = [
                {**spec, "value": _value(masked.texts[f"criterion {n}"], spec["value"])}
                if "value" in spec
                else spec
                for n, spec in enumerate(row["criteria"], start=1)
            ]
            if specs != row["criteria"]:
                changes["criteria"] = specs
            said = {"changes": changes, "reason": _reason(reason), "masked": dict(masked.counts)}
            self._say(kinds.CASE_EDITED, [trace_id], by, said)
        return masked

    def accept(self, trace_ids: Iterable[str], *, by: str, reason: str = "") -> str:
        """Say that cases may enter; ``promote`` then makes the version."""
        return self._decide("accepted", trace_ids, by, reason)

    def send_back(self, trace_ids: Iterable[str], *, by: str, question: str) -> str:
        """Ask the reviewer something first; an answer or an edit puts the case before the curator again."""
        return self._decide("sent back", trace_ids, by, _reason(question, "question"))

    def reject(self, trace_ids: Iterable[str], *, by: str, reason: str) -> str:
        """Leave cases out, with the reason; who still wants one proposes it again."""
        return self._decide("rejected", trace_ids, by, _reason(reason))

    def answer(self, trace_id: str, *, by: str, answer: str) -> str:
        """Answer the question with which a case was sent back."""
        if self.case(trace_id).status != "sent back":
            raise ArgumentError(f"{trace_id!r} was not sent back; there is no question to answer")
        return self._say(kinds.CASE_ANSWERED, [trace_id], by, {"answer": _reason(answer, "answer")})

    def waive(self, trace_ids: Iterable[str], check: str, *, by: str, reason: str) -> str:
        """Let cases pass a check of the gate although it refuses them; the reason stays in their provenance."""
        if check not in CHECKS:
            raise ArgumentError(f"the gate has no check {check!r}; its checks are {', '.join(CHECKS)}")
        if check in UNWAIVABLE:
            raise ArgumentError("a request for deletion cannot be waived; reject the case")
        ids = self._known(trace_ids)
        who, said = self.office.curator(by), _reason(reason)
        refused = self.check(ids).refused
        passing = [i for i in ids if check not in refused.get(i, ())]
        if passing and check not in ("duplicate", "quota"):  # those depend on which others enter
            raise ArgumentError(f"{check!r} does not refuse {passing[0]!r}; there is nothing to waive")
        return self._say(kinds.CHECK_WAIVED, ids, who, {"check": check, "reason": said})

    def settle(self, trace_id: str, failure_modes: Iterable[str], *, by: str, reason: str) -> str:
        """Decide which failure modes a case has where its readers differ, as ``session.settle`` does in their review."""
        who = self.office.curator(by)
        case = self.case(trace_id)
        if case.agree is not False:
            raise ArgumentError(f"the readers of {trace_id!r} do not differ; there is nothing to settle")
        if isinstance(failure_modes, str):
            raise ArgumentError(
                f"failure_modes={failure_modes!r} is one text; give a list: [{failure_modes!r}]"
            )
        said = {
            "failure_modes": list(dict.fromkeys(mode_name(m) for m in failure_modes)),
            "reason": _reason(reason),
            "golden": self.name,
        }
        review = case.example["provenance"]["said"][-1]["review"]
        return self.office.log.append(
            kinds.DECISION, actor=who, session=review, trace_id=trace_id, payload=said
        ).id

    def undo(self, *, by: str) -> str:
        """Take back the last thing that this person did on the desk; says what it was."""
        ledger = self.office.ledger()
        every = [e for kind in (*sorted(kinds.DESK), kinds.DECISION) for e in ledger.standing(kind)]
        mine = [e for e in every if e.actor == ledger.name(by) and e.payload.get("golden") == self.name]
        if not mine:
            raise NotFoundError(
                f"{by!r} has done nothing on the desk of {self.name!r} that could be taken back"
            )
        last = max(mine, key=lambda e: e.seq)
        self.office.log.append(kinds.UNDO, actor=last.actor, payload={"undone": last.id})
        ids = last.payload.get("trace_ids") or [last.trace_id]
        told = last.payload.get("verdict") or last.kind.replace("_", " ")
        return f"taken back: {told}, {ids[0] if len(ids) == 1 else f'{len(ids):,} cases'}"

    def promote(self, *, by: str, reason: str = "", trace_ids: Iterable[str] | None = None) -> GoldenSet:
        """Make the next version; see ``ws.promote``. Without ``trace_ids``: of all that wait or were accepted."""
        ids = None if trace_ids is None else id_list(trace_ids)
        return self.office.promote(self.name, curator=by, reason=reason, trace_ids=ids, branch=self.branch)

    # ---------------------------------------------------------------------------------------------------------

    def _decide(self, verdict: str, trace_ids: Iterable[str], by: str, reason: str) -> str:
        ids = self._known(trace_ids)
        who = self.office.curator(by)
        return self._say(kinds.CASE_DECIDED, ids, who, {"verdict": verdict, "reason": encodable(str(reason))})

    def _say(self, kind: str, trace_ids: list[str], by: str, said: Mapping[str, Any]) -> str:
        who = short_name(by, "curator or reviewer")
        one = trace_ids[0] if len(trace_ids) == 1 else ""
        payload = {"golden": self.name, "trace_ids": trace_ids, **said}
        return self.office.log.append(kind, actor=who, trace_id=one, payload=payload).id

    def _known(self, trace_ids: Iterable[str]) -> list[str]:
        ids = id_list(trace_ids)
        if not ids:
            raise ArgumentError("no cases named; give at least one trace_id")
        docket, golden = self._docket(), self.golden
        self._proposed(docket, ids)
        standing = docket.standing(golden.as_version() if golden else None)
        closed = [i for i in ids if i not in standing]
        if closed:
            raise ArgumentError(
                f"{closed[0]!r} is in {self.name!r} as it is, or was retired or forgotten; there is nothing to decide"
            )
        return ids

    def _proposed(self, docket: Docket, ids: Iterable[str]) -> None:
        missing = [i for i in ids if i not in docket.words]
        if missing:
            raise NotFoundError(
                f"{missing[0]!r} is not proposed for {self.name!r}; "
                f"propose first: ws.propose({self.name!r}, [{missing[0]!r}], reviewer=...)"
            )

    def _docket(self) -> Docket:
        return Docket.of(self.name, self.office)

    def _cases(self, golden: GoldenSet | None) -> list[Case]:
        """The cases that are not in the set as they are now, in the order of proposal."""
        return self._docket().open_cases(golden.as_version() if golden else None)

    def standing(self) -> tuple[list[Case], GateReport]:
        """The cases as they stand, and what the gate says of them."""
        golden = self.golden
        cases = self._cases(golden)
        return cases, self._check(cases, golden)

    def _check(self, cases: Sequence[Case], golden: GoldenSet | None) -> GateReport:
        return self.gate.check(cases, golden, near=self.office.near(self.name))

    def __repr__(self) -> str:
        return f"<Desk of {self.name!r} · {self._counts()}>"

    def _repr_html_(self) -> str:
        cases = self.cases()
        shown = cases[["status", "input", "expected_output", "failure_modes", "refused"]].head(12)
        short = shown.map(lambda v: v if not isinstance(v, str) or len(v) < 120 else v[:120] + "…")
        return (
            f"<div><b>Desk of {html.escape(self.name)}</b> · {html.escape(self._counts())}</div>"
            f"{short.to_html(escape=True, border=0, na_rep='–')}"
        )

    def _counts(self) -> str:
        docket, golden = self._docket(), self.golden
        cases = docket.open_cases(golden.as_version() if golden else None)
        states = Counter(case.status for case in cases)
        told = ", ".join(f"{n:,} {state}" for state, n in states.items()) or "nothing open"
        version = "no version yet" if golden is None else f"v{golden.version}, {len(golden):,} examples"
        return f"{told} · {len(docket.words):,} proposed in all · {version}"


def _texts(case: Case) -> dict[str, str]:
    """All that a case says, by field; a criterion that is a text is one of them."""
    row = case.example
    texts = {k: row[k] for k in _TEXTS if row[k]}
    for n, spec in enumerate(row["criteria"], start=1):
        if "value" in spec:
            value = spec["value"]
            texts[f"criterion {n}"] = (
                value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            )
    return texts


def _value(text: str, was: Any) -> Any:
    """A criterion's value of its text; a schema was written as JSON."""
    return text if isinstance(was, str) else json.loads(text)


def _reason(text: str, what: str = "reason") -> str:
    said = encodable(str(text)).strip()
    if not said:
        raise ArgumentError(f"a {what} is needed, and it is kept; pass {what}='...'")
    return said
