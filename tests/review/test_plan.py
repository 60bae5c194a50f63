"""Which traces a plan picks, why, and with which chance."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import failscope as fs


def test_a_plan_has_its_budget_and_no_trace_twice(found):
    plan = fs.plan_review(found, budget=24)
    assert len(plan) == 24
    assert plan.frame["trace_id"].is_unique
    assert plan.frame["position"].tolist() == list(range(1, 25))
    assert plan.frame["reason"].str.len().min() > 10


def test_a_budget_beyond_all_traces_plans_each_once(found, traces):
    plan = fs.plan_review(found, budget=10_000)
    assert sorted(plan.frame["trace_id"]) == sorted(traces.frame.index)


def test_the_same_seed_gives_the_same_plan_and_another_seed_another(found):
    first, again, other = (fs.plan_review(found, budget=30, random_state=s).frame for s in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert first["trace_id"].tolist() != other["trace_id"].tolist()


def test_every_cluster_is_met_early(found):
    plan = fs.plan_review(found, budget=40).frame
    assert set(found.labels) - {-1} <= set(plan["cluster"].head(6 * len(set(found.labels))))


def test_inclusion_probabilities_are_what_the_draws_do(found):
    """Over many seeds, each trace is drawn at random as often as its stated probability says."""
    draws, times = 0, pd.Series(0, index=found.trace_ids)
    for seed in range(400):
        plan = fs.plan_review(found, budget=20, random_state=seed)
        drawn = plan.frame[plan.frame["probability"].notna()]
        assert np.allclose(drawn["probability"], len(drawn) / len(found.trace_ids))
        times[drawn["trace_id"]] += 1
        draws += len(drawn)
    expected = draws / len(found.trace_ids)
    spread = np.sqrt(expected * (1 - expected / 400))
    assert (abs(times - expected) < 5 * spread).all()


def test_the_read_part_of_the_random_sample_is_in_the_order_of_the_draw(found):
    """The random picks are spread over the plan, so that a review that stops early has read some of them."""
    plan = fs.plan_review(found, budget=40).frame
    assert plan["probability"].notna().head(10).sum() == 5


def test_a_trace_that_is_called_unlike_the_rest_is(found):
    plan = fs.plan_review(found, budget=60).frame
    behaviours = found.behaviours.loc[plan["trace_id"]].to_numpy()
    unlike = plan["reason"].str.contains("unlike").to_numpy()
    assert unlike.any()
    for position in np.flatnonzero(unlike):
        before = behaviours[:position]
        assert not (before == behaviours[position]).all(axis=1).any()


@pytest.mark.parametrize(
    ("kwargs", "word"),
    [({"budget": 0}, "budget"), ({"budget": 2.5}, "whole number"), ({"strategy": "best"}, "balanced")],
)
def test_a_plan_that_cannot_be_made_says_why(found, kwargs, word):
    with pytest.raises(fs.ArgumentError, match=word):
        fs.plan_review(found, **kwargs)
