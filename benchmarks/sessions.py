"""A review of 200 people over 100,000 traces: opening it, saving a word, seeing another's word, checking the audit.

    python -m benchmarks.sessions [--traces 100000] [--reviewers 200] [--each 50] [--postgres]

The traces are the sample data's, repeated up to the count under new ids, each with its number in its text; groups are
drawn at random, since clustering is measured elsewhere. A session is opened in a process of its own, so that nothing
is in memory already. With ``--postgres`` the same is done on a PostgreSQL server that is started on loopback.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.report import ROOT, in_fresh_process, save, table

sys.path.insert(0, str(ROOT))

SAMPLE = ROOT / "sample_data" / "support_bot.jsonl.gz"
LIMITS = {"open, s": 1.0, "save, s": 0.05, "seen by another, s": 2.0}


def fill(where: str, folder: str | None, *, traces: int, reviewers: int, each: int) -> dict[str, float]:
    """Make the workspace: traces, a clustering, a review, and what every reviewer said."""
    import numpy as np
    import pandas as pd

    import failscope as fs

    rng = np.random.default_rng(0)
    texts = fs.read(SAMPLE, progress=False).frame[["input", "output"]]
    texts = texts.iloc[np.arange(traces) % len(texts)].reset_index(drop=True)
    texts["trace_id"] = [f"t{k:07d}" for k in range(traces)]
    texts["output"] = texts["output"] + " (" + texts["trace_id"] + ")"
    texts["timestamp"] = pd.Timestamp("2026-05-04", tz="UTC") + pd.to_timedelta(np.arange(traces), unit="s")
    texts["flagged"] = (rng.random(traces) < 0.1).astype(int)
    log = fs.Traces.from_frame(texts, signals={"flagged": "bad"})
    ws = fs.Workspace(where, folder=folder)
    begin = time.perf_counter()
    ws.add(log)
    added = time.perf_counter() - begin

    length = fs.Probe("length", lambda frame: frame["output"].str.len(), says="output length")
    params = fs.cluster(log.take(log.trace_ids[:200]), probes=[length], projector=None, progress=False).params
    labels = np.sort(rng.integers(0, 40, traces))
    labels = np.argsort(np.argsort(-np.bincount(labels, minlength=40), kind="stable"))[labels]
    exemplar = np.full(traces, -1)
    exemplar[np.unique(labels, return_index=True)[1]] = 0
    found = fs.Clustering(
        traces=log,
        trace_ids=log.trace_ids,
        labels=labels,
        layers=(labels,),
        strength=rng.random(traces).astype("float32"),
        edge=rng.random(traces).astype("float32"),
        stability=dict.fromkeys(range(40), 0.9),
        xy=rng.normal(size=(traces, 2)).astype("float32"),
        exemplar=exemplar,
        view="behaviour",
        params=params,
        behaviours=pd.DataFrame({"length": log.frame["output"].str.len().astype("float32")}),
    )
    people = [f"reviewer {k}" for k in range(reviewers)]
    plan = fs.plan_review(found, budget=each * reviewers, strategy="random")
    session = ws.start_review("W23", plan, reviewers=people)
    picks = list(plan.frame["trace_id"])
    with ws.log.writing() as connection:  # in one transaction: how they came to be said is not measured
        for n, trace_id in enumerate(picks):
            said = {"failure_modes": [f"mode {n % 30}"] if n % 3 else [], "note": "seen" * (n % 5)}
            ws.log.append_in(
                connection,
                "annotation",
                actor=people[n % reviewers],
                session="W23",
                trace_id=trace_id,
                payload=said,
            )
    session.log.close()
    return {"add, s": added, "events": len(picks)}


def measure(*, where: str, folder: str | None, saves: int) -> dict[str, Any]:
    """Open it as a notebook does, save, look what another sees, read and check the audit; seconds."""
    import failscope as fs

    assert fs.Session  # imported before the clock starts, as by a notebook's first cell
    from failscope.workspace.workspace import Workspace

    begin, busy = time.perf_counter(), time.process_time()
    ws = Workspace(where, folder=folder)
    session = ws.start_review("W23")
    opened, worked = time.perf_counter() - begin, time.process_time() - busy

    other = Workspace(where, folder=folder).start_review("W23")
    times, seen = [], []
    picks = list(session.plan.frame["trace_id"])
    for n in range(saves):
        begin = time.perf_counter()
        session.annotate(picks[n], reviewer=f"reviewer {n % 7}", failure_modes=["new"], note="a word")
        times.append(time.perf_counter() - begin)
        other.mark(picks[n], reviewer=f"reviewer {n % 7}")
        seen.append(time.perf_counter() - begin)
    begin = time.perf_counter()
    audit = ws.audit()
    verdict = audit.verify()
    audited = time.perf_counter() - begin
    assert verdict, verdict
    return {
        "open, s": opened,
        "open, of that at work, s": worked,
        "saves": times,
        "seen": seen,
        "audit, s": audited,
        "audited events": verdict.events,
    }


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(description="a session of many people over many traces")
    parser.add_argument("--traces", type=int, default=100_000)
    parser.add_argument("--reviewers", type=int, default=200)
    parser.add_argument("--each", type=int, default=50, help="what each reviewer has said")
    parser.add_argument("--opens", type=int, default=5)
    parser.add_argument("--saves", type=int, default=100)
    parser.add_argument("--postgres", action="store_true", help="on a PostgreSQL server too")
    options = parser.parse_args()
    size = {"traces": options.traces, "reviewers": options.reviewers, "each": options.each}
    results: dict[str, Any] = {"size": size}
    with tempfile.TemporaryDirectory() as temporary:
        results["sqlite"] = _runs(str(Path(temporary) / "ws"), None, options, size)
        if options.postgres:
            from tests.server import Server

            server = Server()
            try:
                results["postgresql"] = _runs(server.database(), str(Path(temporary) / "pg"), options, size)
            finally:
                server.close()
    rows = [
        {
            "database": name,
            "traces": size["traces"],
            "events": results[name]["events"],
            "what": what.removesuffix(", s"),
            "median, ms": statistics.median(results[name][what]) * 1000,
            "worst, ms": max(results[name][what]) * 1000,
            "wanted, ms": LIMITS[what] * 1000 if what in LIMITS else None,
        }
        for name in ("sqlite", "postgresql")
        if name in results
        for what in ("open, s", "open, of that at work, s", "save, s", "seen by another, s", "audit, s")
    ]
    print(table(rows))
    save("sessions", results)


def _runs(
    where: str, folder: str | None, options: argparse.Namespace, size: dict[str, int]
) -> dict[str, Any]:
    made = fill(where, folder, **size)
    runs = [
        in_fresh_process("benchmarks.sessions", where=where, folder=folder, saves=options.saves)
        for _ in range(options.opens)
    ]
    return {
        **made,
        "open, s": [run["open, s"] for run in runs],
        "open, of that at work, s": [run["open, of that at work, s"] for run in runs],
        "save, s": [t for run in runs for t in run["saves"]],
        "seen by another, s": [t for run in runs for t in run["seen"]],
        "audit, s": [run["audit, s"] for run in runs],
        "peak_gib": max(run["peak_gib"] for run in runs),
    }


if __name__ == "__main__":
    main()
