"""A probe: hides that some behaviours are declared with their meaning and some are just a user's function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd
from numpy.typing import ArrayLike

from failscope.errors import ArgumentError

DIMENSIONS = (
    "factual correctness",
    "relevance",
    "completeness",
    "consistency",
    "safety and policy",
    "instruction adherence",
    "form",
)
"""What a probe can bear on: the quality dimensions, and the mere form of the text."""


@dataclass(frozen=True)
class Probe:
    """One named behaviour of an output.

    Attributes
    ----------
    name : str
        The column's name, "refusal".
    measure : callable
        The traces' frame -> n numbers, one a row, in the frame's order.
    says : str
        For a flag a verb phrase ("refuses"), so that a profile can say "refuses: 92% here, 7% elsewhere"; for an
        amount a noun phrase ("output length").
    kind : {"flag", "amount"}
        A flag is 0 or 1, an amount any number.
    more, less : str
        For an amount, how a person calls outputs in which it is high and low ("long answers", "short answers"):
        the names of clusters are made of them. "high" or "low" and ``says`` where they are not given.
    hint : bool
        Whether a high value alone hints at a failure.
    dimension : str
        One of ``DIMENSIONS``.

    Examples
    --------
    >>> shouts = Probe("shouts", lambda frame: frame["output"].str.isupper(), says="shouts", kind="flag")
    >>> shouts.hint, shouts.dimension
    (False, 'form')
    """

    name: str
    measure: Callable[[pd.DataFrame], ArrayLike]
    says: str
    kind: Literal["flag", "amount"] = "amount"
    hint: bool = False
    dimension: str = "form"
    more: str = ""
    less: str = ""

    def __post_init__(self) -> None:
        if not self.name:
            raise ArgumentError("a probe needs a name; give it one, as in Probe('shouts', ...)")
        if self.kind not in ("flag", "amount"):
            raise ArgumentError(
                f"probe {self.name!r}: kind={self.kind!r} is not known; take 'flag' or 'amount'"
            )
        if self.dimension not in DIMENSIONS:
            known = ", ".join(map(repr, DIMENSIONS))
            raise ArgumentError(
                f"probe {self.name!r}: dimension={self.dimension!r} is not known; take one of {known}"
            )

    @classmethod
    def measured(cls, record: Mapping[str, Any]) -> Probe:
        """The probe of a record in ``Clustering.params["probes"]``: it was measured there and is only asked for its names."""
        kept = ("name", "says", "kind", "hint", "more", "less")
        return cls(measure=_measured_before, **{key: record[key] for key in kept if key in record})

    def called(self, *, high: bool) -> str:
        """How a person calls outputs in which this is high (a flag: set), or low."""
        if self.kind == "flag":
            return self.says
        # "question marks (log)": the unit is for tables
        return (
            self.more if high else self.less
        ) or f"{'high' if high else 'low'} {self.says.partition(' (')[0]}"


def _measured_before(frame: pd.DataFrame) -> ArrayLike:
    raise NotImplementedError("the figures of this probe are in the clustering that it was measured for")


def as_probe(probe: Probe | Callable[[pd.DataFrame], ArrayLike]) -> Probe:
    """A probe from a probe or from a plain function of the traces' frame.

    A function's name is the probe's name, the first line of its docstring what it says; it counts as an amount.

    Examples
    --------
    >>> def exclamations(frame):
    ...     "exclamation marks"
    ...     return frame["output"].str.count("!")
    >>> as_probe(exclamations).says
    'exclamation marks'
    """
    if isinstance(probe, Probe):
        return probe
    name = getattr(probe, "__name__", "")
    if not callable(probe) or not name or name == "<lambda>":
        raise ArgumentError(
            f"{probe!r} is not a probe; take a named function of the traces' frame, or Probe(name, measure, says=...)"
        )
    lines = (probe.__doc__ or "").strip().splitlines()
    says = lines[0].strip().rstrip(".") if lines else name.replace("_", " ")
    return Probe(name, probe, says=says)
