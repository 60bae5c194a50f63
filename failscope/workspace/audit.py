"""Who did what, when and under which rules, read from the log, and whether anybody changed the log afterwards."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import sqlalchemy as sa

from failscope.errors import ArgumentError, DataError
from failscope.review import events as kinds
from failscope.review.events import Event
from failscope.review.wording import describe
from failscope.workspace import schema
from failscope.workspace.chain import FIELDS, START, link
from failscope.workspace.files import whole_file
from failscope.workspace.redaction import is_redacted
from failscope.workspace.store import Store, now

FORMAT = "failscope audit 1"
AUDIT_COLUMNS = (
    "seq",
    "at",
    "actor",
    "kind",
    "session",
    "trace_id",
    "what",
    "rubric",
    "plan",
    "version",
    "hash",
)
UNREADABLE = "not JSON"
"""The one key of a payload that cannot be read any more; its value is the text that is there."""

_ROWS = 12


@dataclass(frozen=True)
class Verdict:
    """What ``audit.verify()`` found; true when the log is whole.

    Attributes
    ----------
    events : int
        How many were looked at.
    finding : str
        "" when whole; else what was done to the first event that is not as it was: ``"changed"``, ``"removed"``,
        ``"inserted"``, ``"re-ordered"``, ``"cut off"`` (the end is gone), ``"head changed"`` or ``"rewritten"``.
    seq : int
        Where, as a place in the log; 0 when whole.
    event_id : str
        That event; "" where it is gone.
    says : str
        The finding in a sentence.
    backwards : int
        Events with an earlier time than the one before: some clock went back. The order is by ``seq``, so this
        breaks nothing.
    """

    events: int
    finding: str = ""
    seq: int = 0
    event_id: str = ""
    says: str = ""
    backwards: int = 0

    def __bool__(self) -> bool:
        return not self.finding

    def to_frame(self) -> pd.DataFrame:
        """One row with the attributes as columns."""
        return pd.DataFrame([vars(self)])

    def __repr__(self) -> str:
        return f"<Verdict {self._words()}>"

    def _repr_html_(self) -> str:
        return f"<div><b>{'Whole' if self else 'Not whole'}</b> {html.escape(self._words())}</div>"

    def _words(self) -> str:
        back = f" · {self.backwards:,} times a clock went back" if self.backwards else ""
        return f"{self.says or 'nothing was changed'} · {self.events:,} events{back}"


@dataclass(frozen=True, eq=False)
class Audit:
    """Every event of a workspace with its hash; ``ws.audit()`` reads it, ``Audit.read(path)`` an export of it.

    Each event's hash covers its words and the hash of the one before, so that a change anywhere changes every hash
    after it. Whoever can write to the database can also make all hashes anew: note ``audit.head`` where they cannot
    write (a mail, a commit, the minutes) and give it to ``verify`` later.

    Attributes
    ----------
    events : tuple of Event
        In the order of ``seq``.
    head : str
        ``"<seq>:<hash>"`` of the last event as the log itself noted it; "" when that note is gone.
    source : str
        Where it was read from.
    """

    events: tuple[Event, ...] = field(repr=False)
    head: str
    source: str

    @classmethod
    def of(cls, store: Store) -> Audit:
        """Read a log and its head in one state."""
        with store.reading() as connection:
            rows = connection.execute(sa.select(schema.events).order_by(schema.events.c.seq)).mappings().all()
            head = connection.execute(sa.select(schema.head.c.seq, schema.head.c.hash)).one_or_none()
        events = tuple(Event(**{**row, "payload": _payload(row["payload"])}) for row in rows)
        return cls(events, f"{head.seq}:{head.hash}" if head else "", store.name)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Audit:
        """An export, to verify it on a machine without the database.

        Raises
        ------
        DataError
            A line is not what ``export`` writes.
        """
        events: list[Event] = []
        head = None
        with Path(path).open(encoding="utf-8", newline="\n") as file:
            for number, line in enumerate(file, start=1):
                try:
                    said = json.loads(line)
                    if head is None:
                        known, head = said["format"], str(said["head"])
                        if known != FORMAT:
                            raise ValueError(f"the format is {known!r}, and {FORMAT!r} is read")
                    else:
                        events.append(Event(**said))
                except (ValueError, KeyError, TypeError, RecursionError) as error:
                    raise DataError(
                        f"line {number} of {path} is not what an export holds ({error}); take it as changed, "
                        f"or export it again"
                    ) from error
        if head is None:
            raise DataError(f"{path} is empty; export it again")
        return cls(tuple(events), head, str(path))

    def verify(self, head: str | None = None) -> Verdict:
        """Compute every hash again.

        Parameters
        ----------
        head : str, optional
            An ``audit.head`` that was noted elsewhere, of now or of earlier. It finds what the log cannot show by
            itself: a last event that was removed along with the note of it, and a chain that was made anew.

        Returns
        -------
        Verdict
            True when nothing was changed; else it names the first event that is not as it was.
        """
        times = [e.at for e in self.events]
        backwards = sum(later < earlier for earlier, later in pairwise(times))
        found = _first_break(self.events, self.head)
        noted = _against(head, self.events)  # a finding is false, so that only None means none
        first = next((f for f in (found, noted) if f is not None), Verdict(0))
        return replace(first, events=len(self.events), backwards=backwards)

    def export(self, path: str | os.PathLike[str]) -> Path:
        """Write JSON Lines: one of the export itself, with the head, then one an event; whole or not at all."""
        about = {
            "format": FORMAT,
            "source": self.source,
            "at": now(),
            "events": len(self.events),
            "head": self.head,
        }
        target = Path(path)
        with whole_file(target) as half, half.open("w", encoding="utf-8", newline="\n") as file:
            for said in (about, *({**_fields(e), "hash": e.hash} for e in self.events)):
                file.write(
                    json.dumps(said, sort_keys=True) + "\n"
                )  # ASCII: no text can move a terminal's cursor
        return target

    def to_frame(self) -> pd.DataFrame:
        """One row an event: ``seq, at, actor, kind, session, trace_id, what, rubric, plan, version, hash``.

        ``rubric`` and ``plan`` are those that held in the event's session at that moment; ``version`` is the
        failscope that wrote it.
        """
        rubrics: dict[str, str] = {}
        plans: dict[str, str] = {}
        places: dict[str, int] = {}
        rows = []
        for e in self.events:
            places[e.id] = e.seq
            rubric, plan = _rubric(e), _plan(e)
            if rubric and e.kind in (kinds.RUBRIC_ADOPTED, kinds.REVIEW_STARTED):
                rubrics[e.session] = rubric
            if plan:
                plans[e.session] = plan
            rubric = rubric or rubrics.get(e.session) or rubrics.get("", "")
            plan = plans.get(e.session, "") if e.session else ""
            where = (e.seq, e.at, e.actor, e.kind, e.session, e.trace_id)
            rows.append((*where, _what(e, places), rubric, plan, e.version, e.hash))
        return pd.DataFrame(rows, columns=list(AUDIT_COLUMNS))

    @property
    def frame(self) -> pd.DataFrame:
        """The same as ``to_frame()``."""
        return self.to_frame()

    def __len__(self) -> int:
        return len(self.events)

    def __repr__(self) -> str:
        return f"<Audit of {self.source!r} · {len(self):,} events · head {self.head[:24]}…>"

    def _repr_html_(self) -> str:
        shown = self.to_frame().tail(_ROWS)[["seq", "at", "actor", "what", "session", "rubric", "version"]]
        return (
            f"<div><b>Audit</b> of {html.escape(self.source)} · {len(self):,} events, the last {len(shown)} shown · "
            f"head <code>{html.escape(self.head)}</code></div>{shown.to_html(escape=True, border=0, index=False)}"
        )


# the chain ---------------------------------------------------------------------------------------------------


def _fields(event: Event) -> dict[str, Any]:
    return {name: getattr(event, name) for name in FIELDS}


def _follows(before: str, event: Event, *, seq: int | None = None) -> bool:
    """Whether this event, at this place, was written after the one with the hash ``before``."""
    try:
        said = _fields(event)
        return link(before, said if seq is None else {**said, "seq": seq}) == event.hash
    except (ValueError, TypeError, RecursionError):  # a payload that no call could have written, as NaN
        return False


class _Chain:
    """Whether an event follows another one, or is one whose words were taken out and that a later event vouches for.

    A deletion leaves an event its hash, so that the chain goes on, and its own event says for each which hash that is
    and which hash the redacted words have in the same place. That seal covers the hash before, the place, the actor,
    the time and all that is left, so that a redacted event is as fixed as any other.
    """

    def __init__(self, events: Sequence[Event]) -> None:
        self._seals: dict[str, list[tuple[int, Mapping[str, Any]]]] = {}
        before = START
        for event in events:
            # only one that is whole itself: who puts one in without its place in the chain vouches for nothing
            if event.kind == kinds.FORGOTTEN and _follows(before, event):
                for event_id, seal in _sealed(event).items():
                    self._seals.setdefault(event_id, []).append((event.seq, seal))
            before = event.hash

    def follows(self, before: str, event: Event, *, seq: int | None = None) -> bool:
        """Whether this event, at this place, came after the one with the hash ``before``."""
        if _follows(before, event, seq=seq):
            return True
        place = event.seq if seq is None else seq
        return any(
            place < at and seal.get("hash") == event.hash and self._is_sealed(before, event, place, seal)
            for at, seal in self._seals.get(event.id, ())
        )

    @staticmethod
    def _is_sealed(before: str, event: Event, seq: int, seal: Mapping[str, Any]) -> bool:
        try:
            now = link(before, {**_fields(event), "seq": seq})
        except (ValueError, TypeError, RecursionError):
            return False
        return is_redacted(event.payload) and now == seal.get("seal")


def _sealed(event: Event) -> dict[str, Mapping[str, Any]]:
    said = event.payload.get("events")
    return {i: s for i, s in said.items() if isinstance(s, Mapping)} if isinstance(said, Mapping) else {}


def _split(head: str) -> tuple[int, str]:
    seq, _, digest = head.partition(":")
    return (int(seq), digest) if seq.isdecimal() and digest else (-1, "")


def _first_break(events: Sequence[Event], head: str) -> Verdict | None:
    """The first event that is not as it was written; None when all are, up to the head."""
    before, chain = START, _Chain(events)
    for place, event in enumerate(events):
        if not chain.follows(before, event):
            return _broken(events, place, before, _split(head), chain)
        before = event.hash
    end, noted = _split(head)
    last = events[-1].seq if events else 0
    if (last, before if events else START) == (end, noted):
        return None
    if last < end:
        gone = f"event {end} is" if end == last + 1 else f"events {last + 1} to {end} are"
        return Verdict(0, "cut off", last + 1, "", f"the end of the log was removed: {gone} gone")
    behind = [e for e in events if e.seq > end]
    if end >= 0 and behind and _ends(events, end, noted):
        return _verdict("inserted", behind[0], "was put behind the end of the log")
    return Verdict(
        0,
        "head changed",
        last,
        "",
        "the note of where the log ends was changed or removed; its events follow",
    )


def _ends(events: Sequence[Event], end: int, noted: str) -> bool:
    return any((e.seq, e.hash) == (end, noted) for e in events) or (end, noted) == (0, START)


def _broken(
    events: Sequence[Event], place: int, before: str, head: tuple[int, str], chain: _Chain
) -> Verdict:
    """What happened at the first place where the chain does not hold."""
    event = events[place]
    due = events[place - 1].seq + 1 if place else 1
    if place and (events[place - 1].seq, before) == head:
        return _verdict("inserted", event, "was put behind the end of the log")
    moved = next((e for e in events[place:] if chain.follows(before, e, seq=due)), None)
    if moved is not None:
        if head[0] >= 0 and len(events) > head[0]:
            return _verdict("inserted", event, f"was put in before event {moved.id}, which was number {due}")
        return _verdict("re-ordered", event, f"is in the place of event {moved.id}, which was number {due}")
    if event.seq > due:
        gone = f"event {due} is" if event.seq == due + 1 else f"events {due} to {event.seq - 1} are"
        return Verdict(
            0, "removed", due, "", f"{gone} gone; event {event.seq} does not follow from event {due - 1}"
        )
    if place + 1 < len(events):
        sound = chain.follows(event.hash, events[place + 1])
    else:
        sound = (event.seq, event.hash) == head
    # those after it were numbered anew, so that the gap is closed, and none of them follows any more
    if not sound and len(events) < head[0] and events[-1].seq == len(events):
        return Verdict(0, "removed", due, "", f"event {due} is gone, and the ones after it have new numbers")
    also = f", or event {due - 1} was changed and its hash made anew" if place and sound else ""
    return _verdict("changed", event, f"is not as it was written{also}")


def _verdict(finding: str, event: Event, says: str) -> Verdict:
    return Verdict(0, finding, event.seq, event.id, f"event {event.seq} ({event.id}) {says}")


def _against(head: str | None, events: Sequence[Event]) -> Verdict | None:
    """Whether the log still has an event with the place and the hash that somebody noted."""
    if head is None:
        return None
    seq, digest = _split(head)
    if seq < 0:
        raise ArgumentError(f"head={head!r} is no head; it looks like '128:9f2c…', as audit.head gives it")
    held = {e.seq: e for e in events}
    if seq == 0 or (seq in held and held[seq].hash == digest):
        return None
    if seq not in held:
        return Verdict(0, "cut off", seq, "", f"event {seq} was noted elsewhere, and the log ends before it")
    return _verdict(
        "rewritten", held[seq], "has another hash than was noted elsewhere; the chain was made anew"
    )


# in words ----------------------------------------------------------------------------------------------------


def _payload(text: str) -> Mapping[str, Any]:
    """The payload as an object; what cannot be one any more is kept, so that the chain shows the break."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        said = None
    return said if isinstance(said, dict) else {UNREADABLE: text}


def _what(event: Event, places: Mapping[str, int]) -> str:
    """What was done, in a sentence."""
    gone = " (its words were forgotten)" if is_redacted(event.payload) else ""
    return _said(event, places) + gone


def _said(event: Event, places: Mapping[str, int]) -> str:
    said = event.payload
    try:
        match event.kind:
            case kinds.ANNOTATION | kinds.TRACE_TAGS | kinds.CLUSTER_TAG | kinds.PROPOSAL:
                return describe(event)
            case kinds.UNDO:
                return f"took back event {places.get(said['undone'], said['undone'])}"
            case kinds.TRACES_ADDED:
                counts = ("new", "updated", "conflicting", "rejected", "forgotten")
                parts = [f"{said[k]:,} {k}" for k in counts if said.get(k)]
                return f"traces added: {', '.join(parts) or 'none'}"
            case kinds.CLUSTERING_SAVED:
                return f"clustering “{said['name']}” saved"
            case kinds.REVIEW_STARTED:
                verb = "review begun by" if "clustering" in said else "reviewers are now"
                return f"{verb} {', '.join(said['reviewers'])}"
            case kinds.FORGOTTEN:
                why = f": {said['reason']}" if said["reason"] else ""
                whose = " of a user" if said["user"] else ""
                return f"{len(said['traces']):,} traces{whose} forgotten, {len(said['events']):,} events redacted{why}"
            case kinds.PROMOTION:
                why = f": {said['reason']}" if said.get("reason") else ""
                return f"“{said['golden']}” version {said['version']} promoted, {said['examples']:,} examples{why}"
    except (KeyError, TypeError, ValueError, AttributeError):
        pass  # not as this version writes it: shown as it is
    plain = [f"{k} {v}" for k, v in said.items() if isinstance(v, str | int | float) and v != ""]
    return f"{event.kind.replace('_', ' ')}{': ' if plain else ''}{_short(', '.join(plain))}"


def _short(text: str, most: int = 200) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _rubric(event: Event) -> str:
    """The rubric that an event names, with its version; "" where it names none."""
    said = event.payload.get("rubric", event.payload if event.kind == kinds.RUBRIC_ADOPTED else None)
    if isinstance(said, Mapping):
        name, version = said.get("name", ""), said.get("version", "")
        return f"{name} v{version}" if version != "" else str(name)
    version = event.payload.get("rubric_version", "")
    return f"{said} v{version}" if said and version != "" else str(said or "")


def _plan(event: Event) -> str:
    """The plan that a review began with; "" for every other event."""
    said = event.payload.get("plan") if event.kind == kinds.REVIEW_STARTED else None
    if not isinstance(said, Mapping):
        return ""
    known = [f"{k} {said[k]}" for k in ("strategy", "budget", "random_state") if k in said]
    clustering = event.payload.get("clustering")
    return ", ".join([*known, *([f"clustering {str(clustering)[:12]}"] if clustering else [])])
