"""Where people who read the same trace differ: hides what counts as a difference and which word holds in the end."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from failscope.review.events import Event
from failscope.review.ledger import Mark

COLUMNS = ("said", "scores", "differ", "settled", "failure_modes", "reason", "by")


def disagreements(marks: Mapping[tuple[str, str], Mark], decisions: Mapping[str, Event]) -> pd.DataFrame:
    """The traces that two or more people read and judged differently, those that are not settled first.

    Parameters
    ----------
    marks : mapping
        (reviewer, trace) -> what the reviewer says of it.
    decisions : mapping
        Trace -> the decision that settled it.

    Returns
    -------
    pandas.DataFrame
        Index ``trace_id``. ``said``: reviewer -> failure modes; ``scores``: dimension -> reviewer -> score, where they
        differ; ``differ``: the failure modes that only some gave, and the dimensions scored differently; ``settled``;
        ``failure_modes``, ``reason``, ``by``: of the decision, None where there is none.
    """
    read: dict[str, dict[str, Mark]] = {}
    for (who, trace_id), mark in marks.items():
        if mark.read:
            read.setdefault(trace_id, {})[who] = mark
    rows = {}
    for trace_id, of in read.items():
        said = {who: list(mark.failure_modes) for who, mark in of.items()}
        every = dict.fromkeys(m for modes in said.values() for m in modes)
        some = [m for m in every if any(m not in modes for modes in said.values())]
        scores: dict[str, dict[str, float]] = {}
        for who, mark in of.items():
            for dimension, score in mark.scores.items():
                scores.setdefault(dimension, {})[who] = score
        scores = {d: given for d, given in scores.items() if len(set(given.values())) > 1}
        if len(of) < 2 or not (some or scores):
            continue
        decision = decisions.get(trace_id)
        final: tuple[list[str] | None, str | None, str | None] = (None, None, None)
        if decision is not None:
            final = (list(decision.payload["failure_modes"]), decision.payload["reason"], decision.actor)
        rows[trace_id] = (said, scores, [*some, *scores], decision is not None, *final)
    index = pd.Index(list(rows), name="trace_id", dtype="str")
    frame = pd.DataFrame(list(rows.values()), index=index, columns=list(COLUMNS))
    return frame.astype({"settled": "bool"}).sort_values("settled", kind="stable")
