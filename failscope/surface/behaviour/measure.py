"""All probes over all traces: hides the sharing between probes and the checks on what they return."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from failscope.errors import ArgumentError
from failscope.surface.behaviour import (
    calls,
    consistency,
    form,
    formats,
    grounding,
    instructions,
    phrases,
    safety,
)
from failscope.surface.behaviour.probe import Probe, as_probe
from failscope.surface.behaviour.scan import sharing
from failscope.surface.behaviour.words import joined
from failscope.traces.table import Traces

PROBES: tuple[Probe, ...] = (
    *form.PROBES,
    *phrases.PROBES,
    *formats.PROBES,
    *instructions.PROBES,
    *grounding.PROBES,
    *safety.PROBES,
    *consistency.PROBES,
    *calls.PROBES,
)
"""The built-in probes, by concern; docs/behaviours.md says what each computes and what it misses."""

_COMPARING = {"length_residual", "repeated_output", *(probe.name for probe in consistency.PROBES)}
_ALONE = frozenset(
    probe for probe in PROBES if probe.name not in _COMPARING
)  # a row's figure needs that row only

_AT_ONCE = 50_000
"""Rows that such probes read at once: their copies of the texts, folded and trimmed, would fill the memory."""


def behaviours(
    traces: Traces, *, probes: Iterable[Probe | Callable[[pd.DataFrame], ArrayLike]] | None = None
) -> pd.DataFrame:
    """What each output does, one column a probe.

    Parameters
    ----------
    traces : Traces
        n traces.
    probes : iterable of Probe or function, optional
        In place of ``PROBES``; add your own with ``[*PROBES, mine]``.

    Returns
    -------
    pandas.DataFrame
        Index ``trace_id``, float32, never NaN or infinite. Flags are 0 or 1. A row's figures depend on that row
        alone, save for ``length_residual``, ``repeated_output`` and the probes of ``consistency``, which compare it
        with the rest of the set; no figure depends on the order of the rows.

    Raises
    ------
    ArgumentError
        When two probes have one name, or one returns another number of figures than there are traces.

    Examples
    --------
    >>> traces = Traces.from_frame(pd.DataFrame({"input": ["Why?"], "output": ["I'm sorry, I can't help with that."]}))
    >>> behaviours(traces)[["refusal", "apology", "truncated"]].iloc[0].tolist()
    [1.0, 1.0, 0.0]
    """
    chosen = [as_probe(probe) for probe in (PROBES if probes is None else probes)]
    twice = {p.name for i, p in enumerate(chosen) if p.name in {q.name for q in chosen[:i]}}
    if twice:
        raise ArgumentError(f"two probes are named {min(twice)!r}; give each a name of its own")
    frame = traces.frame
    columns = {probe.name: np.zeros(len(frame), dtype=np.float32) for probe in chosen}
    words = []
    alone = [probe for probe in chosen if probe in _ALONE] if len(frame) > _AT_ONCE else []
    for start in range(0, len(frame) if alone else 0, _AT_ONCE):
        part = frame.iloc[start : start + _AT_ONCE]
        with sharing(part) as scan:
            for probe in alone:
                columns[probe.name][start : start + len(part)] = _checked(
                    probe, probe.measure(part), part.index
                )
            words.append(scan.words)
    with sharing(frame) as scan:
        if words:
            scan.words = joined(words)
        for probe in chosen:
            if probe not in alone:
                columns[probe.name] = _checked(probe, probe.measure(frame), frame.index)
    return pd.DataFrame(columns, index=frame.index)


def _checked(probe: Probe, measured: ArrayLike, index: pd.Index) -> np.ndarray:
    if isinstance(measured, pd.Series) and len(measured) == len(index):
        measured = measured.reindex(
            index
        )  # by id: a probe that sorted or filtered still lands on the right rows
    try:
        column = np.asarray(measured, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            f"probe {probe.name!r} returned what is not numbers ({error}); return one number a row"
        ) from error
    if column.shape != (len(index),):
        raise ArgumentError(
            f"probe {probe.name!r} returned shape {column.shape} for {len(index):,} traces; return one number a row"
        )
    # float32 is what is kept, so what exceeds its range counts as infinite
    broken = ~(np.abs(column) <= np.finfo(np.float32).max)
    if broken.any():
        warnings.warn(
            f"probe {probe.name!r} gave NaN or infinity for {int(broken.sum()):,} of {len(index):,} traces; they count as 0",
            stacklevel=3,
        )
        column = np.where(broken, 0.0, column)
    if probe.kind == "flag":
        column = (column != 0).astype(np.float64)
    return column.astype(np.float32)
