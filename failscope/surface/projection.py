"""The map: a view laid out on a plane, by a library's method, from the neighbours that clustering found."""

from __future__ import annotations

import logging
import warnings
from typing import Any, Literal

import numpy as np

from failscope.errors import ArgumentError
from failscope.surface.neighbors import Neighbors, nearest_neighbors, one_blas_thread

Projector = Literal["pacmap", "umap", "pca"]
PROJECTORS: tuple[str, ...] = ("pacmap", "umap", "pca")

COMPONENTS = 50
"""Principal components that PaCMAP samples its mid-near pairs in; its near pairs come from the full matrix."""

PAIRS = 10
"""Neighbours that PaCMAP pulls together for each row, its own default."""

TOO_FEW = 40
"""Distinct rows below which only principal components are drawn: the other methods need more to sample from."""


def project(
    X: np.ndarray, near: Neighbors, *, projector: Projector | None = "pacmap", random_state: int = 0
) -> np.ndarray:
    """Lay rows out on a plane.

    The same seed gives the same coordinates, bit for bit, on any number of threads, except that umap-learn's
    agree only on one machine. Copies of a row are spread around its place on a small spiral so that they can be
    seen and picked.

    Parameters
    ----------
    X : (n, d) array
        The view's matrix.
    near : Neighbors
        Its neighbours, from ``nearest_neighbors``.
    projector : {"pacmap", "umap", "pca"} or None
        PaCMAP (Wang, Huang, Rudin, Shaposhnik 2021, JMLR 22) keeps both near and far relations and is the
        fastest; UMAP (McInnes, Healy, Melville 2018, arXiv 1802.03426); principal components. With None nothing
        is laid out and every coordinate is 0. Below 40 distinct rows principal components are drawn whatever
        is asked for.

    Returns
    -------
    (n, 2) float32 array
        Centred; the further axis reaches from about -1 to 1.

    Examples
    --------
    >>> X = np.eye(4, dtype=np.float32)
    >>> project(X, nearest_neighbors(X), projector="pca").shape
    (4, 2)
    """
    if projector is not None and projector not in PROJECTORS:
        known = ", ".join(map(repr, PROJECTORS))
        raise ArgumentError(f"projector={projector!r} is not known; use {known}, or None for no map")
    if projector is None or not len(X):
        return np.zeros((len(X), 2), dtype=np.float32)
    D = np.ascontiguousarray(X[near.first], dtype=np.float32)
    with one_blas_thread():
        if projector == "pca" or len(D) < TOO_FEW:
            flat = _principal(D, 2)
        elif projector == "umap":
            flat = _umap(D, near, random_state)
        else:
            flat = _pacmap(D, near, random_state)
    return _spread_copies(_unit(flat), near)


def hdbscan_on_umap(X: np.ndarray, near: Neighbors, *, min_size: int, random_state: int) -> np.ndarray:
    """Labels of rows by HDBSCAN (Campello, Moulavi, Sander 2013, PAKDD) on a UMAP to 5 dimensions, -1 for noise.

    BERTopic's defaults. UMAP's neighbours are those of the graph; copies lie on the same point.
    """
    import hdbscan

    if len(near) < TOO_FEW:
        raise ArgumentError(
            f"{len(near)} distinct traces are too few for clusterer='hdbscan', which needs {TOO_FEW}; use 'leiden'"
        )
    with one_blas_thread():
        points = _umap(np.ascontiguousarray(X[near.first]), near, random_state, components=5)[near.node]
    model = hdbscan.HDBSCAN(min_cluster_size=max(2, min_size), core_dist_n_jobs=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(model.fit_predict(points.astype(np.float64)))


def warm_up() -> None:
    """Compile and cache what the map needs, so that no notebook waits for it; a second call takes 3 seconds.

    PaCMAP is compiled by numba when it is first imported after its installation, which takes about 20 seconds.
    ``python -m failscope.surface.projection`` does the same from a shell.
    """
    X = np.random.default_rng(0).normal(size=(64, 8)).astype(np.float32)
    project(X, nearest_neighbors(X))


def _principal(X: np.ndarray, count: int) -> np.ndarray:
    """The first principal components, signs fixed; columns of zeros where there are fewer."""
    centred = (X - X.mean(axis=0)).astype(np.float64)
    if X.shape[1] <= len(X):
        vectors = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :count]
        scores = centred @ vectors
    else:
        u, s, _ = np.linalg.svd(centred, full_matrices=False)
        scores = u[:, :count] * s[:count]
    heaviest = np.take_along_axis(scores, np.abs(scores).argmax(axis=0)[None], axis=0)
    scores = scores * np.where(heaviest < 0, -1.0, 1.0)
    return np.pad(scores, ((0, 0), (0, max(0, count - scores.shape[1])))).astype(np.float32)


def _pacmap(X: np.ndarray, near: Neighbors, seed: int) -> np.ndarray:
    import numba
    import pacmap

    # the library warns that a seed is set, which is what is wanted
    logging.getLogger("pacmap.pacmap").setLevel(logging.ERROR)
    small = _principal(X, min(COMPONENTS, X.shape[1]))
    pairs = min(PAIRS, near.index.shape[1])
    # all 450 iterations move the 15-neighbour recall of 50,000 rows from .42 to .436, for 2.5 times the time
    iterations = (100, 100, 250) if len(X) <= 10_000 else (40, 40, 100)
    layout = pacmap.PaCMAP(
        n_neighbors=pairs,
        pair_neighbors=_near_pairs(near, pairs),
        num_iters=iterations,
        apply_pca=False,
        random_state=seed,
    )
    # its gradient runs on one thread in any case; more of them only wait for each other at every iteration
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        return np.asarray(layout.fit_transform(small, init=_unit(small[:, :2])))
    finally:
        numba.set_num_threads(threads)


def _near_pairs(near: Neighbors, count: int) -> np.ndarray:
    """The pairs that PaCMAP would choose: nearest by distance in units of both rows' 4th to 6th neighbours."""
    scale = np.maximum(near.distance[:, min(3, near.distance.shape[1] - 1) : 6].mean(axis=1), 1e-10)
    scaled = near.distance**2 / scale[:, None] / scale[near.index]
    chosen = np.take_along_axis(near.index, np.argsort(scaled, axis=1, kind="stable")[:, :count], axis=1)
    return np.stack([np.repeat(np.arange(len(near)), count), chosen.ravel()], axis=1).astype(np.int32)


def _umap(X: np.ndarray, near: Neighbors, seed: int, *, components: int = 2) -> np.ndarray:
    import umap

    itself = np.arange(len(near))[:, None]
    index = np.hstack([itself, near.index]).astype(np.int32)
    distance = np.hstack([np.zeros((len(near), 1), dtype=np.float32), near.distance])
    with warnings.catch_warnings():
        # it warns that a seed means one thread, and that given neighbours cannot place new rows: both are wanted
        warnings.simplefilter("ignore")
        layout = umap.UMAP(
            n_components=components,
            n_neighbors=index.shape[1],
            min_dist=0.0 if components > 2 else 0.1,
            precomputed_knn=(index, distance, None),
            random_state=seed,
            n_jobs=1,
        )
        with _seeded_eigenvectors(seed):
            return np.asarray(layout.fit_transform(X), dtype=np.float32)


def _seeded_eigenvectors(seed: int) -> Any:
    """A context in which umap-learn's one unseeded step is seeded: since scipy 1.17 eigsh draws from its own generator.

    It matters where the neighbour graph falls into pieces, whose layout starts from eigenvectors.
    """
    import inspect
    from contextlib import nullcontext
    from functools import partial
    from unittest.mock import patch

    import scipy.sparse.linalg as linalg

    if "rng" not in inspect.signature(linalg.eigsh).parameters:
        return nullcontext()
    return patch.object(linalg, "eigsh", partial(linalg.eigsh, rng=seed))


def _unit(flat: np.ndarray) -> np.ndarray:
    """Centred on the middle of the range, the longer side 2 long."""
    flat = flat - (flat.max(axis=0) + flat.min(axis=0)) / 2
    reach = float(np.abs(flat).max())
    return (flat / reach if reach > 0 else flat).astype(np.float32)


def _spread_copies(flat: np.ndarray, near: Neighbors) -> np.ndarray:
    """Copy number i of a row sits on a sunflower spiral: the first in the middle, all of them evenly dense."""
    order = np.argsort(near.node, kind="stable")
    starts = np.cumsum(near.copies) - near.copies
    number = np.empty(len(order))
    number[order] = np.arange(len(order)) - np.repeat(starts, near.copies)
    golden_angle = np.pi * (3 - np.sqrt(5))
    radius = 0.0025 * np.sqrt(number)
    offset = np.stack(
        [radius * np.cos(number * golden_angle), radius * np.sin(number * golden_angle)], axis=1
    )
    return (flat[near.node] + offset).astype(np.float32)


if __name__ == "__main__":
    warm_up()
