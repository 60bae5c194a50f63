"""Probes of an output's form: length, shape, repetition, whether it ends, whether it is readable at all."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from failscope.surface.behaviour.probe import Probe
from failscope.surface.behaviour.scan import counts, matches, scan_of, to_numpy

_LIST_ITEM = r"\n[ \t]*(?:[-*+•–]|\(?\d{1,3}[.)]|\(?[a-zA-Z][.)])[ \t]+\S"
_FENCE = r"\n[ \t]*```"
# how a sentence, a quotation, a bracket, a code span or an emoji ends
_ENDED = r"(?:[.!?…。！？؟।:;\"'”’»)\]}>`*_~|]|\pS|https?://\S+|\S+@\S+\.\w+)\s*\z"
_UNENDED_WORD = (
    r"(?i)(?:^|[^\pL'])(?:the|an?|and|or|of|to|with|for|from|but|because|that|which|is|are|was|were|your|their|its|by|at|"
    r"der|die|das|und|oder|mit|für|ein|eine|ist|zu|von|el|la|los|las|y|o|de|del|con|para|que|un|una|es|"
    r"le|les|et|ou|des|du|avec|pour|une|est)\s*\z"
)


def length(frame: pd.DataFrame) -> np.ndarray:
    return np.log1p(_chars(frame, "output"))


def length_residual(frame: pd.DataFrame) -> np.ndarray:
    """Log length minus what log input length predicts in this set (Theil-Sen on bin medians), in robust spreads."""
    x, y = np.log1p(_chars(frame, "input")), length(frame)
    told = y > 0  # empty outputs have a probe of their own and would pull the line down
    if told.sum() < 10:
        return np.zeros(len(frame))
    # medians of equal-sized bins stand for the set: exact, robust, and free of the order of the rows
    cuts = np.unique(np.quantile(x[told], np.linspace(0, 1, 11)))
    bins = np.clip(np.searchsorted(cuts, x, side="right") - 1, 0, max(len(cuts) - 2, 0))
    full = [b for b in np.unique(bins[told]) if (told & (bins == b)).sum() >= 5]
    at = np.array([np.median(x[told & (bins == b)]) for b in full])
    middle = np.array([np.median(y[told & (bins == b)]) for b in full])
    slope = 0.0
    if len(full) > 1:
        rise, run = middle[:, None] - middle, at[:, None] - at
        slope = float(np.median(rise[run > 0] / run[run > 0])) if (run > 0).any() else 0.0
    level = float(np.median(y[told] - slope * x[told]))
    residual = y - slope * x - level
    spread = float(np.median(np.abs(residual[told]))) * 1.4826
    # where nearly all outputs have one length, a character more is not out of proportion
    return np.where(told, np.clip(residual / max(spread, 0.1), -10, 10), 0)


def lines(frame: pd.DataFrame) -> np.ndarray:
    return np.log1p(counts(scan_of(frame).trimmed("output"), r"\n"))


def list_share(frame: pd.DataFrame) -> np.ndarray:
    texts = scan_of(frame).lines_of("output")
    return np.minimum(counts(texts, _LIST_ITEM) / np.maximum(counts(texts, r"\n\s*\S"), 1), 1)


def questions(frame: pd.DataFrame) -> np.ndarray:
    return np.log1p(counts(scan_of(frame).text("output"), r"[?？؟]"))


def digit_share(frame: pd.DataFrame) -> np.ndarray:
    return _share(frame, r"[0-9]+")


def punctuation_share(frame: pd.DataFrame) -> np.ndarray:
    return _share(frame, r"\pP+")


def upper_share(frame: pd.DataFrame) -> np.ndarray:
    return _share(frame, r"\p{Lu}+")


def non_ascii_share(frame: pd.DataFrame) -> np.ndarray:
    scan = scan_of(frame)
    chars = np.maximum(to_numpy(pc.utf8_length(scan.text("output"))), 1)
    # every character beyond ASCII takes one byte that starts with 11
    return counts(scan.text("output"), r"[^\x00-\x7F]") / chars


def code(frame: pd.DataFrame) -> np.ndarray:
    return matches(scan_of(frame).text("output"), "```|~~~")


def empty(frame: pd.DataFrame) -> np.ndarray:
    return ~scan_of(frame).present("output")


def truncated(frame: pd.DataFrame) -> np.ndarray:
    """Ends inside a code block, a bracket, a clause or a long line without an end mark."""
    scan = scan_of(frame)
    texts, last = scan.trimmed("output"), scan.last_line("output")
    size = to_numpy(pc.utf8_length(last))
    open_fence = counts(scan.lines_of("output"), _FENCE) % 2 == 1
    wordy = matches(texts, r"\S\s+\S+\s+\S+\s+\S+\s+\S")
    hangs = matches(last, _UNENDED_WORD) & wordy
    comma = matches(last, r"[,(\[{、，]\s*\z") & (size >= 30)
    listed = matches(last, r"^\s*(?:[-*+•–#>|]|\(?\w{1,3}[.)]\s)")
    stops = ~matches(last, _ENDED) & (size >= 60) & ~listed
    unclosed = matches(texts, r"\A[\[{]")
    for i in np.flatnonzero(unclosed):
        text = texts[int(i)].as_py()
        unclosed[i] = text.count("{") + text.count("[") > text.count("}") + text.count("]")
    return open_fence | comma | unclosed | hangs | stops


def repetition(frame: pd.DataFrame) -> np.ndarray:
    return scan_of(frame).words.repeated


def loop(frame: pd.DataFrame) -> np.ndarray:
    """Most of at least thirty words repeat what stood before, or one line stands there five times and more."""
    words = scan_of(frame).words
    return ((words.count >= 30) & (words.repeated >= 0.5)) | (words.count >= 12) & (words.distinct <= 0.15)


def garbled(frame: pd.DataFrame) -> np.ndarray:
    """Replacement characters, UTF-8 read as Latin-1, control characters or text that is set to run backwards."""
    return matches(
        scan_of(frame).text("output"),
        r"\x{FFFD}|Ã[\x{80}-\x{BF}]|â€[\x{99}\x{9C}\x{9D}™œ”]|[\x00-\x08\x0B\x0E-\x1A\x1C-\x1F\x7F]|\x1B\[|[\x{202A}-\x{202E}\x{2066}-\x{2069}]",
    )


def repeated_output(frame: pd.DataFrame) -> np.ndarray:
    """Log of how many other inputs in the set got this very output (case and the space around it aside); 0 for a short one."""
    scan = scan_of(frame)
    table = pd.DataFrame({"out": _codes(scan.lower("output")), "in": _codes(scan.lower("input"))})
    distinct = table.drop_duplicates().groupby("out").size()
    others = table["out"].map(distinct).to_numpy(dtype=np.float64) - 1
    # a label, a number or "yes" is rightly the same for many
    return np.where(scan.words.count >= 6, np.log1p(others), 0)


def _codes(texts: pa.Array) -> np.ndarray:
    """Equal numbers for texts that are equal but for the white space around them."""
    return to_numpy(pc.dictionary_encode(pc.utf8_trim_whitespace(texts)).indices)


def _chars(frame: pd.DataFrame, column: str) -> np.ndarray:
    return to_numpy(pc.utf8_length(scan_of(frame).whole(column))).astype(np.float64)


def _share(frame: pd.DataFrame, pattern: str) -> np.ndarray:
    """Share of characters that match a class, without a match object a character: what is left when it is taken out."""
    texts = scan_of(frame).text("output")
    chars = to_numpy(pc.utf8_length(texts))
    left = to_numpy(pc.utf8_length(pc.replace_substring_regex(texts, pattern, "")))
    return (chars - left) / np.maximum(chars, 1)


PROBES = (
    Probe("length", length, says="output length (log characters)", more="long answers", less="short answers"),
    Probe(
        "length_residual",
        length_residual,
        says="length beyond what the input predicts",
        more="longer than the question asks for",
        less="shorter than the question asks for",
        dimension="relevance",
    ),
    Probe("lines", lines, says="line breaks (log)", more="many lines", less="few lines"),
    Probe(
        "list_share",
        list_share,
        says="share of lines that are list items",
        more="written as lists",
        less="without lists",
    ),
    Probe("questions", questions, says="question marks (log)", more="many questions", less="no questions"),
    Probe("digit_share", digit_share, says="share of digits", more="many figures", less="few figures"),
    Probe(
        "punctuation_share",
        punctuation_share,
        says="share of punctuation",
        more="heavy punctuation",
        less="little punctuation",
    ),
    Probe("upper_share", upper_share, says="share of capitals", more="many capitals", less="few capitals"),
    Probe(
        "non_ascii_share",
        non_ascii_share,
        says="share of characters beyond ASCII",
        more="letters beyond ASCII",
        less="plain ASCII",
    ),
    Probe("code", code, says="has a code block", kind="flag"),
    Probe("empty", empty, says="is empty", kind="flag", hint=True, dimension="completeness"),
    Probe("truncated", truncated, says="is cut off", kind="flag", hint=True, dimension="completeness"),
    Probe(
        "repetition",
        repetition,
        says="share of repeated four-word runs",
        more="repeats itself",
        less="hardly repeats itself",
        dimension="consistency",
    ),
    Probe("loop", loop, says="loops", kind="flag", hint=True, dimension="consistency"),
    Probe("garbled", garbled, says="has garbled characters", kind="flag", hint=True),
    Probe(
        "repeated_output",
        repeated_output,
        says="other inputs with this very output (log)",
        more="the same output to many inputs",
        less="outputs given once",
        hint=True,
        dimension="consistency",
    ),
)
