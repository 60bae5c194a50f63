"""Which figures hint at a failure by themselves: hides how high is high, and how common is too common to hint at anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

COMMON = 0.25
"""What more traces than this share show hints at nothing."""
HIGH = 0.95
"""Of an amount, what lies above this quantile is high; a flag needs only to be set."""


@dataclass(frozen=True)
class Hint:
    """A behaviour that hints at a failure where its figure is above a bar.

    Attributes
    ----------
    name : str
        The column of the behaviours.
    kind : {"flag", "amount"}
    above : float
    share : float
        Of the traces that the bar was read from, how many are above it; at most ``COMMON``.
    """

    name: str
    kind: Literal["flag", "amount"]
    above: float
    share: float

    def shown(self, behaviours: pd.DataFrame) -> np.ndarray:
        """(n,) bool: which of the rows show it."""
        return np.asarray(behaviours[self.name].to_numpy() > self.above)


def hints_of(behaviours: pd.DataFrame, probes: Iterable[Mapping[str, Any]]) -> list[Hint]:
    """The hints that some but not too many of these traces show.

    ``probes`` are records with ``name``, ``kind`` and ``hint``, as ``Clustering.params["probes"]`` has them.
    """
    found = []
    for probe in probes:
        if probe["hint"] and len(behaviours):
            column = behaviours[probe["name"]].to_numpy()
            above = 0.0 if probe["kind"] == "flag" else float(np.quantile(column, HIGH))
            share = float((column > above).mean())
            if 0 < share <= COMMON:
                found.append(Hint(probe["name"], probe["kind"], above, share))
    return found
