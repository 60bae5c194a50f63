"""The golden sets that a command is pointed at: hides whether a workspace's log is there or, as in a clone, files alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from failscope.errors import ArgumentError, IntegrityError, NotAWorkspaceError, NotFoundError

if TYPE_CHECKING:
    from failscope.golden.dataset import GoldenSet
    from failscope.workspace import Workspace

DATABASE = "failscope.db"
MAIN = "main"


def is_address(workspace: str) -> bool:
    """Whether it is a database's address and no folder."""
    return "://" in workspace


def opened(workspace: str) -> Workspace:
    """A workspace that is there; a wrong path makes none."""
    if not is_address(workspace) and not (Path(workspace).expanduser() / DATABASE).is_file():
        raise NotAWorkspaceError(f"{workspace} is no workspace: it has no {DATABASE}; check the path")
    from failscope.workspace import Workspace

    return Workspace(workspace)


@dataclass(frozen=True)
class Sets:
    """The golden sets of a workspace, or of a folder that holds ``golden/`` alone.

    Attributes
    ----------
    folder : Path
        It holds ``golden/``.
    ws : Workspace or None
        None where only the files are there: then nothing is known of what the log says.
    """

    folder: Path
    ws: Workspace | None

    @classmethod
    def of(cls, workspace: str) -> Sets:
        """Those of a workspace's folder or address, or of a clone's folder."""
        folder = Path(workspace).expanduser()
        if not is_address(workspace) and not (folder / DATABASE).is_file() and (folder / "golden").is_dir():
            return cls(folder.absolute(), None)
        ws = opened(workspace)
        return cls(ws.path, ws)

    def names(self, *, proposed: bool = False) -> list[str]:
        """Every set that is here or was promoted here, and with ``proposed`` those that have proposals alone."""
        from failscope.golden.versions import places
        from failscope.review.events import PROMOTION, PROPOSAL

        if self.ws is None:
            return sorted(p.name for p in (self.folder / "golden").iterdir() if places(p))
        # a set whose folder is gone is still known to the log
        wanted = {PROMOTION, PROPOSAL} if proposed else {PROMOTION}
        said = {e.payload["golden"] for e in self.ws.log.read() if e.kind in wanted}
        return sorted({*self.ws.golden_sets(), *said})

    def open(self, name: str, version: int | None = None, *, branch: str = MAIN) -> GoldenSet:
        """One version, the newest of its branch unless a number is given."""
        from failscope.golden.dataset import GoldenSet

        if self.ws is not None:
            return self.ws.golden(name, version, branch=branch)
        if name not in self.names():
            raise NotFoundError(
                f"no golden set {name!r}; there are {', '.join(map(repr, self.names())) or 'none'}"
            )
        return GoldenSet.open(self.folder / "golden" / name, version, branch=branch)

    def named(self, name: str, spec: str, *, branch: str = MAIN) -> GoldenSet:
        """A version as a person names it: ``3``, ``v3``, ``v0003@audit``, or a branch's name for its newest."""
        number = re.fullmatch(r"v?0*(\d{1,9})(?:@([a-z0-9-]+))?", spec)
        if number:
            return self.open(name, int(number[1]), branch=number[2] or branch)
        there = self.branches(name)
        if there and spec not in there:
            raise ArgumentError(
                f"{spec!r} is neither a version nor a branch of {name!r}; write 3, v3, v3@audit, or one of the branches "
                f"{', '.join(there)}"
            )
        return self.open(name, branch=spec)

    def branches(self, name: str) -> list[str]:
        """The branches of a set that is here, the main one first."""
        from failscope.golden.versions import places
        from failscope.review.wording import set_name

        set_name(name)  # it becomes a part of a path
        if self.ws is not None:
            with suppress(IntegrityError, NotFoundError):
                self.ws.golden(name)  # from a database, the files come with it
        there = {p.branch for p in places(self.folder / "golden" / name)}
        return sorted(there, key=lambda b: (b != MAIN, b))

    def versions(self, name: str, branch: str) -> list[int]:
        """The numbers of a branch's versions."""
        from failscope.golden.versions import versions

        return versions(self.folder / "golden" / name, branch)

    def whole(self, name: str) -> str:
        """ "" when every version of a set is what was promoted, else a sentence with what is not."""
        try:
            # the newest of each branch is held against the log; it holds its parents by their hashes
            for branch in self.branches(name) or [MAIN]:
                self.open(name, branch=branch).verify()
        except (IntegrityError, NotFoundError, ArgumentError) as error:
            return str(error)
        return ""

    def waiting(self, name: str) -> Mapping[str, int] | None:
        """Status -> how many traces are proposed and not in the set; None where there is no log or no telling."""
        if self.ws is None:
            return None
        try:
            frame = self.ws.proposals(name)
        except IntegrityError:
            return None
        counts: Any = frame.drop_duplicates("trace_id")["status"].value_counts()
        return {str(status): int(n) for status, n in counts.items()}
