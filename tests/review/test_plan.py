"""Which traces a plan picks, why, with which chance, and what it makes of what was read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import failscope as fs
from failscope.review.plan import RANDOM_SHARE


def test_a_plan_has_its_budget_and_no_trace_twice(found):
    plan = fs.plan_review(found, budget=24)
    assert len(plan) == 24
    assert plan.frame["trace_id"].is_unique
    assert plan.frame["position"].tolist() == list(range(1, 25))
    assert plan.frame["reason"].str.len().min() > 10


@pytest.mark.parametrize("strategy", ["balanced", "explore", "stratified", "random"])
def test_a_budget_beyond_all_traces_plans_each_once(found, traces, strategy):
    plan = fs.plan_review(found, budget=10_000, strategy=strategy)
    assert sorted(plan.frame["trace_id"]) == sorted(traces.frame.index)


@pytest.mark.parametrize("strategy", ["balanced", "stratified", "random"])
def test_the_same_seed_gives_the_same_plan_and_another_seed_another(found, strategy):
    plans = [fs.plan_review(found, budget=30, strategy=strategy, random_state=s).frame for s in (1, 1, 2)]
    pd.testing.assert_frame_equal(plans[0], plans[1])
    assert plans[0]["trace_id"].tolist() != plans[2]["trace_id"].tolist()


@pytest.mark.parametrize("strategy", ["balanced", "explore", "stratified", "random"])
def test_the_order_of_the_rows_changes_no_plan(traces, found, strategy):
    mixed = np.random.default_rng(3).permutation(len(traces))
    again = fs.cluster(
        traces.take(traces.trace_ids[mixed]), projector=None, min_cluster_size=5, progress=False
    )
    plans = [
        fs.plan_review(f, budget=20, strategy=strategy).frame["trace_id"].tolist() for f in (found, again)
    ]
    assert plans[0] == plans[1]


def test_every_cluster_is_met_early(found):
    plan = fs.plan_review(found, budget=40).frame
    assert set(found.labels) - {-1} <= set(plan["cluster"].head(6 * len(set(found.labels))))


@pytest.mark.parametrize("strategy", ["random", "stratified"])
def test_inclusion_probabilities_are_what_the_draws_do(found, strategy):
    """Over many seeds, each trace is drawn as often as its stated probability says."""
    stated, times = {}, pd.Series(0, index=found.trace_ids)
    for seed in range(400):
        plan = fs.plan_review(found, budget=20, strategy=strategy, random_state=seed).frame
        stated |= dict(zip(plan["trace_id"], plan["probability"], strict=True))
        times[plan["trace_id"]] += 1
    expected = pd.Series(stated) * 400
    assert set(expected.index) == set(found.trace_ids)
    spread = np.sqrt(expected * (1 - expected / 400))
    assert (abs(times.loc[expected.index] - expected) <= 5 * spread + 1e-9).all()


def test_a_balanced_plan_draws_its_share_from_all_traces(found):
    drawn = fs.plan_review(found, budget=40).frame["probability"].dropna()
    assert len(drawn) == round(RANDOM_SHARE * 40)
    assert np.allclose(drawn, len(drawn) / len(found))


def test_an_explored_plan_states_no_probability(found):
    assert fs.plan_review(found, budget=20, strategy="explore").frame["probability"].isna().all()


def test_the_random_part_is_spread_over_the_plan(found):
    plan = fs.plan_review(found, budget=40).frame
    assert [plan["probability"].notna().iloc[i : i + 10].sum() for i in (0, 10, 20, 30)] == [2, 2, 2, 2]


def test_strata_are_drawn_by_the_root_of_their_size(found):
    plan = fs.plan_review(found, budget=40, strategy="stratified")
    sample = plan.sample()
    assert sample["trace_id"].tolist() == plan.frame["trace_id"].tolist()
    for stratum, drawn in sample.groupby("stratum"):
        size = int((found.layers[plan.params["layer"]] == stratum).sum())
        assert set(drawn["size"]) == {size}
        chance = plan.frame.set_index("trace_id").loc[drawn["trace_id"], "probability"]
        assert np.allclose(chance, len(drawn) / size)


def test_traces_reviewed_before_are_neither_drawn_nor_chosen(found):
    before = list(found.trace_ids[:30])
    for strategy in ("balanced", "explore", "stratified", "random"):
        plan = fs.plan_review(found, budget=30, strategy=strategy, reviewed=before)
        assert not set(plan.frame["trace_id"]) & set(before)
        assert plan.params["population"] == len(found) - 30
        adapted = plan.adapt({plan.frame["trace_id"].iloc[0]: ["loop"]})
        assert not set(adapted.frame["trace_id"]) & set(before)
    with pytest.raises(fs.ArgumentError, match="reviewed before"):
        fs.plan_review(found, reviewed=found.trace_ids)


def test_a_trace_that_is_called_unlike_the_rest_is(found):
    plan = fs.plan_review(found, budget=30).frame
    behaviours = found.behaviours.loc[plan["trace_id"]].to_numpy()
    unlike = plan["reason"].str.contains("unlike").to_numpy()
    assert unlike.any()
    for position in np.flatnonzero(unlike)[:4]:
        before = behaviours[:position]
        assert not (before == behaviours[position]).all(axis=1).any()


def test_a_bad_signal_brings_a_trace_forward(traces):
    found = fs.cluster(traces, projector=None, min_cluster_size=5, progress=False)
    silent = replace(found, traces=replace(traces, signals={}))
    bad = traces.any_bad()
    shares = [
        bad[fs.plan_review(f, budget=16, strategy="explore").frame["trace_id"]].mean()
        for f in (found, silent)
    ]
    assert shares[0] > shares[1]


# adapting --------------------------------------------------------------------------------------------------------


def _read(plan: fs.ReviewPlan, n: int, says) -> dict[str, list[str]]:
    return {i: says(i) for i in plan.frame["trace_id"].head(n)}


def test_what_was_read_comes_first_and_the_budget_stays(found):
    plan = fs.plan_review(found, budget=40)
    read = _read(plan, 12, lambda i: ["refusal"] if int(i[1:]) % 4 == 1 else [])
    adapted = plan.adapt(read)
    assert adapted.frame["trace_id"].tolist()[:12] == list(read)
    assert len(adapted) == 40
    assert adapted.frame["trace_id"].is_unique
    before = plan.frame.set_index("trace_id").loc[list(read), ["reason", "probability"]]
    pd.testing.assert_frame_equal(before, adapted.frame.set_index("trace_id").loc[list(read), before.columns])


def test_no_word_of_a_reviewer_moves_the_random_sample(found):
    plan = fs.plan_review(found, budget=40)
    for mode in ([], ["refusal"]):
        adapted = plan.adapt(_read(plan, 10, lambda i, mode=mode: mode))
        assert adapted.sample()["trace_id"].tolist() == plan.sample()["trace_id"].tolist()
        assert adapted.params == plan.params
    # a reviewer who skips about in the sample does not change the order of its draw
    last = plan.sample()["trace_id"].iloc[-1]
    assert plan.adapt({last: []}).sample()["trace_id"].tolist() == plan.sample()["trace_id"].tolist()


def test_plans_that_are_drawn_stay_as_they_were_drawn(found):
    for strategy in ("random", "stratified"):
        plan = fs.plan_review(found, budget=20, strategy=strategy)
        adapted = plan.adapt(_read(plan, 8, lambda i: ["loop"]))
        assert adapted.frame["trace_id"].tolist() == plan.frame["trace_id"].tolist()


def test_adapting_step_by_step_or_at_once_is_the_same(found):
    plan = fs.plan_review(found, budget=30)
    read = _read(plan, 10, lambda i: ["empty"] if int(i[1:]) % 4 == 2 else [])
    first = dict(list(read.items())[:5])
    at_once, by_steps = plan.adapt(read), plan.adapt(first).adapt(read)
    assert at_once.frame["trace_id"].tolist() == by_steps.frame["trace_id"].tolist()


def test_a_mode_that_was_met_often_is_looked_for_less(traces):
    """Refusals and outputs in another language fail; the refusals are known, so the others come first."""
    found = fs.cluster(replace(traces, signals={}), projector=None, min_cluster_size=5, progress=False)
    plan = fs.plan_review(found, budget=60, strategy="explore")
    ids = sorted(traces.frame.index)
    refusals = [i for i in ids if int(i[1:]) % 4 == 1]
    fine = [i for i in ids if int(i[1:]) % 4 == 0]
    read = {i: ["refusal"] for i in refusals[:10]} | {i: [] for i in fine[:6]}
    following = plan.adapt(read).frame["trace_id"].iloc[16:30]
    assert sum(i in refusals for i in following) <= 2


def test_reading_outside_the_plan_counts_and_unknown_ids_do_not(found):
    plan = fs.plan_review(found, budget=10)
    other = next(i for i in found.trace_ids if i not in set(plan.frame["trace_id"]))
    adapted = plan.adapt({other: ["loop"], "from last week": ["loop"]}).frame
    assert adapted["trace_id"].iloc[0] == other
    assert adapted["reason"].iloc[0] == "read outside the plan"
    assert "from last week" not in set(adapted["trace_id"])


def test_nothing_read_changes_nothing(found):
    plan = fs.plan_review(found, budget=10)
    assert plan.adapt({}) is plan


def test_a_text_in_place_of_a_list_of_modes_is_refused(found):
    plan = fs.plan_review(found, budget=10)
    with pytest.raises(fs.ArgumentError, match="give a list"):
        plan.adapt({plan.frame["trace_id"].iloc[0]: "loop"})


# what one reading counts for -----------------------------------------------------------------------------------------


def test_alike_are_equal_answers_to_the_same_question_only():
    long = (
        "The parcel leaves our house on Monday and you get a message with its number by mail in the evening."
    )
    rows = {
        "a": ("Where is it?", long),
        "b": ("where is it", long.upper().replace(".", "")),
        "c": ("Where is it?", long.replace("evening", "afternoon")),
        "d": ("Where is it?", long.replace("Monday", "day 5")),
        "e": ("Where is it?", long.replace("Monday", "day 6")),
        "f": ("When is it?", long),
        "g": ("Where is it?", "No idea."),
    }
    frame = pd.DataFrame([{"trace_id": i, "input": q, "output": a} for i, (q, a) in rows.items()])
    found = fs.cluster(fs.Traces.from_frame(frame), projector=None, progress=False)
    plan = fs.plan_review(found, budget=3)
    groups = {i: plan.alike(i) for i in rows}
    assert groups == {"a": ["b", "c"], "b": ["a", "c"], "c": ["a", "b"], "d": [], "e": [], "f": [], "g": []}


@pytest.mark.parametrize(
    ("kwargs", "word"),
    [
        ({"budget": 0}, "budget"),
        ({"budget": 2.5}, "whole number"),
        ({"strategy": "best"}, "balanced"),
        ({"reviewed": "t001"}, "give a list"),
    ],
)
def test_a_plan_that_cannot_be_made_says_why(found, kwargs, word):
    with pytest.raises(fs.ArgumentError, match=word):
        fs.plan_review(found, **kwargs)
