"""Each trace and each example judged: hides own traces, chance, and what counts as no longer there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from failscope.golden.coverage.covering import Around, nearest, traffic
from failscope.golden.coverage.gaps import choose
from failscope.golden.coverage.topics import Topics
from failscope.traces.table import Traces

SEEDS = 20
"""Random sets of the same size that coverage is held against."""

_LOOKED = 3_000  # traces among which the best set of the same size is looked for


@dataclass(frozen=True, eq=False)
class Here:
    """Production as it is judged: its rows, the examples, who stands around whom, and the line."""

    X: np.ndarray
    E: np.ndarray
    around: Around
    near: float
    n: int

    @property
    def now(self) -> np.ndarray:
        return self.X[: self.n]

    def covered(self, similarity: np.ndarray) -> np.ndarray:
        return np.asarray(self.around.mean(similarity) >= self.near)


def find_points(
    here: Here, traces: Traces, rows: Sequence[Mapping[str, Any]], topics: Topics
) -> tuple[pd.DataFrame, list[int]]:
    """Every trace of production, and where each example's own trace is among them (-1: it is not)."""
    own = own_positions(traces, rows)
    similarity, index = nearest(here.now, here.E, own)
    is_own = np.isin(np.arange(here.n), own)
    points = pd.DataFrame(
        {
            "similarity": similarity.astype(np.float64),
            "score": here.around.mean(similarity),
            "nearest": [str(rows[i].get("id", "")) for i in index],
            "covered": here.covered(similarity) | is_own,
            "own": is_own,
            "topic": [topics.names[c] for c in topics.labels[: here.n]],
        },
        index=traces.frame.index,
    )
    return points, own


def read_facts(traces: Traces, modes: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    ids = [str(i) for i in traces.trace_ids]
    return {
        "read": np.array([i in modes for i in ids], dtype=bool),
        "failing": np.array([bool(modes.get(i)) for i in ids], dtype=bool),
        "bad": traces.any_bad().to_numpy() if traces.signals else None,
    }


def weigh_examples(
    rows: Sequence[Mapping[str, Any]],
    traces: Traces,
    before: Traces | None,
    X: np.ndarray,
    E: np.ndarray,
    own: list[int],
    topics: Topics,
    example_topics: np.ndarray,
    alive: float,
) -> pd.DataFrame:
    """Each example with its traffic, and when the last trace near it was there."""
    n = len(traces)
    mean, at = traffic(E, X[:n], own)
    when = pd.concat(
        [traces.frame["timestamp"], *([before.frame["timestamp"]] if before is not None else [])]
    )
    times = pd.to_datetime(when, utc=True).reset_index(drop=True)
    now = times[:n].max()
    earlier = [-1] * len(rows) if before is None else own_positions(before, rows)
    promoted = [pd.to_datetime(_of(row, "promoted", "at") or None, utc=True, errors="coerce") for row in rows]
    made = [pd.to_datetime(_of(row, "trace", "timestamp") or None, utc=True, errors="coerce") for row in rows]
    last = []
    for i, e in enumerate(E):
        close = X @ e >= alive
        for at_home in (own[i], earlier[i] + n if earlier[i] >= 0 else -1):
            if at_home >= 0:
                close[at_home] = False
        last.append(times[close].max() if close.any() else pd.NaT)
    frame = pd.DataFrame(
        {
            "trace_id": [str(_of(row, "trace", "trace_id") or "") for row in rows],
            "topic": [topics.names[c] if c >= 0 else "" for c in example_topics],
            "similarity": mean.astype(np.float64),
            "nearest": [str(traces.trace_ids[i]) if i >= 0 else "" for i in at],
            "stale": mean < alive,
            "last_near": pd.Series(last, dtype="datetime64[us, UTC]").to_numpy(),
            "promoted_at": pd.Series(promoted, dtype="datetime64[us, UTC]").to_numpy(),
            "trace_time": pd.Series(made, dtype="datetime64[us, UTC]").to_numpy(),
        },
        index=pd.Index([str(row.get("id", i)) for i, row in enumerate(rows)], name="example_id", dtype="str"),
    )
    for column in ("last_near", "promoted_at", "trace_time"):
        frame[column] = pd.to_datetime(frame[column], utc=True)
    day = pd.Timedelta(days=1)
    frame["age_days"] = (now - frame["promoted_at"]) / day
    frame["trace_age_days"] = (now - frame["trace_time"]) / day
    return frame


def earlier_share(
    here: Here, before: Traces | None, rows: Sequence[Mapping[str, Any]]
) -> tuple[float, np.ndarray]:
    """The coverage of the earlier traces by the same line, and which are covered; own traces count neither way."""
    B = here.X[here.n :]
    if before is None:
        return float("nan"), np.zeros(0, dtype=bool)
    own = own_positions(before, rows)
    covered = np.asarray(Around.of(B).mean(nearest(B, here.E, own)[0]) >= here.near)
    others = ~np.isin(np.arange(len(B)), own)
    return float(covered[others].mean()) if others.any() else float("nan"), covered | ~others


def own_positions(traces: Traces, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Where the trace that each example was made of is among some traces; -1: it is not."""
    where = {str(trace_id): i for i, trace_id in enumerate(traces.trace_ids)}
    return [where.get(str(_of(row, "trace", "trace_id")), -1) for row in rows]


def reference_of(here: Here, size: int, random_state: int) -> dict[str, float]:
    """What as many traces of production would cover: drawn at random, and chosen for it."""
    X, n = here.now, here.n
    size = min(size, n)

    def share(drawn: np.ndarray) -> float:
        others = np.ones(n, dtype=bool)
        others[drawn] = False
        covered = here.covered(nearest(X, X[drawn], drawn)[0])
        return float(covered[others].mean()) if others.any() else float("nan")

    rng = np.random.default_rng(random_state)
    shares = [share(rng.choice(n, size, replace=False)) for _ in range(SEEDS)]
    looked = np.sort(rng.choice(n, min(n, _LOOKED), replace=False))
    picked = choose(X[looked], best=np.full(len(looked), -1.0), near=here.near, count=size)
    return {
        "random": float(np.mean(shares)),
        "low": float(np.min(shares)),
        "high": float(np.max(shares)),
        "best": share(looked[picked]),
        "seeds": SEEDS,
        "size": size,
    }


def _of(row: Mapping[str, Any], part: str, key: str) -> Any:
    """One fact of an example's provenance, None where it is not there."""
    provenance = row.get("provenance") or {}
    return (provenance.get(part) or {}).get(key)
