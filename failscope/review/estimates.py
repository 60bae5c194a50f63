"""Numbers from what was read: how common a failure mode is, and how much is still unseen."""

from __future__ import annotations

import math
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


def stratified_interval(
    counts: np.ndarray, read: np.ndarray, sizes: np.ndarray, *, confidence: float = 0.95
) -> tuple[float, float, float]:
    """A share and its interval from simple random samples of several strata.

    Parameters
    ----------
    counts, read, sizes : (h,) int arrays
        Of each stratum: hits, traces read, traces there are.

    Returns
    -------
    (float, float, float)
        The estimate and its interval; (NaN, 0, 1) while a stratum is unread, for nothing is known of it.

    Notes
    -----
    The estimate weighs each stratum by its size. The interval is Korn and Graubard's (1998, Survey Methodology 24): the
    exact binomial one for as many independent reads as have the estimate's variance (finite population correction
    included), widened for the degrees of freedom. That number is at most Kish's, (sum of weights)² / sum of squared
    weights, which also serves where no hit or only hits were met and the variance says nothing.
    """
    from scipy.stats import beta, t

    if (read == 0).any():
        return math.nan, 0.0, 1.0
    weight = sizes / sizes.sum()
    share = counts / read
    estimate = float(weight @ share)
    if (read == sizes).all():
        return estimate, estimate, estimate
    total = int(read.sum())
    kish = 1 / float((weight**2 / read).sum())
    reads = min(kish, total)
    variance = float((weight**2 * (1 - read / sizes) * share * (1 - share) / np.maximum(read - 1, 1)).sum())
    tail = (1 - confidence) / 2
    if variance > 0:
        free = max(total - len(read), 1)
        wider = (t.ppf(1 - tail, max(total - 1, 1)) / t.ppf(1 - tail, free)) ** 2
        reads = min(reads, estimate * (1 - estimate) / variance * wider)
    hits = estimate * reads
    low = 0.0 if estimate == 0 else float(beta.ppf(tail, hits, reads - hits + 1))
    high = 1.0 if estimate == 1 else float(beta.ppf(1 - tail, hits + 1, reads - hits))
    return estimate, min(low, estimate), max(high, estimate)


def prevalence_frame(
    read: Mapping[str, Sequence[str]],
    sample: pd.DataFrame,
    *,
    counted: Mapping[str, Sequence[str]] | None = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """The share of each failure mode in the population, from the random sample as far as it was read.

    Parameters
    ----------
    read : mapping
        Trace id -> its failure modes, [] for fine.
    sample : pandas.DataFrame
        ``ReviewPlan.sample()``: ``trace_id`` in the order of the draw, ``stratum``, ``size`` of the stratum.
    counted : mapping, optional
        The same for traces that nobody read, but one that is alike.

    Notes
    -----
    Of each stratum only the unbroken beginning of its draw is used: a reviewer who skips the hard ones would bias what
    comes after a gap.
    """
    known = {**(counted or {}), **read}
    unread = ~sample["trace_id"].isin(list(known))
    used = sample[unread.groupby(sample["stratum"]).cumsum() == 0]
    strata = sample.groupby("stratum")["size"].first()
    taken = used.groupby("stratum").size().reindex(strata.index, fill_value=0).to_numpy()
    modes = list(dict.fromkeys(m for said in read.values() for m in said))
    rows = []
    for mode in [ANY_FAILURE, *modes]:
        hit = {t for t, said in known.items() if (said if mode == ANY_FAILURE else mode in said)}
        hits = used[used["trace_id"].isin(list(hit))].groupby("stratum").size()
        counts = hits.reindex(strata.index, fill_value=0).to_numpy()
        if len(strata) == 1:
            count, of = int(counts[0]), int(taken[0])
            estimate = count / of if of else math.nan
            low, high = share_interval(count, of, population=int(strata.iloc[0]), confidence=confidence)
        elif len(strata):
            estimate, low, high = stratified_interval(counts, taken, strata.to_numpy(), confidence=confidence)
        else:
            estimate, low, high = math.nan, 0.0, 1.0
        naive = len(hit & read.keys()) / len(read) if read else math.nan
        rows.append((estimate, low, high, int(counts.sum()), int(taken.sum()), naive))
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
