"""Which groups and failure modes are said to be new or shrinking, week by week, and how often that is said of nothing.

    python -m benchmarks.modes

The sample log, whose weeks are known: the prompt of week 5 ends over-refusal and starts ignoring formats, and in week 7
a new device is asked about. Each week is run as a team would: the traces of all weeks up to it are clustered in three
views and matched to the run before; nothing later is seen. ``mostly`` is what the truth says of the group's traces.
Then the weeks are shuffled over the sessions, so that nothing changes but by chance: the share of runs, and of weeks,
in which anything is called new, or changed at all. ``window``: the groups of all eight weeks, every week judged from
what was known in it. ``week by week``: clustered anew in every week of the shuffled log.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

import failscope as fs
from benchmarks.labelled import Memory
from benchmarks.report import ROOT, save, table
from failscope.review.changes import RISES, follow
from failscope.review.matching import match_weeks
from failscope.review.movements import Movements
from failscope.review.weeks import Calendar, Group, Tables
from failscope.surface.clustering import Clustering

JUDGED = 7  # weeks that have one before
VIEWS = ("behaviour", "topic", "topic+behaviour")


def log() -> tuple[fs.Traces, pd.DataFrame]:
    """The sample log and its truth."""
    traces = fs.read(ROOT / "sample_data" / "support_bot.jsonl.gz", progress=False)
    truth = pd.read_csv(
        ROOT / "sample_data" / "support_bot_truth.csv", index_col="trace_id", keep_default_na=False
    )
    return replace(traces, vectors=Memory()), truth


def weeks_of(traces: fs.Traces) -> pd.Series:
    """The week of each trace, 0 the first."""
    when = traces.frame["timestamp"].dt.tz_localize(None).dt.normalize()
    monday = when - pd.to_timedelta(when.dt.day_of_week, unit="D")
    return (monday - monday.min()).dt.days // 7


def shuffled(traces: fs.Traces, seed: int) -> fs.Traces:
    """The same sessions, each in the week of another one."""
    frame, week = traces.frame, weeks_of(traces)
    first = week.groupby(frame["session_id"]).first().sort_index()
    drawn = pd.Series(np.random.default_rng(seed).permutation(first.to_numpy()), index=first.index)
    moved = (frame["session_id"].map(drawn) - week) * 7
    return replace(
        traces, frame=frame.assign(timestamp=frame["timestamp"] + pd.to_timedelta(moved, unit="D"))
    )


def clusterings(traces: fs.Traces) -> list[Clustering]:
    """One in each view."""
    return [fs.cluster(traces, view=v, projector=None, progress=False) for v in VIEWS]


def run(traces: fs.Traces, modes: dict[str, list[str]] | None = None) -> list[Movements]:
    """What is said in each week from the second on, each run knowing the one before."""
    week = weeks_of(traces)
    said: list[Movements] = []
    for last in range(1, int(week.max()) + 1):
        here = traces.take(traces.frame.index[week <= last])
        known = {m: [i for i in ids if i in here.frame.index] for m, ids in (modes or {}).items()}
        said.append(match_weeks(clusterings(here), before=said[-1] if said else None, modes=known))
    return said


def told(said: Sequence[Movements], truth: pd.DataFrame) -> list[dict[str, Any]]:
    """The changes that each week's run tells, with what the truth says of the traces."""
    rows = []
    for movements in said:
        base = {f.view: f for f in movements.found}
        judged = [w for w in movements.weeks if w >= movements.params["judged"]]
        for row in pd.concat([movements.changes(w) for w in judged]).itertuples():
            found = base.get(row.view, movements.found[0])
            if row.kind == "behaviour":
                shown = (found.behaviours[row.key.partition(":")[2]] > 0).to_numpy()
            else:
                shown = found.labels == row.cluster
            mostly = row.name if row.kind == "mode" else _mostly(truth.loc[found.behaviours.index[shown]])
            rows.append(
                {
                    "week": row.week,
                    "what": row.what,
                    "since": row.since,
                    "of": f"{row.view} group" if row.kind == "group" else row.kind,
                    "name": row.name,
                    "mostly": mostly,
                    "now": f"{row.n_now:,} of {row.of_now:,}",
                    "before": f"{row.n_before:,} of {row.of_before:,}",
                    "q": f"{row.q:.1g}",
                }
            )
    return rows


def by_chance(found: Sequence[Clustering], shuffles: int) -> dict[str, Any]:
    """How often the groups of one window are said to change while weeks are shuffled over sessions."""
    calendar = Calendar.of(found[0], "session_id")
    groups = groups_of(found, calendar)
    first = np.unique(calendar.unit, return_index=True)[1]
    runs = []
    for seed in range(shuffles):
        drawn = np.random.default_rng(seed).permutation(calendar.week[first])[calendar.unit]
        tables = Tables.of(groups, replace(calendar, week=drawn), None)
        runs.append(follow(tables.units, tables.unit_totals).what)
    return _rates(runs, "window")


def groups_of(found: Sequence[Clustering], calendar: Calendar) -> list[Group]:
    """Every cluster of every view."""
    return [
        Group("group", f.view, int(c), f"{f.view}:{c}", "", calendar.positions(f.trace_ids[f.labels == c]))
        for f in found
        for c in np.unique(f.labels)
    ]


def week_by_week(traces: fs.Traces, shuffles: int) -> dict[str, Any]:
    """The same, clustered anew in every week."""
    runs = []
    for seed in range(shuffles):
        weeks = [m.week()["what"].tolist() for m in run(shuffled(traces, seed))]
        longest = max(map(len, weeks))
        runs.append(np.array([[*w, *[""] * (longest - len(w))] for w in weeks], dtype=object).T)
    return _rates(runs, "week by week")


def _rates(runs: list[np.ndarray], name: str) -> dict[str, Any]:
    rises = [np.isin(r, list(RISES - {"growing"})) for r in runs]
    any_change = [~np.isin(r, ["", "steady", "split", "merged"]) for r in runs]
    return {
        "shuffled": name,
        "runs": len(runs),
        "runs with anything new": float(np.mean([r.any() for r in rises])) if runs else None,
        "weeks with anything new": float(np.mean([r.any(axis=0)[-JUDGED:] for r in rises])) if runs else None,
        "runs with any change": float(np.mean([r.any() for r in any_change])) if runs else None,
        "weeks with any change": float(np.mean([r.any(axis=0)[-JUDGED:] for r in any_change]))
        if runs
        else None,
    }


def _mostly(rows: pd.DataFrame) -> str:
    parts = []
    for column in ("failure_mode", "topic"):
        name, count = rows[column].value_counts().index[0], rows[column].value_counts().iloc[0]
        if count >= 0.3 * len(rows):
            parts.append(f"{name or 'no failure'} {count / len(rows):.0%}")
    return ", ".join(parts) or "several"


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shuffles", type=int, default=200, help="of the window")
    parser.add_argument("--reruns", type=int, default=3, help="shuffled logs that are clustered week by week")
    options = parser.parse_args()
    traces, truth = log()
    modes = {m: list(ids) for m, ids in truth.groupby("failure_mode").groups.items() if m}
    alone = run(traces)
    named = run(traces, modes)
    lines = {
        "groups_alone": told(alone, truth),
        "with_failure_modes": [r for r in told(named, truth) if r["of"] == "mode"],
    }
    chance = [by_chance(alone[-1].found, options.shuffles), week_by_week(traces, options.reruns)]
    for shown in (*lines.values(), chance):
        print(table(shown), end="\n\n")
    save("modes", {**lines, "by_chance": chance})


if __name__ == "__main__":
    main()
