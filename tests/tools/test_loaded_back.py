"""Exports loaded back by the tools that they are for: every field of every row, hostile ones too."""

from __future__ import annotations

import json
import re

import hostile
import pytest

pytestmark = pytest.mark.filterwarnings("ignore:.*nothing there can fail")


@pytest.fixture(scope="module")
def golden(tmp_path_factory):
    return hostile.golden_set(tmp_path_factory.mktemp("set"), [*hostile.ordinary(), *hostile.attacks()])


def messages(row):
    system = [{"role": "system", "content": row["system_prompt"]}] if row["system_prompt"] else []
    return [*system, {"role": "user", "content": row["input"]}]


def check_about(about, row, golden, *elsewhere):
    """The metadata has what the tool has no field for."""
    expected = {
        "example_id": row["id"],
        "criteria": row.get("criteria", []),
        "sha256": golden.sha256,
        "trace_id": row["provenance"]["trace"]["trace_id"],
        **{key: row[key] for key in ("failure_modes", "output", "context", "note")},
    }
    assert {key: about.get(key) for key in expected if key not in elsewhere} == {
        key: value for key, value in expected.items() if key not in elsewhere
    }


def test_inspect(golden, load, tmp_path):
    held = load("inspect", golden.export(tmp_path / "x.jsonl", format="inspect"))
    assert held == load("inspect", golden.export(tmp_path / "x.json", format="inspect"))
    for one, row in zip(held, golden.rows, strict=True):
        assert (one["id"], one["input"]) == (row["id"], messages(row))
        assert one["target"] == (row["expected_output"] or "")
        assert one["metadata"]["expected_output"] == row["expected_output"]
        check_about(one["metadata"], row, golden)


@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_deepeval(golden, load, tmp_path, suffix):
    held = load("deepeval", golden.export(tmp_path / f"x{suffix}", format="deepeval"))
    for one, row in zip(held, golden.rows, strict=True):
        said = (one["name"], one["input"], one["actual_output"], one["expected_output"], one["comments"])
        assert said == (row["id"], row["input"], row["output"], row["expected_output"], row["note"] or None)
        assert one["retrieval_context"] == ([row["context"]] if row["context"] else None)
        check_about(one["additional_metadata"], row, golden, "output", "context", "note")


def test_openai_evals(golden, load, tmp_path):
    held = load("openai-evals", golden.export(tmp_path / "x.jsonl", format="openai-evals"))
    for one, row in zip(held, golden.rows, strict=True):
        assert (one["id"], one["input"], one.get("ideal")) == (
            row["id"],
            messages(row),
            row["expected_output"],
        )
        check_about(one["metadata"], row, golden)


def test_ragas(golden, load, tmp_path):
    held = load("ragas", golden.export(tmp_path / "x.jsonl", format="ragas"))
    for one, row in zip(held, golden.rows, strict=True):
        said = (one["user_input"], one["response"], one["reference"])
        assert said == (row["input"], row["output"], row["expected_output"])
        assert one["retrieved_contexts"] == ([row["context"]] if row["context"] else None)
        asked = [c["value"] for c in row.get("criteria", []) if c["type"] == "rubric"]
        assert all(text in one["rubrics"]["score2_description"] for text in asked)


def test_langsmith(golden, load, tmp_path):
    held = load("langsmith", golden.export(tmp_path / "x.jsonl", format="langsmith"))
    assert len({one["id"] for one in held}) == len(golden)
    for one, row in zip(held, golden.rows, strict=True):
        assert one["inputs"] == {"messages": messages(row), "context": row["context"]}
        outputs = one["reference_outputs"]
        assert (outputs or {}).get("output") == row["expected_output"]
        check_about(one["metadata"], row, golden, "context")


def test_langfuse(golden, load, tmp_path):
    held = load("langfuse", golden.export(tmp_path / "x.jsonl", format="langfuse"))
    for one, row in zip(held, golden.rows, strict=True):
        assert (one["id"], one["datasetName"], one["status"]) == (row["id"], "refunds", "ACTIVE")
        assert (one["input"], one.get("expectedOutput")) == (messages(row), row["expected_output"])
        assert one["sourceTraceId"] == row["provenance"]["trace"]["trace_id"]
        check_about(one["metadata"], row, golden)


def test_braintrust(golden, load, tmp_path):
    held = load("braintrust", golden.export(tmp_path / "x.jsonl", format="braintrust"))
    for one, row in zip(held, golden.rows, strict=True):
        assert (one["id"], one["input"], one.get("expected")) == (
            row["id"],
            messages(row),
            row["expected_output"],
        )
        assert (one.get("tags") or []) == row["failure_modes"]
        check_about(one["metadata"], row, golden, "failure_modes")


def test_phoenix(golden, load, tmp_path):
    held = load("phoenix", golden.export(tmp_path / "x.jsonl", format="phoenix"))
    for one, row in zip(held, golden.rows, strict=True):
        assert (one["id"], one["input"]) == (
            row["id"],
            {"messages": messages(row), "context": row["context"]},
        )
        assert one["output"].get("expected_output") == row["expected_output"]
        trace = row["provenance"]["trace"]["trace_id"]
        assert one["span_id"] == (trace if re.fullmatch(r"[0-9a-f]{16}", trace) else None)
        check_about(one["metadata"], row, golden, "context")


def test_huggingface(golden, load, tmp_path):
    held = load("huggingface", golden.export(tmp_path / "refunds-dataset", format="huggingface"))
    for one, row in zip(held, golden.rows, strict=True):
        texts = (
            "id",
            "input",
            "expected_output",
            "context",
            "system_prompt",
            "output",
            "note",
            "failure_modes",
        )
        assert {key: one[key] for key in texts} == {key: row[key] for key in texts}
        assert json.loads(one["criteria"]) == row.get("criteria", [])
        assert json.loads(one["provenance"]) == row["provenance"]


RUNNER = """
import json, sys
from inspect_ai import eval
from inspect_ai.model import ModelOutput, ModelUsage, get_model

def says(text):
    def answer(*_):
        output = ModelOutput.from_content("m", text)
        output.usage = ModelUsage()  # else it counts tokens, for which it loads a file from the network
        return output
    return get_model("mockllm/model", memoize=False, custom_outputs=answer)

task, text, grade = sys.argv[1:]
log = eval(task, model=says(text), model_roles={"grader": says(grade)}, display="none", log_dir="logs")[0]
assert log.status == "success", log.error
print(json.dumps({s.id: {name: score.value for name, score in (s.scores or {}).items()} for s in log.samples}))
"""


def test_the_inspect_task_runs_and_scores(tmp_path, tool_python):
    golden = hostile.golden_set(tmp_path, hostile.ordinary())
    task = golden.export(tmp_path / "refunds.py", format="inspect")
    (tmp_path / "run.py").write_text(RUNNER)

    def run(text, grade):
        out = tool_python("run.py", task.name, text, grade, cwd=tmp_path)
        scores = json.loads(out.strip().split("\n")[-1])
        return [scores[row["id"]].get("criteria") for row in golden.rows]

    # the rows are: one for each criterion, one with all, an expected output alone, nothing, an expected output alone
    assert run('{"days": 30, "x": "refunded in 30 days"}', "GRADE: C") == [*"CCCCCCC", "C", "C", None, "C"]
    # of those not_contains, the pattern "refund" and the schema still hold
    assert run('{"days": 30, "x": "refunded in no time"}', "GRADE: I") == [*"ICICCII", "I", "I", None, "I"]
