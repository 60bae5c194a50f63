"""The matrices in which traces are compared: hides how behaviours are put on one scale and how blocks are joined."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from failscope.errors import ArgumentError
from failscope.surface.behaviour import PROBES, Probe, as_probe, behaviours
from failscope.surface.embedding import Embedder, embed_texts, resolve_embedder
from failscope.surface.residual import residual
from failscope.traces.table import Traces

BLOCKS = ("behaviour", "response", "topic", "residual")
"""What a view is made of; a joint view names several with "+", as "topic+behaviour"."""

CLIP = 3.0
"""How far an amount may lie from the median, in spreads, before it counts no further."""
FLAG_STEP = 2.0
"""The distance between a flag that fires and one that does not, in spreads of an amount."""


@dataclass(frozen=True, eq=False)
class View:
    """One matrix of traces.

    Attributes
    ----------
    name : str
        "behaviour", "response", "topic", "residual" or a joint of them.
    trace_ids : numpy.ndarray
        (n,) the ids, in the order of the rows.
    matrix : numpy.ndarray
        (n, d) float32, always finite.
    features : tuple of str or None
        The columns' names; None where they are only an embedding's dimensions.
    behaviours : pandas.DataFrame
        The probes' figures as they are (not standardised), index ``trace_id``.
    """

    name: str
    trace_ids: np.ndarray
    matrix: np.ndarray
    features: tuple[str, ...] | None
    behaviours: pd.DataFrame

    def __len__(self) -> int:
        return len(self.trace_ids)

    def to_frame(self) -> pd.DataFrame:
        """The matrix as a frame, index ``trace_id``."""
        columns = (
            list(self.features)
            if self.features
            else [f"{self.name} {i}" for i in range(self.matrix.shape[1])]
        )
        return pd.DataFrame(self.matrix, index=self.behaviours.index, columns=columns)

    def __repr__(self) -> str:
        n, d = self.matrix.shape
        return f"<View {self.name!r}: {n:,} traces x {d} columns>"


def view(
    traces: Traces,
    name: str = "behaviour",
    *,
    embedder: Embedder | str | Path | None = None,
    probes: Iterable[Probe | Callable[[pd.DataFrame], ArrayLike]] | None = None,
    progress: bool = True,
) -> View:
    """The matrix of a view.

    Parameters
    ----------
    traces : Traces
        n traces. Vectors are looked up and kept in ``traces.vectors`` where it is given.
    name : str
        "behaviour": what the output does, see ``standardise``. "response": the output's embedding. "topic": the
        input's embedding. "residual": what the output's embedding has beyond what the input's predicts, see
        ``residual``. A joint as "topic+behaviour" puts blocks side by side, each centred and scaled to the same
        total variance (1), so that no block weighs more for having more columns.
    embedder : Embedder, str or None
        See ``resolve_embedder``; "behaviour" needs none.
    probes : iterable, optional
        In place of ``PROBES``; add your own with ``[*PROBES, mine]``.

    Examples
    --------
    >>> import pandas as pd
    >>> traces = Traces.from_frame(pd.DataFrame({"input": ["Why?", "How?"], "output": ["I cannot help.", "So."]}))
    >>> view(traces).matrix.shape[0], view(traces, "response").matrix.shape
    (2, (2, 256))
    """
    blocks = _blocks(name)
    chosen = tuple(as_probe(probe) for probe in (PROBES if probes is None else probes))
    measured = behaviours(
        traces, probes=chosen
    )  # before the vectors, while there is room for copies of texts
    embedded = _embedded(traces, blocks, embedder, progress)
    matrices: list[np.ndarray] = []
    features: list[str] = []
    for block in blocks:
        if block == "behaviour":
            matrix = standardise(measured, chosen)
            features += [probe.name for probe in chosen]
        else:
            if block == "residual":
                asked = traces.frame["input"].tolist()
                matrix = residual(
                    embedded["output"], embedded["input"], texts=asked, trace_ids=traces.trace_ids
                )
            else:
                matrix = embedded["output" if block == "response" else "input"]
            features += [f"{block} {i}" for i in range(matrix.shape[1])]
        matrices.append(matrix if len(blocks) == 1 else _equal_weight(matrix))
    return View(
        name="+".join(blocks),
        trace_ids=traces.trace_ids,
        # a single block is not copied: a million vectors are a gigabyte
        matrix=np.ascontiguousarray(
            matrices[0] if len(matrices) == 1 else np.concatenate(matrices, axis=1), dtype=np.float32
        ),
        features=tuple(features) if "behaviour" in blocks else None,
        behaviours=measured,
    )


def standardise(measured: pd.DataFrame, probes: Iterable[Probe]) -> np.ndarray:
    """Behaviours on one scale, (n, d) float32, so that no probe outweighs the rest by its units or its rarity.

    An amount is its distance from the median in spreads, cut at ``CLIP``; a spread is the interquartile range of a
    normal distribution's one standard deviation, or the standard deviation where most rows have the same figure.
    A flag is 0 or ``FLAG_STEP``, whether it is rare or common: scaled by its own deviation, a flag that fires once
    in a thousand would outweigh everything else. A probe that is the same for all rows is 0. The median and the
    spread are of this set of traces, so a row's place depends on the set that it is seen in.
    """
    table = np.zeros(measured.shape, dtype=np.float32)
    for j, probe in enumerate(probes):
        column = measured[probe.name].to_numpy(dtype=np.float64)
        if not len(column):
            continue
        if probe.kind == "flag":
            table[:, j] = FLAG_STEP * column if column.min() != column.max() else 0
            continue
        low, middle, high = np.quantile(column, [0.25, 0.5, 0.75])
        spread = (high - low) / 1.349 or column.std()
        if spread > 0:
            table[:, j] = np.clip((column - middle) / spread, -CLIP, CLIP)
    return table


def _embedded(
    traces: Traces, blocks: tuple[str, ...], embedder: Embedder | str | Path | None, progress: bool
) -> dict[str, np.ndarray]:
    """The vectors of the columns that the blocks read, each column embedded once."""
    needed = {
        "output": "response" in blocks or "residual" in blocks,
        "input": "topic" in blocks or "residual" in blocks,
    }
    if not any(needed.values()):
        return {}
    model = resolve_embedder(embedder)
    return {
        column: embed_texts(
            traces.frame[column].array, embedder=model, cache=traces.vectors, progress=progress
        )
        for column in needed
        if needed[column]
    }


def _equal_weight(matrix: np.ndarray) -> np.ndarray:
    """The block around its mean, scaled to a total variance of 1; a block without variance stays 0."""
    centred = matrix - matrix.mean(axis=0) if len(matrix) else matrix
    total = float(np.square(centred, dtype=np.float64).sum()) / max(len(matrix), 1)
    return centred / np.sqrt(total) if total > 1e-12 else np.zeros_like(centred)


def _blocks(name: str) -> tuple[str, ...]:
    blocks = tuple(part.strip() for part in str(name).split("+"))
    unknown = [block for block in blocks if block not in BLOCKS]
    if unknown or len(set(blocks)) != len(blocks):
        known = ", ".join(map(repr, BLOCKS))
        raise ArgumentError(
            f"view={name!r} is not known; take {known}, or a joint of them such as 'topic+behaviour'"
        )
    return blocks
