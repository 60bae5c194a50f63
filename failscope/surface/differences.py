"""How one group of traces differs from others: hides effect sizes for shares and amounts, and how they are said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from failscope.surface.lift import MIN_SUPPORT

Kind = Literal["flag", "amount", "field", "number"]

MEDIUM = {"flag": 0.5, "field": 0.5, "amount": 0.33, "number": 0.33}
"""A medium effect: Cohen's h (Cohen 1988) for shares, Cliff's delta (Romano et al. 2006) for amounts."""


@dataclass(frozen=True)
class Difference:
    """One thing that sets a cluster apart.

    Attributes
    ----------
    name : str
        The probe or the column.
    kind : {"flag", "amount", "field", "number"}
        A behaviour that is there or not, a behaviour's amount, a column's value, a column's number.
    here, elsewhere : float
        Shares for flags and fields, medians (means where the medians are equal) for amounts and numbers.
    effect : float
        In medium effects, signed: Cohen's h over 0.5 for shares, Cliff's delta over 0.33 for amounts.
    says : str
        The sentence, "refuses: 92% here, 7% elsewhere".
    """

    name: str
    kind: Kind
    here: float
    elsewhere: float
    effect: float
    says: str

    @property
    def what(self) -> str:
        """The sentence without its figures, "refuses"."""
        return self.says.rpartition(": ")[0]


@dataclass(frozen=True, eq=False)
class Track:
    """One behaviour, column or value of a column that groups are compared by: (n,) numbers, NaN where not known."""

    name: str
    kind: Kind
    says: str
    values: np.ndarray


def differences(track: Track, place: np.ndarray, groups: int) -> list[tuple[int, Difference]]:
    """The groups that differ from all other rows in this track, each with its difference.

    Only what is at least a medium effect and three standard errors from none.

    Parameters
    ----------
    track : Track
    place : (n,) int array
        The group of each row, 0 to ``groups - 1``.
    groups : int
    """
    from scipy.stats import rankdata

    known = ~np.isnan(track.values)
    values, place = track.values[known].astype(np.float64), place[known]
    if not len(values) or values.min() == values.max():
        return []
    n = np.bincount(place, minlength=groups).astype(float)
    rest = len(values) - n
    sums = np.bincount(place, weights=values, minlength=groups)
    with np.errstate(divide="ignore", invalid="ignore"):
        here, elsewhere = sums / n, (values.sum() - sums) / rest
        if track.kind in ("flag", "field"):
            here, elsewhere = np.clip(here, 0, 1), np.clip(elsewhere, 0, 1)
            effect = 2 * np.arcsin(np.sqrt(here)) - 2 * np.arcsin(np.sqrt(elsewhere))
            error = np.sqrt(1 / n + 1 / rest)
        else:
            ranks = np.bincount(place, weights=rankdata(values), minlength=groups)
            effect = 2 * (ranks - n * (n + 1) / 2) / (n * rest) - 1
            error = np.sqrt((n + rest + 1) / (3 * n * rest))
    medium = MEDIUM[track.kind]
    apart = (n >= MIN_SUPPORT) & (rest > 0) & (np.abs(effect) >= medium) & (np.abs(effect) >= 3 * error)
    found = []
    for g in np.flatnonzero(apart):
        low, high = float(here[g]), float(elsewhere[g])
        if track.kind in ("flag", "field"):
            words = f"{share(low)} here, {share(high)} elsewhere"
        else:
            inside = place == g
            median = float(np.median(values[inside])), float(np.median(values[~inside]))
            what = "median" if median[0] != median[1] else "mean"
            low, high = median if what == "median" else (low, high)
            words = f"{what} {amount(low)} here, {amount(high)} elsewhere"
        says = f"{track.says}: {words}"
        found.append((int(g), Difference(track.name, track.kind, low, high, float(effect[g]) / medium, says)))
    return found


def share(value: float) -> str:
    """A share as a person reads it, "under 1%"."""
    if 0 < value < 0.01:
        return "under 1%"
    return "over 99%" if 0.99 < value < 1 else f"{value:.0%}"


def amount(value: float) -> str:
    """A figure with three digits."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
