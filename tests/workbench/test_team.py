"""What reviewers do together, asked as the page asks it: progress, differences, notes, scores, and a blind review."""

from __future__ import annotations

import json

import numpy as np
import pytest

import failscope as fs
from tests.workbench.test_widget import Page, row_of

SECRET = "only ben says this"


def begin(ws: fs.Workspace, found: fs.Clustering, **kwargs) -> fs.Session:
    plan = fs.plan_review(found, budget=12)
    return ws.start_review("together", plan, reviewers=["ana", "ben"], **{"overlap": 1.0, **kwargs})


@pytest.fixture
def session(ws: fs.Workspace, found: fs.Clustering) -> fs.Session:
    """Two people who read everything twice, by a rubric."""
    return begin(ws, found, rubric="default")


@pytest.fixture
def bench(session: fs.Session) -> fs.Workbench:
    return fs.Workbench(session, reviewer="ana")


@pytest.fixture
def page(bench: fs.Workbench) -> Page:
    return Page(bench)


@pytest.fixture
def first(session: fs.Session) -> str:
    return session.plan.frame["trace_id"].iloc[0]


def differ(session: fs.Session, n: int = 1) -> list[str]:
    ids = session.plan.frame["trace_id"].tolist()[:n]
    for trace_id in ids:
        session.annotate(trace_id, reviewer="ana", failure_modes=["refuses"], note="why?")
        session.annotate(trace_id, reviewer="ben", failure_modes=[], scores={"relevance": 5})
    return ids


# progress ----------------------------------------------------------------------------------------------------------


def test_everybodys_progress_comes_with_the_state_the_readers_first(ws, session, page, first):
    session.annotate(first, reviewer="ana", failure_modes=[])
    ben = Page(fs.Workbench(session, reviewer="ben")).ask("state", since=-1)["people"]
    assert [(p["reviewer"], p["you"]) for p in ben] == [("ben", True), ("ana", False)]
    assert (ben[0]["read"], ben[0]["due"], ben[1]["read"]) == (0, 1, 1)
    told = session.progress().loc["ben"]
    assert (ben[0]["left"], ben[0]["of"]) == (told["left"], told["of"])
    assert ben[0]["seconds"] is None


def test_a_trace_that_somebody_else_read_is_told_as_a_second_opinion(session, page, bench, first):
    row = row_of(bench, first)
    assert page.ask("trace", row=row)["second"] is False
    session.annotate(first, reviewer="ben", failure_modes=[])
    assert page.ask("trace", row=row)["second"] is True
    session.annotate(first, reviewer="ana", failure_modes=[])
    assert page.ask("trace", row=row)["second"] is False


def test_the_team_answer_counts_what_waits(session, page, bench):
    ids = differ(session, 3)
    session.annotate(session.plan.frame["trace_id"].iloc[5], reviewer="ben", note="odd")
    session.propose("refunds", ids[:1], reviewer="ben")
    team = page.ask("team")
    assert (team["open"], team["settled"], team["notes"], team["keep"]) == (3, 0, 1, 2)
    assert team["fresh"] == ["refuses"]
    assert team["enough"] is False
    assert team["report"] == "ws.report('together')"
    session.settle(ids[0], ["refuses"], reason="it does", reviewer="ben")
    assert (page.ask("team")["open"], page.ask("team")["settled"]) == (2, 1)


def test_before_anything_is_read_the_team_answer_says_nothing_of_enough(page):
    team = page.ask("team")
    assert (team["enough"], team["new_high"], team["fresh"], team["keep"]) == (None, None, [], 0)


def test_cases_to_keep_are_those_with_a_failure_mode_not_yet_proposed(session, page, bench):
    ids = differ(session, 3)
    session.propose("refunds", ids[:1], reviewer="ben")
    answer = page.ask("keep")
    rows = np.frombuffer(answer["buffers"][0], dtype="<u4")
    assert bench._ids[rows].tolist() == ids[1:]
    assert answer["reasons"] == ["has the failure mode refuses"] * 2


def test_who_is_away_is_told_and_can_come_back(session, page):
    page.ask("away", reviewer="ben", away=True)
    assert [p["away"] for p in page.ask("state", since=-1)["people"]] == [False, True]
    page.ask("away", reviewer="ben", away=False)
    assert [p["away"] for p in page.ask("state", since=-1)["people"]] == [False, False]


def test_a_renamed_reviewer_works_on_in_an_open_workbench(ws, session, page, bench, first):
    session.annotate(first, reviewer="ana", failure_modes=["refuses"])
    ws.rename_reviewer("ana", "anna")
    assert bench.reviewer == "anna"
    assert page.ask("state", since=-1)["people"][0]["reviewer"] == "anna"
    assert page.ask("annotate", row=row_of(bench, first), failure_modes=[])["mark"]["failure_modes"] == []
    assert session.mark(first, reviewer="anna")["read"]


# differences -------------------------------------------------------------------------------------------------------


def test_a_difference_shows_who_said_what_side_by_side(session, page, bench):
    (trace_id,) = differ(session)
    session.annotate(trace_id, reviewer="ana", scores={"relevance": 2})
    (case,) = page.ask("disagreements")["cases"]
    assert case["row"] == row_of(bench, trace_id)
    assert case["differ"] == ["refuses", "relevance"]
    assert case["said"] == [
        {"reviewer": "ana", "failure_modes": ["refuses"], "scores": {"relevance": 2}, "note": "why?"},
        {"reviewer": "ben", "failure_modes": [], "scores": {"relevance": 5}, "note": ""},
    ]
    assert case["decision"] is None


def test_settling_writes_the_decision_under_this_reviewer_and_leaves_what_was_said(session, page, bench):
    ids = differ(session, 2)
    answer = page.ask("settle", row=row_of(bench, ids[0]), failure_modes=["refuses"], reason="it does")
    assert answer["decision"] == {"failure_modes": ["refuses"], "reason": "it does", "by": "ana"}
    assert answer["left"] == 1
    assert session.mark(ids[0])["settled"]
    assert session.mark(ids[0], reviewer="ben")["failure_modes"] == []
    assert [c["row"] for c in page.ask("disagreements")["cases"]] == [row_of(bench, i) for i in reversed(ids)]
    assert page.ask("trace", row=row_of(bench, ids[0]))["decision"]["reason"] == "it does"


@pytest.mark.parametrize("reason", ["", "   ", None])
def test_a_decision_without_a_reason_is_refused(session, page, bench, reason):
    (trace_id,) = differ(session)
    answer = page.ask("settle", row=row_of(bench, trace_id), failure_modes=[], reason=reason)
    assert "needs its reason" in answer["error"]
    assert not session.mark(trace_id)["settled"]


# notes and scores --------------------------------------------------------------------------------------------------


def test_a_group_of_notes_is_named_in_one_step(session, page, bench):
    ids = session.plan.frame["trace_id"].tolist()[:3]
    for trace_id, note in zip(
        ids, ("invented refund policy", "made up a refund policy", "in French"), strict=True
    ):
        session.annotate(trace_id, reviewer="ana", note=note)
    groups = page.ask("notes")["groups"]
    assert sorted(len(g["rows"]) for g in groups) == [1, 2]
    assert set(groups[0]["notes"]) == {"invented refund policy", "made up a refund policy"}
    rows = np.array(groups[0]["rows"], dtype="<u4")
    assert page.ask("code", rows, failure_mode="invented policy")["n"] == 2
    assert [session.mark(i, reviewer="ana")["failure_modes"] for i in ids] == [["invented policy"]] * 2 + [[]]
    assert len(page.ask("notes")["groups"]) == 1


def test_the_rubric_comes_with_its_words_and_scores_are_kept_and_checked(session, page, bench, first):
    version = page.ask("state", since=-1)["rubric"]
    rubric = page.ask("rubric")["rubric"]
    assert rubric["version"] == version == session.rubric.version
    assert [d["key"] for d in rubric["dimensions"]] == [d.key for d in session.rubric.dimensions]
    assert rubric["dimensions"][0]["scale"][0]["meaning"] == session.rubric.dimensions[0].scale[0].meaning
    row = row_of(bench, first)
    mark = page.ask("annotate", row=row, scores={"relevance": 4})["mark"]
    assert (mark["scores"], mark["read"]) == ({"relevance": 4}, False)
    assert "error" in page.ask("annotate", row=row, scores={"relevance": 40})


def test_without_a_rubric_the_page_is_told_of_none(ws, found):
    page = Page(fs.Workbench(begin(ws, found), reviewer="ana"))
    assert page.ask("state", since=-1)["rubric"] == ""
    assert page.ask("rubric")["rubric"] is None


def test_looking_only_has_no_team(found):
    page = Page(fs.Workbench(found))
    for ask in ("team", "rubric", "disagreements", "settle", "notes", "code", "keep", "reveal", "away"):
        assert "start a review" in page.ask(ask, row=0)["error"]


# blind -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def blind(ws: fs.Workspace, found: fs.Clustering) -> fs.Session:
    """A blind review in which ben has said all that can be said, and ana a little."""
    session = begin(ws, found, blind=True)
    ids = session.plan.frame["trace_id"].tolist()
    for trace_id in ids[:6]:
        said = {"note": SECRET, "expected_output": SECRET, "scores": {SECRET: 2.0}}
        session.annotate(trace_id, reviewer="ben", failure_modes=[SECRET], **said)
    session.tag_cluster(0, SECRET, reviewer="ben")
    session.tag_traces(ids[6:9], SECRET, reviewer="ben")
    session.propose("only-bens", ids[:2], reviewer="ben", reason=SECRET)
    session.annotate(ids[0], reviewer="ana", failure_modes=["hers"])
    session.annotate(ids[1], reviewer="ana", failure_modes=[], note="her note")
    session.tag_cluster(1, "her tag", reviewer="ana")
    return session


def everything(page: Page, bench: fs.Workbench) -> dict[str, dict]:
    """Every answer that a page can get without writing."""
    heard = {
        ask: page.ask(ask, since=-1) for ask in ("hello", "state", "queue", "team", "rubric", "notes", "keep")
    }
    heard |= {"disagreements": page.ask("disagreements"), "tag": page.ask("color", by="tag")}
    for row in range(len(bench._ids)):
        for ask in ("trace", "card", "nearest", "suggest"):
            heard[f"{ask} {row}"] = page.ask(ask, row=row)
    heard["more like"] = page.ask("more_like", row=0)
    heard["more like hers"] = page.ask("more_like", failure_mode="hers")
    return heard


def test_while_blind_no_answer_holds_what_others_said(blind):
    bench = fs.Workbench(blind, reviewer="ana")
    heard = everything(Page(bench), bench)
    told = json.dumps([{k: v for k, v in a.items() if k != "buffers"} for a in heard.values()])
    assert SECRET not in told
    assert "only-bens" not in told
    assert heard["state"]["blind"]
    assert heard["state"]["modes"] == ["hers", "her tag"]
    assert heard["state"]["tags"] == {"1": ["her tag"]}
    assert "blind" in heard["disagreements"]["error"]
    assert heard["team"]["enough"] is None
    assert [g["notes"] for g in heard["notes"]["groups"]] == [["her note"]]


def test_while_blind_a_failure_mode_of_others_is_as_good_as_unknown(blind):
    page = Page(fs.Workbench(blind, reviewer="ana"))
    assert "you gave no trace" in page.ask("more_like", failure_mode=SECRET)["error"]


def test_while_blind_the_passing_answer_does_not_know_what_others_tagged(blind, traces):
    bench = fs.Workbench(blind, reviewer="ana")
    page = Page(bench)
    refused = next(i for i in traces.frame.index if traces.frame.at[i, "output"].startswith("I'm sorry"))
    before = page.ask("nearest", row=row_of(bench, refused))["trace_id"]
    blind.annotate(before, reviewer="ben", failure_modes=["wrong"])
    assert page.ask("nearest", row=row_of(bench, refused))["trace_id"] == before
    page.ask("reveal")
    assert page.ask("nearest", row=row_of(bench, refused))["trace_id"] != before


def test_while_blind_the_order_is_the_plans_own_and_only_drops_what_was_read(blind):
    bench = fs.Workbench(blind, reviewer="ana")
    order = Page(bench).ask("queue")
    own = blind._read_by("ana")
    ids = [str(bench._ids[r]) for r in order["plan"]][len(own) :]
    planned = blind.plan.frame["trace_id"].tolist()
    assert set(ids) == set(planned) - set(own)
    second = set(blind._read_by("ben"))
    for part in ([i for i in ids if i in second], [i for i in ids if i not in second]):
        assert part == [i for i in planned if i in part]


def test_while_blind_suggestions_are_learned_from_ones_own_marks(ws, found, traces):
    session = begin(ws, found, blind=True)
    refused = [i for i in traces.trace_ids if traces.frame.at[i, "output"].startswith("I'm sorry")]
    for trace_id in traces.trace_ids[:40]:
        modes = ["refuses"] if trace_id in refused else []
        session.annotate(trace_id, reviewer="ben", failure_modes=modes)
    asked = next(i for i in refused if i not in traces.trace_ids[:40])
    bench = fs.Workbench(session, reviewer="ana")
    page = Page(bench)
    assert page.ask("suggest", row=row_of(bench, asked))["suggested"] == []
    for trace_id in traces.trace_ids[:40]:
        session.annotate(trace_id, reviewer="ana", failure_modes=["hers"] if trace_id in refused else [])
    answer = page.ask("suggest", row=row_of(bench, asked))
    while not answer["ready"]:
        answer = page.ask("suggest", row=row_of(bench, asked))
    assert [s["failure_mode"] for s in answer["suggested"]] == ["hers"]


def test_while_blind_nothing_can_be_settled(blind):
    bench = fs.Workbench(blind, reviewer="ana")
    trace_id = blind.plan.frame["trace_id"].iloc[0]
    answer = Page(bench).ask("settle", row=row_of(bench, trace_id), failure_modes=[], reason="so")
    assert "blind" in answer["error"]
    assert not blind.mark(trace_id)["settled"]


def test_progress_is_seen_also_while_blind(blind):
    people = Page(fs.Workbench(blind, reviewer="ana")).ask("state", since=-1)["people"]
    assert [(p["reviewer"], p["read"]) for p in people] == [("ana", 2), ("ben", 6)]


def test_revealing_shows_everything_to_both_and_is_written_once(blind):
    bench = fs.Workbench(blind, reviewer="ana")
    page, ben = Page(bench), Page(fs.Workbench(blind, reviewer="ben"))
    before = page.ask("reveal")["revision"]
    assert page.ask("reveal")["revision"] == before
    assert not ben.ask("state", since=-1)["blind"]
    state = page.ask("state", since=-1)
    assert SECRET in state["modes"]
    assert state["tags"] == {"0": [SECRET], "1": ["her tag"]}
    assert page.ask("team")["open"] == 2
    assert len(page.ask("disagreements")["cases"]) == 2


def test_a_failure_mode_taken_back_while_blind_keeps_its_key(ws, found):
    session = begin(ws, found, blind=True)
    page = Page(fs.Workbench(session, reviewer="ana"))
    page.ask("annotate", row=0, failure_modes=["one"])
    page.ask("annotate", row=1, failure_modes=["two"])
    page.ask("state", since=-1)
    page.ask("annotate", row=0, failure_modes=[])
    assert page.ask("state", since=-1)["modes"] == ["one", "two"]
