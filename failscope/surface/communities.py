"""A graph of neighbours and its communities: hides the library, small communities and where a row is on the edge."""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from failscope.surface.neighbors import Neighbors


@dataclass(frozen=True, eq=False)
class Graph:
    """Weighted edges between nodes, each pair once, and how many rows each node stands for."""

    a: np.ndarray
    b: np.ndarray
    weight: np.ndarray
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def within(self, keep: np.ndarray) -> Graph:
        """The same nodes with only these edges."""
        return Graph(self.a[keep], self.b[keep], self.weight[keep], self.rows)

    def merged(self, labels: np.ndarray) -> Graph:
        """One node for each label, edges summed; edges inside a label become a loop."""
        count = int(labels.max()) + 1
        ends = np.sort(np.stack([labels[self.a], labels[self.b]]), axis=0)
        pairs, inverse = np.unique(ends[0] * count + ends[1], return_inverse=True)
        weight = np.bincount(inverse, weights=self.weight, minlength=len(pairs))
        return Graph(
            pairs // count, pairs % count, weight, np.bincount(labels, weights=self.rows, minlength=count)
        )


def neighbor_graph(near: Neighbors) -> Graph:
    """The undirected graph of neighbours, an edge the heavier the nearer and when it is mutual.

    The weight of i's neighbour j is ``exp(-d(i, j)^2 / (s(i) s(j)))`` with s the distance to the 7th neighbour
    (Zelnik-Manor and Perona 2004, Self-tuning spectral clustering), added over both directions. The copies of a
    row take the first places among its neighbours, so a text that came more often than ``neighbors`` times looks
    for no others, while others may still find it. A zero row has no edges at all.
    """
    count, k = near.index.shape
    if k == 0:
        none = np.zeros(0, dtype=np.int64)
        return Graph(none, none, np.zeros(0), near.copies)
    scale = np.maximum(near.distance[:, min(6, k - 1)], 1e-9).astype(np.float64)
    weight = np.exp(-(near.distance.astype(np.float64) ** 2) / (scale[:, None] * scale[near.index]))
    keep = np.arange(k) < np.maximum(0, k - (near.copies - 1))[:, None]
    keep &= ~near.blank[:, None] & ~near.blank[near.index]
    i = np.repeat(np.arange(count, dtype=np.int64), k)[keep.ravel()]
    j = near.index.ravel()[keep.ravel()].astype(np.int64)
    pairs, inverse = np.unique(np.minimum(i, j) * count + np.maximum(i, j), return_inverse=True)
    # a floor keeps the edge of a row that is far from all its neighbours
    total = np.bincount(inverse, weights=np.maximum(weight[keep], 1e-3), minlength=len(pairs))
    return Graph(pairs // count, pairs % count, total, near.copies)


def leiden(graph: Graph, resolution: float, *, random_state: int, rounds: int = 3) -> np.ndarray:
    """Communities of one resolution (Traag, Waltman, van Eck 2019, Scientific Reports 9:5233), numbered from 0.

    networkit's ParallelLeiden on one thread: with more of them the same seed gives other communities.
    """
    if not len(graph.a):
        return np.arange(len(graph))
    import networkit as nk

    threads = nk.getMaxNumberOfThreads()
    try:
        nk.setNumberOfThreads(1)
        nk.setSeed(random_state, False)
        net = nk.GraphFromCoo((graph.weight, (graph.a, graph.b)), n=len(graph), weighted=True)
        run = nk.community.ParallelLeiden(net, randomize=True, iterations=rounds, gamma=resolution).run()
        found = np.array(run.getPartition().getVector(), dtype=np.int64)
    finally:
        nk.setNumberOfThreads(threads)
    return np.unique(found, return_inverse=True)[1]


def merge_small(
    graph: Graph,
    near: Neighbors | None,
    labels: np.ndarray,
    min_size: int,
    *,
    parent: np.ndarray | None = None,
) -> np.ndarray:
    """Give each community of fewer than ``min_size`` rows to the one that it is tied to best, smallest first.

    Best is the most edge weight relative to what the other's size lets one expect, so that large communities do
    not swallow everything. Without any edge the nearest row outside decides, where ``near`` is given; zero rows
    stay by themselves, and with a ``parent`` layer nothing leaves its parent.
    """
    labels = np.unique(labels, return_inverse=True)[1]
    small = graph.merged(labels)
    rows = small.rows.astype(float)
    volume = np.bincount(small.a, small.weight, len(rows)) + np.bincount(small.b, small.weight, len(rows))
    ties: list[defaultdict[int, float]] = [defaultdict(float) for _ in rows]
    for a, b, weight in zip(small.a.tolist(), small.b.tolist(), small.weight.tolist(), strict=True):
        if a != b:
            ties[a][b] += weight
            ties[b][a] += weight
    fixed = set() if near is None else set(labels[near.blank].tolist())
    into = np.arange(len(rows))
    # communities of no rows at all are nodes that a subsample left out
    queue = [(rows[c], c) for c in range(len(rows)) if 0 < rows[c] < min_size and c not in fixed]
    heapq.heapify(queue)
    while queue:
        size, c = heapq.heappop(queue)
        if into[c] != c or rows[c] != size:
            continue
        best = _best_tie(ties[c], volume)
        if best is None and near is not None:
            best = _nearest_other(near, into[labels], c, parent)
        if best is None or best in fixed or rows[best] == 0:
            continue
        into[into == c] = best
        rows[best] += rows[c]
        volume[best] += volume[c]
        for other, weight in ties[c].items():
            del ties[other][c]
            if other != best:
                ties[best][other] += weight
                ties[other][best] += weight
        if rows[best] < min_size:
            heapq.heappush(queue, (rows[best], best))
    return np.unique(into[labels], return_inverse=True)[1]


def strength(graph: Graph, near: Neighbors, labels: np.ndarray) -> np.ndarray:
    """For each node the share of its ties that stay in its cluster; a copy counts as the strongest tie.

    A node without ties is wholly in its cluster when it is its only kind of row.
    """
    same = np.where(labels[graph.a] == labels[graph.b], graph.weight, 0.0)
    count = len(graph)
    inside = np.bincount(graph.a, same, count) + np.bincount(graph.b, same, count)
    total = np.bincount(graph.a, graph.weight, count) + np.bincount(graph.b, graph.weight, count)
    copies = np.minimum(near.copies - 1, near.index.shape[1])
    inside, total = inside + copies, total + copies
    return np.where(total > 0, inside / np.where(total > 0, total, 1), 1.0)


def _best_tie(ties: dict[int, float], volume: np.ndarray) -> int | None:
    return max(ties, key=lambda other: (ties[other] / volume[other], -other)) if ties else None


def _nearest_other(near: Neighbors, labels: np.ndarray, c: int, parent: np.ndarray | None) -> int | None:
    """The community of the nearest row outside community c."""
    inside = np.flatnonzero(labels == c)
    index, distance = near.index[inside], near.distance[inside].astype(float)
    allowed = labels[index] != c
    allowed &= ~near.blank[index] & ~near.blank[inside][:, None]
    if parent is not None:
        allowed &= parent[index] == parent[inside][:, None]
    if not allowed.any():
        return None
    distance[~allowed] = np.inf
    return int(labels[index.flat[int(distance.argmin())]])
