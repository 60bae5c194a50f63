"""What was decided, what is kept and what comes next: hides how events become sentences, and what an auditor needs."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from failscope.golden.dataset import GoldenSet
from failscope.golden.lines import example_id
from failscope.report.facts import Facts
from failscope.report.words import NAME, REASON, count, listed, minute
from failscope.review import events as kinds
from failscope.review.assisted import ANY_FAILURE
from failscope.review.events import Event

SOON = 12
"""Of what is left to read, the traces that are shown by name."""
PACKAGES = ("failscope", "numpy", "pandas", "scipy", "scikit-learn", "pyarrow", "sqlalchemy")


def decisions(facts: Facts) -> list[dict[str, Any]]:
    """What was decided while this review was the newest, in order: ``at, who, what, reason``.

    What settled a difference between people is told with the difference.
    """
    differed = set(facts.session.disagreements().index)
    begun, end = facts.span
    undone = {e.payload["undone"] for e in facts.events if e.kind == kinds.UNDO}
    out = []
    for event in facts.events:
        mine = event.session == facts.session.name
        ours = event.session == "" and begun <= event.seq < end
        if (
            event.id in undone
            or not (mine or ours)
            or (event.kind == kinds.DECISION and event.trace_id in differed)
        ):
            continue
        told = _told(event)
        if told:
            reason = event.payload.get("reason", "")
            who = facts.texts(event.actor or "the software", NAME)
            out.append(
                {
                    "at": event.at,
                    "who": who,
                    "what": facts.texts(told, REASON),
                    "reason": facts.texts(reason, REASON),
                }
            )
    return out


def _told(event: Event) -> str:
    """One decision in words; "" for what is none."""
    said = event.payload
    match event.kind:
        case kinds.DECISION:
            modes = listed([f"“{m}”" for m in said["failure_modes"]]) or "fine"
            return f"settled {event.trace_id}: {modes}"
        case kinds.CLUSTER_TAG:
            return f"group “{said.get('cluster_name') or said['cluster']}” shows “{said['failure_mode']}”"
        case kinds.RUBRIC_ADOPTED:
            return f"adopted the rubric “{said.get('name', '')}”, version {said.get('version', '')}"
        case kinds.TAXONOMY_CHANGED:
            into = said.get("into") or said.get("to")
            names = [*into] if isinstance(into, Mapping | list) else [str(into)]
            old = said["from"] if isinstance(said["from"], list) else [said["from"]]
            verb = {"rename": "renamed", "merge": "merged", "split": "split"}.get(
                said["change"], said["change"]
            )
            return f"{verb} {listed([f'“{o}”' for o in old])} into {listed([f'“{n}”' for n in names])}"
        case kinds.MODE_DESCRIBED:
            fields = {
                k: v for k, v in said.items() if k not in ("name", "reason", "examples", "definition") and v
            }
            words = [f"{k} {v}" for k, v in fields.items()]
            words += ["a definition"] if said.get("definition") else []
            words += [count(len(said["examples"]), "example")] if said.get("examples") else []
            return f"“{said['name']}”: {', '.join(words)}"
        case kinds.MODE_MATCHED:
            if said["mode"] is not None:
                return f"group {said['cluster']} is “{said['mode']}”"
            others = [f"“{m}”" for m in said.get("rejected", ())]
            return (
                f"group {said['cluster']} is {f'not {listed(others)}' if others else 'no known failure mode'}"
            )
        case kinds.REVIEWER_RENAMED:
            return f"“{said['from']}” is “{said['to']}” from now on"
        case kinds.REVIEWER_AWAY:
            return f"{said['reviewer']} is {'away' if said['away'] else 'back'}"
        case kinds.REVIEW_REVEALED:
            return "ended the blind part"
        case kinds.PROMOTION:
            return f"promoted version {said['version']} of “{said['golden']}”, {count(said['examples'], 'example')}"
    return ""


def golden(facts: Facts, sets: Mapping[str, GoldenSet | str]) -> dict[str, Any]:
    """What this review put forward, what of it is in a golden set, and by which path.

    Parameters
    ----------
    facts : Facts
    sets : mapping
        Name -> the newest version, or the sentence that says why it cannot be opened.
    """
    proposed = facts.session.proposals()
    rows, inside = [], 0
    for (name, who, reason, at), part in proposed.groupby(["golden", "reviewer", "reason", "at"], sort=False):
        held = sets.get(str(name))
        there = set(held.trace_ids) if isinstance(held, GoldenSet) else set()
        entered = [i for i in part["trace_id"] if i in there]
        inside += len(entered)
        rows.append(
            {
                "golden": str(name),
                "by": facts.texts(who, NAME),
                "reason": facts.texts(reason, REASON),
                "at": at,
                "trace_ids": part["trace_id"].tolist(),
                "promoted": len(entered),
            }
        )
    examples = []
    for name, held in sets.items():
        for case in held.rows if isinstance(held, GoldenSet) else ():
            steps = case["provenance"]
            if facts.session.name not in {p["review"] for p in steps["proposed"]}:
                continue
            examples.append(
                {
                    "golden": name,
                    "id": case["id"],
                    "trace_id": steps["trace"]["trace_id"],
                    "version": steps["promoted"]["version"],
                    "curator": facts.texts(steps["promoted"]["curator"], NAME),
                    "reason": facts.texts(steps["promoted"]["reason"], REASON),
                    "failure_modes": [facts.texts(m, NAME) for m in case["failure_modes"]],
                }
            )
    broken = [facts.texts(held, REASON) for held in sets.values() if isinstance(held, str)]
    waiting = len(proposed) - inside
    says = (
        f"{count(len(proposed), 'trace')} proposed: {inside:,} in a golden set, {waiting:,} waiting for a curator."
        if len(proposed)
        else "Nothing was proposed for a golden set."
    )
    return {
        "says": says,
        "proposed": len(proposed),
        "promoted": inside,
        "proposals": rows,
        "examples": sorted(examples, key=lambda e: (e["golden"], e["id"])),
        "broken": broken,
        "example_ids": {i: example_id(i) for i in dict.fromkeys(proposed["trace_id"])},
    }


def ahead(facts: Facts) -> dict[str, Any]:
    """What to read next: what is left, second opinions that are due, how many more random reads a share needs."""
    session = facts.session
    left, done = session.unread(), session.progress()
    due = []
    for who, row in done.iterrows():
        if row["due"]:
            queue = session.queue(reviewer=str(who))["trace_id"]
            due.append(
                {"reviewer": facts.texts(who, NAME), "trace_ids": [i for i in queue if i in facts.read]}
            )
    modes = [ANY_FAILURE, *[m for m in facts.of_mode if facts.prevalence.loc[m, "count"]]]
    sampled = facts.prevalence["method"].iloc[0] != "no random sample"
    needed: list[dict[str, Any]] = [
        {
            "name": facts.texts(mode, NAME),
            "within_5": session.reads_needed(mode, within=0.05),
            "within_2": session.reads_needed(mode, within=0.02),
        }
        for mode in (modes if sampled else ())
    ]
    says = [
        f"{count(len(left), 'trace')} of the plan {'is' if len(left) == 1 else 'are'} unread; they go on next week with "
        "fs.plan_review(..., carried=session.unread())."
        if len(left)
        else "Nothing of the plan is left."
    ]
    says += [f"{d['reviewer']} owes {count(len(d['trace_ids']), 'second reading')}." for d in due]
    if needed:
        any_ = needed[0]
        says.append(
            f"To know the share of failures to ±5 points takes {count(any_['within_5'], 'more random read')}, to ±2 points "
            f"{any_['within_2']:,}."
        )
    rows = [
        {"trace_id": str(i), "reason": facts.texts(why, REASON)}
        for i, why in zip(left["trace_id"].head(SOON), left["reason"].head(SOON), strict=True)
    ]
    return {"says": says, "left": len(left), "unread": rows, "due": due, "reads_needed": needed}


def method(facts: Facts, audit: Mapping[str, Any], rubrics: list[str]) -> dict[str, Any]:
    """What an auditor needs to do it again: settings, identities, versions, the state of the log.

    Parameters
    ----------
    facts : Facts
    audit : mapping
        ``events, whole, says, head`` of the log.
    rubrics : list of str
        The versions under which this review's scores were given.
    """
    session, found = facts.session, facts.session.clustering
    plan = {k: len(v) if isinstance(v, list | tuple) else v for k, v in session.plan.params.items()}
    grouped = {k: v for k, v in found.params.items() if k not in ("probes", "names", "versions")}
    rubric = session.rubric
    begun = next(
        (e for e in facts.events if e.kind == kinds.REVIEW_STARTED and e.session == session.name), None
    )
    return {
        "plan": plan,
        "clustering": {
            "id": found.id,
            "view": found.view,
            "groups": len(set(found.labels.tolist()) - {-1}),
            "behaviours": len(found.params.get("probes", ())),
            "params": grouped,
            "versions": found.params.get("versions", {}),
        },
        "rubric": None if rubric is None else {"name": rubric.name, "version": rubric.version},
        "rubrics_scored_under": rubrics,
        "versions": {"python": platform.python_version(), **_versions()},
        "written_by": sorted({e.version for e in facts.events if e.session == session.name}),
        "begun": None if begun is None else {"at": begun.at, "event": begun.seq},
        "audit": dict(audit),
        "interval": 0.95,
        "methods": {
            "shares, intervals, reads needed, stop rule": "docs/prevalence.md",
            "agreement": "docs/agreement.md",
            "the plan and its order": "docs/plan.md",
            "groups, names, lifts": "docs/methods.md",
            "what is new, growing, gone": "docs/failure_modes.md",
            "costs": "docs/outcomes.md",
        },
    }


def rubrics_used(facts: Facts) -> list[str]:
    """The rubric versions that this review's scores carry."""
    used = {
        str(e.payload["rubric"])
        for e in facts.events
        if e.kind == kinds.ANNOTATION and e.session == facts.session.name and "rubric" in e.payload
    }
    return sorted(used)


def begun_at(facts: Facts) -> str:
    """When the review began, to the minute."""
    at = next(
        (e.at for e in facts.events if e.kind == kinds.REVIEW_STARTED and e.session == facts.session.name), ""
    )
    return minute(at)


def last_word(facts: Facts) -> str:
    """When the last word of this review was said, to the minute; "" when none was."""
    words = (kinds.ANNOTATION, kinds.TRACE_TAGS, kinds.CLUSTER_TAG, kinds.DECISION)
    at = [e.at for e in facts.events if e.session == facts.session.name and e.kind in words]
    return minute(max(at)) if at else ""


def _versions() -> dict[str, str]:
    out = {}
    for name in PACKAGES:
        try:
            out[name] = version(name)
        except PackageNotFoundError:  # used from a folder, not installed
            from failscope import __version__

            out[name] = __version__ if name == "failscope" else "not installed"
    return out
