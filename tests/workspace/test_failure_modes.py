"""Failure modes over all reviews: what was said of them, and how groups move from week to week."""

from __future__ import annotations

import pandas as pd
import pytest

import failscope as fs


def test_a_failure_mode_has_an_owner_a_severity_and_a_status(ws, session):
    session.annotate("t001", reviewer="ana", failure_modes=["refusal"])
    mode = ws.describe_mode(
        "refusal", by="ana", definition="does not help", severity="major", owner="ben", dimension="relevance"
    )
    assert (mode.status, mode.owner) == ("open", "ben")
    row = ws.failure_modes().loc["refusal"]
    assert (row["traces"], row["severity"], row["owner"], row["status"]) == (1, "major", "ben", "open")
    assert row["examples"] == ["t001"]


def test_a_mode_nobody_described_is_open_and_one_nobody_gave_is_listed(ws, session):
    session.annotate("t001", reviewer="ana", failure_modes=["refusal"])
    ws.describe_mode("leak", by="ana", severity="critical")
    frame = ws.failure_modes()
    assert frame.loc["refusal", "status"] == "open"
    assert frame.loc["refusal", "owner"] == ""
    assert frame.loc["leak", "traces"] == 0


def test_a_resolved_mode_that_is_met_again_is_back(ws, session):
    session.annotate("t001", reviewer="ana", failure_modes=["refusal"])
    with pytest.raises(fs.ArgumentError, match="reason"):
        ws.describe_mode("refusal", by="ana", status="resolved")
    ws.describe_mode("refusal", by="ana", status="resolved", since="2026-06-03", reason="new prompt")
    assert not ws.failure_modes().loc["refusal", "back"]
    session.annotate("t077", reviewer="ana", failure_modes=["refusal"])  # of 2026-06-17
    assert ws.failure_modes().loc["refusal", "back"]


def test_a_decision_decides_what_a_failure_mode_has(ws, session):
    session.annotate("t001", reviewer="ana", failure_modes=["refusal"])
    session.annotate("t001", reviewer="ben", failure_modes=[])
    session.settle("t001", [], reason="it was right to refuse", reviewer="ben")
    assert ws.failure_modes().empty


def test_movements_count_what_the_random_samples_showed(ws, found, traces):
    session = ws.start_review("w", fs.plan_review(found, budget=60, strategy="random"), reviewers=["ana"])
    for trace_id in session.plan.frame["trace_id"]:
        session.annotate(trace_id, failure_modes=["refusal"] if int(trace_id[1:]) % 4 == 1 else [])
    moved = ws.movements(found)
    rows = moved.frame.query("kind == 'mode'")
    assert set(rows["name"]) == {"refusal"}
    assert rows["total"].sum() == 60
    assert rows["count"].sum() == sum(int(i[1:]) % 4 == 1 for i in session.plan.frame["trace_id"])


def test_a_persons_word_of_a_group_is_remembered(ws, found):
    refusing = int(pd.Series(found.labels, index=found.trace_ids)["t001"])
    ws.say_match(found, refusing, "refusal", by="ana")
    again = ws.movements(found).week()
    row = again[(again["kind"] == "group") & (again["cluster"] == refusing)].iloc[0]
    assert row["mode"] == "refusal"
