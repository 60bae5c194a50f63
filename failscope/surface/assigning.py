"""Places for traces that no clustering was run on: hides how a fitted sample's neighbours vote for all the others."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from failscope.errors import ArgumentError
from failscope.surface.neighbors import (
    BLOCK,
    EXACT_UP_TO,
    Neighbors,
    cell_centres,
    ends,
    in_threads,
    one_blas_thread,
    root,
    smallest,
)

AT_ONCE = 16_384
"""Rows assigned at once: what bounds the memory, whatever the number of rows."""

CELLS = 8
"""Cells of the sample that each row is compared with."""

SPIRAL = 0.0025
"""The step of the spiral on which equal rows lie around their place, as in ``projection``."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """What was found in a sample of m rows of a view; the arrays are in the order of its rows.

    ``layers`` go from coarse to fine and nest, ``layers[chosen]`` is the default one.
    """

    matrix: np.ndarray
    near: Neighbors
    layers: tuple[np.ndarray, ...]
    chosen: int
    strength: np.ndarray
    edge: np.ndarray
    xy: np.ndarray


@dataclass(frozen=True, eq=False)
class Assigned:
    """Where r further rows belong; ``confidence``, ``strength`` and ``edge`` are from 0 to 1."""

    layers: tuple[np.ndarray, ...]
    confidence: np.ndarray
    strength: np.ndarray
    edge: np.ndarray
    xy: np.ndarray


def sample_of(trace_ids: Sequence[str] | np.ndarray, size: int, *, random_state: int = 0) -> np.ndarray:
    """True for a uniform sample of ids, the same ids in whatever order they come.

    An id is in when a keyed hash of it is among the ``size`` lowest, so a few more traces change few of the choices.

    Parameters
    ----------
    trace_ids : (n,) sequence of str
        Each once.
    size : int
        How many to take; all of them when there are fewer.
    random_state : int
        Another number draws another sample.

    Examples
    --------
    >>> ids = np.array(["a", "b", "c", "d"])
    >>> set(ids[sample_of(ids, 2)]) == set(ids[::-1][sample_of(ids[::-1], 2)])
    True
    """
    if size < 1:
        raise ArgumentError(f"a sample of {size} traces is none; give at least 1, as fit_on=100_000")
    key = str(random_state).encode()
    hashes = (hashlib.blake2b(str(i).encode(), digest_size=8, key=key).digest() for i in trace_ids)
    drawn = np.fromiter((int.from_bytes(h, "little") for h in hashes), dtype=np.uint64, count=len(trace_ids))
    chosen = np.zeros(len(drawn), dtype=bool)
    chosen[np.argsort(drawn, kind="stable")[:size]] = True
    return chosen


def assign(fitted: Fitted, X: np.ndarray, *, rows: np.ndarray | None = None) -> Assigned:
    """The cluster, the confidence and the place on the map of rows that were not fitted.

    The nearest distinct rows of the sample vote, each with the weight that an edge of the neighbour graph would have:
    ``exp(-d^2 / (s(row) s(neighbour)))``, s the distance to the 7th neighbour (Zelnik-Manor and Perona 2004). The
    default layer is voted on first; coarser layers follow from it, and in each finer one only neighbours of the
    cluster that won above it vote, so layers nest as they do in the sample. A row that equals a fitted one is where
    that one is, and equal rows are together.

    Parameters
    ----------
    fitted : Fitted
    X : (n, d) float32 array
        The view's matrix, on the same scale as the sample's.
    rows : (r,) int array, optional
        The rows of X to assign, all when it is None. ``AT_ONCE`` are read at a time; X is never copied whole.

    Returns
    -------
    Assigned
        ``confidence`` is the winner's share of the vote in the default layer, 1 for a row that equals a fitted one.
        ``strength`` is that share as well, and of a row that equals a fitted one that one's; ``edge`` ranks the mean
        distance to the neighbours among the sample's.
    """
    rows = np.arange(len(X)) if rows is None else rows
    near = fitted.near
    D = np.ascontiguousarray(fitted.matrix[near.first], dtype=np.float32)
    node, new = _nodes(D, X, rows)
    electorate = _Electorate(fitted, D)
    parts = [electorate.vote(X[rows[new[i : i + AT_ONCE]]]) for i in range(0, len(new), AT_ONCE)]

    def both(of_sample: np.ndarray, name: str, layer: int | None = None) -> np.ndarray:
        voted = [getattr(p, name) if layer is None else getattr(p, name)[layer] for p in parts]
        return np.concatenate([of_sample[near.first], *voted]).astype(of_sample.dtype)[node]

    sure = np.ones(len(fitted.matrix), dtype=np.float32)
    return Assigned(
        layers=tuple(both(labels, "layers", i) for i, labels in enumerate(fitted.layers)),
        confidence=both(sure, "confidence"),
        strength=both(fitted.strength, "strength"),
        edge=both(fitted.edge, "edge"),
        xy=_spread_equal(both(fitted.xy, "xy"), node, near.copies)
        if fitted.xy.any()
        else both(fitted.xy, "xy"),
    )


class _Electorate:
    """A sample's distinct rows, ready to vote on any other rows."""

    def __init__(self, fitted: Fitted, D: np.ndarray) -> None:
        near = fitted.near
        self.cells = _Cells(D)
        self.k = max(near.index.shape[1], 1)
        self.blank = near.blank
        self.scale = _scale(near.distance)
        self.layers = [labels[near.first] for labels in fitted.layers]
        self.chosen = fitted.chosen
        self.xy = fitted.xy[near.first].astype(np.float64)
        self.drawn = bool(fitted.xy.any())
        self.gaps = np.sort(near.distance.mean(axis=1) if near.distance.shape[1] else np.zeros(1))

    def vote(self, Q: np.ndarray) -> Assigned:
        """What the sample says about rows Q, none of which it holds."""
        with one_blas_thread():
            index, distance = self.cells.search(np.ascontiguousarray(Q, dtype=np.float32), self.k)
        weight = self._weights(index, distance, _scale(distance))
        label, share = _elect(self.layers[self.chosen][index], weight)
        layers = [np.zeros(0, dtype=np.int64)] * len(self.layers)
        layers[self.chosen] = label
        for i in range(self.chosen):
            layers[i] = _parent_of(self.layers[self.chosen], self.layers[i])[label]
        allowed = self.layers[self.chosen][index] == label[:, None]
        inside = np.where(allowed, weight, 0)
        for i in range(self.chosen + 1, len(self.layers)):
            layers[i] = _elect(self.layers[i][index], np.where(allowed, weight, 0))[0]
            allowed &= self.layers[i][index] == layers[i][:, None]
        rank = np.searchsorted(self.gaps, distance.mean(axis=1), side="right") / len(self.gaps)
        return Assigned(
            layers=tuple(layers),
            confidence=share,
            strength=share,
            edge=(rank + 1 - share) / 2,
            xy=_between(self.xy[index], inside) if self.drawn else np.zeros((len(Q), 2)),
        )

    def _weights(self, index: np.ndarray, distance: np.ndarray, scale: np.ndarray) -> np.ndarray:
        weight = np.exp(-(distance.astype(np.float64) ** 2) / (scale[:, None] * self.scale[index]))
        # the graph's floor; an empty text is near nothing
        return np.where(self.blank[index], 1e-9, np.maximum(weight, 1e-3))


class _Cells:
    """An inverted file over the sample (Jégou, Douze, Schmid 2011, IEEE TPAMI 33); one cell where it is small."""

    def __init__(self, D: np.ndarray) -> None:
        self.D = D
        self.squares = np.einsum("ij,ij->i", D, D)
        with one_blas_thread():
            self.centres = cell_centres(D, 1 if len(D) <= EXACT_UP_TO else int(np.sqrt(len(D))), 0)
            cell = np.empty(len(D), dtype=np.int64)
            for start in range(0, len(D), BLOCK):
                cell[start : start + BLOCK] = self._nearest(D[start : start + BLOCK], 1)[:, 0]
        self.members = np.split(np.argsort(cell, kind="stable"), ends(cell, len(self.centres)))

    def search(self, Q: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The k nearest rows of the sample and the distances to them, nearest first."""
        k = min(k, len(self.D))
        squares = np.einsum("ij,ij->i", Q, Q)
        cells = min(len(self.centres), CELLS)
        probed = np.empty((len(Q), cells), dtype=np.int32)

        def probe(start: int) -> None:
            probed[start : start + BLOCK] = self._nearest(Q[start : start + BLOCK], cells)

        in_threads(probe, range(0, len(Q), BLOCK))
        flat = probed.ravel()
        visits = np.split(np.argsort(flat, kind="stable"), ends(flat, len(self.centres)))
        candidate = np.zeros((len(flat), k), dtype=np.int32)
        gaps = np.full((len(flat), k), np.inf, dtype=np.float32)

        def cell(c: int) -> None:
            inside = self.members[c]
            take = min(k, len(inside))
            for start in range(0, len(visits[c]) if take else 0, BLOCK):
                visit = visits[c][start : start + BLOCK]
                near = self.squares[inside] - 2 * (Q[visit // cells] @ self.D[inside].T)
                picked, gap = smallest(near, take)
                candidate[visit, :take], gaps[visit, :take] = inside[picked], gap

        in_threads(cell, range(len(self.centres)))
        candidate, gaps = candidate.reshape(len(Q), -1), gaps.reshape(len(Q), -1)
        picked, gap = smallest(gaps, k)
        return np.take_along_axis(candidate, picked, axis=1), root(gap + squares[:, None])

    def _nearest(self, rows: np.ndarray, count: int) -> np.ndarray:
        return smallest(
            np.einsum("ij,ij->i", self.centres, self.centres) - 2 * (rows @ self.centres.T), count
        )[0]


def _nodes(D: np.ndarray, X: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The node of each row, those of D first, and the positions of the first rows of the others."""
    seen = {_digest(row): i for i, row in enumerate(D + np.float32(0))}
    node = np.empty(len(rows), dtype=np.int64)
    new: list[int] = []
    for start in range(0, len(rows), AT_ONCE):
        # -0.0 becomes 0.0: they are equal numbers with different bytes
        block = np.ascontiguousarray(X[rows[start : start + AT_ONCE]], dtype=np.float32) + np.float32(0)
        for i, row in enumerate(block, start=start):
            node[i] = seen.setdefault(_digest(row), len(seen))
            if node[i] == len(D) + len(new):
                new.append(i)
    return node, np.array(new, dtype=np.int64)


def _digest(row: np.ndarray) -> bytes:
    return hashlib.blake2b(row.data, digest_size=16).digest()


def _scale(distance: np.ndarray) -> np.ndarray:
    """Each row's distance to its 7th neighbour."""
    if not distance.shape[1]:
        return np.full(len(distance), 1e-9)
    return np.maximum(distance[:, min(6, distance.shape[1] - 1)], 1e-9).astype(np.float64)


def _elect(labels: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The label with the most weight in each row, the nearest neighbour's among equals, and its share."""
    tally = np.empty_like(weight)
    for j in range(labels.shape[1]):
        tally[:, j] = np.where(labels == labels[:, j, None], weight, 0).sum(axis=1)
    tally[weight == 0] = -1  # one without a vote is no candidate
    best = np.argmax(np.round(tally, 9), axis=1)[:, None]
    won = np.take_along_axis(tally, best, axis=1)[:, 0]
    return np.take_along_axis(labels, best, axis=1)[:, 0], won / weight.sum(axis=1)


def _parent_of(fine: np.ndarray, coarse: np.ndarray) -> np.ndarray:
    """The coarser label of each fine one."""
    parent = np.zeros(int(fine.max()) + 1, dtype=np.int64)
    parent[fine] = coarse
    return parent


def _between(places: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """A place on the map for each row, near those of its neighbours (r, k, 2) that count.

    Neighbours may lie on several islands of the map, and the mean of two islands is in the water. So a row is put
    next to the most central one of its neighbours, among those around that one.
    """
    plane = places[..., 0] + 1j * places[..., 1]
    apart = np.abs(plane[:, :, None] - plane[:, None])
    cost = np.where(weight > 0, (apart * weight[:, None]).sum(axis=2), np.inf)
    centre = np.argmin(np.round(cost, 9), axis=1)
    reach = np.take_along_axis(apart, centre[:, None, None], axis=1)[:, 0]
    counted = np.where(weight > 0, reach, np.inf)
    fifth = np.sort(counted, axis=1)[:, min(4, counted.shape[1] - 1)]
    width = np.where(np.isfinite(fifth), np.minimum(fifth, 0.05), 0.05)
    share = weight * np.exp(-((reach / np.maximum(width, 1e-9)[:, None]) ** 2))
    mean = (plane * share).sum(axis=1) / share.sum(axis=1)
    return np.stack([mean.real, mean.imag], axis=1)


def _spread_equal(xy: np.ndarray, node: np.ndarray, copies: np.ndarray) -> np.ndarray:
    """Equal rows on a sunflower spiral around their place, beyond the sample's own copies, in the same area."""
    order = np.argsort(node, kind="stable")
    size = np.bincount(node)
    before = np.zeros(len(size))
    before[: len(copies)] = copies
    number = np.empty(len(order))
    number[order] = np.arange(len(order)) - np.repeat(np.cumsum(size) - size, size)
    number += before[node]
    angle = np.pi * (3 - np.sqrt(5))
    # a hundred copies of a thousand and ten thousand of a hundred thousand cover as much of the map
    radius = SPIRAL * np.sqrt(number * copies.sum() / (copies.sum() + len(node)))
    offset = np.stack([radius * np.cos(number * angle), radius * np.sin(number * angle)], axis=1)
    return (xy + offset).astype(np.float32)
