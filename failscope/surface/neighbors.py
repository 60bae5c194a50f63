"""Who is near whom in a view: one nearest-neighbour graph, the same on any number of threads."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from failscope.errors import ArgumentError

EXACT_UP_TO = 8_000
"""Distinct rows up to which every pair is compared; above it, only rows of nearby cells."""

BLOCK = 1024
"""Rows compared at once: fixed, so that the sums do not depend on the machine."""


@dataclass(frozen=True, eq=False)
class Neighbors:
    """The nearest neighbours of the distinct rows of a matrix.

    Equal rows are one *node*: five thousand copies of an answer would otherwise be each other's neighbours and
    nobody else's.

    Attributes
    ----------
    node : (n,) int array
        The node of each row of the matrix.
    first : (m,) int array
        For each node the first row that is it.
    copies : (m,) int array
        How many rows are it.
    index : (m, k) int32 array
        For each node its nearest other nodes, nearest first; k = min(neighbors, m - 1).
    distance : (m, k) float32 array
        The Euclidean distances to them. For unit rows it is ``sqrt(2 - 2 cos)``: the order is that of the cosine.
    blank : (m,) bool array
        Nodes that stand for empty texts: near nothing.
    """

    node: np.ndarray
    first: np.ndarray
    copies: np.ndarray
    index: np.ndarray
    distance: np.ndarray
    blank: np.ndarray

    def __len__(self) -> int:
        return len(self.first)


def nearest_neighbors(
    X: np.ndarray, neighbors: int = 15, *, zero_is_blank: bool = True, random_state: int = 0
) -> Neighbors:
    """Find the nearest neighbours of each distinct row.

    Up to ``EXACT_UP_TO`` distinct rows the search is exact. Above, rows are put into about ``sqrt(m)`` cells by
    k-means and each row is compared with all rows of the cells nearest to it (an inverted file: Jégou, Douze,
    Schmid 2011, IEEE TPAMI 33), which finds about 98 of 100 true neighbours.

    Parameters
    ----------
    X : (n, d) array
        Finite numbers.
    neighbors : int
        How many to find for each row.
    zero_is_blank : bool
        Whether a zero row means an empty text, as in an embedding. In a matrix of behaviours it is a usual row.
    random_state : int
        Chooses the first centres of the cells; without effect on an exact search.

    Raises
    ------
    ArgumentError
        When X is not a finite matrix or ``neighbors`` is below 1.

    Examples
    --------
    >>> found = nearest_neighbors(np.array([[0.0, 1], [0, 2], [0, 2], [0, 5]]), 1)
    >>> found.node.tolist(), found.copies.tolist(), found.index.ravel().tolist()
    ([0, 1, 1, 2], [1, 2, 1], [1, 0, 1])
    """
    X = np.ascontiguousarray(X, dtype=np.float32)
    if X.ndim != 2:
        raise ArgumentError(f"a matrix of shape (n, d) is needed, this one has the shape {X.shape}")
    if neighbors < 1:
        raise ArgumentError(f"neighbors={neighbors} is too few; give at least 1, as neighbors=15")
    if not np.isfinite(X).all():
        bad = int(np.flatnonzero(~np.isfinite(X).all(axis=1))[0])
        raise ArgumentError(
            f"row {bad} of the matrix is not finite; replace NaN and infinity before clustering"
        )
    node, first, copies = _distinct(X)
    D = X if len(first) == len(X) else X[first]
    k = min(neighbors, len(D) - 1)
    if k < 1:
        index, distance = np.zeros((len(D), 0), dtype=np.int32), np.zeros((len(D), 0), dtype=np.float32)
    else:
        with one_blas_thread():
            index, distance = _exact(D, k) if len(D) <= EXACT_UP_TO else _by_cells(D, k, random_state)
    return Neighbors(node, first, copies, index, distance, np.logical_and(zero_is_blank, ~D.any(axis=1)))


def one_blas_thread() -> Any:
    """A context in which matrix products run on one thread and so give the same bits on every machine size."""
    return _libraries("scipy.linalg" in sys.modules).limit(limits=1)


@cache
def _libraries(with_scipy: bool) -> Any:
    """The BLAS libraries that are loaded: numpy's, and scipy's own from its import on. Looking for them takes 10 ms."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _distinct(X: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Node of each row, first row and number of copies of each node, in order of first appearance."""
    X = X + np.float32(0)  # -0.0 becomes 0.0: they are equal numbers with different bytes
    seen: dict[bytes, int] = {}
    node = np.fromiter(
        (seen.setdefault(hashlib.blake2b(row, digest_size=16).digest(), len(seen)) for row in X),
        dtype=np.int64,
        count=len(X),
    )
    first = np.full(len(seen), len(X), dtype=np.int64)
    np.minimum.at(first, node, np.arange(len(X)))
    return node, first, np.bincount(node, minlength=len(seen))


def _exact(X: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    squares = np.einsum("ij,ij->i", X, X)
    index = np.empty((len(X), k), dtype=np.int32)
    distance = np.empty((len(X), k), dtype=np.float32)

    def block(start: int) -> None:
        rows = np.arange(start, min(start + BLOCK, len(X)))
        near = squares - 2 * (X[rows] @ X.T)
        near[np.arange(len(rows)), rows] = np.inf
        picked, gap = smallest(near, k)
        index[rows] = picked
        distance[rows] = root(gap + squares[rows, None])

    in_threads(block, range(0, len(X), BLOCK))
    return index, distance


def _by_cells(X: np.ndarray, k: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    squares = np.einsum("ij,ij->i", X, X)
    centres = cell_centres(X, int(np.sqrt(len(X))), seed)
    probes = min(len(centres), 8)
    nearest = np.empty((len(X), probes), dtype=np.int32)

    def probe(start: int) -> None:
        rows = slice(start, start + BLOCK)
        near = np.einsum("ij,ij->i", centres, centres) - 2 * (X[rows] @ centres.T)
        nearest[rows] = smallest(near, probes)[0]

    in_threads(probe, range(0, len(X), BLOCK))
    # sorted by cell, so that each cell's members and its visitors are slices of these
    members = np.split(np.argsort(nearest[:, 0], kind="stable"), ends(nearest[:, 0], len(centres)))
    flat = nearest.ravel()
    visits = np.split(np.argsort(flat, kind="stable"), ends(flat, len(centres)))
    candidate = np.full((len(X) * probes, k), -1, dtype=np.int32)
    gaps = np.full((len(X) * probes, k), np.inf, dtype=np.float32)

    def cell(c: int) -> None:
        inside = members[c]
        if not len(inside):
            return
        block, squared = X[inside], squares[inside]
        take = min(k, len(inside))
        for start in range(0, len(visits[c]), 4 * BLOCK):
            visit = visits[c][start : start + 4 * BLOCK]
            rows = visit // probes
            near = squared - 2 * (X[rows] @ block.T)
            own = nearest[rows, 0] == c
            near[own, np.searchsorted(inside, rows[own])] = np.inf
            picked, gap = smallest(near, take)
            candidate[visit, :take] = inside[picked]
            gaps[visit, :take] = gap

    in_threads(cell, range(len(centres)))
    candidate, gaps = candidate.reshape(len(X), -1), gaps.reshape(len(X), -1)
    index = np.empty((len(X), k), dtype=np.int32)
    distance = np.empty((len(X), k), dtype=np.float32)

    def merge(start: int) -> None:
        rows = slice(start, start + BLOCK)
        picked, gap = smallest(gaps[rows], k)
        index[rows] = np.take_along_axis(candidate[rows], picked, axis=1)
        distance[rows] = root(gap + squares[rows, None])

    in_threads(merge, range(0, len(X), BLOCK))
    return index, distance


def cell_centres(X: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Centres of cells by six rounds of k-means on a sample; they need only be spread, not be optimal."""
    rng = np.random.default_rng(seed)
    sample = X[rng.choice(len(X), min(len(X), 50 * count), replace=False)]
    centres = sample[:count].copy()
    for _ in range(6):
        cell = np.argmin(np.einsum("ij,ij->i", centres, centres) - 2 * (sample @ centres.T), axis=1)
        order = np.argsort(cell, kind="stable")
        filled, starts = np.unique(cell[order], return_index=True)
        sums = np.add.reduceat(sample[order], starts, axis=0)
        centres[filled] = sums / np.bincount(cell, minlength=count)[filled, None]
    return centres


def smallest(values: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The columns of the k smallest values of each row and the values, smallest first."""
    if k < values.shape[1]:
        columns = np.argpartition(values, k - 1, axis=1)[:, :k]
    else:
        columns = np.broadcast_to(np.arange(values.shape[1]), values.shape).copy()
    found = np.take_along_axis(values, columns, axis=1)
    # equal distances come in the order of the rows
    order = np.lexsort((columns, found), axis=1)
    return np.take_along_axis(columns, order, axis=1), np.take_along_axis(found, order, axis=1)


def root(squared: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(squared, 0))


def ends(values: np.ndarray, bins: int) -> np.ndarray:
    return np.cumsum(np.bincount(values, minlength=bins))[:-1]


def in_threads(work: Callable[[int], None], starts: Iterable[int]) -> None:
    """Each block is worked on by one thread alone: more threads are quicker, never different."""
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        list(pool.map(work, starts))
