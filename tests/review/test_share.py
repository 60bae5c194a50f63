"""Several people, one review: who reads what, what differs, what was decided, and names that change."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import failscope as fs
from failscope.review.assignment import Assignment, in_turn


@pytest.fixture
def review(ws: fs.Workspace, found: fs.Clustering) -> fs.Session:
    """Three people who share a plan of forty; a quarter is read twice."""
    plan = fs.plan_review(found, budget=40)
    return ws.start_review("w", plan, reviewers=["ana", "ben", "cleo"], overlap=0.25)


def _read_all(session: fs.Session, who: str, says=lambda trace_id: []) -> list[str]:
    """One person reads until nothing is left for them."""
    read = []
    while len(queue := session.queue(reviewer=who)):
        trace_id = queue["trace_id"].iloc[0]
        session.annotate(trace_id, reviewer=who, failure_modes=says(trace_id))
        read.append(trace_id)
    return read


# who reads what -----------------------------------------------------------------------------------------------------


def test_every_trace_has_its_readers_and_the_overlap_is_as_asked():
    shared = Assignment("w", ("ana", "ben", "cleo"), overlap=0.25)
    readers = [shared.readers(f"t{i}") for i in range(4_000)]
    assert all(len(set(r)) == len(r) for r in readers)
    assert abs(np.mean([len(r) == 2 for r in readers]) - 0.25) < 0.03
    first = pd.Series([r[0] for r in readers]).value_counts(normalize=True)
    assert (abs(first - 1 / 3) < 0.04).all()


def test_when_somebody_is_away_only_that_persons_traces_move():
    everyone = Assignment("w", ("ana", "ben", "cleo"), overlap=0.25)
    without = Assignment("w", ("ana", "ben", "cleo"), frozenset({"ben"}), overlap=0.25)
    for i in range(500):
        before, after = everyone.readers(f"t{i}"), without.readers(f"t{i}")
        assert "ben" not in after
        assert [who for who in before if who != "ben"] == after[
            : len([who for who in before if who != "ben"])
        ]


def test_what_is_ones_own_comes_first_then_what_nobody_has_read():
    shared = Assignment("w", ("ana", "ben"), overlap=0.0)
    ids = [f"t{i}" for i in range(20)]
    own = [i for i in ids if shared.readers(i) == ["ana"]]
    others = [i for i in ids if i not in own]
    assert in_turn(ids, "ana", shared, {}) == [*own, *others]
    assert in_turn(ids, "ana", shared, {others[0]: {"ben"}, own[0]: {"ana"}}) == [*own[1:], *others[1:]]


def test_three_people_read_the_whole_plan_once_and_the_overlap_twice(review):
    for who in ("ana", "ben", "cleo"):
        _read_all(review, who)
    marks = review._current().marks()
    readers = pd.Series([trace_id for _, trace_id in marks]).value_counts()
    assert len(readers) == len(review.plan)
    twice = {i for i in readers.index if Assignment("w", review.reviewers, overlap=0.25).twice(i)}
    assert set(readers[readers > 1].index) <= twice
    assert len(review.queue()) == 0


def test_two_people_who_go_on_at_the_same_time_do_not_open_the_same_trace(review):
    heads = [review.queue(reviewer=who)["trace_id"].iloc[0] for who in ("ana", "ben", "cleo")]
    shared = Assignment("w", review.reviewers, overlap=0.25)
    assert all(who in shared.readers(i) for who, i in zip(("ana", "ben", "cleo"), heads, strict=True))


def test_what_an_absent_person_would_have_read_is_read_by_the_others(review):
    review.away("ben")
    for who in ("ana", "cleo"):
        _read_all(review, who)
    assert len(review.queue()) == 0
    assert review.progress().loc["ben", "read"] == 0
    review.away("ben", away=False)
    assert review._current().away() == frozenset()


def test_a_second_opinion_is_due_from_one_other_person(review):
    shared = Assignment("w", review.reviewers, overlap=0.25)
    trace_id = next(i for i in review.plan.frame["trace_id"] if shared.twice(i))
    one, other = shared.readers(trace_id)
    review.annotate(trace_id, reviewer=one, failure_modes=["loop"])
    due = review.progress()["due"]
    assert due[other] == 1
    assert due.sum() == 1
    assert trace_id in set(review.queue(reviewer=other)["trace_id"])
    review.annotate(trace_id, reviewer=other, failure_modes=[])
    assert review.progress()["due"].sum() == 0


def test_a_review_by_one_person_has_no_second_readings(ws, found):
    session = ws.start_review("alone", fs.plan_review(found, budget=20), reviewers=["ana"], overlap=1.0)
    session.annotate(session.plan.frame["trace_id"].iloc[0], failure_modes=[])
    assert session.progress().loc["ana", ["read", "left", "due"]].tolist() == [1, 19, 0]


@pytest.mark.parametrize("overlap", [-0.1, 1.5, "a fifth", None, True])
def test_an_overlap_that_is_no_share_is_refused(ws, found, overlap):
    with pytest.raises(fs.ArgumentError, match="overlap"):
        ws.start_review("w", fs.plan_review(found, budget=5), reviewers=["ana"], overlap=overlap)


def test_the_settings_of_a_review_are_kept(ws, found):
    ws.start_review("w", fs.plan_review(found, budget=5), reviewers=["ana", "ben"], overlap=0.5, blind=True)
    again = ws.start_review("w")
    assert (again.overlap, again.blind) == (0.5, True)
    assert "review" not in again.plan.params


# blind, differing, deciding ------------------------------------------------------------------------------------------


def test_a_blind_review_hides_others_until_it_is_revealed(ws, found):
    session = ws.start_review("w", fs.plan_review(found, budget=5), reviewers=["ana", "ben"], blind=True)
    assert session.hides_others
    session.reveal(reviewer="ana")
    assert not ws.start_review("w").hides_others


def test_what_people_differ_in_is_listed_until_it_is_settled(review):
    review.annotate("t001", reviewer="ana", failure_modes=["refusal", "too long"], scores={"relevance": 2})
    review.annotate("t001", reviewer="ben", failure_modes=["refusal"], scores={"relevance": 4})
    review.annotate("t002", reviewer="ana", failure_modes=[])
    review.annotate("t002", reviewer="ben", failure_modes=[])
    differ = review.disagreements()
    assert differ.index.tolist() == ["t001"]
    assert differ.loc["t001", "differ"] == ["too long", "relevance"]
    assert differ.loc["t001", "scores"] == {"relevance": {"ana": 2.0, "ben": 4.0}}
    review.settle("t001", ["refusal"], reason="length is fine here", reviewer="cleo")
    settled = review.disagreements().loc["t001"]
    assert (settled["settled"], settled["failure_modes"], settled["by"]) == (True, ["refusal"], "cleo")


def test_a_decision_holds_whoever_said_what_and_can_be_taken_back(review):
    review.annotate("t001", reviewer="ana", failure_modes=["loop"])
    review.settle("t001", [], reason="it is a quotation", reviewer="ben")
    assert review.mark("t001")["failure_modes"] == []
    assert review.mark("t001", reviewer="ana")["failure_modes"] == ["loop"]
    assert review.marks().loc["t001", "settled"]
    assert review.prevalence(assisted=False)["naive"].iloc[0] == 0
    review.undo(reviewer="ben")
    assert review.mark("t001")["failure_modes"] == ["loop"]


def test_a_decision_needs_a_reason(review):
    with pytest.raises(fs.ArgumentError, match="reason"):
        review.settle("t001", [], reason=" ", reviewer="ana")


def test_agreement_is_told_from_double_reads_and_no_decision_changes_it(review):
    for n in range(12):
        trace_id = f"t{n:03d}"
        review.annotate(trace_id, reviewer="ana", failure_modes=["loop"] if n < 6 else [])
        review.annotate(trace_id, reviewer="ben", failure_modes=["loop"] if n < 5 else [])
    before = review.agreement().frame.loc["loop"]
    assert before["traces"] == 12
    assert before["percent"] == pytest.approx(11 / 12)
    review.settle("t005", [], reason="no loop", reviewer="cleo")
    assert review.agreement().frame.loc["loop", "alpha"] == before["alpha"]


# notes and names -----------------------------------------------------------------------------------------------------


def test_notes_that_say_the_same_become_a_failure_mode(review):
    said = {
        "t001": "made up a refund policy",
        "t005": "invented a refund policy",
        "t009": "invented the refund policy",
    }
    for trace_id, note in {**said, "t010": "the answer is empty"}.items():
        review.annotate(trace_id, reviewer="ana", note=note)
    groups = review.note_groups()
    assert sorted(groups.loc[0, "trace_ids"]) == sorted(said)
    review.code(groups.loc[0, "trace_ids"], "invented policy", reviewer="ana")
    assert review.mark("t005")["failure_modes"] == ["invented policy"]
    assert review.mark("t005")["read"]
    assert review.note_groups()["trace_ids"].tolist() == [["t010"]]


def test_naming_somebody_elses_note_is_no_second_reading(review):
    review.annotate("t001", reviewer="ana", note="made up a refund policy")
    review.annotate("t002", reviewer="ben", note="made up the refund policy")
    review.code(["t001", "t002"], "invented policy", reviewer="ana")
    review.annotate("t002", reviewer="ben", failure_modes=[])
    assert review.mark("t002")["read"]
    assert review.agreement().frame["traces"].max() == 0  # ana never read t002 herself
    review.annotate("t002", reviewer="ana", failure_modes=["invented policy"])
    assert review.agreement().frame["traces"].max() == 1


def test_a_mode_that_is_renamed_has_its_new_name_in_every_review(ws, review, found):
    review.annotate("t001", reviewer="ana", failure_modes=["made up rule"])
    ws.rename_mode("made up rule", "invented policy", by="ana", reason="as the handbook says")
    assert review.mark("t001")["failure_modes"] == ["invented policy"]
    assert review.failure_modes() == ["invented policy"]
    assert ws.failure_modes().index.tolist() == ["invented policy"]
    other = ws.start_review("v", fs.plan_review(found, budget=5), reviewers=["ana"])
    other.annotate("t001", failure_modes=["made up rule"])  # said after the change, it is what it says
    assert other.mark("t001")["failure_modes"] == ["made up rule"]


def test_a_mode_that_is_split_goes_by_its_traces(ws, review):
    for trace_id in ("t001", "t005"):
        review.annotate(trace_id, reviewer="ana", failure_modes=["wrong figure"])
    ws.split_mode(
        "wrong figure", {"wrong price": ["t001"], "wrong date": ["t005"]}, by="ana", reason="two causes"
    )
    assert review.mark("t001")["failure_modes"] == ["wrong price"]
    assert review.mark("t005")["failure_modes"] == ["wrong date"]


def test_a_reviewer_who_is_renamed_keeps_every_word(ws, review):
    review.annotate("t001", reviewer="ben", failure_modes=["loop"])
    ws.rename_reviewer("ben", "benedict")
    again = ws.start_review("w")
    assert again.reviewers == ("ana", "benedict", "cleo")
    assert again.mark("t001", reviewer="benedict")["failure_modes"] == ["loop"]
    assert again.undo(reviewer="benedict")
    with pytest.raises(fs.ArgumentError, match="not in this review"):
        again.annotate("t002", reviewer="ben", failure_modes=[])
    # a session that was open meanwhile follows
    assert review.mark("t001", reviewer="benedict")["failure_modes"] == []
    with pytest.raises(fs.ArgumentError, match="another reviewer"):
        ws.rename_reviewer("ana", "cleo")


def test_new_failure_modes_are_those_nobody_had_named_before(ws, review, found):
    review.annotate("t001", reviewer="ana", failure_modes=["loop"])
    later = ws.start_review("next", fs.plan_review(found, budget=5), reviewers=["ana"])
    later.annotate("t002", failure_modes=["loop", "too long"])
    assert later.new_failure_modes() == ["too long"]


def test_a_rubric_holds_scores_to_its_scale(ws, found):
    session = ws.start_review("w", fs.plan_review(found, budget=5), reviewers=["ana"], rubric="default")
    session.annotate("t001", scores={"factual correctness": 2})
    assert session.mark("t001")["scores"] == {"factual_correctness": 2.0}
    with pytest.raises(fs.ArgumentError):
        session.annotate("t001", scores={"factual_correctness": 9})
    with pytest.raises(fs.ArgumentError):
        session.annotate("t001", scores={"factuality": 2})
    assert len(ws.events().query("kind == 'rubric_adopted'")) == 1
    ws.start_review("w", rubric="default")  # the same rubric is adopted once
    assert len(ws.events().query("kind == 'rubric_adopted'")) == 1


# from week to week ---------------------------------------------------------------------------------------------------


def test_what_was_left_unread_is_read_first_next_week(ws, found, review):
    left = review.unread()
    assert len(left) == 40
    plan = fs.plan_review(found, budget=40, carried=left, random_state=1)
    carried = plan.frame[plan.frame["reason"] == "left unread last week"]
    assert len(carried) == 20
    assert set(carried["trace_id"]) <= set(left["trace_id"])
    assert carried["probability"].isna().all()
    read = {plan.frame["trace_id"].iloc[0]: ["loop"]}
    again = plan.adapt(read).frame
    assert set(carried["trace_id"]) - set(read) <= set(again["trace_id"])
    assert len(again) == 40


def test_a_carried_trace_of_another_time_comes_with_the_week(ws, found):
    week = ws.traces(since="2026-06-08", also=["t000"])
    assert "t000" in week.frame.index
    with pytest.raises(fs.NotFoundError, match="no trace 'nope'"):
        ws.traces(since="2026-06-08", also=["nope"])
    with pytest.raises(fs.ArgumentError, match="not in the clustering"):
        fs.plan_review(found, carried=["nope"])
    with pytest.raises(fs.ArgumentError, match="draws all at random"):
        fs.plan_review(found, budget=10, strategy="random", carried=["t001", "t002"])


def test_a_review_of_an_adapted_plan_estimates_from_the_draw(ws, found):
    """The order of reading must not become the order of the draw, whatever is stored."""
    plan = fs.plan_review(found, budget=30, strategy="random")
    failing = [i for i in plan.frame["trace_id"] if int(i[1:]) % 4 == 1]
    adapted = plan.adapt({i: ["refusal"] for i in failing})
    session = ws.start_review("w", adapted, reviewers=["ana"])
    assert session.plan.sample()["trace_id"].tolist() == plan.sample()["trace_id"].tolist()
    for trace_id in failing:
        session.annotate(trace_id, failure_modes=["refusal"])
    begun = 0
    for trace_id in plan.sample()["trace_id"]:
        if trace_id not in failing:
            break
        begun += 1
    assert session.prevalence(assisted=False)["of"].iloc[0] == begun


def test_a_review_of_traces_that_were_deleted_goes_on_with_the_others(ws, found):
    session = ws.start_review("w", fs.plan_review(found, budget=40), reviewers=["ana"])
    drawn = session.plan.sample()["trace_id"].tolist()
    chosen = next(i for i in session.plan.frame["trace_id"] if i not in drawn)
    gone = [drawn[0], chosen]
    session.annotate(chosen, failure_modes=["refusal"])
    with ws.log.writing() as connection:
        for trace_id in gone:
            connection.exec_driver_sql(f"DELETE FROM traces WHERE trace_id = '{trace_id}'")
    with pytest.warns(UserWarning, match="no longer in this workspace"):
        again = ws.start_review("w")
    assert not set(gone) & {
        *again.plan.frame["trace_id"],
        *again.traces.frame.index,
        *again.queue()["trace_id"],
    }
    assert again.plan.sample()["trace_id"].tolist() == drawn[1:]
    assert set(again.plan.sample()["size"]) == {len(found) - 2}
    again.annotate(drawn[1], failure_modes=["refusal"])
    assert again.prevalence(assisted=False)["of"].iloc[0] == 1


def test_suggestions_help_an_estimate_only_with_models_that_did_not_see_the_reads(ws, found):
    session = ws.start_review("w", fs.plan_review(found, budget=70, strategy="random"), reviewers=["ana"])
    for trace_id in session.plan.frame["trace_id"]:
        session.annotate(trace_id, failure_modes=["refusal"] if int(trace_id[1:]) % 4 == 1 else [])
    frame = session.prevalence()
    refusal = frame.loc["refusal"]
    assert refusal["low"] <= 0.25 <= refusal["high"]
    assert ("assisted" in refusal["method"]) or np.isnan(refusal["assisted"])
    if not np.isnan(refusal["assisted"]):
        assert refusal["assisted_high"] - refusal["assisted_low"] < refusal["high"] - refusal["low"]
    assert session.reads_needed("refusal", within=0.01) <= 10


def test_the_share_of_failures_by_cluster_adds_up_to_the_whole(ws, found):
    session = ws.start_review("w", fs.plan_review(found, budget=60, strategy="random"), reviewers=["ana"])
    for trace_id in session.plan.frame["trace_id"]:
        session.annotate(trace_id, failure_modes=["refusal"] if int(trace_id[1:]) % 4 == 1 else [])
    by = session.by_cluster()
    assert by["size"].sum() == len(found)
    assert by["count"].sum() == session.prevalence(assisted=False)["count"].iloc[0]
    assert by["of"].sum() == 60


def test_outcomes_of_clusters_are_of_all_traces_and_those_of_modes_of_the_sample(ws, found):
    session = ws.start_review("w", fs.plan_review(found, budget=60, strategy="random"), reviewers=["ana"])
    for trace_id in session.plan.frame["trace_id"]:
        session.annotate(trace_id, failure_modes=["refusal"] if int(trace_id[1:]) % 4 == 1 else [])
    modes = session.outcomes().frame
    assert set(modes["basis"]) == {"random sample"}
    assert set(session.outcomes(by="cluster").frame["basis"]) == {"all traces"}
    thumbs = modes.query("outcome == 'thumbs'").iloc[0]
    assert "more often" in thumbs["says"]
    with pytest.raises(fs.ArgumentError, match="by='topic'"):
        session.outcomes(by="topic")
