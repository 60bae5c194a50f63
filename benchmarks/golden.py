"""A golden set of 100,000 examples: opening it, promoting one more case into it, verifying the whole chain.

    python -m benchmarks.golden [--examples 100000] [--runs 5]

The examples are the sample data's traces, repeated up to the count under new ids, each with its number in its texts and
with a provenance as a promotion writes it (one real promotion is made, and its provenance repeated). The first version
is written as it is; what is measured goes through a workspace: ``ws.golden``, ``ws.promote``, ``golden.verify``. Each run
is a process of its own.
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
LIMITS = {"open, s": 1.0, "promote, s": 2.0, "verify, s": 10.0}


def fill(where: str, *, examples: int, runs: int) -> dict[str, Any]:
    """Make the workspace: the sample log, one real promotion, and a large set whose examples look like its."""
    import numpy as np

    import failscope as fs
    from failscope.golden.lines import example_id, line_of
    from failscope.golden.near.index import NearIndex
    from failscope.golden.writing import write_lines

    ws = fs.Workspace(where)
    traces = fs.read(SAMPLE, progress=False)
    ws.add(traces)
    found = fs.cluster(traces.take(traces.trace_ids[:600]), projector=None, progress=False)
    found.summary()  # as everybody does before a review
    session = ws.start_review("W21", fs.plan_review(found, budget=40), reviewers=["ana"])
    first = session.plan.frame["trace_id"].tolist()
    for k, trace_id in enumerate(first):
        session.annotate(trace_id, failure_modes=[f"mode {k}"], expected_output="As the article says.")
        session.propose("small", [trace_id])
    waive = dict.fromkeys(("personal", "duplicate"), "invented people of the sample log")
    small = ws.promote("small", curator="cleo", waive=waive)
    like = dict(small.rows[0])

    frame = traces.frame[["input", "output", "context"]]
    rng = np.random.default_rng(0)
    lines = {}
    for k, (given, said, context) in enumerate(
        frame.iloc[np.arange(examples) % len(frame)].itertuples(index=False)
    ):
        trace_id = f"x{k:07d}"
        words = f" {rng.integers(10**9)} {k}"
        provenance = {**like["provenance"], "trace": {**like["provenance"]["trace"], "trace_id": trace_id}}
        row = {
            **like,
            "id": example_id(trace_id),
            "input": given + words,
            "output": said + words,
            "context": context[:400],
            "failure_modes": [f"mode {k % 200}"],
            "provenance": provenance,
        }
        lines[row["id"]] = line_of(row)
    home = Path(where) / "golden" / "large"
    about = {
        "curator": "cleo",
        "at": "2026-06-01T00:00:00+00:00",
        "reason": "first",
        "failscope": fs.__version__,
    }
    made = write_lines(home, lines, about=about, parent=None)
    ws.log.append(
        "promotion",
        actor="cleo",
        payload={
            "golden": "large",
            "version": 1,
            "examples": examples,
            "sha256": made.sha256,
            "reason": "first",
        },
    )
    begin = time.perf_counter()
    near = NearIndex.of(home)
    near.modes(ws.golden("large"))
    indexed = time.perf_counter() - begin
    ws.propose("large", first, reviewer="ana")
    left = ws.desk("large").check().passed[:runs]  # a promotion of what the gate lets in, as on most days
    ws.log.close()
    return {"index made, s": indexed, "bytes": sum(len(line) + 1 for line in lines.values()), "cases": left}


def measure(*, where: str, trace_id: str) -> dict[str, Any]:
    """Open, promote one, verify; seconds."""
    import failscope as fs

    assert fs.Session  # imported before the clock starts, as by a notebook's first cell
    from failscope.workspace.workspace import Workspace

    ws = Workspace(where)
    begin = time.perf_counter()
    golden = ws.golden("large")
    opened = time.perf_counter() - begin
    begin = time.perf_counter()
    promoted = ws.promote("large", curator="cleo", trace_ids=[trace_id])
    took = time.perf_counter() - begin
    assert len(promoted) == len(golden) + 1, promoted
    begin = time.perf_counter()
    assert promoted.verify()
    return {
        "open, s": opened,
        "promote, s": took,
        "verify, s": time.perf_counter() - begin,
        "versions": promoted.version,
    }


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(description="a golden set of many examples")
    parser.add_argument("--examples", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        where = str(Path(temporary) / "ws")
        made = fill(where, examples=options.examples, runs=options.runs)
        runs = [in_fresh_process("benchmarks.golden", where=where, trace_id=i) for i in made.pop("cases")]
    rows = [
        {
            "examples": options.examples,
            "what": what.removesuffix(", s"),
            "median s": statistics.median(run[what] for run in runs),
            "worst s": max(run[what] for run in runs),
            "wanted s": limit,
        }
        for what, limit in LIMITS.items()
    ]
    print(table(rows))
    save("golden", {"size": {"examples": options.examples, **made}, "rows": rows, "runs": runs})


if __name__ == "__main__":
    main()
