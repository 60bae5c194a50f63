"""Whether coverage says what a golden set covers, names what is new, and says nothing of nothing.

    python -m benchmarks.coverage

``told``: which of production's traces count as covered, against what is known of them. A trace *has* an example when
one of its true topic (sample log) or intent (banking77) is in the set, and *lacks* one when there is none; the share
told as covered should be high for the first and low for the second. Each rule sees the same sets: this project's,
one fixed raw cosine of .8, and "its cluster holds an example". ``drift one``: sets of weeks 1 to 6 against weeks 6 and
7, in which a new product is asked about. ``quiet``: how often weeks without news are told to have a new topic.
``stale``: examples whose topic has no traffic, and those whose has. ``null``: how often two halves of one week are
told apart. ``steadiness``: the same set and week, with topics
found by other seeds. ``scale``: 50,000 traces.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from time import perf_counter
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

import failscope as fs
from benchmarks.labelled import Memory
from benchmarks.modes import log, weeks_of
from benchmarks.report import SHARED, in_fresh_process, save, table
from failscope.golden.coverage.coverage import coverage
from failscope.golden.coverage.covering import Around, Space, draw_line, nearest
from failscope.golden.coverage.drift import compare
from failscope.golden.coverage.topics import find_topics

SIZES = (30, 60, 120, 240)
FIXED = 0.8
DRAWS = 8


def golden_of(traces: fs.Traces, trace_ids: Sequence[str], modes: Mapping[str, str]) -> SimpleNamespace:
    """A golden set of these traces."""
    rows = []
    for trace_id in sorted(map(str, trace_ids)):
        row = traces.frame.loc[trace_id]
        rows.append(
            {
                "id": "ex-" + hashlib.sha256(trace_id.encode()).hexdigest()[:16],
                **{c: row[c] for c in ("input", "output", "context", "system_prompt")},
                "failure_modes": [modes[trace_id]] if modes.get(trace_id) else [],
                "provenance": {
                    "trace": {"trace_id": trace_id, "timestamp": row["timestamp"].isoformat()},
                    "promoted": {"at": row["timestamp"].isoformat()},
                },
            }
        )
    return SimpleNamespace(rows=rows, name="benchmark", version=1, sha256="")


def rules(
    V: np.ndarray, now: np.ndarray, texts: Sequence[str], ids: np.ndarray
) -> dict[str, Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]]:
    """Rule -> from the rows of a set to (score, told) of the rows ``now``; everything else may steady topics."""
    X = Space.around(V).place(V)
    topics = find_topics(X, texts, ids)
    line = draw_line(X, Around.of(X), topics.labels)
    around = Around.of(X[now])
    raw = np.c_[V, np.zeros(len(V), dtype=V.dtype)]
    of_cluster = topics.labels

    def ours(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        position = np.full(len(V), -1)
        position[now] = np.arange(len(now))
        score = around.mean(nearest(X[now], X[rows], position[rows])[0])
        return score, score >= line.near

    def alone(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        score = nearest(X[now], X[rows])[0]
        return score, score >= line.near

    def fixed(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        score = nearest(raw[now], raw[rows])[0]
        return score, score >= FIXED

    def cluster(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        inside = np.isin(of_cluster[now], of_cluster[rows])
        return inside.astype(float), inside

    return {
        "failscope": ours,
        "failscope, without its neighbours' say": alone,
        f"raw cosine of {FIXED}": fixed,
        "its cluster holds an example": cluster,
    }


def told(
    V: np.ndarray,
    topic: np.ndarray,
    *,
    now: np.ndarray,
    pools: Sequence[np.ndarray],
    texts: Sequence[str],
    ids: np.ndarray,
) -> list[dict[str, Any]]:
    """Each rule and size: the share told as covered of traces whose topic has an example and of those whose has none."""
    from sklearn.metrics import roc_auc_score

    out = []
    for name, rule in rules(V, now, texts, ids).items():
        for size in SIZES:
            seen = []
            for seed in range(DRAWS):
                pool = pools[seed % len(pools)]
                rows = np.random.default_rng(seed).choice(pool, size, replace=False)
                score, covered = rule(rows)
                others = ~np.isin(now, rows)
                has = np.isin(topic[now], topic[rows])
                seen.append(
                    (
                        covered[others & has].mean(),
                        covered[others & ~has].mean(),
                        roc_auc_score(has[others], score[others]),
                        covered[others].mean(),
                        has[others].mean(),
                    )
                )
            has_, lacks, auc, said, true = np.mean(seen, axis=0)
            out.append(
                {
                    "rule": name,
                    "examples": size,
                    "told, has one": float(has_),
                    "told, has none": float(lacks),
                    "difference": float(has_ - lacks),
                    "AUC": float(auc),
                    "told": float(said),
                    "true": float(true),
                }
            )
    return out


def acceptance(traces: fs.Traces, truth: pd.DataFrame, *, draws: int) -> list[dict[str, Any]]:
    """Sets of weeks 1 to 6 against weeks 6 and 7."""
    week = weeks_of(traces) + 1
    of = {w: traces.take(week.index[week == w]) for w in range(1, 9)}
    pool = week.index[week <= 6]
    fails = (truth.loc[pool, "failure_mode"] != "").to_numpy()
    modes = truth["failure_mode"].to_dict()
    out = []
    for size in (60, 120):
        seen = []
        for seed in range(draws):
            ids = pool[fails] if seed % 2 == 0 else pool
            chosen = np.random.default_rng(seed).choice(ids.to_numpy(dtype=object), size, replace=False)
            golden = golden_of(traces, chosen, modes)
            kept = {}
            near = None
            for w in (6, 7):
                before = traces.take(week.index[(week < w) & (week >= w - 4)])
                kept[w] = coverage(golden, of[w], before=before, near=near, progress=False)
                near = kept[w].near
            drift = kept[7].points.index[(truth.loc[kept[7].points.index, "topic"] == "drift one").to_numpy()]
            seen.append(
                {
                    "first gap": "Drift" in kept[7].gaps["name"].iloc[0],
                    "named in the line": "new topic “Drift One" in kept[7].line(kept[6]),
                    "in week 6": "Drift" in kept[6].line() or kept[6].gaps["new"].any(),
                    "its traces covered": float(kept[7].points.loc[drift, "covered"].mean()),
                    "coverage week 6": kept[6].share,
                    "coverage week 7": kept[7].share,
                    "random, week 7": kept[7].reference["random"],
                    "near": kept[7].near,
                }
            )
        out.append({"examples": size, "sets": draws, **_means(seen)})
    return out


def quiet(traces: fs.Traces, *, draws: int) -> list[dict[str, Any]]:
    """Weeks 3 to 6 and 8, each against the one before: how many lines tell of a new topic."""
    week = weeks_of(traces) + 1
    pool = week.index[week <= 2].to_numpy(dtype=object)
    out = []
    for known in (True, False):
        news, lines, fell = 0, 0, 0
        for seed in range(draws):
            golden = golden_of(traces, np.random.default_rng(seed).choice(pool, 120, replace=False), {})
            last, near = None, None
            for w in range(2, 9):
                before = traces.take(week.index[(week < w) & (week >= w - 2)]) if known else None
                found = coverage(
                    golden,
                    traces.take(week.index[week == w]),
                    before=before,
                    near=near,
                    progress=False,
                )
                near = found.near
                if w in (3, 4, 5, 6, 8):
                    line = found.line(last)
                    lines, news = lines + 1, news + ("new topic" in line)
                    fell += "nothing changed" not in line
                last = found
        out.append({"earlier traces": known, "lines": lines, "a new topic": news, "any change": fell})
    return out


def stale(traces: fs.Traces, truth: pd.DataFrame) -> dict[str, float]:
    """Examples of the new product against the week before it was announced, and usual ones."""
    week = weeks_of(traces) + 1
    late = week.index[(week >= 7) & (truth.loc[week.index, "topic"] == "drift one")]
    usual = np.random.default_rng(0).choice(week.index[week <= 4].to_numpy(dtype=object), 200, replace=False)
    golden = golden_of(traces, [*late, *usual], {})
    found = coverage(
        golden,
        traces.take(week.index[week == 6]),
        before=traces.take(week.index[(week <= 5) & (week >= 2)]),
        progress=False,
    )
    of_late = found.examples["trace_id"].isin(late)
    return {
        "without traffic, told stale": float(found.examples.loc[of_late, "stale"].mean()),
        "with traffic, told stale": float(found.examples.loc[~of_late, "stale"].mean()),
    }


def null(traces: fs.Traces, *, draws: int) -> dict[str, float]:
    """Sessions of one week dealt into two halves: how often they are told apart."""
    week = weeks_of(traces) + 1
    here = traces.take(week.index[week == 5])
    V = fs.embed_texts(here.frame["input"].array, cache=traces.vectors, progress=False)
    X = Space.around(V).place(V)
    session = here.frame["session_id"].to_numpy(dtype=object)
    names = np.unique(session)
    seen = []
    for seed in range(draws):
        half = np.isin(session, np.random.default_rng(seed).permutation(names)[: len(names) // 2])
        parts = [half, ~half]
        found = compare(
            X[parts[0]],
            X[parts[1]],
            units=(session[parts[0]].tolist(), session[parts[1]].tolist()),
            permutations=199,
            random_state=seed,
        )
        seen.append((found.p <= 0.05, found.auc_p <= 0.05))
    kernel, classifier = np.mean(seen, axis=0)
    return {
        "splits": draws,
        "kernel test below .05": float(kernel),
        "classifier below .05": float(classifier),
    }


def measure(rows: int) -> dict[str, Any]:
    """Seconds of one call on so many traces, each input another one."""
    traces, _ = log()
    times = -(-rows // len(traces))
    frame = pd.concat([traces.frame] * times).iloc[:rows].copy()
    words = ("alpha", "bravo", "kilo", "lima", "oscar", "tango", "zulu", "winter", "table", "river")
    rng = np.random.default_rng(0)
    for column in ("input", "output"):
        frame[column] = [
            f"{text} {' '.join(rng.choice(words, 2))} {i % 9973}" for i, text in enumerate(frame[column])
        ]
    frame.index = pd.Index([f"x{i}" for i in range(rows)], name="trace_id", dtype="str")
    many = replace(traces, frame=frame, vectors=None)
    golden = golden_of(traces, traces.trace_ids[:120], {})
    start = perf_counter()
    coverage(golden, many, progress=False)
    return {"rows": rows, "seconds": perf_counter() - start}


def intents() -> tuple[np.ndarray, np.ndarray, list[str]]:
    """4,000 of banking77: vectors, intents, texts."""
    with gzip.open(SHARED / "intents_banking77.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    kept = [rows[i] for i in np.random.default_rng(0).choice(len(rows), 4_000, replace=False)]
    texts = [str(r["input"]) for r in kept]
    return fs.embed_texts(texts, progress=False), np.array([r["topic"] for r in kept]), texts


def steadiness(traces: fs.Traces, *, seeds: int) -> list[dict[str, Any]]:
    """One set and one week, topics found again with other seeds: how far the told coverage moves."""
    week = (weeks_of(traces) + 1).to_numpy()
    recent = np.flatnonzero((week >= 3) & (week <= 7))
    V = fs.embed_texts(traces.frame["input"].array, cache=traces.vectors, progress=False)
    texts = traces.frame["input"].tolist()
    X = Space.around(V[recent]).place(V[recent])
    now = np.flatnonzero(week[recent] == 7)
    rows = np.random.default_rng(0).choice(np.flatnonzero(week[recent] <= 6), 60, replace=False)
    around, score = Around.of(X), Around.of(X[now]).mean(nearest(X[now], X[rows])[0])
    drawn, cluster = [], []
    for seed in range(seeds):
        topics = find_topics(X, [texts[i] for i in recent], traces.trace_ids[recent], random_state=seed)
        drawn.append(float((score >= draw_line(X, around, topics.labels, random_state=seed).near).mean()))
        cluster.append(float(np.isin(topics.labels[now], topics.labels[rows]).mean()))
    kinds = {"failscope, line drawn anew": drawn, "its cluster holds an example": cluster}
    out = [
        {"rule": name, "seeds": seeds, "lowest": min(v), "highest": max(v), "deviation": float(np.std(v))}
        for name, v in kinds.items()
    ]
    return [
        {
            **out[0],
            "rule": "failscope, last week's line",
            "lowest": drawn[0],
            "highest": drawn[0],
            "deviation": 0.0,
        },
        *out,
    ]


def _means(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    return {key: float(np.mean([float(r[key]) for r in rows])) for key in rows[0]}


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=10, help="golden sets of each size")
    draws = parser.parse_args().draws
    traces, truth = log()
    traces = replace(traces, vectors=Memory())
    truth = truth.loc[traces.frame.index]
    week = (weeks_of(traces) + 1).to_numpy()
    V = fs.embed_texts(traces.frame["input"].array, cache=traces.vectors, progress=False)
    topic, texts = truth["topic"].to_numpy(dtype=object), traces.frame["input"].tolist()
    early = np.flatnonzero(week <= 6)
    pools = [early, early[(truth["failure_mode"].to_numpy() != "")[early]]]
    recent = np.flatnonzero((week >= 3) & (week <= 7))
    results: dict[str, Any] = {}
    by_set: dict[str, list[dict[str, Any]]] = {}
    by_set["support bot, week 7"] = told(
        np.concatenate([V[recent], V[week < 3]]),
        np.concatenate([topic[recent], topic[week < 3]]),
        now=np.flatnonzero(week[recent] == 7),
        pools=[_positions(p, recent, week) for p in pools],
        texts=[texts[i] for i in [*recent, *np.flatnonzero(week < 3)]],
        ids=np.concatenate([traces.trace_ids[recent], traces.trace_ids[week < 3]]),
    )
    by_set["support bot, eight weeks"] = told(
        V, topic, now=np.arange(len(V)), pools=pools, texts=texts, ids=traces.trace_ids
    )
    if SHARED.is_dir():
        B, intent, asked = intents()
        few = np.flatnonzero(np.isin(intent, np.unique(intent)[::2]))
        every = np.arange(len(B))
        by_set["banking77"] = told(
            B, intent, now=every, pools=[every, few], texts=asked, ids=every.astype(str).astype(object)
        )
    results["told"] = [{"set": name, **row} for name, rows in by_set.items() for row in rows]
    print(table(results["told"]))
    results["drift one"] = acceptance(traces, truth, draws=draws)
    print(table(results["drift one"]))
    results["quiet"] = quiet(traces, draws=max(draws // 3, 1))
    print(table(results["quiet"]))
    results["stale"] = stale(traces, truth)
    results["steadiness"] = steadiness(traces, seeds=draws)
    print(table(results["steadiness"]))
    results["null"] = null(traces, draws=20 * draws)
    results["scale"] = [in_fresh_process("benchmarks.coverage", rows=n) for n in (4_000, 50_000)]
    print(results["stale"], results["null"], results["scale"])
    save("coverage", results)


def _positions(pool: np.ndarray, recent: np.ndarray, week: np.ndarray) -> np.ndarray:
    """Where rows of the log are once the recent weeks stand first."""
    order = np.concatenate([recent, np.flatnonzero(week < 3)])
    place = np.full(len(week), -1)
    place[order] = np.arange(len(order))
    return place[pool]


if __name__ == "__main__":
    main()
