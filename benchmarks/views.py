"""Which view shows failure modes and which shows topics.

    python -m benchmarks.views

The labelled samples of ``benchmarks.labelled``. Each is clustered with the defaults in each view, and the clusters are
held against two things by adjusted mutual information (Vinh, Epps, Bailey 2010): the gold failure modes, among the
failures alone, and the topic, over all rows. Topics are 30 clusters of k-means on the inputs' vectors, for all sets
alike. A trace with several modes counts for the one that is rarest in the sample. Sets with a single mode have no first
figure.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd

import failscope as fs
from benchmarks.labelled import sample
from benchmarks.report import SHARED, save, table
from failscope.surface.views import View

SETS = ("ifeval_en", "bfcl", "xstest", "halueval_general", "support_bot")
VIEWS = (
    "behaviour",
    "response",
    "topic",
    "residual",
    "residual+behaviour",
    "topic+behaviour",
    "response+behaviour",
)
TOPICS = 30


def measure(name: str) -> list[dict[str, object]]:
    """One row a view."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_mutual_info_score as ami

    drawn = sample(name, 0)
    traces, modes = drawn.traces, drawn.modes
    often = Counter(mode for said in modes.values() for mode in said)
    gold = np.array(
        [min(modes[i], key=lambda m: (often[m], m)) if modes[i] else "" for i in traces.trace_ids]
    )
    inputs = fs.view(traces, "topic", probes=[], progress=False).matrix
    topic = KMeans(TOPICS, n_init=1, random_state=0).fit_predict(inputs)
    failed, rows = gold != "", []
    for view in VIEWS:
        seen = fs.view(traces, view, progress=False)
        found = fs.cluster(traces, seen, projector=None, progress=False)
        several = len(set(gold[failed])) > 1
        rows.append(
            {
                "set": name,
                "view": view,
                "clusters": len(set(found.labels.tolist())),
                "modes": round(float(ami(gold[failed], found.labels[failed])), 3) if several else None,
                "topic": round(float(ami(topic, found.labels)), 3),
                "explained": round(explained(traces, seen), 3) if view == "residual" else None,
            }
        )
    return rows


def explained(traces: fs.Traces, seen: View) -> float:
    """The share of the outputs' variance that their inputs predict."""
    outputs = fs.view(traces, "response", probes=[], progress=False).matrix
    spoken = outputs.any(axis=1)
    around = outputs[spoken] - outputs[spoken].mean(axis=0)
    return 1 - float(np.square(seen.matrix[spoken]).sum() / np.square(around).sum())


def main() -> None:
    """Measure all sets, print the tables and keep the figures."""
    there = [name for name in SETS if name == "support_bot" or (SHARED / f"{name}.jsonl.gz").is_file()]
    rows = [row for name in there for row in measure(name)]
    frame = pd.DataFrame(rows)
    for figure in ("modes", "topic"):
        wide = frame.pivot(index="view", columns="set", values=figure).loc[list(VIEWS), there]
        said = [
            {"view": v, **{s: None if pd.isna(x) else float(x) for s, x in r.items()}}
            for v, r in wide.iterrows()
        ]
        print(f"\nAMI with the {figure}\n\n{table(said)}")
    save("views", {"topics": TOPICS, "rows": rows})


if __name__ == "__main__":
    main()
