"""The desk: what is proposed, what a curator does with it, who may, and what stays in the provenance."""

from __future__ import annotations

import errno
import json
import shutil

import pytest

import failscope as fs
from failscope.golden.lines import line_of
from failscope.golden.writing import forget_examples, write_lines
from tests.golden.test_versions import Fault
from tests.homes import ws

__all__ = ["ws"]  # a workspace on SQLite and one on PostgreSQL

INVENTED = "invented policy"


@pytest.fixture
def session(ws, found):
    """Two reviewers have read some traces and written what should have been said."""
    session = ws.start_review("2026-W23", fs.plan_review(found, budget=20), reviewers=["ana", "ben"])
    for n, modes in ((1, [INVENTED]), (5, [INVENTED]), (9, ["refusal"]), (13, ["refusal"])):
        trace_id = f"t{n:03d}"
        session.annotate(
            trace_id, reviewer="ana", failure_modes=modes, expected_output=f"Order {n} ships today."
        )
        session.propose("refunds", [trace_id], reviewer="ana", reason="new this week")
    return session


@pytest.fixture
def desk(ws, session):
    ws.set_role("cleo", "curator", by="cleo")
    return ws.desk("refunds")


def test_the_desk_lists_what_is_proposed_with_its_evidence(desk):
    cases = desk.cases()
    assert cases.index.tolist() == ["t001", "t005", "t009", "t013"]
    row = cases.loc["t001"]
    assert (row["status"], row["failure_modes"], row["proposed_by"]) == ("waiting", [INVENTED], ["ana"])
    assert (row["reason"], row["readers"], row["agree"]) == ("new this week", ["ana"], None)
    assert row["refused"] == []
    assert "4 waiting" in repr(desk)
    assert "no version yet" in desk._repr_html_()


def test_a_curator_accepts_and_promotes_and_the_rest_still_waits(desk, ws):
    desk.accept(["t001", "t005"], by="cleo")
    accepted = desk.cases().query("status == 'accepted'").index
    golden = desk.promote(by="cleo", reason="weekly", trace_ids=accepted)
    assert sorted(golden.trace_ids) == ["t001", "t005"]
    assert desk.cases().index.tolist() == ["t009", "t013"]
    assert ws.proposals("refunds")["status"].tolist() == ["waiting", "waiting"]


def test_a_rejected_case_stays_out_until_it_is_proposed_again(desk, ws, session):
    desk.reject(["t001"], by="cleo", reason="a typo of the user")
    assert "t001" not in desk.promote(by="cleo").trace_ids
    assert desk.cases().loc["t001", ["status", "question"]].tolist() == ["rejected", "a typo of the user"]
    session.propose("refunds", ["t001"], reviewer="ben", reason="it came again")
    assert desk.case("t001").status == "waiting"
    assert "t001" in desk.promote(by="cleo").trace_ids


def test_a_case_sent_back_waits_for_an_answer(desk):
    desk.send_back(["t001"], by="cleo", question="which policy?")
    assert desk.case("t001").question == "which policy?"
    assert "t001" not in desk.promote(by="cleo").trace_ids
    desk.answer("t001", by="ana", answer="the one of May")
    assert desk.case("t001").status == "waiting"
    assert [h["what"] for h in desk.case("t001").history] == ["sent back", "answered"]
    with pytest.raises(fs.ArgumentError, match="not sent back"):
        desk.answer("t005", by="ana", answer="x")


def test_an_edit_is_kept_with_its_reason_and_the_trace_stays_as_it_was(desk, ws):
    desk.edit(
        "t001", by="ben", reason="shorter", input="Where is order 1?", expected_output="It ships today."
    )
    golden = desk.promote(by="cleo", trace_ids=["t001"])
    row = golden.examples.iloc[0]
    assert (row["input"], row["expected_output"]) == ("Where is order 1?", "It ships today.")
    path = golden.provenance(golden.examples.index[0])
    assert (path.edited[0]["by"], path.edited[0]["reason"]) == ("ben", "shorter")
    assert path.edited[0]["fields"] == ["expected_output", "input"]
    assert ws.traces().frame.loc["t001", "input"].startswith("Where is my kettle")


def test_an_expected_output_that_a_reviewer_wrote_after_the_edit_holds(desk, session):
    desk.edit("t001", by="cleo", reason="clearer", expected_output="edited")
    assert desk.case("t001").example["expected_output"] == "edited"
    session.annotate("t001", reviewer="ben", expected_output="written later")
    assert desk.case("t001").example["expected_output"] == "written later"


def test_an_accepted_case_that_somebody_else_edits_waits_again(desk):
    desk.accept(["t001", "t005"], by="cleo")
    desk.edit("t001", by="ana", reason="more", expected_output="another")
    desk.edit("t005", by="cleo", reason="more", expected_output="another")
    assert desk.cases()["status"].tolist()[:2] == ["waiting", "accepted"]


def test_criteria_take_the_place_of_an_expected_output(desk, ws, session):
    session.annotate("t002", reviewer="ana", failure_modes=["empty"])
    session.propose("refunds", ["t002"], reviewer="ana")
    assert desk.check(["t002"]).refused == {"t002": ["expected"]}
    desk.edit("t002", by="cleo", reason="checkable", criteria=[{"type": "contains", "value": "ships"}])
    assert not desk.check(["t002"]).refused
    golden = desk.promote(by="cleo", trace_ids=["t002"])
    assert golden.examples["criteria"].tolist() == [[{"type": "contains", "value": "ships"}]]
    with pytest.raises(fs.ArgumentError, match="contains"):
        desk.edit("t005", by="cleo", reason="x", criteria=[{"type": "sounds nice", "value": "x"}])


def test_a_case_in_the_set_that_is_corrected_comes_before_the_curator_again(desk, session):
    first = desk.promote(by="cleo")
    session.annotate("t001", reviewer="ana", expected_output="Corrected.")
    assert desk.cases().index.tolist() == ["t001"]
    second = desk.promote(by="cleo", reason="corrected")
    assert second.diff().counts() == {"edited": 1}
    example = first.examples.index[first.examples["trace_id"] == "t001"][0]
    assert second.provenance(example).promoted["version"] == 2
    assert desk.cases().empty


def test_a_word_that_changes_nothing_of_an_example_makes_no_version(desk, session):
    first = desk.promote(by="cleo")
    session.annotate("t001", reviewer="ben", failure_modes=[INVENTED])  # the same as ana said
    assert desk.promote(by="cleo").version == first.version


# the gate in the flow ------------------------------------------------------------------------------------------------


def test_what_the_gate_refuses_stays_proposed_and_is_named(desk, session):
    session.propose("refunds", ["t002"], reviewer="ana")
    with pytest.warns(UserWarning, match=r"refused 1 of 5.*t002 \(expected\)"):
        golden = desk.promote(by="cleo")
    assert golden.refused == {"t002": ["expected"]}
    assert "refused by the gate" in golden._repr_html_()
    assert desk.cases().index.tolist() == ["t002"]
    with pytest.raises(fs.GateError, match="expected") as refused:
        desk.promote(by="cleo")
    assert refused.value.report.refused == {"t002": ["expected"]}
    assert desk.golden.version == 1


def test_a_curator_waives_a_check_and_the_reason_stays_in_the_provenance(desk, session):
    session.propose("refunds", ["t002"], reviewer="ana")
    desk.waive(["t002"], "expected", by="cleo", reason="an empty answer is what we watch for")
    golden = desk.promote(by="cleo", trace_ids=["t002"])
    path = golden.provenance(golden.examples.index[0])
    assert path.waived[0]["check"] == "expected"
    assert (path.waived[0]["by"], path.waived[0]["reason"]) == (
        "cleo",
        "an empty answer is what we watch for",
    )
    assert path.gate["expected"]["waived"]
    assert not path.gate["duplicate"]["waived"]


def test_promote_can_waive_with_one_reason_for_all(ws, desk, session):
    session.propose("refunds", ["t002", "t006"], reviewer="ana")
    golden = ws.promote("refunds", curator="cleo", waive={"expected": "outputs are compared by hand"})
    assert {"t002", "t006"} <= set(golden.trace_ids)
    waived = [golden.provenance(i).waived for i in golden.examples.index]
    assert sum(bool(w) for w in waived) == 2  # only those that needed it


def test_a_waiver_reaches_what_is_refused_only_once_another_one_holds(ws, session):
    ids = [f"t{n:03d}" for n in range(40)]
    ws.propose("many", ids, reviewer="ana")
    golden = ws.promote(
        "many", curator="cleo", waive=dict.fromkeys(("expected", "quota", "duplicate"), "a first set")
    )
    assert len(golden) == 40
    assert golden.refused == {}


def test_reviewers_who_differ_are_refused_until_it_is_settled(desk, session):
    session.annotate("t001", reviewer="ben", failure_modes=["refusal"])
    assert desk.case("t001").agree is False
    assert desk.check(["t001"]).refused == {"t001": ["agreement"]}
    session.settle("t001", reviewer="ben", failure_modes=[INVENTED], reason="ana is right")
    assert not desk.check(["t001"]).refused
    golden = desk.promote(by="cleo", trace_ids=["t001"])
    assert golden.examples["failure_modes"].tolist() == [[INVENTED]]
    assert golden.provenance(golden.examples.index[0]).agreement["settled"]["reason"] == "ana is right"


def test_a_curator_settles_at_the_desk_where_readers_differ(desk, session):
    session.annotate("t001", reviewer="ben", failure_modes=["refusal"])
    with pytest.raises(fs.RoleError):
        desk.settle("t001", [INVENTED], by="ana", reason="x")
    desk.settle("t001", [INVENTED], by="cleo", reason="ana is right")
    assert not desk.check(["t001"]).refused
    assert session.mark("t001")["failure_modes"] == [INVENTED]
    assert "taken back" in desk.undo(by="cleo")
    assert desk.check(["t001"]).refused == {"t001": ["agreement"]}
    with pytest.raises(fs.ArgumentError, match="do not differ"):
        desk.settle("t005", [INVENTED], by="cleo", reason="x")


def test_masking_keeps_the_meaning_and_only_what_kind_it_was(desk, session, ws):
    text = "Write to jo.doe@example.com, order 1 ships today."
    session.annotate("t001", reviewer="ana", expected_output=text)
    desk.edit("t001", by="ana", reason="x", criteria=[{"type": "contains", "value": "jo.doe@example.com"}])
    assert desk.check(["t001"]).refused == {"t001": ["personal"]}
    masked = desk.mask("t001", by="cleo")
    assert dict(masked.counts) == {"e-mail": 2}
    golden = desk.promote(by="cleo", trace_ids=["t001"])
    assert "jo.doe" not in (golden.folder / "examples.jsonl").read_text("utf-8")
    assert golden.examples["expected_output"].iloc[0].startswith("Write to [e-mail")
    # what the answer has to hold is masked alike, so that it can still be held
    assert golden.examples["criteria"].iloc[0][0]["value"] in golden.examples["expected_output"].iloc[0]
    assert golden.provenance(golden.examples.index[0]).edited[-1]["masked"] == {"e-mail": 2}


# who may --------------------------------------------------------------------------------------------------------------


def test_a_reviewer_proposes_and_edits_and_does_not_promote(desk):
    for call in (
        lambda: desk.promote(by="ana"),
        lambda: desk.accept(["t001"], by="ana"),
        lambda: desk.reject(["t001"], by="ana", reason="x"),
        lambda: desk.send_back(["t001"], by="ana", question="x"),
        lambda: desk.waive(["t001"], "expected", by="ana", reason="x"),
    ):
        with pytest.raises(fs.RoleError, match="'cleo'"):
            call()
    assert desk.golden is None
    assert desk.edit("t001", by="ana", reason="clearer", expected_output="x")


def test_without_a_curator_whoever_is_no_reviewer_may_promote(ws, session):
    with pytest.raises(fs.RoleError, match="set_role"):
        ws.promote("refunds", curator="ana")
    assert ws.promote("refunds", curator="dee").version == 1
    assert [ws.desk("refunds").role(p) for p in ("ana", "dee")] == ["reviewer", ""]


def test_once_there_is_a_curator_only_curators_promote_and_name_others(ws, session):
    ws.set_role("cleo", "curator", by="ana")
    with pytest.raises(fs.RoleError):
        ws.promote("refunds", curator="dee")
    with pytest.raises(fs.RoleError):
        ws.set_role("ana", "curator", by="ana")
    ws.set_role("ana", "curator", by="cleo")
    assert ws.promote("refunds", curator="ana").version == 1
    assert ws.roles()["role"].to_dict() == {"cleo": "curator", "ana": "curator"}
    ws.set_role("cleo", "reviewer", by="ana")
    with pytest.raises(fs.ArgumentError, match="only curator"):
        ws.set_role("ana", "reviewer", by="ana")


def test_a_renamed_curator_keeps_the_role(ws, session):
    ws.set_role("ana", "curator", by="ana")
    ws.rename_reviewer("ana", "anna")
    assert ws.promote("refunds", curator="anna").version == 1


@pytest.mark.parametrize("role", ["boss", "", "Curator"])
def test_an_unknown_role_is_refused(ws, role):
    with pytest.raises(fs.ArgumentError, match="'curator', 'reviewer'"):
        ws.set_role("cleo", role, by="cleo")


# taking back ----------------------------------------------------------------------------------------------------------


def test_undo_takes_back_the_last_thing_of_that_person_on_this_desk(desk, session):
    desk.accept(["t001"], by="cleo")
    desk.edit("t005", by="ana", reason="x", expected_output="y")
    desk.reject(["t009"], by="cleo", reason="z")
    assert "rejected" in desk.undo(by="cleo")
    assert desk.cases()["status"].tolist() == ["accepted", "waiting", "waiting", "waiting"]
    desk.undo(by="cleo")
    assert set(desk.cases()["status"]) == {"waiting"}
    with pytest.raises(fs.NotFoundError, match="taken back"):
        desk.undo(by="cleo")
    assert desk.cases().loc["t005", "edited"]
    # undo in the review knows nothing of the desk
    session.undo(reviewer="ana")
    assert desk.cases().loc["t005", "edited"]


def test_a_reason_is_needed_for_what_is_kept(desk):
    for call in (
        lambda: desk.edit("t001", by="cleo", reason=" ", expected_output="x"),
        lambda: desk.reject(["t001"], by="cleo", reason=""),
        lambda: desk.send_back(["t001"], by="cleo", question=""),
        lambda: desk.waive(["t001"], "expected", by="cleo", reason=""),
    ):
        with pytest.raises(fs.ArgumentError, match="needed"):
            call()
    with pytest.raises(fs.ArgumentError, match="no check"):
        desk.waive(["t001"], "looks", by="cleo", reason="x")
    with pytest.raises(fs.ArgumentError, match="nothing to waive"):
        desk.waive(["t001"], "size", by="cleo", reason="x")
    with pytest.raises(fs.ArgumentError, match="deletion"):
        desk.waive(["t001"], "deletion", by="cleo", reason="x")
    with pytest.raises(fs.NotFoundError, match="propose first"):
        desk.accept(["t040"], by="cleo")


# versions through the workspace ----------------------------------------------------------------------------------------


def test_a_retired_example_is_gone_from_the_next_version_with_its_reason(desk, ws, session):
    first = desk.promote(by="cleo")
    gone = first.examples.index[first.examples["trace_id"] == "t001"][0]
    second = ws.retire("refunds", [gone], curator="cleo", reason="the policy has changed")
    assert gone not in second.examples.index
    assert second.retired.loc[gone, ["by", "reason", "version"]].tolist() == [
        "cleo",
        "the policy has changed",
        2,
    ]
    assert second.diff().frame.loc[gone, ["change", "reason"]].tolist() == [
        "retired",
        "the policy has changed",
    ]
    assert gone in ws.golden("refunds", 1).examples.index
    # its old proposal does not bring it back; a new one does
    assert desk.promote(by="cleo").version == 2
    session.propose("refunds", ["t001"], reviewer="ana", reason="it is back")
    third = desk.promote(by="cleo")
    assert gone in third.examples.index
    assert third.retired.empty
    with pytest.raises(fs.RoleError):
        ws.retire("refunds", [gone], curator="ana", reason="x")
    with pytest.raises(fs.NotFoundError, match="ex-nothing"):
        ws.retire("refunds", ["ex-nothing"], curator="cleo", reason="x")


def test_a_branch_grows_beside_main_and_is_merged_back(desk, ws):
    ws.promote("refunds", curator="cleo", trace_ids=["t001"])
    ws.promote("refunds", curator="cleo", trace_ids=["t005"], branch="gpt-6")
    ws.promote("refunds", curator="cleo", trace_ids=["t009"])
    assert sorted(ws.golden("refunds").trace_ids) == ["t001", "t009"]
    assert sorted(ws.golden("refunds", branch="gpt-6").trace_ids) == ["t001", "t005"]
    merged = ws.merge("refunds", "gpt-6", curator="cleo", reason="shipped")
    assert sorted(merged.trace_ids) == ["t001", "t005", "t009"]
    assert ws.golden("refunds").verify()
    assert ws.events().query("kind == 'promotion'")["payload"].iloc[-1]["reason"] == "shipped"
    with pytest.raises(fs.NotFoundError, match="neither a branch"):
        ws.merge("refunds", "nothing", curator="cleo")


def test_a_promotion_from_another_process_is_seen_by_an_open_desk(home, desk):
    other = home.open()
    other.promote("refunds", curator="cleo", trace_ids=["t001"])
    other.log.close()
    assert desk.cases().index.tolist() == ["t005", "t009", "t013"]
    assert desk.golden.version == 1


# what is said later, taken back, or renamed -----------------------------------------------------------------------------


def modes_of(golden: fs.GoldenSet, trace_id: str) -> list[str]:
    return golden.examples.set_index("trace_id").loc[trace_id, "failure_modes"]


def test_what_is_taken_back_after_a_promotion_is_taken_back_in_the_next(desk, session):
    session.annotate("t001", reviewer="ana", failure_modes=["mistake"])
    assert modes_of(desk.promote(by="cleo"), "t001") == ["mistake"]
    session.undo(reviewer="ana")
    assert desk.cases().index.tolist() == ["t001"]
    assert modes_of(desk.promote(by="cleo"), "t001") == [INVENTED]


def test_an_edit_that_is_taken_back_is_gone_from_the_next_version(desk):
    desk.edit("t001", by="cleo", reason="clearer", expected_output="edited")
    desk.promote(by="cleo")
    desk.undo(by="cleo")
    golden = desk.promote(by="cleo")
    assert golden.version == 2
    assert "edited" not in golden.examples["expected_output"].tolist()


def test_a_renamed_failure_mode_is_renamed_in_the_next_version(desk, ws):
    desk.promote(by="cleo")
    ws.rename_mode(INVENTED, "made up", by="ana")
    golden = desk.promote(by="cleo")
    assert modes_of(golden, "t001") == ["made up"]
    assert golden.diff().counts() == {"re-labelled": 2}


def test_a_word_against_an_example_of_the_set_does_not_stop_the_others(desk, session):
    desk.promote(by="cleo", trace_ids=["t001"])
    session.annotate("t001", reviewer="ana", expected_output="corrected")
    desk.reject(["t001"], by="cleo", reason="the old one is better")
    golden = desk.promote(by="cleo")
    assert sorted(golden.trace_ids) == ["t001", "t005", "t009", "t013"]
    assert "corrected" not in golden.examples["expected_output"].tolist()
    with pytest.raises(fs.ArgumentError, match="rejected"):
        desk.promote(by="cleo", trace_ids=["t001"])


def test_a_waiver_holds_for_what_it_was_given_for_only(desk, session):
    session.annotate("t001", reviewer="ana", expected_output="Write to info@example.com.")
    desk.waive(["t001"], "personal", by="cleo", reason="our public address")
    assert not desk.check(["t001"]).refused
    desk.edit(
        "t001", by="ana", reason="more", expected_output="Write to jo.doe@example.com, 4111 1111 1111 1111."
    )
    assert desk.check(["t001"]).refused == {"t001": ["personal"]}
    assert "t001" not in desk.promote(by="cleo").trace_ids


def test_an_accepted_case_of_which_a_reviewer_says_something_else_waits_again(desk, session):
    desk.accept(["t001"], by="cleo")
    session.annotate("t001", reviewer="ben", expected_output="another")
    assert desk.case("t001").status == "waiting"
    desk.promote(by="cleo")
    assert desk.case("t001").status == "promoted"
    with pytest.raises(fs.ArgumentError, match="as it is"):
        desk.accept(["t001"], by="cleo")


def test_a_retired_case_that_is_proposed_again_and_sent_back_is_still_on_the_desk(desk, ws, session):
    golden = desk.promote(by="cleo")
    gone = golden.examples.index[golden.examples["trace_id"] == "t001"][0]
    ws.retire("refunds", [gone], curator="cleo", reason="fixed")
    assert ws.proposals("refunds").empty
    with pytest.raises(fs.ArgumentError, match="retired"):
        desk.promote(by="cleo", trace_ids=["t001"])
    session.propose("refunds", ["t001"], reviewer="ana", reason="again")
    desk.send_back(["t001"], by="cleo", question="why?")
    assert desk.cases().loc["t001", ["status", "question"]].tolist() == ["sent back", "why?"]
    assert ws.proposals("refunds")["status"].unique().tolist() == ["sent back"]


def test_an_unknown_check_is_not_waived_in_silence(ws, session):
    for check in ("expectd", "deletion"):
        with pytest.raises(fs.ArgumentError, match="cannot be waived"):
            ws.promote("refunds", curator="cleo", waive={check: "x"})


def test_a_forgotten_trace_is_no_case_any_more_and_the_others_go_on(desk, ws):
    ws.forget(trace_ids=["t001"], by="cleo")
    assert desk.cases().index.tolist() == ["t005", "t009", "t013"]
    assert "t001" not in desk.promote(by="cleo").trace_ids
    with pytest.raises(fs.ArgumentError, match="forgotten"):
        desk.promote(by="cleo", trace_ids=["t001"])
    assert ws.proposals("refunds").empty


# two machines -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def copies(desk, ws, tmp_path):
    """A set, and a copy of its folder on another machine that went on by itself."""
    desk.promote(by="cleo", trace_ids=["t001", "t005"])
    copy = tmp_path / "their clone" / "golden" / "refunds"
    shutil.copytree(ws.path / "golden" / "refunds", copy)
    golden = fs.GoldenSet.open(copy)
    lines = golden.rows.by_id()
    first = golden.examples.index[golden.examples["trace_id"] == "t001"][0]
    row = json.loads(lines[first])
    row["provenance"]["promoted"]["as_of"] = {"log": "b" * 32, "seq": 9}  # their log's
    lines[first] = line_of({**row, "note": "theirs"})
    lines["ex-00000000000000aa"] = line_of(
        {**row, "id": "ex-00000000000000aa", "input": "Do you ship to Iceland?"}
    )
    about = {"curator": "dee", "at": "2026-06-01T00:00:00+00:00", "reason": "theirs", "failscope": "0"}
    write_lines(copy, lines, about=about, parent=golden.as_version())
    return copy


def test_another_copys_versions_are_merged_and_the_next_promotion_goes_on_from_there(home, copies, desk, ws):
    desk.promote(by="cleo", trace_ids=["t009"])
    merged = ws.merge("refunds", copies, curator="cleo", reason="both")
    assert (merged.version, len(merged)) == (3, 4)
    assert "theirs" in merged.examples["note"].tolist()
    assert ws.golden("refunds").verify()
    assert desk.promote(by="cleo").version == 4
    other = home.open(folder=copies.parents[2] / "another laptop") if home.server else home.open()
    assert other.golden("refunds").version == 4
    assert other.golden("refunds").verify()


def test_a_merge_over_which_people_differ_writes_nothing(copies, desk, ws, session):
    session.annotate("t001", reviewer="ana", note="ours")
    desk.promote(by="cleo")
    with pytest.raises(fs.MergeError, match="prefer"):
        ws.merge("refunds", copies, curator="cleo")
    assert ws.golden("refunds").version == 2
    merged = ws.merge("refunds", copies, curator="cleo", prefer="theirs")
    assert "theirs" in merged.examples["note"].tolist()
    # what was said before the merge was weighed there, and does not come back by itself
    assert desk.cases().empty
    session.annotate("t001", reviewer="ana", note="ours, later")
    assert "ours, later" in desk.promote(by="cleo").examples["note"].tolist()


@pytest.mark.parametrize("goes_on", [True, False], ids=["both went on", "only they went on"])
def test_what_was_forgotten_here_does_not_come_back_from_another_copy(home, copies, desk, ws, goes_on):
    if goes_on:
        desk.promote(by="cleo", trace_ids=["t009"])
    ws.forget(trace_ids=["t005"], by="cleo")
    merged = ws.merge("refunds", copies, curator="cleo")
    assert "t005" not in merged.trace_ids
    assert merged.verify()
    text = ws.traces().frame  # the text is not in the workspace either
    assert "t005" not in text.index
    files = [p.read_bytes() for p in (ws.path / "golden").rglob("*.jsonl")]
    assert not any(b"It was order 5." in body for body in files)
    assert ws.golden("refunds").verify()


def test_what_was_forgotten_there_is_forgotten_here_too(copies, desk, ws):
    forget_examples(copies, ["t005"])
    merged = ws.merge("refunds", copies, curator="cleo")
    assert merged.verify()
    assert "t005" not in merged.trace_ids
    files = [p.read_bytes() for p in (ws.path / "golden").rglob("*.jsonl")]
    assert not any(b"It was order 5." in body for body in files)


def test_a_text_that_nobody_asked_to_remove_cannot_be_taken_for_forgotten(desk, ws):
    desk.promote(by="cleo")
    forget_examples(ws.path / "golden" / "refunds", ["t001"])  # past the workspace
    with pytest.raises(fs.IntegrityError):
        ws.golden("refunds")


# a process that ends in the middle of a promotion ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")],
    ids=["killed", "disk full"],
)
@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_a_promotion_that_ends_at_any_write_is_finished_by_the_next(desk, ws, monkeypatch, error):
    desk.promote(by="cleo", trace_ids=["t001"])
    for n, trace_id in enumerate(["t005", "t009", "t013"], start=2):
        done, k = False, 0
        while not done:
            k += 1
            with monkeypatch.context() as patched:
                Fault(patched, k, error)
                try:
                    ws.promote("refunds", curator="cleo", trace_ids=[trace_id])
                    done = True
                except (KeyboardInterrupt, OSError):
                    pass
                except fs.ArgumentError:  # it is in as it is: only the log's word on it was not written
                    done = True
            held = ws.golden("refunds")
            assert held.verify()
            assert held.version in (n - 1, n)
            assert ws.audit().verify()
        assert k > 8
        assert trace_id in ws.golden("refunds").trace_ids
        assert ws.golden("refunds").version == n
    assert ws.promote("refunds", curator="cleo").version == 4
    logged = [said["version"] for said in ws.events().query("kind == 'promotion'")["payload"]]
    assert logged == [1, 2, 3, 4]
