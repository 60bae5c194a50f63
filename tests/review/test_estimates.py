"""Numbers from a review, against published figures and by simulation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from failscope.errors import ArgumentError
from failscope.review.assisted import ANY_FAILURE, difference_estimate
from failscope.review.estimates import domain_frame, prevalence_frame, score_frame
from failscope.review.intervals import likelihood_interval, reads_needed, share_interval, stratified_interval
from failscope.review.sampling import allocate
from failscope.review.saturation import saturation_frame


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


def _cover(population: int, n: int, share: float) -> float:
    """The exact cover, over rates drawn evenly from a quarter below to a quarter above the share."""
    from scipy.stats import hypergeom

    held = []
    ends = [likelihood_interval(c, n, population=population) for c in range(n + 1)]
    low, high = np.array(ends).T
    for hits in np.unique(np.round(np.linspace(0.75, 1.25, 21) * share * population).astype(int)):
        inside = (low <= hits / population) & (hits / population <= high)
        held.append(hypergeom.pmf(np.arange(n + 1), population, hits, n) @ inside)
    return float(np.mean(held))


@pytest.mark.parametrize("population", [400, 4_000, 50_000])
@pytest.mark.parametrize("n", [12, 24, 60, 150])
def test_intervals_of_prevalence_cover_93_to_97_percent_where_a_hit_can_be_expected(population, n):
    for share in (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5):
        cover = _cover(population, n, share)
        assert cover >= 0.93
        # with less than one hit to expect, or five hits in the population, a count of none alone holds more than that
        assert cover <= (0.97 if n * share >= 1 and population * share > 5 else 1)


def test_intervals_of_prevalence_are_narrower_where_hits_are_rare():
    for count, of in [(0, 24), (1, 60), (2, 150)]:
        low, high = likelihood_interval(count, of, population=4_000)
        wide_low, wide_high = share_interval(count, of, population=4_000)
        assert high - low < 0.97 * (wide_high - wide_low)


@pytest.mark.parametrize("count", [0, 3, 24])
def test_an_interval_is_the_same_seen_from_the_other_side(count):
    low, high = likelihood_interval(count, 24, population=777)
    other_low, other_high = likelihood_interval(24 - count, 24, population=777)
    assert (low, high) == pytest.approx((1 - other_high, 1 - other_low), abs=1.5 / 777)


def test_reading_everything_or_nothing_is_what_it_is_for_prevalence_too():
    assert likelihood_interval(3, 40, population=40) == (3 / 40, 3 / 40)
    assert likelihood_interval(0, 0, population=40) == (0.0, 1.0)


def test_a_count_that_cannot_be_is_refused():
    with pytest.raises(ArgumentError, match="each is at most the next"):
        likelihood_interval(5, 4, population=40)


def test_one_stratum_is_a_simple_sample():
    _, low, high = stratified_interval(np.array([3]), np.array([60]), np.array([400]))
    assert (low, high) == pytest.approx(likelihood_interval(3, 60, population=400))


def _korn_graubard(counts: np.ndarray, read: np.ndarray, sizes: np.ndarray) -> tuple[float, float]:
    """Korn and Graubard 1998, what stratified_interval is compared with."""
    from scipy.stats import beta, t

    weight, share, total = sizes / sizes.sum(), counts / read, int(read.sum())
    estimate = float(weight @ share)
    reads = min(1 / float((weight**2 / read).sum()), total)
    variance = float((weight**2 * (1 - read / sizes) * share * (1 - share) / np.maximum(read - 1, 1)).sum())
    if variance > 0:
        wider = (t.ppf(0.975, total - 1) / t.ppf(0.975, total - len(read))) ** 2
        reads = min(reads, estimate * (1 - estimate) / variance * wider)
    hits = estimate * reads
    low = beta.ppf(0.025, hits, reads - hits + 1) if hits else 0.0
    return float(low), float(beta.ppf(0.975, hits + 1, reads - hits))


@pytest.mark.parametrize("share", [0.005, 0.02, 0.1])
@pytest.mark.parametrize("pattern", ["even", "large strata", "small strata"])
def test_stratified_intervals_cover_and_are_narrower_than_korn_and_graubards(share, pattern):
    """Rates drawn evenly from a quarter below to a quarter above; hits where the pattern says."""
    rng = np.random.default_rng(0)
    sizes = np.array([2000, 900, 500, 300, 150, 100, 50])
    read = allocate(sizes, 120)
    tilt = {
        "even": np.ones(7),
        "large strata": np.linspace(1.8, 0.2, 7),
        "small strata": np.linspace(0.2, 1.8, 7),
    }
    shape = tilt[pattern] / (sizes @ tilt[pattern] / sizes.sum())
    held, ours, theirs = [], [], []
    for _ in range(800):
        rates = share * rng.uniform(0.75, 1.25) * shape
        hits = np.floor(rates * sizes + rng.random(7)).astype(int)
        counts = rng.hypergeometric(hits, sizes - hits, read)
        _, low, high = stratified_interval(counts, read, sizes)
        held.append(low <= hits.sum() / sizes.sum() <= high)
        ours.append(high - low)
        low, high = _korn_graubard(counts, read, sizes)
        theirs.append(high - low)
    assert 0.93 <= np.mean(held) <= 0.99
    assert np.mean(ours) < 0.92 * np.mean(theirs)


# suggestions ---------------------------------------------------------------------------------------------------

TRUE = [1, 0, 0, 1, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0]
SAID = [0.9, 0.1, 0.2, 0.7, 0.1, 0.6, 0.3, 0.1, 0.8, 0.2, 0, 0.4, 0.1, 0.5, 0.1, 0.7, 0.2, 0.1, 0.9, 0.3]


def _twenty_of_a_hundred() -> tuple[dict[str, bool], pd.Series]:
    said = [*SAID, *[0.9, 0.1, 0.0, 0.2, 0.6, 0.1, 0.3, 0.1] * 10]
    suggested = pd.Series(said, index=[f"t{i}" for i in range(100)])
    return {f"t{i}": bool(hit) for i, hit in enumerate(TRUE)}, suggested


def test_the_assisted_estimate_is_that_of_prediction_powered_inference():
    # ppi_py 0.2.3: ppi_mean_pointestimate(Y, P, U, lam=0.8) is 0.288; its lam is the weight * 80 / 100, as its
    # unlabelled mean leaves out the traces that were read
    truth, suggested = _twenty_of_a_hundred()
    found = difference_estimate(truth, suggested, held_out=None)
    assert found.weight == 1
    assert found.estimate == pytest.approx(0.288, abs=1e-12)
    assert 0 < found.low < found.estimate < found.high < 1


def test_suggestions_learned_from_the_reads_are_replaced_by_those_held_out():
    truth, suggested = _twenty_of_a_hundred()
    leaked = suggested.copy()
    leaked.loc[list(truth)] = [float(hit) for hit in truth.values()]
    assert difference_estimate(truth, leaked, held_out=suggested.loc[list(truth)]) == difference_estimate(
        truth, suggested, held_out=None
    )


def test_suggestions_that_cannot_help_are_not_used():
    truth, suggested = _twenty_of_a_hundred()
    reasons = {
        "do not vary": difference_estimate(truth, suggested * 0 + 0.2, held_out=None),
        "fewer hits": difference_estimate(truth, 1 - suggested, held_out=None),
        "fewer than 5 hits": difference_estimate(dict.fromkeys(truth, False), suggested, held_out=None),
        "fewer than 20 reads": difference_estimate({"t0": True, "t1": False}, suggested, held_out=None),
        "everything was read": difference_estimate(truth, suggested.loc[list(truth)], held_out=None),
    }
    for said, found in reasons.items():
        assert said in found.reason
        assert np.isnan([found.estimate, found.low, found.high]).all()


def test_a_read_trace_without_a_suggestion_row_is_refused():
    truth, suggested = _twenty_of_a_hundred()
    with pytest.raises(ArgumentError, match="'t3' was read and is not in suggested"):
        difference_estimate(truth, suggested.drop("t3"), held_out=None)
    with pytest.raises(ArgumentError, match="held_out lacks trace 't7'"):
        difference_estimate(truth, suggested, held_out=suggested.drop("t7"))


def _guesses(rng: np.random.Generator, hit: np.ndarray, kind: str) -> np.ndarray:
    n = len(hit)
    if kind == "informative":  # three of four hits are foreseen, and one in twenty of the rest falsely
        return np.where(rng.random(n) < np.where(hit, 0.75, 0.05), 0.8, 0.1)
    if kind == "useless":
        return rng.beta(0.5, 3, n)
    return np.where(hit, 0.05, rng.beta(1, 3, n))  # misleading


def _assisted(kind: str, share: float, n: int, reps: int = 300) -> tuple[float, float, float]:
    """How often it was used; the cover of what is then reported, else of the plain one; the width against that."""
    rng = np.random.default_rng(0)
    population, ids = 2_000, np.array([f"t{i}" for i in range(2_000)])
    used, held, width = [], [], []
    for _ in range(reps):
        hit = rng.random(population) < share * rng.uniform(0.75, 1.25)
        suggested = pd.Series(_guesses(rng, hit, kind), index=ids)
        drawn = rng.choice(population, n, replace=False)
        low, high = likelihood_interval(int(hit[drawn].sum()), n, population=population)
        plain = high - low
        found = difference_estimate(dict(zip(ids[drawn], hit[drawn], strict=True)), suggested, held_out=None)
        used.append(not found.reason and found.high - found.low < plain)
        if used[-1]:
            low, high = found.low, found.high
        held.append(low <= hit.mean() <= high)
        width.append((high - low) / plain)
    return float(np.mean(used)), float(np.mean(held)), float(np.mean(width))


@pytest.mark.parametrize(("share", "n"), [(0.05, 60), (0.1, 150), (0.3, 60), (0.5, 150)])
def test_good_suggestions_narrow_the_interval_and_it_still_covers(share, n):
    used, held, width = _assisted("informative", share, n)
    assert held >= 0.93
    assert width < 1 if n * share < 5 else width < 0.9
    assert used > 0.9 or n * share < 10


@pytest.mark.parametrize("kind", ["useless", "misleading"])
@pytest.mark.parametrize(("share", "n"), [(0.1, 60), (0.5, 60)])
def test_bad_suggestions_are_not_used_and_harm_nothing(kind, share, n):
    used, held, _ = _assisted(kind, share, n)
    assert used <= 0.03
    assert held >= 0.93


def test_a_model_that_saw_the_answers_makes_the_interval_too_narrow():
    """Why held_out is asked for: useless suggestions, but the reads' own are their answers."""
    rng = np.random.default_rng(0)
    ids = np.array([f"t{i}" for i in range(2_000)])
    held = {"leaked": [], "held out": []}
    for _ in range(80):
        hit = rng.random(2_000) < 0.3
        honest = pd.Series(rng.uniform(0, 0.4, 2_000), index=ids)
        drawn = ids[rng.choice(2_000, 60, replace=False)]
        truth = {t: bool(hit[int(t[1:])]) for t in drawn}
        leaked = honest.copy()
        leaked.loc[drawn] = [float(truth[t]) for t in drawn]
        for name, own in (("leaked", None), ("held out", honest.loc[drawn])):
            found = difference_estimate(truth, leaked, held_out=own)
            if not found.reason:
                held[name].append(found.low <= hit.mean() <= found.high)
    assert np.mean(held["leaked"]) < 0.8
    assert len(held["held out"]) < 0.2 * len(held["leaked"])


def _assisted_frame(**more) -> pd.DataFrame:
    truth, suggested = _twenty_of_a_hundred()
    read = {t: ["loop"] if hit else [] for t, hit in truth.items()}
    sample = pd.DataFrame({"trace_id": list(truth), "stratum": 0, "size": 100})
    return prevalence_frame(read, sample, suggested=suggested.to_frame("loop"), **more)


def test_the_assisted_estimate_stands_beside_the_plain_one():
    _, suggested = _twenty_of_a_hundred()
    frame = _assisted_frame(held_out=suggested.to_frame("loop"))
    assert frame.columns.tolist()[:6] == ["estimate", "low", "high", "count", "of", "naive"]
    assert frame.loc["loop", ["estimate", "assisted"]].tolist() == pytest.approx([0.35, 0.288])
    row = frame.loc["loop"]
    assert row["assisted_high"] - row["assisted_low"] < row["high"] - row["low"]
    assert row["method"] == "simple random sample; assisted by suggestions, weight 1.00"
    assert frame.loc[ANY_FAILURE, "assisted"] == row["assisted"]


def test_suggestions_need_those_held_out():
    with pytest.raises(ArgumentError, match="came without held_out"):
        _assisted_frame()


def test_suggestions_for_other_traces_than_were_drawn_from_are_refused():
    truth, suggested = _twenty_of_a_hundred()
    frame = suggested.to_frame("loop")
    sample = pd.DataFrame({"trace_id": list(truth), "stratum": 0, "size": 90})
    with pytest.raises(ArgumentError, match="suggested has 100 traces, the sample was drawn from 90"):
        prevalence_frame(dict.fromkeys(truth, ()), sample, suggested=frame, held_out=frame)


def test_without_suggestions_the_assisted_columns_are_empty():
    frame = prevalence_frame({"r0": ["loop"]}, _sample(3, 100))
    assert frame[["assisted", "assisted_low", "assisted_high"]].isna().all(axis=None)
    assert frame.loc["loop", "method"] == "simple random sample"


def test_strata_may_be_assisted_too():
    rng = np.random.default_rng(3)
    ids = [f"t{i}" for i in range(900)]
    strata = pd.Series([0] * 600 + [1] * 300, index=ids)
    hit = rng.random(900) < np.where(strata == 0, 0.2, 0.5)
    suggested = pd.DataFrame({"loop": _guesses(rng, hit, "informative")}, index=ids)
    drawn = [
        ids[i] for i in [*rng.choice(600, 50, replace=False), *(600 + rng.choice(300, 40, replace=False))]
    ]
    sample = pd.DataFrame({"trace_id": drawn, "stratum": strata[drawn].to_numpy()})
    sample["size"] = sample["stratum"].map({0: 600, 1: 300})
    read = {t: ["loop"] if hit[int(t[1:])] else [] for t in drawn}
    row = prevalence_frame(read, sample, suggested=suggested, held_out=suggested, strata=strata).loc["loop"]
    assert row["assisted_low"] <= hit.mean() <= row["assisted_high"]
    alone = difference_estimate(
        {t: bool(modes) for t, modes in read.items()}, suggested["loop"], held_out=None, strata=strata
    )
    assert (row["assisted"], row["assisted_low"]) == pytest.approx((alone.estimate, alone.low))


# how many more, and where ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "of", "population", "within"), [(6, 24, 4_000, 0.05), (1, 60, 2_000, 0.02)]
)
def test_that_many_more_reads_give_about_the_width_that_was_asked_for(count, of, population, within):
    more = reads_needed(count, of, population=population, within=within)
    share, n = (count + 0.5) / (of + 1), of + more
    hits = round(share * population)
    counts = np.random.default_rng(0).hypergeometric(hits, population - hits, n, size=300)
    halves = [np.ptp(likelihood_interval(int(c), n, population=population)) / 2 for c in counts]
    assert np.mean(halves) == pytest.approx(within, rel=0.05)
    fewer = [
        np.ptp(likelihood_interval(int(c * 0.8), int(n * 0.8), population=population)) / 2 for c in counts
    ]
    assert np.mean(fewer) > within


def test_a_width_that_is_there_needs_no_more_reads():
    assert reads_needed(0, 150, population=4_000, within=0.02) == 0
    assert reads_needed(3, 40, population=40) == 0


def test_no_number_of_reads_is_above_what_there_is():
    assert reads_needed(5, 10, population=60, within=0.001) == 50


def test_each_domain_is_estimated_from_its_own_reads():
    read = {"r0": ["loop"], "r1": [], "r2": [], "r3": ["loop"], "c0": ["loop"]}
    domains = pd.Series([0, 0, 1, 0, *[1] * 96, 2], index=[*[f"r{i}" for i in range(100)], "c0"])
    frame = domain_frame(read, _sample(4, 101), domains)
    assert frame.index.tolist() == [0, 1, 2]
    assert frame.loc[0, ["count", "of", "size"]].tolist() == [2, 3, 3]
    assert frame.loc[0, ["low", "high"]].tolist() == pytest.approx([2 / 3, 2 / 3])
    assert frame.loc[1, ["low", "high"]].tolist() == list(likelihood_interval(0, 1, population=97))


def test_a_domain_without_a_read_is_unknown():
    domains = pd.Series([0] * 9 + [1], index=[f"r{i}" for i in range(10)])
    frame = domain_frame({"r0": []}, _sample(3, 10), domains)
    assert np.isnan(frame.loc[1, "estimate"])
    assert frame.loc[1, ["low", "high", "count", "of", "size"]].tolist() == [0, 1, 0, 0, 1]


def test_domains_across_strata_are_weighed_and_covered():
    rng = np.random.default_rng(0)
    sizes, read_of = {0: 600, 1: 200}, {0: 30, 1: 30}
    ids = np.array([f"t{i}" for i in range(800)])
    strata = np.repeat([0, 1], [600, 200])
    domains = pd.Series(np.where(rng.random(800) < 0.5, "a", "b"), index=ids)
    hit = rng.random(800) < np.where(strata == 0, 0.1, 0.4)
    truth = pd.Series(hit, index=ids).groupby(domains).mean()
    held, estimates = [], []
    for _ in range(120):
        drawn = [
            i for s in (0, 1) for i in rng.choice(np.flatnonzero(strata == s), read_of[s], replace=False)
        ]
        sample = pd.DataFrame({"trace_id": ids[drawn], "stratum": strata[drawn]})
        sample["size"] = sample["stratum"].map(sizes)
        frame = domain_frame({ids[i]: ["x"] if hit[i] else [] for i in drawn}, sample, domains)
        estimates.append(frame["estimate"])
        held += ((frame["low"] <= truth) & (truth <= frame["high"])).tolist()
    assert np.mean(held) >= 0.93
    assert np.allclose(np.mean(estimates, axis=0), truth, atol=0.03)


def test_scores_have_a_mean_and_an_interval_inside_their_scale():
    scores = {"r0": {"relevance": 5}, "r1": {"relevance": 5}, "r2": {}, "r3": {"relevance": 5}}
    frame = score_frame(scores, _sample(4, 100), {"relevance": (1, 5), "safety": (0, 1)})
    assert frame.loc["relevance", ["estimate", "high", "of"]].tolist() == [5, 5, 3]
    assert frame.loc["relevance", "low"] < 4.5  # three equal scores do not prove that all are equal
    assert np.isnan(frame.loc["safety", "estimate"])
    assert frame.loc["safety", ["low", "high", "of"]].tolist() == [0, 1, 0]


def test_a_score_outside_its_scale_is_refused():
    with pytest.raises(ArgumentError, match="a score of 'relevance' is 7"):
        score_frame({"r0": {"relevance": 7}}, _sample(1, 100), {"relevance": (1, 5)})


@pytest.mark.parametrize("n", [12, 60])
@pytest.mark.parametrize("odds", [(1, 1, 2, 4, 8), (0, 0, 1, 2, 40), (1, 1, 1, 1, 1)])
def test_intervals_of_mean_scores_cover(n, odds):
    rng = np.random.default_rng(0)
    score = rng.choice(np.arange(1, 6), 1_000, p=np.array(odds) / sum(odds))
    held = []
    for _ in range(300):
        drawn = rng.choice(1_000, n, replace=False)
        scores = {f"r{i}": {"relevance": float(score[d])} for i, d in enumerate(drawn)}
        row = score_frame(scores, _sample(n, 1_000), {"relevance": (1, 5)}).loc["relevance"]
        held.append(row["low"] <= score.mean() <= row["high"])
    assert np.mean(held) >= 0.93
