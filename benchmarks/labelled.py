"""Real outputs with gold failure labels: hides how each set is read, sampled and given a weak signal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pandas as pd

import failscope as fs
from benchmarks.report import ROOT, SHARED

ROWS, READS = 4_000, 300
SETS = ("ifeval_en", "bfcl", "xstest", "halueval_general", "agent_traces", "support_bot")
SIGNALS = {
    "no signal": None,
    "weak 35/5": (0.35, 0.05),
    "weaker 20/10": (0.20, 0.10),
    "useless 10/10": (0.10, 0.10),
    "misleading topic": None,
}
"""The settings: how many of the failures and of the rest are flagged; the last one flags by topic instead."""


class Memory:
    """Vectors kept in memory, so that a text that several samples hold is embedded once."""

    def __init__(self) -> None:
        self.vectors: dict[tuple[str, str], np.ndarray] = {}

    def get(self, embedder: str, hashes: Sequence[str]) -> dict[str, np.ndarray]:
        """Those that are known."""
        return {h: self.vectors[embedder, h] for h in hashes if (embedder, h) in self.vectors}

    def put(self, embedder: str, vectors: Mapping[str, np.ndarray]) -> None:
        """Keep them."""
        self.vectors |= {(embedder, h): v for h, v in vectors.items()}


@dataclass(frozen=True, eq=False)
class Sample:
    """Traces without their labels, and the labels by trace id: a set of modes, empty for a good output."""

    name: str
    traces: fs.Traces
    modes: dict[str, frozenset[str]]

    @property
    def counted(self) -> frozenset[str]:
        """The modes that at least 3 rows have."""
        counts = Counter(m for said in self.modes.values() for m in said)
        return frozenset(m for m, n in counts.items() if n >= 3)

    def flagged(self, setting: str, seed: int) -> fs.Traces:
        """The traces with the weak signal of a setting, or without any."""
        flags = self.flags(setting, seed)
        if flags is None:
            return self.traces
        frame = self.traces.frame.assign(flag=flags.reindex(self.traces.frame.index))
        return replace(self.traces, frame=frame, signals={"flag": "bad"})

    def flags(self, setting: str, seed: int) -> pd.Series | None:
        """Which traces the setting's signal calls bad, by trace id."""
        ids = np.sort(self.traces.trace_ids.astype(str))
        luck = np.random.default_rng([seed, 1]).random(len(ids))
        if setting == "misleading topic":
            # the seventh of the inputs nearest to one of them is flagged, whatever the answer was
            vectors = fs.embed_texts(
                list(self.traces.frame.loc[ids, "input"]), cache=self.traces.vectors, progress=False
            )
            near = vectors @ vectors[np.random.default_rng([seed, 2]).integers(len(ids))]
            return pd.Series(luck < np.where(near >= np.quantile(near, 0.85), 0.60, 0.02), index=ids)
        rates = SIGNALS[setting]
        if rates is None:
            return None
        failed = np.array([bool(self.modes[i]) for i in ids])
        return pd.Series(luck < np.where(failed, *rates), index=ids)


@cache
def labelled(name: str) -> Sample:
    """One set whole, its signals removed."""
    if name == "support_bot":
        traces = fs.read(ROOT / "sample_data" / "support_bot.jsonl.gz", progress=False)
        truth = pd.read_csv(
            ROOT / "sample_data" / "support_bot_truth.csv", index_col="trace_id", keep_default_na=False
        )
        modes = {i: frozenset({m} - {""}) for i, m in truth["failure_mode"].items()}
    else:
        raw = pd.read_json(SHARED / f"{name}.jsonl.gz", lines=True).drop_duplicates("id").set_index("id")
        many = raw.get("failure_modes", pd.Series(None, index=raw.index, dtype=object))
        modes = {
            i: frozenset(several if isinstance(several, list) else [one]) - {"ok"}
            for i, several, one in zip(raw.index, many, raw["failure_mode"], strict=True)
        }
        kept = raw[[c for c in ("input", "output", "context") if c in raw]].fillna("")
        if name == "ifeval_en":
            kept = kept.drop(columns="context")  # it names the constraints, which production logs do not
        traces = fs.Traces.from_frame(kept.rename_axis("trace_id").reset_index())
    return Sample(name, replace(traces, signals={}, vectors=Memory()), modes)


def sample(name: str, seed: int) -> Sample:
    """``ROWS`` rows drawn at random; a set that has no more is taken whole."""
    whole = labelled(name)
    ids = np.random.default_rng(seed).permutation(np.sort(whole.traces.trace_ids.astype(str)))[:ROWS]
    return Sample(name, whole.traces.take(ids), {i: whole.modes[i] for i in ids})


def curve(order: Iterable[str], drawn: Sample) -> np.ndarray:
    """(READS,) the share of the counted modes met after each read."""
    there, met, shares = drawn.counted, set(), []
    for trace_id in list(order)[:READS]:
        met |= drawn.modes[trace_id] & there
        shares.append(len(met) / len(there))
    return np.array(shares)
