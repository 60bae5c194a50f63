"""Whether a suggested failure mode is there as often as its confidence says, and whether "more like these" is more alike.

    python -m benchmarks.suggestions

4,000 rows of each labelled set (fixed seeds), no signal. The first 50, 100 and 200 traces of the default plan are read
by their gold labels; then every unread trace is judged for every failure mode that was met three times. Figures:
``error``, the expected calibration error over ten bins; ``brier``, the mean squared error against that of knowing how
common each mode is among the unread, which nobody knows (below 1 is better); of the suggestions that are shown,
how many, what they say and what is true; and the share of hits among 20 more like those read of a mode, by how often
a random pick would hit.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import pandas as pd

import failscope as fs
from benchmarks.labelled import labelled, sample
from benchmarks.report import save, table
from failscope.review.suggest import learn, more_like, space_of

SETS = ("ifeval_en", "bfcl", "xstest", "halueval_general", "support_bot")
READS = (50, 100, 200)
BINS = 10


def measure(name: str, seed: int) -> list[dict[str, Any]]:
    """The figures of one sample after each number of reads, and what the pooled reliability needs."""
    drawn = sample(name, seed)
    found = fs.cluster(drawn.traces, projector=None, random_state=seed, progress=False)
    plan = fs.plan_review(found, budget=max(READS), random_state=seed).frame
    space = space_of(found)
    rows = []
    for reads in READS:
        begun = plan.head(reads)
        read = {i: sorted(drawn.modes[i]) for i in begun["trace_id"]}
        learned = learn(space, read, drawn=set(begun.loc[begun["probability"].notna(), "trace_id"]))
        unread = np.setdiff1d(np.arange(len(space.trace_ids)), learned.read)
        has = np.array(
            [[m in drawn.modes[i] for m in learned.modes] for i in space.trace_ids[unread]], dtype=float
        )
        sure = learned.confidence(unread)
        shown = learned.suggest()
        right = [m in drawn.modes[i] for i, m in zip(shown.index, shown["failure_mode"], strict=True)]
        hits, luck = [], []
        for j, mode in enumerate(learned.modes):
            near = more_like(space, [i for i, modes in read.items() if mode in modes], skip=read)
            hits.append(np.mean([mode in drawn.modes[i] for i in near.index]))
            luck.append(has[:, j].mean())
        bins = np.minimum((sure * BINS).astype(int), BINS - 1)
        rows.append(
            {
                "set": name,
                "seed": seed,
                "reads": reads,
                "modes": len(learned.modes),
                "squares": float(((sure - has) ** 2).sum()),
                "squares_by_rate": float(((has.mean(axis=0) - has) ** 2).sum()) if has.size else 0.0,
                "count": [int((bins == b).sum()) for b in range(BINS)],
                "said": [float(sure[bins == b].sum()) for b in range(BINS)],
                "true": [float(has[bins == b].sum()) for b in range(BINS)],
                "shown": len(shown),
                "shown_said": float(shown["confidence"].sum()),
                "shown_true": int(np.sum(right)),
                "alike": [float(h) for h in hits],
                "alike_by_luck": [float(b) for b in luck],
            }
        )
    return rows


def figures(rows: pd.DataFrame) -> dict[str, Any]:
    """The figures of some rows together."""
    count, said, true = (np.array(rows[c].tolist()).sum(axis=0) for c in ("count", "said", "true"))
    shown = rows["shown"].sum()
    alike, luck = (np.concatenate(rows[c].tolist()) for c in ("alike", "alike_by_luck"))
    return {
        "error": float(np.abs(said - true).sum() / max(count.sum(), 1)),
        "brier": float(rows["squares"].sum() / rows["squares_by_rate"].sum())
        if rows["squares_by_rate"].sum()
        else None,
        "shown": int(shown),
        "said": float(rows["shown_said"].sum() / shown) if shown else None,
        "true": float(rows["shown_true"].sum() / shown) if shown else None,
        "alike": float(alike.mean()) if len(alike) else None,
        "by luck": float(luck.mean()) if len(luck) else None,
    }


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="*", default=SETS)
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args()
    rows = []
    for name in options.sets:
        for seed in range(options.seeds):
            rows += measure(name, seed)
        labelled.cache_clear()
    frame = pd.DataFrame(rows)
    lines = [
        {"set": name, "reads": reads, **figures(part)}
        for (name, reads), part in frame.groupby(["set", "reads"], sort=False)
    ]
    lines += [{"set": "all", "reads": reads, **figures(part)} for reads, part in frame.groupby("reads")]
    count, said, true = (np.array(frame[c].tolist()).sum(axis=0) for c in ("count", "said", "true"))
    reliability = [
        {
            "confidence": f"{b / BINS:.1f} to {(b + 1) / BINS:.1f}",
            "judged": int(n),
            "said": s / n,
            "true": t / n,
        }
        for b, (n, s, t) in enumerate(zip(count, said, true, strict=True))
        if n
    ]
    for shown in (lines, reliability):
        print(
            table([{k: f"{v:.3f}" if isinstance(v, float) else v for k, v in line.items()} for line in shown])
        )
    save("suggestions", {"figures": lines, "reliability": reliability, "seeds": options.seeds})


if __name__ == "__main__":
    main()
