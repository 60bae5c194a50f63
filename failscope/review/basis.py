"""Among which traces a group is compared: hides memberships, random draws and their weights, and whose trace each is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from failscope.errors import ArgumentError, ColumnError, NotFoundError
from failscope.review.intervals import likelihood_interval, stratified_interval
from failscope.traces.table import Traces

ALL, SAMPLE, READ = "all traces", "random sample", "those read"


@dataclass(frozen=True, eq=False)
class Basis:
    """The traces that are compared, how many each stands for, and which share of all a group among them is."""

    name: str
    rows: np.ndarray  # places in the frame
    weight: np.ndarray
    stratum: np.ndarray
    size: np.ndarray  # of each stratum
    confidence: float

    def share(self, inside: np.ndarray) -> tuple[float, tuple[float, float]] | None:
        """The group's share of all traces and its interval; None where those read allow none."""
        if self.name == READ:
            return None
        if self.name == ALL:
            value = float(inside.mean())
            return value, (value, value)
        hits = np.bincount(self.stratum[inside], minlength=len(self.size))
        if len(self.size) == 1:
            of, population = len(inside), int(self.size[0])
            ends = likelihood_interval(int(hits[0]), of, population=population, confidence=self.confidence)
            return float(inside.mean()), ends
        taken = np.bincount(self.stratum, minlength=len(self.size))
        value, low, high = stratified_interval(hits, taken, self.size, confidence=self.confidence)
        return value, (low, high)


def bases_of(
    traces: Traces,
    members: Mapping[str, pd.Index],
    read: Iterable[str] | None,
    drawn: Iterable[str] | pd.DataFrame | None,
    confidence: float,
    warnings: list[str],
) -> list[tuple[Basis, list[str]]]:
    """Which groups are compared among which traces."""

    def alike(name: str, rows: np.ndarray) -> Basis:
        return Basis(name, rows, np.ones(len(rows)), np.zeros(len(rows), int), np.array([0]), confidence)

    if read is None and drawn is None:
        return [(alike(ALL, np.arange(len(traces))), list(members))]
    sample = drawn if isinstance(drawn, pd.DataFrame) else None
    if sample is None:
        given = list(dict.fromkeys(drawn)) if drawn is not None else []
        sample = pd.DataFrame({"trace_id": given, "stratum": 0, "size": len(traces)})
    ids = pd.Index(sample["trace_id"], dtype=object)
    every = ids.append(list(members.values())) if read is None else pd.Index(list(read), dtype=object)
    every = every.unique()
    reads = alike(READ, _places(traces, every, "read"))
    if not len(ids):
        warnings.append("no random sample was read: groups are compared among those read, no total")
        return [(reads, list(members))]
    unread = ids.difference(every)
    if len(unread):
        raise ArgumentError(f"drawn has {unread[0]!r}, which is not in read; give the drawn that were read")
    codes, strata = pd.factorize(sample["stratum"])
    size = sample.groupby("stratum")["size"].first().reindex(strata).to_numpy(int)
    weight = (size / np.maximum(np.bincount(codes, minlength=len(size)), 1))[codes]
    sampled = Basis(SAMPLE, _places(traces, ids, "drawn"), weight / weight.mean(), codes, size, confidence)
    here = [name for name, own in members.items() if ids.isin(own).any()]
    rest = [name for name in members if name not in here]
    if rest:
        warnings.append(
            f"{some_of(rest)}: no member in the random sample ({len(ids):,} traces); compared among those read, no total"
        )
    return [(b, names) for b, names in ((sampled, here), (reads, rest)) if names]


def members_of(traces: Traces, groups: Mapping[str, Iterable[str]] | pd.DataFrame) -> dict[str, pd.Index]:
    """The ids of each group, checked."""
    if isinstance(groups, pd.DataFrame):
        missing = [c for c in ("trace_id", "name") if c not in groups.columns]
        if missing:
            raise ColumnError(f"column {missing[0]!r} not found; groups has {list(groups.columns)}")
        groups = dict(iter(groups.groupby("name", sort=False)["trace_id"]))
    out = {}
    for name, ids in groups.items():
        if isinstance(ids, str):
            raise ArgumentError(f"groups={{{name!r}: {ids!r}}} is one text; give a list: [{ids!r}]")
        out[str(name)] = own = pd.Index(list(ids), dtype=object).unique()
        _places(traces, own, f"group {name!r}")
    return out


def _places(traces: Traces, ids: pd.Index, what: str) -> np.ndarray:
    at = traces.frame.index.get_indexer(ids)
    if (at < 0).any():
        raise NotFoundError(
            f"{what} has {ids[int(np.argmin(at))]!r}, which is none of the {len(traces):,} traces"
        )
    return at


def units_of(traces: Traces) -> tuple[np.ndarray, str]:
    """Who each trace is from, as a number: its user, else its session, else itself; and what that was, in words."""
    frame = traces.frame
    user, session = frame["user_id"].to_numpy(dtype=object), frame["session_id"].to_numpy(dtype=object)
    key = np.where(user != "", "u" + user, np.where(session != "", "s" + session, "t" + traces.trace_ids))
    codes, names = pd.factorize(key, sort=True)  # sorted, so that the order of the frame changes nothing
    first = pd.Series(names).str[0].value_counts()
    kinds = (("u", "users"), ("s", "sessions"), ("t", "single traces"))
    said = [f"{first[letter]:,} {word}" for letter, word in kinds if letter in first]
    return codes, "intervals between " + ", ".join(said)


def weeks_of(traces: Traces, warnings: list[str]) -> float:
    """How many weeks the days from the first trace to the last are, both counted; NaN where no time is known."""
    when = traces.frame["timestamp"].dropna()
    if not len(when):
        warnings.append("no trace has a timestamp: nothing is said per week")
        return math.nan
    days = (when.max().normalize() - when.min().normalize()).days + 1
    if days < 7:
        warnings.append(
            f"the traces are of {days} day{'s' * (days > 1)}: figures per week suppose that the rest is alike"
        )
    return days / 7


def weighted_share(known: np.ndarray, weight: np.ndarray) -> float:
    return float(weight @ known / weight.sum()) if len(known) else math.nan


def some_of(names: list[str]) -> str:
    shown = ", ".join(repr(n) for n in names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3:,} more"
