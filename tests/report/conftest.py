"""A review by two people, with everything in it that a report tells of."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import failscope as fs
from failscope.report.report import Report

NOW = "2026-06-18 12:00"


def reviewed(folder: Path, traces: fs.Traces, found: fs.Clustering) -> tuple[fs.Workspace, fs.Session]:
    """A review in which one read fourteen traces and one six of those, differing on one that they settled."""
    ws = fs.Workspace(folder)
    ws.add(traces)
    session = ws.start_review(
        "2026-W25", fs.plan_review(found, budget=20), reviewers=["ana", "ben"], rubric="default"
    )
    ids = session.plan.frame["trace_id"].tolist()
    for n, i in enumerate(ids[:14]):
        bad = session.traces.bad("thumbs")[i] == 1
        session.annotate(
            i,
            reviewer="ana",
            failure_modes=["no answer"] if bad else [],
            scores={"relevance": 1 if bad else 5},
            note="ask jane.doe@example.com" if n % 3 == 0 else None,
        )
    for i in ids[:6]:
        bad = session.traces.bad("thumbs")[i] == 1
        session.annotate(i, reviewer="ben", failure_modes=["no answer"] if bad and i != ids[0] else [])
    session.annotate(ids[1], reviewer="ben", failure_modes=["odd tone"])
    session.settle(ids[1], ["odd tone"], reviewer="ana", reason="it is curt")
    session.propose("basics", ids[:2], reviewer="ben", reason="plain cases")
    ws.promote(
        "basics",
        curator="cleo",
        reason="first",
        waive=dict.fromkeys(("expected", "personal", "agreement"), "a test"),
    )
    session.propose("basics", ids[2:3], reviewer="ana", reason="one more")
    return ws, session


@pytest.fixture(scope="session")
def held(tmp_path_factory, traces, found) -> tuple[fs.Workspace, fs.Session]:
    """One for all tests that only look."""
    return reviewed(tmp_path_factory.mktemp("told") / "ws", traces, found)


@pytest.fixture(scope="session")
def told_ws(held) -> fs.Workspace:
    """The workspace of the review that is only looked at."""
    return held[0]


@pytest.fixture(scope="session")
def told(held) -> fs.Session:
    """The review that is only looked at."""
    return held[1]


@pytest.fixture(scope="session")
def report(told_ws) -> Report:
    """Its report."""
    return told_ws.report("2026-W25", now=NOW)


@pytest.fixture
def fresh(tmp_path, traces, found) -> tuple[fs.Workspace, fs.Session]:
    """The same review, for a test that changes it."""
    return reviewed(tmp_path / "ws", traces, found)


@pytest.fixture(scope="session")
def hostile_ws(tmp_path_factory) -> fs.Workspace:
    """A workspace whose log, notes and names try to get out of the page."""
    attacks = [
        "<script>alert(1)</script>",
        "<img src=https://e.example/x.png onerror=alert(1)>",
        "![x](https://e.example/x.png) [y](javascript:alert(1)) | a | b |\n# heading\n```\nfence",
        "\x1b[2J\x1b]0;owned\x07 \u202egnp.exe ``` `` `",
        "{{ data }} {% raw %} &lt; </style></dl></main> call +1 202 555 0143",
    ]
    rows = [
        {
            "trace_id": f"t{n:03d}",
            "timestamp": pd.Timestamp("2026-06-01", tz="UTC") + pd.Timedelta(hours=n),
            "input": f"{attacks[n % 5]} {n}",
            "output": f"{attacks[(n + 1) % 5]} {n * 7}",
            "thumbs": -1 if n % 3 == 0 else 1,
        }
        for n in range(60)
    ]
    traces = fs.Traces.from_frame(pd.DataFrame(rows), signals={"thumbs": "good"})
    ws = fs.Workspace(tmp_path_factory.mktemp("hostile") / "ws")
    ws.add(traces)
    found = fs.cluster(traces, projector=None, min_cluster_size=5, progress=False)
    session = ws.start_review("W<b>1</b>", fs.plan_review(found, budget=10), reviewers=["<i>ana</i>", "b|en"])
    for n, i in enumerate(session.plan.frame["trace_id"].head(6)):
        session.annotate(
            i,
            reviewer="<i>ana</i>",
            failure_modes=["<script>mode</script>", "![m](http://e.example)"],
            note=attacks[n % 5],
            expected_output=attacks[(n + 2) % 5],
        )
        session.annotate(i, reviewer="b|en", failure_modes=[])
        session.settle(i, [], reviewer="b|en", reason=attacks[n % 5])
    session.propose("hard", [i], reviewer="b|en", reason=attacks[1])
    return ws
