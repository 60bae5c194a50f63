"""What people may call things, and events told in words: hides which names are safe as a folder and on a screen."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from failscope.errors import ArgumentError
from failscope.review import events as kinds
from failscope.review.assisted import ANY_FAILURE
from failscope.review.events import CLUSTER_TAG, DESK, PROPOSAL, TRACE_TAGS, Event

MAX_NAME = 120
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}


def mode_name(name: str) -> str:
    """The name of a failure mode, checked and stripped."""
    if name == ANY_FAILURE:
        raise ArgumentError(f"{ANY_FAILURE!r} is what all failure modes are together; use a name of its own")
    return short_name(name, "failure mode")


def short_name(name: str, what: str) -> str:
    """A short name that people give or bear (of a reviewer, a curator, a failure mode), checked and stripped."""
    clean = " ".join(name.split()) if isinstance(name, str) else ""
    # joiners are part of honest words and emoji; every other sign that cannot be printed stays out of names
    bare = clean.replace("\u200c", "").replace("\u200d", "")
    if not bare or len(clean) > MAX_NAME or not bare.isprintable():
        raise ArgumentError(f"{what} {name!r} is not a name; use 1 to {MAX_NAME} printable characters")
    return clean


def clean_scores(scores: Mapping[str, float]) -> dict[str, float]:
    """Dimension -> score, each a finite number."""
    out = {}
    for dimension, score in scores.items():
        try:
            value = float(score)
        except (TypeError, ValueError) as error:
            raise ArgumentError(f"score {score!r} of {dimension!r} is not a number") from error
        if not math.isfinite(value):
            raise ArgumentError(
                f"score {score!r} of {dimension!r} is not finite; leave it out if it was not judged"
            )
        out[str(dimension)] = value
    return out


def set_name(name: str) -> str:
    """The name of a golden set, checked: it becomes a folder, so it holds letters, digits, '-', '_' and '.' only."""
    ok = isinstance(name, str) and 0 < len(name) <= MAX_NAME and name[0].isalnum()
    if not ok or not all(c.isascii() and (c.isalnum() or c in "-_.") for c in name) or name.endswith("."):
        raise ArgumentError(
            f"golden set name {name!r} cannot be a folder; use letters, digits, '-', '_' and '.', as 'refunds'"
        )
    if name.split(".")[0].lower() in _DEVICES:
        raise ArgumentError(f"golden set name {name!r} is a device on Windows; use another, as 'refunds'")
    return name


def id_list(trace_ids: Iterable[str]) -> list[str]:
    """Trace ids without repeats; one text is not a list of its letters."""
    if isinstance(trace_ids, str):
        raise ArgumentError(f"trace_ids={trace_ids!r} is one text; give a list: [{trace_ids!r}]")
    return list(dict.fromkeys(trace_ids))


def describe(event: Event) -> str:
    """One event in words."""
    said = event.payload
    if event.kind == CLUSTER_TAG:
        return f"cluster {said['cluster']} is “{said['failure_mode']}”"
    if event.kind == TRACE_TAGS:
        return f"“{said['failure_mode']}” on {len(said['trace_ids']):,} traces"
    if event.kind == PROPOSAL:
        return f"{len(said['trace_ids']):,} proposed for “{said['golden']}”"
    if event.kind in DESK:
        cases = (
            f"{len(said['trace_ids']):,} cases" if len(said["trace_ids"]) != 1 else repr(said["trace_ids"][0])
        )
        match event.kind:
            case kinds.CASE_EDITED:
                done = f"edited {', '.join(sorted(said['changes'])).replace('_', ' ')} of"
            case kinds.CASE_ANSWERED:
                done = "answered on"
            case kinds.CASE_DECIDED:
                done = str(said["verdict"])
            case _:
                done = f"waived “{said['check']}” for"
        return f"{done} {cases} for “{said['golden']}”"
    parts = []
    if said.get("failure_modes") is not None:
        parts.append(", ".join(f"“{m}”" for m in said["failure_modes"]) or "fine")
    if said.get("scores"):
        parts.append("scores " + ", ".join(f"{k} {v:g}" for k, v in said["scores"].items()))
    parts += [
        word for key, word in (("note", "a note"), ("expected_output", "an expected output")) if key in said
    ]
    return f"{' and '.join(parts)} on {event.trace_id!r}"
