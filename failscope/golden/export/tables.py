"""Formats that are tables: hides formulas in spreadsheets and types in Parquet."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from failscope.golden.export.common import Shared

if TYPE_CHECKING:
    from failscope.golden.dataset import GoldenSet

_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
"""How a cell begins that a spreadsheet may take for a formula, whatever apostrophes stand before it."""


def csv(golden: GoldenSet, examples: list[Shared], path: Path) -> dict[Path, bytes]:
    """A table for spreadsheets after RFC 4180: every text quoted, CRLF, UTF-8 with the sign that Excel looks for.

    A text that begins like a formula gets an apostrophe before it. To take it back, strip one apostrophe of every cell
    that begins with apostrophes and one of ``= + - @``, tab, CR or LF.
    """
    table = [_columns(one) for one in examples]
    names = list(_columns(examples[0])) if examples else list(_COLUMNS)
    lines = [",".join(map(_cell, names)), *(",".join(_cell(row[name]) for name in names) for row in table)]
    return {path: ("\ufeff" + "".join(line + "\r\n" for line in lines)).encode()}


_COLUMNS = ("id", "input", "expected_output", "criteria", "output", "context", "system_prompt")


def _columns(one: Shared) -> dict[str, Any]:
    rest = one.without("example_id", "criteria", "output", "context", "system_prompt")
    own = (one.id, one.input, one.expected, one.criteria, one.output, one.context, one.system_prompt)
    return {**dict(zip(_COLUMNS, own, strict=True)), **rest}


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    guard = "'" if _FORMULA.match(text) else ""
    return '"' + guard + text.replace('"', '""') + '"'


def huggingface(golden: GoldenSet, examples: list[Shared], path: Path) -> dict[Path, bytes]:
    """A folder that ``datasets.load_dataset`` loads: Parquet, because JSON there takes texts for times."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    texts = ("id", "input", "expected_output", "context", "system_prompt", "output", "note")
    table = pa.table(
        {
            **{name: pa.array([one.row.get(name) for one in examples], pa.string()) for name in texts},
            "failure_modes": pa.array([one.modes for one in examples], pa.list_(pa.string())),
            # their shape differs from row to row
            "criteria": pa.array([_dense(one.criteria) for one in examples], pa.string()),
            "provenance": pa.array([_dense(one.row.get("provenance", {})) for one in examples], pa.string()),
        }
    )
    held = io.BytesIO()
    pq.write_table(table, held, compression="zstd")
    return {
        path / "data" / "test.parquet": held.getvalue(),
        path / "README.md": _card(golden, examples).encode(),
    }


def _dense(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _card(golden: GoldenSet, examples: list[Shared]) -> str:
    import yaml

    front = yaml.safe_dump(
        {
            "configs": [
                {
                    "config_name": "default",
                    "data_files": [{"split": "test", "path": "data/test.parquet"}],
                }
            ],
            "pretty_name": f"Golden set {golden.name}",
            "tags": ["failscope", "golden-set"],
        },
        sort_keys=False,
        allow_unicode=True,
    )
    # a name is shown as text, whatever is in it
    name = re.sub(r"[^\w .-]", "_", golden.name)
    bare = sum(one.unchecked for one in examples)
    return f"""---
{front}---

# Golden set {name}, version {golden.version}

{len(examples):,} examples of what a language model got wrong in production, read and promoted by people; {bare:,} of
them have neither an expected output nor a criterion. sha256 of the version: `{golden.sha256}`. Written by failscope.

| column | holds |
| --- | --- |
| `id` | the same for the same trace in every version |
| `input`, `context`, `system_prompt` | what the model was given |
| `expected_output` | a right answer; null where nobody wrote one |
| `criteria` | JSON: what any right answer must fulfil |
| `output` | what production said: the failure |
| `failure_modes`, `note` | what reviewers called it |
| `provenance` | JSON: log file and line, how it was found, who said what, who promoted it |

The texts come from production and may hold personal data. No licence is given here; say who may use them before you
publish them.
"""
