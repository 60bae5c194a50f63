"""What one reviewer is shown of the words of others: all of it, or nothing while a review is blind."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from failscope.errors import ArgumentError, NotFoundError
from failscope.review.events import CLUSTER_TAG
from failscope.review.session import Session
from failscope.review.suggest import Learned, learn


class Sight:
    """Every question of the workbench that others' words could answer goes through here.

    While ``blind``, each answer is made of this reviewer's own words alone. What still shows is that a trace was read,
    not how: it leaves the list or comes as a second opinion, and everybody's counts of reads are seen. The order is then
    the plan's as it was made, since one that adapts to what was read would tell what others found.

    Parameters
    ----------
    session : Session
    reviewer : str
        As the workbench was opened; ``reviewer`` is the name that the person has today.
    """

    def __init__(self, session: Session, reviewer: str) -> None:
        self._session = session
        self._opened_as = reviewer
        self._own_modes: dict[str, None] = {}
        self._own_learned: tuple[dict[str, list[str]], Learned] | None = None

    @property
    def reviewer(self) -> str:
        """Who looks."""
        return self._session._current().name(self._opened_as)

    @property
    def blind(self) -> bool:
        """Whether nothing of others is shown."""
        return self._session.hides_others

    def own(self) -> pd.DataFrame:
        """This reviewer's marks."""
        return self._session.marks(reviewer=self.reviewer)

    def modes(self) -> list[str]:
        """The failure modes that have keys; one that was taken back keeps its key while the workbench is open."""
        every = self._session.failure_modes()
        if not self.blind:
            return every
        said = [m for modes in self.own()["failure_modes"] for m in modes]
        tagged = [m for modes in self.tags().values() for m in modes]
        self._own_modes |= dict.fromkeys([*said, *tagged])
        return [m for m in self._own_modes if m in every]

    def new_modes(self) -> list[str]:
        """Those of ``modes`` that nobody had named when the review began."""
        shown = set(self.modes())
        return [m for m in self._session.new_failure_modes() if m in shown]

    def tags(self) -> dict[int, list[str]]:
        """Cluster -> its failure modes."""
        if not self.blind:
            return self._session.cluster_tags()
        tags: dict[int, dict[str, None]] = {}
        for event in self._session._current().standing(CLUSTER_TAG):
            if event.actor == self.reviewer:
                tags.setdefault(event.payload["cluster"], {})[event.payload["failure_mode"]] = None
        return {cluster: list(names) for cluster, names in tags.items()}

    def proposals(self) -> pd.DataFrame:
        """What was put forward for golden sets."""
        said = self._session.proposals()
        return said[said["reviewer"] == self.reviewer] if self.blind else said

    def judged(self) -> tuple[list[str], list[str]]:
        """The traces found fine, and those with a failure mode."""
        if not self.blind:
            return self._session.judged()
        own = self.own()
        failing = own["failure_modes"].str.len() > 0
        return own.index[own["read"] & ~failing].tolist(), own.index[failing].tolist()

    def read_modes(self) -> dict[str, list[str]]:
        """The failure modes of every trace that was read, in the order of reading."""
        if not self.blind:
            return self._session._read_modes()
        own = self.own()["failure_modes"]
        return {i: list(own[i]) for i in self._session._read_by(self.reviewer)}

    def learned(self) -> Learned:
        """What suggests failure modes."""
        if not self.blind:
            return self._session._learned()
        read = self.read_modes()
        if self._own_learned is None or self._own_learned[0] != read:
            drawn = self._session.plan.sample()["trace_id"]
            self._own_learned = (read, learn(self._session._space(), read, drawn=set(drawn)))
        return self._own_learned[1]

    def more_like(self, like: str | Iterable[str], *, n: int) -> pd.DataFrame:
        """``session.more_like``; of a failure mode that others gave, nothing is known while blind."""
        if self.blind and isinstance(like, str):
            own = self.own()["failure_modes"]
            given = [i for i, modes in own.items() if like in modes]
            if not given:
                raise NotFoundError(f"you gave no trace the failure mode {like!r}; give it to one first")
            like = given
        return self._session.more_like(like, n=n)

    def queue(self, *, batch: int) -> pd.DataFrame:
        """What is left to read."""
        if self.blind:  # a batch that is never full: nothing is adapted to
            batch = len(self._session._read_modes()) + 1
        return self._session.queue(reviewer=self.reviewer, batch=batch)

    def second(self, trace_id: str) -> bool:
        """Whether somebody else has read a trace that this reviewer has not."""
        ledger = self._session._current()
        names = self._session._names(ledger)
        readers = {who for who in names if ledger.mark(who, trace_id).read}
        return bool(readers) and self.reviewer not in readers

    def decision(self, trace_id: str) -> dict[str, object] | None:
        """What was decided of a trace where people differed, by whom and why."""
        event = None if self.blind else self._session._current().decisions().get(trace_id)
        return None if event is None else {**event.payload, "by": event.actor}

    def disagreements(self) -> pd.DataFrame:
        """Where people differ."""
        if self.blind:
            raise ArgumentError("this review is blind; reveal it first, then differences can be settled")
        return self._session.disagreements()

    def note_groups(self) -> pd.DataFrame:
        """Notes that probably say the same."""
        return self._session.note_groups(reviewer=self.reviewer if self.blind else None)

    def open_notes(self) -> int:
        """How many traces have a note and no failure mode yet."""
        marks = self.own() if self.blind else self._session.marks()
        return int(((marks["note"] != "") & (marks["failure_modes"].str.len() == 0)).sum())
