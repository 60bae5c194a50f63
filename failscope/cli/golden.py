"""The verbs that look at golden sets: what there is, what changed, whether it is whole, and the examples for other tools."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from failscope.cli.outcome import answer, said
from failscope.cli.sets import MAIN, Sets
from failscope.cli.terminal import Cell, document, say, show
from failscope.cli.weekly import AsJson
from failscope.errors import ArgumentError, FailscopeError, NotFoundError

if TYPE_CHECKING:
    from failscope.golden.dataset import GoldenSet

_MODES = 3
"""Failure modes named in a row of ``list``."""

_KEPT = 60
"""Signs that are shown of each end of a longer stretch."""

_LONG, _PIECES = 2_000, 12

Where = Annotated[
    str,
    typer.Argument(
        metavar="WORKSPACE",
        help="The workspace's folder, its postgresql:// address, or a folder that holds golden/, as a clone does.",
    ),
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The golden set's name.")]
Branch = Annotated[str, typer.Option(help="The branch.")]


def list_(workspace: Where, as_json: AsJson = False) -> None:
    """List the golden sets: versions, branches, examples, failure modes, age, and what waits to be promoted."""
    with said():
        sets = Sets.of(workspace)
        rows = [row for name in sets.names(proposed=True) for row in _rows_of(sets, name)]
        if as_json:
            document({"sets": rows})
            return
        if not rows:
            say("there is no golden set yet")
        show((_list_row(row) for row in rows), right=["examples", "versions"], whole=["set"])


def _rows_of(sets: Sets, name: str) -> list[dict[str, Any]]:
    """One a branch; one without a version for a set that is only proposed for."""
    waiting = sets.waiting(name)
    branches = sets.branches(name)
    if not branches and waiting == {}:
        return []  # what was proposed was taken back
    rows: list[dict[str, Any]] = []
    for branch in branches or [MAIN]:
        row: dict[str, Any] = {
            "set": name,
            "branch": branch,
            "version": None,
            "versions": len(sets.versions(name, branch)),
            "examples": 0,
            "forgotten": 0,
            "failure_modes": {},
            "promoted_at": None,
            "age_days": None,
            "curator": None,
            "proposals": None if rows else waiting,  # they are of the set, whatever the branch
            "says": "",
        }
        rows.append(row)
        try:
            golden = sets.open(name, branch=branch)
        except NotFoundError:
            continue
        except FailscopeError as error:
            row["says"] = str(error)
            continue
        at = golden.manifest.get("at")
        row |= {
            "version": golden.version,
            "examples": len(golden),
            "forgotten": len(golden.forgotten),
            "failure_modes": dict(Counter(m for e in golden.rows for m in _modes(e)).most_common()),
            "promoted_at": at,
            "age_days": _age(at),
            "curator": golden.manifest.get("curator"),
        }
    return rows


def _modes(row: Mapping[str, Any]) -> list[str]:
    """Failure modes of a row that an older failscope or another hand may have written."""
    modes = row.get("failure_modes")
    return [str(mode) for mode in modes] if isinstance(modes, list) else []


def _age(at: Any) -> int | None:
    try:
        then = datetime.fromisoformat(at)
    except (TypeError, ValueError):
        return None
    now = datetime.now(UTC)
    return max(0, (now - (then if then.tzinfo else then.replace(tzinfo=UTC))).days)


def _list_row(row: Mapping[str, Any]) -> dict[str, Cell]:
    modes = [f"{mode} {n:,}" for mode, n in list(row["failure_modes"].items())[:_MODES]]
    more = len(row["failure_modes"]) - _MODES
    told = ", ".join(modes) + (f" and {more:,} more" if more > 0 else "")
    waits = row["proposals"]
    proposals = "–" if waits is None else ", ".join(f"{n:,} {status}" for status, n in waits.items())
    age = row["age_days"]
    return {
        "set": row["set"],
        "branch": row["branch"],
        "version": "–" if row["version"] is None else f"v{row['version']}",
        "versions": row["versions"],
        "examples": row["examples"],
        "failure modes": [(f"not whole: {row['says']}", "red")] if row["says"] else told or "–",
        "age": "–" if age is None else f"{age:,} day{'' if age == 1 else 's'}",
        "proposals": proposals or "none",
    }


def diff(
    workspace: Where,
    name: Name,
    before: Annotated[
        str | None,
        typer.Argument(metavar="FROM", help="3, v3, v3@audit or a branch; default: the parent of TO."),
    ] = None,
    after: Annotated[
        str | None, typer.Argument(metavar="TO", help="The same; default: the newest version.")
    ] = None,
    branch: Branch = MAIN,
    as_json: AsJson = False,
) -> None:
    """Say what is different between two versions, by meaning; exit code 1 when anything is, as diff does."""
    with said():
        sets = Sets.of(workspace)
        new = sets.named(name, after or branch, branch=branch)
        changes = new.diff(sets.named(name, before, branch=branch) if before else None)
        rows = [{"example_id": i, **row} for i, row in changes.frame.to_dict("index").items()]
        if as_json:
            about = {"set": name, "from": changes.before, "to": changes.after, "says": changes.says()}
            document({**about, "counts": changes.counts(), "changes": rows})
        else:
            say(f"{changes.before} -> {changes.after}: {changes.says()}")
            show((_diff_row(row) for row in rows), whole=["example", "change"])
        answer(not rows)


_COLOURS = {"added": "green", "retired": "red", "removed": "red", "forgotten": "red"}


def _diff_row(row: Mapping[str, Any]) -> dict[str, Cell]:
    pieces: list[tuple[str, str]] = []
    if row["reason"]:
        pieces.append((row["reason"][:_KEPT], ""))
    changed = row["change"] in ("edited", "re-labelled")
    for field in row["fields"] if changed else [f for f in ("input", "failure_modes") if f in row["fields"]]:
        was, now = (_as_text(row[side].get(field)) for side in ("before", "after"))
        pieces += [("; " if pieces else "", ""), (f"{field}: ", "bold")]
        pieces += _marked(was, now) if changed else [(_kept(now or was), "")]
    return {
        "example": row["example_id"],
        "change": [(row["change"], _COLOURS.get(row["change"], "yellow"))],
        "what": pieces,
    }


def _marked(was: str, now: str) -> list[tuple[str, str]]:
    """Both texts in one, as ``git diff --word-diff`` marks them: it reads the same without colours."""
    from failscope.golden.changes import words_differ

    start, end = 0, 0
    if max(len(was), len(now)) > _LONG:  # what is common to long texts is left out before they are compared
        start = _alike(was, now)
        end = _alike(was[start:][::-1], now[start:][::-1])
    middle = words_differ(was[start : len(was) - end], now[start : len(now) - end])
    pieces = [(" ", was[:start]), *middle, (" ", was[len(was) - end :])]
    told = [(_MARKS[sign].format(_kept(text)), _STYLES[sign]) for sign, text in pieces if text]
    return told if len(told) <= _PIECES else [*told[:_PIECES], (" …", "")]


def _alike(one: str, other: str) -> int:
    """How many signs both begin with."""
    return next(
        (k for k, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


_MARKS = {"-": "[-{}-]", "+": "{{+{}+}}", " ": "{}"}
_STYLES = {"-": "red", "+": "green", " ": ""}


def _kept(text: str) -> str:
    return text if len(text) <= 2 * _KEPT else f"{text[:_KEPT]} … {text[-_KEPT:]}"


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list) and all(isinstance(v, str) for v in value):
        return ", ".join(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def verify(
    workspace: Where,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="One set; default: all of them.")] = None,
    head: Annotated[
        str | None,
        typer.Option(help="The end of the log as it was noted elsewhere, as 128:9f2c…; see docs/cli.md."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check every byte of the golden sets and the log of events; exit code 1 when anything is not as it was."""
    with said():
        sets = Sets.of(workspace)
        names = sets.names()
        if name is not None and name not in names:
            raise NotFoundError(f"no golden set {name!r}; there are {', '.join(map(repr, names)) or 'none'}")
        if head is not None and sets.ws is None:
            raise ArgumentError("--head is of a log, and there are files alone here; leave it out")
        found = {n: sets.whole(n) for n in names if name in (None, n)}
        audit = None if sets.ws is None else sets.ws.audit()
        verdict = None if audit is None else audit.verify(head)
        whole = not any(found.values()) and (verdict is None or bool(verdict))
        if as_json:
            log = None
            if audit is not None and verdict is not None:
                log = {
                    "whole": bool(verdict),
                    "events": verdict.events,
                    "head": audit.head,
                    "says": verdict.says,
                }
            told = [{"set": n, "whole": not says, "says": says} for n, says in found.items()]
            document({"whole": whole, "sets": told, "log": log})
        else:
            rows = [_verdict_row(n, says, "every byte is as it was promoted") for n, says in found.items()]
            if audit is None or verdict is None:
                say("files alone: there is no log here that they could be held against")
            else:
                good = f"{verdict.events:,} events, each follows from the one before; head {audit.head}"
                rows.append(_verdict_row("the log", verdict.says, good))
            show(rows, whole=["what", "whole"])
        answer(whole)


def _verdict_row(what: str, says: str, good: str) -> dict[str, Cell]:
    return {"what": what, "whole": [("no", "red") if says else ("yes", "green")], "says": says or good}


def export(
    workspace: Where,
    name: Name,
    output: Annotated[Path, typer.Option("-o", "--output", help="Where to write it.")],
    format: Annotated[str, typer.Option(help="As jsonl or pytest; docs/exports.md has all.")] = "jsonl",  # noqa: A002  # the option's name
    version: Annotated[int | None, typer.Option(help="The version's number; default: the newest.")] = None,
    branch: Branch = MAIN,
    as_json: AsJson = False,
) -> None:
    """Write the examples of a golden set for another tool."""
    with said():
        golden = Sets.of(workspace).open(name, version, branch=branch)
        written = golden.export(output, format=format)
        if as_json:
            document({**about_set(golden), "format": format, "written": str(written)})
        else:
            say(f"written: {written}, {len(golden):,} examples of {name} v{golden.version}")


def about_set(golden: GoldenSet) -> dict[str, Any]:
    """Which version it is, for a document."""
    return {
        "set": golden.name,
        "branch": golden.branch,
        "version": golden.version,
        "examples": len(golden),
        "sha256": golden.sha256,
    }
