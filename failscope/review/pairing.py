"""Which groups of one clustering are those of another: hides where traces lie, how they vote, and the optimal match."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from failscope.surface.behaviour import Probe
from failscope.surface.clustering import Clustering
from failscope.surface.embedding import Embedder, embed_texts
from failscope.surface.profile import NOISE
from failscope.surface.views import standardise

NONE = 0.3
"""Two groups are not matched below this likeness: having none is then the better match."""
MOSTLY = 0.5
"""A part comes mostly from a group, or goes mostly into one, from this share on."""
PART = 0.2
"""What holds less than this share of a group is no part of it."""
SHARED = 0.5
"""From this share of shared traces on, these alone say which groups belong together."""

_NEAREST = 5
_FAR = 0.95  # a trace farther from all others than this share of them lies from its nearest one has no vote
_TAGS = 0.3  # what equal tags weigh beside where the traces are
_FEWEST_TAGS = 2
_CHUNK = 2_048


@dataclass(frozen=True, eq=False)
class Pairing:
    """Groups of ``now`` and of ``before`` that belong together.

    Attributes
    ----------
    before, now : (a,), (b,) int arrays
        The labels.
    goes : (a, b) array
        The share of each earlier group's traces that are, or lie, in each group now.
    comes : (a, b) array
        The share of each present group's traces that were, or lie, in each earlier group.
    likeness : (a, b) array
        The geometric mean of both (Ochiai's coefficient, where traces are shared), moved by equal tags.
    pairs : dict
        Label now -> label before, one to one.
    """

    before: np.ndarray
    now: np.ndarray
    goes: np.ndarray
    comes: np.ndarray
    likeness: np.ndarray
    pairs: dict[int, int]

    @property
    def splits(self) -> dict[int, list[int]]:
        """Earlier group -> the groups now that each come mostly from it, where there are several."""
        part = (self.comes >= MOSTLY) & (self.goes >= PART)
        return {
            int(a): [int(b) for b in self.now[row]]
            for a, row in zip(self.before, part, strict=True)
            if row.sum() > 1
        }

    @property
    def merges(self) -> dict[int, list[int]]:
        """Group now -> the earlier groups that each went mostly into it, where there are several."""
        part = (self.goes >= MOSTLY) & (self.comes >= PART)
        return {
            int(b): [int(a) for a in self.before[column]]
            for b, column in zip(self.now, part.T, strict=True)
            if column.sum() > 1
        }


def pair_clusters(
    before: Clustering,
    now: Clustering,
    *,
    tags: Mapping[str, Collection[str]] | None = None,
    embedder: Embedder | str | None = None,
) -> Pairing:
    """Match the groups of two clusterings in the same view, each with at most one, or none.

    Parameters
    ----------
    before, now : Clustering
        Of growing windows, which share traces, or of two weeks, which share none. Where they share ``SHARED`` of the
        smaller one, membership decides. Else every trace votes for the groups of its ``_NEAREST`` nearest traces of the
        other clustering, unless it is farther away than 95 in 100 of those are from each other.
    tags : mapping, optional
        Failure mode -> the traces that people gave it; groups with the same tags are more alike.
    embedder : optional
        The one that the view was made with.

    Notes
    -----
    The match has the largest sum of likeness above ``NONE`` (the assignment problem, by
    ``scipy.optimize.linear_sum_assignment``: Crouse 2016, IEEE Transactions on Aerospace and Electronic Systems 52).
    """
    old, new = _labels(before), _labels(now)
    shared, here, there = np.intersect1d(
        now.trace_ids.astype(str), before.trace_ids.astype(str), return_indices=True
    )
    if len(shared) >= SHARED * min(len(now), len(before)):
        cells = _cells(before.labels[there], now.labels[here], old, new)
        goes = cells / np.maximum(cells.sum(axis=1, keepdims=True), 1)
        comes = cells / np.maximum(cells.sum(axis=0, keepdims=True), 1)
    else:
        left, right = _places([before, now], embedder)
        goes = _mean_votes(_votes(left, right, now.labels, new), before.labels, old)
        comes = _mean_votes(_votes(right, left, before.labels, old), now.labels, new).T
    likeness = _with_tags(np.sqrt(goes * comes), before, now, old, new, tags or {})
    pairs = {int(new[b]): int(old[a]) for a, b in _assigned(likeness)}
    return Pairing(old, new, goes, comes, likeness, pairs)


def pair_modes(
    members: Mapping[str, Collection[str]], now: Clustering, *, read: Collection[str] | None = None
) -> tuple[list[str], np.ndarray]:
    """How much each failure mode and each group are the same, by the traces that people gave the mode.

    Returns
    -------
    (list of str, (m, b) array)
        The modes; the geometric mean of the share of a mode's traces that are in a group and of the mode's share of
        what was said there: of the traces ``read`` in it, or of all that have any mode. 0 where fewer than two
        of its traces are in the group.
    """
    labels = _labels(now)
    where = dict(zip(map(str, now.trace_ids), now.labels.tolist(), strict=True))
    said = set(read) if read is not None else {i for ids in members.values() for i in ids}
    cells = np.array([_tally(ids, where, labels) for ids in members.values()]).reshape(-1, len(labels))
    of_mode = cells.sum(axis=1, keepdims=True)
    of_group = np.maximum(_tally(said, where, labels), cells.max(axis=0, initial=0))
    both = np.sqrt(cells / np.maximum(of_mode, 1) * cells / np.maximum(of_group, 1))
    return list(members), np.where(cells >= _FEWEST_TAGS, both, 0.0)


def assign_modes(likeness: np.ndarray) -> list[tuple[int, int]]:
    """(mode, group) pairs, each at most once, none below ``NONE``."""
    return _assigned(likeness)


def whereabouts(
    exemplars: Iterable[str], now: Clustering, before: Clustering | None, *, embedder: object = None
) -> int | None:
    """The group in which most of some typical traces are; None where no group has over half of them.

    One that is not in ``now`` but in ``before`` counts for the groups of its nearest traces.
    """
    typical = list(exemplars)
    new = _labels(now)
    row = {str(i): k for k, i in enumerate(now.trace_ids)}
    weight = _tally([i for i in typical if i in row], {i: int(now.labels[k]) for i, k in row.items()}, new)
    votes = weight.astype(float)
    asked = sum(i in row for i in typical)
    if before is not None:
        old = {str(i): k for k, i in enumerate(before.trace_ids)}
        away = [old[i] for i in typical if i not in row and i in old]
        asked += len(away)
        if away:
            left, right = _places([before, now], embedder)
            votes += _votes(left, right, now.labels, new, rows=np.array(away)).sum(axis=0)
    if not asked or votes.max(initial=0) <= MOSTLY * asked:
        return None
    return int(new[int(np.argmax(votes))])


def _labels(found: Clustering) -> np.ndarray:
    labels = np.unique(found.labels)
    return labels[labels != NOISE]


def _cells(left: np.ndarray, right: np.ndarray, old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """(a, b) how many traces are in each group of both; noise is in none."""
    kept = (left != NOISE) & (right != NOISE)
    code = np.searchsorted(old, left[kept]) * len(new) + np.searchsorted(new, right[kept])
    return np.bincount(code, minlength=len(old) * len(new)).reshape(len(old), len(new)).astype(float)


def _tally(ids: Iterable[str], where: Mapping[str, int], labels: np.ndarray) -> np.ndarray:
    """(b,) how many of some traces are in each group."""
    at = np.array([where[i] for i in set(ids) if where.get(i, NOISE) != NOISE], dtype=np.int64)
    return np.bincount(np.searchsorted(labels, at), minlength=len(labels))


def _votes(
    left: np.ndarray,
    right: np.ndarray,
    labels: np.ndarray,
    names: np.ndarray,
    *,
    rows: np.ndarray | None = None,
) -> np.ndarray:
    """(n, b) each left row's vote for the groups of its nearest right rows; all 0 for one that is far from them."""
    rows = np.arange(len(left)) if rows is None else rows
    out = np.zeros((len(rows), len(names)), dtype=np.float32)
    if not len(right) or not len(names):
        return out
    k = min(_NEAREST, len(right))
    bar = np.quantile(_nearest(right, right, 1, skip_self=True)[1][:, 0], _FAR) if len(right) > 1 else np.inf
    index, distance = _nearest(left[rows], right, k)
    near = np.maximum(distance - bar, 0) <= 1e-5  # of equal places rounding leaves a small distance
    group = labels[index]
    for j in range(k):
        kept = near[:, 0] & (group[:, j] != NOISE)
        np.add.at(out, (np.flatnonzero(kept), np.searchsorted(names, group[kept, j])), 1 / k)
    return out


def _nearest(
    left: np.ndarray, right: np.ndarray, k: int, *, skip_self: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """(n, k) the nearest right rows and their distances, in order."""
    squares = np.square(right).sum(axis=1)
    index = np.empty((len(left), k), dtype=np.int64)
    distance = np.empty((len(left), k), dtype=np.float32)
    for begin in range(0, len(left), _CHUNK):
        block = left[begin : begin + _CHUNK]
        away = np.square(block).sum(axis=1)[:, None] + squares - 2 * block @ right.T
        if skip_self:
            at = np.arange(len(block))
            away[at, begin + at] = np.inf
        order = np.argsort(np.round(away, 5), axis=1, kind="stable")[:, :k]
        index[begin : begin + _CHUNK] = order
        distance[begin : begin + _CHUNK] = np.sqrt(np.maximum(np.take_along_axis(away, order, axis=1), 0))
    return index, distance


def _mean_votes(votes: np.ndarray, labels: np.ndarray, names: np.ndarray) -> np.ndarray:
    """The mean vote of each group's rows."""
    out = np.zeros((len(names), votes.shape[1]))
    kept = labels != NOISE
    at = np.searchsorted(names, labels[kept])
    np.add.at(out, at, votes[kept])
    return out / np.maximum(np.bincount(at, minlength=len(names)), 1)[:, None]


def _places(found: list[Clustering], embedder: object) -> list[np.ndarray]:
    """Each clustering's traces in one space, in the view's blocks, each block of the same total variance.

    What the output has beyond what the input predicts depends on the set that it is learned from; there outputs are
    compared as they are.
    """
    probes = tuple(Probe.measured(record) for record in found[-1].params["probes"])
    ends = np.cumsum([len(f) for f in found])[:-1]
    blocks = []
    for block in found[-1].view.split("+"):
        if block == "behaviour":
            import pandas as pd

            names = [p.name for p in probes]
            measured = pd.concat([f.behaviours.reindex(columns=names) for f in found]).fillna(0.0)
            matrix = standardise(measured, probes)
        else:
            column = "input" if block == "topic" else "output"
            texts = [t for f in found for t in f.traces.frame.loc[f.trace_ids, column]]
            cache = found[-1].traces.vectors
            matrix = embed_texts(texts, embedder=embedder, cache=cache, progress=False)  # type: ignore[arg-type]
        centred = matrix - matrix.mean(axis=0)
        blocks.append(centred / max(float(np.sqrt(np.square(centred).sum() / len(centred))), 1e-9))
    return list(np.split(np.concatenate(blocks, axis=1).astype(np.float32), ends))


def _with_tags(
    likeness: np.ndarray,
    before: Clustering,
    now: Clustering,
    old: np.ndarray,
    new: np.ndarray,
    tags: Mapping[str, Collection[str]],
) -> np.ndarray:
    """The likeness moved towards how equal the tags are, for groups that both have some."""
    if not tags:
        return likeness
    of_old = dict(zip(map(str, before.trace_ids), before.labels.tolist(), strict=True))
    of_new = dict(zip(map(str, now.trace_ids), now.labels.tolist(), strict=True))
    left = np.array([_tally(ids, of_old, old) for ids in tags.values()], dtype=float)
    right = np.array([_tally(ids, of_new, new) for ids in tags.values()], dtype=float)
    length = np.linalg.norm(left, axis=0)[:, None] * np.linalg.norm(right, axis=0)
    equal = left.T @ right / np.maximum(length, 1e-9)
    told = (left.sum(axis=0) >= _FEWEST_TAGS)[:, None] & (right.sum(axis=0) >= _FEWEST_TAGS)
    return np.where(told, (1 - _TAGS) * likeness + _TAGS * equal, likeness)


def _assigned(likeness: np.ndarray) -> list[tuple[int, int]]:
    from scipy.optimize import linear_sum_assignment

    gain = np.maximum(likeness - NONE, 0)
    rows, columns = linear_sum_assignment(-gain)
    return [(int(a), int(b)) for a, b in zip(rows, columns, strict=True) if gain[a, b] > 0]
