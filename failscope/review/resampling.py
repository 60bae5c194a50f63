"""How far a figure moves when other units are drawn: hides resampling, and the interval that a skewed figure needs."""

from __future__ import annotations

import math

import numpy as np

from failscope.errors import ArgumentError

_BLOCK = 4_000_000  # numbers of a block of resamples: 32 MB


def check_resampling(confidence: float, resamples: int) -> None:
    if not 0 < confidence < 1:
        raise ArgumentError(f"confidence={confidence} is not between 0 and 1; 0.95 is usual")
    if resamples < 100:
        raise ArgumentError(f"resamples={resamples} is too few for an interval; use 2000")


def resampled_sums(columns: np.ndarray, *, resamples: int, random_state: int) -> np.ndarray:
    """Sums over resampled units, (resamples, columns): a figure of sums is then computed for all resamples at once.

    ``columns`` has a row for each unit; as many are drawn with replacement.
    """
    n = len(columns)
    rng = np.random.default_rng(random_state)
    drawn = []
    for start in range(0, resamples, block := max(1, _BLOCK // n)):
        b = min(block, resamples - start)
        picks = rng.integers(n, size=(b, n)) + n * np.arange(b)[:, None]
        drawn.append(np.bincount(picks.ravel(), minlength=b * n).reshape(b, n).astype(float) @ columns)
    return np.concatenate(drawn)


def bca_interval(
    value: float, drawn: np.ndarray, without: np.ndarray, *, confidence: float
) -> tuple[float, float]:
    """Efron's bias-corrected and accelerated interval (1987, JASA 82).

    ``drawn`` has the figure of each resample, ``without`` the figure with each unit left out; NaN where there is none.
    """
    from scipy.special import ndtr, ndtri

    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn):
        return value, value
    near = 1e-12 * max(1.0, abs(value))
    below = (drawn < value - near).mean() + (np.abs(drawn - value) <= near).mean() / 2
    bias = ndtri(np.clip(below, 1 / len(drawn), 1 - 1 / len(drawn)))
    gap = np.where(np.isfinite(without), without, value)
    gap = gap.mean() - gap
    scale = math.sqrt(float((gap**2).sum()))
    speed = float(((gap / scale) ** 3).sum()) / 6 if scale > 1e-10 else 0.0
    ends = bias + ndtri(np.array([(1 - confidence) / 2, (1 + confidence) / 2]))
    # confidence so near 1 that an end is infinite: the outermost resample
    finite = np.where(np.isfinite(ends), ends, 0.0)
    slow = np.where(np.isfinite(ends), 1 - speed * finite, 0.0)
    places = np.where(slow > 0, ndtr(bias + finite / np.where(slow > 0, slow, 1)), ends > 0)
    low, high = np.quantile(drawn, places)
    return float(low), float(high)


def jeffreys_interval(count: float, of: int, *, confidence: float) -> tuple[float, float]:
    """The interval of a share with Jeffreys' prior (Brown, Cai, DasGupta 2001, Statistical Science 16)."""
    from scipy.special import betaincinv

    tail, rest = (1 - confidence) / 2, of - count
    low = 0.0 if count <= 0 else float(betaincinv(count + 0.5, rest + 0.5, tail))
    high = 1.0 if rest <= 0 else float(betaincinv(count + 0.5, rest + 0.5, 1 - tail))
    return low, high
