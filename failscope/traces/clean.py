"""The checks between a log and the trace table: hides ids, duplicates, broken values and provenance."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from failscope.errors import ColumnError
from failscope.traces.columns import arrange, check_mapping, match_columns
from failscope.traces.signals import find_signals
from failscope.traces.table import (
    COLUMNS,
    NUMBER_COLUMNS,
    REJECTED_COLUMNS,
    SOURCE_COLUMNS,
    Direction,
    Traces,
)
from failscope.traces.values import TEXT, as_field, as_number, as_text, as_time, compact_json, missing

RAW_LENGTH = 2_000
EMPTY_OUTPUTS = "empty outputs"

Rejection = tuple[str, int, str, str]
"""File, line, reason and raw text of what could not be read."""

_SHA256 = "[0-9a-f]{64}"
# what the eye cannot see in a preview, or what turns the text around it
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+")


@dataclass(frozen=True, eq=False)
class Part:
    """What one source gave: its rows as they were, where each stood, the file's name and hash, and whether its values have types."""

    frame: pd.DataFrame
    lines: np.ndarray
    file: str = ""
    typed: bool = True
    sha256: str = ""


def clean_frame(
    df: pd.DataFrame,
    *,
    columns: Mapping[str, str] | None = None,
    signals: Mapping[str, Direction] | None = None,
    tz: str = "UTC",
) -> Traces:
    """Check a frame and make it the trace table; ``Traces.from_frame`` says how.

    Raises
    ------
    ColumnError
        Where no column is a usable input or output, or ``columns`` or ``signals`` name one that is not there.
    """
    part = Part(df, np.arange(1, len(df) + 1))
    return assemble([part], columns=columns, signals=signals, tz=tz)


def assemble(
    parts: Sequence[Part],
    *,
    columns: Mapping[str, str] | None = None,
    signals: Mapping[str, Direction] | None = None,
    tz: str = "UTC",
    rejected: Sequence[Rejection] = (),
    notes: Mapping[str, int] | None = None,
) -> Traces:
    """One trace table out of what one or several sources gave; each is matched to our columns by itself."""
    counted: Counter[str] = Counter(notes or {})
    log = list(
        dict.fromkeys(
            str(name)
            for part in parts
            for name in (*part.frame.index.names, *part.frame.columns)
            if name is not None
        )
    )
    check_mapping(columns, log)
    if not {"input", "output", "messages"} & match_columns(log, columns=columns).keys():
        raise ColumnError(
            f"no column holds an input or an output; the columns are {', '.join(map(repr, log)) or 'none'}; "
            "pass columns={'input': ..., 'output': ...} with two of them"
        )
    frames = [arrange(p.frame, columns=columns, keep=tuple(signals or ())) for p in parts]
    raw = pd.concat([f.astype(object) for f in frames], ignore_index=True) if len(frames) > 1 else frames[0]
    files = [name for part in parts for name in [part.file] * len(part.frame)]
    digests = [digest for part in parts for digest in [part.sha256] * len(part.frame)]
    lines = np.concatenate([part.lines for part in parts]).astype("int64")

    ids = as_text(raw["trace_id"], notes=counted).to_list() if "trace_id" in raw else [""] * len(raw)
    table = _table(raw, tz=tz, notes=counted, typed=any(p.typed for p in parts))
    refused = _without_content(table)
    keep = np.array([i not in refused for i in range(len(table))], dtype=bool)
    _make_ids(ids, table, keep)
    refused |= _duplicates(ids, table, keep, [*zip(files, lines.tolist(), strict=True)])
    keep &= np.array([i not in refused for i in range(len(table))], dtype=bool)

    rows = [
        (files[i], int(lines[i]), reason, _raw_text(raw.iloc[i])) for i, reason in sorted(refused.items())
    ]
    _trace_source(table, files, lines, digests)
    frame = table[keep].set_axis(
        pd.Index(np.array(ids, dtype=object)[keep], dtype=TEXT, name="trace_id"), axis=0
    )
    if "output" in raw and (empty := int((frame["output"] == "").sum())):
        counted[EMPTY_OUTPUTS] += empty
    found = find_signals(frame[[c for c in frame if c in raw]], signals or {})
    return Traces(
        frame,
        signals=found,
        rejected=rejections(sorted([*rejected, *rows], key=lambda r: r[:2])),
        notes=dict(sorted(counted.items())),
    )


def rejections(rows: Sequence[Rejection]) -> pd.DataFrame:
    """What could not be read, as the frame that ``Traces.rejected`` is."""
    texts = {
        "file": [r[0] for r in rows],
        "reason": [r[2] for r in rows],
        "raw": [r[3][:RAW_LENGTH] for r in rows],
    }
    out = {name: as_text(pd.Series(v, dtype=object), notes=Counter()) for name, v in texts.items()}
    out["line"] = pd.Series([r[1] for r in rows], dtype="int64")
    return pd.DataFrame(out)[list(REJECTED_COLUMNS)]


def preview(frame: pd.DataFrame) -> pd.DataFrame:
    """The few columns and characters of a trace table that fit a notebook's page."""
    shown = [c for c in ("timestamp", "input", "output", "model") if c in frame]
    out = frame[shown].copy()
    if "timestamp" in out:
        out["timestamp"] = [f"{t:%Y-%m-%d %H:%M}" if t is not pd.NaT else "" for t in frame["timestamp"]]
    for name in ("input", "output", "model"):
        if name in out:
            out[name] = [_short(text) for text in frame[name]]
    return out


def _table(raw: pd.DataFrame, *, tz: str, notes: Counter[str], typed: bool) -> pd.DataFrame:
    nothing = pd.Series([None] * len(raw), index=raw.index, dtype=object)
    out: dict[str, pd.Series] = {}
    for name in COLUMNS:
        values = raw[name] if name in raw else nothing.rename(name)
        if name == "timestamp":
            out[name] = as_time(values, tz=tz, notes=notes)
        elif name in NUMBER_COLUMNS:
            out[name] = as_number(values, notes=notes)
        else:
            out[name] = as_text(values, notes=notes)
    for name in raw.columns:
        if name == "messages":
            out[name] = as_text(raw[name], notes=notes)
        elif name not in out and name != "trace_id":
            out[name] = as_field(raw[name], notes=notes, typed=typed)
    return pd.DataFrame(out, index=raw.index)


def _without_content(table: pd.DataFrame) -> dict[int, str]:
    bare = ((table["input"] == "") & (table["output"] == "")).to_numpy(dtype=bool)
    return {int(i): "neither input nor output" for i in np.flatnonzero(bare)}


def _make_ids(ids: list[str], table: pd.DataFrame, keep: np.ndarray) -> None:
    """Give the rows without an id one made from their content, in place; equal rows are numbered."""
    without = [i for i in np.flatnonzero(keep).tolist() if not ids[i].strip()]
    taken = set(ids)
    times: Counter[str] = Counter()
    for i, content in zip(without, _contents(table, without), strict=True):
        base = ids[i] = "t-" + content[:16]
        while ids[i] in taken:
            times[base] += 1
            ids[i] = f"{base}-{times[base] + 1}"
        taken.add(ids[i])


def _duplicates(
    ids: list[str], table: pd.DataFrame, keep: np.ndarray, places: Sequence[tuple[str, int]]
) -> dict[int, str]:
    """The rows whose id an earlier row has, each with the reason for its rejection."""
    rows = np.flatnonzero(keep).tolist()
    named = pd.Series([ids[i] for i in rows], index=rows, dtype=object)
    twice = named[named.duplicated(keep=False)]
    content = dict(zip(twice.index, _contents(table, list(twice.index)), strict=True))
    first: dict[str, int] = {}
    out: dict[int, str] = {}
    for i, trace_id in zip(twice.index.tolist(), twice, strict=True):
        original = first.setdefault(trace_id, i)
        if original == i:
            continue
        file, line = places[original]
        where = f"line {line}" if file == places[i][0] else f"line {line} of {file}"
        same = content[i] == content[original]
        out[i] = (
            f"duplicate of {where}" if same else f"trace_id {trace_id} is also on {where} with other content"
        )
    return out


def _contents(table: pd.DataFrame, rows: Sequence[int]) -> list[str]:
    """A hash of each row's values by column name, whatever the order of rows and columns; provenance is not content."""
    if not len(rows):
        return []
    hashes = [hashlib.sha256() for _ in rows]
    for name in sorted(c for c in table.columns if c not in SOURCE_COLUMNS):
        column = table[name].iloc[list(rows)]
        if isinstance(column.dtype, pd.DatetimeTZDtype):
            values = ["" if v is pd.NaT else v.isoformat() for v in column]
        elif pd.api.types.is_numeric_dtype(column.dtype):
            values = ["" if np.isnan(v) else f"{v:.15g}" for v in column.to_numpy(dtype="float64")]
        else:
            values = column.to_list()
        label = name.encode()
        for value, into in zip(values, hashes, strict=True):
            if value:  # a column that is only missing here does not change who this row is
                # texts hold no null bytes any more, so they part names from values
                into.update(label + b"\x00" + value.encode() + b"\x00")
    return [h.hexdigest() for h in hashes]


def _trace_source(
    table: pd.DataFrame, files: Sequence[str], lines: np.ndarray, digests: Sequence[str]
) -> None:
    """Set where each row came from; a table that was written and read again keeps its first source."""
    file = pd.Series(files, index=table.index, dtype=TEXT)
    # a frame has no lines: its row numbers would change with its order
    line = pd.Series(np.where(file.to_numpy(dtype=object) == "", 0, lines), index=table.index, dtype="int64")
    digest = pd.Series(digests, index=table.index, dtype=TEXT)
    if {"source_file", "source_line"} <= set(table.columns):
        known = table["source_file"].astype(TEXT)
        before = pd.to_numeric(table["source_line"], errors="coerce").fillna(0).astype("int64")
        has = known.fillna("") != ""
        file, line = known.where(has, file), before.where(has, line)
        first = table.get("source_sha256", pd.Series("", table.index)).astype(TEXT)
        # the hash is of the file that is named, or it is not known
        digest = first.where(first.str.fullmatch(_SHA256, na=False), "").where(has, digest)
    table["source_file"], table["source_line"] = file, line
    if (digest != "").any():
        table["source_sha256"] = digest
    elif "source_sha256" in table:
        del table["source_sha256"]


def _raw_text(row: pd.Series) -> str:
    return compact_json({name: value for name, value in row.items() if not _absent(value)})


def _absent(value: object) -> bool:
    return missing(value) or (isinstance(value, str) and not value)


def _short(text: str, length: int = 80) -> str:
    line = _UNSEEN.sub(" ", text[: length * 4]).strip()
    return line if len(line) <= length and len(text) <= length * 4 else line[: length - 1] + "…"
