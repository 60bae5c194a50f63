"""How much more often something happens in a group than outside it, with what chance alone could do."""

from __future__ import annotations

import numpy as np
import pandas as pd

MIN_SUPPORT = 10
"""Rows of a group whose outcome must be known before anything is said about its rate."""

Z95 = 1.959963984540054
"""The normal quantile of a two-sided 95% interval."""


def lifts(bad: np.ndarray, labels: np.ndarray, *, groups: np.ndarray) -> pd.DataFrame:
    """The lift of an outcome in each group: its rate there over its rate in all other rows.

    Parameters
    ----------
    bad : (n,) array
        1 bad, 0 not, NaN not known (left out).
    labels : (n,) int array
        The group of each row.
    groups : (g,) int array
        The groups to speak of; rows of others count as elsewhere.

    Returns
    -------
    pandas.DataFrame
        Index ``groups``: ``known, bad, rate, elsewhere, lift, low, high, p_value, q_value``. The interval is the
        95% score interval of the ratio of two rates (Koopman 1984, Biometrics 40; Miettinen and Nurminen 1985,
        Statistics in Medicine 4), which holds its coverage for rare outcomes and none at all. The p-value is
        Fisher's exact one for a rate that is higher here; q-values control the false discovery rate over the
        groups (Benjamini and Hochberg 1995, JRSS B 57). A group of fewer than ``MIN_SUPPORT`` known rows has NaN.

    Examples
    --------
    >>> labels = np.repeat([0, 1], 50)
    >>> bad = np.r_[np.ones(20), np.zeros(30), np.ones(5), np.zeros(45)]
    >>> lifts(bad, labels, groups=np.array([0, 1])).round(2).loc[0, ["lift", "low", "high"]].tolist()
    [4.0, 1.72, 9.73]
    """
    from scipy.stats import false_discovery_control, hypergeom

    known = ~np.isnan(bad)
    place = pd.Index(groups).get_indexer(labels[known])
    inside = place >= 0
    hit = bad[known] == 1
    size = np.bincount(place[inside], minlength=len(groups))
    count = np.bincount(place[inside], weights=hit[inside], minlength=len(groups)).astype(np.int64)
    rest, others = len(hit) - size, int(hit.sum()) - count
    with np.errstate(divide="ignore", invalid="ignore"):
        rate, elsewhere = count / size, others / rest
        lift = rate / elsewhere
    low, high = ratio_interval(count, size, others, rest)
    p_value = hypergeom.sf(count - 1, len(hit), int(hit.sum()), size)
    enough = (size >= MIN_SUPPORT) & (rest > 0)
    q_value = np.full(len(groups), np.nan)
    if enough.any():
        q_value[enough] = false_discovery_control(np.clip(p_value[enough], 0, 1))
    out = pd.DataFrame(
        {
            "known": size,
            "bad": count,
            "rate": rate,
            "elsewhere": elsewhere,
            "lift": lift,
            "low": low,
            "high": high,
            "p_value": p_value,
            "q_value": q_value,
        },
        index=pd.Index(groups, name="cluster"),
    )
    out.loc[~enough, ["lift", "low", "high", "p_value", "q_value"]] = np.nan
    return out


def ratio_interval(
    x1: np.ndarray, n1: np.ndarray, x2: np.ndarray, n2: np.ndarray, *, z: float = Z95
) -> tuple[np.ndarray, np.ndarray]:
    """The score interval of (x1 / n1) / (x2 / n2): the ratios that the data do not reject (Koopman 1984).

    With no case in the first group it starts at 0, with none in the second it has no end; with none at all
    it is (0, inf).

    Examples
    --------
    >>> low, high = ratio_interval(np.array([36]), np.array([40]), np.array([16]), np.array([80]))
    >>> round(float(low[0]), 2), round(float(high[0]), 2)  # Koopman's own example: 2.94 to 7.15
    (2.94, 7.15)
    """
    x1, n1, x2, n2 = (np.asarray(v, dtype=np.float64) for v in (x1, n1, x2, n2))
    with np.errstate(divide="ignore", invalid="ignore"):
        middle = np.log((x1 + 0.5) / (n1 + 0.5)) - np.log((x2 + 0.5) / (n2 + 0.5))
        low = np.exp(_root(x1, n1, x2, n2, middle - 30, middle + 5, z))
        high = np.exp(_root(x1, n1, x2, n2, middle - 5, middle + 30, -z))
    low = np.where(x1 == 0, 0.0, low)
    high = np.where(x2 == 0, np.inf, high)
    none = (n1 == 0) | (n2 == 0)
    return np.where(none, np.nan, low), np.where(none, np.nan, high)


def _root(
    x1: np.ndarray,
    n1: np.ndarray,
    x2: np.ndarray,
    n2: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    z: float,
) -> np.ndarray:
    """Where the score falls to z: it falls as the supposed ratio grows, so halving finds it."""
    for _ in range(70):
        middle = (low + high) / 2
        above = _score(x1, n1, x2, n2, np.exp(middle)) > z
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return (low + high) / 2


def _score(x1: np.ndarray, n1: np.ndarray, x2: np.ndarray, n2: np.ndarray, ratio: np.ndarray) -> np.ndarray:
    """The score statistic of p1 = ratio * p2, with both rates at their likeliest under it."""
    a = ratio * (n1 + n2)
    b = -(ratio * (n1 + x2) + x1 + n2)
    c = x1 + x2
    # the smaller root, in the form that does not cancel
    p2 = 2 * c / (-b + np.sqrt(np.maximum(b * b - 4 * a * c, 0)))
    p1 = np.clip(ratio * p2, 0, 1)
    variance = p1 * (1 - p1) / n1 + ratio**2 * p2 * (1 - p2) / n2
    gap = x1 / n1 - ratio * x2 / n2
    return np.where(variance > 0, gap / np.sqrt(np.where(variance > 0, variance, 1)), np.sign(gap) * np.inf)
