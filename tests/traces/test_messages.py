"""Chat logs: turns and replies in the shapes that client libraries write."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from failscope.traces.messages import content_text, read_chat, reply_text
from failscope.traces.table import Traces

TURNS = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "First?"},
    {"role": "assistant", "content": "One."},
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "Second?"},
            {"type": "image_url", "image_url": {"url": "data:"}},
        ],
    },
    {"role": "assistant", "content": "Two."},
]


def traces_of(rows: list[dict]) -> Traces:
    return Traces.from_frame(pd.DataFrame(rows))


@pytest.mark.parametrize("value", [TURNS, json.dumps(TURNS), {"messages": TURNS}])
@pytest.mark.parametrize("name", ["messages", "conversation", "prompt", "request"])
def test_a_chat_is_unfolded_from_any_column_of_turns(name, value):
    row = traces_of([{name: value}]).frame.iloc[0]
    assert row["system_prompt"] == "Be brief."
    assert row["input"] == "Second?\n[image_url]"
    assert row["output"] == "Two."
    assert json.loads(row["messages"]) == TURNS


def test_the_output_column_wins_over_the_last_turn_even_when_it_is_empty():
    frame = traces_of(
        [{"messages": TURNS, "response": ""}, {"messages": TURNS[:4], "response": "Deux."}]
    ).frame
    assert frame["output"].tolist() == ["", "Deux."]


def test_a_chat_that_does_not_end_with_the_assistant_has_an_empty_output():
    frame = traces_of(
        [{"messages": TURNS[:4]}, {"messages": [*TURNS, {"role": "tool", "content": "42"}]}]
    ).frame
    assert frame["output"].tolist() == ["", ""]
    assert len(json.loads(frame["messages"].iloc[1])) == 6


@pytest.mark.parametrize(
    "turns",
    [
        [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"}],
        [{"role": "user", "parts": [{"text": "hi"}]}, {"role": "model", "parts": [{"text": "hello"}]}],
        [{"role": "user", "contents": "hi"}, {"role": "assistant", "contents": ["hello"]}],
        [{"type": "human", "content": "hi"}, {"type": "ai", "content": "hello"}],
        [
            {"author": {"role": "user"}, "content": {"parts": ["hi"]}},
            {"author": {"role": "assistant"}, "content": {"parts": ["hello"]}},
        ],
    ],
)
def test_every_dialect_of_turns_is_read(turns):
    chat = read_chat(turns)
    assert (chat.input, chat.reply) == ("hi", "hello")


def test_a_tool_call_without_words_is_the_output():
    call = {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "refund"}}]}
    assert read_chat([TURNS[1], call]).reply == '[{"function":{"name":"refund"}}]'


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "plain text",
        "[not json",
        "[1, 2]",
        [],
        [{"a": 1}],
        {"a": 1},
        [{"type": "function", "name": "f"}],
    ],
)
def test_what_is_no_chat_is_left_alone(value):
    assert read_chat(value) is None


def test_a_column_of_plain_conversations_is_the_input():
    frame = traces_of([{"conversation": "User: hi\nBot: hello", "id": "a"}]).frame
    assert frame["input"].tolist() == ["User: hi\nBot: hello"]


@pytest.mark.parametrize(
    "value",
    [
        {
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}}],
            "usage": {"total_tokens": 3},
        },
        {"choices": [{"text": "hello"}]},
        {"status_code": 200, "body": {"choices": [{"message": {"content": "hello"}}]}},
        {"candidates": [{"content": {"parts": [{"text": "hello"}], "role": "model"}}]},
        {"role": "assistant", "content": [{"type": "text", "text": "hello"}]},
        {
            "object": "response",
            "output": [
                {"type": "reasoning"},
                {"role": "assistant", "content": [{"type": "output_text", "text": "hello"}]},
            ],
        },
        {"content": "hello"},
        [{"type": "text", "text": "hello"}],
        [{"role": "assistant", "content": "hello"}],
        "hello",
    ],
)
def test_a_reply_is_found_in_what_a_client_returned(value):
    assert reply_text(value) == "hello"
    frame = traces_of([{"prompt": "hi", "response": value}]).frame
    assert frame["output"].tolist() == ["hello"]
    if isinstance(value, dict) and len(value) > 1:
        assert json.loads(frame["response"].iloc[0]) == value


@pytest.mark.parametrize(
    "value",
    [
        {"label": "refund", "n": 1},
        {"text": "a", "value": 3},
        [{"type": "car", "text": "x", "n": 1}],
        {"choices": []},
    ],
)
def test_a_structured_output_is_kept_whole_as_json_text(value):
    frame = traces_of([{"prompt": "hi", "output": value}]).frame
    assert json.loads(frame["output"].iloc[0]) == value
    assert "log_output" not in frame


def test_an_output_that_is_json_text_is_not_looked_into():
    text = json.dumps({"choices": [{"message": {"content": "hello"}}]})
    assert traces_of([{"prompt": "hi", "output": text}]).frame["output"].tolist() == [text]


def test_a_choices_column_is_read_even_as_text():
    text = json.dumps([{"message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}])
    row = traces_of([{"prompt": "hi", "choices": text}]).frame.iloc[0]
    assert (row["output"], row["choices"]) == ("hello", text)


def test_parts_that_are_not_text_are_named():
    parts = ["a", {"type": "text", "text": "b"}, {"type": "input_audio"}, {"type": "tool_use", "name": "f"}]
    assert content_text(parts) == 'a\nb\n[input_audio]\n{"type":"tool_use","name":"f"}'
