"""Which unread trace is likeliest to show a failure of a kind not met yet: hides how new, likely and rare are weighed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from failscope.review.ground import Ground
from failscope.surface.neighbors import one_blas_thread

NEAR = 2_000
"""The picks are made among so many of the highest score."""
OFTEN = 2
"""A failure mode met more often than this is worth less, the more often it was met."""
LIKELY, RARITY = 1.5, 1.5
"""The powers of the chance of failing, and of the chance of showing no mode that was met often."""
CROWD = 0.5
"""The power by which a trace is worth less, the more of its cluster were read or planned."""
SAME = 0.05
"""Traces nearer than this in the space of novelty behave alike and speak of the same."""

_TIE = 1e-3  # added to every distance: of many equal traces the likeliest to fail comes first
_RIDGE = 2.0
_LEAST = 0.02  # nothing is worth nothing: the models may be wrong


def worth(ground: Ground, read: Mapping[str, Sequence[str]]) -> tuple[np.ndarray, np.ndarray]:
    """What reading each trace is worth, its novelty aside, and its chance of failing; (n,) each."""
    fails, unmet = chances(ground, read)
    return fails**LIKELY * unmet**RARITY, fails


def chances(ground: Ground, read: Mapping[str, Sequence[str]]) -> tuple[np.ndarray, np.ndarray]:
    """The chance that each trace fails, and that it shows no mode that was met often; (n,) each.

    Parameters
    ----------
    ground : Ground
    read : mapping
        Trace id -> failure modes, [] for fine; ids that are not in the ground are left out.

    Notes
    -----
    The first is a logistic regression with a normal prior on the weights, at the mode of the posterior. Its prior
    expects failures where hints and bad signals are; what is read soon outweighs it, so that a signal that tells
    nothing loses its weight. It does not learn from how rare a mode is, or it would turn from a good signal as soon
    as that signal's modes are known.

    The second is the product over the modes of 1 - P(mode) (1 - min(1, ``OFTEN`` / times met)), with P from one ridge
    regression of all modes on everything read. A mode met once or twice takes nothing away; these are the modes whose
    count is Good and Turing's estimate (1953, Biometrika 40) of how much is still unseen.
    """
    here = set(ground.ids)
    known = [trace_id for trace_id in read if trace_id in here]
    rows = ground.rows(known)
    failed = np.array([float(bool(read[t])) for t in known])
    fails = _regress(ground.features, rows, failed, ground.centre, ground.spread)
    met = Counter(mode for said in read.values() for mode in set(said))
    modes = sorted(mode for mode, times in met.items() if times > OFTEN)
    if not modes or not len(rows):
        return fails, np.ones(len(fails))
    has = np.array([[mode in read[t] for mode in modes] for t in known], dtype=float)
    worn = np.array([1 - OFTEN / met[mode] for mode in modes])
    with one_blas_thread():
        X = ground.features[rows, : ground.general].astype(float)
        mean = has.mean(axis=0)
        weights = X.T @ np.linalg.solve(X @ X.T + _RIDGE * np.eye(len(rows)), has - mean)
        share = ground.features[:, : ground.general] @ weights.astype(np.float32) + mean
    return fails, np.maximum(np.prod(1 - np.clip(share, 0, 1) * worn, axis=1), _LEAST)


def pick(
    ground: Ground, count: int, *, taken: np.ndarray, worth: np.ndarray, among: np.ndarray | None = None
) -> list[tuple[int, float]]:
    """Rows in the order to read them, each with its novelty: the highest novelty x worth / crowd, given those before it.

    Parameters
    ----------
    ground : Ground
    count : int
        How many at most.
    taken : (m,) int array
        Rows that are read or planned: nothing near them is new.
    worth : (n,) array
    among : (k,) int array, optional
        The rows to pick from; all that are not taken by default.

    Notes
    -----
    Novelty is the distance to the nearest row taken, as in farthest-first traversal (Gonzalez 1985, Theoretical
    Computer Science 38); to the middle of all while none is. The product of novelty and the
    chance of an interesting label is the idea of active discovery and rare-category detection (Pelleg and Moore
    2004, NIPS 17; He and Carbonell 2007, NIPS 20). The crowd is 1 + those taken of the row's cluster, to the power
    of ``CROWD``; noise is no crowd.
    """
    free = np.ones(len(ground.ids), dtype=bool)
    if among is not None:
        free[:] = False
        free[among] = True
    free[taken] = False
    rows = ground.shuffled[free[ground.shuffled]]
    with one_blas_thread():
        gap = _gap(ground.space, rows, taken) + _TIE
        crowd = 1.0 + np.bincount(ground.cluster[taken] + 1, minlength=int(ground.cluster.max()) + 2)
        crowd[0] = 1.0  # noise
        value = worth[rows] / crowd[ground.cluster[rows] + 1] ** CROWD
        most = max(NEAR, 4 * count)
        if len(rows) > most:
            best = np.sort(np.argsort(-gap * value, kind="stable")[:most])
            rows, gap, value = rows[best], gap[best], value[best]
        space, cluster = ground.space[rows], ground.cluster[rows]
        square = np.einsum("ij,ij->i", space, space)
        order = []
        for _ in range(min(count, len(rows))):
            i = int((gap * value).argmax())
            order.append((int(rows[i]), float(gap[i] - _TIE)))
            step = square + square[i] - 2 * (space @ space[i])
            np.minimum(gap, np.sqrt(np.maximum(step, 0)) + _TIE, out=gap)
            if cluster[i] >= 0:
                there = crowd[cluster[i] + 1]
                value[cluster == cluster[i]] *= (there / (there + 1)) ** CROWD
                crowd[cluster[i] + 1] += 1
            value[i] = -1.0  # taken
    return order


def _gap(space: np.ndarray, rows: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """The distance of each of the rows to the nearest row taken."""
    here = space[rows]
    if not len(taken):
        return np.linalg.norm(here - np.median(space, axis=0), axis=1)
    square = np.einsum("ij,ij->i", here, here)
    nearest = np.full(len(rows), np.inf, dtype=np.float32)
    for block in np.array_split(space[taken], -(-len(taken) // 64)):
        gaps = np.einsum("ij,ij->i", block, block)[None, :] - 2 * (here @ block.T)
        np.minimum(nearest, gaps.min(axis=1) + square, out=nearest)
    return np.sqrt(np.maximum(nearest, 0))


def _regress(
    features: np.ndarray, rows: np.ndarray, target: np.ndarray, centre: np.ndarray, spread: np.ndarray
) -> np.ndarray:
    """(n,) chances: logistic regression on the rows read, weights normal around ``centre``; Newton's steps to the mode."""
    X = np.column_stack([features[rows], np.ones(len(rows))]).astype(np.float64)
    weights, hold = centre.astype(np.float64), 1 / spread**2
    with one_blas_thread():
        for _ in range(30 if len(rows) else 0):
            p = _sigmoid(X @ weights)
            slope = X.T @ (target - p) - hold * (weights - centre)
            step = np.linalg.solve((X.T * (p * (1 - p))) @ X + np.diag(hold), slope)
            weights += step
            if np.abs(step).max() < 1e-6:
                break
        return _sigmoid(features @ weights[:-1].astype(np.float32) + weights[-1])


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(x, -30, 30)))
