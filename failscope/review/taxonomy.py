"""Failure modes that change their names: hides how what was said in the past is told in today's names."""

from __future__ import annotations

import html
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from failscope.errors import ArgumentError, DataError, NotFoundError
from failscope.review.events import TAXONOMY_CHANGED, Event
from failscope.review.rubric_file import nearest
from failscope.review.wording import id_list, mode_name

_COLUMNS = ("seq", "at", "who", "change", "before", "after", "reason", "undone", "standing")


def rename(old: str, new: str, *, reason: str = "", known: Iterable[str] | None = None) -> dict[str, Any]:
    """The payload of a ``TAXONOMY_CHANGED`` event that gives a failure mode another name.

    Parameters
    ----------
    old, new : str
    reason : str, optional
    known : iterable of str, optional
        The names in use; with them, an ``old`` that is not there and a ``new`` that is are errors.

    Examples
    --------
    >>> rename("made up rule", "invented policy", reason="as the handbook says")
    {'change': 'rename', 'from': 'made up rule', 'to': 'invented policy', 'reason': 'as the handbook says'}
    """
    old, new = mode_name(old), mode_name(new)
    if old == new:
        raise ArgumentError(f"{old!r} has that name already; give another")
    names = _known([old], known)
    if names is not None and new in names:
        raise ArgumentError(
            f"{new!r} is another failure mode; make one of the two with merge([{old!r}, {new!r}], {new!r}), "
            f"or rename {new!r} first"
        )
    return {"change": "rename", "from": old, "to": new, "reason": str(reason)}


def merge(
    old: Iterable[str], new: str, *, reason: str = "", known: Iterable[str] | None = None
) -> dict[str, Any]:
    """The payload of an event that makes one failure mode of several; ``new`` may be one of them.

    Examples
    --------
    >>> merge(["too long", "rambles"], "rambles")["to"]
    'rambles'
    """
    if isinstance(old, str):
        raise ArgumentError(f"{old!r} is one text; give a list: [{old!r}, ...]")
    names, new = list(dict.fromkeys(map(mode_name, old))), mode_name(new)
    if not names or len({*names, new}) < 2:
        raise ArgumentError(
            f"merging {names!r} into {new!r} changes nothing; give two failure modes at least"
        )
    there = _known(names, known)
    if there is not None and len(names) == 1 and new not in there:
        raise ArgumentError(
            f"{new!r} is not in use, so this is one failure mode; use rename({names[0]!r}, {new!r})"
        )
    return {"change": "merge", "from": names, "to": new, "reason": str(reason)}


def split(
    old: str,
    into: Mapping[str, Iterable[str]],
    *,
    otherwise: str | None = None,
    reason: str = "",
    known: Iterable[str] | None = None,
) -> dict[str, Any]:
    """The payload of an event that makes several failure modes of one, by the traces that have each.

    Parameters
    ----------
    old : str
    into : mapping
        New failure mode -> the ids of its traces. A trace may be under several; it then has them all.
    otherwise : str, optional
        What the others have: one of ``into``, or ``old``, which is the default: they keep it until somebody looks.
    reason, known
        As in ``rename``.

    Examples
    --------
    >>> split("wrong figure", {"wrong price": ["t1"], "wrong date": ["t2"]}, otherwise="wrong price")["into"]
    {'wrong price': ['t1'], 'wrong date': ['t2']}
    """
    old = mode_name(old)
    if not isinstance(into, Mapping):
        raise ArgumentError(f"into={into!r} is not a mapping; give {{'new failure mode': [trace ids], ...}}")
    parts: dict[str, list[str]] = {}
    for name, trace_ids in into.items():
        clean = mode_name(name)
        if clean in parts:
            raise ArgumentError(f"{clean!r} is there twice in into; put its traces in one list")
        parts[clean] = id_list(trace_ids)
    rest = old if otherwise is None else mode_name(otherwise)
    if rest not in parts and rest != old:
        raise ArgumentError(
            f"otherwise={rest!r} is none of the new failure modes; choose one of {', '.join(map(repr, [*parts, old]))}"
        )
    if len({*parts, rest}) < 2:
        raise ArgumentError(
            f"splitting {old!r} into {list(parts)!r} leaves one failure mode; give two, or use rename"
        )
    _known([old], known)
    return {"change": "split", "from": old, "into": parts, "otherwise": rest, "reason": str(reason)}


def undo(event_id: str, *, reason: str = "") -> dict[str, Any]:
    """The payload of an event that takes one change back, or an undo: names are as if it had not been made."""
    if not isinstance(event_id, str) or not event_id:
        raise ArgumentError(f"{event_id!r} is not an event's id; take it from Taxonomy.to_frame().index")
    return {"change": "undo", "undone": event_id, "reason": str(reason)}


@dataclass(frozen=True, eq=False, repr=False)
class Taxonomy:
    """What became of the names of failure modes: the fold over the events that changed them.

    A change says something of what was said before it in the log, and nothing of what is said after it. So chains,
    names given back and names exchanged come out as the people meant them, no cycle is possible, and nothing that
    was written is changed.

    Attributes
    ----------
    events : tuple of Event
        Of kind ``TAXONOMY_CHANGED``, by ``seq``.

    Examples
    --------
    >>> said = rename("made up rule", "invented policy")
    >>> log = [Event(7, "e7", "2026-06-01", TAXONOMY_CHANGED, "ana", "", "", said, "0.1.0")]
    >>> Taxonomy.of(log).now(["made up rule", "too long"], seq=3)
    ('invented policy', 'too long')
    >>> Taxonomy.of(log).now(["made up rule"], seq=9)
    ('made up rule',)
    """

    events: tuple[Event, ...] = ()

    @classmethod
    def of(cls, events: Iterable[Event]) -> Taxonomy:
        """The taxonomy after these events, in any order; those of other kinds are passed over.

        Raises
        ------
        DataError
            A change of a kind that this failscope does not know: names would come out wrong.
        """
        changes = sorted((e for e in events if e.kind == TAXONOMY_CHANGED), key=lambda e: e.seq)
        for event in changes:
            if event.payload.get("change") not in ("rename", "merge", "split", "undo"):
                raise DataError(
                    f"event {event.seq} changes failure modes by {event.payload.get('change')!r}, which this "
                    f"failscope does not know; failscope {event.version} wrote it: install that or a later one"
                )
        return cls(tuple(changes))

    def now(self, failure_modes: Iterable[str], *, trace_id: str = "", seq: int = 0) -> tuple[str, ...]:
        """The names that hold now for what was said at one place in the log.

        Parameters
        ----------
        failure_modes : iterable of str
            As they were said.
        trace_id : str, optional
            Of which trace; a split decides by it, and gives its ``otherwise`` without one.
        seq : int, optional
            The ``seq`` of the event that said it; 0: before every change.

        Returns
        -------
        tuple of str
            Each once, in the order said.
        """
        if not self._after:
            return tuple(dict.fromkeys(failure_modes))
        found: dict[str, None] = {}
        for mode in failure_modes:
            self._follow(mode, trace_id, seq, found)
        return tuple(found)

    def _follow(self, name: str, trace_id: str, seq: int, found: dict[str, None]) -> None:
        """Add what a name became after ``seq``. Each step goes on in the log, so that it ends."""
        ahead, met = [(name, seq)], set()
        while ahead:
            at = ahead.pop()
            if at in met:  # splits of splits into one another have many paths to one name
                continue
            met.add(at)
            steps, places = self._after.get(at[0], ([], []))
            i = bisect_right(places, at[1])
            if i == len(places):
                found.setdefault(at[0])
            else:
                ahead += [(new, places[i]) for new in reversed(steps[i].get(trace_id, steps[i][_REST]))]

    @cached_property
    def standing(self) -> tuple[Event, ...]:
        """The renames, merges and splits that were not taken back, in order."""
        return tuple(e for e in self.events if e.payload["change"] != "undo" and e.id not in self._void)

    @cached_property
    def _void(self) -> set[str]:
        """The ids that were taken back; an undo is itself taken back by a later one only."""
        void: set[str] = set()
        met: set[str] = set()
        for event in reversed(self.events):
            met.add(event.id)
            undone = event.payload.get("undone")
            if undone is not None and event.id not in void and undone not in met:
                void.add(undone)
        return void

    @cached_property
    def _after(self) -> dict[str, tuple[list[dict[Any, tuple[str, ...]]], list[int]]]:
        """Old name -> its changes, each as trace id -> new names with the rest under ``_REST``; and their places."""
        out: dict[str, tuple[list[dict[Any, tuple[str, ...]]], list[int]]] = defaultdict(lambda: ([], []))
        for event in self.standing:
            said = event.payload
            step: dict[Any, tuple[str, ...]] = {}
            if said["change"] == "split":
                for name, trace_ids in said["into"].items():
                    for trace_id in trace_ids:
                        step[trace_id] = (*step.get(trace_id, ()), name)
                step[_REST] = (said["otherwise"],)
            else:
                step[_REST] = (said["to"],)
            for name in _before(said):
                out[name][0].append(step)
                out[name][1].append(event.seq)
        return dict(out)

    def to_frame(self) -> pd.DataFrame:
        """One row a change, index ``event`` (its id): ``seq, at, who, change, before, after, reason, undone, standing``."""
        rows = [
            (
                e.seq,
                e.at,
                e.actor,
                e.payload["change"],
                ", ".join(_before(e.payload)),
                ", ".join(_later(e.payload)),
                e.payload.get("reason", ""),
                e.payload.get("undone", ""),
                e.id not in self._void,
            )
            for e in self.events
        ]
        return pd.DataFrame(
            rows,
            columns=list(_COLUMNS),
            index=pd.Index([e.id for e in self.events], name="event", dtype=object),
        )

    def __len__(self) -> int:
        return len(self.standing)

    def __repr__(self) -> str:
        return f"<{self._head()}>"

    def _head(self) -> str:
        return f"Taxonomy · names changed by {len(self.standing)} of {len(self.events)} events"

    def _repr_html_(self) -> str:
        table = self.to_frame().to_html(index=False, escape=True, border=0) if self.events else ""
        return f"<div>{html.escape(self._head())}</div>{table}"


_REST = None  # no trace has this id


def _before(said: Mapping[str, Any]) -> list[str]:
    """The names that a change takes out of use."""
    if said["change"] == "undo":
        return []
    return list(said["from"]) if said["change"] == "merge" else [said["from"]]


def _later(said: Mapping[str, Any]) -> list[str]:
    if said["change"] == "undo":
        return []
    if said["change"] == "split":
        return list(dict.fromkeys([*said["into"], said["otherwise"]]))
    return [said["to"]]


def _known(old: Iterable[str], known: Iterable[str] | None) -> set[str] | None:
    if known is None:
        return None
    names = set(known)
    for name in old:
        if name not in names:
            near = nearest(name, sorted(names))
            raise NotFoundError(
                f"no failure mode {name!r}; "
                + (f"did you mean {near!r}?" if near else f"the failure modes are {', '.join(sorted(names))}")
            )
    return names
