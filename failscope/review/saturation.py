"""What a review has not met yet: hides how the unseen is bounded from what was met once and twice."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from statistics import NormalDist

import numpy as np
import pandas as pd

from failscope.errors import ArgumentError

ENOUGH = 0.1
"""Enough was read when at most this share of further random traces may show a failure mode not met."""
STAYED = 5
"""For so many reads of the random sample in a row the bound must have been that low."""


def saturation_frame(
    read: Mapping[str, Sequence[str]],
    *,
    sample_ids: Collection[str] | None = None,
    confidence: float = 0.95,
    below: float = ENOUGH,
    stayed: int = STAYED,
) -> pd.DataFrame:
    """The discovery curve of a review, one row for each trace read.

    Parameters
    ----------
    read : mapping
        Trace id -> its failure modes, [] for fine, in the order of reading.
    sample_ids : collection of str, optional
        Those that came by a random draw, as far as it was read without a gap. Without them nothing is known to be
        random, and ``enough`` stays False.
    below, stayed : float, int
        ``enough`` wants ``new_high`` at or under ``below`` for the last ``stayed`` reads of the random sample.

    Returns
    -------
    pandas.DataFrame
        ``read, modes``: traces read, distinct failure modes met. ``unseen, unseen_low, unseen_high``: the chance that
        the next failure is of a mode not met, and its interval. ``chao, chao_low, chao_high``: how many modes there
        are at least, met or not. ``enough``. ``sampled``: how many of the reads were random ones; ``new_high``: at
        most this share of further random traces shows a failure mode that the random ones have not met.

    Notes
    -----
    ``unseen`` is Good and Turing's (1953, Biometrika 40), see ``unseen_mass``; ``chao`` is Chao's (1987,
    Biometrics 43), see ``chao_richness``. Both take the reads for exchangeable. Those that were chosen to be unlike what
    was read are not: they meet more modes once than random ones do, so that over all reads both describe, on the high
    side. ``enough`` uses the random reads alone. What all reads together have not met is at most what the random ones
    have not met, so the bound holds for the whole review.

    Examples
    --------
    >>> saturation_frame({"a": ["x"], "b": [], "c": ["x", "y"]})["modes"].tolist()
    [1, 1, 2]
    """
    if not 0 < below < 1 or stayed < 1:
        raise ArgumentError(
            f"below={below} stayed={stayed} cannot be; below is a share between 0 and 1, stayed at least 1"
        )
    drawn = set(sample_ids or ())
    every, random = Counter[str](), Counter[str]()
    said: list[set[str]] = []  # of the random reads
    rows, low_for, new_high = [], 0, 1.0
    for n, (trace_id, names) in enumerate(read.items(), start=1):
        modes = set(names)
        every.update(modes)
        if trace_id in drawn:
            random.update(modes)
            said.append(modes)
            new_high = _new_bound(said, random, confidence)
            low_for = low_for + 1 if new_high <= below else 0
        counts = np.fromiter(every.values(), dtype=int)
        rows.append(
            (
                n,
                len(every),
                *unseen_mass(counts, confidence=confidence),
                *chao_richness(counts, samples=n, confidence=confidence),
                low_for >= stayed,
                len(said),
                new_high,
            )
        )
    columns = ["read", "modes", "unseen", "unseen_low", "unseen_high", "chao", "chao_low", "chao_high"]
    frame = pd.DataFrame(rows, columns=[*columns, "enough", "sampled", "new_high"])
    return frame.astype({"enough": bool})


def unseen_mass(counts: np.ndarray, *, confidence: float = 0.95) -> tuple[float, float, float]:
    """Good and Turing's estimate of the chance of a kind not met, and its interval.

    Parameters
    ----------
    counts : (k,) int array
        How often each kind was met.

    Returns
    -------
    (float, float, float)
        Kinds met once / meetings, and an interval in [0, 1]; (1, 0, 1) while nothing was met.

    Notes
    -----
    The estimate misses the true chance by a variance near (f1 + 2 f2 - f1² / m) / m², with f1 and f2 the kinds met once
    and twice and m the meetings (Esty 1983, Annals of Statistics 11; Robbins 1968, Annals of Mathematical Statistics
    39). Esty's interval is a normal one and has no width where nothing was met once or twice. Here the upper limit is
    the mid-P binomial one for as many meetings as have that variance, one kind met once being added to it. The lower
    limit is Esty's where that is lower: kinds met once do not rule out that they were the last.
    """
    meetings = int(counts.sum())
    once, twice = int((counts == 1).sum()), int((counts == 2).sum())
    if meetings == 0:
        return 1.0, 0.0, 1.0
    low, high = _bounds(once, twice, meetings, confidence)
    return once / meetings, low, high


def chao_richness(
    counts: np.ndarray, *, samples: int | None = None, confidence: float = 0.95
) -> tuple[float, float, float]:
    """Chao's lower estimate of how many kinds there are, met or not, and its interval.

    Parameters
    ----------
    counts : (k,) int array
        How often each kind was met.
    samples : int, optional
        Of how many reads, where one read may show several kinds (Chao2). Without it each meeting stands alone (Chao1).

    Returns
    -------
    (float, float, float)
        At least the kinds met; (0, 0, inf) while nothing was met.

    Notes
    -----
    The bias-corrected form, S + A f1 (f1 - 1) / (2 (f2 + 1)) with A = (samples - 1) / samples, of Chao (1984,
    Scandinavian Journal of Statistics 11; 1987, Biometrics 43), with the variances and the log-normal interval of the
    manual of EstimateS (Colwell 2013, equations 5 to 8, 13, 14). Where at most one kind was met once it estimates that
    nothing is left; then the interval is that of equation 14, as the log-normal one would have no width.

    Examples
    --------
    >>> chao_richness(np.array([1, 1, 1, 2, 2, 5]))[0]
    7.0
    """
    counts = counts[counts > 0]
    seen, meetings = len(counts), int(counts.sum())
    if seen == 0:
        return 0.0, 0.0, math.inf
    f1, f2 = int((counts == 1).sum()), int((counts == 2).sum())
    less = 1.0 if samples is None else (samples - 1) / samples
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    hidden = less * f1 * (f1 - 1) / (2 * (f2 + 1))
    if hidden == 0:
        missed = math.exp(-meetings / seen)  # the chance to miss a kind as common as the mean one
        middle, wide = seen / (1 - missed), z * math.sqrt(seen * missed / (1 - missed))
        return float(seen), max(float(seen), middle - wide), middle + wide
    variance = hidden + less**2 * f1 * (2 * f1 - 1) ** 2 / (4 * (f2 + 1) ** 2)
    if f2:
        variance += less**2 * f1**2 * f2 * (f1 - 1) ** 2 / (4 * (f2 + 1) ** 4)
    else:
        variance -= less**2 * f1**4 / (4 * (seen + hidden))
    factor = math.exp(z * math.sqrt(math.log1p(variance / hidden**2)))
    return seen + hidden, seen + hidden / factor, seen + hidden * factor


def _new_bound(said: Sequence[set[str]], met: Counter[str], confidence: float) -> float:
    """At most this share of further random traces shows a mode that those random ones did not."""
    once = sum(any(met[m] == 1 for m in modes) for modes in said)
    twice = sum(count == 2 for count in met.values())
    return _bounds(once, twice, len(said), confidence)[1]


@lru_cache(maxsize=4096)
def _bounds(once: int, twice: int, meetings: int, confidence: float) -> tuple[float, float]:
    tail = (1 - confidence) / 2
    wider = (once + 1 + 2 * twice) / (once + 1)
    hits, trials = once / wider, meetings / wider
    normal = once - NormalDist().inv_cdf(1 - tail) * math.sqrt(once + 2 * twice - once**2 / meetings)
    low = min(_mid_p(hits, trials, tail, upper=False), max(normal, 0.0) / meetings)
    return low, _mid_p(hits, trials, tail, upper=True)


def _mid_p(hits: float, trials: float, tail: float, *, upper: bool) -> float:
    """The binomial mid-P limit, for counts that need not be whole."""
    from scipy.optimize import brentq
    from scipy.special import betainc

    if (hits <= 0 and not upper) or (hits >= trials and upper):
        return float(upper)

    def above(share: float) -> float:  # the chance of more hits, half of as many counted
        as_many = 1.0 if hits <= 0 else float(betainc(hits, max(trials - hits, 0.0) + 1, share))
        more = 0.0 if hits >= trials else float(betainc(hits + 1, trials - hits, share))
        return (as_many + more) / 2

    target = 1 - tail if upper else tail
    if above(0.0) >= target:  # so few trials that every share is possible
        return 0.0
    return float(brentq(lambda share: above(share) - target, 0.0, 1.0)) if above(1.0) > target else 1.0
