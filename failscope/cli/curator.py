"""The verbs with which a curator makes a version: hides how a refusal and a conflict become the answer no."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from failscope.cli.golden import Branch, Name, about_set
from failscope.cli.outcome import NO, said
from failscope.cli.sets import MAIN, opened
from failscope.cli.terminal import document, say, show
from failscope.cli.weekly import AsJson, Where, pairs
from failscope.errors import ArgumentError, GateError, MergeError

if TYPE_CHECKING:
    from failscope.golden.dataset import GoldenSet

Curator = Annotated[str, typer.Option(help="Who does it; a curator of this workspace.")]
Reason = Annotated[str, typer.Option(help="Why; it is kept in the version.")]


def promote(
    workspace: Where,
    name: Name,
    curator: Curator,
    reason: Reason,
    trace: Annotated[
        list[str] | None,
        typer.Option(help="Only this proposed trace; once for each. Default: all that wait."),
    ] = None,
    branch: Branch = MAIN,
    as_json: AsJson = False,
) -> None:
    """Make a version of the proposed cases that the gate lets pass; exit code 1 when it refuses all of them."""
    with said():
        ws = opened(workspace)
        before = _head(ws.golden, name, branch)
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings(
                    "ignore", message="the gate of", category=UserWarning
                )  # the table tells it
                golden = ws.promote(
                    name, curator=curator, reason=reason, trace_ids=trace or None, branch=branch
                )
        except GateError as error:
            rows = _refusals(error.report.refused, error.report)
            if as_json:
                document({"set": name, "branch": branch, "version": None, "new": False, "refused": rows})
            else:
                say(
                    f"the gate of {name} refused all {len(error.report.refused):,} cases; no version was made"
                )
                show(rows, whole=["check"])
            raise typer.Exit(NO) from error
        report = ws.desk(name, branch=branch).check(list(golden.refused)) if golden.refused else None
        _tell(golden, golden.sha256 != before, _refusals(golden.refused, report), as_json=as_json)


def merge(
    workspace: Where,
    name: Name,
    theirs: Annotated[
        str,
        typer.Argument(metavar="THEIRS", help="A branch, or a copy's folder, as ../clone/golden/refunds."),
    ],
    curator: Curator,
    reason: Reason = "",
    prefer: Annotated[
        list[str] | None,
        typer.Option(help="ours or theirs for every example that both changed, or ID=theirs; once for each."),
    ] = None,
    branch: Branch = MAIN,
    as_json: AsJson = False,
) -> None:
    """Bring a branch or another copy's versions in; exit code 1 when both sides changed an example."""
    with said():
        ws = opened(workspace)
        before = _head(ws.golden, name, branch)
        try:
            golden = ws.merge(
                name, theirs, curator=curator, reason=reason, branch=branch, prefer=_preferred(prefer)
            )
        except MergeError as error:
            if as_json:
                document({"set": name, "branch": branch, "version": None, "new": False, "says": str(error)})
            else:
                say(f"not merged: {error}")
            raise typer.Exit(NO) from error
        _tell(golden, golden.sha256 != before, [], as_json=as_json)


def retire(
    workspace: Where,
    name: Name,
    examples: Annotated[
        list[str], typer.Argument(metavar="EXAMPLES...", help="Ids of examples, as ex-0123456789abcdef.")
    ],
    curator: Curator,
    reason: Reason,
    branch: Branch = MAIN,
    as_json: AsJson = False,
) -> None:
    """Make a version without some examples; earlier versions keep them, and the reason stays in the new one."""
    with said():
        ws = opened(workspace)
        golden = ws.retire(name, examples, curator=curator, reason=reason, branch=branch)
        retired = list(dict.fromkeys(examples))
        if as_json:
            document({**about_set(golden), "new": True, "retired": retired})
            return
        _tell(golden, True, [], as_json=False)
        say(f"retired: {', '.join(retired)}")


def _head(golden: Any, name: str, branch: str) -> str:
    from failscope.errors import NotFoundError

    try:
        return str(golden(name, branch=branch).sha256)
    except NotFoundError:
        return ""


def _tell(golden: GoldenSet, new: bool, refused: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        document({**about_set(golden), "new": new, "refused": refused})
        return
    on = "" if golden.branch == MAIN else f" on {golden.branch}"
    made = "made" if new else "holds already, nothing is different"
    say(f"{golden.name} v{golden.version}{on} {made}: {len(golden):,} examples, sha256 {golden.sha256[:12]}…")
    show(refused, whole=["check"])


def _refusals(refused: Mapping[str, Any], report: Any) -> list[dict[str, Any]]:
    """One row a case and check that it did not pass."""
    rows = []
    for trace_id, checks in refused.items():
        told = report.for_(trace_id)  # without words of other cases, which a log of CI should not hold
        for check in checks:
            says = "" if told[check]["passed"] else told[check]["says"]
            rows.append({"trace_id": trace_id, "check": check, "says": says})
    return rows


def _preferred(given: list[str] | None) -> Any:
    if given and len(given) == 1 and given[0] in ("ours", "theirs"):
        return given[0]
    chosen = pairs(given, "--prefer", "ex-0123456789abcdef=theirs")
    wrong = [side for side in chosen.values() if side not in ("ours", "theirs")]
    if wrong:
        raise ArgumentError(f"--prefer {wrong[0]!r} is no side; the sides are ours and theirs")
    return chosen or None
