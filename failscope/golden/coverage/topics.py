"""What production is about: hides how inputs become fine topics and how a topic gets a name that a person reads."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from failscope.surface.assigning import Fitted, assign, sample_of
from failscope.surface.communities import neighbor_graph
from failscope.surface.layering import find_communities
from failscope.surface.neighbors import nearest_neighbors
from failscope.surface.phrases import PER_GROUP, Wording

FITTED = 10_000
"""Inputs that topics are found in; the others are assigned by their neighbours' vote."""

NEIGHBOURS = 15
NO_WORDS = "no words"
"""The name of the topic of inputs that are empty or without a known word."""

_SMALL, _FEW = 5, 2_000  # the smallest topic of a log with few inputs; above, ten
_VOTES = 5


@dataclass(frozen=True, eq=False)
class Topics:
    """Topics numbered from 0, the largest first, and the topic of each input (n,)."""

    labels: np.ndarray
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)


def find_topics(
    X: np.ndarray, texts: Sequence[str], trace_ids: np.ndarray, *, random_state: int = 0
) -> Topics:
    """Leiden communities of the inputs' neighbour graph, as ``fs.cluster(view="topic")`` finds them.

    Parameters
    ----------
    X : (n, d) array
        Rows of a ``Space``: the last column marks inputs without words, which are a topic of their own.
    texts : sequence of str
        The n inputs.
    trace_ids : (n,) array of str
        Topics do not depend on the order of the rows.
    """
    # -1 keeps blank inputs out of the graph: they have nothing to be near by
    labels = np.full(len(X), -1, dtype=np.int64)
    worded = np.flatnonzero(X[:, -1] == 0)
    order = worded[np.argsort(trace_ids[worded].astype(str), kind="stable")]
    if len(order):
        labels[order] = _communities(X[order], trace_ids[order], random_state)
    counts = np.bincount(labels[worded]) if len(worded) else np.zeros(0, dtype=np.int64)
    rank = np.empty(len(counts), dtype=np.int64)
    rank[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
    if len(counts):
        labels[worded] = rank[labels[worded]]
    names = list(_names(labels[order], [texts[i] for i in order], X[order])) if len(order) else []
    if len(worded) < len(X):
        labels[labels < 0] = len(names)
        names.append(NO_WORDS)
    return Topics(labels, tuple(names))


def vote(E: np.ndarray, X: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The topic of each example (m,): what most of its nearest inputs are of, the nearest one's among equals."""
    out = np.full(len(E), -1, dtype=np.int64)
    for i, row in enumerate(E):
        order = np.argsort(-(X @ row), kind="stable")[:_VOTES]
        if len(order):
            counts = Counter(labels[order].tolist())
            out[i] = max(counts, key=lambda c: (counts[c], -int(np.flatnonzero(labels[order] == c)[0])))
    return out


def _communities(X: np.ndarray, trace_ids: np.ndarray, random_state: int) -> np.ndarray:
    fitted = sample_of(trace_ids, FITTED, random_state=random_state)
    S = np.ascontiguousarray(X[fitted])
    near = nearest_neighbors(S, NEIGHBOURS)
    if not near.index.shape[1]:
        return np.zeros(len(X), dtype=np.int64)
    least = _SMALL if len(near) < _FEW else 2 * _SMALL
    found = find_communities(
        neighbor_graph(near), near, resolution=None, min_size=least, random_state=random_state
    )
    labels = np.zeros(len(X), dtype=np.int64)
    labels[fitted] = found.labels[near.node]
    if not fitted.all():
        nothing = np.zeros(len(S), dtype=np.float32)
        known = Fitted(S, near, (labels[fitted],), 0, nothing, nothing, np.zeros((len(S), 2), np.float32))
        labels[~fitted] = assign(known, X, rows=np.flatnonzero(~fitted)).layers[0]
    return np.unique(labels, return_inverse=True)[1]


def _names(labels: np.ndarray, texts: Sequence[str], X: np.ndarray) -> Sequence[str]:
    """A name for each topic, of the phrases that mark its inputs; no two are equal."""
    grouped: dict[int, list[str]] = {}
    for c in range(int(labels.max()) + 1):
        rows = np.flatnonzero(labels == c)
        away = -(X[rows] @ X[rows].mean(axis=0))
        grouped[c] = [texts[i] for i in rows[np.argsort(np.round(away, 6), kind="stable")[:PER_GROUP]]]
    phrases = Wording(grouped).phrases
    names: list[str] = []
    for c, own in grouped.items():
        said: list[str] = []
        for phrase in phrases[c]:
            whole = _whole_name(phrase.text, own)
            if all(not _shared(whole, other) for other in said):
                said.append(whole)
        name = " · ".join(said[:2]) or f"topic {c}"
        names.append(name if name not in names else f"{name} ({c})")
    return names


def _whole_name(phrase: str, texts: Sequence[str]) -> str:
    """The phrase with the capitalised word that nearly always follows it: "Drift" is always "Drift One" there.

    A name's second word may be one that says nothing by itself, and phrases leave such words out.
    """
    if not phrase[:1].isupper():
        return phrase
    pattern = re.compile(rf"(?<!\w){re.escape(phrase)}(?!\w)(?: ([A-Z][\w-]{{1,15}}))?")
    after = Counter(m.group(1) for text in texts for m in pattern.finditer(text[:600]))
    word, count = after.most_common(1)[0] if after else (None, 0)
    return f"{phrase} {word}" if word and 3 * count >= 2 * after.total() else phrase


def _shared(one: str, other: str) -> bool:
    a, b = ({w.casefold().removesuffix("'s") for w in re.findall(r"[\w'’-]+", t)} for t in (one, other))
    return bool(a & b)
