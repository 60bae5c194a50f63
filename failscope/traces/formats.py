"""The formats of log files: hides CSV, JSON lines, JSON and Parquet behind columns of values and their lines."""

from __future__ import annotations

import csv
import json
import re
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import pandas as pd

from failscope.errors import ColumnError, DataError
from failscope.traces.clean import Part, Rejection
from failscope.traces.columns import match_columns
from failscope.traces.lines import Lines, LogBytes, Replay, encoding_of
from failscope.traces.values import mend

Kind = Literal["csv", "jsonl", "json", "parquet"]
Format = Literal["auto", "csv", "jsonl", "json", "parquet"]
FORMATS: tuple[Format, ...] = ("auto", "csv", "jsonl", "json", "parquet")
SUFFIXES: dict[str, Kind] = {
    ".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".parquet": "parquet", ".pq": "parquet",
}  # fmt: skip
"""What a file's name says of its format; ``.gz`` may follow, the first bytes have the last word."""

_HEAD = 4096
_UNCLOSED = 20
_LIMIT = threading.Lock()  # csv's limit on the length of a field is one for the whole process


def read_file(
    path: Path,
    *,
    name: str,
    format: Format,  # noqa: A002 - as in read()
    encoding: str | None,
    notes: Counter[str],
) -> tuple[Part | None, list[Rejection]]:
    """One file's rows as they are, each with its line, and what of it could not be read.

    The part is None where no row could be read.
    """
    try:
        with path.open("rb") as file:
            source = LogBytes(file)
            kind = _kind(path, source.head(_HEAD), encoding) if format == "auto" else format
            lines: Lines | None = None
            if kind == "parquet":
                part, rejected = _parquet(path, name)
            else:
                lines = Lines(source, encoding, for_csv=kind == "csv")
                part, rejected = {"csv": _csv, "jsonl": _jsonl, "json": _json}[kind](lines, name)
            if part is not None:
                part = replace(part, sha256=source.sha256())
    except OSError as error:
        raise DataError(f"{name} cannot be read: {error.strerror or error}") from error
    if lines is None:
        return part, rejected
    if lines.damaged:
        notes[f"lines with bytes that are not {lines.encoding} (now U+FFFD; encoding= says another)"] += (
            lines.damaged
        )
    if source.broken:
        at = lines.number + 1 if not lines.tail else lines.number
        rejected.append(
            (name, max(at, 1), f"the compressed file breaks off here ({source.broken})", lines.tail)
        )
    return part, rejected


def _jsonl(lines: Lines, name: str) -> tuple[Part | None, list[Rejection]]:
    rows: list[dict[str, Any]] = []
    where: list[int] = []
    rejected: list[Rejection] = []
    for line in lines:
        if not line or line.isspace():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            rejected.append((name, lines.number, _why(error), line.rstrip("\r\n")))
            continue
        if isinstance(row, dict):
            rows.append(row)
            where.append(lines.number)
        else:
            rejected.append((name, lines.number, f"not an object but {_what(row)}", line.rstrip("\r\n")))
    return _part(rows, where, name), rejected


def _json(lines: Lines, name: str) -> tuple[Part | None, list[Rejection]]:
    text = "".join(lines) + lines.tail
    lines.tail = ""
    if not text.strip():
        return None, []
    start = len(text) - len(text.lstrip())
    if text[start] == "[":
        return _json_objects(text, start + 1, name, closed="]")
    try:
        held = json.loads(text)
    except (ValueError, RecursionError):
        return _json_objects(
            text, start, name, closed=""
        )  # objects one after the other, or one that is damaged
    if not isinstance(held, dict):
        raise DataError(f"{name} holds {_what(held)}, not a list of objects")
    lists = [k for k, v in held.items() if isinstance(v, list) and v and all(isinstance(r, dict) for r in v)]
    if (
        len(lists) == 1
        and not {"input", "output", "messages"} & match_columns([k for k in held if k != lists[0]]).keys()
        and not (match_columns(lists).keys() & {"messages"})
    ):
        rows = held[lists[0]]
        return _part(rows, [1] * len(rows), name), []
    return _part([held], [1], name), []


def _json_objects(text: str, at: int, name: str, *, closed: str) -> tuple[Part | None, list[Rejection]]:
    """The objects of a list one by one, so that each has its line and damage costs only what follows it."""
    decode = json.JSONDecoder().raw_decode
    blank = re.compile(r"[\s,]*")
    rows, where, rejected = [], [], []
    line, counted = 1, 0
    while True:
        at = cast(re.Match[str], blank.match(text, at)).end()
        line, counted = line + text.count("\n", counted, at), at
        if text.startswith(closed, at) and not text[at + len(closed) :].strip():
            break
        try:
            row, end = decode(text, at)
        except (ValueError, RecursionError) as error:
            why = (
                "the list ends here without its ]"
                if at >= len(text)
                else f"the list cannot be read from here on ({_why(error)})"
            )
            rejected.append((name, line, why, text[at:]))
            break
        if isinstance(row, dict):
            rows.append(row)
            where.append(line)
        else:
            rejected.append((name, line, f"not an object but {_what(row)}", text[at:end]))
        at = end
    return _part(rows, where, name), rejected


def _csv(lines: Lines, name: str) -> tuple[Part | None, list[Rejection]]:
    with _LIMIT:
        before = csv.field_size_limit(sys.maxsize)
        try:
            return _csv_rows(Replay(lines), name)
        finally:
            csv.field_size_limit(before)


def _csv_rows(lines: Replay, name: str) -> tuple[Part | None, list[Rejection]]:
    first = next((line for line in lines if line.strip()), "")
    if not first:
        return None, []
    delimiter = max(",\t;|", key=lambda d: len(next(csv.reader([first], delimiter=d))))
    lines.give_back([lines.taken[-1]])
    lines.taken.clear()
    records = csv.reader(lines, delimiter=delimiter)
    header = [field.strip() or f"column_{i}" for i, field in enumerate(next(records), start=1)]
    if twice := [field for field, n in Counter(header).items() if n > 1]:
        raise ColumnError(
            f"{name} has {header.count(twice[0])} columns {twice[0]!r}; give each column a name of its own"
        )
    columns: list[list[str]] = []
    where: list[int] = []
    rejected: list[Rejection] = []
    unclosed = 0
    while True:
        lines.taken.clear()
        row = next(records, None)
        if row is None:
            break
        raw = "".join(line for _, line in lines.taken).rstrip("\r\n")
        if lines.ended and (lines.broken or unclosed == _UNCLOSED):
            rejected.append((name, lines.taken[0][0], "a quoted field opens here and never closes", raw))
        elif lines.ended:
            # only an open quote asks for a line after the last: that record swallowed all that follows it
            unclosed += 1
            number, raw = lines.taken[0]
            rejected.append((name, number, "a quoted field opens here and never closes", raw.rstrip("\r\n")))
            lines.give_back(lines.taken[1:])
            records = csv.reader(lines, delimiter=delimiter)
        elif len(row) == len(header):
            columns.append(row)
            where.append(lines.taken[0][0])
        elif row:
            rejected.append(
                (name, lines.taken[0][0], f"the row has {len(row)} fields, the header {len(header)}", raw)
            )
    if not columns:
        return None, rejected
    frame = pd.DataFrame(
        {h: _objects(values) for h, values in zip(header, zip(*columns, strict=True), strict=True)}
    )
    return Part(frame, np.array(where), name, typed=False), rejected


def _parquet(path: Path, name: str) -> tuple[Part | None, list[Rejection]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path).read()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise DataError(f"{name} cannot be read as Parquet: {error}") from error
    if not table.num_rows:
        return None, []
    columns: dict[str, pd.Series] = {}
    for field, column in zip(table.schema, table.columns, strict=True):
        if re.fullmatch(r"__index_level_\d+__", field.name):
            continue
        if field.name in columns:
            raise ColumnError(
                f"{name} has more than one column {field.name!r}; give each column a name of its own"
            )
        plain = pa.types.is_floating(field.type) or pa.types.is_timestamp(field.type)
        whole = pa.types.is_integer(field.type) or pa.types.is_boolean(field.type)
        if plain or (whole and not column.null_count):
            columns[field.name] = column.to_pandas()
        else:
            columns[field.name] = _objects(_values(column))
    return Part(pd.DataFrame(columns), np.arange(1, table.num_rows + 1), name), []


def _values(column: Any) -> list[Any]:
    import pyarrow as pa

    try:
        return column.to_pylist()
    except UnicodeDecodeError:
        kind = pa.large_binary() if pa.types.is_large_string(column.type) else pa.binary()
        return [None if v is None else v.decode("utf-8", "replace") for v in column.cast(kind).to_pylist()]


def _part(rows: list[dict[str, Any]], where: list[int], name: str) -> Part | None:
    if not rows:
        return None
    columns: dict[str, pd.Series] = {}
    for key in dict.fromkeys(key for row in rows for key in row):
        column = mend(key, Counter())  # pandas holds no name with a lone surrogate in it
        while column in columns:
            column += "_"
        columns[column] = _objects([row.get(key) for row in rows])
    return Part(pd.DataFrame(columns), np.array(where), name)


def _objects(values: Iterable[Any]) -> pd.Series:
    # pandas' own inference fails on lone surrogates and turns mixed numbers into floats
    return pd.Series(list(values), dtype=object)


def _kind(path: Path, head: bytes, encoding: str | None) -> Kind:
    if head[:4] == b"PAR1":
        return "parquet"
    if head[:4] in (b"PK\x03\x04", b"\xd0\xcf\x11\xe0"):
        raise DataError(
            f"{path.name} is an archive or a workbook; unpack it, or save it as CSV, JSONL or Parquet"
        )
    named = _named(path)
    text = head.decode(encoding or encoding_of(head), "replace").lstrip("\ufeff \t\r\n")
    if named in ("csv", "parquet"):
        return named
    if text.startswith("["):
        first = text.splitlines()[0].strip()
        # a line that is a whole list is a bad row of JSONL, a list that goes on is a JSON file
        return "jsonl" if named == "jsonl" and first.endswith("]") and len(text.splitlines()) > 1 else "json"
    if not text.startswith("{") or named == "jsonl":
        return named or "csv"
    first, _, rest = text.partition("\n")
    try:
        json.loads(first)
    except (ValueError, RecursionError):
        # without a name, a first line longer than the bytes looked at is an object of its own
        return "json" if named or rest else "jsonl"
    return "jsonl" if rest.strip() or not named else "json"


def _named(path: Path) -> Kind | None:
    return SUFFIXES.get(Path(path.name.lower().removesuffix(".gz")).suffix)


def _why(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"malformed JSON: {error.msg} at character {error.colno}"
    return (
        "malformed JSON: nested too deeply"
        if isinstance(error, RecursionError)
        else f"malformed JSON: {error}"
    )


def _what(value: Any) -> str:
    if isinstance(value, Mapping):
        return "an object"
    names = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
