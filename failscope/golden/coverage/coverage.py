"""How much of production a golden set stands for: what it covers, what it lacks, what in it is stale, and what changed."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from failscope.errors import ArgumentError
from failscope.golden.coverage.covered import (
    SEEDS,
    Here,
    earlier_share,
    find_points,
    read_facts,
    reference_of,
    weigh_examples,
)
from failscope.golden.coverage.covering import Around, Line, Space, draw_line, draw_stale_line
from failscope.golden.coverage.drift import Drift, compare
from failscope.golden.coverage.gapping import gaps_frame, topics_frame
from failscope.golden.coverage.shares import READ, Group, groups, table
from failscope.golden.coverage.topics import find_topics, vote
from failscope.surface.assigning import sample_of
from failscope.surface.embedding import Embedder, embed_texts, resolve_embedder
from failscope.traces.table import Traces

BEFORE = 10_000
"""Earlier traces that are compared at most; more are sampled, and ``params`` says so."""

_FORMAT = "failscope coverage 1"


class HasRows(Protocol):
    """A golden set, or anything else with its examples as rows."""

    @property
    def rows(self) -> Sequence[Mapping[str, Any]]:
        """The examples, as in ``GoldenSet.rows``."""
        ...


@dataclass(frozen=True, eq=False)
class Coverage:
    """What a golden set covers of some production traces.

    Attributes
    ----------
    golden : dict
        ``name, version, sha256, examples`` of the set ("" and None where it does not say).
    line_drawn : Line
        ``near``, the similarity from which on an example is near, and how well it parts topics.
    frame : pandas.DataFrame
        One row a group: ``by, group, traces, share_of_production, covered, coverage, examples, failure_rate, reads,
        failing, gap, share_before``; ``gap`` is the traces that are not covered times the failure rate.
    gaps : pandas.DataFrame
        One row a topic with uncovered traces, the worst first: ``name, uncovered, traces, failure_rate, reads,
        gap, share, share_before, new, candidates, coverage_after``.
    points : pandas.DataFrame
        Index ``trace_id``: ``similarity, score, nearest, covered, own, topic``; ``own`` are the traces that the
        examples were made of, which count neither way.
    examples : pandas.DataFrame
        Index ``example_id``: ``trace_id, topic, similarity, nearest, stale, last_near, promoted_at, trace_time,
        age_days, trace_age_days``.
    reference : dict
        Coverage by as many traces drawn at random (``random``, with ``low`` and ``high`` over ``seeds`` draws) and
        by as many chosen for it (``best``).
    share_before : float
        Coverage of the earlier traces by the same line; NaN where there are none.
    drift : Drift or None
        The set against one trace of each session of production; None where a side has fewer than two.
    shift : Drift or None
        The earlier traces against these.
    params : dict
    """

    golden: dict[str, Any]
    line_drawn: Line
    frame: pd.DataFrame = field(repr=False)
    gaps: pd.DataFrame = field(repr=False)
    points: pd.DataFrame = field(repr=False)
    examples: pd.DataFrame = field(repr=False)
    reference: dict[str, float]
    share_before: float
    drift: Drift | None
    shift: Drift | None
    params: dict[str, Any]
    inputs: pd.Series = field(repr=False)
    vectors: np.ndarray = field(repr=False)
    example_vectors: np.ndarray = field(repr=False)
    topics: pd.DataFrame = field(repr=False)

    @property
    def near(self) -> float:
        """The similarity from which on an example is near; give it to next week's call to compare weeks."""
        return self.line_drawn.near

    @property
    def share(self) -> float:
        """The share of production that the set covers; NaN when all traces are examples themselves."""
        counted = ~self.points["own"]
        return float(self.points.loc[counted, "covered"].mean()) if counted.any() else float("nan")

    @property
    def stale(self) -> pd.DataFrame:
        """The examples with no production trace near them, the longest without traffic first."""
        gone = self.examples[self.examples["stale"]]
        return gone.sort_values(["last_near", "similarity"], na_position="first", kind="stable")

    @property
    def age(self) -> pd.DataFrame:
        """How old the set is, in days before the last trace: of promotion and of the traces; oldest, median, newest."""
        days = self.examples[["age_days", "trace_age_days"]].rename(
            columns={"age_days": "promoted", "trace_age_days": "trace"}
        )
        return pd.DataFrame(
            {
                "oldest": days.max(),
                "median": days.median(),
                "newest": days.min(),
                "unknown": days.isna().sum(),
            }
        )

    def line(self, previous: Coverage | Mapping[str, Any] | None = None) -> str:
        """The week in a line: coverage then and now, and what changed it.

        Parameters
        ----------
        previous : Coverage, dict or None
            Last week's, or what its ``to_dict()`` gave; None in the first week.
        """
        from failscope.golden.coverage.card import week_line

        return week_line(self, previous.to_dict() if isinstance(previous, Coverage) else previous)

    def to_dict(self) -> dict[str, Any]:
        """What to keep of it, in JSON's types: it is small, holds no text of a trace but names of topics, and
        ``line`` takes it back."""
        counted = ~self.points["own"]
        return _plain_json(
            {
                "format": _FORMAT,
                "golden": self.golden,
                "since": self.params["since"],
                "until": self.params["until"],
                "traces": int(counted.sum()),
                "covered": int(self.points.loc[counted, "covered"].sum()),
                "own": int((~counted).sum()),
                "share": self.share,
                "share_before": self.share_before,
                "near": self.near,
                "near_drawn": self.line_drawn.drawn,
                "reference": self.reference,
                "groups": self.frame.to_dict("records"),
                "gaps": self.gaps.drop(columns="coverage_after").to_dict("records"),
                "topics": [
                    {
                        "name": str(row.name),
                        "traces": int(row.traces),
                        "uncovered": int(row.uncovered),
                        "centre": _packed(row.centre),
                    }
                    for row in self.topics.itertuples(index=False)
                ],
                "stale": [str(i) for i in self.stale.index],
                "drift": _of_drift(self.drift),
                "shift": _of_drift(self.shift),
                "params": self.params,
            }
        )

    def to_frame(self) -> pd.DataFrame:
        """A copy of ``frame``."""
        return self.frame.copy()

    def __repr__(self) -> str:
        from failscope.golden.coverage.card import facts

        return f"<Coverage {facts(self)}>"

    def _repr_html_(self) -> str:
        from failscope.golden.coverage.card import card

        return card(self)


def coverage(
    golden: HasRows,
    traces: Traces,
    *,
    modes: Mapping[str, Sequence[str]] | None = None,
    before: Traces | None = None,
    near: float | None = None,
    embedder: Embedder | str | Path | None = None,
    random_state: int = 0,
    progress: bool = True,
) -> Coverage:
    """How much of production a golden set covers, where it has gaps, and which examples are stale.

    A trace is covered when its input and its nearest production inputs are, on average, near the input of an example
    (``docs/coverage.md`` has the measure and what it was held against). A trace that became an example counts
    neither way, so that promoting traces does not by itself raise the share.

    Parameters
    ----------
    golden : GoldenSet
        Or any object with ``rows``.
    traces : Traces
        Production, as a week of it. Vectors are looked up and kept in ``traces.vectors`` where it is given.
    modes : mapping, optional
        Trace id -> failure modes of the traces that were read, ``[]`` where one was fine, as ``ws.reviewed()`` gives.
        Failure rates come from them, else from the declared signals.
    before : Traces, optional
        Earlier production, as the weeks before; it tells new topics from old ones and steadies the topics.
    near : float, optional
        The line, by hand or from last week's ``near``; None draws it from the data.
    embedder : Embedder, str or None
        See ``fs.embed_texts``.
    random_state : int
        The seed of everything random.
    progress : bool
        Show a bar when it takes longer than two seconds.

    Raises
    ------
    ArgumentError
        When there is no trace or no example, or ``near`` is no similarity.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> golden = SimpleNamespace(rows=[{"id": "ex-1", "input": "Where is my parcel?"}])
    >>> asked = ["Where is my parcel?", "My lamp will not pair with the hub."]
    >>> week = Traces.from_frame(pd.DataFrame({"input": asked, "output": ["On its way.", "Hold the button."]}))
    >>> coverage(golden, week, near=0.5, progress=False).points["covered"].tolist()
    [True, False]
    """
    rows = list(golden.rows)
    _check(rows, traces, near)
    # nothing may depend on the order in which the log came
    came = traces.frame.index
    traces = traces.take(sorted(traces.trace_ids, key=str))
    from tqdm.auto import tqdm

    with tqdm(total=5, desc="coverage", delay=2, disable=not progress, leave=False) as bar:
        earlier, left_out = _earlier(before, traces, random_state)
        model = resolve_embedder(embedder)
        texts = [traces, *([earlier] if earlier is not None else [])]
        raw = [
            embed_texts(t.frame["input"].array, embedder=model, cache=t.vectors, progress=progress)
            for t in texts
        ]
        # an input may have been edited, and a deletion looks for the texts of traces in the cache
        of_examples = embed_texts(
            [str(row.get("input") or "") for row in rows], embedder=model, progress=progress
        )
        bar.update()
        both = np.concatenate(raw)
        space = Space.around(both if len(both) >= 20 else np.concatenate([both, of_examples]))
        X, E = space.place(both), space.place(of_examples)
        around, n = Around.of(X), len(traces)
        inputs = [str(t) for part in texts for t in part.frame["input"]]
        ids = np.concatenate([part.trace_ids.astype(object) for part in texts])
        topics = find_topics(X, inputs, ids, random_state=random_state)
        bar.update()
        drawn = (
            draw_line(X, around, topics.labels, random_state=random_state)
            if near is None
            else Line(float(near))
        )
        here = Here(X, E, around if earlier is None else Around.of(X[:n]), drawn.near, n)
        points, own = find_points(here, traces, rows, topics)
        bar.update()
        example_topics = vote(E, X, topics.labels)
        sampled = sample_of(traces.trace_ids, READ, random_state=random_state)
        found = groups(
            traces,
            earlier,
            rows,
            topics=topics,
            example_topics=example_topics,
            sampled=sampled,
            modes=modes or {},
        )
        facts = read_facts(traces, modes or {})
        frame = table(found, counted=~points["own"].to_numpy(), covered=points["covered"].to_numpy(), **facts)
        bar.update()
        kept = weigh_examples(
            rows,
            traces,
            earlier,
            X,
            E,
            own,
            topics,
            example_topics,
            draw_stale_line(X, n, topics.labels, random_state=random_state),
        )
        share_before, before_covered = earlier_share(here, earlier, rows)
        about = topics_frame(topics, X, points, before_covered, n)
        gaps = gaps_frame(frame, about, here, points, traces, facts, earlier is not None, random_state)
        stats = _drifts(found, X, E, sampled, traces, earlier, random_state)
        bar.update()
    when = traces.frame["timestamp"].dropna()
    back = traces.frame.index.get_indexer(came)
    return Coverage(
        golden={
            "name": str(getattr(golden, "name", "")),
            "version": getattr(golden, "version", None),
            "sha256": str(getattr(golden, "sha256", "")),
            "examples": len(rows),
        },
        line_drawn=drawn,
        frame=frame,
        gaps=gaps,
        points=points.iloc[back],
        examples=kept,
        reference=reference_of(here, len(rows), random_state),
        share_before=share_before,
        drift=stats[0],
        shift=stats[1],
        params={
            "embedder": model.name,
            "random_state": int(random_state),
            "seeds": SEEDS,
            "topics": len(topics),
            "since": when.min().isoformat() if len(when) else None,
            "until": when.max().isoformat() if len(when) else None,
            "before": 0 if earlier is None else len(earlier),
            "before_left_out": left_out,
            "behaviours_read": int(sampled.sum()),
            "failure_rate_from": "reads" if facts["read"].any() else "signals" if traces.signals else "",
        },
        inputs=traces.frame["input"].iloc[back],
        vectors=X[:n][back],
        example_vectors=E,
        topics=about,
    )


def _check(rows: Sequence[Any], traces: Traces, near: float | None) -> None:
    if not rows:
        raise ArgumentError("the golden set has no examples, so it covers nothing; promote some cases first")
    if not len(traces):
        raise ArgumentError("there are no traces to cover; read some first, or widen since= and until=")
    if near is not None and not -1 < float(near) <= 1:
        raise ArgumentError(
            f"near={near!r} is no similarity; take one between 0 and 1, or None to draw it from the data"
        )


def _earlier(before: Traces | None, traces: Traces, random_state: int) -> tuple[Traces | None, int]:
    """The earlier traces that are none of these, at most ``BEFORE`` of them, and how many were left out."""
    if before is None:
        return None, 0
    ids = before.trace_ids[~before.frame.index.isin(traces.frame.index)]
    if not len(ids):
        return None, len(before)
    kept = ids[sample_of(ids, BEFORE, random_state=random_state)]
    return before.take(sorted(kept, key=str)), len(before) - len(kept)


def _drifts(
    found: Sequence[Group],
    X: np.ndarray,
    E: np.ndarray,
    sampled: np.ndarray,
    traces: Traces,
    before: Traces | None,
    random_state: int,
) -> tuple[Drift | None, Drift | None]:
    """The set against production, and production before against now; None where a side has fewer than two rows."""
    n = len(traces)
    kinds = [g for g in found if g.by != "failure mode"]  # known of what was read only, on either side
    N = X[:n][sampled]
    session = [str(s) for s in traces.frame["session_id"].to_numpy(dtype=object)[sampled]]
    of_set = shift = None
    # examples are single traces: against whole sessions they would differ by that alone
    one = _one_a_session(session, random_state)
    if min(len(E), len(one)) >= 2:
        of_set = compare(
            E,
            N[one],
            what="the set and production",
            groups=[(g.by, g.name, g.examples, g.now[sampled][one]) for g in kinds],
            random_state=random_state,
        )
    if before is not None and min(len(before), len(N)) >= 2:
        shift = compare(
            X[n:],
            N,
            what="production before and now",
            units=([str(s) for s in before.frame["session_id"]], session),
            groups=[(g.by, g.name, g.before, g.now[sampled]) for g in kinds],
            random_state=random_state,
        )
    return of_set, shift


def _one_a_session(session: Sequence[str], random_state: int) -> np.ndarray:
    """The places of one trace a session, drawn at random; a trace without a session is one."""
    named = np.array([name or f"\0{i}" for i, name in enumerate(session)], dtype=object)
    order = np.random.default_rng(random_state).permutation(len(named))
    return np.sort(order[np.unique(named[order], return_index=True)[1]])


def _of_drift(drift: Drift | None) -> dict[str, Any] | None:
    if drift is None:
        return None
    return {
        "says": drift.note,
        "mmd": drift.mmd,
        "p": drift.p,
        "auc": drift.auc,
        "auc_p": drift.auc_p,
        "groups": drift.drives.to_dict("records"),
    }


def _packed(centre: np.ndarray) -> str:
    """A unit vector as 8-bit numbers in base64: what a topic is known by next week, without any of its texts."""
    return base64.b64encode(np.clip(np.round(centre * 127), -127, 127).astype(np.int8).tobytes()).decode()


def unpacked(centre: str) -> np.ndarray:
    """The unit vector that ``to_dict`` keeps of a topic."""
    values = np.frombuffer(base64.b64decode(centre), dtype=np.int8).astype(np.float64)
    return values / max(float(np.linalg.norm(values)), 1e-9)


def _plain_json(value: Any) -> Any:
    """The same with Python's own types; NaN becomes None."""
    if isinstance(value, Mapping):
        return {str(k): _plain_json(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain_json(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value
