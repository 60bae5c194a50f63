"""Coefficients of agreement, against published examples and by simulation."""

from __future__ import annotations

import doctest

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failscope.errors import ArgumentError
from failscope.review import coefficients as module
from failscope.review.coefficients import gwet_ac1, krippendorff_alpha, percent_agreement

_ = None
# Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", section C: 4 observers, 12 units
FOUR_OBSERVERS = pd.DataFrame(
    {
        "a": [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _],
        "b": [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
        "c": [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _],
        "d": [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
    }
)


def _tone() -> pd.DataFrame:
    """Hayes and Krippendorff 2007, Communication Methods and Measures 1, table 1: 40 articles, 5 observers."""
    rows = """
    112.2 1101. 2333. .00.0 000.0 000.0 102.1 1.20. 222.2 2111. .100. 0000. 1222. 33223 111.1 111.1 212.2 1233. 1101.
    000.0 0011. 00.00 2333. 0000. 12.22 0111. 00010 1212. 1122. 112.2 110.0 2121. 22.22 3222. 222.2 223.2 222.2 22.12
    2222. 111.1
    """
    return pd.DataFrame([[None if c == "." else int(c) for c in row] for row in rows.split()])


# Gwet, Handbook of Inter-Rater Reliability (2014); figures as printed in the vignette of his R package irrCAC 1.0
ABSTRACTORS = (("E", "E", 13), ("A", "A", 20), ("A", "N", 7), ("N", "A", 4), ("N", "N", 56))
# 15 patients of Fleiss 1971, Psychological Bulletin 76: how many of 6 psychiatrists gave each of 5 diagnoses
SIX_RATERS = """
00060 03003 01401 00006 03030 20400 00402 20310 20040 00006 10050 11040 03300 10050 02031
"""


def _listed(cells) -> pd.DataFrame:
    return pd.DataFrame([[a, b] for a, b, n in cells for _ in range(n)])


def _six() -> pd.DataFrame:
    return pd.DataFrame(
        [[d for d, n in zip("DPSNO", row, strict=True) for _ in range(int(n))] for row in SIX_RATERS.split()]
    )


# published figures -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("level", "value"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_of_four_observers_is_krippendorffs(level, value):
    assert round(krippendorff_alpha(FOUR_OBSERVERS, level=level).value, 3) == value


@pytest.mark.parametrize(("level", "value"), [("nominal", 0.477), ("ordinal", 0.7598), ("interval", 0.757)])
def test_alpha_of_five_observers_is_hayes_and_krippendorffs(level, value):
    assert krippendorff_alpha(_tone(), level=level).value == pytest.approx(
        value, abs=5e-4 if value != 0.7598 else 5e-5
    )


def test_alpha_of_two_observers_and_two_values_is_krippendorffs():
    # Krippendorff 2011, section A; by hand: 1 - 19 * 8 / (2 * 14 * 6) with 4 of 10 units in disagreement
    jon, han = [1, 1, 0, 0, 0, 0, 0, 0, 0, 0], [0, 1, 1, 0, 0, 1, 0, 1, 0, 0]
    found = krippendorff_alpha(np.column_stack([jon, han]))
    assert found.value == pytest.approx(1 - 19 * 8 / (2 * 14 * 6))
    assert round(found.value, 3) == 0.095


def test_alpha_is_that_of_gwets_package():
    assert krippendorff_alpha(FOUR_OBSERVERS).value == pytest.approx(0.74342, abs=5e-6)
    assert krippendorff_alpha(_listed(ABSTRACTORS)).value == pytest.approx(0.7972585, abs=5e-8)
    assert krippendorff_alpha(_six()).value == pytest.approx(0.4204384, abs=5e-8)


@pytest.mark.parametrize(
    ("ratings", "value", "error", "percent"),
    [(FOUR_OBSERVERS, "0.77544", "0.14295", "0.8181818"), (_six(), "0.4448007", "0.08418757", "0.5511111")],
)
def test_ac1_its_standard_error_and_percent_agreement_are_gwets(ratings, value, error, percent):
    found = gwet_ac1(ratings)
    printed = (value, error, percent)
    for got, text in zip(
        (found.value, found.standard_error, percent_agreement(ratings)), printed, strict=True
    ):
        assert f"{got:.{len(text) - 2}f}" == text


def test_ac1_of_two_raters_is_gwets():
    found = gwet_ac1(_listed(ABSTRACTORS))
    assert f"{found.value:.7f}" == "0.8493305"
    # his package divides by n for a table of two raters and by n - 1 else; this is the second in all cases
    assert f"{found.standard_error * (99 / 100) ** 0.5:.8f}" == "0.04321747"


def test_where_nearly_all_say_no_alpha_falls_and_ac1_does_not():
    # by hand: 118 no/no, 5 and 2 split, none yes/yes; p = 7/250, chance 2p(1-p); AC1 = (118/125 - chance)/(1 - chance)
    ratings = _listed((("no", "no", 118), ("yes", "no", 5), ("no", "yes", 2)))
    chance = 2 * 7 / 250 * 243 / 250
    assert gwet_ac1(ratings).value == pytest.approx((118 / 125 - chance) / (1 - chance))
    assert krippendorff_alpha(ratings).value == pytest.approx(1 - (7 / 125) / (2 * 7 * 243 / (250 * 249)))
    assert krippendorff_alpha(ratings).value < 0 < 0.9 < gwet_ac1(ratings).value


# undefined, perfect, missing ---------------------------------------------------------------------------------


def test_equal_ratings_have_no_alpha_and_the_reason_is_told():
    found = krippendorff_alpha([["no", "no"]] * 20)
    assert np.isnan([found.value, found.low, found.high]).all()
    assert found.reason == "all ratings are equal, so there is no variation to agree on"
    assert found.units == 20


def test_ratings_that_nobody_shares_have_no_coefficient():
    alone = [["a", None], [None, "b"], [None, None]]
    assert krippendorff_alpha(alone).reason == gwet_ac1(alone).reason == "no unit was rated by two or more"
    assert np.isnan(float(gwet_ac1(alone)))
    assert np.isnan(percent_agreement(alone))


def test_ac1_of_equal_ratings_needs_to_know_the_other_values():
    assert "values=" in gwet_ac1([["no", "no"]] * 20).reason
    assert gwet_ac1([["no", "no"]] * 20, values=["yes", "no"]).value == 1


def test_perfect_agreement_of_few_is_not_certain():
    few, many = (krippendorff_alpha([["a", "a"], ["b", "b"]] * n) for n in (5, 100))
    assert few.value == few.high == many.value == 1
    assert few.low < 0.8 < many.low < 1


def test_units_with_one_rating_do_not_change_alpha():
    more = pd.concat([FOUR_OBSERVERS, pd.DataFrame({"a": [9, 9, 9]})], ignore_index=True)
    assert krippendorff_alpha(more).value == pytest.approx(krippendorff_alpha(FOUR_OBSERVERS).value)
    assert krippendorff_alpha(more).units == 11


def test_any_hashable_value_is_a_nominal_one():
    frame = pd.DataFrame({"a": pd.Series([("x", 1), "y", None, 3]), "b": pd.Series([("x", 1), "y", 3, None])})
    assert krippendorff_alpha(frame).value == 1


# what holds for all ratings ----------------------------------------------------------------------------------

TABLES = st.integers(2, 4).flatmap(
    lambda raters: st.lists(
        st.lists(st.sampled_from([None, 1, 2, 3, 5]), min_size=raters, max_size=raters),
        min_size=2,
        max_size=12,
    )
)


@settings(max_examples=40, deadline=None)
@given(TABLES, st.randoms(use_true_random=False))
def test_the_order_of_units_and_raters_changes_nothing(table, random):
    mixed = [list(row) for row in table]
    random.shuffle(mixed)
    order = list(range(len(table[0])))
    random.shuffle(order)
    mixed = [[row[i] for i in order] for row in mixed]
    for level in ("nominal", "ordinal", "interval"):
        before, after = (krippendorff_alpha(t, level=level, resamples=100) for t in (table, mixed))
        assert [before.value, before.low, before.high] == pytest.approx(
            [after.value, after.low, after.high], nan_ok=True
        )
    before, after = (gwet_ac1(t, resamples=100) for t in (table, mixed))
    assert [before.value, before.low, before.high] == pytest.approx(
        [after.value, after.low, after.high], nan_ok=True
    )


@settings(max_examples=40, deadline=None)
@given(TABLES)
def test_new_names_for_nominal_values_change_nothing(table):
    names = {1: "z", 2: ("a", 0), 3: 7.5, 5: "b", None: None}
    frame = pd.DataFrame(
        {i: pd.Series([names[row[i]] for row in table], dtype=object) for i in range(len(table[0]))}
    )
    for coefficient in (krippendorff_alpha, gwet_ac1):
        one, other = coefficient(table, resamples=100), coefficient(frame, resamples=100)
        assert one.value == pytest.approx(other.value, nan_ok=True)
    assert percent_agreement(table) == pytest.approx(percent_agreement(frame), nan_ok=True)


@settings(max_examples=40, deadline=None)
@given(TABLES)
def test_a_stretched_scale_keeps_alpha(table):
    for level, stretch in (("interval", lambda v: 3 * v - 7), ("ordinal", lambda v: v**3)):
        other = [[None if v is None else stretch(v) for v in row] for row in table]
        before, after = (krippendorff_alpha(t, level=level, resamples=100).value for t in (table, other))
        assert before == pytest.approx(after, nan_ok=True)


@settings(max_examples=40, deadline=None)
@given(TABLES)
def test_the_interval_holds_the_value_and_stays_in_its_range(table):
    for found in (
        krippendorff_alpha(table, level="ordinal", resamples=100),
        gwet_ac1(table, values=[1, 2, 3, 5], resamples=100),
    ):
        if not np.isnan(found.value):
            assert -1 <= found.low <= found.high <= 1
            assert found.low <= max(found.value, -1) + 1e-9


def test_alpha_is_what_pairs_of_ratings_give_by_definition():
    """Krippendorff's definition, pair by pair."""
    rng = np.random.default_rng(5)
    table = rng.choice([1.0, 2.0, 4.0, 7.0, np.nan], size=(25, 4), p=[0.3, 0.2, 0.2, 0.1, 0.2])
    units = [row[~np.isnan(row)] for row in table if (~np.isnan(row)).sum() > 1]
    pool = np.concatenate(units)

    def ordinal(a, b):
        low, high = min(a, b), max(a, b)
        return ((pool >= low) & (pool <= high)).sum() - ((pool == a).sum() + (pool == b).sum()) / 2

    for level, apart in (
        ("nominal", lambda a, b: a != b),
        ("interval", lambda a, b: a - b),
        ("ordinal", ordinal),
    ):
        seen = sum(float(apart(a, b)) ** 2 / (len(u) - 1) for u in units for a in u for b in u) / len(pool)
        chance = sum(float(apart(a, b)) ** 2 for a in pool for b in pool) / (len(pool) * (len(pool) - 1))
        assert krippendorff_alpha(table, level=level).value == pytest.approx(1 - seen / chance)


# intervals ---------------------------------------------------------------------------------------------------


def _draw(rng, units, raters, *, rate, sees, clears, missing=0.0):
    """Marks of readers who see a mode that is there, and see none that is not, with given chances."""
    there = rng.random(units) < rate
    marks = rng.random((units, raters)) < np.where(there, sees, 1 - clears)[:, None]
    return np.where(rng.random(marks.shape) < missing, np.nan, marks.astype(float))


def _truth(*, rate, sees, clears):
    share = rate * sees + (1 - rate) * (1 - clears)
    apart = 2 * (rate * sees * (1 - sees) + (1 - rate) * clears * (1 - clears))
    chance = 2 * share * (1 - share)
    return 1 - apart / chance, (1 - apart - chance) / (1 - chance)


@pytest.mark.parametrize(
    ("units", "raters", "missing", "model"),
    [
        (20, 2, 0.0, {"rate": 0.4, "sees": 0.9, "clears": 0.9}),
        (60, 3, 0.2, {"rate": 0.3, "sees": 0.9, "clears": 0.95}),
        (60, 2, 0.0, {"rate": 0.05, "sees": 0.9, "clears": 0.99}),  # rare
        (40, 2, 0.0, {"rate": 0.3, "sees": 0.98, "clears": 0.99}),  # a third of the draws agree perfectly
        (100, 5, 0.1, {"rate": 0.1, "sees": 0.8, "clears": 0.98}),
    ],
)
def test_intervals_of_marks_cover_what_they_say(units, raters, missing, model):
    rng = np.random.default_rng(0)
    alpha, ac1 = _truth(**model)
    held = []
    for _ in range(300):
        marks = _draw(rng, units, raters, missing=missing, **model)
        a = krippendorff_alpha(marks, resamples=400)
        g = gwet_ac1(marks, values=[0.0, 1.0], resamples=400)
        if not np.isnan(a.value):
            held.append((a.low <= alpha <= a.high, g.low <= ac1 <= g.high))
    cover = np.mean(held, axis=0)
    assert len(held) > 280
    assert (cover >= 0.93).all(), cover


def test_intervals_of_scores_cover_what_they_say():
    """Five-point scores of three readers: the truth is alpha of 40,000 traces."""
    rng = np.random.default_rng(1)

    def draw(n):
        quality = rng.normal(size=(n, 1))
        return np.clip(np.round(3 + quality + 0.6 * rng.normal(size=(n, 3))), 1, 5)

    truth = krippendorff_alpha(draw(40_000), level="ordinal", resamples=100).value
    found = [krippendorff_alpha(draw(40), level="ordinal", resamples=400) for _ in range(300)]
    assert 0.92 <= np.mean([f.low <= truth <= f.high for f in found]) <= 0.99


def test_the_seed_decides_the_interval():
    one, same, other = (krippendorff_alpha(FOUR_OBSERVERS, random_state=s, resamples=200) for s in (1, 1, 2))
    assert one == same
    assert (one.low, one.high) != (other.low, other.high)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: krippendorff_alpha([[1, 2]], level="ratio"), "level='ratio' is not known"),
        (lambda: krippendorff_alpha([["low", "high"]], level="ordinal"), "has no place on a scale"),
        (lambda: krippendorff_alpha([[1, 2]], confidence=95), "confidence=95"),
        (lambda: krippendorff_alpha([[1, 2]], resamples=5), "resamples=5"),
        (lambda: percent_agreement(pd.DataFrame({"a": [[1]], "b": [[2]]})), "a rating is a list or a dict"),
    ],
)
def test_calls_that_cannot_be_are_refused_in_words(call, words):
    with pytest.raises(ArgumentError, match=words):
        call()


def test_examples_in_docstrings_run():
    assert doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE).failed == 0
