"""How a proposed trace becomes a golden example: what is kept of it, and the path by which it was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from failscope.errors import ArgumentError
from failscope.golden.dataset import GoldenSet, example_id, versions, write_version
from failscope.review import events as kinds
from failscope.review.events import Event
from failscope.review.ledger import Ledger, expected_output
from failscope.review.session import Session
from failscope.review.wording import describe
from failscope.traces.table import Traces

TRIES = 20
"""How often a promotion starts over because another curator's version came first."""


def promote_cases(
    home: Path,
    *,
    traces: Traces,
    proposals: Sequence[Event],
    sayings: Sequence[Event],
    ledger: Ledger,
    sessions: Mapping[str, Session],
    curator: str,
    reason: str,
) -> GoldenSet:
    """Write the next version: the newest one's examples, and the proposed traces as they are judged now.

    Returns
    -------
    GoldenSet
        The version that holds now. Nothing is written when no example differs.
    """
    for _ in range(TRIES):
        newest = GoldenSet.open(home) if versions(home) else None
        rows = {row["id"]: row for row in newest.rows} if newest else {}
        before = dict(rows)
        for trace_id in traces.frame.index:
            case = _case(trace_id, traces, proposals, sayings, ledger, sessions)
            old = rows.get(case["id"])
            # who promoted an example is settled when it enters; only another content makes it a new decision
            if old is None or _content(old) != _content(case):
                case["provenance"]["promoted"] = {
                    "curator": curator,
                    "at": datetime.now(UTC).isoformat(timespec="seconds"),
                    "reason": reason,
                    "version": 1 if newest is None else newest.version + 1,
                    "failscope": _version(),
                }
                rows[case["id"]] = case
        if newest is not None and rows == before:
            return newest
        about = {
            "curator": curator,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "reason": reason,
            "failscope": _version(),
        }
        try:
            return write_version(
                home, list(rows.values()), about=about, parent=newest.manifest if newest else None
            )
        except FileExistsError:
            continue  # another curator's version came first: start over on top of it
    raise ArgumentError(f"{home.name!r} is being promoted by others again and again; try once more")


def _case(
    trace_id: str,
    traces: Traces,
    proposals: Sequence[Event],
    sayings: Sequence[Event],
    ledger: Ledger,
    sessions: Mapping[str, Session],
) -> dict[str, Any]:
    row = traces.frame.loc[trace_id]
    mine = [e for e in sayings if e.trace_id == trace_id or trace_id in e.payload.get("trace_ids", ())]
    judged = [e for e in mine if e.kind != kinds.PROPOSAL]
    marks = [ledger.mark(who, trace_id) for who in dict.fromkeys(e.actor for e in judged)]
    when = row["timestamp"]
    return {
        "id": example_id(trace_id),
        "input": row["input"],
        "expected_output": expected_output(marks),
        "output": row["output"],
        "context": row["context"],
        "system_prompt": row["system_prompt"],
        "failure_modes": list(dict.fromkeys(mode for m in marks for mode in m.failure_modes)),
        "note": "\n".join(m.note for m in marks if m.note),
        "provenance": {
            "trace": {
                "trace_id": trace_id,
                "timestamp": "" if pd.isna(when) else when.isoformat(),
                "week": "" if pd.isna(when) else f"{when.isocalendar().year}-W{when.isocalendar().week:02d}",
                "log_file": str(row.get("source_file", "")),
                "log_line": int(row["source_line"]) if pd.notna(row.get("source_line")) else None,
                "model": row["model"],
                "prompt_version": row["prompt_version"],
            },
            "found": [
                _found(trace_id, sessions[n]) for n in dict.fromkeys(e.session for e in mine if e.session)
            ],
            "said": [
                {"reviewer": e.actor, "at": e.at, "review": e.session, "what": describe(e)} for e in judged
            ],
            "proposed": [
                {"reviewer": e.actor, "at": e.at, "reason": e.payload["reason"], "review": e.session}
                for e in proposals
                if trace_id in e.payload["trace_ids"]
            ],
        },
    }


def _found(trace_id: str, session: Session) -> dict[str, Any]:
    """The path of discovery through one review."""
    found = session.clustering
    step: dict[str, Any] = {"review": session.name}
    planned = session.plan.frame.set_index("trace_id")
    if trace_id in planned.index:
        pick = planned.loc[trace_id]
        step |= {"position": int(pick["position"]), "reason": pick["reason"]}
        step["probability"] = None if pd.isna(pick["probability"]) else float(pick["probability"])
    place = int((found.trace_ids == trace_id).argmax())
    cluster = int(found.labels[place])
    step |= {
        "clustering": found.id,
        "view": found.view,
        "embedder": found.params.get("embedder"),
        "random_state": found.params.get("random_state"),
        "cluster": cluster,
        "cluster_name": found.name(cluster) if cluster >= 0 else "noise",
        "cluster_tags": session.cluster_tags().get(cluster, []),
    }
    return step


def _content(case: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in case.items() if key != "provenance"}


def _version() -> str:
    from failscope import __version__

    return __version__
