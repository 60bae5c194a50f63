"""Probes of function calls against the functions that were offered: hides reading schemas and judging arguments."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from failscope.surface.behaviour.probe import Probe
from failscope.surface.behaviour.scan import matches, scan_of, to_numpy
from failscope.surface.behaviour.schemas import (
    MAX_CHARS,
    Call,
    Expression,
    Function,
    Parsed,
    functions_in,
)
from failscope.surface.behaviour.words import STOP_WORDS

if TYPE_CHECKING:
    from failscope.surface.behaviour.scan import Scan

_OFFERS = r"""["']name["']\s*:\s*["']"""
_SCHEMA = r"""["'](?:parameters|input_schema|inputSchema|parametersJsonSchema|args_schema|schema|properties)["']\s*:\s*\{"""
_STOP = frozenset(STOP_WORDS.split())
_MAX_DEPTH = 4
_STEM = 5  # letters: "converts" and "conversion" are one, without a stemmer for each language

_TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("string", "str", "text", "char"), (str,)),
    **dict.fromkeys(("integer", "int", "long", "short", "byte", "bigint"), (int,)),
    **dict.fromkeys(("number", "float", "double", "decimal"), (int, float)),
    **dict.fromkeys(("boolean", "bool"), (bool,)),
    **dict.fromkeys(("array", "list", "tuple", "set", "arraylist"), (list, tuple)),
    **dict.fromkeys(("object", "dict", "map", "hashmap", "mapping"), (dict,)),
    "null": (type(None),),
}
_SMALL = "zero one two three four five six seven eight nine ten eleven twelve".split()  # noqa: SIM905
_SPECIFIC = re.compile(
    r"\d+(?:[.,]\d+)*|[\"“”]([^\"“”\n]{2,60})[\"“”]|(?<![.!?\n] )(?<!^)(?<![\"“(])\b[A-Z][\w'’]*[a-z][\w'’]*"
)


@dataclass(frozen=True, eq=False)
class CallFigures:
    """Per row (n,): what the probes of this module say; all 0 where no function was offered."""

    values: Mapping[str, np.ndarray]


_FLAGS = ("skipped", "broken", "wrapped", "unknown", "missing", "extra", "type", "enum", "twice")
_AMOUNTS = ("count", "unfit", "misfit", "invented", "left_out", "optional")


def call_figures(scan: Scan) -> CallFigures:
    """The figures of all rows; a text that offers functions is read once, however many rows hold it."""
    values = {name: np.zeros(scan.n) for name in (*_FLAGS, *_AMOUNTS)}
    offered: dict[int, list[Function]] = {}
    for column in ("context", "system_prompt", "input"):
        whole = scan.whole(column)
        told = np.flatnonzero(matches(whole, _OFFERS) & matches(whole, _SCHEMA))
        if not len(told):
            continue
        texts = pc.dictionary_encode(whole.take(told))
        known = [functions_in(text) for text in texts.dictionary.to_pylist()]
        for row_number, code in zip(told.tolist(), to_numpy(texts.indices), strict=True):
            offered.setdefault(row_number, []).extend(known[code])
    words: dict[str, frozenset[str]] = {}  # of each function, met in many rows
    given = {column: scan.whole(column) for column in ("output", "input", "context", "system_prompt")}
    for i, functions in offered.items():
        if functions:
            row = {name: texts[i].as_py()[:MAX_CHARS] for name, texts in given.items()}
            for name, value in _judged(functions, row, scan.parsed(row["output"].strip()), words).items():
                values[name][i] = value
    return CallFigures(values)


def _judged(
    functions: list[Function], row: Mapping[str, str], parsed: Parsed, words: dict[str, frozenset[str]]
) -> dict[str, float]:
    """What one output's calls come to; ``words`` remembers the stems of each function's description."""
    known = {f.key: f for f in functions}
    # a code block in prose that calls none of the functions is a program for the reader
    program = parsed.around and not any(_find(call.key, known) for call in parsed.calls)
    if not parsed.calls or program:
        # "[]" is the well-formed way to call nothing
        none = not row["output"].strip().strip("[]{} \n`")
        return {
            "skipped": float(bool(row["output"].strip())),
            "broken": float(parsed.opens and not none and not program),
        }
    wrong = dict.fromkeys(("unknown", "missing", "extra", "type", "enum"), 0.0)
    wanted = _stems(row["input"])
    fits = {}
    for f in known.values():
        if f.about not in words:
            words[f.about] = _stems(f.about)
        own = words[f.about]
        fits[f.key] = len(own & wanted) / len(own) if own else 0.0
    best = max(fits.values())
    unfit, misfit, filled, optional = [], [], 0, 0
    values: list[Any] = []
    for call in parsed.calls:
        function = _find(call.key, known)
        if function is None:
            wrong["unknown"] = 1
            values += _leaves([*call.arguments.values(), *call.places], 0)
            continue
        arguments = _placed(call, function)
        for name, schema in function.parameters.items():
            if name not in arguments:
                optional += name not in function.required
                wrong["missing"] = max(wrong["missing"], name in function.required)
                continue
            if name not in function.required:
                optional += 1
                filled += 1
            fault = _fault(arguments[name], schema, 0)
            if fault and not (arguments[name] is None and name not in function.required):
                wrong[fault] = 1
            if isinstance(schema, dict) and "enum" not in schema and arguments[name] != schema.get("default"):
                values += _leaves(arguments[name], 0)
        if not function.open and set(arguments) - set(function.parameters):
            wrong["extra"] = 1
        unfit.append(1 - fits[function.key])
        misfit.append(best - fits[function.key])
    said = f"{row['input']}\n{_without_schemas(row)}"
    return {
        **wrong,
        "wrapped": float(parsed.around),
        "twice": float(len({_fingerprint(c) for c in parsed.calls}) < len(parsed.calls)),
        "count": float(np.log1p(len(parsed.calls))),
        "unfit": _mean(unfit),
        "misfit": _mean(misfit),
        "invented": _invented(values, said),
        "left_out": _left_out(row["input"], parsed.calls),
        "optional": filled / optional if optional else 0.0,
    }


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _find(key: str, known: Mapping[str, Function]) -> Function | None:
    if key in known:
        return known[key]
    # "functions.get_weather": some clients put their own prefix before the name
    return next((f for name, f in known.items() if key.endswith("_" + name)), None)


def _placed(call: Call, function: Function) -> dict[str, Any]:
    """The arguments by name; those given by place take the parameters' names in their order."""
    if len(call.places) == 1 and isinstance(call.places[0], dict) and not call.arguments:
        return {str(k): v for k, v in call.places[0].items()}
    placed = dict(zip(function.parameters, call.places, strict=False))
    beyond = {f"argument {i}": v for i, v in enumerate(call.places) if i >= len(function.parameters)}
    return {**placed, **beyond, **call.arguments}


def _fault(value: Any, schema: Any, depth: int) -> str:
    """ "type" or "enum" where a value is not what its schema says, "" where it is or cannot be told."""
    if not isinstance(schema, dict) or isinstance(value, Expression) or depth > _MAX_DEPTH:
        return ""
    several = next((schema[k] for k in ("anyOf", "oneOf") if isinstance(schema.get(k), list)), None)
    if several:
        faults = [_fault(value, option, depth + 1) for option in several]
        return "" if "" in faults else faults[0]
    named = schema.get("type")
    names = [named] if isinstance(named, str) else named if isinstance(named, list) else []
    allowed = [_TYPES.get(str(name).lower().partition("<")[0]) for name in names]
    nullable = value is None and (schema.get("nullable") or schema.get("default", "") is None)
    if allowed and None not in allowed and not nullable:
        types = tuple(t for group in allowed if group for t in group)
        if not _is_a(value, types):
            return "type"
    options = schema.get("enum")
    if isinstance(options, list) and options and not nullable:
        items = (
            value
            if isinstance(value, list | tuple) and not any(isinstance(o, list) for o in options)
            else [value]
        )
        if any(str(item) not in {str(o) for o in options} for item in items):
            return "enum"
    if isinstance(value, list | tuple) and isinstance(schema.get("items"), dict):
        return next((f for item in value[:50] if (f := _fault(item, schema["items"], depth + 1))), "")
    inner = schema.get("properties")
    if isinstance(value, dict) and isinstance(inner, dict):
        return next((f for k, v in value.items() if (f := _fault(v, inner.get(k), depth + 1))), "")
    return ""


def _is_a(value: Any, types: tuple[type, ...]) -> bool:
    if isinstance(value, bool):
        return bool in types
    if isinstance(value, float) and value.is_integer() and int in types:
        return True  # JSON Schema: 1.0 is an integer
    return isinstance(value, types)


def _fingerprint(call: Call) -> str:
    return json.dumps([call.key, call.arguments, call.places], sort_keys=True, default=str).casefold()


def _stems(text: str) -> frozenset[str]:
    words = re.findall(r"[^\W_]{2,}", text.casefold())
    return frozenset(word[:_STEM] for word in words if word not in _STOP)


def _leaves(value: Any, depth: int) -> Iterator[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value[:50] if depth < _MAX_DEPTH else ():
            yield from _leaves(item, depth + 1)
    elif not isinstance(value, bool | Expression) and value is not None and value != "":
        yield value


def _invented(values: list[Any], said: str) -> float:
    """Share of argument values of which neither input nor context says a thing."""
    if not values:
        return 0.0
    text = " ".join(re.findall(r"\w+", said.casefold()))
    words = set(text.split())
    numbers = {_value(x) for x in re.findall(r"\d+(?:,\d{3})*(?:\.\d+)?", said)}
    numbers |= {float(i) for i, word in enumerate(_SMALL) if word in words}
    return _mean([not _is_said(value, text, words, numbers) for value in values])


def _is_said(value: Any, text: str, words: set[str], numbers: set[float]) -> bool:
    if isinstance(value, int | float):
        # 5% may be written .05, and a thousand 1k
        return any(abs(value) * scale in numbers for scale in (1, 100, 0.01, 0.001)) or _percent(
            value, numbers
        )
    own = re.findall(r"\w+", str(value).casefold())
    if not own or f" {' '.join(own)} " in f" {text} ":
        return True
    known = sum(w in words or (w.isdigit() and float(w[:300]) in numbers) for w in own)
    return known >= len(own) / 2


def _percent(value: float, numbers: set[float]) -> bool:
    return round(abs(value) * 100, 6) in numbers


def _value(text: str) -> float:
    return float(text.replace(",", "")[:300])


def _left_out(asked: str, calls: tuple[Call, ...]) -> float:
    """Share of the input's specifics (numbers, quotations, names within a sentence) that no argument holds."""
    specifics = {
        " ".join(re.findall(r"\w+", (m.group(1) or m.group()).casefold()))
        for m in _SPECIFIC.finditer(asked[:8000])
    }
    specifics.discard("")
    if not specifics:
        return 0.0
    held = json.dumps([[c.key, c.arguments, c.places] for c in calls], default=_source, ensure_ascii=False)
    text = " ".join(re.findall(r"[^\W_]+", held.casefold()))
    return sum(f" {s} " not in f" {text} " for s in specifics) / len(specifics)


def _source(value: Any) -> str:
    return value.source if isinstance(value, Expression) else str(value)


def _without_schemas(row: Mapping[str, str]) -> str:
    """The context and system prompt, unless they are what the schemas stand in: a schema's words are no evidence."""
    return "\n".join(row[name] for name in ("context", "system_prompt") if not re.search(_SCHEMA, row[name]))


def _read(name: str) -> Callable[[pd.DataFrame], np.ndarray]:
    return lambda frame: scan_of(frame).calls.values[name]


def _flag(name: str, key: str, says: str, *, hint: bool = True) -> Probe:
    return Probe(name, _read(key), says=says, kind="flag", hint=hint, dimension="instruction adherence")


def _amount(
    name: str, key: str, says: str, more: str, less: str, *, dimension: str = "instruction adherence"
) -> Probe:
    return Probe(name, _read(key), says=says, more=more, less=less, dimension=dimension)


PROBES = (
    _flag("call_skipped", "skipped", "calls none of the functions offered", hint=False),
    _flag("call_broken", "broken", "opens like a call and is none"),
    _flag("call_wrapped", "wrapped", "writes prose around its call", hint=False),
    _flag("call_unknown", "unknown", "calls a function that was not offered"),
    _flag("call_missing_parameter", "missing", "leaves out a parameter that its call needs"),
    _flag("call_extra_parameter", "extra", "gives its call a parameter that there is not"),
    _flag("call_wrong_type", "type", "gives its call a value of another type"),
    _flag("call_wrong_option", "enum", "gives its call a value that is not among the options"),
    _flag("call_twice", "twice", "makes the same call twice"),
    _amount("calls", "count", "function calls (log)", "several calls", "no calls"),
    _amount(
        "call_unfit",
        "unfit",
        "share of the called function's words that the input lacks",
        "calls what the question does not speak of",
        "calls what the question speaks of",
        dimension="relevance",
    ),
    _amount(
        "call_misfit",
        "misfit",
        "how much better another function fits the input",
        "another function would fit better",
        "calls the function that fits best",
        dimension="relevance",
    ),
    _amount(
        "call_invented",
        "invented",
        "share of arguments that nobody gave",
        "arguments from nowhere",
        "arguments from the input",
        dimension="factual correctness",
    ),
    _amount(
        "call_left_out",
        "left_out",
        "share of the input's names and numbers that no call holds",
        "leaves the input's details out of its calls",
        "puts the input's details into its calls",
        dimension="completeness",
    ),
    _amount(
        "call_optional",
        "optional",
        "share of the optional parameters filled in",
        "fills optional parameters",
        "leaves optional parameters out",
    ),
)
