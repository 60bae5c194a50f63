"""Which unread trace is likeliest to show a failure of a kind not met yet: hides how new, likely and rare are weighed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from failscope.surface.behaviour.questions import questions
from failscope.surface.behaviour.scan import scan_of
from failscope.surface.clustering import Clustering
from failscope.surface.edgecases import edge_cases
from failscope.surface.embedding import embed_texts
from failscope.surface.neighbors import one_blas_thread

POOL = 20_000
"""So many traces are weighed; of more, the ones most on the edge of their cluster and an even share of the rest."""
NEAR = 2_000
"""The picks are made among so many of the highest score."""
OFTEN = 2
"""A failure mode met more often than this is worth less, the more often it was met."""
RARITY = 1.5
"""The power of the chance of showing no mode that was met often; the chance of failing itself has 1."""

_NOVELTY_DIMENSIONS, _LEARNED_DIMENSIONS = 64, 20  # principal components of a text's vectors
_CLIP = 3.0
_COMMON = 0.25  # a hint that more traces than this share show hints at nothing
_HINT, _BAD, _EXPECTED, _BASE = 1.0, 2.5, 0.5, -1.0  # prior weights, in log-odds
_SMALL, _WIDE, _OPEN = (
    0.17,
    1.0,
    2.0,
)  # how far the readings may move a weight: any feature's, a prior one's, the base
_RIDGE = 2.0
_LEAST = 0.02  # nothing is worth nothing: the models may be wrong
_FOLDS, _C = 5, 0.03


@dataclass(frozen=True, eq=False)
class Ground:
    """The traces that can be chosen, and what is known of each before anyone has read it.

    Attributes
    ----------
    ids : (n,) array of str
        Sorted, so that the order of the frame that they came from changes nothing.
    behaviour : (n, b) float32 array
        In standard deviations from the mean, at most 3: a flag that rarely fires is far from everything.
    space : (n, d) float32 array
        Where novelty is measured: behaviours and output vectors, each block of total variance 1.
    features : (n, f) float32 array
        What the chance of failing is learned from; the first ``general`` columns say nothing of signals or hints.
    centre, spread : (f + 1,) arrays
        The normal prior of the weights, the last one the base rate's, in log-odds.
    bad : (n,) bool array
        Whether a signal is bad.
    edge : (n, 6) frame of bool
        Edge-case groups, index ``trace_id``.
    """

    ids: np.ndarray
    behaviour: np.ndarray
    space: np.ndarray
    features: np.ndarray
    general: int
    centre: np.ndarray
    spread: np.ndarray
    bad: np.ndarray
    edge: pd.DataFrame

    def rows(self, trace_ids: Collection[str]) -> np.ndarray:
        """The places of those that are here; the others are left out."""
        at = self._place.get_indexer(pd.Index(list(trace_ids), dtype=object))
        return at[at >= 0]

    @cached_property
    def _place(self) -> pd.Index:
        return pd.Index(self.ids, dtype=object)


def survey(found: Clustering, *, include: Collection[str] = (), progress: bool = True) -> Ground:
    """Everything that the picks are made from; takes the time of embedding ``POOL`` inputs and outputs.

    ``include`` are ids that must be there, however many traces there are.
    """
    ids = _pool(found, set(include))
    traces = found.traces.take(ids)
    frame = traces.frame
    behaviour = _deviations(found.behaviours.loc[ids].to_numpy(dtype=np.float32))
    vectors = [
        embed_texts(frame[column].tolist(), cache=found.traces.vectors, progress=progress)
        for column in ("output", "input")
    ]
    bad = traces.any_bad().to_numpy(dtype=bool) if traces.signals else np.zeros(len(ids), dtype=bool)
    with one_blas_thread():
        space = [_weighed(behaviour), _weighed(_principal(vectors[0], _NOVELTY_DIMENSIONS))]
        learned = [
            behaviour / _CLIP,
            *(_CLIP * _weighed(_principal(v, _LEARNED_DIMENSIONS)) for v in vectors),
        ]
        features = np.hstack(learned).astype(np.float32)
        general = features.shape[1]
        special, centre = [_hints(found, ids)], [_HINT]
        if 0 < bad.sum() < len(bad):
            special += [bad.astype(np.float32), _expected(features, bad, questions(scan_of(frame)))]
            centre += [_BAD, _EXPECTED]
    return Ground(
        ids=ids,
        behaviour=behaviour,
        space=np.hstack(space).astype(np.float32),
        features=np.column_stack([features, *special]).astype(np.float32),
        general=general,
        centre=np.array([*np.zeros(general), *centre, _BASE]),
        spread=np.array([*np.full(general, _SMALL), *np.full(len(special), _WIDE), _OPEN]),
        bad=bad,
        edge=edge_cases(traces),
    )


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
    known = [trace_id for trace_id in read if trace_id in ground._place]
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
) -> list[int]:
    """Rows in the order to read them: each the highest novelty x worth, given those before it.

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
    Computer Science 38); to the middle of all while none is. The product of novelty and the chance of an
    interesting label is the idea of active discovery and rare-category detection (Pelleg and Moore 2004, NIPS 17;
    He and Carbonell 2007, NIPS 20).
    """
    free = (
        np.ones(len(ground.ids), dtype=bool) if among is None else np.isin(np.arange(len(ground.ids)), among)
    )
    free[taken] = False
    rows = np.flatnonzero(free)
    with one_blas_thread():
        gap = _gap(ground.space, rows, taken)
        score = gap * worth[rows]
        if len(rows) > max(NEAR, 4 * count):
            best = np.sort(np.argsort(-score, kind="stable")[: max(NEAR, 4 * count)])
            rows, gap = rows[best], gap[best]
        space, value = ground.space[rows], worth[rows].copy()
        square = np.einsum("ij,ij->i", space, space)
        order = []
        for _ in range(min(count, len(rows))):
            i = int((gap * value).argmax())
            order.append(int(rows[i]))
            step = square + square[i] - 2 * (space @ space[i])
            np.minimum(gap, np.sqrt(np.maximum(step, 0)), out=gap)
            gap[i] = -1.0  # taken; a copy of it has 0
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


def _hints(found: Clustering, ids: np.ndarray) -> np.ndarray:
    """How much of each trace hints at a failure: log(1 / share that shows it) / log 20 over its hints, 2 at most."""
    total = np.zeros(len(ids), dtype=np.float32)
    for probe in found.params["probes"]:
        if probe["hint"]:
            column = found.behaviours.loc[ids, probe["name"]].to_numpy()
            shown = column > (0 if probe["kind"] == "flag" else np.quantile(column, 0.95))
            if 0 < shown.mean() <= _COMMON:
                total += shown * np.float32(np.log(1 / shown.mean()) / np.log(20))
    return np.minimum(total, 2)


def _expected(features: np.ndarray, bad: np.ndarray, asks: np.ndarray) -> np.ndarray:
    """The log-odds of a bad signal that one expects of each trace, standardised, learned from other questions only."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold

    alone = asks < 0
    groups = np.where(
        alone, -1 - np.arange(len(asks)), asks
    )  # a question of nobody else is a group of its own
    odds = np.zeros(len(bad), dtype=np.float32)
    folds = min(_FOLDS, len(np.unique(groups)))
    for train, test in GroupKFold(folds).split(features, groups=groups) if folds > 1 else ():
        if 0 < bad[train].sum() < len(train):
            model = LogisticRegression(C=_C, max_iter=300).fit(features[train], bad[train])
            odds[test] = model.decision_function(features[test])
    return (odds - odds.mean()) / (odds.std() or 1)


def _deviations(values: np.ndarray) -> np.ndarray:
    spread = values.std(axis=0)
    return np.clip((values - values.mean(axis=0)) / np.where(spread > 0, spread, 1), -_CLIP, _CLIP)


def _weighed(matrix: np.ndarray) -> np.ndarray:
    """The block around its mean with a total variance of 1; a block without variance stays 0."""
    centred = matrix - matrix.mean(axis=0)
    total = float(np.square(centred, dtype=np.float64).sum()) / max(len(matrix), 1)
    return centred / np.sqrt(total) if total > 1e-12 else np.zeros_like(centred)


def _principal(matrix: np.ndarray, count: int) -> np.ndarray:
    centred = (matrix - matrix.mean(axis=0)).astype(np.float64)
    vectors = np.linalg.eigh(centred.T @ centred)[1]
    return (centred @ vectors[:, ::-1][:, :count]).astype(np.float32)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(x, -30, 30)))


def _pool(found: Clustering, include: set[str]) -> np.ndarray:
    """The ids to weigh, sorted."""
    order = np.argsort(found.trace_ids.astype(str), kind="stable")
    if len(order) > POOL:
        must = (
            np.isin(found.trace_ids[order].astype(str), list(include))
            if include
            else np.zeros(len(order), bool)
        )
        edge = np.argsort(np.where(must, np.inf, -found.edge[order]), kind="stable")[: POOL // 2]
        rest = np.setdiff1d(np.arange(len(order)), edge)
        even = rest[np.linspace(0, len(rest) - 1, POOL - len(edge)).astype(int)]
        order = order[np.unique(np.concatenate([edge, even, np.flatnonzero(must)]))]
    return found.trace_ids[order].astype(str).astype(object)
