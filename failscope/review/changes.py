"""Whether a group's share of the weeks changed: hides the tests, from when on a change counts, and what it is called."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LEVEL = 0.05
"""The false discovery rate among what is said of one week."""
RECENT = 4
"""A change is looked for at the beginning of each of so many last weeks."""
ALMOST_NONE = 0.1
"""Up to this part of the share now, a group was hardly there before."""
STRAY = 0.25
"""In no single week may the share be above this part of the share now, if the group is to be new."""

RISES = frozenset({"new", "back", "growing"})
FALLS = frozenset({"shrinking", "gone"})


@dataclass(frozen=True, eq=False)
class Calls:
    """What is said of each of g groups in each of w weeks, from what was known in that week.

    Attributes
    ----------
    what : (g, w) array of str
        "new", "back", "growing", "shrinking", "gone"; "steady"; "" where nothing can be compared.
    split : (g, w) int array
        The first week of the time that was compared with the time before, where the evidence is strongest.
    start : (g, w) int array
        The first week of the time before: that of the last change that was told, else 0.
    p, q : (g, w) arrays
        NaN where nothing was tested.
    """

    what: np.ndarray
    split: np.ndarray
    start: np.ndarray
    p: np.ndarray
    q: np.ndarray


def follow(
    counts: np.ndarray,
    totals: np.ndarray,
    *,
    family: np.ndarray | None = None,
    level: float = LEVEL,
    start: np.ndarray | None = None,
    first: int = 1,
) -> Calls:
    """Go through the weeks and say of each what changed, without a look at later ones.

    Parameters
    ----------
    counts : (g, w) int array
        Sessions of each week that show the group.
    totals : (g, w) int array
        Sessions of each week.
    family : (g,) int array, optional
        q-values are over the groups of one family.
    level : float
    start : (g,) int array, optional
        The first week of each group's time before, where earlier changes were told already.
    first : int
        The first week that is judged.

    Notes
    -----
    In week v, for each beginning s of the last ``RECENT`` weeks, the sessions of s to v are compared with those before
    s by Fisher's exact test, both sides (twice the smaller tail). If weeks are exchangeable among sessions the count is
    hypergeometric, whatever the groups are, as long as they were made without a look at the time; and a
    session's several traces, which depend on each other, count once. The smallest p-value is corrected for the
    beginnings by weighted Bonferroni (Genovese, Roeder, Wasserman 2006, Biometrika 93): week v itself has half of the
    error, as people ask about this week, the earlier beginnings share the other half. q-values are of Benjamini and
    Hochberg (1995, JRSS B 57) over the groups of one week.

    After a change is told, the time before begins anew at it, so that it is told once, and what follows is compared
    with what has been the case since.

    Examples
    --------
    >>> counts = np.array([[20, 22, 19, 21, 20], [0, 0, 0, 0, 14]])
    >>> follow(counts, np.full((2, 5), 300)).what[:, 4].tolist()
    ['steady', 'new']
    """
    groups, weeks = counts.shape
    family = np.zeros(groups, dtype=int) if family is None else family
    begun = np.zeros(groups, dtype=int) if start is None else start.astype(int).copy()
    hits, sizes = _summed(counts), _summed(totals)
    what = np.full((groups, weeks), "", dtype=object)
    split, starts = np.zeros((groups, weeks), dtype=int), np.zeros((groups, weeks), dtype=int)
    p, q = np.full((groups, weeks), np.nan), np.full((groups, weeks), np.nan)
    for v in range(max(first, 1), weeks):
        starts[:, v] = begun
        p[:, v], split[:, v], rises = _strongest(hits, sizes, begun, v)
        tested = ~np.isnan(p[:, v])
        for one in np.unique(family[tested]):
            inside = tested & (family == one)
            q[inside, v] = _discovery_rates(p[inside, v])
        what[tested, v] = "steady"
        for g in np.flatnonzero(tested & (q[:, v] <= level)):
            s = int(split[g, v])
            name = _rise if rises[g] else _fall
            what[g, v] = name(counts[g], totals[g], s, v)
            begun[g] = s
    return Calls(what, split, starts, p, q)


def _strongest(
    hits: np.ndarray, sizes: np.ndarray, begun: np.ndarray, v: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each group the corrected p-value in week v, the beginning that it comes from, whether the share rose."""
    from scipy.stats import hypergeom

    groups = np.arange(len(hits))
    p, split = np.full(len(hits), np.nan), np.full(len(hits), v)
    rises = np.zeros(len(hits), dtype=bool)
    begins = range(max(1, v - RECENT + 1), v + 1)
    looks = np.array([[s > b for s in begins] for b in begun]).sum(axis=1)
    for s in reversed(begins):  # of equal evidence, the newest beginning
        now, of_now = hits[:, v + 1] - hits[:, s], sizes[:, v + 1] - sizes[:, s]
        before, of_before = hits[:, s] - hits[groups, begun], sizes[:, s] - sizes[groups, begun]
        both, of_both = now + before, of_now + of_before
        there = (s > begun) & (both > 0) & (of_now > 0) & (of_before > 0)
        if not there.any():
            continue
        more, less = np.ones(len(hits)), np.ones(len(hits))
        args = (of_both[there], both[there], of_now[there])
        more[there] = hypergeom.sf(now[there] - 1, *args)
        less[there] = hypergeom.cdf(now[there], *args)
        weight = np.where(looks == 1, 1.0, 0.5 if s == v else 0.5 / np.maximum(looks - 1, 1))
        here = np.minimum(1.0, 2 * np.minimum(more, less) / weight)
        better = there & (np.isnan(p) | (here < p))
        p[better], split[better], rises[better] = here[better], s, (more < less)[better]
    return p, split, rises


def _rise(counts: np.ndarray, totals: np.ndarray, s: int, v: int) -> str:
    """What an increase at s is called: it was hardly there before, or was away for a while, or was there."""
    share = counts[s : v + 1].sum() / totals[s : v + 1].sum()
    weekly = counts[:s] / np.maximum(totals[:s], 1)
    if _hardly(counts[:s], totals[:s], share):
        return "new"
    away = s
    while away > 0 and weekly[away - 1] <= STRAY * share:
        away -= 1
    if 0 < away < s and _hardly(counts[away:s], totals[away:s], share):
        gap, of_gap = int(counts[away:s].sum()), int(totals[away:s].sum())
        there, of_there = int(counts[:away].sum()), int(totals[:away].sum())
        if _fewer(gap, of_gap, there, of_there) <= LEVEL:
            return "back"
    return "growing"


def _fall(counts: np.ndarray, totals: np.ndarray, s: int, v: int) -> str:
    return "gone" if counts[s : v + 1].sum() == 0 else "shrinking"


def _hardly(counts: np.ndarray, totals: np.ndarray, share: float) -> bool:
    """The group was hardly there, in all of these weeks, against its share later."""
    weekly = counts / np.maximum(totals, 1)
    pooled = counts.sum() / max(totals.sum(), 1)
    return bool(pooled <= ALMOST_NONE * share and (weekly <= STRAY * share).all())


def _fewer(gap: int, of_gap: int, there: int, of_there: int) -> float:
    """The chance of so few in the gap, if it were as the time before it (Fisher's exact test, one side)."""
    from scipy.stats import hypergeom

    return float(hypergeom.cdf(gap, of_gap + of_there, gap + there, of_gap))


def _discovery_rates(p: np.ndarray) -> np.ndarray:
    from scipy.stats import false_discovery_control

    return np.asarray(false_discovery_control(np.clip(p, 0, 1)))


def _summed(values: np.ndarray) -> np.ndarray:
    """(g, w + 1): the sum over the weeks before each."""
    return np.concatenate(
        [np.zeros((len(values), 1), dtype=np.int64), np.cumsum(values, axis=1, dtype=np.int64)], axis=1
    )
