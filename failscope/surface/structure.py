"""Whether there are groups to find at all: hides the null model that a view is held against."""

from __future__ import annotations

import numpy as np

from failscope.surface.communities import leiden, neighbor_graph
from failscope.surface.neighbors import nearest_neighbors

SAMPLE = 2_000
"""Rows that are looked at: enough for the figure, quick at any size."""

CLEAR = 0.25
"""Below this the groups are only sections of a continuum: a normal cloud gives 0 to 0.06, a cube filled evenly 0.17."""

_RESOLUTIONS = (
    0.0625,
    0.125,
    0.25,
    0.5,
    1.0,
)  # a few groups far apart show at coarse ones only, many at fine ones
_DRAWS = 3


def structure(X: np.ndarray, *, random_state: int = 0) -> float:
    """How much more a view falls apart than one cloud of the same shape would, 0 (not at all) to 1 (wholly).

    ``(Q - Q0) / (1 - Q0)``: Q is the modularity (Newman and Girvan 2004, Physical Review E 69) of the Leiden
    communities of the neighbour graph, Q0 the same of normal clouds with the view's mean and covariance, the mean
    of three draws. Neighbours in any cloud make communities; only what exceeds Q0 is the data's. It is taken at
    five resolutions (Reichardt and Bornholdt 2006, Physical Review E 74) and the largest counts: three groups far
    apart are more than a cloud's at a coarse one only.

    Parameters
    ----------
    X : (n, d) array
        Finite. Equal rows count once and zero rows not at all, up to 2,000 are drawn.

    Returns
    -------
    float
        NaN for fewer than 100 different rows.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> cloud = rng.normal(size=(500, 4))
    >>> bool(structure(cloud) < 0.25 < structure(cloud + 9 * (np.arange(500) % 3)[:, None]))
    True
    """
    rng = np.random.default_rng(random_state)
    rows = rng.permutation(len(X))[: 4 * SAMPLE]
    rows = np.unique(X[rows[X[rows].any(axis=1)]], axis=0).astype(np.float64)
    if len(rows) < 100:
        return float("nan")
    rows = rows[rng.permutation(len(rows))[:SAMPLE]]
    unit = np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-3)
    mean = rows.mean(axis=0)
    _, spread, axes = np.linalg.svd(rows - mean, full_matrices=False)
    chance = []
    for draw in range(_DRAWS):
        cloud = mean + rng.normal(size=(len(rows), len(spread))) * (spread / np.sqrt(len(rows))) @ axes
        if unit:
            cloud /= np.linalg.norm(cloud, axis=1, keepdims=True)
        chance.append(_modularity(cloud, draw))
    least = np.mean(chance, axis=0)
    return float(np.clip((_modularity(rows, 0) - least) / np.maximum(1 - least, 1e-9), 0, 1).max())


def _modularity(X: np.ndarray, seed: int) -> np.ndarray:
    """At each of the resolutions."""
    graph = neighbor_graph(nearest_neighbors(X, zero_is_blank=False))
    total, found = graph.weight.sum(), []
    for resolution in _RESOLUTIONS:
        labels = leiden(graph, resolution, random_state=seed)
        count = int(labels.max()) + 1
        inside = graph.weight[labels[graph.a] == labels[graph.b]].sum() / total
        volume = np.bincount(labels[graph.a], graph.weight, count)
        volume += np.bincount(labels[graph.b], graph.weight, count)
        found.append(inside - resolution * ((volume / (2 * total)) ** 2).sum())
    return np.array(found)
