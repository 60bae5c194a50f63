"""Which traces ask the same: hides how equal and nearly equal questions are found without comparing all pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from failscope.surface.behaviour.scan import SCAN_CHARS, to_numpy
from failscope.surface.behaviour.words import among, split_words, stop_hashes

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from failscope.surface.behaviour.scan import Scan

NEAR = 0.8
"""The weighted Jaccard similarity from which two questions are nearly the same."""

_MIN_WORDS = 3  # "yes" or "thanks" mean what was said before them
_MAX_PAIRS = (
    6  # partners tried for each rare word of a question: bounds the work where one word is in thousands
)
_PAIRS_AT_ONCE = 50_000
_PUNCTUATION = r"[\s\pZ.,;:!?\"'`…¿¡。，！？、«»“”‘’*_]+"
# with another operator, sign or variable it is another question, however much of it is the same
_SYMBOLS = r"[^+*/=<>#%^|&~@$€£\\{}]+"
_NOT = (
    "not no never none without nor nicht kein keine keinen keiner nie niemals ohne nunca ningún ninguna "
    "sin pas jamais sans aucun aucune"
)


def questions(scan: Scan) -> np.ndarray:
    """The question of each row (n,): equal numbers ask the same, -1 where there is too little to say.

    The same is equal input (case, white space and punctuation aside) and equal context. Nearly the same is, with equal
    context, numbers, negations and operators: word sets whose similarity is at least ``NEAR``, each word weighing
    log(1 + questions / questions that have it), with the shared words in the same order, and no content word in the
    place of another: one may have content words that the other lacks, not both. The weights keep apart what a template
    fills in: its own words are in every question and weigh next to nothing. Candidates come from prefix
    filtering (Chaudhuri, Ganti, Kaushik 2006; Bayardo, Ma, Srikant 2007): two such questions must share one of the
    rare words that make up the first 1 - ``NEAR`` of either's weight.
    """
    if not scan.n:
        return np.zeros(0, dtype=np.int64)
    inputs = pc.dictionary_encode(scan.whole("input"))
    texts = inputs.dictionary
    folded = pc.replace_substring(pc.utf8_lower(texts), "’", "'")
    plain = pc.utf8_trim_whitespace(pc.replace_substring_regex(folded, _PUNCTUATION, " "))
    encoded = pc.dictionary_encode(plain)
    # in the order of the texts, so that nothing hangs on the order of the rows
    order = to_numpy(pc.array_sort_indices(encoded.dictionary))
    distinct = encoded.dictionary.take(pa.array(order))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    enough = np.bincount(split_words(distinct).row, minlength=len(distinct)) >= _MIN_WORDS
    same_input = place[to_numpy(encoded.indices)][to_numpy(inputs.indices)]
    context = to_numpy(pc.dictionary_encode(scan.whole("context")).indices)
    question, first = _numbered(same_input, context)
    near = _near(distinct, same_input[first], context[first], np.bincount(question))
    return np.where(enough[same_input], near[question], -1)


def _near(texts: pa.Array, text_of: np.ndarray, context: np.ndarray, size: np.ndarray) -> np.ndarray:
    """The leader of each distinct question: itself, or a more frequent one that is nearly the same."""
    from scipy.sparse import csr_matrix

    n = len(text_of)
    leader = np.arange(n)
    readable = np.flatnonzero(to_numpy(pc.utf8_length(texts)) <= SCAN_CHARS)
    words = split_words(pc.replace_substring(texts.take(pa.array(readable)), "n't", " not"))
    if not len(words.hash):
        return leader
    # a million questions have forty million words: each array of them counts
    hashes, order = words.hash, readable[words.row].astype(np.int32)
    del words
    codes, vocabulary = pd.factorize(hashes, sort=True)
    codes = codes.astype(np.int32)
    table = csr_matrix(
        (np.ones(len(codes), dtype=np.float32), (order, codes)), shape=(len(texts), len(vocabulary))
    )
    table.sum_duplicates()
    weights = np.log1p(len(texts) / np.maximum(np.bincount(table.indices, minlength=len(vocabulary)), 1))
    table.data = np.sqrt(weights[table.indices])
    total = np.asarray(table.multiply(table).sum(axis=1)).ravel()

    content = ~among(vocabulary, stop_hashes())
    agree = _must_agree(texts, hashes, order, context, text_of)
    pairs = _candidates(table, weights, total, agree, text_of)
    if not len(pairs):
        return leader
    kept = []
    for start in range(0, len(pairs), _PAIRS_AT_ONCE):
        part = pairs[start : start + _PAIRS_AT_ONCE]
        left, right = text_of[part[:, 0]], text_of[part[:, 1]]
        shared = np.asarray(table[left].multiply(table[right]).sum(axis=1)).ravel()
        kept.append(part[shared >= NEAR * (total[left] + total[right] - shared)])
    pairs = np.concatenate(kept)

    starts = np.searchsorted(order, np.arange(len(texts) + 1))
    near: dict[int, list[int]] = {}
    for i, j in pairs:
        a, b = (codes[starts[t] : starts[t + 1]].tolist() for t in (text_of[i], text_of[j]))
        if _in_order(a, b) and not (
            content[list(set(a) - set(b))].any() and content[list(set(b) - set(a))].any()
        ):
            near.setdefault(int(i), []).append(int(j))
            near.setdefault(int(j), []).append(int(i))
    taken: set[int] = set()
    for i in sorted(near, key=lambda i: (-size[i], text_of[i])):
        if i not in taken:
            for j in near[i]:
                if j not in taken and leader[j] == j and j != i:
                    leader[j] = i
                    taken.add(j)
            taken.add(i)
    return leader


def _candidates(
    table: csr_matrix, weights: np.ndarray, total: np.ndarray, agree: np.ndarray, text_of: np.ndarray
) -> np.ndarray:
    """Pairs of questions (m, 2) that share a rare word and all that must agree."""
    rows = table[text_of]
    row = np.repeat(np.arange(len(text_of)), np.diff(rows.indptr))
    word = rows.indices
    order = np.lexsort((word, -weights[word], row))
    row, word = row[order], word[order]
    running = np.cumsum(weights[word])
    before = running - weights[word]
    before -= np.concatenate([[0.0], running])[np.searchsorted(row, row)]
    kept = before <= (1 - NEAR) * total[text_of[row]] + 1e-9
    row, word = row[kept], word[kept]
    place = np.lexsort((text_of[row], total[text_of[row]], agree[row], word))
    row, word, key = row[place], word[place], agree[row[place]]
    found = []
    for step in range(1, _MAX_PAIRS + 1):
        same = (word[step:] == word[:-step]) & (key[step:] == key[:-step])
        found.append(np.stack([row[:-step][same], row[step:][same]], axis=1))
    pairs = np.sort(np.concatenate(found), axis=1)
    return np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)


def _must_agree(
    texts: pa.Array,
    hashes: np.ndarray,
    text: np.ndarray,
    context: np.ndarray,
    text_of: np.ndarray,
) -> np.ndarray:
    """Per question a number that is equal where context, numbers, negations and operators are."""
    numbers = pc.utf8_trim_whitespace(pc.replace_substring_regex(texts, r"[^0-9]+", " "))
    symbols = pc.replace_substring_regex(texts, _SYMBOLS, "")
    negation = among(hashes, split_words(pa.array([_NOT], type=pa.large_string())).hash)
    negations = np.bincount(text[negation], minlength=len(texts))
    frame = pd.DataFrame(
        {
            "numbers": to_numpy(pc.dictionary_encode(numbers).indices)[text_of],
            "symbols": to_numpy(pc.dictionary_encode(symbols).indices)[text_of],
            "negations": negations[text_of],
            "context": context,
        }
    )
    return frame.groupby(list(frame), sort=False).ngroup().to_numpy()


def _in_order(a: list[int], b: list[int]) -> bool:
    """Whether the words that two texts share stand in the same order: "from A to B" is not "from B to A"."""
    both = set(a) & set(b)
    return list(dict.fromkeys(w for w in a if w in both)) == list(dict.fromkeys(w for w in b if w in both))


def _numbered(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (a, b) as numbers from 0, and where each number is first met."""
    _, first, number = np.unique(np.stack([a, b], axis=1), axis=0, return_index=True, return_inverse=True)
    return number.ravel(), first
