"""What happened in a workspace, as events that are appended and never changed, and the fold that says what holds now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Protocol

ANNOTATION = "annotation"
TRACE_TAGS = "trace_tags"
CLUSTER_TAG = "cluster_tag"
UNDO = "undo"
PROPOSAL = "proposal"
PROMOTION = "promotion"
REVIEW_STARTED = "review_started"
TRACES_ADDED = "traces_added"
CLUSTERING_SAVED = "clustering_saved"
RUBRIC_ADOPTED = "rubric_adopted"
TAXONOMY_CHANGED = "taxonomy_changed"
MODE_DESCRIBED = "mode_described"
MODE_MATCHED = "mode_matched"
DECISION = "decision"

UNDOABLE = frozenset({ANNOTATION, TRACE_TAGS, CLUSTER_TAG, PROPOSAL})


@dataclass(frozen=True)
class Event:
    """One thing that one person did.

    Attributes
    ----------
    seq : int
        The place in the log; it only grows.
    id : str
        Unique, 32 hex digits.
    at : str
        ISO 8601, UTC, microseconds.
    kind : str
        One of the names of this module.
    actor : str
        Who; "" for the software itself.
    session, trace_id : str
        What it belongs to; "" where it belongs to none.
    payload : dict
        What was said; JSON-able.
    version : str
        The failscope that wrote it.
    hash : str
        Over this event and the hash of the one before; "" where a log keeps no chain.
    """

    seq: int
    id: str
    at: str
    kind: str
    actor: str
    session: str
    trace_id: str
    payload: Mapping[str, Any]
    version: str
    hash: str = ""


class EventLog(Protocol):
    """Where events are kept; a workspace is one."""

    def append(
        self,
        kind: str,
        *,
        actor: str = "",
        session: str = "",
        trace_id: str = "",
        payload: Mapping[str, Any] | None = None,
    ) -> Event:
        """Add one event; when this returns, the event is on the disk."""
        ...

    def read(self, *, after: int = 0, session: str | None = None) -> list[Event]:
        """The events with ``seq > after``, in order."""
        ...

    @property
    def revision(self) -> int:
        """The ``seq`` of the newest event, 0 when there is none."""
        ...


@dataclass(frozen=True)
class Mark:
    """What one reviewer says of one trace at this moment.

    ``at`` is the time of the last word. ``read_seq`` and ``expected_seq`` are the places in the log of the first
    judgement and of the expected output that holds: the log's order decides, not anybody's clock.
    ``failure_modes`` are those of the trace's own annotation and of tags given to several traces at once;
    ``read`` is True only when the reviewer said of this trace itself which failure modes it has, or none: a note
    or an expected output alone is not yet a judgement.
    """

    failure_modes: tuple[str, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)
    note: str = ""
    expected_output: str | None = None
    read: bool = False
    at: str = ""
    read_seq: int = 0
    expected_seq: int = 0

    @property
    def empty(self) -> bool:
        """Nothing is said."""
        return (
            not (self.failure_modes or self.scores or self.note or self.read) and self.expected_output is None
        )


def fold_marks(events: Iterable[Event]) -> Mark:
    """What holds after one reviewer's annotation and tag events for one trace, oldest first, undone ones left out.

    An annotation sets the fields that it names and leaves the others; a tag adds a failure mode.
    """
    own: tuple[str, ...] = ()
    tagged: list[str] = []
    scores: dict[str, float] = {}
    note, expected, at = "", None, ""
    read_seq = expected_seq = 0
    for event in events:
        said = event.payload
        at = event.at
        if event.kind == TRACE_TAGS:
            tagged.append(said["failure_mode"])
            continue
        if said.get("failure_modes") is not None:
            read_seq = read_seq or event.seq
            own = tuple(said["failure_modes"])
            tagged.clear()  # the reviewer has now judged this trace itself: that replaces what a lasso said of it
        if said.get("scores") is not None:
            scores |= said["scores"]
        if said.get("note") is not None:
            note = said["note"]
        if "expected_output" in said:
            expected, expected_seq = said["expected_output"], event.seq
    modes = tuple(dict.fromkeys((*own, *tagged)))
    return Mark(modes, scores, note, expected, read_seq > 0, at, read_seq, expected_seq)


def expected_output(marks: Iterable[Mark]) -> str | None:
    """The expected output that holds among several reviewers': the one written last; None when nobody wrote one."""
    written = [m for m in marks if m.expected_output is not None]
    return max(written, key=lambda m: m.expected_seq).expected_output if written else None


class Ledger:
    """The fold over a log, kept current by reading only what is new.

    Parameters
    ----------
    log : EventLog
    session : str, optional
        Only this session's events; None for all of them.
    """

    def __init__(self, log: EventLog, *, session: str | None = None) -> None:
        self._log = log
        self._session = session
        self._seen = 0
        self._by_id: dict[str, Event] = {}
        self._undone: set[str] = set()
        self._of: dict[
            tuple[str, str], list[Event]
        ] = {}  # (reviewer, trace) -> its annotation and tag events
        self._marks: dict[tuple[str, str], Mark] = {}
        self._stack: dict[str, list[Event]] = {}  # reviewer -> what can be undone, oldest first
        self._modes: dict[str, None] = {}
        self._lock = Lock()  # a widget's messages and a notebook's cells may come from two threads

    def refresh(self) -> None:
        """Read what was appended since the last call, by anyone."""
        with self._lock:
            for event in self._log.read(after=self._seen, session=self._session):
                self._seen = event.seq
                self._take(event)

    def _take(self, event: Event) -> None:
        if event.kind == UNDO:
            undone = self._by_id.get(event.payload["undone"])
            if undone is None or undone.id in self._undone:
                return
            self._undone.add(undone.id)
            self._stack[undone.actor].remove(undone)
            for key in self._keys(undone):
                self._marks.pop(key, None)
            return
        if event.kind not in UNDOABLE:
            return
        self._by_id[event.id] = event
        self._stack.setdefault(event.actor, []).append(event)
        for key in self._keys(event):
            self._of.setdefault(key, []).append(event)
            self._marks.pop(key, None)
        said = event.payload
        for mode in said.get("failure_modes") or ([said["failure_mode"]] if "failure_mode" in said else []):
            self._modes.setdefault(mode)

    @staticmethod
    def _keys(event: Event) -> list[tuple[str, str]]:
        if event.kind == ANNOTATION:
            return [(event.actor, event.trace_id)]
        if event.kind == TRACE_TAGS:
            return [(event.actor, trace_id) for trace_id in event.payload["trace_ids"]]
        return []

    def mark(self, reviewer: str, trace_id: str) -> Mark:
        """What this reviewer says of this trace; an empty mark where nothing."""
        key = (reviewer, trace_id)
        if key not in self._marks:
            events = [e for e in self._of.get(key, ()) if e.id not in self._undone]
            self._marks[key] = fold_marks(events)
        return self._marks[key]

    def marks(self) -> dict[tuple[str, str], Mark]:
        """Every mark that says something, by (reviewer, trace)."""
        every = {key: self.mark(*key) for key in self._of}
        return {key: mark for key, mark in every.items() if not mark.empty}

    def standing(self, kind: str) -> list[Event]:
        """The events of one kind that were not undone, oldest first."""
        return [e for e in self._by_id.values() if e.kind == kind and e.id not in self._undone]

    def last(self, reviewer: str) -> Event | None:
        """What an undo by this reviewer would take back."""
        stack = self._stack.get(reviewer)
        return stack[-1] if stack else None

    def failure_modes(self) -> list[str]:
        """Every name given so far, in the order of first use; an undone one keeps its place, so keys do not move."""
        return list(self._modes)
