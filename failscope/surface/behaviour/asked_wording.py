"""What an input asks of the letters, signs and words of an answer: hides the many ways of saying so."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial

from failscope.surface.behaviour import checks
from failscope.surface.behaviour.asking import (
    BOUND,
    FILL,
    NOT,
    NUMBER,
    QUOTED,
    TIMES,
    WHOLE,
    WORDY,
    Check,
    bound_of,
    is_free,
    phrases_after,
    quoted,
)
from failscope.surface.behaviour.checks import Bound

_NAMES = {
    "comma": r"commas?|kommas?|kommata|comas?|virgules?",
    "exclamation": r"exclamation (?:marks?|points?)|ausrufezeichen|signos? de exclamación|points? d'exclamation",
    "question mark": r"question marks?|fragezeichen|signos? de interrogación|points? d'interrogation",
    "semicolon": r"semi-?colons?",
    "dash": r"(?:em[ -]?|en[ -]?)?dash(?:es)?",
    "hyphen": r"hyphens?",
    "apostrophe": r"apostrophes?",
    "contraction": r"contractions?",
    "quotation mark": r"(?:double )?quotation marks?|double quotes|anführungszeichen|comillas|guillemets",
    "parenthesis": r"parenthes[ie]s",
    "bracket": r"(?:square )?brackets",
    "asterisk": r"asterisks?",
    "emoji": r"emojis?|emoticons?",
    "digit": r"digits?|numerals?|ziffern|dígitos|chiffres",
    "hashtag": r"hash ?tags?",
    "link": r"links?|urls?|hyperlinks?",
    "markdown": r"markdown(?: formatting| syntax)?",
    "bullet": r"bullet(?:ed)?[ -]?(?:points?|lists?)|bullets|lists|aufzählung(?:en|szeichen)?|viñetas",
    "heading": r"headings?|headers?",
    "html": r"html(?: tags)?",
    "line break": r"line[ -]?breaks?|new ?lines?",
    "full stop": r"periods?|full stops?",
    "code block": r"code (?:blocks?|fences?)",
    "table": r"tables?",
}
ANY_NAME = "|".join(_NAMES.values())


_NO_CHARACTER = re.compile(
    rf"\b{NOT}(?: {FILL}){{0,6}} (?P<what>(?:{ANY_NAME})(?:(?:,? (?:and|or|nor) |, )(?:any )?(?:{ANY_NAME}))*)\b(?! (?:in|for) (?:the )?(?:title|first))"
)
_CHARACTER_BARRED = re.compile(
    rf"\b(?P<what>{ANY_NAME})\s(?:in [\w ]{{3,30}} )?(?:are|is|should|must)(?: be)? (?:not (?:be )?(?:allowed|permitted|used|included)|forbidden|prohibited|banned|avoided)"
)


def letter_case(text: str) -> Iterator[Check]:
    capitals = r"(?:capital letters?|capitals|caps|upper[- ]?case(?: letters?)?|großbuchstaben|mayúsculas|majuscules)"
    small = r"(?:lower[- ]?case(?: letters?)?|small letters|kleinbuchstaben|minúsculas|minuscules)"
    wide = r"(?:all|only|entirely|completely|fully|exclusively|nur|sólo|solo|uniquement|en)"
    if is_free(
        text,
        rf"\b(?:in|using|use|with|be|into) (?:{wide} )*(?:the )?{small}\b|\ball {small}\b|\b{small} only\b",
        _PARTS,
    ) or is_free(
        text,
        rf"\b(?:no|without|not use|don't use|avoid|never use|not contain|not include)(?: using| any| the use of)* {capitals}\b|\b{capitals} are not (?:allowed|permitted)|\b(?:nur|in) kleinbuchstaben|(?:todo )?en minúsculas|en minuscules",
        _PARTS,
    ):
        yield partial(checks.has_case, upper=False)
    elif is_free(
        text,
        rf"\b(?:in|using|use|be|into|with) (?:{wide} )+{capitals}\b|\b(?:in|into|to) (?:upper[- ]?case|capital letters|capitals)\b(?! (?:the|first))|\b(?:only )?(?:upper[- ]?case|capital letters) only\b|\bonly (?:use )?capital letters\b|\b(?:nur|in) großbuchstaben|(?:todo )?en mayúsculas|en majuscules",
        _PARTS,
    ):
        yield partial(checks.has_case, upper=True)


# what stands before a phrase when it is about a part of the answer only
_PARTS = r"\b(?:words?|titles?|headings?|headers?|names?|first|initial|each|every|keywords?|labels?|keys?|times|some|start(?:s|ing)?|begin(?:s|ning)?|subject|nouns?|if|parts?|sections?|lines?|wörter|palabras|mots)\b[^.!?\n;]{0,60}\Z"


def forbidden_character(text: str) -> Iterator[Check]:
    for match in [*_NO_CHARACTER.finditer(text), *_CHARACTER_BARRED.finditer(text)]:
        for name, pattern in _NAMES.items():
            if re.search(rf"\b(?:{pattern})\b", match["what"]):
                yield partial(checks.is_free_of, what=name)


def forbidden_word(text: str) -> Iterator[Check]:
    for match in re.finditer(rf"\b{NOT}(?: {FILL}){{0,6}}(?P<noun> {WORDY})?(?= ?[:\[\"'“«„`]| \w)", text):
        words, end = phrases_after(text, match.end(), bare=bool(match["noun"]))
        if words and not re.match(
            rf" ?(?:(?:any )?{BOUND}|{NUMBER} times|(?:more|less|fewer) than)", text[end:]
        ):
            for word in words:
                yield partial(_holds_count, phrase=word, bound="most", n=0)
    for match in re.finditer(rf"\b{WORDY} ", text):
        words, end = phrases_after(text, match.end(), bare=True)
        barred = r"[^.!?\n]{0,12}\b(?:should|must|may|can|is|are|do|does|shall)(?: not|n't) (?:appear|be (?:used|in|included|mentioned|present)|allowed|permitted|occur)|[^.!?\n]{0,5}\b(?:is|are) (?:forbidden|banned|prohibited)"
        if words and re.match(barred, text[end:]):
            for word in words:
                yield partial(_holds_count, phrase=word, bound="most", n=0)


def _holds_count(text: str, *, phrase: str, bound: Bound, n: int) -> bool:
    return checks.bounded(checks.count_phrase(text, phrase), bound, n)


def _holds_any(text: str, *, phrases: Sequence[str]) -> bool:
    # "apologised" has the word "apologise"
    return any(checks.count_phrase(text, phrase, whole=False) for phrase in phrases)


def _holds_letter(text: str, *, letter: str, bound: Bound, n: int) -> bool:
    return checks.bounded(checks.count_letter(text, letter), bound, n)


_MUST = re.compile(
    rf"\b(?:include|including|use|using|mention|mentioning|contain|containing|incorporate|incorporating|have|feature|say|add|with|the|verwende|enthalten|incluye|inclure|utilise)(?: (?:the|a|an|all|each|both|of|these|this|following|exact|specific|any|either|one|at least|die|das|la|las|les?))*(?P<noun> {WORDY})?(?= ?[:\[\"'“«„`]| \w)"
)


def word_missing(text: str) -> Iterator[Check]:
    for match in _MUST.finditer(text):
        before = text[max(0, match.start() - 50) : match.start()]
        alone = match[0].startswith("the")
        if re.search(
            rf"\b{NOT}(?: {FILL})* ?\Z|\b(?:like|such as|e\.g\.|if|when|whether|whenever|replac\w+|start\w*|begin\w*|open\w*|end\w*|finish\w*|clos\w+|conclud\w+|mark\w*|denot\w+|separat\w+|answer|respond|reply)\b[^.!?\n]{{0,30}}\Z",
            before,
        ):
            continue
        words, end = phrases_after(text, match.end(), bare=bool(match["noun"]))
        if not words:
            continue
        after = text[end : end + 80]
        count = re.match(
            rf" ?,?(?: (?:should|must|has to|needs? to|shall|to|will))?(?: (?:appear|be used|be included|occur|be mentioned|show up|be present))?s?(?: in [\w ]{{3,30}}?)?,? {TIMES}",
            after,
        )
        counted = count is not None and ("time" in count[0] or count["n"] in ("once", "twice", "thrice"))
        if counted and count is not None:
            bound, n = bound_of(count)
            for word in words:
                yield partial(_holds_count, phrase=word, bound=bound, n=n)
        elif (
            match["noun"] and not alone and not re.match(r" ?(?:to mean|as a|for|when|instead|means)", after)
        ):
            listed = text[match.start() : end]
            if re.search(r"\b(?:either|any|one|at least one) of\b|\bor\b|\beither\b", listed):
                yield partial(_holds_any, phrases=words)
                continue
            for word in words:
                yield partial(_holds_any, phrases=(word,))


def letter_count(text: str) -> Iterator[Check]:
    pattern = rf"\bthe (?:letter|character|symbol|sign) ?[\"'“`]?(?P<letter>[^\s\"'“”`])[\"'”`]?(?: (?:should|must|has to|needs? to|to))?(?: (?:appear|occur|be used|show up))?s?(?: in [\w ]{{3,30}}?)?,? {TIMES}"
    for match in re.finditer(pattern, text):
        bound, n = bound_of(match)
        yield partial(_holds_letter, letter=match["letter"], bound=bound, n=n)
    pattern = rf"{BOUND}{NUMBER} (?:times )?(?:the )?letter ?[\"'“`]?(?P<letter>\w)\b"
    for match in re.finditer(pattern, text):
        bound, n = bound_of(match)
        yield partial(_holds_letter, letter=match["letter"], bound=bound, n=n)


_ONLY_A_PART = r"\b(?:each|every|all (?:the )?(?:sentences|lines|paragraphs|words)|sentences?|lines?|paragraphs?|sections?|bullets?|items?|titles?|subject|words? (?:that|which))\b[^.!?\n]{0,25}\Z"


def opening(text: str) -> Iterator[Check]:
    verb = r"\b(?:start(?:s|ing)?|begin(?:s|ning)?|open(?:s|ing)?|beginne?|empieza|comienza|commence[rz]?)"
    pattern = rf"{verb}(?: (?:your|the|my|this|its?|off|entire|whole|{WHOLE}))*(?: (?:with|by saying|mit|con|par)| off with)(?: (?:the|this|exact|following|words?|phrase|sentence|line|greeting|text|den worten|las palabras|la frase|les mots))*[ :,]+{QUOTED}"
    for match in re.finditer(pattern, text):
        if not re.search(_ONLY_A_PART, text[max(0, match.start() - 50) : match.start()]):
            yield partial(checks.starts_with, phrase=quoted(match))
    which = (
        r"(?P<which>first|second|third|fourth|fifth|last|final|\d{1,2}(?:st|nd|rd|th)|(?P<number>\d{1,2}))"
    )
    pattern = rf"\b(?:the )?(?:{which} paragraph|paragraph (?P<after>\d{{1,2}}))(?: (?:must|should|has to|needs to|shall|to))*,? (?:start|begin|open)s? with (?:the )?(?:word |phrase )?(?:{QUOTED}|(?P<bare>[\w-]+))"
    for match in re.finditer(pattern, text):
        named = match["after"] or match["which"]
        place = {"first": 0, "second": 1, "third": 2, "fourth": 3, "fifth": 4, "last": -1, "final": -1}.get(
            named
        )
        if place is None:
            place = int(re.sub(r"\D", "", named)) - 1
        yield partial(_paragraph_starts, place=place, phrase=match["bare"] or quoted(match))


def _paragraph_starts(text: str, *, place: int, phrase: str) -> bool:
    blocks = checks.paragraphs(text)
    return -1 <= place < len(blocks) and bool(blocks) and checks.starts_with(blocks[place], phrase)


def ending(text: str) -> Iterator[Check]:
    verb = r"\b(?:end(?:s|ing)?|finish(?:es|ing)?|close[sd]?|closing|conclude[sd]?|concluding|sign(?:ing)? off|beende|schließe|termina|acaba|termine[rz]?|finis)"
    pattern = rf"{verb}(?: (?:your|the|my|this|its?|off|entire|whole|{WHOLE}|\w+)){{0,5}}? (?:with|by saying|by asking|mit|con|par)(?: (?:the|this|these|exact|following|words?|phrase|sentence|line|question|text|den worten|las palabras|la frase|les mots))*[ :,]+{QUOTED}"
    for match in re.finditer(pattern, text):
        if not re.search(_ONLY_A_PART, text[max(0, match.start() - 50) : match.start()]):
            yield partial(checks.ends_with, phrase=quoted(match))
    pattern = rf"\b(?:the )?(?:very )?(?:last|final) (?:words?|sentence|line|phrase)(?: of (?:your|the) \w+)? (?:must|should|has to|have to|needs to)? ?(?:be|is|are|read|say)[ :,]+(?:the (?:word|phrase) )?{QUOTED}"
    for match in re.finditer(pattern, text):
        yield partial(checks.ends_with, phrase=quoted(match))


def quotation(text: str) -> Iterator[Check]:
    if re.search(
        rf"\b(?:wrap|enclose|put|surround|place|embed|contain)(?:ped|d|ing|ed)?\b[^.!?\n]{{0,40}}\b{WHOLE}?\b[^.!?\n]{{0,25}}\b(?:in|inside|with|within|between|by) (?:a pair of )?(?:double |single )?(?:quotation marks?|quotes)|\b(?:entire|whole|full) (?:response|answer|output|reply)[^.!?\n]{{0,40}}\b(?:in|inside|with|within) (?:double |single )?(?:quotation marks?|quotes)",
        text,
    ) and not re.search(
        r"\b(?:title|name|word|each|every|quote the|dialogue)s?\b[^.!?\n]{0,50}(?:quotation marks|quotes)",
        text,
    ):
        yield checks.is_quoted


def capital_words(text: str) -> Iterator[Check]:
    capitals = r"(?:all[ -])?(?:capital letters?|capitals|caps|upper[- ]?case(?: letters)?)"
    for pattern in (
        rf"(?:{BOUND})?{NUMBER} (?:\w+ )?(?:words?|terms?) (?:in|with|that are|written in|using|of) (?:only )?{capitals}",
        rf"words? (?:in|with|that are|written in|using) (?:only )?{capitals}[^.!?\n]{{0,40}}? {TIMES}",
        rf"(?:{BOUND})?{NUMBER} (?:fully |all[ -])?(?:capitali[sz]ed|upper[- ]?case|all[ -]caps) words?",
        rf"{capitals}[^.!?\n]{{0,30}}\b{BOUND}{NUMBER} times",
    ):
        found = list(re.finditer(pattern, text))
        for match in found:
            bound, n = bound_of(match)
            yield partial(_capitals_hold, bound=bound, n=n)
        if found:
            return


def _capitals_hold(text: str, *, bound: Bound, n: int) -> bool:
    # "I" and "A" are capitals of themselves: whichever count is kept to is right
    return any(checks.bounded(checks.capital_words(text, single=one), bound, n) for one in (True, False))
