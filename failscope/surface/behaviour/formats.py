"""Probes of the format asked for against the format given: JSON, list, table, limits on length, language."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from failscope.surface.behaviour.checks import paragraphs
from failscope.surface.behaviour.probe import Probe
from failscope.surface.behaviour.scan import counts, matches, scan_of

_ASKS_JSON = (
    r"\b(?:in|as|into|valid|return|output|respond with|reply with|only|using|use|a|im|als|en formato|au format|en) (?:a |an |the |valid |raw |strict |single |only )*json\b"
    r"|\bjson (?:format|object|array|only|output|response|schema|string|list)\b"
)
_ASKS_LIST = (
    r"\b(?:as|in|give|make|write|provide|using|use|with|return|produce) (?:me )?(?:an? |the |\w+ )?(?:bullet(?:ed)?(?:[ -]?(?:points?|list))?|numbered list|ordered list|unordered list|markdown list)\b"
    r"|\bbullet[ -]?points?\b|\bstichpunkt\w*|\bals (?:nummerierte )?liste\b|\b(?:lista (?:numerada|con viñetas)|en viñetas)|\bliste (?:à puces|numérotée)"
)
_ASKS_TABLE = (
    r"\b(?:as|in|into|using|make|create|give|return|draw|format\w*) (?:me )?(?:an? |the )?(?:\w+ )?table\b"
    r"|\btable (?:format|with columns)\b|\bals tabelle\b|\b(?:en una|en forma de) tabla\b|\b(?:sous forme de|en) tableau\b|\bmarkdown table\b"
)
_LIST_LINE = r"\n[ \t]*(?:[-*+•–]|\(?\d{1,3}[.)]|\(?[a-zA-Z][.)])[ \t]*\S"
_TABLE_LINE = r"\n[ \t]*\|[^\n]*\||\n[^\t\n]*\t|\n[^,\n]+,[^,\n]+,|<t[rd]\b"

_NUMBER_WORDS = {
    **dict(
        zip(
            ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"],
            range(1, 11),
            strict=True,
        )
    ),
    **dict(
        zip(
            ["eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun", "zehn"],
            range(1, 11),
            strict=True,
        )
    ),
    **dict(
        zip(
            ["uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve", "diez"],
            range(1, 11),
            strict=True,
        )
    ),
    **dict(
        zip(
            ["un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf", "dix"],
            range(1, 11),
            strict=True,
        )
    ),
    **dict.fromkeys(("a single", "single", "a", "ein", "einem", "einen", "eine", "una", "une"), 1),
}
_N = r"(?P<n>\d{1,5}|" + "|".join(sorted(_NUMBER_WORDS, key=len, reverse=True)) + r")"
_UNITS = {
    "word": r"words?|wörtern?|worten?|palabras?|mots?",
    "sentence": r"sentences?|sätzen?|satz|frases?|oraciones|oración|phrases?",
    "character": r"characters?|zeichen|caracteres|caractères",
    "paragraph": r"paragraphs?|absätzen?|absatz|párrafos?|paragraphes?",
}
_UNIT = "(?:" + "|".join(f"(?P<{unit}>{pattern})" for unit, pattern in _UNITS.items()) + r")\b"
_AT_MOST = (
    r"at most|no more than|not more than|a maximum of|maximum(?: of)?|max\.?|up to|under|below|fewer than|less than|within|not exceed(?:ing)?|limit(?:ed)? (?:\w+ ){0,3}to|"
    r"höchstens|maximal|nicht mehr als|unter|como máximo|máximo(?: de)?|no más de|menos de|au plus|au maximum|maximum de|pas plus de|moins de"
)
_AT_LEAST = r"at least|a minimum of|minimum(?: of)?|no (?:fewer|less) than|not less than|more than|over|mindestens|wenigstens|al menos|como mínimo|mínimo(?: de)?|au moins|au minimum"
_EXACT = r"exactly|precisely|genau|exactamente|exactement"
_HAVE = r"(?:should|must|needs? to|has to|have to|shall) (?:only )?(?:be|have|contain|include|consist of|comprise)"
_BELOW = r"under|below|fewer than|less than|unter|menos de|moins de"
_ABOVE = r"more than|over"
_LOOSE = r"in|using|with|en|mit|con|avec"
_AFTER = r"or (?:less|fewer)|max(?:imum)?|at most|oder weniger|o menos|ou moins"
_LIMIT = re.compile(
    rf"(?:\b(?:(?P<most>{_AT_MOST})|(?P<least>{_AT_LEAST})|(?P<exact>{_EXACT})|(?P<have>{_HAVE})|(?P<loose>{_LOOSE})) (?:just |only |about |around )?)?"
    rf"\b{_N}[ -](?:short |long |brief |simple |concise |kurzen? )?{_UNIT}(?P<after> (?:{_AFTER})\b)?"
)
# the cheap question, in RE2, before the dear one: is a number of units spoken of at all
_LIMIT_HINT = (
    r"\b(?:\d{1,5}|" + "|".join(_NUMBER_WORDS) + r")[ -](?:\pL+ )?(?:" + "|".join(_UNITS.values()) + r")"
)
_SLACK = {"word": 0.1, "character": 0.1, "sentence": 0.0, "paragraph": 0.0}

_LANGUAGES = {
    "en": r"english|englisch|inglés|anglais",
    "de": r"german|deutsch|alemán|allemand",
    "es": r"spanish|spanisch|español|espagnol",
    "fr": r"french|französisch|francés|français",
    "it": r"italian|italienisch|italiano|italien",
    "pt": r"portuguese|portugiesisch|portugués|portugais|português",
    "nl": r"dutch|niederländisch|holandés|néerlandais",
    "pl": r"polish|polnisch|polaco|polonais",
    "ru": r"russian|russisch|ruso|russe",
    "uk": r"ukrainian|ukrainisch|ucraniano|ukrainien",
    "tr": r"turkish|türkisch|turco|turc",
    "ar": r"arabic|arabisch|árabe|arabe",
    "hi": r"hindi",
    "zh": r"chinese|mandarin|chinesisch|chino|chinois",
    "ja": r"japanese|japanisch|japonés|japonais",
    "ko": r"korean|koreanisch|coreano|coréen",
    "vi": r"vietnamese|vietnamesisch|vietnamita|vietnamien",
    "sv": r"swedish|schwedisch|sueco|suédois",
    "el": r"greek|griechisch|griego|grec",
    "he": r"hebrew|hebräisch|hebreo|hébreu",
    "th": r"thai",
    "ur": r"urdu",
    "fa": r"persian|farsi",
    "bn": r"bengali|bangla",
    "pa": r"punjabi|panjabi",
    "ta": r"tamil",
    "te": r"telugu",
    "mr": r"marathi",
    "gu": r"gujarati",
    "kn": r"kannada",
    "ml": r"malayalam",
    "ne": r"nepali",
    "id": r"indonesian|bahasa|malay",
    "sw": r"swahili|kiswahili",
    "fi": r"finnish|finnisch",
    "da": r"danish|dänisch|danés|danois",
    "no": r"norwegian|norwegisch|noruego|norvégien",
    "cs": r"czech|tschechisch|checo|tchèque",
    "hu": r"hungarian|ungarisch|húngaro|hongrois",
    "ro": r"romanian|rumänisch|rumano|roumain",
    "bg": r"bulgarian|bulgarisch|búlgaro|bulgare",
    "sr": r"serbian|croatian|bosnian|serbisch|kroatisch",
    "ca": r"catalan|katalanisch|catalán",
    "la": r"latin|lateinisch",
}
_ANY_LANGUAGE = "|".join(_LANGUAGES.values())
_ASKS_LANGUAGE = re.compile(
    rf"\b(?:in|into|auf|ins|en|al|to) (?:the |plain |simple )?(?P<name>{_ANY_LANGUAGE})\b"
)
_ASKS_IN_LANGUAGE = rf"\b(?:in|into|auf|ins|en|al|to) (?:\pL+ )?(?:{_ANY_LANGUAGE})\b"
_NAMES_LANGUAGE = (
    rf"(?:^|[^\pL])(?:{_ANY_LANGUAGE}|translat\pL*|überset\pL*|traduc\pL*|tradui\pL*)(?:[^\pL]|$)"
)


@dataclass(frozen=True)
class Limit:
    """A length that an input asks for."""

    bound: Literal["most", "least", "exact"]
    n: int
    unit: str


def json_missing(frame: pd.DataFrame) -> np.ndarray:
    """The input asks for JSON and the output, or the code block in it, is none."""
    scan = scan_of(frame)
    asked = matches(scan.lower("input"), _ASKS_JSON) & scan.present("output")
    for i in np.flatnonzero(asked):
        asked[i] = not _is_json(_json_part(scan.whole("output")[int(i)].as_py()))
    return asked


def json_broken(frame: pd.DataFrame) -> np.ndarray:
    """The output opens and closes like a JSON object or array and does not parse."""
    scan = scan_of(frame)
    like = matches(
        scan.trimmed("output"), r"(?s)\A(?:```json\s.*```|\{\s*(?:\".*)?\}|\[\s*(?:[\"{\[\d-].*)?\])\z"
    )
    for i in np.flatnonzero(like):
        like[i] = not _is_json(_json_part(scan.whole("output")[int(i)].as_py()))
    return like


def list_missing(frame: pd.DataFrame) -> np.ndarray:
    scan = scan_of(frame)
    asked = matches(scan.lower("input"), _ASKS_LIST) & scan.present("output")
    return asked & (counts(scan.lines_of("output"), _LIST_LINE) < 2)


def table_missing(frame: pd.DataFrame) -> np.ndarray:
    scan = scan_of(frame)
    asked = matches(scan.lower("input"), _ASKS_TABLE) & scan.present("output")
    return asked & (counts(scan.lines_of("output"), _TABLE_LINE) < 2)


def limit_missed(frame: pd.DataFrame) -> np.ndarray:
    """The input sets a number of words, sentences, characters or paragraphs, and the output is beyond it."""
    scan = scan_of(frame)
    missed = matches(scan.lower("input"), _LIMIT_HINT) & scan.present("output")
    if not missed.any():
        return missed
    for i in np.flatnonzero(missed):
        limits = asked_limits(scan.lower("input")[int(i)].as_py())
        text = scan.whole("output")[int(i)].as_py()
        missed[i] = any(not holds(limit, text) for limit in limits)
    return missed


def asked_limits(text: str) -> list[Limit]:
    """The lengths that a lower-case input asks for; a bare "200 words" without a preposition is none."""
    found = []
    for match in _LIMIT.finditer(text):
        unit = next(u for u in _UNITS if match.group(u))
        number = match.group("n")
        n = int(number) if number.isdigit() else _NUMBER_WORDS[number]
        # "fewer than three sentences" are two; among words one more or less is within the slack
        strict = not _SLACK[unit]
        if match.group("least"):
            found.append(
                Limit("least", n + (strict and bool(re.fullmatch(_ABOVE, match.group("least")))), unit)
            )
        elif match.group("exact") or (match.group("have") and strict and not match.group("after")):
            found.append(Limit("exact", n, unit))
        elif (match.group("most") or match.group("loose") or match.group("after")) and (
            n > 1 or unit != "word"
        ):
            # "in a word" asks for no single word
            below = strict and bool(re.fullmatch(_BELOW, match.group("most") or ""))
            found.append(Limit("most", n - below, unit))
    return found


def holds(limit: Limit, text: str) -> bool:
    """Whether a text keeps to a limit, with a tenth of slack on words and characters."""
    size = _size(text, limit.unit)
    slack = _SLACK[limit.unit] * limit.n
    under, over = size >= limit.n - slack, size <= limit.n + slack
    return {"most": over, "least": under, "exact": over and under}[limit.bound]


def language_mismatch(frame: pd.DataFrame) -> np.ndarray:
    """The output's language is neither the input's nor one that the input names; only where both can be told."""
    scan = scan_of(frame)
    told = scan.languages
    differ = (told.output != "") & (told.input != "") & (told.output != told.input)
    return differ & ~matches(scan.lower("input"), _NAMES_LANGUAGE)


def language_missed(frame: pd.DataFrame) -> np.ndarray:
    """The input asks for an answer in a language, and the output is in none of those that it names."""
    scan = scan_of(frame)
    told = scan.languages.output
    missed = matches(scan.lower("input"), _ASKS_IN_LANGUAGE) & (told != "")
    for i in np.flatnonzero(missed):
        asked = asked_languages(scan.lower("input")[int(i)].as_py())
        missed[i] = bool(asked) and told[i] not in asked
    return missed


def asked_languages(text: str) -> set[str]:
    """Codes of the languages that a lower-case input asks an answer in."""
    names = [match.group("name") for match in _ASKS_LANGUAGE.finditer(text)]
    return {code for name in names for code, pattern in _LANGUAGES.items() if re.fullmatch(pattern, name)}


def _size(text: str, unit: str) -> int:
    if unit == "word":
        return len(text.split())
    if unit == "character":
        return len(text.strip())
    if unit == "paragraph":
        return len(paragraphs(text))
    # a sentence ends at its mark before white space, or at a line's end; "e.g." and "3.5" do not end one
    text = re.sub(r"\b(?:[A-Za-z]\.){2,}|\b(?:Mr|Mrs|Ms|Dr|Prof|St|vs|etc|No|bzw|Nr|Sr|Sra)\.", "x", text)
    return sum(
        1
        for part in re.split(r"(?<![.!?…])[.!?…]+[\"'”’)\]*]*(?:\s+|$)|[。！？]|\n+", text)
        if re.search(r"\w", part)
    )


def _json_part(text: str) -> str:
    fenced = re.search(r"```(?:json)?\s*(.*?)```", text, re.DOTALL)
    return (fenced.group(1) if fenced else text).strip()


def _is_json(text: str) -> bool:
    if not text.startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _asks(pattern: str) -> Callable[[pd.DataFrame], np.ndarray]:
    return lambda frame: matches(scan_of(frame).lower("input"), pattern) & scan_of(frame).present("output")


def _asks_limit(frame: pd.DataFrame) -> np.ndarray:
    """The input sets a length."""
    scan = scan_of(frame)
    asks = matches(scan.lower("input"), _LIMIT_HINT) & scan.present("output")
    for i in np.flatnonzero(asks):
        asks[i] = bool(asked_limits(scan.lower("input")[int(i)].as_py()))
    return asks


ASKED: tuple[tuple[Callable[[pd.DataFrame], np.ndarray], Callable[[pd.DataFrame], np.ndarray]], ...] = (
    (_asks(_ASKS_JSON), json_missing),
    (_asks(_ASKS_LIST), list_missing),
    (_asks(_ASKS_TABLE), table_missing),
    (_asks_limit, limit_missed),
    (_asks(_ASKS_IN_LANGUAGE), language_missed),
)
"""Where a format is asked for, and where it is missed."""


def _flag(name: str, measure: Callable[[pd.DataFrame], np.ndarray], says: str) -> Probe:
    return Probe(name, measure, says=says, kind="flag", hint=True, dimension="instruction adherence")


PROBES = (
    _flag("json_missing", json_missing, "gives no JSON where asked"),
    _flag("json_broken", json_broken, "gives JSON that does not parse"),
    _flag("list_missing", list_missing, "gives no list where asked"),
    _flag("table_missing", table_missing, "gives no table where asked"),
    _flag("limit_missed", limit_missed, "misses a length that was asked for"),
    _flag("language_mismatch", language_mismatch, "answers in another language"),
    _flag("language_missed", language_missed, "misses the language that was asked for"),
)
