"""Patterns from people's hands: hides that a search can be stopped, and which pattern would fill the memory."""

from __future__ import annotations

import re
import warnings
from functools import lru_cache
from typing import Any

from failscope.errors import ArgumentError
from failscope.surface.cards import plain

PATTERN_CHARS = 2_000
"""Characters of a pattern."""
WRITTEN_OUT = 20_000
"""Signs of a pattern with its repeats written out, which is what the package regex does in memory."""

_REPEAT = re.compile(r"\{(\d{1,9})(?:,\d{0,9})?\}")
_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]", re.S)
_FUZZY = re.compile(r"\{\s*\d*\s*<?=?\s*[dise]")
_OTHERWISE = re.compile(rf"\\N\{{[^}}]*\}}|\\.|(?P<set>{_CLASS.pattern})|(?P<fuzzy>{_FUZZY.pattern})", re.S)
"""Sets and fuzzy counts, past what is escaped."""


def check_pattern(pattern: str) -> None:
    """Raise ``ArgumentError`` for a pattern that does not compile or would fill the memory.

    It has to be one of Python's re, which exported tests run, and of the package regex, whose search can be stopped.
    """
    if len(pattern) > PATTERN_CHARS:
        raise ArgumentError(f"the pattern has {len(pattern):,} characters; at most {PATTERN_CHARS:,}")
    if other := _read_otherwise(pattern):
        raise ArgumentError(
            f"the pattern {plain(pattern, 80)} has {other}, which other tools read otherwise; put a backslash before the bracket"
        )
    width = written_out(pattern)
    if width > WRITTEN_OUT:
        raise ArgumentError(f"the pattern's repeats ask for {width:,} signs; at most {WRITTEN_OUT:,}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what re will read otherwise in a later Python
            re.compile(pattern)
            compiled(pattern)
    except Exception as error:  # each of the two packages has errors of its own
        raise ArgumentError(f"the pattern {plain(pattern, 80)} does not compile: {error!s:.120}") from error


def _read_otherwise(pattern: str) -> str:
    """What the package regex takes for something of its own and re for plain signs, else ""."""
    for found in _OTHERWISE.finditer(pattern):
        if found["fuzzy"]:
            return f"{found['fuzzy']}, a fuzzy count"
        if found["set"] and "[:" in re.sub(r"\\.", "", found["set"][1:], flags=re.S):
            return "[:, a POSIX set"
    return ""


@lru_cache(maxsize=512)
def compiled(pattern: str) -> Any:
    """The pattern for searches with ``timeout=``."""
    import regex

    return regex.compile(pattern, regex.VERSION0)


def search(pattern: str, text: str, *, seconds: float) -> bool | None:
    """Whether a pattern is found in a text; None where that takes longer."""
    try:
        return compiled(pattern).search(text, timeout=seconds) is not None
    except (TimeoutError, MemoryError):
        return None


def written_out(pattern: str) -> int:
    """About how many signs a pattern asks for with its repeats written out; rather too many than too few.

    Examples
    --------
    >>> written_out("[0-9]{4}-(ab){3}"), written_out("((a{1000}){1000}){1000}")
    (11, 1000000000)
    """
    groups: list[int] = []
    total = last = at = 0
    while at < len(pattern):
        sign = pattern[at]
        if sign == "{" and (repeat := _REPEAT.match(pattern, at)):
            total += last * max(int(repeat[1]) - 1, 0)
            last *= max(int(repeat[1]), 1)
            at = repeat.end()
            continue
        if sign == "(":
            groups.append(total)
            total = last = 0
        elif sign == ")" and groups:
            last = total
            total += groups.pop()
        elif sign not in "?*+|":
            total, last = total + 1, 1
            if sign == "[" and (members := _CLASS.match(pattern, at)):
                at = members.end() - 1
        at += 2 if sign == "\\" else 1
    return total + sum(groups)
