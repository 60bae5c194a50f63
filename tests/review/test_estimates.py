"""Numbers from a review, against published figures and by simulation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from failscope.review.estimates import (
    prevalence_frame,
    saturation_frame,
    share_interval,
    stratified_interval,
)
from failscope.review.sampling import allocate


def test_in_a_large_population_the_interval_is_the_binomial_one_of_the_literature():
    # Newcombe 1998, Statistics in Medicine 17, table I, method 6 (mid-P)
    for count, of, low, high in [
        (81, 263, 0.2544, 0.3658),
        (15, 148, 0.0601, 0.1581),
        (0, 20, 0, 0.1391),
        (1, 29, 0.0017, 0.1585),
    ]:
        assert share_interval(count, of, population=10**7) == pytest.approx((low, high), abs=6e-5)


def test_reading_everything_leaves_no_doubt():
    assert share_interval(3, 40, population=40) == (3 / 40, 3 / 40)


def test_reading_nothing_says_nothing():
    assert share_interval(0, 0, population=40) == (0.0, 1.0)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.2, 0.5])
def test_intervals_cover_what_they_say(share):
    """Samples of 60 out of 400 without replacement. Counts are whole, so one rate alone may be covered more or less
    often; over the rates around it the cover is what it says, and rare ones are covered more, not less."""
    rng = np.random.default_rng(0)
    population, n = 400, 60
    around = [h for h in range(round(share * population) - 3, round(share * population) + 4) if h > 0]
    intervals = [share_interval(c, n, population=population) for c in range(n + 1)]
    held = []
    for hits in around:
        counts = rng.hypergeometric(hits, population - hits, n, size=3000)
        held += [intervals[c][0] <= hits / population <= intervals[c][1] for c in counts]
    assert 0.935 <= np.mean(held) <= (0.99 if share < 0.05 else 0.97)


@pytest.mark.parametrize("share", [0.005, 0.05, 0.3])
@pytest.mark.parametrize("uneven", [False, True])
def test_intervals_of_stratified_samples_cover_at_least_what_they_say(share, uneven):
    rng = np.random.default_rng(0)
    sizes = np.array([2000, 900, 500, 300, 150, 100, 50])
    read = allocate(sizes, 120)
    rates = share * (np.linspace(0.2, 1.8, len(sizes)) if uneven else np.ones(len(sizes)))
    hits = np.round(rates * sizes).astype(int)
    truth = hits.sum() / sizes.sum()
    held, estimates = [], []
    for _ in range(1500):
        estimate, low, high = stratified_interval(rng.hypergeometric(hits, sizes - hits, read), read, sizes)
        held.append(low <= truth <= high)
        estimates.append(estimate)
    assert np.mean(held) >= 0.945
    assert np.mean(estimates) == pytest.approx(truth, abs=4 * np.std(estimates) / 1500**0.5)


def test_a_stratum_that_nobody_read_leaves_the_share_open():
    estimate, low, high = stratified_interval(np.array([1, 0]), np.array([5, 0]), np.array([50, 50]))
    assert np.isnan(estimate)
    assert (low, high) == (0.0, 1.0)


def test_strata_read_to_the_end_leave_no_doubt():
    assert stratified_interval(np.array([1, 2]), np.array([5, 5]), np.array([5, 5])) == pytest.approx(
        (0.3,) * 3
    )


def _sample(n: int, population: int) -> pd.DataFrame:
    return pd.DataFrame({"trace_id": [f"r{i}" for i in range(n)], "stratum": 0, "size": population})


def test_chosen_traces_do_not_move_the_estimate():
    read = {f"r{i}": ["refusal"] if i < 2 else [] for i in range(10)}
    alone = prevalence_frame(read, _sample(10, 1000))
    with_chosen = prevalence_frame(
        {"c0": ["refusal"], "c1": ["refusal"], "c2": ["refusal"], **read}, _sample(10, 1000)
    )
    assert alone.loc["refusal", ["estimate", "low", "high"]].equals(
        with_chosen.loc["refusal", ["estimate", "low", "high"]]
    )
    assert alone.loc["refusal", "estimate"] == 0.2
    assert with_chosen.loc["refusal", "naive"] == pytest.approx(5 / 13)


def test_only_the_unbroken_beginning_of_the_sample_is_used():
    read = {"r0": [], "r1": ["loop"], "r3": ["loop"]}
    frame = prevalence_frame(read, _sample(5, 100))
    assert frame.loc["loop", ["count", "of"]].tolist() == [1, 2]


def test_a_reading_counts_for_what_is_alike_but_is_one_reading():
    frame = prevalence_frame({"c0": ["loop"], "r0": []}, _sample(3, 100), counted={"r1": ["loop"]})
    assert frame.loc["loop", ["count", "of", "naive"]].tolist() == [1, 2, 0.5]


def test_a_plan_without_a_random_sample_gives_no_estimate():
    frame = prevalence_frame({"c0": ["loop"]}, _sample(0, 100))
    assert np.isnan(frame.loc["loop", "estimate"])
    assert frame.loc["loop", ["low", "high"]].tolist() == [0.0, 1.0]


def test_saturation_counts_modes_met_and_the_chance_of_a_new_one():
    frame = saturation_frame({"a": ["x"], "b": [], "c": ["x", "y"], "d": ["y"]})
    assert frame["modes"].tolist() == [1, 1, 2, 2]
    assert frame["unseen"].tolist() == [1.0, 1.0, 1 / 3, 0.0]
