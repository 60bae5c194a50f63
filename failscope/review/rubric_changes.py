"""Two rubrics side by side: hides which dimension and failure mode of one is which of the other."""

from __future__ import annotations

import html
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import pandas as pd

from failscope.review.rubric import Dimension, Rubric, key_of

_T = TypeVar("_T")
_Pairs = list[tuple[_T | None, _T | None]]


@dataclass(frozen=True)
class RubricChange:
    """One difference.

    ``part`` is "rubric", "dimension", "scale", "failure mode" or "measured"; ``change`` is "added", "removed",
    "renamed", "reworded", "moved", "reordered", "new example", "new severity" or "new revision"; ``dimension`` is
    the key in the later rubric, in the earlier one where it was removed, "" where none.
    """

    part: str
    change: str
    dimension: str
    name: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True)
class RubricChanges:
    """What is different in a later rubric, from ``before`` to ``after``; empty when nothing is.

    ``comparable`` has (key before, key after) of each dimension whose definition, scores and meanings are the same
    in both: of these alone, old and new scores say the same.
    """

    before: Rubric
    after: Rubric
    changes: tuple[RubricChange, ...]
    comparable: tuple[tuple[str, str], ...]

    def __len__(self) -> int:
        return len(self.changes)

    def to_frame(self) -> pd.DataFrame:
        """One row a difference: ``part, change, dimension, name, before, after``."""
        names = ["part", "change", "dimension", "name", "before", "after"]
        return pd.DataFrame(
            [[getattr(c, n) for n in names] for c in self.changes], columns=names, dtype=object
        )

    def __repr__(self) -> str:
        return f"<{self._head()}>"

    def _head(self) -> str:
        return (
            f"Rubric {self.before.name!r} {self.before.version} to {self.after.name!r} {self.after.version} · "
            f"changes: {len(self)} · scores comparable in {len(self.comparable)} of {len(self.after.dimensions)} dimensions"
        )

    def _repr_html_(self) -> str:
        table = self.to_frame().to_html(index=False, escape=True, border=0) if self.changes else ""
        return f"<div>{html.escape(self._head())}</div>{table}"


def compare(before: Rubric, after: Rubric) -> RubricChanges:
    """What is different in ``after``.

    Dimensions and failure modes are the same by their keys. Of those left over, two are one renamed dimension when
    more than half of what both say (definition, meanings, failure modes) is the same, and one renamed failure mode
    when the definition is.
    """
    dimensions = _matched(before.dimensions, after.dimensions, lambda d: d.key, _likeness)
    comparable = tuple((a.key, b.key) for a, b in dimensions if a and b and _judged(a) == _judged(b))
    changes = (
        *_head_changes(before, after),
        *_dimension_changes(dimensions),
        *_order(
            "dimension", "", [b.key for a, b in dimensions if a and b], [d.key for d in after.dimensions]
        ),
        *_mode_changes(before, after, {a.key: b.key for a, b in dimensions if a and b}),
        *(RubricChange("measured", "removed", "", m, m) for m in before.measured if m not in after.measured),
        *(
            RubricChange("measured", "added", "", m, "", m)
            for m in after.measured
            if m not in before.measured
        ),
        *_order("measured", "", before.measured, after.measured),
    )
    return RubricChanges(before, after, changes, comparable)


def _head_changes(before: Rubric, after: Rubric) -> Iterator[RubricChange]:
    if before.name != after.name:
        yield RubricChange("rubric", "renamed", "", after.name, before.name, after.name)
    if before.revision != after.revision:
        yield RubricChange("rubric", "new revision", "", after.name, before.revision, after.revision)


def _dimension_changes(pairs: _Pairs[Dimension]) -> Iterator[RubricChange]:
    for a, b in pairs:
        if a and b:
            if a.name != b.name:
                yield RubricChange("dimension", "renamed", b.key, b.name, a.name, b.name)
            if a.definition != b.definition:
                yield RubricChange("dimension", "reworded", b.key, b.name, a.definition, b.definition)
            yield from _scale_changes(a, b)
        elif b:
            yield RubricChange("dimension", "added", b.key, b.name, "", b.definition)
        elif a:
            yield RubricChange("dimension", "removed", a.key, a.name, a.definition, "")


def _scale_changes(a: Dimension, b: Dimension) -> Iterator[RubricChange]:
    old, new = ({anchor.score: anchor for anchor in d.scale} for d in (a, b))
    for score in sorted({*old, *new}):
        point = f"{score} of {b.name}"
        if score not in new:
            yield RubricChange("scale", "removed", b.key, point, old[score].meaning, "")
        elif score not in old:
            yield RubricChange("scale", "added", b.key, point, "", new[score].meaning)
        else:
            x, y = old[score], new[score]
            if x.meaning != y.meaning:
                yield RubricChange("scale", "reworded", b.key, point, x.meaning, y.meaning)
            if x.example != y.example:
                yield RubricChange("scale", "new example", b.key, point, x.example, y.example)


def _mode_changes(before: Rubric, after: Rubric, became: dict[str, str]) -> Iterator[RubricChange]:
    """``became`` is the dimensions' keys, old to new."""
    old, new = (
        [(d.key, m) for d in rubric.dimensions for m in d.failure_modes] for rubric in (before, after)
    )
    pairs = _matched(old, new, lambda at: key_of(at[1].name), lambda x, y: x[1].definition == y[1].definition)
    stayed: dict[str, list[str]] = defaultdict(list)
    for x, y in pairs:
        if x and y:
            (home, a), (there, b) = x, y
            if a.name != b.name:
                yield RubricChange("failure mode", "renamed", there, b.name, a.name, b.name)
            if became.get(home) == there:
                stayed[there].append(b.name)
            else:
                yield RubricChange("failure mode", "moved", there, b.name, home, there)
            if a.definition != b.definition:
                yield RubricChange("failure mode", "reworded", there, b.name, a.definition, b.definition)
            if a.severity != b.severity:
                yield RubricChange("failure mode", "new severity", there, b.name, a.severity, b.severity)
        elif y:
            yield RubricChange("failure mode", "added", y[0], y[1].name, "", y[1].definition)
        elif x:
            yield RubricChange("failure mode", "removed", x[0], x[1].name, x[1].definition, "")
    for d in after.dimensions:
        yield from _order("failure mode", d.key, stayed[d.key], [m.name for m in d.failure_modes])


def _order(part: str, dimension: str, before: Sequence[str], after: Sequence[str]) -> Iterator[RubricChange]:
    """Whether what is in both, by its later name, stands in another order."""
    old, new = [n for n in before if n in after], [n for n in after if n in before]
    if old != new:
        yield RubricChange(part, "reordered", dimension, "", ", ".join(old), ", ".join(new))


def _judged(d: Dimension) -> tuple[str, tuple[tuple[int, str], ...]]:
    """What decides a score."""
    return d.definition, tuple((a.score, a.meaning) for a in d.scale)


def _likeness(a: Dimension, b: Dimension) -> float:
    """The share of what either says that both say; 0 where it is half or less."""
    said = [
        {("", d.definition), *_judged(d)[1], *(("mode", key_of(m.name)) for m in d.failure_modes)}
        for d in (a, b)
    ]
    share = len(said[0] & said[1]) / len(said[0] | said[1])
    return share if share > 0.5 else 0


def _matched(
    before: Sequence[_T], after: Sequence[_T], key: Callable[[_T], str], likeness: Callable[[_T, _T], float]
) -> _Pairs[_T]:
    """Pairs by key, then the likest of the rest; in the earlier order, then what is new. None stands for nothing."""
    new = {key(b): b for b in after}
    pair = {key(a): key(a) for a in before if key(a) in new}
    old = {key(a): a for a in before}
    likes = [
        (likeness(a, b), i, k, j)
        for i, (k, a) in enumerate(old.items())
        if k not in pair
        for j, b in new.items()
        if j not in pair
    ]
    taken = set(pair.values())
    for like, _, k, j in sorted(likes, key=lambda t: (-t[0], t[1])):
        if like > 0 and k not in pair and j not in taken:
            pair[k] = j
            taken.add(j)
    known: _Pairs[_T] = [(a, new[pair[k]] if k in pair else None) for k, a in old.items()]
    return known + [(None, b) for j, b in new.items() if j not in taken]
