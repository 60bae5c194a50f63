"""The words that mark a group of texts: hides tokens, stop words and the weighing of common against rare."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

CHARS = 300
"""Only the beginning of a text is read: what an output is shows there, and a text of a megabyte costs no more."""

TEXTS = 4_000
"""Texts read at most, over all groups."""

PER_GROUP = 120
"""Texts read at most in one group."""

TERMS = 40_000
"""Phrases weighed at most, the most frequent ones."""

NEAREST = 3
"""Groups of the most alike wording that a phrase is held against."""

SPOKEN = 0.05
"""A phrase in a smaller share of a group's texts is no phrase of the group."""

LONGEST = 40
"""Characters of a phrase."""

# "not", "no", "cannot" and "sorry" stay: they tell one failure from another
_STOP_WORDS = """
a about after all also am an and any are as at be because been before being both but by can could did do does for from
had has have he her here hers him his how if in into is it its just like may me might more most much my of off on once
one only or other our out over own s same she should so some such t than that the their them then there these they this
those through to too under until up very was we well were what when where which while who will with would your yours d
ll m re ve i'm i'll i've it's that's you're let's i you we us i'd we're we'll we've you'll you've they're
however therefore thus moreover furthermore additionally overall finally instead rather although though since whether
here's there's what's several many few each every within without upon per via etc even still yet again already
please thanks thank hello hi dear sure okay ok yes get gets got take takes took make makes made use uses used using need
needs want wants know see say says said let tell give gives given go goes going come think way ways thing things good best
why question help find write provide include show various different lot least one two three four first second third
another something everything somebody
der die das den dem des ein eine einen einem einer und oder aber ist sind war waren wird werden wurde hat haben ich wir
ihr sie er es mit auf für von aus bei nach über auch noch nur wie wenn dass als zum zur sich kann können im am zu in bis
durch um so sehr ihre ihren ihrem ihrer ihnen mein meine dieser diese dieses
el la los las lo un una uno unos unas del de que con por para como más pero su sus este esta estos estas son fue ser está
están hay muy sobre entre también cuando donde puede pueden se si al en es y o te tu le les yo mi me ha han usted
le la les un une des du au aux et ou est sont pour par avec sur dans qui que mais plus vous nous votre notre vos nos cette
ces ce ses son sa il elle ils elles on je tu ne pas y à avoir fait comme tout tous leur leurs peut
il lo gli i un uno una di da con su per tra che è sono del della dei delle nel nella al alla si non più anche come
os as um uma de do da dos das em no na nos nas por para com que e é são não se ao à mais como seu sua
het een de en van op te dat die voor met zijn niet aan om ook als bij maar dan nog wel
"""
_NEGATIONS = frozenset(
    ["not", "no", "cannot", "can't", "don't", "doesn't", "won't", "isn't", "aren't", "unable", "never"]
)
_STOP = frozenset(_STOP_WORDS.split()) - _NEGATIONS
_JOINTS = frozenset(
    ["about", "because", "but", "if", "when", "while", "since", "although", "whether", "that", "which", "who"]
)
"""Where one thought ends and another begins: no phrase goes across."""
_SPEAKERS = frozenset({"i", "we"})
_LAST_NOT = _STOP | _NEGATIONS
"""A phrase that ends with one of these waits for what follows."""

# \w leaves out the signs that Arabic, Hebrew, Indic and South-East Asian scripts write their vowels with
_W = (
    r"\w\u0300-\u036f\u0591-\u05bd\u064b-\u065f\u0900-\u0963\u0966-\u0dff\u0e01-\u0e4e\u0e81-\u0ece\u0f18-\u0f84"
    r"\u1000-\u1049\u1780-\u17d3"
)
# "29.00", "can't", "Wi-Fi" and an e-mail address are one token each
_TOKEN = re.compile(rf"\d+(?:[.,:]\d+)+(?![{_W}])|[{_W}]+(?:['./@&+‐‑-][{_W}]+)*")
# numbers of orders and the like, as "QH-10482" and "b075h2b962", are no words of a language
_CODE = re.compile(r"(?<!\w)[a-z]{1,8}[-#_]?\d[\da-z]{2,}(?!\w)")
# what may stand between two words of one phrase; anything else, as the end of a sentence, ends it
_BETWEEN = re.compile(r"[ \t\u00a0\u202f]{1,3}")


@dataclass(frozen=True)
class Phrase:
    """One phrase of a group: as it is mostly written, the share of the group's texts with it, and the mean share
    in the other groups; ``weight`` is what phrases are ordered by."""

    text: str
    share: float
    elsewhere: float
    weight: float


class Wording:
    """How groups of texts are worded, each compared with all and with those that are worded most like it.

    A phrase of one to three words weighs ``share · log(1 + G / total) · share / (share + near) · (1 + 0.25 · more
    words)``: the share of the group's texts that have it; the number of groups over the sum of its shares
    (class-based TF-IDF, Grootendorst 2022, arXiv 2203.05794, counting texts and not occurrences, so that one text
    that repeats itself does not speak for its group); ``near``, its mean share in the ``NEAREST`` groups of the
    most alike wording, so that what a group has in common with its neighbours does not name it; and a longer
    phrase says more than its words.

    Parameters
    ----------
    texts : mapping
        Group -> its texts, most typical first. At most ``PER_GROUP`` of each are read, ``CHARS`` characters of each.
    """

    def __init__(self, texts: Mapping[int, Sequence[str]]) -> None:
        from scipy.sparse import csr_matrix
        from sklearn.feature_extraction.text import CountVectorizer

        self.groups = list(texts)
        each = max(8, min(PER_GROUP, TEXTS // max(len(self.groups), 1)))
        self._texts = [[t[:CHARS] for t in texts[g][:each] if t] for g in self.groups]
        self._size = np.array([len(t) for t in self._texts])
        flat = [t for group in self._texts for t in group]
        counter = CountVectorizer(analyzer=_terms, binary=True, max_features=TERMS, dtype=np.float32)
        try:
            counts = counter.fit_transform(flat)
        except ValueError:  # no text has a word
            self._terms, self._shares = np.array([], dtype=object), csr_matrix((len(self.groups), 0))
            return
        self._terms = counter.get_feature_names_out()
        owner = np.repeat(np.arange(len(self.groups)), self._size)
        place = (np.ones(len(flat), dtype=np.float32), (owner, np.arange(len(flat))))
        together = csr_matrix(place, (len(self.groups), len(flat))) @ counts
        self._shares = together.multiply(1 / np.maximum(self._size, 1)[:, None]).tocsr()

    @cached_property
    def _rare(self) -> np.ndarray:
        total = np.asarray(self._shares.sum(axis=0)).ravel()
        return np.log1p(len(self.groups) / np.maximum(total, 1e-9))

    @cached_property
    def likeness(self) -> np.ndarray:
        """(g, g): the cosine of every two groups' weighed shares; 0 where a group has no words."""
        from sklearn.preprocessing import normalize

        if not len(self._terms):
            return np.zeros((len(self.groups), len(self.groups)))
        rows = normalize(self._shares.multiply(self._rare).tocsr())
        return np.asarray((rows @ rows.T).todense())

    @cached_property
    def phrases(self) -> dict[int, tuple[Phrase, ...]]:
        """Group -> its phrases, the heaviest first, at most eight, none like an earlier one."""
        found: dict[int, tuple[Phrase, ...]] = dict.fromkeys(self.groups, ())
        if not len(self._terms):
            return found
        like = np.round(self.likeness, 6)
        np.fill_diagonal(like, -1)
        spaces = np.array([term.count(" ") for term in self._terms])
        total = np.asarray(self._shares.sum(axis=0)).ravel()
        for g, group in enumerate(self.groups):
            row = self._shares[g]
            # a phrase of a single text says nothing of the group, unless it has few
            least = max(2, SPOKEN * self._size[g]) if self._size[g] >= 5 else 1
            keep = row.data * self._size[g] >= least - 0.5
            term, share = row.indices[keep], row.data[keep].astype(float)
            others = [n for n in np.argsort(-like[g], kind="stable")[:NEAREST] if like[g, n] > 0]
            near = (
                np.asarray(self._shares[others][:, term].mean(axis=0)).ravel()
                if others
                else np.zeros(len(term))
            )
            weight = share * self._rare[term] * share / (share + near + 1e-12) * (1 + 0.25 * spaces[term])
            elsewhere = (total[term] - share) / max(len(self.groups) - 1, 1)
            order = np.lexsort((self._terms[term].astype(str), -np.round(weight, 9)))
            found[group] = tuple(
                Phrase(
                    self._as_written(g, self._terms[term[i]]),
                    float(share[i]),
                    float(elsewhere[i]),
                    float(weight[i]),
                )
                for i in _unlike(self._terms[term], order)
            )
        return found

    def _as_written(self, g: int, term: str) -> str:
        """The spelling that the group's texts mostly have, inside a sentence where it is found there."""
        words = _BETWEEN.pattern.join(map(re.escape, term.split(" ")))
        pattern = re.compile(rf"(?<!\w){words}(?!\w)", re.IGNORECASE)
        inside: Counter[str] = Counter()
        first: Counter[str] = Counter()
        for text in self._texts[g]:
            for match in pattern.finditer(text.replace("’", "'")):
                before = text[: match.start()].rstrip(" \t\"'“‘(*_#")
                begins = not before or before[-1] in ".!?:\n-•>|"
                (first if begins else inside)[" ".join(match.group().split())] += 1
        forms = inside or first
        if not forms:
            return term
        # among equals the one in lower case, so that a chance capital does not decide
        return min(forms, key=lambda form: (-forms[form], form != form.lower(), form))


def key_phrases(texts: Mapping[int, Sequence[str]], *, n: int = 8) -> dict[int, tuple[str, ...]]:
    """The phrases of one to three words that mark each group of texts, weighed as in ``Wording``.

    Parameters
    ----------
    texts : mapping
        Group -> its texts, most typical first.
    n : int
        Phrases for each group, at most eight.

    Returns
    -------
    dict
        Group -> phrases as written, the heaviest first; words only, no markup or control characters. None begins
        or ends with a stop word, crosses the end of a sentence, or shares half of its words with another.

    Examples
    --------
    >>> key_phrases({0: ["Refund the order"] * 3, 1: ["Reset the password"] * 3}, n=1)
    {0: ('Refund the order',), 1: ('Reset the password',)}
    """
    return {g: tuple(p.text for p in phrases[:n]) for g, phrases in Wording(texts).phrases.items()}


def _terms(text: str) -> set[str]:
    """The phrases of one to three words in a text that could name a group."""
    found: set[str] = set()
    lowered = _CODE.sub("|", text.lower().replace("’", "'"))
    before, second, first = "", "", ""  # the three words up to here that belong together
    end = -1
    for match in _TOKEN.finditer(lowered):
        word, start = match.group(), match.start()
        # one space is what mostly stands there
        together = end >= 0 and (lowered[end:start] == " " or _BETWEEN.fullmatch(lowered, end, start))
        if not together:
            second, first = "", ""
        end = match.end()
        if len(word) > LONGEST or word in _JOINTS:
            first = second = ""
            continue
        before, second, first = second, first, word
        if word in _LAST_NOT or word[0].isdigit():
            continue
        # two letters are a word where one character is, as in Chinese
        if len(word) > 2 or not word.isascii():
            found.add(word)
        if not second or len(second) + len(word) >= LONGEST:
            continue
        if second not in _STOP:
            found.add(f"{second} {word}")
        if before and len(before) + len(second) + len(word) < LONGEST - 1:
            # "I cannot share" is a phrase, "you can use" is a piece of one
            begins = before not in _STOP or (before in _SPEAKERS and second in _NEGATIONS)
            if begins and not (before[0].isdigit() and second[0].isdigit()):
                found.add(f"{before} {second} {word}")
    return found


def _stem(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") else word


def _unlike(terms: np.ndarray, order: np.ndarray, n: int = 8) -> list[int]:
    """The first n positions in this order without terms that share half of their telling words with an earlier one."""
    chosen: list[int] = []
    bags: list[set[str]] = []
    for i in order:
        bag = {_stem(w) for w in terms[i].split(" ") if w not in _STOP}
        if all(2 * len(bag & other) < min(len(bag), len(other)) for other in bags):
            chosen.append(int(i))
            bags.append(bag)
        if len(chosen) == n:
            break
    return chosen
