"""Which sentences of an answer its context holds: hides the splitting, matching and comparing of sentences in bulk."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from failscope.surface.behaviour.scan import matches, to_numpy
from failscope.surface.behaviour.words import content_keys, keyed

if TYPE_CHECKING:
    from failscope.surface.behaviour.scan import Scan

CONTEXT_CHARS = 32_000
"""How much of a context is read for its sentences."""

_CHUNK_ROWS = 500
_MIN_WORDS = 4  # content words: a shorter sentence ("Of course.") claims nothing
_SUPPORTED = 1 / 3
_SAME = 0.6  # of a sentence's content words in one sentence of the context: it speaks of the same
_EQUAL = 0.8  # both ways: they differ in a word or two
_SENTENCE_END = r"([.!?。！？])[\"'”’)\]]*\s+|\s*\n\s*"
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_NEGATION = re.compile(
    r"\b(?:not|no|never|none|cannot|without|neither|nor)\b|n't\b|\b(?:nicht|kein\w*|nie|niemals|ohne|nunca|sin|ne|pas|jamais|sans|aucune?)\b"
)
_LINK = re.compile(r"https?://[^\s<>()\"']+|\bwww\.[^\s<>()\"']+|[\w.+-]+@[\w-]+\.[\w.]+", re.ASCII)
_QUOTE = re.compile(r"[\"“„«]([^\"“”„«»\n]{12,300})[\"”“»]")
# a capitalised word that opens no sentence, line, quotation or list item; what stands before it is looked at second,
# as a search for a set of letters is quick
_NAME = re.compile(r"[A-Z](?<=[\w,;)] .)[\w'’-]*[a-z][\w'’-]*")


@dataclass(frozen=True, eq=False)
class SupportFigures:
    """Per row (n,), 0 without context: what the probes of grounding say of sentences, names, links and quotations."""

    unsupported: np.ndarray
    weakest: np.ndarray
    other_number: np.ndarray
    negated: np.ndarray
    names: np.ndarray
    links: np.ndarray
    misquotes: np.ndarray


def support_figures(scan: Scan) -> SupportFigures:
    """The figures of all rows, in chunks; a row's figures depend on no other row."""
    table = np.zeros((7, scan.n))
    # JSON and calls are no sentences, and have probes of their own
    prose = ~matches(scan.text("output"), r"\A\s*(?:[\[{<]|```json)")
    rows = np.flatnonzero(scan.present("context") & scan.present("output") & prose)
    for start in range(0, len(rows), _CHUNK_ROWS):
        part = rows[start : start + _CHUNK_ROWS]
        take = pa.array(part)
        context = pc.utf8_slice_codeunits(scan.whole("context").take(take), 0, CONTEXT_CHARS)
        given = pc.binary_join_element_wise(context, scan.text("input").take(take), _line_feed())
        output = scan.text("output").take(take)
        table[:4, part] = _sentences_against(_folded(output), _folded(given), len(part))
        for i, said, known in zip(part, output.to_pylist(), given.to_pylist(), strict=True):
            table[4:, i] = _claims(said, known)
    return SupportFigures(*table)


def _sentences_against(outputs: pa.Array, given: pa.Array, n: int) -> np.ndarray:
    """Four figures (4, n): share of sentences unsupported, weakest support, another number, another negation."""
    result = np.zeros((4, n))
    said, row = _sentences(outputs)
    known, known_row = _sentences(given)
    own = _distinct(said, row)
    theirs = _distinct(known, known_row)
    size = np.bincount(own["sentence"], minlength=len(said))
    judged = np.flatnonzero(size >= _MIN_WORDS)
    if not len(judged):
        return result
    pairs = own.merge(theirs, on="key", suffixes=("", "_known"))
    pairs = pairs.groupby(["sentence", "sentence_known"], sort=True).size().rename("n").reset_index()
    pairs["share"] = pairs["n"] / size[pairs["sentence"]]
    # of equally good ones the first in the text
    best = pairs.sort_values(["sentence", "share", "sentence_known"], ascending=[True, False, True])
    best = best.drop_duplicates("sentence").set_index("sentence").reindex(judged)
    support = best["share"].fillna(0).to_numpy()
    of = row[judged]
    count = np.bincount(of, minlength=n)
    result[0] = np.bincount(of, weights=support < _SUPPORTED, minlength=n) / np.maximum(count, 1)
    weakest = np.ones(n)
    np.minimum.at(weakest, of, support)
    result[1] = np.where(count > 0, 1 - weakest, 0)
    near = np.flatnonzero(support >= _SAME)
    match, shared = best["sentence_known"].to_numpy(), best["n"].to_numpy()
    known_size = np.bincount(theirs["sentence"], minlength=len(known))
    for k in near:
        a, b = said[int(judged[k])].as_py(), known[int(match[k])].as_py()
        numbers, theirs_numbers = _numbers(a), _numbers(b)
        if numbers and theirs_numbers and not numbers & theirs_numbers:
            result[2, of[k]] = 1
        # a long sentence may well hold a "not" that the short one has no need of
        alike = support[k] >= _EQUAL and shared[k] >= _EQUAL * known_size[int(match[k])]
        if alike and bool(_NEGATION.search(a)) != bool(_NEGATION.search(b)):
            result[3, of[k]] = 1
    return result


def _claims(said: str, known: str) -> tuple[float, float, bool]:
    """Names and links that the context and input lack (log), and whether a quotation is not in them word for word."""
    folded = known.casefold()
    # a search for addresses tries every word
    linked = "@" in said or "://" in said or "www." in said
    names = {name.casefold() for name in _NAME.findall(said)}
    links = {link.rstrip(".,;:!?").casefold() for link in (_LINK.findall(said) if linked else ())}
    quotes = [quote for quote in _QUOTE.findall(said) if len(quote.split()) >= 3]
    plain = " ".join(re.findall(r"\w+", folded)) if quotes else ""
    return (
        float(np.log1p(sum(name not in folded for name in names))),
        float(np.log1p(sum(link not in folded for link in links))),
        any(" ".join(re.findall(r"\w+", quote.casefold())) not in plain for quote in quotes),
    )


def _numbers(text: str) -> set[str]:
    # without separators, so that 1,200 and 1200 are one, and so are 3.0 and 3,0
    return {re.sub(r"\D", "", number) for number in _NUMBER.findall(text)}


def _folded(texts: pa.Array) -> pa.Array:
    return pc.replace_substring(pc.utf8_lower(texts), "’", "'")


def _sentences(texts: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """Sentences and the row of each; a line's end ends a sentence."""
    marked = pc.replace_substring_regex(texts, _SENTENCE_END, "\\1\n")
    parts = pc.split_pattern(marked, "\n")
    return pc.list_flatten(parts), to_numpy(pc.list_parent_indices(parts))


def _distinct(sentences: pa.Array, row: np.ndarray) -> pd.DataFrame:
    """Each sentence's distinct content words, keyed by row so that only sentences of one row can meet."""
    words, sentence = content_keys(sentences)
    frame = pd.DataFrame({"key": keyed(words, row[sentence]), "sentence": sentence})
    return frame.drop_duplicates()


def _line_feed() -> pa.Scalar:
    return pa.scalar("\n", type=pa.large_string())
