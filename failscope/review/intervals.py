"""How sure a share is: hides which shares of a finite population a sample of it does not speak against."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from failscope.errors import ArgumentError

_MOST_READS = (
    2_000  # that an estimate may count as when suggestions help: more costs time and narrows nothing seen
)


def share_interval(count: int, of: int, *, population: int, confidence: float = 0.95) -> tuple[float, float]:
    """Two limits for a share from a simple random sample, each of them wrong in at most half of 1 - confidence.

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
    width at a count of zero, and is narrower than Clopper and Pearson's. For rare hits it can be wrong on one side
    only, so that it covers near 97.5% there; ``likelihood_interval`` is narrower.
    """
    from scipy.stats import hypergeom

    check_share(count, of, population, confidence)
    if of == 0:
        return 0.0, 1.0
    tail = (1 - confidence) / 2

    def below(
        hits: int,
    ) -> float:  # the mid-P chance of a count this low when `hits` of the population are hits
        chance = hypergeom.cdf([count - 1, count], population, hits, of)
        return float(chance.mean())

    # what is possible at all: the hits that were seen, up to everything that was not seen to be none
    fewest, most = count, population - (of - count)
    low = fewest if count == 0 else _first(fewest, most, lambda hits: 1 - below(hits) > tail)
    high = most if count == of else _first(fewest, most + 1, lambda hits: below(hits) <= tail) - 1
    return low / population, max(high, low) / population


@lru_cache(maxsize=8192)
def likelihood_interval(
    count: int, of: int, *, population: int, confidence: float = 0.95
) -> tuple[float, float]:
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
    A number of hits in the population is in it unless the count is among the least likely 5%. Counts are put in order
    by their likelihood ratio, their chance under this number over that under the number that suits them best (Feldman
    and Cousins 1998, Physical Review D 57), and the count's own chance is counted half (mid-P; Lancaster 1961, JASA 56;
    for tests of two sides at once, Agresti 2003, Statistical Methods in Medical Research 12). Where hits are rare the
    whole 5% are on the side where an error is possible: none in n reads gives up to about 2.6 / n.

    Examples
    --------
    >>> low, high = likelihood_interval(0, 100, population=100_000)
    >>> low, round(high, 3)
    (0.0, 0.026)
    """
    check_share(count, of, population, confidence)
    if of == 0:
        return 0.0, 1.0
    x = np.arange(of + 1)
    best = np.clip((population + 1) * x // of, x, population - of + x)  # the likeliest number for each count
    highest = _log_chance(best, x, population, of)

    def rejected(hits: np.ndarray) -> np.ndarray:
        log = _log_chance(hits[:, None], x, population, of)
        ratio, chance = log - highest, np.exp(log)
        less = ratio < ratio[:, [count]] - 1e-9
        as_much = np.abs(ratio - ratio[:, [count]]) <= 1e-9
        return np.asarray((chance * less).sum(1) + (chance * as_much).sum(1) / 2 <= 1 - confidence)

    # Far outside the limits with equal tails nothing is accepted; inside, the first accepted from outside is sought,
    # because the chance does not rise evenly from there on.
    outer = share_interval(count, of, population=population, confidence=1 - (1 - confidence) / 25)
    middle = int(best[count])
    low = _outermost(round(outer[0] * population), middle, rejected)
    high = _outermost(round(outer[1] * population), middle, rejected)
    return low / population, high / population


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
    The estimate weighs each stratum by its size (Horvitz and Thompson 1952, JASA 47). The interval is that of a simple
    random sample with the estimate's variance, as Korn and Graubard (1998, Survey Methodology 24) do it, with three
    differences that make it narrower for rare hits: it is ``likelihood_interval`` and not Clopper and Pearson's; the
    sample is one without replacement from as many traces as give it the finite population correction; and the rate of
    a stratum is drawn towards the common one by as many reads as bring one hit, so that a variance is there, and not a
    wild one, when hits are few. The number of reads may exceed the true one where hits lie in strata read densely.
    """
    if (read == 0).any():
        return math.nan, 0.0, 1.0
    weight = sizes / sizes.sum()
    estimate = float(weight @ (counts / read))
    rarer = min(estimate, 1 - estimate)
    # as if `toward` more reads had met the common share
    toward = 1 / rarer if rarer > 1e-12 else math.inf
    rate = (counts + toward * estimate) / (read + toward) if rarer > 1e-12 else np.full(len(read), 0.5)
    variance = weight**2 * rate * (1 - rate) / read
    common = float(weight @ rate)
    low, high = simple_sample_interval(
        estimate,
        reads=common * (1 - common) / float(variance.sum()),
        unread=float(variance @ (1 - read / sizes) / variance.sum()),
        confidence=confidence,
    )
    return estimate, low, high


def reads_needed(
    count: int, of: int, *, population: int, within: float = 0.02, confidence: float = 0.95
) -> int:
    """How many more reads of a simple random sample until a share is known to plus or minus so much.

    Parameters
    ----------
    count, of : int
        Hits and reads until now.
    population : int
        What the sample is drawn from.
    within : float
        Half the width that the interval may have.

    Returns
    -------
    int
        0 when it is that narrow; at most what is unread.

    Notes
    -----
    Until now ``likelihood_interval`` of the counts themselves is taken. For more reads, the least number whose interval
    is that narrow when hits come at their expected rate, (count + 1/2) / (of + 1): half a hit is added since none in
    ten reads does not mean none. Between two whole counts their intervals are interpolated. The true width will be a
    little more or less, as the counts will be.

    Examples
    --------
    >>> reads_needed(6, 24, population=4_000, within=0.1) > 24
    True
    """
    if not 0 < within < 1:
        raise ArgumentError(f"within={within} is not between 0 and 1; 0.02 is two points")
    low, high = likelihood_interval(count, of, population=population, confidence=confidence)
    if high - low <= 2 * within:
        return 0
    share = (count + 0.5) / (of + 1)

    def narrow(reads: int) -> bool:
        low, high = _between(share * reads, reads, population, confidence)
        return high - low <= 2 * within

    return _first(of + 1, population, narrow) - of


def simple_sample_interval(
    estimate: float, *, reads: float, unread: float, confidence: float
) -> tuple[float, float]:
    """The interval of a simple random sample of ``reads`` (rounded down) that leaves ``unread`` of its population."""
    whole = max(int(min(reads, _MOST_READS) + 1e-9), 1)
    population = round(whole / (1 - unread)) if unread < 1 else 10**9
    # two digits: the width hardly knows the rest, and intervals are kept by their arguments
    digits = 10 ** max(len(str(population)) - 2, 0) if population > 20 * whole else 1
    population = max(population // digits * digits, whole)
    low, high = _between(estimate * whole, whole, population, confidence)
    return min(low, estimate), max(high, estimate)


def _between(count: float, of: int, population: int, confidence: float) -> tuple[float, float]:
    """``likelihood_interval`` for a count that need not be whole: between those of its neighbours."""
    below = min(int(count + 1e-9), of)
    share = max(count - below, 0.0)
    one = likelihood_interval(below, of, population=population, confidence=confidence)
    other = likelihood_interval(min(below + 1, of), of, population=population, confidence=confidence)
    return (1 - share) * one[0] + share * other[0], (1 - share) * one[1] + share * other[1]


def _log_chance(hits: np.ndarray, counts: np.ndarray, population: int, of: int) -> np.ndarray:
    """The logarithm of the hypergeometric distribution; -800, whose exponential is 0, where it cannot be."""
    from scipy.special import gammaln

    def choose(n: np.ndarray, k: np.ndarray) -> np.ndarray:
        return np.asarray(gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0))

    possible = (counts <= hits) & (of - counts <= population - hits)
    safe = np.where(possible, hits, counts)
    rest = np.where(possible, population - safe, of - counts)
    log = choose(safe, counts) + choose(rest, of - counts) - choose(np.array(population), np.array(of))
    return np.where(possible, log, -800.0)


def _outermost(outer: int, inner: int, rejected: Callable[[np.ndarray], np.ndarray]) -> int:
    """The number nearest to ``outer`` that is not rejected; ``inner`` never is."""
    while abs(outer - inner) > 0:
        grid = np.unique(np.round(np.linspace(outer, inner, 32)).astype(np.int64))
        grid = grid if outer < inner else grid[::-1]
        out = rejected(grid)
        out[-1] = False
        first = int(np.argmin(out))
        if first == 0:
            return int(grid[0])
        if abs(int(grid[first]) - int(grid[first - 1])) == 1:
            return int(grid[first])
        outer, inner = int(grid[first - 1]), int(grid[first])
    return inner


def _first(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """The smallest number in [low, high] from which on it holds; high when it never does."""
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low


def check_share(count: int, of: int, population: int, confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ArgumentError(f"confidence={confidence} is not between 0 and 1; 0.95 is usual")
    if not 0 <= count <= of <= population:
        raise ArgumentError(
            f"count={count} of={of} population={population} cannot be; each is at most the next"
        )
