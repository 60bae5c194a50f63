"""The registry of failure modes: hides how what people said of a mode over time becomes one entry, and what may be said."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from failscope.errors import ArgumentError
from failscope.review.events import MODE_DESCRIBED, MODE_MATCHED, Event
from failscope.review.rubric import SEVERITIES
from failscope.review.taxonomy import Taxonomy
from failscope.review.wording import id_list, mode_name, short_name

STATUSES = ("open", "mitigated", "resolved", "reopened")
CLOSED = frozenset({"mitigated", "resolved"})
EXEMPLARS = 8
"""Typical traces that are kept with what a person said of a group, to find it again in later weeks."""

_FIELDS = ("definition", "severity", "owner", "status", "dimension", "examples")


@dataclass(frozen=True)
class ModeChange:
    """One thing that was said of a failure mode: when, by whom, which fields, and why."""

    at: str
    who: str
    said: Mapping[str, Any]
    reason: str


@dataclass(frozen=True)
class FailureMode:
    """One failure mode as it stands.

    Attributes
    ----------
    name, definition : str
    examples : tuple of str
        Trace ids that somebody chose to show it.
    severity : str
        One of the rubric's ``SEVERITIES``, or "".
    owner : str
        Who sees to it, or "".
    status : str
        One of ``STATUSES``.
    dimension : str
        The rubric's, or "".
    first_seen, last_seen : pandas.Timestamp or None
        The traces' time, not the reviewers'.
    history : tuple of ModeChange
        Everything that was said of it, oldest first.
    again : tuple of str
        Traces that have it from after it was resolved, the oldest first.
    since : pandas.Timestamp or None
        From when on it counts as resolved.
    """

    name: str
    definition: str = ""
    examples: tuple[str, ...] = ()
    severity: str = ""
    owner: str = ""
    status: str = "open"
    dimension: str = ""
    first_seen: pd.Timestamp | None = None
    last_seen: pd.Timestamp | None = None
    history: tuple[ModeChange, ...] = ()
    again: tuple[str, ...] = ()
    since: pd.Timestamp | None = None

    @property
    def back(self) -> bool:
        """It was resolved and met again. A person decides whether it is reopened."""
        return self.status == "resolved" and bool(self.again)

    @property
    def says(self) -> str:
        """What a reader has to decide, "" where nothing."""
        if not self.back or self.since is None:
            return ""
        count = len(self.again)
        return (
            f"“{self.name}” is back: resolved since {self.since:%Y-%m-%d}, met again in {count:,} "
            f"trace{'s' * (count != 1)} since, first in {self.again[0]!r}; reopen it, or say from when it is resolved"
        )

    def to_frame(self) -> pd.DataFrame:
        """Its history, one row a change: ``at, who, said, reason``."""
        rows = [(c.at, c.who, dict(c.said), c.reason) for c in self.history]
        return pd.DataFrame(rows, columns=["at", "who", "said", "reason"])

    def __repr__(self) -> str:
        about = [self.status + (", back" if self.back else ""), self.severity, self.dimension]
        owned = f"owner {self.owner}" if self.owner else ""
        return f"<FailureMode {self.name!r}: {' · '.join(part for part in (*about, owned) if part)}>"

    def _repr_html_(self) -> str:
        lines = [self.definition, self.says]
        said = "".join(f"<div>{html.escape(line)}</div>" for line in lines if line)
        return f"<div>{html.escape(repr(self)[1:-1])}{said}</div>"


def describe_mode(
    name: str,
    *,
    definition: str | None = None,
    severity: str | None = None,
    owner: str | None = None,
    status: str | None = None,
    dimension: str | None = None,
    examples: Iterable[str] | None = None,
    since: Any = None,
    reason: str = "",
    current: FailureMode | None = None,
) -> dict[str, Any]:
    """The payload of a ``MODE_DESCRIBED`` event, checked; fields that are not given stay as they are.

    Parameters
    ----------
    name : str
    definition, severity, owner, status, dimension, examples
        As in ``FailureMode``.
    since : time, optional
        With ``status="resolved"``: traces from then on should not have it. Without it, the time of the event.
    reason : str
        A change of status needs one.
    current : FailureMode, optional
        What stands; with it, a status that cannot follow is refused.

    Raises
    ------
    ArgumentError
        Nothing is said, a value is none of those that there are, or a status comes without a reason.

    Examples
    --------
    >>> describe_mode("over-refusal", status="resolved", reason="prompt v4", since="2026-06-15")
    {'name': 'over-refusal', 'status': 'resolved', 'since': '2026-06-15T00:00:00+00:00', 'reason': 'prompt v4'}
    """
    said: dict[str, Any] = {"name": mode_name(name)}
    if definition is not None:
        said["definition"] = str(definition).strip()
    if severity is not None:
        said["severity"] = _one_of(severity, ("", *SEVERITIES), "severity")
    if owner is not None:
        said["owner"] = short_name(owner, "owner") if owner else ""
    if status is not None:
        said["status"] = _one_of(status, STATUSES, "status")
        _check_status(status, str(reason), current)
    if dimension is not None:
        said["dimension"] = short_name(dimension, "dimension") if dimension else ""
    if examples is not None:
        said["examples"] = id_list(examples)
    if since is not None:
        if status != "resolved":
            raise ArgumentError(
                f"since={since!r} says from when a mode is resolved; give status='resolved' too"
            )
        said["since"] = _time(since).isoformat()
    if len(said) == 1:
        raise ArgumentError(f"nothing was said of {name!r}; give one of {', '.join(_FIELDS)}")
    if reason:
        said["reason"] = str(reason).strip()
    return said


def registry(
    events: Iterable[Event],
    *,
    members: Mapping[str, Sequence[str]] | None = None,
    when: pd.Series | None = None,
) -> dict[str, FailureMode]:
    """Every failure mode as it stands, by name: the fold over what was said of each.

    Parameters
    ----------
    events : iterable of Event
        In any order; other kinds than ``MODE_DESCRIBED`` and changes of the taxonomy are passed over. What was said
        under an old name counts for today's.
    members : mapping, optional
        Failure mode -> ids of the traces that people gave it, under today's names. A mode that was never described
        is open.
    when : pandas.Series, optional
        Trace id -> time, as ``traces.frame["timestamp"]``.

    Examples
    --------
    >>> said = describe_mode("over-refusal", severity="minor", owner="ana")
    >>> registry([Event(1, "e1", "2026-06-01T09:00:00+00:00", MODE_DESCRIBED, "ana", "", "", said, "0.1.0")])
    {'over-refusal': <FailureMode 'over-refusal': open · minor · owner ana>}
    """
    log = sorted(events, key=lambda e: e.seq)
    names = Taxonomy.of(log)
    fields: dict[str, dict[str, Any]] = {}
    history: dict[str, list[ModeChange]] = {}
    for event in log:
        if event.kind != MODE_DESCRIBED:
            continue
        said = {k: v for k, v in event.payload.items() if k not in ("name", "reason")}
        change = ModeChange(event.at, event.actor, said, event.payload.get("reason", ""))
        for name in names.now([event.payload["name"]], seq=event.seq):
            history.setdefault(name, []).append(change)
            kept = fields.setdefault(name, {})
            kept |= {k: said[k] for k in _FIELDS if k in said}
            if "status" in said:
                resolved = said["status"] == "resolved"
                kept["since"] = _time(said.get("since", event.at)) if resolved else None
    given = {name: list(dict.fromkeys(ids)) for name, ids in (members or {}).items()}
    out = {}
    for name in dict.fromkeys((*fields, *given)):
        kept = fields.get(name, {})
        times = pd.Series(dtype="datetime64[ns, UTC]")
        if when is not None:
            times = when.reindex(given.get(name, [])).dropna().sort_values(kind="stable")
        since = kept.get("since")
        out[name] = FailureMode(
            name=name,
            **{**kept, "examples": tuple(kept.get("examples", ()))},
            first_seen=times.iloc[0] if len(times) else None,
            last_seen=times.iloc[-1] if len(times) else None,
            history=tuple(history.get(name, ())),
            again=() if since is None else tuple(times.index[times >= since]),
        )
    return out


def registry_frame(modes: Mapping[str, FailureMode]) -> pd.DataFrame:
    """The registry as a table, index ``failure_mode``; ``back`` is what a person has to decide."""
    columns = ["status", "back", "severity", "owner", "dimension", "definition", "first_seen", "last_seen"]
    rows = [[*(getattr(m, c) for c in columns), list(m.examples)] for m in modes.values()]
    index = pd.Index(list(modes), name="failure_mode", dtype="str")
    return pd.DataFrame(rows, columns=[*columns, "examples"], index=index)


@dataclass(frozen=True)
class Word:
    """What a person said of a group: that it is a failure mode, that it is not, or that it is none.

    ``mode`` is None where it was said what the group is not: ``rejected`` names those modes, and () there means all.
    """

    mode: str | None
    rejected: tuple[str, ...]
    exemplars: tuple[str, ...]
    view: str
    who: str
    seq: int


def say_match(
    clustering: str,
    cluster: int,
    mode: str | None,
    *,
    exemplars: Iterable[str],
    view: str = "",
    rejected: Iterable[str] = (),
) -> dict[str, Any]:
    """The payload of a ``MODE_MATCHED`` event: this group is that failure mode, or is not one.

    Parameters
    ----------
    clustering, cluster : str, int
        ``found.id`` and the label in it.
    mode : str or None
        None: it is none of ``rejected``; of no known mode at all where that is empty.
    exemplars : iterable of str
        Typical traces, ``found.exemplars(cluster, 8)``: by them the word is kept in later weeks.
    view : str
        ``found.view``; the word holds in this view. "" holds in each.

    Examples
    --------
    >>> say_match("3f2a", 4, None, exemplars=["t1", "t2"], rejected=["over-refusal"])["rejected"]
    ['over-refusal']
    """
    typical, others = id_list(exemplars), id_list(rejected)
    if not typical:
        raise ArgumentError(
            "a match without exemplars is lost next week; give exemplars=found.exemplars(cluster, 8)"
        )
    if mode is not None and others:
        raise ArgumentError(f"mode={mode!r} and rejected={others!r} are two words; say one after the other")
    return {
        "clustering": str(clustering),
        "cluster": int(cluster),
        "mode": None if mode is None else mode_name(mode),
        "exemplars": typical[:EXEMPLARS],
        "view": str(view),
        "rejected": [mode_name(m) for m in others],
    }


def words_of(events: Iterable[Event]) -> tuple[Word, ...]:
    """What people said of groups, oldest first, under today's names of the modes."""
    log = sorted(events, key=lambda e: e.seq)
    names = Taxonomy.of(log)
    found = []
    for event in log:
        if event.kind != MODE_MATCHED:
            continue
        said = event.payload
        mode = said["mode"]
        today = names.now([mode], seq=event.seq) if mode is not None else ()
        found.append(
            Word(
                mode=today[0] if today else None,
                rejected=names.now(said.get("rejected", ()), seq=event.seq),
                exemplars=tuple(said["exemplars"]),
                view=said.get("view", ""),
                who=event.actor,
                seq=event.seq,
            )
        )
    return tuple(found)


def _check_status(status: str, reason: str, current: FailureMode | None) -> None:
    if not reason.strip():
        raise ArgumentError(f"status={status!r} needs a reason; say why, as reason='fixed by prompt v4'")
    if current is None:
        return
    if status == "reopened" and current.status not in CLOSED:
        raise ArgumentError(
            f"{current.name!r} is {current.status}, so it cannot be reopened; it must be mitigated or resolved first"
        )
    if status == "open" and current.status != "open":
        raise ArgumentError(f"{current.name!r} was {current.status} already; say status='reopened'")


def _one_of(value: str, known: tuple[str, ...], what: str) -> str:
    if value not in known:
        raise ArgumentError(f"{what}={value!r} is not known; use one of {', '.join(map(repr, known))}")
    return value


def _time(value: Any) -> pd.Timestamp:
    try:
        stamp = pd.Timestamp(value)
    except (ValueError, TypeError) as error:
        raise ArgumentError(f"since={value!r} is not a time; write it as '2026-06-15'") from error
    if pd.isna(stamp):
        raise ArgumentError(f"since={value!r} is not a time; write it as '2026-06-15'")
    return stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")
