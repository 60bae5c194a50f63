"""How proposed cases become the next version of a golden set: hides what has to be looked at again, and who may write."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from failscope.errors import ArgumentError, GateError, NotFoundError
from failscope.golden.dataset import GoldenSet
from failscope.golden.docket import Docket
from failscope.golden.gate.checks import UNWAIVABLE
from failscope.golden.gate.gate import Gate, GateReport
from failscope.golden.lines import line_of
from failscope.golden.merging import head_of
from failscope.golden.near.index import NearIndex
from failscope.golden.versions import MAIN, Version, places, sha_of
from failscope.golden.writing import retired_by, write_lines
from failscope.traces.masking import mask

TRIES = 20
"""How often a promotion starts over because another curator's version came first."""

OPEN = ("waiting", "accepted")
"""The states of cases that a promotion looks at."""

_NAMED = 4


@dataclass(frozen=True)
class Change:
    """What the next version has in another way, and who says so."""

    lines: Mapping[str, bytes]
    retired: Mapping[str, Mapping[str, Any]]
    curator: str
    reason: str
    report: GateReport | None = None


def signed(curator: str, reason: str) -> dict[str, Any]:
    """Who makes a version, when, why and with what."""
    from failscope import __version__

    at = datetime.now(UTC).isoformat(timespec="seconds")
    return {"curator": curator, "at": at, "reason": masked(reason), "failscope": __version__}


def masked(reason: str) -> str:
    """A reason without personal data: it goes into files that are handed on."""
    return mask({"reason": reason}).texts["reason"]


def _masked(provenance: Any) -> Any:
    """A provenance, with every reason in it as ``masked`` leaves it."""
    if isinstance(provenance, Mapping):
        return {
            key: masked(value) if key == "reason" and isinstance(value, str) else _masked(value)
            for key, value in provenance.items()
        }
    return [_masked(one) for one in provenance] if isinstance(provenance, list) else provenance


def next_version(
    home: Path,
    *,
    branch: str,
    change: Callable[[Version | None], Change | None],
    alone: Callable[[], AbstractContextManager[Callable[[Version], None]]],
    base: Version | None = None,
) -> tuple[Version, Change | None]:
    """Write a version on top of the newest one, whoever made that.

    The change is worked out before other writers are kept waiting, and again when somebody was quicker.

    Parameters
    ----------
    home : Path
    branch : str
        One that is not there yet begins at the newest version of ``"main"``.
    change : callable
        Gives what is to be different from a version; None for nothing.
    alone : callable
        A context in which nobody else writes; what it gives is called with the new version.
    base : Version, optional
        The newest version, where it was read already.

    Returns
    -------
    Version, Change
        The version that holds now; no change where nothing was different.
    """
    for _ in range(TRIES):
        if base is None:
            base = head_or_main(home, branch)
        wanted = change(base)
        with alone() as done:
            if newest(home, branch) != (base.sha256 if base else ""):
                base = None
                continue
            if wanted is None:
                if base is None:
                    raise NotFoundError(f"golden set {home.name!r} has no version and nothing to make one of")
                done(base)
                return base, None
            try:
                made = write_lines(
                    home,
                    wanted.lines,
                    about=signed(wanted.curator, wanted.reason),
                    parent=base,
                    branch=branch,
                    retired=wanted.retired,
                )
            except FileExistsError:
                base = None
                continue
            done(made)
            return made, wanted
    raise ArgumentError(f"{home.name!r} is being promoted by others again and again; try once more")


def head_or_main(home: Path, branch: str) -> Version | None:
    """The newest version of a branch, or of main where the branch is not there yet."""
    head = head_of(home, branch)
    return head if head is not None or branch == MAIN else head_of(home, MAIN)


def newest(home: Path, branch: str) -> str:
    """What the newest version calls itself; "" where there is none."""
    for name in (branch, MAIN):
        line = [p for p in places(home, name) if not p.fork]
        if line:
            return sha_of(home, line[-1])
    return ""


def chosen(docket: Docket, base: Version | None, trace_ids: Sequence[str] | None) -> list[str]:
    """The proposed traces that the next version looks at: these, or all that wait or were accepted.

    Raises
    ------
    NotFoundError
        One of ``trace_ids`` is not proposed.
    ArgumentError
        One of them is rejected, sent back, retired, forgotten, or in the set as it is.
    """
    standing = docket.standing(base)
    if trace_ids is None:
        return [i for i, (state, _) in standing.items() if state in OPEN]
    for trace_id in trace_ids:
        if trace_id not in docket.words:
            raise NotFoundError(
                f"{trace_id!r} is not proposed for {docket.golden!r}; "
                f"propose first: ws.propose({docket.golden!r}, [{trace_id!r}], reviewer=...)"
            )
        if trace_id not in standing:
            raise ArgumentError(
                f"{trace_id!r} is in {docket.golden!r} as it is, or was retired or forgotten; "
                "what was retired is proposed again first"
            )
        state, why = standing[trace_id]
        if state not in OPEN:
            raise ArgumentError(f"{trace_id!r} was {state} ({why}); accept it first")
    return list(trace_ids)


def promotion(
    docket: Docket,
    base: Version | None,
    *,
    gate: Gate,
    near: NearIndex,
    curator: str,
    reason: str,
    branch: str = MAIN,
    trace_ids: Sequence[str],
) -> Change | None:
    """The examples of a version with those of these cases that the gate lets pass; None where nothing is different.

    Raises
    ------
    GateError
        There are cases, and none of them may enter.
    """
    asked = set(trace_ids)
    cases = [c for c in docket.open_cases(base, states=OPEN) if c.trace_id in asked]
    if not cases:
        return None
    report = gate.check(cases, GoldenSet.of(base) if base else None, near=near)
    passed = set(report.passed)
    if not passed:
        raise GateError(_refusal(docket.golden, report), report)
    number = 1 if base is None else int(base.manifest["version"]) + 1
    lines = base.lines.by_id() if base else {}
    for case in cases:
        if case.trace_id not in passed:
            continue
        promoted = {**signed(curator, reason), "version": number, "branch": branch}
        provenance = {
            **_masked(case.example["provenance"]),
            "gate": report.for_(case.trace_id),
            "promoted": {**promoted, "as_of": docket.as_of(case.trace_id)},
        }
        lines[str(case.example["id"])] = line_of({**case.example, "provenance": provenance})
    return Change(lines, retired_by(base, without=lines), curator, reason, report)


def retirement(base: Version | None, example_ids: Sequence[str], *, curator: str, reason: str) -> Change:
    """The examples of a version without some, which are named in its manifest with the reason."""
    there = base.lines.by_id() if base else {}
    missing = [i for i in example_ids if i not in there]
    if missing or base is None:
        raise NotFoundError(GoldenSet.of(base).missing(missing[0]) if base else "there is no version yet")
    # as fine as the log's times: a proposal a moment later is a new one
    at = datetime.now(UTC).isoformat(timespec="microseconds")
    said = {"by": curator, "at": at, "reason": masked(reason), "version": int(base.manifest["version"]) + 1}
    retired = {**retired_by(base), **dict.fromkeys(example_ids, said)}
    return Change(
        {i: line for i, line in there.items() if i not in set(example_ids)}, retired, curator, reason
    )


def warn_refused(golden: str, report: GateReport | None) -> None:
    """Say which cases did not enter; they stay proposed."""
    if report is not None and report.refused:
        warnings.warn(_refusal(golden, report), stacklevel=4)


def _refusal(golden: str, report: GateReport) -> str:
    refused = report.refused
    total = len(report.passed) + len(refused)
    named = "; ".join(f"{i} ({', '.join(checks)})" for i, checks in list(refused.items())[:_NAMED])
    more = f"; and {len(refused) - _NAMED:,} more" if len(refused) > _NAMED else ""
    counts = Counter(c for checks in refused.values() for c in checks if c not in UNWAIVABLE)
    advice = "; ".join(
        f"a curator waives with a reason: ws.desk({golden!r}).waive(trace_ids, {check!r}, by=, reason=)"
        for check, _ in counts.most_common(1)
    )
    return (
        f"the gate of {golden!r} refused {len(refused):,} of {total:,} case{'s' if total > 1 else ''}: {named}{more}; "
        f"they stay proposed. ws.desk({golden!r}).check() says why; mend them{', or ' if advice else ''}{advice}"
    )
