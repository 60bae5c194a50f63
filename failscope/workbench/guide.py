"""What guides a reviewer, in rows: the order to read in, suggested failure modes, and more like these."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from threading import Thread
from typing import Any

import numpy as np
import pandas as pd

from failscope.review.alike import alike
from failscope.review.session import Session
from failscope.review.suggest import FEWEST
from failscope.workbench.sight import Sight

BATCH = 5
"""The order is renewed after so many reads: after each, the list would move under the reader's eyes."""

_MOMENT = 0.3  # seconds for which an answer may wait on what runs beside it


class Guide:
    """Asks a session on behalf of one reviewer.

    Parameters
    ----------
    session : Session
    sight : Sight
        Who asks, and what that reviewer is shown.
    rows : mapping
        Trace id -> row.
    """

    def __init__(self, session: Session, sight: Sight, *, rows: Mapping[str, int]) -> None:
        self._session = session
        self._sight = sight
        self._rows = rows
        self._placing: Thread | None = None
        self._counting: Thread | None = None
        self._alike: dict[str, int] = {}

    @property
    def batches(self) -> int:
        """How many whole batches were read, by anyone: another order holds when it changes."""
        return len(self._session._read_modes()) // BATCH

    def order(self) -> dict[str, Any]:
        """The plan as it is read: what this reviewer read, then the rest as it is ordered now."""
        batches = self.batches
        queue = self._sight.queue(batch=BATCH)
        ids = [*self._session._read_by(self._sight.reviewer), *queue["trace_id"]]
        reasons = dict.fromkeys(ids, "read before")
        for frame in (self._session.plan.frame, queue):
            reasons |= dict(zip(frame["trace_id"], frame["reason"], strict=True))
        self._count([i for i in ids if i not in self._alike])
        return {
            "plan": [self._rows[i] for i in ids],
            "reasons": [reasons[i] for i in ids],
            "batches": batches,
            "reads": batches * BATCH,
        }

    def alike(self, trace_id: str) -> int:
        """How many other traces one reading of this one counts for; known of those in the order, 0 until then."""
        return self._alike.get(trace_id, 0)

    def _count(self, trace_ids: list[str]) -> None:
        if not trace_ids:
            return
        # all at once, since it goes through every question for one trace as for a hundred; of many traces that
        # takes seconds, for which nobody waits
        frame = self._session.traces.frame

        def count() -> None:
            self._alike |= {trace_id: len(others) for trace_id, others in alike(frame, trace_ids).items()}

        self._counting = Thread(target=count, daemon=True)
        self._counting.start()
        self._counting.join(_MOMENT)

    def suggest(self, trace_id: str) -> dict[str, Any]:
        """The failure modes suggested for one trace; not ``ready`` while the traces are being placed."""
        read = self._sight.read_modes()
        counts = pd.Series([m for modes in read.values() for m in modes], dtype="str").value_counts()
        if trace_id in read or not (counts >= FEWEST).any():
            return {"ready": True, "suggested": []}
        if self._placing is None:
            # texts that were never embedded take a while: the page must be answered meanwhile
            self._placing = Thread(target=self._session._space, daemon=True)
            self._placing.start()
            self._placing.join(_MOMENT)
        if self._placing.is_alive():
            return {"ready": False, "suggested": []}
        frame = self._sight.learned().suggest([trace_id])
        return {"ready": True, "suggested": frame.to_dict("records")}

    def more_like(self, like: str | Iterable[str], *, n: int) -> tuple[dict[str, Any], np.ndarray]:
        """The most alike unread traces and their reasons, with what was asked in words."""
        more = self._sight.more_like(like, n=n)
        return walk(more, says=_likeness(like), rows=self._rows)


def walk(
    more: pd.DataFrame | Sequence[str], *, says: str, rows: Mapping[str, int]
) -> tuple[dict[str, Any], np.ndarray]:
    """A list of traces to go through for a while: a frame with ``reason``, or only trace ids."""
    ids = more.index.tolist() if isinstance(more, pd.DataFrame) else list(more)
    reasons = (
        more["reason"].tolist() if isinstance(more, pd.DataFrame) and "reason" in more else [""] * len(ids)
    )
    return {"says": says, "reasons": reasons}, np.array([rows[i] for i in ids], dtype=np.uint32)


def _likeness(like: str | Iterable[str]) -> str:
    if isinstance(like, str):
        return f"most like those with “{like}”"
    ids = list(like)
    return f"most like {ids[0]}" if len(ids) == 1 else f"most like the {len(ids):,} selected"
