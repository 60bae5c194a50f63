"""A golden set: numbered versions of plain files, written once, each byte accounted for."""

from __future__ import annotations

import html
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from failscope.errors import ArgumentError, IntegrityError, NotFoundError
from failscope.golden.changes import Changes, changes
from failscope.golden.lines import example_id as _id_of_trace
from failscope.golden.lines import line_of
from failscope.golden.provenance.provenance import Provenance
from failscope.golden.versions import (
    MAIN,
    Lines,
    Place,
    Version,
    places,
    read_manifest,
    read_version,
    strangers,
    versions,
)
from failscope.golden.writing import write_lines

if TYPE_CHECKING:
    from failscope.golden.coverage.coverage import Coverage
    from failscope.traces.table import Traces

FIELDS = ("input", "expected_output", "context", "system_prompt", "output", "failure_modes", "note")
"""What an example says, beside its id, its criteria and its provenance."""


@dataclass(frozen=True, eq=False)
class GoldenSet:
    """One version of a golden set; ``ws.golden(name)`` opens it, ``ws.promote(name, ...)`` makes the next.

    On the disk a version is a folder ``<name>/v0003``, ``<name>/v0003@audit`` on a branch. ``examples.jsonl``: one
    example a line with sorted keys, sorted by id. ``manifest.json``: the sha256 of that file and of each example, the
    parent version and its hash, who promoted and why, what was retired, and its own sha256. ``croissant.json`` describes
    the two to other tools. Equal content gives equal bytes.

    Attributes
    ----------
    name : str
    version : int
    folder : Path
    manifest : mapping
    rows : sequence of dict
        The examples as they are written, in the order of their ids; each is parsed when it is asked for.
    refused : dict
        Trace id -> the checks that refused it, of the promotion that gave this object; see ``ws.promote``.
    """

    name: str
    version: int
    folder: Path
    manifest: Mapping[str, Any] = field(repr=False)
    rows: Lines = field(repr=False)
    refused: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False)

    @classmethod
    def open(
        cls, folder: str | os.PathLike[str], version: int | None = None, *, branch: str = MAIN
    ) -> GoldenSet:
        """Read one version, the newest of its branch unless a number is given, and check every byte of it.

        Raises
        ------
        NotFoundError
            No such version.
        IntegrityError
            A file is not what was promoted.
        """
        home = Path(folder)
        there = [p for p in places(home, branch) if version in (None, p.version)]
        if not there:
            if version is not None and not isinstance(version, int):
                raise ArgumentError(f"version={version!r} is no number; write it as 2")
            listed = ", ".join(p.folder for p in places(home)) or "none"
            wanted = "version" if version is None else f"version {version}"
            raise NotFoundError(
                f"no {wanted} on branch {branch!r} of a golden set in {home}; versions: {listed}"
            )
        # what another machine made under a number of ours is opened only where it is asked for
        return cls.of(read_version(home, max([p for p in there if not p.fork] or there)))

    @classmethod
    def of(cls, version: Version, *, refused: Mapping[str, Sequence[str]] | None = None) -> GoldenSet:
        """A version that was read or written."""
        name, number = version.folder.parent.name, version.place.version
        return cls(name, number, version.folder, version.manifest, version.lines, refused or {})

    def as_version(self) -> Version:
        """The same as the rooms below the public object name it."""
        fork = self.folder.name.partition("+")[2]
        return Version(Place(self.version, self.branch, fork), self.folder, self.manifest, self.rows)

    @property
    def branch(self) -> str:
        """The branch that this version is on; ``"main"`` unless another was named."""
        return str(self.manifest.get("branch", MAIN))

    @property
    def examples(self) -> pd.DataFrame:
        """The cases: index ``example_id``; ``input, expected_output, context, system_prompt, output,
        failure_modes, note, criteria, trace_id, sha256``. ``output`` is what production said, the failure itself."""
        rows = [
            (
                *(row[c] for c in FIELDS),
                row.get("criteria", []),
                row["provenance"]["trace"]["trace_id"],
                self.manifest["examples"][row["id"]],
            )
            for row in self.rows
        ]
        index = pd.Index(self.rows.ids, name="example_id", dtype="str")
        return pd.DataFrame(rows, index=index, columns=[*FIELDS, "criteria", "trace_id", "sha256"])

    @cached_property
    def trace_ids(self) -> list[str]:
        """The traces that the examples come from."""
        return [row["provenance"]["trace"]["trace_id"] for row in self.rows]

    @property
    def sha256(self) -> str:
        """The hash of the manifest, and by it of everything in this version."""
        return str(self.manifest["sha256"])

    @property
    def retired(self) -> pd.DataFrame:
        """What was taken out, here or before: index ``example_id``; ``by, at, reason, version``, the first without it."""
        said = self.manifest.get("retired", {})
        index = pd.Index(list(said), name="example_id", dtype="str")
        columns = ["by", "at", "reason", "version"]
        return pd.DataFrame([[r[c] for c in columns] for r in said.values()], index=index, columns=columns)

    @property
    def forgotten(self) -> list[str]:
        """The examples whose texts were removed because their user asked for it; their hashes are still here."""
        return list(self.rows.forgotten)

    def __len__(self) -> int:
        return len(self.rows)

    def provenance(self, example_id: str) -> Provenance:
        """Where an example comes from: trace, log file, week, plan, clustering, tags, reviewers, gate, curator."""
        if example_id in self.rows.ids:
            return Provenance.of(self.rows[self.rows.ids.index(example_id)], golden=self.name)
        raise NotFoundError(self.missing(example_id))

    def missing(self, example_id: str) -> str:
        """Why an example is not in this version, in a sentence."""
        which = f"{self.name} v{self.version}"
        if example_id in self.rows.forgotten:
            at = self.rows.forgotten[example_id][:10]
            return f"the texts of {example_id!r} were removed on {at}, on a user's request"
        out = self.manifest.get("retired", {}).get(example_id)
        if out is not None:
            return f"{example_id!r} was retired in v{out['version']} by {out['by']} on {out['at'][:10]} ({out['reason']})"
        as_trace = _id_of_trace(example_id)
        if as_trace in self.rows.ids:
            return f"{example_id!r} is a trace; its example in {which} is {as_trace!r}"
        return f"no example {example_id!r} in {which}; golden.examples lists the {len(self):,} there are"

    def diff(self, other: GoldenSet | int | None = None) -> Changes:
        """What is different from another version: added, retired, edited, re-labelled.

        Parameters
        ----------
        other : GoldenSet or int, optional
            The version that came before: an opened one, or a number of the same branch. Default: the parent.
        """
        if other is None:
            other = self.parent
        elif isinstance(other, int):
            home = self.folder.parent
            branch = self.branch if other in versions(home, self.branch) else MAIN
            other = GoldenSet.open(home, other, branch=branch)
        return changes(other, self)

    @property
    def parent(self) -> GoldenSet | None:
        """The version that this one was made from; None for the first."""
        named = self.manifest["parent"]
        if named is None:
            return None
        home = self.folder.parent
        for place in places(home, named.get("branch", MAIN)):
            if place.version == named["version"] and read_manifest(home, place)["sha256"] == named["sha256"]:
                return GoldenSet.of(read_version(home, place))
        raise IntegrityError(
            f"version {named['version']}, the parent of {self.folder}, is gone; restore it from a copy"
        )

    def verify(self) -> bool:
        """Read all versions of all branches again, from the disk, and check every byte and every parent.

        Texts that were removed on a user's request are accounted for by their tombstones; ``forgotten`` lists them.

        Returns
        -------
        bool
            True. Anything else is an error.

        Raises
        ------
        IntegrityError
            It names the file and what is wrong with it.
        """
        home = self.folder.parent
        strange = strangers(home) if home.is_dir() else []
        if strange:
            raise IntegrityError(f"{strange[0]} looks like a version and is none; take it away")
        known: set[tuple[str, int, str]] = set()
        parents: dict[Path, list[tuple[str, Mapping[str, Any]]]] = {}
        for place in places(home):  # one version at a time is in memory
            version = read_version(home, place)
            known.add((place.branch, place.version, version.sha256))
            named = [(which, version.manifest.get(which)) for which in ("parent", "merged")]
            parents[version.folder] = [(which, said) for which, said in named if said]
            follows = max((said["version"] for _, said in parents[version.folder]), default=0)
            if place.version != 1 + follows:
                raise IntegrityError(
                    f"{version.folder} does not follow the number of its parent, {follows}; restore it from a copy"
                )
        for folder, named_ones in parents.items():
            for which, said in named_ones:
                if (said.get("branch", MAIN), said["version"], said["sha256"]) not in known:
                    raise IntegrityError(
                        f"{folder} names version {said['version']} as its {which}, and that one is not there; "
                        "restore the missing version from a copy"
                    )
        if not self.folder.is_dir():
            raise IntegrityError(f"{self.folder} is gone; restore it from a copy")
        if (self.branch, self.version, self.sha256) not in known:
            raise IntegrityError(f"{self.folder} is another version than the one that was opened")
        return True

    def export(self, path: str | os.PathLike[str], *, format: str = "jsonl") -> Path:  # noqa: A002  # the name that users know
        """Write the examples for another tool, as ``"promptfoo"``; see ``failscope.golden.export`` for all formats."""
        from failscope.golden.export import write

        if Path(path).resolve().is_relative_to(self.folder.parent.resolve()):
            raise ArgumentError(f"{path} is inside the golden set itself; export to another folder")
        return write(self, Path(path), format)

    def coverage(self, traces: Traces, **how: Any) -> Coverage:
        """The share of production that has an example near it, and what is not covered; see ``failscope.golden.coverage.coverage``."""
        from failscope.golden.coverage.coverage import coverage
        from failscope.traces.table import Traces

        if not isinstance(traces, Traces):
            raise ArgumentError(
                f"coverage takes Traces, as ws.traces(since=...) or fs.Traces.from_frame(frame) gives, not {type(traces).__name__}"
            )
        return coverage(self, traces, **how)

    def to_prov(self) -> dict[str, Any]:
        """The provenance of all examples as W3C PROV-JSON."""
        from failscope.golden.provenance.prov import prov_of

        return prov_of(self)

    def to_frame(self) -> pd.DataFrame:
        """The same as ``examples``."""
        return self.examples

    def __repr__(self) -> str:
        return f"<GoldenSet {self.name!r} {self._which()} · {self._counts()}>"

    def _repr_html_(self) -> str:
        show = self.examples[["input", "expected_output", "failure_modes"]].head(8)
        short = show.map(lambda v: v if not isinstance(v, str) or len(v) < 140 else v[:140] + "…")
        refused = ""
        if self.refused:
            checks = Counter(c for said in self.refused.values() for c in said)
            told = ", ".join(f"{check} {n:,}" for check, n in checks.most_common())
            refused = (
                f"<div>{len(self.refused):,} refused by the gate, still proposed: {html.escape(told)}</div>"
            )
        return (
            f"<div><b>Golden set {html.escape(self.name)}</b> {self._which()} · {html.escape(self._counts())}</div>"
            f"{refused}{short.to_html(escape=True, border=0, na_rep='–')}"
        )

    def _which(self) -> str:
        return f"v{self.version}" + ("" if self.branch == MAIN else f" on {self.branch}")

    def _counts(self) -> str:
        rows = self.rows if len(self) <= _COUNTED else ()
        modes = Counter(mode for row in rows for mode in row["failure_modes"])
        unset = sum(row["expected_output"] is None and not row.get("criteria") for row in rows)
        parts = [f"{len(self):,} examples", *(f"{mode}: {n:,}" for mode, n in modes.most_common(4))]
        if unset:
            parts.append(f"{unset:,} without an expected output or a criterion")
        if self.forgotten:
            parts.append(f"{len(self.forgotten):,} forgotten")
        return " · ".join(parts) + f" · sha256 {self.sha256[:12]}…"


_COUNTED = 20_000
"""In larger sets a repr does not read every example."""


def write_version(
    home: Path,
    rows: Sequence[Mapping[str, Any]],
    *,
    about: Mapping[str, Any],
    parent: GoldenSet | None,
) -> GoldenSet:
    """Write the next version of these rows; see ``failscope.golden.writing.write_lines``."""
    base = parent.as_version() if parent is not None else None
    lines = {row["id"]: line_of(row) for row in rows}
    return GoldenSet.of(write_lines(home, lines, about=about, parent=base))


__all__ = ["FIELDS", "MAIN", "GoldenSet", "Place", "versions", "write_version"]
