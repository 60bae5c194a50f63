"""What figures of a review allow to be said, in plain sentences: hides which words go with which way of choosing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from failscope.report.words import between, count, listed, percent


def reading_says(f: Mapping[str, Any]) -> list[str]:
    """What was read and how it was chosen, from ``Facts.reading``."""
    people: Sequence[Mapping[str, Any]] = f["reviewers"]
    how = {
        "balanced": (
            f"{count(f['random'], 'trace')} of the plan were drawn at random with a known chance, and only from these are shares "
            "estimated. The others were chosen to meet failures of new kinds: unlike what was read before, likely to fail by "
            "their signals and behaviour, or edge cases."
        ),
        "explore": "All were chosen to meet failures of new kinds; none was drawn at random, so no share can be estimated.",
        "stratified": f"All {f['random']:,} were drawn at random within clusters, small ones more often than their share.",
        "random": f"All {f['random']:,} were drawn at random, each trace with the same chance.",
    }[f["strategy"]]
    says = [
        f"The plan: {count(f['planned'], 'trace')} of {f['population']:,} (budget {f['budget']:,}, strategy “{f['strategy']}”, "
        f"seed {f['random_state']}). {how}",
        f"Read: {count(f['read'], 'trace')} by {listed([p['reviewer'] for p in people])}"
        + (f"; {', '.join(f'{n:,} {kind}' for kind, n in f['kinds'].items())}." if f["kinds"] else "."),
    ]
    if f["random"]:
        says.append(
            f"Of the random sample {count(f['random_counted'], 'trace')} of {f['random']:,} count: its beginning, as far as it was "
            "read without a gap."
        )
    share = (
        "everybody was to read all"
        if f["overlap"] is None
        else f"{percent(f['overlap'])} were to be read by two"
    )
    says.append(
        f"Second readings: {share}; {count(f['read_by_two'], 'trace was', 'traces were')} read by two or more people"
        f"{', without seeing what others said' if f['blind'] else ''}."
    )
    if f["carried"]:
        says.append(f"{count(f['carried'], 'trace')} came over unread from an earlier review.")
    if f["reviewed_before"]:
        says.append(
            f"{count(f['reviewed_before'], 'trace')} had been read in an earlier review and could not be drawn again."
        )
    return says


def share_says(row: Mapping[str, Any], strategy: str) -> list[str]:
    """How common failures are, from the row of any failure, and why that is not the naive share."""
    if pd.isna(row["estimate"]):
        why = (
            "the plan has no random sample"
            if strategy == "explore"
            else "none of the random sample was read yet"
        )
        return [
            f"How common failures are is not known: {why}. What stands as naive is the share among what was read."
        ]
    says = [
        f"An estimated {percent(row['estimate'])} of all answers fail (95%: {between(row['low'], row['high'])}), from "
        f"{row['count']:,} of {count(row['of'], 'random read')}."
    ]
    if not pd.isna(row["assisted"]):
        says.append(
            f"With the help of suggested failure modes: {percent(row['assisted'])} "
            f"({between(row['assisted_low'], row['assisted_high'])})."
        )
    if not pd.isna(row["naive"]) and strategy == "balanced":
        says.append(
            f"The naive share, {percent(row['naive'])} of everything read, is no estimate: most of what was read was chosen because it "
            "was likely to fail."
        )
    return says
