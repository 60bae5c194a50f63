"""The one place that holds state: the store, its schema and migrations."""

from failscope.workspace.audit import Audit, Verdict
from failscope.workspace.forgetting import Forgotten
from failscope.workspace.shelf import Added
from failscope.workspace.workspace import Workspace

__all__ = ["Added", "Audit", "Forgotten", "Verdict", "Workspace"]
