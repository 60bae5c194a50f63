"""Weak signals: which columns are one, and when one is bad."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from failscope.errors import ArgumentError, ColumnError
from failscope.traces.signals import badness, direction_of, evaluator_direction
from failscope.traces.table import Traces

NAN = float("nan")


def bad(values: list, direction: str) -> list:
    return badness(pd.Series(values, dtype=object if None in values else None), direction).tolist()


@pytest.mark.parametrize(
    ("values", "direction", "expected"),
    [
        ([True, False], "bad", [1, 0]),
        ([True, False], "good", [0, 1]),
        ([1, -1, 0], "good", [0, 1, NAN]),
        ([1, 0], "good", [0, 1]),
        ([0, 0], "bad", [0, 0]),
        ([1.0, 5.0, NAN], "good", [1, 0, NAN]),
        ([5, 5, 5], "good", [0, 0, 0]),
        (["up", "down", ""], "good", [0, 1, NAN]),
        (["👍", "👎"], "good", [0, 1]),
        (["Thumbs up", "thumbs_down", "neutral"], "good", [0, 1, NAN]),
        (["like", "dislike", None], "good", [0, 1, NAN]),
        (["positive", "negative"], "good", [0, 1]),
        (["yes", "no", ""], "bad", [1, 0, NAN]),
        (["yes", ""], "bad", [1, 0]),
        (["true", "False"], "bad", [1, 0]),
        (["1", "0", "-1"], "good", [0, NAN, 1]),
        (["success", "failure"], "good", [0, 1]),
        (["", "timeout after 30 s", "none"], "bad", [0, 1, 0]),
        (["failed", "ok", ""], "bad", [1, 0, NAN]),
        (["this was wrong", "", "thanks"], "good", [NAN, NAN, NAN]),
    ],
)
def test_a_signal_is_turned_so_that_one_is_bad(values, direction, expected):
    np.testing.assert_array_equal(bad(values, direction), expected)


def test_many_values_are_bad_in_their_worst_fifth_ties_included():
    scores = [0.1, 0.2, 0.2, *np.linspace(0.5, 1, 7)]
    assert bad(scores, "good") == [1, 1, 1] + [0] * 7
    assert bad([-s for s in scores], "bad") == [1, 1, 1] + [0] * 7


def test_the_best_value_is_never_bad():
    assert bad([5] * 90 + [4, 3, 1], "good") == [0] * 90 + [1, 1, 1]
    assert bad([0] * 90 + [1, 2, 3], "bad") == [0] * 90 + [1, 1, 1]


def test_badness_does_not_depend_on_the_order():
    scores = pd.Series(np.random.default_rng(0).integers(0, 9, 200))
    shuffled = scores.sample(frac=1, random_state=1)
    pd.testing.assert_series_equal(badness(shuffled, "good").sort_index(), badness(scores, "good"))


def test_well_known_names_have_their_direction():
    assert {n: direction_of(n) for n in ("Thumbs", "user-feedback", "copied", "thumbs_down", "Follow-Up", "regenerated", "topic")} == {
        "Thumbs": "good", "user-feedback": "good", "copied": "good", "thumbs_down": "bad", "Follow-Up": "bad",
        "regenerated": "bad", "topic": None,
    }  # fmt: skip
    names = (
        "score_tone",
        "eval_toxicity",
        "relevance_score",
        "evalHallucination",
        "eval_model",
        "score",
        "scoreboard",
    )
    assert [evaluator_direction(n) for n in names] == ["good", "bad", "good", "bad", None, None, None]


def test_signals_are_found_kept_and_declared():
    log = pd.DataFrame(
        {
            "prompt": list("abc"), "response": list("xyz"), "thumbs": [1, -1, None], "Escalated": [False, True, False],
            "score_tone": [0.1, 0.5, 0.9], "score_reason": ["too curt", "fine", ""], "eval_who": ["gpt", "gpt", "me"],
            "error": ["", "timeout", ""], "feedback": ["so so", "", ""], "copied": [None, None, None], "tickets": [0, 3, 0],
        }
    )  # fmt: skip
    traces = Traces.from_frame(log, signals={"tickets": "bad"})
    assert traces.signals == {
        "tickets": "bad",
        "error": "bad",
        "thumbs": "good",
        "Escalated": "bad",
        "score_tone": "good",
    }
    assert traces.frame["thumbs"].fillna(0).tolist() == [1.0, -1.0, 0.0]
    assert traces.bad("error").tolist() == [0, 1, 0]
    assert traces.any_bad().tolist() == [True, True, False]


def test_a_declared_signal_stays_under_its_own_name_when_it_is_also_one_of_our_columns():
    log = pd.DataFrame(
        {"prompt": ["a", "b", "c"], "response": ["x", "y", "z"], "response_time": [1.0, 2.0, 9.0]}
    )
    traces = Traces.from_frame(log, signals={"response_time": "bad"})
    assert traces.frame["latency_ms"].tolist() == traces.frame["response_time"].tolist()
    assert traces.bad("response_time").tolist() == [0, 0, 1]


def test_a_declared_direction_wins():
    log = pd.DataFrame({"prompt": ["a", "b"], "score": [0, 1]})
    assert Traces.from_frame(log, signals={"score": "bad"}).bad("score").tolist() == [0, 1]


def test_an_absent_signal_and_an_unknown_direction_are_refused():
    log = pd.DataFrame({"prompt": ["a"], "response": ["b"]})
    with pytest.raises(ColumnError, match="'thumb'"):
        Traces.from_frame(log, signals={"thumb": "good"})
    with pytest.raises(ColumnError, match="'error'"):
        Traces.from_frame(log, signals={"error": "bad"})
    with pytest.raises(ArgumentError, match="'good' or 'bad'"):
        Traces.from_frame(log, signals={"prompt": "high"})
    with pytest.raises(ArgumentError, match="'good' or 'bad'"):
        badness(pd.Series([1]), "high")


def test_leaving_out_praise_is_no_complaint():
    log = pd.DataFrame({"prompt": list("abc"), "copied": [True, False, False], "thumbs": [None, -1, 1]})
    traces = Traces.from_frame(log)
    assert traces.any_bad().tolist() == [False, True, False]
    assert Traces.from_frame(log[["prompt", "copied"]]).any_bad().tolist() == [False, True, True]
