"""Criteria: what each type demands, what is refused as one, and that hostile output ends nowhere."""

from __future__ import annotations

import json
import re
import urllib.request

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import failscope as fs
from failscope.golden.gate import criteria as module
from failscope.golden.gate.criteria import TYPES, criteria, criterion
from failscope.golden.gate.patterns import written_out

REFUND = {
    "type": "object",
    "properties": {"days": {"type": "integer"}, "reason": {"type": "string", "pattern": "^[a-z ]+$"}},
    "required": ["days"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("spec", "passes", "fails"),
    [
        ({"type": "contains", "value": "30 days"}, "within 30 days.", "within 30 DAYS"),
        ({"type": "contains", "value": "straße", "ignore_case": True}, "Die STRASSE", "Der Weg"),
        ({"type": "not_contains", "value": "as an AI"}, "It ships today.", "I, as an AI, cannot."),
        ({"type": "not_contains", "value": "SORRY", "ignore_case": True}, "Done.", "so sorry"),
        ({"type": "regex", "value": r"\b\d{2} days\b"}, "in 30 days", "in 3 days"),
        ({"type": "regex", "value": "^(?!.*sorry)"}, "fine", "sorry"),
        ({"type": "json_schema", "value": REFUND}, '{"days": 30}', '{"days": "30"}'),
        ({"type": "must_refuse"}, "I'm sorry, but I can't help with that.", "Sure! First, you"),
    ],
)
def test_each_type_tells_what_fulfils_it_from_what_does_not(spec, passes, fails):
    assert criterion(spec).check(passes) is True
    assert criterion(spec).check(fails) is False


@pytest.mark.parametrize(
    ("output", "fulfils"),
    [
        ('```json\n{"days": 30}\n```', True),
        ('Here it is:\n```\n{"days": 30}\n```\nAnything else?', True),
        ('```python\nx = 1\n```\n```json\n{"days": 30}\n```', True),
        ('```{"days": 30}```', True),
        ('The answer is {"days": 30}.', False),
        ('{"days": 30, "more": 1}', False),
        ('{"days": 1, "reason": "too late"}', True),
        ('{"days": 1, "reason": "TOO LATE"}', False),
        ('{"days": NaN}', False),
        ("", False),
        ("[" * 100_000, False),
        ('{"days": ' + "9" * 10_000 + "}", False),
    ],
)
def test_json_is_found_bare_or_in_a_fence(output, fulfils):
    assert criterion({"type": "json_schema", "value": REFUND}).check(output) is fulfils


def test_a_rubric_is_left_to_a_judge():
    rubric = criterion(
        {"type": "rubric", "value": "names the fee", "dimension": "factual_correctness", "threshold": 4}
    )
    assert rubric.check("It costs 5 dollars.") is None
    assert rubric.says() == "a judge finds: names the fee (factual correctness, at least 4)"


SPECS = [
    {"type": "contains", "value": "a", "ignore_case": True},
    {"type": "not_contains", "value": "a"},
    {"type": "regex", "value": "a+"},
    {"type": "json_schema", "value": REFUND},
    {"type": "must_refuse"},
    {"type": "rubric", "value": "a", "dimension": "tone", "threshold": 0.5},
]


def test_what_is_written_is_read_as_the_same():
    made = criteria(SPECS)
    assert [c.to_dict() for c in made] == SPECS
    assert criteria(json.loads(json.dumps([c.to_dict() for c in made]))) == made
    assert {c.type for c in made} == set(TYPES)
    assert all(c.says() for c in made)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"type": "matches", "value": "x"}, "'contains', 'not_contains', 'regex'"),
        ({"type": None}, "not known"),
        ({"type": ["contains"]}, "not known"),
        ({"value": "x"}, "not known"),
        ("contains", "is a dict"),
        ({"type": "contains"}, "not empty"),
        ({"type": "contains", "value": "  "}, "not empty"),
        ({"type": "contains", "value": 3}, "not empty"),
        ({"type": "contains", "value": "x" * 20_001}, "20,001 characters"),
        ({"type": "contains", "value": "x", "ignore_case": "yes"}, "true or false"),
        ({"type": "regex", "value": "x", "ignore_case": True}, "has no 'ignore_case'"),
        ({"type": "must_refuse", "value": "x"}, "has no 'value'"),
        ({"type": "regex", "value": "(a"}, "does not compile"),
        ({"type": "regex", "value": r"\p{L}"}, "does not compile"),
        ({"type": "regex", "value": "(" * 900 + ")" * 900}, "does not compile"),
        ({"type": "regex", "value": "(((a{1000}){1000}){1000})"}, "at most 20,000"),
        ({"type": "regex", "value": "(?:x){e}"}, "a fuzzy count"),
        ({"type": "regex", "value": "item{i}"}, "a fuzzy count"),
        ({"type": "regex", "value": "refund{1<=e<=3}"}, "a fuzzy count"),
        ({"type": "regex", "value": "x{2i+1d<=4}"}, "a fuzzy count"),
        ({"type": "regex", "value": "[[:alpha:]]"}, "a POSIX set"),
        ({"type": "regex", "value": "[^0[:alpha:]]"}, "a POSIX set"),
        ({"type": "json_schema", "value": {"pattern": "x{e}"}}, "a fuzzy count"),
        ({"type": "regex", "value": "a" * 2_001}, "2,001 characters"),
        ({"type": "rubric", "value": "x", "threshold": float("nan")}, "a number"),
        ({"type": "rubric", "value": "x", "threshold": True}, "a number"),
        ({"type": "rubric", "value": "x", "dimension": 3}, "a name"),
        ({"type": "json_schema", "value": "x"}, "as a dict"),
        ({"type": "json_schema", "value": {"type": "text"}}, "not valid at type"),
        ({"type": "json_schema", "value": {"minimum": float("nan")}}, "no JSON"),
        ({"type": "json_schema", "value": {"pattern": "(a"}}, "does not compile"),
        ({"type": "json_schema", "value": {"items": {"$ref": "https://example.com/a.json"}}}, "nothing is fetched"),
        ({"type": "json_schema", "value": {"properties": {"default": {"$ref": "other.json"}}}}, "nothing is fetched"),
        ({"type": "json_schema", "value": {"$ref": "#/$defs/gone"}}, "cannot be followed"),
        ({"type": "json_schema", "value": {"properties": {"a": {"$ref": "#/$defs/gone"}}}}, "leads nowhere"),
        ({"type": "json_schema", "value": {"$ref": "#"}}, "cannot be followed"),
        ({"type": "json_schema", "value": {"enum": ["x" * 60_000]}}, "at most 50,000"),
    ],
)  # fmt: skip
def test_what_is_no_criterion_is_refused_with_the_reason(spec, says):
    with pytest.raises(fs.ArgumentError) as error:
        criterion(spec)
    assert says in str(error.value)


def test_a_schema_nested_without_end_is_refused():
    deep: dict = {}
    for _ in range(500):
        deep = {"items": deep}
    with pytest.raises(fs.ArgumentError, match="levels deep"):
        criterion({"type": "json_schema", "value": deep})


def test_the_error_says_which_of_several_is_wrong():
    with pytest.raises(fs.ArgumentError, match="criterion 2: "):
        criteria([SPECS[0], {"type": "x"}])
    with pytest.raises(fs.ArgumentError, match="at most 50"):
        criteria([SPECS[0]] * 51)
    with pytest.raises(fs.ArgumentError, match="in brackets"):
        criteria(SPECS[0])


def test_a_schema_fetches_nothing_even_where_its_own_address_is_remote(monkeypatch):
    asked = []
    monkeypatch.setattr(urllib.request, "urlopen", lambda *a, **k: asked.append(a))
    schema = {"$id": "https://example.com/s.json", "$defs": {"n": {"type": "number"}}, "$ref": "#/$defs/n"}
    assert criterion({"type": "json_schema", "value": schema}).check("3") is True
    assert asked == []


@pytest.mark.parametrize("dialect", ["draft-04/schema#", "draft-07/schema#", "2019-09/schema", "2020-12/schema"])  # fmt: skip
def test_older_dialects_are_followed(dialect):
    home = "https" if dialect.startswith("20") else "http"
    prefix = "draft/" if dialect.startswith("20") else ""
    schema = {
        "$schema": f"{home}://json-schema.org/{prefix}{dialect}",
        "type": "object",
        "patternProperties": {"^x_": {"type": "integer"}},
        "properties": {"tags": {"type": "array", "uniqueItems": True}},
        "additionalProperties": False,
    }
    check = criterion({"type": "json_schema", "value": schema}).check
    assert check('{"x_a": 1, "tags": [1, "1", {"a": 1}, {"a": 2}, true]}') is True
    assert check('{"x_a": "1"}') is False
    assert check('{"y": 1}') is False
    assert check('{"tags": [{"a": 1}, {"a": 1.0}]}') is False
    assert check('{"tags": [1, true]}') is True


@pytest.mark.parametrize(
    ("spec", "output"),
    [
        ({"type": "regex", "value": "(x+x+)+y"}, "x" * 5_000 + "z"),
        ({"type": "regex", "value": "(a|aa)+$"}, "a" * 200 + "c"),
        ({"type": "json_schema", "value": {"pattern": "(x+x+)+y"}}, json.dumps("x" * 5_000 + "z")),
        ({"type": "json_schema", "value": {"patternProperties": {"(x+x+)+y": {}}, "additionalProperties": False}}, json.dumps({"x" * 5_000: 1})),
        ({"type": "json_schema", "value": {"patternProperties": {f"^q{n}$": {} for n in range(50)}}}, json.dumps(dict.fromkeys(map(str, range(4_000))))),
    ],
)  # fmt: skip
def test_what_takes_too_long_is_not_answered(spec, output, monkeypatch):
    monkeypatch.setattr(module, "SECONDS", 0.05)
    assert criterion(spec).check(output) is None


@pytest.mark.parametrize("output", ["1" + "0" * 400, "1e400"])
def test_a_number_without_a_remainder_is_not_answered(output):
    assert criterion({"type": "json_schema", "value": {"multipleOf": 0.01}}).check(output) is None


@pytest.mark.parametrize(
    ("pattern", "output"),
    [
        (r"x\{e}", "x{e}"),
        ("[{e}]", "e"),
        (r"[\[:]", ":"),
        ("[:a]", ":"),
        ('{"days"', '{"days": 3}'),
        ("a{2}", "aa"),
        ("a{,2}b", "aab"),
        (r"\N{DIGIT ONE}", "1"),
        (r"\\[[]", "\\["),
    ],
)
def test_braces_and_sets_that_every_tool_reads_alike_are_taken(pattern, output):
    assert (
        criterion({"type": "regex", "value": pattern}).check(output)
        is bool(re.search(pattern, output))
        is True
    )


def test_a_schema_that_asks_the_same_without_end_is_refused():
    # each level asks for the next one twice: two to the power of sixty questions
    levels = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(60)}
    with pytest.raises(fs.ArgumentError, match="cannot be followed"):
        criterion({"type": "json_schema", "value": {"$ref": "#/$defs/d0", "$defs": {**levels, "d60": {}}}})


def test_equal_objects_are_found_in_a_long_list_without_comparing_each_with_each():
    check = criterion({"type": "json_schema", "value": {"uniqueItems": True}}).check
    items = [{"a": n} for n in range(30_000)]
    assert check(json.dumps(items)) is True
    assert check(json.dumps([*items, {"a": 7}])) is False


@given(st.text(), st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_any_output_is_answered(output, times):
    for made in criteria(SPECS):
        assert made.check(output * times) in (True, False, None)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8), lambda s: st.lists(s, max_size=3) | st.dictionaries(st.sampled_from(["type", "value", "pattern", "$ref", "properties", "ignore_case", "x"]), s, max_size=4)))  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_any_json_is_a_criterion_or_refused(value):
    for spec in (value, {"type": "json_schema", "value": value}, {"type": "regex", "value": value}):
        try:
            made = criterion(spec)
        except fs.ArgumentError:
            continue
        assert made.check("{}") in (True, False, None)


@pytest.mark.parametrize(
    ("pattern", "signs"),
    [("abc", 3), ("a{5}", 5), ("(ab){3}", 6), ("[a-z{}]{4}", 4), (r"\{9\}", 3), ("(a{10}){10}b", 101), ("a{0,9}", 1), ("x{,5}", 5)],
)  # fmt: skip
def test_the_size_of_a_pattern_is_that_of_its_repeats_written_out(pattern, signs):
    assert written_out(pattern) == signs
