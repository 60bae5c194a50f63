"""The words that mark a group of texts: hides tokens, stop words and the weighing of common against rare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

CHARS = 300
"""Only the beginning of a text is read: what an output is shows there, and a text of a megabyte costs no more."""

TEXTS = 4_000
"""Texts read at most, over all groups."""

PER_GROUP = 120
"""Texts read at most in one group."""

TERMS = 40_000
"""Phrases weighed at most, the most frequent ones."""

# "not", "no", "cannot" and "sorry" stay: they tell one failure from another
_STOP_WORDS = """
a about after all also am an and any are as at be because been before being both but by can could did do does for from
had has have he her here hers him his how if in into is it its just like may me might more most much my of off on once
one only or other our out over own s same she should so some such t than that the their them then there these they this
those through to too under until up very was we well were what when where which while who will with would your yours d
ll m re ve i'm i'll i've it's that's you're let's
"""
_STOP = frozenset(_STOP_WORDS.split())
_BARE = _STOP | {
    "i",
    "you",
    "we",
    "not",
    "no",
    "i'd",
    "we're",
    "don",
    "doesn",
}  # may begin a phrase, never end one
_TOKEN = r"(?u)\b\d+(?:[.,:]\d+)+\b|\b\w[\w'’]{0,39}\b"  # "29.00" is one token, not "29" and "00"


def key_phrases(texts: Mapping[int, Sequence[str]], *, n: int = 8) -> dict[int, tuple[str, ...]]:
    """The phrases of one to three words that mark each group of texts.

    A phrase weighs ``share * log(1 + G / total)``: the share of the group's texts that have it, and the number of
    groups over the sum of its shares (class-based TF-IDF, Grootendorst 2022, arXiv 2203.05794, counting texts and
    not occurrences so that one text that repeats itself does not speak for its group). Phrases neither begin nor
    end with a stop word, and none is part of another.

    Parameters
    ----------
    texts : mapping
        Group -> its texts, most typical first. At most ``PER_GROUP`` of each are read, ``CHARS`` characters of each.
    n : int
        Phrases for each group.

    Returns
    -------
    dict
        Group -> phrases in lower case, the heaviest first; words only, no markup or control characters.

    Examples
    --------
    >>> key_phrases({0: ["refund the order"] * 3, 1: ["reset the password"] * 3}, n=1)
    {0: ('refund the order',), 1: ('reset the password',)}
    """
    from scipy.sparse import csr_matrix
    from sklearn.feature_extraction.text import CountVectorizer

    groups = list(texts)
    each = max(8, min(PER_GROUP, TEXTS // max(len(groups), 1)))
    rows = [(g, text[:CHARS]) for g, group in enumerate(groups) for text in texts[group][:each] if text]
    empty: dict[int, tuple[str, ...]] = dict.fromkeys(groups, ())
    if not rows:
        return empty
    counter = CountVectorizer(
        ngram_range=(1, 3), binary=True, token_pattern=_TOKEN, max_features=TERMS, dtype=np.float32
    )
    try:
        counts = counter.fit_transform(text for _, text in rows)
    except ValueError:  # no text has a word
        return empty
    terms = counter.get_feature_names_out()
    telling = np.array([_tells(term) for term in terms], dtype=bool)
    owner = np.array([g for g, _ in rows])
    size = np.bincount(owner, minlength=len(groups))
    members = csr_matrix(
        (np.ones(len(rows), dtype=np.float32), (owner, np.arange(len(rows)))), (len(groups), len(rows))
    )
    together = (members @ counts).tocsr()
    total = np.asarray(together.multiply(1 / np.maximum(size, 1)[:, None]).sum(axis=0)).ravel()
    rare = np.log1p(len(groups) / np.maximum(total, 1e-9))
    found = dict(empty)
    for g, group in enumerate(groups):
        row = together[g]
        # a phrase of a single text says nothing of the group, unless it has few
        keep = telling[row.indices] & (row.data >= (2 if size[g] >= 5 else 1))
        column = row.indices[keep]
        # longer phrases say more at the same weight
        weight = (
            row.data[keep]
            / size[g]
            * rare[column]
            * (1 + 0.1 * np.char.count(terms[column].astype(str), " "))
        )
        order = np.lexsort((terms[column].astype(str), -np.round(weight, 9)))
        found[group] = _unlike(terms[column[order]].tolist(), n)
    return found


def _tells(term: str) -> bool:
    words = term.split(" ")
    numbers = [word[0].isdigit() for word in words]
    if words[0] in _STOP or words[-1] in _BARE or numbers[-1] or sum(numbers) > 1:
        return False
    # a single letter is a word where one character is, as in Chinese
    return len(term) > 1 or not term.isascii()


def _unlike(terms: list[str], n: int) -> tuple[str, ...]:
    """The first n terms without those that share their words with an earlier one."""
    chosen: list[str] = []
    for term in terms:
        words = set(term.split(" "))
        if not any(words <= set(c.split(" ")) or words >= set(c.split(" ")) for c in chosen):
            chosen.append(term)
        if len(chosen) == n:
            break
    return tuple(chosen)
