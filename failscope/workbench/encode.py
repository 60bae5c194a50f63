"""Turns any field of a clustering into one byte a point, so that a recolour costs a few kilobytes and no JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from failscope.errors import ArgumentError
from failscope.surface.clustering import Clustering
from failscope.traces.table import encodable

MISSING = 255
"""The code of a point that has no value: it is drawn grey."""

TOP = 9
"""So many categories keep a colour of their own; more cannot be told apart, least of all by the colour-blind."""

_TOP_CLUSTERS = 10


def color_options(found: Clustering, *, reviewing: bool) -> list[dict[str, str]]:
    """What points can be coloured by: ``by`` (the argument of ``Workbench.color``), ``label`` and ``group``."""
    frame = found.traces.frame
    rows = [("cluster", "cluster", "Map")]
    if reviewing:
        rows.append(("tag", "my tags", "Map"))
    rows += [("edge", "edge cases", "Map"), ("strength", "how firmly in its cluster", "Map")]
    if frame["timestamp"].notna().any():
        rows.append(("week", "week", "Field"))
    rows += [(f, f.replace("_", " "), "Field") for f in ("model", "prompt_version") if (frame[f] != "").any()]
    rows += [(f, f.replace("_", " "), "Field") for f in ("latency_ms", "cost_usd") if frame[f].notna().any()]
    rows += [(f"signal:{name}", name, "Signal") for name in found.traces.signals]
    rows += [(f"behaviour:{name}", str(name).replace("_", " "), "Behaviour") for name in found.behaviours]
    return [{"by": by, "label": label, "group": group} for by, label, group in rows]


def color_codes(
    found: Clustering,
    by: str,
    *,
    order: Sequence[int],
    tags: Mapping[int, Sequence[str]] | None = None,
    modes: Sequence[str] = (),
) -> tuple[dict[str, Any], np.ndarray]:
    """One byte a point, and what the bytes mean.

    Parameters
    ----------
    found : Clustering
    by : str
        One of ``color_options``.
    order : sequence of int
        The clusters, most suspicious first.
    tags : mapping, optional
        Row -> the failure modes marked there; an empty list is "read, fine". Needed for ``"tag"``.
    modes : sequence of str
        All failure modes, in the order of their keys.

    Returns
    -------
    meta : dict
        ``by, label, kind`` and, for ``categories`` and ``ordered``, ``categories`` (``name, count, muted``);
        for ``amount``, ``low`` and ``high``.
    codes : (n,) uint8 array
        The index of the category; for an amount 0 (lowest) to 254; ``MISSING`` where there is no value.
    """
    options = {o["by"]: o["label"] for o in color_options(found, reviewing=tags is not None)}
    if by not in options:
        raise ArgumentError(f"cannot colour by {by!r}; choose one of {', '.join(map(repr, options))}")
    head = {"by": by, "label": options[by]}
    frame = found.traces.frame.loc[found.trace_ids]
    if by == "cluster":
        return _clusters(found, head, order)
    if by == "tag":
        return _tags(head, len(found.trace_ids), tags or {}, modes)
    if by == "week":
        return _weeks(head, frame["timestamp"])
    if by in ("model", "prompt_version"):
        return _texts(head, frame[by])
    if by in ("edge", "strength"):
        return _amount(head, np.asarray(getattr(found, by), dtype=float))
    if by in ("latency_ms", "cost_usd"):
        return _amount(head, frame[by].to_numpy(dtype=float))
    kind, name = by.split(":", 1)
    if kind == "signal":
        return _signal(found, head, name)
    values = found.behaviours[name].loc[found.trace_ids].to_numpy(dtype=float)
    if _is_flag(values):
        return _flag(head, values, yes="yes", no="no")
    return _amount(head, values)


def _clusters(found: Clustering, head: dict, order: Sequence[int]) -> tuple[dict[str, Any], np.ndarray]:
    # ten colours are as many as the eye keeps apart: the most suspicious clusters get them
    ranked = [c for c in order if c >= 0]
    top = ranked[:_TOP_CLUSTERS]
    labels = np.asarray(found.labels)
    codes = np.full(len(labels), MISSING, dtype=np.uint8)
    codes[labels >= 0] = len(top)
    for code, cluster in enumerate(top):
        codes[labels == cluster] = code
    categories = [
        {"name": found.name(c), "count": int((labels == c).sum()), "muted": False, "cluster": int(c)}
        for c in top
    ]
    if len(ranked) > len(top):
        rest = int((codes == len(top)).sum())
        categories.append({"name": f"{len(ranked) - len(top)} other clusters", "count": rest, "muted": True})
    return _categories(head, categories, codes)


def _tags(
    head: dict, n: int, tags: Mapping[int, Sequence[str]], modes: Sequence[str]
) -> tuple[dict[str, Any], np.ndarray]:
    codes = np.full(n, MISSING, dtype=np.uint8)
    shown = list(modes[:TOP])
    place = {mode: code for code, mode in enumerate(shown)}
    other, fine = len(shown), len(shown) + 1
    for row, held in tags.items():
        codes[row] = place.get(held[0], other) if held else fine
    names = [*((m, False) for m in shown), ("other tags", True), ("fine", True)]
    return _categories(
        head, [_category(name, codes == k, muted) for k, (name, muted) in enumerate(names)], codes
    )


def _weeks(head: dict, when: pd.Series) -> tuple[dict[str, Any], np.ndarray]:
    day = when.dt.tz_convert("UTC").dt.tz_localize(None).dt.normalize()
    monday = (day - pd.to_timedelta(day.dt.day_of_week, unit="D")).to_numpy(dtype="datetime64[D]")
    known = ~np.isnat(monday)
    # more weeks than bytes: the oldest share the first
    weeks = np.unique(monday[known])[-(MISSING - 1) :]
    codes = np.full(len(monday), MISSING, dtype=np.uint8)
    codes[known] = np.maximum(np.searchsorted(weeks, monday[known], side="right") - 1, 0)
    categories = [_category(str(w), codes == k, False) for k, w in enumerate(weeks)]
    return {
        **head,
        "kind": "ordered",
        "categories": categories,
        "missing": int((codes == MISSING).sum()),
    }, codes


def _texts(head: dict, values: pd.Series) -> tuple[dict[str, Any], np.ndarray]:
    text = values.to_numpy(dtype=object)
    counts = pd.Series(text[text != ""], dtype=object).value_counts()
    # equal counts by name, so that the colours do not depend on the order of the rows
    ranked = sorted(counts.items(), key=lambda item: (-int(item[1]), str(item[0])))
    shown = [str(name) for name, _ in ranked[:TOP]]
    codes = np.full(len(text), MISSING, dtype=np.uint8)
    codes[text != ""] = len(shown)
    for code, name in enumerate(shown):
        codes[text == name] = code
    categories = [_category(name, codes == k, False) for k, name in enumerate(shown)]
    if len(ranked) > len(shown):
        categories.append(_category(f"{len(ranked) - len(shown)} others", codes == len(shown), True))
    return _categories(head, categories, codes)


def _signal(found: Clustering, head: dict, name: str) -> tuple[dict[str, Any], np.ndarray]:
    raw = found.traces.frame[name].loc[found.trace_ids]
    if pd.api.types.is_numeric_dtype(raw.dtype) and not pd.api.types.is_bool_dtype(raw.dtype):
        numbers = raw.to_numpy(dtype=float, na_value=np.nan)
        if len(np.unique(numbers[np.isfinite(numbers)])) > 2:
            return _amount(head, numbers)
    bad = found.traces.bad(name).loc[found.trace_ids].to_numpy(dtype=float)
    return _flag(head, bad, yes="bad", no="not bad")


def _is_flag(values: np.ndarray) -> bool:
    return bool(np.isin(values[np.isfinite(values)], (0.0, 1.0)).all())


def _flag(head: dict, values: np.ndarray, *, yes: str, no: str) -> tuple[dict[str, Any], np.ndarray]:
    codes = np.full(len(values), MISSING, dtype=np.uint8)
    codes[values == 1] = 0
    codes[values == 0] = 1
    return _categories(head, [_category(yes, codes == 0, False), _category(no, codes == 1, True)], codes)


def _amount(head: dict, values: np.ndarray) -> tuple[dict[str, Any], np.ndarray]:
    codes = np.full(len(values), MISSING, dtype=np.uint8)
    known = np.isfinite(values)
    if not known.any():
        return {**head, "kind": "amount", "low": None, "high": None, "missing": len(values)}, codes
    # one 1 MB output must not squeeze every other length into one shade
    low, high = (float(q) for q in np.quantile(values[known], (0.01, 0.99)))
    if low == high:
        low, high = float(values[known].min()), float(values[known].max())
    span = (high - low) or 1.0
    scaled = np.clip((values[known] - low) / span, 0, 1) * (MISSING - 1)
    codes[known] = np.round(scaled).astype(np.uint8)
    clipped = bool(values[known].min() < low or values[known].max() > high)
    meta = {"kind": "amount", "low": low, "high": high, "clipped": clipped, "missing": int((~known).sum())}
    return {**head, **meta}, codes


def _category(name: str, where: np.ndarray, muted: bool) -> dict[str, Any]:
    return {"name": name, "count": int(where.sum()), "muted": muted}


def _categories(head: dict, categories: list[dict], codes: np.ndarray) -> tuple[dict[str, Any], np.ndarray]:
    missing = int((codes == MISSING).sum())
    return {**head, "kind": "categories", "categories": categories, "missing": missing}, codes


def plain(value: Any) -> Any:
    """A value as JSON can carry it: no NaN, no numpy, no lone surrogates."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, np.generic):
        return plain(value.item())
    if value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset | np.ndarray | pd.Series):
        return [plain(v) for v in value]
    return plain(str(value))
