"""When two questions are one: hides what of a text counts, its sketch of a few bytes, and what tells two apart for all their likeness."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from failscope.surface.behaviour.words import STOP_WORDS

RUN = 5
"""Signs of a run; the share of runs that two texts have in common is how near they are."""
CHARS = 20_000
"""Longer texts are compared by their first 14,000 and last 6,000 signs."""
_HEAD, _TAIL = 14_000, 6_000

_CLOSING = 80
_AT_ONCE = 400_000  # signs that are hashed at once: each takes 8 bytes a few times over
_PERMUTATIONS = 128
_LONGEST_WORD = 64  # what is longer is no word, and comparing it takes long
_MOST_WORDS = 60  # words of one side that are looked for as typing errors of the other

# what a token with digits is: an order's number makes no other question, an amount, a date or a model's number does
_TOKEN = re.compile(r"(?<![\w-])[\w-]*\d[\w-]*")
_DATE = re.compile(r"\d{2,4}-\d{1,2}-\d{1,4}|\d{4}-\d{4}")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_WORD = re.compile(r"[^\W\d_]+")
_NEGATION = re.compile(
    r"\b(?:not|no|never|cannot|without|nicht|kein\w{0,3}|ohne|nie|sin|nunca|pas|jamais|sans)\b|n['’]t\b"
)
_COURTESY = """
hello hey dear good morning afternoon evening team support please thanks thank many lot cheers kindly bye regards sorry
help tell know ask asking asked question wonder wondering explain let like want need want wants wanted find trying okay
well really honestly actually again thing things
hallo guten tag morgen abend bitte danke vielen dank grüße frage hilfe wissen sagen möchte
hola buenas buenos días tardes gracias muchas mil favor ayuda quisiera saber
bonjour salut bonsoir merci beaucoup avance aide voudrais savoir
"""
_GREETING = re.compile(
    r"(?:(?:hello|hi|hey|dear|good (?:morning|day|afternoon|evening)|hallo|guten (?:tag|morgen|abend)|hola|buen[oa]s(?: d[ií]as| tardes)?|bonjour|salut|bonsoir)"
    r"(?: (?:there|all|team|everyone|everybody|support|zusammen|à tous))?\b[\s,.:;!–-]*)+"
)
_THANKS = re.compile(
    r"(?:[\s,.:;!?–-](?:please|thanks|thank you|thx|cheers|bitte|danke|vielen dank|besten dank|gracias|muchas gracias|merci|s'il vous plaît|por favor)"
    r"(?: (?:a lot|so much|very much|in advance|for your help|im voraus|de antemano|beaucoup|d'avance))?[\s.!]*)+\Z"
)
# "two" is a number here
_EMPTY = (frozenset(STOP_WORDS.split()) | frozenset(_COURTESY.split())) - {
    "two",
    "not",
    "nicht",
    "sin",
    "pas",
}

_rng = np.random.Generator(np.random.PCG64(128))  # fixed: sketches of two days are compared
_SIGNS = _rng.integers(1, 2**63, size=RUN, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
_A = _rng.integers(1, 2**63, size=_PERMUTATIONS, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
_B = _rng.integers(0, 2**63, size=_PERMUTATIONS, dtype=np.uint64)


def folded(text: str) -> str:
    """The text that two exact duplicates share: compatible signs, upper and lower case and white space made alike.

    Examples
    --------
    >>> folded("  Where is\\tmy ORDER?\\n")
    'where is my order?'
    """
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def masked(text: str) -> str:
    """``folded``, capped, without a greeting and thanks at its ends, each identifier a "#".

    An order's number in a question makes no other question. An identifier is a number of seven digits and more, or a run of letters and digits with five digits and more.

    Examples
    --------
    >>> masked("Hello team, where is my lamp? Thanks a lot!")
    'where is my lamp?'
    >>> masked("Order QH-86330 of 15 lamps, invoice 4471209")
    'order # of 15 lamps, invoice #'
    >>> masked("GPT-4, RTX4090, 2026-06-01, 250000 and 3.5 stay")
    'gpt-4, rtx4090, 2026-06-01, 250000 and 3.5 stay'
    """
    capped = text if len(text) <= CHARS else f"{text[:_HEAD]} {text[-_TAIL:]}"
    plain = folded(capped)
    greeting = _GREETING.match(plain)
    bare = plain[greeting.end() if greeting else 0 :]
    # the last signs alone are looked at: a long run of thanks must not take long
    thanks = _THANKS.search(bare, max(0, len(bare) - _CLOSING))
    bare = bare[: thanks.start() + 1].rstrip() if thanks else bare
    # a greeting with nothing behind it is the question
    return _TOKEN.sub(_identifier, bare or plain)


def _identifier(match: re.Match[str]) -> str:
    token = match.group()
    digits = sum(c.isdigit() for c in token)
    named = any(c.isalpha() for c in token)
    return "#" if digits >= (5 if named else 7) and not _DATE.fullmatch(token) else token


@lru_cache(maxsize=32)  # the runs of a long text take megabytes
def runs(text: str) -> frozenset[str]:
    """The distinct runs of ``RUN`` signs of a masked text; a shorter text is its own run."""
    return frozenset(text[i : i + RUN] for i in range(max(1, len(text) - RUN + 1)))


def overlap(a: str, b: str) -> float:
    """The share of the runs of two masked texts that both have, from 0 to 1 (Jaccard).

    Source: Broder, 1997, "On the resemblance and containment of documents".

    Examples
    --------
    >>> overlap("where is my order?", "where is my order"), overlap("", ""), overlap("", "where")
    (0.9285714285714286, 1.0, 0.0)
    """
    one, two = runs(a), runs(b)
    return len(one & two) / len(one | two)


def sketches(texts: Sequence[str], n: int = _PERMUTATIONS) -> np.ndarray:
    """(len(texts), n) uint8: the share of equal bytes in two rows estimates ``overlap``.

    MinHash (Broder, 1997) of n permutations of which the lowest eight bits are kept (Li and König, 2010, "b-bit
    minwise hashing"): unlike texts agree in one byte of 256 by chance.
    """
    out = np.empty((len(texts), n), dtype=np.uint8)
    start = 0
    while start < len(texts):
        end, size = start, 0
        while end < len(texts) and (end == start or size + len(texts[end]) <= _AT_ONCE):
            size += max(len(texts[end]), RUN)
            end += 1
        out[start:end] = _sketched(texts[start:end], n)
        start = end
    return out


def _sketched(texts: Sequence[str], n: int) -> np.ndarray:
    padded = [text.ljust(RUN, "\0") for text in texts]
    sizes = np.array([len(text) for text in padded])
    signs = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(
        np.uint64
    )
    hashed = np.zeros(len(signs) - RUN + 1, dtype=np.uint64)
    for k in range(RUN):
        hashed += signs[k : k + len(hashed)] * _SIGNS[k]
    # a run that begins in one text and ends in the next is none
    begins = np.cumsum(sizes) - sizes
    inside = np.ones(len(signs), dtype=bool)
    for k in range(1, RUN):
        inside[begins + sizes - k] = False
    hashed = hashed[inside[: len(hashed)]]
    hashed ^= hashed >> np.uint64(33)
    hashed *= np.uint64(0xFF51AFD7ED558CCD)
    hashed >>= np.uint64(32)
    first = np.cumsum(sizes - RUN + 1) - (sizes - RUN + 1)
    out = np.empty((len(texts), n), dtype=np.uint8)
    for p in range(n):
        # multiply-add-shift of 32 bits is universal in 64 (Dietzfelbinger, 1996)
        lowest = np.minimum.reduceat((hashed * _A[p] + _B[p]) >> np.uint64(32), first)
        out[:, p] = lowest & np.uint64(255)
    return out


def told_apart(a: str, b: str) -> str:
    """What makes two masked texts two questions although they are alike: ``"numbers"``, ``"negation"``, ``"words"`` or "".

    Numbers: both have some, and not the same ("15 lamps", "28 lamps"). Negation: one has one ("how can I", "why can't
    I"). Words: each has a word that the other lacks ("my lamp", "my kettle"), typing errors, courtesies and words without
    a content of their own aside. What is only added, a greeting or a sentence, tells nothing apart.

    Examples
    --------
    >>> told_apart("where is my lamp?", "where is my kettle?"), told_apart("i have 4 guests", "i have 5 guests")
    ('words', 'numbers')
    >>> told_apart("where is my parcel?", "hello, where is my pacrel? it is urgent")
    ''
    """
    if a == b:
        return ""
    one, two = Counter(_NUMBER.findall(a)), Counter(_NUMBER.findall(b))
    if one and two and one != two:
        return "numbers"
    if bool(_NEGATION.search(a)) != bool(_NEGATION.search(b)):
        return "negation"
    first, second = Counter(_WORD.findall(a)), Counter(_WORD.findall(b))
    here, there = list((first - second).elements()), list((second - first).elements())
    if "".join(here) == "".join(there):
        return ""  # "top-up" and "topup"
    here, there = [w for w in here if _has_content(w)], [w for w in there if _has_content(w)]
    if len(here) <= _MOST_WORDS and len(there) <= _MOST_WORDS:
        for word in list(here):
            wrong = next((w for w in there if _typing_error(word, w)), None)
            if wrong is not None:
                here.remove(word)
                there.remove(wrong)
    return "words" if here and there else ""


def has_words(text: str) -> bool:
    """Whether a masked text has two words: the vectors of signs and pictures say nothing."""
    return len(_WORD.findall(text[:400])) > 1


def _has_content(word: str) -> bool:
    # one sign of Chinese is a word, two letters of Latin mostly are none
    return word not in _EMPTY and (len(word) > 2 or not word.isascii())


def _typing_error(a: str, b: str) -> bool:
    """One letter more, less or other, or two swapped; two such in eight letters and more."""
    if max(len(a), len(b)) > _LONGEST_WORD:
        return False
    return _few_edits(a, b)


@lru_cache(maxsize=16_384)
def _few_edits(a: str, b: str) -> bool:
    short = min(len(a), len(b))
    most = 0 if short < 3 else 1 if short < 8 else 2
    if abs(len(a) - len(b)) > most or len(set(a) ^ set(b)) > 2 * most:
        return False
    return _edits(a, b, most) <= most


def forget_texts() -> None:
    """Empty what is kept of compared texts."""
    runs.cache_clear()
    _few_edits.cache_clear()


def _edits(a: str, b: str, most: int) -> int:
    """Damerau-Levenshtein distance, no sign edited twice; anything above ``most`` where it is above."""
    before: list[int] = []
    last = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            best = min(last[j] + 1, row[-1] + 1, last[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                best = min(best, before[j - 2] + 1)
            row.append(best)
        if min(row) > most and min(last) > most:
            return most + 1
        before, last = last, row
    return last[-1]
