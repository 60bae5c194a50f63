"""A golden set: numbered versions of plain files, written once, each byte accounted for."""

from __future__ import annotations

import hashlib
import html
import json
import os
import re
import shutil
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from failscope.errors import ArgumentError, IntegrityError, NotFoundError
from failscope.golden.provenance import Provenance

EXAMPLES, MANIFEST = "examples.jsonl", "manifest.json"
FIELDS = ("input", "expected_output", "context", "system_prompt", "output", "failure_modes", "note")
"""What an example says, beside its id and its provenance."""


@dataclass(frozen=True, eq=False)
class GoldenSet:
    """One version of a golden set; ``ws.golden(name)`` opens it, ``ws.promote(name, ...)`` makes the next.

    On the disk a version is a folder ``<name>/v0003`` of two files. ``examples.jsonl``: one example a line
    with sorted keys, sorted by id. ``manifest.json``: the sha256 of that file and of each example, the parent
    version and its hash, who promoted and why, and its own sha256. Equal content gives equal bytes.

    Attributes
    ----------
    name : str
    version : int
    folder : Path
    manifest : mapping
    """

    name: str
    version: int
    folder: Path
    manifest: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]] = field(repr=False)

    @classmethod
    def open(cls, folder: str | os.PathLike[str], version: int | None = None) -> GoldenSet:
        """Read one version, the newest unless a number is given, and check every byte of it.

        Raises
        ------
        NotFoundError
            No such version.
        IntegrityError
            A file is not what was promoted.
        """
        home = Path(folder)
        there = versions(home)
        if not there or (version is not None and version not in there):
            raise NotFoundError(
                f"no version {version or ''} of a golden set in {home}; versions: {there or 'none'}"
            )
        number = there[-1] if version is None else version
        manifest, rows = _read_version(home / _folder_name(number))
        return cls(home.name, number, home / _folder_name(number), manifest, rows)

    @property
    def examples(self) -> pd.DataFrame:
        """The cases: index ``example_id``; ``input, expected_output, context, system_prompt, output,
        failure_modes, note, trace_id, sha256``. ``output`` is what production said, the failure itself."""
        rows = [
            (
                *(row[c] for c in FIELDS),
                row["provenance"]["trace"]["trace_id"],
                self.manifest["examples"][row["id"]],
            )
            for row in self.rows
        ]
        index = pd.Index([row["id"] for row in self.rows], name="example_id", dtype="str")
        return pd.DataFrame(rows, index=index, columns=[*FIELDS, "trace_id", "sha256"])

    @property
    def trace_ids(self) -> list[str]:
        """The traces that the examples come from."""
        return [row["provenance"]["trace"]["trace_id"] for row in self.rows]

    @property
    def sha256(self) -> str:
        """The hash of the manifest, and by it of everything in this version."""
        return str(self.manifest["sha256"])

    def __len__(self) -> int:
        return len(self.rows)

    def provenance(self, example_id: str) -> Provenance:
        """Where an example comes from: trace, log file, week, plan, clustering, tags, reviewers, curator."""
        for row in self.rows:
            if row["id"] == example_id:
                return Provenance(example_id=example_id, **row["provenance"])
        raise NotFoundError(
            f"no example {example_id!r} in {self.name} v{self.version}; golden.examples lists the {len(self):,} there are"
        )

    def verify(self) -> bool:
        """Read the whole chain of versions again, from the disk, and check every byte.

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
        before: Mapping[str, Any] | None = None
        for number in versions(home):
            manifest, _ = _read_version(home / _folder_name(number))
            parent = manifest["parent"]
            expected = None if before is None else {"sha256": before["sha256"], "version": before["version"]}
            if parent != expected:
                raise IntegrityError(
                    f"{home / _folder_name(number)} names {parent} as its parent, and {expected} is there; restore the missing version from a copy"
                )
            before = manifest
            if number == self.version and manifest["sha256"] != self.sha256:
                raise IntegrityError(f"{self.folder} is another version than the one that was opened")
        if before is None or self.version not in versions(home):
            raise IntegrityError(f"{self.folder} is gone; restore it from a copy")
        return True

    def export(self, path: str | os.PathLike[str], *, format: str = "jsonl") -> Path:  # noqa: A002  # the name that users know
        """Write the examples for another tool: ``"jsonl"`` or ``"pytest"``; see ``failscope.golden.export``."""
        from failscope.golden.export import write

        if Path(path).resolve().is_relative_to(self.folder.parent.resolve()):
            raise ArgumentError(f"{path} is inside the golden set itself; export to another folder")
        return write(self, Path(path), format)

    def to_frame(self) -> pd.DataFrame:
        """The same as ``examples``."""
        return self.examples

    def __repr__(self) -> str:
        return f"<GoldenSet {self.name!r} v{self.version} · {self._counts()}>"

    def _repr_html_(self) -> str:
        show = (
            self.examples[["input", "expected_output", "failure_modes"]].head(8)
            if len(self)
            else self.examples
        )
        short = show.map(lambda v: v if not isinstance(v, str) or len(v) < 140 else v[:140] + "…")
        return (
            f"<div><b>Golden set {html.escape(self.name)}</b> v{self.version} · {html.escape(self._counts())}</div>"
            f"{short.to_html(escape=True, border=0, na_rep='–')}"
        )

    def _counts(self) -> str:
        modes = Counter(mode for row in self.rows for mode in row["failure_modes"])
        unset = sum(row["expected_output"] is None for row in self.rows)
        parts = [f"{len(self):,} examples", *(f"{mode}: {n:,}" for mode, n in modes.most_common(4))]
        if unset:
            parts.append(f"{unset:,} without an expected output")
        return " · ".join(parts) + f" · sha256 {self.sha256[:12]}…"


def versions(home: Path) -> list[int]:
    """The version numbers in a golden set's folder, oldest first."""
    if not home.is_dir():
        return []
    return sorted(int(p.name[1:]) for p in home.iterdir() if p.is_dir() and re.fullmatch(r"v\d{4,}", p.name))


def write_version(
    home: Path,
    rows: Sequence[Mapping[str, Any]],
    *,
    about: Mapping[str, Any],
    parent: Mapping[str, Any] | None,
) -> GoldenSet:
    """Write the next version, whole or not at all.

    Raises
    ------
    FileExistsError
        Another process has written that version since ``parent`` was read.
    """
    number = 1 if parent is None else parent["version"] + 1
    ordered = sorted(rows, key=lambda row: row["id"])
    lines = [_line(row) for row in ordered]
    body = b"".join(lines)
    manifest: dict[str, Any] = {
        "format": "failscope golden set 1",
        "name": home.name,
        "version": number,
        "parent": None if parent is None else {"sha256": parent["sha256"], "version": parent["version"]},
        **about,
        "files": {EXAMPLES: {"bytes": len(body), "sha256": _sha(body)}},
        "examples": {row["id"]: _sha(line) for row, line in zip(ordered, lines, strict=True)},
    }
    manifest["sha256"] = _sha(_manifest_bytes(manifest))

    target = home / _folder_name(number)
    half = home / f".{target.name}.{uuid.uuid4().hex[:8]}.half"
    half.mkdir(parents=True)
    try:
        for name, content in ((EXAMPLES, body), (MANIFEST, _manifest_bytes(manifest))):
            with (half / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        if target.exists():
            raise FileExistsError(target)
        sync_folder(half)
        half.rename(target)  # atomic; it fails when the target holds a version already
        sync_folder(home)
    except OSError as error:
        shutil.rmtree(half, ignore_errors=True)
        if target.exists():
            raise FileExistsError(target) from error
        raise
    return GoldenSet(home.name, number, target, manifest, ordered)


def _read_version(folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """One version's manifest and examples, every byte checked."""
    try:
        raw, body = (folder / MANIFEST).read_bytes(), (folder / EXAMPLES).read_bytes()
    except OSError as error:
        raise IntegrityError(
            f"{error.filename} cannot be read: {error.strerror}; restore it from a copy"
        ) from error
    try:
        manifest = json.loads(raw)
        named = manifest["sha256"]
        unsigned = {key: value for key, value in manifest.items() if key != "sha256"}
        sound = raw == _manifest_bytes(manifest) and named == _sha(_manifest_bytes(unsigned))
        sound = sound and (manifest["name"], _folder_name(manifest["version"])) == (
            folder.parent.name,
            folder.name,
        )
        held = manifest["files"][EXAMPLES]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        sound = False
    if not sound:
        raise IntegrityError(
            f"{folder / MANIFEST} was changed or moved after it was promoted; restore it from a copy"
        )
    if len(body) != held["bytes"] or _sha(body) != held["sha256"]:
        raise IntegrityError(
            f"{folder / EXAMPLES} was changed after it was promoted{_which(manifest, body)}; restore it from a copy"
        )
    extra = sorted(
        p.name for p in folder.iterdir() if p.name not in (EXAMPLES, MANIFEST) and not p.name.startswith(".")
    )
    if extra:
        raise IntegrityError(f"{folder} holds {extra[0]!r}, which was not promoted; take it away")
    return manifest, [json.loads(line) for line in body.split(b"\n") if line]


def _which(manifest: Mapping[str, Any], body: bytes) -> str:
    """Which examples differ, for the message; empty when the lines cannot tell."""
    there = {_sha(line + b"\n") for line in body.split(b"\n") if line}
    gone = [example for example, digest in manifest["examples"].items() if digest not in there]
    return f" (example {gone[0]}{' and others' if len(gone) > 1 else ''})" if gone else ""


def _line(row: Mapping[str, Any]) -> bytes:
    return (
        json.dumps(row, ensure_ascii=False, sort_keys=True, allow_nan=False, separators=(",", ":")) + "\n"
    ).encode()


def _manifest_bytes(manifest: Mapping[str, Any]) -> bytes:
    return (
        json.dumps(manifest, ensure_ascii=False, sort_keys=True, allow_nan=False, indent=1) + "\n"
    ).encode()


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _folder_name(number: int) -> str:
    return f"v{number:04d}"


def sync_folder(folder: Path) -> None:
    """Make the names in a folder outlast a power cut; a no-op where folders cannot be synced."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def example_id(trace_id: str) -> str:
    """The id of the example that a trace becomes: it stays the same when the expected output is edited."""
    if not trace_id:
        raise ArgumentError("a trace without an id cannot become an example")
    return "ex-" + hashlib.sha256(trace_id.encode("utf-8", "replace")).hexdigest()[:16]
