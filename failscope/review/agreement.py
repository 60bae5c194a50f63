"""Whether people who read the same outputs say the same: hides what figures of agreement allow to be said of a rubric."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from failscope.errors import ArgumentError, NotFoundError
from failscope.review.assisted import ANY_FAILURE
from failscope.review.coefficients import (
    NONE,
    Level,
    Ratings,
    Triple,
    ac1_of,
    alpha_of,
    codes_of,
    counts_of,
    estimates,
    percent_of,
    places_of,
    split_of,
)
from failscope.review.resampling import check_resampling, jeffreys_interval

TENTATIVE, RELIABLE = 0.667, 0.8
"""Krippendorff (2004, p. 241): rely on what has an alpha of .8; under .667 not even tentative conclusions."""
MIN_TRACES = 10
"""With fewer traces read by two people nothing is said of the rubric, whatever the figures are."""
RARE = 0.1
"""Where under this share of the marks differ from the common one, what is said does not rest on alpha alone."""
NEEDS_WORK = "the rubric needs work here"
AGREE = "people agree"
TOO_FEW = "too few double reads to tell"
_FIGURES = ("percent", "alpha", "low", "high", "ac1", "ac1_low", "ac1_high")
FRAME_COLUMNS = ("kind", "traces", "readers", *_FIGURES, "positives", "says")


@dataclass(frozen=True, eq=False)
class Agreement:
    """How far people agree on every failure mode and every score; ``session.agreement()`` returns it.

    Attributes
    ----------
    frame : pandas.DataFrame
        Index ``name``: "any failure", the failure modes (most seen first), the dimensions. ``kind``; ``traces`` that
        two or more people read; ``readers`` of them; ``percent``, the share (0 to 1) of pairs of readers that say the
        same, a mean over traces; ``alpha, low, high`` (Krippendorff; nominal for failure modes, ordinal for scores);
        ``ac1, ac1_low, ac1_high`` (Gwet; scores count as the same or not); ``positives``, the traces in which at least
        one reader saw it; ``says``, what that allows to be said.
    params : dict
        ``confidence``, ``resamples``, ``random_state``.
    """

    frame: pd.DataFrame
    params: Mapping[str, Any]
    _ratings: Mapping[str, pd.DataFrame] = field(repr=False)

    @property
    def divided(self) -> pd.DataFrame:
        """What divides people: ``trace_id, name, disagreement, said`` (reviewer -> value), most divided first."""
        parts = []
        for name, kind in self.frame["kind"].items():
            units = dividing_units(self._ratings[name], level="ordinal" if kind == "dimension" else "nominal")
            parts.append(units.rename_axis("trace_id").reset_index().assign(name=name))
        every = pd.concat(parts, ignore_index=True)[["trace_id", "name", "disagreement", "said"]]
        order = ["disagreement", "trace_id"]
        return every.sort_values(order, ascending=[False, True], kind="stable", ignore_index=True)

    def ratings(self, name: str) -> pd.DataFrame:
        """What each reviewer said of one failure mode or dimension: traces x reviewers, NaN where nothing."""
        if name not in self._ratings:
            known = ", ".join(repr(n) for n in self.frame.index[:12])
            raise NotFoundError(f"no failure mode or dimension {name!r}; there are {known}")
        return self._ratings[name].copy()

    def confusion(self, name: str) -> pd.DataFrame:
        """Who says what where another says something else: see ``pairwise_confusion``."""
        return pairwise_confusion(self.ratings(name))

    def to_frame(self) -> pd.DataFrame:
        """A copy of ``frame``."""
        return self.frame.copy()

    def __repr__(self) -> str:
        return f"<Agreement {self._counts()}>"

    def _repr_html_(self) -> str:
        head = self.frame.head(12).to_html(
            escape=True, border=0, float_format="{:.2f}".format, na_rep="–", index_names=False
        )
        return f"<div><b>Agreement</b> · {html.escape(self._counts())}</div>{head}"

    def _counts(self) -> str:
        says, (traces, reviewers) = self.frame["says"], self._ratings[ANY_FAILURE].shape
        work, agree = int(says.str.startswith(NEEDS_WORK).sum()), int(says.str.startswith(AGREE).sum())
        return (
            f"{traces:,} traces read by two or more of {reviewers} reviewers · "
            f"{len(says):,} names: {work} need work, {agree} agreed on, {len(says) - work - agree} not to tell yet"
        )


def agreement(
    marks: pd.DataFrame, *, confidence: float = 0.95, resamples: int = 2000, random_state: int = 0
) -> Agreement:
    """How far reviewers agree on each failure mode, on whether there is any, and on each score: ``docs/agreement.md``.

    Parameters
    ----------
    marks : pandas.DataFrame
        A row for every trace and reviewer that read it: ``trace_id``, ``reviewer``, ``failure_modes`` (a list, [] for
        fine) and ``scores`` (dimension -> number; None where it was not judged).

    Raises
    ------
    ArgumentError
        For a missing column, a pair of trace and reviewer that is there twice, or a cell that is not of its kind.

    Examples
    --------
    >>> rows = [("t1", "ana", ["loop"], {}), ("t1", "ben", ["loop"], {}), ("t2", "ana", [], {}), ("t2", "ben", [], {})]
    >>> marks = pd.DataFrame(rows, columns=["trace_id", "reviewer", "failure_modes", "scores"])
    >>> agreement(marks).frame.loc["loop", "says"]
    'too few double reads to tell: 2 traces, at least 10 are needed'
    """
    check_resampling(confidence, resamples)
    chance: dict[str, Any] = {"confidence": confidence, "resamples": resamples, "random_state": random_state}
    modes, scores = _ratings_of(marks)
    tables = {name: counts_of(ratings, [False, True])[0] for name, ratings in modes.items()}
    pairs = [s for t in tables.values() for s in (alpha_of(t, [False, True], "nominal"), ac1_of(t))]
    found = estimates(pairs, **chance) if len(modes[ANY_FAILURE]) else [NONE] * len(pairs)
    rows: dict[str, tuple[Any, ...]] = {}
    for i, (name, table) in enumerate(tables.items()):
        alpha, ac1 = found[2 * i : 2 * i + 2]
        figures: tuple[Any, ...] = (int(modes[name].notna().any().sum()), percent_of(table), *alpha, *ac1)
        seen, says = int((table[:, 1] > 0).sum()), _say_mode(table, alpha, ac1, confidence)
        rows[name] = ("failure mode", len(table), *figures, seen, says)
    order = sorted(modes, key=lambda name: (name != ANY_FAILURE, -rows[name][10], name))
    for name, ratings in scores.items():
        shared = ratings[ratings.notna().sum(axis=1) >= 2]
        table, values = counts_of(shared)
        alpha = ac1 = NONE
        if len(values) > 1:
            alpha, ac1 = estimates([alpha_of(table, values, "ordinal"), ac1_of(table)], **chance)
        figures = (int(shared.notna().any().sum()), percent_of(table), *alpha, *ac1, None)
        rows[name] = ("dimension", len(table), *figures, _say_score(table, alpha, ac1, confidence))
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=list(FRAME_COLUMNS))
    frame = frame.loc[[*order, *scores]].astype({"positives": "Int64"})
    frame.index = pd.Index([*order, *scores], name="name", dtype="str")
    return Agreement(frame, chance, {**modes, **scores})


def pairwise_confusion(ratings: Ratings) -> pd.DataFrame:
    """What every two raters said of the units that both rated: ``rater_a, rater_b, value_a, value_b, count``.

    Examples
    --------
    >>> pairwise_confusion(pd.DataFrame({"ana": ["x", "x", "y"], "ben": ["x", "y", None]}))
      rater_a rater_b value_a value_b  count
    0     ana     ben       x       x      1
    1     ana     ben       x       y      1
    """
    codes, values = codes_of(ratings)
    rows = []
    for (i, a), (j, b) in combinations(enumerate(pd.DataFrame(ratings).columns), 2):
        both = codes[(codes[:, i] >= 0) & (codes[:, j] >= 0)]
        pairs, counts = np.unique(both[:, [i, j]], axis=0, return_counts=True)
        rows += [(a, b, values[x], values[y], n) for (x, y), n in zip(pairs, counts.tolist(), strict=True)]
    return pd.DataFrame(rows, columns=["rater_a", "rater_b", "value_a", "value_b", "count"])


def dividing_units(ratings: Ratings, *, level: Level = "nominal") -> pd.DataFrame:
    """The units that divide people, most divided first.

    Returns
    -------
    pandas.DataFrame
        Index of the unit; ``disagreement``: the mean over pairs of raters, where 0 is the same value and 1 the two
        that are furthest apart (at the nominal level: any two); ``raters``; ``said``: rater -> value.

    Examples
    --------
    >>> dividing_units(pd.DataFrame({"ana": [1, 1], "ben": [1, 5], "cy": [1, 5]}))["said"].to_dict()
    {1: {'ana': 1, 'ben': 5, 'cy': 5}}
    """
    frame, (codes, values) = pd.DataFrame(ratings), codes_of(ratings)
    table, _ = counts_of(ratings)
    sizes = table.sum(axis=1)
    if level == "nominal":
        apart = split_of(table)
    else:
        at = places_of(table[sizes >= 2].sum(axis=0), values, level)
        square = 2 * (sizes * (table @ at**2) - (table @ at) ** 2) / np.maximum(sizes * (sizes - 1), 1)
        apart = square / (np.ptp(at) if len(set(at)) > 1 else 1) ** 2
    rows = np.flatnonzero((sizes >= 2) & (table.max(axis=1, initial=0) < sizes))
    rows = rows[np.argsort(-np.round(apart[rows], 12), kind="stable")]
    said = [
        {who: values[c] for who, c in zip(frame.columns, row, strict=True) if c >= 0}
        for row in codes[rows].tolist()
    ]
    figures = {"disagreement": apart[rows], "raters": sizes[rows].astype(int), "said": said}
    return pd.DataFrame(figures, index=frame.index[rows])


def _say_mode(table: np.ndarray, alpha: Triple, ac1: Triple, confidence: float) -> str:
    """What the figures of a failure mode allow to be said; ``table`` counts who does not see it and who does."""
    traces, seen = len(table), int((table[:, 1] > 0).sum())
    if traces < MIN_TRACES:
        return _too_few(traces)
    if math.isnan(alpha[0]):
        who = "nobody saw it in any" if not seen else "everybody saw it in each"
        return f"nothing to tell apart yet: {who} of {traces:,} traces (AC1 at least {ac1[1]:.2f})"
    marks = table.sum(axis=0)
    if marks[1] < RARE * marks.sum():
        return _say_rare(table, alpha, ac1, confidence, "it is rare", "saw it")
    if marks[0] < RARE * marks.sum():
        return _say_rare(table[:, ::-1], alpha, ac1, confidence, "nearly all have it", "did not see it")
    return _say(alpha, f"{int((table.min(axis=1) > 0).sum()):,} of {traces:,} traces divide people")


def _say_score(table: np.ndarray, alpha: Triple, ac1: Triple, confidence: float) -> str:
    """What the figures of a score allow to be said; ``table`` counts who gave which."""
    if len(table) < MIN_TRACES:
        return _too_few(len(table))
    if math.isnan(alpha[0]):
        return f"nothing to tell apart yet: all scores of {len(table):,} traces are equal"
    sizes, common = table.sum(axis=1), int(table.sum(axis=0).argmax())
    if table[:, common].sum() > (1 - RARE) * table.sum():
        others = np.column_stack([table[:, common], sizes - table[:, common]])
        return _say_rare(others, alpha, ac1, confidence, "nearly all scores are equal", "gave another")
    differ = int((table.max(axis=1) < sizes).sum())
    return _say(alpha, f"scores differ in {differ:,} of {len(table):,} traces")


def _say_rare(table: np.ndarray, alpha: Triple, ac1: Triple, confidence: float, what: str, did: str) -> str:
    """The same where nearly all marks are equal: a few readings move alpha, so the few are counted themselves.

    ``table`` counts the common mark and the rare one. Positive agreement (Cicchetti and Feinstein 1990): of those who
    gave the rare mark, the share of the other readers that did too; each trace that has one counts once.
    """
    sizes, hits = table.sum(axis=1), table[:, 1]
    seen = int((hits > 0).sum())
    same = float((hits * (hits - 1) / (sizes - 1)).sum() / hits.sum())
    _, most = jeffreys_interval(same * seen, seen, confidence=confidence)
    told = (
        f"{what}, and where somebody {did} ({seen:,} of {len(table):,} traces) "
        f"{same:.0%} of the other readers did too"
    )
    if alpha[2] < TENTATIVE and most < TENTATIVE:
        return f"{NEEDS_WORK}: {told}, alpha at most {alpha[2]:.2f}"
    if alpha[1] >= TENTATIVE and ac1[1] >= TENTATIVE:
        return _say(alpha, told)
    mostly = ", though people agree on nearly all" if ac1[1] >= RELIABLE else ""
    return (
        f"{TOO_FEW}{mostly}: {told}, alpha {alpha[1]:.2f} to {alpha[2]:.2f}, AC1 {ac1[1]:.2f} to {ac1[2]:.2f}"
    )


def _say(alpha: Triple, told: str) -> str:
    if alpha[2] < TENTATIVE:
        return f"{NEEDS_WORK}: {told}, alpha at most {alpha[2]:.2f}"
    if alpha[1] >= RELIABLE:
        return f"{AGREE}: {told}, alpha at least {alpha[1]:.2f}"
    if alpha[1] >= TENTATIVE:
        return f"{AGREE} well enough for tentative conclusions: {told}, alpha at least {alpha[1]:.2f}"
    return f"{TOO_FEW}: {told}, alpha {alpha[1]:.2f} to {alpha[2]:.2f}"


def _too_few(traces: int) -> str:
    return f"{TOO_FEW}: {traces} trace{'s' * (traces != 1)}, at least {MIN_TRACES} are needed"


def _ratings_of(marks: pd.DataFrame) -> tuple[dict[str, pd.DataFrame], dict[str, pd.DataFrame]]:
    """What each reviewer said, of the traces that two or more read: name -> traces x reviewers, modes and scores."""
    need = ["trace_id", "reviewer", "failure_modes", "scores"]
    missing = [c for c in need if c not in marks.columns]
    if missing:
        there = list(marks.columns)
        raise ArgumentError(f"column {missing[0]!r} not found; the columns are {there}; marks has {need}")
    for _, row in marks[marks.duplicated(["trace_id", "reviewer"])].iterrows():
        who, what = row["reviewer"], row["trace_id"]
        raise ArgumentError(f"{who!r} has two marks of trace {what!r}; give the one that holds")
    for said in marks["failure_modes"]:
        if not isinstance(said, list | tuple | set | frozenset):
            why = "is no list; give those of the output, [] for fine, and no unread rows"
            raise ArgumentError(f"failure_modes={said!r} {why}")
    names = sorted({mode for said in marks["failure_modes"] for mode in said})
    judged = [given if isinstance(given, Mapping) else {} for given in marks["scores"]]
    dimensions = sorted({dimension for given in judged for dimension in given})
    # sorted, so that the order of the rows changes nothing, not even a resample
    reviewers = pd.Index(sorted(marks["reviewer"].unique()), name="reviewer")
    sizes = marks.groupby("trace_id").size()
    ids = pd.Index(sorted(sizes.index[sizes > 1]), name="trace_id")
    row, column = ids.get_indexer(marks["trace_id"]), reviewers.get_indexer(marks["reviewer"])

    def grid(values: list[Any], empty: Any, dtype: Any) -> pd.DataFrame:
        cells = np.full((len(ids), len(reviewers)), empty, dtype=dtype)
        for r, c, value in zip(row.tolist(), column.tolist(), values, strict=True):
            if r >= 0:
                cells[r, c] = value
        return pd.DataFrame(cells, ids, reviewers)

    every = marks["failure_modes"].tolist()
    modes = {ANY_FAILURE: grid([bool(said) for said in every], None, object)}
    modes |= {name: grid([name in said for said in every], None, object) for name in names}
    scores = {
        # a dimension may bear a failure mode's name; each row of the result needs its own
        f"{d} (score)" if d in modes else d: grid([_number(g.get(d), d) for g in judged], np.nan, float)
        for d in dimensions
    }
    return modes, scores


def _number(score: Any, dimension: str) -> float:
    if score is None:
        return math.nan
    try:
        value = float(score)
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            f"score {score!r} of {dimension!r} is not a number; None where it was not judged"
        ) from error
    if math.isinf(value):
        raise ArgumentError(f"score {score!r} of {dimension!r} is not finite; None where it was not judged")
    return value
