"""What became of each group and failure mode from week to week: hides what is followed, matched, judged and remembered."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from failscope.errors import ArgumentError
from failscope.review.changes import FALLS, LEVEL, RISES, follow
from failscope.review.modes import Word
from failscope.review.movements import Movements, frame_of, told_elsewhere
from failscope.review.pairing import Pairing, assign_modes, pair_clusters, pair_modes, whereabouts
from failscope.review.weeks import Calendar, Group, Tables
from failscope.surface.behaviour.hints import hints_of
from failscope.surface.clustering import Clustering
from failscope.surface.profile import NOISE


def match_weeks(
    found: Clustering | Sequence[Clustering],
    *,
    before: Movements | None = None,
    modes: Mapping[str, Collection[str]] | None = None,
    read: Collection[str] | None = None,
    words: Iterable[Word] = (),
    by: str = "session_id",
    level: float = LEVEL,
    embedder: Any = None,
) -> Movements:
    """Say of each group and failure mode, in each week, whether it is new, back, growing, steady, shrinking or gone.

    Parameters
    ----------
    found : Clustering or sequence of Clustering
        Of the traces of all weeks up to now, in one view or several ("behaviour", "topic", "topic+behaviour"): the
        groups are then the same in every week and can be compared. A group is tested within the weeks of these traces
        only; made of this week alone it is matched to the last run's, and not tested.
    before : Movements, optional
        The last run: its names are kept, what it told is not told again, splits and merges are seen against it. Without
        it all weeks are judged, each from what was known then.
    modes : mapping, optional
        Failure mode -> the traces that people gave it (or that were suggested, if that was done alike in all weeks).
    read : collection of str, optional
        The traces that people looked at for ``modes``; counts are then among them. Give those of the random draw:
        picks that were chosen are no sample of a week.
    words : iterable of Word
        What people said of groups, see ``words_of``; it stands above every proposal.
    by : str
        Traces with the same value of this column belong together and count once in a test.
    level : float
        The false discovery rate of a week, over its groups and, by itself, over its failure modes.
    embedder : optional
        The one that the views were made with, where weeks share no traces.

    Raises
    ------
    ArgumentError
        No trace has a time, the clusterings are of different traces, or there is no column ``by``.

    Notes
    -----
    The tests are those of ``changes.follow``, the match that of ``pairing.pair_clusters``; see
    ``docs/failure_modes.md`` for what was measured.
    """
    views = (found,) if isinstance(found, Clustering) else tuple(found)
    _check(views, by, level)
    calendar = Calendar.of(views[0], by, None if before is None else before.weeks[0])
    pairs = _pairings(views, before, modes or {}, embedder)
    groups = _groups(views, calendar, pairs, before, modes or {}, read)
    tables = Tables.of(groups, calendar, None if before is None else before.frame)
    starts, first = _begun(groups, calendar, before)
    calls = follow(
        tables.units,
        tables.unit_totals,
        family=np.array([0 if g.kind == "mode" else 1 for g in groups]),
        level=level,
        start=starts,
        first=first,
    )
    frame = frame_of(groups, calendar, tables, calls, first, before)
    frame = told_elsewhere(frame, groups, calendar)
    frame = _structured(frame, groups, calendar, pairs, before)
    said, rejected, heard = _remembered(views, pairs, groups, before, tuple(words), embedder)
    frame = _with_modes(frame, groups, views, modes or {}, read, said, rejected)
    params = {
        "level": level,
        "by": by,
        "judged": calendar.names[min(first, len(calendar.names) - 1)],
        "without_time": calendar.without_time,
    }
    return Movements(frame, views, calendar.names, params, said, rejected, heard)


def _groups(
    views: tuple[Clustering, ...],
    calendar: Calendar,
    pairs: Mapping[str, Pairing],
    before: Movements | None,
    modes: Mapping[str, Collection[str]],
    read: Collection[str] | None,
) -> list[Group]:
    """What is followed: failure modes, the clusters of every view, the behaviours that hint at a failure."""
    asked = None if read is None else calendar.positions(read)
    out = []
    for name, ids in modes.items():
        rows = calendar.positions(ids)
        rows = rows if asked is None else np.intersect1d(rows, asked)
        out.append(Group("mode", "", NOISE, f"mode:{name}", name, rows, asked))
    kept = {} if before is None else dict(before.frame.groupby("key")["name"].last())
    last = calendar.names[-1]
    for found in views:
        at = np.array([calendar.row[str(i)] for i in found.trace_ids], dtype=np.int64)
        pair = pairs.get(found.view)
        names_used = {kept[k] for k in _paired_keys(before, pair, found.view).values()}
        for c in (int(c) for c in np.unique(found.labels) if c != NOISE):
            key = _paired_keys(before, pair, found.view).get(c)
            if key is None:
                key, name = f"{found.view}:{last}:{c}", found.name(c)
                while key in kept:
                    key += "'"
                name = f"{name} · {last}" if name in names_used else name
            else:
                name = kept[key]
            out.append(Group("group", found.view, c, key, name, np.sort(at[found.labels == c])))
    base = views[0]
    says = {p["name"]: p["says"] for p in base.params["probes"]}
    for hint in hints_of(base.behaviours, base.params["probes"]):
        if (
            hint.kind == "flag"
        ):  # an amount is high against the traces beside it, which differ from run to run
            at = np.array([calendar.row[str(i)] for i in base.behaviours.index], dtype=np.int64)
            rows = np.sort(at[hint.shown(base.behaviours)])
            out.append(Group("behaviour", "", NOISE, f"behaviour:{hint.name}", str(says[hint.name]), rows))
    return out


def _pairings(
    views: tuple[Clustering, ...],
    before: Movements | None,
    modes: Mapping[str, Collection[str]],
    embedder: Any,
) -> dict[str, Pairing]:
    old = {} if before is None else {f.view: f for f in before.found}
    return {
        f.view: pair_clusters(old[f.view], f, tags=modes, embedder=embedder) for f in views if f.view in old
    }


def _paired_keys(before: Movements | None, pair: Pairing | None, view: str) -> dict[int, str]:
    """Label now -> the identity that it keeps."""
    if before is None or pair is None:
        return {}
    return {b: _key_of(before, view, a) for b, a in pair.pairs.items()}


def _key_of(before: Movements | None, view: str, cluster: int) -> str:
    return "" if before is None else before.keys[view, cluster]


def _begun(groups: list[Group], calendar: Calendar, before: Movements | None) -> tuple[np.ndarray, int]:
    """The week from which each group is compared, and the first week that this run judges."""
    # a group is compared within the weeks that it was found in: one that was found in some weeks alone lies where
    # these are dense, and would seem to have grown in them
    own = np.array([calendar.own if g.kind == "group" else 0 for g in groups], dtype=int)
    if before is None:
        return own, 1
    place = {name: i for i, name in enumerate(calendar.names)}
    told = before.frame[before.frame["what"].isin(RISES | FALLS)]
    since = {r.key: place.get(r.since, 0) for r in told.itertuples()}  # the last one stays
    first = sum(name <= before.weeks[-1] for name in calendar.names)
    return np.maximum(own, [since.get(g.key, 0) for g in groups]), max(first, 1)


def _structured(
    frame: pd.DataFrame,
    groups: list[Group],
    calendar: Calendar,
    pairs: Mapping[str, Pairing],
    before: Movements | None,
) -> pd.DataFrame:
    """Say in the last week which groups are parts of an earlier one, or several in one."""
    if before is None:
        return frame
    names = dict(before.frame.groupby("key")["name"].last())
    said: dict[str, tuple[str, str]] = {}
    for view, pair in pairs.items():
        mine = {g.cluster: g for g in groups if g.kind == "group" and g.view == view}
        for a, parts in pair.splits.items():
            whole = names[_key_of(before, view, a)]
            shares = [
                f"{pair.goes[np.searchsorted(pair.before, a), np.searchsorted(pair.now, b)]:.0%}"
                for b in parts
            ]
            for b in parts:
                said[mine[b].key] = (
                    "split",
                    f"part of “{whole}”, which went into {len(parts)} groups ({', '.join(shares)})",
                )
        for b, parts in pair.merges.items():
            wholes = " and ".join(f"“{names[_key_of(before, view, a)]}”" for a in parts)
            said[mine[b].key] = ("merged", f"holds most of {wholes}")
    last = (frame["week"] == calendar.names[-1]).to_numpy()
    what, structure = frame["what"].to_numpy(copy=True), frame["structure"].to_numpy(copy=True)
    for k in np.flatnonzero(last):
        form, sentence = said.get(frame["key"].iat[k], ("", ""))
        structure[k] = sentence
        # groups of one window that are cut anew hold the same traces: that is no movement
        if form and calendar.own > 0 and what[k] in ("", "steady"):
            what[k] = form
    return frame.assign(what=what, structure=structure)


# failure modes of groups -----------------------------------------------------------------------------------------


def _remembered(
    views: tuple[Clustering, ...],
    pairs: Mapping[str, Pairing],
    groups: list[Group],
    before: Movements | None,
    words: tuple[Word, ...],
    embedder: Any,
) -> tuple[dict[str, tuple[str, str]], dict[str, tuple[str, ...] | None], int]:
    """What people said of groups, by key: the last run's, then the words since, each where its exemplars are now.

    A rejection of None means: no failure mode at all.
    """
    keys = {(g.view, g.cluster): g.key for g in groups if g.kind == "group" and g.cluster != NOISE}
    present = set(keys.values())
    said = {k: v for k, v in before.said.items() if k in present} if before else {}
    rejected = {k: v for k, v in before.rejected.items() if k in present} if before else {}
    carried = set(said) | set(rejected)
    old = {} if before is None else {f.view: f for f in before.found}
    for word in sorted(words, key=lambda one: one.seq):
        for found in views:
            if word.view not in ("", found.view):
                continue
            cluster = whereabouts(word.exemplars, found, old.get(found.view), embedder=embedder)
            key = keys.get((found.view, cluster)) if cluster is not None else None
            if key is None or (before is not None and key in carried and word.seq <= before.heard):
                continue
            if word.mode is not None:
                said[key] = (word.mode, word.who)
                others = rejected.pop(key, ())
                left = tuple(m for m in others or () if m != word.mode)
                if left:
                    rejected[key] = left
            else:
                none = None if not word.rejected else (*(rejected.get(key) or ()), *word.rejected)
                rejected[key] = none
                if key in said and (none is None or said[key][0] in none):
                    del said[key]
    heard = max([before.heard if before else 0, *(w.seq for w in words)])
    return said, rejected, heard


def _with_modes(
    frame: pd.DataFrame,
    groups: list[Group],
    views: tuple[Clustering, ...],
    modes: Mapping[str, Collection[str]],
    read: Collection[str] | None,
    said: Mapping[str, tuple[str, str]],
    rejected: Mapping[str, tuple[str, ...] | None],
) -> pd.DataFrame:
    """Which failure mode each group is: a person's word, else a proposal, one to one in each view."""
    of: dict[str, tuple[str, str]] = {k: (mode, f"said by {who}") for k, (mode, who) in said.items()}
    for found in views:
        mine = sorted(
            (g for g in groups if g.kind == "group" and g.view == found.view and g.cluster != NOISE),
            key=lambda g: g.cluster,
        )
        names, likeness = pair_modes(modes, found, read=read)
        taken = {said[g.key][0] for g in mine if g.key in said}
        for b, group in enumerate(mine):
            refused = rejected.get(group.key, ())
            for a, name in enumerate(names):
                if group.key in said or name in taken or refused is None or name in refused:
                    likeness[a, b] = 0
        for a, b in assign_modes(likeness):
            of[mine[b].key] = (names[a], f"proposed, likeness {likeness[a, b]:.2f}")
    mode, match = frame["mode"].to_numpy(copy=True), frame["match"].to_numpy(copy=True)
    for k, key in enumerate(frame["key"]):
        if key in of:
            mode[k], match[k] = of[key]
    return frame.assign(mode=mode, match=match)


def _check(views: tuple[Clustering, ...], by: str, level: float) -> None:
    if not views:
        raise ArgumentError("no clustering was given; make one: fs.cluster(ws.traces(), view='behaviour')")
    if not 0 < level < 1:
        raise ArgumentError(f"level={level} is not between 0 and 1; 0.05 is usual")
    names = [f.view for f in views]
    if len(set(names)) < len(names):
        raise ArgumentError(f"views {names} hold one twice; give one clustering a view")
    ids = set(views[0].trace_ids)
    for other in views[1:]:
        if set(other.trace_ids) != ids:
            raise ArgumentError(
                f"the clusterings {views[0].view!r} and {other.view!r} are of different traces; cluster the same ones"
            )
    columns = views[0].traces.frame.columns
    if by not in columns:
        raise ArgumentError(f"by={by!r} is no column; the columns are {', '.join(map(repr, columns))}")
