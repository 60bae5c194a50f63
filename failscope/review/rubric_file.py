"""The YAML of a rubric: hides the parser, its traps and the lines at which a file is broken."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from failscope.errors import RubricError

MAX_BYTES = 262_144  # a rubric that people read in a review has a few pages
MAX_ITEMS = 200  # of one list; aliases can make a small file into a long one
_DEEP = 12  # the deepest value of a rubric is at level 6; a file of brackets would use up the stack

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class _Shape:
    """The fields of one mapping: a field's kind is "text", "whole", or a list of one kind."""

    what: str
    fields: Mapping[str, Any]
    optional: frozenset[str]


_ANCHOR = _Shape(
    "a point of a scale", {"score": "whole", "meaning": "text", "example": "text"}, frozenset({"example"})
)
_MODE = _Shape("a failure mode", {"name": "text", "definition": "text", "severity": "text"}, frozenset[str]())
_DIMENSION = _Shape(
    "a dimension",
    {"name": "text", "definition": "text", "scale": [_ANCHOR], "failure_modes": [_MODE]},
    frozenset({"failure_modes"}),
)
_RUBRIC = _Shape(
    "a rubric",
    {"name": "text", "revision": "text", "dimensions": [_DIMENSION], "measured": ["text"]},
    frozenset({"revision", "measured"}),
)


@dataclass(frozen=True)
class RubricFile:
    """What a file says, of the right types and with no field missing or unknown, and where it says it."""

    values: Mapping[str, Any]
    source: str
    lines: Mapping[Path, int]

    def broken(self, path: Path, sentence: str) -> RubricError:
        """The error to raise, with the line of the nearest thing at ``path`` that has one."""
        while path not in self.lines:
            path = path[:-1]
        return RubricError(f"{self.source}, line {self.lines[path]}: {sentence}")


def parse(text: str | bytes, *, source: str) -> RubricFile:
    """Read a rubric's YAML.

    Raises
    ------
    RubricError
        With source, line, what was found and how to mend it.
    """
    words = _decoded(text, source)
    try:
        # the loader's nodes and never its objects: nothing is built that a tag in the file asks for, and `no` is
        # seen as the word that somebody wrote
        root = _Loader(words).get_single_node()
    except yaml.YAMLError as error:
        raise _not_yaml(
            error, words, source
        ) from None  # the parser's own trace says nothing that this does not
    reader = _Reader(source)
    if root is None:
        raise reader.broken(
            1, "the file is empty; start from a built-in one: fs.Rubric.load('default').to_yaml()"
        )
    return RubricFile(reader.mapping(root, _RUBRIC, (), "the file"), source, reader.lines)


def write(values: Mapping[str, Any]) -> str:
    """Values as YAML, in the order given: the same text for the same values, and ``parse`` gives them back."""
    return yaml.dump(
        values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=100
    )


class _Loader(yaml.SafeLoader):
    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self.depth += 1
        if self.depth > _DEEP:
            raise yaml.MarkedYAMLError(problem=_TOO_DEEP, problem_mark=self.peek_event().start_mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # the style for which a diff shows the line that changed
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent)

_TOO_DEEP = "too many levels"
_MENDS = (
    (_TOO_DEEP, "a rubric has six: rubric, dimensions, dimension, scale, point, field"),
    (
        "mapping values are not allowed",
        "put a text that holds ': ' in quotes, and indent a line like its neighbours",
    ),
    ("could not find expected ':'", "write a colon and a blank after a field's name"),
    ("unexpected end of stream", "close the quote or bracket that begins here"),
    ("expected <block end>", "indent a line like its neighbours, and quote the whole of a text, not its beginning"),
    ("expected ',' or", "close the bracket that begins here"),
    ("undefined alias", "define it above with '&', or put a text that begins with '*' in quotes"),
    ("another document", "keep one rubric in a file and take the '---' out"),
    ("cannot start any token", "put a text that begins with this sign in quotes"),
    ("unknown escape", "use single quotes, in which a backslash is only a backslash"),
)  # fmt: skip
_WHERE_IT_BEGAN = ("could not find expected ':'", "unexpected end of stream", "expected ',' or")


def _decoded(text: str | bytes, source: str) -> str:
    size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "replace"))
    if size > MAX_BYTES:
        raise RubricError(
            f"{source}, line 1: over {MAX_BYTES:,} bytes are too many for a rubric; "
            "check that it is the right file, or make several rubrics of it"
        )
    if isinstance(text, str):
        return text.removeprefix("\ufeff")
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise RubricError(
            f"{source}, line {line}: byte 0x{text[error.start]:02x} is not UTF-8; save the file as UTF-8"
        ) from error


def _not_yaml(error: yaml.YAMLError, text: str, source: str) -> RubricError:
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return RubricError(
            f"{source}, line {line}: the character U+{error.character:04X} is not allowed in YAML; take it out"
        )
    problem = str(getattr(error, "problem", None) or error)
    mark = getattr(error, "problem_mark", None)
    if any(words in problem for words in _WHERE_IT_BEGAN):
        mark = getattr(error, "context_mark", None) or mark
    row = mark.line if mark else 0
    rows = text.splitlines()
    if row < len(rows) and "\t" in rows[row][: len(rows[row]) - len(rows[row].lstrip())]:
        return RubricError(
            f"{source}, line {row + 1}: the line is indented with a tab; YAML takes blanks only: put two blanks for a tab"
        )
    mend = next((mend for words, mend in _MENDS if words in problem), "compare it with a built-in rubric")
    return RubricError(f"{source}, line {row + 1}: this is not YAML ({problem}); {mend}")


class _Reader:
    """Walks the nodes with the shape beside them."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.lines: dict[Path, int] = {}

    def broken(self, line: int, sentence: str) -> RubricError:
        return RubricError(f"{self.source}, line {line}: {sentence}")

    def value(self, node: yaml.Node, kind: Any, path: Path, what: str) -> Any:
        if isinstance(kind, _Shape):
            return self.mapping(node, kind, path, what)
        self.lines[path] = _line(node)
        if isinstance(kind, list):
            return self.list(node, kind[0], path, what)
        return self.text(node, what) if kind == "text" else self.whole(node, what)

    def mapping(self, node: yaml.Node, shape: _Shape, path: Path, what: str) -> dict[str, Any]:
        self.lines[path] = _line(node)
        fields = list(shape.fields)
        if not isinstance(node, yaml.MappingNode) or node.tag != "tag:yaml.org,2002:map":
            raise self.broken(
                _line(node),
                f"{what} is {_seen(node)}; {shape.what} has fields, one a line: '{fields[0]}: ...' and so on",
            )
        out: dict[str, Any] = {}
        for key, value in node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else ""
            if name not in shape.fields:
                near = nearest(name, fields)
                raise self.broken(
                    _line(key),
                    f"{name or _seen(key)!r} is not a field of {shape.what}; "
                    + (f"did you mean {near!r}? The" if near else "the")
                    + f" fields are {', '.join(fields)}",
                )
            if name in out:
                raise self.broken(
                    _line(key),
                    f"the field {name!r} is there twice, first in line {self.lines[(*path, name)]}; keep one",
                )
            out[name] = self.value(value, shape.fields[name], (*path, name), f"{name!r}")
            self.lines[(*path, name)] = _line(key)
        for name in fields:
            if name not in out and name not in shape.optional:
                raise self.broken(_line(node), f"{shape.what} without {name!r}; add a line '{name}: ...'")
        return out

    def list(self, node: yaml.Node, kind: Any, path: Path, what: str) -> list[Any]:
        if not isinstance(node, yaml.SequenceNode) or node.tag != "tag:yaml.org,2002:seq":
            raise self.broken(
                _line(node),
                f"{what} is {_seen(node)}, not a list; begin each of its items with '- ' on a line",
            )
        if len(node.value) > MAX_ITEMS:
            raise self.broken(
                _line(node),
                f"{what} has {len(node.value):,} items, the most are {MAX_ITEMS}; make several rubrics of it",
            )
        return [
            self.value(item, kind, (*path, i), f"item {i + 1} of {what}") for i, item in enumerate(node.value)
        ]

    def text(self, node: yaml.Node, what: str) -> str:
        if isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:str":
            return str(node.value)
        written = isinstance(node, yaml.ScalarNode) and node.value
        mend = f'put it in quotes: "{node.value}"' if written else "write a text"
        raise self.broken(_line(node), f"{what} is {_seen(node)}, not a text; {mend}")

    def whole(self, node: yaml.Node, what: str) -> int:
        # YAML reads 010 as eight and 1:30 as ninety
        if (
            isinstance(node, yaml.ScalarNode)
            and node.tag == "tag:yaml.org,2002:int"
            and re.fullmatch(r"-?(0|[1-9]\d{0,15})", node.value)
        ):
            return int(node.value)
        raise self.broken(_line(node), f"{what} is {_seen(node)}; write a whole number without quotes, as 1")


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word most like this one, "" where none is."""
    return next(iter(difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)), "")


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


_KINDS = {
    "bool": "which YAML reads as true or false",
    "int": "which YAML reads as a number",
    "float": "which YAML reads as a number",
    "timestamp": "which YAML reads as a date",
    "str": "a text",
}


def _seen(node: yaml.Node) -> str:
    """What was found, in words."""
    kind = node.tag.removeprefix("tag:yaml.org,2002:")
    if not node.tag.startswith("tag:yaml.org,2002:") or kind.startswith("python/"):
        return f"tagged {node.tag!r}"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    if isinstance(node, yaml.MappingNode):
        return "a set of fields"
    if kind == "null":
        return "empty"
    shown = node.value if len(node.value) <= 40 else node.value[:39] + "…"
    return f"{shown!r}, {_KINDS.get(kind, kind)}"
