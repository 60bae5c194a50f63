"""Numbers from what was read: how common a failure mode is in all the traces, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from failscope.errors import ArgumentError
from failscope.review.assisted import ANY_FAILURE, Helper
from failscope.review.intervals import likelihood_interval, simple_sample_interval, stratified_interval


def prevalence_frame(
    read: Mapping[str, Sequence[str]],
    sample: pd.DataFrame,
    *,
    counted: Mapping[str, Sequence[str]] | None = None,
    confidence: float = 0.95,
    suggested: pd.DataFrame | None = None,
    held_out: pd.DataFrame | None = None,
    strata: pd.Series | None = None,
) -> pd.DataFrame:
    """The share of each failure mode in the population, from the random sample as far as it was read.

    Parameters
    ----------
    read : mapping
        Trace id -> its failure modes, [] for fine.
    sample : pandas.DataFrame
        ``ReviewPlan.sample()``: ``trace_id`` in the order of the draw, ``stratum``, ``size`` of the stratum.
    counted : mapping, optional
        The same for traces that nobody read, but one that is alike.
    suggested : pandas.DataFrame, optional
        Index ``trace_id``: every trace of the population, and no other; a column for each failure mode with the
        confidence that it is there, NaN for none. For any failure, a column ``ANY_FAILURE`` or else the chance of at
        least one if the modes were independent.
    held_out : pandas.DataFrame, optional
        The same for the traces of the sample that were read, from models that did not learn from them; needed with
        ``suggested``, see ``difference_estimate``.
    strata : pandas.Series, optional
        Trace id -> stratum, for every trace of the population; needed with ``suggested`` from several strata.

    Returns
    -------
    pandas.DataFrame
        Index ``failure_mode``. ``estimate, low, high``: the share and its interval, from the sample alone. ``count,
        of``: hits and reads of the sample. ``naive``: the share among everything read. ``assisted, assisted_low,
        assisted_high``: with the help of the suggestions, where that is narrower, else NaN. ``method``: in words.

    Notes
    -----
    Of each stratum only the unbroken beginning of its draw is used: a reviewer who skips the hard ones would bias what
    comes after a gap.
    """
    if suggested is not None and held_out is None:
        raise ArgumentError(
            "suggested came without held_out; give the reads' suggestions from models that did not learn from them, "
            "or held_out=suggested when no model learned from any of them"
        )
    known = {**(counted or {}), **read}
    used = _used(known, sample)
    sizes = sample.groupby("stratum")["size"].first()
    taken = used.groupby("stratum").size().reindex(sizes.index, fill_value=0).to_numpy()
    modes = list(dict.fromkeys(m for said in read.values() for m in said))
    helper = None
    if suggested is not None and held_out is not None and len(sizes):
        helper = Helper(suggested, held_out, strata, used, sizes)
    rows = []
    for mode in [ANY_FAILURE, *modes]:
        hit = {t for t, said in known.items() if (said if mode == ANY_FAILURE else mode in said)}
        hits = used["trace_id"].isin(list(hit)).to_numpy()
        counts = used[hits].groupby("stratum").size().reindex(sizes.index, fill_value=0).to_numpy()
        if not len(sizes):
            estimate, low, high = math.nan, 0.0, 1.0
            method = "no random sample"
        elif len(sizes) == 1:
            count, of = int(counts[0]), int(taken[0])
            estimate = count / of if of else math.nan
            low, high = likelihood_interval(count, of, population=int(sizes.iloc[0]), confidence=confidence)
            method = "simple random sample"
        else:
            estimate, low, high = stratified_interval(counts, taken, sizes.to_numpy(), confidence=confidence)
            method = f"stratified random sample, {len(sizes)} strata"
        helped = (math.nan,) * 3
        if helper is not None:
            found = helper.estimate(mode, hits.astype(float), confidence)
            reason = found.reason
            if not reason and found.high - found.low >= high - low:
                reason = "the suggestions do not narrow it"
            if reason:
                method += f"; not assisted: {reason}"
            else:
                helped = (found.estimate, found.low, found.high)
                method += f"; assisted by suggestions, weight {found.weight:.2f}"
        naive = len(hit & read.keys()) / len(read) if read else math.nan
        rows.append((estimate, low, high, int(counts.sum()), int(taken.sum()), naive, *helped, method))
    index = pd.Index([ANY_FAILURE, *modes], name="failure_mode")
    columns = ["estimate", "low", "high", "count", "of", "naive", "assisted", "assisted_low", "assisted_high"]
    return pd.DataFrame(rows, index=index, columns=[*columns, "method"])


def domain_frame(
    read: Mapping[str, Sequence[str]],
    sample: pd.DataFrame,
    domains: pd.Series,
    *,
    failure_mode: str = ANY_FAILURE,
    counted: Mapping[str, Sequence[str]] | None = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """The share of failures in each part of the population, from the same random sample.

    Parameters
    ----------
    read, sample, counted
        As in ``prevalence_frame``.
    domains : pandas.Series
        Index ``trace_id``: every trace of the population; the part that it is in, a cluster for instance.
    failure_mode : str
        Of this one; any failure by default.

    Returns
    -------
    pandas.DataFrame
        Index ``domain``, the order of their names: ``estimate, low, high, count, of`` (hits and reads of the sample in
        it) and ``size``. Where the sample has no read, NaN and (0, 1): nothing is known of that part.

    Notes
    -----
    Given how many reads fell into a domain, they are a simple random sample of it (Cochran 1977, Sampling Techniques,
    2.13), and the interval is ``likelihood_interval``. From several strata the reads weigh size / reads of their
    stratum, the estimate is a ratio (Hájek 1971) and the interval that of as many reads as the weights are worth (Kish
    1965). A stratum of which nothing was read is left out.
    """
    known = {**(counted or {}), **read}
    used = _used(known, sample)
    used = used.assign(
        domain=domains.reindex(used["trace_id"]).to_numpy(),
        hit=[
            bool(known[t]) if failure_mode == ANY_FAILURE else failure_mode in known[t]
            for t in used["trace_id"]
        ],
    )
    if used["domain"].isna().any():
        lost = used.loc[used["domain"].isna(), "trace_id"].iloc[0]
        raise ArgumentError(f"domains lacks trace {lost!r}; it needs every trace of the population")
    used["weight"] = used["size"] / used.groupby("stratum")["trace_id"].transform("size")
    rows = []
    sizes = domains.value_counts().sort_index()
    for domain, size in sizes.items():
        part = used[used["domain"] == domain]
        estimate, low, high = _weighted_share(
            part["hit"].to_numpy(), part["weight"].to_numpy(dtype=float), int(size), confidence
        )
        rows.append((estimate, low, high, int(part["hit"].sum()), len(part), int(size)))
    columns = ["estimate", "low", "high", "count", "of", "size"]
    return pd.DataFrame(rows, index=pd.Index(sizes.index, name="domain"), columns=columns)


def score_frame(
    scores: Mapping[str, Mapping[str, float]],
    sample: pd.DataFrame,
    scales: Mapping[str, tuple[float, float]],
    *,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """The mean score of each dimension over the population, from the random sample as far as it was read.

    Parameters
    ----------
    scores : mapping
        Trace id -> dimension -> score, for every trace that was read; {} for one without scores.
    sample : pandas.DataFrame
        As in ``prevalence_frame``.
    scales : mapping
        Dimension -> its lowest and highest score.

    Returns
    -------
    pandas.DataFrame
        Index ``dimension``: ``estimate, low, high, of`` (reads of the sample with a score). Where there is none, NaN and
        the ends of the scale.

    Notes
    -----
    The mean over the traces that would be given a score, weighted by the design, as in ``domain_frame``. A score is put
    on 0 to 1; the interval is that of a share from as many reads as have the variance of the mean, to which half a read
    at the far end of the scale is added: five equal scores do not prove that all are equal.
    """
    used = _used(scores, sample)
    per_read = used["size"] / used.groupby("stratum")["trace_id"].transform("size")
    population = int(sample.groupby("stratum")["size"].first().sum())
    rows = []
    for dimension, (lowest, highest) in scales.items():
        if not lowest < highest:
            raise ArgumentError(
                f"the scale of {dimension!r} is ({lowest}, {highest}); give (lowest, highest)"
            )
        given = np.array([scores[t].get(dimension, math.nan) for t in used["trace_id"]], dtype=float)
        has = ~np.isnan(given)
        value, weight = (given[has] - lowest) / (highest - lowest), per_read.to_numpy(dtype=float)[has]
        if ((value < 0) | (value > 1)).any():
            raise ArgumentError(
                f"a score of {dimension!r} is {given[has][(value < 0) | (value > 1)][0]}; its scale is {lowest} to {highest}"
            )
        estimate, low, high = math.nan, 0.0, 1.0
        if has.any():
            estimate = float(weight @ value / weight.sum())
            worth = float(weight.sum() ** 2 / (weight**2).sum())
            most = estimate * (1 - estimate)
            spread = float(weight @ (value - estimate) ** 2 / weight.sum())
            far = max(estimate, 1 - estimate) ** 2
            variance = min((worth * spread + far / 2) / max(worth - 1, 1), most)
            low, high = simple_sample_interval(
                estimate,
                reads=worth * most / variance if variance > 0 else worth,
                unread=max(1 - len(used) / population, 0.0),
                confidence=confidence,
            )
        span = highest - lowest
        rows.append((lowest + span * estimate, lowest + span * low, lowest + span * high, int(has.sum())))
    index = pd.Index(list(scales), name="dimension")
    return pd.DataFrame(rows, index=index, columns=["estimate", "low", "high", "of"])


def _weighted_share(
    hit: np.ndarray, weight: np.ndarray, population: int, confidence: float
) -> tuple[float, float, float]:
    if not len(hit):
        return math.nan, 0.0, 1.0
    if np.ptp(weight) < 1e-9:
        low, high = likelihood_interval(
            int(hit.sum()), len(hit), population=population, confidence=confidence
        )
        return float(hit.mean()), low, high
    estimate = float(weight @ hit / weight.sum())
    reads = float(weight.sum() ** 2 / (weight**2).sum())
    unread = max(1 - len(hit) / population, 0.0)
    return estimate, *simple_sample_interval(estimate, reads=reads, unread=unread, confidence=confidence)


def _used(known: Mapping[str, object], sample: pd.DataFrame) -> pd.DataFrame:
    """Of each stratum, the beginning of its draw that was read without a gap."""
    unread = ~sample["trace_id"].isin(list(known))
    return sample[unread.groupby(sample["stratum"]).cumsum() == 0]
