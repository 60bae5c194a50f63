"""The path of an example as a card in a notebook: hides styles for light and dark, and how facts become sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from failscope.surface.cards import FONT, INK, LINE, QUIET, plain, text

if TYPE_CHECKING:
    from failscope.golden.provenance.provenance import Provenance

_DRAWN = "drawn at random"
LIMIT = 2_000
"""Characters of one value that the card shows; ``to_frame`` holds all of it."""

_ACCENT = "var(--jp-brand-color1, #1976d2)"
_GOOD = "var(--jp-success-color1, #388e3c)"
_WARN = "var(--jp-warn-color1, #f57c00)"
_BACK = "var(--jp-layout-color1, Canvas)"
_CODE = "font: 12px/1.4 var(--jp-code-font-family, ui-monospace, monospace); background: none; color: inherit; padding: 0"


def timeline(path: Provenance) -> str:
    """The steps from the log file to the golden set, one under the other."""
    steps = [
        *_from_the_log(path.trace),
        *(step for found in path.found for step in _from_the_review(found)),
        *_readings(path),
        *(_proposal(one) for one in path.proposed),
        *(_edit(one) for one in path.edited),
        *_gate(path),
        *_promotion(path.promoted),
    ]
    drawn = "".join(step.drawn(last=step is steps[-1]) for step in steps)
    name = f" in {_code(path.golden)}" if path.golden else ""
    sha = f" · sha256 {_sha(path.sha256)}" if path.sha256 else ""
    return (
        f"<div style='{FONT}; color: {INK}; border: 1px solid {LINE}; border-radius: 6px; padding: 12px 16px; "
        f"max-width: 820px; box-sizing: border-box'>"
        f"<div style='font-size: 16px'><b>Provenance</b> of {_code(path.example_id)}{name}</div>"
        f"<div style='{QUIET}; margin-bottom: 10px'>from the log file to the golden set{sha}</div>"
        f"<ol style='list-style: none; margin: 0 0 0 5px; padding: 0'>{drawn}</ol></div>"
    )


@dataclass(frozen=True, eq=False)
class _Step:
    """One point on the line; its lines are escaped already, its title is not."""

    title: str
    lines: Sequence[str]
    when: Any = ""
    color: str = _ACCENT

    def drawn(self, *, last: bool) -> str:
        at = f" <span style='{QUIET}; font-size: 12px'>{_when(self.when)}</span>" if self.when else ""
        dot = (
            f"<span style='position: absolute; left: -8px; top: 4px; width: 10px; height: 10px; border-radius: 50%; "
            f"background: {self.color}; border: 2px solid {_BACK}'></span>"
        )
        shown = "".join(f"<div style='margin: 1px 0'>{line}</div>" for line in self.lines if line)
        line = "transparent" if last else LINE
        return (
            f"<li style='position: relative; margin: 0; padding: 0 0 12px 18px; border-left: 2px solid {line}; "
            f"overflow-wrap: anywhere'>{dot}<b>{text(self.title, 200)}</b>{at}{shown}</li>"
        )


def odds(probability: float) -> str:
    """A chance in words.

    >>> odds(1 / 12), odds(0.4), odds(1.0)
    ('1 in 12', '1 in 2.5', 'certain')
    """
    if not 0 < probability < 1:
        return "certain" if probability >= 1 else "no chance known"
    one_in = 1 / probability
    if one_in < 1.05:
        return "nearly certain"
    return f"1 in {one_in:.1f}".removesuffix(".0") if one_in < 10 else f"1 in {one_in:,.0f}"


def _from_the_log(trace: Mapping[str, Any]) -> list[_Step]:
    steps = []
    if file := trace.get("log_file"):
        line = f", line {trace['log_line']:,}" if trace.get("log_line") else ""
        sha = f" · sha256 {_sha(trace['log_sha256'])}" if trace.get("log_sha256") else ""
        steps.append(_Step("Log file", [f"{_code(file)}{line}{sha}"]))
    week = f"week {text(str(trace['week']), 20)}" if trace.get("week") else "no time known"
    facts = [week, _named("model", trace.get("model")), _named("prompt version", trace.get("prompt_version"))]
    lines = [_code(trace.get("trace_id", "")), _dots(facts)]
    if sha256 := trace.get("text_sha256"):
        lines.append(f"<span style='{QUIET}'>sha256 of its texts {_sha(sha256)}</span>")
    return [*steps, _Step("Trace", lines, when=trace.get("timestamp"))]


def _from_the_review(found: Mapping[str, Any]) -> list[_Step]:
    """The plan that led to the trace, and the group that it was found in."""
    place = ""
    if (position := found.get("position")) is not None:
        budget = f" of {found['budget']:,}" if isinstance(found.get("budget"), int) else ""
        place = f"number {position:,}{budget} on the list of what to read"
    chance = found.get("probability")
    if position is None:
        how = "not on the list: a reviewer came upon it"
    elif isinstance(chance, float | int):
        exact = "" if not math.isfinite(chance) else f" title='probability {chance:.6g}'"
        how = f"{_DRAWN}, <span{exact}>{odds(chance)}</span>"
    else:
        how = "chosen"
    reason = str(found.get("reason") or "").removeprefix(f"{_DRAWN}, ")
    why = f": {text(reason, LIMIT)}" if reason else ""
    strategy = _named("strategy", found.get("strategy"))
    steps = [_Step(f"Plan of review {found.get('review', '')}", [_dots([place, strategy]), how + why])]
    if not found.get("clustering"):
        return steps
    number = found.get("cluster")
    name = f"“{text(str(found.get('cluster_name', '')), 200)}”" if found.get("cluster_name") else ""
    cluster = "in no cluster (noise)" if number == -1 else f"cluster {text(str(number), 20)} {name}"
    tags = ", ".join(f"“{text(str(tag), 200)}”" for tag in found.get("cluster_tags") or ())
    facts = [
        _named("view", found.get("view")),
        _named("embedder", found.get("embedder")),
        _named("seed", found.get("random_state")),
        f"id {_code(found['clustering'])}",
    ]
    lines = [cluster + (f", called {tags}" if tags else ""), _dots(facts), _params(found.get("params"))]
    return [*steps, _Step("Clustering", lines)]


def _params(params: Any) -> str:
    if not isinstance(params, Mapping) or not params:
        return ""
    rows = "; ".join(f"{text(str(key), 80)} = {text(_plain(value), 200)}" for key, value in params.items())
    return (
        f"<details><summary style='{QUIET}; cursor: pointer'>{len(params):,} parameters</summary>"
        f"<div style='{_CODE}'>{rows}</div></details>"
    )


def _readings(path: Provenance) -> list[_Step]:
    trace_id = str(path.trace.get("trace_id", ""))
    steps = []
    for said in path.said:
        what = str(said.get("what", "")).removesuffix(f" on {trace_id!r}")
        rubric = said.get("rubric")
        version = rubric.get("version") if isinstance(rubric, Mapping) else rubric
        facts = [_named("review", said.get("review")), _named("rubric version", version)]
        title = f"Read by {said.get('reviewer', '')}"
        steps.append(_Step(title, [text(what, LIMIT), _quiet(_dots(facts))], when=said.get("at")))
    readers = path.agreement.get("readers") or []
    if readers:
        agree, settled = path.agreement.get("agree"), path.agreement.get("settled")
        told = "alone read it" if len(readers) < 2 else "agree" if agree else "differ"
        lines = [f"{' and '.join(text(str(who), 120) for who in readers)} {told}"]
        if isinstance(settled, Mapping):
            why = f": {text(str(settled['reason']), LIMIT)}" if settled.get("reason") else ""
            lines.append(f"settled by {text(str(settled.get('by', '')), 120)}{why}")
        differ = agree is False and not settled
        steps.append(_Step("Agreement", lines, color=_WARN if differ else _ACCENT))
    return steps


def _proposal(proposed: Mapping[str, Any]) -> _Step:
    lines = [text(str(proposed.get("reason") or ""), LIMIT), _quiet(_named("review", proposed.get("review")))]
    return _Step(f"Proposed by {proposed.get('reviewer', '')}", lines, when=proposed.get("at"))


def _edit(edited: Mapping[str, Any]) -> _Step:
    fields = ", ".join(text(str(f).replace("_", " "), 80) for f in edited.get("fields") or ())
    masked = edited.get("masked")
    lines = [f"changed {fields}" if fields else "", text(str(edited.get("reason") or ""), LIMIT)]
    if isinstance(masked, Mapping) and masked:
        counts = ", ".join(f"{text(str(kind), 80)} × {text(str(n), 20)}" for kind, n in masked.items())
        lines.append(f"masked: {counts}")
    return _Step(f"Edited by {edited.get('by', '')}", lines, when=edited.get("at"))


def _gate(path: Provenance) -> list[_Step]:
    """Each check with what it says; a waiver with who waived it and why."""
    if not path.gate and not path.waived:
        return []
    who = {one.get("check"): one for one in path.waived}
    lines = []
    for check, said in path.gate.items():
        if said.get("waived"):
            mark, color = "waived", _WARN
        else:
            mark, color = ("✓", _GOOD) if said.get("passed") else ("✗", _WARN)
        says = f" <span style='{QUIET}'>{text(str(said['says']), LIMIT)}</span>" if said.get("says") else ""
        lines.append(
            f"<span style='color: {color}'>{mark}</span> {_word(check)}{says}{_waiver(who.pop(check, None))}"
        )
    lines += [
        f"<span style='color: {_WARN}'>waived</span> {_word(check)}{_waiver(one)}"
        for check, one in who.items()
    ]
    return [_Step("Gate", lines, color=_WARN if path.waived else _GOOD)]


def _waiver(one: Mapping[str, Any] | None) -> str:
    if one is None:
        return ""
    why = f": {text(str(one['reason']), LIMIT)}" if one.get("reason") else ""
    at = f" <span style='{QUIET}; font-size: 12px'>{_when(one['at'])}</span>" if one.get("at") else ""
    return f"<div style='padding-left: 1.2em'>waived by {text(str(one.get('by', '')), 120)}{why}{at}</div>"


def _promotion(promoted: Mapping[str, Any]) -> list[_Step]:
    if not promoted:
        return []
    version = promoted.get("version")
    facts = [
        f"version {text(str(version), 20)}" if version is not None else "",
        _named("branch", promoted.get("branch")),
        _named("failscope", promoted.get("failscope")),
    ]
    lines = [text(str(promoted.get("reason") or ""), LIMIT), _quiet(_dots(facts))]
    return [_Step(f"Promoted by {promoted.get('curator', '')}", lines, when=promoted.get("at"), color=_GOOD)]


def _word(check: Any) -> str:
    return text(str(check).replace("_", " "), 120)


def _named(what: str, value: Any) -> str:
    return f"{what} {text(_plain(value), 200)}" if value not in (None, "") else ""


def _dots(facts: Sequence[str]) -> str:
    return " · ".join(fact for fact in facts if fact)


def _quiet(line: str) -> str:
    return f"<span style='{QUIET}'>{line}</span>" if line else ""


def _code(value: Any) -> str:
    return f"<code style='{_CODE}'>{text(str(value), 300)}</code>"


def _sha(value: Any) -> str:
    """The first digits of a hash; all of them where the mouse rests."""
    full = text(str(value), 80)
    return f"<code style='{_CODE}' title='{full}'>{text(str(value)[:12], 20)}…</code>"


def _when(value: Any) -> str:
    """A time to the minute, in UTC; anything else as it is."""
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return text(str(value), 40)
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if at.tzinfo else f"{at:%Y-%m-%d %H:%M}"


def _plain(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else plain(str(value), LIMIT)
