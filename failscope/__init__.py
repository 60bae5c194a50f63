"""failscope: find how a language model fails in production, review it together, keep the cases as a golden set.

>>> import failscope as fs
>>> ws = fs.Workspace("reviews/support-bot")                        # doctest: +SKIP
>>> found = fs.cluster(ws.traces(since="2026-06-01"))               # doctest: +SKIP
>>> session = ws.start_review("2026-W23", fs.plan_review(found), reviewers=["ana"])  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Each public name and the module it lives in. They are imported at first use, so that `import failscope` is quick
# and loads nothing that a call does not need.
_HOMES = {
    "Added": "failscope.workspace",
    "ArgumentError": "failscope.errors",
    "Audit": "failscope.workspace.audit",
    "Changes": "failscope.golden.changes",
    "Clustering": "failscope.surface.clustering",
    "ColumnError": "failscope.errors",
    "Coverage": "failscope.golden.coverage.coverage",
    "DataError": "failscope.errors",
    "Desk": "failscope.golden.desk",
    "EDGE_CASES": "failscope.surface.edgecases",
    "Embedder": "failscope.surface.embedding",
    "FailscopeError": "failscope.errors",
    "FakeNamer": "failscope.surface.namer",
    "Forgotten": "failscope.workspace",
    "Gate": "failscope.golden.gate.gate",
    "GateError": "failscope.errors",
    "GateReport": "failscope.golden.gate.gate",
    "GoldenSet": "failscope.golden.dataset",
    "IntegrityError": "failscope.errors",
    "LockedWorkspaceError": "failscope.errors",
    "MergeError": "failscope.errors",
    "MissingPackageError": "failscope.errors",
    "ModelError": "failscope.errors",
    "Namer": "failscope.surface.namer",
    "NewerWorkspaceError": "failscope.errors",
    "NotAWorkspaceError": "failscope.errors",
    "NotFoundError": "failscope.errors",
    "OpenAINamer": "failscope.surface.namer",
    "PROBES": "failscope.surface.behaviour",
    "PresidioFinder": "failscope.traces.presidio",
    "Probe": "failscope.surface.behaviour",
    "Provenance": "failscope.golden.provenance.provenance",
    "ReadOnlyWorkspaceError": "failscope.errors",
    "Report": "failscope.report.report",
    "ReviewPlan": "failscope.review.plan",
    "RoleError": "failscope.errors",
    "Rubric": "failscope.review.rubric",
    "RubricError": "failscope.errors",
    "SentenceTransformerEmbedder": "failscope.surface.embedding",
    "Session": "failscope.review.session",
    "StaticEmbedder": "failscope.surface.embedding",
    "Traces": "failscope.traces.table",
    "UnreachableWorkspaceError": "failscope.errors",
    "Workbench": "failscope.workbench",
    "Workspace": "failscope.workspace",
    "WorkspaceError": "failscope.errors",
    "behaviours": "failscope.surface.behaviour",
    "charts": "failscope.charts",
    "cluster": "failscope.surface.grouping",
    "edge_cases": "failscope.surface.edgecases",
    "embed_texts": "failscope.surface.embedding",
    "find_personal": "failscope.traces.personal",
    "mask": "failscope.traces.masking",
    "plan_review": "failscope.review.plan",
    "read": "failscope.traces.read",
    "view": "failscope.surface.views",
}

__all__ = ["__version__", *sorted(_HOMES)]

if TYPE_CHECKING:
    import failscope.charts as charts
    from failscope.errors import (
        ArgumentError,
        ColumnError,
        DataError,
        FailscopeError,
        GateError,
        IntegrityError,
        LockedWorkspaceError,
        MergeError,
        MissingPackageError,
        ModelError,
        NewerWorkspaceError,
        NotAWorkspaceError,
        NotFoundError,
        ReadOnlyWorkspaceError,
        RoleError,
        RubricError,
        UnreachableWorkspaceError,
        WorkspaceError,
    )
    from failscope.golden.changes import Changes
    from failscope.golden.coverage.coverage import Coverage
    from failscope.golden.dataset import GoldenSet
    from failscope.golden.desk import Desk
    from failscope.golden.gate.gate import Gate, GateReport
    from failscope.golden.provenance.provenance import Provenance
    from failscope.report.report import Report
    from failscope.review.plan import ReviewPlan, plan_review
    from failscope.review.rubric import Rubric
    from failscope.review.session import Session
    from failscope.surface.behaviour import PROBES, Probe, behaviours
    from failscope.surface.clustering import Clustering
    from failscope.surface.edgecases import EDGE_CASES, edge_cases
    from failscope.surface.embedding import Embedder, SentenceTransformerEmbedder, StaticEmbedder, embed_texts
    from failscope.surface.grouping import cluster
    from failscope.surface.namer import FakeNamer, Namer, OpenAINamer
    from failscope.surface.views import view
    from failscope.traces.masking import mask
    from failscope.traces.personal import find_personal
    from failscope.traces.presidio import PresidioFinder
    from failscope.traces.read import read
    from failscope.traces.table import Traces
    from failscope.workbench import Workbench
    from failscope.workspace import Added, Forgotten, Workspace
    from failscope.workspace.audit import Audit


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'failscope' has no attribute {name!r}")
    from importlib import import_module

    home = import_module(_HOMES[name])
    value = home if name == "charts" else getattr(home, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
