"""What a cluster is: hides every comparison of its traces with all others, and how the answer is put in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd

from failscope.surface.cards import plain
from failscope.surface.lift import MIN_SUPPORT, lifts
from failscope.surface.phrases import key_phrases
from failscope.traces.table import Traces

NOISE = -1
Kind = Literal["flag", "amount", "field", "number"]

MEDIUM = {"flag": 0.5, "field": 0.5, "amount": 0.33, "number": 0.33}
"""A medium effect: Cohen's h (Cohen 1988) for shares, Cliff's delta (Romano et al. 2006) for amounts."""

FIELD_VALUES = 30
"""A text column with more distinct values than this is no field to compare by."""

COMMON = 0.25
"""A behaviour that a larger share of all traces shows is how this assistant is, and hints at nothing."""

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
_NOT_FIELDS |= {"source_file", "source_line", "error"}


@dataclass(frozen=True)
class Difference:
    """One thing that sets a cluster apart.

    Attributes
    ----------
    name : str
        The probe or the column.
    kind : {"flag", "amount", "field", "number"}
        A behaviour that is there or not, a behaviour's amount, a column's value, a column's number.
    here, elsewhere : float
        Shares for flags and fields, medians (means where the medians are equal) for amounts and numbers.
    effect : float
        In medium effects, signed: Cohen's h over 0.5 for shares, Cliff's delta over 0.33 for amounts.
    says : str
        The sentence, "refuses: 92% here, 7% elsewhere".
    """

    name: str
    kind: Kind
    here: float
    elsewhere: float
    effect: float
    says: str


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

    def to_frame(self) -> pd.DataFrame:
        """What sets it apart, one row each."""
        return pd.DataFrame([vars(d) for d in self.sets_apart], columns=list(Difference.__dataclass_fields__))

    def __repr__(self) -> str:
        apart = "; ".join(d.says for d in self.sets_apart[:3]) or "nothing sets it apart"
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
    """

    def __init__(
        self,
        traces: Traces,
        labels: np.ndarray,
        *,
        behaviours: pd.DataFrame,
        probes: Sequence[Mapping[str, Any]],
        typical: Mapping[int, np.ndarray],
    ) -> None:
        self.traces, self.labels, self.typical = traces, labels, typical
        self.behaviours, self.probes = behaviours, probes
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

        Only those that at most ``COMMON`` of all traces show.
        """
        hint = np.zeros(len(self.labels), dtype=bool)
        for probe in self.probes:
            if probe["hint"]:
                column = self.behaviours[probe["name"]].to_numpy()
                shown = column > (0 if probe["kind"] == "flag" else np.quantile(column, 0.95))
                if shown.mean() <= COMMON:
                    hint |= shown
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
        found = {}
        for column in ("output", "input"):
            text = self.traces.frame[column].to_numpy(dtype=object)
            found[column] = key_phrases({int(c): text[self.typical[int(c)]] for c in self.groups})
        return found

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
        for probe in self.probes:
            column = self.behaviours[probe["name"]].to_numpy(dtype=np.float64)
            self._compare(found, column, probe["name"], probe["kind"], probe["says"])
        frame = self.traces.frame
        for name in [c for c in frame.columns if c not in _NOT_FIELDS and c not in self.traces.signals]:
            column = frame[name]
            if pd.api.types.is_bool_dtype(column):
                self._compare(found, column.to_numpy(dtype=float), name, "field", str(name))
            elif pd.api.types.is_numeric_dtype(column):
                self._compare(found, column.to_numpy(dtype=float, na_value=np.nan), name, "number", str(name))
            elif pd.api.types.is_string_dtype(column) and column.nunique() <= FIELD_VALUES:
                for value in sorted(v for v in column.unique() if isinstance(v, str) and v):
                    flag = (column == value).to_numpy(dtype=float)
                    self._compare(found, flag, name, "field", plain(f"{name} is {value}", 80))
        return {c: tuple(sorted(d, key=lambda x: (-abs(x.effect), x.says))) for c, d in found.items()}

    @cached_property
    def names(self) -> dict[int, str]:
        """A short name for each cluster: a behaviour that sets it far apart, then its phrases; no two are equal."""
        names: dict[int, str] = {}
        taken: set[str] = set()
        told = {probe["name"]: probe for probe in self.probes}
        for c in (int(c) for c in self.clusters):
            far = [
                d
                for d in self.differences[c]
                # what a cluster does not do is no name for it
                if d.name in told
                and abs(d.effect) >= 1.6
                and (d.kind != "flag" or (d.effect > 0 and d.here >= 0.5))
            ]
            # a flag that hints at a failure names a cluster better than the mere form of its texts
            far.sort(key=lambda d: not (d.kind == "flag" and told[d.name]["hint"]))
            parts = [told[d.name]["more" if d.effect > 0 else "less"] for d in far[:1]]
            spare = [*self.phrases["output"][c][:4], *self.phrases["input"][c][:4]]
            parts += spare[: 2 if not parts else 1]
            spare = [s for s in spare if s not in parts]
            name = " · ".join(parts) or f"cluster {c}"
            while name in taken and spare:
                name = f"{name} · {spare.pop(0)}"
            names[c] = name if name not in taken else f"{name} ({c})"
            taken.add(names[c])
        return {**names, NOISE: "in no cluster"} if NOISE in self.groups else names

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

    def _compare(
        self, found: dict[int, list[Difference]], column: np.ndarray, name: str, kind: Kind, says: str
    ) -> None:
        """Add what this column shows to each cluster that it sets apart."""
        known = ~np.isnan(column)
        values, place = column[known], self._place[known]
        if not len(values) or values.min() == values.max():
            return
        n = np.bincount(place, minlength=len(self.groups)).astype(float)
        rest = len(values) - n
        sums = np.bincount(place, weights=values, minlength=len(self.groups))
        with np.errstate(divide="ignore", invalid="ignore"):
            here, elsewhere = sums / n, (values.sum() - sums) / rest
            if kind in ("flag", "field"):
                here, elsewhere = np.clip(here, 0, 1), np.clip(elsewhere, 0, 1)
                effect = 2 * np.arcsin(np.sqrt(here)) - 2 * np.arcsin(np.sqrt(elsewhere))
                error = np.sqrt(1 / n + 1 / rest)
            else:
                rank = pd.Series(values).rank().to_numpy()
                ranks = np.bincount(place, weights=rank, minlength=len(self.groups))
                effect = 2 * (ranks - n * (n + 1) / 2) / (n * rest) - 1
                error = np.sqrt((n + rest + 1) / (3 * n * rest))
        apart = (
            (n >= MIN_SUPPORT) & (rest > 0) & (np.abs(effect) >= MEDIUM[kind]) & (np.abs(effect) >= 3 * error)
        )
        for g in np.flatnonzero(apart):
            low, high = float(here[g]), float(elsewhere[g])
            if kind in ("flag", "field"):
                words = f"{_share(low)} here, {_share(high)} elsewhere"
            else:
                inside = place == g
                median = float(np.median(values[inside])), float(np.median(values[~inside]))
                what = "median" if median[0] != median[1] else "mean"
                low, high = median if what == "median" else (low, high)
                words = f"{what} {_amount(low)} here, {_amount(high)} elsewhere"
            difference = Difference(
                name, kind, low, high, float(effect[g]) / MEDIUM[kind], f"{says}: {words}"
            )
            found[int(self.groups[g])].append(difference)


def _share(value: float) -> str:
    if 0 < value < 0.01:
        return "under 1%"
    return "over 99%" if 0.99 < value < 1 else f"{value:.0%}"


def _amount(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
