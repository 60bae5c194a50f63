"""The weeks of traces and what is counted in them: hides calendars, sessions, and counts of weeks that are over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from failscope.errors import ArgumentError
from failscope.surface.clustering import Clustering


@dataclass(frozen=True, eq=False)
class Group:
    """One thing that is followed, and which traces (positions in the base order) show it."""

    kind: str
    view: str
    cluster: int
    key: str
    name: str
    rows: np.ndarray
    of: np.ndarray | None = None  # those that were asked, where it is not all


@dataclass(frozen=True, eq=False)
class Calendar:
    """The weeks, and of each trace of the first clustering which week and session it is of."""

    names: tuple[str, ...]
    row: dict[str, int]  # trace id -> position
    week: np.ndarray  # (n,) index into names; -1 without a time
    unit: np.ndarray  # (n,) a session within a week
    own: int  # the first week that these traces are of
    without_time: int

    @classmethod
    def of(cls, found: Clustering, by: str, begins: str | None = None) -> Calendar:
        """The weeks from those of these traces, or from ``begins``, to the last of them."""
        frame = found.traces.frame.loc[found.trace_ids]
        known = frame["timestamp"].notna().to_numpy()
        if not known.any():
            raise ArgumentError(
                "no trace has a timestamp, so there are no weeks; name its column, columns={'timestamp': ...}"
            )
        naive = frame["timestamp"].dt.tz_localize(None).dt.normalize()
        monday = naive - pd.to_timedelta(naive.dt.day_of_week, unit="D")
        first = monday[known].min()
        begin = first
        if begins is not None:
            begin = min(begin, pd.Timestamp.fromisocalendar(*year_week(begins), 1))
        days = pd.date_range(begin, monday[known].max(), freq="7D")
        names = tuple(f"{d.isocalendar().year}-W{d.isocalendar().week:02d}" for d in days)
        week = np.full(len(frame), -1)
        week[known] = ((monday[known] - begin).dt.days // 7).to_numpy()
        together = frame[by].fillna("").astype(str).to_numpy(dtype=object)
        alone = np.array([t if t else f"\0{i}" for t, i in zip(together, frame.index, strict=True)])
        unit = pd.factorize(pd.Series(alone) + "\0" + pd.Series(week).astype(str))[0]
        return cls(
            names=names,
            row={str(i): k for k, i in enumerate(found.trace_ids)},
            week=week,
            unit=unit,
            own=int((first - begin).days // 7),
            without_time=int((~known).sum()),
        )

    def positions(self, trace_ids: Iterable[str]) -> np.ndarray:
        """Where those of some traces are that are here, each once."""
        return np.unique([self.row[i] for i in trace_ids if i in self.row]).astype(np.int64)

    def traces_of(self, rows: np.ndarray) -> np.ndarray:
        """(w,) how many traces of each week."""
        week = self.week[rows]
        return np.bincount(week[week >= 0], minlength=len(self.names))

    def units_of(self, rows: np.ndarray) -> np.ndarray:
        """(w,) how many sessions of each week."""
        dated = rows[self.week[rows] >= 0]
        once = dated[np.unique(self.unit[dated], return_index=True)[1]]
        return np.bincount(self.week[once], minlength=len(self.names))


@dataclass(frozen=True, eq=False)
class Tables:
    """(g, w) counts of traces and of sessions, and what they are out of."""

    traces: np.ndarray
    trace_totals: np.ndarray
    units: np.ndarray
    unit_totals: np.ndarray

    @classmethod
    def of(
        cls,
        groups: list[Group],
        calendar: Calendar,
        history: pd.DataFrame | None,
    ) -> Tables:
        """Count; weeks before those of the traces are taken from the table of an earlier run."""
        every = np.arange(len(calendar.week))
        asked = [every if g.of is None else g.of for g in groups]
        traces = np.array([calendar.traces_of(g.rows) for g in groups])
        units = np.array([calendar.units_of(g.rows) for g in groups])
        trace_totals = np.array([calendar.traces_of(a) for a in asked])
        unit_totals = np.array([calendar.units_of(a) for a in asked])
        tables = cls(traces, trace_totals, units, unit_totals)
        if history is not None and calendar.own > 0:
            tables._add_history(groups, calendar, history)
        return tables

    def _add_history(self, groups: list[Group], calendar: Calendar, history: pd.DataFrame) -> None:
        """Fill in the weeks that this run's traces do not reach, from what the last run counted under the same key."""
        earlier = calendar.names[: calendar.own]
        past = history[history["week"].isin(earlier)]
        ours = (self.traces, self.units, self.trace_totals, self.unit_totals)
        for mine, column in zip(ours, ("count", "sessions", "total", "of_sessions"), strict=True):
            table = past.pivot(index="key", columns="week", values=column).reindex(columns=earlier).fillna(0)
            for i, g in enumerate(groups):
                if g.key in table.index:
                    mine[i, : calendar.own] = table.loc[g.key]
                elif g.kind != "mode" and column in ("total", "of_sessions"):
                    mine[i, : calendar.own] = table.max()


def year_week(name: str) -> tuple[int, int]:
    year, _, week = name.partition("-W")
    return int(year), int(week)
