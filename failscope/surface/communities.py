"""Leiden communities of a neighbour graph: their layers, how firm they are and where a row is on the edge."""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from failscope.surface.neighbors import Neighbors

READABLE = 40
"""The default layer has about so many clusters at most, where the graph has so few: what a person walks through."""

RESOLUTIONS = tuple(float(r) for r in 16 / 2 ** (np.arange(13) / 2))
"""Tried for the default layer, finest first: 16, 11.3, 8, ... 0.25."""

ROUNDS = 10
"""Rounds of the default layer's Leiden; the library's 3 serve where only a look is needed."""

KEPT = 0.9
"""The share of distinct rows that each run of the consensus sees."""


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


@dataclass(frozen=True, eq=False)
class Communities:
    """Labels of nodes in nested layers, coarse to fine; which layer is the default, and how firm its clusters are."""

    layers: tuple[np.ndarray, ...]
    resolutions: tuple[float, ...]
    chosen: int
    stability: np.ndarray

    @property
    def labels(self) -> np.ndarray:
        """The default layer."""
        return self.layers[self.chosen]


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


def find_communities(
    graph: Graph, near: Neighbors, *, resolution: float | None, min_size: int, random_state: int
) -> Communities:
    """Nested layers around a default one.

    Without a resolution the default layer is the finest of ``RESOLUTIONS`` that has at most ``READABLE``
    clusters and on average at least twice ``min_size`` rows in each; the coarsest when none has. It is a consensus
    (Lancichinetti and Fortunato 2012, Scientific Reports 2:336): Leiden runs on several samples of the rows, each
    edge is weighted by the share of runs that kept its ends together, and Leiden runs once more on that. The two
    layers above it merge its clusters (Leiden on the graph of clusters), the two below split each by itself.

    A cluster's stability is the mean over those runs of its best Jaccard similarity with any community found
    (Hennig 2007, Computational Statistics & Data Analysis 52). Below 0.6 a cluster should not be believed, above
    0.75 it is firm. The runs differ in seed and rows; the neighbours are kept, not searched anew.
    """
    chosen = _readable(graph, min_size) if resolution is None else float(resolution)
    runs = _runs(graph, chosen, random_state)
    rough = leiden(_agreed(graph, runs), chosen, random_state=random_state, rounds=ROUNDS)
    middle = merge_small(graph, near, rough, min_size)
    firm = _stability(graph, near, middle, runs, min_size)
    layers, resolutions = [middle], [chosen]
    for finer in (2 * chosen, 4 * chosen):
        parent = layers[-1]
        inside = graph.within(parent[graph.a] == parent[graph.b])
        child = _both(parent, leiden(inside, finer, random_state=random_state))
        child = merge_small(inside, near, child, min_size, parent=parent)
        if child.max() > parent.max():
            layers.append(child)
            resolutions.append(finer)
    for coarser in (chosen / 2, chosen / 4):
        child = layers[0]
        above = leiden(graph.merged(child), coarser, random_state=random_state, rounds=ROUNDS)
        if above.max() < child.max():
            layers.insert(0, above[child])
            resolutions.insert(0, coarser)
    return Communities(tuple(layers), tuple(resolutions), resolutions.index(chosen), firm)


def merge_small(
    graph: Graph, near: Neighbors, labels: np.ndarray, min_size: int, *, parent: np.ndarray | None = None
) -> np.ndarray:
    """Give each community of fewer than ``min_size`` rows to the one that it is tied to best, smallest first.

    Best is the most edge weight relative to what the other's size lets one expect, so that large communities do
    not swallow everything. Without any edge the nearest row outside decides; zero rows stay by themselves, and
    with a ``parent`` layer nothing leaves its parent.
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
    fixed = set(labels[near.blank].tolist())
    into = np.arange(len(rows))
    # communities of no rows at all are nodes that a subsample left out
    queue = [(rows[c], c) for c in range(len(rows)) if 0 < rows[c] < min_size and c not in fixed]
    heapq.heapify(queue)
    while queue:
        size, c = heapq.heappop(queue)
        if into[c] != c or rows[c] != size:
            continue
        best = _best_tie(ties[c], volume)
        if best is None:
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


def _readable(graph: Graph, min_size: int) -> float:
    """The finest resolution with few enough communities, looked for on the graph of the finest ones: quick.

    The seed is fixed: another seed may move rows between clusters, not change how fine the clusters are.
    """
    # the consensus ends with about a sixth more communities than a single run
    limit = max(1, min(READABLE * 6 // 7, int(graph.rows.sum()) // (2 * max(min_size, 1))))
    fine = graph.merged(leiden(graph, RESOLUTIONS[0], random_state=0))
    for resolution in RESOLUTIONS:
        if leiden(fine, resolution, random_state=0).max() + 1 <= limit:
            return resolution
    return RESOLUTIONS[-1]


def _runs(graph: Graph, resolution: float, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Leiden on samples of the rows: the rows kept and the labels of all."""
    # a run takes half a second on 50,000 rows; fewer than ten make no consensus, only a stability
    count = 20 if len(graph) <= 10_000 else 10 if len(graph) <= 25_000 else 3
    rng = np.random.default_rng(seed)
    runs = []
    for run in range(count):
        kept = rng.random(len(graph)) < KEPT
        part = graph.within(kept[graph.a] & kept[graph.b])
        runs.append((kept, leiden(part, resolution, random_state=1000 * seed + run)))
    return runs


def _agreed(graph: Graph, runs: list[tuple[np.ndarray, np.ndarray]]) -> Graph:
    """The graph with each edge weighted by how often its ends were found together, where both were there."""
    if len(runs) < 10:
        return graph
    together, there = np.zeros(len(graph.a)), np.zeros(len(graph.a))
    for kept, labels in runs:
        both = kept[graph.a] & kept[graph.b]
        there += both
        together += both & (labels[graph.a] == labels[graph.b])
    share = np.where(there > 0, together / np.maximum(there, 1), 1.0)
    return Graph(graph.a, graph.b, graph.weight * share + 1e-9, graph.rows)


def _stability(
    graph: Graph,
    near: Neighbors,
    labels: np.ndarray,
    runs: list[tuple[np.ndarray, np.ndarray]],
    min_size: int,
) -> np.ndarray:
    count = int(labels.max()) + 1
    total, seen = np.zeros(count), np.zeros(count)
    for kept, found in runs:
        inside = kept[graph.a] & kept[graph.b]
        part = Graph(graph.a[inside], graph.b[inside], graph.weight[inside], graph.rows * kept)
        other = np.unique(merge_small(part, near, found, min_size)[kept], return_inverse=True)[1]
        width = int(other.max()) + 1 if len(other) else 1
        cells = np.bincount(labels[kept] * width + other, weights=graph.rows[kept], minlength=count * width)
        both = cells.reshape(count, width)
        ours, theirs = both.sum(axis=1), both.sum(axis=0)
        jaccard = both / np.maximum(ours[:, None] + theirs[None, :] - both, 1)
        total += np.where(ours > 0, jaccard.max(axis=1), 0)
        seen += ours > 0
    return total / np.maximum(seen, 1)


def _best_tie(ties: dict[int, float], volume: np.ndarray) -> int | None:
    return max(ties, key=lambda other: (ties[other] / volume[other], -other)) if ties else None


def _both(parent: np.ndarray, child: np.ndarray) -> np.ndarray:
    """Labels that are equal where both are: a child never reaches over two parents."""
    return np.unique(parent * (int(child.max()) + 1) + child, return_inverse=True)[1]


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
