"""Clusters as HTML in a notebook: hides styles for light and dark, and how hostile text is kept text."""

from __future__ import annotations

import html
import math
import re
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from failscope.surface.profile import ClusterProfile

TOP = 12
"""Clusters in the table; a sentence below it counts the others."""

SNIPPET = 280
"""Characters of an exemplar that a card shows."""

# JupyterLab's own colours where it defines them, what is inherited elsewhere: both follow a dark theme
INK = "var(--jp-content-font-color1, currentColor)"
LINE = "var(--jp-border-color2, rgba(128,128,128,.35))"
_ACCENT = "var(--jp-brand-color1, #1976d2)"
FONT = "font: 13px/1.45 var(--jp-ui-font-family, system-ui, sans-serif)"
_CELL = f"padding: 4px 10px 4px 0; border-bottom: 1px solid {LINE}; text-align: left; vertical-align: top"
_NUMBER = (
    _CELL.replace("text-align: left", "text-align: right")
    + "; font-variant-numeric: tabular-nums; white-space: nowrap"
)
QUIET = "opacity: .72"

# characters that draw nothing, move the cursor or turn the direction of the text after them
_UNSEEN = re.compile(
    "[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
)
_LONE = re.compile("[\ud800-\udfff]")


def summary_table(summary: pd.DataFrame, *, title: str, note: str, lift_of: str) -> str:
    """The most suspicious clusters as a table, all texts escaped here."""
    heads = ["", "cluster", "size", f"lift of {lift_of} (95%)", "q", "stability", "what sets it apart"]
    rows = []
    for c, row in summary.head(TOP).iterrows():
        size = f"{row['size']:,}<br><span style='{QUIET}'>{row['share']:.1%}</span>"
        new = f" <span style='color: {_ACCENT}'>new</span>" if row["new"] else ""
        apart = text(row["sets_apart"], 400) or f"<span style='{QUIET}'>nothing in its behaviour</span>"
        phrases = f"<div style='{QUIET}'>{text(row['key_phrases'], 120)}</div>" if row["key_phrases"] else ""
        cells = [
            (_NUMBER, str(c)),
            (_CELL + "; min-width: 9em", f"<b>{text(row['name'], 80)}</b>{new}"),
            (_NUMBER, size),
            (_NUMBER, interval(row["lift"], row["lift_low"], row["lift_high"])),
            (_NUMBER, _q(row["q_value"])),
            (_NUMBER, _stability(row["stability"])),
            (_CELL, apart + phrases),
        ]
        rows.append("<tr>" + "".join(f"<td style='{style}'>{cell}</td>" for style, cell in cells) + "</tr>")
    styles = [_NUMBER, _CELL, _NUMBER, _NUMBER, _NUMBER, _NUMBER, _CELL]
    head = "".join(
        f"<th scope='col' style='{s}; {QUIET}'>{h}</th>" for s, h in zip(styles, heads, strict=True)
    )
    more = f" · {len(summary) - TOP:,} more in summary()" if len(summary) > TOP else ""
    return (
        f"<div style='{FONT}; color: {INK}'><div><b>Clustering</b> · {text(title, 400)}</div>"
        f"<div style='margin: 4px 0 6px'>{text(note, 600)}</div>"
        f"<div style='overflow-x: auto'><table style='font: inherit; border-collapse: collapse; width: 100%; table-layout: auto; background: none'>"
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
        f"<div style='{QUIET}; margin-top: 4px'>The most suspicious first: by the lower end of the lift{more}.</div></div>"
    )


def profile_card(profile: ClusterProfile) -> str:
    """One cluster as a card."""
    facts = (
        f"{profile.size:,} traces · {profile.share:.1%} of all · stability {_stability(profile.stability)}"
    )
    apart = "".join(
        f"<li style='margin: 2px 0'>{text(d.says, 200)}{_bar(d.effect)}</li>" for d in profile.sets_apart[:6]
    )
    apart = (
        f"<ul style='margin: 2px 0 0; padding-left: 1.2em'>{apart}</ul>"
        if apart
        else nothing("No behaviour or field.")
    )
    return (
        f"<div style='{FONT}; color: {INK}; border: 1px solid {LINE}; border-radius: 6px; padding: 12px 16px; "
        f"max-width: 920px; box-sizing: border-box'>"
        f"<div style='font-size: 16px'><span style='{QUIET}'>{profile.cluster}</span> <b>{text(profile.name, 120)}</b></div>"
        f"<div style='{QUIET}'>{facts}</div>"
        f"{_explained(profile)}"
        "<div style='display: flex; flex-wrap: wrap; gap: 4px 32px'>"
        f"<div style='flex: 3 1 320px'>{heading('Sets it apart')}{apart}</div>"
        f"<div style='flex: 2 1 240px'>{heading('Share of each week')}{_weeks(profile.weeks)}</div></div>"
        f"{heading('Bad signals, here against elsewhere')}{_signals(profile.signals)}"
        f"{heading('Phrases')}{_phrases('in outputs', profile.output_phrases)}{_phrases('in inputs', profile.input_phrases)}"
        f"{heading('Examples, the most typical first')}{_exemplars(profile.exemplars)}</div>"
    )


def _explained(profile: ClusterProfile) -> str:
    if not profile.explanation:
        return ""
    by = (
        f" <span style='{QUIET}'>(name and words by {text(profile.named_by, 60)})</span>"
        if profile.named_by
        else ""
    )
    return f"<div style='margin: 6px 0 2px; max-width: 75ch' dir='auto'>{text(profile.explanation, 600)}{by}</div>"


def plain(value: str, limit: int) -> str:
    """Hostile text as one harmless line: cut, and what is not seen or turns the writing round as a middle dot."""
    shown = _LONE.sub("\ufffd", _UNSEEN.sub("·", str(value)[: limit + 1]))
    return shown[:limit] + ("…" if len(shown) > limit else "")


def text(value: str, limit: int) -> str:
    """``plain`` and escaped for HTML."""
    return html.escape(plain(value, limit))


def interval(lift: float, low: float, high: float) -> str:
    """A lift with its interval, "3.2 (2.1 to 4.8)"."""
    if math.isnan(low) or math.isnan(high):
        return f"<span style='{QUIET}'>too few known</span>"
    if low == 0 and math.isinf(high):
        return f"<span style='{QUIET}'>none seen</span>"
    point = f"<b>{_times(lift)}</b>" if low > 1 else _times(lift)
    return f"{point} <span style='{QUIET}'>({_times(low)} to {_times(high)})</span>"


def _times(value: float) -> str:
    return "∞" if math.isinf(value) else f"{value:.1f}" if value < 10 else f"{value:,.0f}"


def _q(value: float) -> str:
    return "–" if math.isnan(value) else "&lt; .001" if value < 0.001 else f"{value:.3f}".lstrip("0")


def _stability(value: float) -> str:
    return "not measured" if math.isnan(value) else f"{value:.2f}"


def heading(words: str) -> str:
    return f"<div style='{QUIET}; font-size: 11px; margin: 10px 0 2px; letter-spacing: .02em'>{words}</div>"


def nothing(words: str) -> str:
    return f"<div style='{QUIET}'>{words}</div>"


def _bar(effect: float) -> str:
    """A thin bar, as long as the effect is large (a full one: four medium effects)."""
    width = min(abs(effect) / 4, 1) * 100
    return (
        f"<div aria-hidden='true' style='height: 3px; width: 100%; max-width: 320px; background: {LINE}; border-radius: 2px'>"
        f"<div style='height: 3px; width: {width:.0f}%; background: {_ACCENT}; border-radius: 2px'></div></div>"
    )


def _signals(signals: pd.DataFrame) -> str:
    rows = []
    for name, row in signals.iterrows():
        rates = (
            "–"
            if math.isnan(row["rate"])
            else f"{int(row['bad']):,} of {int(row['known']):,} ({row['rate']:.0%})"
        )
        elsewhere = "–" if math.isnan(row["elsewhere"]) else f"{row['elsewhere']:.0%}"
        cells = [
            (_CELL, text(str(name), 60)),
            (_NUMBER, rates),
            (_NUMBER, elsewhere),
            (_NUMBER, interval(row["lift"], row["low"], row["high"])),
            (_NUMBER, _q(row["q_value"])),
        ]
        rows.append("<tr>" + "".join(f"<td style='{style}'>{cell}</td>" for style, cell in cells) + "</tr>")
    if not rows:
        return nothing("Noise is not compared.")
    heads = zip([_CELL, *[_NUMBER] * 4], ["signal", "here", "elsewhere", "lift (95%)", "q"], strict=True)
    head = "".join(f"<th scope='col' style='{style}; {QUIET}'>{words}</th>" for style, words in heads)
    return (
        "<div style='overflow-x: auto'><table style='font: inherit; border-collapse: collapse; table-layout: auto; background: none; margin: 0'>"
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _phrases(where: str, phrases: tuple[str, ...]) -> str:
    if not phrases:
        return ""
    chips = " ".join(
        f"<span style='border: 1px solid {LINE}; border-radius: 9px; padding: 0 7px; margin: 0 2px 3px 0; "
        f"display: inline-block'>{text(p, 60)}</span>"
        for p in phrases
    )
    return f"<div><span style='{QUIET}'>{where}</span> {chips}</div>"


def _exemplars(exemplars: pd.DataFrame) -> str:
    items = []
    for trace_id, row in exemplars.iterrows():
        output = (
            text(row["output"], SNIPPET) if row["output"].strip() else f"<i style='{QUIET}'>empty output</i>"
        )
        asked = (
            f"<div style='{QUIET}' dir='auto'>{text(row['input'], SNIPPET // 2)}</div>"
            if row["input"]
            else ""
        )
        items.append(
            f"<li style='margin: 0 0 8px; overflow-wrap: anywhere'>{asked}<div dir='auto'>{output}</div>"
            f"<code style='font-size: 11px; {QUIET}; background: none'>{text(str(trace_id), 80)}</code></li>"
        )
    return f"<ol style='margin: 2px 0 0; padding-left: 1.4em'>{''.join(items)}</ol>"


def _weeks(weeks: pd.DataFrame) -> str:
    """The share per week as a small drawing with its own description."""
    share = weeks["share"].to_numpy(dtype=float)
    if not len(share) or np.isnan(share).all():
        return nothing("The traces have no time.")
    top = float(np.nanmax(share)) or 1.0
    step = min(26.0, 220 / len(share))
    width = step * len(share)
    bars = "".join(
        f"<rect x='{i * step + 1:.1f}' y='{44 - 42 * s / top:.1f}' width='{max(step - 2, 1):.1f}' "
        f"height='{max(42 * s / top, 0.6):.1f}' rx='1'><title>{week}: {count:,} of {total:,} ({s:.1%})</title></rect>"
        for i, (week, count, total, s) in enumerate(
            zip(weeks.index, weeks["count"], weeks["total"], np.nan_to_num(share), strict=True)
        )
    )
    label = f"{weeks.index[0]} to {weeks.index[-1]}, highest {top:.1%}"
    return (
        f"<svg role='img' aria-label='{html.escape(label)}' width='{width:.0f}' height='46' "
        f"viewBox='0 0 {width:.0f} 46' style='display: block; color: {_ACCENT}' fill='currentColor'>{bars}</svg>"
        f"<div style='{QUIET}; font-size: 11px'>{html.escape(label)}</div>"
    )
