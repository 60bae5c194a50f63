"""A gate's report as a table: hides styles for light and dark, and which cases are worth a line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from failscope.golden.gate.checks import CHECKS
from failscope.surface.cards import FONT, INK, LINE, QUIET, nothing, text

if TYPE_CHECKING:
    from failscope.golden.gate.gate import GateReport

SHOWN = 30
"""Cases in the table, the refused ones first; a sentence counts the others."""

_CELL = f"padding: 3px 10px 3px 0; border-bottom: 1px solid {LINE}; text-align: left; vertical-align: top"
# a sign and a word for each, so that no colour has to be seen; see-through, so that the theme's ink stays readable
_SIGNS = {
    "passed": ("✓", "passed", "opacity: .55"),
    "waived": (
        "waived",
        "waived",
        "background: rgba(251,140,0,.22); border-radius: 3px; padding: 0 4px; font-size: 11px",
    ),
    "refused": (
        "✗",
        "refused",
        "background: rgba(211,47,47,.22); border-radius: 3px; padding: 0 5px; font-weight: 600",
    ),
}


def report_card(report: GateReport, counts: str, inputs: Mapping[str, str]) -> str:
    """One row a case, one column a check, a sentence for each check that did not pass; all texts escaped."""
    refused = report.refused
    ids = [*refused, *(i for i in report.passed)]
    rows = "".join(_row(i, report.for_(i), inputs.get(i, ""), _said(report, i)) for i in ids[:SHOWN])
    heads = "".join(
        f"<th scope='col' style='{_CELL}; {QUIET}' title='{text(CHECKS[c], 200)}'>{c}</th>" for c in CHECKS
    )
    more = (
        f"<div style='{QUIET}; margin-top: 4px'>{len(ids) - SHOWN:,} more in report.frame.</div>"
        if len(ids) > SHOWN
        else ""
    )
    table = (
        "<div style='overflow-x: auto'><table style='font: inherit; color: inherit; border-collapse: collapse; width: 100%; table-layout: auto; background: none'>"
        f"<thead><tr><th scope='col' style='{_CELL}; {QUIET}'>case</th>{heads}<th scope='col' style='{_CELL}; {QUIET}'>says</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
        if ids
        else ""
    )
    return f"<div style='{FONT}; color: {INK}'><div style='margin-bottom: 4px'><b>Gate</b> · {text(counts, 400)}</div>{table}{more}</div>"


def _said(report: GateReport, trace_id: str) -> list[str]:
    mine = report.frame[(report.frame["trace_id"] == trace_id) & ~report.frame["passed"]]
    return [f"<b>{row.check}</b>: {text(row.says, 400)}" for row in mine.itertuples()]


def _row(trace_id: str, said: Mapping[str, Mapping[str, object]], question: str, why: list[str]) -> str:
    cells = []
    for check in CHECKS:
        state = "passed" if said[check]["passed"] else "waived" if said[check]["waived"] else "refused"
        sign, word, style = _SIGNS[state]
        cells.append(
            f"<td style='{_CELL}'><span style='{style}' title='{word}: {text(str(said[check]['says']), 300)}' aria-label='{check} {word}'>{sign}</span></td>"
        )
    asked = (
        f"<div dir='auto' style='{QUIET}; overflow-wrap: anywhere'>{text(question, 80)}</div>"
        if question.strip()
        else f"<div style='{QUIET}'><i>empty input</i></div>"
    )
    name = f"<code style='font-size: 11px; background: none'>{text(trace_id, 60)}</code>"
    reasons = "".join(f"<div style='overflow-wrap: anywhere' dir='auto'>{w}</div>" for w in why)
    return (
        f"<tr><td style='{_CELL}; min-width: 11em; max-width: 20em'>{name}{asked}</td>{''.join(cells)}"
        f"<td style='{_CELL}; min-width: 16em'>{reasons or nothing('may enter')}</td></tr>"
    )
