"""A trace beside the nearest passing answer: hides what counts as passing, how near is measured and what differs."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd

from failscope.errors import NotFoundError
from failscope.surface.behaviour import Probe
from failscope.surface.behaviour.hints import hints_of
from failscope.surface.differences import amount, share
from failscope.surface.embedding import embed_texts
from failscope.surface.views import standardise

if TYPE_CHECKING:
    from failscope.surface.clustering import Clustering

LEAST, ENOUGH = 0.6, 0.8
"""Two inputs are near when their cosine is above that of 99 of 100 pairs of inputs, a bar kept between these two."""

SHOWN = 3_000
"""Characters of each output that are compared word by word and shown."""

SAID = 5
"""Behaviours that are named at most."""

_STEP = 1.5  # spreads by which an amount must differ to be worth a word
_TRIED = 200  # passing answers to one question whose vectors are compared
_WORD = re.compile(r"(?:[\u3040-\u30ff\u3400-\u9fff]|(?:(?![\u3040-\u30ff\u3400-\u9fff])\w)+|[^\w\s])\s*|\s+")


@dataclass(frozen=True, eq=False)
class Contrast:
    """A trace and the nearest passing answer.

    Attributes
    ----------
    trace_id, passing_id : str
    same_input : bool
        Whether both answer the same input, case and white space aside.
    similarity : float
        The cosine of the inputs' embeddings; 1 where they are the same.
    input, output, passing_input, passing_output : str
    says : tuple of str
        The behaviours that differ most, "is cut off: here, not there"; what hints at a failure comes first.
    words, passing_words : tuple of (str, bool)
        The first ``SHOWN`` characters of the output and of the passing output, cut where they part: each piece with
        whether the other output has it too, case and white space aside.
    behaviours : pandas.DataFrame
        The figures behind ``says``, one row a trace.
    """

    trace_id: str
    passing_id: str
    same_input: bool
    similarity: float
    input: str
    output: str
    passing_input: str
    passing_output: str
    says: tuple[str, ...]
    words: tuple[tuple[str, bool], ...]
    passing_words: tuple[tuple[str, bool], ...]
    behaviours: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """Both traces, this one first: index ``trace_id``, columns ``passing, input, output``, the behaviours."""
        texts = {
            "passing": [False, True],
            "input": [self.input, self.passing_input],
            "output": [self.output, self.passing_output],
        }
        return pd.concat([pd.DataFrame(texts, index=self.behaviours.index), self.behaviours], axis=1)

    def __repr__(self) -> str:
        near = "the same input" if self.same_input else f"inputs alike by {self.similarity:.2f}"
        return f"<Contrast of {self.trace_id!r} with {self.passing_id!r}, {near}: {'; '.join(self.says)}>"

    def _repr_html_(self) -> str:
        from failscope.surface.contrast_card import contrast_card

        return contrast_card(self)


def contrast(
    found: Clustering,
    trace_id: str,
    *,
    passing: Iterable[str] | None = None,
    fine: Iterable[str] = (),
    failing: Iterable[str] = (),
    progress: bool = True,
) -> Contrast | None:
    """What sets a trace apart from the nearest answer that passes.

    Near is by the input first: an equal input (of those with an equal context, where there are some), else the
    input with the nearest embedding by the bundled model. It must be nearer than 99 of 100 pairs of inputs are,
    by a cosine of at least ``LEAST``; ``ENOUGH`` suffices where all inputs are alike. Of several answers to that input the
    one with the nearest output is taken, so that what remains different is what may have decided. This is the
    nearest unlike neighbour of case-based reasoning (Dasarathy 1995; Nugent and Cunningham 2005).

    Parameters
    ----------
    found : Clustering
    trace_id : str
    passing : iterable of str, optional
        The traces that pass. Without it, those pass whose output is not empty and that have no bad signal and no
        flag that hints at a failure (one that over a quarter of all traces have hints at nothing).
    fine, failing : iterable of str
        Traces that people found to pass, or to fail, whatever their signals say.
    progress : bool
        Whether to show how far the embedding is, the first time.

    Returns
    -------
    Contrast or None
        None when no passing trace has an input that is near enough.

    Raises
    ------
    NotFoundError
        When one of the traces is not in the clustering.

    Examples
    --------
    >>> import failscope as fs
    >>> log = pd.DataFrame(
    ...     {"input": ["Where is my order?"] * 12, "output": ["I cannot help with that."] + ["It is on its way."] * 11}
    ... )
    >>> found = fs.cluster(fs.Traces.from_frame(log), projector=None, progress=False)
    >>> contrast(found, found.trace_ids[0]).says[0]
    'refuses: here, not there'
    """
    ground = _GROUNDS.get(found)
    if ground is None:
        ground = _GROUNDS[found] = _Ground(found)
    row = ground.rows([trace_id])[0]
    ground.progress = progress
    passes = ground.passes if passing is None else ground.marked(passing)
    passes = (passes | ground.marked(fine)) & ~ground.marked(failing)
    passes[row] = False
    other = ground.nearest(row, passes)
    return None if other is None else ground.compare(row, *other)


class _Ground:
    """What contrasts in one clustering share, made once; rows are in the order of the ids."""

    def __init__(self, found: Clustering) -> None:
        self.progress = True
        # not the clustering itself: what is kept by it would keep it for good
        self.traces = found.traces
        order = np.argsort(found.trace_ids.astype(str), kind="stable")
        self.ids = pd.Index(found.trace_ids[order], dtype=object)
        self.frame = found.traces.frame.loc[self.ids]
        self.behaviours = found.behaviours.loc[self.ids]
        self.records = found.params["probes"]
        self.probes = tuple(Probe.measured(record) for record in self.records)
        folded = [" ".join(str(text).casefold().split()) for text in self.frame["input"]]
        self.asked = pd.factorize(np.asarray(folded, dtype=object), sort=True)[0]

    def rows(self, trace_ids: Iterable[str]) -> np.ndarray:
        wanted = list(trace_ids)
        rows = self.ids.get_indexer(pd.Index(wanted, dtype=object))
        if (rows < 0).any():
            missing = wanted[int(np.argmin(rows))]
            raise NotFoundError(
                f"no trace {missing!r} in this clustering of {len(self.ids):,}; take an id from found.trace_ids"
            )
        return np.asarray(rows)

    def marked(self, trace_ids: Iterable[str]) -> np.ndarray:
        out = np.zeros(len(self.ids), dtype=bool)
        out[self.rows(trace_ids)] = True
        return out

    @cached_property
    def passes(self) -> np.ndarray:
        """An output, no bad signal and no flag that hints at a failure.

        Amounts do not count: some trace is always in the highest 5%, and a sound answer among many failed ones is
        far from the others.
        """
        bad = self.traces.any_bad().loc[self.ids].to_numpy(copy=True)
        bad |= (self.frame["output"].str.strip() == "").to_numpy()
        for hint in hints_of(self.behaviours, self.records):
            if hint.kind == "flag":
                bad |= hint.shown(self.behaviours)
        return np.asarray(~bad)

    @cached_property
    def scaled(self) -> np.ndarray:
        return standardise(self.behaviours, self.probes)

    @cached_property
    def inputs(self) -> np.ndarray:
        return embed_texts(self.frame["input"].tolist(), cache=self.traces.vectors, progress=self.progress)

    @cached_property
    def bar(self) -> float:
        """The cosine from which on two inputs are near."""
        distinct = np.unique(self.asked, return_index=True)[1]
        some = self.inputs[distinct[np.linspace(0, len(distinct) - 1, min(len(distinct), 1_000)).astype(int)]]
        pairs = (some @ some.T)[np.triu_indices(len(some), 1)]
        return float(np.clip(np.quantile(pairs, 0.99), LEAST, ENOUGH)) if len(pairs) else LEAST

    def nearest(self, row: int, passes: np.ndarray) -> tuple[int, float] | None:
        """The passing row to compare with, and how alike the inputs are."""
        rows = np.flatnonzero(passes & (self.asked == self.asked[row]))
        similarity = 1.0
        if len(rows):
            same_context = (self.frame["context"].iloc[rows] == self.frame["context"].iloc[row]).to_numpy()
            rows = rows[same_context] if same_context.any() else rows
        else:
            alike = np.where(passes, np.round(self.inputs @ self.inputs[row], 6), -1)
            similarity = float(alike.max())
            if similarity < self.bar:
                return None
            rows = np.flatnonzero(alike == alike.max())
        if len(rows) > _TRIED:
            # thousands may answer one question: those that behave alike, so that only their texts are embedded
            away = np.square(self.scaled[rows] - self.scaled[row]).sum(axis=1)
            rows = np.sort(rows[np.argsort(np.round(away, 5), kind="stable")[:_TRIED]])
        texts = self.frame["output"].iloc[[*rows, row]].tolist()
        vectors = embed_texts(texts, cache=self.traces.vectors, progress=False)
        return int(rows[np.argmax(np.round(vectors[:-1] @ vectors[-1], 6))]), similarity

    def compare(self, row: int, other: int, similarity: float) -> Contrast:
        pair = self.frame.iloc[[row, other]]
        (asked, asked_there), (output, output_there) = pair["input"], pair["output"]
        chosen = self._apart(row, other)
        figures = self.behaviours.iloc[[row, other]][[probe.name for probe in chosen]]
        words, words_there = _words(output, output_there)
        return Contrast(
            trace_id=str(self.ids[row]),
            passing_id=str(self.ids[other]),
            same_input=bool(self.asked[row] == self.asked[other]),
            similarity=similarity,
            input=asked,
            output=output,
            passing_input=asked_there,
            passing_output=output_there,
            says=tuple(_sentence(probe, *figures[probe.name].tolist()) for probe in chosen),
            words=words,
            passing_words=words_there,
            behaviours=figures,
        )

    def _apart(self, row: int, other: int) -> list[Probe]:
        """The probes that differ: flags that hint, other flags, then amounts by how many spreads they differ."""
        steps = np.abs(self.scaled[row] - self.scaled[other])
        ranked = []
        for probe, step in zip(self.probes, steps.tolist(), strict=True):
            flag = probe.kind == "flag"
            if step > 0 if flag else step >= _STEP:
                ranked.append((0 if flag and probe.hint else 1 if flag else 2, -round(step, 4), probe))
        return [probe for _, _, probe in sorted(ranked, key=lambda r: r[:2])[:SAID]]


_GROUNDS: WeakKeyDictionary[Clustering, _Ground] = WeakKeyDictionary()


def _sentence(probe: Probe, here: float, there: float) -> str:
    if probe.kind == "flag":
        return f"{probe.says}: {'here, not there' if here else 'there, not here'}"
    if probe.says.startswith("share ") and min(here, there) >= 0 and max(here, there) <= 1:
        return f"{probe.says}: {share(here)} here, {share(there)} there"
    # "line breaks (log)" are counts, said as such where they are
    counts = np.expm1([here, there])
    what, unit, measured_in = probe.says.removesuffix(")").partition(" (log")
    if unit and min(here, there) >= 0 and (np.abs(counts - np.round(counts)) < 1e-3 * (1 + counts)).all():
        here, there = np.round(counts).tolist()
        return (
            f"{what}: {amount(here)} here, {amount(there)} there{measured_in and f' ({measured_in.strip()})'}"
        )
    return f"{probe.says}: {amount(here)} here, {amount(there)} there"


def _words(here: str, there: str) -> list[tuple[tuple[str, bool], ...]]:
    """Each text cut into what the other has too and what it has not (Ratcliff and Metzener 1988, as in difflib)."""
    texts = [_WORD.findall(text[:SHOWN]) for text in (here, there)]
    a, b = ([word.strip().casefold() for word in words] for words in texts)
    runs = difflib.SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks()
    shared = [np.zeros(len(words), dtype=bool) for words in texts]
    for run in runs:
        # a lone "the" or "," between two different passages is nothing that they share
        at_an_end = run.a == run.b == 0 or (run.a + run.size, run.b + run.size) == (len(a), len(b))
        if at_an_end or sum(word.isalnum() for word in a[run.a : run.a + run.size]) > 1:
            shared[0][run.a : run.a + run.size] = True
            shared[1][run.b : run.b + run.size] = True
    return [_pieces(words, which) for words, which in zip(texts, shared, strict=True)]


def _pieces(words: list[str], shared: np.ndarray) -> tuple[tuple[str, bool], ...]:
    if not words:
        return ()
    cuts = [0, *(np.flatnonzero(np.diff(shared)) + 1).tolist(), len(words)]
    return tuple(("".join(words[i:j]), bool(shared[i])) for i, j in pairwise(cuts))
