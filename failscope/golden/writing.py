"""New versions of a golden set, and texts taken out of old ones: hides how a file is there whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Collection, Container, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from failscope.errors import IntegrityError
from failscope.golden.lines import (
    CROISSANT,
    EXAMPLES,
    MANIFEST,
    bytes_of,
    croissant_bytes,
    example_id,
    manifest_bytes,
    sha,
    tombstone,
    tombstone_line,
)
from failscope.golden.versions import MAIN, Lines, Place, Version, places, read_manifest

NEAR = ".near.npz"
"""What ``failscope.golden.near.index`` keeps in a set's folder; it can be made again at any time."""

_HOUSEKEEPING = {
    ".gitattributes": b"# a merge keeps our files whole; ws.merge(name, theirs) brings both sides together\n* -text -merge\n",
    ".gitignore": b".near.npz\n.*.half\n",
}
"""What git is told of a set's folder."""


def write_lines(
    home: Path,
    lines: Mapping[str, bytes],
    *,
    about: Mapping[str, Any],
    parent: Version | None,
    branch: str = MAIN,
    merged: Version | None = None,
    retired: Mapping[str, Any] | None = None,
) -> Version:
    """Write the next version, whole or not at all.

    Parameters
    ----------
    home : Path
    lines : mapping of str to bytes
        Id -> line, as ``line_of`` makes it or as another version holds it, without the line feed.
    about : mapping
        Who promoted it, when and why.
    parent, merged : Version, optional
        The version that this one follows, and another one that it takes in.
    branch : str
    retired : mapping, optional
        Example id -> who took it out, when, why and in which version; those of before are kept.

    Raises
    ------
    FileExistsError
        Another process has written that version since ``parent`` was read.
    """
    number = 1 + max((v.place.version for v in (parent, merged) if v is not None), default=0)
    place = Place(number, branch, "")
    ordered = sorted(lines)
    body = b"\n".join([*(lines[i] for i in ordered), b""])
    digest = sha(body)
    manifest: dict[str, Any] = {
        "format": "failscope golden set 2",
        "name": home.name,
        "version": number,
        "branch": branch,
        "parent": None if parent is None else _named(parent.manifest),
        **({"merged": _named(merged.manifest)} if merged is not None else {}),
        **about,
        "retired": dict(retired or {}),
        "files": {EXAMPLES: {"bytes": len(body), "sha256": digest}},
        "examples": _hashes(ordered, lines, parent),
    }
    manifest["sha256"] = sha(manifest_bytes(manifest))
    content = {
        EXAMPLES: body,
        MANIFEST: manifest_bytes(manifest),
        CROISSANT: croissant_bytes(manifest, body, digest=digest),
    }
    _housekeeping(home)
    put_folder(home, place, content)
    return Version(place, home / place.folder, manifest, Lines(ordered, [lines[i] for i in ordered]))


def _hashes(ordered: Sequence[str], lines: Mapping[str, bytes], parent: Version | None) -> dict[str, str]:
    """The hash of each line; of one that was taken from the parent as it is, the parent's."""
    held = dict(zip(parent.lines.ids, parent.lines.raw, strict=True)) if parent is not None else {}
    known = parent.manifest["examples"] if parent is not None else {}
    return {i: known[i] if held.get(i) is lines[i] else sha(lines[i] + b"\n") for i in ordered}


def retired_by(base: Version | None, *, without: Container[str] = ()) -> dict[str, Mapping[str, Any]]:
    """What the next version names as retired: what this one does, and those that were forgotten in it."""
    if base is None:
        return {}
    out = {i: said for i, said in base.manifest.get("retired", {}).items() if i not in without}
    version = int(base.manifest["version"]) + 1
    for example, at in base.lines.forgotten.items():
        out[example] = {"by": "", "at": at, "reason": "its user asked for deletion", "version": version}
    return out


def put_folder(home: Path, place: Place, content: Mapping[str, bytes]) -> None:
    """Write a version's files into a hidden folder and rename it into place."""
    target = home / place.folder
    half = home / f".{target.name}.{uuid.uuid4().hex[:8]}.half"
    half.mkdir(parents=True)
    try:
        for name, data in content.items():
            with (half / name).open("wb") as file:
                file.write(data)
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


def _housekeeping(home: Path) -> None:
    """What git is told of this folder."""
    home.mkdir(parents=True, exist_ok=True)
    for name, data in _HOUSEKEEPING.items():
        if not (home / name).exists():
            replace_file(home / name, data)


def _named(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """How a version is named by the one that follows it."""
    name = {"sha256": manifest["sha256"], "version": manifest["version"]}
    branch = manifest.get("branch", MAIN)
    return name if branch == MAIN else {**name, "branch": branch}


def replace_file(path: Path, data: bytes) -> None:
    """Put new bytes in the place of a file, whole or not at all."""
    half = path.with_name(f".{path.name.lstrip('.')}.{uuid.uuid4().hex[:8]}.half")
    try:
        with half.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)
        sync_folder(path.parent)
    finally:
        with suppress(FileNotFoundError):
            half.unlink()


def forget_examples(home: Path, trace_ids: Collection[str]) -> dict[str, list[str]]:
    """Put tombstones in the place of the examples of these traces, in every version, whether it is sound or not.

    A tombstone keeps the id and the hash of the line it stands for, so that counts and hashes of the version still
    hold. Doing it again changes nothing.

    Returns
    -------
    dict
        Folder of the version -> ids of the examples that were there.
    """
    return put_tombstones(home, {example_id(trace_id) for trace_id in trace_ids})


def put_tombstones(home: Path, examples: Collection[str]) -> dict[str, list[str]]:
    """As ``forget_examples``, by the ids of the examples."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    done: dict[str, list[str]] = {}
    broken: IntegrityError | None = None
    for place in places(home) if examples else ():
        path = home / place.folder / EXAMPLES
        if not path.exists():
            continue  # nothing to remove in it; ``verify`` names it
        try:
            lines = bytes_of(path).split(b"\n")
        except IntegrityError as error:
            broken = error  # its texts cannot be reached; those of the other versions can
            continue
        hit = []
        for k, line in enumerate(lines):
            example = _id_of(line)
            if example in examples and tombstone(line) is None:
                lines[k] = tombstone_line(example, sha(line + b"\n"), at)
                hit.append(example)
        body = b"\n".join(lines)
        if hit:
            replace_file(path, body)
            done[place.folder] = hit
        _describe_again(home, place, body)
    if done:
        (home / NEAR).unlink(missing_ok=True)  # vectors tell something of the texts that they were made of
    if broken is not None:
        raise broken
    return done


def _describe_again(home: Path, place: Place, body: bytes) -> None:
    """The derived description, where the examples are others than it says."""
    derived = home / place.folder / CROISSANT
    try:
        said = croissant_bytes(read_manifest(home, place), body)
    except IntegrityError:
        return  # a version that is broken anyhow: its texts are gone, and that was asked for
    if derived.exists() and bytes_of(derived) != said:
        replace_file(derived, said)


def _id_of(line: bytes) -> str:
    try:
        said = json.loads(line) if line else {}
    except (ValueError, RecursionError):
        return ""
    return str(said.get("id", "")) if isinstance(said, dict) else ""


def sync_folder(folder: Path) -> None:
    """Make the names in a folder outlast a power cut; a no-op where folders cannot be synced."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
