"""What failure modes and clusters cost: hides who said nothing, how a group is compared with the rest, what may be totalled."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from failscope.errors import ArgumentError
from failscope.review.basis import (
    READ,
    Basis,
    bases_of,
    members_of,
    some_of,
    units_of,
    weeks_of,
    weighted_share,
)
from failscope.review.comparison import (
    compare_means,
    compare_medians,
    compare_shares,
    product_interval,
)
from failscope.review.resampling import check_resampling
from failscope.surface.differences import amount, share
from failscope.surface.lift import MIN_SUPPORT
from failscope.traces.signals import is_praise
from failscope.traces.table import Traces

FEW = 5
"""With fewer events here and elsewhere together, or fewer traces without one, nothing is said of a difference."""
SPARSE = 0.2
"""Where under this share of the traces have a signal, a warning says so and nothing is totalled."""
UNEVEN = 1.25
"""A signal that is given this many times as often here as elsewhere, or the reverse, and not by chance, is biased."""
AMOUNTS = {"latency_ms": "median", "cost_usd": "mean", "input_tokens": "mean", "output_tokens": "mean"}
"""Columns that are measured; a few long waits would carry a mean, and money and tokens add up, which medians do not."""

_KEYS = ["group", "outcome"]
_SIDES = ["here", "here_low", "here_high", "rest", "rest_low", "rest_high"]
_TESTED = ["difference", "low", "high", "worst_low", "worst_high", "p_value", "q_value"]
_VOLUME = ["per_1000", "per_1000_low", "per_1000_high", "per_week", "per_week_low", "per_week_high"]
_COUNTS = ["members", "n", "known", "coverage", "rest_n", "rest_known", "rest_coverage", "units", "events"]
COLUMNS = (*_KEYS, "measure", "basis", *_COUNTS, *_SIDES, *_TESTED, *_VOLUME, "says")


@dataclass(frozen=True, eq=False)
class Outcomes:
    """How signals, latency and cost differ between groups and the rest; ``outcomes`` makes it.

    Attributes
    ----------
    frame : pandas.DataFrame
        A row for each group and outcome. ``measure``: "share bad" ("share with it" for an act of praise), "median" or
        "mean". ``basis``: the traces compared, "all traces", "random sample" or "those read". ``members`` of the group
        in all; ``n`` of them on that basis; ``known, coverage``: how many have the outcome, and their share; ``units``:
        users or sessions behind those; ``events`` among them; ``rest_...``: the same of the others. ``here, rest,
        difference`` with their intervals; ``worst_low, worst_high``: where the difference would be if all who said
        nothing were bad here and fine elsewhere, and the reverse. ``p_value, q_value`` (over all tests). ``per_1000``,
        ``per_week``: what the group adds beyond what the rest's rate would bring, in events, dollars or tokens, for each
        1,000 requests and each week; NaN for medians, for those read, and where a signal is sparse or uneven. ``says``: what that allows to be said.
    warnings : tuple of str
    params : dict
        ``confidence``, ``resamples``, ``random_state``, ``traces``, ``weeks``, ``units`` (what was resampled), ``tests``.
    """

    frame: pd.DataFrame
    warnings: tuple[str, ...]
    params: Mapping[str, Any]

    def to_frame(self) -> pd.DataFrame:
        """A copy of ``frame``."""
        return self.frame.copy()

    def __repr__(self) -> str:
        return f"<Outcomes {self._counts()}>"

    def _repr_html_(self) -> str:
        shown = self.frame.sort_values("q_value", kind="stable").head(12)
        columns = [*_KEYS, "says", "per_1000", "per_1000_low", "per_1000_high", "q_value"]
        table = shown[columns].to_html(
            escape=True, border=0, index=False, float_format="{:.3g}".format, na_rep="–"
        )
        told = "".join(f"<li>{html.escape(w)}</li>" for w in self.warnings[:12])
        return f"<div><b>Outcomes</b> · {html.escape(self._counts())}</div>{table}<ul>{told}</ul>"

    def _counts(self) -> str:
        apart = int((self.frame["q_value"] <= 1 - self.params["confidence"]).sum())
        return (
            f"{self.frame['group'].nunique():,} groups, {self.frame['outcome'].nunique():,} outcomes · {apart:,} of "
            f"{self.params['tests']:,} tests show a difference · {self.params['units']} · {len(self.warnings):,} warnings"
        )


def outcomes(
    traces: Traces,
    groups: Mapping[str, Iterable[str]] | pd.DataFrame,
    *,
    read: Iterable[str] | None = None,
    drawn: Iterable[str] | pd.DataFrame | None = None,
    confidence: float = 0.95,
    resamples: int = 1000,
    random_state: int = 0,
) -> Outcomes:
    """Compare every signal and every measured amount between each group and all others.

    Parameters
    ----------
    traces : Traces
        All requests of the period.
    groups : mapping or pandas.DataFrame
        Name -> trace ids, or a frame with ``trace_id`` and ``name``. Groups may overlap.
    read : iterable of str, optional
        For failure modes: the traces that people read. Without ``read`` and ``drawn`` the groups are known for all
        traces, as clusters are; with ``drawn`` alone, the drawn and all members were read.
    drawn : iterable of str or pandas.DataFrame, optional
        Those of them that came by a random draw: ids, or rows of ``ReviewPlan.sample()`` (``trace_id, stratum, size``).
        Only these allow a total of a failure mode.

    Returns
    -------
    Outcomes

    Raises
    ------
    NotFoundError
        For an id that is not among the traces.
    ArgumentError
        For traces without anything to relate, or a drawn trace that was not read.

    Notes
    -----
    Methods, sources and measured coverage: ``docs/outcomes.md``.

    Examples
    --------
    >>> log = pd.DataFrame({"prompt": "hi", "response": "hello", "escalated": [True] * 12 + [False] * 48})
    >>> traces = Traces.from_frame(log.assign(trace_id=[f"t{i}" for i in range(60)]))
    >>> outcomes(traces, {"loop": [f"t{i}" for i in range(20)]}).frame.loc[0, "says"]
    'more often: 60% here, 0% elsewhere'
    """
    check_resampling(confidence, resamples)
    members = members_of(traces, groups)
    measured = _measured(traces)
    if not measured:
        raise ArgumentError(
            f"the traces have no signal and none of {', '.join(AMOUNTS)}; declare one with signals={{...}}"
        )
    warnings: list[str] = []
    unit, units = units_of(traces)
    weeks = weeks_of(traces, warnings)
    bases = bases_of(traces, members, read, drawn, confidence, warnings)
    rows: list[dict[str, Any]] = []
    chance = {"resamples": resamples, "random_state": random_state}
    for basis, names in bases:
        ids = traces.frame.index[basis.rows]
        insides = {name: np.asarray(ids.isin(members[name])) for name in names}
        for outcome, (measure, values) in measured.items():
            found = _compare(basis, insides, measure, values.to_numpy(), unit, **chance)
            rows += [{"outcome": outcome, "members": len(members[row["group"]]), **row} for row in found]
    frame = pd.DataFrame(rows, columns=[*COLUMNS, "uneven_p"])
    frame["group"] = pd.Categorical(frame["group"], categories=list(members))
    frame = frame.sort_values("group", kind="stable", ignore_index=True).astype({"group": "str"})
    frame["q_value"], uneven = _adjusted(frame["p_value"]), _adjusted(frame["uneven_p"]) <= 1 - confidence
    ratio = frame["coverage"] / frame["rest_coverage"].clip(lower=1e-12)
    uneven &= (ratio >= UNEVEN) | (ratio <= 1 / UNEVEN)
    sparse = frame["measure"].str.startswith("share") & (
        frame[["coverage", "rest_coverage"]].min(axis=1) < SPARSE
    )
    frame.loc[sparse | uneven, _VOLUME[:3]] = math.nan
    for end in ("", "_low", "_high"):
        frame["per_week" + end] = frame["per_1000" + end] * len(traces) / 1000 / weeks
    pairs = zip(frame.to_dict("records"), uneven, sparse, strict=True)
    frame["says"] = [_say(row, biased, few, confidence) for row, biased, few in pairs]
    warnings += _warn(frame, uneven, {o: float(v.notna().mean()) for o, (_, v) in measured.items()})
    tests = int(frame["p_value"].notna().sum())
    params = {"traces": len(traces), "weeks": weeks, "units": units, "tests": tests, "confidence": confidence}
    return Outcomes(frame[list(COLUMNS)], tuple(warnings), {**params, **chance})


def _compare(
    basis: Basis,
    insides: Mapping[str, np.ndarray],
    measure: str,
    every: np.ndarray,
    unit: np.ndarray,
    *,
    resamples: int,
    random_state: int,
) -> list[dict[str, Any]]:
    """One outcome of several groups, a row each."""
    values, unit = every[basis.rows], np.unique(unit[basis.rows], return_inverse=True)[1]
    known = ~np.isnan(values)
    y, codes = values[known], np.unique(unit[known], return_inverse=True)[1]
    sides = [inside[known] for inside in insides.values()]
    given: dict[str, Any] = {"unit": codes, "weight": basis.weight[known], "confidence": basis.confidence}
    if measure == "mean":
        compared = compare_means(y, sides, **given, resamples=resamples, random_state=random_state)
    elif measure == "median":
        compared = [compare_medians(y, side, **given) for side in sides]
    else:
        compared = [compare_shares(y == 1, side, **given) for side in sides]
    rows: list[dict[str, Any]] = []
    row: dict[str, Any]
    for (name, inside), c in zip(insides.items(), compared, strict=True):
        mine = inside[known]
        shared = measure.startswith("share")
        told, others = int(mine.sum()), int((~mine).sum())
        events = int(y[mine].sum()) if shared else None
        row = {"group": name, "measure": measure, "basis": basis.name}
        row |= {"n": int(inside.sum()), "rest_n": int((~inside).sum())}
        row |= {"known": told, "rest_known": others, "units": len(np.unique(codes[mine])), "events": events}
        cover = [weighted_share(known[s], basis.weight[s]) for s in (inside, ~inside)]
        row |= {"coverage": cover[0], "rest_coverage": cover[1]}
        row |= dict(zip(_SIDES, (c.here, *c.here_ends, c.rest, *c.rest_ends), strict=True))
        row |= {"difference": c.difference, "low": c.ends[0], "high": c.ends[1]}
        if shared:
            least = [p * k if k else 0.0 for p, k in zip((c.here, c.rest), cover, strict=True)]
            most = [v + 1 - k for v, k in zip(least, cover, strict=True)]
            row |= {"worst_low": least[0] - most[1], "worst_high": most[0] - least[1]}
        total = int(y.sum())
        few = shared and min(total, len(y) - total) < FEW
        if min(told, others, row["units"]) >= MIN_SUPPORT and not few:
            row["p_value"] = c.p_value
        elif not shared:  # an interval of so few amounts is too short
            row |= dict.fromkeys(("here_low", "here_high", "low", "high"), math.nan)
        part = basis.share(inside)
        if part is not None and measure != "median" and not math.isnan(row["low"]):
            ends = product_interval(*part, c.difference, c.ends)
            volume = (part[0] * c.difference, *ends)
            row |= {name: 1000 * v for name, v in zip(_VOLUME[:3], volume, strict=True)}
        if inside.any() and not inside.all() and not known.all():
            row["uneven_p"] = compare_shares(known, inside, unit=unit, weight=basis.weight).p_value
        rows.append(row)
    return rows


def _measured(traces: Traces) -> dict[str, tuple[str, pd.Series]]:
    """What is known of each trace: outcome -> measure and values; columns that say nothing are left out."""
    out = {}
    for signal in traces.signals:
        praise = is_praise(signal)
        bad = traces.bad(signal)
        out[signal] = ("share with it", 1 - bad) if praise else ("share bad", bad)
    for column, measure in AMOUNTS.items():
        if column not in out:
            out[column] = (measure, traces.frame[column].astype(float))
    return {name: (measure, values) for name, (measure, values) in out.items() if values.notna().any()}


def _adjusted(p_values: pd.Series) -> pd.Series:
    """Benjamini and Hochberg's q-values (1995, JRSS B 57), NaN where there is no test."""
    from scipy.stats import false_discovery_control

    out = p_values.astype(float)
    tested = out.notna()
    if tested.any():
        out[tested] = false_discovery_control(out[tested].clip(0, 1))
    return out


def _say(row: Mapping[str, Any], biased: bool, sparse: bool, confidence: float) -> str:
    """What the figures of one row allow to be said."""
    among = ", among those read" if row["basis"] == READ else ""
    if not row["n"]:
        return "no trace of it on this basis"
    if not row["rest_n"]:
        return "no others to compare with"
    few = min(row["known"], row["rest_known"], row["units"])
    if few < MIN_SUPPORT:
        return f"too few to say: known of {row['known']:,} here, {row['units']:,} users or sessions{among}"
    if math.isnan(row["p_value"]):
        return f"too few to say: fewer than {FEW} events{among}"
    shared = row["measure"].startswith("share")
    form = share if shared else amount
    figures = f"{form(row['here'])} here, {form(row['rest'])} elsewhere{among}"
    if row["q_value"] > 1 - confidence:
        told = f"no difference shown: {figures}"
    else:
        words = ("more often", "less often") if shared else ("higher", "lower")
        told = f"{words[0] if row['difference'] > 0 else words[1]}: {figures}"
    if sparse and not among:
        told += "; too sparse for a total"
    if biased:
        worst = (
            f"{100 * row['worst_low']:+.0f} to {100 * row['worst_high']:+.0f} points" if shared else "unknown"
        )
        told += f"; given unevenly, the true difference could be {worst}"
    return told


def _warn(frame: pd.DataFrame, uneven: pd.Series, coverage: Mapping[str, float]) -> list[str]:
    out = []
    for outcome, cover in coverage.items():
        if cover < SPARSE:
            out.append(
                f"{outcome}: 1 in {1 / cover:.0f} traces has one; what the others would say is not known"
            )
    for row in frame[uneven].to_dict("records"):
        here, rest = row["coverage"], row["rest_coverage"]
        out.append(
            f"{row['outcome']} is given unevenly: by {share(here)} in {row['group']!r}, by {share(rest)} elsewhere; those "
            "who say nothing may differ, see worst_low and worst_high"
        )
    few: dict[str, list[str]] = {}
    for outcome, names in frame[frame["p_value"].isna()].groupby("outcome", sort=False)["group"]:
        few.setdefault(some_of(list(names)), []).append(outcome)
    for groups, named in few.items():
        out.append(f"too few events, traces or users to compare {groups} in {', '.join(named)}")
    return out
