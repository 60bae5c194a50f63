"""JSON schemas from people's hands: hides that nothing is fetched, and that a check ends whatever the output is."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

from failscope.errors import ArgumentError
from failscope.golden.gate.patterns import check_pattern, compiled

SCHEMA_CHARS, SCHEMA_DEPTH = 50_000, 40
"""How long and how deep a schema may be."""
OUTPUT_CHARS = 2_000_000
"""A longer output is not read as JSON."""

_PROBE_SECONDS = 2.0
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_until: ContextVar[float] = ContextVar("failscope_schema_until", default=float("inf"))


def check_schema(schema: Any) -> dict[str, Any]:
    """A copy of a JSON schema that is one, refers to nothing outside itself and can be checked in bounded time.

    The dialect is the one that ``$schema`` names, 2020-12 where it names none. ``format`` is a note and not checked.

    Raises
    ------
    ArgumentError
    """
    if not isinstance(schema, Mapping):
        raise ArgumentError(f"the value of 'json_schema' is a JSON schema as a dict, not {schema!r:.80}")
    try:
        text = json.dumps(schema, allow_nan=False)
        if len(text) > SCHEMA_CHARS:
            raise ArgumentError(f"the JSON schema has {len(text):,} characters; at most {SCHEMA_CHARS:,}")
        copy: dict[str, Any] = json.loads(text)
        said = list(_walk(copy, SCHEMA_DEPTH))
    except (TypeError, ValueError, RecursionError) as error:
        if isinstance(error, ArgumentError):
            raise
        raise ArgumentError(f"the JSON schema is no JSON: {error}") from error
    if {"patternProperties", "unevaluatedProperties"} <= {key for key, _ in said}:
        raise ArgumentError(
            "a JSON schema with patternProperties and unevaluatedProperties is not taken; use additionalProperties"
        )
    from jsonschema.exceptions import SchemaError

    validator = _validator(text)
    try:
        type(validator).check_schema(copy)
    except SchemaError as error:
        at = "/".join(map(str, error.absolute_path)) or "its root"
        raise ArgumentError(f"the JSON schema is not valid at {at}: {error.message:.200}") from error
    _check_references(copy, {value for key, value in said if key in _REFERENCES and isinstance(value, str)})
    for probe in ("null", "true", "0", '""', "[]", "{}"):
        try:
            answer = _within(copy, json.loads(probe), _PROBE_SECONDS)
        except Exception as error:  # a keyword that its dialect reads otherwise than the schema means it
            raise ArgumentError(f"the JSON schema cannot be followed: {error!s:.200}") from error
        if answer is None:
            raise ArgumentError(
                f"the JSON schema cannot be followed: it refers to itself without end, or takes over {_PROBE_SECONDS:g} s on {probe}"
            )
    return copy


def _check_references(schema: Mapping[str, Any], references: set[str]) -> None:
    from jsonschema import Draft202012Validator
    from jsonschema.validators import validator_for
    from referencing import Registry
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import specification_with

    base = validator_for(schema, default=Draft202012Validator)
    root = specification_with(base.META_SCHEMA.get("$schema", "")).create_resource(schema)
    resolver = Registry().with_resource("", root).resolver()
    for reference in sorted(references):
        try:
            resolver.lookup(reference)
        except Unresolvable as error:
            raise ArgumentError(
                f"the JSON schema cannot be followed: {reference!r:.80} leads nowhere in it"
            ) from error


def fulfils(schema: Mapping[str, Any], output: str, *, seconds: float) -> bool | None:
    """Whether an output is JSON that fulfils a schema; None where that takes more than ``seconds``.

    The whole output is read as JSON or, where it is none, each fenced block of it until one is.
    """
    if len(output) > OUTPUT_CHARS:
        return None
    try:
        found = next(_parsed(output))
    except StopIteration:
        return False
    return _within(schema, found, seconds)


def _within(schema: Mapping[str, Any], value: Any, seconds: float) -> bool | None:
    token = _until.set(time.monotonic() + seconds)
    try:
        return bool(_validator(json.dumps(schema)).is_valid(value))
    except (TimeoutError, RecursionError, MemoryError, ArithmeticError):  # 1e400 has no remainder
        return None
    finally:
        _until.reset(token)


def _parsed(output: str) -> Iterator[Any]:
    for text in (output, *_fenced(output)):
        try:
            yield json.loads(text, parse_constant=_no_number)
        except (ValueError, RecursionError):
            continue


def _fenced(output: str) -> Iterator[str]:
    parts = output.split("```")
    for block in parts[1::2]:
        first, _, rest = block.partition("\n")
        # a language may stand behind the fence; a block on one line has none
        yield rest if first.strip().isalnum() or not first.strip() else block


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _walk(part: Any, depth: int) -> Iterator[tuple[str, Any]]:
    """The keys of a schema and what they say; what refers outside and what cannot be read in time is an error."""
    if depth < 0:
        raise ArgumentError(f"the JSON schema is more than {SCHEMA_DEPTH} levels deep")
    if isinstance(part, list):
        for item in part:
            yield from _walk(item, depth - 1)
    elif isinstance(part, dict):
        for key, value in part.items():
            yield key, value
            outside = isinstance(value, str) and not value.startswith("#")
            if key in _REFERENCES and outside:
                raise ArgumentError(
                    f"the JSON schema refers to {value!r:.80}; only references inside it, '#/$defs/...', are followed, nothing is fetched"
                )
            if key == "pattern" and isinstance(value, str):
                check_pattern(value)
            if key == "patternProperties" and isinstance(value, dict):
                for pattern in value:
                    check_pattern(pattern)
            yield from _walk(value, depth - 1)


def _search(pattern: str, text: str) -> bool:
    left = _until.get() - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return compiled(pattern).search(text, timeout=min(left, 5.0)) is not None


@lru_cache(maxsize=64)
def _validator(text: str) -> Any:
    """A validator whose every keyword asks the clock, whose patterns can be stopped, and that fetches nothing."""
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend, validator_for
    from referencing import Registry

    schema = json.loads(text)
    base = validator_for(schema, default=Draft202012Validator)
    own = {"pattern": _pattern, "patternProperties": _pattern_properties, "uniqueItems": _unique_items}
    rules = {**base.VALIDATORS, **own}
    if "additionalProperties" in rules:
        rules["additionalProperties"] = _additional(rules["additionalProperties"])
    return extend(base, {name: _timed(rule) for name, rule in rules.items()})(schema, registry=Registry())


def _timed(rule: Any) -> Any:
    def run(validator: Any, value: Any, instance: Any, schema: Any) -> Any:
        if time.monotonic() > _until.get():
            raise TimeoutError
        yield from rule(validator, value, instance, schema) or ()

    return run


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[Any]:
    if validator.is_type(instance, "string") and not _search(pattern, instance):
        yield _wrong("does not match the pattern")


def _pattern_properties(validator: Any, patterns: Any, instance: Any, schema: Any) -> Iterator[Any]:
    if validator.is_type(instance, "object"):
        for pattern, inner in patterns.items():
            for key, value in instance.items():
                if _search(pattern, key):
                    yield from validator.descend(value, inner, path=key, schema_path=pattern)


def _additional(rule: Any) -> Any:
    def run(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
        patterns = schema.get("patternProperties") or {}
        if not patterns or not validator.is_type(instance, "object"):
            yield from rule(validator, value, instance, schema) or ()
            return
        left = {k: v for k, v in instance.items() if not any(_search(p, k) for p in patterns)}
        rest = {k: v for k, v in schema.items() if k != "patternProperties"}
        yield from rule(validator, value, left, rest) or ()

    return run


def _unique_items(validator: Any, asked: Any, instance: Any, schema: Any) -> Iterator[Any]:
    if asked and validator.is_type(instance, "array"):
        # by a canonical form: comparing each with each takes hours on a long list of objects
        seen = {json.dumps(_whole(item), sort_keys=True) for item in instance}
        if len(seen) < len(instance):
            yield _wrong("has equal items")


def _whole(item: Any) -> Any:
    """1.0 is 1 in JSON Schema."""
    if isinstance(item, float) and item.is_integer():
        return int(item)
    if isinstance(item, list):
        return [_whole(part) for part in item]
    if isinstance(item, dict):
        return {key: _whole(value) for key, value in item.items()}
    return item


def _wrong(message: str) -> Any:
    from jsonschema.exceptions import ValidationError

    return ValidationError(message)
