"""Formats that are JSON, one record an example: hides what each tool calls the fields."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from failscope.golden.export.common import Shared

if TYPE_CHECKING:
    from failscope.golden.dataset import GoldenSet

IDS = uuid.uuid5(uuid.NAMESPACE_DNS, "failscope")
"""The namespace of the UUIDs that LangSmith asks for."""


def as_json(records: Sequence[Any], *, lines: bool) -> bytes:
    """JSON Lines or one array, in ASCII: some tools read a file in the machine's encoding, or split at U+2028."""
    if lines:
        return "".join(json.dumps(one, allow_nan=False) + "\n" for one in records).encode("ascii")
    return (json.dumps(records, allow_nan=False, indent=1) + "\n").encode("ascii")


def native(golden: GoldenSet, examples: list[Shared], path: Path) -> dict[Path, bytes]:
    """Everything, one example a line, as the golden set itself holds it."""
    said = (json.dumps(dict(one.row), ensure_ascii=False, sort_keys=True) + "\n" for one in examples)
    return {path: "".join(said).encode()}


def inspect(golden: GoldenSet, one: Shared) -> dict[str, Any]:
    """Inspect AI's ``Sample``; a chat, because it refuses an input that is an empty text."""
    about = {"expected_output": one.expected, **one.without("system_prompt")}
    return {"id": one.id, "input": one.messages, "target": one.expected or "", "metadata": about}


def deepeval(golden: GoldenSet, one: Shared) -> dict[str, Any]:
    """DeepEval's ``Golden``. It saves no id: ours is its name, and stands in the metadata."""
    return {
        "name": one.id,
        "input": one.input,
        "actual_output": one.output,
        "expected_output": one.expected,
        # what production was given belongs to what production said; the ideal context is nobody's claim here
        "retrieval_context": [one.context] if one.context else None,
        "comments": one.note or None,
        "source_file": one.about["log_file"],
        "additional_metadata": one.without("output", "context", "note", "log_file"),
    }


def openai_evals(golden: GoldenSet, one: Shared) -> dict[str, Any]:
    """A sample of OpenAI Evals; without an expected output it has no ``ideal``, which its evals say aloud."""
    ideal = {} if one.expected is None else {"ideal": one.expected}
    return {"id": one.id, "input": one.messages, **ideal, "metadata": one.without("system_prompt")}


def ragas(golden: GoldenSet, one: Shared) -> dict[str, Any]:
    """A single-turn sample of Ragas. It reads past ``id`` and ``metadata``: match its rows by their order."""
    asked = "; ".join(str(c["value"]) for c in one.criteria if c["type"] == "rubric")
    sample = {
        "user_input": one.input,
        "response": one.output,
        "reference": one.expected,
        "retrieved_contexts": [one.context] if one.context else None,
        "rubrics": {
            "score1_description": f"The response does not meet this: {asked}",
            "score2_description": f"The response meets this: {asked}",
        }
        if asked
        else None,
    }
    kept = {key: value for key, value in sample.items() if value is not None}
    return {"id": one.id, **kept, "metadata": one.without("output", "context")}


def langsmith(golden: GoldenSet, one: Shared) -> dict[str, Any]:
    """An example of LangSmith, whose ids are UUIDs: made of the set's name and our id, so they stay the same."""
    return {
        "id": str(uuid.uuid5(IDS, f"{golden.name}/{one.id}")),
        "inputs": {"messages": one.messages, "context": one.context},
        "outputs": None if one.expected is None else {"output": one.expected},
        "metadata": one.without("system_prompt", "context"),
    }


def langfuse(golden: GoldenSet, one: Shared) -> dict[str, Any]:
    """A dataset item of Langfuse."""
    return {
        "datasetName": golden.name,
        "id": one.id,
        "input": one.messages,
        "expectedOutput": one.expected,
        "metadata": one.without("system_prompt"),
        "sourceTraceId": one.trace_id or None,
        "status": "ACTIVE",
    }


def braintrust(golden: GoldenSet, one: Shared) -> dict[str, Any]:
    """A row of a Braintrust dataset."""
    return {
        "id": one.id,
        "input": one.messages,
        "expected": one.expected,
        "tags": one.modes,
        "metadata": one.without("system_prompt", "failure_modes"),
    }


def phoenix(golden: GoldenSet, one: Shared) -> dict[str, Any]:
    """An example of Phoenix, linked to its span where the trace's id is that of a span."""
    span = {"span_id": one.trace_id} if re.fullmatch(r"[0-9a-f]{16}", one.trace_id) else {}
    return {
        "id": one.id,
        "input": {"messages": one.messages, "context": one.context},
        "output": {} if one.expected is None else {"expected_output": one.expected},
        "metadata": one.without("system_prompt", "context"),
        **span,
    }
