"""Two lines of versions made one: hides what is common to them, and which side's word holds for each example."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from failscope.errors import MergeError, NotFoundError
from failscope.golden.lines import CROISSANT, EXAMPLES, MANIFEST, content_of, croissant_bytes, row_of
from failscope.golden.versions import MAIN, Place, Version, places, read_manifest, read_version
from failscope.golden.writing import put_folder, put_tombstones, retired_by, write_lines

Side = Literal["ours", "theirs"]

_FIRST = 6


def head_of(home: Path, branch: str = MAIN) -> Version | None:
    """The newest version of a branch; None where it has none.

    Raises
    ------
    MergeError
        A version that another machine made beside ours was brought in and not merged yet.
    """
    there = [p for p in places(home, branch) if not p.fork]
    if not there:
        return None
    head = read_version(home, there[-1])
    forks = [p for p in places(home, branch) if p.fork]
    if forks:
        line = ancestors(home, head)
        left = [p for p in forks if read_manifest(home, p)["sha256"] not in line]
        if left:
            raise MergeError(
                f"{home / left[-1].folder} was brought in and is not merged; "
                f"finish it with ws.merge({home.name!r}, theirs, curator=...)"
            )
    return head


def ancestors(home: Path, head: Version) -> dict[str, Place]:
    """The hash of every version that one was made from, itself first, and where each lies."""
    by_sha = {}
    for place in places(home):
        manifest = read_manifest(home, place)
        by_sha[manifest["sha256"]] = (place, manifest)
    line: dict[str, Place] = {}
    waiting = [head.sha256]
    while waiting:
        sha = waiting.pop()
        if sha in line or sha not in by_sha:
            continue
        place, manifest = by_sha[sha]
        line[sha] = place
        waiting += [named["sha256"] for which in ("parent", "merged") if (named := manifest.get(which))]
    return line


def merge(
    home: Path,
    source: Path,
    *,
    branch: str = MAIN,
    source_branch: str = MAIN,
    about: Callable[[], Mapping[str, Any]],
    prefer: Side | Mapping[str, Side] | None = None,
) -> tuple[Version, list[str]]:
    """Take another line of versions into a branch: of another copy of the set, or of another branch of this one.

    Versions of the other copy that are not here are brought in first, beside ours where the number is taken. Then a
    version is written that has both as parents, unless one side already holds all of the other. A text that either side
    was asked to remove is removed here too.

    Parameters
    ----------
    home, source : Path
        The folder of this golden set, and of the other copy; the same folder to merge two branches.
    about : callable
        Gives who merges, when and why.
    prefer : ``"ours"``, ``"theirs"`` or mapping of example id to one of them, optional
        Whose word holds for an example that both have changed.

    Returns
    -------
    Version, list of str
        The newest version of the branch, and the examples that are forgotten.

    Raises
    ------
    MergeError
        Both have changed an example in different ways, and ``prefer`` does not say whose word holds.
    NotFoundError
        There is no such branch there.
    IntegrityError
        A version of either side is not what was promoted.
    """
    theirs = head_of(source, source_branch)
    if theirs is None:
        raise NotFoundError(f"there is no branch {source_branch!r} in {source}")
    line = [p for p in places(home, branch) if not p.fork]
    ours = read_version(home, line[-1]) if line else None
    there, here = ancestors(source, theirs), ancestors(home, ours) if ours else {}
    gone = sorted({*_forgotten(home), *_forgotten(source)})
    plainly = ours is None or (ours.sha256 in there and branch == source_branch)
    merged = None
    if not plainly and theirs.sha256 not in here:
        assert ours is not None  # else it is plain
        merged = _lines(_bases(home, here, there), ours, theirs, prefer)
    _bring(home, source, {sha: p for sha, p in there.items() if sha not in here}, forked=not plainly)
    put_tombstones(home, gone)
    if merged is not None and ours is not None:
        lines = {i: line for i, line in merged.items() if i not in gone}
        retired = {**theirs.manifest.get("retired", {}), **retired_by(ours)}
        made = write_lines(
            home,
            lines,
            about=about(),
            parent=ours,
            merged=theirs,
            branch=branch,
            retired={i: said for i, said in retired.items() if i not in lines},
        )
        return made, gone
    line = [p for p in places(home, branch) if not p.fork]
    return read_version(home, line[-1]), gone


def _forgotten(home: Path) -> set[str]:
    """The examples that have a tombstone in some version."""
    return {i for p in places(home) for i in read_version(home, p).lines.forgotten}


def _bases(home: Path, here: Mapping[str, Place], there: Mapping[str, Place]) -> list[Version]:
    """The newest versions that both sides come from: one, or two where each side has merged the other before."""
    common = [here[sha] for sha in here if sha in there]
    every = [read_version(home, place) for place in common]
    older = {sha for v in every for sha in ancestors(home, v) if sha != v.sha256}
    return [v for v in every if v.sha256 not in older]


def _bring(home: Path, source: Path, there: Mapping[str, Place], *, forked: bool) -> None:
    """Copy versions of another folder into ours, each checked, oldest first."""
    if source == home:
        return
    held = {read_manifest(home, p)["sha256"] for p in places(home)}
    for sha, place in sorted(there.items(), key=lambda item: item[1]):
        if sha in held:
            continue
        version = read_version(source, place)
        # a version that is not of our line, or whose number is taken, has its hash in its name
        taken = forked or place.fork or (home / place.folder).exists()
        ours = Place(place.version, place.branch, sha[:8] if taken else "")
        body = (version.folder / EXAMPLES).read_bytes()
        content = {
            EXAMPLES: body,
            MANIFEST: (version.folder / MANIFEST).read_bytes(),
            CROISSANT: croissant_bytes(version.manifest, body),
        }
        put_folder(home, ours, content)


def _lines(
    bases: Sequence[Version], ours: Version, theirs: Version, prefer: Side | Mapping[str, Side] | None
) -> dict[str, bytes]:
    """Three-way: a side that changed nothing gives way to the other."""
    was = [base.lines.by_id() for base in bases] or [{}]
    mine, yours = ours.lines.by_id(), theirs.lines.by_id()
    out: dict[str, bytes] = {}
    differ = []
    for example in sorted({*mine, *yours, *(i for w in was for i in w)}):
        b, c = mine.get(example), yours.get(example)
        # by each common version; where these disagree, both sides have changed it
        holds = {_holds(w.get(example), b, c) for w in was}
        if len(holds) > 1 or _BOTH in holds:
            side = prefer if isinstance(prefer, str) else (prefer or {}).get(example)
            if side not in ("ours", "theirs"):
                differ.append(example)
                continue
            holds = {b if side == "ours" else c}
        line = holds.pop()
        if line is not None:
            out[example] = line
    if differ:
        some = ", ".join(differ[:_FIRST]) + (" and others" if len(differ) > _FIRST else "")
        raise MergeError(
            f"both sides changed {len(differ):,} example{'s' if len(differ) > 1 else ''} in different ways: {some}; "
            "say whose word holds: prefer='ours', prefer='theirs', or prefer={example_id: 'theirs'}"
        )
    return out


_BOTH = b"both"
"""No line: both sides have changed it."""


def _holds(was: bytes | None, ours: bytes | None, theirs: bytes | None) -> bytes | None:
    if ours == theirs or theirs == was:
        return ours
    if ours == was:
        return theirs
    if ours is None or theirs is None:
        return _BOTH
    # the same decision, made twice
    return ours if content_of(row_of(ours)) == content_of(row_of(theirs)) else _BOTH
