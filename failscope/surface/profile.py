"""What a cluster is: hides every comparison of its traces with all others, and how the answer is put in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from failscope.surface.behaviour.hints import hints_of
from failscope.surface.cards import plain
from failscope.surface.differences import Difference, Track, differences
from failscope.surface.lift import MIN_SUPPORT, lifts
from failscope.surface.naming import sentence, short_names
from failscope.surface.phrases import PER_GROUP, Wording
from failscope.traces.table import SOURCE_COLUMNS, Traces

NOISE = -1

PAIRED = 500
"""Traces of each of two clusters that are compared with each other, spread over the cluster."""

SAMPLED = 4_000
"""Traces over which it is seen which behaviours go together and which clusters are alike."""

TOGETHER = 0.7
"""Rank correlation from which on two behaviours say the same."""

FIELD_VALUES = 30
"""A text column with more distinct values than this is no field to compare by."""

_NOT_FIELDS = {
    "input",
    "output",
    "context",
    "system_prompt",
    "messages",
    "timestamp",
    "session_id",
    "user_id",
}
_NOT_FIELDS |= {*SOURCE_COLUMNS, "error"}


@dataclass(frozen=True, eq=False)
class ClusterProfile:
    """One cluster in full.

    Attributes
    ----------
    cluster, name, size, share, stability
        The label, the short name, how many traces, their share of all, and how firm the cluster is (0 to 1; NaN
        where it was not measured).
    sets_apart : tuple of Difference
        Behaviours and fields, the largest effect first.
    signals : pandas.DataFrame
        One row a bad signal, ``any bad signal`` first (``any hint`` where no signal is declared), with the columns
        of ``lifts``.
    output_phrases, input_phrases : tuple of str
    exemplars : pandas.DataFrame
        Index ``trace_id``: ``input, output``; the most typical first, then ones that differ from each other.
    weeks : pandas.DataFrame
        Index ``week`` ("2026-W23"): ``count`` of this cluster, ``total`` of all, ``share``.
    explanation : str
        In a sentence, what it does, about what, and how it differs from the cluster most like it.
    named_by : str
        The model that wrote the name and the explanation; "" where they were made from the figures.
    """

    cluster: int
    name: str
    size: int
    share: float
    stability: float
    sets_apart: tuple[Difference, ...]
    signals: pd.DataFrame
    output_phrases: tuple[str, ...]
    input_phrases: tuple[str, ...]
    exemplars: pd.DataFrame
    weeks: pd.DataFrame
    explanation: str = ""
    named_by: str = ""

    def to_frame(self) -> pd.DataFrame:
        """What sets it apart, one row each."""
        return pd.DataFrame([vars(d) for d in self.sets_apart], columns=list(Difference.__dataclass_fields__))

    def __repr__(self) -> str:
        apart = plain(self.explanation, 400) or "nothing sets it apart"
        return f"<ClusterProfile {self.cluster} {self.name!r}: {self.size:,} traces ({self.share:.1%}) · {apart}>"

    def _repr_html_(self) -> str:
        from failscope.surface.cards import profile_card

        return profile_card(self)


class Profiles:
    """All clusters of a clustering compared, each figure computed when first asked for.

    Parameters
    ----------
    traces : Traces
        In the order of ``labels``.
    labels : (n,) int array
    behaviours : pandas.DataFrame
        The probes' figures, rows in the same order.
    probes : sequence of mappings
        For each behaviour ``name, says, kind, hint, more, less``.
    typical : mapping
        Cluster -> positions of its rows, most typical first.
    given : mapping, optional
        Cluster -> ``name, explanation`` that take the place of those made here.
    """

    def __init__(
        self,
        traces: Traces,
        labels: np.ndarray,
        *,
        behaviours: pd.DataFrame,
        probes: Sequence[Mapping[str, Any]],
        typical: Mapping[int, np.ndarray],
        given: Mapping[int, Mapping[str, str]] | None = None,
    ) -> None:
        self.traces, self.labels, self.typical = traces, labels, typical
        self.behaviours, self.probes = behaviours, probes
        self.given = given or {}
        present = np.unique(labels)
        self.clusters = present[present != NOISE]
        self.groups = present
        """The clusters, and noise where there is some: it is described too, but never tested."""

    @cached_property
    def sizes(self) -> pd.Series:
        return pd.Series(self.labels).value_counts().reindex(self.groups).rename_axis("cluster")

    @cached_property
    def lift(self) -> pd.DataFrame:
        """The lift of any bad signal; of any hint where no signal is declared."""
        return (
            self._lifts(self.traces.any_bad().to_numpy(dtype=float))
            if self.traces.signals
            else self.hint_lift
        )

    @cached_property
    def hint_lift(self) -> pd.DataFrame:
        """The lift of behaviours that alone hint at a failure: a flag that fires, an amount in its highest 5%.

        Only those that few enough traces show: see ``hints``.
        """
        hint = np.zeros(len(self.labels), dtype=bool)
        for shows in hints_of(self.behaviours, self.probes):
            hint |= shows.shown(self.behaviours)
        return self._lifts(hint.astype(float))

    @cached_property
    def signal_lifts(self) -> dict[str, pd.DataFrame]:
        """The lift of each declared signal."""
        return {
            name: self._lifts(self.traces.bad(name).to_numpy(dtype=float)) for name in self.traces.signals
        }

    @cached_property
    def phrases(self) -> dict[str, dict[int, tuple[str, ...]]]:
        """The key phrases of outputs and inputs."""
        return {
            column: {c: tuple(p.text for p in phrases) for c, phrases in wording.phrases.items()}
            for column, wording in self._wording.items()
        }

    @cached_property
    def weeks(self) -> pd.DataFrame:
        """How many traces of each cluster came in each ISO week; traces without a time are left out."""
        when = self.traces.frame["timestamp"]
        known = when.notna().to_numpy()
        monday = when[known].dt.tz_localize(None).dt.normalize()
        monday = monday - pd.to_timedelta(monday.dt.day_of_week, unit="D")
        counts = pd.crosstab(monday.to_numpy(), self.labels[known])
        if len(counts):
            # a week without traces is a week of none, not a gap in the line
            counts = counts.reindex(
                pd.date_range(counts.index.min(), counts.index.max(), freq="7D"), fill_value=0
            )
            counts.index = pd.Index(
                [f"{d.isocalendar().year}-W{d.isocalendar().week:02d}" for d in counts.index]
            )
        return counts.reindex(columns=self.groups, fill_value=0).rename_axis(index="week", columns="cluster")

    @cached_property
    def weekly_share(self) -> pd.DataFrame:
        """The share of each cluster in each week's traces, NaN in a week of none."""
        return self.weeks.div(self.weeks.sum(axis=1).where(lambda total: total > 0), axis=0)

    @cached_property
    def differences(self) -> dict[int, tuple[Difference, ...]]:
        """What sets each cluster apart, the largest effect first.

        Only what is at least a medium effect and three standard errors from none. The clusters were made from
        the behaviours, so this describes them; it is no test of anything.
        """
        found: dict[int, list[Difference]] = {int(c): [] for c in self.groups}
        for track in self._tracks:
            for g, difference in differences(track, self._place, len(self.groups)):
                found[int(self.groups[g])].append(difference)
        return {c: tuple(sorted(d, key=lambda x: (-abs(x.effect), x.says))) for c, d in found.items()}

    @cached_property
    def nearest(self) -> dict[int, int]:
        """The cluster that each is most like, in its wording and its behaviour alike; none where there is one only."""
        at = np.flatnonzero(self.groups != NOISE)
        if len(at) < 2:
            return {}
        # ranks, so that no behaviour counts for more because its figures are larger
        rows, ranks = self._ranks
        mean = np.stack([ranks[self._place[rows] == g].mean(axis=0) for g in at])
        mean -= mean.mean(axis=0)
        mean /= np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-9)
        like = mean @ mean.T + sum(w.likeness[np.ix_(at, at)] for w in self._wording.values()) / 2
        np.fill_diagonal(like, -np.inf)
        best = at[np.argmax(np.round(like, 6), axis=1)]
        return {int(self.groups[g]): int(self.groups[b]) for g, b in zip(at, best, strict=True)}

    @cached_property
    def own_names(self) -> dict[int, str]:
        """A short name for each cluster, made from its behaviours and phrases."""
        wording = {
            int(c): sorted(
                (p for w in self._wording.values() for p in w.phrases[int(c)]),
                key=lambda p: (-round(p.weight, 6), p.text),
            )
            for c in self.clusters
        }
        found = {c: self.differences[c] for c in wording}
        return short_names(found, wording, probes=self._told, alike=self._alike)

    @cached_property
    def names(self) -> dict[int, str]:
        """The short name of each cluster, the given one where there is one; no two are equal."""
        names: dict[int, str] = {}
        taken: set[str] = set()
        for c, own in self.own_names.items():
            name = str(self.given.get(c, {}).get("name") or own)
            names[c] = f"{name} ({c})" if name.casefold() in taken else name
            taken |= {name.casefold(), names[c].casefold()}
        return {**names, NOISE: "in no cluster"} if NOISE in self.groups else names

    @cached_property
    def sentences(self) -> dict[int, str]:
        """What each cluster does, about what, and how it differs from the one most like it; the given explanation
        where there is one."""
        found = {}
        for c in map(int, self.groups):
            near = self.nearest.get(c)
            neighbour = None if near is None else (self.names[near], self.against(c, near))
            told = sentence(
                self.differences[c],
                self._wording["input"].phrases[c],
                neighbour,
                probes=self._told,
                alike=self._alike,
            )
            found[c] = str(self.given.get(c, {}).get("explanation") or told)
        return found

    def order(self) -> list[int]:
        """The clusters, the most suspicious first: by the lower bound of the lift, then of the hints', then by size."""
        key = pd.DataFrame(
            {
                "lift": self.lift["low"].fillna(-1),
                "hint": self.hint_lift["low"].fillna(-1),
                "size": self.sizes.loc[self.clusters],
            },
            index=pd.Index(self.clusters),
        )
        key["cluster"] = -key.index
        ranked = key.sort_values(["lift", "hint", "size", "cluster"], ascending=False, kind="stable").index
        return [*map(int, ranked), *([NOISE] if NOISE in self.groups else [])]

    def is_new(self, cluster: int) -> bool:
        """Whether none of its traces is from the earlier half of at least four weeks."""
        counts = self.weeks[cluster]
        return bool(
            len(counts) >= 4 and counts.sum() >= MIN_SUPPORT and counts.iloc[: len(counts) // 2].sum() == 0
        )

    def signals(self, cluster: int) -> pd.DataFrame:
        """All lifts of one cluster, one row a signal."""
        tables = {"any bad signal": self.lift, **self.signal_lifts} if self.traces.signals else {}
        tables["any hint"] = self.hint_lift
        rows = {name: table.loc[cluster] for name, table in tables.items() if cluster in table.index}
        frame = pd.DataFrame.from_dict(rows, orient="index", columns=self.lift.columns)
        return frame.astype({"known": "int64", "bad": "int64"}).rename_axis("signal")

    def _lifts(self, bad: np.ndarray) -> pd.DataFrame:
        return lifts(bad, self.labels, groups=self.clusters)

    @cached_property
    def _place(self) -> np.ndarray:
        return np.searchsorted(self.groups, self.labels)

    @cached_property
    def _told(self) -> dict[str, Mapping[str, Any]]:
        return {probe["name"]: probe for probe in self.probes}

    @cached_property
    def _wording(self) -> dict[str, Wording]:
        found = {}
        for column in ("output", "input"):
            # only the texts that are read: all of a million would fill the memory
            text = self.traces.frame[column]
            found[column] = Wording(
                {int(c): text.iloc[self.typical[int(c)][:PER_GROUP]].tolist() for c in self.groups}
            )
        return found

    @cached_property
    def _tracks(self) -> list[Track]:
        """Everything that clusters are compared by."""
        tracks = [
            Track(p["name"], p["kind"], p["says"], self.behaviours[p["name"]].to_numpy()) for p in self.probes
        ]
        frame = self.traces.frame
        for name in [c for c in frame.columns if c not in _NOT_FIELDS and c not in self.traces.signals]:
            column = frame[name]
            if pd.api.types.is_bool_dtype(column):
                tracks.append(Track(name, "field", str(name), column.to_numpy(dtype=np.float32)))
            elif pd.api.types.is_numeric_dtype(column):
                values = column.to_numpy(dtype=float, na_value=np.nan)
                tracks.append(Track(name, "number", str(name), values))
            elif pd.api.types.is_string_dtype(column) and column.nunique() <= FIELD_VALUES:
                for value in sorted(v for v in column.unique() if isinstance(v, str) and v):
                    flag = (column == value).to_numpy(dtype=np.float32)
                    tracks.append(Track(name, "field", plain(f"{name} is {value}", 80), flag))
        return tracks

    @cached_property
    def _ranks(self) -> tuple[np.ndarray, np.ndarray]:
        """(m,) rows, evenly spaced over each cluster, and the (m, tracks) ranks of their figures, 0 to 1."""
        each = max(MIN_SUPPORT, SAMPLED // max(len(self.groups), 1))
        rows = np.concatenate([_spread(self.typical[int(c)], each) for c in self.groups])
        columns = [pd.Series(t.values[rows]).rank(pct=True).fillna(0.5).to_numpy() for t in self._tracks]
        return rows, np.column_stack(columns) if columns else np.zeros((len(rows), 0))

    @cached_property
    def _alike(self) -> Callable[[Difference, Difference], bool]:
        """Whether two differences are nearly one: their figures rise and fall together over all traces."""
        at = {track.says: i for i, track in enumerate(self._tracks)}
        ranks = self._ranks[1] - self._ranks[1].mean(axis=0)
        ranks = ranks / np.maximum(np.linalg.norm(ranks, axis=0), 1e-9)
        together = np.abs(ranks.T @ ranks) >= TOGETHER
        return lambda one, other: bool(together[at[one.what], at[other.what]])

    def against(self, cluster: int, other: int) -> list[Difference]:
        """What sets a cluster apart from one other, in behaviours alone; the largest effect first."""
        here, there = (_spread(self.typical[c], PAIRED) for c in (cluster, other))
        place = np.repeat([0, 1], [len(here), len(there)])
        rows = np.concatenate([here, there])
        found = []
        for t in self._tracks[: len(self.probes)]:
            pair = differences(Track(t.name, t.kind, t.says, t.values[rows]), place, 2)
            found += [difference for g, difference in pair if g == 0]
        return sorted(found, key=lambda d: (-abs(d.effect), d.says))


def _spread(rows: np.ndarray, n: int) -> np.ndarray:
    """At most n of these, evenly spaced."""
    return rows if len(rows) <= n else rows[np.linspace(0, len(rows) - 1, n).astype(np.int64)]
