"""What reviewers say, folded from events."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import failscope as fs
from failscope.review.events import ANNOTATION, TRACE_TAGS, UNDO, Event
from failscope.review.ledger import Ledger


def test_an_annotation_is_there_after_reopening(session, home):
    session.annotate(
        "t001",
        reviewer="ana",
        failure_modes=["refusal"],
        scores={"relevance": 2},
        note="why?",
        expected_output="yes",
    )
    again = home.open().start_review("2026-W23")
    mark = again.mark("t001")
    assert mark["failure_modes"] == ["refusal"]
    assert mark["scores"] == {"relevance": 2.0}
    assert (mark["note"], mark["expected_output"], mark["read"], mark["reviewers"]) == (
        "why?",
        "yes",
        True,
        ["ana"],
    )


def test_a_later_annotation_leaves_what_it_does_not_name(session):
    session.annotate("t001", reviewer="ana", failure_modes=["refusal"], note="first")
    session.annotate("t001", reviewer="ana", expected_output="ok")
    mark = session.mark("t001", reviewer="ana")
    assert (mark["failure_modes"], mark["note"], mark["expected_output"]) == (["refusal"], "first", "ok")


def test_fine_is_read_without_a_failure_mode(session):
    session.annotate("t000", reviewer="ana", failure_modes=[])
    assert session.mark("t000")["read"]
    assert session.mark("t000")["failure_modes"] == []


def test_a_note_or_an_expected_output_alone_does_not_count_as_read(session):
    first = session.plan.frame["trace_id"].iloc[0]
    session.annotate(first, reviewer="ana", note="look again")
    session.annotate(first, reviewer="ana", expected_output="ok")
    assert not session.mark(first)["read"]
    assert session.progress().loc["ana", "read"] == 0
    assert session.prevalence().loc["any failure", "of"] == 0
    session.annotate(first, reviewer="ana", failure_modes=[])
    assert session.progress().loc["ana", "read"] == 1


def test_undo_walks_back_one_persons_words_and_no_one_elses(session):
    session.annotate("t001", reviewer="ana", failure_modes=["refusal"])
    session.annotate("t001", reviewer="ben", failure_modes=["loop"])
    session.annotate("t001", reviewer="ana", failure_modes=["other"])
    assert "other" in session.undo(reviewer="ana")
    assert session.mark("t001")["failure_modes"] == ["refusal", "loop"]
    session.undo(reviewer="ana")
    assert session.mark("t001")["failure_modes"] == ["loop"]
    assert session.undo(reviewer="ana") == ""


def test_a_selections_tag_does_not_count_as_read(session):
    session.tag_traces(["t001", "t002"], "refusal", reviewer="ana")
    marks = session.marks()
    assert marks["failure_modes"].tolist() == [["refusal"], ["refusal"]]
    assert not marks["read"].any()
    assert session.progress().loc["ana", "read"] == 0


def test_reading_a_trace_replaces_what_a_selections_tag_said_of_it(session):
    session.tag_traces(["t001"], "refusal", reviewer="ana")
    session.annotate("t001", reviewer="ana", failure_modes=[])
    assert session.mark("t001")["failure_modes"] == []


def test_cluster_tags_are_kept_by_cluster_and_undone(session):
    session.tag_cluster(0, "refusal", reviewer="ana")
    session.tag_cluster(0, "loop", reviewer="ben")
    assert session.cluster_tags() == {0: ["refusal", "loop"]}
    session.undo(reviewer="ana")
    assert session.cluster_tags() == {0: ["loop"]}


def test_progress_counts_planned_traces_for_each_reviewer(session):
    first, second = session.plan.frame["trace_id"].head(2)
    session.annotate(first, reviewer="ana", failure_modes=[])
    session.annotate(second, reviewer="ana", failure_modes=["loop"])
    progress = session.progress()
    assert progress.loc["ana", ["read", "left", "of"]].tolist() == [2, 18, 20]
    assert progress.loc["ben", "read"] == 0


def test_failure_modes_keep_their_keys_after_an_undo(session):
    session.annotate("t001", reviewer="ana", failure_modes=["a"])
    session.annotate("t002", reviewer="ana", failure_modes=["b"])
    session.undo(reviewer="ana")
    session.annotate("t003", reviewer="ana", failure_modes=["c"])
    assert session.failure_modes() == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda s: s.annotate("nope", reviewer="ana", note="x"), "no trace 'nope'"),
        (lambda s: s.annotate("t001", reviewer="eve", note="x"), "'ana', 'ben'"),
        (lambda s: s.annotate("t001", note="x"), "reviewer=None"),
        (lambda s: s.annotate("t001", reviewer="ana"), "nothing was said"),
        (lambda s: s.annotate("t001", reviewer="ana", failure_modes="loop"), r"\['loop'\]"),
        (lambda s: s.annotate("t001", reviewer="ana", failure_modes=[" "]), "not a name"),
        (lambda s: s.annotate("t001", reviewer="ana", scores={"relevance": "high"}), "not a number"),
        (lambda s: s.annotate("t001", reviewer="ana", scores={"relevance": float("nan")}), "not finite"),
        (lambda s: s.tag_cluster(99, "loop", reviewer="ana"), "no cluster 99"),
        (lambda s: s.tag_traces([], "loop", reviewer="ana"), "select some"),
        (lambda s: s.propose("../x", ["t001"], reviewer="ana"), "cannot be a folder"),
    ],
)
def test_what_cannot_be_said_is_refused_with_the_next_step(session, call, word):
    before = session.revision
    with pytest.raises(fs.FailscopeError, match=word):
        call(session)
    assert session.revision == before


class _Log:
    """Events in a list, for properties of the fold."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def append(self, kind, *, actor="", session="", trace_id="", payload=None):
        event = Event(
            len(self.events) + 1,
            f"e{len(self.events)}",
            f"{len(self.events):06d}",
            kind,
            actor,
            session,
            trace_id,
            payload or {},
            "0",
        )
        self.events.append(event)
        return event

    def read(self, *, after=0, session=None, kinds=None):
        return [e for e in self.events if e.seq > after]

    @property
    def revision(self):
        return len(self.events)


WORDS = st.tuples(
    st.sampled_from("ab"),
    st.sampled_from("xy"),
    st.lists(st.sampled_from("pqr"), max_size=2),
    st.sampled_from(["say", "tag", "undo", "look"]),
)


@given(st.lists(WORDS, max_size=25))
def test_the_fold_is_the_same_read_at_once_or_bit_by_bit_and_undo_means_never_said(words):
    log = _Log()
    bit_by_bit = Ledger(log)
    for who, trace, modes, what in words:
        if what == "say":
            log.append(ANNOTATION, actor=who, trace_id=trace, payload={"failure_modes": modes})
        elif what == "tag":
            log.append(TRACE_TAGS, actor=who, payload={"trace_ids": ["x", "y"], "failure_mode": "p"})
        elif what == "undo":
            bit_by_bit.refresh()
            last = bit_by_bit.last(who)
            if last:
                log.append(UNDO, actor=who, payload={"undone": last.id})
        else:
            bit_by_bit.refresh()
            bit_by_bit.marks()
    bit_by_bit.refresh()
    at_once = Ledger(log)
    at_once.refresh()
    assert bit_by_bit.marks() == at_once.marks()

    undone = {e.payload["undone"] for e in log.events if e.kind == UNDO}
    never_said = _Log()
    never_said.events = [e for e in log.events if e.kind != UNDO and e.id not in undone]
    clean = Ledger(never_said)
    clean.refresh()
    assert clean.marks() == at_once.marks()


def test_saturation_goes_in_the_order_of_reading(session):
    session.annotate("t001", reviewer="ana", failure_modes=["a"])
    session.annotate("t002", reviewer="ana", failure_modes=["a", "b"])
    session.annotate("t001", reviewer="ana", note="later")
    assert session.saturation()["modes"].tolist() == [1, 2]


@pytest.mark.parametrize("name", ["👩\u200d💻 bug", "نمی\u200cخواهد"])
def test_honest_names_in_any_script_are_taken(session, name):
    session.annotate("t001", reviewer="ana", failure_modes=[name])
    assert session.mark("t001")["failure_modes"] == [name]


def test_marks_join_reviewers(session):
    session.annotate("t001", reviewer="ana", failure_modes=["a"], scores={"relevance": 1})
    session.annotate("t001", reviewer="ben", failure_modes=["b"], scores={"relevance": 3}, note="hm")
    marks = session.marks()
    assert marks.loc["t001", "failure_modes"] == ["a", "b"]
    assert marks.loc["t001", "scores"] == {"relevance": 2.0}
    assert session.marks(reviewer="ben").loc["t001", "failure_modes"] == ["b"]
    assert isinstance(marks.index.dtype, pd.StringDtype)
    assert marks.loc["t001", "expected_output"] is None
