"""Why a trace is in the plan, in words that a reviewer reads beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from failscope.review.discovery import SAME
from failscope.review.ground import Ground
from failscope.surface.edgecases import EDGE_CASES

_TOLD = 2  # behaviours named
_FAR = 1.5  # standard deviations from which a behaviour is worth naming


def pick_reason(
    ground: Ground,
    row: int,
    probes: Sequence[Mapping[str, Any]],
    *,
    novelty: float,
    chance: np.ndarray | None = None,
) -> str:
    """Why a trace was chosen, at this distance from all before it.

    ``chance`` (n,) of failing is given once something was learned from what was read.

    Examples of what it says: "unlike everything before it: is cut off, long answers"; "a bad signal, and unlike
    what comes before it: refuses"; "likely to fail by what was read, and unlike it: many figures".
    """
    told = _behaves(ground, row, probes)
    so = f": {told}" if told else ""
    if novelty < SAME:
        likely = "has a bad signal" if ground.bad[row] else "is among the likeliest to fail of what is left"
        return f"{likely}; it behaves like what comes before it{so}"
    # no figure: the best of thousands of chances is too high a one
    if chance is not None and chance[row] >= 0.5:
        return f"likely to fail by what was read, and unlike it{so}"
    if ground.bad[row]:
        return f"has a bad signal, and is unlike what comes before it{so}"
    return f"unlike everything that comes before it{so}"


def edge_reason(ground: Ground, row: int, group: str, probes: Sequence[Mapping[str, Any]]) -> str:
    """Why a trace was chosen for its edge-case group."""
    told = _behaves(ground, row, probes)
    return f"edge case, {group}: {EDGE_CASES[group]}" + (f" ({told})" if told else "")


def _behaves(ground: Ground, row: int, probes: Sequence[Mapping[str, Any]]) -> str:
    """What is most unusual about it; what hints at a failure first."""
    figures = ground.behaviour[row]
    flags = np.array([probe["kind"] == "flag" for probe in probes], dtype=bool)
    hints = np.array([bool(probe["hint"]) for probe in probes], dtype=bool)
    # that a flag does not fire is no news
    far = np.where(flags, figures, np.abs(figures))
    far = np.where(far >= _FAR, far + 3 * (hints & (figures > 0)), 0)
    best = [int(j) for j in np.argsort(-far, kind="stable")[:_TOLD] if far[j] > 0]
    return ", ".join(str(probes[j]["more" if figures[j] > 0 else "less"]) for j in best)
