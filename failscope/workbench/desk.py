"""The curator's desk in the notebook: hides how proposed cases become what the page shows, and who may say what of them.

The wire is the one of ``widget``; a case is named by its ``trace_id``. The page asks:

======================  ============================  ==============================================================
ask                     with                          answer
======================  ============================  ==============================================================
``hello``                                             title, who looks, the case to open, the cases chosen
``chosen``              ``cases``                     nothing; for ``bench.selected``
``state``               ``since`` (a revision)        role, the newest version, one short row for each case
``case``                ``case``                      all that the pane shows; long texts in pieces
``more``                ``case, part, start``         the next piece of a long text
``masking``             ``case``                      what masking would find and change; nothing is written
``promotion``                                         what promoting the accepted would do now
``edit``                ``case``, fields, ``reason``  the revision; so do the rest
``mask``                ``case, reason``
``answer``              ``case, answer``
``accept``              ``cases``
``send_back``           ``cases, question``
``reject``              ``cases, reason``
``waive``               ``cases, check, reason``
``settle``              ``case, failure_modes, reason``
``undo``                                              what was taken back
``promote``             ``reason``                    the version
======================  ============================  ==============================================================

What writes comes with ``seen``: for each case what the page had seen of it. A word on a case of which somebody else has
spoken since is refused, and says who and what. Python tells ``{"push": "open_case" | "choose", ...}``.
``src/deskwire.ts`` has the same table as types.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import traitlets

from failscope.errors import ArgumentError, NotFoundError, RoleError
from failscope.golden.cases import Case
from failscope.golden.desk import Desk
from failscope.golden.gate.checks import UNWAIVABLE
from failscope.golden.gate.criteria import criterion
from failscope.golden.gate.gate import GateReport
from failscope.review.events import ANNOTATION, TRACE_TAGS
from failscope.review.wording import short_name
from failscope.workbench.reading import PIECE, piece
from failscope.workbench.saved import static_desk
from failscope.workbench.seen import seen, told_since
from failscope.workbench.widget import Workbench

_MORE = 200_000
_WORDS = 300
_PARTS = ("input", "output", "context", "system_prompt")


class DeskWorkbench(Workbench):
    """The curator's face of the workbench; ``fs.Workbench(ws.desk("refunds"), reviewer="cleo")`` makes one.

    What the buttons do has a call of the same name on the desk (``edit``, ``mask``, ``accept``, ``send_back``,
    ``answer``, ``reject``, ``waive``, ``settle``, ``undo``, ``promote``). The widget adds ``open``, ``select`` and ``selected``.
    """

    face = traitlets.Unicode("desk", help="Which face the page shows.", read_only=True).tag(sync=True)

    def _begin(self, session: Any, reviewer: str | None) -> None:
        self._face = DeskFace(session, reviewer)

    @property
    def reviewer(self) -> str:
        """Who looks."""
        return self._face.reviewer

    @property
    def selected(self) -> list[str]:
        """The trace ids that are chosen on the page or by the last ``select``."""
        return list(self._face.chosen)

    def open(self, trace_id: str | None = None) -> None:
        """Show one case; without an argument it is ipywidgets' own ``open``."""
        if trace_id is None:
            super().open()
            return
        self._face.focus = self._face.known([trace_id])[0]
        self._push({"push": "open_case", "case": self._face.focus})

    def select(self, trace_ids: Iterable[str]) -> None:
        """Choose cases, as ``x`` does; an empty list drops the choice."""
        self._face.chosen = self._face.known([trace_ids] if isinstance(trace_ids, str) else trace_ids)
        self._push({"push": "choose", "cases": self._face.chosen})

    def walk(self, more: Any, *, says: str = "") -> None:
        """There is no walk at the desk: its list is filtered on the page."""
        raise ArgumentError("the desk has its own list; choose cases with bench.select(trace_ids)")

    def color(self, by: str) -> None:
        """There is no map at the desk."""
        raise ArgumentError(
            "the desk has no map to colour; open a review: fs.Workbench(session, reviewer=...)"
        )

    def _title(self) -> str:
        return f"desk of {self._face.desk.name} · {self.reviewer}"

    def __repr__(self) -> str:
        return f"<Workbench {self._title()}>"

    def _static_html(self) -> str:
        now = self._face.now()
        return static_desk(now.cases, now.refused, said=repr(self)[1:-1])

    def _handler(self, ask: Any) -> Callable[[dict, list], tuple]:
        handler = getattr(self._face, f"ask_{ask}", None) if isinstance(ask, str) else None
        if handler is None:
            raise ArgumentError(
                f"the page asked {ask!r}, which this failscope does not know; run the cell again"
            )
        return lambda content, buffers: (handler(content),)


@dataclass(frozen=True, eq=False)
class Standing:
    """The cases of a desk at one revision, and what the gate says of each.

    Attributes
    ----------
    cases : mapping of str to Case
    refused : mapping of str to list of str
        Trace id -> the checks that refuse it; those it lets in are left out.
    checks : mapping of str to list of mapping
        Trace id -> ``check, passed, waived, says`` of each check.
    """

    revision: int
    cases: Mapping[str, Case]
    refused: Mapping[str, list[str]]
    checks: Mapping[str, list[dict[str, Any]]]

    @classmethod
    def of(cls, desk: Desk) -> Standing:
        """Read the log and ask the gate."""
        revision = desk.revision
        cases, report = desk.standing()
        return cls(revision, {c.trace_id: c for c in cases}, report.refused, _by_case(report))


class DeskFace:
    """Answers the questions of the table above.

    Parameters
    ----------
    desk : Desk
    reviewer : str
        Who looks; anybody may look, edit and answer.
    """

    def __init__(self, desk: Desk, reviewer: str | None) -> None:
        if reviewer is None:
            raise ArgumentError("no reviewer was named; say who is at the desk: reviewer='cleo'")
        self.desk = desk
        self.reviewer = short_name(reviewer, "curator or reviewer")
        self.focus: str | None = None
        self.chosen: list[str] = []
        self._held: Standing | None = None
        self._upto = -1

    # what is shown ---------------------------------------------------------------------------------------------

    def now(self) -> Standing:
        """The cases as they stand, and what the gate says of them."""
        revision = self.desk.revision
        if self._held is not None and revision != self._upto and not self._touched():
            self._upto = revision
        if self._held is None or revision != self._upto:
            self._held = Standing.of(self.desk)
            self._upto = self._held.revision
        return self._held

    def _touched(self) -> bool:
        """Whether a case may be another since it was looked at; who reads other traces beside the desk costs it nothing."""
        assert self._held is not None
        for event in self.desk.office.log.read(after=self._upto):
            ids = event.payload.get("trace_ids") or [event.trace_id]
            if event.kind not in (ANNOTATION, TRACE_TAGS) or not self._held.cases.keys().isdisjoint(ids):
                return True
        return False

    def ask_hello(self, content: dict) -> dict[str, Any]:
        """Who looks at what."""
        return {
            "title": self.desk.name,
            "reviewer": self.reviewer,
            "open": self.focus,
            "chosen": self.chosen,
        }

    def ask_chosen(self, content: dict) -> dict[str, Any]:
        """What is chosen on the page, for whoever asks in a cell."""
        there = self.now().cases
        self.chosen = [i for i in content.get("cases") or () if isinstance(i, str) and i in there]
        return {}

    def ask_state(self, content: dict) -> dict[str, Any]:
        """The list, when anything was said since."""
        now, since = self.now(), content.get("since")
        if isinstance(since, int) and now.revision <= since <= self._upto:
            return {"revision": self._upto, "changed": False}
        golden = self.desk.golden
        kept: Counter[str] = Counter()
        for modes, n in self.desk.office.near(self.desk.name).modes(golden).items():
            kept.update(dict.fromkeys(modes or ("",), n))
        return {
            "revision": now.revision,
            "changed": True,
            "role": self.desk.role(self.reviewer),
            "bound": self._bound(),
            "golden": self.desk.name,
            "version": golden.version if golden else None,
            "examples": len(golden) if golden else 0,
            "kept": dict(kept),
            "firm": list(UNWAIVABLE),
            "rows": [{**self._row(c, now), "input": c.example["input"][:_WORDS]} for c in now.cases.values()],
        }

    def ask_case(self, content: dict) -> dict[str, Any]:
        """One case in full."""
        case, now = self._case(content)
        row, path = case.example, case.example["provenance"]
        expected = row["expected_output"]
        found = {
            **self._row(case, now),
            "parts": [{"name": name, **piece(row[name])} for name in _PARTS],
            "expected": None if expected is None else piece(expected),
            "said": [
                {
                    "reviewer": who,
                    "failure_modes": list(mark.failure_modes),
                    "scores": dict(mark.scores),
                    "note": mark.note,
                }
                for who, mark in case.readings.items()
            ],
            "settled": path["agreement"]["settled"],
            "proposed": path["proposed"],
            "criteria": [{"raw": c, "words": criterion(c).says()} for c in row["criteria"]],
            "checks": _checks(case, now.checks[case.trace_id]),
            "history": [
                {"by": e["by"], "at": e["at"], "what": e["what"], "text": e["reason"]} for e in case.history
            ],
            "fields": _fields(path["trace"]),
        }
        return {"found": found}

    def ask_more(self, content: dict) -> dict[str, Any]:
        """The next piece of a text."""
        case, _ = self._case(content)
        part, start = content.get("part"), content.get("start")
        if part not in (*_PARTS, "expected_output") or not isinstance(start, int) or start < 0:
            raise ArgumentError(f"a case has no text {part!r} at {start!r}; run the cell again")
        text = case.example[part] or ""
        return {"text": text[start : start + _MORE], "start": start, "total": len(text)}

    def ask_masking(self, content: dict) -> dict[str, Any]:
        """What masking would do."""
        case, _ = self._case(content)
        masked = self.desk.masking(case.trace_id)
        before = masked.before
        return {
            "found": [{"kind": kind, "n": n} for kind, n in masked.counts.items()],
            "parts": [
                {
                    "name": name,
                    "before": before[name][:PIECE],
                    "after": after[:PIECE],
                    "cut": len(before[name]) > PIECE,
                }
                for name, after in masked.texts.items()
                if after != before[name]
            ],
        }

    def ask_promotion(self, content: dict) -> dict[str, Any]:
        """What promoting the accepted would do."""
        ids, golden = self._accepted(), self.desk.golden
        refused: list[dict[str, Any]] = []
        if ids:
            report = self.desk.check(ids)
            said = _by_case(report)
            refused = [
                {"id": i, "says": [c["says"] for c in said[i] if c["check"] in checks]}
                for i, checks in report.refused.items()
            ]
        return {
            "accepted": len(ids),
            "enter": len(ids) - len(refused),
            "refused": refused,
            "version": golden.version + 1 if golden else 1,
        }

    # what is said ----------------------------------------------------------------------------------------------

    def ask_edit(self, content: dict) -> dict[str, Any]:
        """Write a case otherwise."""
        (trace_id,) = self._unchanged(content)
        fields = {
            k: content[k] for k in ("input", "expected_output", "criteria") if content.get(k) is not None
        }
        self.desk.edit(trace_id, by=self.reviewer, reason=_said(content, "reason"), **fields)
        return self._done()

    def ask_mask(self, content: dict) -> dict[str, Any]:
        """Mask personal data."""
        (trace_id,) = self._unchanged(content)
        self.desk.mask(trace_id, by=self.reviewer, reason=_said(content, "reason"))
        return self._done()

    def ask_answer(self, content: dict) -> dict[str, Any]:
        """Answer the question."""
        (trace_id,) = self._unchanged(content)
        self.desk.answer(trace_id, by=self.reviewer, answer=_said(content, "answer"))
        return self._done()

    def ask_accept(self, content: dict) -> dict[str, Any]:
        """Accept."""
        self.desk.accept(self._unchanged(content), by=self.reviewer, reason=_said(content, "reason"))
        return self._done()

    def ask_send_back(self, content: dict) -> dict[str, Any]:
        """Send back with a question."""
        self.desk.send_back(self._unchanged(content), by=self.reviewer, question=_said(content, "question"))
        return self._done()

    def ask_reject(self, content: dict) -> dict[str, Any]:
        """Reject."""
        self.desk.reject(self._unchanged(content), by=self.reviewer, reason=_said(content, "reason"))
        return self._done()

    def ask_waive(self, content: dict) -> dict[str, Any]:
        """Waive a check."""
        ids, check = self._unchanged(content), _said(content, "check")
        self.desk.waive(ids, check, by=self.reviewer, reason=_said(content, "reason"))
        return self._done()

    def ask_settle(self, content: dict) -> dict[str, Any]:
        """Decide what a case has where its readers differ."""
        (trace_id,) = self._unchanged(content)
        modes = [m for m in content.get("failure_modes") or () if isinstance(m, str)]
        self.desk.settle(trace_id, modes, by=self.reviewer, reason=_said(content, "reason"))
        return self._done()

    def ask_undo(self, content: dict) -> dict[str, Any]:
        """Take back the last word."""
        return {"said": self.desk.undo(by=self.reviewer), **self._done()}

    def ask_promote(self, content: dict) -> dict[str, Any]:
        """Make the next version of what was accepted."""
        self.desk.office.curator(self.reviewer)
        ids = self._accepted()
        if not ids:
            raise ArgumentError("nothing is accepted yet; accept a case first")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what stays out was on the page before it was confirmed
            golden = self.desk.promote(by=self.reviewer, reason=_said(content, "reason"), trace_ids=ids)
        return {"version": golden.version, "examples": len(golden), **self._done()}

    # -----------------------------------------------------------------------------------------------------------

    def known(self, trace_ids: Iterable[str]) -> list[str]:
        """These ids; an error for one that is not on the desk."""
        ids, there = list(dict.fromkeys(trace_ids)), self.now().cases
        missing = [i for i in ids if i not in there]
        if missing:
            raise NotFoundError(
                f"no case {missing[0]!r} on the desk of {self.desk.name!r}; it has {len(there):,} cases"
            )
        return ids

    def _case(self, content: dict) -> tuple[Case, Standing]:
        (trace_id,) = self.known([str(content.get("case"))])
        now = self.now()
        return now.cases[trace_id], now

    def _accepted(self) -> list[str]:
        return [i for i, c in self.now().cases.items() if c.status == "accepted"]

    def _bound(self) -> str:
        try:
            self.desk.office.curator(self.reviewer)
        except RoleError as error:
            return str(error)
        return ""

    def _done(self) -> dict[str, Any]:
        return {"revision": self.desk.revision}

    def _row(self, case: Case, now: Standing) -> dict[str, Any]:
        path = case.example["provenance"]
        return {
            "id": case.trace_id,
            "modes": list(case.example["failure_modes"]),
            "status": case.status,
            "question": case.question,
            "refused": list(now.refused.get(case.trace_id, ())),
            "waived": list(case.waived),
            "edited": bool(path["edited"]),
            "proposed_by": list(dict.fromkeys(p["reviewer"] for p in path["proposed"])),
            "readers": list(case.readings),
            "agree": case.agree,
            "differ": case.agree is False and not case.settled,
            "seen": seen(case),
        }

    def _unchanged(self, content: dict) -> list[str]:
        """The cases that a word is about; refused when somebody else has spoken of one since the page saw it."""
        ids = content["cases"] if "cases" in content else [content.get("case")]
        ids = self.known(str(i) for i in ids)
        before, cases = content.get("seen") or {}, self.now().cases
        told = [said for i in ids if (said := told_since(cases[i], str(before.get(i, "")), me=self.reviewer))]
        if told:
            more = f" ({len(told):,} of the {len(ids):,} cases)" if len(ids) > 1 else ""
            raise ArgumentError(f"{told[0]}{more}; look at it again, then decide")
        return ids


def _said(content: Mapping[str, Any], key: str) -> str:
    said = content.get(key)
    return said if isinstance(said, str) else ""


def _fields(trace: Mapping[str, Any]) -> list[dict[str, str]]:
    names = ("week", "model", "prompt_version", "log_file", "log_line")
    said = [{"name": n.replace("_", " "), "value": str(trace[n])} for n in names if trace.get(n)]
    when = str(trace.get("timestamp") or "")[:16].replace("T", " ")
    return [{"name": "time", "value": f"{when} UTC"}, *said] if when else said


def _by_case(report: GateReport) -> dict[str, list[dict[str, Any]]]:
    """What each check says of each case; unlike what is kept with an example, it may quote other cases."""
    out: dict[str, list[dict[str, Any]]] = {}
    for said in report.frame.to_dict("records"):
        out.setdefault(str(said.pop("trace_id")), []).append({str(k): v for k, v in said.items()})
    return out


def _checks(case: Case, said: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {**check, "waived": dict(case.waived[check["check"]]) if check["waived"] else None} for check in said
    ]
