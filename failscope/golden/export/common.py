"""What every format says of an example: hides where in a row it stands, and what older rows lack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from failscope.golden.dataset import GoldenSet


@dataclass(frozen=True)
class Shared:
    """One example under the names that the formats share.

    Attributes
    ----------
    row : mapping
        The example as the golden set holds it.
    id, input, context, system_prompt, output, note, trace_id : str
    expected : str or None
    criteria : list of dict
    modes : list of str
    about : dict
        The rest in plain values: where the example comes from, in short, and every field above that is not the input
        or the expected output. A format takes out what its tool has a place for.
    """

    row: Mapping[str, Any]
    id: str
    input: str
    expected: str | None
    criteria: list[dict[str, Any]]
    output: str
    context: str
    system_prompt: str
    modes: list[str]
    note: str
    trace_id: str
    about: dict[str, Any]

    @property
    def messages(self) -> list[dict[str, str]]:
        """The input as a chat: the system prompt, where there is one, and what the user said."""
        system = [{"role": "system", "content": self.system_prompt}] if self.system_prompt else []
        return [*system, {"role": "user", "content": self.input}]

    @property
    def unchecked(self) -> bool:
        """There is nothing to hold an answer against."""
        return self.expected is None and not self.criteria

    def without(self, *fields: str) -> dict[str, Any]:
        """``about`` without what the tool has a place for."""
        return {key: value for key, value in self.about.items() if key not in fields}


def shared(golden: GoldenSet, row: Mapping[str, Any]) -> Shared:
    """An example under the shared names."""
    path = row.get("provenance", {})
    trace = path.get("trace", {})
    texts = {key: row.get(key) or "" for key in ("context", "system_prompt", "output", "note")}
    criteria = [dict(one) for one in row.get("criteria") or []]
    modes = list(row.get("failure_modes") or [])
    trace_id = str(trace.get("trace_id") or "")
    about = {
        "example_id": row["id"],
        "failure_modes": modes,
        "criteria": criteria,
        **texts,
        "golden_set": golden.name,
        "version": golden.version,
        "branch": golden.branch,
        "sha256": golden.sha256,
        "trace_id": trace_id,
        **{key: trace.get(key) for key in ("week", "log_file", "log_line", "model", "prompt_version")},
        "reviewers": sorted({str(one["reviewer"]) for one in path.get("said", []) if one.get("reviewer")}),
        "curator": path.get("promoted", {}).get("curator"),
    }
    return Shared(
        row=row,
        id=row["id"],
        input=row.get("input") or "",
        expected=row.get("expected_output"),
        criteria=criteria,
        modes=modes,
        trace_id=trace_id,
        about=about,
        **texts,
    )
