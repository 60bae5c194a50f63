"""Personal data in texts: hides how many rules look for it, and that each sees what the ones before it left."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from failscope.traces.person_names import CONTEXTS
from failscope.traces.personal_rules import COVER, NUMBERS_AND_KEYS, Rule

NOT_FOUND = (
    "names without words around them that tell a name, postal addresses, dates of birth, and numbers of documents "
    "without check digits are not found: no pattern tells them"
)
"""What a reader has to know of a text in which nothing was found."""

KINDS = ("key", "e-mail", "IBAN", "card", "national number", "IP", "phone", "name")
"""What is looked for."""

PLACEHOLDER = re.compile(rf"\[(?:{'|'.join(KINDS)})(?: \d{{1,6}})?\]")
"""What a masked text has in the place of what was found, "[e-mail]" or "[e-mail 2]"."""

_PASSES = 10


@dataclass(frozen=True)
class Found:
    """Personal data or a secret in a text.

    Attributes
    ----------
    kind : str
        One of ``KINDS``; another finder may have its own.
    start, end : int
        Where it stands: ``text[start:end]``.
    text : str
        What it is.
    certain : bool
        It proves itself, by a check digit, its form or by reading it. False: the words around it say so, or its look.
    """

    kind: str
    start: int
    end: int
    text: str
    certain: bool


Finder = Callable[[str], Sequence[Found]]
"""What tells personal data: a text to what is in it."""

RULES: tuple[Rule, ...] = (
    *NUMBERS_AND_KEYS,
    *(Rule("name", pattern, check, certain=False) for pattern, check in CONTEXTS),
)
"""Names last: an address of theirs may say that words are one."""


def find_personal(text: str) -> list[Found]:
    """Personal data and secrets in a text, in the order they stand, none overlapping another.

    Where two rules claim the same signs, the earlier rule of ``RULES`` has them, and the longer match of one rule.
    Placeholders of a masked text are not found again. ``NOT_FOUND`` says what no rule sees.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of Found

    Examples
    --------
    >>> for found in find_personal("Hi, my name is Ana Ruiz, write to ana@example.com"):
    ...     print(found.kind, found.start, found.end, found.text, found.certain)
    name 15 23 Ana Ruiz False
    e-mail 34 49 ana@example.com True
    """
    return scan(text, RULES)


def scan(text: str, rules: Iterable[Rule]) -> list[Found]:
    """What these rules find in a text, in the order it stands; each rule sees what those before it left."""
    rules = tuple(rules)
    seen = PLACEHOLDER.sub(lambda m: COVER * len(m.group()), text)
    found: list[Found] = []
    # what is covered may bare what stood beside it: a masked text must hold nothing more, so it is read again
    for _ in range(_PASSES):
        before = len(found)
        for rule in rules:
            spans = [span for m in rule.pattern.finditer(seen) if (span := rule.check(m)) is not None]
            found += [Found(rule.kind, a, b, text[a:b], rule.certain) for a, b in spans]
            seen = cover(seen, spans)
        if len(found) == before:
            break
    return sorted(found, key=lambda f: f.start)


def cover(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """The text with these spans, in order and apart, made unreadable; its length stays."""
    if not spans:
        return text
    parts, end = [], 0
    for a, b in spans:
        parts += [text[end:a], COVER * (b - a)]
        end = b
    return "".join([*parts, text[end:]])
