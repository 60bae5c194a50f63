"""Golden examples written for other tools: hides each tool's field names, and how a file gets there whole."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from failscope.errors import ArgumentError
from failscope.golden.export import records, tables
from failscope.golden.export.common import Shared, shared
from failscope.golden.export.modules import inspect_task, pytest_module
from failscope.golden.export.promptfoo import promptfoo_config
from failscope.golden.writing import replace_file

if TYPE_CHECKING:
    from failscope.golden.dataset import GoldenSet

Writer = Callable[["GoldenSet", list[Shared], Path], dict[Path, bytes]]
"""Makes the files of one format, whole, by their paths; the one that users open comes last."""


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes
    ----------
    suffixes : tuple of str
        What a file's name may end with; empty where the format is a folder.
    make : callable
        Gives the bytes of each file.
    example : str
        A name that fits, ``{}`` standing for the golden set.
    """

    suffixes: tuple[str, ...]
    make: Writer
    example: str


def write(golden: GoldenSet, path: Path, format: str) -> Path:  # noqa: A002  # as in GoldenSet.export
    """Write a golden set's examples to ``path`` and return the path; each file gets there whole or not at all.

    Equal content gives equal bytes. All examples are written; where some have neither an expected output nor a
    criterion, so that a tool has nothing to hold an answer against, a warning counts them (not for plain data, nor for
    pytest, which asks your ``accept``). ``FORMATS`` has the
    formats; docs/exports.md has the fields of each. These write a second file, before the one that is named:

    - ``"pytest"``: ``test_refunds.py`` and ``test_refunds.jsonl``
    - ``"inspect"``, named ``.py``: ``refunds.py``, a task, and ``refunds.samples.jsonl``
    - ``"huggingface"``: a folder of ``data/test.parquet`` and ``README.md``

    Raises
    ------
    ArgumentError
        An unknown format, a name that does not fit the format, or a folder with other things in it.
    """
    if format not in FORMATS:
        raise ArgumentError(
            f"format={format!r} is not known; the formats are {', '.join(map(repr, FORMATS))}"
        )
    chosen = FORMATS[format]
    _check_place(path, format, chosen, golden.name)
    examples = [shared(golden, row) for row in golden.rows]
    files = chosen.make(golden, examples, path)
    for place, content in files.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        replace_file(place, content)
    bare = sum(one.unchecked for one in examples)
    if bare and format not in ("jsonl", "pytest", "csv", "huggingface"):
        warnings.warn(
            f"{bare:,} of {len(examples):,} examples have neither an expected output nor a criterion; "
            f"they are in {path.name}, and nothing there can fail on them",
            stacklevel=3,
        )
    return path


def _check_place(path: Path, name: str, chosen: Format, golden: str) -> None:
    fitting = chosen.example.format(golden)
    if chosen.suffixes:
        if path.suffix.lower() not in chosen.suffixes:
            raise ArgumentError(
                f"{path.name!r} does not fit format {name!r}; its files end in {' or '.join(chosen.suffixes)}: {fitting!r}"
            )
        if path.is_dir():
            raise ArgumentError(f"{path} is a folder; name a file such as {fitting!r}")
        return
    if path.exists() and not path.is_dir():
        raise ArgumentError(
            f"{path} is a file, and format {name!r} is a folder; name one such as {fitting!r}"
        )
    if path.is_dir() and (other := sorted({p.name for p in path.iterdir()} - {"README.md", "data"})):
        raise ArgumentError(f"{path} holds {other[0]!r} already; name a new folder such as {fitting!r}")


def _lines(make: Callable[[GoldenSet, Shared], dict[str, object]]) -> Writer:
    def write_records(golden: GoldenSet, examples: list[Shared], path: Path) -> dict[Path, bytes]:
        return {path: records.as_json([make(golden, one) for one in examples], lines=path.suffix != ".json")}

    return write_records


FORMATS: dict[str, Format] = {
    "jsonl": Format((".jsonl",), records.native, "{}.jsonl"),
    "pytest": Format((".py",), pytest_module, "test_{}.py"),
    "csv": Format((".csv",), tables.csv, "{}.csv"),
    "promptfoo": Format((".yaml", ".yml"), promptfoo_config, "{}.yaml"),
    "inspect": Format((".jsonl", ".json", ".py"), inspect_task, "{}.jsonl"),
    "deepeval": Format((".json", ".jsonl"), _lines(records.deepeval), "{}.json"),
    "openai-evals": Format((".jsonl",), _lines(records.openai_evals), "{}.jsonl"),
    "ragas": Format((".jsonl",), _lines(records.ragas), "{}.jsonl"),
    "langsmith": Format((".jsonl", ".json"), _lines(records.langsmith), "{}.jsonl"),
    "langfuse": Format((".jsonl", ".json"), _lines(records.langfuse), "{}.jsonl"),
    "braintrust": Format((".jsonl", ".json"), _lines(records.braintrust), "{}.jsonl"),
    "phoenix": Format((".jsonl", ".json"), _lines(records.phoenix), "{}.jsonl"),
    "huggingface": Format((), tables.huggingface, "{}-dataset"),
}
"""The formats by their names."""
