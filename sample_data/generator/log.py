"""The log's two files: hides how a planned case becomes a row, what users did with it and the files' bytes."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterable

from . import edges
from .answers import answer, context
from .failures import CANNED, spoil, tells
from .plan import PROMPT_CHANGE, SEED, plan
from .questions import Case, compose
from .wording import Draw, lower_first, words

COLUMNS = words(
    "trace_id timestamp session_id user_id model prompt_version input output context latency_ms input_tokens output_tokens cost_usd "
    "thumbs regenerated copied escalated resolved error"
)

# A reviewer would be told of this share of a mode's rows by any weak signal.
_FLAGGED = {
    "contradicts context": 0.34, "stale fact": 0.33, "invented policy": 0.35, "leaked internal price": 0.3, "truncated": 0.45,
    "over-refusal": 0.5, "non-answer": 0.52, "tool error": 0.55, "empty output": 0.55, "repetition loop": 0.55, "wrong language": 0.48,
}  # fmt: skip
_FLAGGED_FINE = {"angry": 0.14, "rambling": 0.07, "polite": 0.035, "terse": 0.08}


def render(case: Case, *, attempt: int = 0) -> tuple[str, str, str]:
    """Input, output and context of a case."""
    ask, reply, retrieved = (Draw(SEED, 10 + part, case.number, attempt) for part in range(3))
    if case.edge == "multi-hop":
        question, good = edges.multi_hop(case, ask)
    else:
        question = edges.ask(case, ask) if case.edge or case.spec >= 0 else compose(case, ask)
        if case.mode == "wrong product" and case.device.lower() not in question.lower():
            lead = ask.say("[About|It's about|Question on] [my|the] {device}[:| –]", {"device": case.device})
            question = f"{lead} {lower_first(question)}"
        good = ""
    if case.mode:
        output = spoil(case, reply)
    elif good:
        output = good
    else:
        output = edges.reply(case, reply) if case.edge or case.spec >= 0 else answer(case, reply)
    return question, output, context(case, retrieved)


def records() -> tuple[list[dict[str, object]], list[tuple[str, str, str, str]]]:
    """The log's rows in order of time, and the planted truth of each."""
    cases = plan()
    ids = _distinct_ids(len(cases), Draw(SEED, 4))
    seen: set[str] = set()
    rows, truth = [], []
    for case, trace_id in zip(cases, ids, strict=True):
        attempt = 0
        question, output, passages = render(case)
        while _again(output, seen) or not tells(case, question, output):
            attempt += 1
            if attempt > 200:
                raise ValueError(
                    f"case {case.number} ({case.mode or 'fine'}, {case.topic}) says the same in 200 drafts; add wordings"
                )
            question, output, passages = render(case, attempt=attempt)
        seen.add(_key(output))
        row = {"trace_id": trace_id, **_facts(case, Draw(SEED, 5, case.number), question, output, passages)}
        rows.append({name: row[name] for name in COLUMNS})
        truth.append((trace_id, case.mode, case.edge, case.topic))
    return rows, truth


def _key(output: str) -> str:
    return " ".join(output.lower().split())


def _again(output: str, seen: set[str]) -> bool:
    """Whether the words were written before; empty outputs and one canned error are meant to repeat."""
    return output != CANNED and _key(output) != "" and _key(output) in seen


def _distinct_ids(n: int, draw: Draw) -> list[str]:
    ids: dict[str, None] = {}
    while len(ids) < n:
        ids[f"tr_{draw.between(16**11, 16**12 - 1):012x}"] = None
    return list(ids)


def _facts(case: Case, draw: Draw, question: str, output: str, passages: str) -> dict[str, object]:
    """Everything in a row that is not planted text: model, time taken, tokens, money, and what users did."""
    newer = draw.chance(min(0.08 * case.week, 0.6))
    newer = newer or (case.mode == "truncated" and draw.chance(0.4))
    tokens_in = round(
        (len(question) + len(passages)) / 4.3
        + (410 if case.week < PROMPT_CHANGE else 468)
        + draw.between(0, 9)
    )
    tokens_out = round(len(output.strip()) / 4.2) + draw.between(0, 3) if output.strip() else 0
    latency = (340 + 0.04 * tokens_in + tokens_out * (13.5 if newer else 17.0)) * 2 ** draw.normal(0, 0.45)
    if case.mode == "tool error" or (case.mode == "empty output" and draw.chance(0.6)):
        latency += draw.between(2_000, 12_000)
    price = (0.55e-6, 2.2e-6) if newer else (0.8e-6, 3.2e-6)
    return {
        "timestamp": case.when.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "session_id": case.session,
        "user_id": case.user,
        "model": "harrow-m-2026-05" if newer else "harrow-m-2026-02",
        "prompt_version": "v3" if case.week < PROMPT_CHANGE else "v4",
        "input": question,
        "output": output,
        "context": passages,
        "latency_ms": round(latency),
        "input_tokens": tokens_in,
        "output_tokens": tokens_out,
        "cost_usd": round(tokens_in * price[0] + tokens_out * price[1], 7),
        **_signals(case, draw),
    }


def _signals(case: Case, draw: Draw) -> dict[str, object]:
    """What users did: sparse, biased, and only loosely tied to whether the answer was right."""
    error = ""
    if case.mode == "tool error" and draw.chance(0.45):
        error = draw.pick(["tool timeout", "tool returned 5xx", "unhandled exception in tool"])
    elif case.mode == "empty output" and draw.chance(0.35):
        error = draw.pick(["stream closed early", "no content in completion"])
    elif draw.chance(0.004):
        error = draw.pick(["retrieval slow, retried", "stream closed early", "tool timeout"])
    chance = _FLAGGED.get(case.mode, 0.42) if case.mode else _FLAGGED_FINE.get(case.persona, 0.065)
    bad = draw.chance(chance) and not error
    kinds = ["thumbs", "regenerated", "escalated", "unresolved"]
    hit = {draw.pick(kinds, weights=[3, 3.5, 2.2, 2.6])} if bad else set()
    hit |= {k for k in kinds if bad and draw.chance(0.16)}
    good = not bad and not error
    thumbs = (
        -1
        if "thumbs" in hit
        else 1
        if good and draw.chance({"polite": 0.13, "angry": 0.02}.get(case.persona, 0.065))
        else None
    )
    asked = draw.chance(0.4)
    resolved = False if "unresolved" in hit else True if asked and good else None
    return {
        "thumbs": thumbs,
        "regenerated": "regenerated" in hit,
        "copied": draw.chance(0.03 if case.mode else 0.07),
        "escalated": "escalated" in hit,
        "resolved": resolved,
        "error": error,
    }


def as_jsonl(rows: Iterable[dict[str, object]]) -> bytes:
    """One JSON object a line, keys in the order of COLUMNS."""
    return "".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows).encode()


def as_gzip(data: bytes) -> bytes:
    """Gzip without a time or a name, so that the same log is the same file."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, compresslevel=9, mtime=0) as file:
        file.write(data)
    return buffer.getvalue()


def as_csv(truth: Iterable[tuple[str, str, str, str]]) -> bytes:
    """The planted truth, ordered by trace_id so that it says nothing about time."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["trace_id", "failure_mode", "edge_case", "topic"])
    writer.writerows(sorted(truth))
    return buffer.getvalue().encode()
