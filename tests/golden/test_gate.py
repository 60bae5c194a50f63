"""The gate: what each check refuses and lets pass, what may be waived, and that nothing hostile gets around or stops it."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import failscope as fs
from failscope.golden.cases import Case
from failscope.golden.dataset import GoldenSet, write_version
from failscope.golden.gate.balance import balance
from failscope.golden.gate.checks import CHECKS, Claim, quota
from failscope.golden.gate.gate import COLUMNS, Gate, GateReport
from failscope.golden.lines import example_id
from failscope.golden.near.index import NearIndex
from failscope.review.ledger import Mark

ASKED = [
    "How do I return a lamp that I opened?",
    "Which card can I use to pay?",
    "Why does the siren beep at night?",
    "When is my parcel delivered to Oslo?",
    "Is there a discount for schools?",
    "Can I change the address of an invoice?",
]


def an_example(trace_id: str, **fields: Any) -> dict[str, Any]:
    trace = {"trace_id": trace_id}
    return {
        "id": example_id(trace_id),
        "input": f"Question number {int(trace_id[1:])}?",
        "expected_output": "An answer.",
        "criteria": [],
        "output": "Another answer.",
        "context": "",
        "system_prompt": "",
        "failure_modes": [],
        "note": "",
        "provenance": {"trace": trace, "proposed": [{"at": f"2026-06-01T00:00:{int(trace_id[1:]):02d}"}]},
    } | fields


def a_case(trace_id: str, *, readings: Any = None, waived: Any = (), settled=False, forgotten=False, **fields) -> Case:  # fmt: skip
    return Case(
        trace_id,
        an_example(trace_id, **fields),
        readings=readings or {},
        settled=settled,
        forgotten=forgotten,
        waived={check: {"by": "cleo", "at": "", "reason": "known"} for check in waived},
    )


def read(*modes: str, **fields: Any) -> Mark:
    return Mark(failure_modes=modes, read=True, **fields)


def finds_codes(text: str) -> list[SimpleNamespace]:
    return [SimpleNamespace(kind="code", text=m.group()) for m in re.finditer(r"SECRET-\d+", text)]


@pytest.fixture
def near() -> NearIndex:
    return NearIndex.of(None)


@pytest.fixture
def check(near):
    def run(*cases: Case, golden: GoldenSet | None = None, **thresholds: Any) -> GateReport:
        return Gate(finder=finds_codes, **thresholds).check(cases, golden, near=near)

    return run


@pytest.fixture
def a_set(tmp_path):
    def make(*rows: dict[str, Any]) -> GoldenSet:
        return write_version(tmp_path / "refunds", rows, about={"curator": "cleo", "at": "", "reason": ""}, parent=None)  # fmt: skip

    return make


def test_a_sound_case_passes_every_check(check):
    report = check(a_case("t1"))
    assert report.passed == ["t1"]
    assert report.refused == {}
    assert list(report.frame["check"]) == list(CHECKS)
    assert report.frame["passed"].all()
    assert tuple(report.frame.columns) == COLUMNS
    assert set(report.for_("t1")) == set(CHECKS)
    assert "1 of 1 case may enter" in repr(report)


def test_no_cases_give_an_empty_report(check):
    report = check()
    assert (report.passed, report.refused, len(report)) == ([], {}, 0)
    assert repr(report) == "<GateReport · no cases>"
    assert "no cases" in report._repr_html_()
    with pytest.raises(fs.NotFoundError, match="was not checked"):
        report.for_("t1")


# expected ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "refuses"),
    [
        ({"expected_output": None}, "neither"),
        ({"expected_output": "  \n"}, "neither"),
        ({"expected_output": None, "criteria": [{"type": "must_refuse"}]}, ""),
        ({"expected_output": None, "criteria": [{"type": "rubric", "value": "names the fee"}]}, ""),
        ({"expected_output": None, "criteria": [{"type": "regex", "value": "("}]}, "does not compile"),
        ({"criteria": [{"type": "no such"}]}, "not known"),
        ({"failure_modes": ["rude"], "expected_output": "Another answer."}, "the very output that failed"),
        ({"failure_modes": [], "expected_output": "Another answer."}, ""),
        ({"failure_modes": ["rude"], "expected_output": None, "criteria": [{"type": "contains", "value": "answer"}]}, "would pass again"),
        ({"failure_modes": ["rude"], "expected_output": None, "criteria": [{"type": "contains", "value": "30 days"}]}, ""),
        ({"failure_modes": ["rude"], "criteria": [{"type": "contains", "value": "answer"}]}, ""),
    ],
)  # fmt: skip
def test_what_is_expected_has_to_be_there_and_to_tell_the_failure(check, fields, refuses):
    report = check(a_case("t1", **fields))
    assert report.refused == ({"t1": ["expected"]} if refuses else {})
    assert refuses in report.for_("t1")["expected"]["says"]


def test_an_example_of_an_older_version_has_no_criteria(check):
    example = an_example("t1")
    del example["criteria"]
    assert check(Case("t1", example)).passed == ["t1"]


# agreement ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("readings", "passes", "says"),
    [
        ({}, True, "nobody has read it"),
        ({"ana": read("rude")}, True, "one reader"),
        ({"ana": read("rude", "late"), "ben": read("late", "rude")}, True, "2 readers agree"),
        ({"ana": read("rude"), "ben": read("late")}, False, "differ (rude: 1; late: 1)"),
        ({"ana": read("rude"), "ben": read()}, False, "no failure: 1"),
        ({"ana": read("rude"), "ben": Mark(note="hm")}, True, "one reader"),
        ({"ana": read("rude"), "ben": read("late", coded=True)}, True, "one reader"),
    ],
)
def test_readers_have_to_agree(check, readings, passes, says):
    report = check(a_case("t1", readings=readings))
    assert (report.passed == ["t1"]) is passes
    assert says in report.for_("t1")["agreement"]["says"]


def test_a_settled_difference_passes(check):
    readings = {"ana": read("rude"), "ben": read("late")}
    assert check(a_case("t1", readings=readings, settled=True)).passed == ["t1"]


def test_a_team_can_ask_for_two_readers(check):
    assert check(a_case("t1", readings={"ana": read()}), min_readers=2).refused == {"t1": ["agreement"]}
    assert check(a_case("t1", readings={"ana": read(), "ben": read()}), min_readers=2).passed == ["t1"]


# duplicates --------------------------------------------------------------------------------------------------


def test_of_two_cases_that_ask_the_same_the_one_proposed_first_passes(check):
    first, second = a_case("t1", input=ASKED[0]), a_case("t2", input=ASKED[0].upper() + " ")
    for cases in ((first, second), (second, first)):
        report = check(*cases)
        assert report.refused == {"t2": ["duplicate"]}
        assert [*report.frame["trace_id"].unique()] == [c.trace_id for c in cases]


def test_the_sentence_shows_both_texts_and_the_record_shows_none(check):
    report = check(a_case("t1", input=ASKED[0]), a_case("t2", input=f"Hello, {ASKED[0]}"))
    shown = report.frame.query("trace_id == 't2' and check == 'duplicate'")["says"].item()
    assert f"“{ASKED[0]}” and" not in shown
    assert f"“Hello, {ASKED[0]}” and “{ASKED[0]}”" in shown
    assert "trace t1" in shown
    assert "from 70% it counts" in shown
    recorded = report.for_("t2")["duplicate"]["says"]
    assert "trace t1" in recorded
    assert "lamp" not in recorded


def test_a_case_that_is_refused_stands_in_nobodys_way(check):
    report = check(a_case("t1", input=ASKED[0], expected_output=None), a_case("t2", input=ASKED[0]))
    assert report.refused == {"t1": ["expected"]}
    waived = check(a_case("t1", input=ASKED[0], expected_output=None, waived=["expected"]), a_case("t2", input=ASKED[0]))  # fmt: skip
    assert waived.refused == {"t2": ["duplicate"]}


def test_a_case_that_the_set_asks_already_is_refused(check, a_set):
    golden = a_set(an_example("t1", input=ASKED[0]), an_example("t2", input=ASKED[1]))
    report = check(a_case("t3", input=f"  {ASKED[1]}!"), a_case("t4", input=ASKED[2]), golden=golden)
    assert report.refused == {"t3": ["duplicate"]}
    assert example_id("t2") in report.for_("t3")["duplicate"]["says"]


def test_an_example_promoted_again_is_no_duplicate_of_itself(check, a_set):
    # these two were let in before there was a gate
    golden = a_set(an_example("t1", input=ASKED[0]), an_example("t2", input=ASKED[0]))
    again = a_case("t1", input=ASKED[0], expected_output="A better answer.")
    assert check(again, golden=golden).passed == ["t1"]
    rewritten = a_case("t1", input=ASKED[0] + " Hello?")
    assert check(rewritten, golden=golden).refused == {"t1": ["duplicate"]}


def test_the_small_log_of_the_tests_has_no_duplicates(check, traces):
    rows = traces.frame.iloc[:20]
    cases = [a_case(i, input=row["input"]) for i, row in zip([f"t{n}" for n in range(20)], rows.to_dict("records"), strict=True)]  # fmt: skip
    assert len(check(*cases).passed) == 20


# personal, size, deletion ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"input": "my code is SECRET-4711, yes SECRET-4711"}, "2 code in input"),
        ({"context": "SECRET-4711"}, "1 code in context"),
        ({"system_prompt": "SECRET-4711"}, "1 code in system prompt"),
        ({"output": "SECRET-4711"}, "1 code in output"),
        ({"expected_output": "SECRET-4711"}, "1 code in expected output"),
        ({"note": "SECRET-4711"}, "1 code in note"),
        ({"criteria": [{"type": "contains", "value": "SECRET-4711"}]}, "1 code in criteria"),
        ({"criteria": [{"type": "json_schema", "value": {"const": "SECRET-4711"}}]}, "1 code in criteria"),
    ],
)
def test_personal_data_is_counted_and_never_repeated(check, fields, says):
    report = check(a_case("t1", **fields))
    assert report.refused == {"t1": ["personal"]}
    assert says in report.for_("t1")["personal"]["says"]
    said = report.frame.query("check == 'personal'")["says"].item()
    assert "4711" not in said + str(report.for_("t1"))


def test_the_projects_own_finder_is_asked_where_none_is_given(near):
    report = Gate().check([a_case("t1", input="write to ana.lopez@example.com")], None, near=near)
    assert report.refused == {"t1": ["personal"]}
    assert "ana" not in report.for_("t1")["personal"]["says"]


def test_a_finder_that_breaks_refuses_and_tells_nothing_of_the_text(near):
    def breaks(text: str) -> list[Any]:
        raise ValueError(f"cannot read {text}")

    report = Gate(finder=breaks).check([a_case("t1", input="SECRET")], None, near=near)
    assert report.refused == {"t1": ["personal"]}
    assert report.for_("t1")["personal"]["says"] == "could not be checked: ValueError"


@pytest.mark.parametrize("field", ["input", "context", "system_prompt", "output", "expected_output"])
def test_a_text_that_is_too_long_is_refused(check, field):
    assert check(a_case("t1", **{field: "word " * 20_000}), max_chars=99_999).refused == {"t1": ["size"]}


def test_input_context_and_system_prompt_are_counted_together(check):
    texts = dict.fromkeys(("input", "context", "system_prompt"), "x" * 40)
    assert check(a_case("t1", **texts), max_chars=120).passed == ["t1"]
    assert check(a_case("t1", **texts), max_chars=119).refused == {"t1": ["size"]}


# waiving -----------------------------------------------------------------------------------------------------


def test_a_waived_check_lets_pass_and_still_says_what_it_found(check):
    report = check(a_case("t1", expected_output=None, waived=["expected", "size"]))
    assert report.passed == ["t1"]
    assert report.for_("t1")["expected"] == {"passed": False, "waived": True, "says": "neither an expected output nor a criterion; write one"}  # fmt: skip
    assert report.for_("t1")["size"]["waived"] is False  # it passed by itself


def test_every_check_but_deletion_can_be_waived(check, a_set):
    golden = a_set(an_example("t1", input=ASKED[0], failure_modes=["rude"]))
    bad: dict[str, Any] = {
        "input": ASKED[0],
        "expected_output": None,
        "note": "SECRET-1 " + "x" * 200,
        "output": "x" * 200,
        "failure_modes": ["rude"],
        "readings": {"ana": read("rude"), "ben": read()},
        "forgotten": True,
    }
    limits = {"golden": golden, "max_chars": 100, "quota_min": 1, "quota_share": 0.1}
    assert check(a_case("t2", **bad), **limits).refused == {"t2": list(CHECKS)}
    assert check(a_case("t2", waived=list(CHECKS), **bad), **limits).refused == {"t2": ["deletion"]}
    assert check(a_case("t2", waived=list(CHECKS), **{**bad, "forgotten": False}), **limits).passed == ["t2"]


# quotas ------------------------------------------------------------------------------------------------------


def test_a_small_set_is_never_refused_for_its_modes(check):
    cases = [a_case(f"t{n}", failure_modes=["rude"]) for n in range(25)]
    assert len(check(*cases).passed) == 25


def test_a_mode_that_floods_the_set_is_refused_from_its_quota_on(check):
    cases = [a_case(f"t{n}", failure_modes=["rude"]) for n in range(8)]
    report = check(*cases, quota_min=5, quota_share=0.5)
    assert report.passed == [f"t{n}" for n in range(5)]
    assert all(checks == ["quota"] for checks in report.refused.values())


def test_rare_modes_in_the_same_promotion_make_room_whatever_the_order(check):
    rude = [a_case(f"t{n}", failure_modes=["rude"]) for n in range(8)]
    late = [a_case(f"t{n}", failure_modes=["late"]) for n in range(8, 16)]
    assert len(check(*rude, *late, quota_min=2, quota_share=0.5).passed) == 16


def test_an_example_that_has_its_mode_in_the_set_already_takes_no_more_room(check, a_set):
    golden = a_set(*(an_example(f"t{n}", failure_modes=["rude"]) for n in range(6)))
    limits = {"golden": golden, "quota_min": 2, "quota_share": 0.5}
    assert check(a_case("t1", failure_modes=["rude"], expected_output="Better."), **limits).passed == ["t1"]
    assert check(a_case("t7", failure_modes=["rude"]), **limits).refused == {"t7": ["quota"]}
    assert check(a_case("t8"), **limits).passed == ["t8"]  # "no failure" has room


def test_examples_without_a_failure_are_held_to_a_quota_too(check):
    report = check(*(a_case(f"t{n}") for n in range(4)), quota_min=3, quota_share=0.1)
    assert report.refused == {"t3": ["quota"]}
    assert "“no failure” has 3" in report.for_("t3")["quota"]["says"]


@given(
    st.lists(st.tuples(st.sets(st.sampled_from("abc"), min_size=1), st.booleans()), max_size=40),
    st.integers(0, 30),
    st.integers(1, 6),
    st.floats(0.05, 1),
)
@settings(max_examples=200, deadline=None)
def test_no_mode_holds_more_than_its_share_of_the_set_that_comes_of_it(cases, held, least, share):
    held = min(held, least)
    claims = [Claim(tuple(sorted(modes)), None, enters, False) for modes, enters in cases]
    findings = quota(claims, {"a": held}, held, least=least, share=share)
    entered = [c for c, f in zip(claims, findings, strict=True) if c.enters and f.passed]
    size = held + len(entered)
    for mode in "abc":
        count = sum(mode in c.modes for c in entered) + (held if mode == "a" else 0)
        assert count <= max(least, int(share * size))


# hostile data ------------------------------------------------------------------------------------------------

HOSTILE = st.none() | st.integers() | st.text(max_size=30) | st.lists(st.text(max_size=5), max_size=2) | st.just({"a": float("nan")})  # fmt: skip


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(("input", "context", "output", "expected_output", "criteria", "failure_modes", "note", "provenance", "id"), HOSTILE)))  # fmt: skip
@settings(max_examples=120, deadline=None)
def test_a_broken_case_is_refused_alone(fields):
    broken = Case("bad", an_example("t1") | fields)
    good = a_case("t2", input=ASKED[3])
    report = Gate(finder=finds_codes).check([broken, good], None, near=NearIndex.of(None))
    assert "t2" in report.passed
    assert set(report.for_("bad")) == set(CHECKS)


def test_an_example_that_is_no_mapping_is_refused(check):
    report = check(Case("bad", None), a_case("t2"))  # type: ignore[arg-type]
    assert report.passed == ["t2"]
    assert "could not be checked" in report.for_("bad")["duplicate"]["says"]


def test_an_embedder_that_is_gone_refuses_with_its_reason():
    class Gone:
        name = "gone"

        def embed(self, texts):
            raise fs.ModelError("the model is gone; reinstall")

    report = Gate(finder=finds_codes).check([a_case("t1")], None, near=NearIndex.of(None, embedder=Gone()))
    assert report.refused == {"t1": ["duplicate"]}
    assert "the model is gone" in report.for_("t1")["duplicate"]["says"]


def test_hostile_text_is_escaped_in_html_and_cannot_turn_the_line(check):
    bad = "<script>alert(1)</script>\u202e\x1b[2J"
    report = check(
        a_case("t1", input=bad * 3, failure_modes=[bad]),
        a_case("t2", input=bad * 3, readings={bad: read(bad), "ben": read()}),
        a_case("t3", waived=["expected"], expected_output=None),
    )
    shown = report._repr_html_()
    assert "<script" not in shown
    assert "\u202e" not in shown + "".join(report.frame["says"])
    assert "\x1b" not in shown + "".join(report.frame["says"])
    assert "✗" in shown
    assert "waived" in shown


@pytest.mark.parametrize("thresholds", [{"overlap": 0}, {"cosine": 1.2}, {"quota_share": float("nan")}, {"quota_min": 0}, {"max_chars": 1.5}, {"min_readers": -1}, {"quota_min": True}])  # fmt: skip
def test_a_threshold_that_means_nothing_is_refused(thresholds):
    with pytest.raises(fs.ArgumentError, match=next(iter(thresholds))):
        Gate(**thresholds)


# balance -----------------------------------------------------------------------------------------------------


def test_the_balance_counts_modes_room_and_what_is_missing(a_set):
    golden = a_set(
        *(an_example(f"t{n}", failure_modes=["rude"]) for n in range(3)),
        an_example("t4", failure_modes=["rude", "late"]),
        an_example("t5"),
    )
    seen = balance(golden, known_modes={"rude": 30, "late": 10, "<b>unsafe</b>": 20}, gate=Gate(quota_min=5))
    frame = seen.to_frame()
    assert frame.loc["rude", ["examples", "share", "seen", "seen_share", "room"]].tolist() == [
        4,
        0.8,
        30,
        0.5,
        1,
    ]
    assert frame.loc["<b>unsafe</b>", ["examples", "missing"]].tolist() == [0, True]
    assert frame.loc["no failure", ["examples", "missing"]].tolist() == [1, False]
    assert frame["missing"].sum() == 1
    assert "<b>unsafe" not in seen._repr_html_()
    assert "1 known failure mode without an example" in repr(seen)


def test_the_balance_of_no_set_is_what_is_missing(a_set):
    seen = balance(None, known_modes={"rude": 3}, gate=Gate())
    assert seen.to_frame()["missing"].tolist() == [True]
    assert balance(None, known_modes=None, gate=Gate()).to_frame().empty
    assert balance(a_set(an_example("t1", failure_modes=["rude"])), known_modes=None, gate=Gate()).to_frame()["seen_share"].isna().all()  # fmt: skip


# what was found wrong ----------------------------------------------------------------------------------------


def test_an_exact_copy_is_refused_whatever_refused_copies_stand_before_it(check):
    refused = [a_case(f"t{n}", input=ASKED[0], expected_output=None) for n in range(1, 31)]
    # thirty refused copies stand between the first and the last
    first, last = a_case("t0", input=ASKED[0]), a_case("t31", input=ASKED[0])
    like = [a_case(f"t{n}", input=ASKED[0] + "!", expected_output=None) for n in range(32, 62)]
    late, copy = a_case("t62", input=ASKED[0] + "!"), a_case("t63", input=ASKED[0] + "!")
    report = check(*refused, last)
    assert report.passed == ["t31"]
    report = check(first, *refused, last, *like, late, copy)
    assert report.passed == ["t0"]
    report = check(*refused, *like, late, copy)
    assert report.passed == ["t62"]
    assert report.refused["t63"] == ["duplicate"]


def test_a_case_that_the_quota_alone_refuses_stands_in_nobodys_way(check):
    limits = {"quota_min": 2, "quota_share": 0.1}
    rude = [a_case(f"t{n}", input=ASKED[n], failure_modes=["rude"]) for n in range(3)]
    copy = a_case("t3", input=ASKED[2], failure_modes=["late"])
    second = a_case("t4", input=ASKED[2], failure_modes=["slow"])
    report = check(*rude, copy, second, **limits)
    assert report.passed == ["t0", "t1", "t3"]
    assert report.refused == {"t2": ["quota"], "t4": ["duplicate"]}
    assert "trace t3" in report.for_("t4")["duplicate"]["says"]


def test_a_copy_that_makes_room_for_the_one_it_copies_does_not_enter_beside_it(check):
    limits = {"quota_min": 1, "quota_share": 0.5}
    rude = [a_case(f"t{n}", input=ASKED[n], failure_modes=["rude"]) for n in range(2)]
    others = [a_case("t2", input=ASKED[1], failure_modes=["late"]), a_case("t3", input=ASKED[2], failure_modes=["slow"])]  # fmt: skip
    report = check(*rude, *others, **limits)
    assert not {"t1", "t2"} <= set(report.passed)


def test_a_file_of_columns_refuses_no_case(a_set):
    import numpy as np

    from failscope.golden.near.index import FILE

    rows = [an_example(f"t{n}", input=f"May I bring {n} dogs, {n + 3} cats and a bird?") for n in range(70)]
    golden = a_set(*rows)
    home = golden.folder.parent
    NearIndex.of(home).modes(golden)
    with np.load(home / FILE) as held:
        arrays = {name: np.asfortranarray(array) for name, array in held.items()}
    np.savez(home / FILE, **arrays)
    case = a_case("t80", input=ASKED[0], failure_modes=["rude"])
    assert Gate(finder=finds_codes).check([case], golden, near=NearIndex.of(home)).passed == ["t80"]
