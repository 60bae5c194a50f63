"""What holds now: hides the fold over the events that people appended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from threading import Lock

from failscope.review.events import (
    ANNOTATION,
    DECISION,
    REVIEW_REVEALED,
    REVIEWER_AWAY,
    REVIEWER_RENAMED,
    RUBRIC_ADOPTED,
    TAXONOMY_CHANGED,
    TRACE_TAGS,
    UNDO,
    UNDOABLE,
    Event,
    EventLog,
)
from failscope.review.taxonomy import Taxonomy

_Now = Callable[[Iterable[str], int], tuple[str, ...]]


@dataclass(frozen=True)
class Mark:
    """What one reviewer says of one trace at this moment.

    ``at`` is the time of the last word, ``read_at`` that of the first judgement. ``read_seq`` and ``expected_seq`` are the places in the log of the first
    judgement and of the expected output that holds: the log's order decides, not anybody's clock.
    ``coded`` is True where the judgement was made from somebody else's note: no reading of one's own.
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
    read_at: str = ""
    read_seq: int = 0
    expected_seq: int = 0
    coded: bool = False

    @property
    def empty(self) -> bool:
        """Nothing is said."""
        return (
            not (self.failure_modes or self.scores or self.note or self.read) and self.expected_output is None
        )


def fold_marks(events: Iterable[Event], now: _Now = lambda modes, seq: tuple(modes)) -> Mark:
    """What holds after one reviewer's annotation and tag events for one trace, oldest first, undone ones left out.

    An annotation sets the fields that it names and leaves the others; a tag adds a failure mode. ``now`` gives today's
    names of failure modes that were said at a place in the log.
    """
    own: tuple[str, ...] = ()
    tagged: list[str] = []
    scores: dict[str, float] = {}
    note, expected, at, read_at = "", None, "", ""
    read_seq = expected_seq = 0
    coded = False
    for event in events:
        said = event.payload
        at = event.at
        if event.kind == TRACE_TAGS:
            tagged.extend(now([said["failure_mode"]], event.seq))
            continue
        if said.get("failure_modes") is not None:
            if not read_seq:
                read_seq, read_at = event.seq, event.at
            own = now(said["failure_modes"], event.seq)
            coded = bool(said.get("coded", False))
            tagged.clear()  # the reviewer has now judged this trace itself: that replaces what a lasso said of it
        if said.get("scores") is not None:
            scores |= said["scores"]
        if said.get("note") is not None:
            note = said["note"]
        if "expected_output" in said:
            expected, expected_seq = said["expected_output"], event.seq
    modes = tuple(dict.fromkeys((*own, *tagged)))
    return Mark(modes, scores, note, expected, read_seq > 0, at, read_at, read_seq, expected_seq, coded)


def expected_output(marks: Iterable[Mark]) -> str | None:
    """The expected output that holds among several reviewers': the one written last; None when nobody wrote one."""
    written = [m for m in marks if m.expected_output is not None]
    return max(written, key=lambda m: m.expected_seq).expected_output if written else None


class Ledger:
    """The fold over a log, kept current by reading only what is new.

    Names of reviewers and of failure modes are today's: a rename is one more event, and nothing that was written changes.

    Parameters
    ----------
    log : EventLog
    session : str, optional
        Only this session's events, and those that hold in all; None for all of them.
    """

    def __init__(self, log: EventLog, *, session: str | None = None) -> None:
        self._log = log
        self._session = session
        self._seen = 0
        self._by_id: dict[str, Event] = {}
        self._undone: set[str] = set()
        # (reviewer, trace) -> that reviewer's annotation and tag events
        self._of: dict[tuple[str, str], list[Event]] = {}
        self._marks: dict[tuple[str, str], Mark] = {}
        self._stack: dict[str, list[Event]] = {}  # reviewer -> what can be undone, oldest first
        self._modes: dict[tuple[str, int], None] = {}  # as said, and where in the log
        self._changes: list[Event] = []
        self._taxonomy = Taxonomy()
        self._names: dict[str, str] = {}  # a reviewer's former name -> the one that holds
        self._away: dict[str, bool] = {}
        self._touched: dict[
            str, int
        ] = {}  # trace -> the place of the last word on it, or of its being taken back
        self._others: dict[str, list[Event]] = {}
        self._lock = Lock()  # a widget's messages and a notebook's cells may come from two threads
        self.revealed = False
        """Whether the reviewers of a blind review have been shown each other's marks."""
        self.adopted: Event | None = None
        """The last adoption of a rubric."""
        self.log_id = ""
        """The id of the log's first event: it tells this log from every other one."""

    def refresh(self) -> None:
        """Read what was appended since the last call, by anyone."""
        with self._lock:
            for event in self._log.read(after=self._seen, session=self._session):
                self._seen = event.seq
                self._take(event)

    def _take(self, event: Event) -> None:
        if event.actor in self._names:
            event = replace(event, actor=self._names[event.actor])
        self.log_id = self.log_id or event.id
        if event.kind == UNDO:
            self._undo(event.payload["undone"], event.seq)
        elif event.kind == TAXONOMY_CHANGED:
            self._changes.append(event)
            self._taxonomy = Taxonomy.of(self._changes)
            self._marks.clear()
        elif event.kind == REVIEWER_RENAMED:
            self._rename(event.payload["from"], event.payload["to"])
        elif event.kind == REVIEWER_AWAY:
            who = event.payload["reviewer"]
            self._away[self._names.get(who, who)] = bool(event.payload["away"])
        elif event.kind == REVIEW_REVEALED:
            self.revealed = True
        elif event.kind == RUBRIC_ADOPTED:
            self.adopted = event
        elif event.kind in UNDOABLE:
            self._by_id[event.id] = event
            self._touch(event, event.seq)
            self._stack.setdefault(event.actor, []).append(event)
            for key in self._keys(event):
                self._of.setdefault(key, []).append(event)
                self._marks.pop(key, None)
            said = event.payload
            for mode in said.get("failure_modes") or (
                [said["failure_mode"]] if "failure_mode" in said else []
            ):
                self._modes.setdefault((mode, event.seq))
        else:
            self._others.setdefault(event.kind, []).append(event)

    def _touch(self, event: Event, seq: int) -> None:
        for trace_id in event.payload.get("trace_ids") or ([event.trace_id] if event.trace_id else []):
            self._touched[trace_id] = seq

    def _undo(self, event_id: str, seq: int) -> None:
        undone = self._by_id.get(event_id)
        if undone is None or undone.id in self._undone:
            return
        self._touch(undone, seq)
        self._undone.add(undone.id)
        self._stack[undone.actor].remove(undone)
        for key in self._keys(undone):
            self._marks.pop(key, None)

    def _rename(self, old: str, new: str) -> None:
        """What was said under the old name counts as said under the new one."""
        for former, name in list(self._names.items()):
            if name == old:
                self._names[former] = new
        self._names[old] = new
        self._names.pop(new, None)

        def renamed(event: Event) -> Event:
            return replace(event, actor=new) if event.actor == old else event

        self._by_id = {i: renamed(e) for i, e in self._by_id.items()}
        of: dict[tuple[str, str], list[Event]] = {}
        for (who, trace_id), events in self._of.items():
            key = (new if who == old else who, trace_id)
            of[key] = sorted([*of.get(key, ()), *map(renamed, events)], key=lambda e: e.seq)
        self._of = of
        stacks = [*self._stack.pop(new, []), *self._stack.pop(old, [])]
        self._stack[new] = sorted(map(renamed, stacks), key=lambda e: e.seq)
        if old in self._away:
            self._away[new] = self._away.pop(old)
        self._marks.clear()

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
            self._marks[key] = fold_marks(
                events, lambda modes, seq: self._taxonomy.now(modes, trace_id=trace_id, seq=seq)
            )
        return self._marks[key]

    def marks(self) -> dict[tuple[str, str], Mark]:
        """Every mark that says something, by (reviewer, trace)."""
        every = {key: self.mark(*key) for key in self._of}
        return {key: mark for key, mark in every.items() if not mark.empty}

    def standing(self, kind: str) -> list[Event]:
        """The events of one kind that were not undone, oldest first; their failure modes have today's names."""
        return [self._renamed(e) for e in self._by_id.values() if e.kind == kind and e.id not in self._undone]

    def last_word(self, trace_id: str) -> int:
        """The place in the log of the last thing said of a trace, taken back, or said of failure modes' names; 0: none."""
        renamed = self._changes[-1].seq if self._changes else 0
        touched = self._touched.get(trace_id, 0)
        return max(touched, renamed) if touched else 0

    def others(self, kind: str) -> list[Event]:
        """The events of a kind that nobody takes back, as promotions and roles, oldest first."""
        return list(self._others.get(kind, ()))

    def decisions(self) -> dict[str, Event]:
        """Trace -> the last decision on it."""
        return {e.trace_id: e for e in self.standing(DECISION)}

    def last(self, reviewer: str) -> Event | None:
        """What an undo by this reviewer would take back."""
        stack = self._stack.get(reviewer)
        return stack[-1] if stack else None

    def failure_modes(self) -> list[str]:
        """Every name given so far, in the order of first use; an undone one keeps its place, so keys do not move."""
        return list(
            dict.fromkeys(name for mode, seq in self._modes for name in self._taxonomy.now([mode], seq=seq))
        )

    def away(self) -> frozenset[str]:
        """The reviewers whose traces others read for now."""
        return frozenset(who for who, away in self._away.items() if away)

    def name(self, reviewer: str) -> str:
        """The name that a reviewer has today."""
        return self._names.get(reviewer, reviewer)

    def _renamed(self, event: Event) -> Event:
        said = event.payload
        if not self._changes or not ("failure_mode" in said or "failure_modes" in said):
            return event
        now = dict(said)
        if "failure_mode" in said:
            now["failure_mode"] = self._taxonomy.now([said["failure_mode"]], seq=event.seq)[0]
        if said.get("failure_modes") is not None:
            now["failure_modes"] = list(
                self._taxonomy.now(said["failure_modes"], trace_id=event.trace_id, seq=event.seq)
            )
        return replace(event, payload=now)
