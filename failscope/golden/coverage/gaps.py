"""What a golden set lacks: hides how uncovered traces become gaps and which of their traces would close most of each."""

from __future__ import annotations

import heapq
from collections.abc import Callable

import numpy as np

from failscope.surface.neighbors import one_blas_thread

CANDIDATES = 5
"""Traces that are put forward for a gap at most."""

FAILING, FINE = 2.0, 0.5
"""What a trace that was read as failing, or as fine, weighs against one that nobody read."""

_AT_MOST = 1_500  # traces of one gap that are compared with each other; more are sampled


def choose(
    X: np.ndarray,
    *,
    best: np.ndarray,
    near: float,
    count: int,
    weight: np.ndarray | None = None,
    candidates: np.ndarray | None = None,
) -> list[int]:
    """Rows of X that bring most of its rows near an example: facility location by the lazy greedy search.

    What a row adds is, summed over all rows, how much nearer their nearest example gets, up to ``near`` and no
    further. It can only shrink as rows are chosen (it is submodular), so the greedy choice is within 1 - 1/e of the
    best one (Nemhauser, Wolsey and Fisher 1978), and gains that were computed earlier are upper bounds (Minoux 1978;
    Krause and Golovin 2014, Submodular Function Maximization).

    Parameters
    ----------
    X : (n, d) array
        Unit rows.
    best : (n,) array
        The similarity of each to its nearest example so far; -1 where there is none.
    near : float
    count : int
        How many to choose at most; fewer when no row adds anything.
    weight : (n,) array, optional
        A candidate's gain is multiplied by it.
    candidates : (c,) int array, optional
        Rows that may be chosen, all when it is None.

    Examples
    --------
    >>> X = np.array([[1.0, 0], [0.9, 0.44], [0, 1]])
    >>> choose(X, best=np.full(3, -1.0), near=0.5, count=3)
    [1, 2]
    """
    rows = np.arange(len(X)) if candidates is None else candidates
    weight = np.ones(len(X)) if weight is None else weight
    now = np.minimum(best, near).astype(np.float32)

    def gains(part: np.ndarray) -> np.ndarray:
        better = np.minimum(X @ X[part].T, near)
        better -= now[:, None]
        return np.round(np.maximum(better, 0).sum(axis=0) * weight[part], 4)

    chosen: list[int] = []
    with one_blas_thread():
        first = np.concatenate([gains(rows[i : i + 256]) for i in range(0, len(rows), 256)] or [np.zeros(0)])
        heap = [(-float(g), int(row), 0) for g, row in zip(first, rows, strict=True) if g > 0]
        heapq.heapify(heap)
        while heap and len(chosen) < count:
            _, row, when = heapq.heappop(heap)
            if when < len(chosen):  # an upper bound from earlier: look again
                added = float(gains(np.array([row]))[0])
                if added > 0:
                    heapq.heappush(heap, (-added, row, len(chosen)))
                continue
            chosen.append(row)
            now = np.maximum(now, np.minimum(X @ X[row], near)).astype(np.float32)
    return chosen


def candidates_of(
    rows: np.ndarray,
    X: np.ndarray,
    *,
    best: np.ndarray,
    near: float,
    read: np.ndarray,
    failing: np.ndarray,
    coverage: Callable[[np.ndarray, np.ndarray], float],
    random_state: int,
) -> tuple[list[int], list[float]]:
    """Which traces of a gap to add, in order, and the coverage of all production with each and those before it.

    Parameters
    ----------
    rows : (u,) int array
        The uncovered traces of the gap, as rows of X.
    X : (n, d) array
        All of production.
    best : (n,) array
        Similarity to the nearest example.
    read, failing : (n,) bool arrays
    coverage : callable
        (n,) similarities, and which traces were added -> the share of the others that is covered.
    """
    if len(rows) > _AT_MOST:
        rows = np.sort(np.random.default_rng(random_state).choice(rows, _AT_MOST, replace=False))
    weight = np.where(read[rows], np.where(failing[rows], FAILING, FINE), 1.0)
    picked = choose(X[rows], best=best[rows], near=near, count=CANDIDATES, weight=weight)
    chosen: list[int] = []
    after: list[float] = []
    added, now = np.zeros(len(X), dtype=bool), best
    for row in rows[picked]:
        with one_blas_thread():
            nearer = np.maximum(now, X @ X[row])
        # as with every example, its own trace counts neither way
        nearer[row] = now[row]
        added[row], now = True, nearer
        chosen.append(int(row))
        after.append(coverage(now, added))
    # what comes after the highest coverage adds nothing but itself
    last = int(np.argmax(np.round(after, 9))) + 1 if after else 0
    return chosen[:last], after[:last]
