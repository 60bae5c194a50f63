"""How many distinct failure modes a reviewer has met after each of 300 reads, by the order that a method proposes.

    python -m benchmarks.discovery

4,000 rows of each labelled set (fixed seed), labels hidden, no signal. A mode counts when it has at least 3 rows.
The figure is the mean share of modes met over the 300 reads. Methods: uniform random sampling (20 seeds), BERTopic's
default steps (UMAP to 5 dimensions, HDBSCAN) on the output's vectors, walked round-robin with noise last, and
failscope's default plan, half of which is itself a random sample.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import pandas as pd

import failscope as fs
from benchmarks.report import ROOT, SHARED, save, table

ROWS, READS = 4_000, 300
SETS = ("ifeval_en", "bfcl", "xstest", "halueval_general", "support_bot")


def labelled(name: str) -> tuple[fs.Traces, dict[str, set[str]]]:
    """A sample of one set without its labels, and the labels by trace id."""
    if name == "support_bot":
        traces = fs.read(ROOT / "sample_data" / "support_bot.jsonl.gz", progress=False)
        truth = pd.read_csv(
            ROOT / "sample_data" / "support_bot_truth.csv", index_col="trace_id", keep_default_na=False
        )
        modes = truth["failure_mode"].map(lambda m: {m} - {""})
    else:
        raw = pd.read_json(SHARED / f"{name}.jsonl.gz", lines=True).drop_duplicates("id").set_index("id")
        several = (
            raw["failure_modes"] if "failure_modes" in raw else pd.Series(None, index=raw.index, dtype=object)
        )
        modes = pd.Series(
            [
                set(many) if isinstance(many, list) else {one}
                for many, one in zip(several, raw["failure_mode"], strict=True)
            ],
            index=raw.index,
        ).map(lambda said: said - {"ok"})
        kept = raw[[c for c in ("input", "output", "context") if c in raw]].fillna("")
        if name == "ifeval_en":
            kept = kept.drop(columns="context")  # it names the constraints, which production logs do not
        traces = fs.Traces.from_frame(kept.rename_axis("trace_id").reset_index())
    picks = np.random.default_rng(0).permutation(np.sort(traces.trace_ids.astype(str)))[:ROWS]
    # without its signals: this is the setting in which nobody flagged anything
    return replace(traces.take(picks), signals={}), {i: modes[i] for i in picks}


def curve(order: Iterable[str], modes: dict[str, set[str]]) -> float:
    """The mean share of the modes met over the reads."""
    counts = pd.Series([m for said in modes.values() for m in said]).value_counts()
    there = set(counts.index[counts >= 3])
    met: set[str] = set()
    shares = []
    for trace_id in list(order)[:READS]:
        met |= modes[trace_id] & there
        shares.append(len(met) / len(there))
    return float(np.mean(shares))


def random_order(traces: fs.Traces, seed: int) -> list[str]:
    """What teams do today."""
    return list(np.random.default_rng(seed).permutation(traces.trace_ids))


def peer_order(traces: fs.Traces, seed: int) -> list[str]:
    """BERTopic's default steps on our vectors, its topics walked in turn, noise last."""
    import hdbscan
    import umap

    vectors = fs.embed_texts(list(traces.frame["output"]), progress=False)
    low = umap.UMAP(
        n_neighbors=15, n_components=5, metric="cosine", min_dist=0.0, random_state=seed, n_jobs=1
    ).fit_transform(vectors)
    labels = hdbscan.HDBSCAN(min_cluster_size=10).fit_predict(low)
    frame = pd.DataFrame({"trace_id": traces.trace_ids, "cluster": labels}).sample(frac=1, random_state=seed)
    frame["turn"] = frame.groupby("cluster").cumcount() + np.where(frame["cluster"] < 0, len(frame), 0)
    return frame.sort_values(["turn", "cluster"], kind="stable")["trace_id"].tolist()


def our_order(traces: fs.Traces, seed: int) -> list[str]:
    """The default view and the default plan."""
    found = fs.cluster(traces, projector=None, random_state=seed, progress=False)
    return fs.plan_review(found, budget=READS, random_state=seed).frame["trace_id"].tolist()


METHODS: dict[str, tuple[Callable[[fs.Traces, int], list[str]], int]] = {
    "uniform random": (random_order, 20),
    "BERTopic's steps, round-robin": (peer_order, 3),
    "failscope, balanced plan": (our_order, 5),
}


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="*", default=SETS)
    results: dict[str, dict[str, list[float]]] = {method: {} for method in METHODS}
    for name in parser.parse_args().sets:
        traces, modes = labelled(name)
        for method, (order, seeds) in METHODS.items():
            results[method][name] = [curve(order(traces, seed), modes) for seed in range(seeds)]
    rows = [
        {
            "order of review": method,
            **{
                name: f"{np.mean(v):.3f} ± {1.96 * np.std(v) / len(v) ** 0.5:.3f}" for name, v in sets.items()
            },
        }
        for method, sets in results.items()
    ]
    print(table(rows))
    save("discovery", {"auc": results})


if __name__ == "__main__":
    main()
