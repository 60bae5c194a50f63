"""Probes of an output against its input and context: echo, drift, claims and numbers from nowhere, unanswered parts."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pyarrow as pa

from failscope.surface.behaviour.probe import Probe
from failscope.surface.behaviour.scan import counts, scan_of
from failscope.surface.behaviour.words import content_keys

_PART = r"[^.!?？؟\n]{8,400}[?？؟]"
_MAX_PARTS = 12
_ANSWERED = 1 / 3  # of a question's own content words


def echo(frame: pd.DataFrame) -> np.ndarray:
    return scan_of(frame).words.echo


def input_covered(frame: pd.DataFrame) -> np.ndarray:
    return scan_of(frame).words.input_covered


def input_similarity(frame: pd.DataFrame) -> np.ndarray:
    return scan_of(frame).words.similarity


def from_context(frame: pd.DataFrame) -> np.ndarray:
    return scan_of(frame).words.from_context


def unsupported(frame: pd.DataFrame) -> np.ndarray:
    return scan_of(frame).words.unsupported


def new_numbers(frame: pd.DataFrame) -> np.ndarray:
    return np.log1p(scan_of(frame).words.new_numbers)


def unsupported_sentences(frame: pd.DataFrame) -> np.ndarray:
    """Share of sentences of which no sentence of the context or input has a third of the content words."""
    return scan_of(frame).support.unsupported


def weakest_sentence(frame: pd.DataFrame) -> np.ndarray:
    """Share of the content words of the least supported sentence that its best match in the context lacks."""
    return scan_of(frame).support.weakest


def other_number(frame: pd.DataFrame) -> np.ndarray:
    """A sentence has most of its words from one sentence of the context, both have numbers, and none in common."""
    return scan_of(frame).support.other_number


def turned_round(frame: pd.DataFrame) -> np.ndarray:
    """A sentence is nearly equal to one of the context, and one of the two is negated."""
    return scan_of(frame).support.negated


def new_names(frame: pd.DataFrame) -> np.ndarray:
    return scan_of(frame).support.names


def new_links(frame: pd.DataFrame) -> np.ndarray:
    return scan_of(frame).support.links


def misquotes(frame: pd.DataFrame) -> np.ndarray:
    return scan_of(frame).support.misquotes


def unanswered(frame: pd.DataFrame) -> np.ndarray:
    """Of two and more questions in the input, the share of which the output has under a third of the own words.

    A question's own words are its content words that no other question of the same input has.
    """
    scan = scan_of(frame)
    share = np.zeros(scan.n)
    many = np.flatnonzero((counts(scan.text("input"), r"[?？؟]") >= 2) & scan.present("output"))
    if not len(many):
        return share
    asked = scan.lower("input").take(pa.array(many)).to_pylist()
    parts = [re.findall(_PART, text)[:_MAX_PARTS] for text in asked]
    flat = [part for row in parts for part in row]
    keys, part_of = content_keys(pa.array(flat, type=pa.large_string()))
    answers, answer_of = content_keys(scan.lower("output").take(pa.array(many)))
    words_of_part = np.split(keys, np.searchsorted(part_of, np.arange(1, len(flat))))
    words_of_answer = np.split(answers, np.searchsorted(answer_of, np.arange(1, len(many))))
    start = 0
    for i, row in enumerate(parts):
        sets = [set(words.tolist()) for words in words_of_part[start : start + len(row)]]
        start += len(row)
        said = set(words_of_answer[i].tolist())
        open_, told = 0, 0
        for j, own in enumerate(sets):
            own = own - set().union(*(other for k, other in enumerate(sets) if k != j))
            if own:
                told += 1
                open_ += len(own & said) < _ANSWERED * len(own)
        share[many[i]] = open_ / told if told > 1 else 0
    return share


PROBES = (
    Probe(
        "echo",
        echo,
        says="share of four-word runs that the input has",
        more="repeats the question",
        less="words of its own",
        hint=True,
        dimension="relevance",
    ),
    Probe(
        "input_covered",
        input_covered,
        says="share of the input's words taken up",
        more="takes up the question's words",
        less="leaves the question's words aside",
        dimension="relevance",
    ),
    Probe(
        "input_similarity",
        input_similarity,
        says="likeness to the input's words",
        more="worded like the question",
        less="worded unlike the question",
        dimension="relevance",
    ),
    Probe(
        "from_context",
        from_context,
        says="share of words from the context",
        more="leans on its context",
        less="leaves its context aside",
        dimension="factual correctness",
    ),
    Probe(
        "unsupported",
        unsupported,
        says="share of words from neither context nor input",
        more="says what its context does not",
        less="keeps to its context",
        dimension="factual correctness",
    ),
    Probe(
        "new_numbers",
        new_numbers,
        says="numbers from neither context nor input (log)",
        more="numbers from nowhere",
        less="no numbers of its own",
        hint=True,
        dimension="factual correctness",
    ),
    Probe(
        "unsupported_sentences",
        unsupported_sentences,
        says="share of sentences that the context does not hold",
        more="sentences from nowhere",
        less="sentences from the context",
        hint=True,
        dimension="factual correctness",
    ),
    Probe(
        "weakest_sentence",
        weakest_sentence,
        says="how little of its weakest sentence the context holds",
        more="has a sentence from nowhere",
        less="every sentence from the context",
        dimension="factual correctness",
    ),
    Probe(
        "other_number",
        other_number,
        says="says what its context says with another number",
        kind="flag",
        hint=True,
        dimension="factual correctness",
    ),
    Probe(
        "turned_round",
        turned_round,
        says="says what its context says turned round",
        kind="flag",
        hint=True,
        dimension="factual correctness",
    ),
    Probe(
        "new_names",
        new_names,
        says="names from neither context nor input (log)",
        more="names from nowhere",
        less="no names of its own",
        dimension="factual correctness",
    ),
    Probe(
        "new_links",
        new_links,
        says="links and addresses from neither context nor input (log)",
        more="links from nowhere",
        less="no links of its own",
        hint=True,
        dimension="factual correctness",
    ),
    Probe(
        "misquotes",
        misquotes,
        says="quotes what its context does not say",
        kind="flag",
        dimension="factual correctness",
    ),
    Probe(
        "unanswered",
        unanswered,
        says="share of the questions not taken up",
        more="leaves questions open",
        less="takes up every question",
        hint=True,
        dimension="completeness",
    ),
)
