"""Which values are one: hides that a phone number is its digits, a first name its full name, and where both stand again."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from failscope.traces.person_names import is_office

_LETTERS = re.compile(r"[^\W\d_]+")
_BETWEEN = re.compile(r"[\s._'’-]{1,3}")
_OWNER = re.compile(r"([^\W\d_]{2,30})[._]([^\W\d_]{2,30})[._]?\d{0,6}@")
_PARTS = frozenset({"von", "van", "der", "den", "del", "dos", "das", "die", "san", "mac", "jr", "the"})
# a name that is a word too is known again only beside the rest of it
_WORDS_TOO = (
    " april art august baker best bill bishop black bob brown carol chase church cook dawn drew faith frank gene grace"
    " green guy harry hope hunter iris jack joy june king lance long love mark may miles miller norm page paris park"
    " pat penny pierce price ray rich rob rose ruby sandy smart stone strong summer sue victor white will wise young "
)


class Values:
    """The values that were found in an example: tells which are the same, and where they stand without their context."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, ...], None] = {}
        self._literal: dict[str, str] = {}  # value -> kind
        self._lengths: dict[str, set[int]] = defaultdict(set)  # first signs -> lengths of values
        self._known: dict[tuple[str, ...], bool] = {}  # words -> they need a capital
        self._word_counts: dict[str, set[int]] = defaultdict(set)  # first word -> how many words
        self._full: dict[tuple[str, ...], tuple[str, ...]] | None = None

    def add(self, kind: str, text: str) -> None:
        """Remember a value."""
        if kind == "e-mail":
            owner = _OWNER.match(text)
            if owner and not any(is_office(word) for word in owner.groups()):
                self._know(_words(" ".join(owner.groups())))
        if kind != "name":
            # a word that was told as a password may be any word
            if len(text) >= 4 and not text.isalpha():
                self._literal.setdefault(text, kind)
                self._lengths[text[:4]].add(len(text))
            return
        words = _words(text)
        if not words or words in self._names:
            return
        self._names[words] = None
        self._full = None
        for part in [words, *((w,) for w in words if len(words) > 1 and len(w) > 2 and w not in _PARTS)]:
            if len(part) > 1 or f" {part[0]} " not in _WORDS_TOO:
                self._know(part)

    def _know(self, words: tuple[str, ...]) -> None:
        self._known[words] = len(words) == 1
        self._word_counts[words[0]].add(len(words))
        self._full = None

    def elsewhere(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Where the known values stand in a text: start, end and kind, in order and apart."""
        end = 0
        for a, b, kind in sorted(
            [*self._names_in(text), *self._literals_in(text)], key=lambda s: (s[0], -s[1])
        ):
            if a >= end:
                yield a, b, kind
                end = b

    def identity(self, kind: str, text: str) -> str:
        """What is equal for values that are one."""
        if kind == "name":
            return " ".join(self._whole_name(_words(text)))
        if kind == "phone":
            digits = re.sub(r"\D", "", text).removeprefix("00")
            return digits[1:] if len(digits) == 11 and digits[0] == "1" else digits
        if kind in ("IBAN", "card", "national number"):
            return re.sub(r"[\W_]", "", text).upper()
        if kind == "e-mail":
            spelt = re.sub(r"\s?[\[({]\s?at\s?[\])}]\s?", "@", text.casefold())
            return re.sub(r"\s?[\[({]\s?dot\s?[\])}]\s?", ".", spelt)
        return text

    def _whole_name(self, words: tuple[str, ...]) -> tuple[str, ...]:
        if self._full is None:
            self._full = _whole_names([*self._names, *self._known])
        return self._full.get(words, words)

    def _names_in(self, text: str) -> Iterator[tuple[int, int, str]]:
        if not self._known:
            return
        words = list(_LETTERS.finditer(text))
        for k, first in enumerate(words):
            for count in sorted(self._word_counts.get(first.group().casefold(), ()), reverse=True):
                part = words[k : k + count]
                key = tuple(w.group().casefold() for w in part)
                if key not in self._known or (self._known[key] and not first.group()[0].isupper()):
                    continue
                gaps = (text[a.end() : b.start()] for a, b in pairwise(part))
                if all(_BETWEEN.fullmatch(gap) for gap in gaps):
                    yield first.start(), part[-1].end(), "name"
                    break

    def _literals_in(self, text: str) -> Iterator[tuple[int, int, str]]:
        if not self._literal:
            return
        for match in re.finditer(r"(?<!\w)\S|(?<=\w)[^\w\s]", text):
            a = match.start()
            for length in sorted(self._lengths.get(text[a : a + 4], ()), reverse=True):
                value = text[a : a + length]
                if value in self._literal and not text[a + length : a + length + 1].isalnum():
                    yield a, a + length, self._literal[value]
                    break


def _words(name: str) -> tuple[str, ...]:
    return tuple(_LETTERS.findall(name.casefold()))


def _whole_names(names: list[tuple[str, ...]]) -> dict[tuple[str, ...], tuple[str, ...]]:
    """Each name to the one name that holds all its words, to itself where there is none or several."""
    whole: dict[tuple[str, ...], tuple[str, ...]] = {}
    holding: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for name in sorted(dict.fromkeys(names), key=lambda n: (-len(n), n)):
        held = sorted((holding[w] for w in set(name)), key=len)
        several = held[0].intersection(*held[1:]) if held else set()
        whole[name] = next(iter(several)) if len(several) == 1 else name
        if not several:
            for word in name:
                holding[word].add(name)
    return whole
