"""Numbers from a review, against published figures and by simulation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from failscope.review.estimates import prevalence_frame, saturation_frame, share_interval


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


def _plan(n_random: int, chosen: list[str]) -> pd.DataFrame:
    ids = [f"r{i}" for i in range(n_random)]
    return pd.DataFrame({"trace_id": chosen + ids, "probability": [np.nan] * len(chosen) + [0.1] * n_random})


def test_chosen_traces_do_not_move_the_estimate():
    plan = _plan(10, ["c0", "c1", "c2"])
    read = {f"r{i}": ["refusal"] if i < 2 else [] for i in range(10)}
    alone = prevalence_frame(read, plan, population=1000)
    with_chosen = prevalence_frame(
        {"c0": ["refusal"], "c1": ["refusal"], "c2": ["refusal"], **read}, plan, population=1000
    )
    assert alone.loc["refusal", ["estimate", "low", "high"]].equals(
        with_chosen.loc["refusal", ["estimate", "low", "high"]]
    )
    assert alone.loc["refusal", "estimate"] == 0.2
    assert with_chosen.loc["refusal", "naive"] == pytest.approx(5 / 13)


def test_only_the_unbroken_beginning_of_the_sample_is_used():
    read = {"r0": [], "r1": ["loop"], "r3": ["loop"]}
    frame = prevalence_frame(read, _plan(5, []), population=100)
    assert frame.loc["loop", ["count", "of"]].tolist() == [1, 2]


def test_saturation_counts_modes_met_and_the_chance_of_a_new_one():
    frame = saturation_frame({"a": ["x"], "b": [], "c": ["x", "y"], "d": ["y"]})
    assert frame["modes"].tolist() == [1, 1, 2, 2]
    assert frame["unseen"].tolist() == [1.0, 1.0, 1 / 3, 0.0]
