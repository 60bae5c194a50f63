"""From 62,500 traces to 1,000,000: seconds of each stage, how they grow, and the memory at its highest.

    python -m benchmarks.scale [--sizes 62500 125000 250000 500000 1000000]

The traces are made from the real outputs of ``alpaca_eval``: a few sentences of one output, one of them replaced by a
sentence that another model gave to the same instruction, in a drawn order; the inputs likewise. So all are distinct, and words,
topics and forms are real. The view is the output's vectors, with every behaviour beside them; the default ``fit_on``
holds. Every size is a process of its own. Making the texts is not counted, nor is compilation, done on 600 rows.
"""

from __future__ import annotations

import argparse
import gc
import re
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from benchmarks.report import SHARED, in_fresh_process, save, table

SOURCE = SHARED / "alpaca_eval.parquet"
SIZES = (62_500, 125_000, 250_000, 500_000, 1_000_000)
WHOLE = ("table", "behaviours", "embed", "cluster", "summary", "plan")
STAGES = (*WHOLE, "sample", "neighbours", "clusters", "map", "assign")
"""The last five are parts of ``cluster``."""
FIT_ON = 100_000
"""The default of ``fs.cluster``: above it traces are assigned."""
ROOM = 420
"""Characters of an output at which no further sentence is taken."""


def measure(rows: int) -> dict[str, Any]:
    """Seconds and memory of one size."""
    import failscope as fs
    from failscope.surface import grouping
    from failscope.surface.assigning import sample_of
    from failscope.surface.views import View

    seconds: dict[str, float] = {}
    processor: dict[str, float] = {}
    peaks: dict[str, float] = {}

    @contextmanager
    def clock(stage: str) -> Iterator[None]:
        begin, used = time.perf_counter(), time.process_time()
        yield
        seconds[stage] = seconds.get(stage, 0.0) + time.perf_counter() - begin
        processor[stage] = processor.get(stage, 0.0) + time.process_time() - used
        peaks[stage] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20

    small = fs.Traces.from_frame(make(600, seed=1))
    fs.plan_review(fs.cluster(small, "response", progress=False))
    frame = make(rows)
    chars = float(frame["output"].str.len().mean()), float(frame["input"].str.len().mean())
    with clock("table"):
        traces = fs.Traces.from_frame(frame, signals={"flagged": "bad"})
    del frame
    gc.collect()
    with clock("behaviours"):
        measured = fs.behaviours(traces)
    with clock("embed"):
        vectors = fs.embed_texts(traces.frame["output"].array, progress=False)
    seen = View("response", traces.trace_ids, vectors, None, measured)
    for name, stage in (
        ("sample_of", "sample"),
        ("nearest_neighbors", "neighbours"),
        ("_communities", "clusters"),
        ("project", "map"),
        ("assign", "assign"),
    ):
        _timed(grouping, name, clock, stage)
    with clock("cluster"):
        found = fs.cluster(traces, seen, progress=False)
    with clock("summary"):
        found.summary()
    with clock("plan"):
        fs.plan_review(found, budget=300)
    assigned = found.confidence[~sample_of(found.trace_ids, found.params["fit_on"])]
    return {
        "rows": rows,
        "output_characters": chars[0],
        "input_characters": chars[1],
        "seconds": seconds,
        "processor_seconds": processor,
        "peak_gib_after": peaks,
        "clusters": int(found.labels.max() + 1),
        "mean_confidence": float(assigned.mean()) if len(assigned) else 1.0,
    }


def _timed(module: Any, name: str, clock: Any, stage: str) -> None:
    """Have every call of a module's function counted under a stage."""
    plain = getattr(module, name)

    def counted(*args: Any, **options: Any) -> Any:
        with clock(stage):
            return plain(*args, **options)

    setattr(module, name, counted)


def make(rows: int, *, seed: int = 0) -> Any:
    """A frame of distinct traces whose sentences are real."""
    import pandas as pd

    rng = np.random.default_rng(seed)
    raw = pd.read_parquet(SOURCE, columns=["input", "output"])
    group, instructions = pd.factorize(raw["input"])
    ends = re.compile(r"(?<=[.!?\n])\s+")
    sentences = [[s for s in ends.split(text) if s.strip()][:12] for text in raw["output"]]
    kept = np.flatnonzero([len(s) > 1 for s in sentences])
    order = kept[np.argsort(group[kept], kind="stable")]
    start = np.searchsorted(group[order], group)
    size = np.bincount(group[order], minlength=len(instructions))[group]
    picks = kept[rng.integers(0, len(kept), rows)]
    dice = rng.random((rows, 6))
    outputs, inputs = [], []
    for row, d in zip(picks.tolist(), dice.tolist(), strict=True):
        own = sentences[row]
        other = sentences[order[start[row] + int(d[0] * size[row])]]
        at = int(d[1] * len(own))
        taken, room = [], ROOM
        for sentence in (*own[at:], *own[:at]):
            if taken and len(sentence) > room:
                break
            taken.append(sentence)
            room -= len(sentence)
        taken[int(d[2] * len(taken))] = other[int(d[3] * len(other))][:ROOM]
        if d[4] < 0.3:
            taken.reverse()
        outputs.append(" ".join(taken))
        inputs.append(f"{instructions[group[row]][:200]} {own[int(d[5] * len(own))][:80]}")
    when = pd.Timestamp("2026-05-04", tz="UTC") + pd.to_timedelta(rng.integers(0, 56 * 86400, rows), unit="s")
    return pd.DataFrame(
        {
            "trace_id": [f"t{i:07d}" for i in rng.permutation(rows)],
            "input": inputs,
            "output": outputs,
            "timestamp": when,
            "model": rng.choice(["a", "b", "c"], rows),
            "flagged": (rng.random(rows) < 0.05).astype(int),
        }
    )


def growth(runs: list[dict[str, Any]]) -> dict[str, float]:
    """The exponent of each stage, the slope of log processor seconds over log rows; 1 is twice the work for twice the rows.

    The processor's seconds of all threads, because what else runs on the machine changes the clock's more than these.
    Assigning is seen over the rows that are assigned, ``whole`` is the sum of all stages.
    """
    found = {}
    for stage in (*STAGES, "whole"):
        points = [(run["rows"] - FIT_ON * (stage == "assign"), _spent(run, stage)) for run in runs]
        points = [(rows, spent) for rows, spent in points if rows > 0 and spent]
        if len(points) > 1:
            rows, spent = np.log(np.array(points)).T
            found[stage] = float(np.polyfit(rows, spent, 1)[0])
    return found


def _spent(run: dict[str, Any], stage: str) -> float:
    spent = run["processor_seconds"]
    return sum(spent[s] for s in WHOLE) if stage == "whole" else spent.get(stage, 0.0)


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="*", default=list(SIZES))
    options = parser.parse_args()
    if not SOURCE.exists():
        sys.exit("the outputs are absent: ../shared/data/alpaca_eval.parquet")
    runs: list[dict[str, Any]] = []
    for rows in options.sizes:
        runs = sorted([*runs, in_fresh_process("benchmarks.scale", rows=rows)], key=lambda run: run["rows"])
        keep(runs)
    print(summary(runs))
    print("\ngrowth exponents:", {stage: round(v, 2) for stage, v in growth(runs).items()})


def keep(runs: list[dict[str, Any]]) -> None:
    """Save what was measured so far: the largest size takes a while."""
    above = [run for run in runs if run["rows"] > FIT_ON]
    save("scale", {"runs": runs, "growth": growth(runs), "growth_above_fit_on": growth(above)})


def summary(runs: list[dict[str, Any]]) -> str:
    """One row a size."""
    return table([{"rows": run["rows"], **run["seconds"], "peak GiB": run["peak_gib"]} for run in runs])


if __name__ == "__main__":
    main()
