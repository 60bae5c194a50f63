"""Function calls: every form is read, and each fault is told from the others."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from failscope.surface.behaviour.calls import PROBES
from failscope.surface.behaviour.measure import behaviours
from failscope.surface.behaviour.schemas import Call, functions_in, parse_calls
from failscope.traces.table import Traces

WEATHER = {
    "name": "get_weather",
    "description": "The weather in a city",
    "parameters": {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "days": {"type": "integer"},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            "tags": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["city"],
    },
}
BOOK = {
    "name": "tables.book",
    "description": "Book a table in a restaurant",
    "input_schema": {"type": "object", "properties": {"people": {"type": "number"}}, "required": ["people"]},
}
TOOLS = "Tools: " + json.dumps([WEATHER, BOOK])
ASKED = "What is the weather in Lisbon for the next 3 days?"
WANTED = Call("get_weather", {"city": "Lisbon", "days": 3})
ARGUMENTS = json.dumps(WANTED.arguments)

FORMS = {
    "OpenAI": json.dumps([{"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": ARGUMENTS}}]),
    "OpenAI, whole message": json.dumps({"tool_calls": [{"function": {"name": "get_weather", "arguments": ARGUMENTS}}]}),
    "Anthropic": json.dumps([{"type": "text", "text": "Let me see."}, {"type": "tool_use", "id": "t1", "name": "get_weather", "input": WANTED.arguments}]),
    "Gemini": json.dumps({"functionCall": {"name": "get_weather", "args": WANTED.arguments}}),
    "Hermes": f'<tool_call>\n{{"name": "get_weather", "arguments": {ARGUMENTS}}}\n</tool_call>',
    "Llama": f"<function=get_weather>{ARGUMENTS}</function>",
    "Mistral": f'[TOOL_CALLS] [{{"name": "get_weather", "arguments": {ARGUMENTS}}}]',
    "ReAct": f"Thought: I need the weather.\nAction: get_weather\nAction Input: {ARGUMENTS}\nObservation: ",
    "Python": '[get_weather(city="Lisbon", days=3)]',
    "Python, bare": "get_weather(city='Lisbon', days=3)",
    "name as key": json.dumps({"get_weather": WANTED.arguments}),
    "fenced": f'```json\n{{"name": "get_weather", "parameters": {ARGUMENTS}}}\n```',
    "in prose": f'I will look it up for you.\n{{"name": "get_weather", "arguments": {ARGUMENTS}}}\nOne moment, please.',
}  # fmt: skip


def measured(output: str, *, asked: str = ASKED, context: str = TOOLS) -> pd.Series:
    frame = pd.DataFrame(
        {"input": [asked], "output": [output], "context": [context], "system_prompt": [""]},
        index=pd.Index(["t"], name="trace_id"),
    )
    return behaviours(Traces(frame=frame), probes=PROBES).iloc[0]


@pytest.mark.parametrize("form", FORMS)
def test_a_call_is_read_in_every_form(form: str) -> None:
    assert parse_calls(FORMS[form]).calls == (WANTED,)
    found = measured(FORMS[form])
    assert found[["call_skipped", "call_broken", "call_unknown", "call_missing_parameter"]].sum() == 0
    assert found[["call_extra_parameter", "call_wrong_type", "call_wrong_option"]].sum() == 0
    assert found["call_wrapped"] == (form == "in prose")


@pytest.mark.parametrize(
    "schema",
    [
        WEATHER,
        {"type": "function", "function": WEATHER},
        {"name": "get_weather", "input_schema": WEATHER["parameters"]},
        {"toolSpec": {"name": "get_weather", "inputSchema": {"json": WEATHER["parameters"]}}},
        {"functionDeclarations": [WEATHER]},
    ],
)
def test_a_function_is_read_from_every_clients_form(schema: dict[str, object]) -> None:
    [function] = functions_in(f"You have these tools:\n{json.dumps(schema, indent=1)}\nUse them.")
    assert function.key == "get_weather"
    assert list(function.parameters) == ["city", "days", "unit", "tags"]
    assert function.required == ("city",)


@pytest.mark.parametrize(
    ("output", "probe"),
    [
        ("get_forecast(city='Lisbon')", "call_unknown"),
        ("get_weather(days=3)", "call_missing_parameter"),
        ("get_weather(city='Lisbon', hours=3)", "call_extra_parameter"),
        ("get_weather(city='Lisbon', days='3')", "call_wrong_type"),
        ("get_weather(city='Lisbon', tags=['a', 1])", "call_wrong_type"),
        ("get_weather(city='Lisbon', unit='kelvin')", "call_wrong_option"),
        ("[get_weather(city='Lisbon'), get_weather(city='Lisbon')]", "call_twice"),
        ("get_weather(city='Lisbon', days=", "call_broken"),
        ("It will be sunny in Lisbon.", "call_skipped"),
    ],
)
def test_each_fault_has_a_flag_of_its_own(output: str, probe: str) -> None:
    found = measured(output)
    faults = [p.name for p in PROBES if p.kind == "flag" and found[p.name]]
    assert faults == ["call_skipped", probe] if probe == "call_broken" else [probe]


def test_names_are_the_same_with_dots_and_underscores() -> None:
    assert measured("tables_book(people=2)")["call_unknown"] == 0
    assert measured("functions.get_weather(city='Lisbon')")["call_unknown"] == 0


def test_an_argument_that_nobody_gave_is_seen() -> None:
    assert measured("get_weather(city='Lisbon', days=3)")["call_invented"] == 0
    assert measured("get_weather(city='Porto', days=3)")["call_invented"] == 0.5
    assert measured("get_weather(city='Lisbon', unit='celsius')")["call_invented"] == 0


def test_a_name_of_the_input_that_no_call_holds_is_seen() -> None:
    asked = "What is the weather in Lisbon and in Porto?"
    one, two = "get_weather(city='Lisbon')", "[get_weather(city='Lisbon'), get_weather(city='Porto')]"
    assert measured(one, asked=asked)["call_left_out"] == 0.5
    assert measured(two, asked=asked)["call_left_out"] == 0
    assert measured(two, asked=asked)["calls"] > measured(one, asked=asked)["calls"]


def test_a_call_of_the_wrong_function_fits_less() -> None:
    right, wrong = measured("get_weather(city='Lisbon')"), measured("tables.book(people=3)")
    assert right["call_misfit"] == 0
    assert wrong["call_misfit"] > 0
    assert wrong["call_unfit"] > right["call_unfit"]


def test_without_functions_nothing_is_said_of_calls() -> None:
    assert (measured("get_weather(days=3)", context="") == 0).all()
    assert (measured("It is {curly} [and] so on", context='{"name": "Ana", "age": 3}') == 0).all()


def test_code_for_the_reader_is_no_call() -> None:
    found = measured("Here is how to do it yourself in Python:\n```python\nprint('hello there')\n```")
    assert found["call_unknown"] == 0
    assert found["call_skipped"] == 1


@pytest.mark.parametrize(
    "text",
    ["[" * 50_000, "{" * 50_000, "f(" * 20_000, "[f(" + "(" * 9_000, '{"a":' * 9_000, "<tool_call>" * 4_000],
)
def test_hostile_outputs_are_no_calls(text: str) -> None:
    assert parse_calls(text).calls == ()
    assert functions_in(text) == ()
