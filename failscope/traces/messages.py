"""Chat logs: hides the many shapes of a list of turns and of a model's reply behind plain texts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from failscope.traces.values import compact_json, missing, text_of

_ROLES = {
    "user": "user", "human": "user", "customer": "user",
    "assistant": "assistant", "ai": "assistant", "gpt": "assistant", "bot": "assistant", "model": "assistant",
    "system": "system", "developer": "system",
    "tool": "tool", "function": "tool", "observation": "tool", "function_call": "tool",
}  # fmt: skip
_CONTENT = ("content", "parts", "contents", "value", "text")


@dataclass(frozen=True)
class Chat:
    """What a conversation comes to: the last user turn, the reply after it (None if it ends otherwise), the rules."""

    input: str
    reply: str | None
    system: str
    json: str


def read_chat(value: Any) -> Chat | None:
    """A list of turns, an object that holds one, or the JSON text of either; None where it is none of them.

    Turns as OpenAI, Anthropic, Gemini (``parts``), LangChain (``type``) and ShareGPT (``from``, ``value``)
    write them.

    Examples
    --------
    >>> chat = read_chat([{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}])
    >>> chat.input, chat.reply
    ('hi', 'hello')
    """
    turns = _turns(value)
    if turns is None:
        return None
    roles = [_role(t) for t in turns]
    texts = [_turn_text(t) for t in turns]
    system = "\n\n".join(x for r, x in zip(roles, texts, strict=True) if r == "system" and x)
    if not system and isinstance(value, Mapping):
        system = content_text(value.get("system", value.get("system_instruction")))
    asked = next((x for r, x in zip(reversed(roles), reversed(texts), strict=True) if r == "user"), "")
    return Chat(asked, texts[-1] if roles[-1] == "assistant" else None, system, compact_json(turns))


def reply_text(value: Any) -> str:
    """A model's reply as text, out of whatever a client library returned: ``choices``, ``content``, ``body``, ...

    A text is never looked into: a reply that is JSON is the reply. An object of no known shape is compact JSON.

    Examples
    --------
    >>> reply_text({"choices": [{"message": {"role": "assistant", "content": "hello"}}]})
    'hello'
    >>> reply_text({"label": "refund"})
    '{"label":"refund"}'
    """
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, Mapping):
        if isinstance(body := value.get("body"), Mapping):  # a line of OpenAI's batch files
            return reply_text(body)
        if isinstance(several := value.get("choices", value.get("candidates")), list | np.ndarray) and len(
            several
        ):
            return _choice_text(several[0])
        if value.get("object") == "response" and isinstance(value.get("output"), list | np.ndarray):
            return reply_text(
                [v for v in value["output"] if isinstance(v, Mapping) and "role" in v] or value["output"]
            )
        # "content" or "text" beside other keys may be a structured answer, which is kept whole
        return _turn_text(value) if _role(value) or list(value) in (["content"], ["text"]) else text_of(value)
    if isinstance(value, list) and value and all(isinstance(v, Mapping) for v in value):
        if (turns := _turns(value)) is not None:
            return _turn_text(turns[-1])
        if "message" in value[0] or "finish_reason" in value[0]:
            return _choice_text(value[0])
        if all(
            isinstance(v.get("text"), str) and set(v) <= {"type", "text", "annotations", "citations"}
            for v in value
        ):
            return content_text(value)
    return text_of(value)


def choices_text(value: Any) -> str:
    """The reply in a ``choices`` column, which may be JSON text."""
    parsed = _parsed(value) if isinstance(value, str) else None
    return reply_text(value if parsed is None else parsed)


def content_text(content: Any) -> str:
    """The text of a turn's content; a part that is not text is named, as in ``[image_url]``."""
    if isinstance(content, np.ndarray):
        content = content.tolist()
    if isinstance(content, str) or missing(content):
        return text_of(content)
    if isinstance(content, list | tuple):
        return "\n".join(part for part in map(_part_text, content) if part)
    return _part_text(content)


def joined_text(value: Any) -> str:
    """Retrieved passages as one text, a blank line between two; other shapes as ``text_of``.

    Examples
    --------
    >>> joined_text(["one", {"page_content": "two", "score": 0.5}])
    'one\\n\\ntwo'
    """
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if not isinstance(value, list | tuple):
        return text_of(value)
    keys = ("page_content", "text", "content", "document", "chunk", "passage", "body")
    passages = []
    for item in value:
        held = (
            next((item[k] for k in keys if isinstance(item.get(k), str)), None)
            if isinstance(item, Mapping)
            else item
        )
        if not isinstance(held, str):
            return text_of(value)
        passages.append(held)
    return "\n\n".join(passages)


def _choice_text(choice: Any) -> str:
    if isinstance(choice, Mapping):
        for key in ("message", "content", "text"):
            if isinstance(held := choice.get(key), Mapping):
                return _turn_text(held)
            if isinstance(held, str):
                return held
    return text_of(choice)


def _turns(value: Any) -> list[Mapping[str, Any]] | None:
    if isinstance(value, str):
        value = _parsed(value)
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, Mapping):
        value = next(
            (
                value[k]
                for k in ("messages", "contents", "conversation", "conversations", "turns")
                if k in value
            ),
            None,
        )
        return None if value is None else _turns(value)
    if not isinstance(value, list | tuple) or not value:
        return None
    if not all(isinstance(t, Mapping) and _role(t) for t in value):
        return None
    # a list of tool definitions also has a "type" in each
    return list(value) if any(_role(t) != "tool" for t in value) else None


def _parsed(text: str) -> Any:
    if text.lstrip()[:1] not in ("[", "{"):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _role(turn: Mapping[str, Any]) -> str | None:
    named = turn.get("role", turn.get("from", turn.get("type")))
    if named is None and isinstance(turn.get("author"), Mapping):
        named = turn["author"].get("role")
    return _ROLES.get(named.lower()) if isinstance(named, str) else None


def _turn_text(turn: Mapping[str, Any]) -> str:
    content = next((turn[k] for k in _CONTENT if not missing(turn.get(k))), None)
    text = content_text(content)
    calls = turn.get("tool_calls") or turn.get("function_call")
    # a turn may say something and call a tool as well
    return "\n".join(part for part in (text, text_of(calls) if calls else "") if part)


def _part_text(part: Any) -> str:
    if not isinstance(part, Mapping):
        return text_of(part)
    for key in ("text", "parts", "content"):
        if isinstance(held := part.get(key), str) and part.get("type") not in ("tool_use", "tool_result"):
            return held
        if key == "parts" and isinstance(held, Sequence):
            return content_text(held)
    kind = part.get("type")
    return text_of(part) if kind in (None, "tool_use", "tool_result", "function_call") else f"[{kind}]"
