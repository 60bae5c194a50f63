"""The verbs of the week: a log is read into a workspace, its traces are grouped, a review's report is written."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from failscope.cli.outcome import answer, on_terminal, said
from failscope.cli.sets import opened
from failscope.cli.terminal import document, figure, percent, plain, say, show
from failscope.errors import ArgumentError

WORKSPACE = "The workspace's folder, or its postgresql:// address."
AS_JSON = "Print one JSON document, of ASCII, on standard output."
_SHOWN = 20
"""Rejected rows that are named; the document of --json has all."""

Where = Annotated[str, typer.Argument(metavar="WORKSPACE", help=WORKSPACE)]
AsJson = Annotated[bool, typer.Option("--json", help=AS_JSON)]


def read(
    workspace: Annotated[
        str, typer.Argument(metavar="WORKSPACE", help=f"{WORKSPACE} Made when it is not there.")
    ],
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILES", help="CSV, TSV, JSONL, JSON or Parquet, also .gz; or folders."),
    ],
    columns: Annotated[
        list[str] | None, typer.Option(help="Ours=theirs, as input=prompt; once for each column.")
    ] = None,
    signals: Annotated[
        list[str] | None, typer.Option(help="Column=good or =bad: what a high value means; once for each.")
    ] = None,
    format: Annotated[str, typer.Option(help="auto, csv, jsonl, json or parquet.")] = "auto",  # noqa: A002  # the option's name
    tz: Annotated[str, typer.Option(help="The time zone of timestamps that name none.")] = "UTC",
    strict: Annotated[
        bool,
        typer.Option(
            "--strict", help="Exit code 1 when a row was rejected; the others are kept all the same."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Read logs into a workspace; reading them again changes nothing."""
    with said():
        from failscope.traces.read import read as read_log
        from failscope.workspace import Workspace

        traces = read_log(
            files,
            columns=pairs(columns, "--columns", "input=prompt"),
            signals=cast(Any, pairs(signals, "--signals", "thumbs=good")),
            format=cast(Any, format),
            tz=tz,
            progress=on_terminal(),
        )
        added = Workspace(workspace).add(traces)
        rejected = traces.rejected[["file", "line", "reason"]].to_dict("records")
        counts = {
            "new": added.new,
            "known": added.known,
            "updated": added.updated,
            "conflicting": len(added.conflicting),
            "rejected": len(rejected),
            "forgotten": added.forgotten,
        }
        if as_json:
            document(
                {
                    **counts,
                    "read": len(traces),
                    "conflicting_ids": added.conflicting,
                    "rejected_rows": rejected,
                    "notes": traces.notes,
                    "signals": traces.signals,
                }
            )
        else:
            say(f"{len(traces):,} traces read: " + ", ".join(f"{n:,} {what}" for what, n in counts.items()))
            meant = ", ".join(f"{column} ({high})" for column, high in traces.signals.items())
            say(f"signals, and what a high value means: {meant or 'none'}")
            for note, n in traces.notes.items():
                say(f"{note}: {n:,}")
            if added.conflicting:
                say(f"kept as first added, since their texts differ: {', '.join(added.conflicting[:_SHOWN])}")
            if rejected:
                show(({str(k): v for k, v in row.items()} for row in rejected[:_SHOWN]), right=["line"])
            if len(rejected) > _SHOWN:
                say(f"and {len(rejected) - _SHOWN:,} more rejected; ws.rejected has them all")
        answer(not (strict and rejected))


def cluster(
    workspace: Where,
    since: Annotated[str | None, typer.Option(help="The first time, as 2026-06-01.")] = None,
    until: Annotated[
        str | None, typer.Option(help="The first time that is no longer in, as 2026-06-08.")
    ] = None,
    view: Annotated[
        str, typer.Option(help="behaviour, response, topic, residual, or joint as topic+behaviour.")
    ] = "behaviour",
    name: Annotated[
        str | None, typer.Option(help="What it is saved as; default: the view and the times.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Group the traces of a workspace, save the groups under a name and print them, the most suspicious first."""
    with said():
        from failscope.surface.grouping import cluster as find

        ws = opened(workspace)
        traces = ws.traces(since=since, until=until)
        if not len(traces):
            raise ArgumentError(
                f"there are no traces with since={since!r} and until={until!r}; widen them, or read a log first"
            )
        found = find(traces, view, random_state=seed, progress=on_terminal())
        named = name or view + (f" from {since}" if since else "") + (f" until {until}" if until else "")
        ws.save_clustering(named, found)
        rows = found.summary().reset_index().to_dict("records")
        if as_json:
            about = {"name": named, "id": found.id, "view": found.view, "traces": len(found)}
            document({**about, "random_state": seed, "note": found.note, "clusters": rows})
            return
        say(f"{len(found):,} traces, view {found.view}, seed {seed}, saved as “{named}”")
        show((_cluster_row(row) for row in rows), right=["size", "share", "lift", "stability"])
        say(found.note)


def _cluster_row(row: Mapping[Any, Any]) -> dict[str, Any]:
    low, high = float(row["lift_low"]), float(row["lift_high"])
    lift = figure(float(row["lift"]), 1) + ("" if math.isnan(low) else f" ({low:.1f} to {high:.1f})")
    return {
        "cluster": "noise" if row["cluster"] == -1 else str(row["cluster"]),
        "name": row["name"],
        "size": int(row["size"]),
        "share": percent(float(row["share"])),
        "lift": lift,
        "stability": figure(float(row["stability"])),
    }


def report(
    workspace: Where,
    review: Annotated[str, typer.Argument(metavar="REVIEW", help="The review's name, as 2026-W23.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Where to write it: report.html or report.md.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print every figure of it as JSON.")] = False,
    now: Annotated[
        str | None, typer.Option(help="When it says that it was made; the same one gives the same bytes.")
    ] = None,
) -> None:
    """Write what a review found on one page. Without -o and --json it is printed as Markdown."""
    with said():
        ws = opened(workspace)
        if output is not None and output.suffix.lower() not in {".html", ".htm", ".md"}:
            raise ArgumentError(
                f"-o {output.name!r} ends with no known suffix; name it report.html or report.md"
            )
        made = ws.report(review, now=now)
        if output is not None:
            made.save(output)
            say(f"written: {output}", err=as_json)
        if as_json:
            print(json.dumps(made.data, indent=2, sort_keys=True))  # ASCII: every other sign is escaped
        elif output is None:
            print(plain(made.markdown))


def pairs(given: Sequence[str] | None, option: str, example: str) -> dict[str, str]:
    """``["input=prompt"]`` as a mapping."""
    out: dict[str, str] = {}
    for one in given or ():
        name, sign, value = one.partition("=")
        if not (sign and name.strip() and value.strip()):
            raise ArgumentError(f"{option} {one!r} is no pair; write it as {option} {example}")
        if name.strip() in out:
            raise ArgumentError(f"{option} names {name.strip()!r} twice; once is enough")
        out[name.strip()] = value.strip()
    return out
