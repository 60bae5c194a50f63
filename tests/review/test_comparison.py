"""A group beside the rest: against published figures, statsmodels' figures and by simulation."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from scipy.special import ndtri

from failscope.review import comparison as module
from failscope.review.comparison import compare_means, compare_medians, compare_shares, product_interval
from failscope.review.resampling import bca_interval


def _counts(x1, n1, x2, n2):
    event = np.r_[np.arange(n1) < x1, np.arange(n2) < x2]
    return event, np.r_[np.ones(n1, bool), np.zeros(n2, bool)]


def _each(n):
    """Every trace from somebody else, and as heavy as any other."""
    return {"unit": np.arange(n), "weight": np.ones(n)}


# Newcombe 1998, Statistics in Medicine 17, 873-890, table II, method 10
NEWCOMBE = {
    (56, 70, 48, 80): ("0.0524", "0.3339"),
    (9, 10, 3, 10): ("0.1705", "0.8090"),
    (6, 7, 2, 7): ("0.0582", "0.8062"),
    (5, 56, 0, 29): ("-0.0381", "0.1926"),
    (0, 10, 0, 20): ("-0.1611", "0.2775"),
    (0, 10, 0, 10): ("-0.2775", "0.2775"),
    (10, 10, 0, 20): ("0.6791", "1.0000"),
    (10, 10, 0, 10): ("0.6075", "1.0000"),
}


@pytest.mark.parametrize(("counts", "printed"), NEWCOMBE.items())
def test_the_difference_of_two_shares_is_newcombes(counts, printed):
    found = compare_shares(*_counts(*counts), **_each(counts[1] + counts[3]))
    assert [f"{end:.4f}" for end in found.ends] == list(printed)


def test_shares_are_those_of_statsmodels():
    # statsmodels 0.15.0: proportion_confint(56, 70, method="wilson") and (48, 80, ...)
    found = compare_shares(*_counts(56, 70, 48, 80), **_each(150))
    assert found.here_ends == pytest.approx((0.6918335550374695, 0.8769526075163705), abs=1e-12)
    assert (found.here, found.rest) == (0.8, 0.6)
    # and confint_proportions_2indep(5, 56, 0, 29, method="newcomb")
    found = compare_shares(*_counts(5, 56, 0, 29), **_each(85))
    assert found.ends == pytest.approx((-0.038137147903536936, 0.19256001385511165), abs=1e-12)


def test_a_share_that_differs_by_chance_alone_has_fishers_p_value():
    # Fisher's tea: 3 of 4 and 1 of 4; two-sided 34/70
    assert compare_shares(*_counts(3, 4, 1, 4), **_each(8)).p_value == pytest.approx(34 / 70)


def _clustered():
    rng = np.random.default_rng(7)
    unit = rng.integers(0, 150, 600)
    effect = rng.normal(size=150)
    inside = rng.random(600) < 0.3
    return unit, inside, np.exp(0.5 * rng.normal(size=600) + 0.5 * effect[unit] + 0.2 * inside)


@pytest.mark.parametrize(
    ("amounts", "difference", "error"),
    [(True, 0.28262048615596413, 0.09749244370612022), (False, 0.12017735007746481, 0.04382693230767534)],
)
def test_the_error_between_users_is_that_of_a_regression_with_clustered_errors(amounts, difference, error):
    # statsmodels 0.15.0: OLS(y, [1, inside]).fit(cov_type="cluster", cov_kwds={"groups": unit, "use_correction": False})
    unit, inside, y = _clustered()
    one, other = module._halves(y if amounts else (y > 1.2).astype(float), inside, unit, np.ones(600))
    assert one.mean - other.mean == pytest.approx(difference)
    pull = one.pull - other.pull
    assert np.sqrt(pull @ pull) == pytest.approx(error)
    found = np.sqrt(one.variance + other.variance - 2 * one.pull @ other.pull)
    assert found == pytest.approx(error, rel=0.01)  # few units are given a little more


def test_traces_of_users_who_repeat_themselves_count_as_their_users():
    event, inside = _counts(14, 40, 20, 160)
    apart = compare_shares(event, inside, **_each(200))
    # everything five times over, by the same users
    five = {"unit": np.repeat(np.arange(200), 5), "weight": np.ones(1000)}
    same = compare_shares(np.repeat(event, 5), np.repeat(inside, 5), **five)
    assert same.difference == pytest.approx(apart.difference)
    assert same.ends == pytest.approx(apart.ends, abs=0.02)
    assert same.p_value == pytest.approx(apart.p_value, rel=0.1)


def test_a_share_of_none_is_as_sure_as_there_are_users():
    event, inside = np.zeros(120, bool), np.arange(120) < 20
    alone = compare_shares(event, inside, unit=np.arange(120), weight=np.ones(120))
    few = compare_shares(
        event, inside, unit=np.r_[np.arange(20) // 5, np.arange(100) + 4], weight=np.ones(120)
    )
    assert alone.here_ends[1] == pytest.approx(
        compare_shares(*_counts(0, 20, 0, 9), **_each(29)).here_ends[1]
    )
    assert few.here_ends[1] == pytest.approx(compare_shares(*_counts(0, 4, 0, 9), **_each(13)).here_ends[1])


def test_heavier_traces_move_the_share_and_are_worth_fewer():
    event, inside = _counts(10, 20, 5, 40)
    weight = np.where(event, 3.0, 1.0)
    heavy = compare_shares(event, inside, unit=np.arange(60), weight=weight)
    assert heavy.here == pytest.approx(30 / 40)
    equal = compare_shares(event, inside, unit=np.arange(60), weight=np.full(60, 7.0))
    assert equal == compare_shares(event, inside, **_each(60))


def test_the_median_is_the_usual_one():
    rng = np.random.default_rng(0)
    for n in (11, 12):
        values, inside = rng.lognormal(size=n + 30), np.arange(n + 30) < n
        found = compare_medians(values, inside, **_each(n + 30))
        assert found.here == pytest.approx(np.median(values[:n]))
        assert found.rest == pytest.approx(np.median(values[n:]))


def test_the_interval_of_a_median_is_near_that_of_resampled_users():
    unit, inside, y = _clustered()
    found = compare_medians(y, inside, unit=unit, weight=np.ones(600))
    rng = np.random.default_rng(0)
    rows = [np.flatnonzero(unit == u) for u in range(150)]
    drawn = []
    for _ in range(1000):
        pick = np.concatenate([rows[u] for u in rng.integers(150, size=150)])
        drawn.append(np.median(y[pick][inside[pick]]) - np.median(y[pick][~inside[pick]]))
    low, high = np.quantile(drawn, (0.025, 0.975))
    assert found.ends[1] - found.ends[0] == pytest.approx(high - low, rel=0.2)
    assert sum(found.ends) / 2 == pytest.approx((low + high) / 2, abs=0.2 * (high - low))


def test_means_of_single_traces_are_those_of_scipys_bootstrap():
    from scipy.stats import bootstrap

    rng = np.random.default_rng(3)
    values, inside = rng.lognormal(size=300), np.arange(300) < 80
    (found,) = compare_means(values, [inside], **_each(300), resamples=4000)
    theirs = bootstrap((values[:80],), np.mean, method="BCa", rng=np.random.default_rng(1), n_resamples=4000)
    assert found.here == pytest.approx(values[:80].mean())
    ours = found.here_ends[1] - found.here_ends[0]
    assert ours == pytest.approx(
        np.ptp(theirs.confidence_interval), rel=0.08
    )  # a little wider: 80 are expanded
    assert found.difference == pytest.approx(values[:80].mean() - values[80:].mean())


def test_tiny_amounts_have_the_intervals_of_large_ones():
    rng = np.random.default_rng(3)
    values, inside = rng.lognormal(size=200), np.arange(200) < 50
    (dollars,) = compare_means(values, [inside], **_each(200))
    (millionths,) = compare_means(values * 1e-9, [inside], **_each(200))
    assert np.array(millionths.ends) * 1e9 == pytest.approx(np.array(dollars.ends))
    assert millionths.p_value == pytest.approx(dollars.p_value)


def test_nothing_on_one_side_is_nan_and_no_error():
    values, nobody = np.arange(20.0), np.zeros(20, bool)
    for found in (
        compare_medians(values, nobody, **_each(20)),
        *compare_means(values, [nobody, ~nobody], **_each(20)),
        compare_shares(values > 5, nobody, **_each(20)),
    ):
        assert np.isnan([found.difference, *found.ends, found.p_value]).all()
    assert compare_means(np.zeros(0), [np.zeros(0, bool)], **_each(0))[0].ends != (0, 0)


def _draw(rng, *, users, share, spread, own):
    """Unit, its effect and the group of traces of users who come back unevenly; ``own``: whole users are in the group."""
    many = 1 + rng.poisson(1.5, users) * (rng.random(users) < 0.7)
    many += (rng.random(users) < 0.05) * rng.integers(5, 15, users)
    unit = np.repeat(np.arange(users), many)
    effect = rng.normal(size=users) * spread
    inside = (rng.random(users) < share)[unit] if own else rng.random(len(unit)) < share
    return unit, effect[unit], inside


@pytest.mark.parametrize(
    ("kind", "users", "share", "here", "rest", "spread", "own", "least"),
    [
        ("share", 150, 0.1, 0.3, 0.05, 0.0, False, 0.93),
        ("share", 800, 0.05, 0.02, 0.02, 1.0, True, 0.93),
        ("share", 800, 0.05, 0.15, 0.03, 1.0, True, 0.9),
        ("median", 800, 0.05, 1.5, 1.0, 0.5, True, 0.9),
        ("mean", 800, 0.05, 1.5, 1.0, 0.5, True, 0.87),
        ("mean", 800, 0.05, 1.5, 1.0, 0.0, False, 0.89),
    ],
)
def test_intervals_cover_what_they_say_when_users_come_back(
    kind, users, share, here, rest, spread, own, least
):
    rng = np.random.default_rng(0)
    held = []
    for _ in range(300):
        unit, effect, inside = _draw(rng, users=users, share=share, spread=spread, own=own)
        given = {"unit": unit, "weight": np.ones(len(unit))}
        level = np.where(inside, here, rest)
        if kind == "share":  # a probit with an effect of the user: the share over all users is `level`
            event = rng.normal(size=len(unit)) < ndtri(level) * np.sqrt(1 + spread**2) + effect
            found, truth = compare_shares(event, inside, **given), here - rest
        else:
            values = level * np.exp(0.6 * rng.normal(size=len(unit)) + effect)
            truth = (here - rest) * (1 if kind == "median" else np.exp((0.36 + spread**2) / 2))
            if kind == "median":
                found = compare_medians(values, inside, **given)
            else:
                (found,) = compare_means(values, [inside], **given, resamples=200)
        held.append(found.ends[0] <= truth <= found.ends[1])
    assert least <= np.mean(held) <= 0.99


@pytest.mark.parametrize("kind", ["share", "median", "mean"])
def test_groups_that_do_not_differ_are_seldom_told_apart(kind):
    rng = np.random.default_rng(1)
    told = []
    for _ in range(300):
        unit, effect, inside = _draw(rng, users=400, share=0.1, spread=0.5, own=True)
        given = {"unit": unit, "weight": np.ones(len(unit))}
        values = np.exp(0.6 * rng.normal(size=len(unit)) + effect)
        if kind == "share":
            found = compare_shares(values > 1.5, inside, **given)
        elif kind == "median":
            found = compare_medians(values, inside, **given)
        else:
            (found,) = compare_means(values, [inside], **given, resamples=100)
        told.append(found.p_value <= 0.05)
    assert np.mean(told) <= 0.09


def test_a_product_with_a_known_share_is_the_share_of_the_interval():
    assert product_interval(0.25, (0.25, 0.25), 0.4, (0.2, 0.7)) == pytest.approx((0.05, 0.175))
    assert product_interval(0.25, (0.25, 0.25), -0.4, (-0.7, -0.2)) == pytest.approx((-0.175, -0.05))


def test_a_product_of_no_difference_is_as_wide_as_the_share_allows():
    low, high = product_interval(0.1, (0.05, 0.2), 0.0, (-0.1, 0.1))
    assert low < -0.01 < 0.01 < high
    assert high == pytest.approx(np.hypot(0.01, 0.1 * 0.1))


def test_the_interval_of_a_product_covers_what_it_says():
    """Extra events of a mode in a sample of 150: the truth is that of all 4,000 traces."""
    from failscope.review.intervals import likelihood_interval

    rng = np.random.default_rng(0)
    held = []
    for _ in range(300):
        mode = rng.random(4000) < 0.1
        event = rng.random(4000) < np.where(mode, 0.3, 0.05)
        truth = mode.mean() * (event[mode].mean() - event[~mode].mean())
        drawn = rng.choice(4000, 150, replace=False)
        found = compare_shares(event[drawn], mode[drawn], **_each(150))
        ends = likelihood_interval(int(mode[drawn].sum()), 150, population=4000)
        low, high = product_interval(mode[drawn].mean(), ends, found.difference, found.ends)
        held.append(low <= truth <= high)
    assert np.mean(held) >= 0.93


def test_examples_in_docstrings_run():
    assert doctest.testmod(module).failed == 0


def test_a_group_of_two_has_an_interval_however_sure_it_is_to_be():
    """Rare modes leave the t distribution hardly a degree of freedom; the resamples' range is then all there is."""
    rng = np.random.default_rng(0)
    drawn = rng.normal(size=500)
    low, high = bca_interval(0.0, drawn, rng.normal(size=20) / 50, confidence=1.0)
    assert (low, high) == (drawn.min(), drawn.max())
