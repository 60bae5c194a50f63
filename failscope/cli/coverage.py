"""The verb that says how much of production a golden set covers: hides what is kept of it from week to week."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from failscope.cli.golden import Branch, Name
from failscope.cli.outcome import answer, on_terminal, said
from failscope.cli.sets import MAIN, opened
from failscope.cli.terminal import Cell, document, figure, json_text, percent, say, show
from failscope.cli.weekly import AsJson, Where
from failscope.errors import ArgumentError, DataError, FailscopeError, NotFoundError

if TYPE_CHECKING:
    from failscope.golden.coverage.coverage import Coverage

_GAPS, _CANDIDATES = 12, 3
"""Topics in the table, and traces to propose that are named for each; the document of --json has all."""

_NOT_KEPT = "--before {} is not what -o coverage.json writes; make it again"


def coverage(
    workspace: Where,
    name: Name,
    since: Annotated[
        str | None, typer.Option(help="The first time, as 2026-06-01; what is earlier is `before`.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="The first time that is no longer in.")] = None,
    least: Annotated[
        float | None,
        typer.Option("--min", help="The share that is enough, as 0.7; below it the exit code is 1."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Where to keep it: coverage.json or coverage.html.")
    ] = None,
    previous: Annotated[
        Path | None, typer.Option("--before", help="The coverage.json of last time, to say what changed.")
    ] = None,
    version: Annotated[int | None, typer.Option(help="The version's number; default: the newest.")] = None,
    branch: Branch = MAIN,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Say which share of production has an example near it, what changed, and which topics have none."""
    with said():
        if least is not None and not 0 <= least <= 1:
            raise ArgumentError(f"--min {least:g} is no share; write it as 0.7")
        if output is not None and output.suffix.lower() not in {".json", ".html", ".htm"}:
            raise ArgumentError(
                f"-o {output.name!r} ends with no known suffix; name it coverage.json or coverage.html"
            )
        last = None if previous is None else _previous(previous)
        ws = opened(workspace)
        found = ws.golden(name, version, branch=branch).coverage(
            ws.traces(since=since, until=until),
            modes=ws.reviewed(),
            before=None if since is None else ws.traces(until=since),
            near=None
            if last is None
            else float(last["near"]),  # the same line, so that weeks can be compared
            random_state=seed,
            progress=on_terminal(),
        )
        if found.share != found.share:
            raise ArgumentError("every one of these traces is an example itself; widen --since and --until")
        line = _line(found, last, previous)
        data = {
            **found.to_dict(),
            "line": line,
            "min": least,
            "enough": least is None or found.share >= least,
        }
        if output is not None:
            _keep(output, data, found)
        if as_json:
            document(data)
        else:
            _show_coverage(found, line, least)
        if output is not None:
            say(f"written: {output}", err=as_json)
        answer(bool(data["enough"]))


def _previous(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_bytes())
        figures = [data[key] for key in ("share", "near", "covered", "traces")]
        for value in (*figures, data["golden"]["examples"]):
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise TypeError
        return dict(data)
    except OSError as error:
        raise NotFoundError(f"--before {path} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
        raise DataError(_NOT_KEPT.format(path)) from error


def _line(found: Coverage, last: Mapping[str, Any] | None, path: Path | None) -> str:
    try:
        return found.line(last)
    except (TypeError, KeyError, ValueError, AttributeError, IndexError, OverflowError) as error:
        if last is None or isinstance(error, FailscopeError):
            raise
        raise DataError(_NOT_KEPT.format(path)) from error


def _keep(path: Path, data: Mapping[str, Any], found: Coverage) -> None:
    from failscope.golden.writing import replace_file

    if path.suffix.lower() == ".json":
        text = json_text(data)
    else:
        title = html.escape(f"Coverage of {data['golden']['name']}")
        text = (
            "<!doctype html><html lang='en'><head><meta charset='utf-8'><meta http-equiv='Content-Security-Policy' "
            "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">"
            f"<meta name='viewport' content='width=device-width'><title>{title}</title></head>"
            f"<body><p>{html.escape(data['line'])}</p>{found._repr_html_()}</body></html>"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, f"{text}\n".encode("utf-8", "replace"))


def _show_coverage(found: Coverage, line: str, least: float | None) -> None:
    say(line)
    if least is not None:
        say(
            f"{percent(found.share)} is {'enough' if found.share >= least else 'below'}: at least {percent(least)} was asked for"
        )
    rows = found.gaps.head(_GAPS).to_dict("records")
    show((_gap_row(row) for row in rows), right=["uncovered", "traces", "fail", "gap"])
    if len(found.gaps) > _GAPS:
        say(f"and {len(found.gaps) - _GAPS:,} more topics with gaps; --json has them all")
    if len(found.stale):
        say(f"{len(found.stale):,} of {len(found.examples):,} examples are stale: no trace near them")


def _gap_row(row: Mapping[Any, Any]) -> dict[str, Cell]:
    return {
        "topic": str(row["name"]),
        "uncovered": int(row["uncovered"]),
        "traces": int(row["traces"]),
        "fail": percent(float(row["failure_rate"])),
        "gap": figure(float(row["gap"]), 1),
        "new": "new" if row["new"] else "",
        "propose": ", ".join(map(str, row["candidates"][:_CANDIDATES])),
    }
