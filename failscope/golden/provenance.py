"""The path by which a golden example was found, told as steps."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd


@dataclass(frozen=True, eq=False)
class Provenance:
    """Where one example comes from, step by step, from the log file to the golden set.

    Each step is a mapping: ``trace`` (id, time, week, log file and line, model, prompt version), ``found``
    (review, position in its plan, why it was read and with which probability; clustering, view, embedder and
    cluster), ``said`` (each reviewer's words with their time), ``proposed`` and ``promoted`` (who, when, why,
    with which failscope).
    """

    example_id: str
    trace: Mapping[str, Any]
    found: Sequence[Mapping[str, Any]]
    said: Sequence[Mapping[str, Any]]
    proposed: Sequence[Mapping[str, Any]]
    promoted: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """The same as plain JSON-able values."""
        return {
            "example_id": self.example_id,
            "trace": dict(self.trace),
            "found": [dict(step) for step in self.found],
            "said": [dict(step) for step in self.said],
            "proposed": [dict(step) for step in self.proposed],
            "promoted": dict(self.promoted),
        }

    def to_frame(self) -> pd.DataFrame:
        """One row a fact: ``step, what, value``, in the order it happened."""
        rows = []
        for step, facts in self._steps():
            rows += [(step, what, value) for what, value in facts.items() if value not in (None, "", [], {})]
        return pd.DataFrame(rows, columns=["step", "what", "value"])

    def _steps(self) -> list[tuple[str, Mapping[str, Any]]]:
        steps: list[tuple[str, Mapping[str, Any]]] = [("trace", self.trace)]
        for name in ("found", "said", "proposed"):
            steps += [(name, facts) for facts in getattr(self, name)]
        return [*steps, ("promoted", self.promoted)]

    def __repr__(self) -> str:
        return f"<Provenance of {self.example_id} · trace {self.trace.get('trace_id')} · {len(self.said)} sayings>"

    def _repr_html_(self) -> str:
        rows = []
        for step, facts in self._steps():
            told = "; ".join(
                f"{what} {_plain(value)}" for what, value in facts.items() if value not in (None, "", [], {})
            )
            rows.append(
                f"<tr><th style='text-align:left;vertical-align:top'>{html.escape(step)}</th>"
                f"<td style='text-align:left;overflow-wrap:anywhere'>{html.escape(told)}</td></tr>"
            )
        return f"<div><b>Provenance of {html.escape(self.example_id)}</b><table style='max-width:60em;table-layout:auto'>{''.join(rows)}</table></div>"


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_plain(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
