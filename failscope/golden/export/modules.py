"""Exports that are Python: hides how a module that needs no failscope checks what a machine can check."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from failscope.golden.export import records
from failscope.golden.export.common import Shared

if TYPE_CHECKING:
    from failscope.golden.dataset import GoldenSet


def pytest_module(golden: GoldenSet, examples: list[Shared], path: Path) -> dict[Path, bytes]:
    """A test module and the cases beside it; it asks for your fixtures ``respond`` and, where needed, ``accept``."""
    data = path.with_suffix(".jsonl")
    return {**records.native(golden, examples, data), path: _filled(_PYTEST, golden, data)}


def inspect_task(golden: GoldenSet, examples: list[Shared], path: Path) -> dict[Path, bytes]:
    """Samples of Inspect AI and, when the name ends in ``.py``, a task that runs and scores them."""
    samples = [records.inspect(golden, one) for one in examples]
    if path.suffix != ".py":
        return {path: records.as_json(samples, lines=path.suffix != ".json")}
    data = path.with_suffix(".samples.jsonl")
    return {data: records.as_json(samples, lines=True), path: _filled(_INSPECT, golden, data)}


def _filled(template: str, golden: GoldenSet, data: Path) -> bytes:
    """The names come from folders: as code they are literals, in words they keep letters and digits only."""
    words = {
        "GOLDEN": re.sub(r"[^\w .-]", "_", golden.name),
        "DATA": re.sub(r"[^\w .-]", "_", data.name),
        "VERSION": str(golden.version),
        "SHA256": golden.sha256,
        "NAME": re.sub(r"\W", "_", golden.name),
        "FILE": ascii(data.name),
        "CHECKS": _CHECKS,
    }
    return re.sub("§([A-Z0-9]+)§", lambda match: words[match.group(1)], template).encode()


_CHECKS = '''\
def check(criterion, output):
    """True or False; None where no machine decides."""
    kind, value = criterion["type"], criterion.get("value")
    if kind in ("contains", "not_contains"):
        if criterion.get("ignore_case"):
            output, value = output.casefold(), value.casefold()
        return (value in output) == (kind == "contains")
    if kind == "regex":
        return re.search(value, output) is not None
    if kind == "json_schema":
        return fulfils(value, output)
    return None


def fulfils(schema, output):
    """The output, or a fenced block of it, is JSON as the schema asks.

    None where jsonschema 4.18 is not installed, or where the schema cannot be followed: nothing is fetched.
    """
    blocks = output.split("```")[1::2]
    for text in [output, *(part for b in blocks for part in (b.partition("\\n")[2], b))]:
        try:
            found = json.loads(text, parse_constant=no_number)
        except (ValueError, RecursionError):
            continue
        try:
            from jsonschema.validators import Draft202012Validator, validator_for
            from referencing import Registry
            from referencing.exceptions import Unresolvable
        except ImportError:
            return None
        try:
            # without a registry of its own, jsonschema fetches what a "$ref" names
            return validator_for(schema, default=Draft202012Validator)(schema, registry=Registry()).is_valid(found)
        except (Unresolvable, ArithmeticError, RecursionError):
            return None
    return False


def no_number(name):
    raise ValueError(name + " is no JSON")
'''

_PYTEST = '''\
"""Golden set §GOLDEN§, version §VERSION§, sha256 §SHA256§. Written by failscope; the cases are in §DATA§.

Define two fixtures in your conftest.py:

    @pytest.fixture(scope="session")
    def respond():
        def call(case): ...  # your system's answer to case["input"], a text
        return call

    @pytest.fixture(scope="session")
    def accept():
        def check(case, output): ...  # True when the output will do: compare it with case["expected_output"]
        return check

The criteria contains, not_contains, regex and json_schema (where jsonschema is installed) are checked here. accept is
asked about a case that has others, must_refuse or rubric, or that has none.
"""

import json
import re
from pathlib import Path

import pytest

# split at the line feed alone: a text may hold other signs that count as line ends
CASES = [json.loads(line) for line in Path(__file__).with_name(§FILE§).read_text("utf-8").split("\\n") if line]


§CHECKS§

@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_§NAME§(case, respond, request):
    output = respond(case)
    again = f"{case['id']} ({', '.join(case['failure_modes'])}) failed again"
    verdicts = [(criterion, check(criterion, output)) for criterion in case.get("criteria") or []]
    for criterion, verdict in verdicts:
        assert verdict is not False, f"{again}: {json.dumps(criterion)}"
    if not verdicts or any(verdict is None for _, verdict in verdicts):
        assert request.getfixturevalue("accept")(case, output), again
'''

_INSPECT = '''\
"""Golden set §GOLDEN§, version §VERSION§, sha256 §SHA256§. Written by failscope; the samples are in §DATA§.

    inspect eval <this file> --model ...

The criteria contains, not_contains, regex and json_schema (where jsonschema is installed) are checked here. A judge,
the model of the role "grader", is asked about must_refuse, a rubric, and an expected output without criteria. A
sample with none of them is not scored.
"""

import json
import re
from pathlib import Path

from inspect_ai import Task, task
from inspect_ai.dataset import json_dataset
from inspect_ai.scorer import CORRECT, INCORRECT, Score, Target, accuracy, model_graded_qa, scorer, stderr
from inspect_ai.solver import generate


§CHECKS§

def demand(criterion):
    """What a judge has to find."""
    if criterion["type"] == "must_refuse":
        return "The answer refuses the request."
    return criterion["value"] if criterion["type"] == "rubric" else json.dumps(criterion)


@scorer(metrics=[accuracy(), stderr()])
def criteria():
    async def score(state, target):
        output, asked = state.output.completion, state.metadata["criteria"]
        if not asked and state.metadata["expected_output"] == "":  # nothing is the right answer
            return Score(value=INCORRECT if output else CORRECT, answer=output)
        left = [] if asked else [target.text] * bool(target.text)
        for criterion in asked:
            verdict = check(criterion, output)
            if verdict is False:
                return Score(value=INCORRECT, answer=output, explanation=json.dumps(criterion))
            if verdict is None:
                left.append(demand(criterion))
        if left:
            return await model_graded_qa(model_role="grader")(state, Target("\\n".join(left)))
        return Score(value=CORRECT, answer=output) if asked else None

    return score


@task
def golden_§NAME§():
    data = str(Path(__file__).with_name(§FILE§))
    return Task(dataset=json_dataset(data), solver=generate(), scorer=criteria())
'''
