"""What the traces that were read say of the others: hides the model behind suggested failure modes and "more like these"."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from failscope.surface.behaviour import Probe
from failscope.surface.clustering import Clustering
from failscope.surface.embedding import embed_texts
from failscope.surface.views import standardise

SHOWN = 0.5
"""The confidence from which on a failure mode is suggested: it is then more likely there than not."""
FEWEST = 3
"""A failure mode with fewer examples among those read is suggested nowhere; "more like these" needs one."""
MOST = 100_000
"""Of more traces, so many are looked at: those that must be, and an even share of the rest."""

_DIMENSIONS = 64  # of each embedding; what lies beyond says little and costs memory
_RIDGE = 0.5
_LATEST = 2_000  # read traces that are learned from: the cost grows with their cube
_SAMPLE = 500  # for the typical distance
_USUAL = 2_000  # for how rare a behaviour is
_CHUNK = 8_192
_RATE_READS = 8.0  # what the rate among all reads is worth against the random sample's own
_CHOSEN = 0.25  # what a chosen read is worth against a drawn one, where hits are counted
_NEAREST = 3
_FOLDS = 5
_TELLING = 0.25  # a behaviour that more traces than this share is no reason


@dataclass(frozen=True, eq=False)
class Space:
    """Where traces lie by how they behave and what they say, in the order of their ids.

    Attributes
    ----------
    trace_ids : (n,) array of str
    matrix : (n, d) float32 array
        Behaviours, output and input, each block of the same total variance.
    inputs, outputs : (n,) int arrays
        Equal numbers are equal texts.
    behaviours : (n, b) float32 array
        Standardised, 0 is usual.
    probes : tuple of Probe
        The columns of ``behaviours``.
    width : float
        The median distance of two traces.
    """

    trace_ids: np.ndarray
    matrix: np.ndarray
    inputs: np.ndarray
    outputs: np.ndarray
    behaviours: np.ndarray
    probes: tuple[Probe, ...]
    width: float

    @cached_property
    def usual(self) -> np.ndarray:
        """(s, b): each behaviour of an even sample, sorted, to look up how rare a figure is."""
        return np.sort(self.behaviours[_evenly(len(self.behaviours), _USUAL)], axis=0)

    def rows(self, trace_ids: Iterable[str]) -> np.ndarray:
        """The rows of those of the traces that are here."""
        wanted = np.array(sorted(set(trace_ids)), dtype=object)
        rows = np.searchsorted(self.trace_ids, wanted)
        inside = rows < len(self.trace_ids)
        inside[inside] = self.trace_ids[rows[inside]] == wanted[inside]
        return rows[inside]

    def likeness(self, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
        """(len(rows), len(others)): 1 for the same place, falling to 0 with the distance (a Gaussian of ``width``)."""
        out = np.empty((len(rows), len(others)), dtype=np.float32)
        right = self.matrix[others]
        squares = np.square(right).sum(axis=1)
        for start in range(0, len(rows), _CHUNK):
            left = self.matrix[rows[start : start + _CHUNK]]
            apart = np.square(left).sum(axis=1)[:, None] + squares - 2 * left @ right.T
            out[start : start + _CHUNK] = np.exp(-np.maximum(apart, 0) / (2 * self.width**2))
        return out


def space_of(found: Clustering, *, keep: Iterable[str] = ()) -> Space:
    """Place the traces of a clustering.

    Parameters
    ----------
    found : Clustering
    keep : iterable of str
        Traces that must be in it, when there are more than ``MOST``.

    Notes
    -----
    Texts are embedded by the bundled model, through ``traces.vectors`` where there is one: seconds for ten
    thousand texts that were never embedded, next to nothing afterwards.
    """
    order = np.argsort(found.trace_ids.astype(str), kind="stable")
    ids = found.trace_ids[order].astype(object)
    probes = tuple(Probe.measured(record) for record in found.params["probes"])
    behaviours = standardise(found.behaviours.loc[ids], probes)
    if len(ids) > MOST:
        must = np.isin(ids, list(keep))
        rest = np.flatnonzero(~must)
        must[rest[_evenly(len(rest), max(MOST - int(must.sum()), 0))]] = True
        ids, behaviours = ids[must], behaviours[must]
    texts = found.traces.frame.loc[ids, ["input", "output"]]
    blocks = [behaviours]
    for column in ("output", "input"):
        vectors = embed_texts(texts[column].tolist(), cache=found.traces.vectors, progress=False)
        blocks.append(_principal(vectors))
    matrix = np.concatenate([_one_variance(block) for block in blocks], axis=1)
    return Space(
        trace_ids=ids,
        matrix=matrix,
        inputs=pd.factorize(texts["input"])[0],
        outputs=pd.factorize(texts["output"])[0],
        behaviours=behaviours,
        probes=probes,
        width=_typical_distance(matrix),
    )


@dataclass(frozen=True, eq=False)
class Learned:
    """What was learned from the traces read: for each failure mode with enough examples, a score and what it is worth.

    Attributes
    ----------
    space : Space
    read : (r,) int array
        The rows that were read.
    modes : tuple of str
    """

    space: Space
    read: np.ndarray
    modes: tuple[str, ...]
    has: np.ndarray  # (r, m) bool: which of them were found there
    weights: np.ndarray  # (r, m)
    means: np.ndarray  # (m,)
    worth: tuple[_Worth, ...]

    def confidence(self, rows: np.ndarray) -> np.ndarray:
        """(len(rows), m): how likely each failure mode is there, calibrated."""
        return self._judged(rows)[1]

    def chances(self) -> pd.DataFrame:
        """The same for every trace: index ``trace_id``, a column for each failure mode."""
        rows = np.arange(len(self.space.trace_ids))
        return _chances(self.space, rows, self.modes, self.confidence(rows))

    def _judged(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scores = self.space.likeness(rows, self.read) @ self.weights.astype(np.float32) + self.means
        sure = np.zeros(scores.shape)
        for j, worth in enumerate(self.worth):
            sure[:, j] = worth(scores[:, j])
        return scores, sure

    def suggest(
        self,
        trace_ids: Iterable[str] | None = None,
        *,
        failure_mode: str | None = None,
        at_least: float = SHOWN,
    ) -> pd.DataFrame:
        """Failure modes of unread traces; see ``Session.suggestions``."""
        space = self.space
        rows = np.arange(len(space.trace_ids)) if trace_ids is None else space.rows(trace_ids)
        rows = np.setdiff1d(rows, self.read)
        score, sure = self._judged(rows)
        at, mode = np.nonzero(sure >= at_least)
        if failure_mode is not None:
            ours = np.array([m == failure_mode for m in self.modes], dtype=bool)
            at, mode = at[ours[mode]], mode[ours[mode]]
        first = np.lexsort((rows[at], mode, -score[at, mode], -sure[at, mode].round(6)))
        at, mode = at[first], mode[first]
        nearest = np.zeros(len(at), dtype=int)
        for j in np.unique(mode):
            mine, examples = np.flatnonzero(mode == j), self.read[self.has[:, j]]
            nearest[mine] = examples[space.likeness(rows[at[mine]], examples).argmax(axis=1)]
        said = _in_common(space, rows[at], nearest)
        reasons = [
            f"most like {space.trace_ids[e]}, tagged so: {s}" for e, s in zip(nearest, said, strict=True)
        ]
        return _indexed(
            space.trace_ids[rows[at]],
            failure_mode=np.array([self.modes[j] for j in mode], dtype=object),
            confidence=sure[at, mode].astype(float),
            reason=np.array(reasons, dtype=object),
        )


def learn(space: Space, read: Mapping[str, Sequence[str]], *, drawn: Collection[str] = ()) -> Learned:
    """Learn from what was read.

    Parameters
    ----------
    space : Space
    read : mapping
        Trace -> its failure modes, ``[]`` for fine, oldest first.
    drawn : collection of str
        Traces that came by a random draw: they alone say how common a failure mode is among the unread.

    Notes
    -----
    One score for each failure mode against the rest: regularised least squares with a Gaussian kernel (Rifkin,
    Yeo and Poggio 2003), whose leave-one-out residuals have a closed form; here one *input* is left out at a time,
    so that the same question answered twice does not vouch for itself. The scores held out are calibrated
    by a logistic curve (Platt 1999) that is drawn towards the base rate while there is little to see, and never
    above the share of hits among the reads that scored as high, counted with one more read at the base rate: three
    examples cannot make anything certain. Both are moved to the base rate of the random sample (Elkan 2001), and a
    chosen read counts a quarter for the share, since it was chosen because a failure was likely there.
    """
    latest = dict(list(read.items())[-_LATEST:])
    rows = space.rows(latest)
    said = [set(latest[i]) for i in space.trace_ids[rows]]
    counts: dict[str, int] = {}
    for mode in (m for modes in latest.values() for m in dict.fromkeys(modes)):
        counts[mode] = counts.get(mode, 0) + 1
    modes = tuple(sorted(m for m, count in counts.items() if count >= FEWEST))
    has = np.array([[m in s for m in modes] for s in said], dtype=bool).reshape(len(rows), len(modes))
    several = has.sum(axis=0) >= FEWEST  # of those that are in the space
    modes, has = tuple(m for m, ok in zip(modes, several, strict=True) if ok), has[:, several]
    means = has.mean(axis=0) if len(rows) else np.zeros(len(modes))
    if not modes:
        return Learned(space, rows, (), has, np.zeros((len(rows), 0)), means, ())
    kernel = space.likeness(rows, rows).astype(float)
    inverse = np.linalg.inv(kernel + _RIDGE * np.eye(len(rows)))
    weights = inverse @ (has - means)
    held_out = np.empty_like(weights)
    for block in _equal(space.inputs[rows]):
        held_out[block] = has[block] - np.linalg.solve(inverse[np.ix_(block, block)], weights[block])
    sampled = np.isin(space.trace_ids[rows], list(drawn))
    worth = tuple(_worth(held_out[:, j], has[:, j].astype(float), sampled) for j in range(len(modes)))
    return Learned(space, rows, modes, has, weights, means, worth)


def held_out(space: Space, read: Mapping[str, Sequence[str]], *, drawn: Collection[str] = ()) -> pd.DataFrame:
    """What would be suggested for the traces read by models that learned from the other reads only.

    Returns
    -------
    pandas.DataFrame
        Index ``trace_id`` of the reads, a column for each failure mode. The reads are left out in ``_FOLDS`` parts, equal
        inputs together; NaN where a part's model had too few examples of a failure mode.
    """
    rows = space.rows(read)
    asked = space.inputs[rows]
    part = pd.factorize(asked)[0] % _FOLDS
    frames = []
    for fold in range(_FOLDS):
        left_out = {str(i) for i in space.trace_ids[rows[part == fold]]}
        learned = learn(space, {i: m for i, m in read.items() if i not in left_out}, drawn=drawn)
        mine = rows[part == fold]
        frames.append(_chances(space, mine, learned.modes, learned.confidence(mine)))
    return pd.concat(frames)


def _chances(space: Space, rows: np.ndarray, modes: Sequence[str], sure: np.ndarray) -> pd.DataFrame:
    index = pd.Index(space.trace_ids[rows], name="trace_id", dtype="str")
    return pd.DataFrame(sure, index=index, columns=list(modes))


def more_like(
    space: Space, trace_ids: Iterable[str], *, skip: Collection[str] = (), n: int = 20
) -> pd.DataFrame:
    """The traces most like the given ones; see ``Session.more_like``."""
    given = space.rows(trace_ids)
    skipped = np.union1d(space.rows(skip), given)
    rows = np.setdiff1d(np.arange(len(space.trace_ids)), skipped)
    like = space.likeness(rows, given)
    few = min(_NEAREST, len(given))
    score = np.sort(like, axis=1)[:, -few:].mean(axis=1) if few else np.zeros(len(rows))
    first = np.lexsort((rows, -score))
    # of equal outputs one is enough, and none of what is at hand already
    fresh = ~pd.Series(space.outputs[rows[first]]).duplicated().to_numpy()
    fresh &= ~np.isin(space.outputs[rows[first]], space.outputs[given])
    best = first[fresh][: max(n, 0)] if few else first[:0]
    nearest = given[like[best].argmax(axis=1)] if few else given
    said = _in_common(space, rows[best], nearest)
    return _indexed(
        space.trace_ids[rows[best]],
        similarity=score[best].astype(float),
        reason=np.array(
            [f"like {space.trace_ids[e]}: {s}" for e, s in zip(nearest, said, strict=True)], dtype=object
        ),
    )


@dataclass(frozen=True, eq=False)
class _Worth:
    """What a score is worth: a logistic curve under a ceiling."""

    start: float
    slope: float
    middle: float
    spread: float
    scores: np.ndarray  # of the reads, held out, highest first
    ceiling: np.ndarray  # the highest share of hits among the reads from here on down

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        curve = _chance(self.start + self.slope * (scores - self.middle) / self.spread)
        above = np.searchsorted(-self.scores, -scores, side="left")
        return np.asarray(np.minimum(curve, self.ceiling[np.minimum(above, len(self.ceiling) - 1)]))


def _worth(scores: np.ndarray, hit: np.ndarray, sampled: np.ndarray) -> _Worth:
    count = len(hit)
    rate = (hit.sum() + 0.5) / (count + 1)
    middle, spread = float(scores.mean()), float(scores.std()) or 1.0
    start, slope = _logistic((scores - middle) / spread, hit, rate)
    of_sample = (hit[sampled].sum() + _RATE_READS * rate) / (sampled.sum() + _RATE_READS)
    down = np.argsort(-scores, kind="stable")
    rarer = _odds(of_sample) - _odds(rate)
    weight = np.where(sampled, 1.0, _CHOSEN if sampled.any() else 1.0)[down]
    shares = (np.cumsum(hit[down] * weight) + rate) / (np.cumsum(weight) + 1)
    ceiling = np.maximum.accumulate(_chance(np.log(shares / (1 - shares)) + rarer)[::-1])[::-1]
    return _Worth(start + rarer, slope, middle, spread, scores[down], ceiling)


def _logistic(x: np.ndarray, hit: np.ndarray, rate: float) -> tuple[float, float]:
    """Start and slope (not below 0) of the curve, by Newton's steps; the pull is to the rate and to a slope of 0."""
    pull, home = np.array([0.25, 1.0]), np.array([_odds(rate), 0.0])
    for columns in (np.stack([np.ones_like(x), x]), np.stack([np.ones_like(x), np.zeros_like(x)])):
        at = home.copy()
        for _ in range(40):
            chance = _chance(at @ columns)
            slope = columns @ (chance - hit) + pull * (at - home)
            step = np.linalg.solve((columns * chance * (1 - chance)) @ columns.T + np.diag(pull), slope)
            at -= step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
            if np.abs(step).max() < 1e-9:
                break
        if at[1] >= 0:
            return float(at[0]), float(at[1])
    return float(at[0]), 0.0


def _in_common(space: Space, rows: np.ndarray, others: np.ndarray) -> list[str]:
    """For each pair in words: the two rarest behaviours that they share, or what else they have in common."""
    if not len(rows):
        return []
    share = np.ones((len(rows), len(space.probes)))
    high = np.zeros_like(share, dtype=bool)
    for j, probe in enumerate(space.probes):
        column = space.usual[:, j]
        one, two = space.behaviours[rows, j], space.behaviours[others, j]
        least, most = np.minimum(one, two), np.maximum(one, two)
        above = 1 - np.searchsorted(column, least, side="left") / len(column)
        below = np.searchsorted(column, most, side="right") / len(column)
        high[:, j] = least > 0
        share[:, j] = np.where(least > 0, above, 1.0)
        if probe.kind == "amount":
            share[:, j] = np.where(most < 0, below, share[:, j])
    # of two that are about as rare, the one that hints at a failure says more
    weight = np.where(share <= _TELLING, share, 1.0) * np.where([p.hint for p in space.probes], 0.5, 1.0)
    said = []
    for k, (row, other) in enumerate(zip(rows, others, strict=True)):
        rarest = [j for j in np.argsort(weight[k], kind="stable")[:2] if share[k, j] <= _TELLING]
        words = list(dict.fromkeys(space.probes[j].called(high=bool(high[k, j])) for j in rarest))
        if space.outputs[row] == space.outputs[other]:
            words = ["the same output"]
        elif space.inputs[row] == space.inputs[other]:
            words = ["the same input", *words]
        said.append(", ".join(words) or "similar words")
    return said


def _principal(vectors: np.ndarray) -> np.ndarray:
    centred = vectors - vectors.mean(axis=0) if len(vectors) else vectors
    if vectors.shape[1] <= _DIMENSIONS:
        return centred
    axes = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :_DIMENSIONS]
    return np.asarray(centred @ axes, dtype=np.float32)


def _one_variance(block: np.ndarray) -> np.ndarray:
    centred = block - block.mean(axis=0) if len(block) else block
    total = float(np.square(centred, dtype=np.float64).sum()) / max(len(block), 1)
    return np.asarray(centred / np.sqrt(total) if total > 1e-12 else np.zeros_like(centred), dtype=np.float32)


def _typical_distance(matrix: np.ndarray) -> float:
    some = matrix[_evenly(len(matrix), _SAMPLE)]
    squares = np.square(some).sum(axis=1)
    apart = np.sqrt(np.maximum(squares[:, None] + squares - 2 * some @ some.T, 0))
    apart = apart[apart > 1e-6]
    return float(np.median(apart)) if len(apart) else 1.0


def _evenly(n: int, count: int) -> np.ndarray:
    return np.linspace(0, max(n - 1, 0), min(count, n)).astype(int)


def _equal(codes: np.ndarray) -> list[np.ndarray]:
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)


def _indexed(trace_ids: np.ndarray, **columns: np.ndarray) -> pd.DataFrame:
    frame = pd.DataFrame(columns, index=pd.Index(trace_ids, name="trace_id", dtype="str"))
    return frame.astype({name: "str" for name, values in columns.items() if values.dtype == object})


def _chance(odds: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-np.clip(odds, -30, 30))))


def _odds(chance: float) -> float:
    return float(np.log(chance / (1 - chance)))
