"""What of an event is somebody's words: hides which fields go when a trace is forgotten, and which stay."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from failscope.review import events as kinds
from failscope.traces.table import text_hash

MARK = "forgotten"
"""The key that a redacted payload has: the SHA-256 of the payload's text as it was."""

QUOTING = frozenset(
    {
        kinds.ANNOTATION,
        kinds.PROPOSAL,
        kinds.DECISION,
        kinds.CASE_EDITED,
        kinds.CASE_DECIDED,
        kinds.CASE_ANSWERED,
        kinds.CHECK_WAIVED,
    }
)
"""Kinds of events that are about single traces and hold words of whoever wrote them."""

REFUSED = QUOTING - {kinds.CASE_DECIDED, kinds.CHECK_WAIVED}
"""Of those, the ones that are not taken any more once the trace is forgotten: a curator may still clear the desk."""

KEPT = frozenset(
    {
        *("action", "change", "check", "checks", "decision", "fields", "status", "verdict", "what"),
        *("branch", "golden", "version", "trace_id", "trace_ids", "cluster", "clustering", "undone"),
        *("failure_mode", "failure_modes", "scores", "rubric", "suggested", "coded"),
        MARK,
    }
)
"""Fields that name or count and quote nobody. Every other field is taken for words, also one that a later version adds."""


def about(trace_id: str, payload: Mapping[str, Any]) -> set[str]:
    """The traces that an event names."""
    several = payload.get("trace_ids")
    named = {i for i in several if isinstance(i, str)} if isinstance(several, list) else set()
    return named | ({trace_id} if trace_id else set())


def without_words(payload: Mapping[str, Any]) -> dict[str, Any]:
    """A payload with all words taken out: the keys stay, numbers stay, texts become empty.

    Examples
    --------
    >>> without_words({"failure_modes": ["too long"], "note": "he lives in Ulm", "expected_output": "yes"})
    {'failure_modes': ['too long'], 'note': '', 'expected_output': None}
    """
    return {key: value if key in KEPT else _emptied(key, value) for key, value in payload.items()}


def _emptied(key: str, value: Any) -> Any:
    if isinstance(value, str):
        return (
            None if key == "expected_output" else ""
        )  # an empty one would say that nothing is the right answer
    if isinstance(value, Mapping):
        return {k: _emptied(k, v) for k, v in value.items()}
    return [] if isinstance(value, list) else value


def has_words(payload: Mapping[str, Any]) -> bool:
    """Whether there is anything to take out."""
    return without_words(payload) != payload


def redacted(text: str) -> dict[str, Any]:
    """A payload's text as the payload that takes its place."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        said = None
    return {**(without_words(said) if isinstance(said, dict) else {}), MARK: text_hash(text)}


def is_redacted(payload: Mapping[str, Any]) -> bool:
    """Whether a payload looks as ``redacted`` leaves it: a mark, and no words."""
    mark = payload.get(MARK)
    return isinstance(mark, str) and len(mark) == 64 and not has_words(payload)


def concerns(kind: str, trace_id: str, payload: Mapping[str, Any], forgotten: Collection[str]) -> bool:
    """Whether an event holds words about one of these traces."""
    return kind in QUOTING and not about(trace_id, payload).isdisjoint(forgotten)
