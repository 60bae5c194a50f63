"""Coverage in a line and on a card: hides the wording of what changed, and styles for light and dark."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from failscope.errors import ArgumentError
from failscope.surface.cards import FONT, INK, LINE, QUIET, heading, nothing, plain, text

if TYPE_CHECKING:
    from failscope.golden.coverage.coverage import Coverage

SHOWN = 5
"""Rows of each kind on the card; sentences count the others."""

KNOWN = 0.4
"""Similarity of two topics' centres from which on they are one topic in two weeks (docs/coverage.md)."""

LEAST_NEWS = 5
"""Uncovered traces below which a topic is no news."""

_BAR = "var(--jp-brand-color1, #1976d2)"
_GAP = "#d9772b"


def facts(coverage: Coverage) -> str:
    """What stands in the repr: the share, what it is held against, and everything that was set aside."""
    counted = int((~coverage.points["own"]).sum())
    own = len(coverage.points) - counted
    name = plain(coverage.golden["name"], 60)
    version = f" v{coverage.golden['version']}" if coverage.golden["version"] is not None else ""
    parts = [
        f"{name}{version}".strip() or "golden set",
        f"{_percent(coverage.share)} of {counted:,} traces covered by {_count(coverage.golden['examples'], 'example')}",
        f"as many drawn at random: {_percent(coverage.reference['random'])} ({_percent(coverage.reference['low'])} to {_percent(coverage.reference['high'])})",
        f"{_count(len(coverage.gaps), 'topic')} with gaps",
        _count(int(coverage.examples["stale"].sum()), "stale example"),
        f"near is {coverage.near:.2f} ({coverage.line_drawn.drawn})",
    ]
    if own:
        parts.append(
            f"{_traces(own)} {'is an example itself and counts' if own == 1 else 'are examples themselves and count'} neither way"
        )
    if coverage.params["before_left_out"]:
        parts.append(f"{_count(coverage.params['before_left_out'], 'earlier trace')} left out")
    return " · ".join(parts)


def week_line(coverage: Coverage, previous: Mapping[str, Any] | None) -> str:
    """The week in a line; ``previous`` is last week's ``to_dict()``."""
    counted = ~coverage.points["own"]
    of = int(counted.sum())
    if previous is None:
        start = f"coverage {_percent(coverage.share)} of {of:,} traces (as many examples drawn at random: {_percent(coverage.reference['random'])})"
        if coverage.gaps.empty:
            return f"{start}; no gaps"
        worst = coverage.gaps.iloc[0]
        news = _new_topic(coverage, None)
        if news is not None:
            return f"{start}: new topic {_quoted(news['name'])} ({_traces(news['uncovered'])} not covered)"
        return f"{start}; largest gap {_quoted(worst['name'])} ({_traces(worst['uncovered'])} not covered)"
    missing = sorted({"share", "covered", "traces", "near", "golden"} - set(previous))
    if missing:
        raise ArgumentError(
            f"previous has no {missing[0]!r}, so it is not what to_dict() of a coverage gave; give that"
        )
    was, now = previous["share"], coverage.share
    moved = f"coverage {_percent(was)} -> {_percent(now)}"
    if _percent(was) == _percent(now):
        moved = f"coverage {_percent(now)}, as before"
    reasons = []
    news = _new_topic(coverage, previous)
    change = _beyond_chance(previous, coverage)
    if news is not None:
        reasons.append(f"new topic {_quoted(news['name'])} ({_traces(news['uncovered'])} not covered)")
    elif change:
        reasons.append(_most_moved(coverage, previous, rose=change > 0))
    if change and coverage.golden["examples"] != previous["golden"]["examples"]:
        more = coverage.golden["examples"] - previous["golden"]["examples"]
        reasons.append(f"{_count(abs(more), 'example')} {'more' if more > 0 else 'fewer'}")
    if abs(coverage.near - previous["near"]) > 0.005:
        reasons.append(
            f"near is {coverage.near:.2f} and was {previous['near']:.2f}: give near={previous['near']:.4g} to compare"
        )
    if not any(reasons):
        reasons = ["nothing changed beyond chance" if not change else "no one topic accounts for it"]
    return f"{moved}: {'; '.join(filter(None, reasons))}"


def _new_topic(coverage: Coverage, previous: Mapping[str, Any] | None) -> pd.Series | None:
    """The gap of the topic that is new and has most uncovered traces."""
    gaps = coverage.gaps
    if coverage.params["before"]:
        fresh = gaps[gaps["new"] & (gaps["uncovered"] >= LEAST_NEWS)]
    elif previous is not None:
        _, known = _known(coverage, previous)
        if not len(known):
            return None
        centre = coverage.topics.set_index("name")["centre"]
        alike = [_most_alike(centre[name], known) for name in gaps["name"]]
        fresh = gaps[(np.array(alike) < KNOWN) & (gaps["uncovered"] >= _news(coverage)).to_numpy()]
    else:
        return None
    # a topic that is covered all the same is no reason to lose any
    fresh = fresh[2 * fresh["uncovered"] >= fresh["traces"]]
    return None if fresh.empty else fresh.loc[fresh["uncovered"].idxmax()]


def _news(coverage: Coverage) -> float:
    """Without earlier traces a topic has to be larger to be news: chance makes small ones every week."""
    return max(2 * LEAST_NEWS, 0.03 * len(coverage.points))


def _most_moved(coverage: Coverage, previous: Mapping[str, Any], *, rose: bool) -> str:
    """The topic whose uncovered traces became the larger part of production against before, or the smaller one."""
    about = coverage.topics
    of = max(int(about["traces"].sum()), 1)
    if coverage.params["before"]:
        before = about["uncovered_before"].to_numpy() / max(int(about["before"].sum()), 1)
    else:
        topics, known = _known(coverage, previous)
        if not topics:
            return ""
        total = max(sum(t["traces"] for t in topics), 1)
        before = np.zeros(len(about))
        # each topic of last week goes to the one of this week that is most like it
        at = (np.stack(about["centre"].tolist()) @ known.T).argmax(axis=0)
        np.add.at(before, at, [t["uncovered"] / total for t in topics])
    grown = (about["uncovered"].to_numpy() / of - before) * (-1 if rose else 1)
    most = int(grown.argmax())
    if grown[most] <= 0:
        return ""
    return f"{'less' if rose else 'more'} of {_quoted(about['name'].iloc[most])} is not covered"


def _known(coverage: Coverage, previous: Mapping[str, Any]) -> tuple[list[Mapping[str, Any]], np.ndarray]:
    """Last week's topics and their centres; none where another embedder made them."""
    from failscope.golden.coverage.coverage import unpacked

    width = coverage.example_vectors.shape[1]
    if previous.get("params", {}).get("embedder") != coverage.params["embedder"]:
        return [], np.zeros((0, width))
    topics = [(t, unpacked(t["centre"])) for t in previous.get("topics", [])]
    kept = [(t, centre) for t, centre in topics if len(centre) == width]
    return [t for t, _ in kept], np.array([c for _, c in kept]).reshape(len(kept), width)


def _most_alike(centre: np.ndarray, known: np.ndarray) -> float:
    return float((known @ centre).max())


def _beyond_chance(previous: Mapping[str, Any], coverage: Coverage) -> int:
    """-1 or 1 when the share fell or rose beyond chance: two proportions, at the level of .05."""
    a, n = previous["covered"], previous["traces"]
    counted = ~coverage.points["own"]
    b, m = int(coverage.points.loc[counted, "covered"].sum()), int(counted.sum())
    if not n or not m:
        return 0
    pooled = (a + b) / (n + m)
    error = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    apart = b / m - a / n
    return 0 if error == 0 or abs(apart) < 1.96 * error else int(math.copysign(1, apart))


def card(coverage: Coverage) -> str:
    """The card of a notebook: the share against chance, bars for groups, gaps and what to add, stale examples, drift."""
    reference = coverage.reference
    counted = int((~coverage.points["own"]).sum())
    name = text(coverage.golden["name"] or "golden set", 60)
    version = f" v{coverage.golden['version']}" if coverage.golden["version"] is not None else ""
    share = coverage.share
    held = f"as many drawn at random cover {_percent(reference['random'])} ({_percent(reference['low'])} to {_percent(reference['high'])}), as many chosen for it {_percent(reference['best'])}"
    before = (
        f" · of the earlier traces {_percent(coverage.share_before)}"
        if not math.isnan(coverage.share_before)
        else ""
    )
    lines = [
        f"<div style='font-size: 16px'><b>{_percent(share)}</b> of {counted:,} traces covered <span style='{QUIET}'>· {name}{version}, {_count(coverage.golden['examples'], 'example')}{before}</span></div>",
        _scale(share, reference),
        f"<div style='{QUIET}'>{held}</div>",
    ]
    columns = [
        f"<div style='flex: 1 1 300px; min-width: 0'>{heading(f'Coverage by {by}' + _more(len(part)))}{_bars(part)}</div>"
        for by, part in _parts(coverage.frame)
    ]
    lines.append(f"<div style='display: flex; flex-wrap: wrap; gap: 4px 28px'>{''.join(columns)}</div>")
    lines.append(
        heading("Gaps, by traces that are not covered and how often they fail" + _more(len(coverage.gaps)))
    )
    lines.append(_gap_rows(coverage))
    lines.append(_foot(coverage))
    return (
        f"<div style='{FONT}; color: {INK}; border: 1px solid {LINE}; border-radius: 6px; padding: 12px 16px; "
        f"max-width: 920px; box-sizing: border-box'>{''.join(lines)}</div>"
    )


def _parts(frame: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The ways of grouping that say something, in their order."""
    parts = [(str(by), part) for by, part in frame[frame["traces"] > 0].groupby("by", sort=False)]
    return [(by, part) for by, part in parts if len(part) > 1]


def _bars(part: pd.DataFrame) -> str:
    return "".join(
        _bar(str(r.group), float(r.coverage), int(r.traces)) for r in part.head(SHOWN).itertuples()
    )


def _bar(name: str, share: float, of: int) -> str:
    return (
        "<div style='display: grid; grid-template-columns: minmax(0, 1fr) 80px 88px; gap: 8px; align-items: center; margin: 1px 0'>"
        f"<span style='overflow: hidden; text-overflow: ellipsis; white-space: nowrap' title='{text(name, 120)}' dir='auto'>{text(name, 60)}</span>"
        f"<span aria-hidden='true' style='height: 6px; border-radius: 3px; background: {_GAP}; overflow: hidden; display: block'>"
        f"<span style='display: block; height: 6px; width: {100 * share:.0f}%; background: {_BAR}'></span></span>"
        f"<span style='{QUIET}; text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap'>{share:.0%} of {of:,}</span></div>"
    )


def _scale(share: float, reference: Mapping[str, float]) -> str:
    """One bar with the share, and the range of random sets as a mark on it."""
    if math.isnan(share):
        return ""
    low, high = (100 * (reference[k] if not math.isnan(reference[k]) else 0) for k in ("low", "high"))
    label = f"covered {share:.0%}; random sets {low:.0f}% to {high:.0f}%"
    return (
        f"<div role='img' aria-label='{label}' style='position: relative; height: 8px; margin: 6px 0 4px; border-radius: 4px; background: {_GAP}; max-width: 560px'>"
        f"<div style='height: 8px; width: {100 * share:.1f}%; background: {_BAR}; border-radius: 4px 0 0 4px'></div>"
        f"<div style='position: absolute; top: -3px; height: 14px; left: {low:.1f}%; width: {max(high - low, 0.4):.1f}%; box-sizing: border-box; border: 1px solid {INK}; border-radius: 3px'></div></div>"
    )


def _gap_rows(coverage: Coverage) -> str:
    if coverage.gaps.empty:
        return nothing("Every trace has an example near.")
    items = []
    for row in coverage.gaps.head(SHOWN).itertuples():
        read = f" of {row.reads:,} read" if row.reads else "; nobody read one, so that is the rate of all"
        fails = "" if math.isnan(row.failure_rate) else f", {row.failure_rate:.0%} fail{read}"
        fresh = f" <span style='color: {_BAR}'>new</span>" if row.new else ""
        add = ""
        if row.candidates:
            asked = text(str(coverage.inputs[row.candidates[0]]), 110)
            gain = f" · {_count(len(row.candidates), 'candidate')} would raise coverage to {_percent(row.coverage_after[-1])}"
            add = f"<div style='{QUIET}; overflow-wrap: anywhere' dir='auto'>“{asked}”{gain}</div>"
        items.append(
            f"<li style='margin: 0 0 4px'><b>{text(row.name, 80)}</b>{fresh} <span style='{QUIET}'>{row.uncovered:,} of {row.traces:,} not covered{fails}</span>{add}</li>"
        )
    return f"<ol style='margin: 2px 0 0; padding-left: 1.4em'>{''.join(items)}</ol>"


def _foot(coverage: Coverage) -> str:
    stale = int(coverage.examples["stale"].sum())
    says = [
        f"{stale:,} of {_count(len(coverage.examples), 'example')} {'is stale: no trace near it' if stale == 1 else 'are stale: no trace near them'}"
        if stale
        else "No example is stale"
    ]
    median = coverage.examples["age_days"].median()
    if median < 0:
        says.append("Most of the set was promoted after these traces")
    elif not math.isnan(median):
        says.append(f"Half of the set was promoted {median:.0f} days or more before the last trace")
    says += [
        drift.note[:1].upper() + drift.note[1:]
        for drift in (coverage.drift, coverage.shift)
        if drift is not None
    ]
    own = int(coverage.points["own"].sum())
    if own:
        says.append(
            f"{_traces(own)} that became {'an example counts' if own == 1 else 'examples count'} neither way"
        )
    line = coverage.line_drawn
    told = (
        ""
        if math.isnan(line.has)
        else f"; it tells {line.has:.0%} of inputs whose topic has one example, and {line.lacks:.0%} of those whose topic has none, as covered"
    )
    says.append(f"Near is a similarity of {coverage.near:.2f}, {line.drawn}{told}")
    return heading("Also") + "".join(f"<div style='{QUIET}'>{text(s, 500)}</div>" for s in says)


def _percent(share: float | None) -> str:
    return "–" if share is None or math.isnan(share) else f"{share:.0%}"


def _quoted(name: str) -> str:
    return f"“{plain(name, 80)}”"


def _traces(count: int) -> str:
    return _count(count, "trace")


def _count(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _more(rows: int) -> str:
    return f" ({SHOWN} of {rows:,})" if rows > SHOWN else ""
