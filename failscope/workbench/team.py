"""What reviewers do together, asked by the page: how far everybody is, differences, notes, and the end of a blind part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from failscope.review.session import Session
from failscope.workbench.asked import asked_row, asked_rows
from failscope.workbench.sight import Sight

_GROUPS = 60  # groups of notes that are shown at once, the largest


class Team:
    """Answers the questions of the table in ``widget`` that start here with ``ask_``.

    Parameters
    ----------
    session : Session
    sight : Sight
        Who asks, and what that reviewer is shown.
    rows : mapping
        Trace id -> row.
    """

    def __init__(self, session: Session, sight: Sight, *, rows: Mapping[str, int]) -> None:
        self._session = session
        self._sight = sight
        self._rows = rows
        self._ids = list(rows)

    def people(self) -> list[dict[str, Any]]:
        """How far each reviewer is, this one first: the rows of ``session.progress()``."""
        away = self._session._current().away()
        me = self._sight.reviewer
        out = [
            {
                "reviewer": who,
                **{key: int(p[key]) for key in ("read", "left", "of", "due")},
                "seconds": float(p["seconds"]),
                "away": who in away,
                "you": who == me,
            }
            for who, p in self._session.progress().iterrows()
        ]
        return sorted(out, key=lambda person: not person["you"])

    def ask_team(self, content: dict, buffers: list) -> tuple:
        """What waits for this reviewer beside reading. While blind, nothing is said that others' words go into."""
        blind = self._sight.blind
        curve = None if blind else self._session.saturation()
        last = None if curve is None or curve.empty else curve.iloc[-1]
        settled = None if blind else self._sight.disagreements()["settled"]
        return (
            {
                "fresh": self._sight.new_modes(),
                "enough": None if last is None else bool(last["enough"]),
                "new_high": None if last is None else last["new_high"],
                "sampled": None if last is None else int(last["sampled"]),
                "open": 0 if settled is None else int((~settled).sum()),
                "settled": 0 if settled is None else int(settled.sum()),
                "notes": self._sight.open_notes(),
                "keep": len(self._to_keep()),
                "report": f"ws.report({self._session.name!r})",
            },
        )

    def ask_rubric(self, content: dict, buffers: list) -> tuple:
        """The rubric in words, null where there is none."""
        rubric = self._session.rubric
        if rubric is None:
            return ({"rubric": None},)
        dimensions = [
            {
                "key": d.key,
                "name": d.name,
                "definition": d.definition,
                "scale": [{"score": p.score, "meaning": p.meaning, "example": p.example} for p in d.scale],
                "failure_modes": [m.name for m in d.failure_modes],
            }
            for d in rubric.dimensions
        ]
        return ({"rubric": {"name": rubric.name, "version": rubric.version, "dimensions": dimensions}},)

    def ask_disagreements(self, content: dict, buffers: list) -> tuple:
        """Where people differ, those not settled first: who said what, side by side."""
        rubric = self._session.rubric
        names = {d.key: d.name for d in rubric.dimensions} if rubric else {}
        cases = []
        for trace_id, case in self._sight.disagreements().iterrows():
            said = [
                {
                    "reviewer": who,
                    "failure_modes": modes,
                    "scores": {d: by[who] for d, by in case["scores"].items() if who in by},
                    "note": self._session.mark(str(trace_id), reviewer=who)["note"],
                }
                for who, modes in case["said"].items()
            ]
            differ = [names.get(what, what) for what in case["differ"]]
            decision = self._sight.decision(str(trace_id))
            cases.append(
                {"row": self._rows[str(trace_id)], "differ": differ, "said": said, "decision": decision}
            )
        return ({"cases": cases},)

    def ask_settle(self, content: dict, buffers: list) -> tuple:
        """Decide on one trace, with the reason."""
        self._sight.disagreements()  # not while blind
        trace_id = self._ids[asked_row(content, len(self._ids))]
        reason, who = content.get("reason") or "", self._sight.reviewer
        self._session.settle(trace_id, content["failure_modes"], reason=reason, reviewer=who)
        left = int((~self._session.disagreements()["settled"]).sum())
        return (
            {
                "decision": self._sight.decision(trace_id),
                "left": left,
                "revision": self._session.revision,
            },
        )

    def ask_notes(self, content: dict, buffers: list) -> tuple:
        """Notes of traces without a failure mode, in groups that probably say the same."""
        groups = self._sight.note_groups()
        shown = [
            {"note": g["note"], "notes": g["notes"], "rows": [self._rows[i] for i in g["trace_ids"]]}
            for _, g in groups.head(_GROUPS).iterrows()
        ]
        return ({"groups": shown, "of": len(groups)},)

    def ask_code(self, content: dict, buffers: list) -> tuple:
        """Make a failure mode of a group of notes."""
        ids = [self._ids[row] for row in asked_rows(buffers, len(self._ids))]
        self._session.code(ids, content["failure_mode"], reviewer=self._sight.reviewer)
        return ({"n": len(ids), "revision": self._session.revision},)

    def ask_keep(self, content: dict, buffers: list) -> tuple:
        """The traces with a failure mode that nobody put forward for a golden set yet, to go through."""
        keep = self._to_keep()
        reasons = [f"has the failure mode {', '.join(modes)}" for modes in keep.values()]
        rows = np.array([self._rows[i] for i in keep], dtype=np.uint32)
        return {"says": "with a failure mode, not proposed yet", "reasons": reasons}, rows

    def ask_reveal(self, content: dict, buffers: list) -> tuple:
        """End the blind part, for everybody."""
        if self._sight.blind:
            self._session.reveal(reviewer=self._sight.reviewer)
        return ({"revision": self._session.revision},)

    def ask_away(self, content: dict, buffers: list) -> tuple:
        """Give a reviewer's traces to the others for now, or back."""
        self._session.away(content["reviewer"], away=bool(content["away"]))
        return ({"revision": self._session.revision},)

    def _to_keep(self) -> dict[str, list[str]]:
        proposed = set(self._sight.proposals()["trace_id"])
        marks = self._sight.own() if self._sight.blind else self._session.marks()
        return {
            str(i): modes for i, modes in marks["failure_modes"].items() if modes and str(i) not in proposed
        }
