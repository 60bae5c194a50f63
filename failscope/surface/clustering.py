"""Groups of traces that behave alike: one call from traces to labels, layers, a map and their profiles."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from failscope.errors import ArgumentError, NotFoundError
from failscope.surface.behaviour import PROBES, Probe, as_probe
from failscope.surface.communities import find_communities, neighbor_graph, strength
from failscope.surface.embedding import Embedder, resolve_embedder
from failscope.surface.neighbors import Neighbors, nearest_neighbors
from failscope.surface.profile import NOISE, ClusterProfile, Profiles
from failscope.surface.projection import PROJECTORS, Projector, hdbscan_on_umap, project
from failscope.surface.views import View
from failscope.surface.views import view as make_view
from failscope.traces.table import Traces

EXEMPLARS = 12
"""Exemplars chosen for each cluster while its vectors are at hand."""

BELIEVED = 0.6
"""Stability below which a cluster should not be believed (Hennig 2007)."""

_BEHAVIOUR = "behaviour: "  # marks the probes' columns in to_frame()


class Clusterer(Protocol):
    """Anything that labels the rows of a matrix, as scikit-learn's clusterers do; -1 is noise."""

    def fit_predict(self, X: np.ndarray) -> ArrayLike:
        """(n, d) -> (n,) labels."""
        ...


@dataclass(frozen=True, eq=False)
class Clustering:
    """Traces in groups that behave alike. All arrays are in the order of ``trace_ids``.

    Attributes
    ----------
    traces : Traces
    trace_ids : (n,) array of str
    labels : (n,) int array
        The cluster of each trace, 0 the largest; -1 is noise, which Leiden never gives.
    layers : tuple of (n,) int arrays
        Coarse to fine, each nested in the one before it; ``labels`` is one of them.
    strength : (n,) array
        The share of a trace's ties in the neighbour graph that stay in its cluster, 0 to 1.
    edge : (n,) array
        How much of an edge case a trace is, 0 to 1: the mean of its rank by distance to its neighbours and of
        1 - ``strength``. A score of its own, not a cluster.
    stability : dict
        Cluster -> how well it is found again in subsamples with other seeds, 0 to 1; NaN where not measured.
    xy : (n, 2) float32 array
        The map.
    exemplar : (n,) int array
        0 for the most typical trace of each cluster, then 1, 2, ...; -1 for the rest.
    view : str
    params : dict
        What made it, in JSON's types.
    behaviours : pandas.DataFrame
        The probes' figures, index ``trace_id``.
    """

    traces: Traces
    trace_ids: np.ndarray
    labels: np.ndarray
    layers: tuple[np.ndarray, ...]
    strength: np.ndarray
    edge: np.ndarray
    stability: dict[int, float]
    xy: np.ndarray
    exemplar: np.ndarray
    view: str
    params: dict[str, Any]
    behaviours: pd.DataFrame

    def __len__(self) -> int:
        return len(self.trace_ids)

    @cached_property
    def id(self) -> str:
        """Twelve digits that name what was found: equal for equal parameters, traces and labels in any order."""
        rows = sorted(zip(map(str, self.trace_ids), self.labels.tolist(), strict=True))
        content = json.dumps([self.view, self.params, rows], sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(content.encode()).hexdigest()[:12]

    def summary(self) -> pd.DataFrame:
        """One row a cluster, the most suspicious first: the lower bound of the lift decides, never a raw rate.

        Returns
        -------
        pandas.DataFrame
            Index ``cluster``; noise, where there is some, is the last row. ``name, size, share``; ``lift,
            lift_low, lift_high, q_value, bad_rate`` of any bad signal (of any hint where no signal is declared, see
            ``note``); ``hint_low``; ``stability``; ``sets_apart`` (a sentence), ``key_phrases``, ``exemplar`` (a
            trace id), ``trend`` (share in each week), ``new`` (absent in the first half of the weeks).
        """
        return self._summary.copy()

    def profile(self, cluster: int) -> ClusterProfile:
        """One cluster in full; -1 describes the noise."""
        self._check(cluster)
        profiles, total = self._profiles, self._profiles.weeks.sum(axis=1)
        size = int(profiles.sizes.loc[cluster])
        shown = self.exemplars(cluster, n=5)
        return ClusterProfile(
            cluster=int(cluster),
            name=profiles.names[cluster],
            size=size,
            share=size / len(self),
            stability=self.stability.get(int(cluster), float("nan")),
            sets_apart=profiles.differences[cluster],
            signals=profiles.signals(cluster),
            output_phrases=profiles.phrases["output"][cluster],
            input_phrases=profiles.phrases["input"][cluster],
            exemplars=self.traces.frame.loc[shown, ["input", "output"]],
            weeks=pd.DataFrame(
                {
                    "count": profiles.weeks[cluster],
                    "total": total,
                    "share": profiles.weekly_share[cluster],
                }
            ),
        )

    def exemplars(self, cluster: int, n: int = 5) -> list[str]:
        """Trace ids: the medoid first, then traces of the cluster's core that differ from those before them."""
        self._check(cluster)
        return [str(i) for i in self.trace_ids[self._typical[cluster][: max(n, 0)]]]

    def name(self, cluster: int) -> str:
        """The short name; it comes from the cluster's behaviours and phrases, and no two are equal."""
        self._check(cluster)
        return self._profiles.names[cluster]

    @cached_property
    def note(self) -> str:
        """In a sentence or two, whether any cluster stands out at all."""
        clusters = self._summary[self._summary.index != NOISE]
        what = "bad signals" if self.traces.signals else "behaviours that hint at a failure"
        apart = clusters[(clusters["q_value"] < 0.05) & (clusters["lift_low"] > 1)]
        prefix = (
            "" if self.traces.signals else "No signal is declared, so clusters are ordered by hints alone. "
        )
        if len(clusters) < 2:
            return f"{prefix}There is one group only; nothing can be compared."
        if len(apart):
            best = apart.iloc[0]
            return (
                f"{prefix}{len(apart)} of {len(clusters)} clusters have more {what} than the rest, beyond chance; most "
                f"of all “{best['name']}”, at least {best['lift_low']:.1f} times as often."
            )
        least = clusters["q_value"].min()
        figure = "none could be tested" if np.isnan(least) else f"the smallest q-value is {least:.2f}"
        return (
            f"{prefix}No cluster has more {what} than the rest, beyond chance ({figure}). These groups are no failure "
            "modes by themselves: read a random sample, or try another view."
        )

    def to_frame(self) -> pd.DataFrame:
        """One row a trace: ``cluster, strength, edge, x, y, exemplar``, ``layer_0`` (coarse) ..., the behaviours."""
        columns = {
            "cluster": self.labels,
            "strength": self.strength,
            "edge": self.edge,
            "x": self.xy[:, 0],
            "y": self.xy[:, 1],
            "exemplar": self.exemplar,
        }
        columns |= {f"layer_{i}": layer for i, layer in enumerate(self.layers)}
        columns |= {_BEHAVIOUR + name: self.behaviours[name].to_numpy() for name in self.behaviours}
        return pd.DataFrame(columns, index=pd.Index(self.trace_ids, name="trace_id", dtype="str"))

    def meta(self) -> dict[str, Any]:
        """What ``to_frame`` does not hold, in JSON's types; ``restore`` takes both."""
        stability = {str(c): None if np.isnan(s) else float(s) for c, s in self.stability.items()}
        return {"view": self.view, "params": self.params, "stability": stability, "layers": len(self.layers)}

    @classmethod
    def restore(cls, traces: Traces, frame: pd.DataFrame, meta: Mapping[str, Any]) -> Clustering:
        """The clustering that ``to_frame`` and ``meta`` came from; ``traces`` may be in any order, or more."""
        behaviours = frame[[c for c in frame.columns if c.startswith(_BEHAVIOUR)]]
        return cls(
            traces=traces.take(frame.index),
            trace_ids=frame.index.to_numpy(dtype=object),
            labels=frame["cluster"].to_numpy(dtype=np.int64),
            layers=tuple(frame[f"layer_{i}"].to_numpy(dtype=np.int64) for i in range(meta["layers"])),
            strength=frame["strength"].to_numpy(dtype=np.float32),
            edge=frame["edge"].to_numpy(dtype=np.float32),
            stability={int(c): float("nan") if s is None else float(s) for c, s in meta["stability"].items()},
            xy=frame[["x", "y"]].to_numpy(dtype=np.float32),
            exemplar=frame["exemplar"].to_numpy(dtype=np.int64),
            view=meta["view"],
            params=dict(meta["params"]),
            behaviours=behaviours.rename(columns=lambda name: name.removeprefix(_BEHAVIOUR)),
        )

    def __repr__(self) -> str:
        return f"<Clustering {self._counts()}>"

    def _repr_html_(self) -> str:
        from failscope.surface.cards import summary_table

        lift_of = "bad signals" if self.traces.signals else "hints"
        return summary_table(self._summary, title=self._counts(), note=self.note, lift_of=lift_of)

    @cached_property
    def _profiles(self) -> Profiles:
        return Profiles(
            self.traces,
            self.labels,
            behaviours=self.behaviours,
            probes=self.params["probes"],
            typical=self._typical,
        )

    @cached_property
    def _typical(self) -> dict[int, np.ndarray]:
        """The positions of each cluster's rows: its exemplars, then the rest from the core to the edge."""
        rank = np.where(self.exemplar >= 0, self.exemplar, EXEMPLARS)
        # equal ranks in the order of the ids, so that it does not matter how the rows came
        order = np.lexsort((self.trace_ids.astype(str), self.edge, rank, self.labels))
        groups, starts = np.unique(self.labels[order], return_index=True)
        return {int(c): rows for c, rows in zip(groups, np.split(order, starts[1:]), strict=True)}

    @cached_property
    def _summary(self) -> pd.DataFrame:
        profiles = self._profiles
        order = profiles.order()
        index = pd.Index(order, name="cluster")
        lift, hint = profiles.lift.reindex(index), profiles.hint_lift.reindex(index)
        share = profiles.weekly_share
        return pd.DataFrame(
            {
                "name": [profiles.names[c] for c in order],
                "size": profiles.sizes.loc[order].to_numpy(),
                "share": profiles.sizes.loc[order].to_numpy() / len(self),
                "lift": lift["lift"],
                "lift_low": lift["low"],
                "lift_high": lift["high"],
                "q_value": lift["q_value"],
                "bad_rate": lift["rate"],
                "hint_low": hint["low"],
                "stability": [self.stability.get(c, np.nan) for c in order],
                "sets_apart": ["; ".join(d.says for d in profiles.differences[c][:3]) for c in order],
                "key_phrases": [
                    ", ".join(profiles.phrases["output"][c][:4] or profiles.phrases["input"][c][:4])
                    for c in order
                ],
                "exemplar": [self.exemplars(c, 1)[0] for c in order],
                "trend": [[float(s) for s in share[c]] for c in order],
                "new": [profiles.is_new(c) for c in order],
            },
            index=index,
        )

    def _check(self, cluster: int) -> None:
        if cluster not in self._typical:
            known = [c for c in self._typical if c != NOISE]
            raise NotFoundError(f"no cluster {cluster!r}; there are 0 to {len(known) - 1}, see summary()")

    def _counts(self) -> str:
        clusters = len(self._typical) - (NOISE in self._typical)
        parts = [f"{len(self):,} traces in {clusters:,} clusters", f"view {self.view!r}"]
        parts.append(f"{int((self.labels == NOISE).sum()):,} noise")
        parts.append(f"{int((self.edge > 0.8).sum()):,} edge cases (edge > 0.8)")
        measured = [s for s in self.stability.values() if not np.isnan(s)]
        if measured:
            parts.append(f"{sum(s < BELIEVED for s in measured):,} clusters with stability below {BELIEVED}")
        sizes = [len(set(layer.tolist()) - {NOISE}) for layer in self.layers]
        if len(sizes) > 1:
            parts.append("layers of " + ", ".join(map(str, sizes)))
        return " · ".join(parts)


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
        "behaviour" (what outputs do), "response", "topic", a joint as "topic+behaviour", or a ``View``.
    embedder : Embedder, str or None
        For "response" and "topic"; None is the bundled one.
    clusterer : {"leiden", "hdbscan"} or object
        Leiden communities of the neighbour graph; UMAP to 5 dimensions with HDBSCAN, which calls what it cannot
        place noise (-1); or anything with ``fit_predict``.
    projector : {"pacmap", "umap", "pca"} or None
        What draws the map; None draws none.
    probes : iterable, optional
        In place of the built-in behaviours.
    resolution : float, optional
        Leiden's: twice as high gives about one and a half times as many clusters. None chooses the finest that a
        person can still walk through, about 40 clusters (see ``docs/clustering.md``).
    neighbors : int
        Neighbours of each trace in the graph.
    min_cluster_size : int
        A smaller cluster joins the one that it is tied to best; only empty texts may stay fewer.
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
    _check_arguments(traces, clusterer, projector, resolution, neighbors, min_cluster_size, random_state)
    from tqdm.auto import tqdm

    chosen = tuple(as_probe(p) for p in (PROBES if probes is None else probes))
    with tqdm(total=4, desc="clustering", delay=2, disable=not progress, leave=False) as bar:
        seen = (
            view
            if isinstance(view, View)
            else make_view(traces, view, embedder=embedder, probes=chosen, progress=progress)
        )
        bar.update()
        # everything after this sees the rows in the order of their ids, whatever order they came in
        order = np.argsort(seen.trace_ids.astype(str), kind="stable")
        X = np.ascontiguousarray(seen.matrix[order])
        near = nearest_neighbors(X, neighbors, zero_is_blank=seen.features is None, random_state=random_state)
        bar.update()
        layers, stability, resolutions, at = _label(
            X, near, clusterer, resolution=resolution, min_size=min_cluster_size, seed=random_state
        )
        bar.update()
        xy = project(X, near, projector=projector, random_state=random_state)
        bar.update()
    labels = layers[at]
    firm, edge = _firmness(near, labels)
    back = np.argsort(order, kind="stable")
    return Clustering(
        traces=traces.take(seen.trace_ids),
        trace_ids=seen.trace_ids.astype(object),
        labels=labels[back],
        layers=tuple(layer[back] for layer in layers),
        strength=firm[back],
        edge=edge[back],
        stability=stability,
        xy=xy[back],
        exemplar=_choose_exemplars(X, labels, edge)[back],
        view=seen.name,
        params={
            "clusterer": clusterer if isinstance(clusterer, str) else repr(clusterer),
            "projector": projector,
            "embedder": _embedder_name(seen.name, embedder),
            "resolution": resolution,
            "resolutions": resolutions,
            "layer": at,
            "neighbors": int(neighbors),
            "min_cluster_size": int(min_cluster_size),
            "random_state": int(random_state),
            "distinct": len(near),
            "probes": [
                {"name": p.name, "says": p.says, "kind": p.kind, "hint": p.hint}
                | {"more": p.called(high=True), "less": p.called(high=False)}
                for p in chosen
            ],
            "versions": _versions(clusterer, projector),
        },
        behaviours=seen.behaviours,
    )


def _label(
    X: np.ndarray,
    near: Neighbors,
    clusterer: str | Clusterer,
    *,
    resolution: float | None,
    min_size: int,
    seed: int,
) -> tuple[tuple[np.ndarray, ...], dict[int, float], list[float], int]:
    """Layers of rows, stability of the default layer's clusters, the layers' resolutions, the default layer."""
    if clusterer == "leiden":
        graph = neighbor_graph(near)
        found = find_communities(graph, near, resolution=resolution, min_size=min_size, random_state=seed)
        layers = []
        for i, layer in enumerate(found.layers):
            ranked, new = _by_size(layer[near.node])
            layers.append(ranked)
            if i == found.chosen:
                stability = {int(new[c]): float(s) for c, s in enumerate(found.stability)}
        return tuple(layers), dict(sorted(stability.items())), list(found.resolutions), found.chosen
    if clusterer == "hdbscan":
        raw = hdbscan_on_umap(X, near, min_size=min_size, random_state=seed)
    else:
        raw = np.asarray(clusterer.fit_predict(X))  # type: ignore[union-attr]
        if raw.shape != (len(X),) or not np.issubdtype(raw.dtype, np.integer):
            raise ArgumentError(
                f"{clusterer!r} gave labels of shape {raw.shape} and type {raw.dtype}; {len(X)} whole numbers are needed"
            )
    labels, _ = _by_size(np.where(raw < 0, NOISE, raw).astype(np.int64))
    return (labels,), {int(c): float("nan") for c in np.unique(labels) if c != NOISE}, [], 0


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
        ("random_state", random_state, 0),
    ):
        if value < least:
            raise ArgumentError(f"{name}={value!r} is too small; give at least {least}")
