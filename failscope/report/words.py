"""Figures and hostile texts as a report shows them: hides rounding, masking, shortening, and what JSON cannot hold."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from failscope.surface.cards import plain
from failscope.traces.masking import Masker

NAME, TEXT, REASON = 90, 420, 300
"""Signs that are shown of a name, of a prompt or an answer, and of a reason or a note."""
_WINDOW = 8


class Texts:
    """Makes texts fit to be shown: personal data masked, on one line, cut; it counts what it masked."""

    def __init__(self) -> None:
        self._masker = Masker()

    @property
    def masked(self) -> Counter[str]:
        """Kind -> how many were masked."""
        return self._masker.counts

    def __call__(self, text: Any, limit: int = TEXT) -> str:
        """The text as it is shown. It is masked before it is cut: half an address is still one."""
        said = str(text if text is not None else "")
        window = said[: limit * _WINDOW]
        if len(window) < len(said):
            window = window.rsplit(None, 1)[0]  # the last word may be half of an address
        return plain(" ".join(self._masker(window).split()), limit)


def percent(value: float | None) -> str:
    """A share as it is read, "6.7%" or "27%"; a dash where it is not known.

    Examples
    --------
    >>> percent(0.0667), percent(0.267), percent(0.0), percent(None)
    ('6.7%', '27%', '0%', '–')
    """
    if value is None or math.isnan(value):
        return "–"
    return f"{100 * value:.1f}%" if 0 < value < 0.0995 else f"{100 * value:.0f}%"


def between(low: float | None, high: float | None) -> str:
    """An interval of shares, "10% to 54%"."""
    return f"{percent(low)} to {percent(high)}"


def figure(value: float | None, digits: int = 2) -> str:
    """A number with a fixed count of decimals; a dash where it is not known."""
    return "–" if value is None or math.isnan(value) else f"{value:,.{digits}f}"


def count(number: int, one: str, many: str = "") -> str:
    """A number with its noun, "1 trace", "2 traces"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(names: list[str], *, most: int = 8) -> str:
    """Names in a row, the last one after "and"."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most:,} more"
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)


def day(stamp: Any) -> str:
    """The day of a time, "2026-06-29"; "" where there is none."""
    return "" if stamp is None or pd.isna(stamp) else pd.Timestamp(stamp).strftime("%Y-%m-%d")


def minute(stamp: Any) -> str:
    """A time to the minute in UTC; "" where there is none."""
    if stamp is None or stamp == "" or pd.isna(stamp):
        return ""
    at = pd.Timestamp(stamp)
    return (at.tz_localize("UTC") if at.tzinfo is None else at.tz_convert("UTC")).strftime(
        "%Y-%m-%d %H:%M UTC"
    )


def jsonable(value: Any) -> Any:
    """The same value in what JSON holds: no NaN, no infinity, no NumPy, times as text."""
    if isinstance(value, Mapping):
        return {str(k): jsonable(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, str | int | bool) else str(value)
