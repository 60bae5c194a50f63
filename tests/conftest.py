"""Fixtures that several rooms share."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import failscope as fs
from tests.homes import home, postgres

__all__ = ["home", "postgres"]

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real, labelled outputs; a test that asks for it is skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(
            f"the labelled outputs are not here: {SHARED.relative_to(ROOT.parent)} beside the project is absent"
        )
    return SHARED


@pytest.fixture(scope="session")
def traces() -> fs.Traces:
    """Eighty small traces of four kinds: answers, refusals, empty ones and ones in another language."""
    kinds = {
        "answer": "Your {thing} ships on day {n}. You can follow it in the app under orders, and a mail will tell you when it leaves.",
        "refusal": "I'm sorry, but I can't help with {thing} number {n}. As an AI I am not able to assist with that request.",
        "empty": "",
        "german": "Ihre Bestellung {n} mit {thing} wird morgen geliefert, und Sie bekommen heute noch eine Nachricht von uns.",
    }
    things = ["lamp", "kettle", "phone", "watch", "speaker"]
    rows = []
    for n in range(80):
        kind = list(kinds)[n % 4]
        rows.append(
            {
                "trace_id": f"t{n:03d}",
                "timestamp": pd.Timestamp("2026-06-01", tz="UTC") + pd.Timedelta(hours=5 * n),
                "input": f"Where is my {things[n % 5]}? It was order {n}.",
                "output": kinds[kind].format(thing=things[n % 5], n=n),
                "model": "m1",
                "prompt_version": "v3",
                "thumbs": -1 if kind in ("refusal", "empty") else 1,
                "source_file": "log.jsonl",
                "source_line": n + 1,
            }
        )
    return fs.Traces.from_frame(pd.DataFrame(rows), signals={"thumbs": "good"})


@pytest.fixture(scope="session")
def found(traces: fs.Traces) -> fs.Clustering:
    """The groups in those traces, without a map."""
    return fs.cluster(traces, projector=None, min_cluster_size=5, progress=False)


@pytest.fixture
def ws(tmp_path: Path, traces: fs.Traces) -> fs.Workspace:
    """A workspace with those traces."""
    workspace = fs.Workspace(tmp_path / "ws")
    workspace.add(traces)
    return workspace


@pytest.fixture
def session(ws: fs.Workspace, found: fs.Clustering) -> fs.Session:
    """A review by two people that has just begun."""
    return ws.start_review("2026-W23", fs.plan_review(found, budget=20), reviewers=["ana", "ben"])
