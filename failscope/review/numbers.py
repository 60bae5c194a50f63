"""A review in numbers: hides which reads count for which estimate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from failscope.review.agreement import Agreement, agreement
from failscope.review.assisted import ANY_FAILURE
from failscope.review.estimates import domain_frame, prevalence_frame, score_frame
from failscope.review.intervals import reads_needed
from failscope.review.ledger import Mark
from failscope.review.outcomes import Outcomes, outcomes
from failscope.review.plan import ReviewPlan
from failscope.review.saturation import saturation_frame
from failscope.review.suggest import Space, held_out, learn

LONGEST_S = 600.0
"""Two readings further apart than this many seconds had a break between them."""


@dataclass(frozen=True, eq=False)
class Numbers:
    """What was read of a plan at one moment.

    Attributes
    ----------
    plan : ReviewPlan
    marks : mapping
        (reviewer, trace) -> what that reviewer says of it.
    read : mapping
        Trace -> its failure modes, ``[]`` for fine, in the order of the first reading; what was decided holds.
    """

    plan: ReviewPlan
    marks: Mapping[tuple[str, str], Mark]
    read: Mapping[str, Sequence[str]]

    @cached_property
    def counted(self) -> dict[str, list[str]]:
        """The failure modes of the traces that a reading counts for beside itself."""
        together = self.plan.alike_all(self.read)
        return {other: list(modes) for i, modes in self.read.items() for other in together[i]}

    @cached_property
    def sample_read(self) -> list[str]:
        """The unbroken beginning of the random draw that was read."""
        drawn = self.plan.sample()["trace_id"]
        known = drawn.isin([*self.read, *self.counted])
        return drawn[known.cumprod().astype(bool)].tolist()

    def prevalence(self, *, space: Space | None, confidence: float) -> pd.DataFrame:
        """See ``Session.prevalence``; with a space, suggestions help where they narrow the interval."""
        plan, sample = self.plan, self.plan.sample()
        if space is None:
            return prevalence_frame(self.read, sample, counted=self.counted, confidence=confidence)
        drawn = set(sample["trace_id"])
        traces = pd.Index(plan.clustering.trace_ids).astype("str")
        population = traces[~traces.isin(list(plan.params.get("reviewed", ())))]
        suggested = learn(space, self.read, drawn=drawn).chances().reindex(population)
        layer = plan.params.get("layer", -1)
        strata = None if layer < 0 else pd.Series(plan.clustering.layers[layer], index=traces)
        return prevalence_frame(
            self.read,
            sample,
            counted=self.counted,
            confidence=confidence,
            suggested=suggested,
            held_out=held_out(space, self.read, drawn=drawn).reindex(columns=suggested.columns),
            strata=strata,
        )

    def by_cluster(self, *, failure_mode: str, confidence: float) -> pd.DataFrame:
        """See ``Session.by_cluster``."""
        found = self.plan.clustering
        clusters = pd.Series(found.labels, index=found.trace_ids)
        clusters = clusters[~clusters.index.isin(list(self.plan.params.get("reviewed", ())))]
        frame = domain_frame(
            self.read,
            self.plan.sample(),
            clusters,
            failure_mode=failure_mode,
            counted=self.counted,
            confidence=confidence,
        )
        return frame.rename_axis("cluster")

    def scores(self, scales: Mapping[str, tuple[float, float]], *, confidence: float) -> pd.DataFrame:
        """See ``Session.scores``."""
        given: dict[str, dict[str, list[float]]] = {i: {} for i in self.read}
        for (_, trace_id), mark in self.marks.items():
            for dimension, score in mark.scores.items():
                given.setdefault(trace_id, {}).setdefault(dimension, []).append(score)
        means = {i: {d: float(np.mean(v)) for d, v in of.items()} for i, of in given.items()}
        return score_frame(means, self.plan.sample(), scales, confidence=confidence)

    def reads_needed(self, failure_mode: str, *, within: float, confidence: float) -> int:
        """See ``Session.reads_needed``."""
        read = {**self.counted, **self.read}
        hits = sum(
            bool(read[i]) if failure_mode == ANY_FAILURE else failure_mode in read[i]
            for i in self.sample_read
        )
        population = int(self.plan.params["population"])
        return reads_needed(
            hits, len(self.sample_read), population=population, within=within, confidence=confidence
        )

    def saturation(self, *, confidence: float) -> pd.DataFrame:
        """See ``Session.saturation``."""
        return saturation_frame(self.read, sample_ids=self.sample_read, confidence=confidence)

    def agreement(self, *, random_state: int) -> Agreement:
        """See ``Session.agreement``."""
        rows = [
            {"trace_id": i, "reviewer": who, "failure_modes": list(m.failure_modes), "scores": dict(m.scores)}
            for (who, i), m in self.marks.items()
            if m.read and not m.coded
        ]
        frame = pd.DataFrame(rows, columns=["trace_id", "reviewer", "failure_modes", "scores"])
        return agreement(frame, random_state=random_state)

    def outcomes(self, *, by: str, confidence: float, random_state: int) -> Outcomes:
        """See ``Session.outcomes``."""
        found = self.plan.clustering
        how: dict[str, Any] = {"confidence": confidence, "random_state": random_state}
        if by == "cluster":
            groups = {
                found.name(c): found.trace_ids[found.labels == c].tolist()
                for c in np.unique(found.labels)
                if c >= 0
            }
            return outcomes(found.traces, groups, **how)
        here = {i: modes for i, modes in self.read.items() if i in found.traces.frame.index}
        modes = dict.fromkeys(m for said in here.values() for m in said)
        groups = {mode: [i for i, said in here.items() if mode in said] for mode in modes}
        sample = self.plan.sample()
        drawn = sample[sample["trace_id"].isin([i for i in self.sample_read if i in here])]
        return outcomes(found.traces, groups, read=here, drawn=drawn if len(drawn) else None, **how)

    def seconds(self) -> dict[str, float]:
        """Reviewer -> the median time from one reading to the next, breaks left out; nobody before the second."""
        times: dict[str, list[float]] = {}
        for (who, _), mark in self.marks.items():
            if mark.read:
                times.setdefault(who, []).append(datetime.fromisoformat(mark.read_at).timestamp())
        medians = {}
        for who, of in times.items():
            gaps = np.diff(sorted(of))
            gaps = gaps[(gaps > 0) & (gaps <= LONGEST_S)]
            if len(gaps):
                medians[who] = float(np.median(gaps))
        return medians
