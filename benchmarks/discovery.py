"""How many distinct failure modes a reviewer has met after each of 300 reads, by the order that a method proposes.

    python -m benchmarks.discovery [--sets ifeval_en bfcl] [--seeds 20] [--peer-seeds 5] [--weak-seeds 10] [--minutes 60]

4,000 rows of each labelled set are drawn, labels hidden; a method proposes an order, and the label of a trace is
revealed when it is read. A mode counts when it has at least 3 rows. AUC is the mean share of the modes met over the
300 reads. Each seed draws another sample, another signal and another order; random orders are drawn 20 times a sample.
An adaptive plan gets the labels of what was read after every 10 reads. The default plan runs on all samples without a signal;
the settings with one, the other strategy, the peers and the walks over clusters on the first few, as the counts say.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, wait
from dataclasses import replace
from multiprocessing import get_context
from typing import Any

import numpy as np
import pandas as pd

import failscope as fs
from benchmarks import peers
from benchmarks.labelled import READS, ROWS, SETS, SIGNALS, Sample, curve, labelled, sample
from benchmarks.report import save, table

BATCH = 10
ORDERS = 20
VIEWS = ("behaviour", "response", "topic", "residual", "topic+behaviour")
RANDOM, FLAGGED = "uniform random", "random among flagged"
STATIC, ADAPTIVE = "failscope, balanced", "failscope, balanced, adaptive"
EXPLORE, EXPLORE_ADAPTIVE = "failscope, explore", "failscope, explore, adaptive"


def one(
    name: str, seed: int, settings: tuple[str, ...], with_peers: bool
) -> dict[str, dict[str, dict[str, Any]]]:
    """All methods on one drawn sample: setting -> method -> its figures."""
    drawn = sample(name, seed)
    # of so few traces the plan looks at the behaviours and not at the groups, whose layer needs no choosing then
    found = (
        {view: _found(drawn, view, seed) for view in VIEWS}
        if with_peers
        else {"behaviour": _found(drawn, "behaviour", seed, resolution=2.0)}
    )
    figures, labels = {}, {}
    for setting in settings:
        curves = dict(_curves(drawn, setting, seed, found, labels if with_peers else None))
        chance = curves[RANDOM][0]
        figures[setting] = {
            method: _figures(np.mean(several, axis=0), chance) for method, several in curves.items()
        }
    return figures


def _curves(
    drawn: Sample,
    setting: str,
    seed: int,
    found: dict[str, fs.Clustering],
    labels: dict[str, np.ndarray] | None,
) -> Iterator[tuple[str, list[np.ndarray]]]:
    ids = np.sort(drawn.traces.trace_ids.astype(str))
    flags = drawn.flags(setting, seed)
    shuffled = [np.random.default_rng([seed, k]).permutation(ids) for k in range(ORDERS)]
    yield RANDOM, [np.mean([curve(order, drawn) for order in shuffled], axis=0)]
    if flags is not None:
        first = [order[np.argsort(~flags[order].to_numpy(), kind="stable")] for order in shuffled]
        yield FLAGGED, [curve(order, drawn) for order in first]
    seen = replace(found["behaviour"], traces=drawn.flagged(setting, seed))
    plans = [(STATIC, ADAPTIVE, "balanced"), (EXPLORE, EXPLORE_ADAPTIVE, "explore")]
    for static, adaptive, strategy in plans if labels is not None else plans[:1]:
        plan = fs.plan_review(seen, budget=READS, strategy=strategy, random_state=seed)
        yield static, [curve(plan.frame["trace_id"], drawn)]
        yield adaptive, [curve(adapted(plan, drawn), drawn)]
    if labels is None:
        return
    if setting == "no signal":
        for view, groups in found.items():
            turns = peers.round_robin(groups.labels, list(groups.trace_ids), seed)
            yield f"clusters of the {view} view", [curve(turns, drawn)]
    for peer in peers.PEERS:
        # only Phoenix's walk looks at the flags; the others read the same in every setting
        if setting == "no signal" or peer == "Phoenix cookbook":
            yield peer, [curve(_peer(peer, drawn, labels, flags, seed), drawn)]


def adapted(plan: fs.ReviewPlan, drawn: Sample) -> list[str]:
    """The order in which a reviewer reads a plan that learns after every ``BATCH`` reads."""
    read: dict[str, list[str]] = {}
    while len(read) < min(READS, len(plan)):
        unread = plan.frame.loc[~plan.frame["trace_id"].isin(list(read)), "trace_id"]
        read |= {i: sorted(drawn.modes[i]) for i in unread.head(BATCH)}
        plan = plan.adapt(read)
    return list(read)


def _found(drawn: Sample, view: str, seed: int, *, resolution: float | None = None) -> fs.Clustering:
    return fs.cluster(
        drawn.traces, view, projector=None, resolution=resolution, random_state=seed, progress=False
    )


def _peer(
    name: str, drawn: Sample, labels: dict[str, np.ndarray], flags: pd.Series | None, seed: int
) -> list[str]:
    """One peer's walk; its groups do not depend on the flags and are made once a sample."""
    ids = np.sort(drawn.traces.trace_ids.astype(str))
    if name not in labels:
        texts = drawn.traces.frame.loc[ids, peers.PEERS[name].embeds].tolist()
        vectors = fs.embed_texts(texts, cache=drawn.traces.vectors, progress=False)
        labels[name] = peers.PEERS[name].labels(vectors, seed)
    if name == "Phoenix cookbook":
        flagged = None if flags is None else flags[ids].to_numpy()
        return peers.phoenix_sample(labels[name], list(ids), seed, flagged=flagged)
    return peers.round_robin(labels[name], list(ids), seed)


def _figures(met: np.ndarray, chance: np.ndarray | list[np.ndarray]) -> dict[str, Any]:
    """AUC, modes met, and how many random reads would have met as many as this order's 100."""
    chance = np.asarray(chance)
    at = met[min(99, len(met) - 1)]
    enough = np.flatnonzero(chance >= at - 1e-12)
    return {
        "auc": float(met.mean()),
        "met": {str(n): float(met[min(n, len(met)) - 1]) for n in (50, 100, 300)},
        # None: more than 300 reads
        "random_reads": int(enough[0]) + 1 if len(enough) else None,
        "curve": [round(float(x), 4) for x in met[9::10]],
    }


def structure(name: str) -> dict[str, Any]:
    """Per mode the best F1 of any cluster in any layer; ``benchmarks.views`` has the agreement of whole clusterings."""
    drawn = sample(name, 0)
    modes: dict[str, Any] = {}
    for view in VIEWS:
        found = _found(drawn, view, 0)
        for mode in sorted(drawn.counted):
            has = np.array([mode in drawn.modes[i] for i in drawn.traces.trace_ids])
            entry = modes.setdefault(mode, {"rows": int(has.sum())})
            entry[view] = max(_best_f1(layer, has) for layer in found.layers)
    return modes


def _best_f1(labels: np.ndarray, has: np.ndarray) -> float:
    both = np.bincount(labels[has], minlength=labels.max() + 1)
    return float((2 * both / (np.bincount(labels, minlength=labels.max() + 1) + has.sum())).max())


def _gather(runs: list[dict[str, dict[str, dict[str, Any]]]]) -> dict[str, Any]:
    """Setting -> method -> lists over the seeds, curves averaged."""
    gathered: dict[str, Any] = {}
    for setting in SIGNALS:
        gathered[setting] = {}
        for method in dict.fromkeys(m for run in runs for m in run.get(setting, ())):
            several = [run[setting][method] for run in runs if method in run.get(setting, ())]
            gathered[setting][method] = {
                "auc": [f["auc"] for f in several],
                "met": {n: [f["met"][n] for f in several] for n in ("50", "100", "300")},
                "random_reads": [f["random_reads"] for f in several],
                "curve": np.mean([f["curve"] for f in several], axis=0).round(4).tolist(),
            }
    return gathered


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sets", nargs="*", default=SETS, choices=SETS)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--peer-seeds", type=int, default=5, help="the first so many samples see everything")
    parser.add_argument("--minutes", type=float, default=600, help="start no further sample after so long")
    parser.add_argument("--weak-seeds", type=int, default=10, help="so many see the weak signal")
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # one process a core instead
    curves: dict[str, Any] = {setting: {} for setting in SIGNALS}
    modes, sets = {}, {}
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        structures = {name: pool.submit(structure, name) for name in args.sets}
        # seed by seed, so that every set has as many when the time is over
        jobs = {
            (seed, name): pool.submit(one, name, seed, settings(seed, args), seed < args.peer_seeds)
            for seed in range(args.seeds)
            for name in args.sets
        }
        wait(jobs.values(), timeout=args.minutes * 60)
        for job in jobs.values():
            job.cancel()
        wait(job for job in jobs.values() if not job.cancelled())
        for name in args.sets:
            done = [job for (_, of), job in jobs.items() if of == name and not job.cancelled()]
            gathered = _gather([job.result() for job in done])
            for setting in SIGNALS:
                curves[setting][name] = gathered[setting]
            modes[name] = structures[name].result()
            drawn = sample(name, 0)
            sets[name] = {
                "rows": len(drawn.traces),
                "of": len(labelled(name).traces),
                "modes": len(drawn.counted),
                "failure_rate": float(np.mean([bool(m) for m in drawn.modes.values()])),
            }
            print(f"\n{name}\n" + table(_rows(gathered)), flush=True)
    save(
        "discovery",
        {"reads": READS, "rows": ROWS, "sets": sets, "curves": curves, "modes": modes},
    )


def settings(seed: int, args: argparse.Namespace) -> tuple[str, ...]:
    """All of them for the first samples, then the weak signal and none, then none."""
    every = tuple(SIGNALS)
    return every if seed < args.peer_seeds else every[: 2 if seed < args.weak_seeds else 1]


def _rows(gathered: dict[str, Any]) -> list[dict[str, Any]]:
    methods = dict.fromkeys(m for setting in gathered.values() for m in setting)
    return [{"order of review": m} | {s: _cell(gathered[s], m) for s in gathered} for m in methods]


def _cell(methods: dict[str, Any], method: str) -> str:
    if method not in methods:
        return ""
    auc = np.array(methods[method]["auc"])
    ratio = auc / np.array(methods[RANDOM]["auc"][: len(auc)])
    return f"{auc.mean():.3f} ({ratio.mean():.2f} of random)"


if __name__ == "__main__":
    main()
