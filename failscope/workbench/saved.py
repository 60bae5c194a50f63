"""What a saved notebook shows of a workbench without a kernel: hides how it and the live view make way for each other."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from failscope.golden.cases import Case
from failscope.review.session import Session
from failscope.surface.clustering import Clustering

_ROWS = 12


def static_summary(found: Clustering, session: Session | None, *, said: str) -> str:
    """The clusters and how far the review is, as HTML without any trace's text.

    Parameters
    ----------
    found : Clustering
    session : Session, optional
    said : str
        The widget in a line.
    """
    summary = found.summary()
    rows = []
    for cluster, row in summary.head(_ROWS).iterrows():
        lift = (
            ""
            if pd.isna(row["lift"])
            else f"{row['lift']:.1f}× ({row['lift_low']:.1f} to {row['lift_high']:.1f})"
        )
        cells = (f"{cluster} · {row['name']}", f"{row['size']:,}", f"{row['share']:.1%}", lift)
        rows.append(_row(cells))
    left = len(summary) - len(rows)
    words = [html.escape(said)]
    if session:
        words += [
            html.escape(f"{who}: {p['read']:.0f} of {p['of']:.0f} read")
            for who, p in session.progress().iterrows()
        ]
    more = f"<p>and {left:,} more clusters</p>" if left > 0 else ""
    table = _table(
        (
            "cluster, most suspicious first",
            "traces",
            "share",
            f"lift of {'bad signals' if found.traces.signals else 'hints of a failure'}",
        ),
        rows,
    )
    return _summary(words, table + more)


def static_desk(cases: Mapping[str, Case], refused: Mapping[str, Iterable[str]], *, said: str) -> str:
    """How far a curator's desk is, as HTML without any case's text.

    Parameters
    ----------
    cases : mapping
        Trace id -> case.
    refused : mapping
        Trace id -> the checks that refuse it.
    said : str
        The widget in a line.
    """
    states = Counter(case.status for case in cases.values())
    checks = Counter(check.replace("_", " ") for held in refused.values() for check in held)
    modes: dict[str, Counter[str]] = {}
    for case in cases.values():
        for mode in case.example["failure_modes"] or ["no failure mode"]:
            modes.setdefault(mode, Counter())[case.status] += 1
    ranked = sorted(modes.items(), key=lambda item: (-item[1].total(), item[0]))
    columns = ("waiting", "accepted", "sent back", "rejected")
    rows = [_row((mode, *(f"{n[c]:,}" for c in columns))) for mode, n in ranked[:_ROWS]]
    words = [html.escape(said), *(f"{n:,} {html.escape(state)}" for state, n in states.items())]
    words += [f"{n:,} refused by {html.escape(check)}" for check, n in checks.most_common(6)]
    left = len(ranked) - len(rows)
    more = f"<p>and {left:,} more failure modes</p>" if left > 0 else ""
    return _summary(words, _table(("failure mode", *columns), rows) + more if rows else "")


def _row(cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<td>{html.escape(str(c))}</td>" for c in cells) + "</tr>"


def _table(columns: Sequence[str], rows: Sequence[str]) -> str:
    head = "".join(f"<th>{html.escape(c)}</th>" for c in columns)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _summary(words: Sequence[str], body: str) -> str:
    return (
        '<div class="failscope-summary"><style>'
        # beside a live view this summary goes, and without one the view's own error goes
        ".jp-OutputArea:has(.fs-workbench) .jp-OutputArea-child:has(.failscope-summary){display:none}"
        ".jp-OutputArea-child:has(.failscope-summary)+.jp-OutputArea-child"
        ":not(:has(>.jp-OutputArea-output>*)){display:none}"
        ".failscope-summary :is(th,td):first-child{text-align:left}"
        f"</style><p><b>failscope</b> · {' · '.join(words)}</p>{body}"
        "<p>Run the cell to work on it again; everything is where you left it.</p></div>"
    )
