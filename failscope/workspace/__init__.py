"""The one place that holds state: the store, its schema and migrations."""

from failscope.workspace.shelf import Added
from failscope.workspace.workspace import Workspace

__all__ = ["Added", "Workspace"]
