"""The result of grouping traces: labels, layers and a map, and what a reader asks of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from failscope.errors import NotFoundError
from failscope.surface.model_names import ask_names
from failscope.surface.namer import Namer
from failscope.surface.profile import NOISE, ClusterProfile, Profiles
from failscope.surface.structure import CLEAR
from failscope.traces.table import Traces

if TYPE_CHECKING:
    from failscope.surface.contrast import Contrast

EXEMPLARS = 12
"""Exemplars chosen for each cluster while its vectors are at hand."""

BELIEVED = 0.6
"""Stability below which a cluster should not be believed (Hennig 2007)."""

_BEHAVIOUR = "behaviour: "  # marks the probes' columns in to_frame()


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
    confidence : (n,) float32 array
        How likely a trace is in its cluster: 1 where the clusters were found, less where a trace was assigned to
        them afterwards (``fit_on``). All 1 when it is not given.
    told : dict, optional
        Cluster -> its name when it was saved, which is not worked out again.
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
    confidence: np.ndarray = None  # type: ignore[assignment]
    told: Mapping[int, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if self.confidence is None:
            object.__setattr__(self, "confidence", np.ones(len(self.trace_ids), dtype=np.float32))

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
            explanation=profiles.sentences[cluster],
            named_by=profiles.given.get(int(cluster), {}).get("by", ""),
        )

    def contrast(
        self,
        trace_id: str,
        *,
        passing: Iterable[str] | None = None,
        fine: Iterable[str] = (),
        failing: Iterable[str] = (),
    ) -> Contrast | None:
        """A trace beside the nearest passing answer and what differs; None where none is near. See ``contrast``."""
        from failscope.surface.contrast import contrast

        return contrast(self, trace_id, passing=passing, fine=fine, failing=failing)

    def exemplars(self, cluster: int, n: int = 5) -> list[str]:
        """Trace ids: the medoid first, then traces of the cluster's core that differ from those before them."""
        self._check(cluster)
        return [str(i) for i in self.trace_ids[self._typical[cluster][: max(n, 0)]]]

    def name(self, cluster: int) -> str:
        """The short name; it comes from the cluster's behaviours and phrases, and no two are equal."""
        self._check(cluster)
        return self.told[cluster] if cluster in self.told else self._profiles.names[cluster]

    def named(self, namer: Namer, *, max_clusters: int = 100, progress: bool = True) -> Clustering:
        """This clustering with names and explanations that a language model wrote.

        Texts of the traces go to wherever the namer sends them. A cluster whose answer cannot be used keeps the
        name that it has, and is counted in the repr.

        Parameters
        ----------
        namer : Namer
            As ``fs.OpenAINamer(model=...)``.
        max_clusters : int
            Ask for so many at most, the most suspicious first.
        progress : bool
            Show a bar when it takes longer than two seconds.

        Returns
        -------
        Clustering
            The names are in ``params["names"]``, each with the model and the SHA-256 of the prompt's file.

        Raises
        ------
        ModelError
            When the first three answers fail to come, with the reason of the last.
        """
        asked = [c for c in self._profiles.order() if c != NOISE][: max(max_clusters, 0)]
        names = ask_names(self._profiles, asked, namer=namer, progress=progress)
        return replace(
            self, params={**self.params, "names": {**self.params.get("names", {}), **names}}, told={}
        )

    @cached_property
    def note(self) -> str:
        """In a few sentences, whether there are groups in this view and whether any of them stands out."""
        clusters = self._summary[self._summary.index != NOISE]
        what = "bad signals" if self.traces.signals else "behaviours that hint at a failure"
        apart = clusters[(clusters["q_value"] < 0.05) & (clusters["lift_low"] > 1)]
        prefix = (
            "" if self.traces.signals else "No signal is declared, so clusters are ordered by hints alone. "
        )
        prefix = self._continuum + prefix
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
        """One row a trace: ``cluster, confidence, strength, edge, x, y, exemplar``, ``layer_0`` (coarse) ..., the behaviours."""
        columns = {
            "cluster": self.labels,
            "confidence": self.confidence,
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
        told = dict(self.told)
        if (
            "_profiles" in self.__dict__ and "names" in self._profiles.__dict__
        ):  # were they worked out before?
            told = self._profiles.names
        return {
            "view": self.view,
            "params": self.params,
            "stability": stability,
            "layers": len(self.layers),
            "told": {str(c): name for c, name in told.items()},
        }

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
            # one that was saved before large sets were assigned has none: all its traces were fitted
            confidence=frame.get("confidence", pd.Series(1.0, frame.index)).to_numpy(dtype=np.float32),
            told={int(c): str(name) for c, name in meta.get("told", {}).items()},
        )

    def __repr__(self) -> str:
        return f"<Clustering {self._counts()}>"

    def _repr_html_(self) -> str:
        from failscope.surface.cards import summary_table

        lift_of = "bad signals" if self.traces.signals else "hints"
        return summary_table(self._summary, title=self._counts(), note=self.note, lift_of=lift_of)

    @property
    def _continuum(self) -> str:
        """A sentence where the view holds no clear groups, else nothing."""
        apart = self.params.get("structure")
        firm = [(s, int((self.labels == c).sum())) for c, s in self.stability.items() if not np.isnan(s)]
        if apart is None or not firm:
            return ""
        again = sum(s * size for s, size in firm) / sum(size for _, size in firm)
        if apart >= CLEAR and again >= BELIEVED:
            return ""
        return (
            f"These traces fall into no clear groups in this view (structure {apart:.2f}, clear from {CLEAR}; stability "
            f"{again:.2f}, believed from {BELIEVED}); clusters are only sections of a continuum. "
        )

    @cached_property
    def _profiles(self) -> Profiles:
        return Profiles(
            self.traces,
            self.labels,
            behaviours=self.behaviours,
            probes=self.params["probes"],
            typical=self._typical,
            given={int(c): said for c, said in self.params.get("names", {}).items() if "name" in said},
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
                "sets_apart": [profiles.sentences[c] for c in order],
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
        fitted = self.params.get("fitted", len(self))
        if fitted < len(self):
            parts.append(f"{fitted:,} fitted, {len(self) - fitted:,} assigned")
        parts.append(f"{int((self.labels == NOISE).sum()):,} noise")
        parts.append(f"{int((self.edge > 0.8).sum()):,} edge cases (edge > 0.8)")
        measured = [s for s in self.stability.values() if not np.isnan(s)]
        names = self.params.get("names", {})
        if names:
            kept = sum("problem" in said for said in names.values())
            parts.append(f"{len(names) - kept:,} named by a model")
            if kept:
                parts.append(f"{kept:,} left with their own names, as no answer could be used")
        if measured:
            parts.append(f"{sum(s < BELIEVED for s in measured):,} clusters with stability below {BELIEVED}")
        sizes = [len(set(layer.tolist()) - {NOISE}) for layer in self.layers]
        if len(sizes) > 1:
            parts.append("layers of " + ", ".join(map(str, sizes)))
        return " · ".join(parts)
