"""The failure modes of all reviews: hides how what people said of traces and of modes comes together."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pandas as pd

from failscope.review.events import CLUSTER_TAG, Event
from failscope.review.ledger import Ledger
from failscope.review.modes import registry, registry_frame

COLUMNS = ("traces", "tagged", "clusters", "first_seen", "last_seen", "reviewers", "examples")
SAID = ("status", "back", "severity", "owner", "dimension", "definition")


def members_of(
    ledger: Ledger, among: Collection[str] | None = None
) -> tuple[dict[str, list[str]], list[str]]:
    """Failure mode -> the traces that people gave it, and all traces that were read; of these alone, where given.

    What was decided of a trace holds. Without ``among``, traces that only a selection's tag named are members too.
    """
    decided = {i: e.payload["failure_modes"] for i, e in ledger.decisions().items()}
    members: dict[str, dict[str, None]] = {}
    read: dict[str, None] = {}
    for (_, trace_id), mark in ledger.marks().items():
        if among is not None and not (mark.read and trace_id in among):
            continue
        if mark.read:
            read[trace_id] = None
        for mode in decided.get(trace_id, mark.failure_modes):
            members.setdefault(mode, {})[trace_id] = None
    return {mode: list(ids) for mode, ids in members.items()}, list(read)


def modes_frame(ledger: Ledger, events: Iterable[Event], when: pd.Series) -> pd.DataFrame:
    """See ``Workspace.failure_modes``; ``when`` is trace id -> time."""
    of: dict[str, dict[str, Any]] = {
        m: {"read": {}, "tagged": {}, "clusters": 0, "who": {}} for m in ledger.failure_modes()
    }
    decided = {i: e.payload["failure_modes"] for i, e in ledger.decisions().items()}
    for (who, trace_id), mark in ledger.marks().items():
        for mode in decided.get(trace_id, mark.failure_modes) if mark.read else mark.failure_modes:
            of[mode]["read" if mark.read else "tagged"][trace_id] = None
            of[mode]["who"][who] = None
    for event in ledger.standing(CLUSTER_TAG):
        of[event.payload["failure_mode"]]["clusters"] += 1
        of[event.payload["failure_mode"]]["who"][event.actor] = None
    described = registry(events, members=members_of(ledger)[0], when=when)
    nobody: dict[str, Any] = {"read": {}, "tagged": {}, "clusters": 0, "who": {}}
    rows = []
    names = list(dict.fromkeys([*of, *described]))
    for name in names:
        said = of.get(name, nobody)
        tagged = [t for t in said["tagged"] if t not in said["read"]]
        times = when.reindex([*said["read"], *tagged]).dropna()
        first, last = (times.min(), times.max()) if len(times) else (pd.NaT, pd.NaT)
        mode = described.get(name)
        examples = list(dict.fromkeys([*(mode.examples if mode else ()), *said["read"], *tagged]))[:5]
        rows.append(
            (len(said["read"]), len(tagged), said["clusters"], first, last, list(said["who"]), examples)
        )
    frame = pd.DataFrame(rows, columns=list(COLUMNS), index=pd.Index(names, name="failure_mode", dtype="str"))
    frame = frame.join(registry_frame(described)[list(SAID)])
    # not those that were undone, unless somebody described them
    there = (frame["traces"] + frame["tagged"] + frame["clusters"] > 0) | frame["status"].notna()
    frame = frame[there].fillna({"status": "open", "back": False, **dict.fromkeys(SAID[2:], "")})
    return frame.sort_values(["traces", "tagged"], ascending=False, kind="stable")
