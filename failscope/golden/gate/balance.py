"""How a golden set is spread over failure modes: hides how its shares stand beside those in production and the quotas."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from failscope.golden.gate.checks import modes_of
from failscope.golden.gate.gate import Gate
from failscope.surface.cards import FONT, INK, LINE, QUIET, text

if TYPE_CHECKING:
    from failscope.golden.dataset import GoldenSet

COLUMNS = ("examples", "share", "seen", "seen_share", "room", "missing")
SHOWN = 40
"""Failure modes in the table; a sentence counts the others."""

_CELL = f"padding: 3px 12px 3px 0; border-bottom: 1px solid {LINE}; text-align: left"
_NUMBER = _CELL.replace("left", "right") + "; font-variant-numeric: tabular-nums; white-space: nowrap"
_WIDE = 160


@dataclass(frozen=True, eq=False)
class Balance:
    """One row a failure mode; ``balance`` and ``desk.balance`` make it.

    Attributes
    ----------
    frame : pandas.DataFrame
        Index ``failure_mode``, the most frequent first. ``examples`` that have it, their ``share`` of the set (an example
        may have several modes); ``seen``: how many reviewed traces have it, ``seen_share`` of all that were said, NaN
        where nothing is known; ``room`` left under the gate's quota for a set of this size; ``missing``: it was seen and
        has no example. The mode "no failure" are examples without one.
    size : int
        Examples in the set.
    quota : int
        Examples that one mode may have.
    """

    frame: pd.DataFrame
    size: int
    quota: int

    def to_frame(self) -> pd.DataFrame:
        """A copy of ``frame``."""
        return self.frame.copy()

    def __repr__(self) -> str:
        return f"<Balance · {self._counts()}>"

    def _counts(self) -> str:
        missing = int(self.frame["missing"].sum())
        held = int((self.frame["examples"] > 0).sum())
        parts = [
            f"{self.size:,} example{'' if self.size == 1 else 's'} in {held:,} mode{'' if held == 1 else 's'}"
        ]
        if missing:
            parts.append(f"{missing:,} known failure mode{'' if missing == 1 else 's'} without an example")
        return " · ".join([*parts, f"at most {self.quota:,} in one mode"])

    def _repr_html_(self) -> str:
        rows = "".join(_row(str(mode), row) for mode, row in self.frame.head(SHOWN).iterrows())
        heads = (("failure mode", _CELL), ("examples", _NUMBER), ("share", _CELL), ("of failures seen", _NUMBER), ("room", _NUMBER))  # fmt: skip
        head = "".join(f"<th scope='col' style='{style}; {QUIET}'>{words}</th>" for words, style in heads)
        more = len(self.frame) - SHOWN
        rest = f"<div style='{QUIET}'>{more:,} more in balance.frame.</div>" if more > 0 else ""
        table = (
            "<div style='overflow-x: auto'><table style='font: inherit; color: inherit; border-collapse: collapse; table-layout: auto; background: none; margin: 0'>"
            f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
            f"<div style='{QUIET}; font-size: 11px; margin-top: 4px'>Bar: share of the set. Line: share of the failures that reviewers saw.</div>"
            if rows
            else ""
        )
        return f"<div style='{FONT}; color: {INK}'><div style='margin-bottom: 4px'><b>Balance</b> · {text(self._counts(), 300)}</div>{table}{rest}</div>"


def balance(golden: GoldenSet | None, *, known_modes: Mapping[str, int] | None, gate: Gate) -> Balance:
    """How the examples of a set are spread over failure modes.

    Parameters
    ----------
    golden : GoldenSet or None
        None: nothing was promoted yet.
    known_modes : mapping of str to int, optional
        Failure mode -> how many reviewed traces have it.
    gate : Gate
        Whose quota tells the room.

    Examples
    --------
    >>> balance(None, known_modes={"invented policy": 12}, gate=Gate()).to_frame()[["examples", "room", "missing"]].values.tolist()
    [[0, 25, True]]
    """
    counts: Counter[str] = Counter()
    for row in golden.rows if golden is not None else ():
        counts.update(modes_of(row))
    size = 0 if golden is None else len(golden)
    known = dict(known_modes or {})
    total, most = sum(known.values()), gate.quota(size)
    rows = {
        mode: (
            counts[mode],
            counts[mode] / size if size else 0.0,
            known.get(mode, 0),
            known.get(mode, 0) / total if total else float("nan"),
            max(most - counts[mode], 0),
            not counts[mode],
        )
        for mode in sorted({*counts, *(m for m, n in known.items() if n > 0)}, key=lambda m: (-counts[m], -known.get(m, 0), m))
    }  # fmt: skip
    index = pd.Index(list(rows), name="failure_mode", dtype="str")
    frame = pd.DataFrame(list(rows.values()), index=index, columns=list(COLUMNS))
    return Balance(frame.astype({"missing": bool, "examples": int}), size, most)


def _row(mode: str, row: pd.Series) -> str:
    missing = (
        " <span style='background: rgba(251,140,0,.22); border-radius: 3px; padding: 0 4px; font-size: 11px'>no example</span>"
        if row["missing"]
        else ""
    )
    seen = (
        "–"
        if pd.isna(row["seen_share"])
        else f"{row['seen_share']:.0%} <span style='{QUIET}'>({row['seen']:,})</span>"
    )
    room = f"{row['room']:,}" if row["room"] else "<b>full</b>"
    return (
        f"<tr><td style='{_CELL}; max-width: 24em; overflow-wrap: anywhere' dir='auto'>{text(mode, 80)}{missing}</td>"
        f"<td style='{_NUMBER}'>{row['examples']:,}</td><td style='{_CELL}; white-space: nowrap'>{_bar(float(row['share']), float(row['seen_share']))} {row['share']:.0%}</td>"
        f"<td style='{_NUMBER}'>{seen}</td><td style='{_NUMBER}'>{room}</td></tr>"
    )


def _bar(share: float, seen: float) -> str:
    """The share in the set as a bar, the share seen as a line across it."""
    line = (
        ""
        if pd.isna(seen)
        else f"<rect x='{seen * (_WIDE - 2):.1f}' y='0' width='2' height='14' fill='currentColor'/>"
    )
    said = f"{share:.0%} of the set" + ("" if pd.isna(seen) else f", {seen:.0%} of the failures seen")
    return (
        f"<svg role='img' aria-label='{said}' width='{_WIDE}' height='14' viewBox='0 0 {_WIDE} 14' style='vertical-align: -2px'>"
        f"<rect y='3' width='{_WIDE}' height='8' rx='2' fill='currentColor' opacity='.12'/>"
        f"<rect y='3' width='{share * _WIDE:.1f}' height='8' rx='2' style='fill: var(--jp-brand-color1, #1976d2)'/>{line}</svg>"
    )
