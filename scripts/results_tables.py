"""Figures of any shape as Markdown tables: hides how nested JSON becomes rows and how a number is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.report import table

WIDE = 12
"""Columns from which on a table of nested records is split."""


def plain_tables(value: Any, title: str = "") -> Iterable[str]:
    """Tables of any nested figures: a list of records is a table, so is a mapping of mappings of figures."""
    if title:
        yield f"**{title}**"
    if isinstance(value, list):
        yield from _record_tables(value)
        return
    single = {key: inner for key, inner in value.items() if not _is_table(inner)}
    flats = {key: _flat(inner) for key, inner in single.items() if isinstance(inner, Mapping) and inner}
    loose = {key: inner for key, inner in single.items() if not isinstance(inner, Mapping)}
    if loose:
        yield table([{"figure": _words(key), "value": _figure(inner)} for key, inner in loose.items()])
    alike: dict[tuple[str, ...], list[str]] = {}
    for key, flat in flats.items():
        alike.setdefault(tuple(flat), []).append(key)
    for keys in alike.values():
        yield table([{"": _words(key), **cells(flats[key])} for key in keys])
    for key, inner in value.items():
        if _is_table(inner):
            yield from plain_tables(inner, _words(key))


def _record_tables(rows: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    """Records as one table; where that would be too wide, each nested part as one, under the records' first column."""
    if max(len(_flat(row)) for row in rows) <= WIDE:
        yield table([cells(_flat(row)) for row in rows])
        return
    nested = list(
        dict.fromkeys(key for row in rows for key, inner in row.items() if isinstance(inner, Mapping))
    )
    first = next(iter(rows[0]))
    yield table([cells(_flat({k: v for k, v in row.items() if k not in nested})) for row in rows])
    for key in nested:
        parts = [{first: row[first], **_flat(row[key])} for row in rows if key in row]
        yield f"{_words(key)[0].upper()}{_words(key)[1:]}:"
        yield table([cells({_words(name): inner for name, inner in part.items()}) for part in parts])


def _is_table(value: Any) -> bool:
    """Whether the value needs a table of its own: records, or a mapping two levels deep that is not one row."""
    if isinstance(value, list):
        return bool(value) and all(isinstance(row, Mapping) for row in value)
    return isinstance(value, Mapping) and bool(value) and all(isinstance(v, Mapping) for v in value.values())


def _flat(row: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Nested mappings as one row: ``{"seconds": {"read": 1}}`` becomes ``{"seconds: read": 1}``."""
    flat: dict[str, Any] = {}
    for key, value in row.items():
        name = f"{before}{_words(str(key))}"
        flat.update(_flat(value, f"{name}: ") if isinstance(value, Mapping) else {name: value})
    return flat


def _words(key: str) -> str:
    return key.replace("_", " ")


def cells(row: Mapping[str, Any], *, digits: int | None = None) -> dict[str, Any]:
    return {key: _figure(value, digits=digits) for key, value in row.items()}


def _figure(value: Any, *, digits: int | None = None) -> str:
    """A figure as text; several measurements of one thing as their median and their ends."""
    if isinstance(value, list):
        if not value or not all(isinstance(v, int | float) for v in value):
            return ", ".join(map(str, value))
        low, high = min(value), max(value)
        return f"{_figure(float(np.median(value)))} ({_figure(low)} to {_figure(high)}, n = {len(value)})"
    if value is None or (isinstance(value, float) and not np.isfinite(value)):
        return ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int) or (digits is None and abs(value) >= 100):
        return f"{value:,.0f}"
    # three digits that count, without an exponent
    return (
        f"{value:.{digits}f}"
        if digits is not None
        else np.format_float_positional(value, 3, fractional=False, trim="-")
    )
