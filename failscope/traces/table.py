"""The trace table: one row for each output that production gave, checked once, joined by ``trace_id`` ever after."""

from __future__ import annotations

import hashlib
import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd

from failscope.errors import ArgumentError, ColumnError, NotFoundError

Direction = Literal["good", "bad"]

TEXT_COLUMNS = ("input", "output", "context", "system_prompt")
LABEL_COLUMNS = ("model", "prompt_version", "session_id", "user_id", "error")
NUMBER_COLUMNS = ("latency_ms", "input_tokens", "output_tokens", "cost_usd")
COLUMNS = ("timestamp", *TEXT_COLUMNS, *LABEL_COLUMNS, *NUMBER_COLUMNS)
"""The columns that every ``Traces.frame`` has, in this order; what the log does not say is missing (NaT, "" or NaN)."""

SOURCE_COLUMNS = ("source_file", "source_line", "source_sha256")
"""Where a row was read from: the file's name, the line and the sha256 of the file as it is on the disk."""

REJECTED_COLUMNS = ("file", "line", "reason", "raw")
"""The columns of ``Traces.rejected``."""


class VectorCache(Protocol):
    """Where vectors are kept between calls; a workspace is one."""

    def get(self, embedder: str, hashes: Sequence[str]) -> dict[str, np.ndarray]:
        """The vectors known for these text hashes."""
        ...

    def put(self, embedder: str, vectors: Mapping[str, np.ndarray]) -> None:
        """Keep vectors by text hash."""
        ...


@dataclass(frozen=True, eq=False)
class Traces:
    """Production outputs, one row each.

    Attributes
    ----------
    frame : pandas.DataFrame
        Index ``trace_id`` (unique text). The columns of ``COLUMNS`` always, then the signals and whatever
        else the log held, under its own name. ``input``, ``output`` and every other text column is text,
        never missing: an output that is absent is ``""``. ``timestamp`` is in UTC.
    signals : dict
        Column -> ``"good"`` or ``"bad"``: what a high value of that column means.
    rejected : pandas.DataFrame
        ``file, line, reason, raw``: what could not be read, and why. Nothing is dropped in silence.
    notes : dict
        Sentence -> count: what was mended or looks odd ("null bytes replaced": 3).

    Examples
    --------
    >>> import failscope as fs, pandas as pd
    >>> log = pd.DataFrame({"prompt": ["hi", "bye"], "response": ["hello", None], "thumbs": [1, -1]})
    >>> traces = fs.Traces.from_frame(log, signals={"thumbs": "good"})
    >>> len(traces), traces.frame["output"].tolist(), traces.bad("thumbs").tolist()
    (2, ['hello', ''], [0.0, 1.0])
    """

    frame: pd.DataFrame
    signals: Mapping[str, Direction] = field(default_factory=dict)
    rejected: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(REJECTED_COLUMNS)))
    notes: Mapping[str, int] = field(default_factory=dict)
    vectors: VectorCache | None = field(default=None, repr=False)

    @classmethod
    def from_frame(
        cls,
        df: pd.DataFrame,
        *,
        columns: Mapping[str, str] | None = None,
        signals: Mapping[str, Direction] | None = None,
        tz: str = "UTC",
    ) -> Traces:
        """Check a frame and make it the trace table.

        Parameters
        ----------
        df : pandas.DataFrame
            One row an output. A ``trace_id`` column (or alias, or an index of that name) is used where there
            is one, else an id is made from the row's content.
        columns : mapping, optional
            Ours -> theirs, as in ``{"input": "prompt"}``. It wins over the well-known aliases.
        signals : mapping, optional
            Column -> ``"good"`` or ``"bad"``, what a high value means. It is added to the well-known ones.
        tz : str
            The time zone of timestamps that name none.
        """
        from failscope.traces.clean import clean_frame

        return clean_frame(df, columns=columns, signals=signals, tz=tz)

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def trace_ids(self) -> np.ndarray:
        """The ids, in the order of the frame."""
        return self.frame.index.to_numpy(dtype=object)

    def take(self, trace_ids: Iterable[str]) -> Traces:
        """The traces of these ids, in this order."""
        wanted = list(trace_ids)
        at = self.frame.index.get_indexer(pd.Index(wanted, dtype=self.frame.index.dtype))
        missing = np.flatnonzero(at < 0)
        if len(missing):
            raise NotFoundError(
                f"no trace {wanted[missing[0]]!r} among {len(self):,} ({len(missing):,} of {len(wanted):,} ids not found)"
            )
        return replace(self, frame=self.frame.iloc[at])

    def between(self, since: Any = None, until: Any = None) -> Traces:
        """The traces with ``since <= timestamp < until`` (either may be None; naive times are UTC)."""
        when = self.frame["timestamp"]
        keep = np.ones(len(self), dtype=bool)
        if since is not None:
            keep &= (when >= _utc(since, "since")).to_numpy()
        if until is not None:
            keep &= (when < _utc(until, "until")).to_numpy()
        timeless = int(when.isna().sum()) if since is not None or until is not None else 0
        notes = {**self.notes, "left out, without a timestamp": timeless} if timeless else self.notes
        return replace(self, frame=self.frame[keep], notes=notes)

    def bad(self, signal: str) -> pd.Series:
        """One signal turned so that 1 is bad, 0 is not, NaN is not known.

        A signal of two values is taken as it is. One of many values (an evaluator's score) is bad in its
        worst fifth, ties included. Words say what they say ("down", "yes"); any other text of a bad signal, as
        ``error``, is bad where it is not empty.
        """
        if signal not in self.signals:
            known = ", ".join(map(repr, self.signals)) or "none"
            raise ColumnError(
                f"{signal!r} is not a signal; the signals are {known}; declare it with signals={{{signal!r}: 'good'}}"
            )
        from failscope.traces.signals import badness

        return badness(self.frame[signal], self.signals[signal])

    def any_bad(self) -> pd.Series:
        """True where at least one signal is bad; a signal that is not known counts as not bad.

        An act of praise that most leave out ("copied", "liked") is not counted, unless it is all there is: its
        absence is no complaint, and it would make nearly every trace a bad one.
        """
        from failscope.traces.signals import is_praise

        out = np.zeros(len(self), dtype=bool)
        for name in [s for s in self.signals if not is_praise(s)] or self.signals:
            out |= self.bad(name).to_numpy() == 1
        return pd.Series(out, index=self.frame.index, name="any bad signal")

    def to_frame(self) -> pd.DataFrame:
        """A copy of the table."""
        return self.frame.copy()

    def __repr__(self) -> str:
        return f"<Traces {self._counts()}>"

    def _repr_html_(self) -> str:
        from failscope.traces.clean import preview

        head = preview(self.frame.head(5)).to_html(escape=True, border=0)
        return f"<div><b>Traces</b> · {html.escape(self._counts())}</div>{head}"

    def _counts(self) -> str:
        parts = [f"{len(self):,} traces"]
        when = self.frame["timestamp"].dropna()
        if len(when):
            parts.append(f"{when.min():%Y-%m-%d} to {when.max():%Y-%m-%d}")
        if self.signals:
            parts.append("signals: " + ", ".join(f"{k} ({v})" for k, v in self.signals.items()))
        parts.append(f"{len(self.rejected):,} rejected")
        parts += [f"{what}: {n:,}" for what, n in self.notes.items()]
        return " · ".join(parts)


def text_hash(text: str) -> str:
    """The sha256 of a text, 64 hex digits: the identity of equal texts everywhere in failscope."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def encodable(text: str) -> str:
    """The text as UTF-8 can hold it: a surrogate pair becomes its character, a lone surrogate U+FFFD."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _utc(value: Any, name: str) -> pd.Timestamp:
    try:
        if isinstance(value, int | float):  # pandas would take 20260601 for nanoseconds since 1970
            raise TypeError
        stamp = pd.Timestamp(value)
    except (ValueError, TypeError) as error:
        raise ArgumentError(
            f"{name}={value!r} is not a time; write it as '2026-06-01' or '2026-06-01 14:00'"
        ) from error
    if pd.isna(stamp):
        raise ArgumentError(f"{name}={value!r} is not a time; write it as '2026-06-01' or '2026-06-01 14:00'")
    return stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")
