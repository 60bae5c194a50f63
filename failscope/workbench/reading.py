"""What the reading pane shows of one trace: its texts in pieces of bounded size, its signals, and a passing answer to compare."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd

from failscope.errors import ArgumentError
from failscope.surface.clustering import Clustering
from failscope.surface.contrast import contrast
from failscope.traces.signals import is_praise

PIECE = 20_000
"""Characters of a text that travel with a trace; the front end asks for the rest when the reader does."""

_MORE = 200_000
_TURNS = 200
_TAIL = 0.02
_FIELDS = (
    "model",
    "prompt_version",
    "latency_ms",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "session_id",
    "user_id",
)


class Reader:
    """Reads traces of a clustering by their row in ``found.trace_ids``."""

    def __init__(self, found: Clustering) -> None:
        self.found = found
        self.frame = found.traces.frame.loc[found.trace_ids]
        self.behaviours = found.behaviours.loc[found.trace_ids]
        self._probes = {str(probe["name"]): probe for probe in found.params["probes"]}
        self._bad = pd.DataFrame({s: found.traces.bad(s) for s in found.traces.signals}).reindex(
            self.frame.index
        )
        self._tails: np.ndarray | None = None
        self._rows = {str(i): row for row, i in enumerate(found.trace_ids)}

    def trace(self, row: int) -> dict[str, Any]:
        """All that the pane needs for one trace, about 40 kB at most for each text."""
        record = self.frame.iloc[row]
        turns = self._turns(row)
        texts = ("output",) if turns else ("system_prompt", "input", "output")
        return {
            "row": row,
            "trace_id": record.name,
            "cluster": int(self.found.labels[row]),
            "turns": [{"role": role, **piece(text)} for role, text in turns],
            "parts": [{"name": name, **piece(record[name])} for name in (*texts, "context", "error")],
            "signals": self._signals(row),
            "fields": self._fields(record),
            "behaviours": self._behaviours(row),
        }

    def card(self, row: int) -> dict[str, Any]:
        """The first words of a trace, for the card under the pointer."""
        record = self.frame.iloc[row]
        return {"row": row, "input": record["input"][:180], "output": record["output"][:220]}

    def more(self, row: int, part: str, start: int) -> dict[str, Any]:
        """The next piece of a text: of a column, or of a chat turn (``"turn:3"``)."""
        if part.startswith("turn:"):
            turns = self._turns(row)
            text = turns[int(part[5:])][1]
        elif part in ("system_prompt", "input", "output", "context", "error"):
            text = self.frame[part].iloc[row]
        else:
            raise ArgumentError(
                f"a trace has no text {part!r}; its texts are input, output, context, system_prompt and error"
            )
        return {"text": text[start : start + _MORE], "start": start, "total": len(text)}

    def nearest_passing(self, row: int, *, fine: Collection[str], failing: Collection[str]) -> dict[str, Any]:
        """The passing answer most like this one, to show the difference: ``found.contrast`` with what people said."""
        trace_id = str(self.found.trace_ids[row])
        beside = contrast(self.found, trace_id, fine=fine, failing=failing, progress=False)
        if beside is None:
            return {"row": None, "said": "No other answer to a question like this one passes."}
        near = f"the inputs are alike by {beside.similarity:.2f}, from 0 to 1"
        return {
            "row": int(self._rows[beside.passing_id]),
            "trace_id": beside.passing_id,
            "said": "the same input" if beside.same_input else near,
            "marked_fine": beside.passing_id in fine,
            "input": beside.passing_input[:2_000],
            **piece(beside.passing_output),
        }

    def _turns(self, row: int) -> list[tuple[str, str]]:
        if "messages" not in self.frame:
            return []
        try:
            messages = json.loads(self.frame["messages"].iloc[row] or "[]")
        except (ValueError, TypeError):
            return []  # the input and output columns are shown instead, nothing is lost
        if not isinstance(messages, list):
            return []
        return [(str(m.get("role", "?")), _content(m)) for m in messages[:_TURNS] if isinstance(m, dict)]

    def _signals(self, row: int) -> list[dict[str, Any]]:
        out = []
        for name in self.found.traces.signals:
            bad = self._bad[name].iloc[row]
            value = self.frame[name].iloc[row]
            if pd.isna(value) or value == "":
                continue
            shown = _shown(value)
            out.append(
                {
                    "name": name,
                    "value": shown,
                    "bad": None if pd.isna(bad) else bool(bad == 1 and not is_praise(name)),
                }
            )
        return sorted(out, key=lambda s: not s["bad"])

    def _fields(self, record: pd.Series) -> list[dict[str, str]]:
        out = []
        if not pd.isna(record["timestamp"]):
            out.append({"name": "time", "value": f"{record['timestamp']:%Y-%m-%d %H:%M} UTC"})
        for name in _FIELDS:
            value = record[name]
            if isinstance(value, str):
                if value:
                    out.append({"name": name.replace("_", " "), "value": value[:120]})
            elif not pd.isna(value):
                out.append({"name": name.replace("_", " "), "value": f"{value:,.6g}"})
        return out

    def _behaviours(self, row: int) -> list[dict[str, Any]]:
        if self._tails is None:
            values = self.behaviours.to_numpy(dtype=float)
            self._tails = (
                np.quantile(values, (_TAIL, 1 - _TAIL), axis=0)
                if len(values)
                else np.zeros((2, values.shape[1]))
            )
        out = []
        for c, (name, value) in enumerate(self.behaviours.iloc[row].items()):
            probe = self._probes[str(name)]
            if probe["kind"] == "flag":
                if value > 0.5:
                    out.append({"name": name, "says": probe["says"], "hint": probe["hint"]})
                continue
            low, high = self._tails[:, c]
            if low < high and (value < low or value > high):
                side = "lowest" if value < low else "highest"
                says = f"{probe['says']} {value:.3g}, among the {side} {_TAIL:.0%}"
                out.append({"name": name, "says": says, "hint": False})
        return sorted(out, key=lambda b: not b["hint"])


def _shown(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    return value[:80] if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)


def piece(text: str) -> dict[str, Any]:
    """The beginning of a text, as the page gets it, and how long the whole is."""
    return {"text": text[:PIECE], "total": len(text)}


def _content(message: dict) -> str:
    content = message.get("content")
    if isinstance(content, list):
        content = "\n".join(
            str(p.get("text", json.dumps(p, ensure_ascii=False))) if isinstance(p, dict) else str(p)
            for p in content
        )
    text = (
        ""
        if content is None
        else content
        if isinstance(content, str)
        else json.dumps(content, ensure_ascii=False)
    )
    if message.get("tool_calls"):
        text += ("\n" if text else "") + json.dumps(message["tool_calls"], ensure_ascii=False, indent=1)
    return text
