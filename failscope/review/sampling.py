"""Drawing traces at random with exact chances: hides how strata are chosen, how many each gets and how picks are mixed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from failscope.surface.clustering import Clustering

T = TypeVar("T")

PER_STRATUM = 4
"""Strata are the finest layer of clusters that leaves so many reads for each on average."""


@dataclass(frozen=True, eq=False)
class Draw:
    """A sample of a population and its strata.

    Attributes
    ----------
    picks : (n,) int array
        Places in the population. At every moment, what was read of a stratum is a simple random sample of it.
    stratum : (N,) int array
        Of every trace of the population.
    layer : int
        The place among ``Clustering.layers`` that the strata are from; -1 when all is one stratum.
    sizes, drawn : (h,) int arrays
        Of each stratum: how many traces there are, how many were drawn.
    """

    picks: np.ndarray
    stratum: np.ndarray
    layer: int
    sizes: np.ndarray
    drawn: np.ndarray


def draw_simple(population: int, size: int, rng: np.random.Generator) -> Draw:
    """A simple random sample without replacement, in random order."""
    picks = rng.choice(population, size, replace=False)
    return Draw(picks, np.zeros(population, dtype=np.int64), -1, np.array([population]), np.array([size]))


def draw_stratified(found: Clustering, places: np.ndarray, size: int, rng: np.random.Generator) -> Draw:
    """A simple random sample in each stratum, read in turns.

    ``places`` are those of the population in ``found``. A stratum gets reads by the square root of its size (power
    allocation: Bankier 1988, The American Statistician 42), which lies between its share of the traffic and the
    same for each, and at least two where it has two.
    """
    fits = [i for i, layer in enumerate(found.layers) if len(np.unique(layer[places])) * PER_STRATUM <= size]
    layer = max(fits, default=-1)
    if layer < 0:
        return draw_simple(len(places), size, rng)
    stratum = np.unique(found.layers[layer][places], return_inverse=True)[1]
    sizes = np.bincount(stratum)
    drawn = allocate(sizes, size)
    picks = [
        rng.choice(np.flatnonzero(stratum == h), n, replace=False).tolist()
        for h, n in enumerate(drawn.tolist())
    ]
    return Draw(np.array(spread(picks), dtype=np.int64), stratum, layer, sizes, drawn)


def allocate(sizes: np.ndarray, total: int) -> np.ndarray:
    """How many to draw from each stratum: by the root of its size, at least two, at most all of it.

    Examples
    --------
    >>> allocate(np.array([900, 100, 1]), 21).tolist()
    [15, 5, 1]
    """
    drawn = np.minimum(sizes, 2)
    root = np.sqrt(sizes)
    for _ in range(total - int(drawn.sum())):
        room = drawn < sizes
        if not room.any():
            break
        drawn[int(np.argmax(np.where(room, root / (drawn + 1), -1)))] += 1
    return drawn


def spread(lists: Sequence[Sequence[T]], *, begun: Sequence[int] | None = None) -> list[T]:
    """All lists mixed evenly, each in its own order; where two are level, the earlier list comes first.

    ``begun`` says how many of each list came before, so that what is left of an even mixture stays where it was.

    Examples
    --------
    >>> spread([["a", "b", "c"], [1]])
    ['a', 'b', 1, 'c']
    >>> spread([["c"], [1]], begun=[2, 0])
    [1, 'c']
    """
    at = [
        ((before + i + 0.5) / (before + len(items)), which, i, item)
        for which, (items, before) in enumerate(zip(lists, begun or [0] * len(lists), strict=True))
        for i, item in enumerate(items)
    ]
    return [item for *_, item in sorted(at, key=lambda entry: entry[:3])]
