"""From traces to groups in one call: a view, neighbours, communities, how firm they are, a map and exemplars."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from failscope.errors import ArgumentError
from failscope.surface.assigning import Fitted, assign, sample_of
from failscope.surface.behaviour import PROBES, Probe, as_probe
from failscope.surface.clustering import EXEMPLARS, Clustering
from failscope.surface.communities import neighbor_graph, strength
from failscope.surface.embedding import Embedder, resolve_embedder
from failscope.surface.layering import find_communities
from failscope.surface.neighbors import Neighbors, nearest_neighbors
from failscope.surface.profile import NOISE
from failscope.surface.projection import PROJECTORS, Projector, hdbscan_on_umap, project
from failscope.surface.structure import structure
from failscope.surface.views import View
from failscope.surface.views import view as make_view
from failscope.traces.table import Traces


class Clusterer(Protocol):
    """Anything that labels the rows of a matrix, as scikit-learn's clusterers do; -1 is noise."""

    def fit_predict(self, X: np.ndarray) -> ArrayLike:
        """(n, d) -> (n,) labels."""
        ...


@dataclass(frozen=True, eq=False)
class Groups:
    """What was found in a matrix of n rows; all arrays in the order of the rows.

    ``layers`` go from coarse to fine and ``layers[chosen]`` is the default one; ``resolutions`` are the layers'.
    ``distinct`` of the fitted rows are unlike each other; ``structure`` is how far they fall apart. The rest as in ``Clustering``.
    """

    layers: tuple[np.ndarray, ...]
    chosen: int
    resolutions: tuple[float, ...]
    stability: dict[int, float]
    strength: np.ndarray
    edge: np.ndarray
    xy: np.ndarray
    exemplar: np.ndarray
    confidence: np.ndarray
    distinct: int
    structure: float


def cluster(
    traces: Traces,
    view: str | View = "behaviour",
    *,
    embedder: Embedder | str | Path | None = None,
    clusterer: str | Clusterer = "leiden",
    projector: Projector | None = "pacmap",
    probes: Iterable[Probe | Callable[[pd.DataFrame], ArrayLike]] | None = None,
    resolution: float | None = None,
    neighbors: int = 15,
    min_cluster_size: int = 10,
    fit_on: int = 100_000,
    random_state: int = 0,
    progress: bool = True,
) -> Clustering:
    """Group traces that behave alike, and lay them out on a map.

    The same seed gives the same labels on any number of threads and in any order of the rows. Traces that are
    equal in the view are always in the same cluster.

    Parameters
    ----------
    traces : Traces
    view : str or View
        "behaviour" (what outputs do), "response", "topic", "residual" (what the output has beyond what its input
        predicts), a joint as "topic+behaviour", or a ``View``.
    embedder : Embedder, str or None
        For all but "behaviour"; None is the bundled one.
    clusterer : {"leiden", "hdbscan"} or object
        Leiden communities of the neighbour graph; UMAP to 5 dimensions with HDBSCAN, which calls what it cannot
        place noise (-1); or anything with ``fit_predict``.
    projector : {"pacmap", "umap", "pca"} or None
        What draws the map; None draws none.
    probes : iterable, optional
        In place of the built-in behaviours.
    resolution : float, optional
        Leiden's: twice as high gives about one and a half times as many clusters. None chooses the one whose
        clusters tell most and are found again, of those with at most 80 (see ``docs/clustering.md``).
    neighbors : int
        Neighbours of each trace in the graph.
    min_cluster_size : int
        A smaller cluster joins the one that it is tied to best; only empty texts may stay fewer.
    fit_on : int
        Above so many traces, groups and map are found on a uniform sample of this size and the other traces are
        assigned to them, each with a confidence (``docs/scale.md``).
    random_state : int
        The seed of everything random.
    progress : bool
        Show a bar when it takes longer than two seconds.

    Raises
    ------
    ArgumentError
        When there is nothing to cluster, or an argument is not one that it knows.

    Notes
    -----
    PhenoGraph (Levine et al. 2015, Cell 162) clusters in this way; every method and its source are in
    ``docs/clustering.md``.
    """
    _check_arguments(
        traces, clusterer, projector, resolution, neighbors, min_cluster_size, fit_on, random_state
    )
    from tqdm.auto import tqdm

    chosen = tuple(as_probe(p) for p in (PROBES if probes is None else probes))
    with tqdm(total=5, desc="clustering", delay=2, disable=not progress, leave=False) as bar:
        seen = (
            view
            if isinstance(view, View)
            else make_view(traces, view, embedder=embedder, probes=chosen, progress=progress)
        )
        bar.update()
        # everything after this sees the rows in the order of their ids, whatever order they came in
        order = np.argsort(seen.trace_ids.astype(str), kind="stable")
        groups = _fit_and_assign(
            seen.matrix,
            order,
            sample_of(seen.trace_ids[order], fit_on, random_state=random_state),
            clusterer=clusterer,
            projector=projector,
            resolution=resolution,
            neighbors=neighbors,
            min_size=min_cluster_size,
            zero_is_blank=seen.features is None,
            seed=random_state,
            step=bar.update,
        )
    back = np.argsort(order, kind="stable")
    same = np.array_equal(traces.trace_ids, seen.trace_ids)
    return Clustering(
        # a million texts are not copied for nothing
        traces=traces if same else traces.take(seen.trace_ids),
        trace_ids=seen.trace_ids.astype(object),
        labels=groups.layers[groups.chosen][back],
        layers=tuple(layer[back] for layer in groups.layers),
        strength=groups.strength[back],
        edge=groups.edge[back],
        stability=groups.stability,
        xy=groups.xy[back],
        exemplar=groups.exemplar[back],
        confidence=groups.confidence[back],
        view=seen.name,
        params={
            "clusterer": clusterer if isinstance(clusterer, str) else repr(clusterer),
            "projector": projector,
            "embedder": _embedder_name(seen.name, embedder),
            "resolution": resolution,
            "resolutions": list(groups.resolutions),
            "layer": groups.chosen,
            "neighbors": int(neighbors),
            "min_cluster_size": int(min_cluster_size),
            "fit_on": int(fit_on),
            "fitted": min(int(fit_on), len(seen)),
            "random_state": int(random_state),
            "distinct": groups.distinct,
            "structure": None if np.isnan(groups.structure) else round(groups.structure, 3),
            "probes": [
                {"name": p.name, "says": p.says, "kind": p.kind, "hint": p.hint}
                | {"more": p.called(high=True), "less": p.called(high=False)}
                for p in chosen
            ],
            "versions": _versions(clusterer, projector),
        },
        behaviours=seen.behaviours,
    )


def _fit_and_assign(
    X: np.ndarray, order: np.ndarray, fitted: np.ndarray, *, step: Callable[[], object], **options: Any
) -> Groups:
    """The groups of X's rows in this order: found on those that are ``fitted``, the others assigned."""
    sample = np.ascontiguousarray(X[order[fitted]])
    groups, near = _fit(sample, step=step, **options)
    if fitted.all():
        step()
        return groups
    known = Fitted(sample, near, groups.layers, groups.chosen, groups.strength, groups.edge, groups.xy)
    rest = assign(known, X, rows=order[~fitted])
    step()

    def joined(of_sample: np.ndarray, of_rest: np.ndarray) -> np.ndarray:
        whole = np.empty((len(order), *of_sample.shape[1:]), dtype=of_sample.dtype)
        whole[fitted], whole[~fitted] = of_sample, of_rest
        return whole

    ranked = [_by_size(joined(ours, theirs)) for ours, theirs in zip(groups.layers, rest.layers, strict=True)]
    new = ranked[groups.chosen][1]
    return replace(
        groups,
        layers=tuple(labels for labels, _ in ranked),
        stability=dict(sorted((int(new[c]), s) for c, s in groups.stability.items())),
        strength=joined(groups.strength, rest.strength),
        edge=joined(groups.edge, rest.edge),
        xy=joined(groups.xy, rest.xy),
        exemplar=joined(groups.exemplar, np.full(len(rest.confidence), -1)),
        confidence=joined(groups.confidence, rest.confidence),
    )


def _fit(
    X: np.ndarray,
    *,
    clusterer: str | Clusterer,
    projector: Projector | None,
    resolution: float | None,
    neighbors: int,
    min_size: int,
    zero_is_blank: bool,
    seed: int,
    step: Callable[[], object],
) -> tuple[Groups, Neighbors]:
    """Everything that is found in the rows of a matrix; ``step`` is called after each of three steps."""
    # who is near whom is a fact: the cells of an inexact search do not change with the seed
    near = nearest_neighbors(X, neighbors, zero_is_blank=zero_is_blank)
    step()
    if clusterer == "leiden":
        layers, stability, resolutions, chosen = _communities(near, resolution, min_size, seed)
    else:
        labels, _ = _by_size(_foreign_labels(X, near, clusterer, min_size, seed))
        stability = {int(c): float("nan") for c in np.unique(labels) if c != NOISE}
        layers, resolutions, chosen = (labels,), (), 0
    step()
    xy = project(X, near, projector=projector, random_state=seed)
    step()
    firm, edge = _firmness(near, layers[chosen])
    groups = Groups(
        layers=layers,
        chosen=chosen,
        resolutions=resolutions,
        stability=stability,
        strength=firm,
        edge=edge,
        xy=xy,
        exemplar=_choose_exemplars(X, layers[chosen], edge),
        confidence=np.ones(len(X), dtype=np.float32),
        distinct=len(near),
        structure=structure(X, random_state=seed),
    )
    return groups, near


def _communities(
    near: Neighbors, resolution: float | None, min_size: int, seed: int
) -> tuple[tuple[np.ndarray, ...], dict[int, float], tuple[float, ...], int]:
    """Layers of rows, stability of the default layer's clusters, the layers' resolutions, the default layer."""
    found = find_communities(
        neighbor_graph(near), near, resolution=resolution, min_size=min_size, random_state=seed
    )
    ranked = [_by_size(layer[near.node]) for layer in found.layers]
    new = ranked[found.chosen][1]
    stability = {int(new[c]): float(s) for c, s in enumerate(found.stability)}
    layers = tuple(labels for labels, _ in ranked)
    return layers, dict(sorted(stability.items())), found.resolutions, found.chosen


def _foreign_labels(
    X: np.ndarray, near: Neighbors, clusterer: str | Clusterer, min_size: int, seed: int
) -> np.ndarray:
    """Labels of rows from UMAP and HDBSCAN, or from an object with ``fit_predict``; noise is -1."""
    if clusterer == "hdbscan":
        raw = hdbscan_on_umap(X, near, min_size=min_size, random_state=seed)
    else:
        raw = np.asarray(clusterer.fit_predict(X))  # type: ignore[union-attr]
        if raw.shape != (len(X),) or not np.issubdtype(raw.dtype, np.integer):
            raise ArgumentError(
                f"{clusterer!r} gave labels of shape {raw.shape} and type {raw.dtype}; {len(X)} whole numbers are needed"
            )
    return np.where(raw < 0, NOISE, raw).astype(np.int64)


def _by_size(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels renumbered from the largest cluster; among equals the one with the first row comes first."""
    place = labels[labels != NOISE]
    names, first, inverse, size = np.unique(place, return_index=True, return_inverse=True, return_counts=True)
    new = np.empty(len(names), dtype=np.int64)
    new[np.lexsort((first, -size))] = np.arange(len(names))
    out = np.full(len(labels), NOISE, dtype=np.int64)
    out[labels != NOISE] = new[inverse]
    return out, new


def _firmness(near: Neighbors, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Strength and edge score of rows."""
    if near.index.shape[1] == 0:
        return np.ones(len(labels), dtype=np.float32), np.zeros(len(labels), dtype=np.float32)
    node_labels = labels[near.first]
    firm = np.where(labels == NOISE, 0.0, strength(neighbor_graph(near), near, node_labels)[near.node])
    # a copy is a neighbour at no distance
    k = near.index.shape[1]
    own = np.minimum(near.copies - 1, k)
    distance = np.where(np.arange(k) < (k - own)[:, None], near.distance, 0).sum(axis=1) / k
    distance[near.blank] = 0
    rank = pd.Series(np.round(distance, 6)[near.node]).rank(pct=True).to_numpy()
    return firm.astype(np.float32), ((rank + 1 - firm) / 2).astype(np.float32)


def _choose_exemplars(X: np.ndarray, labels: np.ndarray, edge: np.ndarray) -> np.ndarray:
    """The rank of each row among its cluster's exemplars, -1 for the rest.

    The medoid is the row nearest to the cluster's mean, which minimises the sum of squared distances. The next
    are taken farthest-first (Gonzalez 1985, Theoretical Computer Science 38) from the half of the cluster that is
    least on the edge, so that they are diverse without being oddities.
    """
    rank = np.full(len(labels), -1, dtype=np.int64)
    for c in np.unique(labels):
        rows = np.flatnonzero(labels == c)
        away = ((X[rows] - X[rows].mean(axis=0)) ** 2).sum(axis=1)
        medoid = int(np.argmin(np.round(away, 6)))
        inner = np.argsort(edge[rows], kind="stable")[: max(EXEMPLARS, len(rows) // 2)]
        core = rows[np.union1d(inner[:2000], [medoid])]
        pick = int(np.searchsorted(core, rows[medoid]))
        distance = np.full(len(core), np.inf)
        for position in range(min(EXEMPLARS, len(core))):
            rank[core[pick]] = position
            distance = np.minimum(distance, ((X[core] - X[core[pick]]) ** 2).sum(axis=1))
            distance[pick] = -1
            pick = int(np.argmax(np.round(distance, 6)))
    return rank


def _embedder_name(view: str, embedder: Embedder | str | Path | None) -> str | None:
    return None if view == "behaviour" else resolve_embedder(embedder).name


def _versions(clusterer: str | Clusterer, projector: str | None) -> dict[str, str]:
    wanted = ["failscope", "numpy"]
    wanted += {"leiden": ["networkit"], "hdbscan": ["umap-learn", "hdbscan"]}.get(str(clusterer), [])
    wanted += {"pacmap": ["pacmap"], "umap": ["umap-learn"]}.get(str(projector), [])
    found = {}
    for name in wanted:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # run from a source tree that is not installed
            from failscope import __version__

            found[name] = __version__ if name == "failscope" else "unknown"
    return found


def _check_arguments(
    traces: Traces,
    clusterer: str | Clusterer,
    projector: str | None,
    resolution: float | None,
    neighbors: int,
    min_cluster_size: int,
    fit_on: int,
    random_state: int,
) -> None:
    if not len(traces):
        raise ArgumentError("there are no traces to cluster; read some first, or widen since= and until=")
    if isinstance(clusterer, str) and clusterer not in ("leiden", "hdbscan"):
        raise ArgumentError(
            f"clusterer={clusterer!r} is not known; use 'leiden', 'hdbscan' or an object with fit_predict"
        )
    if not isinstance(clusterer, str) and not hasattr(clusterer, "fit_predict"):
        raise ArgumentError(
            f"clusterer={clusterer!r} has no fit_predict; use 'leiden', 'hdbscan' or an object that has"
        )
    if projector is not None and projector not in PROJECTORS:
        known = ", ".join(map(repr, PROJECTORS))
        raise ArgumentError(f"projector={projector!r} is not known; use {known}, or None for no map")
    if resolution is not None and clusterer != "leiden":
        raise ArgumentError(f"resolution={resolution!r} is Leiden's; leave it out with another clusterer")
    if resolution is not None and not 0 < resolution < float("inf"):
        raise ArgumentError(
            f"resolution={resolution!r} must be above 0; 1 is usual, higher gives more clusters"
        )
    for name, value, least in (
        ("neighbors", neighbors, 1),
        ("min_cluster_size", min_cluster_size, 1),
        ("fit_on", fit_on, 1),
        ("random_state", random_state, 0),
    ):
        if value < least:
            raise ArgumentError(f"{name}={value!r} is too small; give at least {least}")
