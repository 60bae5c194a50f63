"""How a figure of some traces differs from that of the others: hides what repeated users and skewed amounts do to an interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from failscope.review.resampling import bca_interval, resampled_sums

_NAN = math.nan
Ends = tuple[float, float]


@dataclass(frozen=True)
class Comparison:
    """A figure here and elsewhere, the difference, each with its interval, and the p-value of no difference.

    NaN where there is nothing to compute it from; shares keep (0, 1) there.
    """

    here: float
    here_ends: Ends
    rest: float
    rest_ends: Ends
    difference: float
    ends: Ends
    p_value: float


def compare_shares(
    event: np.ndarray, inside: np.ndarray, *, unit: np.ndarray, weight: np.ndarray, confidence: float = 0.95
) -> Comparison:
    """A share here and elsewhere.

    Parameters
    ----------
    event, inside : (n,) bool arrays
        Whether it happened; whether the trace is in the group.
    unit : (n,) int array
        Who each trace is from, 0 to the number of units - 1: traces of one user or session are not independent.
    weight : (n,) array
        How many traces each stands for; ones where all are alike.

    Notes
    -----
    Shares: Wilson's score interval. Difference: Newcombe's hybrid of two of them (1998, Statistics in Medicine 17, 873,
    method 10). Traces count as so many as their variance between units is worth, never as more (Rao and Scott 1992,
    Biometrics 48: counts over the design effect), and as fewer where the units are few (Korn and Graubard 1998, Survey
    Methodology 24); a share of 0 or 1 shows no variance, and there each unit counts once.
    Units with traces on both sides enter by their correlation (Newcombe's own way for pairs; Zou 2007, Psychological
    Methods 12). The p-value is Fisher's exact one for counts over the design effect of the difference, rounded.

    Examples
    --------
    >>> event = np.repeat([True, False, True, False], [56, 14, 48, 32])
    >>> found = compare_shares(event, np.arange(150) < 70, unit=np.arange(150), weight=np.ones(150))
    >>> [round(x, 4) for x in found.ends]  # Newcombe's own example: 0.0524 to 0.3339
    [0.0524, 0.3339]
    """
    here, rest = _halves(event.astype(float), inside, unit, weight)
    ends = _wilson(here, confidence), _wilson(rest, confidence)
    p_value = _fisher(here, rest) if here.n and rest.n else _NAN
    return _square_and_add(here, rest, *ends, p_value=p_value)


def compare_medians(
    values: np.ndarray, inside: np.ndarray, *, unit: np.ndarray, weight: np.ndarray, confidence: float = 0.95
) -> Comparison:
    """A median here and elsewhere; arguments as in ``compare_shares``.

    Notes
    -----
    Woodruff's interval (1952, JASA 47): the share of values up to the median has a Wilson interval around one half, with
    the design effect of units, and its ends are read off as quantiles. The difference combines both by squares, as for
    shares (Zou and Donner 2008, Statistics in Medicine 27). The p-value takes the intervals' widths for normal ones.
    """
    from scipy.special import ndtr

    parts, medians, ends = [], [], []
    for side in (inside, ~inside):
        if not side.any():
            parts.append(_Part.none())
            medians.append(_NAN)
            ends.append((_NAN, _NAN))
            continue
        order = np.argsort(values[side], kind="stable")
        ordered, w = values[side][order], weight[side][order]
        place = (
            np.cumsum(w) - w / 2
        ) / w.sum()  # with equal weights the quantile at one half is the usual median
        median = float(np.interp(0.5, place, ordered))
        part = _Part.of((values[side] <= median).astype(float), unit[side], weight[side], int(unit.max()) + 1)
        low, high = _wilson(part, confidence, share=0.5)
        parts.append(part)
        medians.append(median)
        ends.append((float(np.interp(low, place, ordered)), float(np.interp(high, place, ordered))))
    found = _square_and_add(
        parts[0], parts[1], ends[0], ends[1], p_value=_NAN, values=(medians[0], medians[1])
    )
    spread = (found.ends[1] - found.ends[0]) / 2 / _z(confidence)
    p_value = 2 * float(ndtr(-abs(found.difference) / spread)) if spread > 0 else _NAN
    return Comparison(**{**vars(found), "p_value": p_value})


def compare_means(
    values: np.ndarray,
    insides: Sequence[np.ndarray],
    *,
    unit: np.ndarray,
    weight: np.ndarray,
    confidence: float = 0.95,
    resamples: int = 1000,
    random_state: int = 0,
) -> list[Comparison]:
    """A mean here and elsewhere, for each of several groups; arguments as in ``compare_shares``.

    Notes
    -----
    Units are resampled with all their traces, the same resamples for all groups; the ends are those of the bias-corrected
    and accelerated bootstrap (Efron 1987, JASA 82), expanded for few units as Student's t is (Hesterberg 2015, The
    American Statistician 69). The p-value is that of the difference over its error, by Student's t with one
    degree of freedom less than the smaller side has units. The error is the linearised one between units, as in a
    regression with errors clustered by unit, or that of one spread for both sides times the design effect where that is
    more: a small group of a skewed amount often shows too little spread.
    """
    from scipy.special import stdtr

    if not len(values):
        return [Comparison(_NAN, (_NAN, _NAN), _NAN, (_NAN, _NAN), _NAN, (_NAN, _NAN), _NAN) for _ in insides]
    units = int(unit.max()) + 1
    scale = (
        float(np.abs(values).mean()) or 1.0
    )  # about one: a cost of a millionth must not look like rounding
    values = values / scale

    def per_unit(rows: np.ndarray) -> list[np.ndarray]:
        sums = (weight * rows, weight * rows * values)
        return [np.bincount(unit, weights=s, minlength=units) for s in sums]

    spread = float(weight @ (values - weight @ values / weight.sum()) ** 2 / weight.sum())
    columns = np.column_stack([c for rows in (np.ones(len(values)), *insides) for c in per_unit(rows)])
    total = columns.sum(axis=0)
    drawn = resampled_sums(columns, resamples=resamples, random_state=random_state)
    without = total - columns
    out = []
    for g, inside in enumerate(insides, start=1):

        def figures(sums: np.ndarray, at: int = 2 * g) -> np.ndarray:
            """(3, ...): the mean here, elsewhere, the difference."""
            n, s = sums[..., at], sums[..., at + 1]
            with np.errstate(divide="ignore", invalid="ignore"):
                # what rounding leaves of an empty side is no side
                here = np.where(n > 0.5 * weight.min(), s / n, np.nan)
                left = sums[..., 0] - n
                rest = np.where(left > 0.5 * weight.min(), (sums[..., 1] - s) / left, np.nan)
            return np.stack([here, rest, here - rest])

        value, many, less = figures(total), figures(drawn), figures(without)
        one, other = _halves(values, inside, unit, weight)
        ends = []
        for i, few in enumerate((one.units, other.units, min(one.units, other.units))):
            wider = _expanded(confidence, few)
            known = few > 1 and not math.isnan(value[i])
            found = (
                bca_interval(float(value[i]), many[i], less[i], confidence=wider) if known else (_NAN, _NAN)
            )
            ends.append(found)
        p_value = _NAN
        if min(one.units, other.units) > 1:
            both = one.variance + other.variance - 2 * float(one.pull @ other.pull)
            effect = max(both / (one.plain + other.plain), 1.0) if one.plain + other.plain > 0 else 1.0
            error = math.sqrt(max(both, effect * spread * (1 / one.n + 1 / other.n)))
            freedom = min(one.units, other.units) - 1
            p_value = 2 * float(stdtr(freedom, -abs(float(value[2])) / error)) if error > 0 else _NAN
        here, rest, difference = map(float, value * scale)
        ends = [(low * scale, high * scale) for low, high in ends]
        out.append(Comparison(here, ends[0], rest, ends[1], difference, ends[2], p_value))
    return out


def product_interval(share: float, share_ends: Ends, figure: float, ends: Ends) -> Ends:
    """The interval of a share times a figure that were estimated apart.

    Each end is the product less, or more, the root of the sum of squares of what either could change alone and of what
    both could change together (after Zou and Donner 2008, Statistics in Medicine 27, of the product linearised).
    """
    low_share, high_share = share - share_ends[0], share_ends[1] - share
    down, up = figure - ends[0], ends[1] - figure
    # a smaller share brings a positive product down and a negative one up
    fall, rise = (low_share, high_share) if figure >= 0 else (high_share, low_share)

    def reach(of_share: float, of_figure: float) -> float:
        return math.hypot(figure * of_share, share * of_figure, of_share * of_figure)

    return share * figure - reach(fall, down), share * figure + reach(rise, up)


@dataclass(frozen=True, eq=False)
class _Part:
    """One side: its mean, how many traces it counts as, and what each unit pulls at it."""

    mean: float
    n: float
    units: int
    variance: float  # of the mean, between units
    plain: float  # the same, were all traces independent
    pull: np.ndarray  # (units of all,) each unit's part of the error

    @classmethod
    def none(cls) -> _Part:
        return cls(_NAN, 0.0, 0, _NAN, _NAN, np.zeros(0))

    @classmethod
    def of(cls, values: np.ndarray, unit: np.ndarray, weight: np.ndarray, units: int) -> _Part:
        if not len(values):
            return cls.none()
        total = weight.sum()
        n = float(total**2 / (weight**2).sum())  # Kish 1965: unequal weights are worth fewer traces
        mean = float(weight @ values / total)
        apart = values - mean
        pull = np.bincount(unit, weights=weight * apart / total, minlength=units)
        m = int((np.bincount(unit, minlength=units) > 0).sum())
        variance = float(pull @ pull) * m / (m - 1) if m > 1 else _NAN
        plain = float(weight @ apart**2 / total) / (n - 1) if n > 1 else _NAN
        return cls(mean, n, m, variance, plain, pull)

    def reads(self, confidence: float) -> float:
        """How many independent traces this is worth."""
        from scipy.special import stdtrit

        if not self.n or self.units == 1 or not self.plain > 1e-18:
            return float(min(self.n, self.units))
        reads = self.n / max(self.variance / self.plain, 1.0)
        # the design effect of few units is itself unsure (Korn and Graubard 1998, Survey Methodology 24)
        t = stdtrit(np.array([max(self.n, self.units), self.units]) - 1, (1 + confidence) / 2)
        return reads * float(t[0] / t[1]) ** 2


def _halves(
    values: np.ndarray, inside: np.ndarray, unit: np.ndarray, weight: np.ndarray
) -> tuple[_Part, _Part]:
    units = int(unit.max()) + 1 if len(unit) else 0
    here, rest = (_Part.of(values[s], unit[s], weight[s], units) for s in (inside, ~inside))
    return here, rest


def _square_and_add(
    here: _Part,
    rest: _Part,
    here_ends: Ends,
    rest_ends: Ends,
    *,
    p_value: float,
    values: Ends | None = None,
) -> Comparison:
    one, other = values or (here.mean, rest.mean)
    if not (here.n and rest.n):
        return Comparison(one, here_ends, other, rest_ends, _NAN, (_NAN, _NAN), _NAN)
    both = here.variance * rest.variance
    rho = float(np.clip(here.pull @ rest.pull / math.sqrt(both), -1, 1)) if both > 0 else 0.0

    def reach(a: float, b: float) -> float:
        return math.sqrt(max(a * a - 2 * rho * a * b + b * b, 0.0))

    low = one - other - reach(one - here_ends[0], rest_ends[1] - other)
    high = one - other + reach(here_ends[1] - one, other - rest_ends[0])
    return Comparison(one, here_ends, other, rest_ends, one - other, (low, high), p_value)


def _wilson(part: _Part, confidence: float, *, share: float | None = None) -> Ends:
    if not part.n:
        return 0.0, 1.0
    p, n, z = part.mean if share is None else share, part.reads(confidence), _z(confidence)
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    # at 0 and 1 rounding must not leave the value outside
    return max(min((middle - half) / scale, p), 0.0), min(max((middle + half) / scale, p), 1.0)


def _fisher(here: _Part, rest: _Part) -> float:
    from scipy.stats import fisher_exact

    plain = here.plain + rest.plain
    if plain > 1e-18:
        variance = here.variance + rest.variance - 2 * float(here.pull @ rest.pull)
        effect = max(variance / plain, 1.0) if math.isfinite(variance) else here.n
    else:
        effect = (here.n + rest.n) / (here.units + rest.units)
    table = []
    for part in (here, rest):
        n = round(part.n / effect)
        hits = min(round(part.n * part.mean / effect), n)
        table.append([hits, n - hits])
    return float(fisher_exact(table).pvalue)


def _expanded(confidence: float, units: int) -> float:
    """The confidence at which a bootstrap of few units covers as Student's t does (Hesterberg 2015)."""
    from scipy.special import ndtr, stdtrit

    if units < 2:
        return confidence
    return 2 * float(ndtr(math.sqrt(units / (units - 1)) * stdtrit(units - 1, (1 + confidence) / 2))) - 1


def _z(confidence: float) -> float:
    from scipy.special import ndtri

    return float(ndtri((1 + confidence) / 2))
