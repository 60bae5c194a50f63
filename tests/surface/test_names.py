"""Names are what a person would write: a behaviour, then words that the neighbours do not have as well."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import failscope as fs
from failscope.surface.differences import Difference, Track, differences
from failscope.surface.naming import LONG, sentence, short_names
from failscope.surface.phrases import Phrase, Wording, key_phrases

PROBES = {
    "refusal": {"kind": "flag", "hint": True, "more": "refuses", "less": "refuses"},
    "cut": {"kind": "flag", "hint": True, "more": "is cut off", "less": "is cut off"},
    "asks": {"kind": "flag", "hint": False, "more": "asks back", "less": "asks back"},
    "length": {"kind": "amount", "hint": False, "more": "long answers", "less": "short answers"},
    "lists": {"kind": "amount", "hint": False, "more": "written as lists", "less": "without lists"},
}


def difference(name: str, effect: float, *, here: float = 0.9, says: str | None = None) -> Difference:
    kind = PROBES[name]["kind"]
    says = says or (
        f"{PROBES[name]['more']}: 90% here, 10% elsewhere"
        if kind == "flag"
        else f"{name}: median 2 here, 1 elsewhere"
    )
    return Difference(name, kind, here, 0.1, effect, says)


def names(apart: dict, phrases: dict | None = None) -> dict[int, str]:
    texts = {c: [Phrase(*p) for p in (phrases or {}).get(c, [])] for c in apart}
    return short_names(apart, texts, probes=PROBES, alike=lambda one, other: one.name == other.name)


def test_a_behaviour_that_hints_at_a_failure_comes_before_a_larger_effect():
    found = names({0: [difference("length", 2.9), difference("refusal", 2.0)]})
    assert found[0].startswith("refuses")


def test_what_a_cluster_does_not_do_is_no_name_for_it():
    assert names({0: [difference("refusal", -3.0, here=0.0)]}, {0: [("late parcel", 0.5, 0.01, 1.0)]}) == {
        0: "late parcel"
    }


def test_clusters_with_the_same_first_behaviour_are_told_apart_by_a_second():
    found = names(
        {
            0: [difference("refusal", 3.0), difference("length", 2.8)],
            1: [difference("refusal", 3.0), difference("lists", 2.8)],
        }
    )
    assert found == {0: "refuses, long answers", 1: "refuses, written as lists"}


def test_a_phrase_of_few_texts_does_not_speak_for_the_cluster():
    apart = {0: [difference("asks", 3.0)], 1: [difference("cut", 3.0)]}
    found = names(apart, {0: [("odd phrase", 0.08, 0.0, 2.0)], 1: [("late parcel", 0.4, 0.02, 1.0)]})
    assert found == {0: "asks back", 1: "is cut off · late parcel"}


def test_a_phrase_that_those_with_the_same_behaviour_say_as_well_names_none():
    apart = {c: [difference("refusal", 3.0)] for c in (0, 1)}
    shared = ("I cannot provide", 0.6, 0.1, 2.0)
    found = names(apart, {0: [shared, ("home address", 0.4, 0.0, 1.0)], 1: [shared]})
    assert found[0] == "refuses · home address"
    assert found[1] != found[0]


def test_a_sentence_says_what_it_does_about_what_and_how_unlike_its_neighbour():
    apart = [difference("length", -1.5), difference("refusal", 2.5)]
    said = sentence(
        apart,
        [Phrase("home address", 0.5, 0.01, 1.0)],
        ("refuses · weapons", [difference("asks", 2.0)]),
        probes=PROBES,
        alike=lambda one, other: one.name == other.name,
    )
    assert said == (
        "short answers (below 75% of the rest); refuses (90%, elsewhere 10%); about home address; "
        "most like “refuses · weapons”, but asks back (90%, there 10%)"
    )


def test_what_is_never_done_is_said_as_a_person_would():
    apart = [difference("cut", -2.0, here=0.0), difference("asks", -2.0, here=0.02)]
    said = sentence(apart, [], None, probes=PROBES, alike=lambda *_: False)
    assert said == "is never cut off (0%, elsewhere 10%); seldom asks back (2%, elsewhere 10%)"


def test_two_figures_for_one_thing_are_said_once():
    apart = [difference("length", 2.0), difference("lists", 1.9)]
    assert "lists" not in sentence(apart, [], None, probes=PROBES, alike=lambda *_: True)


def test_an_effect_within_chance_is_no_difference():
    track = Track("flag", "flag", "refuses", np.r_[np.ones(4), np.zeros(8), np.ones(90), np.zeros(210)])
    assert differences(track, np.repeat([0, 1], [12, 300]), 2) == []


# phrases


def test_a_phrase_never_crosses_the_end_of_a_sentence():
    texts = {0: ["Open the box. Labels are inside, refunds follow"] * 9, 1: ["nothing alike here"] * 9}
    assert not any("box labels" in p.lower() or "inside refunds" in p.lower() for p in key_phrases(texts)[0])


def test_phrases_are_spelled_as_in_the_texts():
    found = key_phrases(
        {0: ["write to help@shop.example about Wi-Fi in Bonn"] * 9, 1: ["reset your password"] * 9}
    )
    assert found[0] == ("Wi-Fi in Bonn", "help@shop.example")


def test_the_numbers_of_orders_are_no_phrases():
    texts = {0: [f"order QH-{n} shipped under a81f{n}" for n in range(1000, 1030)], 1: ["password"] * 30}
    assert not any("qh" in p.lower() or "a81f" in p for p in key_phrases(texts)[0])


def test_words_of_other_scripts_stay_whole():
    found = key_phrases({0: ["आपकी वापसी अभी प्रक्रिया में है"] * 9, 1: ["السلام عليكم ورحمة"] * 9})
    assert "वापसी" in " ".join(found[0])
    assert "عليكم" in " ".join(found[1])


def test_near_duplicates_are_said_once():
    found = key_phrases(
        {0: ["the return label", "return labels here", "a return label"] * 9, 1: ["other"] * 9}
    )
    assert len([p for p in found[0] if "return" in p.lower()]) == 1


def test_what_the_nearest_group_says_as_well_weighs_less():
    both = "sorry about this delay"
    texts = {
        0: [f"{both} with parcels"] * 20,
        1: [f"{both} with refunds"] * 20,
        2: ["choose a new password"] * 20,
        3: ["lamps come in blue"] * 20,
    }
    first = Wording(texts).phrases[0][0].text
    assert "parcels" in first


def test_a_very_long_word_is_no_phrase():
    texts = {0: ["x" * 200 + " broken token here"] * 9, 1: ["fine words"] * 9}
    assert all(len(p) <= 40 for p in key_phrases(texts)[0])


@given(st.lists(st.lists(st.text(max_size=60), min_size=1, max_size=6), min_size=1, max_size=4))
@settings(max_examples=80, deadline=None)
def test_phrases_of_any_text_are_short_lines(groups):
    for phrases in key_phrases(dict(enumerate(groups))).values():
        for p in phrases:
            assert 0 < len(p) <= 45
            assert p == " ".join(p.split())
            assert not any(c in p for c in "<>\x1b\x00\u202e\u2066\u200b")


# whole clusterings


@pytest.fixture(scope="module")
def several() -> fs.Clustering:
    kinds = [
        "I'm sorry, but I cannot help with {}. It would not be appropriate.",
        "Your {} ships tomorrow. You can follow the parcel in the app under orders.",
        "Which {} do you mean? Please tell me more, so that I can answer.",
        "- open the app\n- choose {}\n- press save\n- wait a moment",
    ]
    rng = np.random.default_rng(0)
    things = ["lamp", "kettle", "phone", "watch", "speaker", "router"]
    rows = [
        {
            "trace_id": f"t{n:03d}",
            "input": f"What about my {things[rng.integers(6)]}?",
            "output": kinds[n % 4].format(things[rng.integers(6)]),
        }
        for n in range(160)
    ]
    traces = fs.Traces.from_frame(pd.DataFrame(rows))
    return fs.cluster(traces, projector=None, progress=False)


def test_names_do_not_depend_on_the_order_of_rows(several):
    frame = several.to_frame()
    order = np.random.default_rng(1).permutation(len(frame))
    again = fs.Clustering.restore(several.traces, frame.iloc[order], several.meta())
    ours, theirs = several.summary(), again.summary()
    assert ours["name"].to_dict() == theirs["name"].to_dict()
    assert ours["sets_apart"].to_dict() == theirs["sets_apart"].to_dict()
    assert ours["key_phrases"].to_dict() == theirs["key_phrases"].to_dict()


def test_most_names_stay_when_a_tenth_of_the_traces_goes(several):
    frame = several.to_frame()
    kept = np.sort(np.random.default_rng(2).permutation(len(frame))[: int(0.9 * len(frame))])
    again = fs.Clustering.restore(several.traces, frame.iloc[kept], several.meta())
    same = [several.name(c) == again.name(c) for c in np.unique(again.labels)]
    assert np.mean(same) >= 0.7


def test_names_are_short_and_no_two_are_equal(several):
    found = several.summary()["name"]
    assert found.str.casefold().is_unique
    assert (found.str.len() <= LONG + 12).all()


def test_a_profile_explains_itself_in_a_sentence(several):
    for c in several.summary().index:
        profile = several.profile(c)
        assert profile.explanation == several.summary().loc[c, "sets_apart"]
        assert profile.named_by == ""
        assert "most like “" in profile.explanation
        assert "most like “" in profile._repr_html_()
