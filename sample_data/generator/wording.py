"""Words by chance: hides how a seeded draw turns a grammar's line into a sentence, and how people misspell it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from math import fsum
from pathlib import Path
from statistics import NormalDist
from typing import TypeVar

import numpy as np

T = TypeVar("T")

_INNERMOST = re.compile(r"\[([^\[\]]*)\]")
_SLOT = re.compile(r"\{(\w+)\}")
_CAPITALISED = re.compile(
    r"(I|I'm|I'd|I've|I'll|Quillhaven|Account|App|Device|Plus|Basic|Family|Pro|Express|Wi-Fi|Matter|US|QH\*PLAN|API|PIN|QH-\d+"
    r"|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday|[A-Z]{2,}.*)\b"
)


class Draw:
    """Every chance in the generator, on `Generator.random` alone: its stream is the same in all numpy releases."""

    def __init__(self, *key: int) -> None:
        self._random = np.random.Generator(np.random.PCG64(np.random.SeedSequence(key))).random

    def chance(self, probability: float) -> bool:
        return bool(self._random() < probability)

    def between(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + int(self._random() * (high - low + 1))

    def normal(self, mean: float, sd: float) -> float:
        return NormalDist(mean, sd).inv_cdf(min(max(float(self._random()), 1e-9), 1 - 1e-9))

    def pick(self, options: Sequence[T], *, weights: Sequence[float] | None = None) -> T:
        point = float(self._random())
        if weights is None:
            return options[int(point * len(options))]
        point *= fsum(weights)  # sum() rounds otherwise from Python 3.12 on
        for option, weight in zip(options, weights, strict=True):
            point -= weight
            if point < 0:
                return option
        return options[-1]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        keys = [float(self._random()) for _ in items]
        return [items[i] for i in sorted(range(len(items)), key=keys.__getitem__)]

    def sample(self, items: Sequence[T], n: int) -> list[T]:
        return self.shuffled(items)[:n]

    def phrase(self, name: str, slots: Mapping[str, str] | None = None) -> str:
        """One line of a named set in phrases/*.txt, expanded."""
        return self.say(self.pick(phrases(name)), slots)

    def say(self, line: str, slots: Mapping[str, str] | None = None) -> str:
        """Choose one branch of every [a|b] from the inside out, then fill {slots}; an unknown slot is a KeyError."""
        while found := _INNERMOST.search(line):
            line = line[: found.start()] + self.pick(found.group(1).split("|")) + line[found.end() :]
        return fill(line, slots or {})


@cache
def _phrase_sets() -> dict[str, tuple[str, ...]]:
    sets: dict[str, tuple[str, ...]] = {}
    for path in sorted(Path(__file__).with_name("phrases").glob("*.txt")):
        name = ""
        for raw in path.read_text(encoding="utf-8").splitlines():
            word, _, rest = raw.strip().partition(" ")
            if word == "set":
                name = rest
            elif word == "line":
                sets[name] = (*sets.get(name, ()), rest)
    return sets


def phrases(name: str) -> tuple[str, ...]:
    """The lines of a named set in phrases/*.txt, unexpanded; an empty line means that nothing is said."""
    return _phrase_sets()[name]


def words(text: str) -> tuple[str, ...]:
    """The words of a vocabulary that is written as one string."""
    return tuple(text.split())


def fill(line: str, slots: Mapping[str, str]) -> str:
    """Put values into {slots}, again inside the values."""
    while "{" in line and (found := _SLOT.search(line)):
        line = line[: found.start()] + slots[found.group(1)] + line[found.end() :]
    return line


def lower_first(text: str, *, names: Sequence[str] = ()) -> str:
    """The text as it goes on inside a sentence; names and abbreviations keep their capital."""
    if _CAPITALISED.match(text) or any(text.startswith(name) for name in names):
        return text
    return text[:1].lower() + text[1:]


def upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]


def sentence(text: str) -> str:
    """The text with a capital first and a full stop last."""
    text = upper_first(text.strip())
    return text if text[-1:] in ".!?:" else text + "."


def tidy(text: str) -> str:
    """Spaces as a writer leaves them: none before a mark, one between words."""
    text = re.sub(r" +([,.;!?])(?=\s|$)", r"\1", text)
    return re.sub(r"(?<=\S) {2,}", " ", text).strip()


def typos(text: str, draw: Draw, *, rate: float) -> str:
    """Swap, drop, double or split letters in some words; figures and order numbers stay legible."""
    words = text.split(" ")
    for i, word in enumerate(words):
        if len(word) < 4 or not word.isalpha() or not draw.chance(rate):
            continue
        at = draw.between(1, len(word) - 2)
        kind = draw.pick(("swap", "drop", "double", "neighbour"))
        if kind == "swap":
            words[i] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        elif kind == "drop":
            words[i] = word[:at] + word[at + 1 :]
        elif kind == "double":
            words[i] = word[:at] + word[at] + word[at:]
        else:
            words[i] = word[:at] + draw.pick("aesrtnoi") + word[at + 1 :]
    return " ".join(words)


def foreign(text: str, draw: Draw) -> str:
    """English as some write it who learnt it late: articles dropped, contractions open, word order of a question lost."""
    text = re.sub(r"\b([Tt]he|[Aa]n?) (?=[a-z])", lambda m: "" if draw.chance(0.45) else m.group(0), text)
    for short, long in (
        ("I'm", "I am"),
        ("doesn't", "does not"),
        ("isn't", "is not"),
        ("can't", "can not"),
        ("don't", "do not"),
    ):
        text = text.replace(short, long)
    if draw.chance(0.5):
        text = re.sub(
            r"\b(How|Where|When|Why) (do|can|does) (I|it|you)\b",
            r"\1 \3 \2" if draw.chance(0.5) else r"\1 \3",
            text,
        )
    return text
