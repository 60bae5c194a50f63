"""The JupyterLab workbench: a map, a cluster list and a reading pane over a review session that owns all state."""

from __future__ import annotations

from failscope.workbench.widget import Workbench

__all__ = ["Workbench"]
