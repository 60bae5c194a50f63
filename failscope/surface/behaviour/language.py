"""Which language a text is in: hides py3langid's tables, walked by all texts in step instead of one after the other."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from failscope.surface.behaviour.scan import to_numpy

if TYPE_CHECKING:
    import pyarrow as pa

    from failscope.surface.behaviour.scan import Scan

READ_CHARS = 200
"""How much of a text's prose is read to tell its language."""

_MIN_LETTERS = 40  # fewer letters than this (or a third of it in ideographs) tell too little
_MIN_CONFIDENCE = 0.85
_BATCH = 4_096
_IDEOGRAPHS = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}"

# fenced and inline code, links and markup say nothing of the language
_NOT_PROSE = r"(?s)```.*?(?:```|\z)|`[^`\n]*`|https?://\S+|<[^<>\n]{1,200}>"
# languages that the identifier and readers alike take for one another in a short text
_SAME = {
    "nb": "no",
    "nn": "no",
    "bs": "sr",
    "hr": "sr",
    "sh": "sr",
    "srl": "sr",
    "ms": "id",
    "gl": "pt",
    "yue": "zh",
    "wuu": "zh",
}


@dataclass(frozen=True, eq=False)
class Languages:
    """Language codes (n,) of inputs and outputs; "" where the text is too short, is no prose, or is not clear."""

    input: np.ndarray
    output: np.ndarray


def identify(scan: Scan) -> Languages:
    """The languages of a scan's inputs and outputs, each distinct text told once."""
    return Languages(input=tell(scan.text("input")), output=tell(scan.text("output")))


def tell(texts: pa.Array) -> np.ndarray:
    """Language codes of texts, "" where they cannot be told."""
    opening = pc.utf8_slice_codeunits(texts, 0, READ_CHARS * 3)  # more than is read, as code may stand first
    prose = pc.utf8_trim_whitespace(pc.replace_substring_regex(opening, _NOT_PROSE, " "))
    prose = pc.utf8_slice_codeunits(prose, 0, READ_CHARS)
    encoded = pc.dictionary_encode(prose)
    distinct = encoded.dictionary
    only_letters = pc.replace_substring_regex(distinct, r"[^\pL]+", "")
    ideographs = pc.replace_substring_regex(only_letters, rf"[^{_IDEOGRAPHS}]+", "")
    # an ideograph or a syllable says about as much as three letters
    letters = to_numpy(pc.utf8_length(only_letters)) + 2 * to_numpy(pc.utf8_length(ideographs))
    share = letters / np.maximum(to_numpy(pc.utf8_length(distinct)), 1)
    enough = np.flatnonzero((letters >= _MIN_LETTERS) & (share >= 0.6))
    codes = np.full(len(distinct), "", dtype=object)
    candidates = distinct.take(enough).to_pylist() if len(enough) else []
    for start in range(0, len(candidates), _BATCH):
        found, confidence = classify(candidates[start : start + _BATCH])
        sure = confidence >= _MIN_CONFIDENCE
        codes[enough[start : start + _BATCH][sure]] = found[sure]
    return codes[to_numpy(encoded.indices)] if len(distinct) else np.zeros(0, dtype=object)


def classify(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Language and confidence of each text, the same as py3langid's ``classify`` with normalised probabilities.

    Source: Lui and Baldwin (2012), "langid.py: An off-the-shelf language identification tool"; py3langid 0.4.
    """
    from scipy.sparse import csr_matrix

    tables = _tables()
    encoded = [_encoded(text) for text in texts]
    sizes = np.array([len(data) for data in encoded])
    order = np.argsort(-sizes, kind="stable")
    width = int(sizes.max(initial=0))
    padded = np.frombuffer(b"".join(encoded[i].ljust(width, b"\0") for i in order), dtype=np.uint8)
    bytes_ = padded.reshape(len(texts), width).T
    state = np.zeros(len(texts), dtype=np.int64)
    # texts sorted by length: at step i only the first alive[i] still have a byte
    alive = np.searchsorted(-sizes[order], -np.arange(width), side="left")
    rows, features = [], []
    for i in range(width):
        k = alive[i]
        state[:k] = tables.next_move[tables.row_base[state[:k]] + bytes_[i, :k]]
        feature = tables.output[state[:k]]
        hit = np.flatnonzero(feature >= 0)
        rows.append(hit)
        features.append(feature[hit])
    row = np.concatenate(rows) if rows else np.zeros(0, dtype=np.int64)
    feature = np.concatenate(features) if features else np.zeros(0, dtype=np.int64)
    visits = csr_matrix(
        (np.ones(len(row), dtype=np.float32), (row, feature)), shape=(len(texts), len(tables.weights))
    )
    visits.sum_duplicates()
    visits.data = np.log1p(visits.data)
    scores = np.asarray(visits @ tables.weights) + tables.prior
    scores[np.bincount(row, minlength=len(texts)) == 0] = 0
    scores /= np.sqrt(np.maximum(sizes[order], 1))[:, None]
    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    scores /= scores.sum(axis=1, keepdims=True)
    found = np.empty(len(texts), dtype=object)
    confidence = np.empty(len(texts))
    # languages that are taken for one another share their probability
    merged = scores @ tables.same
    best = merged.argmax(axis=1)
    found[order] = tables.names[best]
    confidence[order] = merged[np.arange(len(texts)), best]
    return found, confidence


@dataclass(frozen=True, eq=False)
class _Tables:
    next_move: np.ndarray
    row_base: np.ndarray
    output: np.ndarray
    weights: np.ndarray
    prior: np.ndarray
    names: np.ndarray
    same: np.ndarray


@lru_cache(maxsize=1)
def _tables() -> _Tables:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    model: Any = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    classes = [_SAME.get(str(code), str(code)) for code in model.nb_classes]
    names, group = np.unique(np.array(classes, dtype=object), return_inverse=True)
    same = np.zeros((len(classes), len(names)), dtype=np.float32)
    same[np.arange(len(classes)), group] = 1
    return _Tables(
        next_move=np.asarray(model.tk_nextmove, dtype=np.int64),
        row_base=np.asarray(model.tk_row, dtype=np.int64) << 8,
        output=np.asarray(model.tk_output, dtype=np.int64),
        weights=np.asarray(model.nb_ptc, dtype=np.float32),
        prior=np.asarray(model.nb_pc, dtype=np.float32),
        names=names,
        same=same,
    )


def _encoded(text: str) -> bytes:
    if text.isupper():
        text = text.lower()
    return unicodedata.normalize("NFC", text).encode("utf-8", "replace")
