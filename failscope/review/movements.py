"""What is told of groups and failure modes week by week: hides the table, its sentences, and what is told only once."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from failscope.errors import NotFoundError
from failscope.review.changes import FALLS, RISES, Calls
from failscope.review.weeks import Calendar, Group, Tables
from failscope.surface.cards import plain
from failscope.surface.clustering import Clustering
from failscope.surface.lift import Z95, ratio_interval
from failscope.surface.profile import NOISE

OVERLAP = 0.5
"""A change is told under another group's name when at least this share of its traces is in that one's change."""


@dataclass(frozen=True, eq=False)
class Movements:
    """Every group and failure mode in every week.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a group and week. ``week, key`` (the identity over the weeks), ``kind`` ("mode", "group", "behaviour"),
        ``view, cluster`` (the label in this run's clustering; -1: it has none), ``name, mode, match`` (which failure mode
        it is, and who says so), ``what`` ("new", "back", "growing", "steady", "shrinking", "gone", "split", "merged"; ""
        where there is nothing to compare), ``since`` (the week in which the change began), ``count, total, share, low,
        high`` (traces of this week, 95%), ``n_now, of_now, n_before, of_before`` (traces since and before),
        ``sessions_now, of_sessions_now, sessions_before, of_sessions_before``, ``ratio, ratio_low, ratio_high``
        (of the two shares of sessions), ``p, q``, ``same_as`` (the key under which the same traces are told),
        ``structure`` (what it was split from or merged of), ``evidence`` (a sentence).
    found : tuple of Clustering
        The clusterings of this run, one a view.
    weeks : tuple of str
    params : dict
        ``level, by, judged`` (the first week that this run judged), ``without_time`` (traces left out).
    """

    frame: pd.DataFrame
    found: tuple[Clustering, ...]
    weeks: tuple[str, ...]
    params: dict[str, Any]
    said: Mapping[str, tuple[str, str]] = field(default_factory=dict, repr=False)
    rejected: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict, repr=False)
    heard: int = field(default=0, repr=False)  # the last word that was taken in

    def week(self, week: str | None = None) -> pd.DataFrame:
        """The rows of one week, the last unless one is named."""
        chosen = self.weeks[-1] if week is None else week
        if chosen not in self.weeks:
            raise NotFoundError(f"no week {chosen!r}; the weeks are {self.weeks[0]!r} to {self.weeks[-1]!r}")
        return self.frame[self.frame["week"] == chosen]

    def changes(self, week: str | None = None) -> pd.DataFrame:
        """What is to be told of one week: the changes, each once, what is new first, then by evidence."""
        rows = self.week(week)
        rows = rows[~rows["what"].isin(["", "steady"]) & (rows["same_as"] == "")]
        order = {"new": 0, "back": 1, "growing": 2, "shrinking": 3, "gone": 3}
        rank = rows["what"].map(order).fillna(4)
        return rows.assign(_rank=rank).sort_values(["_rank", "p"], kind="stable").drop(columns="_rank")

    def to_frame(self) -> pd.DataFrame:
        """A copy of the table."""
        return self.frame.copy()

    def __repr__(self) -> str:
        return f"<Movements {self._counts}>"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{html.escape(r.what)}</td><td><b>{html.escape(plain(r.mode or r.name, 80))}</b></td>"
            f"<td>{html.escape(r.evidence)}</td></tr>"
            for r in self.changes().head(12).itertuples()
        )
        return f"<div><b>Movements</b> · {html.escape(self._counts)}</div><table>{rows}</table>"

    @cached_property
    def keys(self) -> dict[tuple[str, int], str]:
        """(view, label) -> key, of this run's clusterings."""
        rows = self.week()
        rows = rows[(rows["kind"] == "group") & (rows["cluster"] != NOISE)]
        return {(r.view, int(r.cluster)): str(r.key) for r in rows.itertuples()}

    @cached_property
    def _counts(self) -> str:
        told = self.changes()["what"].value_counts()
        parts = [f"{n} {what}" for what, n in told.items()] or ["no change beyond chance"]
        groups = len(self.week())
        return f"{self.weeks[-1]} of {len(self.weeks)} weeks · {groups:,} groups · {', '.join(parts)}"


def frame_of(
    groups: list[Group],
    calendar: Calendar,
    tables: Tables,
    calls: Calls,
    first: int,
    before: Movements | None,
) -> pd.DataFrame:
    """One row a group and week, with what was told in the weeks that the last run judged."""
    g, w = calls.what.shape
    v = np.tile(np.arange(w), g)
    i = np.repeat(np.arange(g), w)
    judged = calls.what.ravel() != ""
    split = np.where(judged, calls.split.ravel(), v)
    start = calls.start.ravel()

    def between(table: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        summed = np.concatenate([np.zeros((g, 1), dtype=int), np.cumsum(table, axis=1)], axis=1)
        return np.asarray(summed[i, b] - summed[i, a])

    out: dict[str, Any] = {
        "week": [calendar.names[k] for k in v],
        **{n: [getattr(groups[k], n) for k in i] for n in ("key", "kind", "view", "cluster", "name")},
        "mode": [groups[k].name if groups[k].kind == "mode" else "" for k in i],
        "match": "",
        "what": calls.what.ravel(),
        "since": [
            calendar.names[s] if c in RISES | FALLS else ""
            for s, c in zip(split, calls.what.ravel(), strict=True)
        ],
        "count": tables.traces.ravel(),
        "total": tables.trace_totals.ravel(),
        "sessions": tables.units.ravel(),
        "of_sessions": tables.unit_totals.ravel(),
    }
    for what, n, of in (("", "traces", "trace_totals"), ("sessions_", "units", "unit_totals")):
        label = what or "n_"
        out[f"{label}now"] = between(getattr(tables, n), split, v + 1)
        out[f"of_{what}now"] = between(getattr(tables, of), split, v + 1)
        out[f"{label}before"] = between(getattr(tables, n), start, split)
        out[f"of_{what}before"] = between(getattr(tables, of), start, split)
    frame = pd.DataFrame(out)
    with np.errstate(divide="ignore", invalid="ignore"):
        frame["share"] = frame["count"] / frame["total"]
        now = frame["sessions_now"] / frame["of_sessions_now"]
        frame["ratio"] = np.where(
            judged, now / (frame["sessions_before"] / frame["of_sessions_before"]), np.nan
        )
    # a week's traces are worth as many as there are sessions
    frame["low"], frame["high"] = _wilson(
        frame["share"].to_numpy(), frame["of_sessions"].to_numpy(dtype=float)
    )
    names = ("sessions_now", "of_sessions_now", "sessions_before", "of_sessions_before")
    low, high = ratio_interval(*(frame[c].to_numpy() for c in names))
    frame["ratio_low"], frame["ratio_high"] = np.where(judged, low, np.nan), np.where(judged, high, np.nan)
    frame["p"], frame["q"] = calls.p.ravel(), calls.q.ravel()
    frame["same_as"], frame["structure"] = "", ""
    frame["evidence"] = [
        _evidence(row, calendar.names[s]) for row, s in zip(frame.itertuples(), split, strict=True)
    ]
    if before is not None:
        kept = ["what", "since", "n_now", "of_now", "n_before", "of_before", "p", "q", "evidence", "same_as"]
        kept += [*names, "ratio", "ratio_low", "ratio_high", "structure"]
        past = before.frame.set_index(["key", "week"])[kept]
        mine = pd.MultiIndex.from_frame(frame[["key", "week"]])
        at = past.index.get_indexer(mine)
        earlier = (v < first) & (at >= 0)
        for c in kept:
            column = frame[c].to_numpy(copy=True)
            column[earlier] = past[c].to_numpy()[at[earlier]]
            frame[c] = column
    return frame


def _evidence(row: Any, since: str) -> str:
    """The counts behind what is said, in words."""
    if row.what == "":
        return ""
    ratio = ""
    if row.what in RISES | FALLS:
        times = f"{_figure(row.ratio)} times as often" if np.isfinite(row.ratio) else "never before"
        end = _figure(row.ratio_high) if np.isfinite(row.ratio_high) else "no end"
        ratio = f": {times} (95%: {_figure(row.ratio_low)} to {end})"
    return (
        f"{row.n_now:,} of {row.of_now:,} traces since {since} ({row.sessions_now:,} of {row.of_sessions_now:,} sessions), "
        f"{row.n_before:,} of {row.of_before:,} before ({row.sessions_before:,} of {row.of_sessions_before:,} sessions)"
        f"{ratio}; q = {row.q:.2g}"
    )


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


def told_elsewhere(frame: pd.DataFrame, groups: list[Group], calendar: Calendar) -> pd.DataFrame:
    """Mark the changes whose traces another change has already told, earlier or with more evidence."""
    rows = {g.key: g.rows for g in groups}
    place = {name: i for i, name in enumerate(calendar.names)}
    told: list[tuple[str, bool, np.ndarray]] = []
    same = frame["same_as"].to_numpy(copy=True)
    changed = frame[frame["what"].isin(RISES | FALLS)]
    rank = changed.assign(_mode=changed["kind"] != "mode").sort_values(
        ["week", "_mode", "p", "key"], kind="stable"
    )
    for row in rank.itertuples():
        mine = rows[row.key]
        up, since = row.what in RISES, place.get(row.since, 0)
        week = calendar.week[mine]
        mine = mine[(week >= since) & (week <= place[row.week])] if up else mine[(week >= 0) & (week < since)]
        if same[row.Index] == "":
            for key, rises, theirs in told:
                shared = len(np.intersect1d(mine, theirs)) if rises == up and key != row.key else 0
                if len(mine) and shared >= OVERLAP * len(mine):
                    same[row.Index] = key
                    break
        if same[row.Index] == "":
            # later traces of the same group belong to the change too
            whole = rows[row.key]
            told.append((row.key, up, whole[calendar.week[whole] >= since] if up else mine))
    return frame.assign(same_as=same)


def _wilson(share: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's interval (1927, JASA 22) of a share as of so many observations."""
    with np.errstate(divide="ignore", invalid="ignore"):
        middle = (share + Z95**2 / (2 * size)) / (1 + Z95**2 / size)
        half = Z95 / (1 + Z95**2 / size) * np.sqrt(share * (1 - share) / size + Z95**2 / (4 * size**2))
    return np.maximum(middle - half, 0), np.minimum(middle + half, 1)
