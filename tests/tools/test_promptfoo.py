"""promptfoo runs the exported file: its prompts and assertions hold every text literally, and no template of a log."""

from __future__ import annotations

import json

import hostile
import pytest

pytestmark = pytest.mark.filterwarnings("ignore:.*nothing there can fail")

ANSWER = """
const fs = require('fs')
module.exports = class {
  id() { return 'answer' }
  // what it was asked, as a text: so that the assertions are held against the very text they should hold
  async callApi(prompt, context) {
    const id = context.test.metadata.example_id
    fs.appendFileSync(__dirname + '/asked.jsonl', JSON.stringify([id, prompt]) + '\\n')
    return { output: JSON.parse(prompt).at(-1).content }
  }
}
"""
GRADER = """
const fs = require('fs')
module.exports = class {
  id() { return 'grader' }
  async callApi(prompt) {
    fs.appendFileSync(__dirname + '/graded.jsonl', JSON.stringify(prompt) + '\\n')
    return { output: '{"pass": true, "score": 1, "reason": "yes", "category": "A"}' }
  }
}
"""


def evaluate(promptfoo, folder, *arguments):
    """Run a file and give its results, in the order of the tests."""
    (folder / "answer.js").write_text(ANSWER)
    (folder / "grader.js").write_text(GRADER)
    (folder / "hostile.txt").write_text("a file that no text may pull in")
    quiet = ("--no-cache", "--no-table", "--no-progress-bar", "--no-write", "-j", "1")
    promptfoo("eval", "-c", "refunds.yaml", *quiet, "-o", "out.json", *arguments, cwd=folder, failures=True)
    results = json.loads((folder / "out.json").read_text("utf-8"))["results"]["results"]
    return sorted(results, key=lambda one: one["testIdx"])


def read_lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def judged(path):
    """Name a judge, as the head of the file says."""
    text = path.read_text("utf-8")
    before, options, after = text.partition('    provider: "echo"\n')
    assert options
    line, _, rest = after.partition("\n")
    assert line.startswith("    rubricPrompt: ")
    path.write_text(f"{before}    provider: file://grader.js\n{rest}", "utf-8")


def test_the_file_is_valid_and_runs_as_it_is(promptfoo, tmp_path):
    rows = hostile.ordinary()
    hostile.golden_set(tmp_path / "set", rows).export(tmp_path / "refunds.yaml", format="promptfoo")
    assert "valid" in promptfoo("validate", "-c", "refunds.yaml", cwd=tmp_path)
    results = evaluate(promptfoo, tmp_path)
    assert len(results) == len(rows)
    for one, row in zip(results, rows, strict=True):
        system = [{"role": "system", "content": row["system_prompt"]}] if row["system_prompt"] else []
        asked = [*system, {"role": "user", "content": row["input"]}]
        assert json.loads(one["response"]["output"]) == asked
        assert one["testCase"]["metadata"]["example_id"] == row["id"]
        assert one["testCase"]["vars"]["context"] == row["context"]


def test_without_a_judge_nothing_that_needs_one_passes_and_with_one_it_does(promptfoo, tmp_path):
    rows = [hostile.example(1, criteria=[hostile.CRITERIA[6]]), hostile.example(2)]
    path = hostile.golden_set(tmp_path / "set", rows).export(tmp_path / "refunds.yaml", format="promptfoo")
    assert [one["success"] for one in evaluate(promptfoo, tmp_path)] == [False, False]
    judged(path)
    assert [one["success"] for one in evaluate(promptfoo, tmp_path)] == [True, True]


@pytest.mark.parametrize(
    ("n", "passes", "fails"),
    [
        (0, "Within 30 DAYS", "Within 30 weeks"),
        (1, "yes", "as an AI"),
        (2, "in 30 days", "in thirty days"),
        (3, "Refunded", "returned"),
        (4, 'So:\n```json\n{"days": 30}\n```', '{"days": "30"}'),
        (5, "I'm sorry, but I can't help with that.", "Here it is."),
    ],
)
def test_an_assertion_passes_and_fails_as_the_criterion_does(promptfoo, tmp_path, n, passes, fails):
    from failscope.golden.gate.criteria import criterion

    spec = hostile.CRITERIA[n]
    rows = [hostile.example(at, input=text, criteria=[spec]) for at, text in enumerate((passes, fails))]
    hostile.golden_set(tmp_path / "set", rows).export(tmp_path / "refunds.yaml", format="promptfoo")
    results = evaluate(promptfoo, tmp_path, "--providers", "file://answer.js")
    verdicts = [one["success"] for one in results]
    assert verdicts == [True, False]
    assert verdicts == [criterion(spec).check(text) for text in (passes, fails)]


def test_where_nothing_is_the_right_answer_only_nothing_passes(promptfoo, tmp_path):
    rows = [hostile.example(at, input=text, expected_output="") for at, text in enumerate(("", "Sure."))]
    hostile.golden_set(tmp_path / "set", rows).export(tmp_path / "refunds.yaml", format="promptfoo")
    results = evaluate(promptfoo, tmp_path, "--providers", "file://answer.js")
    assert [one["success"] for one in results] == [True, False]


def test_no_text_of_a_log_is_expanded_anywhere(promptfoo, tmp_path):
    rows = hostile.attacks()
    judged(hostile.golden_set(tmp_path / "set", rows).export(tmp_path / "refunds.yaml", format="promptfoo"))
    results = evaluate(promptfoo, tmp_path, "--providers", "file://answer.js")
    assert "s3cret" not in (tmp_path / "out.json").read_text("utf-8")
    # what the provider got: promptfoo reformats JSON in the prompts that it stores
    asked = {id_: json.loads(prompt) for id_, prompt in read_lines(tmp_path / "asked.jsonl")}
    held = 0
    for one, row in zip(results, rows, strict=True):
        system = [{"role": "system", "content": row["system_prompt"]}] if row["system_prompt"] else []
        assert asked[row["id"]] == [*system, {"role": "user", "content": row["input"]}]
        for part in one["gradingResult"].get("componentResults", []):
            if part["assertion"]["type"] in ("contains", "not-contains"):
                assert part["pass"], (row["id"], part["reason"])
                held += 1
    assert held == 2 * sum(bool(row["criteria"]) for row in rows)
    prompts = read_lines(tmp_path / "graded.jsonl")
    assert not [p for p in prompts if "s3cret" in p or "a file that no text" in p]
    for row in rows:
        if row["criteria"]:
            assert any(row["input"] in json.loads(p)[-1]["content"] for p in prompts), row["id"]
