"""How far raters say the same beyond chance: hides coefficients for any number of raters with gaps, and their intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd

from failscope.errors import ArgumentError
from failscope.review.resampling import bca_interval, check_resampling, jeffreys_interval, resampled_sums

Level = Literal["nominal", "ordinal", "interval"]
Ratings: TypeAlias = pd.DataFrame | np.ndarray | Sequence[Sequence[Any]]
Triple: TypeAlias = tuple[float, float, float]

NONE: Triple = (math.nan, math.nan, math.nan)
_UNSHARED = "no unit was rated by two or more"


@dataclass(frozen=True)
class Coefficient:
    """A coefficient of agreement and its interval: 1 is perfect, 0 is what chance gives, NaN is undefined.

    ``units`` counts those with two ratings or more. ``standard_error`` is Gwet's (2008) for AC1, else NaN; the interval
    does not use it. ``reason`` says why there is no value. ``params``: ``level, confidence, resamples, random_state``.
    """

    name: str
    value: float
    low: float
    high: float
    units: int
    standard_error: float = math.nan
    reason: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)

    def __float__(self) -> float:
        return self.value

    def to_frame(self) -> pd.DataFrame:
        """One row, index ``name``: ``value, low, high, units, standard_error, reason``."""
        row = {k: v for k, v in vars(self).items() if k not in ("name", "params")}
        return pd.DataFrame([row], index=pd.Index([self.name], name="name"))


def krippendorff_alpha(
    ratings: Ratings,
    *,
    level: Level = "nominal",
    confidence: float = 0.95,
    resamples: int = 2000,
    random_state: int = 0,
) -> Coefficient:
    """Krippendorff's alpha, for any number of raters and missing ratings.

    Parameters
    ----------
    ratings : (units, raters) frame or array
        None or NaN where a rater said nothing; units with fewer than two ratings do not count.
    level : {"nominal", "ordinal", "interval"}
        Whether values are only the same or not, have an order, or have distances. The last two take numbers.

    Returns
    -------
    Coefficient
        NaN with a reason where no unit has two ratings or where all ratings are equal.

    Notes
    -----
    Krippendorff 2011, *Computing Krippendorff's Alpha-Reliability*. Formula and interval: ``docs/agreement.md``.

    Examples
    --------
    >>> krippendorff_alpha([[1, 1], [1, 1], [2, 2], [2, 2], [1, 2]]).value
    0.64
    """
    check_resampling(confidence, resamples)
    chance: dict[str, Any] = {"confidence": confidence, "resamples": resamples, "random_state": random_state}
    table, values = counts_of(ratings)
    table = table[table.sum(axis=1) >= 2]
    name, params = f"Krippendorff's alpha ({level})", {"level": level, **chance}
    statistic = alpha_of(table, values, level)
    if not len(table):
        return Coefficient(name, *NONE, 0, reason=_UNSHARED, params=params)
    if np.count_nonzero(table.sum(axis=0)) < 2:
        why = "all ratings are equal, so there is no variation to agree on"
        return Coefficient(name, *NONE, len(table), reason=why, params=params)
    return Coefficient(name, *estimates([statistic], **chance)[0], len(table), params=params)


def gwet_ac1(
    ratings: Ratings,
    *,
    values: Iterable[Any] | None = None,
    confidence: float = 0.95,
    resamples: int = 2000,
    random_state: int = 0,
) -> Coefficient:
    """Gwet's AC1, which stays steady where nearly all ratings are the same and alpha does not.

    Parameters
    ----------
    ratings : (units, raters) frame or array
        Any hashable values; None or NaN where a rater said nothing. Units with one rating count for how common the
        values are, as in Gwet's.
    values : iterable, optional
        All the values that could have been given, where some never were: ``[True, False]``.

    Returns
    -------
    Coefficient
        NaN with a reason where no unit has two ratings, or only one value is known of.

    Notes
    -----
    Gwet 2008, British Journal of Mathematical and Statistical Psychology 61. Formula and interval: ``docs/agreement.md``.

    Examples
    --------
    >>> round(gwet_ac1([["no", "no"]] * 18 + [["yes", "no"]] * 2).value, 3)
    0.89
    """
    check_resampling(confidence, resamples)
    chance: dict[str, Any] = {"confidence": confidence, "resamples": resamples, "random_state": random_state}
    table, _ = counts_of(ratings, values)
    table = table[table.sum(axis=1) >= 1]
    units = int((table.sum(axis=1) >= 2).sum())
    why = "" if units else _UNSHARED
    if units and table.shape[1] < 2:
        why = "only one value is known of; name all that could have been given: values=[True, False]"
    name, params = "Gwet's AC1", {"level": "nominal", **chance}
    if why:
        return Coefficient(name, *NONE, units, reason=why, params=params)
    (found,) = estimates([ac1_of(table)], **chance)
    return Coefficient(name, *found, units, standard_error=_ac1_error(table), params=params)


def percent_agreement(ratings: Ratings) -> float:
    """The share (0 to 1) of pairs of raters that say the same, a mean over units with two or more; NaN without any.

    Examples
    --------
    >>> percent_agreement([["yes", "yes", "no"], ["no", "no", "no"]])
    0.6666666666666667
    """
    return percent_of(counts_of(ratings)[0])


@dataclass(frozen=True, eq=False)
class Statistic:
    """A coefficient as a function of sums over units, so that a resample is a product of matrices.

    ``of`` takes (..., columns) sums. ``split`` says how many units divide people, ``pairable`` how many can; ``worst`` is
    what the coefficient would lose if every unit were split as evenly as can be, at the same chance disagreement.
    """

    columns: np.ndarray
    of: Callable[[np.ndarray], np.ndarray]
    split: int
    pairable: int
    worst: float


def estimates(
    statistics: Sequence[Statistic], *, confidence: float, resamples: int, random_state: int
) -> list[Triple]:
    """Values and intervals of coefficients over the same units, all from the same resamples of the units."""
    columns = np.column_stack([s.columns for s in statistics])
    columns = columns[np.lexsort(columns.T[::-1])]  # resamples do not depend on the order of the units
    total, sums = columns.sum(axis=0), resampled_sums(columns, resamples=resamples, random_state=random_state)
    out: list[Triple] = []
    at = 0
    for s in statistics:
        of = slice(at, at := at + s.columns.shape[1])
        value = float(s.of(total[of]))
        if math.isnan(value):
            out.append(NONE)
            continue
        without = s.of(total[of] - columns[:, of])
        low, high = bca_interval(value, s.of(sums[:, of]), without, confidence=confidence)
        fewest, most = jeffreys_interval(s.split, s.pairable, confidence=confidence)
        loss = (1 - value) * s.pairable / s.split if s.split else s.worst
        ends = min(low, 1 - most * loss), max(high, 1 - fewest * loss)
        out.append((value, max(ends[0], -1.0), min(ends[1], 1.0)))  # no population has less than -1
    return out


def alpha_of(table: np.ndarray, values: Sequence[Any], level: Level) -> Statistic:
    """``table``: (units, values) counts, every unit with two ratings or more."""
    if level not in ("nominal", "ordinal", "interval"):
        raise ArgumentError(f"level={level!r} is not known; use 'nominal', 'ordinal' or 'interval'")
    sizes = table.sum(axis=1)
    if level == "nominal":
        apart = ((sizes**2 - (table**2).sum(axis=1)) / (sizes - 1))[:, None]
    else:
        places_of(table.sum(axis=0), values, level)  # refuses what is no number
        met = (
            np.triu((table > 0).T.astype(float) @ (table > 0), 1) > 0
        )  # pairs of values that a unit has both of
        first, second = np.nonzero(met)
        apart = 2 * table[:, first] * table[:, second] / (sizes - 1)[:, None]
    width = apart.shape[1]

    def of(sums: np.ndarray) -> np.ndarray:
        marginal = sums[..., width:]
        total = marginal.sum(axis=-1)
        if level == "nominal":
            seen, expected = sums[..., 0], total**2 - (marginal**2).sum(axis=-1)
        else:
            at = places_of(marginal, values, level)
            seen = (sums[..., :width] * (at[..., first] - at[..., second]) ** 2).sum(axis=-1)
            expected = 2 * (total * (marginal * at**2).sum(axis=-1) - (marginal * at).sum(axis=-1) ** 2)
        with np.errstate(divide="ignore", invalid="ignore"):
            expected = expected / (total - 1)
            # a resample without variation has no alpha; rounding must not give it one
            return np.where(expected > 1e-9, 1 - seen / expected, np.nan)

    total = sizes.sum()
    chance = (total**2 - (table.sum(axis=0) ** 2).sum()) / max(total * (total - 1), 1)
    worst = _even(sizes) / chance if chance else math.nan
    return Statistic(np.column_stack([apart, table]), of, _divided(table), len(table), worst)


def ac1_of(table: np.ndarray) -> Statistic:
    """``table``: (units, values) counts, every unit with a rating."""
    sizes = table.sum(axis=1)
    two = sizes >= 2
    q = table.shape[1]

    def of(sums: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):
            share = sums[..., 2:] / sums[..., 2:].sum(axis=-1, keepdims=True)
            chance = (share * (1 - share)).sum(axis=-1) / (q - 1)
            return (sums[..., 0] / sums[..., 1] - chance) / (1 - chance)

    same = np.where(two, 1 - split_of(table), 0)
    columns = np.column_stack([same, two, table / np.maximum(sizes, 1)[:, None]])
    share = columns[:, 2:].mean(axis=0) if len(table) else np.ones(q)
    chance = float((share * (1 - share)).sum()) / max(q - 1, 1)
    return Statistic(columns, of, _divided(table), int(two.sum()), _even(sizes[two]) / (1 - chance))


def _ac1_error(table: np.ndarray) -> float:
    """Gwet's standard error (2008, equation for several raters; missing ratings as in his Handbook, 2014)."""
    n, sizes = len(table), table.sum(axis=1)
    if n < 2:
        return math.nan
    two = sizes >= 2
    share = table / sizes[:, None]
    mean = share.mean(axis=0)
    chance = float((mean * (1 - mean)).sum()) / (len(mean) - 1)
    same = np.where(two, 1 - split_of(table), 0)
    value = (same[two].mean() - chance) / (1 - chance)
    own = n / two.sum() * (same - chance * two) / (1 - chance)
    drift = (share * (1 - mean)).sum(axis=1) / (len(mean) - 1) - chance
    linear = own - 2 * (1 - value) * drift / (1 - chance)
    return float(np.sqrt(((linear - value) ** 2).sum() / (n * (n - 1))))


def split_of(table: np.ndarray) -> np.ndarray:
    """Of each unit, the share of pairs of ratings that differ; 0 where there is no pair."""
    sizes = table.sum(axis=1)
    return (sizes**2 - (table**2).sum(axis=1)) / np.maximum(sizes * (sizes - 1), 1)


def percent_of(table: np.ndarray) -> float:
    """``percent_agreement`` of (units, values) counts."""
    table = table[table.sum(axis=1) >= 2]
    return float((1 - split_of(table)).mean()) if len(table) else math.nan


def _divided(table: np.ndarray) -> int:
    return int((table.max(axis=1, initial=0) < table.sum(axis=1)).sum())


def _even(sizes: np.ndarray) -> float:
    """The mean share of pairs that differ when every unit is split as evenly as it can be between two values."""
    half = sizes // 2
    return float((2 * half * (sizes - half) / (sizes * (sizes - 1))).mean()) if len(sizes) else math.nan


def places_of(marginal: np.ndarray, values: Sequence[Any], level: Level) -> np.ndarray:
    """Where each value stands so that squared distances are those of the level: numbers, or mid-ranks.

    Krippendorff's ordinal distance, the ratings from one value to the other less half of both, is that of mid-ranks.
    """
    for odd in values:
        if not (isinstance(odd, int | float | np.number | np.bool_) and math.isfinite(odd)):
            raise ArgumentError(
                f"value {odd!r} has no place on a scale; give numbers, or use level='nominal'"
            )
    if level == "ordinal":
        return np.cumsum(marginal, axis=-1) - marginal / 2
    at = np.array(values, dtype=float)
    return at - at.mean() if len(at) else at


def codes_of(ratings: Ratings, values: Iterable[Any] | None = None) -> tuple[np.ndarray, list[Any]]:
    """(units, raters) places among the values, -1 for none; the values, in order where they have one."""
    try:
        frame = pd.DataFrame(ratings, dtype=object)
    except ValueError as error:
        why = "ratings is no table; give a row for each unit and a column for each rater"
        raise ArgumentError(why) from error
    cells, missing = frame.to_numpy(dtype=object), frame.isna().to_numpy(dtype=bool)
    try:
        given = set(cells[~missing].tolist()) | set(values or ())
    except TypeError as error:
        why = "a rating is a list or a dict; give values that can be compared, as a text or a number"
        raise ArgumentError(why) from error
    try:
        order = sorted(given)
    except TypeError:
        order = sorted(given, key=lambda v: (type(v).__name__, repr(v)))
    place = {v: i for i, v in enumerate(order)}
    codes = np.full(cells.shape, -1)
    codes[~missing] = [place[v] for v in cells[~missing].tolist()]
    return codes, order


def counts_of(ratings: Ratings, values: Iterable[Any] | None = None) -> tuple[np.ndarray, list[Any]]:
    """(units, values) counts; the values."""
    codes, order = codes_of(ratings, values)
    rows, columns = np.nonzero(codes >= 0)
    table = np.zeros((len(codes), len(order)))
    np.add.at(table, (rows, codes[rows, columns]), 1)
    return table, order
