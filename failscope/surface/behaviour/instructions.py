"""Probes of instructions that an input gives and code can check: hides the many ways in which people word them.

Each kind is read from the input by phrases general to prompts, and checked on the output by a function of ``checks``.
What could be meant otherwise is not read: an instruction that is missed here is one that was plainly asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from failscope.surface.behaviour import asked_layout, asked_wording, formats
from failscope.surface.behaviour.asking import NUMBER, WORDY, Check
from failscope.surface.behaviour.probe import Probe
from failscope.surface.behaviour.scan import matches, scan_of, to_numpy

if TYPE_CHECKING:
    from failscope.surface.behaviour.scan import Scan

_READ_CHARS = 8_000
_CHECKED_CHARS = 64_000


@dataclass(frozen=True)
class Instruction:
    """One thing that an input asks for: its kind, and whether a text keeps to it."""

    kind: str
    holds: Check


def read_instructions(text: str) -> list[Instruction]:
    """The instructions in an input that code can check.

    Examples
    --------
    >>> [found] = read_instructions("Write a limerick about tea. Do not use any commas.")
    >>> found.kind, found.holds("Tea, please"), found.holds("Tea please")
    ('forbidden_character', False, True)
    """
    plain = _plain(text.lower())
    return [Instruction(kind.name, check) for kind in KINDS for check in kind.read(plain)]


def _plain(text: str) -> str:
    return re.sub(r"[ \t\xa0]+", " ", text[:_READ_CHARS].replace("’", "'").replace("‘", "'"))


@dataclass(frozen=True)
class Kind:
    """One kind of instruction: the flag's name and meaning, an RE2 hint that it is there, and its reader."""

    name: str
    says: str
    hint: str
    read: Callable[[str], Iterator[Check]]


KINDS = (
    Kind("letter_case_missed", "misses the letter case asked for", r"(?:upper|lower)[- ]?case|capital|\bcaps\b|small letters|buchstaben|mayúscula|minúscula|majuscule|minuscule", asked_wording.letter_case),
    Kind("forbidden_character", "uses characters or markup it was told not to", asked_wording.ANY_NAME, asked_wording.forbidden_character),
    Kind("forbidden_word", "uses words it was told not to", r"\b(?:not|n't|never|avoid\w*|without|refrain|exclud\w*|omit|forbidden|banned|prohibited|no|ohne|keine?|nicht|sin|sans|évite\w*|evita)\b", asked_wording.forbidden_word),
    Kind("word_missing", "leaves out words that were asked for", rf"\b{WORDY}\b|times\b|\b(?:once|twice)\b", asked_wording.word_missing),
    Kind("letter_count_missed", "misses a number of letters asked for", r"\b(?:letter|character|symbol|sign)\b", asked_wording.letter_count),
    Kind("opening_missed", "does not open as asked", r"\b(?:start|begin|open|first|paragraph|empieza|comienza|commence)", asked_wording.opening),
    Kind("ending_missed", "does not end as asked", r"\b(?:end|finish|clos|conclud|sign|last|final|beende|schließe|termin|acaba|finis)", asked_wording.ending),
    Kind("quotation_missed", "is not in quotation marks as asked", r"quotation mark|quotes", asked_wording.quotation),
    Kind("item_count_missed", "gives another number of items than asked for", rf"\b{NUMBER.replace('?P<n>', '?:')} (?:\w+ )*?(?:{'|'.join(asked_layout.COUNTED.values())})\b", asked_layout.number_of_items),
    Kind("title_missing", "has no title though asked", r"\btitle\b|überschrift|\btitel\b|título|\btitre\b", asked_layout.title),
    Kind("postscript_missing", "has no postscript though asked", r"post ?script|\bp\. ?(?:p\. ?)?s\b|\bpps\b", asked_layout.postscript),
    Kind("placeholders_missed", "misses the placeholders asked for", r"placeholder", asked_layout.placeholder),
    Kind("repeat_missed", "does not repeat the request as asked", r"\b(?:repeat|copy|restate|reproduce|rewrite|write out|quote)", asked_layout.repeat),
    Kind("separator_missed", "misses the separators asked for", r"\b(?:separat|divid|delimit|split|sep )", asked_layout.separator),
    Kind("option_missed", "answers with none of the options", r"\b(?:yes|true|ja|sí|oui|option|phrase|label|categor|word|answer|choice|class|value)", asked_layout.option),
    Kind("capital_words_missed", "misses the number of capitalised words asked for", r"capital|\bcaps\b|upper[- ]?case", asked_wording.capital_words),
    Kind("preamble", "adds talk where none was wanted", r"explanation|preamble|intro|comment|additional|extra|other|pleasantries|greeting|small talk|prose|only|just|nothing else|erkl|einleit|explica|explication", asked_layout.no_preamble),
    Kind("highlight_missing", "misses the highlights asked for", r"highlight|bold|itali|emphasi", asked_layout.highlight),
    Kind("json_keys_missing", "gives JSON without the keys asked for", r"json", asked_layout.keys),
    Kind("tags_missing", "misses the tags asked for", r"<[a-z][\w-]{1,30}>", asked_layout.tags),
)  # fmt: skip
"""Every kind of instruction that is read, in the order of the flags."""


@dataclass(frozen=True, eq=False)
class InstructionFigures:
    """Per row (n,): which kinds were missed, how many instructions were read, and the share of them not kept."""

    missed: dict[str, np.ndarray]
    read: np.ndarray
    share: np.ndarray


def instruction_figures(scan: Scan) -> InstructionFigures:
    """The figures of all rows; an input is read once, however many rows hold it, and only for kinds hinted at."""
    missed = {kind.name: np.zeros(scan.n, dtype=bool) for kind in KINDS}
    read, broken = np.zeros(scan.n), np.zeros(scan.n)
    inputs = pc.dictionary_encode(scan.lower("input"))
    texts = inputs.dictionary
    row_text, answered = to_numpy(inputs.indices), scan.present("output")
    hinted = np.zeros((len(KINDS), len(texts)), dtype=bool)
    for k, kind in enumerate(KINDS):
        hinted[k] = matches(texts, kind.hint)
    found: dict[int, list[Instruction]] = {}
    for j in np.flatnonzero(hinted.any(axis=0)):
        text = _plain(texts[int(j)].as_py())
        kinds = [kind for k, kind in enumerate(KINDS) if hinted[k, j]]
        if held := [Instruction(kind.name, check) for kind in kinds for check in kind.read(text)]:
            found[int(j)] = held
    asked = np.zeros(len(texts), dtype=bool)
    asked[list(found)] = True
    outputs = scan.whole("output")
    for i in np.flatnonzero(asked[row_text] & answered) if scan.n else ():
        output = outputs[int(i)].as_py()[:_CHECKED_CHARS]
        for instruction in found[int(row_text[i])]:
            kept = instruction.holds(output)
            missed[instruction.kind][i] |= not kept
            read[i] += 1
            broken[i] += not kept
    return InstructionFigures(missed, read, np.divide(broken, read, out=np.zeros(scan.n), where=read > 0))


def instructions(frame: pd.DataFrame) -> np.ndarray:
    """Log of 1 + the instructions that were read from the input."""
    scan = scan_of(frame)
    return np.log1p(scan.instructions.read + sum(asked for asked, _ in _formats(frame)))


def instructions_missed(frame: pd.DataFrame) -> np.ndarray:
    """Share of the instructions read, those of the formats among them, that the output does not keep."""
    figures = scan_of(frame).instructions
    read = figures.read.copy()
    broken = figures.share * figures.read
    for asked, missed in _formats(frame):
        read += asked
        broken += missed
    return np.divide(broken, read, out=np.zeros(len(read)), where=read > 0)


def _formats(frame: pd.DataFrame) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for asks, probe in formats.ASKED:
        missed = np.asarray(probe(frame), dtype=bool)
        yield asks(frame) | missed, missed


def _reader(name: str) -> Callable[[pd.DataFrame], np.ndarray]:
    return lambda frame: scan_of(frame).instructions.missed[name]


PROBES = (
    *(
        Probe(
            kind.name,
            _reader(kind.name),
            says=kind.says,
            kind="flag",
            hint=True,
            dimension="instruction adherence",
        )
        for kind in KINDS
    ),
    Probe(
        "instructions",
        instructions,
        says="instructions that can be checked (log)",
        more="many instructions to keep",
        less="few instructions to keep",
        dimension="instruction adherence",
    ),
    Probe(
        "instructions_missed",
        instructions_missed,
        says="share of the instructions not kept",
        more="misses what was asked for",
        less="keeps to what was asked for",
        hint=True,
        dimension="instruction adherence",
    ),
)
