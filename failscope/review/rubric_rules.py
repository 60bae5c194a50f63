"""The parts of a rubric and the rules that make it sound: hides how names and texts are tidied and compared."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from failscope.errors import ArgumentError
from failscope.review.rubric_file import nearest
from failscope.review.wording import mode_name, short_name

SEVERITIES = ("minor", "major", "critical")
MAX_SCORE = 100
Where = tuple[str | int, ...]


class UnsoundError(ArgumentError):
    """A rule is broken; ``where`` says at which part, as ("dimensions", 0, "name")."""

    def __init__(self, where: Where, sentence: str) -> None:
        super().__init__(sentence)
        self.where = where


@dataclass(frozen=True)
class Anchor:
    """One point of a scale: the score, what it means, and an example (may be "")."""

    score: int
    meaning: str
    example: str = ""

    def __post_init__(self) -> None:
        tidy(self, texts=("meaning", "example"))


@dataclass(frozen=True)
class ModeSpec:
    """A way to fail: its name, what counts as it, and how bad it is, one of ``SEVERITIES``."""

    name: str
    definition: str
    severity: str

    def __post_init__(self) -> None:
        tidy(self, names=("name",), texts=("definition",))


@dataclass(frozen=True)
class Dimension:
    """One thing that is judged: its name, what it asks, its scale from worst to best, the failure modes under it."""

    name: str
    definition: str
    scale: tuple[Anchor, ...]
    failure_modes: tuple[ModeSpec, ...] = ()

    def __post_init__(self) -> None:
        tidy(self, names=("name",), texts=("definition",), tuples=("scale", "failure_modes"))

    @property
    def key(self) -> str:
        """The name as scores are kept under it: lower case, "_" between words, as ``factual_correctness``."""
        return key_of(self.name)

    @property
    def scores(self) -> tuple[int, ...]:
        """The scores that can be given, worst first."""
        return tuple(anchor.score for anchor in self.scale)


def key_of(name: str) -> str:
    """A name as a key: lower case, "_" for blanks and hyphens.

    >>> key_of("Safety and policy")
    'safety_and_policy'
    """
    return re.sub(r"[\s_-]+", "_", unicodedata.normalize("NFC", str(name)).strip().casefold()).strip("_")


def faults(
    name: str, dimensions: tuple[Dimension, ...], measured: tuple[str, ...], revision: str
) -> Iterator[tuple[Where, str]]:
    """What is wrong with a rubric of the right types: where, and a sentence with the mend."""
    yield from _bad_name(name, "rubric", ("name",))
    if revision:
        yield from _bad_name(revision, "revision", ("revision",))
    if not dimensions:
        yield ("dimensions",), "it has no dimensions; add one at least"
    keys: dict[str, str] = {}
    homes: dict[str, str] = {}
    for i, d in enumerate(dimensions):
        at = ("dimensions", i)
        yield from _bad_name(d.name, "dimension", (*at, "name"))
        if d.key in keys:
            yield (
                (*at, "name"),
                f"dimension {d.name!r} is there twice, the first as {keys[d.key]!r}; rename one or make them one",
            )
        keys[d.key] = d.name
        yield from _bad_text(d.definition, f"the definition of {d.name!r}", (*at, "definition"))
        yield from _scale_faults(d, (*at, "scale"))
        for j, mode in enumerate(d.failure_modes):
            here = (*at, "failure_modes", j)
            yield from _mode_faults(mode, here)
            key = key_of(mode.name)
            if homes.get(key) == d.key:
                yield (
                    (*here, "name"),
                    f"failure mode {mode.name!r} is there twice in {d.name!r}; take one out",
                )
            elif key in homes:
                yield (
                    (*here, "name"),
                    f"failure mode {mode.name!r} is in {keys[homes[key]]!r} and in {d.name!r}; a mode belongs to "
                    "one dimension: take it out of one, or make two modes of it with names of their own",
                )
            homes[key] = d.key
    for i, what in enumerate(measured):
        yield from _bad_name(what, "measured", ("measured", i))
        if key_of(what) in keys:
            yield ("measured", i), f"{what!r} is measured and is a dimension; take it out of one of the two"
        if key_of(what) in map(key_of, measured[:i]):
            yield ("measured", i), f"{what!r} is measured twice; take one out"


def _scale_faults(d: Dimension, at: Where) -> Iterator[tuple[Where, str]]:
    if len(d.scale) < 2:
        yield at, f"the scale of {d.name!r} is {len(d.scale)} long; give two points at least, the worst first"
    last: int | None = None
    for i, anchor in enumerate(d.scale):
        whole = isinstance(anchor.score, int) and not isinstance(anchor.score, bool)
        if not whole or abs(anchor.score) > MAX_SCORE:
            yield (
                (*at, i, "score"),
                f"score {anchor.score!r} is not a whole number from -{MAX_SCORE} to {MAX_SCORE}",
            )
        if last is not None and anchor.score <= last:
            yield (
                (*at, i, "score"),
                f"score {anchor.score} of {d.name!r} comes after {last}; "
                "list the points from the worst, which has the lowest score, to the best, each once",
            )
        last = anchor.score
        yield from _bad_text(
            anchor.meaning, f"the meaning of {anchor.score} of {d.name!r}", (*at, i, "meaning")
        )
        if anchor.example:
            yield from _bad_text(
                anchor.example, f"the example of {anchor.score} of {d.name!r}", (*at, i, "example")
            )


def _mode_faults(mode: ModeSpec, at: Where) -> Iterator[tuple[Where, str]]:
    try:
        mode_name(mode.name)
    except ArgumentError as error:
        yield (*at, "name"), str(error)
    yield from _bad_text(mode.definition, f"the definition of {mode.name!r}", (*at, "definition"))
    if mode.severity not in SEVERITIES:
        near = nearest(str(mode.severity), SEVERITIES)
        yield (
            (*at, "severity"),
            f"severity {mode.severity!r} of {mode.name!r} is not one of {', '.join(SEVERITIES)}"
            + (f"; did you mean {near!r}?" if near else "; choose one"),
        )


def _bad_name(name: str, what: str, at: Where) -> Iterator[tuple[Where, str]]:
    try:
        short_name(name, what)
    except ArgumentError as error:
        yield at, str(error)
        return
    if not key_of(name):
        yield at, f"{what} {name!r} has no letter or digit; give it a name"


def _bad_text(text: str, what: str, at: Where) -> Iterator[tuple[Where, str]]:
    if not isinstance(text, str) or not text:
        yield at, f"{what} is empty; say in a sentence what it asks or means"
        return
    # lines, tabs and joiners are part of honest texts; other signs that cannot be printed could steer a terminal
    hidden = next((c for c in text if not c.isprintable() and c not in "\n\t\u200c\u200d"), "")
    if hidden:
        yield at, f"{what} holds U+{ord(hidden):04X}, which cannot be seen; take it out"


def tidy_name(name: str) -> str:
    return unicodedata.normalize("NFC", " ".join(name.split())) if isinstance(name, str) else name


def _text(text: str) -> str:
    """The words with lines and indents kept (an example may be code), blanks at the ends of lines not."""
    if not isinstance(text, str):
        return text
    lines = [line.rstrip(" \t") for line in re.split(r"\r\n|\r|\n", unicodedata.normalize("NFC", text))]
    return "\n".join(lines).strip("\n")


def tidy(
    thing: Any, *, names: Iterable[str] = (), texts: Iterable[str] = (), tuples: Iterable[str] = ()
) -> None:
    for attributes, clean in ((names, tidy_name), (texts, _text), (tuples, tuple)):
        for name in attributes:
            object.__setattr__(thing, name, clean(getattr(thing, name)))
