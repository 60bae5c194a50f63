"""Small pictures as SVG that need no script: hides scales, ticks and where a label goes; colours are the page's classes.

Drawn here and not by Altair: what turns a chart into a picture without a browser (vl-convert) is 84 MB installed, and its
pictures cannot follow a page from light to dark.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

WIDE, HIGH = 170, 18
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0)


def top_of(values: Sequence[float | None]) -> float:
    """Where a scale of shares ends, so that these are inside.

    Examples
    --------
    >>> top_of([0.03, 0.17, None]), top_of([])
    (0.2, 1.0)
    """
    most = max((v for v in values if v is not None), default=1.0)
    return next((s for s in _STEPS if s >= most), 1.0)


def strip(
    low: float, high: float, *, estimate: float | None, naive: float | None = None, top: float = 1.0
) -> str:
    """One interval as a line, its estimate as a dot, the naive share as a hollow diamond."""
    x = _scale(top, 4, WIDE - 4)
    mid = HIGH / 2
    parts = [
        f'<line class="axis" x1="4" x2="{WIDE - 4}" y1="{HIGH - 1}" y2="{HIGH - 1}"/>',
        f'<line class="range" x1="{x(low)}" x2="{x(high)}" y1="{mid}" y2="{mid}"/>',
    ]
    if high > top:
        parts.append(f'<path class="more" d="M{WIDE - 9} {mid - 4}l5 4l-5 4"/>')
    if naive is not None:
        n = x(naive)
        parts.append(f'<path class="naive" d="M{n} {mid - 4.5}l4.5 4.5l-4.5 4.5l-4.5 -4.5z"/>')
    if estimate is not None:
        parts.append(f'<circle class="dot" cx="{x(estimate)}" cy="{mid}" r="3.6"/>')
    said = (
        f"{_percent(estimate)}, {_percent(low)} to {_percent(high)}" if estimate is not None else "not known"
    )
    said += "" if naive is None else f"; naive {_percent(naive)}"
    return _svg(WIDE, HIGH, parts, said, "strip")


def scale(top: float) -> str:
    """The figures above a column of strips."""
    x = _scale(top, 4, WIDE - 4)
    ends = ((0.0, "start"), (top / 2, "middle"), (top, "end"))
    parts = [f'<text x="{x(v)}" y="10" text-anchor="{at}">{_percent(v)}</text>' for v, at in ends]
    return _svg(WIDE, 13, parts, "", "strip")


def trend(points: Sequence[Mapping[str, Any]], *, top: float = 1.0) -> str:
    """A share in each review, oldest first: dots with their intervals; a review without one is a gap."""
    wide, high = 110, 34
    y = _scale(top, high - 3, 3)
    step = (wide - 12) / max(len(points) - 1, 1)
    parts = [f'<line class="axis" x1="0" x2="{wide}" y1="{high - 2}" y2="{high - 2}"/>']
    before: tuple[float, float] | None = None
    for k, point in enumerate(points):
        x = round(6 + step * k if len(points) > 1 else wide / 2, 1)
        if point["estimate"] is None:
            before = None  # nothing is drawn across a gap
            continue
        at = (x, y(point["estimate"]))
        parts.append(
            f'<line class="range thin" x1="{x}" x2="{x}" y1="{y(point["low"])}" y2="{y(point["high"])}"/>'
        )
        if before is not None:
            parts.append(f'<line class="path" x1="{before[0]}" y1="{before[1]}" x2="{x}" y2="{at[1]}"/>')
        parts.append(f'<circle class="dot" cx="{x}" cy="{at[1]}" r="2.6"/>')
        before = at
    told = "; ".join(f"{p['review']}: {_percent(p['estimate'])}" for p in points)
    return _svg(wide, high, parts, told, "trend")


def discovery(curve: Sequence[Mapping[str, Any]], *, below: float) -> str:
    """Two panels over the reads: failure modes met, and the bound on what further random reads may show."""
    wide, high, gap = 680, 210, 60
    half = (wide - gap) / 2
    reads = [row["read"] for row in curve]
    last, most = reads[-1], max(row["modes"] for row in curve)
    enough = next((row["read"] for row in curve if row["enough"]), None)
    ticks = nice_ticks(most)
    met = _Panel(34, 26, half - 34, high - 60, last, max(ticks[-1], 1))
    bound = _Panel(half + gap, 26, half - 6, high - 60, last, 1.0)
    parts = [
        *met.frame("Failure modes met", ticks, [str(t) for t in ticks], nice_ticks(last)),
        *bound.frame(
            "Random reads with a new mode, at most",
            [0, 0.25, 0.5, 0.75, 1],
            ["0%", "25%", "50%", "75%", "100%"],
            nice_ticks(last),
        ),
        f'<polyline class="path" points="{met.steps([(r["read"], r["modes"]) for r in curve])}"/>',
        f'<polyline class="path" points="{bound.steps([(r["read"], r["new_high"]) for r in curve])}"/>',
        f'<line class="limit" x1="{bound.left}" x2="{bound.left + bound.wide}" y1="{bound.y(below)}" y2="{bound.y(below)}"/>',
        f'<text class="small" x="{bound.left + bound.wide}" y="{bound.y(below) - 4}" text-anchor="end">enough below {below:.0%}</text>',
    ]
    if enough is not None:
        for panel in (met, bound):
            x = panel.x(enough)
            parts.append(
                f'<line class="enough" x1="{x}" x2="{x}" y1="{panel.top}" y2="{panel.top + panel.high}"/>'
            )
            right = x > panel.left + panel.wide * 0.6
            parts.append(
                f'<text class="small strong" x="{x + (-4 if right else 4)}" y="{panel.top + 10}" '
                f'text-anchor="{"end" if right else "start"}">enough at {enough:,}</text>'
            )
    told = f"{most:,} failure modes met in {last:,} reads; " + (
        f"enough after {enough:,} reads" if enough is not None else "not enough read yet"
    )
    return _svg(wide, high, parts, told, "wide")


def nice_ticks(most: float) -> list[int]:
    """Whole numbers from 0 to at least ``most``, five at most.

    Examples
    --------
    >>> nice_ticks(14), nice_ticks(3)
    ([0, 5, 10, 15], [0, 1, 2, 3])
    """
    step = next(
        s * 10**power for power in range(12) for s in (1, 2, 5) if most <= 4 * s * 10**power or power == 11
    )
    return [step * k for k in range(max(1, math.ceil(most / step)) + 1)]


class _Panel:
    def __init__(
        self, left: float, top: float, wide: float, high: float, x_most: float, y_most: float
    ) -> None:
        self.left, self.top, self.wide, self.high, self.x_most = left, top, wide, high, x_most
        self.x = _scale(max(x_most, 1), left, left + wide)
        self.y = _scale(y_most, top + high, top)

    def frame(
        self, title: str, ticks: Sequence[float], labels: Sequence[str], reads: Sequence[int]
    ) -> list[str]:
        foot = self.top + self.high
        parts = [f'<text class="strong" x="{self.left}" y="{self.top - 12}">{html.escape(title)}</text>']
        for value, label in zip(ticks, labels, strict=True):
            y = self.y(value)
            parts.append(
                f'<line class="grid" x1="{self.left}" x2="{self.left + self.wide}" y1="{y}" y2="{y}"/>'
            )
            parts.append(
                f'<text class="small" x="{self.left - 5}" y="{y + 3.5}" text-anchor="end">{label}</text>'
            )
        inside = [r for r in reads if r <= self.x_most]
        parts += [
            f'<text class="small" x="{self.x(v)}" y="{foot + 13}" text-anchor="middle">{v:,}</text>'
            for v in inside
        ]
        parts.append(
            f'<line class="axis" x1="{self.left}" x2="{self.left + self.wide}" y1="{foot}" y2="{foot}"/>'
        )
        middle = round(self.left + self.wide / 2, 1)
        parts.append(
            f'<text class="small" x="{middle}" y="{foot + 27}" text-anchor="middle">traces read</text>'
        )
        return parts

    def steps(self, points: Sequence[tuple[float, float]]) -> str:
        out, before = [], points[0][1]
        for x, y in points:
            if y != before:
                out.append(f"{self.x(x)},{self.y(before)}")
            out.append(f"{self.x(x)},{self.y(y)}")
            before = y
        return " ".join(out)


def _scale(top: float, start: float, end: float) -> Any:
    return lambda value: round(start + (end - start) * min(max(value / top, 0.0), 1.0), 1)


def _percent(value: float | None) -> str:
    if value is None:
        return "not known"
    return f"{100 * value:.3g}%"


def _svg(wide: float, high: float, parts: Sequence[str], told: str, kind: str) -> str:
    about = f'role="img" aria-label="{html.escape(told)}"' if told else 'aria-hidden="true"'
    size = "" if kind == "wide" else f' width="{wide}" height="{high}"'
    return f'<svg class="{kind}" viewBox="0 0 {wide} {high}"{size} {about}>{"".join(parts)}</svg>'
