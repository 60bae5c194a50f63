"""Which of many rows ask the same as one: hides the sieve of sketches and vectors before texts are compared."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from failscope.golden.near.sameness import folded, has_words, masked, overlap, told_apart
from failscope.golden.near.table import Table

LOOKED_AT = 20
"""Of the rows that pass the sieve, the likeliest ones whose texts are compared; exact copies come first."""

_SLACK = 0.14  # four standard deviations of what a sketch of 128 bytes estimates
_GIVEN_SLACK = 0.35  # the same of 32
_ROUNDED = 0.002  # what float16 may take from a cosine
_ROWS, _QUERIES = 8_192, 256


@dataclass(frozen=True)
class Near:
    """An example or case that asks the same.

    Attributes
    ----------
    kind : str
        ``"exact"``, ``"near"`` or ``"paraphrase"``.
    figure : float
        1 for exact; the share of common runs of five signs for near; the cosine for paraphrase.
    example_id, input : str
        The other one.
    trace_id : str
        Of a case that is no example yet; the gate knows it.
    """

    kind: str
    figure: float
    example_id: str
    input: str
    trace_id: str = ""

    @property
    def rank(self) -> tuple[int, float]:
        """The likelier one is higher."""
        return ("paraphrase", "near", "exact").index(self.kind), self.figure


def likely(
    queries: Table,
    table: Table,
    *,
    least: float,
    cosine: float,
    counts: Callable[[int, int], bool],
    before: bool = False,
) -> Iterator[list[tuple[int, float]]]:
    """For each query the rows that may ask the same, the likeliest first, each with its cosine.

    Sketches are met by 32 bands of four bytes, so that of inputs that share 0.7 of their runs one in 7,000 is missed
    (Leskovec, Rajaraman and Ullman, 2014, "Mining of massive datasets", 3.4).

    Parameters
    ----------
    least, cosine : float
        From where two are the same.
    counts : callable
        Query and row -> whether the row may be an answer; asked of a query when its turn comes.
    before : bool
        Only the rows before the query, which is a row of the table itself.
    """
    bands = table.asked.view(np.uint32).T.copy()
    for start in range(0, len(queries), _QUERIES):
        vectors = queries.vectors[start : start + _QUERIES].astype(np.float32)
        alike = _alike(vectors, table.vectors, cosine)
        for n, vector in enumerate(vectors, start):
            asked = queries.asked[n]
            met = np.zeros(len(table), dtype=bool)
            for band, mine in zip(bands, asked.view(np.uint32), strict=True):
                met |= band == mine
            copies = table.exact == queries.exact[n]
            rows = np.union1d(np.flatnonzero(met | copies), alike[n - start])
            if before:
                rows = rows[rows < n]
            share = (table.asked[rows] == asked).mean(axis=1)
            figures = table.vectors[rows].astype(np.float32) @ vector
            same = (table.given[rows] == queries.given[n]).mean(axis=1)
            passes = (share >= least - _SLACK) | (figures >= cosine - _ROUNDED)
            passes &= same >= least - _GIVEN_SLACK
            # rows that differ from the copy in one number may have its very sketches
            likeness = np.where(copies[rows], np.inf, np.maximum(share, figures) + same)
            passes |= copies[rows]
            order = np.flatnonzero(passes)[np.argsort(-likeness[passes], kind="stable")]
            found = ((int(rows[k]), float(figures[k])) for k in order)
            yield list(islice((one for one in found if counts(n, one[0])), LOOKED_AT))


def _alike(queries: np.ndarray, vectors: np.ndarray, cosine: float) -> list[np.ndarray]:
    """For each query the rows with such a cosine."""
    found: list[list[np.ndarray]] = [[np.zeros(0, dtype=np.int64)] for _ in queries]
    for start in range(0, len(vectors), _ROWS):
        hits = queries @ vectors[start : start + _ROWS].astype(np.float32).T >= cosine - _ROUNDED
        for n in np.flatnonzero(hits.any(axis=1)):
            found[n].append(start + np.flatnonzero(hits[n]))
    return [np.concatenate(rows) for rows in found]


def compare(
    a: Mapping[str, Any], b: Mapping[str, Any], *, least: float, cosine: float, figure: float
) -> Near | None:
    """How an example asks the same as another, or None.

    Both have to have the same context, or nearly: the same question to other facts is another one. System prompts
    may differ: a new version of one is what a golden set is for.
    """
    asked, other = texts_of(a)[0], texts_of(b)[0]
    given, there = texts_of(a)[1], texts_of(b)[1]

    def near(kind: str, figure: float) -> Near:
        return Near(kind, figure, str(b.get("id", "")), other)

    if folded(asked) == folded(other) and folded(given) == folded(there):
        return near("exact", 1.0)
    one, two, mine, theirs = masked(asked), masked(other), masked(given), masked(there)
    if told_apart(one, two) or told_apart(mine, theirs) or overlap(mine, theirs) < least:
        return None
    share = overlap(one, two)
    if share >= least:
        return near("near", share)
    alike = figure >= cosine and has_words(one) and has_words(two)
    return near("paraphrase", figure) if alike else None


def texts_of(example: Mapping[str, Any]) -> tuple[str, str]:
    """The input and the context of an example."""
    return str(example.get("input") or ""), str(example.get("context") or "")


def hashes(texts: Sequence[tuple[str, str]]) -> np.ndarray:
    """(n,) uint64 of inputs and contexts, the same for two that ``compare`` calls exact."""
    made = [
        hashlib.blake2b(
            f"{folded(asked)}\0{folded(given)}".encode("utf-8", "surrogatepass"), digest_size=8
        ).digest()
        for asked, given in texts
    ]
    return np.frombuffer(b"".join(made), dtype="<u8").astype(np.uint64)
