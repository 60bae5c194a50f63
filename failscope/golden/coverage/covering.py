"""Which production traces have an example near: hides the vectors, the neighbours' say and where the line is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from failscope.surface.neighbors import Neighbors, nearest_neighbors, one_blas_thread

AROUND = 5
"""Nearest production inputs that have a say beside the trace itself."""

SAME = 0.999
"""Similarity from which on two inputs are the same text, but for rounding."""

DEFAULT_NEAR = 0.4
"""The line where there are too few inputs to draw one from; it is the usual one for logs of a few thousand."""

LEAST = 50
"""Distinct inputs below which no line is drawn from the data."""

DRAWS = 10
"""Sets of one example a topic that the line is drawn from."""

KEPT = 3
"""Production traces that must be near, on average, for an example not to be stale."""

STALE = 0.05
"""The share of examples with traffic that are called stale all the same."""

_ROWS = 4_096  # rows compared at once
_JUDGED = 2_000  # inputs that the line for stale examples is drawn from


@dataclass(frozen=True, eq=False)
class Space:
    """Where inputs are compared: unit vectors around the mean of a log's distinct inputs.

    What all messages of a log share (a language, a product's name, "please") is most of a raw cosine; without it,
    what a message is about is left (Mu and Viswanath 2018, All-but-the-Top, whose first step this is). A text
    without words is like other such texts and like nothing else: a column of its own says so.
    """

    centre: np.ndarray

    @classmethod
    def around(cls, vectors: np.ndarray) -> Space:
        """The space of some inputs' vectors (n, d); each distinct one counts once."""
        distinct = np.unique(vectors[vectors.any(axis=1)], axis=0)
        return cls(distinct.mean(axis=0) if len(distinct) > 1 else np.zeros(vectors.shape[1], np.float32))

    def place(self, vectors: np.ndarray) -> np.ndarray:
        """Vectors (n, d) of texts as unit rows (n, d + 1) of this space."""
        blank = ~vectors.any(axis=1)
        out = np.empty((len(vectors), vectors.shape[1] + 1), dtype=np.float32)
        out[:, :-1] = vectors - self.centre
        norm = np.linalg.norm(out[:, :-1], axis=1)
        # the middle itself has no direction from the middle
        middle = norm < 1e-3
        out[middle, :-1], norm[middle] = vectors[middle], 1.0
        out[:, :-1] /= norm[:, None]
        out[blank, :-1] = 0
        out[:, -1] = blank
        return out


def nearest(
    X: np.ndarray, E: np.ndarray, own: Sequence[int] | np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """For each row of X the similarity to its nearest row of E and which one; -1 and -1 where E is empty.

    ``own`` (m,) is the row of X that each row of E was made of, -1 where there is none: an example is never the
    nearest one of its own trace.
    """
    similarity, index = np.full(len(X), -1.0, dtype=np.float32), np.full(len(X), -1, dtype=np.int64)
    at_home = np.full(len(E), -1) if own is None else np.asarray(own)
    if len(E):
        with one_blas_thread():
            for start in range(0, len(X), _ROWS):
                block = X[start : start + _ROWS] @ E.T
                here = np.flatnonzero((at_home >= start) & (at_home < start + _ROWS))
                block[at_home[here] - start, here] = -1
                at = block.argmax(axis=1)
                index[start : start + _ROWS] = at
                similarity[start : start + _ROWS] = block[np.arange(len(block)), at]
    return similarity, index


@dataclass(frozen=True, eq=False)
class Around:
    """The nearest inputs of each input, so that one odd wording does not decide alone."""

    near: Neighbors
    own: np.ndarray

    @classmethod
    def of(cls, X: np.ndarray) -> Around:
        """Of rows (n, d + 1) of a ``Space``."""
        near = nearest_neighbors(X, AROUND, zero_is_blank=False)
        k = near.index.shape[1]
        # copies of a text are its nearest neighbours, and a text without words has no others
        own = np.where(X[near.first, -1] > 0, k, np.minimum(near.copies - 1, k))
        return cls(near, own)

    def mean(self, similarity: np.ndarray) -> np.ndarray:
        """(n,) each row's mean over itself and its neighbours; the same text as an example keeps its own figure."""
        near, k = self.near, self.near.index.shape[1]
        here = similarity[near.first].astype(np.float64)
        others = np.where(np.arange(k) < (k - self.own)[:, None], here[near.index], 0).sum(axis=1)
        mean = ((1 + self.own) * here + others) / (k + 1)
        return np.where(here >= SAME, here, mean)[near.node]


@dataclass(frozen=True)
class Line:
    """The similarity from which on an example is near, and how well it tells one topic from the others.

    Attributes
    ----------
    near : float
    has : float
        Of inputs whose topic has one example, the share that counts as covered; NaN where it was not measured.
    lacks : float
        The same of inputs whose topic has none, while each other topic has one.
    drawn : str
        "from the data", "by hand" or "default" (too few inputs).
    """

    near: float
    has: float = float("nan")
    lacks: float = float("nan")
    drawn: str = "by hand"


def draw_line(X: np.ndarray, around: Around, topics: np.ndarray, *, random_state: int = 0) -> Line:
    """The line that best tells inputs whose topic has an example from those whose topic has none.

    A set with one example of each topic is drawn; each input is then judged twice, by the whole set and by the
    set without its own topic's example. The line is where the two differ most (Youden 1950, Cancer 3). Nothing
    of it depends on the golden set, so adding an example never takes coverage away.

    Parameters
    ----------
    X : (n, d) array
        Rows of a ``Space``.
    around : Around
        Of X.
    topics : (n,) int array
        The fine topic of each row, numbered from 0.
    """
    near = around.near
    D, topic = X[near.first], topics[near.first]
    present = np.unique(topic)
    if len(D) < LEAST or len(present) < 2:
        return Line(DEFAULT_NEAR, drawn="default")
    rng = np.random.default_rng(random_state)
    members = [np.flatnonzero(topic == c) for c in present]
    k = near.index.shape[1]
    used = np.arange(k) < (k - around.own)[:, None]
    has, lacks = [], []
    for _ in range(DRAWS):
        drawn = np.array([rng.choice(rows) for rows in members])
        first, second, of = _best_two(D, D[drawn], present)

        def judged(best: np.ndarray, others: np.ndarray) -> np.ndarray:
            return ((1 + around.own) * best + np.where(used, others, 0).sum(axis=1)) / (k + 1)

        without = np.where(of == topic, second, first)
        neighbours = np.where(of[near.index] == topic[:, None], second[near.index], first[near.index])
        free = np.ones(len(D), dtype=bool)
        free[drawn] = False  # an example judged by itself tells nothing
        has.append(judged(first, first[near.index])[free])
        lacks.append(judged(without, neighbours)[free])
    return _parting(np.concatenate(has), np.concatenate(lacks))


def draw_stale_line(X: np.ndarray, n: int, topics: np.ndarray, *, random_state: int = 0) -> float:
    """The mean similarity to its ``KEPT`` nearest production inputs below which an example is stale.

    Inputs are judged as examples are: by the n inputs of production other than themselves. The line is the lowest
    twentieth of those whose topic has traffic there, so that one living example in twenty is called stale.

    Parameters
    ----------
    X : (n + b, d) array
        Rows of a ``Space``, production first.
    n : int
    topics : (n + b,) int array
    """
    now = X[:n]
    if n < LEAST or len(np.unique(topics)) < 2:
        return DEFAULT_NEAR
    rows = np.random.default_rng(random_state).permutation(len(X))[:_JUDGED]
    living = np.bincount(topics[:n], minlength=int(topics.max()) + 1)
    rows = rows[living[topics[rows]] - (rows < n) > 0]
    if not len(rows):
        return DEFAULT_NEAR
    mean, _ = traffic(X[rows], now, np.where(rows < n, rows, -1))
    return float(np.quantile(mean, STALE))


def traffic(E: np.ndarray, X: np.ndarray, own: Sequence[int] | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each example (m, d) the mean similarity to its ``KEPT`` nearest rows of X, and the nearest row.

    ``own`` is the position in X of the trace that each example was made of, -1 where it is not there: an example is
    no traffic for itself.
    """
    mean, at = np.full(len(E), -1.0), np.full(len(E), -1, dtype=np.int64)
    with one_blas_thread():
        for start in range(0, len(E) if len(X) else 0, 256):
            block = E[start : start + 256] @ X.T
            for i, row in enumerate(own[start : start + 256]):
                if row >= 0:
                    block[i, row] = -1
            mean[start : start + 256], at[start : start + 256] = _top(block), block.argmax(axis=1)
    return mean, at


def _top(block: np.ndarray) -> np.ndarray:
    k = min(KEPT, block.shape[1])
    return np.partition(block, block.shape[1] - k, axis=1)[:, -k:].mean(axis=1)


def _best_two(X: np.ndarray, E: np.ndarray, names: np.ndarray) -> tuple[Any, Any, Any]:
    """The two highest similarities of each row, and the topic of the highest."""
    first, second = np.empty(len(X)), np.empty(len(X))
    of = np.empty(len(X), dtype=names.dtype)
    with one_blas_thread():
        for start in range(0, len(X), _ROWS):
            block = X[start : start + _ROWS] @ E.T
            at = block.argmax(axis=1)
            rows = np.arange(len(block))
            first[start : start + _ROWS], of[start : start + _ROWS] = block[rows, at], names[at]
            block[rows, at] = -1
            second[start : start + _ROWS] = block.max(axis=1)
    return first, second, of


def _parting(has: np.ndarray, lacks: np.ndarray) -> Line:
    """The value from which on most of ``has`` and fewest of ``lacks`` lie."""
    values = np.unique(np.concatenate([has, lacks]))
    above = 1 - np.searchsorted(np.sort(has), values, side="left") / len(has)
    wrong = 1 - np.searchsorted(np.sort(lacks), values, side="left") / len(lacks)
    best = int(np.argmax(np.round(above - wrong, 9)))
    return Line(float(values[best]), float(above[best]), float(wrong[best]), "from the data")
