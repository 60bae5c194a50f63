"""What an input asks of the parts of an answer: hides the many ways of asking for lists, titles, tags or one of some options."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from failscope.surface.behaviour import checks
from failscope.surface.behaviour.asking import (
    BOUND,
    FILL,
    NOT,
    NUMBER,
    NUMBERS,
    Check,
    bound_of,
    count_holds,
    phrases_after,
)
from failscope.surface.behaviour.checks import Bound

COUNTED = {
    "bullet": r"bullet(?:ed)?[ -]?(?:points?|items?|list items?)|bullets|(?:list|numbered) items|stichpunkte|viñetas|puces",
    "section": r"sections|abschnitte|secciones",
    "line": r"lines|zeilen|líneas|versos|lignes",
    "block": r"stanzas|verses|strophen|estrofas|strophes",
    "item": r"tips|examples|ideas|reasons|suggestions|ways|names|titles|questions|options|headlines|slogans|facts|steps|items|points|benefits|strategies|recommendations|activities|places|books|movies|recipes|taglines|hashtags|topics|keywords|words that|tweets|quotes|jokes|riddles|prompts|features|arguments|differences|things|tipps|ideen|gründe|beispiele|consejos|ejemplos|razones|idées|exemples|raisons|conseils",
}
_ASKS_ITEMS = r"\b(?:give|list|name|provide|suggest|generate|write|create|come up with|tell|share|offer|propose|recommend|brainstorm|what are|nenne|gib|liste|dame|enumera|donne|cite)(?: me| us| mir| moi| the| a list of| out| up)*"


def number_of_items(text: str) -> Iterator[Check]:
    for unit, nouns in COUNTED.items():
        asked = (
            rf"(?P<verb>{_ASKS_ITEMS} )"
            if unit == "item"
            else r"(?P<verb>\b(?:in|into|with|have|has|contain|contains|use|using|include|be|are|exactly|give me|list|write|of|mit|con|avec) )"
        )
        for match in re.finditer(rf"(?:{asked})?(?:{BOUND})?\b{NUMBER} (?:\w+ ){{0,2}}?(?:{nouns})\b", text):
            bound, n = bound_of(match)
            stated = any(match[b] for b in ("least", "more", "most", "less", "exact"))
            if not (stated or match["verb"]) or not 1 < n <= 100:
                continue
            bound = bound if stated else "exact"
            mark = re.search(
                r"(?:mark|start|begin|denote|label|indicate)[^.!?\n]{0,60}\b(?:section|with|as|by) ?[\"'“]?\b(?P<m>section|part|day|chapter|audience|paragraph|\w+)(?: x| 1| n|\d)\b",
                text,
            )
            yield partial(_items_hold, unit=unit, bound=bound, n=n, mark=mark["m"] if mark else "")


def _items_hold(text: str, *, unit: str, bound: Bound, n: int, mark: str) -> bool:
    if unit == "bullet":
        return any(checks.bounded(size, bound, n) for size in checks.bullets(text))
    if unit == "line":
        return checks.bounded(checks.lines(text), bound, n) or checks.bounded(
            checks.lines(text) - 1, bound, n
        )
    if unit == "block":
        blocks = len(checks.paragraphs(text))
        # a title is a block of its own
        return checks.bounded(blocks, bound, n) or checks.bounded(blocks - 1, bound, n)
    if unit == "section":
        found = {
            checks.sections(text, mark),
            checks.sections(text),
            len(checks.paragraphs(text)),
            checks.items(text),
        }
        return any(checks.bounded(size, bound, n) for size in found)
    size = checks.items(text)
    # things that are no list are not counted
    return size < 2 or checks.bounded(size, bound, n)


def title(text: str) -> Iterator[Check]:
    if match := re.search(r"\btitle\b[^.!?\n]{0,60}(?P<open><<|\[\[|\{\{|##|\*\*|==)[^\n]{0,40}", text):
        opening = match["open"]
        closing = {"<<": ">>", "[[": "]]", "{{": "}}"}.get(opening, opening)
        yield partial(
            _holds_pattern,
            pattern=rf"{re.escape(opening)}[^\n]+?{re.escape(closing) if opening != '##' else ''}",
        )
    elif re.search(
        r"\b(?:give|add|include|provide|create|write|have|has|needs?|contain|with)s?(?: (?:it|your \w+|the \w+|me))?(?: also)? (?:a|an|the) (?:\w+ )?title\b(?! (?:tag|page|deed|role|case))|\btitle (?:it|your|the (?:poem|story|post|article|essay))\b|\bmit (?:einer )?(?:überschrift|titel)|\bcon (?:un )?título|\bavec un titre",
        text,
    ) and not re.search(r"\b(?:job|song|book|movie|film|meta|page|product|video) titles?\b|\btitles\b", text):
        yield checks.has_title


def _holds_pattern(text: str, *, pattern: str) -> bool:
    return re.search(pattern, text) is not None


def postscript(text: str) -> Iterator[Check]:
    if re.search(
        r"\b(?:add|include|end|ending|finish|close|contain|with|have|append|write)\b[^.!?\n]{0,60}(?:\bpostscript|\bpost script|\bp\. ?(?:p\. ?)?s\b|\bpps\b)",
        text,
    ):
        yield partial(checks.has_postscript, second=bool(re.search(r"\bp\. ?p\. ?s\b|\bpps\b", text)))


def placeholder(text: str) -> Iterator[Check]:
    pattern = rf"\b(?:{BOUND})?{NUMBER} (?:\w+ )?placeholders?\b"
    if re.search(r"\[[^\[\]\n]*\]|square bracket|brackets", text):
        for match in re.finditer(pattern, text):
            bound, n = bound_of(match)
            yield partial(count_holds, count=checks.placeholders, bound=bound, n=n)


def repeat(text: str) -> Iterator[Check]:
    pattern = r"\b(?:repeat|copy|restate|reproduce|rewrite|write out|quote)(?: out)? (?:the |this |my |your )?(?:exact |entire |whole |full |above |following |original |user'?s? )*(?:request|question|prompt|query|sentence|instruction|message|input|task|text)s?\b(?=[^.!?\n]{0,80}\b(?:word for word|word-for-word|exactly|verbatim|without (?:any )?(?:change|changing|changes|modif)|as it is|as is|first|before|then))|\b(?:first|before)[^.!?\n]{0,60}\brepeat (?:the |this |my )?(?:\w+ )?(?:request|question|prompt|query|sentence|instruction|task)"
    match = re.search(pattern, text)
    if not match or re.search(rf"\b{NOT}(?: {FILL})* ?\Z", text[max(0, match.start() - 30) : match.start()]):
        return
    # the request is what stands before the sentence that asks for it to be repeated, or else anything in the input
    ahead = text[: match.start()]
    cut = max(ahead.rfind(mark) for mark in (". ", "? ", "! ", "\n", ".\n"))
    ahead = ahead[: cut + 1].strip() if cut >= 0 else ""
    yield partial(_repeated, asked=ahead, text_of_input=text)


def _repeated(text: str, *, asked: str, text_of_input: str) -> bool:
    if len(asked.split()) >= 4:
        return checks.repeats(text, asked)
    opening = " ".join(text.split()[:8])
    return (
        checks.count_phrase(
            " ".join(re.findall(r"\w+", text_of_input)), " ".join(re.findall(r"\w+", opening))
        )
        > 0
    )


_SEPARATOR = r"(?:separated?|separating|divided?|delimited?|split|sep) (?:them |it |each |the \w+ |\w+ )?(?:with|by|using|from each other (?:with|by))[^\n.!?\"'*#=~\-|]{0,60}[\"'“`]?(?P<mark>([*#=~\-|_$&+])\2{2,})"


def separator(text: str) -> Iterator[Check]:
    several = re.search(
        rf"\b{NUMBER} (?:\w+ )?(?:different |distinct |separate |alternative )*(?:responses|answers|versions|options|alternatives|replies|paragraphs|poems|sections|stories|parts|drafts|suggestions)\b",
        text,
    )
    for match in re.finditer(_SEPARATOR, text):
        n = 2
        if several and several["n"]:
            n = int(several["n"]) if several["n"].isdigit() else NUMBERS[several["n"]]
        yield partial(_parts_hold, separator=match["mark"], n=n)


def _parts_hold(text: str, *, separator: str, n: int) -> bool:
    found = checks.parts(text, separator)
    return len(found) == n and len(set(found)) == n


_ONLY = r"\b(?:only|just|solely|simply|nothing (?:else|but)|single word|one word|nur|solo|sólo|uniquement|seulement)\b"


def option(text: str) -> Iterator[Check]:
    answer = r"(?:answer|respond|reply|say|output|return|choose|pick|select|write|give|antworte|responde|réponds|répondez)"
    pairs = r"(?:yes (?:or|/|and) no|yes/no|true (?:or|/) false|true/false|ja oder nein|sí o no|oui ou non)"
    sure = re.search(rf"\b{answer}(?:ing)?\b[^.!?\n]{{0,40}}\b{pairs}\b[^.!?\n]{{0,30}}", text)
    if sure and re.search(_ONLY, text[max(0, sure.start() - 30) : sure.end()]):
        found = re.search(pairs, sure[0])
        yield partial(
            checks.is_option,
            options=re.split(r"\W*(?:\b(?:or|and|oder|o|ou)\b|/)\W*", found[0] if found else ""),
            alone=True,
        )
    pattern = rf"\b(?:{answer}|classify|categori[sz]e|label|tag)(?:ing)?\b[^.!?\n]{{0,60}}?\b(?:with|as|from|of|between|among|into) (?:only |exactly |just )?(?:one of )?(?:the )?(?:following |these |given )*(?:\w+ )?(?:options?|phrases?|labels?|categor(?:y|ies)|words?|answers?|choices|classes|values)\b[^:\n\"'“(\[]{{0,20}}[:(\[]? ?"
    for match in re.finditer(pattern, text):
        options, _ = phrases_after(text, match.end(), bare=False)
        if not options:
            rest = text[match.end() :]
            bracket = re.match(r"([^()\[\]\n]{3,200})[)\]]", rest)
            if bracket and re.search(r"[(\[] ?\Z", match[0]):
                options = [o.strip(" '\"") for o in re.split(r",|/|;|\bor\b", bracket[1])]
        options = [o for o in options if o]
        if len(options) > 1:
            near = text[max(0, match.start() - 40) : match.end()]
            yield partial(checks.is_option, options=options, alone=bool(re.search(_ONLY, near)))


def no_preamble(text: str) -> Iterator[Check]:
    extra = r"(?:explanations?|preambles?|introductions?|intro|commentary|comments|additional (?:text|words|information|comments?|explanations?)|extra (?:text|words)|other (?:text|words|comments?)|pleasantries|greetings?|small talk|prose|erklärung(?:en)?|einleitung|explicación|explicaciones|comentarios|introducción|explications?|commentaires?)"
    if re.search(
        rf"\b(?:no|without|avoid|skip|omit|nothing but|do not (?:add|include|provide|give|write|say)|don't (?:add|include|provide|give|write|say)|ohne|keine|sin|sans)(?: any| an| further| other| your| the)* {extra}\b"
        r"|\b(?:only|just) (?:output|return|respond with|reply with|give|provide|write|print) (?:me )?(?:the|a|an|your|one|valid)\b|\b(?:output|return|respond with|reply with|provide|print) only (?:the|a|an|your|one|valid)\b|\bnothing else\b",
        text,
    ):
        yield checks.is_bare


def highlight(text: str) -> Iterator[Check]:
    pattern = rf"\b(?P<verb>highlight|bold|italici[sz]e|emphasi[sz]e|put in bold)(?:ed|ing)? (?:{BOUND})?{NUMBER} (?:\w+ ){{0,2}}(?:sections?|parts?|phrases?|words?|passages?|sentences?|terms?|points?|keywords?|texts?)\b"
    marked = re.search(r"markdown|\*\w[^*\n]*\*|bold|italic|asterisk|e\.g\.|i\.e\.", text)
    for match in re.finditer(pattern, text):
        if marked:
            bound, n = bound_of(match)
            only_bold = match["verb"] in ("bold", "put in bold")
            yield partial(count_holds, count=partial(checks.highlights, bold=only_bold), bound=bound, n=n)
    for match in re.finditer(
        rf"{BOUND}{NUMBER} (?:highlighted|bold(?:ed)?|italici[sz]ed) (?:\w+ )?(?:sections?|parts?|phrases?|words?|passages?|terms?)\b",
        text,
    ):
        bound, n = bound_of(match)
        yield partial(count_holds, count=checks.highlights, bound=bound, n=n)


def keys(text: str) -> Iterator[Check]:
    for match in re.finditer(
        r"\b(?:keys?|fields?|properties|attributes|schlüsseln?|felder|claves|campos|clés|champs)\b(?: named| called| are| of)?",
        text,
    ):
        keys, _ = phrases_after(text, match.end(), bare=False)
        if keys and all(re.fullmatch(r"[\w .-]{1,40}", key) for key in keys):
            yield partial(checks.has_keys, keys=tuple(keys))


def tags(text: str) -> Iterator[Check]:
    pattern = r"\b(?:wrap|enclose|put|place|surround|inside|within|between|in|using)(?:ped|d|ing)?\b[^.!?\n<>]{0,50}<(?P<tag>[a-z][\w-]{1,30})>(?:[^\n<>]{0,20}</(?P=tag)>)?(?: and </\w+>)? ?(?:xml |html )?(?:tags?|elements?|block)"
    for match in re.finditer(pattern, text):
        yield partial(checks.has_tag, tag=match["tag"])
