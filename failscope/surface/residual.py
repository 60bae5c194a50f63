"""What an output says beyond what its input predicts: hides the folds, the ridge regression and the choice of its penalty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from failscope.surface.neighbors import one_blas_thread
from failscope.traces.table import text_hash

FOLDS = 5
"""Parts of the inputs; each part's outputs are predicted from the other parts only."""

PENALTIES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, float("inf"))
"""Ridge penalties tried, in mean variances of an input's dimension; the last one predicts the mean output."""

FIT_INPUTS = 200_000
"""Distinct inputs that the regression is fitted on; of more, those with the lowest hashes."""

_BLOCK = 8_192  # rows handled at once
_NOTHING = 1e-5  # a residual shorter than this is rounding: the output is what was predicted


def residual(
    outputs: np.ndarray, inputs: np.ndarray, *, texts: Sequence[str], trace_ids: Sequence[str] | np.ndarray
) -> np.ndarray:
    """Output vectors less their cross-fitted ridge prediction from the input vectors.

    Inputs fall into ``FOLDS`` parts by the sha256 of their text (case and white space aside), so that equal inputs
    are always in one part and a trace keeps its part whatever else is in the set. Each part is predicted by a ridge
    regression (Hoerl and Kennard 1970, Technometrics 12) fitted on the other parts; cross-fitting is that of
    Chernozhukov et al. 2018 (The Econometrics Journal 21). The penalty is the one of ``PENALTIES`` with the least
    squared error when each of those other parts is left out in turn, so no part has a say in its own prediction.

    Parameters
    ----------
    outputs, inputs : (n, d) arrays
        Unit rows; a zero row is a text without words.
    texts : sequence of str
        (n,) the input texts; rows of one text have one input vector.
    trace_ids : sequence of str
        (n,) unique; they make the sums the same bits in any order of the rows.

    Returns
    -------
    numpy.ndarray
        (n, d) float32. Its rows are not scaled to length 1: a short one is an answer that goes as its input says,
        and stretched to length 1 it would be noise. A zero output stays a zero row. An input without words predicts
        the mean output, and so does every input while fewer than three parts have something to learn from; with
        nothing to learn from at all the row is the output itself.

    Examples
    --------
    >>> inputs = np.eye(2, dtype=np.float32)[np.arange(400) % 2]
    >>> texts = [f"{'price' if i % 2 else 'size'} of item {i}" for i in range(400)]
    >>> as_asked, other = inputs.copy(), inputs.copy()
    >>> other[0] = [0, 1]  # one answer to something else
    >>> length = np.linalg.norm(residual(other, inputs, texts=texts, trace_ids=texts), axis=1)
    >>> bool(length[0] > 1.3), bool(length[1:].max() < 0.1)
    (True, True)
    """
    outputs = np.asarray(outputs, dtype=np.float32)
    inputs = np.asarray(inputs, dtype=np.float32)
    if not len(outputs):
        return outputs.copy()
    code, distinct = pd.factorize(np.asarray(texts, dtype=object), sort=True, use_na_sentinel=False)
    digest = [text_hash(" ".join(str(text).casefold().split())) for text in distinct]
    fold = np.array([int(d[:8], 16) % FOLDS for d in digest])
    # rows by fold, text and id: sums and predictions are the same bits however the rows came
    order = np.lexsort((np.asarray(trace_ids).astype(str), code, fold[code]))
    parts = np.split(order, np.searchsorted(fold[code[order]], np.arange(1, FOLDS)))
    beyond = outputs.copy()
    with one_blas_thread():
        fitted_on = _wordy(outputs) & _sampled(digest)[code] & _wordy(inputs)
        sums = [_sums(outputs, inputs, rows[fitted_on[rows]]) for rows in parts]
        for k, penalty in enumerate(_penalties(sums)):
            others = [s for j, s in enumerate(sums) if j != k and s.n]
            if not others:
                continue
            ridge = _Ridge.of(_total(others))
            for rows in _whole_texts(parts[k], code):
                _, first, back = np.unique(code[rows], return_index=True, return_inverse=True)
                beyond[rows] -= ridge.predict(inputs[rows[first]], penalty=penalty)[back]
    beyond[_lengths(beyond) < _NOTHING] = 0
    beyond[~_wordy(outputs)] = 0
    return beyond


@dataclass(frozen=True, eq=False)
class _Sums:
    """What a linear regression needs to know of some rows; sums add up, so any folds together are a sum of theirs."""

    n: float
    x: np.ndarray
    y: np.ndarray
    xx: np.ndarray
    xy: np.ndarray
    yy: float

    def __add__(self, other: _Sums) -> _Sums:
        return _Sums(
            self.n + other.n,
            self.x + other.x,
            self.y + other.y,
            self.xx + other.xx,
            self.xy + other.xy,
            self.yy + other.yy,
        )

    def around(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """``xx, xy, yy`` with the origin moved to ``x, y``."""
        xx = self.xx - np.outer(x, self.x) - np.outer(self.x, x) + self.n * np.outer(x, x)
        xy = self.xy - np.outer(x, self.y) - np.outer(self.x, y) + self.n * np.outer(x, y)
        return xx, xy, self.yy - 2 * float(y @ self.y) + self.n * float(y @ y)


@dataclass(frozen=True, eq=False)
class _Ridge:
    """Ridge regressions of one set of rows under any penalty, from one decomposition ``xx = vectors values vectors'``."""

    x: np.ndarray
    y: np.ndarray
    values: np.ndarray
    vectors: np.ndarray
    turned: np.ndarray

    @classmethod
    def of(cls, sums: _Sums) -> _Ridge:
        x, y = sums.x / sums.n, sums.y / sums.n
        xx, xy, _ = sums.around(x, y)
        values, vectors = np.linalg.eigh(xx)
        return cls(x, y, np.maximum(values, 0), vectors, vectors.T @ xy)

    def shrunk(self, penalty: float) -> np.ndarray:
        """(d,) the inverse of each direction's sum of squares with the penalty on it."""
        scale = float(self.values.mean())
        # where all inputs are one, no direction says anything
        return 1 / (self.values + scale * penalty) if scale > 1e-9 else np.zeros_like(self.values)

    def errors(self, held_out: _Sums) -> np.ndarray:
        """The squared error on other rows under each of ``PENALTIES``; no slope is made for it."""
        xx, xy, yy = held_out.around(self.x, self.y)
        linear = (self.turned * (self.vectors.T @ xy)).sum(axis=1)
        square = (self.vectors.T @ xx @ self.vectors) * (self.turned @ self.turned.T)
        shrunk = [self.shrunk(penalty) for penalty in PENALTIES]
        return np.array([yy - 2 * float(by @ linear) + float(by @ square @ by) for by in shrunk])

    def predict(self, rows: np.ndarray, *, penalty: float) -> np.ndarray:
        slope = self.vectors @ (self.turned * self.shrunk(penalty)[:, None])
        # a text without words says nothing of its answer: the mean, not a point far from all inputs
        return (((rows - self.x) * _wordy(rows)[:, None]) @ slope + self.y).astype(np.float32)


def _sampled(digest: list[str]) -> np.ndarray:
    """Which distinct inputs the regression is fitted on."""
    if len(digest) <= FIT_INPUTS:
        return np.ones(len(digest), dtype=bool)
    # not the digits that chose the fold
    lot = np.array([int(d[8:23], 16) for d in digest])
    return lot <= np.partition(lot, FIT_INPUTS - 1)[FIT_INPUTS - 1]


def _sums(outputs: np.ndarray, inputs: np.ndarray, rows: np.ndarray) -> _Sums:
    """The sums of some rows, in their order."""
    d, e = inputs.shape[1], outputs.shape[1]
    out = _Sums(0, np.zeros(d), np.zeros(e), np.zeros((d, d)), np.zeros((d, e)), 0.0)
    for start in range(0, len(rows), _BLOCK):
        part = rows[start : start + _BLOCK]
        X, Y = inputs[part].astype(np.float64), outputs[part].astype(np.float64)
        yy = float(np.square(Y).sum())
        out += _Sums(len(part), X.sum(axis=0), Y.sum(axis=0), X.T @ X, X.T @ Y, yy)
    return out


def _penalties(sums: list[_Sums]) -> list[float]:
    """For each fold the penalty with the least error when each of the other folds is left out in turn."""
    error = np.zeros((len(sums), len(PENALTIES)))
    told = [k for k in range(len(sums)) if sums[k].n]
    for k, j in combinations(range(len(sums)), 2):
        rest = [sums[i] for i in told if i not in (k, j)]
        if rest:
            ridge = _Ridge.of(_total(rest))
            error[k] += ridge.errors(sums[j])
            error[j] += ridge.errors(sums[k])
    # where errors tie, as they do when nothing could be left out, the heaviest penalty
    best = len(PENALTIES) - 1 - np.argmin(error[:, ::-1], axis=1)
    return [PENALTIES[i] for i in best]


def _whole_texts(rows: np.ndarray, code: np.ndarray) -> list[np.ndarray]:
    """The rows, which are in the order of their texts, in blocks that no text is split over.

    Each text is predicted once: equal inputs and outputs then give equal rows, which a matrix product does not
    promise.
    """
    there = code[rows]
    cuts = np.unique(np.searchsorted(there, there[::_BLOCK]))
    return np.split(rows, cuts[1:]) if len(rows) else []


def _lengths(rows: np.ndarray) -> np.ndarray:
    """(n,) the lengths of the rows, without a copy of them."""
    return np.sqrt(np.einsum("ij,ij->i", rows, rows))


def _wordy(rows: np.ndarray) -> np.ndarray:
    """(n,) whether a row is a text with words."""
    return _lengths(rows) > 0


def _total(parts: list[_Sums]) -> _Sums:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
