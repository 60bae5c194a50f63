"""The errors of failscope, one tree, so that ``except fs.FailscopeError`` catches all of ours.

FailscopeError
├── ArgumentError (ValueError)         a call was asked for something that it cannot do
├── DataError (ValueError)             what was read cannot be made into traces
│   ├── ColumnError                    a column is missing or named twice
│   └── RubricError                    a rubric's file is broken; the message has file, line and mend
├── NotFoundError (KeyError)           no trace, session, cluster or golden set of that name
├── MissingPackageError (ImportError)  an optional package is not installed
├── ModelError (OSError)               a model cannot be loaded or asked, or its file is not what it should be
├── WorkspaceError (OSError)           a workspace cannot be opened or written
│   ├── NotAWorkspaceError             the file or folder is something else
│   ├── NewerWorkspaceError            a later failscope wrote it
│   ├── LockedWorkspaceError           another process holds it
│   ├── ReadOnlyWorkspaceError         it can be read, not written
│   └── UnreachableWorkspaceError      its database server does not answer
├── GateError (ValueError)             no proposed case may enter a golden set; ``.report`` has each reason
├── RoleError (PermissionError)        only a curator may do this
└── IntegrityError (ValueError)        a golden set's files are not what was promoted
    └── MergeError                     two versions of a golden set differ in a way that a person has to settle
"""

from __future__ import annotations

from typing import Any


class FailscopeError(Exception):
    """The root of the tree."""


class ArgumentError(FailscopeError, ValueError):
    """A call was asked for something that it cannot do."""


class DataError(FailscopeError, ValueError):
    """What was read cannot be made into traces."""


class ColumnError(DataError):
    """A column is missing or named twice."""


class RubricError(DataError):
    """A rubric's file is broken; the message has the file, the line, what was found and how to mend it."""


class NotFoundError(FailscopeError, KeyError):
    """No trace, session, cluster or golden set of that name."""

    def __str__(self) -> str:
        # KeyError shows the repr of its message, which hides the sentence in quotes
        return str(self.args[0]) if self.args else ""


class MissingPackageError(FailscopeError, ImportError):
    """An optional package is not installed; the message has the command that installs it."""


class ModelError(FailscopeError, OSError):
    """A model cannot be loaded or asked, or its file is not what it should be."""


class WorkspaceError(FailscopeError, OSError):
    """A workspace cannot be opened or written."""


class NotAWorkspaceError(WorkspaceError):
    """The file or folder is something else."""


class NewerWorkspaceError(WorkspaceError):
    """A later failscope wrote it."""


class LockedWorkspaceError(WorkspaceError):
    """Another process holds it."""


class ReadOnlyWorkspaceError(WorkspaceError):
    """It can be read, not written."""


class UnreachableWorkspaceError(WorkspaceError):
    """Its database server does not answer; the same call may work a moment later."""


class GateError(FailscopeError, ValueError):
    """No proposed case may enter a golden set.

    Attributes
    ----------
    report : GateReport
        Which check refused which case, and why.
    """

    def __init__(self, message: str, report: Any = None) -> None:
        super().__init__(message)
        self.report = report


class RoleError(FailscopeError, PermissionError):
    """Only a curator may do this."""


class IntegrityError(FailscopeError, ValueError):
    """A golden set's files are not what was promoted."""


class MergeError(IntegrityError):
    """Two versions of a golden set differ in a way that a person has to settle."""
