"""What reviewers judge by: hides how a rubric is read, checked, given a version, and found again for an old score."""

from __future__ import annotations

import hashlib
import html
import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from failscope.errors import ArgumentError, IntegrityError, NotFoundError
from failscope.review.events import RUBRIC_ADOPTED, Event
from failscope.review.rubric_file import MAX_BYTES, nearest, parse, write
from failscope.review.rubric_rules import (
    SEVERITIES,
    Anchor,
    Dimension,
    ModeSpec,
    UnsoundError,
    faults,
    key_of,
    tidy,
    tidy_name,
)

if TYPE_CHECKING:
    from failscope.review.rubric_changes import RubricChanges

__all__ = [
    "BUILT_IN",
    "SEVERITIES",
    "Anchor",
    "Dimension",
    "ModeSpec",
    "Rubric",
    "adoption",
    "key_of",
    "rubric_at",
]

BUILT_IN = ("default", "customer_support", "code_assistant")
_HASHED_AS = "failscope rubric 1"


@dataclass(frozen=True, repr=False)
class Rubric:
    """What reviewers judge outputs by: dimensions with anchored scales, and the failure modes under each.

    A rubric never changes. Another content has another ``version``, and each score keeps the rubric that was in
    force when it was given.

    Parameters
    ----------
    name : str
    dimensions : tuple of Dimension
        In the order in which they are shown.
    measured : tuple of str, optional
        What is measured and not judged, as latency.
    revision : str, optional
        Your own word for the edition, as "2026-06"; no part of ``version``.

    Raises
    ------
    ArgumentError
        Two dimensions or failure modes of one name, a scale that does not grow, a severity that is none.

    Examples
    --------
    >>> rubric = Rubric.load("default")
    >>> [d.key for d in rubric.dimensions][:3]
    ['factual_correctness', 'relevance', 'completeness']
    >>> rubric.check_scores({"Factual correctness": 2})
    {'factual_correctness': 2.0}
    >>> rubric.dimension_of("invented fact").key, rubric.severity_of("invented fact")
    ('factual_correctness', 'critical')
    """

    name: str
    dimensions: tuple[Dimension, ...]
    measured: tuple[str, ...] = ()
    revision: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        tidy(self, names=("name", "revision"), tuples=("dimensions", "measured"))
        object.__setattr__(self, "measured", tuple(map(tidy_name, self.measured)))
        for where, sentence in faults(self.name, self.dimensions, self.measured, self.revision):
            raise UnsoundError(where, sentence)

    # from and to files --------------------------------------------------------------------------------------

    @classmethod
    def load(cls, source: str | os.PathLike[str] = "default") -> Rubric:
        """Read a rubric: a built-in one by its name (``BUILT_IN``), or a YAML file.

        Raises
        ------
        RubricError
            The file is broken; the message has the line and how to mend it.
        NotFoundError
            There is no such file.

        Examples
        --------
        >>> Rubric.load("customer_support").name
        'customer support'
        """
        if isinstance(source, str) and key_of(source) in BUILT_IN:
            home = files("failscope.review") / "rubrics" / f"{key_of(source)}.yaml"
            return _loaded(home.read_text(encoding="utf-8"), f"{key_of(source)}.yaml")
        path = Path(source)
        if not path.is_file():
            near = nearest(str(source), BUILT_IN)
            raise NotFoundError(
                f"no rubric file {str(source)!r}; "
                + (f"did you mean the built-in {near!r}? The" if near else "the")
                + f" built-in rubrics are {', '.join(map(repr, BUILT_IN))}; "
                f"a path is taken from {str(Path.cwd())!r}"
            )
        with path.open("rb") as file:
            return cls.from_text(file.read(MAX_BYTES + 1), source=str(path))

    @classmethod
    def from_text(cls, text: str | bytes, *, source: str = "the text") -> Rubric:
        """Read a rubric from YAML text; ``source`` is what messages call it.

        Raises
        ------
        RubricError
            With source, line, what was found and how to mend it.
        """
        file = parse(text, source=source)
        said = dict(file.values)
        dimensions = tuple(
            Dimension(
                d["name"],
                d["definition"],
                tuple(Anchor(**anchor) for anchor in d["scale"]),
                tuple(ModeSpec(**mode) for mode in d.get("failure_modes", ())),
            )
            for d in said["dimensions"]
        )
        try:
            return cls(
                said["name"],
                dimensions,
                tuple(said.get("measured", ())),
                revision=said.get("revision", ""),
            )
        except UnsoundError as error:
            raise file.broken(error.where, str(error)) from None

    def to_yaml(self) -> str:
        """The rubric as YAML, the author's order kept: ``Rubric.from_text`` of it is equal to this one."""
        head = {"name": self.name} | ({"revision": self.revision} if self.revision else {})
        return write(head | self._content())

    @cached_property
    def version(self) -> str:
        """12 hex digits of the SHA-256 of the content: the same words in the same order, however they are laid out."""
        said = [_HASHED_AS, self.name, self._content()]
        text = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode("utf-8")).hexdigest()[:12]

    def _content(self) -> dict[str, Any]:
        measured: dict[str, Any] = {"measured": list(self.measured)} if self.measured else {}
        return measured | {"dimensions": [_plain(dimension) for dimension in self.dimensions]}

    # what it says -------------------------------------------------------------------------------------------

    def dimension(self, name: str) -> Dimension:
        """The dimension of this name or key.

        Raises
        ------
        ArgumentError
            There is none; the message has the nearest.
        """
        for dimension in self.dimensions:
            if dimension.key == key_of(name):
                return dimension
        keys = [d.key for d in self.dimensions]
        if key_of(name) in map(key_of, self.measured):
            raise ArgumentError(
                f"{name!r} is measured, not judged; leave it out, it is read from the traces. "
                f"The dimensions are {', '.join(keys)}"
            )
        near = nearest(key_of(name), keys)
        raise ArgumentError(
            f"{name!r} is not a dimension of rubric {self.name!r}; "
            + (f"did you mean {near!r}? The" if near else "the")
            + f" dimensions are {', '.join(keys)}"
        )

    def check_scores(self, scores: Mapping[str, float]) -> dict[str, float]:
        """Scores under the dimensions' keys, each a point of its scale.

        Parameters
        ----------
        scores : mapping
            Dimension (name or key) -> score.

        Raises
        ------
        ArgumentError
            An unknown dimension, one given twice, or a score that the scale does not have.
        """
        out: dict[str, float] = {}
        for name, score in scores.items():
            dimension = self.dimension(name)
            if dimension.key in out:
                raise ArgumentError(f"{dimension.key!r} has two scores; give one")
            out[dimension.key] = _point(dimension, score)
        return out

    @cached_property
    def _modes(self) -> dict[str, tuple[Dimension, ModeSpec]]:
        return {key_of(m.name): (d, m) for d in self.dimensions for m in d.failure_modes}

    def dimension_of(self, failure_mode: str) -> Dimension | None:
        """The dimension that a failure mode belongs to; None for one that the rubric does not list."""
        found = self._modes.get(key_of(failure_mode))
        return found[0] if found else None

    def severity_of(self, failure_mode: str) -> str | None:
        """``"minor"``, ``"major"`` or ``"critical"``; None for a failure mode that the rubric does not list."""
        found = self._modes.get(key_of(failure_mode))
        return found[1].severity if found else None

    def compare(self, other: Rubric) -> RubricChanges:
        """What is different in ``other``, a later rubric, from this one."""
        from failscope.review.rubric_changes import compare  # it needs this module's names

        return compare(self, other)

    # shown --------------------------------------------------------------------------------------------------

    def to_frame(self) -> pd.DataFrame:
        """One row a scale point or failure mode: ``dimension, part, name, severity, definition, example``."""
        rows: list[tuple[str, ...]] = []
        for d in self.dimensions:
            rows += [(d.key, "scale", str(a.score), "", a.meaning, a.example) for a in d.scale]
            rows += [(d.key, "failure mode", m.name, m.severity, m.definition, "") for m in d.failure_modes]
        rows += [("", "measured", name, "", "measured, not judged", "") for name in self.measured]
        return pd.DataFrame(
            rows, columns=["dimension", "part", "name", "severity", "definition", "example"], dtype=object
        )

    def __repr__(self) -> str:
        return (
            f"<Rubric {self.name!r} · version {self.version} · {len(self.dimensions)} dimensions · "
            f"{len(self._modes)} failure modes>"
        )

    def _repr_html_(self) -> str:
        cell = "style='text-align:left;vertical-align:top;overflow-wrap:anywhere'"
        rows = []
        for d in self.dimensions:
            points = "<br>".join(f"<b>{a.score}</b> {html.escape(a.meaning)}" for a in d.scale)
            modes = "<br>".join(
                f"{html.escape(m.name)} <i>({html.escape(m.severity)})</i>" for m in d.failure_modes
            )
            rows.append(
                f"<tr><th {cell}>{html.escape(d.name)}</th><td {cell}>{html.escape(d.definition)}</td>"
                f"<td {cell}>{points}</td><td {cell}>{modes}</td></tr>"
            )
        revision = f" · revision {html.escape(self.revision)}" if self.revision else ""
        measured = (
            f"<div>Measured, not judged: {html.escape(', '.join(self.measured))}</div>"
            if self.measured
            else ""
        )
        return (
            f"<div><b>Rubric</b> · {html.escape(self.name)} · version {self.version}{revision}</div>"
            f"<table><thead><tr><th {cell}>dimension</th><th {cell}>asks</th><th {cell}>scale</th>"
            f"<th {cell}>failure modes</th></tr></thead><tbody>{''.join(rows)}</tbody></table>{measured}"
        )


# the rubric of a moment ------------------------------------------------------------------------------------------


def adoption(rubric: Rubric) -> dict[str, str]:
    """The payload of a ``RUBRIC_ADOPTED`` event: the whole text, so that it holds when the file is gone."""
    return {"name": rubric.name, "version": rubric.version, "yaml": rubric.to_yaml()}


def rubric_at(events: Iterable[Event], seq: int) -> Rubric | None:
    """The rubric that was in force at a place in the log: the one adopted last at or before ``seq``, None before any.

    Parameters
    ----------
    events : iterable of Event
        In any order, other kinds too; pass one review's events where reviews have rubrics of their own.
    seq : int
        Of the score or other event that is asked about.

    Raises
    ------
    IntegrityError
        The text in the event is not the version that was adopted.
    """
    adopted = [e for e in events if e.kind == RUBRIC_ADOPTED and e.seq <= seq]
    if not adopted:
        return None
    event = max(adopted, key=lambda e: e.seq)
    rubric = _loaded(event.payload["yaml"], f"the rubric in event {event.seq}")
    if rubric.version != event.payload["version"]:
        raise IntegrityError(
            f"event {event.seq} adopted rubric {event.payload['name']!r} in version {event.payload['version']}, "
            f"and holds version {rubric.version}; the log was changed: restore it from a copy"
        )
    return rubric


@lru_cache(maxsize=32)  # a rubric never changes, and it is asked for with every score
def _loaded(text: str, source: str) -> Rubric:
    return Rubric.from_text(text, source=source)


def _plain(d: Dimension) -> dict[str, Any]:
    """A dimension as a file has it."""
    points = [
        {"score": a.score, "meaning": a.meaning} | ({"example": a.example} if a.example else {})
        for a in d.scale
    ]
    modes = [{"name": m.name, "definition": m.definition, "severity": m.severity} for m in d.failure_modes]
    return {"name": d.name, "definition": d.definition, "scale": points} | (
        {"failure_modes": modes} if modes else {}
    )


def _point(dimension: Dimension, score: Any) -> float:
    """The score as a number, checked against the scale."""
    points = ", ".join(map(str, dimension.scores))
    try:
        value = math.nan if isinstance(score, bool) else float(score)
    except (TypeError, ValueError):
        value = math.nan
    if math.isnan(value):
        raise ArgumentError(
            f"score {score!r} of {dimension.key!r} is not a number; give one of {points}, or leave it out "
            "if it was not judged"
        )
    if value in dimension.scores:
        return value
    low, high = dimension.scores[0], dimension.scores[-1]
    where = "is between the points" if low < value < high else "is outside the scale"
    raise ArgumentError(f"score {score!r} of {dimension.key!r} {where}; give one of {points}")
