"""How values of any type become text, numbers and times: hides mixed types, broken characters, epochs and zones."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
import warnings
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from failscope.errors import ArgumentError

TEXT = pd.StringDtype(na_value=np.nan)
"""The dtype of every text column: what pandas 3 calls ``str``, made here by name so that pandas 2.3 has it too."""

NULL_BYTES = "texts with null bytes (now U+FFFD)"
SURROGATES = "texts with lone surrogates (now U+FFFD)"
UNREADABLE_TIMES = "timestamps that cannot be read"
FUTURE_TIMES = "timestamps in the future"
MONTH_FIRST = "timestamps as 06/01/2026, read month first"

_SURROGATE = re.compile("[\ud800-\udfff]")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_EPOCH = re.compile(r"-?\d{9,20}(?:\.\d+)?")
_ZONE = r"(?:\d:\d\d|T\d{2,6}).*?(?:[Zz]|UTC|GMT|(?<=[\d\s])[+-]\d\d(?::?\d\d)?)$"
_SLASHED = r"^(\d{1,2})[/.-](\d{1,2})[/.-]\d{4}"
_EXACT = 2**53
_NOT_A_TIME = np.iinfo(np.int64).min


def missing(value: Any) -> bool:
    """True for None, NaN, NaT and pandas' NA."""
    return (
        value is None
        or value is pd.NA
        or value is pd.NaT
        or (isinstance(value, float | np.floating) and value != value)
    )


def compact_json(value: Any) -> str:
    """A value as JSON text on one line that any parser reads: NaN is null, what JSON lacks is text."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_plain)
    except (ValueError, TypeError):
        return json.dumps(_tame(value), ensure_ascii=False, separators=(",", ":"), default=_plain)


def text_of(value: Any) -> str:
    """One value as text: nothing is "", true is "true", an object or a list is compact JSON."""
    if isinstance(value, str):
        return value
    if missing(value):
        return ""
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, int | float | np.integer | np.floating):
        return repr(value.item() if isinstance(value, np.generic) else value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, np.ndarray):
        return compact_json(value.tolist())
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        return compact_json(_plain(value) if isinstance(value, set | frozenset) else value)
    return str(value)


def mend(text: str, notes: Counter[str]) -> str:
    """A text that every store takes: null bytes and lone surrogates become U+FFFD, and are counted."""
    if "\x00" in text:
        notes[NULL_BYTES] += 1
        text = text.replace("\x00", "\ufffd")
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            notes[SURROGATES] += 1
            text = _SURROGATE.sub("\ufffd", text)
    return text


def as_text(series: pd.Series, *, notes: Counter[str]) -> pd.Series:
    """A column as text, never missing."""
    if isinstance(series.dtype, np.dtype) and series.dtype.kind == "f":
        # ids and codes that only became floats because one of them is missing
        values = [
            text_of(int(v)) if v == v and abs(v) < _EXACT and v == int(v) else text_of(v)
            for v in series.tolist()
        ]
    else:
        values = [v if type(v) is str else text_of(v) for v in series.tolist()]
    return pd.Series([mend(v, notes) for v in values], index=series.index, name=series.name, dtype=TEXT)


def as_number(series: pd.Series, *, notes: Counter[str]) -> pd.Series:
    """A column as float64; what is not a finite number is NaN, and counted."""
    if pd.api.types.is_numeric_dtype(series.dtype) and not pd.api.types.is_complex_dtype(series.dtype):
        values = series.to_numpy(dtype="float64", na_value=np.nan)
        told = ~np.isnan(values)
    else:
        raw = [None if missing(v) or (isinstance(v, str) and not v.strip()) else v for v in series.tolist()]
        told = np.array([v is not None for v in raw], dtype=bool)
        values = np.array([_float(v) for v in raw], dtype="float64")
    values = np.where(np.isfinite(values), values, np.nan)
    if lost := int((told & np.isnan(values)).sum()):
        notes[f"{series.name} that are not numbers"] += lost
    return pd.Series(values, index=series.index, name=series.name, dtype="float64")


def as_time(series: pd.Series, *, tz: str, notes: Counter[str]) -> pd.Series:
    """A column as UTC times to the microsecond.

    ISO 8601, RFC 2822, epochs in s, ms, us or ns told apart by magnitude. A time without a zone is in ``tz``;
    of an hour that happens twice the first is meant. What cannot be read is NaT, and counted.
    """
    zone = _zone(tz)
    if isinstance(series.dtype, pd.DatetimeTZDtype):
        out = series.dt.tz_convert("UTC")
    elif pd.api.types.is_datetime64_dtype(series.dtype):
        out = _localise(series, zone)
    else:
        out = _parse_times(series, zone, notes)
    out = out.dt.as_unit("us")
    if future := int((out > pd.Timestamp.now(tz="UTC")).sum()):
        notes[FUTURE_TIMES] += future
    return out.rename(series.name)


def as_field(series: pd.Series, *, notes: Counter[str], typed: bool = True) -> pd.Series:
    """Any other column in the plainest dtype that loses nothing: bool, int64, float64, UTC time or text.

    ``typed=False`` is for columns of a CSV, where a number is only a text that looks like one.
    """
    dtype = series.dtype
    if isinstance(dtype, np.dtype) and (dtype.kind in "b" or (dtype.kind in "iu" and dtype != np.uint64)):
        return series if dtype.kind == "b" else series.astype("int64")
    if isinstance(dtype, np.dtype) and dtype.kind == "f":
        return series.astype("float64")
    if isinstance(dtype, pd.DatetimeTZDtype) or pd.api.types.is_datetime64_dtype(dtype):
        return (
            _localise(series, "UTC")
            if not isinstance(dtype, pd.DatetimeTZDtype)
            else series.dt.tz_convert("UTC")
        ).dt.as_unit("us")
    values = series.tolist()
    if not typed and (told := [v for v in values if v != ""]):
        read = _typed(told)
        if read is not None:
            known = iter(read)
            values = [None if v == "" else next(known) for v in values]
    numbers = _numbers(values)
    return (
        as_text(series, notes=notes)
        if numbers is None
        else pd.Series(numbers, index=series.index, name=series.name)
    )


def _numbers(values: list[Any]) -> np.ndarray | None:
    """The values as one numeric array where that loses nothing."""
    told: list[Any] = [v for v in values if not missing(v)]
    if not told or any(isinstance(v, str) for v in told):
        return None
    full = len(told) == len(values)
    if all(isinstance(v, bool | np.bool_) for v in told):
        return (
            np.array(values, dtype=bool)
            if full
            else np.array([np.nan if missing(v) else float(v) for v in values])
        )
    if any(
        isinstance(v, bool | np.bool_) or not isinstance(v, int | float | np.integer | np.floating)
        for v in told
    ):
        return None
    whole = [int(v) for v in told if isinstance(v, int | np.integer)]
    if full and len(whole) == len(told):
        return np.array(values, dtype="int64") if all(-(2**63) <= v < 2**63 for v in whole) else None
    if any(abs(v) > _EXACT for v in whole):
        return None
    return np.array([np.nan if missing(v) else float(v) for v in values], dtype="float64")


def _typed(told: list[str]) -> list[Any] | None:
    if all(v in ("true", "false", "True", "False") for v in told):
        return [v.lower() == "true" for v in told]
    # a code of 16 and more digits is an identifier, and a float would change it
    if not all(len(v) <= 24 and _NUMBER.fullmatch(v) for v in told):
        return None
    if all(v.lstrip("-").isdigit() for v in told):
        return [int(v) for v in told] if all(len(v.lstrip("-")) <= 15 for v in told) else None
    return [float(v) for v in told]


def _float(value: Any) -> float:
    if value is None or isinstance(value, bool | np.bool_):
        return math.nan
    try:
        return float(value.strip() if isinstance(value, str) else value)
    except (ValueError, TypeError, OverflowError):
        return math.nan


def _zone(tz: str) -> Any:
    try:
        return pd.Timestamp("2026-01-01").tz_localize(tz).tzinfo
    except Exception as error:
        raise ArgumentError(f"tz={tz!r} is not a time zone; write it as 'UTC' or 'Europe/Zurich'") from error


def _localise(series: pd.Series, zone: Any) -> pd.Series:
    first = np.ones(len(series), dtype=bool)
    return series.dt.tz_localize(zone, ambiguous=first, nonexistent="shift_forward").dt.tz_convert("UTC")


def _parse_times(series: pd.Series, zone: Any, notes: Counter[str]) -> pd.Series:
    micros = np.full(len(series), _NOT_A_TIME, dtype="int64")
    where, texts, told = [], [], 0
    for i, value in enumerate(series.tolist()):
        if missing(value) or (isinstance(value, str) and not value.strip()):
            continue
        told += 1
        if isinstance(value, str):
            value = value.strip()
            if _EPOCH.fullmatch(value):
                value = float(value) if "." in value else int(value)
        if isinstance(value, int | float | np.integer | np.floating | Decimal) and not isinstance(
            value, bool
        ):
            micros[i] = _epoch(value)
        elif isinstance(value, str | dt.datetime | dt.date):
            where.append(i)
            texts.append(value if isinstance(value, str) else value.isoformat())
    if texts:
        micros[where] = _parse_texts(pd.Series(texts, dtype=object), zone, notes)
    if lost := told - int((micros != _NOT_A_TIME).sum()):
        notes[UNREADABLE_TIMES] += lost
    return pd.Series(micros.view("datetime64[us]"), index=series.index).dt.tz_localize("UTC")


def _epoch(value: Any) -> int:
    size = abs(value)
    # under 1e8 seconds (1973) it is a duration or a counter, not the time of a model's output
    if not 1e8 <= size < 1e20:
        return int(_NOT_A_TIME)
    if size < 1e11:
        return round(value * 1_000_000)
    if size < 1e14:
        return round(value * 1_000)
    return round(value) if size < 1e17 else int(value // 1_000)


def _parse_texts(texts: pd.Series, zone: Any, notes: Counter[str]) -> np.ndarray:
    slashed = texts.str.extract(_SLASHED).astype("float64")
    day_first = bool((slashed[0] > 12).any() and not (slashed[1] > 12).any())
    if not day_first and (n := int(slashed[0].le(12).sum())):
        notes[MONTH_FIRST] += n
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # an unknown zone's name; such a time is counted as not readable or taken as naive
        # a year has four digits; pandas would take "now" and "today" for times
        dated = texts.where(texts.str.contains(r"\d{4}"), "")
        when = pd.to_datetime(dated, format="ISO8601", utc=True, errors="coerce")
        rest = when.isna() & dated.ne("")
        if rest.any():
            when = when.astype("datetime64[us, UTC]")
            mixed = pd.to_datetime(texts[rest], format="mixed", dayfirst=day_first, utc=True, errors="coerce")
            when = when.where(~rest, mixed.astype("datetime64[us, UTC]").reindex(when.index))
    naive = ~texts.str.contains(_ZONE, regex=True)
    when = when.dt.as_unit("us")
    local = _localise(when.dt.tz_localize(None), zone)
    return when.where(~naive, local).dt.tz_localize(None).to_numpy(dtype="datetime64[us]").view("int64")


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    if isinstance(value, Mapping):
        return dict(value)
    return text_of(value)


def _tame(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _tame(v) for k, v in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_tame(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
