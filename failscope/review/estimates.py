"""Numbers from what was read: how common a failure mode is, and how much is still unseen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from failscope.errors import ArgumentError

ANY_FAILURE = "any failure"
"""The row of the prevalence that counts traces with at least one failure mode."""


def share_interval(count: int, of: int, *, population: int, confidence: float = 0.95) -> tuple[float, float]:
    """The interval for a share from a simple random sample without replacement.

    Parameters
    ----------
    count, of : int
        Hits, and the size of the sample.
    population : int
        What the sample was drawn from.

    Returns
    -------
    (float, float)
        In [0, 1]; (0, 1) when nothing was read; the share itself when everything was.

    Notes
    -----
    The shares that the count does not speak against, by the hypergeometric distribution's tails with half of
    the count's own probability (mid-P; Lancaster 1961, JASA 56). It knows that the population is finite, has a
    width at a count of zero, and is on average as wide as it says, where Clopper and Pearson's is wider.
    """
    from scipy.stats import hypergeom

    if not 0 < confidence < 1:
        raise ArgumentError(f"confidence={confidence} is not between 0 and 1; 0.95 is usual")
    if not 0 <= count <= of <= population:
        raise ArgumentError(
            f"count={count} of={of} population={population} cannot be; each is at most the next"
        )
    if of == 0:
        return 0.0, 1.0
    tail = (1 - confidence) / 2

    def below(
        hits: int,
    ) -> float:  # the mid-P chance of a count this low when `hits` of the population are hits
        draw = hypergeom(population, hits, of)
        return float(draw.cdf(count) - draw.pmf(count) / 2)

    # what is possible at all: the hits that were seen, up to everything that was not seen to be none
    fewest, most = count, population - (of - count)
    low = fewest if count == 0 else _first(fewest, most, lambda hits: 1 - below(hits) > tail)
    high = most if count == of else _first(fewest, most + 1, lambda hits: below(hits) <= tail) - 1
    return low / population, max(high, low) / population


def _first(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """The smallest number in [low, high] from which on it holds; high when it never does."""
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low


def prevalence_frame(
    read: Mapping[str, Sequence[str]], plan: pd.DataFrame, *, population: int, confidence: float = 0.95
) -> pd.DataFrame:
    """The share of each failure mode in all traces, from the plan's random sample as far as it was read.

    The sample is read in the order of its draw. Only its unbroken beginning is used: a reviewer who skips
    the hard ones would bias what comes after a gap.
    """
    drawn = plan.loc[plan["probability"].notna(), "trace_id"]
    unread = ~drawn.isin(list(read)).to_numpy()
    begun = int(np.argmax(unread)) if unread.any() else len(drawn)
    sample = drawn.iloc[:begun]
    modes = list(dict.fromkeys(m for said in read.values() for m in said))
    rows = []
    for mode in [ANY_FAILURE, *modes]:
        hit = {t for t, said in read.items() if (said if mode == ANY_FAILURE else mode in said)}
        count = int(sample.isin(list(hit)).sum())
        low, high = share_interval(count, len(sample), population=population, confidence=confidence)
        estimate = count / len(sample) if len(sample) else np.nan
        rows.append((estimate, low, high, count, len(sample), len(hit) / len(read) if read else np.nan))
    index = pd.Index([ANY_FAILURE, *modes], name="failure_mode")
    return pd.DataFrame(rows, index=index, columns=["estimate", "low", "high", "count", "of", "naive"])


def saturation_frame(read: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """The discovery curve of a review, one row for each trace read.

    ``unseen`` is Good and Turing's estimate of the chance that the next failure is of a mode not met before:
    modes met once / failures met (Good 1953, Biometrika 40); 1 while nothing was met.
    """
    met: Counter[str] = Counter()
    rows = []
    for n, modes in enumerate(read.values(), start=1):
        met.update(modes)
        once = sum(count == 1 for count in met.values())
        rows.append((n, len(met), once / met.total() if met else 1.0))
    return pd.DataFrame(rows, columns=["read", "modes", "unseen"])
