"""What every format says of an example: hides where in a row it stands, and what older rows lack."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from failscope.errors import ArgumentError, DataError
from failscope.golden.gate.criteria import criteria as checked
from failscope.traces.table import encodable

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
    """An example under the shared names, checked: a clone or a merge may bring rows that no gate has seen.

    Raises
    ------
    DataError, ArgumentError
        A field is not of its type, or a criterion is none; the message names the example.
    """
    at = f"example {str(row.get('id'))!r:.80}"
    row = {encodable(str(key)): _clean(value, at) for key, value in row.items()}
    path = _part(row, "provenance", dict, at)
    trace, promoted = _part(path, "trace", dict, at), _part(path, "promoted", dict, at)
    said = [one for one in _part(path, "said", list, at) if isinstance(one, dict)]
    texts = {key: _part(row, key, str, at) for key in ("context", "system_prompt", "output", "note")}
    criteria = _part(row, "criteria", list, at)
    try:
        checked(criteria)
    except ArgumentError as error:
        raise ArgumentError(f"{at}: {error}; mend it at the desk, or retire the example") from error
    modes = [str(mode) for mode in _part(row, "failure_modes", list, at)]
    _part(row, "expected_output", str, at)
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
        "reviewers": sorted({str(one["reviewer"]) for one in said if one.get("reviewer")}),
        "curator": promoted.get("curator"),
    }
    return Shared(
        row=row,
        id=row["id"],
        input=_part(row, "input", str, at),
        expected=row.get("expected_output"),
        criteria=criteria,
        modes=modes,
        trace_id=trace_id,
        about=about,
        **texts,
    )


def _part(of: Mapping[str, Any], key: str, kind: type, at: str) -> Any:
    """What stands there; an empty one where nothing does."""
    value = of.get(key)
    if value is None:
        return kind()
    if not isinstance(value, kind):
        raise DataError(
            f"{at}: {key} is {value!r:.60}, not a {kind.__name__}; verify the set, or retire the example"
        )
    return value


def _clean(value: Any, at: str) -> Any:
    """The same with texts that UTF-8 can hold: a line of JSON may name half a surrogate pair."""
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, list | tuple):
        return [_clean(item, at) for item in value]
    if isinstance(value, Mapping):
        return {encodable(str(key)): _clean(item, at) for key, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        raise DataError(f"{at}: {value} is no JSON; verify the set, or retire the example")
    return value
