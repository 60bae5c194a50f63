"""How firm and how true the groups are: seeds, subsamples and gold labels, ours and UMAP + HDBSCAN on the same vectors.

    python -m benchmarks.clusters [--seeds 3] [--draws 2] [--peer-draws 1] [--sets banking77 xstest ...]

"Pairs kept" compares a run on all traces with a run on 90% of them (its view is the rows' of the whole, its
neighbours are searched anew): of the pairs together in the one, the share together in the other, the lower of both
ways. HDBSCAN's noise counts as a group of its own, which is in its favour.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from typing import Any

import numpy as np

from benchmarks.report import ROOT, SHARED, in_fresh_process, save, table

SETS = {
    "banking77": ("intents_banking77.jsonl.gz", "topic"),
    "xstest": ("xstest.jsonl.gz", "behaviour"),
    "ifeval": ("ifeval_en.jsonl.gz", "behaviour"),
    "bfcl": ("bfcl.jsonl.gz", "behaviour"),
    "halueval": ("halueval_general.jsonl.gz", "behaviour"),
    "agents": ("agent_traces.jsonl.gz", "behaviour"),
    "alpaca": ("alpaca_eval.parquet", "behaviour"),
    "sample log": (ROOT / "sample_data" / "support_bot.jsonl.gz", "behaviour"),
}
ALPACA_ROWS = 8_000


def measure(what: str, name: str, seeds: int, draws: int) -> dict[str, Any]:
    """One method on one set."""
    import failscope as fs

    source, view = SETS[name]
    traces = fs.read(SHARED / source, progress=False)
    if name == "alpaca":
        order = np.random.default_rng(0).permutation(len(traces))[:ALPACA_ROWS]
        traces = traces.take(traces.frame.index[order])
    seen = fs.view(traces, view, progress=False)

    def run(rows: np.ndarray, seed: int) -> Any:
        if what == "umap_hdbscan":
            return _umap_hdbscan(seen.matrix[rows], seed)
        from failscope.surface.views import View

        part = View(
            seen.name, seen.trace_ids[rows], seen.matrix[rows], seen.features, seen.behaviours.iloc[rows]
        )
        return fs.cluster(traces, part, projector=None, random_state=seed, progress=False)

    everyone = np.arange(len(seen))
    run(everyone[:600], 0)  # what is compiled at the first call is not timed
    begin = time.perf_counter()
    first = run(everyone, 0)
    seconds = time.perf_counter() - begin
    runs = [first, *(run(everyone, seed) for seed in range(1, seeds))]
    labels = [r if isinstance(r, np.ndarray) else r.labels for r in runs]
    rng, kept = np.random.default_rng(1), []
    for _ in range(draws):
        rows = np.sort(rng.choice(len(seen), int(0.9 * len(seen)), replace=False))
        again = run(rows, 0)
        kept.append(pairs_kept(labels[0][rows], again if isinstance(again, np.ndarray) else again.labels))
    return {
        "set": name,
        "view": view,
        "method": what,
        "rows": len(seen),
        "clusters": int(labels[0].max() + 1),
        "noise": float((labels[0] < 0).mean()),
        "adjusted_rand_of_seeds": _rand(labels),
        "pairs_kept": kept,
        "structure": None if what != "ours" else first.params["structure"],
        "stability": None if what != "ours" else float(np.nanmean(list(first.stability.values()))),
        "seconds": seconds,
        **_truth(traces, seen.trace_ids, labels[0]),
    }


def pairs_kept(whole: np.ndarray, part: np.ndarray) -> tuple[float, float]:
    """Of the pairs together in the one, the share together in the other; both ways."""
    from sklearn.metrics.cluster import contingency_matrix

    cells = contingency_matrix(whole, part).astype(float)
    both, ours, theirs = (float((c * (c - 1)).sum()) for c in (cells, cells.sum(axis=1), cells.sum(axis=0)))
    return both / max(ours, 1.0), both / max(theirs, 1.0)


def _rand(labels: list[np.ndarray]) -> list[float]:
    from sklearn.metrics import adjusted_rand_score

    return [float(adjusted_rand_score(a, b)) for a, b in itertools.combinations(labels, 2)]


def _truth(traces: Any, ids: np.ndarray, labels: np.ndarray) -> dict[str, float | None]:
    """Agreement with gold topics, and among failures with gold modes; None where there is no gold."""
    from sklearn.metrics import adjusted_mutual_info_score

    frame, found = traces.frame.loc[ids], {}
    for figure, column in (("ami_topic", "topic"), ("ami_modes", "failure_mode")):
        gold = frame[column].astype(str).to_numpy() if column in frame else np.full(len(frame), "ok")
        there = ~np.isin(gold, ["ok", "nan", "None", ""])
        several = len(np.unique(gold[there])) > 1
        found[figure] = float(adjusted_mutual_info_score(gold[there], labels[there])) if several else None
    return found


def _umap_hdbscan(X: np.ndarray, seed: int) -> np.ndarray:
    import hdbscan
    import umap

    low = umap.UMAP(n_neighbors=15, n_components=5, min_dist=0.0, random_state=seed, n_jobs=1).fit_transform(
        X
    )
    return np.asarray(hdbscan.HDBSCAN(min_cluster_size=10).fit_predict(low))


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--draws", type=int, default=2)
    parser.add_argument("--peer-draws", type=int, default=1)
    parser.add_argument("--sets", nargs="*", default=list(SETS), choices=list(SETS))
    options = parser.parse_args()
    if not SHARED.exists():
        sys.exit("the labelled outputs are absent: ../shared/data")
    results = []
    for name in options.sets:
        for what, seeds, draws in (
            ("ours", options.seeds, options.draws),
            ("umap_hdbscan", 2, options.peer_draws),
        ):
            if what == "umap_hdbscan" and not draws:
                continue
            results.append(
                in_fresh_process("benchmarks.clusters", what=what, name=name, seeds=seeds, draws=draws)
            )
            print(table([_row(results[-1])]).splitlines()[-1], flush=True)
            save("clusters", {"runs": results})
    print("\n" + table([_row(r) for r in results]))


def _row(result: dict[str, Any]) -> dict[str, Any]:
    kept = [min(both) for both in result["pairs_kept"]]
    return {
        "set": result["set"],
        "method": result["method"],
        "clusters": result["clusters"],
        "noise": result["noise"],
        "AMI topic": result["ami_topic"],
        "AMI modes": result["ami_modes"],
        "Rand of seeds, least": min(result["adjusted_rand_of_seeds"]),
        "pairs kept, mean": float(np.mean(kept)) if kept else None,
        "structure": result["structure"],
        "seconds": result["seconds"],
    }


if __name__ == "__main__":
    main()
