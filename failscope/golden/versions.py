"""The versions of a golden set on the disk: hides the names of their folders, and how each byte is accounted for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from failscope.errors import ArgumentError, IntegrityError
from failscope.golden.lines import (
    CROISSANT,
    EXAMPLES,
    MANIFEST,
    bytes_of,
    croissant_bytes,
    described,
    manifest_bytes,
    sha,
    tombstone,
)

MAIN = "main"

_NAME = re.compile(r"v(\d{4,9})(?:@([a-z0-9][a-z0-9-]{0,59}))?(?:\+([0-9a-f]{8}))?")
_SIGNED = re.compile(rb'\n "sha256": "([0-9a-f]{64})",\n')
"""The line of a manifest that holds its own hash."""


@dataclass(frozen=True, order=True)
class Place:
    """Where a version lies: ``v0003``, ``v0003@audit`` on a branch, ``v0003+9f2c1a7e`` where the name was taken."""

    version: int
    branch: str
    fork: str

    @property
    def folder(self) -> str:
        """The name of the folder."""
        branch = "" if self.branch == MAIN else f"@{self.branch}"
        return f"v{self.version:04d}{branch}{'+' if self.fork else ''}{self.fork}"


@dataclass(frozen=True, eq=False)
class Version:
    """One version as it was read: its manifest, and its lines, each checked and none parsed yet."""

    place: Place
    folder: Path
    manifest: Mapping[str, Any]
    lines: Lines

    @property
    def sha256(self) -> str:
        """The hash of the manifest, and by it of everything in this version."""
        return str(self.manifest["sha256"])


@dataclass(frozen=True, eq=False)
class Lines(Sequence[dict[str, Any]]):
    """The examples of a version, in the order of their ids; a line is parsed when it is asked for.

    Attributes
    ----------
    ids : list of str
        Without those that were forgotten.
    forgotten : dict
        Id -> when, for the lines whose texts were removed on request.
    """

    ids: list[str]
    raw: list[bytes] = field(repr=False)
    forgotten: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return [json.loads(line) for line in self.raw[at]]
        return json.loads(self.raw[at])

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return map(json.loads, self.raw)

    def __eq__(self, other: object) -> bool:
        return list(self) == (list(other) if isinstance(other, Sequence) else other)

    __hash__ = None  # type: ignore[assignment]

    def by_id(self) -> dict[str, bytes]:
        """Id -> line."""
        return dict(zip(self.ids, self.raw, strict=True))


def places(home: Path, branch: str | None = None) -> list[Place]:
    """The versions in a golden set's folder, oldest first; of one branch, or of all."""
    if not home.is_dir():
        return []
    found = []
    for path in home.iterdir():
        name = _NAME.fullmatch(path.name)
        if name and path.is_dir() and not path.is_symlink():
            place = Place(int(name[1]), name[2] or MAIN, name[3] or "")
            if place.folder == path.name:  # not v00003, nor v0003@main
                found.append(place)
    return sorted(p for p in found if branch in (None, p.branch))


def strangers(home: Path) -> list[Path]:
    """What looks like a version's folder and is none: another spelling of its name, or a link."""
    names = {p.folder for p in places(home)}
    return sorted(p for p in home.iterdir() if p.name.startswith("v") and p.name not in names)


def versions(home: Path, branch: str = MAIN) -> list[int]:
    """The version numbers of a branch, oldest first."""
    return sorted({p.version for p in places(home, branch)})


def branch_name(name: str) -> str:
    """The name of a branch, checked: it is a part of folder names."""
    if not isinstance(name, str) or not _NAME.fullmatch(f"v0001@{name}"):
        raise ArgumentError(
            f"branch {name!r} cannot be part of a folder's name; use a-z, 0-9 and '-', as 'gpt-6'"
        )
    return name


# reading -----------------------------------------------------------------------------------------------------


def read_version(home: Path, place: Place) -> Version:
    """One version, every byte of it checked.

    Raises
    ------
    IntegrityError
        A file is not what was promoted; the message names it and, where it can, the example.
    """
    folder = home / place.folder
    manifest = read_manifest(home, place)
    body = bytes_of(folder / EXAMPLES)
    held = manifest["files"][EXAMPLES]
    known: Mapping[str, str] = manifest["examples"]
    raw = body.split(b"\n")
    last = raw.pop()
    digest = sha(body)
    if len(body) == held["bytes"] and digest == held["sha256"]:
        # the bytes are those that were promoted, and their lines are in the order of the manifest's ids
        lines = Lines(list(known), raw)
    else:
        lines = _with_tombstones(folder, known, raw, last)
    _check_derived(folder, manifest, body, digest=digest, forgotten=bool(lines.forgotten))
    return Version(place, folder, manifest, lines)


def read_manifest(home: Path, place: Place) -> dict[str, Any]:
    """What a version says of itself, checked against its own hash."""
    folder = home / place.folder
    raw = bytes_of(folder / MANIFEST)
    if b"\n<<<<<<< " in b"\n" + raw:
        raise IntegrityError(_conflict(folder / MANIFEST))
    try:
        named = _SIGNED.findall(raw)
        # its own line is the only one that the hash does not cover
        sound = len(named) == 1 and sha(_SIGNED.sub(b"\n", raw)).encode() == named[0]
        manifest = json.loads(raw)
        sound = sound and raw == manifest_bytes(manifest)
        sound = sound and (manifest["name"], manifest["version"], manifest.get("branch", MAIN)) == (
            home.name,
            place.version,
            place.branch,
        )
        sound = sound and (not place.fork or manifest["sha256"].startswith(place.fork))
        sound = sound and isinstance(manifest["examples"], dict) and "sha256" in manifest["files"][EXAMPLES]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        sound = False
    if not sound:
        raise IntegrityError(
            f"{folder / MANIFEST} was changed or moved after it was promoted; restore it from a copy"
        )
    return dict(manifest)


def sha_of(home: Path, place: Place) -> str:
    """What a version calls itself, without a look whether that is true."""
    named = _SIGNED.findall(bytes_of(home / place.folder / MANIFEST))
    return named[0].decode() if len(named) == 1 else ""


def _with_tombstones(folder: Path, known: Mapping[str, str], raw: list[bytes], last: bytes) -> Lines:
    """The lines of a file from which texts were removed on request; anything else that differs is an error."""
    ids, kept, forgotten, bad = [], [], {}, []
    hand_in_hand = last == b"" and len(raw) == len(known)
    for line, (example, digest) in zip(raw, known.items(), strict=False):
        told = tombstone(line)
        if sha(line + b"\n") == digest:
            ids.append(example)
            kept.append(line)
        elif told is not None and told[:2] == (example, digest):
            forgotten[example] = told[2]
        else:
            bad.append(example)
    if hand_in_hand and forgotten and not bad:
        return Lines(ids, kept, forgotten)
    if any(line.startswith((b"<<<<<<< ", b">>>>>>> ")) for line in raw):
        raise IntegrityError(_conflict(folder / EXAMPLES))
    more = f" (example {bad[0]}{' and others' if len(bad) > 1 else ''})" if bad else ""
    raise IntegrityError(
        f"{folder / EXAMPLES} was changed after it was promoted{more}; restore it from a copy"
    )


def _conflict(path: Path) -> str:
    folder = path.parent
    return (
        f"{path} holds a git conflict: two machines made this version; keep one side whole "
        f"(git checkout --ours {folder.name}) and bring the other in with "
        f"ws.merge({folder.parent.name!r}, theirs, curator=...)"
    )


def _check_derived(
    folder: Path, manifest: Mapping[str, Any], body: bytes, *, digest: str, forgotten: bool
) -> None:
    extra = sorted(
        p.name
        for p in folder.iterdir()
        if p.name not in (EXAMPLES, MANIFEST, CROISSANT) and not p.name.startswith(".")
    )
    if extra:
        raise IntegrityError(f"{folder} holds {extra[0]!r}, which was not promoted; take it away")
    derived = folder / CROISSANT
    if not derived.exists() and not derived.is_symlink() and manifest.get("format", "").endswith(" 1"):
        return  # of before there was a description
    said = bytes_of(derived)
    if said == croissant_bytes(manifest, body, digest=digest):
        return
    # a process may have ended between the removal of a text and the new description
    if not (forgotten and said == described(manifest, manifest["files"])):
        raise IntegrityError(f"{derived} was changed after it was promoted; restore it from a copy")
