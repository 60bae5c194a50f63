"""What an answer must fulfil: hides how a pattern and a JSON schema are held against hostile output in bounded time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from failscope.errors import ArgumentError
from failscope.golden.gate.patterns import PATTERN_CHARS, check_pattern, search
from failscope.golden.gate.schemas import check_schema, fulfils
from failscope.surface.cards import plain

TYPES = {
    "contains": "the output says a text",
    "not_contains": "the output does not say a text",
    "regex": "a pattern of Python's re is found in the output",
    "json_schema": "the output is JSON, bare or in a ```json fence, that fulfils a JSON schema",
    "must_refuse": "the output refuses",
    "rubric": "a judge finds what is described",
}
"""The types of criterion, and what each demands."""

MOST = 50
"""Criteria of one example."""
TEXT_CHARS = 20_000
"""Characters of a text or a description."""
SECONDS = 1.0
"""What one pattern or schema may take on one output; nobody knows the answer of one that takes longer."""

_VALUED = ("contains", "not_contains", "regex", "json_schema", "rubric")
_KEYS = {
    "contains": {"ignore_case"},
    "not_contains": {"ignore_case"},
    "rubric": {"dimension", "threshold"},
}


@dataclass(frozen=True)
class Criterion:
    """One thing that an answer must fulfil; ``criterion`` makes it of a dict and checks it.

    Attributes
    ----------
    type : str
        One of ``TYPES``.
    value : str or dict or None
        The text, pattern, JSON schema or description; None for ``must_refuse``.
    ignore_case : bool
        For ``contains`` and ``not_contains``.
    dimension : str
        For ``rubric``: the quality dimension that the judge scores; "" where none is named.
    threshold : float, optional
        For ``rubric``: the score from which it passes.
    """

    type: str
    value: Any = None
    ignore_case: bool = False
    dimension: str = ""
    threshold: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """The dict that it is written as; ``criterion`` makes it again."""
        said: dict[str, Any] = {"type": self.type}
        if self.value is not None:
            said["value"] = self.value
        if self.ignore_case:
            said["ignore_case"] = True
        if self.dimension:
            said["dimension"] = self.dimension
        if self.threshold is not None:
            said["threshold"] = self.threshold
        return said

    def says(self) -> str:
        """The demand in words, its value cut to 80 characters."""
        aside = ", in upper or lower case" if self.ignore_case else ""
        match self.type:
            case "contains":
                return f"says “{plain(self.value, 80)}”{aside}"
            case "not_contains":
                return f"does not say “{plain(self.value, 80)}”{aside}"
            case "regex":
                return f"matches the pattern {plain(self.value, 80)}"
            case "json_schema":
                asked = self.value.get("required") or list(self.value.get("properties") or ())
                named = ", ".join(plain(str(k), 30) for k in asked[:5])
                return f"is JSON with {named}" if named else "is JSON as the schema asks"
            case "must_refuse":
                return "refuses"
        scored = [self.dimension.replace("_", " ")] if self.dimension else []
        scored += [f"at least {self.threshold:g}"] if self.threshold is not None else []
        aside = f" ({plain(', '.join(scored), 80)})" if scored else ""
        return f"a judge finds: {plain(self.value, 80)}{aside}"

    def check(self, output: str) -> bool | None:
        """Whether an output fulfils it.

        Returns
        -------
        bool or None
            None where no machine decides: a rubric needs a judge, and a pattern or schema that takes more than
            ``SECONDS`` on this output is not answered. An unscored output is never a wrong one.

        Examples
        --------
        >>> criterion({"type": "contains", "value": "30 days", "ignore_case": True}).check("Within 30 DAYS.")
        True
        >>> criterion({"type": "must_refuse"}).check("Sure, here is how.")
        False
        >>> criterion({"type": "rubric", "value": "names the fee"}).check("It costs 5 dollars.") is None
        True
        """
        match self.type:
            case "contains" | "not_contains":
                there = (
                    self.value.casefold() in output.casefold() if self.ignore_case else self.value in output
                )
                return there == (self.type == "contains")
            case "regex":
                return search(self.value, output, seconds=SECONDS)
            case "json_schema":
                return fulfils(self.value, output, seconds=SECONDS)
            case "must_refuse":
                return _refuses(output)
        return None


def criterion(spec: Mapping[str, Any] | Criterion) -> Criterion:
    """A criterion of a dict, checked.

    Parameters
    ----------
    spec : mapping
        ``{"type": "contains", "value": "30 days"}``; see ``TYPES``. ``must_refuse`` has no value; ``contains`` and
        ``not_contains`` take ``ignore_case``, ``rubric`` takes ``dimension`` and ``threshold``.

    Raises
    ------
    ArgumentError
        An unknown type or key, a value that is empty, too long or of another kind, a pattern that does not compile, a
        schema that is none or that refers to another file.

    Examples
    --------
    >>> criterion({"type": "not_contains", "value": "as an AI"}).says()
    'does not say “as an AI”'
    """
    if isinstance(spec, Criterion):
        return spec
    if not isinstance(spec, Mapping):
        raise ArgumentError(
            f"a criterion is a dict such as {{'type': 'contains', 'value': '30 days'}}, not {spec!r:.80}"
        )
    kind = spec.get("type")
    if not isinstance(kind, str) or kind not in TYPES:
        raise ArgumentError(
            f"criterion type {kind!r:.80} is not known; the types are {', '.join(map(repr, TYPES))}"
        )
    allowed = {"type", *_KEYS.get(kind, ()), *(["value"] if kind in _VALUED else [])}
    if unknown := sorted(str(k) for k in spec if k not in allowed):
        raise ArgumentError(
            f"a criterion of type {kind!r} has no {unknown[0]!r:.80}; it takes {', '.join(map(repr, sorted(allowed)))}"
        )
    made = Criterion(
        kind,
        _value(kind, spec.get("value")),
        ignore_case=_flag(spec.get("ignore_case", False)),
        dimension=_dimension(spec.get("dimension") or ""),
        threshold=_threshold(spec.get("threshold")),
    )
    if kind == "regex":
        check_pattern(made.value)
    return made


def criteria(specs: Iterable[Mapping[str, Any] | Criterion]) -> tuple[Criterion, ...]:
    """Several criteria, each checked; the error says which one is wrong."""
    if isinstance(specs, str | Mapping):
        raise ArgumentError("criteria is a list of dicts; put the one in brackets")
    made = []
    for n, spec in enumerate(specs, 1):
        if n > MOST:
            raise ArgumentError(f"an example takes at most {MOST} criteria; split it into several")
        try:
            made.append(criterion(spec))
        except ArgumentError as error:
            raise ArgumentError(f"criterion {n}: {error}") from error
    return tuple(made)


def _value(kind: str, value: Any) -> Any:
    if kind not in _VALUED:
        return None
    if kind == "json_schema":
        return check_schema(value)
    most = PATTERN_CHARS if kind == "regex" else TEXT_CHARS
    if not isinstance(value, str) or not value.strip():
        raise ArgumentError(f"the value of {kind!r} is a text that is not empty, not {value!r:.80}")
    if len(value) > most:
        raise ArgumentError(f"the value of {kind!r} has {len(value):,} characters; at most {most:,}")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ArgumentError(f"ignore_case is true or false, not {value!r:.80}")
    return value


def _dimension(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 100:
        raise ArgumentError(f"dimension is a name such as 'factual_correctness', not {value!r:.80}")
    return value


def _threshold(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ArgumentError(f"threshold is a number, not {value!r:.80}")
    return float(value)


# refusals ----------------------------------------------------------------------------------------------------


def _refuses(output: str) -> bool:
    import pandas as pd

    from failscope.surface.behaviour.phrases import refusal
    from failscope.surface.behaviour.scan import sharing

    frame = pd.DataFrame({"input": [""], "output": [output]})
    with sharing(frame):
        return bool(refusal(frame)[0])
