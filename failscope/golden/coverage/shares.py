"""The groups by which coverage is told: hides how traces and examples are sorted into topics, behaviours, modes and the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from failscope.golden.coverage.topics import Topics
from failscope.surface.behaviour import PROBES, behaviours
from failscope.surface.behaviour.language import tell
from failscope.surface.behaviour.scan import Scan
from failscope.surface.edgecases import EDGE_CASES, edge_cases
from failscope.traces.table import COLUMNS, NUMBER_COLUMNS, Traces

BY = ("topic", "behaviour", "failure mode", "language", "length", "edge case")
"""The ways of grouping, in the order in which they are shown."""

READ = 10_000
"""Traces whose behaviours and edge cases are looked at; of more, these are a uniform sample."""

PRIOR = 5.0
"""Reads that the overall rate counts for in a group's failure rate, so that one failing read of one is not 100%."""

_LANGUAGES = {
    "ar": "Arabic", "bg": "Bulgarian", "ca": "Catalan", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek",
    "en": "English", "es": "Spanish", "et": "Estonian", "fa": "Persian", "fi": "Finnish", "fr": "French",
    "he": "Hebrew", "hi": "Hindi", "hu": "Hungarian", "id": "Indonesian or Malay", "it": "Italian", "ja": "Japanese",
    "ko": "Korean", "lt": "Lithuanian", "lv": "Latvian", "nl": "Dutch", "no": "Norwegian", "pl": "Polish",
    "pt": "Portuguese or Galician", "ro": "Romanian", "ru": "Russian", "sk": "Slovak", "sl": "Slovenian",
    "sr": "Serbian, Croatian or Bosnian", "sv": "Swedish", "th": "Thai", "tr": "Turkish", "uk": "Ukrainian",
    "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Group:
    """One group: which traces now, which before and which examples are in it; ``of`` are the traces looked at."""

    by: str
    name: str
    now: np.ndarray
    before: np.ndarray
    examples: np.ndarray
    of: np.ndarray


def groups(
    now: Traces,
    before: Traces | None,
    rows: Sequence[Mapping[str, Any]],
    *,
    topics: Topics,
    example_topics: np.ndarray,
    sampled: np.ndarray,
    modes: Mapping[str, Sequence[str]],
) -> list[Group]:
    """Every group that a trace now or an example is in.

    Parameters
    ----------
    now : Traces
        n traces of production.
    before : Traces, optional
        b earlier ones.
    rows : sequence of mappings
        The m examples.
    topics : Topics
        Of the n + b traces, now first.
    example_topics : (m,) int array
        -1 where an example has none.
    sampled : (n,) bool array
        Traces whose behaviours and edge cases are looked at.
    modes : mapping
        Trace id -> failure modes of those that were read.
    """
    n, m = len(now), len(rows)
    b = 0 if before is None else len(before)
    frames = [now.frame[list(COLUMNS)], *([before.frame[list(COLUMNS)]] if before is not None else [])]
    joint = pd.concat([*frames, _as_frame(rows)])
    joint.index = pd.Index([f"{i}" for i in range(len(joint))], name="trace_id", dtype="str")
    every = np.ones(n, dtype=bool)

    def split(by: str, name: str, inside: np.ndarray, of: np.ndarray = every) -> Group:
        return Group(by, name, inside[:n], inside[n : n + b], inside[n + b :], of)

    found: list[Group] = []
    labels = np.concatenate([topics.labels, example_topics])
    found += [split("topic", name, labels == c) for c, name in enumerate(topics.names)]

    # reading behaviours is what takes longest, and a sample's shares are right to a percent
    looked = np.concatenate([sampled, np.ones(b + m, dtype=bool)])
    read_frame = joint[looked]

    def spread(inside: np.ndarray) -> np.ndarray:
        whole = np.zeros(len(joint), dtype=bool)
        whole[looked] = inside
        return whole

    flags = [probe for probe in PROBES if probe.kind == "flag"]
    fired = behaviours(Traces(frame=read_frame), probes=flags)
    found += [split("behaviour", p.says, spread(fired[p.name].to_numpy() > 0), sampled) for p in flags]

    here = now.frame.index
    earlier = before.frame.index if before is not None else here[:0]
    names = {mode for said in modes.values() for mode in said}
    names |= {str(mode) for row in rows for mode in row.get("failure_modes", ())}
    for mode in sorted(names):
        having = [trace_id for trace_id, said in modes.items() if mode in said]
        ours = np.array([mode in row.get("failure_modes", ()) for row in rows], dtype=bool)
        found.append(
            Group("failure mode", mode, here.isin(having), earlier.isin(having), ours.reshape(m), every)
        )

    codes = tell(Scan(joint).text("input"))
    for code in sorted(set(codes.tolist()), key=str):
        name = _LANGUAGES.get(code, code) if code else "too short to tell"
        found.append(split("language", name, codes == code))

    length = joint["input"].str.len().to_numpy(dtype=np.int64)
    found += [split("length", name, inside) for name, inside in _lengths(length, n)]

    edges = edge_cases(Traces(frame=read_frame))
    found += [split("edge case", name, spread(edges[name].to_numpy()), sampled) for name in EDGE_CASES]
    found.append(split("edge case", "none of these", spread(~edges.any(axis=1).to_numpy()), sampled))
    return [g for g in found if g.now.any() or g.examples.any()]


def table(
    found: Sequence[Group],
    *,
    counted: np.ndarray,
    covered: np.ndarray,
    read: np.ndarray,
    failing: np.ndarray,
    bad: np.ndarray | None,
) -> pd.DataFrame:
    """One row a group: how much of production it is, how much of it is covered, and what is missing.

    Parameters
    ----------
    found : sequence of Group
    counted : (n,) bool array
        False for traces that are examples themselves.
    covered, read, failing : (n,) bool arrays
    bad : (n,) bool array or None
        Traces with a bad signal; it stands in where nothing was read.
    """
    said, wrong = (read, failing & read) if read.any() else (None, None)
    if said is None and bad is not None:
        said, wrong = np.ones_like(bad), bad
    rows = []
    for g in found:
        inside, total = g.now & counted, int((g.of & counted).sum())
        size, hit = int(inside.sum()), int((inside & covered).sum())
        rate = _rate(g.now, said, wrong) if size else float("nan")
        if g.by == "failure mode" and size:
            rate = 1.0
        rows.append(
            {
                "by": g.by,
                "group": g.name,
                "traces": size,
                "share_of_production": size / total if total else np.nan,
                "covered": hit,
                "coverage": hit / size if size else np.nan,
                "examples": int(g.examples.sum()),
                "failure_rate": rate,
                "reads": int((g.now & read).sum()),
                "failing": int((g.now & read & failing).sum()),
                "gap": (size - hit) * rate if size else 0.0,
                "share_before": float(g.before.mean()) if len(g.before) else np.nan,
            }
        )
    frame = pd.DataFrame(rows)
    place = {by: i for i, by in enumerate(BY)}
    uncovered = frame["traces"] - frame["covered"]
    # lengths keep their own order
    worst = np.where(frame["by"] == "length", np.arange(len(frame)), -frame["gap"].fillna(uncovered))
    order = np.lexsort((-uncovered, worst, frame["by"].map(place)))
    return frame.iloc[order].reset_index(drop=True)


def _rate(inside: np.ndarray, said: np.ndarray | None, wrong: np.ndarray | None) -> float:
    """The share that fails, drawn to the overall share where a group was little read."""
    if said is None or wrong is None:
        return float("nan")
    overall = wrong.sum() / max(said.sum(), 1)
    return float((wrong[inside].sum() + PRIOR * overall) / (said[inside].sum() + PRIOR))


def _lengths(length: np.ndarray, n: int) -> list[tuple[str, np.ndarray]]:
    """Four groups of about equal size in production, by characters of the input."""
    edges = np.unique(np.quantile(length[:n], [0.25, 0.5, 0.75], method="higher")) if n else np.zeros(0)
    bounds = [*(int(e) for e in edges), None]
    out, low = [], 0
    for high in bounds:
        name = (
            f"{low:,} characters and more"
            if high is None and low
            else f"{low:,} to {high:,} characters"
            if low and high is not None
            else f"up to {high:,} characters"
            if high is not None
            else "any length"
        )
        out.append((name, (length >= low) & (length <= high) if high is not None else length >= low))
        low = (high or 0) + 1
    return out


def _as_frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Examples as the trace table's columns; what they do not hold is missing."""
    frame = pd.DataFrame(index=pd.RangeIndex(len(rows)))
    for column in COLUMNS:
        if column == "timestamp":
            frame[column] = pd.Series(pd.NaT, index=frame.index, dtype="datetime64[us, UTC]")
        elif column in NUMBER_COLUMNS:
            frame[column] = np.nan
        else:
            frame[column] = pd.Series(
                [str(row.get(column) or "") for row in rows], index=frame.index, dtype="str"
            )
    return frame
