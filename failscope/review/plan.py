"""Which traces to read this week, in which order, each with its reason and its chance of being drawn."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

from failscope.errors import ArgumentError
from failscope.surface.clustering import Clustering

Strategy = Literal["random", "balanced"]
PLAN_COLUMNS = ("position", "trace_id", "cluster", "reason", "probability")
"""The columns of ``ReviewPlan.frame``."""
RANDOM_SHARE = 0.5
"""Of a balanced plan, the part that is drawn at random so that shares in all of production can be estimated."""


@dataclass(frozen=True, eq=False)
class ReviewPlan:
    """Traces in the order to read them.

    Attributes
    ----------
    frame : pandas.DataFrame
        ``position`` (from 1), ``trace_id``, ``cluster``, ``reason`` (a sentence), ``probability``: the exact
        chance with which this trace was drawn into the plan's random sample, NaN where it was chosen.
    clustering : Clustering
        What the plan was made from.
    params : dict
        Budget, strategy, seed and the sizes that the estimates need.
    """

    frame: pd.DataFrame
    clustering: Clustering
    params: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.frame)

    def to_frame(self) -> pd.DataFrame:
        """A copy of the plan."""
        return self.frame.copy()

    def __repr__(self) -> str:
        return f"<ReviewPlan {self._counts()}>"

    def _repr_html_(self) -> str:
        head = self.frame.head(8).to_html(
            index=False, escape=True, border=0, float_format="{:.4f}".format, na_rep=""
        )
        return f"<div><b>Review plan</b> · {html.escape(self._counts())}</div>{head}"

    def _counts(self) -> str:
        drawn = int(self.frame["probability"].notna().sum())
        return (
            f"{len(self):,} of {self.params['population']:,} traces · {drawn:,} drawn at random, "
            f"{len(self) - drawn:,} chosen · {self.frame['cluster'].nunique():,} clusters"
        )


def plan_review(
    found: Clustering, *, budget: int = 120, strategy: Strategy = "balanced", random_state: int = 0
) -> ReviewPlan:
    """Choose the traces to read.

    Parameters
    ----------
    found : Clustering
    budget : int
        How many traces to read; all of them when there are fewer.
    strategy : {"balanced", "random"}
        ``"random"`` draws all of them by simple random sampling without replacement. ``"balanced"`` draws half
        of them so, and chooses the other half to show what is rare: the most typical trace of each cluster,
        most suspicious first, in turn with traces that behave unlike everything in the plan so far.
    random_state : int
        The seed of the draw.

    Notes
    -----
    The random sample is drawn first and from all traces, so each has the inclusion probability n / N exactly
    and the choices cannot bias an estimate from it. It is read in the order of the draw, spread evenly over
    the plan: what was read of it at any moment is itself a simple random sample.

    The unlike traces come by farthest-first traversal (Gonzalez 1985, Theoretical Computer Science 38) of the
    behaviours, distances doubled for traces with a bad signal.
    """
    if isinstance(budget, bool) or not isinstance(budget, int | np.integer) or budget < 1:
        raise ArgumentError(
            f"budget={budget!r} is not a number of traces to read; give a whole number from 1 on"
        )
    if strategy not in ("balanced", "random"):
        raise ArgumentError(f"strategy={strategy!r} is not known; use 'balanced' or 'random'")
    # in the order of the ids, so that the same seed draws the same traces however the frame is sorted
    order = np.argsort(found.trace_ids.astype(str), kind="stable")
    ids = found.trace_ids[order]
    population = len(ids)
    size = min(budget, population)
    n_random = size if strategy == "random" else max(1, round(size * RANDOM_SHARE))

    rng = np.random.default_rng(random_state)
    drawn = ids[rng.choice(population, n_random, replace=False)]
    probability = n_random / population
    sample = [(i, f"drawn at random, {n_random:,} of {population:,}", probability) for i in drawn]
    chosen: list[tuple[str, str, float]] = []
    for trace_id, reason in _choices(found, ids, skip=set(drawn)):
        if len(chosen) == size - n_random:
            break
        chosen.append((trace_id, reason, np.nan))

    rows = _spread(chosen, sample)
    cluster = pd.Series(found.labels, index=found.trace_ids)
    frame = pd.DataFrame(rows, columns=["trace_id", "reason", "probability"])
    frame.insert(0, "position", np.arange(1, len(frame) + 1))
    frame.insert(2, "cluster", cluster.loc[frame["trace_id"]].to_numpy())
    params = {
        "budget": int(budget),
        "strategy": strategy,
        "random_state": int(random_state),
        "population": population,
        "sample": int(n_random),
    }
    return ReviewPlan(
        frame.astype({"trace_id": "str", "reason": "str", "probability": "float64"}), found, params
    )


def _choices(found: Clustering, ids: np.ndarray, *, skip: set[str]) -> Iterator[tuple[str, str]]:
    """Traces worth a look with their reason, no trace twice: typical ones of the clusters in turn with unlike ones.

    "Unlike" is unlike everything that the plan has so far, the drawn and the typical ones included.
    """
    summary = found.summary()
    matrix, weight = _behaviour_space(found, ids)
    row = {trace_id: i for i, trace_id in enumerate(ids)}
    distance = np.full(len(ids), np.inf)

    def take(trace_id: str) -> None:
        np.minimum(distance, np.linalg.norm(matrix - matrix[row[trace_id]], axis=1), out=distance)
        distance[row[trace_id]] = -1.0  # it is in the plan

    for trace_id in sorted(skip):
        take(trace_id)
    typical = iter([(found.exemplars(c, 1)[0], summary.at[c, "name"]) for c in summary.index if c >= 0])
    while (distance >= 0).any():
        for trace_id, name in typical:
            if distance[row[trace_id]] >= 0:
                take(trace_id)
                yield trace_id, f"the most typical trace of “{name}”"
                break
        far = int(np.argmax(np.where(distance >= 0, distance * weight, -1.0)))
        if distance[far] < 0:
            return
        alike = distance[far] == 0
        take(ids[far])
        yield (
            ids[far],
            "fills the budget; something that behaves alike is in the plan"
            if alike
            else "behaves unlike everything else in the plan",
        )


def _behaviour_space(found: Clustering, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The behaviours on one scale, (n, d), and the weight of each trace's distance: 2 where a signal is bad, else 1."""
    values = found.behaviours.loc[ids].to_numpy(dtype=np.float32)
    spread = values.std(axis=0)
    matrix = np.clip((values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0), -3, 3)
    return matrix, 1.0 + found.traces.any_bad().loc[ids].to_numpy(dtype=float)


def _spread(
    chosen: list[tuple[str, str, float]], sample: list[tuple[str, str, float]]
) -> list[tuple[str, str, float]]:
    """Both lists in their own order, mixed evenly, a chosen one first."""
    at = [((i + 0.25) / len(chosen), row) for i, row in enumerate(chosen)]
    at += [((i + 0.75) / len(sample), row) for i, row in enumerate(sample)]
    return [row for _, row in sorted(at, key=lambda pair: pair[0])]
