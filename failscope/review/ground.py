"""What is known of each trace before anyone has read it: hides how behaviours, texts, signals and hints become numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from failscope.surface.behaviour.hints import Hint, hints_of
from failscope.surface.behaviour.questions import questions
from failscope.surface.behaviour.scan import scan_of
from failscope.surface.clustering import Clustering
from failscope.surface.edgecases import edge_cases
from failscope.surface.embedding import embed_texts
from failscope.surface.neighbors import one_blas_thread

POOL = 20_000
"""So many traces are weighed; of more, the ones most on the edge of their cluster and an even share of the rest."""
SAYS, ASKS = 0.3, 0.05
"""How long the vectors of outputs and of inputs are in the space of novelty, where behaviours are 1 long."""

_NOVELTY_DIMENSIONS, _LEARNED_DIMENSIONS = 64, 20  # principal components of a text's vectors
_CLIP = 3.0
_HINT, _BAD, _EXPECTED, _BASE = 1.0, 2.5, 0.5, -1.0  # prior weights, in log-odds
# how far the readings may move a weight: any feature's, a prior one's, the base
_SMALL, _WIDE, _OPEN = 0.17, 1.0, 2.0
_FOLDS, _C = 5, 0.03


@dataclass(frozen=True, eq=False)
class Ground:
    """The traces that are weighed, and what is known of each.

    Attributes
    ----------
    ids : (n,) array of str
        Those of the survey, sorted, so that the order of the frame that they came from changes nothing; then those
        that ``extended`` added.
    behaviour : (n, b) float32 array
        In standard deviations from the mean, at most 3: a flag that rarely fires is far from everything.
    space : (n, d) float32 array
        Where novelty is measured: behaviours, and output and input vectors that count for less.
    features : (n, f) float32 array
        What the chance of failing is learned from; the first ``general`` columns say nothing of signals or hints.
    centre, spread : (f + 1,) arrays
        The normal prior of the weights, the last one the base rate's, in log-odds.
    cluster : (n,) int array
        The cluster, -1 for noise.
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
    cluster: np.ndarray
    bad: np.ndarray
    edge: pd.DataFrame
    _scales: _Scales

    def rows(self, trace_ids: Iterable[str]) -> np.ndarray:
        """The places of those that are here; the others are left out."""
        at = self._place.get_indexer(pd.Index(list(trace_ids), dtype=object))
        return at[at >= 0]

    def extended(self, found: Clustering, trace_ids: Iterable[str]) -> Ground:
        """With these traces of the clustering as well, by the same scales: what is read outside the survey teaches too."""
        new = sorted({str(i) for i in trace_ids} - set(self._place))
        if not new:
            return self
        ids = np.array(new, dtype=object)
        traces = found.traces.take(ids)
        bad = _bad(found, ids)
        behaviour, space, general, hinted = self._scales.place(found, ids, progress=False)
        special = [hinted]
        if self._scales.expects is not None:
            special += [bad.astype(np.float32), self._scales.expects(general)]
        return replace(
            self,
            ids=np.concatenate([self.ids, ids]),
            behaviour=np.vstack([self.behaviour, behaviour]),
            space=np.vstack([self.space, space]),
            features=np.vstack([self.features, np.column_stack([general, *special]).astype(np.float32)]),
            cluster=np.concatenate([self.cluster, _clusters(found, ids)]),
            bad=np.concatenate([self.bad, bad]),
            edge=pd.concat([self.edge, edge_cases(traces)]),
        )

    @cached_property
    def shuffled(self) -> np.ndarray:
        """All rows in an order that means nothing: among equals the first of it is taken, not the lowest id."""
        return np.random.default_rng(0).permutation(len(self.ids))

    @cached_property
    def _place(self) -> pd.Index:
        return pd.Index(self.ids, dtype=object)


def survey(
    found: Clustering,
    *,
    leave: Collection[str] = (),
    least: int = 0,
    include: Collection[str] = (),
    progress: bool = True,
) -> Ground:
    """Weigh the traces of a clustering; takes the time of embedding their inputs and outputs.

    Parameters
    ----------
    found : Clustering
    leave : collection of str
        Traces that will not be chosen, so that of many traces they take no place.
    least : int
        So many traces must be left to choose from; ``POOL`` where that is more.
    include : collection of str
        Traces that are weighed in any case.
    """
    ids = _pool(found, set(leave), max(POOL, least), set(include))
    bad = _bad(found, ids)
    scales = _Scales.of(found, ids, progress=progress)
    behaviour, space, general, hinted = scales.place(found, ids, progress=False)
    special, centre = [hinted], [_HINT]
    traces = found.traces.take(ids)
    if 0 < bad.sum() < len(bad):
        expects, expected = _expected(general, bad, questions(scan_of(traces.frame)))
        scales = replace(scales, expects=expects)
        special += [bad.astype(np.float32), expected]
        centre += [_BAD, _EXPECTED]
    return Ground(
        ids=ids,
        behaviour=behaviour,
        space=space,
        features=np.column_stack([general, *special]).astype(np.float32),
        general=general.shape[1],
        centre=np.array([*np.zeros(general.shape[1]), *centre, _BASE]),
        spread=np.array([*np.full(general.shape[1], _SMALL), *np.full(len(special), _WIDE), _OPEN]),
        cluster=_clusters(found, ids),
        bad=bad,
        edge=edge_cases(traces),
        _scales=scales,
    )


@dataclass(frozen=True, eq=False)
class _Block:
    """A matrix around its mean, turned to its principal axes, with a total variance of 1."""

    mean: np.ndarray
    axes: np.ndarray | None
    scale: float

    @classmethod
    def of(cls, matrix: np.ndarray, axes: int | None = None) -> _Block:
        mean = matrix.mean(axis=0)
        centred = (matrix - mean).astype(np.float64)
        turn = None
        if axes is not None:
            turn = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :axes]
            centred = centred @ turn
        total = float(np.square(centred).sum()) / max(len(matrix), 1)
        return cls(mean, turn, 1 / np.sqrt(total) if total > 1e-12 else 0.0)

    def __call__(self, matrix: np.ndarray) -> np.ndarray:
        centred = (matrix - self.mean).astype(np.float64)
        turned = centred if self.axes is None else centred @ self.axes
        return (turned * self.scale).astype(np.float32)


@dataclass(frozen=True, eq=False)
class _Scales:
    """How the figures and texts of any trace become the rows of a ground."""

    mean: np.ndarray
    deviation: np.ndarray
    behaviour: _Block
    novel: tuple[_Block, _Block]  # of outputs and inputs, where novelty is measured
    learned: tuple[_Block, _Block]  # and where failing is learned
    hints: tuple[Hint, ...]
    expects: _Expects | None = None

    @classmethod
    def of(cls, found: Clustering, ids: np.ndarray, *, progress: bool) -> _Scales:
        figures = found.behaviours.loc[ids]
        values = figures.to_numpy(dtype=np.float32)
        mean, spread = values.mean(axis=0), values.std(axis=0)
        deviation = np.where(spread > 0, spread, 1)
        outputs, inputs = _vectors(found, ids, progress=progress)
        with one_blas_thread():
            return cls(
                mean,
                deviation,
                _Block.of(np.clip((values - mean) / deviation, -_CLIP, _CLIP)),
                (_Block.of(outputs, _NOVELTY_DIMENSIONS), _Block.of(inputs, _NOVELTY_DIMENSIONS)),
                (_Block.of(outputs, _LEARNED_DIMENSIONS), _Block.of(inputs, _LEARNED_DIMENSIONS)),
                tuple(hints_of(figures, found.params["probes"])),
            )

    def place(
        self, found: Clustering, ids: np.ndarray, *, progress: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Behaviours, space, general features and how much hints at a failure."""
        figures = found.behaviours.loc[ids]
        values = figures.to_numpy(dtype=np.float32)
        behaviour = np.clip((values - self.mean) / self.deviation, -_CLIP, _CLIP).astype(np.float32)
        outputs, inputs = _vectors(found, ids, progress=progress)
        with one_blas_thread():
            novel = [SAYS * self.novel[0](outputs), ASKS * self.novel[1](inputs)]
            learned = [_CLIP * self.learned[0](outputs), _CLIP * self.learned[1](inputs)]
            space = np.hstack([self.behaviour(behaviour), *novel]).astype(np.float32)
        general = np.hstack([behaviour / _CLIP, *learned]).astype(np.float32)
        return behaviour, space, general, self._hinted(figures)

    def _hinted(self, figures: pd.DataFrame) -> np.ndarray:
        """How much of each trace hints at a failure: log(1 / share that shows it) / log 20 over its hints, 2 at most."""
        total = np.zeros(len(figures), dtype=np.float32)
        for hint in self.hints:
            total += hint.shown(figures) * np.float32(np.log(1 / hint.share) / np.log(20))
        return np.minimum(total, 2)


@dataclass(frozen=True, eq=False)
class _Expects:
    """The log-odds of a bad signal that one expects, standardised: the mean of the models of all folds."""

    weights: np.ndarray
    base: float
    mean: float
    deviation: float

    def __call__(self, features: np.ndarray) -> np.ndarray:
        odds = features @ self.weights + self.base
        return ((odds - self.mean) / self.deviation).astype(np.float32)


def _expected(features: np.ndarray, bad: np.ndarray, asks: np.ndarray) -> tuple[_Expects, np.ndarray]:
    """What one expects of any trace, and of each of these as learned from other questions only."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold

    # a question of nobody else is a group of its own
    groups = np.where(asks < 0, -1 - np.arange(len(asks)), asks)
    odds = np.zeros(len(bad), dtype=np.float32)
    models = []
    folds = min(_FOLDS, len(np.unique(groups)))
    for train, test in GroupKFold(folds).split(features, groups=groups) if folds > 1 else ():
        if 0 < bad[train].sum() < len(train):
            model = LogisticRegression(C=_C, max_iter=300).fit(features[train], bad[train])
            odds[test] = model.decision_function(features[test])
            models.append((model.coef_[0], float(model.intercept_[0])))
    mean, deviation = float(odds.mean()), float(odds.std()) or 1.0
    weights = np.mean([w for w, _ in models], axis=0) if models else np.zeros(features.shape[1])
    base = float(np.mean([b for _, b in models])) if models else mean
    return _Expects(weights, base, mean, deviation), (odds - mean) / deviation


def _clusters(found: Clustering, ids: np.ndarray) -> np.ndarray:
    return pd.Series(found.labels, index=found.trace_ids).loc[ids].to_numpy()


def _bad(found: Clustering, ids: np.ndarray) -> np.ndarray:
    if not found.traces.signals:
        return np.zeros(len(ids), dtype=bool)
    return found.traces.take(ids).any_bad().to_numpy(dtype=bool)


def _vectors(found: Clustering, ids: np.ndarray, *, progress: bool) -> tuple[np.ndarray, np.ndarray]:
    frame = found.traces.frame.loc[ids]
    outputs, inputs = (
        embed_texts(frame[column].tolist(), cache=found.traces.vectors, progress=progress)
        for column in ("output", "input")
    )
    return outputs, inputs


def _pool(found: Clustering, leave: set[str], size: int, include: set[str]) -> np.ndarray:
    """The ids to weigh, sorted: of those that may be chosen ``size`` at most, and all of ``include``."""
    order = np.argsort(found.trace_ids.astype(str), kind="stable")
    if len(order) > size:
        names = found.trace_ids[order].astype(str)
        free = np.flatnonzero(~np.isin(names, list(leave)))
        if len(free) > size:
            edge = free[np.argsort(-found.edge[order][free], kind="stable")[: size // 2]]
            rest = np.setdiff1d(free, edge)
            even = rest[np.linspace(0, len(rest) - 1, size - len(edge)).astype(int)]
            free = np.concatenate([edge, even])
        must = np.flatnonzero(np.isin(names, list(include)))
        order = order[np.union1d(free, must)]
    return found.trace_ids[order].astype(str).astype(object)
