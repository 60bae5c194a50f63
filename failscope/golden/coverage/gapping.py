"""Topics that lack examples: hides how they are ranked, which are new, and what is put forward for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from failscope.golden.coverage.covered import Here
from failscope.golden.coverage.drift import LEVEL
from failscope.golden.coverage.gaps import candidates_of
from failscope.golden.coverage.topics import Topics
from failscope.traces.table import Traces

DETAILED = 12
"""Gaps for which candidates are chosen, the largest first."""

NEW_LEAST = 5
"""Traces below which a topic is no news."""

_GAP_COLUMNS = (
    *("name", "uncovered", "traces", "failure_rate", "reads", "gap", "share", "share_before"),
    *("new", "candidates", "coverage_after"),
)


def topics_frame(
    topics: Topics, X: np.ndarray, points: pd.DataFrame, before: np.ndarray, n: int
) -> pd.DataFrame:
    """Each topic with its counts now and before, and its centre, by which it is known again."""
    counted, covered = ~points["own"].to_numpy(), points["covered"].to_numpy()
    now, then = topics.labels[:n], topics.labels[n:]
    rows = []
    for c, name in enumerate(topics.names):
        here = now == c
        centre = X[:n][here].mean(axis=0) if here.any() else X[n:][then == c].mean(axis=0)
        rows.append(
            {
                "name": name,
                "traces": int((here & counted).sum()),
                "uncovered": int((here & counted & ~covered).sum()),
                "before": int((then == c).sum()),
                "uncovered_before": int(((then == c) & ~before).sum()),
                "centre": centre / max(float(np.linalg.norm(centre)), 1e-9),
            }
        )
    return pd.DataFrame(rows)


def gaps_frame(
    frame: pd.DataFrame,
    about: pd.DataFrame,
    here: Here,
    points: pd.DataFrame,
    traces: Traces,
    facts: Mapping[str, Any],
    compared: bool,
    random_state: int,
) -> pd.DataFrame:
    """The topics with uncovered traces, the worst first, the largest with what to add."""
    topic = frame[(frame["by"] == "topic") & (frame["traces"] > frame["covered"])]
    counted, covered = ~points["own"].to_numpy(), points["covered"].to_numpy()
    similarity = points["similarity"].to_numpy()
    names = points["topic"].to_numpy(dtype=object)
    before = about.set_index("name")["before"]

    def after_adding(nearest: np.ndarray, added: np.ndarray) -> float:
        others = counted & ~added
        return float(here.covered(nearest)[others].mean()) if others.any() else 1.0

    rows = []
    for i, g in enumerate(topic.itertuples()):
        chosen: list[int] = []
        after: list[float] = []
        if i < DETAILED:
            chosen, after = candidates_of(
                np.flatnonzero((names == g.group) & counted & ~covered),
                here.now,
                best=similarity,
                near=here.near,
                read=facts["read"],
                failing=facts["failing"],
                coverage=after_adding,
                random_state=random_state,
            )
        total_before = int(before.sum())
        rows.append(
            {
                "name": g.group,
                "uncovered": int(g.traces - g.covered),
                "traces": int(g.traces),
                "failure_rate": g.failure_rate,
                "reads": int(g.reads),
                "gap": g.gap,
                "share": g.share_of_production,
                "share_before": g.share_before,
                "new": compared
                and _is_new(
                    int(g.traces), int(counted.sum()), int(before[g.group]), total_before, len(about)
                ),
                "candidates": [str(traces.trace_ids[r]) for r in chosen],
                "coverage_after": after,
            }
        )
    return pd.DataFrame(rows, columns=list(_GAP_COLUMNS))


def _is_new(now: int, of_now: int, before: int, of_before: int, tests: int) -> bool:
    """Whether a topic was next to absent: a quarter of its share now at most, beyond chance after all topics' tests."""
    from scipy.stats import fisher_exact

    if now < NEW_LEAST or before * of_now * 4 > now * of_before:
        return False
    p = fisher_exact([[now, of_now - now], [before, of_before - before]], alternative="greater").pvalue
    return bool(p * tests < LEVEL)
