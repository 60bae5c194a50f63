"""What a review found: hides where what is new is looked for, which costs can be told, and which examples are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from failscope.report.facts import Facts
from failscope.report.words import NAME, REASON, count, listed
from failscope.review.matching import match_weeks
from failscope.review.modes import words_of
from failscope.review.outcomes import Outcomes, outcomes
from failscope.surface.clustering import Clustering
from failscope.surface.lift import MIN_SUPPORT
from failscope.surface.profile import NOISE

EXAMPLES = 2
"""Examples that are shown of a failure mode."""


def news(facts: Facts, weeks: tuple[str, Clustering] | None) -> dict[str, Any]:
    """What is new: failure modes that nobody had named, and groups and modes that came, grew, shrank or went.

    Parameters
    ----------
    facts : Facts
    weeks : (str, Clustering), optional
        A clustering of several weeks that holds this review's traces, with its name.
    """
    new = facts.session.new_failure_modes()
    modes: list[dict[str, Any]] = [
        {
            "name": facts.texts(mode, NAME),
            "definition": facts.texts(_definition(facts, mode), REASON),
            "severity": facts.severity(mode),
            "traces": len(facts.of_mode.get(mode, ())),
        }
        for mode in new
        if mode in facts.of_mode
    ]
    back = [facts.texts(m.says, REASON) for m in facts.registry.values() if m.says]
    says = [
        f"{count(len(modes), 'failure mode')} that nobody had named before: {listed([m['name'] for m in modes])}."
        if modes
        else "No failure mode that nobody had named before."
    ]
    if weeks is None:
        says.append(
            "Whether groups grew or are new is not told: no clustering of several weeks holds these traces. Keep one with "
            "ws.save_clustering('all weeks', fs.cluster(ws.traces())), and report again."
        )
        return {"says": says, "modes": modes, "back": back, "basis": None, "changes": []}
    name, found = weeks
    drawn, members = _drawn_reads(facts)
    moved = match_weeks(found, modes=members, read=drawn, words=words_of(facts.events))
    changes = [
        {
            "week": r.week,
            "kind": r.kind,
            "name": facts.texts(r.name, NAME),
            "mode": facts.texts(r.mode if r.kind != "mode" else "", NAME),
            "match": facts.texts(r.match, NAME),
            **{
                c: getattr(r, c)
                for c in ("what", "since", "count", "total", "share", "low", "high", "p", "q")
            },
            "evidence": facts.texts(r.evidence, REASON),
            "structure": facts.texts(r.structure, REASON),
        }
        for week in _weeks_of(facts, moved.weeks)
        for r in moved.changes(week).itertuples()
    ]
    told = _weeks_of(facts, moved.weeks)
    basis = {
        "clustering": found.id,
        "name": facts.texts(name, NAME),
        "view": found.view,
        "weeks": list(moved.weeks),
    }
    basis |= {"told": told, "level": moved.params["level"]}
    says.append(
        f"Groups are compared in the clustering “{basis['name']}” ({moved.weeks[0]} to {moved.weeks[-1]}), and told for "
        f"{listed(told)}: {count(len(changes), 'change')} beyond chance (false discovery rate {moved.params['level']:.0%})."
    )
    return {"says": says, "modes": modes, "back": back, "basis": basis, "changes": changes}


def _weeks_of(facts: Facts, weeks: tuple[str, ...]) -> list[str]:
    mine = set(facts.when.dt.strftime("%G-W%V"))
    return [w for w in weeks if w in mine]


def _drawn_reads(facts: Facts) -> tuple[list[str], dict[str, list[str]]]:
    """The random reads of this review and the earlier ones, and which of them have each mode; chosen ones are no sample."""
    drawn: list[str] = []
    members: dict[str, list[str]] = {}
    for session in (*facts.earlier, facts.session):
        sample = set(session.plan.sample()["trace_id"])
        marks = session.marks()
        for trace_id, modes in marks.loc[marks["read"], "failure_modes"].items():
            if trace_id in sample:
                drawn.append(str(trace_id))
                for mode in modes:
                    members.setdefault(mode, []).append(str(trace_id))
    return drawn, members


def costs(facts: Facts) -> dict[str, Any]:
    """What modes and clusters cost, by signals and measured amounts.

    Failure modes with fewer than ``MIN_SUPPORT`` traces read are named and not compared: nothing can be said of them.
    """
    session, found = facts.session, facts.session.clustering
    enough = {mode: ids for mode, ids in facts.of_mode.items() if len(ids) >= MIN_SUPPORT}
    few = [facts.texts(mode, NAME) for mode in facts.of_mode if mode not in enough]
    counted = session.plan.sample()
    drawn = counted[counted["trace_id"].isin(list(facts.read))]
    groups = {
        found.name(int(c)): [str(i) for i in found.trace_ids[found.labels == c]]
        for c in sorted(set(found.labels.tolist()) - {NOISE})
    }
    if not _measured(facts):
        says = [
            "These traces have no signal, no latency and no cost, so nothing can be said of what failures cost."
        ]
        return {"says": says, "modes": [], "clusters": [], "warnings": [], "few": few, "params": {}}
    tables: dict[str, Outcomes] = {}
    if enough:
        tables["modes"] = outcomes(session.traces, enough, read=list(facts.read), drawn=drawn)
    if groups:
        tables["clusters"] = outcomes(session.traces, groups)
    out: dict[str, Any] = {
        what: [
            {
                **row,
                "group": facts.texts(row["group"], NAME),
                "says": facts.texts(row["says"], REASON),
                "shows": bool(row["q_value"] <= 0.05),
            }
            for row in tables[what].frame.to_dict("records")
        ]
        if what in tables
        else []
        for what in ("modes", "clusters")
    }
    params = dict(next(iter(tables.values())).params) if tables else {}
    says = []
    for what, noun in (("modes", "failure mode"), ("clusters", "group")):
        if what in tables:
            shown = sum(row["shows"] for row in out[what])
            tests = tables[what].params["tests"]
            groups_ = count(tables[what].frame["group"].nunique(), noun)
            says.append(
                f"{groups_}: {count(shown, 'difference')} beyond chance in {count(tests, 'comparison')} with the rest."
            )
    if few:
        says.append(f"Fewer than {MIN_SUPPORT} traces read, so nothing is said: {listed(few)}.")
    warnings = list(dict.fromkeys(w for t in tables.values() for w in t.warnings))
    return {
        "says": says,
        **out,
        "warnings": [facts.texts(w, REASON) for w in warnings],
        "few": few,
        "params": params,
    }


def _measured(facts: Facts) -> bool:
    from failscope.review.outcomes import AMOUNTS

    traces = facts.session.traces
    known = [traces.bad(s).notna().any() for s in traces.signals]
    return any(known) or any(traces.frame[c].notna().any() for c in AMOUNTS)


def examples(facts: Facts) -> list[dict[str, Any]]:
    """Two examples of each failure mode: those that were chosen to show it, else those that most people gave it."""
    frame, marks = facts.session.traces.frame, facts.marks
    reasons = facts.session.plan.frame.set_index("trace_id")["reason"]
    said = {who: facts.session.marks(reviewer=who) for who in facts.session.progress().index}
    out = []
    for mode, ids in facts.of_mode.items():
        chosen = facts.registry[mode].examples if mode in facts.registry else ()

        def rank(i: str, mode: str = mode, chosen: tuple[str, ...] = chosen) -> tuple[Any, ...]:
            by = sum(i in own.index and mode in own.at[i, "failure_modes"] for own in said.values())
            return (i not in chosen, not marks.at[i, "settled"], -by, not marks.at[i, "note"], i)

        shown = []
        for i in sorted((i for i in ids if i in frame.index), key=rank)[:EXAMPLES]:
            row, mark = frame.loc[i], marks.loc[i]
            expected = mark["expected_output"]
            shown.append(
                {
                    "trace_id": i,
                    "at": "" if pd.isna(row["timestamp"]) else row["timestamp"].isoformat(),
                    "input": facts.texts(row["input"]),
                    "output": facts.texts(row["output"]),
                    "expected_output": None if expected is None else facts.texts(expected),
                    "note": facts.texts(mark["note"], REASON),
                    "reviewers": [facts.texts(w, NAME) for w in mark["reviewers"]],
                    "why": facts.texts(reasons.get(i, "chosen later"), REASON),
                }
            )
        out.append(
            {
                "name": facts.texts(mode, NAME),
                "severity": facts.severity(mode),
                "definition": facts.texts(_definition(facts, mode), REASON),
                "traces": len(ids),
                "examples": shown,
            }
        )
    return out


def _definition(facts: Facts, mode: str) -> str:
    said = facts.registry[mode].definition if mode in facts.registry else ""
    rubric = facts.session.rubric
    if said or rubric is None:
        return said
    specs: Mapping[str, str] = {m.name: m.definition for d in rubric.dimensions for m in d.failure_modes}
    return specs.get(mode, "")
