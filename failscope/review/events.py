"""What happened in a workspace, as events that are appended and never changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
REVIEWER_AWAY = "reviewer_away"
REVIEWER_RENAMED = "reviewer_renamed"
REVIEW_REVEALED = "review_revealed"
CASE_EDITED = "case_edited"
CASE_DECIDED = "case_decided"
CASE_ANSWERED = "case_answered"
CHECK_WAIVED = "check_waived"
ROLE_SET = "role_set"
FORGOTTEN = "forgotten"

DESK = frozenset({CASE_EDITED, CASE_DECIDED, CASE_ANSWERED, CHECK_WAIVED})
"""What is said of a proposed case, of no session."""
UNDOABLE = frozenset({ANNOTATION, TRACE_TAGS, CLUSTER_TAG, PROPOSAL, DECISION}) | DESK
SHARED = frozenset({TAXONOMY_CHANGED, REVIEWER_RENAMED, RUBRIC_ADOPTED, MODE_DESCRIBED, MODE_MATCHED})
"""What is said of no session and holds in all of them."""


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
        """The events with ``seq > after``, in order; of a session, those of its own and those that hold in all (``SHARED``)."""
        ...

    @property
    def revision(self) -> int:
        """The ``seq`` of the newest event, 0 when there is none."""
        ...
