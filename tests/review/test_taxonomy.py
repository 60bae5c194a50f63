"""Names of failure modes that change: what was said is told in the names that hold now, and nothing is rewritten."""

from __future__ import annotations

import json
import random

import pytest

from failscope.errors import ArgumentError, DataError, NotFoundError
from failscope.review.events import ANNOTATION, TAXONOMY_CHANGED, Event
from failscope.review.taxonomy import Taxonomy, merge, rename, split, undo


def log(*payloads: dict, first: int = 10) -> list[Event]:
    """Changes at seq 10, 20, 30, ...; their ids are e10, e20, ..."""
    return [
        Event(seq, f"e{seq}", "2026-06-01T00:00:00", TAXONOMY_CHANGED, "ana", "", "", said, "0.1.0")
        for seq, said in zip(range(first, 10_000_000, 10), payloads, strict=False)
    ]


def now(events: list[Event], *modes: str, trace_id: str = "", seq: int = 0) -> list[str]:
    return list(Taxonomy.of(events).now(modes, trace_id=trace_id, seq=seq))


def test_without_changes_names_stay_each_once():
    assert now([], "b", "a", "b") == ["b", "a"]


def test_a_rename_holds_for_what_was_said_before_it_only():
    events = log(rename("a", "b"))
    assert now(events, "a", "x", seq=9) == ["b", "x"]
    assert now(events, "a", seq=11) == ["a"]


def test_renames_make_a_chain_whatever_the_order_they_are_read_in():
    events = log(rename("a", "b"), rename("b", "c"))
    assert now(events[::-1], "a", seq=5) == ["c"]
    assert now(events, "b", seq=15) == ["c"]
    assert now(events, "a", seq=15) == ["a"]


def test_a_name_that_is_given_back_is_the_old_one_again():
    events = log(rename("a", "b"), rename("b", "a"))
    assert now(events, "a", seq=5) == ["a"]
    assert now(events, "b", seq=15) == ["a"]


def test_two_names_are_exchanged_by_way_of_a_third():
    events = log(rename("a", "for now"), rename("b", "a"), rename("for now", "b"))
    assert now(events, "a", "b", seq=5) == ["b", "a"]


def test_a_name_may_be_used_again_for_something_new():
    events = log(rename("a", "b"), rename("a", "c"))
    assert now(events, "a", seq=5) == ["b"]  # the second change is of the a that was said after the first
    assert now(events, "a", seq=15) == ["c"]


def test_merged_modes_are_one_on_a_trace_that_had_both():
    events = log(merge(["a", "b"], "b"))
    assert now(events, "a", "x", "b", seq=5) == ["b", "x"]


def test_a_split_goes_by_the_trace_and_the_rest_goes_otherwise():
    events = log(split("a", {"b": ["t1", "t3"], "c": ["t2", "t3"]}, otherwise="c"))
    assert now(events, "a", trace_id="t1") == ["b"]
    assert now(events, "a", trace_id="t2") == ["c"]
    assert now(events, "a", trace_id="t3") == ["b", "c"]
    assert now(events, "a", trace_id="t4") == ["c"]
    assert now(events, "a") == ["c"]  # a cluster's name belongs to no trace


def test_a_split_without_otherwise_leaves_the_rest_as_it_is():
    events = log(split("a", {"b": ["t1"]}))
    assert [now(events, "a", trace_id=t) for t in ("t1", "t2")] == [["b"], ["a"]]


def test_what_was_split_can_be_merged_and_split_again():
    events = log(
        split("a", {"b": ["t1"], "c": ["t2"]}, otherwise="c"),
        merge(["b", "c"], "a"),
        split("a", {"d": ["t2"]}),
    )
    assert [now(events, "a", trace_id=t) for t in ("t1", "t2")] == [["a"], ["d"]]
    assert now(events, "b", trace_id="t2", seq=15) == ["d"]


def test_an_undone_change_is_as_if_it_had_not_been_made():
    events = log(rename("a", "b"), rename("b", "c"), undo("e10"))
    assert now(events, "a", seq=5) == ["a"]
    assert now(events, "b", seq=5) == ["c"]
    assert len(Taxonomy.of(events)) == 1


def test_an_undo_can_be_undone():
    events = log(rename("a", "b"), undo("e10"), undo("e20"))
    assert now(events, "a", seq=5) == ["b"]
    assert now([*events, *log(undo("e30"), first=40)], "a", seq=5) == ["a"]


def test_an_undo_of_what_is_not_a_change_or_comes_later_changes_nothing():
    events = log(undo("e20"), rename("a", "b"), undo("e77"))
    assert now(events, "a", seq=5) == ["b"]


def test_the_log_is_only_read():
    events = log(rename("a", "b"), split("b", {"c": ["t"]}))
    before = json.dumps([dict(e.payload) for e in events])
    Taxonomy.of(events).now(["a"], trace_id="t")
    assert json.dumps([dict(e.payload) for e in events]) == before


def test_other_events_are_passed_over_and_an_unknown_change_is_not():
    other = Event(1, "x", "", ANNOTATION, "ana", "w", "t", {"failure_modes": ["a"]}, "0.1.0")
    assert len(Taxonomy.of([other, *log(rename("a", "b"))])) == 1
    with pytest.raises(DataError, match="event 10 changes failure modes by 'braid', which this failscope"):
        Taxonomy.of(log({"change": "braid", "from": "a"}))


def taken_back(events: list[Event], at: int) -> bool:
    """By a later event that is not itself taken back."""
    later = range(at + 1, len(events))
    return any(events[k].payload.get("undone") == events[at].id and not taken_back(events, k) for k in later)


def test_the_map_agrees_with_going_through_the_log_one_change_after_the_other():
    chance = random.Random(5)
    names, traces = list("abcdef"), ["t1", "t2", "t3"]
    for _ in range(300):
        payloads = []
        for n in range(chance.randint(1, 12)):
            kind = chance.choice(["rename", "merge", "split", "undo"])
            old, new, third = chance.sample(names, 3)
            if kind == "rename":
                payloads.append(rename(old, new))
            elif kind == "merge":
                payloads.append(merge([old, new], chance.choice([old, new, third])))
            elif kind == "split":
                into = {name: chance.sample(traces, chance.randint(0, 2)) for name in (new, third)}
                payloads.append(split(old, into, otherwise=chance.choice([None, new, third])))
            elif n:
                payloads.append(undo(f"e{chance.randint(1, n) * 10}"))
        events = log(*payloads)
        alive = [
            e for i, e in enumerate(events) if e.payload["change"] != "undo" and not taken_back(events, i)
        ]
        for trace in [*traces, "t9"]:
            seq = chance.randint(0, 130)
            told = {name: {name} for name in names}
            for event in alive:
                if event.seq <= seq:
                    continue
                said = event.payload
                old = said["from"] if isinstance(said["from"], list) else [said["from"]]
                if said["change"] == "split":
                    new = {n for n, ids in said["into"].items() if trace in ids} or {said["otherwise"]}
                else:
                    new = {said["to"]}
                for name in names:
                    if told[name] & set(old):
                        told[name] = (told[name] - set(old)) | new
            assert {name: set(now(events, name, trace_id=trace, seq=seq)) for name in names} == told


def test_thousands_of_changes_are_followed_without_end_or_blow_up():
    chain = log(*(rename(f"m{i}", f"m{i + 1}") for i in range(3000)))
    assert now(chain, "m0") == ["m3000"]
    both = {"a": ["t"], "b": ["t"]}
    doubling = log(*(split("ab"[i % 2], both) for i in range(200)))
    assert set(now(doubling, "a", trace_id="t")) == {"a", "b"}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: rename("a", " a "), "has that name already"),
        (lambda: rename("a", ""), "is not a name"),
        (lambda: rename("a", "any failure"), "use a name of its own"),
        (lambda: rename("a", "b", known=["a", "b"]), "make one of the two with merge"),
        (lambda: merge("ab", "c"), "is one text; give a list"),
        (lambda: merge([], "c"), "changes nothing"),
        (lambda: merge(["a"], "a"), "changes nothing"),
        (lambda: merge(["a"], "b", known=["a"]), "use rename"),
        (lambda: split("a", ["b", "c"]), "is not a mapping"),
        (lambda: split("a", {"b": "t1", "c": []}), "is one text; give a list"),
        (lambda: split("a", {"b": ["t1"], " b": []}), "is there twice"),
        (lambda: split("a", {"b": ["t1"]}, otherwise="c"), "is none of the new failure modes"),
        (lambda: split("a", {"b": ["t1"]}, otherwise="b"), "leaves one failure mode"),
        (lambda: split("a", {}), "leaves one failure mode"),
        (lambda: undo(""), "is not an event's id"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(call, words):
    with pytest.raises(ArgumentError, match=words):
        call()


def test_a_name_that_nobody_uses_is_told_with_the_nearest():
    with pytest.raises(NotFoundError, match="did you mean 'invented policy'"):
        rename("invented polcy", "made up", known=["invented policy", "too long"])
    with pytest.raises(NotFoundError, match="the failure modes are a, b"):
        merge(["zz", "a"], "b", known=["a", "b"])


def test_changes_are_shown_with_who_why_and_whether_they_stand():
    events = log(rename("a", "<b>", reason="as <i>said</i>"), merge(["c", "d"], "e"), undo("e10"))
    frame = Taxonomy.of(events).to_frame()
    assert frame.index.tolist() == ["e10", "e20", "e30"]
    assert frame["before"].tolist() == ["a", "c, d", ""]
    assert frame["standing"].tolist() == [False, True, True]
    assert frame["undone"].tolist() == ["", "", "e10"]
    shown = Taxonomy.of(events)._repr_html_()
    assert "<b>" not in shown
    assert "&lt;i&gt;said" in shown
    assert repr(Taxonomy.of(events)) == "<Taxonomy · names changed by 1 of 3 events>"
