"""How people word numbers, bounds, negation and quoted phrases: hides the vocabulary that the readers of instructions share."""

from __future__ import annotations

import re
from collections.abc import Callable

from failscope.surface.behaviour import checks
from failscope.surface.behaviour.checks import Bound

Check = Callable[[str], bool]

NUMBERS = {
    "once": 1, "twice": 2, "thrice": 3, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "fifteen": 15, "twenty": 20, "one": 1, "a": 1, "an": 1,
    "zwei": 2, "drei": 3, "vier": 4, "fünf": 5, "zehn": 10, "dos": 2, "tres": 3, "cuatro": 4, "cinco": 5, "diez": 10,
    "deux": 2, "trois": 3, "quatre": 4, "cinq": 5, "dix": 10,
}  # fmt: skip
NUMBER = r"(?P<n>\d{1,4}|" + "|".join(sorted((w for w in NUMBERS if len(w) > 2), key=len, reverse=True)) + ")"


BOUND = (
    r"(?:(?P<least>at least|no (?:less|fewer) than|not less than|a minimum of|minimum(?: of)?|mindestens|al menos|por lo menos|au moins)"
    r"|(?P<more>more than|over|mehr als|más de|plus de)"
    r"|(?P<most>at most|no more than|not more than|a maximum of|maximum(?: of)?|up to|höchstens|maximal|como máximo|au plus|au maximum)"
    r"|(?P<less>less than|fewer than|under|weniger als|menos de|moins de)"
    r"|(?P<exact>exactly|precisely|only|just|genau|exactamente|exactement)) "
)
TIMES = rf"(?:{BOUND})?{NUMBER}(?P<or_more> or more| or fewer| or less)?(?: times?)?\b"


NOT = (
    r"(?:do not|don't|does not|must not|mustn't|should not|shouldn't|cannot|can't|may not|never|not allowed to|not|without|avoid|avoiding|refrain from|abstain from|stay away from"
    r"|exclude|excluding|omit|no|keine?n?|ohne|vermeide|nicht|sin|evita|no uses?|sans|évite[rz]?|n'utilise[rz]? pas)"
)
FILL = (
    r"(?:use|using|usage of|the use of|use of|include|including|contain|containing|have|having|add|adding|put|write|writing|say|saying|mention|mentioning|employ|insert|any|the|a|an|of|single|"
    r"other|kinds?|types?|in|your|my|entire|whole|response|answer|output|reply|text|following|these|specific|forbidden|verwenden?|benutzen?|usar|uses?|utiliser|utilise|de|des|ni)"
)
QUOTED = r"(?:\"(?P<q1>[^\"\n]{1,300})\"|“(?P<q2>[^”\n]{1,300})”|'(?P<q3>[^'\n]{1,200}(?:'(?=\w)[^'\n]{1,200})*)'(?!\w)|«\s?(?P<q4>[^»\n]{1,300}?)\s?»|„(?P<q5>[^“”\n]{1,300})[“”]|`(?P<q6>[^`\n]{1,200})`)"


WORDY = r"(?:key ?words?|words?|terms?|phrases?|expressions?|wort|wörter|palabras?|mots?)"
WHOLE = r"(?:response|answer|output|reply|text|message|letter|email|e-mail|post|story|poem|essay|everything|it|all|antwort|respuesta|réponse)"


_QUESTION = r"(?:\A|[.!?\n]) ?(?:why|when|what|who|how|does|do|did|is|are|was) [^.!?\n]*\Z"


def is_free(text: str, pattern: str, parts: str) -> bool:
    """Whether a phrase is there that is neither about a part of the answer nor in a question about something."""
    for match in re.finditer(pattern, text):
        before = text[max(0, match.start() - 90) : match.start()]
        if not re.search(parts, before) and not re.search(_QUESTION, before):
            return True
    return False


def phrases_after(text: str, start: int, *, bare: bool) -> tuple[list[str], int]:
    """The words or phrases listed from a place on, and where the list ends: quoted, in brackets, or plain words."""
    rest = text[start : start + 600]
    bracket = re.match(r"\s*:?\s*\[([^\[\]\n]{1,300})\]", rest)
    if bracket:
        listed = [p.strip(" '\"“”") for p in bracket[1].split(",")]
        return [p for p in listed if p], start + bracket.end()
    quoted = re.match(
        rf"\s*(?:(?:[,:]|(?:and|or|und|oder|y|o|et|ou|both|either|neither|nor|the|like|such as|phrase|word|words)\b)\s*)*{QUOTED}",
        rest,
    )
    listed, end = [], 0
    while quoted:
        listed.append(next(g for g in quoted.groups() if g is not None).strip(" .,"))
        end += quoted.end()
        quoted = re.match(
            rf"\s*(?:(?:[,&]|(?:and|or|nor|und|oder|y|o|et|ou)\b)\s*)+(?:the (?:key)?(?:word|phrase) )?{QUOTED}",
            rest[end:],
        )
    if listed or not bare:
        return [p for p in listed if p], start + end
    plain = re.match(r"\s*:?\s*([\w'-]+(?:(?:,? (?:and|or|nor) |, ?)[\w'-]+)*)", rest)
    if not plain:
        return [], start
    listed = re.split(r",? (?:and|or|nor) |, ?", plain[1])
    return ([p for p in listed if p and p not in _NO_WORDS], start + plain.end())


# what follows "the word" without being the word that is meant
_NO_WORDS = frozenset(
    [
        "in",
        "on",
        "at",
        "of",
        "to",
        "for",
        "the",
        "a",
        "an",
        "that",
        "which",
        "with",
        "and",
        "or",
        "you",
        "your",
        "it",
        "is",
        "are",
        "be",
        "should",
        "must",
        "can",
        "from",
        "below",
        "above",
        "limit",
        "count",
        "provided",
        "given",
        "listed",
        "following",
        "there",
        "here",
        "as",
        "by",
        "only",
        "both",
        "all",
        "per",
        "not",
        "more",
        "less",
        "than",
        "such",
        "may",
        "will",
        "i",
        "we",
        "do",
        "have",
        "has",
    ]
)


def bound_of(match: re.Match[str]) -> tuple[Bound, int]:
    """What a match of ``TIMES`` asks for; a bare number of times means at least that."""
    n = int(match["n"]) if match["n"].isdigit() else NUMBERS[match["n"]]
    tail = match["or_more"] or "" if "or_more" in match.groupdict() else ""
    if match["more"]:
        return "least", n + 1
    if match["less"]:
        return "most", n - 1
    if match["most"] or tail in (" or fewer", " or less"):
        return "most", n
    if match["exact"]:
        return "exact", n
    return "least", n


def quoted(match: re.Match[str]) -> str:
    """What stands in the quotation marks of a match of ``QUOTED``."""
    return next((match[f"q{i}"] for i in range(1, 7) if match[f"q{i}"]), "")


def count_holds(text: str, *, count: Callable[[str], int], bound: Bound, n: int) -> bool:
    """Whether what is counted in a text keeps to a bound."""
    return checks.bounded(count(text), bound, n)
