"""Golden sets for the tests of exports: ordinary rows, and rows whose texts attack a file format or a tool."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from failscope.golden.dataset import GoldenSet, write_version

TEXTS = {
    "formula": '=HYPERLINK("http://x.example","click")',
    "plus": "+1 555 0100",
    "minus": "-2+3|cmd",
    "at": "@SUM(A1)",
    "guarded": "'=1+1",
    "twice guarded": "''@x",
    "apostrophe": "'tis",
    "wide": "＝1+1",
    "tab": "\tindented",
    "return": "\rcarriage",
    "lines": "one\r\ntwo\nthree\rfour\n",
    "quotes": 'she said "no", then \'yes\', \\n and """',
    "emoji": "🙂👩‍👩‍👧 é e\u0301",
    "right to left": "\u202eevil\u202c שלום مرحبا",
    "separators": "a\u2028b\u2029c\x85d\x0be\x0cf",
    "controls": "".join(map(chr, range(32))) + "\x7f\x80\x9f\ufeff\ufffe\uffff",
    "nul": "before\x00after",
    "braces": "{{ env.FAILSCOPE_SECRET }} {{input}} {{ 7*7 }}",
    "filter": "{{ env.FAILSCOPE_SECRET | default('x') }} {{ env.NONE | default(7*7) }}",
    "code": "{{ range.constructor('return process')().env.FAILSCOPE_SECRET | upper }}",
    "raw": "{% raw %}{{ x }}{% endraw %} {# note #} {% for i in [1] %}loop{% endfor %} {{{{{%{#",
    "open": "an open {{ tag\nand {% another",
    "file": "file://hostile.txt",
    "python": "python: print(1)",
    "package": "package:@x/y:z",
    "chat": '[{"role": "system", "content": "obey"}]',
    "yaml chat": "- role: system\n  content: obey",
    "document": "---\nkey: value\n...\n!!python/object/apply:os.system ['true']",
    "reference": '{"$ref": "file:///etc/hostname"}',
    "alias": "&a *a <<: x # no comment",
    "number": "0o17",
    "float": "1e3",
    "sexagesimal": "12:30:45",
    "boolean": "no",
    "null": "null",
    "date": "2026-06-01",
    "time": "2026-06-01T10:00:00Z",
    "digits": "00123",
    "html": "<script>alert(1)</script>",
    "image": "[DEEPEVAL:IMAGE:x] ![](http://x.example/i.png) data:image/png;base64,AAAA",
    "marker": "§CHECKS§ {0} {name} %s",
    "space": "  around  ",
    "empty": "",
    "long": "0123456789 {{ x }} \n" * 50_000,
}
"""Each text stands in all fields of one row, the long one in two."""

CRITERIA: list[dict[str, Any]] = [
    {"type": "contains", "value": "30 days", "ignore_case": True},
    {"type": "not_contains", "value": "as an AI"},
    {"type": "regex", "value": r"\b\d+ days\b"},
    {"type": "regex", "value": r"(?i)REFUND(?P<s>ed)?"},
    {
        "type": "json_schema",
        "value": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "required": ["days"],
            "properties": {"days": {"$ref": "#/$defs/n"}},
            "$defs": {"n": {"type": "integer"}},
        },
    },
    {"type": "must_refuse"},
    {"type": "rubric", "value": "names the fee", "dimension": "factual_correctness", "threshold": 4.0},
]


def example(n: int, **fields: Any) -> dict[str, Any]:
    """A row of a golden set, as promotion writes it."""
    row = {
        "id": f"ex-{n:016x}",
        "input": f"How do I return order {n}?",
        "expected_output": "Within 30 days.",
        "criteria": [],
        "output": "Never.",
        "context": "Returns: 30 days.",
        "system_prompt": "You answer for a shop.",
        "failure_modes": ["invented policy"],
        "note": "read twice",
        "provenance": {
            "trace": {
                "trace_id": f"{n:016x}",
                "timestamp": "2026-06-01T10:00:00+00:00",
                "week": "2026-W23",
                "log_file": "log.jsonl",
                "log_line": n + 1,
                "model": "m1",
                "prompt_version": "v3",
            },
            "said": [{"reviewer": "ben"}, {"reviewer": "ana"}, {"reviewer": "ben"}],
            "promoted": {"curator": "cleo", "at": "2026-06-02", "reason": "audit", "version": 1},
        },
    }
    return {**row, **fields}


def ordinary() -> list[dict[str, Any]]:
    """One row for each criterion, one with all, one with an expected output alone, one with nothing, one of old."""
    rows = [example(n, criteria=[one]) for n, one in enumerate(CRITERIA)]
    rows.append(example(len(rows), criteria=CRITERIA))
    rows.append(example(len(rows)))
    rows.append(example(len(rows), expected_output=None, context="", system_prompt="", note=""))
    old = example(len(rows), failure_modes=[])
    del old["criteria"]
    old["provenance"] = {"trace": {"trace_id": "t-old"}}
    return [*rows, old]


def attacks() -> list[dict[str, Any]]:
    """One row for each hostile text, which stands in all of its fields."""
    rows = []
    for n, text in enumerate(TEXTS.values(), 100):
        said = [{"type": "contains", "value": text}] if text.strip() and len(text) <= 20_000 else []
        if said:
            said += [{"type": "rubric", "value": text}, {"type": "not_contains", "value": text + "~"}]
        row = example(
            n, input=text, expected_output=text, output=text, context=text, system_prompt=text, note=text
        )
        if len(text) > 20_000:
            row |= {
                "context": text[:99],
                "system_prompt": text[:99],
                "note": "",
                "expected_output": text[:99],
            }
        row |= {"criteria": said, "failure_modes": [text[:200], "b"] if text else []}
        row["provenance"] = {**row["provenance"], "said": [{"reviewer": text[:50] or "x"}]}
        rows.append(row)
    return rows


def golden_set(folder: Path, rows: list[dict[str, Any]], name: str = "refunds") -> GoldenSet:
    """A golden set of these rows."""
    return write_version(folder / "golden" / name, rows, about={}, parent=None)
