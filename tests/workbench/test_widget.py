"""The Python half of the workbench, asked as the page asks it."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import failscope as fs
from failscope.workbench.encode import MISSING, plain
from failscope.workbench.reading import PIECE


class Page:
    """Stands where the browser is: asks, and keeps what Python sends."""

    def __init__(self, widget: fs.Workbench) -> None:
        self.widget = widget
        self.heard: list[tuple[dict, list]] = []
        widget.send = lambda content, buffers=None: self.heard.append((content, list(buffers or [])))

    def ask(self, ask: str, *buffers: np.ndarray, **args) -> dict:
        """The answer, with its buffers under ``buffers``; it has passed through JSON as on the wire."""
        self.widget._answer(self.widget, {"id": "1", "ask": ask, **args}, [memoryview(b) for b in buffers])
        content, sent = self.heard[-1]
        return {**json.loads(json.dumps(content, allow_nan=False)), "buffers": sent}


@pytest.fixture
def bench(session: fs.Session) -> fs.Workbench:
    return fs.Workbench(session, reviewer="ana")


@pytest.fixture
def page(bench: fs.Workbench) -> Page:
    return Page(bench)


def row_of(bench: fs.Workbench, trace_id: str) -> int:
    return bench._row[trace_id]


# who ---------------------------------------------------------------------------------------------------------------


def test_the_only_reviewer_need_not_be_named(ws, found):
    session = ws.start_review("solo", fs.plan_review(found, budget=5), reviewers=["ana"])
    assert fs.Workbench(session).reviewer == "ana"


def test_several_reviewers_must_be_told_apart(session):
    with pytest.raises(fs.ArgumentError, match="'ana', 'ben'"):
        fs.Workbench(session)


def test_an_unknown_reviewer_is_refused(session):
    with pytest.raises(fs.ArgumentError, match="'zoe' is not in this review"):
        fs.Workbench(session, reviewer="zoe")


def test_unknown_arguments_are_errors(session):
    with pytest.raises(TypeError, match="colour"):
        fs.Workbench(session, reviewer="ana", colour="week")


def test_every_trait_of_ours_has_help():
    own = set(fs.Workbench.class_trait_names()) - set(fs.Workbench.__mro__[1].class_trait_names())
    assert own == {"height"}
    assert all(fs.Workbench.class_traits()[name].help for name in own)


# looking only ------------------------------------------------------------------------------------------------------


def test_a_clustering_can_be_looked_at_and_not_written(found):
    page = Page(fs.Workbench(found))
    assert page.ask("hello")["looking"] is True
    assert page.ask("trace", row=0)["mark"] is None
    for ask in ("annotate", "tag_cluster", "tag_traces", "propose", "undo"):
        assert "start a review" in page.ask(ask, row=0, failure_modes=[])["error"]


def test_a_clustering_has_no_reviewer(found):
    with pytest.raises(fs.ArgumentError, match="needs a session"):
        fs.Workbench(found, reviewer="ana")


# the wire ----------------------------------------------------------------------------------------------------------


def test_hello_sends_places_and_labels_as_binary_in_the_order_of_the_ids(page, bench, found):
    hello = page.ask("hello")
    xy, labels = (np.frombuffer(b, dtype=d) for b, d in zip(hello["buffers"], ("f4", "i4"), strict=True))
    assert xy.reshape(-1, 2).tolist() == found.xy.tolist()
    assert labels.tolist() == found.labels.tolist()
    assert hello["n"] == len(found)
    queue = bench._session.queue(reviewer="ana")["trace_id"].tolist()
    assert [bench._ids[r] for r in hello["plan"]] == queue
    assert sorted(queue) == sorted(bench._session.plan.frame["trace_id"])
    assert len(json.dumps({k: v for k, v in hello.items() if k != "buffers"})) < 20_000


def test_the_cluster_list_is_in_the_order_of_the_summary(page, found):
    assert [c["cluster"] for c in page.ask("hello")["clusters"]] == found.summary().index.tolist()


def test_an_unknown_question_is_answered_with_an_error(page):
    assert "does not know" in page.ask("format_disk")["error"]


@pytest.mark.parametrize("row", [-1, 10**9, "0", None, 1.5])
def test_a_row_that_is_not_there_is_an_error(page, row):
    assert "run the cell again" in page.ask("trace", row=row)["error"]


def test_whatever_goes_wrong_is_told(page, bench, monkeypatch):
    monkeypatch.setattr(bench._reader, "trace", lambda row: 1 / 0)
    assert page.ask("trace", row=0)["error"] == "ZeroDivisionError: division by zero"


def test_a_locked_workspace_reaches_the_page_as_its_own_words(page, bench, monkeypatch):
    def locked(*args, **kwargs):
        raise fs.LockedWorkspaceError("another process holds the workspace")

    monkeypatch.setattr(type(bench._session), "annotate", locked)
    answer = page.ask("annotate", row=0, failure_modes=["x"])
    assert answer["error"] == "another process holds the workspace"
    assert "ok" not in answer


# writing -----------------------------------------------------------------------------------------------------------


def test_annotate_answers_with_what_the_session_now_holds(page, bench, session):
    trace_id = session.plan.frame["trace_id"].iloc[0]
    row = row_of(bench, trace_id)
    answer = page.ask("annotate", row=row, failure_modes=["refuses"])
    assert answer["mark"] == {
        "failure_modes": ["refuses"],
        "scores": {},
        "note": "",
        "expected_output": None,
        "read": True,
    }
    page.ask("annotate", row=row, note="why?", expected_output="Day 4.")
    mark = session.mark(trace_id, reviewer="ana")
    assert (mark["failure_modes"], mark["note"], mark["expected_output"]) == (["refuses"], "why?", "Day 4.")


def test_the_page_writes_under_its_own_reviewer(page, session, bench):
    page.ask("annotate", row=0, failure_modes=["a"])
    assert session.mark(bench._ids[0], reviewer="ben")["failure_modes"] == []


def test_zero_means_read_and_fine(page, session, bench):
    page.ask("annotate", row=3, failure_modes=[])
    mark = session.mark(bench._ids[3], reviewer="ana")
    assert mark["read"]
    assert mark["failure_modes"] == []


def test_tagging_a_lasso_is_one_event(page, session):
    before = session.revision
    answer = page.ask("tag_traces", np.array([0, 5, 9], dtype="<u4"), failure_mode="odd")
    assert answer["n"] == 3
    assert session.revision == before + 1
    assert len(session.marks(reviewer="ana")) == 3


def test_undo_says_what_it_took_back(page, session, bench):
    page.ask("annotate", row=2, failure_modes=["wrong"])
    assert "wrong" in page.ask("undo")["said"]
    assert not session.mark(bench._ids[2], reviewer="ana")["read"]
    assert page.ask("undo")["said"] == ""


def test_propose_and_tag_cluster_reach_the_session(page, session, bench):
    assert page.ask("propose", row=1, golden="refunds", reason="")["proposed"] == ["refunds"]
    page.ask("tag_cluster", cluster=0, failure_mode="refuses")
    assert session.proposals()["trace_id"].tolist() == [bench._ids[1]]
    assert session.cluster_tags() == {0: ["refuses"]}


def test_a_bad_golden_name_comes_back_as_an_error(page):
    assert "cannot be a folder" in page.ask("propose", row=1, golden="../../etc", reason="")["error"]


def test_state_is_sent_only_when_something_changed(page, session):
    first = page.ask("state", since=-1)
    assert first["changed"]
    assert not page.ask("state", since=first["revision"])["changed"]
    session.annotate(session.plan.frame["trace_id"].iloc[0], reviewer="ben", failure_modes=["late"])
    later = page.ask("state", since=first["revision"])
    assert later["changed"]
    assert later["modes"] == ["late"]
    assert [(p["reviewer"], p["read"]) for p in later["people"]] == [("ana", 0), ("ben", 1)]


def test_the_read_bytes_are_this_reviewers(page, session, bench):
    trace_id = session.plan.frame["trace_id"].iloc[4]
    session.annotate(trace_id, reviewer="ana", failure_modes=[])
    session.annotate(session.plan.frame["trace_id"].iloc[5], reviewer="ben", failure_modes=[])
    read = np.frombuffer(page.ask("state", since=-1)["buffers"][0], dtype="u1")
    assert np.flatnonzero(read).tolist() == [row_of(bench, trace_id)]


# what guides a reviewer ---------------------------------------------------------------------------------------------


def read_planned(session: fs.Session, n: int, reviewer: str = "ana") -> list[str]:
    ids = session.plan.frame["trace_id"].tolist()[:n]
    for trace_id in ids:
        refuses = session.traces.frame.at[trace_id, "output"].startswith("I'm sorry")
        session.annotate(trace_id, reviewer=reviewer, failure_modes=["refuses"] if refuses else [])
    return ids


def read_all_but(session: fs.Session, trace_id: str) -> None:
    for other in session.traces.trace_ids[:40]:
        if other != trace_id:
            refuses = session.traces.frame.at[other, "output"].startswith("I'm sorry")
            session.annotate(other, reviewer="ana", failure_modes=["refuses"] if refuses else [])


def suggested(page: Page, row: int) -> list[dict]:
    answer = page.ask("suggest", row=row)
    while not answer["ready"]:
        answer = page.ask("suggest", row=row)
    return answer["suggested"]


def test_the_order_is_what_was_read_and_then_the_sessions_queue(page, bench, session):
    read = read_planned(session, 5)
    order = page.ask("queue")
    ids = [bench._ids[r] for r in order["plan"]]
    queue = session.queue(reviewer="ana", batch=5)
    assert ids == read + queue["trace_id"].tolist()
    assert order["reasons"][5:] == queue["reason"].tolist()
    assert (order["batches"], order["reads"]) == (1, 5)
    assert page.ask("state", since=-1)["batches"] == 1


def test_a_reopened_workbench_has_the_order_that_it_had(page, session):
    read_planned(session, 6)
    assert Page(fs.Workbench(session, reviewer="ana")).ask("hello")["plan"] == page.ask("queue")["plan"]


def test_a_suggestion_reaches_the_page_and_is_not_written(page, bench, session, traces):
    refused = next(i for i in traces.trace_ids if traces.frame.at[i, "output"].startswith("I'm sorry"))
    read_all_but(session, refused)
    before = session.revision
    said = suggested(page, row_of(bench, refused))
    assert [s["failure_mode"] for s in said] == ["refuses"]
    assert 0.5 <= said[0]["confidence"] <= 1
    assert "tagged so" in said[0]["reason"]
    assert session.revision == before
    page.ask(
        "annotate",
        row=row_of(bench, refused),
        failure_modes=["refuses"],
        suggested={"refuses": said[0]["confidence"]},
    )
    last = session.log.read(session=session.name)[-1]
    assert last.payload["suggested"] == {"refuses": said[0]["confidence"]}
    assert suggested(page, row_of(bench, refused)) == []


def test_too_few_examples_suggest_nothing_and_place_no_traces(page, bench, session):
    read_planned(session, 2)
    assert page.ask("suggest", row=70) == {**page.ask("suggest", row=70), "ready": True, "suggested": []}
    assert bench._guide._placing is None


@pytest.mark.parametrize("what", ["trace", "lasso", "tag"])
def test_more_like_gives_rows_with_reasons(page, bench, session, traces, what):
    refused = [i for i in traces.trace_ids if traces.frame.at[i, "output"].startswith("I'm sorry")]
    if what == "trace":
        answer = page.ask("more_like", row=row_of(bench, refused[0]))
    elif what == "lasso":
        answer = page.ask("more_like", np.array([row_of(bench, i) for i in refused[:3]], dtype="<u4"))
    else:
        session.tag_traces(refused[:2], "refuses", reviewer="ben")
        answer = page.ask("more_like", failure_mode="refuses")
    rows = np.frombuffer(answer["buffers"][0], dtype="<u4")
    assert len(rows) == len(answer["reasons"]) == 20
    assert set(bench._ids[rows[:5]]) <= set(refused)
    assert answer["says"].startswith("most like")


def test_a_walk_from_python_reaches_the_page(page, bench, session):
    more = session.more_like(bench._ids[0], n=3)
    bench.walk(more, says="like the first")
    content, buffers = page.heard[-1]
    assert content == {"push": "walk", "says": "like the first", "reasons": more["reason"].tolist()}
    assert bench._ids[np.frombuffer(buffers[0], dtype="<u4")].tolist() == more.index.tolist()
    bench.walk([bench._ids[4]])
    assert page.heard[-1][0]["reasons"] == [""]
    with pytest.raises(fs.ArgumentError, match="no traces to go through"):
        bench.walk([])
    with pytest.raises(fs.NotFoundError, match="no trace 'nope'"):
        bench.walk(["nope"])


def test_a_planned_trace_says_how_many_others_it_counts_for(tmp_path):
    rows = plain_rows(30)
    for k in (3, 4, 5):
        rows[k] |= {"input": "the same", "output": "An answer that was given three times over."}
    traces = fs.Traces.from_frame(pd.DataFrame(rows), signals={"thumbs": "good"})
    ws = fs.Workspace(tmp_path / "w")
    ws.add(traces)
    found = fs.cluster(ws.traces(), projector=None, progress=False)
    session = ws.start_review("r", fs.plan_review(found, budget=30), reviewers=["ana"])
    bench = fs.Workbench(session)
    page = Page(bench)
    planned = [bench._ids[r] for r in page.ask("hello")["plan"]]
    bench._guide._counting.join(20)
    same = next(i for i in planned if i in ("t3", "t4", "t5"))
    assert page.ask("trace", row=row_of(bench, same))["alike"] == len(session.plan.alike(same)) == 2
    assert page.ask("trace", row=row_of(bench, "t9"))["alike"] == 0


def test_looking_only_has_no_guide(found):
    page = Page(fs.Workbench(found))
    for ask in ("queue", "suggest", "more_like"):
        assert "start a review" in page.ask(ask, row=0)["error"]


# what a notebook calls ---------------------------------------------------------------------------------------------


def test_a_lasso_becomes_selected(page, bench, found):
    rows = np.array([1, 4, 7], dtype="<u4")
    answer = page.ask("lasso", rows)
    assert answer["n"] == 3
    assert sum(n for _, n in answer["clusters"]) == 3
    assert bench.selected == found.trace_ids[rows].tolist()
    page.ask("lasso")
    assert bench.selected == []


def test_select_and_open_reach_the_page(page, bench, found):
    ids = found.trace_ids[[3, 2]].tolist()
    bench.select(ids)
    assert bench.selected == ids
    assert np.frombuffer(page.heard[-1][1][0], dtype="u4").tolist() == [3, 2]
    bench.open(ids[0])
    assert page.heard[-1][0] == {"push": "open", "row": 3}
    assert page.ask("hello")["open"] == 3


def test_unknown_ids_are_not_found(bench):
    with pytest.raises(fs.NotFoundError, match="no trace 'nope'"):
        bench.select(["nope"])
    with pytest.raises(fs.NotFoundError, match="no trace 'nope'"):
        bench.open("nope")


def test_color_is_checked_where_it_is_called(bench, page):
    with pytest.raises(fs.ArgumentError, match="choose one of 'cluster'"):
        bench.color("taste")
    bench.color("week")
    assert page.heard[-1][0] == {"push": "color", "by": "week"}


# colours -----------------------------------------------------------------------------------------------------------


def test_every_choice_of_colour_gives_a_byte_a_point_and_a_legend_that_adds_up(page):
    hello = page.ask("hello")
    for option in hello["colors"]:
        legend = page.ask("color", by=option["by"])
        codes = np.frombuffer(legend["buffers"][0], dtype="u1")
        assert len(codes) == hello["n"], option
        assert legend["missing"] == int((codes == MISSING).sum()), option
        if legend["kind"] != "amount":
            counts = [c["count"] for c in legend["categories"]]
            assert sum(counts) + legend["missing"] == hello["n"], option
            assert np.bincount(codes[codes != MISSING], minlength=len(counts)).tolist() == counts, option


def test_colours_do_not_depend_on_the_order_of_the_rows(traces, found):
    order = np.random.default_rng(3).permutation(len(found))
    turned = fs.Clustering.restore(traces, found.to_frame().iloc[order], found.meta())
    for by in ("cluster", "week", "model", "signal:thumbs", "edge"):
        one, two = (
            Page(fs.Workbench(found)).ask("color", by=by),
            Page(fs.Workbench(turned)).ask("color", by=by),
        )
        codes = np.frombuffer(one["buffers"][0], dtype="u1")
        assert codes[order].tolist() == np.frombuffer(two["buffers"][0], dtype="u1").tolist()


def test_my_tags_colour_what_i_tagged(page, bench, session):
    session.annotate(bench._ids[0], reviewer="ana", failure_modes=["late"])
    session.annotate(bench._ids[1], reviewer="ana", failure_modes=[])
    session.annotate(bench._ids[2], reviewer="ben", failure_modes=["late"])
    legend = page.ask("color", by="tag")
    names = [c["name"] for c in legend["categories"]]
    codes = np.frombuffer(legend["buffers"][0], dtype="u1")
    assert [names[codes[0]], names[codes[1]], codes[2]] == ["late", "fine", MISSING]


# reading -----------------------------------------------------------------------------------------------------------


def make(rows: list[dict], **kwargs) -> fs.Workbench:
    frame = pd.DataFrame(rows)
    return fs.Workbench(fs.cluster(fs.Traces.from_frame(frame, **kwargs), projector=None, progress=False))


def plain_rows(n: int = 12) -> list[dict]:
    return [
        {"trace_id": f"t{k}", "input": f"question {k}", "output": f"An answer to it, the {k}th.", "thumbs": 1}
        for k in range(n)
    ]


def test_a_megabyte_on_one_line_travels_in_pieces():
    rows = plain_rows()
    rows[4]["output"] = "x" * 1_000_000
    bench = make(rows)
    page = Page(bench)
    output = next(p for p in page.ask("trace", row=row_of(bench, "t4"))["parts"] if p["name"] == "output")
    assert (len(output["text"]), output["total"]) == (PIECE, 1_000_000)
    text = output["text"]
    while len(text) < output["total"]:
        text += page.ask("more", row=row_of(bench, "t4"), part="output", start=len(text))["text"]
    assert text == rows[4]["output"]


def test_hostile_text_reaches_the_page_unchanged():
    hostile = "<script>alert(1)</script>\u001b[31m\u202eabc"
    bench = make([*plain_rows(), {"trace_id": "bad", "input": "q", "output": hostile, "thumbs": 1}])
    parts = Page(bench).ask("trace", row=row_of(bench, "bad"))["parts"]
    assert next(p for p in parts if p["name"] == "output")["text"] == hostile


def test_chat_turns_are_read_as_turns():
    turns = [
        {"role": "user", "content": [{"type": "text", "text": "hi"}]},
        {"role": "assistant", "content": "hello"},
    ]
    rows = [*plain_rows(), {"trace_id": "chat", "input": "hi", "output": "hello", "thumbs": 1}]
    for r in rows:
        r["messages"] = json.dumps(turns) if r["trace_id"] == "chat" else "[]"
    frame = pd.DataFrame(rows)
    messages = frame.set_index("trace_id").pop("messages")
    traces = fs.Traces.from_frame(frame.drop(columns="messages"))
    traces = fs.Traces(traces.frame.assign(messages=messages.reindex(traces.frame.index)), traces.signals)
    bench = fs.Workbench(fs.cluster(traces, projector=None, progress=False))
    said = Page(bench).ask("trace", row=row_of(bench, "chat"))["turns"]
    assert [(t["role"], t["text"]) for t in said] == [("user", "hi"), ("assistant", "hello")]


def test_the_nearest_passing_answer_has_no_bad_signal_and_shares_the_question(page, bench, traces):
    refused = next(i for i in traces.frame.index if traces.frame.at[i, "output"].startswith("I'm sorry"))
    near = page.ask("nearest", row=row_of(bench, refused))
    assert near["trace_id"] != refused
    assert not traces.any_bad()[near["trace_id"]]
    assert near["text"] == traces.frame.at[near["trace_id"], "output"]


def test_a_tagged_trace_is_no_passing_answer_and_a_fine_one_is(page, bench, session, traces):
    refused = next(i for i in traces.frame.index if traces.frame.at[i, "output"].startswith("I'm sorry"))
    first = page.ask("nearest", row=row_of(bench, refused))["trace_id"]
    session.annotate(first, reviewer="ben", failure_modes=["wrong"])
    assert page.ask("nearest", row=row_of(bench, refused))["trace_id"] != first


def test_with_no_passing_answer_the_page_is_told_so():
    bench = make([{**r, "thumbs": -1} for r in plain_rows()])
    near = Page(bench).ask("nearest", row=0)
    assert near["row"] is None
    assert "No other answer" in near["said"]


# what is saved -----------------------------------------------------------------------------------------------------


def test_the_static_summary_is_escaped_and_holds_no_trace(bench, traces):
    data, _ = bench._repr_mimebundle_()
    assert set(data) == {"application/vnd.jupyter.widget-view+json", "text/html", "text/plain"}
    assert "most suspicious first" in data["text/html"]
    for text in traces.frame["output"].unique():
        assert not text or text not in data["text/html"]


def test_a_hostile_name_is_escaped_in_the_summary(ws, found):
    session = ws.start_review(
        "<img src=x onerror=alert(1)>", fs.plan_review(found, budget=5), reviewers=["ana"]
    )
    assert "<img" not in fs.Workbench(session)._repr_mimebundle_()[0]["text/html"]


def test_the_synced_state_holds_no_corpus(bench, page, found):
    page.ask("hello")
    page.ask("lasso", np.arange(len(found), dtype="<u4"))
    state = {k: v for k, v in bench.get_state().items() if k not in ("_esm", "_css")}
    assert len(json.dumps(state)) < 2_000


def test_plain_values_survive_json():
    value = {
        "a": np.float32("nan"),
        "b": np.int64(3),
        "c": pd.NaT,
        "d": [float("inf"), np.bool_(True)],
        "e": "a\ud800b",
    }
    assert json.loads(json.dumps(plain(value), allow_nan=False)) == {
        "a": None,
        "b": 3,
        "c": None,
        "d": [None, True],
        "e": "a\ufffdb",
    }
