"""Agreement of a review, by its sentences and by simulation."""

from __future__ import annotations

import doctest

import numpy as np
import pandas as pd
import pytest

from failscope.errors import ArgumentError, NotFoundError
from failscope.review import agreement as module
from failscope.review.agreement import (
    FRAME_COLUMNS,
    NEEDS_WORK,
    TOO_FEW,
    agreement,
    dividing_units,
    pairwise_confusion,
)
from failscope.review.coefficients import gwet_ac1, krippendorff_alpha, percent_agreement
from tests.review.test_coefficients import FOUR_OBSERVERS, _draw, _truth

# who and where -----------------------------------------------------------------------------------------------


def test_confusion_counts_every_unit_that_two_raters_share():
    frame = pairwise_confusion(FOUR_OBSERVERS)
    assert list(frame.columns) == ["rater_a", "rater_b", "value_a", "value_b", "count"]
    shared = frame.groupby(["rater_a", "rater_b"])["count"].sum()
    assert shared.to_dict() == {
        ("a", "b"): 9,
        ("a", "c"): 8,
        ("a", "d"): 9,
        ("b", "c"): 9,
        ("b", "d"): 10,
        ("c", "d"): 10,
    }
    only = frame[
        (frame["rater_a"] == "a") & (frame["rater_b"] == "b") & (frame["value_a"] != frame["value_b"])
    ]
    assert only[["value_a", "value_b", "count"]].values.tolist() == [[1, 2, 1]]


def test_a_unit_that_one_rater_judged_divides_nobody():
    assert dividing_units([["a", None], [None, "b"], [None, None]]).empty


def test_the_most_divided_unit_comes_first():
    frame = dividing_units(FOUR_OBSERVERS)
    assert frame.index.tolist() == [5, 1, 7]  # 1,2,3,4; then two units with one of four apart, in their order
    assert frame["disagreement"].tolist() == [1.0, 0.5, 0.5]
    assert frame["said"].iloc[0] == {"a": 1, "b": 2, "c": 3, "d": 4}


def test_on_a_scale_the_distance_decides_which_unit_is_most_divided():
    scores = pd.DataFrame({"ana": [1, 1, 3], "ben": [2, 5, 3]}, index=["near", "far", "same"])
    frame = dividing_units(scores, level="interval")
    assert frame.index.tolist() == ["far", "near"]
    assert frame["disagreement"].tolist() == [1.0, 1 / 16]


# a review ----------------------------------------------------------------------------------------------------


def _marks(votes: dict[str, np.ndarray], scores: dict[str, np.ndarray] | None = None) -> pd.DataFrame:
    """Long marks from (traces, readers) arrays of 0, 1 and NaN; a trace is read where the first is not NaN."""
    first = next(iter(votes.values()))
    rows = []
    for t, r in zip(*np.nonzero(~np.isnan(first)), strict=True):
        modes = [name for name, marks in votes.items() if marks[t, r]]
        given = {d: grid[t, r] for d, grid in (scores or {}).items()}
        rows.append((f"t{t:04}", f"r{r}", modes, given))
    return pd.DataFrame(rows, columns=["trace_id", "reviewer", "failure_modes", "scores"])


def _halves(n: int, apart: int, seen: int) -> np.ndarray:
    """Two readers: ``seen`` traces that both mark, ``apart`` that one does, n in all."""
    marks = np.zeros((n, 2))
    marks[:seen] = 1
    marks[seen : seen + apart, 0] = 1
    return marks


def test_a_review_has_a_row_for_each_mode_each_score_and_any_failure():
    rng = np.random.default_rng(0)
    marks = _marks(
        {"loop": _halves(40, 2, 18), "refusal": _halves(40, 1, 3)}, {"tone": rng.integers(1, 6, (40, 2))}
    )
    frame = agreement(marks).frame
    assert frame.index.tolist() == ["any failure", "loop", "refusal", "tone"]
    assert tuple(frame.columns) == FRAME_COLUMNS
    assert frame["kind"].tolist() == ["failure mode"] * 3 + ["dimension"]
    assert frame["positives"].tolist()[:3] == [20, 20, 4]
    assert frame["positives"].isna().tolist() == [False, False, False, True]
    assert frame.loc["loop", "percent"] == 38 / 40


def test_a_reviews_figures_are_those_of_the_single_calls():
    marks = _marks({"loop": _halves(40, 5, 12)}, {"tone": np.random.default_rng(0).integers(1, 6, (40, 2))})
    found = agreement(marks)
    loop, tone = found.ratings("loop"), found.ratings("tone")
    for name, ratings, level in (("loop", loop, "nominal"), ("tone", tone, "ordinal")):
        row = found.frame.loc[name]
        alpha = krippendorff_alpha(ratings, level=level)
        assert row["alpha"] == pytest.approx(alpha.value)
        assert (row["low"], row["high"]) == pytest.approx(
            (alpha.low, alpha.high), abs=0.04
        )  # other resamples
        assert row["ac1"] == pytest.approx(gwet_ac1(ratings).value)
        assert row["percent"] == pytest.approx(percent_agreement(ratings))


def test_traces_that_one_person_read_do_not_count():
    votes = _halves(30, 3, 10)
    alone = np.full((20, 2), np.nan)
    alone[:, 0] = 1
    both, more = agreement(_marks({"loop": votes})), agreement(_marks({"loop": np.vstack([votes, alone])}))
    pd.testing.assert_frame_equal(both.frame, more.frame)


def test_the_order_of_the_marks_changes_nothing():
    marks = _marks({"loop": _halves(40, 5, 12)}, {"tone": np.random.default_rng(0).integers(1, 6, (40, 2))})
    mixed = marks.sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(agreement(marks).frame, agreement(mixed).frame)
    pd.testing.assert_frame_equal(agreement(marks).divided, agreement(mixed).divided)


@pytest.mark.parametrize(
    ("marks", "begins"),
    [
        (_halves(60, 1, 25), "people agree: 1 of 60 traces divide people, alpha at least 0.8"),
        (_halves(100, 7, 46), "people agree well enough for tentative conclusions: 7 of 100 traces"),
        (_halves(60, 25, 10), "the rubric needs work here: 25 of 60 traces divide people, alpha at most 0."),
        (_halves(60, 8, 15), "too few double reads to tell: 8 of 60 traces divide people, alpha 0."),
        (_halves(9, 0, 4), "too few double reads to tell: 9 traces, at least 10 are needed"),
        (_halves(60, 0, 60), "nothing to tell apart yet: everybody saw it in each of 60 traces"),
        # rare: one trace, seen by one of two, has an alpha of 0; that is no evidence against the rubric
        (
            _halves(60, 1, 0),
            "too few double reads to tell, though people agree on nearly all: it is rare, and where",
        ),
        (
            _halves(400, 20, 2),
            "the rubric needs work here: it is rare, and where somebody saw it (22 of 400 traces)",
        ),
        (
            _halves(400, 1, 30),
            "people agree: it is rare, and where somebody saw it (31 of 400 traces) 98% of the other readers did too, alpha at least 0.9",
        ),
        (
            _halves(60, 1, 59),
            "too few double reads to tell, though people agree on nearly all: nearly all have it, and where",
        ),
    ],
)
def test_what_is_said_is_what_the_figures_allow(marks, begins):
    assert agreement(_marks({"mode": marks})).frame.loc["mode", "says"].startswith(begins)


def test_a_mode_that_nobody_saw_twice_is_told_so():
    alone = np.full((1, 2), np.nan)
    alone[0, 0] = 1
    says = agreement(_marks({"mode": np.vstack([_halves(60, 0, 0), alone])})).frame.loc["mode", "says"]
    assert says.startswith("nothing to tell apart yet: nobody saw it in any of 60 traces (AC1 at least 0.9")


def test_people_who_guess_a_rare_mode_are_found_and_people_who_are_sure_are_not_blamed():
    """Over 100 reviews each: who agrees as well as .8 is hardly ever told that the rubric needs work."""
    rng = np.random.default_rng(0)
    blamed = {}
    for name, model in {
        "sure": {"rate": 0.05, "sees": 0.93, "clears": 0.995},
        "guessing": {"rate": 0.05, "sees": 0.3, "clears": 0.96},
    }.items():
        says = [
            agreement(_marks({"mode": _draw(rng, 150, 2, **model)}), resamples=200).frame["says"].iloc[0]
            for _ in range(100)
        ]
        blamed[name] = np.mean([s.startswith(NEEDS_WORK) for s in says])
    assert _truth(rate=0.05, sees=0.93, clears=0.995)[0] > 0.8
    assert blamed["sure"] <= 0.03
    assert blamed["guessing"] >= 0.8


def test_scores_that_are_all_equal_and_scores_that_few_gave_are_told_apart():
    few = np.full((30, 2), np.nan)
    few[:4] = 3
    frame = agreement(_marks({"loop": _halves(30, 3, 10)}, {"flat": np.full((30, 2), 4), "few": few})).frame
    assert frame.loc["flat", "says"] == "nothing to tell apart yet: all scores of 30 traces are equal"
    assert frame.loc["few", "says"] == f"{TOO_FEW}: 4 traces, at least 10 are needed"
    assert frame.loc["few", "traces"] == 4


def test_one_odd_score_among_equal_ones_is_no_evidence_against_the_rubric():
    scores = np.full((60, 2), 5.0)
    scores[0, 0] = 1
    frame = agreement(_marks({"loop": _halves(60, 3, 20)}, {"tone": scores})).frame
    assert frame.loc["tone", "alpha"] == 0
    assert frame.loc["tone", "says"].startswith(
        "too few double reads to tell, though people agree on nearly all: nearly all scores are equal, and where "
        "somebody gave another (1 of 60 traces) 0% of the other readers did too"
    )


def test_one_reviewer_alone_gets_no_figures():
    marks = pd.DataFrame(
        {
            "trace_id": ["a", "b"],
            "reviewer": "ana",
            "failure_modes": [["loop"], []],
            "scores": [{"tone": 2}, None],
        }
    )
    found = agreement(marks)
    assert found.frame["traces"].tolist() == [0, 0, 0]
    assert found.frame["alpha"].isna().all()
    assert found.frame["says"].str.startswith(TOO_FEW).all()
    assert found.divided.empty
    assert found.confusion("tone").empty


def test_a_review_without_marks_is_empty_and_not_an_error():
    found = agreement(pd.DataFrame(columns=["trace_id", "reviewer", "failure_modes", "scores"]))
    assert found.frame.index.tolist() == ["any failure"]
    assert "0 traces" in repr(found)


def test_what_divides_people_names_the_trace_the_mode_and_the_words():
    marks = _marks({"loop": _halves(3, 1, 1)}, {"tone": np.array([[1, 5], [2, 2], [4, np.nan]])})
    divided = agreement(marks).divided
    assert list(divided.columns) == ["trace_id", "name", "disagreement", "said"]
    assert divided[["trace_id", "name"]].values.tolist() == [
        ["t0000", "tone"],
        ["t0001", "any failure"],
        ["t0001", "loop"],
    ]
    assert divided["said"].iloc[0] == {"r0": 1.0, "r1": 5.0}
    assert divided["said"].iloc[2] == {"r0": True, "r1": False}


def test_a_score_with_the_name_of_a_mode_has_a_row_of_its_own():
    found = agreement(_marks({"safety": _halves(20, 2, 8)}, {"safety": np.arange(40).reshape(20, 2) % 5}))
    assert found.frame.index.tolist() == ["any failure", "safety", "safety (score)"]
    assert found.ratings("safety (score)").iloc[0].tolist() == [0, 1]


def test_hostile_names_are_text_in_html():
    shown = agreement(_marks({"<script>alert(1)</script>": _halves(12, 2, 5)}))._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown


def test_the_frame_given_out_is_a_copy():
    found = agreement(_marks({"loop": _halves(12, 2, 5)}))
    copy = found.to_frame()
    copy.loc["loop", "says"] = "changed"
    assert found.frame.loc["loop", "says"] != "changed"
    assert krippendorff_alpha(FOUR_OBSERVERS).to_frame().loc["Krippendorff's alpha (nominal)", "units"] == 11


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: m.drop(columns="scores"), "column 'scores' not found"),
        (lambda m: pd.concat([m, m.head(1)]), "'r0' has two marks of trace 't0000'"),
        (lambda m: m.assign(failure_modes="loop"), "failure_modes='loop' is no list"),
        (lambda m: m.assign(scores=[{"tone": "good"}] * len(m)), "score 'good' of 'tone' is not a number"),
        (lambda m: m.assign(scores=[{"tone": float("inf")}] * len(m)), "is not finite"),
    ],
)
def test_marks_that_cannot_be_are_refused_in_words(change, words):
    with pytest.raises(ArgumentError, match=words.replace("[", r"\[")):
        agreement(change(_marks({"loop": _halves(12, 2, 5)})))


def test_a_name_that_is_not_there_is_told_with_those_that_are():
    with pytest.raises(NotFoundError, match="'any failure', 'loop'"):
        agreement(_marks({"loop": _halves(12, 2, 5)})).confusion("loops")


def test_examples_in_docstrings_run():
    assert doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE).failed == 0
