"""The registry of failure modes: what was said last holds, a reason is asked for, and what comes back is noticed."""

from __future__ import annotations

import pandas as pd
import pytest

from failscope.errors import ArgumentError
from failscope.review.events import MODE_DESCRIBED, MODE_MATCHED, TAXONOMY_CHANGED, Event
from failscope.review.modes import describe_mode, registry, registry_frame, say_match, words_of
from failscope.review.taxonomy import rename


def log(*said: tuple[str, dict], actor: str = "ana") -> list[Event]:
    return [
        Event(n, f"e{n}", f"2026-06-{n:02d}T09:00:00+00:00", kind, actor, "", "", payload, "0.1.0")
        for n, (kind, payload) in enumerate(said, start=1)
    ]


def described(*payloads: dict) -> list[Event]:
    return log(*((MODE_DESCRIBED, p) for p in payloads))


def test_what_was_said_last_of_each_field_holds():
    events = described(
        describe_mode("over-refusal", definition="refuses what is allowed", severity="minor", owner="ana"),
        describe_mode("over-refusal", severity="major", examples=["t1", "t2", "t1"]),
    )
    mode = registry(reversed(events))["over-refusal"]
    assert (mode.severity, mode.owner, mode.definition) == ("major", "ana", "refuses what is allowed")
    assert mode.examples == ("t1", "t2")
    assert mode.status == "open"
    assert [c.at[:10] for c in mode.history] == ["2026-06-01", "2026-06-02"]
    assert len(mode.to_frame()) == 2


def test_a_mode_that_was_only_given_to_traces_is_open_and_knows_when():
    when = pd.to_datetime(pd.Series({"a": "2026-06-03", "b": "2026-06-01", "c": None}), utc=True)
    mode = registry([], members={"stale fact": ["a", "b", "c", "deleted"]}, when=when)["stale fact"]
    assert mode.status == "open"
    assert (mode.first_seen, mode.last_seen) == (when["b"], when["a"])


def test_a_change_of_status_needs_a_reason():
    with pytest.raises(ArgumentError, match="needs a reason"):
        describe_mode("over-refusal", status="resolved")
    assert describe_mode("over-refusal", status="resolved", reason="prompt v4")["reason"] == "prompt v4"


def test_a_status_that_cannot_follow_is_refused():
    open_mode = registry(described(describe_mode("x", owner="ana")))["x"]
    with pytest.raises(ArgumentError, match="cannot be reopened"):
        describe_mode("x", status="reopened", reason="again", current=open_mode)
    closed = registry(described(describe_mode("x", status="resolved", reason="fixed")))["x"]
    with pytest.raises(ArgumentError, match="status='reopened'"):
        describe_mode("x", status="open", reason="again", current=closed)
    assert describe_mode("x", status="reopened", reason="again", current=closed)["status"] == "reopened"


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({}, "nothing was said"),
        ({"severity": "awful"}, "severity='awful'"),
        ({"status": "done", "reason": "r"}, "status='done'"),
        ({"since": "2026-06-01", "owner": "ana"}, "status='resolved' too"),
        ({"status": "resolved", "reason": "r", "since": "soon"}, "not a time"),
        ({"examples": "t1"}, "one text"),
    ],
)
def test_what_cannot_be_said_is_refused_with_the_next_step(said, message):
    with pytest.raises(ArgumentError, match=message):
        describe_mode("x", **said)


def test_a_resolved_mode_that_is_met_again_is_back_until_a_person_decides():
    when = pd.to_datetime(pd.Series({"old": "2026-06-10", "new": "2026-06-20"}), utc=True)
    members = {"over-refusal": ["old", "new"]}
    resolved = describe_mode("over-refusal", status="resolved", reason="prompt v4", since="2026-06-15")
    mode = registry(described(resolved), members=members, when=when)["over-refusal"]
    assert mode.back
    assert mode.again == ("new",)
    assert mode.status == "resolved"  # the machine proposes
    assert "met again in 1 trace since" in mode.says
    assert registry_frame({"over-refusal": mode})["back"].tolist() == [True]
    reopened = describe_mode("over-refusal", status="reopened", reason="it is", current=mode)
    assert not registry(described(resolved, reopened), members=members, when=when)["over-refusal"].back
    later = describe_mode("over-refusal", status="resolved", reason="an old cache", since="2026-06-21")
    assert not registry(described(resolved, later), members=members, when=when)["over-refusal"].back


def test_a_trace_from_before_the_fix_that_is_read_late_does_not_bring_a_mode_back():
    when = pd.to_datetime(pd.Series({"old": "2026-05-30"}), utc=True)
    events = described(describe_mode("x", status="resolved", reason="fixed"))  # as of the event, 1 June
    assert not registry(events, members={"x": ["old"]}, when=when)["x"].back


def test_a_renamed_mode_keeps_what_was_said_of_it():
    events = log(
        (MODE_DESCRIBED, describe_mode("made up rule", owner="ana")),
        (TAXONOMY_CHANGED, rename("made up rule", "invented policy")),
        (MODE_DESCRIBED, describe_mode("invented policy", severity="major")),
    )
    assert list(registry(events)) == ["invented policy"]
    mode = registry(events)["invented policy"]
    assert (mode.owner, mode.severity, len(mode.history)) == ("ana", "major", 2)


def test_words_of_groups_follow_the_names_of_the_modes():
    events = log(
        (MODE_MATCHED, say_match("c1", 3, "made up rule", exemplars=["t1"], view="topic")),
        (MODE_MATCHED, say_match("c1", 4, None, exemplars=["t2"], rejected=["made up rule"])),
        (TAXONOMY_CHANGED, rename("made up rule", "invented policy")),
    )
    same, other = words_of(events)
    assert (same.mode, same.view, same.who) == ("invented policy", "topic", "ana")
    assert (other.mode, other.rejected) == (None, ("invented policy",))


def test_a_word_of_a_group_without_typical_traces_is_refused():
    with pytest.raises(ArgumentError, match="exemplars"):
        say_match("c1", 3, "x", exemplars=[])
    with pytest.raises(ArgumentError, match="two words"):
        say_match("c1", 3, "x", exemplars=["t"], rejected=["y"])


def test_names_of_people_are_shown_as_text():
    mode = registry(described(describe_mode("x", definition="<b>bold</b>")))["x"]
    assert "<b>bold" not in mode._repr_html_()
