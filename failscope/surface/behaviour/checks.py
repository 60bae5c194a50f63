"""Whether a text keeps to one instruction: hides how letters, phrases, list items and the like are counted."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Literal

Bound = Literal["least", "most", "exact"]

_QUOTES = "\"'“”„«»‘’`「」"
_NUMBERED = re.compile(r"^[ \t]{0,3}(?:\*\*|#+ )?\(?(\d{1,3})[.):]", re.MULTILINE)
_BULLET = re.compile(r"^([ \t]*)[-*+•–][ \t]+\S", re.MULTILINE)
_HEADING = re.compile(
    r"^[ \t]*(?:#{1,6}[ \t]+\S|\*\*[^*\n]{1,80}\*\*:?[ \t]*$|<h\d|[\W_]{0,4}(?:section|part|chapter|abschnitt|teil|sección|parte|partie)\W{0,2}(?:\d+|[ivx]+|[a-e])\b)",
    re.MULTILINE | re.IGNORECASE,
)
_BLOCK = re.compile(r"\n\s*\n|^[ \t]*(?:[*\-_=#~][ \t]*){3,}$", re.MULTILINE)
_OPENER = re.compile(
    r"\A\W*(?:sure|certainly|of course|absolutely|okay|ok|great|got it|no problem|here(?:'s| is| are| you go)|below (?:is|are)|the following (?:is|are)|i'd be happy|i would be happy|i can help|happy to|as requested"
    r"|klar|gerne|natürlich|selbstverständlich|hier (?:ist|sind)|claro|por supuesto|aquí (?:está|tienes|están)|a continuación|bien sûr|voici|volontiers)\b",
    re.IGNORECASE,
)
_CLOSER = re.compile(
    r"(?:let me know|hope (?:this|that) helps|feel free to|if you (?:need|have|want|would like|'d like)|please note that|explanation:|note:|in this (?:response|answer),|i (?:have|'ve) (?:used|written|included|followed))[^\n]*\s*\Z",
    re.IGNORECASE,
)
_EMOJI = "[\U0001f300-\U0001faff\u2600-\u27bf\U0001f1e6-\U0001f1ff]"
CHARACTERS = {
    "comma": r"[,،，、]",
    "exclamation": r"[!！]",
    "question mark": r"[?？]",
    "semicolon": r"[;；]",
    "colon": r"[:：]",
    "dash": r"[—–]| - |--",
    "hyphen": r"(?<=\w)-(?=\w)",
    "apostrophe": r"(?<=\w)['’](?=\w)",
    "contraction": r"(?i)\b\w+(?:n['’]t|['’](?:re|ve|ll|m|d))\b|\b(?:it|that|there|what|who|he|she|let)['’]s\b",
    "quotation mark": r"[\"“”„«»]",
    "parenthesis": r"[()]",
    "bracket": r"[\[\]]",
    "asterisk": r"\*",
    "emoji": _EMOJI,
    "digit": r"\d",
    "hashtag": r"(?<!\w)#\w",
    "link": r"https?://|\bwww\.",
    "markdown": r"(?m)^#{1,6} |\*\*[^*\n]+\*\*|^[ \t]*[-*] |^[ \t]*```|^\|.*\|",
    "bullet": r"(?m)^[ \t]*(?:[-*•+]|\d{1,2}[.)])[ \t]+\S",
    "heading": r"(?m)^#{1,6} |^\*\*[^*\n]+\*\*:?[ \t]*$",
    "html": r"</?[a-z][a-z0-9]*(?: [^<>]*)?>",
    "line break": r"\S\s*\n\s*\S",
    "full stop": r"[.。]",
    "code block": r"```",
    "table": r"(?m)^\|.*\|",
}
"""What an input may forbid, by the name it goes under here, and how it is found."""


def bounded(size: int, bound: Bound, n: int) -> bool:
    """Whether a count keeps to a bound."""
    return {"least": size >= n, "most": size <= n, "exact": size == n}[bound]


def has_case(text: str, *, upper: bool) -> bool:
    """All letters are of one case; one in two hundred may be otherwise, as in a unit or a name."""
    wrong = sum(map(str.islower if upper else str.isupper, text))
    return wrong == 0 or wrong <= sum(map(str.isalpha, text)) // 200


def is_free_of(text: str, what: str) -> bool:
    """Nothing of ``CHARACTERS[what]`` is in the text."""
    return re.search(CHARACTERS[what], text) is None


def count_phrase(text: str, phrase: str, *, whole: bool = True) -> int:
    """How often a word or phrase is in a text, case aside; as a whole, or also at the start of a longer word."""
    phrase = " ".join(phrase.casefold().split())
    if not phrase:
        return 0
    before = r"(?<!\w)" if phrase[0].isalnum() else ""
    after = r"(?!\w)" if whole and phrase[-1].isalnum() else ""
    return len(re.findall(before + re.escape(phrase) + after, " ".join(_straight(text).casefold().split())))


def count_letter(text: str, letter: str) -> int:
    """How often a letter or sign is in a text, case aside."""
    return text.casefold().count(letter.casefold())


def starts_with(text: str, phrase: str) -> bool:
    """The first words are those of the phrase; markup, quotation marks and case aside."""
    words, wanted = _words(text[: 20 * len(phrase) + 400]), _words(phrase)
    return words[: len(wanted)] == wanted


def ends_with(text: str, phrase: str) -> bool:
    """The last words are those of the phrase; markup, quotation marks, end marks and case aside."""
    words, wanted = _words(text[-(20 * len(phrase) + 400) :]), _words(phrase)
    return not wanted or words[-len(wanted) :] == wanted


def is_quoted(text: str) -> bool:
    """The whole text stands in quotation marks."""
    text = text.strip()
    return len(text) > 1 and text[0] in _QUOTES and text[-1] in _QUOTES


def paragraphs(text: str) -> list[str]:
    """Blocks between blank lines or dividers, that hold a word."""
    return [block.strip() for block in _BLOCK.split(text) if re.search(r"\w", block)]


def items(text: str) -> int:
    """List items on the first level: the highest of numbers that count on from 1, else the bullets furthest out."""
    numbers = [int(n) for n in _NUMBERED.findall(text)]
    highest = 0
    for n in numbers:
        highest = n if n == highest + 1 else highest
    if highest >= 2 or (highest and not _BULLET.search(text)):
        return highest
    indents = [len(indent.expandtabs(4)) for indent in _BULLET.findall(text)]
    return sum(i <= min(indents) + 1 for i in indents) if indents else 0


def bullets(text: str) -> set[int]:
    """How many bullets there are: those furthest out, all, and numbered items; whichever was meant."""
    indents = [len(indent.expandtabs(4)) for indent in _BULLET.findall(text)]
    outer = sum(i <= min(indents) + 1 for i in indents) if indents else 0
    return {outer, len(indents), items(text)}


def sections(text: str, mark: str = "") -> int:
    """Headings, or lines that open with the mark ("Section", "Day")."""
    if mark:
        return len(re.findall(rf"(?im)^[\W_]*{re.escape(mark)}\W{{0,2}}(?:\d+|[ivx]+|[a-z])\b", text))
    return len(_HEADING.findall(text))


def lines(text: str) -> int:
    """Lines that hold a word."""
    return sum(1 for line in text.split("\n") if re.search(r"\w", line))


def has_title(text: str) -> bool:
    """Opens with a heading, a line that is called a title, or a short line of its own without an end mark."""
    head = text.strip().split("\n", 1)
    first = head[0].strip()
    if re.match(r"#{1,6}\s|<<|<h\d|\*\*|__|\W*(?:title|titel|título|titre)\b", first, re.IGNORECASE):
        return True
    return len(head) > 1 and 1 <= len(first.split()) <= 14 and first[-1:] not in ".,;"


def has_postscript(text: str, *, second: bool = False) -> bool:
    """A line opens with P.S., or P.P.S."""
    return (
        re.search(r"(?im)^\W*p\.? ?p\.? ?s\b" if second else r"(?im)^\W*p\.? ?(?:p\.? ?)?s\b", text)
        is not None
    )


def placeholders(text: str) -> int:
    """Square brackets with something in them that is no link."""
    return len(re.findall(r"\[[^\[\]\n]{1,80}\](?!\()", text))


def highlights(text: str, *, bold: bool = False) -> int:
    """Passages set in bold, or in bold or italics."""
    strong = re.findall(r"\*\*[^*\n]+\*\*|__[^_\n]+__|<(?:b|strong)>", text)
    if bold:
        return len(strong)
    rest = re.sub(r"\*\*[^*\n]+\*\*", " ", text)
    return len(strong) + len(
        re.findall(r"\*[^*\s][^*\n]*\*|(?<!\w)_[^_\s][^_\n]*_(?!\w)|<(?:i|em|mark)>", rest)
    )


def capital_words(text: str, *, single: bool) -> int:
    """Words all in capitals; ``single`` whether "I" and "A" count."""
    return sum(
        1 for w in re.findall(r"[^\W\d_]+(?:['’-][^\W\d_]+)*", text) if w.isupper() and (single or len(w) > 1)
    )


def repeats(text: str, asked: str) -> bool:
    """The text opens with what was asked, word for word (its first eight words at least)."""
    wanted = _words(asked)
    words = _words(text[: 4 * len(asked) + 200])
    if not wanted:
        return True
    return words[: len(wanted)] == wanted or (len(wanted) > 8 and _holds(wanted, words[:8]))


def parts(text: str, separator: str) -> list[str]:
    """What stands between separators, blank parts left out."""
    return [part.strip() for part in text.split(separator) if part.strip()]


def is_option(text: str, options: Sequence[str], *, alone: bool) -> bool:
    """One of the options is in the text; ``alone`` means with hardly a word beside it."""
    words = _words(text)
    held = [o for o in options if _holds(words, _words(o))]
    if not alone:
        return bool(held)
    return any(len(words) <= len(_words(o)) + 3 for o in held)


def is_bare(text: str) -> bool:
    """Neither opens with a preamble ("Sure, here is") nor closes with a remark ("Let me know ...")."""
    return _OPENER.match(_straight(text)) is None and _CLOSER.search(_straight(text)[-400:]) is None


def has_keys(text: str, keys: Sequence[str]) -> bool:
    """The text, or the first code block in it, is JSON that has all these keys, at any depth; True if it is no JSON."""
    fenced = re.search(r"```(?:json)?\s*(.*?)```", text, re.DOTALL | re.IGNORECASE)
    try:
        value = json.loads((fenced.group(1) if fenced else text).strip())
    except (ValueError, RecursionError):
        return True
    found: set[str] = set()
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            found |= {str(k).casefold() for k in item}
            stack += item.values()
        elif isinstance(item, list):
            stack += item
    return all(key.casefold() in found for key in keys)


def has_tag(text: str, tag: str) -> bool:
    """Both the opening and the closing tag are there."""
    return re.search(rf"(?is)<{re.escape(tag)}\b[^<>]*>.*</{re.escape(tag)}>", text) is not None


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", _straight(text).casefold().replace("'", ""))


def _holds(words: Sequence[str], run: Sequence[str]) -> bool:
    return bool(run) and f" {' '.join(run)} " in f" {' '.join(words)} "


def _straight(text: str) -> str:
    return text.replace("’", "'").replace("‘", "'")
