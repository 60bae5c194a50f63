"""What a saved notebook shows of a workbench without a kernel: hides how it and the live view make way for each other."""

from __future__ import annotations

import html

import pandas as pd

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
        rows.append("<tr>" + "".join(f"<td>{html.escape(str(c))}</td>" for c in cells) + "</tr>")
    left = len(summary) - len(rows)
    words = [html.escape(said)]
    if session:
        words += [
            html.escape(f"{who}: {p['read']:.0f} of {p['of']:.0f} read")
            for who, p in session.progress().iterrows()
        ]
    more = f"<p>and {left:,} more clusters</p>" if left > 0 else ""
    return (
        '<div class="failscope-summary"><style>'
        # beside a live view this summary goes, and without one the view's own error goes
        ".jp-OutputArea:has(.fs-workbench) .jp-OutputArea-child:has(.failscope-summary){display:none}"
        ".jp-OutputArea-child:has(.failscope-summary)+.jp-OutputArea-child"
        ":not(:has(>.jp-OutputArea-output>*)){display:none}"
        ".failscope-summary :is(th,td):first-child{text-align:left}"
        f"</style><p><b>failscope</b> · {' · '.join(words)}</p>"
        "<table><thead><tr><th>cluster, most suspicious first</th><th>traces</th><th>share</th>"
        f"<th>lift of {'bad signals' if found.traces.signals else 'hints of a failure'}</th>"
        f"</tr></thead><tbody>{''.join(rows)}</tbody></table>{more}"
        "<p>Run the cell to work on it again; everything is where you left it.</p></div>"
    )
