"""Shares that suggestions help to estimate: hides how far a model's guesses may be believed beside what was read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from failscope.errors import ArgumentError
from failscope.review.intervals import check_share, simple_sample_interval

ANY_FAILURE = "any failure"
"""The row of the prevalence that counts traces with at least one failure mode."""
FEWEST_READS = 20
"""With fewer reads of the random sample no suggestion is used for an estimate."""
FEWEST_HITS = 5
"""Nor with fewer hits, or fewer reads without one: what suggestions miss was then hardly seen."""


@dataclass(frozen=True)
class Assisted:
    """An estimate that suggestions helped, or the reason why they could not.

    Attributes
    ----------
    estimate, low, high : float
        NaN where there is a reason.
    weight : float
        How far the suggestions were believed, 0 to 1: the slope of what is true on what was suggested.
    reason : str
        Why there is no estimate; "" where there is one.
    """

    estimate: float
    low: float
    high: float
    weight: float
    reason: str

    def to_frame(self) -> pd.DataFrame:
        """One row."""
        return pd.DataFrame([vars(self)])

    def _repr_html_(self) -> str:
        return str(self.to_frame().to_html(index=False))


def difference_estimate(
    truth: Mapping[str, bool],
    suggested: pd.Series,
    *,
    held_out: pd.Series | None,
    strata: pd.Series | None = None,
    confidence: float = 0.95,
) -> Assisted:
    """A share from a random sample, helped by what a model suggested for every trace.

    Parameters
    ----------
    truth : mapping
        Trace id -> whether it has the failure mode; the traces that were drawn at random and read, and no others.
    suggested : pandas.Series
        Index ``trace_id``: every trace of the population. The confidence of the suggestion, 0 to 1, NaN for none.
    held_out : pandas.Series or None
        The same for the traces in ``truth``, each from a model that did not learn from that trace or from its
        copies (cross-fitted). None says that no model learned from any of them. A model that knows the answers
        makes its own errors look small: the interval would be too narrow, and there is nothing here that could tell.
    strata : pandas.Series, optional
        Trace id -> stratum, of every trace of the population, for a stratified sample.

    Returns
    -------
    Assisted
        With a reason and no numbers where suggestions do not help: fewer than 20 reads, fewer than 5 hits or 5 without,
        an unread stratum, suggestions that do not vary or go with fewer hits, or a variance that is not smaller.

    Notes
    -----
    The difference estimator (Särndal, Swensson and Wretman 1992, section 6.3): the mean of the suggestions over
    all traces, times a weight, plus the mean over the sample of what was true minus what was suggested times
    the weight. It is unbiased whatever the suggestions are, as long as they don't depend on who was drawn. This is
    prediction-powered inference (Angelopoulos, Bates, Fannjiang, Jordan, Zrnic 2023, Science 382) with the weight of
    PPI++ (Angelopoulos, Duchi, Zrnic 2023, arXiv 2311.01453), which is kept between 0 and 1. The variance is
    that of the residuals, with the finite population correction, one hit that nobody foresaw added to them, and the
    factor for an estimated slope. The interval is that of a simple sample with this variance, see
    ``stratified_interval``.
    """
    check_share(0, 0, 0, confidence)
    values = suggested.astype(float).fillna(0.0)
    if not values.between(0, 1).all() or not values.index.is_unique:
        raise ArgumentError(
            "suggested must be between 0 and 1, one row for each trace; NaN where there is none"
        )
    drawn = pd.Series(truth, dtype=float)
    stranger = drawn.index.difference(values.index)
    if len(stranger):
        raise ArgumentError(
            f"trace {stranger[0]!r} was read and is not in suggested; suggested needs every trace of the population, "
            "NaN where nothing is suggested"
        )
    if held_out is not None:
        missing = drawn.index.difference(held_out.index)
        if len(missing):
            raise ArgumentError(
                f"held_out lacks trace {missing[0]!r}; it needs every trace in truth, NaN where nothing is suggested"
            )
        values.loc[drawn.index] = held_out.loc[drawn.index].astype(float).fillna(0.0)
    where = pd.Series(0, index=values.index) if strata is None else strata.reindex(values.index)
    if where.isna().any():
        raise ArgumentError(
            f"strata lacks trace {where.index[where.isna()][0]!r}; it needs every trace in suggested"
        )
    code, names = pd.factorize(where)
    at = values.index.get_indexer(drawn.index)
    return _difference(
        drawn.to_numpy(),
        values.to_numpy()[at],
        code[at],
        sizes=np.bincount(code, minlength=len(names)),
        sums=np.bincount(code, weights=values.to_numpy(), minlength=len(names)),
        confidence=confidence,
    )


def _difference(
    truth: np.ndarray,
    guess: np.ndarray,
    stratum: np.ndarray,
    *,
    sizes: np.ndarray,
    sums: np.ndarray,
    confidence: float,
) -> Assisted:
    """``difference_estimate`` on arrays; ``sums`` are those of the suggestions over each stratum's population."""
    strata, n = len(sizes), len(truth)
    read = np.bincount(stratum, minlength=strata)

    def no(reason: str) -> Assisted:
        return Assisted(math.nan, math.nan, math.nan, math.nan, reason)

    hits = int(truth.sum())
    if n < FEWEST_READS:
        return no(f"fewer than {FEWEST_READS} reads")
    if min(hits, n - hits) < FEWEST_HITS:
        return no(f"fewer than {FEWEST_HITS} {'hits' if hits < n - hits else 'reads without it'}")
    if (read == 0).any():
        return no("a stratum is unread")
    weight = sizes / sizes.sum()

    def means(values: np.ndarray) -> np.ndarray:
        return np.asarray(np.bincount(stratum, weights=values, minlength=strata) / read)

    def squares(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        product = (one - means(one)[stratum]) * (other - means(other)[stratum])
        return np.bincount(stratum, weights=product, minlength=strata)

    def variance(
        values: np.ndarray, *, lost: int
    ) -> np.ndarray:  # of the mean's parts, without the correction
        # one hit that nothing foretold is added to the squares; a stratum borrows from all as in stratified_interval
        whole = (squares(values, values).sum() + 1) / (n - strata - lost)
        toward = 1 / min(plain, 1 - plain)
        within = squares(values, values) + read / n + toward * whole
        return np.asarray(weight**2 / read * within / (read * (1 - (lost + strata) / n) + toward))

    plain = float(weight @ means(truth))
    left = 1 - read / sizes
    if not left.any():
        return no("everything was read")
    scale = weight**2 * left / read / np.maximum(read - 1, 1)
    spread = float(scale @ squares(guess, guess))
    if spread <= 1e-12:
        return no("the suggestions do not vary among the reads")
    slope = min(float(scale @ squares(guess, truth)) / spread, 1.0)
    if slope <= 0:
        return no("the suggestions go with fewer hits")
    away = float(weight @ (sums / sizes - means(guess)))
    estimate = plain + slope * away
    parts = variance(truth - slope * guess, lost=1) * (1 + away**2 / (spread * max(n - strata, 1)))
    if not 0 < estimate < 1 or parts @ left >= variance(truth, lost=0) @ left:
        return no("the suggestions do not narrow it")
    low, high = simple_sample_interval(
        estimate,
        reads=estimate * (1 - estimate) / float(parts.sum()),
        unread=float(parts @ left / parts.sum()),
        confidence=confidence,
    )
    return Assisted(estimate, low, high, slope, "")


class Helper:
    """Suggestions laid beside the reads of a sample."""

    def __init__(
        self,
        suggested: pd.DataFrame,
        held_out: pd.DataFrame,
        strata: pd.Series | None,
        used: pd.DataFrame,
        sizes: pd.Series,
    ) -> None:
        if len(sizes) > 1 and strata is None:
            raise ArgumentError(f"the sample has {len(sizes)} strata; give strata=, trace id -> stratum")
        where = pd.Series(sizes.index[0], suggested.index) if strata is None else strata
        lacking = used["trace_id"][~used["trace_id"].isin(held_out.index)]
        if len(lacking):
            raise ArgumentError(
                f"held_out lacks trace {lacking.iloc[0]!r}; it needs every sampled trace that was read"
            )
        self._suggested, self._held_out, self._used = suggested, held_out, used
        self._sizes = sizes.to_numpy()
        self._code = sizes.index.get_indexer(where.reindex(suggested.index))
        there = np.bincount(self._code[self._code >= 0], minlength=len(sizes))
        if (self._code < 0).any() or (there != self._sizes).any():
            raise ArgumentError(
                f"suggested has {len(suggested):,} traces, the sample was drawn from {int(self._sizes.sum()):,}; "
                "give a row for every trace that could be drawn and no other, NaN where nothing is suggested"
            )
        self._at = suggested.index.get_indexer(used["trace_id"])
        if (self._at < 0).any():
            raise ArgumentError(
                f"suggested lacks trace {used['trace_id'].iloc[int(np.argmin(self._at))]!r} of the sample"
            )

    def estimate(self, mode: str, truth: np.ndarray, confidence: float) -> Assisted:
        values = _column(self._suggested, mode)
        if values is None:
            return Assisted(math.nan, math.nan, math.nan, math.nan, "nothing was suggested")
        own = _column(self._held_out.loc[self._used["trace_id"]], mode)
        values = values.copy()
        values[self._at] = 0.0 if own is None else own
        return _difference(
            truth,
            values[self._at],
            self._code[self._at],
            sizes=self._sizes,
            sums=np.bincount(self._code, weights=values, minlength=len(self._sizes)),
            confidence=confidence,
        )


def _column(suggested: pd.DataFrame, mode: str) -> np.ndarray | None:
    if mode in suggested.columns:
        values = suggested[mode].to_numpy(dtype=float)
    elif mode == ANY_FAILURE and len(suggested.columns):
        values = 1 - (1 - suggested.fillna(0.0).to_numpy(dtype=float)).prod(axis=1)
    else:
        return None
    values = np.where(np.isnan(values), 0.0, values)
    if ((values < 0) | (values > 1)).any():
        raise ArgumentError(f"the suggestions for {mode!r} must be between 0 and 1, NaN where there is none")
    return values
