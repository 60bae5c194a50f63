"""Rubrics: what is read from a file, what a broken one says, what a score may be, what changed between two."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import failscope as fs
from failscope.errors import ArgumentError, DataError, IntegrityError, NotFoundError, RubricError
from failscope.review.events import ANNOTATION, RUBRIC_ADOPTED, Event
from failscope.review.rubric import (
    BUILT_IN,
    SEVERITIES,
    Anchor,
    Dimension,
    ModeSpec,
    Rubric,
    adoption,
    key_of,
    rubric_at,
)
from failscope.review.rubric_file import MAX_BYTES, MAX_ITEMS

GOOD = """\
name: small
measured: [latency]
dimensions:
  - name: factual correctness
    definition: Is it true?
    scale:
      - score: 1
        meaning: No.
      - score: 3
        meaning: Nearly.
        example: A small slip.
      - score: 5
        meaning: Yes.
    failure_modes:
      - name: invented policy
        definition: A rule that is not there.
        severity: critical
      - name: stale fact
        definition: True once.
        severity: minor
  - name: tone
    definition: Is it kind?
    scale:
      - {score: 0, meaning: No.}
      - {score: 1, meaning: Yes.}
"""


@pytest.fixture
def small() -> Rubric:
    return Rubric.from_text(GOOD)


def line_of(words: str) -> int:
    return next(n for n, line in enumerate(GOOD.split("\n"), 1) if words in line)


# what is built in ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_rubric_is_anchored_with_examples_and_comes_back_from_its_yaml(name):
    rubric = fs.Rubric.load(name)
    assert Rubric.load(rubric.name) is rubric  # "customer support" is customer_support
    assert Rubric.from_text(rubric.to_yaml()) == rubric
    assert Rubric.from_text(rubric.to_yaml()).to_yaml() == rubric.to_yaml()
    assert {"latency", "cost"} <= set(rubric.measured)
    for dimension in rubric.dimensions:
        assert (dimension.scores[0], dimension.scores[-1]) == (1, 5)
        assert all(anchor.meaning and anchor.example for anchor in dimension.scale)
        assert dimension.failure_modes
    assert {m.severity for d in rubric.dimensions for m in d.failure_modes} == set(SEVERITIES)


def test_the_default_judges_six_dimensions():
    assert [d.key for d in Rubric.load().dimensions] == [
        "factual_correctness",
        "relevance",
        "completeness",
        "consistency",
        "safety_and_policy",
        "instruction_adherence",
    ]


def test_a_rubric_is_read_from_a_file_and_an_absent_one_is_named(tmp_path):
    path = tmp_path / "default"
    path.write_text("\ufeff" + GOOD, encoding="utf-8")
    assert Rubric.load(path) == Rubric.from_text(GOOD)
    assert Rubric.load(str(path)).name == "small"
    with pytest.raises(NotFoundError, match="did you mean the built-in 'code_assistant'"):
        Rubric.load("code_asistant")
    path.write_text(GOOD + "\n  - nme: x", encoding="utf-8")
    with pytest.raises(RubricError, match=rf"{path.name}, line \d+: .*did you mean 'name'"):
        Rubric.load(path)


# names, versions -----------------------------------------------------------------------------------------------------


def test_a_dimension_has_one_key_however_it_is_written():
    assert {key_of(n) for n in ("Safety and policy", "safety_and_policy", " safety-and  policy ")} == {
        "safety_and_policy"
    }


def test_the_version_is_of_the_content_and_not_of_the_layout(small):
    assert len(small.version) == 12
    assert set(small.version) <= set("0123456789abcdef")
    loose = GOOD.replace("A rule that is not there.", ">-\n          A rule\n          that is not there.  ")
    assert Rubric.from_text("# ours\n" + loose).version == small.version
    revised = Rubric.from_text('revision: "7"\n' + GOOD)
    assert (revised.version, revised.revision) == (small.version, "7")
    assert Rubric.from_text(GOOD.replace("minor", "major")).version != small.version


def test_the_way_to_hash_stays_the_same(small):
    # another way would cut the scores in people's logs off from their rubrics
    assert small.version == "3adad1c79fcf"


def test_yaml_keeps_the_authors_order_and_code_in_examples(small):
    text = small.to_yaml()
    assert text.index("invented policy") < text.index("stale fact") < text.index("tone")
    code = 'def f(x):\n    return "no"  # \t yes: 1\n\nf(1)'
    anchors = (Anchor(1, "no", code), Anchor(2, "2026-01-01", "- [x]"))
    rubric = Rubric("on", (Dimension("no", "yes", anchors),), ("null",), revision="1.0")
    assert Rubric.from_text(rubric.to_yaml()) == rubric


_TEXTS = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), min_size=1, max_size=30)
_NAMES = _TEXTS.filter(key_of)


@settings(max_examples=60, deadline=None)
@given(
    name=_NAMES,
    texts=st.lists(_TEXTS, min_size=4, max_size=4),
    scores=st.sets(st.integers(-9, 9), min_size=2),
)
def test_any_sound_rubric_comes_back_from_its_yaml(name, texts, scores):
    scale = tuple(Anchor(s, texts[0], texts[1] + "\n  " + texts[2]) for s in sorted(scores))
    try:
        rubric = Rubric(name, (Dimension(name, texts[3], scale),))
    except ArgumentError:
        return  # white space only, and the like
    again = Rubric.from_text(rubric.to_yaml())
    assert (again, again.version) == (rubric, rubric.version)


# broken files --------------------------------------------------------------------------------------------------------


def cut(words: str) -> str:
    return "".join(line + "\n" for line in GOOD.split("\n") if words not in line)


BROKEN = {
    # what is wrong: (text, words of the line that is named or its number, words of the message)
    "not YAML": (GOOD.replace("Is it true?", "Is it: true?"), "Is it true", "holds ': ' in quotes"),
    "a quote left open": (GOOD.replace("Is it true?", '"Is it true?'), "Is it true", "close the quote"),
    "a tab": (GOOD.replace("    definition: Is it t", "\tdefinition: Is it t"), "Is it true", "two blanks for a tab"),
    "no colon": (GOOD.replace("definition: Is it true?", "definition"), "Is it true", "a colon and a blank"),
    "two documents": ("---\n" + GOOD + "---\nname: b\n", GOOD.count("\n") + 2, "take the '---' out"),
    "a control sign": (GOOD.replace("True once", "True \x07 once"), "True once", "U+0007"),
    "not UTF-8": (GOOD.replace("kind", "fâché").encode("latin-1"), "kind", "save the file as UTF-8"),
    "nothing": ("# to do\n", 1, "Rubric.load('default')"),
    "a list": ("- a\n", 1, "the file is a list"),
    "a text for a list": ("name: a\ndimensions: many\n", 2, "not a list; begin each"),
    "a list for a text": (GOOD.replace("Is it true?", "[a, b]"), "Is it true", "is a list, not a text"),
    "a text for a point": (GOOD.replace("{score: 0, meaning: No.}", "bad"), "score: 0", "a point of a scale has fields"),
    "no definition": (cut("definition: Is it kind"), "name: tone", "without 'definition'; add a line"),
    "no meaning": (cut("meaning: Nearly"), "score: 3", "a point of a scale without 'meaning'"),
    "no severity": (cut("severity: minor"), "stale fact", "a failure mode without 'severity'"),
    "no dimensions": ("name: a\ndimensions: []\n", 2, "has no dimensions"),
    "a typo": (GOOD.replace("severity: minor", "severty: minor"), "severity: minor", "did you mean 'severity'?"),
    "a field of another": (GOOD.replace("severity: minor", "scale: []"), "severity: minor", "not a field of a failure mode"),
    "a field twice": (GOOD.replace("    definition: Is it k", "    name: b\n    definition: Is it k"), "Is it kind", "first in line 21"),
    "a dimension twice": (GOOD.replace("tone", "Factual_Correctness"), "tone", "is there twice"),
    "a mode twice": (GOOD.replace("stale fact", "Invented policy"), "stale fact", "is there twice in 'factual correctness'"),
    "a mode in two dimensions": (
        GOOD + "    failure_modes:\n      - {name: stale_fact, definition: a, severity: minor}\n",
        GOOD.count("\n") + 2,
        "a mode belongs to one dimension",
    ),
    "the name of all failures": (GOOD.replace("stale fact", "any failure"), "stale fact", "use a name of its own"),
    "a scale that falls": (GOOD.replace("score: 3", "score: 6"), "score: 5", "from the worst"),
    "a score twice": (GOOD.replace("score: 3", "score: 1"), "score: 3", "each once"),
    "one point": (GOOD.replace("      - {score: 0, meaning: No.}\n", ""), 23, "give two points at least"),
    "a score in words": (GOOD.replace("score: 3", "score: three"), "score: 3", "whole number without quotes"),
    "a score in quotes": (GOOD.replace("score: 3", "score: '3'"), "score: 3", "whole number without quotes"),
    "half a point": (GOOD.replace("score: 3", "score: 2.5"), "score: 3", "whole number without quotes"),
    "an octal": (GOOD.replace("score: 3", "score: 03"), "score: 3", "whole number without quotes"),
    "a score out of bounds": (GOOD.replace("score: 5", "score: 5000"), "score: 5", "from -100 to 100"),
    "no, read as false": (GOOD.replace("Is it kind?", "no"), "Is it kind", "put it in quotes: \"no\""),
    "a name that is a number": (GOOD.replace("name: tone", "name: 5"), "tone", 'put it in quotes: "5"'),
    "a date": ("revision: 2026-06-01\n" + GOOD, 1, 'put it in quotes: "2026-06-01"'),
    "a name left empty": (GOOD.replace("name: tone", "name:"), "tone", "is empty, not a text"),
    "an empty text": (GOOD.replace("Is it kind?", '" "'), "Is it kind", "is empty; say in a sentence"),
    "an unknown severity": (GOOD.replace("severity: minor", "severity: miner"), "severity: minor", "did you mean 'minor'?"),
    "judged and measured": (GOOD.replace("[latency]", "[latency, Tone]"), "measured", "is measured and is a dimension"),
    "measured twice": (GOOD.replace("[latency]", "[latency, Latency]"), "measured", "measured twice"),
    "a sign that cannot be seen": (GOOD.replace("Is it kind?", '"a\\u202Eb"'), "Is it kind", "U+202E"),
    "a tag that makes objects": (GOOD.replace("Is it kind?", "!!python/name:os.system"), "Is it kind", "is tagged"),
    "a merge key": (GOOD.replace("{score: 0,", "{<<: {score: 0},"), "score: 0", "'<<' is not a field"),
    "too many levels": ("[" * 5000, 1, "too many levels"),
    "too large": ("#" * (MAX_BYTES + 1), 1, "too many for a rubric"),
    "too long a list": (f"name: a\nmeasured: [{'b, ' * MAX_ITEMS}b]\n", 2, f"the most are {MAX_ITEMS}"),
}  # fmt: skip


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_file_is_told_with_its_line_and_the_mend(fault):
    text, where, words = BROKEN[fault]
    line = where if isinstance(where, int) else line_of(where)
    with pytest.raises(RubricError) as caught:
        Rubric.from_text(text, source="ours.yaml")
    assert str(caught.value).startswith(f"ours.yaml, line {line}: ")
    assert words in str(caught.value)
    assert isinstance(caught.value, DataError)


def test_aliases_may_share_a_scale_and_cannot_grow_a_file(small):
    shared = GOOD.replace("definition: Is it true?\n    scale:", "definition: Is it true?\n    scale: &three")
    start = shared.index("    scale:\n      - {score")
    rubric = Rubric.from_text(shared[:start] + "    scale: *three\n")
    assert rubric.dimension("tone").scale == small.dimension("factual correctness").scale
    assert "&" not in rubric.to_yaml()
    bomb = "a: &a [x, x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)}, *{chr(97 + i)}]\n" for i in range(20)
    )
    with pytest.raises(RubricError, match="line 1: 'a' is not a field"):
        Rubric.from_text(bomb)
    with pytest.raises(RubricError, match="line 2"):
        Rubric.from_text("name: a\ndimensions: &a [*a]\n")


def test_a_rubric_made_in_python_is_checked_by_the_same_rules(small):
    twice = (*small.dimensions, small.dimensions[0])
    with pytest.raises(ArgumentError, match="'factual correctness' is there twice"):
        Rubric("a", twice)
    with pytest.raises(ArgumentError, match="True is not a whole number"):
        Rubric("a", (Dimension("b", "c", (Anchor(True, "d"), Anchor(2, "e"))),))
    with pytest.raises(dataclasses.FrozenInstanceError):
        small.name = "other"


# scores --------------------------------------------------------------------------------------------------------------


def test_scores_are_kept_under_the_keys_of_their_dimensions(small):
    assert small.check_scores({"Factual Correctness": 3, "tone": 0.0}) == {
        "factual_correctness": 3.0,
        "tone": 0.0,
    }
    assert small.check_scores({}) == {}


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        ({"factual_corectness": 1}, "did you mean 'factual_correctness'"),
        ({"zzz": 1}, "the dimensions are factual_correctness, tone"),
        ({"latency": 1}, "is measured, not judged"),
        ({"factual_correctness": 6}, "is outside the scale; give one of 1, 3, 5"),
        ({"factual_correctness": 2}, "is between the points; give one of 1, 3, 5"),
        ({"tone": 0.5}, "is between the points; give one of 0, 1"),
        ({"tone": float("nan")}, "is not a number"),
        ({"tone": float("inf")}, "is outside the scale"),
        ({"tone": True}, "is not a number"),
        ({"tone": "good"}, "is not a number"),
        ({"tone": None}, "leave it out if it was not judged"),
        ({"Tone": 1, "tone": 1}, "has two scores"),
    ],
)
def test_a_score_that_the_rubric_does_not_have_is_refused(small, scores, words):
    with pytest.raises(ArgumentError, match=words):
        small.check_scores(scores)


def test_a_failure_mode_has_a_dimension_and_a_severity_or_none(small):
    home = small.dimension_of("Invented_policy")
    assert home is not None
    assert home.key == "factual_correctness"
    assert small.severity_of("invented policy") == "critical"
    assert small.dimension_of("new this week") is None
    assert small.severity_of("new this week") is None


# shown ---------------------------------------------------------------------------------------------------------------


def test_a_rubric_is_shown_as_text_and_never_as_html():
    hostile = GOOD.replace("stale fact", "<script>x</script>").replace("Is it kind?", "<b>kind</b>")
    shown = Rubric.from_text(hostile.replace("name: small", "name: <i>small</i>"))._repr_html_()
    assert not {"<script", "<b>kind", "<i>small"} & {
        w for w in ("<script", "<b>kind", "<i>small") if w in shown
    }
    assert "&lt;script&gt;" in shown
    assert "Measured, not judged: latency" in shown


def test_the_frame_has_a_row_for_each_point_and_mode(small):
    frame = small.to_frame()
    assert frame["part"].value_counts().to_dict() == {"scale": 5, "failure mode": 2, "measured": 1}
    assert list(frame.columns) == ["dimension", "part", "name", "severity", "definition", "example"]


# two rubrics ---------------------------------------------------------------------------------------------------------

CHANGES = {
    "a dimension added": (
        GOOD + "  - {name: length, definition: a, scale: [{score: 0, meaning: b}, {score: 1, meaning: c}]}\n",
        [("dimension", "added", "length")],
        2,
    ),
    "a dimension removed": (GOOD[: GOOD.index("  - name: tone")], [("dimension", "removed", "tone")], 1),
    "a dimension renamed": (GOOD.replace("name: tone", "name: warmth"), [("dimension", "renamed", "warmth")], 2),
    "a dimension written in another way": (
        GOOD.replace("factual correctness", "Factual_correctness"),
        [("dimension", "renamed", "factual_correctness")],
        2,
    ),
    "a definition reworded": (GOOD.replace("Is it kind?", "Kind?"), [("dimension", "reworded", "tone")], 1),
    "an anchor reworded": (GOOD.replace("Nearly", "Almost"), [("scale", "reworded", "factual_correctness")], 1),
    "another example": (GOOD.replace("A small slip", "A slip"), [("scale", "new example", "factual_correctness")], 2),
    "a point added": (
        GOOD.replace("meaning: Nearly.", "meaning: Nearly.\n      - {score: 4, meaning: Almost.}", 1).replace(
            "        example: A small slip.\n", ""
        ),
        [("scale", "new example", "factual_correctness"), ("scale", "added", "factual_correctness")],
        1,
    ),
    "a mode moved": (
        GOOD.replace("      - name: stale fact\n        definition: True once.\n        severity: minor\n", "")
        + "    failure_modes:\n      - {name: stale fact, definition: True once., severity: minor}\n",
        [("failure mode", "moved", "tone")],
        2,
    ),
    "a mode renamed": (GOOD.replace("stale fact", "old fact"), [("failure mode", "renamed", "factual_correctness")], 2),
    "a mode exchanged": (
        GOOD.replace("stale fact", "typo").replace("True once", "A slip of the pen"),
        [("failure mode", "removed", "factual_correctness"), ("failure mode", "added", "factual_correctness")],
        2,
    ),
    "a severity": (GOOD.replace("minor", "major"), [("failure mode", "new severity", "factual_correctness")], 2),
    "measured": (
        GOOD.replace("[latency]", "[cost]"),
        [("measured", "removed", ""), ("measured", "added", "")],
        2,
    ),
    "a name": (GOOD.replace("name: small", "name: large"), [("rubric", "renamed", "")], 2),
    "a revision": ('revision: "2"\n' + GOOD, [("rubric", "new revision", "")], 2),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_told_as_what_it_is(small, change):
    text, told, comparable = CHANGES[change]
    found = small.compare(Rubric.from_text(text))
    assert [(c.part, c.change, c.dimension) for c in found.changes] == told
    assert len(found.comparable) == comparable
    back = Rubric.from_text(text).compare(small)
    assert len(back) == len(found)
    assert len(back.comparable) == comparable


def test_another_order_is_a_change_of_its_own(small):
    turned = Rubric("small", small.dimensions[::-1], small.measured)
    assert [(c.part, c.change) for c in small.compare(turned).changes] == [("dimension", "reordered")]
    first = small.dimensions[0]
    modes = dataclasses.replace(first, failure_modes=first.failure_modes[::-1])
    (change,) = small.compare(Rubric("small", (modes, small.dimensions[1]), small.measured)).changes
    assert (change.before, change.after) == ("invented policy, stale fact", "stale fact, invented policy")


def test_equal_rubrics_have_no_changes_and_what_changed_is_shown_escaped(small):
    assert len(small.compare(Rubric.from_text(small.to_yaml()))) == 0
    changes = small.compare(Rubric.from_text(GOOD.replace("Is it kind?", "<b>Kind</b>?")))
    assert "&lt;b&gt;" in changes._repr_html_()
    assert "<b>Kind" not in changes._repr_html_()
    assert changes.to_frame()["after"].tolist() == ["<b>Kind</b>?"]
    assert "changes: 1" in repr(changes)


# the rubric of a moment ----------------------------------------------------------------------------------------------


def event(seq: int, kind: str = RUBRIC_ADOPTED, **payload: object) -> Event:
    return Event(seq, f"e{seq}", "2026-06-01T00:00:00", kind, "ana", "w", "", payload, "0.1.0")


def test_a_score_keeps_the_rubric_under_which_it_was_given(small):
    later = Rubric.from_text(GOOD.replace("Nearly", "Almost"))
    log = [event(9, **adoption(later)), event(2, **adoption(small)), event(5, ANNOTATION, scores={"tone": 1})]
    assert [rubric_at(log, seq) for seq in (1, 2, 8, 9, 99)] == [None, small, small, later, later]


def test_an_adopted_text_that_was_changed_is_noticed(small):
    said = adoption(small) | {"yaml": small.to_yaml().replace("Nearly", "Fully")}
    with pytest.raises(IntegrityError, match=f"in version {small.version}, and holds version"):
        rubric_at([event(2, **said)], 3)
    with pytest.raises(RubricError, match="the rubric in event 2, line 1"):
        rubric_at([event(2, **(said | {"yaml": "nome: x"}))], 3)


def test_modes_of_python_are_tidied_like_those_of_a_file():
    assert ModeSpec("  invented   policy ", "A rule. \n", "minor") == ModeSpec(
        "invented policy", "A rule.", "minor"
    )


# the page ------------------------------------------------------------------------------------------------------------


def test_what_the_page_shows_is_so(tmp_path, monkeypatch):
    page = (Path(__file__).parents[2] / "docs" / "rubrics.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```yaml\n(.*?)^```", page, re.S | re.M)
    bot = Rubric.from_text(example, source="ours.yaml")
    assert (bot.revision, bot.severity_of("invented policy")) == ("2026-06", "critical")
    broken = [
        example.replace("severity:", "severty:"),
        example.replace('revision: "2026-06"', '\trevision: "2026-06"'),
        example.replace("Is what the answer says true, by the help centre?", "no"),
    ]
    for text in broken:
        with pytest.raises(RubricError) as caught:
            Rubric.from_text(text, source="ours.yaml")
        assert str(caught.value) in page
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"^```python\n(.*?)^```", page, re.S | re.M)
    exec(compile(code, "rubrics.md", "exec"), {"fs": fs})
