"""Golden examples written for other tools."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from failscope.errors import ArgumentError

if TYPE_CHECKING:
    from failscope.golden.dataset import GoldenSet


def write(golden: GoldenSet, path: Path, format: str) -> Path:  # noqa: A002  # as in GoldenSet.export
    """Write a golden set's examples to ``path`` and return the path.

    ``"jsonl"`` is one example a line with everything, provenance included. ``"pytest"`` is a test module that
    carries nothing but itself and the JSONL file beside it; it asks for two fixtures of yours, ``respond`` and
    ``accept``, and says so at its top.
    """
    if format not in FORMATS:
        raise ArgumentError(
            f"format={format!r} is not known; the formats are {', '.join(map(repr, FORMATS))}"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    return FORMATS[format](golden, path)


def _jsonl(golden: GoldenSet, path: Path) -> Path:
    lines = (json.dumps(dict(row), ensure_ascii=False, sort_keys=True) + "\n" for row in golden.rows)
    path.write_text("".join(lines), encoding="utf-8", newline="\n")
    return path


def _pytest(golden: GoldenSet, path: Path) -> Path:
    if path.suffix != ".py":
        raise ArgumentError(f"{path.name!r} is not a test module; name it test_{golden.name}.py")
    data = _jsonl(golden, path.with_suffix(".jsonl"))
    name = "".join(c if c.isalnum() else "_" for c in golden.name)
    path.write_text(
        _TEST_MODULE.format(
            name=name, data=data.name, golden=golden.name, version=golden.version, sha256=golden.sha256
        ),
        encoding="utf-8",
        newline="\n",
    )
    return path


_TEST_MODULE = '''"""Golden set {golden!r}, version {version}, sha256 {sha256}. Written by failscope; the cases are in {data}.

Define two fixtures in your conftest.py:

    @pytest.fixture(scope="session")
    def respond():
        def call(case): ...  # your system's answer to case["input"], a text
        return call

    @pytest.fixture(scope="session")
    def accept():
        def check(case, output): ...  # True when the output will do: compare it with case["expected_output"]
        return check
"""

import json
from pathlib import Path

import pytest

# split at the line feed alone: a text may hold other signs that count as line ends
CASES = [json.loads(line) for line in Path(__file__).with_name({data!r}).read_text("utf-8").split("\\n") if line]


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_{name}(case, respond, accept):
    output = respond(case)
    assert accept(case, output), f"{{case['id']}} ({{', '.join(case['failure_modes'])}}) failed again"
'''

FORMATS: dict[str, Callable[[GoldenSet, Path], Path]] = {"jsonl": _jsonl, "pytest": _pytest}
