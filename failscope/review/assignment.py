"""Who reads which trace: hides how a plan is shared among people so that nobody has to coordinate."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

from failscope.errors import ArgumentError

OVERLAP = 0.2
"""The share of traces that a second person reads too, so that agreement can be told."""


@dataclass(frozen=True)
class Assignment:
    """How a review is shared.

    The readers of a trace are those with the highest hash of review, trace and name (rendezvous hashing: Thaler and
    Ravishankar 1998, IEEE/ACM Transactions on Networking 6). So every process that knows the names gives the same
    answer without asking another, a plan that is chosen anew moves nobody's traces, and when somebody is away only that
    person's traces move, to whoever comes next. Which traces two people read depends on the trace alone: they are a
    random part of the random sample and of the chosen picks.

    Attributes
    ----------
    session : str
    reviewers : tuple of str
    away : frozenset of str
        Whose traces others read for now.
    overlap : float
        The share of traces, 0 to 1, that two people read.

    Examples
    --------
    >>> shared = Assignment("2026-W23", ("ana", "ben"), overlap=0.0)
    >>> [shared.readers(t) for t in ("t1", "t2", "t3")]
    [['ana'], ['ben'], ['ana']]
    >>> [Assignment("2026-W23", ("ana", "ben"), frozenset({"ben"}), 0.0).readers(t) for t in ("t1", "t2")]
    [['ana'], ['ana']]
    """

    session: str
    reviewers: tuple[str, ...]
    away: frozenset[str] = frozenset()
    overlap: float = OVERLAP

    def readers(self, trace_id: str) -> list[str]:
        """The one or two people who read it, the first one first."""
        there = tuple(who for who in self.reviewers if who not in self.away) or self.reviewers
        return list(_ranked(self.session, trace_id, there)[: 1 + self.twice(trace_id)])

    def twice(self, trace_id: str) -> bool:
        """Whether a second person reads it too."""
        return len(self.reviewers) > 1 and _hashed(self.session, trace_id) < self.overlap

    def due(self, reviewer: str, trace_id: str, readers: Collection[str]) -> bool:
        """Whether this reviewer is to read it, when these people have read it already."""
        if reviewer in readers or reviewer not in self.readers(trace_id):
            return False
        return len(readers) < 1 + self.twice(trace_id)


def checked_overlap(overlap: float) -> float:
    """The share, or an error that says what it may be."""
    if isinstance(overlap, bool) or not isinstance(overlap, int | float) or not 0 <= overlap <= 1:
        raise ArgumentError(
            f"overlap={overlap!r} is no share; give 0 (nobody reads twice) to 1 (all is read twice)"
        )
    return float(overlap)


@lru_cache(maxsize=65_536)
def _ranked(session: str, trace_id: str, reviewers: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(reviewers, key=lambda who: (-_hashed(session, trace_id, who), who)))


def _hashed(*parts: str) -> float:
    """A number in [0, 1) that only the parts decide."""
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def in_turn(
    trace_ids: Sequence[str], reviewer: str, shared: Assignment, read: dict[str, set[str]]
) -> list[str]:
    """What is left for one reviewer, in the given order: first what is theirs, then what nobody has read yet.

    ``read`` is trace -> who read it. What others have read and nobody else is to read is left out.
    """
    own, help_out = [], []
    for trace_id in trace_ids:
        readers = read.get(trace_id, set())
        if shared.due(reviewer, trace_id, readers):
            own.append(trace_id)
        elif not readers:
            help_out.append(trace_id)
    return [*own, *help_out]
