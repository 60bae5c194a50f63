"""All probes over all traces: hides the sharing between probes and the checks on what they return."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from failscope.errors import ArgumentError
from failscope.surface.behaviour import form, formats, grounding, phrases, safety
from failscope.surface.behaviour.probe import Probe, as_probe
from failscope.surface.behaviour.scan import sharing
from failscope.traces.table import Traces

PROBES: tuple[Probe, ...] = (
    *form.PROBES,
    *phrases.PROBES,
    *formats.PROBES,
    *grounding.PROBES,
    *safety.PROBES,
)
"""The built-in probes, by concern; docs/behaviours.md says what each computes and what it misses."""


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
        alone, save for ``length_residual`` and ``repeated_output``, which compare it with the rest of the set;
        no figure depends on the order of the rows.

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
    columns = {}
    with sharing(traces.frame):
        for probe in chosen:
            columns[probe.name] = _checked(probe, probe.measure(traces.frame), traces.frame.index)
    return pd.DataFrame(columns, index=traces.frame.index)


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
