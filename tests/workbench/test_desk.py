"""The Python half of the curator's desk, asked as the page asks it."""

from __future__ import annotations

import json

import pandas as pd
import pytest

import failscope as fs
from failscope.workbench.desk import DeskWorkbench
from failscope.workbench.reading import PIECE

EXPECTED = "The lamp ships on day 0, and a mail tells you when it leaves."
HOSTILE = "<script>window.hacked = 1</script>\u202e"


class Page:
    """Stands where the browser is: asks, and keeps what Python sends."""

    def __init__(self, desk, reviewer: str = "cleo") -> None:
        self.bench = fs.Workbench(desk, reviewer=reviewer)
        self.heard: list[dict] = []
        self.bench.send = lambda content, buffers=None: self.heard.append(content)
        self.seen: dict[str, str] = {}

    def ask(self, ask: str, **args) -> dict:
        """The answer; it has passed through JSON as on the wire, and goes out with what was seen."""
        self.bench._answer(self.bench, {"id": "1", "ask": ask, "seen": self.seen, **args}, [])
        return json.loads(json.dumps(self.heard[-1], allow_nan=False))

    def state(self) -> dict:
        """The list as the page then has it."""
        state = self.ask("state", since=-1)
        self.seen = {row["id"]: row["seen"] for row in state["rows"]}
        return state

    def case(self, trace_id: str) -> dict:
        """One case in full."""
        return self.ask("case", case=trace_id)["found"]

    def row(self, trace_id: str) -> dict:
        return next(row for row in self.state()["rows"] if row["id"] == trace_id)


@pytest.fixture
def desk(ws, session):
    """Three proposed cases: two readers who agree, two who differ, one reader alone."""
    for who in ("ana", "ben"):
        session.annotate("t001", reviewer=who, failure_modes=["over-refusal"], note=f"{who} says so")
    session.annotate("t001", reviewer="ana", expected_output=EXPECTED, scores={"helpfulness": 1})
    session.annotate("t002", reviewer="ana", failure_modes=["empty"])
    session.annotate("t002", reviewer="ben", failure_modes=["cut off"])
    session.annotate(
        "t005", reviewer="ana", failure_modes=["over-refusal"], expected_output="It ships today."
    )
    ws.propose("refunds", ["t001", "t002"], reviewer="ana", reason="new this week")
    ws.propose("refunds", ["t005"], reviewer="ben", reason="again")
    ws.set_role("cleo", "curator", by="cleo")
    ws.set_role("dora", "curator", by="cleo")
    ws.set_role("ben", "reviewer", by="cleo")
    return ws.desk("refunds")


@pytest.fixture
def page(desk) -> Page:
    made = Page(desk)
    made.state()
    return made


# who, and which face -----------------------------------------------------------------------------------------------


def test_a_desk_opens_its_own_face_of_the_same_widget(page):
    assert isinstance(page.bench, DeskWorkbench)
    assert isinstance(page.bench, fs.Workbench)
    assert page.bench.get_state()["face"] == "desk"
    assert page.bench.reviewer == "cleo"
    assert page.ask("hello")["open"] is None


def test_a_review_keeps_its_face(session):
    assert "face" not in fs.Workbench(session, reviewer="ana").get_state()


@pytest.mark.parametrize(
    ("name", "says"), [(None, "say who is at the desk"), ("", "not a name"), ("a\u202eb", "not a name")]
)
def test_who_looks_has_to_be_said(desk, name, says):
    with pytest.raises(fs.ArgumentError, match=says):
        fs.Workbench(desk, reviewer=name)


def test_every_trait_of_the_desk_has_help():
    own = set(DeskWorkbench.class_trait_names()) - set(fs.Workbench.class_trait_names())
    assert own == {"face"}
    assert DeskWorkbench.class_traits()["face"].help


def test_what_a_map_can_do_a_desk_refuses_with_the_way(page):
    with pytest.raises(fs.ArgumentError, match="no map"):
        page.bench.color("week")
    with pytest.raises(fs.ArgumentError, match=r"bench\.select"):
        page.bench.walk(["t001"])


# what is shown -----------------------------------------------------------------------------------------------------


def test_the_list_says_of_each_case_where_it_stands(page, desk):
    state = page.state()
    assert [row["id"] for row in state["rows"]] == desk.cases().index.tolist() == ["t001", "t002", "t005"]
    assert (state["role"], state["bound"], state["version"], state["examples"]) == ("curator", "", None, 0)
    first, second, third = state["rows"]
    assert first["modes"] == ["over-refusal"]
    assert (first["agree"], second["agree"], third["agree"]) == (True, False, None)
    assert [row["refused"] for row in state["rows"]] == desk.cases()["refused"].tolist()
    assert third["proposed_by"] == ["ben"]
    assert {row["status"] for row in state["rows"]} == {"waiting"}


def test_an_unchanged_list_is_not_sent_again(page, desk):
    assert page.ask("state", since=desk.revision) == {
        "id": "1",
        "ok": True,
        "revision": desk.revision,
        "changed": False,
    }


def test_reading_other_traces_beside_the_desk_does_not_renew_the_list(page, desk, session):
    since = page.state()["revision"]
    session.annotate("t070", reviewer="ana", failure_modes=["empty"])
    session.tag_traces(["t060", "t061"], "empty", reviewer="ana")
    answer = page.ask("state", since=since)
    assert (answer["changed"], answer["revision"]) == (False, desk.revision)
    session.tag_traces(["t060", "t005"], "late", reviewer="ana")
    assert page.ask("state", since=answer["revision"])["changed"]
    assert page.row("t005")["modes"] == ["over-refusal", "late"]


def test_a_case_is_shown_with_everything_that_was_said_of_it(page, desk):
    desk.edit("t001", by="ana", reason="the order's number is not ours to know", input="Where is my lamp?")
    desk.send_back(["t001"], by="cleo", question="which lamp?")
    case = page.case("t001")
    assert {p["name"]: p["text"] for p in case["parts"]}["input"] == "Where is my lamp?"
    assert case["expected"] == {"text": EXPECTED, "total": len(EXPECTED)}
    assert [(s["reviewer"], s["failure_modes"], s["note"]) for s in case["said"]] == [
        ("ana", ["over-refusal"], "ana says so"),
        ("ben", ["over-refusal"], "ben says so"),
    ]
    assert case["said"][0]["scores"] == {"helpfulness": 1}
    assert case["proposed"][0]["reason"] == "new this week"
    assert (case["status"], case["question"]) == ("sent back", "which lamp?")
    assert [(e["by"], e["what"], e["text"]) for e in case["history"]] == [
        ("ana", "edited input", "the order's number is not ours to know"),
        ("cleo", "sent back", "which lamp?"),
    ]
    assert {f["name"] for f in case["fields"]} >= {"week", "model", "log file"}


def test_each_check_of_the_gate_comes_with_its_sentence(page, desk):
    case = page.case("t002")
    refused = {c["check"] for c in case["checks"] if not c["passed"] and not c["waived"]}
    assert refused == set(desk.cases().loc["t002", "refused"])
    assert refused
    assert all(c["says"] for c in case["checks"])
    assert any(c["passed"] for c in case["checks"])


def test_a_waived_check_says_who_waived_it_and_why(page, desk):
    check = page.row("t002")["refused"][0]
    assert page.ask("waive", cases=["t002"], check=check, reason="an empty answer is the point")["ok"]
    row = page.row("t002")
    assert check not in row["refused"]
    assert check in row["waived"]
    held = next(c for c in page.case("t002")["checks"] if c["check"] == check)
    assert (held["waived"]["by"], held["waived"]["reason"]) == ("cleo", "an empty answer is the point")


def test_criteria_are_said_in_words(page):
    given = [{"type": "contains", "value": "30 days", "ignore_case": True}, {"type": "must_refuse"}]
    assert page.ask("edit", case="t001", criteria=given, reason="what counts")["ok"]
    said = page.case("t001")["criteria"]
    assert [c["raw"] for c in said] == given
    assert "30 days" in said[0]["words"]


def test_a_long_text_comes_in_pieces(ws):
    long = "".join(f"word{n} " for n in range(60_000))
    frame = pd.DataFrame([{"trace_id": "long", "input": "Say more", "output": long}])
    ws.add(fs.Traces.from_frame(frame))
    ws.propose("refunds", ["long"], reviewer="ana", reason="endless")
    page = Page(ws.desk("refunds"))
    piece = next(p for p in page.case("long")["parts"] if p["name"] == "output")
    text, total = piece["text"], piece["total"]
    assert len(text) == PIECE < total
    while len(text) < total:
        text += page.ask("more", case="long", part="output", start=len(text))["text"]
    assert text == ws.desk("refunds").case("long").example["output"]


@pytest.mark.parametrize(("part", "start"), [("id", 0), ("output", -1), ("output", None), ("../x", 0)])
def test_a_text_that_is_not_there_is_an_error(page, part, start):
    assert "run the cell again" in page.ask("more", case="t001", part=part, start=start)["error"]


def test_an_unknown_case_or_question_is_an_error(page):
    assert "no case 'zzz'" in page.ask("case", case="zzz")["error"]
    assert "does not know" in page.ask("format_disk")["error"]
    assert "does not know" in page.ask("_row")["error"]


def test_hostile_words_reach_the_page_as_they_are(ws):
    frame = pd.DataFrame([{"trace_id": "bad", "input": HOSTILE, "output": HOSTILE}])
    ws.add(fs.Traces.from_frame(frame))
    ws.propose("refunds", ["bad"], reviewer="ana", reason=HOSTILE)
    page = Page(ws.desk("refunds"))
    assert "<script>" in page.state()["rows"][0]["input"]
    assert page.case("bad")["proposed"][0]["reason"] == HOSTILE
    assert page.ask("edit", case="bad", input="half a sign: \ud800", reason="\ud800")["ok"]
    assert page.case("bad")["parts"][0]["text"].startswith("half a sign: ")
    assert "<script>" not in page.bench._static_html()


# what is said ------------------------------------------------------------------------------------------------------


def test_every_verb_is_the_desks_own(page, desk):
    assert page.ask("accept", cases=["t001", "t005"])["ok"]
    assert desk.cases()["status"].tolist() == ["accepted", "waiting", "accepted"]
    page.state()
    assert page.ask("reject", cases=["t002"], reason="no question in it")["ok"]
    assert desk.case("t002").status == "rejected"
    assert desk.case("t002").question == "no question in it"
    page.state()
    assert "rejected" in page.ask("undo")["said"]
    assert desk.case("t002").status == "waiting"
    page.state()
    assert page.ask("send_back", cases=["t002"], question="what did they want?")["ok"]
    ben = Page(desk, "ben")
    ben.state()
    assert ben.ask("answer", case="t002", answer="the lamp")["ok"]
    assert desk.case("t002").status == "waiting"
    ben.state()
    assert ben.ask("edit", case="t002", expected_output="It ships.", reason="so that it can enter")["ok"]
    row = desk.case("t002").example
    assert row["expected_output"] == "It ships."
    assert [(e["by"], e["reason"]) for e in row["provenance"]["edited"]] == [("ben", "so that it can enter")]


@pytest.mark.parametrize(
    ("ask", "args"),
    [
        ("edit", {"case": "t001", "input": "x"}),
        ("reject", {"cases": ["t001"]}),
        ("send_back", {"cases": ["t001"]}),
        ("waive", {"cases": ["t001"], "check": "readings"}),
    ],
)
def test_what_has_to_be_explained_is_refused_without_words(page, desk, ask, args):
    before = desk.revision
    answer = page.ask(ask, **args, reason="  ", question="")
    assert "error" in answer
    assert desk.revision == before


def test_a_reviewer_is_told_that_deciding_takes_a_curator(desk):
    ben = Page(desk, "ben")
    state = ben.state()
    assert "curator" in state["bound"]
    before = desk.revision
    for ask, args in (
        ("accept", {"cases": ["t001"]}),
        ("send_back", {"cases": ["t001"], "question": "why?"}),
        ("reject", {"cases": ["t001"], "reason": "no"}),
        ("waive", {"cases": ["t002"], "check": ben.row("t002")["refused"][0], "reason": "no"}),
        ("promote", {"reason": "mine"}),
    ):
        assert "curator" in ben.ask(ask, **args)["error"], ask
    assert desk.revision == before
    assert ben.ask("edit", case="t001", input="Where is it?", reason="shorter")["ok"]


def test_a_word_on_a_case_that_somebody_else_has_just_decided_is_refused(page, desk):
    desk.reject(["t001"], by="dora", reason="it is in another set")
    before = desk.revision
    for ask, args in (
        ("accept", {"cases": ["t001"]}),
        ("accept", {"cases": ["t005", "t001"]}),
        ("edit", {"case": "t001", "input": "x", "reason": "y"}),
    ):
        error = page.ask(ask, **args)["error"]
        assert "dora said meanwhile: rejected" in error
        assert "it is in another set" in error
    assert desk.revision == before
    page.state()
    assert page.ask("accept", cases=["t001"])["ok"]


def test_a_judgement_or_an_undo_in_between_is_told_too(page, desk, session):
    session.annotate("t001", reviewer="ben", failure_modes=["too short"])
    assert "judged or proposed" in page.ask("accept", cases=["t001"])["error"]
    desk.accept(["t005"], by="dora")
    page.state()
    desk.undo(by="dora")
    assert "taken back" in page.ask("accept", cases=["t005"])["error"]


def test_ones_own_second_page_is_no_stranger(page, desk):
    desk.edit("t001", by="cleo", reason="from a cell", input="Where is my lamp?")
    assert page.ask("accept", cases=["t001"])["ok"]


def test_a_difference_of_readers_is_settled_with_a_reason(page, desk):
    assert [page.row(i)["differ"] for i in ("t001", "t002", "t005")] == [False, True, False]
    assert "reason" in page.ask("settle", case="t002", failure_modes=["empty"])["error"]
    assert "do not differ" in page.ask("settle", case="t001", failure_modes=[], reason="x")["error"]
    assert page.ask("settle", case="t002", failure_modes=["empty"], reason="nothing was cut")["ok"]
    row = page.row("t002")
    assert (row["differ"], row["agree"], row["modes"]) == (False, False, ["empty"])
    assert page.case("t002")["settled"]["reason"] == "nothing was cut"


def test_only_a_curator_settles(desk):
    ben = Page(desk, "ben")
    ben.state()
    before = desk.revision
    assert "curator" in ben.ask("settle", case="t002", failure_modes=["empty"], reason="mine")["error"]
    assert desk.revision == before


# masking and promoting ---------------------------------------------------------------------------------------------


def test_masking_shows_first_what_it_would_do(ws, page, desk):
    desk.edit(
        "t001", by="ana", reason="as they wrote it", input="I am at ana.ruiz@example.com, where is my lamp?"
    )
    page.state()
    before = desk.revision
    shown = page.ask("masking", case="t001")
    assert [f["n"] for f in shown["found"]] == [1]
    (part,) = shown["parts"]
    assert part["name"] == "input"
    assert "ana.ruiz@example.com" in part["before"]
    assert "ana.ruiz@example.com" not in part["after"]
    assert desk.revision == before
    assert "reason" in page.ask("mask", case="t001", reason="")["error"]
    assert page.ask("mask", case="t001", reason="an address")["ok"]
    assert desk.case("t001").example["input"] == part["after"]
    page.state()
    assert page.ask("masking", case="t001") == {"id": "1", "ok": True, "found": [], "parts": []}


def test_what_is_masked_in_a_criterion_is_shown_too(page, desk):
    given = [{"type": "must_refuse"}, {"type": "not_contains", "value": "ana.ruiz@example.com"}]
    desk.edit("t001", by="ana", reason="never say it", criteria=given)
    page.state()
    (part,) = page.ask("masking", case="t001")["parts"]
    assert (part["name"], part["before"]) == ("criterion 2", "ana.ruiz@example.com")
    assert "ana.ruiz" not in part["after"]


def test_promoting_does_what_was_shown_before(ws, page, desk):
    page.ask("accept", cases=["t001", "t002", "t005"])
    page.state()
    shown = page.ask("promotion")
    assert shown["accepted"] == 3
    assert shown["version"] == 1
    assert 0 < shown["enter"] < 3
    assert shown["enter"] == 3 - len(shown["refused"])
    assert all(said for case in shown["refused"] for said in case["says"])
    done = page.ask("promote", reason="refund audit")
    assert (done["version"], done["examples"]) == (1, shown["enter"])
    golden = ws.golden("refunds")
    assert set(golden.trace_ids).isdisjoint(case["id"] for case in shown["refused"])
    state = page.state()
    assert (state["version"], state["examples"]) == (1, shown["enter"])
    assert sum(state["kept"].values()) >= 1


def test_only_what_was_accepted_is_promoted(ws, page):
    page.ask("accept", cases=["t001"])
    page.ask("promote", reason="one")
    assert ws.golden("refunds").trace_ids == ["t001"]


def test_with_nothing_accepted_nothing_is_promoted(page, desk):
    assert page.ask("promotion")["accepted"] == 0
    before = desk.revision
    assert "accepted" in page.ask("promote", reason="none")["error"]
    assert desk.revision == before


# python to the page, and what is saved -----------------------------------------------------------------------------


def test_python_opens_and_ticks_cases(page):
    page.bench.open("t005")
    assert page.heard[-1] == {"push": "open_case", "case": "t005"}
    assert page.ask("hello")["open"] == "t005"
    page.bench.select(["t001", "t002", "t001"])
    assert page.heard[-1] == {"push": "choose", "cases": ["t001", "t002"]}
    assert page.bench.selected == page.ask("hello")["chosen"] == ["t001", "t002"]
    assert page.ask("chosen", cases=["t005", "gone", 7])["ok"]
    assert page.bench.selected == ["t005"]
    with pytest.raises(fs.NotFoundError, match="no case 't079'"):
        page.bench.open("t079")


def test_a_saved_notebook_counts_and_quotes_nothing(page, desk, traces):
    desk.accept(["t001"], by="cleo")
    saved = page.bench._repr_mimebundle_()[0]["text/html"]
    assert "1 accepted" in saved
    assert "over-refusal" in saved
    assert "refused by" in saved
    for text in (
        EXPECTED,
        "ana says so",
        traces.frame.loc["t001", "input"],
        traces.frame.loc["t001", "output"],
    ):
        assert text not in saved
        assert text[:30] not in saved


def test_a_desk_without_cases_opens(ws):
    page = Page(ws.desk("nothing"))
    assert page.state()["rows"] == []
    assert "ok" in page.ask("promotion")
    assert "failscope" in page.bench._static_html()
