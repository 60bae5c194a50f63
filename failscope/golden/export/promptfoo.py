r"""A promptfoo configuration: hides what it would take for a template, a file or a reference, so that texts stay texts.

promptfoo renders Nunjucks in every text of a configuration, some of it twice, and reads files that a text names:
``{{ env.KEY }}`` from a production log would put a secret into a prompt. A text with such signs is written as
``parts``, a list of pieces that hold none of them, and the prompt and the assertions of the file join the pieces
where they are used. Checked against promptfoo 0.121.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from failscope.errors import ArgumentError
from failscope.golden.export.common import Shared

if TYPE_CHECKING:
    from failscope.golden.dataset import GoldenSet

_SIGNS = ("{{", "{%", "{#")
_PLACES = ("file://", "package:")
_PIECES = re.compile(r"(?<=\{)(?=[{%#])|(?<=^.)(?=ile://|ackage:)", re.S)


def promptfoo_config(golden: GoldenSet, examples: list[Shared], path: Path) -> dict[Path, bytes]:
    """One file that ``promptfoo eval -c`` runs; its provider echoes the prompt until another is named."""
    config = {
        "description": f"{golden.name} v{golden.version}".replace("{", "("),
        "prompts": [{"label": "as production asked", "raw": _PROMPT}],
        "providers": ["echo"],
        # else promptfoo sends what a judge reads to OpenAI when a key is set, and an echoed rubric passes
        "defaultTest": {"options": {"provider": "echo", "rubricPrompt": _NO_JUDGE}},
        "tests": [_test(one) for one in examples],
    }
    bare = sum(one.unchecked for one in examples)
    return {path: (_HEAD.format(count=len(examples), bare=bare) + "".join(_yaml(config))).encode()}


_HEAD = """\
# A golden set of failscope: {count} examples, {bare} of them without anything to hold an answer against.
#
# providers: "echo" answers with the prompt; name your own.
# defaultTest: the judge of rubrics and expected outputs; put a model in the place of "echo" and delete rubricPrompt.
# vars: input, system_prompt, context, expected_output. The prompt below sends the first two; put the context in as
#   your system does. A text with template signs is a list of parts, which promptfoo does not expand;
#   {{{{ ((input.parts | join) if input.parts else input) }}}} is its text in a prompt of your own.
"""

_NO_JUDGE = "no judge is named: see the head of this file"

# a JSON prompt with escaped braces: older promptfoo renders a prompt twice, and none reads it as YAML
_TEXT = r'{{ ((NAME.parts | join) if NAME.parts else NAME) | dump | replace("{", "\\u007b") }}'
_PROMPT = (
    '[{% if system_prompt %}{"role": "system", "content": '
    + _TEXT.replace("NAME", "system_prompt")
    + '},{% endif %}\n{"role": "user", "content": '
    + _TEXT.replace("NAME", "input")
    + "}]\n"
)


def _test(one: Shared) -> dict[str, Any]:
    held: list[str] = []

    def literal(text: str) -> str:
        if not _expands(text):
            return text
        held.append(text)
        return f"{{{{ criteria[{len(held) - 1}].parts | join }}}}"

    asserts = [_assertion(criterion, literal) for criterion in one.criteria]
    if not asserts and one.expected is not None:
        wanted = one.expected
        # a judge has nothing to compare with where nothing is the right answer
        asserts = [
            {"type": "factuality", "value": literal(wanted)} if wanted else {"type": "equals", "value": ""}
        ]
    variables = {
        "input": one.input,
        "system_prompt": one.system_prompt,
        "context": one.context,
        **({} if one.expected is None else {"expected_output": one.expected}),
        **({"criteria": held} if held else {}),
    }
    return {
        "description": ", ".join([one.id, *(mode for mode in one.modes if not _expands(mode))]),
        "vars": _inert(variables),
        **({"assert": asserts} if asserts else {}),
        "metadata": _inert(_without_references(one.without("system_prompt", "context"))),
    }


def _assertion(criterion: dict[str, Any], literal: Any) -> dict[str, Any]:
    kind = criterion["type"]
    value: Any = criterion.get("value")
    if kind in ("contains", "not_contains"):
        name = ("i" if criterion.get("ignore_case") else "") + "contains"
        return {"type": ("not-" if kind == "not_contains" else "") + name, "value": literal(value)}
    if kind == "regex":
        if _PYTHON_ONLY.search(value):
            found = f"__import__('re').search({value!a}, output) is not None"
            return {"type": "python", "value": literal(found)}
        return {"type": "regex", "value": literal(value)}
    if kind == "json_schema":
        # as a text: promptfoo follows a "$ref" of an object; it knows draft 7 alone by its name
        schema = {key: part for key, part in value.items() if key != "$schema"}
        return {"type": "is-json", "value": literal(json.dumps(schema)), "transform": _UNFENCED}
    if kind == "must_refuse":
        return {"type": "is-refusal"}
    if kind == "rubric":
        dimension, threshold = criterion.get("dimension") or "", criterion.get("threshold")
        named = {"metric": dimension} if dimension and not _expands(dimension) else {}
        # promptfoo's judge scores from 0 to 1; a dimension has a scale of its own, and its threshold is in the metadata
        least = {"threshold": threshold} if threshold is not None and not dimension and threshold <= 1 else {}
        return {"type": "llm-rubric", "value": literal(value), **named, **least}
    raise ArgumentError(
        f"a criterion of type {kind!r} has no assertion in promptfoo; a later failscope wrote this set, export with that one"
    )


_PYTHON_ONLY = re.compile(r"\(\?[aiLmsux#P(-]|\\[AZ]|[*+?}]\+|\(\?>|\{,|\[\^?\]|\\[aNU]")
"""What Python's patterns have and JavaScript's lack."""

_UNFENCED = (
    "((t) => { try { JSON.parse(t); return t } catch {} "
    "for (const b of t.split('```').filter((_, i) => i % 2)) for (const x of [b.replace(/^[^\\n]*\\n/, ''), b]) "
    "{ try { JSON.parse(x); return x } catch {} } return t })"
    "(typeof output === 'string' ? output : JSON.stringify(output))"
)
"""The JSON of an answer, as the gate reads it: the whole, or the first fenced block that is JSON."""


def _expands(text: str) -> bool:
    """promptfoo would not leave this text as it is; it also strips a line feed at the end."""
    return any(sign in text for sign in _SIGNS) or text.startswith(_PLACES) or text.endswith("\n")


def _inert(value: Any) -> Any:
    if isinstance(value, str):
        return {"parts": _PIECES.split(value)} if _expands(value) else value
    if isinstance(value, list):
        return [_inert(item) for item in value]
    if isinstance(value, dict):
        return {key: _inert(item) for key, item in value.items()}
    return value


def _without_references(about: dict[str, Any]) -> dict[str, Any]:
    """Schemas as texts, for the same reason as in the assertions."""
    criteria = [
        {**one, "value": json.dumps(one["value"])} if one["type"] == "json_schema" else one
        for one in about["criteria"]
    ]
    return {**about, "criteria": criteria}


def _yaml(value: Any, indent: str = "") -> Iterator[str]:
    """Block YAML, its texts as JSON writes them, which YAML 1.1 and 1.2 both read.

    PyYAML takes seconds for a megabyte, and leaves bare what is a text in its YAML 1.1 and a number in promptfoo's 1.2.
    """
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield f"{indent}{key if _WORD.fullmatch(key) else _quoted(key)}:{_opens(item)}"
            yield from _nested(item, indent + "  ")
    elif isinstance(value, list) and value:
        for item in value:
            yield f"{indent}-{_opens(item)}"
            yield from _nested(item, indent + "  ")


def _opens(item: Any) -> str:
    """What stands on the line of a key or a dash."""
    return "\n" if isinstance(item, dict | list) and item else f" {_quoted(item)}\n"


def _nested(item: Any, indent: str) -> Iterator[str]:
    return _yaml(item, indent) if isinstance(item, dict | list) else iter(())


def _quoted(value: Any) -> str:
    said = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match.group()):04x}", said)


_WORD = re.compile(r"(?!(?:yes|no|on|off|true|false|null)$)[a-z][A-Za-z_]+[a-z0-9]*")
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
"""What JSON leaves as it is and YAML does not take, or takes for a line end."""
