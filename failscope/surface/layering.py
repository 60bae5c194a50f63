"""How fine the groups are: hides the choice of a resolution, the consensus of many runs and the layers around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from failscope.surface.communities import Graph, leiden, merge_small
from failscope.surface.neighbors import Neighbors

RESOLUTIONS = tuple(float(r) for r in 0.25 * 2 ** (np.arange(13) / 2))
"""Tried for the default layer, coarsest first: 0.25, 0.35, 0.5, ... 16."""

READABLE = 80
"""The default layer has at most so many clusters, where the graph has so few: a person walks through them."""

RUNS = 160
"""Runs of the consensus, and of its stability: on atoms they are quick, and two seeds agree the better for them."""

LOOKS = 8
"""Runs where a resolution is only compared with others."""

KEPT = 0.9
"""The share of distinct rows that each run sees."""

DISSOLVED = 0.5
"""The stability at which a cluster counts as dissolved (Hennig 2007): its label tells nothing."""

ROUNDS = 10
"""Rounds of the default layer's Leiden; the library's 3 serve where only a look is needed."""

_MANY = 25_000  # nodes above which a run on the whole graph takes half a second, and three must do for six


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


@dataclass(frozen=True, eq=False)
class _Agreement:
    """What many runs at one resolution agree on: labels of atoms, and per cluster how well it is found again."""

    labels: np.ndarray
    stability: np.ndarray
    sizes: np.ndarray

    @property
    def bits(self) -> float:
        """The bits that a label tells, each cluster's counted by how far it is from being dissolved (0 to 1)."""
        share = self.sizes / self.sizes.sum()
        firm = np.maximum(0.0, (self.stability - DISSOLVED) / (1 - DISSOLVED))
        return float(-(share * np.log2(share)) @ firm)


class _Atoms:
    """Rows that several fine runs never part, taken as one: a graph some twenty times smaller than the rows'.

    Core groups (Ovelgönne and Geyer-Schulz 2013, An ensemble learning strategy for graph clustering). Samples are
    still drawn of rows: an atom is then as heavy as its rows that are left.
    """

    def __init__(self, graph: Graph, resolution: float, *, runs: int, random_state: int) -> None:
        of = np.zeros(len(graph), dtype=np.int64)
        for run in range(runs):
            of = both(of, leiden(graph, resolution, random_state=1000 * random_state + 500 + run))
        self.graph, self.of, self.count = graph, of, int(of.max()) + 1
        ends = np.sort(np.stack([of[graph.a], of[graph.b]]), axis=0)
        pairs, self.edge = np.unique(ends[0] * self.count + ends[1], return_inverse=True)
        self.a, self.b = pairs // self.count, pairs % self.count

    def sample(self, kept: np.ndarray) -> Graph:
        """The graph of atoms with only these rows."""
        inside = kept[self.graph.a] & kept[self.graph.b]
        weight = np.bincount(self.edge[inside], self.graph.weight[inside], len(self.a))
        return Graph(self.a, self.b, weight, np.bincount(self.of, self.graph.rows * kept, self.count))

    def agree(self, resolution: float, *, runs: int, min_size: int, random_state: int) -> _Agreement:
        """The consensus of runs on samples of the rows.

        Each edge is weighted by the share of runs that kept its ends together, and Leiden runs once more on that
        (Lancichinetti and Fortunato 2012, Scientific Reports 2:336). A cluster's stability is the mean over the
        runs of its best Jaccard similarity with any community found (Hennig 2007, Computational Statistics & Data
        Analysis 52).
        """
        rng = np.random.default_rng(random_state)
        whole = self.sample(np.ones(len(self.graph), dtype=bool))
        together, there = np.zeros(len(self.a)), np.zeros(len(self.a))
        seen: list[tuple[np.ndarray, np.ndarray]] = []
        for run in range(runs):
            part = self.sample(rng.random(len(self.graph)) < KEPT)
            tied = part.weight > 0
            labels = leiden(part.within(tied), resolution, random_state=1000 * random_state + run)
            together += tied & (labels[self.a] == labels[self.b])
            there += tied
            seen.append((part.rows, merge_small(part.within(tied), None, labels, min_size)))
        share = np.where(there > 0, together / np.maximum(there, 1), 1.0)
        agreed = Graph(self.a, self.b, whole.weight * share + 1e-9, whole.rows)
        labels = leiden(agreed, resolution, random_state=random_state, rounds=ROUNDS)
        labels = merge_small(whole, None, labels, min_size)
        sizes = np.bincount(labels, whole.rows)
        return _Agreement(labels, _found_again(labels, seen), sizes)


def find_communities(
    graph: Graph, near: Neighbors, *, resolution: float | None, min_size: int, random_state: int
) -> Communities:
    """Nested layers around a default one, which is a consensus of runs on samples of the rows.

    Without a resolution it is, of ``RESOLUTIONS``, the one whose labels tell most: the bits of its labels, each
    cluster's counted by how far its stability is above ``DISSOLVED``. Only layers of at most ``READABLE`` clusters, with on
    average twice ``min_size`` rows in each, are compared; where there is none, the coarsest is taken. The two
    layers above the default one merge its clusters (Leiden on the graph of clusters), the two below split each by
    itself.

    The runs differ in seed and rows; the neighbours are kept, not searched anew. Below a stability of 0.6 a
    cluster should not be believed, above 0.75 it is firm (Hennig 2007).
    """
    chosen = _most_told(graph, min_size) if resolution is None else float(resolution)
    parting = 6 if len(graph) <= _MANY else 3
    atoms = _Atoms(graph, 8 * max(chosen, 1.0), runs=parting, random_state=random_state)
    agreed = atoms.agree(chosen, runs=RUNS, min_size=min_size, random_state=random_state)
    rough = agreed.labels[atoms.of]
    middle = merge_small(graph, near, rough, min_size)
    # a group that only the search for the nearest row could place takes the figure of the cluster that it joins
    firm = np.zeros(int(middle.max()) + 1)
    order = np.argsort(agreed.sizes, kind="stable")
    where = np.zeros(len(order), dtype=np.int64)
    where[rough] = middle
    firm[where[order]] = agreed.stability[order]
    layers, resolutions = [middle], [chosen]
    for finer in (2 * chosen, 4 * chosen):
        parent = layers[-1]
        inside = graph.within(parent[graph.a] == parent[graph.b])
        child = both(parent, leiden(inside, finer, random_state=random_state))
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


def both(parent: np.ndarray, child: np.ndarray) -> np.ndarray:
    """Labels that are equal where both are: a child never reaches over two parents."""
    return np.unique(parent * (int(child.max()) + 1) + child, return_inverse=True)[1]


def _most_told(graph: Graph, min_size: int) -> float:
    """The resolution whose labels tell most, of those that a person can walk through.

    The seed is fixed: another seed may move rows between clusters, not change how fine the clusters are.
    """
    limit = max(1, min(READABLE, int(graph.rows.sum()) // (2 * max(min_size, 1))))
    atoms = _Atoms(graph, 2 * RESOLUTIONS[-1], runs=3, random_state=0)
    best, most = RESOLUTIONS[0], -1.0
    for resolution in RESOLUTIONS:
        agreed = atoms.agree(resolution, runs=LOOKS, min_size=min_size, random_state=0)
        if len(agreed.sizes) > limit:
            break
        if agreed.bits > most:
            best, most = resolution, agreed.bits
    return best


def _found_again(labels: np.ndarray, runs: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Per cluster its best Jaccard similarity with a community of a run, the mean over the runs that saw it."""
    count = int(labels.max()) + 1
    total, seen = np.zeros(count), np.zeros(count)
    for rows, other in runs:
        width = int(other.max()) + 1
        cells = np.bincount(labels * width + other, rows, count * width).reshape(count, width)
        ours, theirs = cells.sum(axis=1), cells.sum(axis=0)
        jaccard = cells / np.maximum(ours[:, None] + theirs[None, :] - cells, 1)
        total += np.where(ours > 0, jaccard.max(axis=1), 0)
        seen += ours > 0
    return total / np.maximum(seen, 1)
