"""Functions and calls as they stand in logs: hides the many ways in which clients and models write the two."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_CHARS = 64_000
"""How much of a text is read for schemas and calls."""

_MAX_STARTS = 200
_MAX_DEPTH = 12
_ARGUMENTS = ("arguments", "parameters", "input", "args", "kwargs", "params", "tool_input", "action_input")
_SCHEMAS = ("parameters", "input_schema", "inputSchema", "parametersJsonSchema", "args_schema", "schema")
_NAMES = ("name", "function_name", "tool_name", "tool", "action", "function")

_FENCE = re.compile(r"```[\w-]*[ \t]*\n?(.*?)(?:```|\Z)", re.DOTALL)
# models leave the closing tag out: then the next opening one ends it
_TAGGED = re.compile(
    r"<(?P<tag>tool_calls?|function_calls?|functioncall|tool_use|tools?)>(?P<body>.*?)(?:</(?P=tag)>|(?=<(?P=tag)>)|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_FUNCTION_TAG = re.compile(r"<function=(?P<name>[\w.\-]+)>(?P<body>.*?)(?:</function>|\Z)", re.DOTALL)
_SPECIAL = re.compile(r"<\|[^|<>\n]{1,40}\|>|\[/?TOOL_CALLS\]|</?s>")
_REACT = re.compile(
    r"Action:[ \t]*`?(?P<name>[\w.\-]+)`?[ \t]*\n+[ \t]*Action Input:[ \t]*(?P<body>.+?)(?=\n[ \t]*(?:Observation|Thought|Action):|\Z)",
    re.DOTALL,
)
_NAMED_JSON = re.compile(r"\A(?P<name>[A-Za-z_][\w.\-]*)[ \t]*\n\s*(?P<body>\{.*\})\s*\Z", re.DOTALL)
_PYTHON = re.compile(r"\A\s*\[?\s*[A-Za-z_][\w.\-]*\s*\(")
_IDENTIFIER = re.compile(r"[A-Za-z_][\w.\-/]*\Z")
_OPENS = re.compile(
    r"\A\s*(?:<\|[^|<>\n]{1,40}\|>\s*)*(?:```\w*\s*)?(?:<(?:tool_call|function_call|functioncall|tool_use|function=)"
    r"|\[\s*(?:[\"']?[A-Za-z_][\w.]*\(|[{\]])|\{\s*[\"'](?:name|tool_calls|function\w*|tool\w*|action|[a-z_][\w.]*)[\"']\s*:|\[TOOL_CALLS\]"
    r"|[A-Za-z_][\w.]*\([^()\n]*=[^\n]*\)?\s*\Z)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Function:
    """One function that was offered: its key (see ``name_key``), what describes it, its parameters by name."""

    key: str
    about: str
    parameters: Mapping[str, Any]
    required: tuple[str, ...]
    open: bool = False
    """Whether it takes parameters that it does not name."""


@dataclass(frozen=True)
class Call:
    """One call: its key, its arguments by name, arguments by place, and those that are no literal."""

    key: str
    arguments: Mapping[str, Any]
    places: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Parsed:
    """The calls of an output; ``opens`` if it begins like a call, ``around`` if there is prose beside them."""

    calls: tuple[Call, ...] = ()
    opens: bool = False
    around: bool = False


@dataclass(frozen=True)
class Expression:
    """An argument that is code rather than a value."""

    source: str = field(default="")


def name_key(name: str) -> str:
    """A name as it is compared: clients write "maps.find-place" as "maps_find_place"."""
    return re.sub(r"[^0-9a-z]+", "_", name.casefold()).strip("_")


def functions_in(text: str) -> tuple[Function, ...]:
    """The functions that a text describes as JSON: OpenAI's, Anthropic's, Gemini's, Bedrock's form, MCP's, or bare.

    Examples
    --------
    >>> found = functions_in('Tools: [{"name": "f", "parameters": {"type": "object", "properties": {"a": {}}}}]')
    >>> found[0].key, list(found[0].parameters)
    ('f', ['a'])
    """
    found: dict[str, Function] = {}
    for value in _values(text[:MAX_CHARS]):
        for function in _functions(value, 0):
            found.setdefault(function.key, function)
    return tuple(found.values())


def parse_calls(text: str) -> Parsed:
    """The function calls that an output makes.

    JSON in the forms of OpenAI, Anthropic, Gemini, Hermes and LangChain, a name before JSON, a ReAct action, or
    Python's own syntax, each also in a code fence or in tags.

    Examples
    --------
    >>> parse_calls('[f(a=1, b="x")]').calls
    (Call(key='f', arguments={'a': 1, 'b': 'x'}, places=()),)
    >>> parse_calls('{"tool_calls": [{"function": {"name": "f", "arguments": "{\\\\"a\\\\": 1}"}}]}').calls[0].arguments
    {'a': 1}
    """
    text = text[:MAX_CHARS]
    opens = bool(_OPENS.match(text))
    body = _SPECIAL.sub(" ", text).strip()
    tagged = [m.group("body") for m in _TAGGED.finditer(body)]
    if tagged:
        calls = [call for part in tagged for call in _calls(part.strip())]
        return Parsed(tuple(calls), True, _wordy(_TAGGED.sub(" ", body)))
    if named := list(_FUNCTION_TAG.finditer(body)):
        calls = [
            Call(name_key(m["name"]), args) for m in named if (args := _arguments(m["body"])) is not None
        ]
        return Parsed(tuple(calls), True, _wordy(_FUNCTION_TAG.sub(" ", body)))
    if actions := list(_REACT.finditer(body)):
        calls = [Call(name_key(m["name"]), _arguments(m["body"]) or {}) for m in actions]
        return Parsed(tuple(calls), True, False)
    if calls := _calls(body):
        return Parsed(tuple(calls), True, False)
    for fence in _FENCE.finditer(body):
        if calls := _calls(fence.group(1).strip()):
            return Parsed(tuple(calls), True, _wordy(body[: fence.start()] + body[fence.end() :]))
    # a call that stands on lines of its own within prose
    lines = [line.strip() for line in body.split("\n")]
    if 1 < len(lines) <= 60:
        held = [(i, _calls(line)) for i, line in enumerate(lines) if line[:1] in "[{" or line[-1:] == ")"]
        calls = [call for _, found in held for call in found]
        if calls:
            taken = {i for i, found in held if found}
            rest = "\n".join(line for i, line in enumerate(lines) if i not in taken)
            return Parsed(tuple(calls), True, _wordy(rest))
    return Parsed((), opens)


def _wordy(text: str) -> bool:
    return len(re.findall(r"[^\W\d_]{2,}", text)) >= 3


def _calls(body: str) -> list[Call]:
    """The calls that a text is, whole; none where it is anything else."""
    if body[:1] in ("{", "["):
        value = _json(body)
        if value is _NO:
            # one JSON object a line
            rows = [_json(line) for line in body.split("\n") if line.strip()]
            value = rows if len(rows) > 1 and all(isinstance(r, dict) for r in rows) else _NO
        if value is not _NO:
            return _from_json(value, 0)
    if named := _NAMED_JSON.match(body):
        arguments = _arguments(named["body"])
        return [] if arguments is None else [Call(name_key(named["name"]), arguments)]
    return _from_python(body) if _PYTHON.match(body) and body[-1:] in ")];" else []


def _from_json(value: Any, depth: int) -> list[Call]:
    if depth > _MAX_DEPTH:
        return []
    if isinstance(value, list):
        calls = []
        for item in value:
            # ["f(a=1)"]: calls within strings
            found = _calls(item.strip()) if isinstance(item, str) else _from_json(item, depth + 1)
            if not found and not (isinstance(item, dict) and item.get("type") == "text"):
                return []
            calls += found
        return calls
    if not isinstance(value, dict):
        return []
    for key in ("tool_calls", "function_calls", "calls"):
        if isinstance(value.get(key), list):
            return _from_json(value[key], depth + 1)
    for key in ("function", "function_call", "functionCall", "toolUse"):
        if isinstance(value.get(key), dict):
            return _from_json(value[key], depth + 1)
    name = next((value[k] for k in _NAMES if isinstance(value.get(k), str)), None)
    if name is not None and _IDENTIFIER.match(name):
        held = [value[k] for k in _ARGUMENTS if k in value]
        if held or set(value) == {"name"}:
            arguments = _arguments(held[0]) if held else {}
            return [] if arguments is None else [Call(name_key(name), arguments)]
    if len(value) == 1:
        # {"name": {arguments}}, or with the arguments as JSON text
        ((name, held),) = value.items()
        if _IDENTIFIER.match(name) and isinstance(held, dict | str):
            arguments = _arguments(held)
            return [] if arguments is None else [Call(name_key(name), arguments)]
    return []


def _from_python(body: str) -> list[Call]:
    """Calls that stand alone, in a list, or one after the other; anything else among them makes it a program."""
    try:
        statements = ast.parse(body.rstrip("; \n").replace("\r", "")).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    nodes: list[ast.expr] = []
    for statement in statements:
        if not isinstance(statement, ast.Expr):
            return []
        value = statement.value
        nodes += value.elts if isinstance(value, ast.List | ast.Tuple) else [value]
    calls = []
    for node in nodes:
        if not isinstance(node, ast.Call) or not (name := _dotted(node.func)):
            return []
        if name == "print" and len(node.args) == 1 and isinstance(node.args[0], ast.Call):
            node = node.args[0]
            name = _dotted(node.func)
        arguments = {k.arg: _literal(k.value) for k in node.keywords if k.arg}
        calls.append(Call(name_key(name), arguments, tuple(_literal(a) for a in node.args)))
    return calls


def _dotted(node: ast.expr) -> str:
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def _literal(node: ast.expr) -> Any:
    if isinstance(node, ast.Name) and node.id.lower() in ("true", "false", "null", "none"):
        return {"true": True, "false": False}.get(node.id.lower())
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return Expression(ast.unparse(node)[:200])


def _arguments(held: Any) -> dict[str, Any] | None:
    if isinstance(held, str):
        held = _json(held.strip()) if held.strip() else {}
    return held if isinstance(held, dict) else None


_NO: Any = object()


def _json(text: str) -> Any:
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return _NO


def _values(text: str) -> Iterator[Any]:
    """The JSON objects and arrays that stand in a text, outermost first."""
    decoder = json.JSONDecoder(strict=False)
    place = 0
    for _ in range(_MAX_STARTS):
        start = re.compile(r"[\[{]").search(text, place)
        if start is None:
            return
        try:
            value, place = decoder.raw_decode(text, start.start())
        except (ValueError, RecursionError):
            place = start.start() + 1
            continue
        yield value


def _functions(value: Any, depth: int) -> Iterator[Function]:
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, list):
        for item in value:
            yield from _functions(item, depth + 1)
    if not isinstance(value, dict):
        return
    name = value.get("name")
    schema = next((value[k] for k in _SCHEMAS if isinstance(value.get(k), dict)), None)
    if isinstance(schema, dict) and isinstance(schema.get("json"), dict):
        schema = schema["json"]  # Bedrock
    if isinstance(name, str) and name and schema is None and isinstance(value.get("properties"), dict):
        schema = value
    if isinstance(name, str) and name and schema is not None and name_key(name):
        yield _function(name, str(value.get("description") or ""), schema)
        return
    for item in value.values():
        if isinstance(item, dict | list):
            yield from _functions(item, depth + 1)


def _function(name: str, description: str, schema: Mapping[str, Any]) -> Function:
    inner = schema.get("properties")
    # some write the parameters without the object around them
    bare = {k: v for k, v in schema.items() if isinstance(v, dict)} if not isinstance(inner, dict) else {}
    parameters = dict(inner) if isinstance(inner, dict) else bare
    required = schema.get("required")
    needed = tuple(r for r in required if isinstance(r, str)) if isinstance(required, list) else ()
    return Function(
        name_key(name),
        f"{_split_name(name)} {description}",
        parameters,
        tuple(r for r in needed if r in parameters),
        open=bool(schema.get("additionalProperties")) or (not parameters and not isinstance(inner, dict)),
    )


def _split_name(name: str) -> str:
    """The words in a name: "getUserInfo" and "get_user_info" have three."""
    return re.sub(r"[^0-9A-Za-z]+", " ", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name))
