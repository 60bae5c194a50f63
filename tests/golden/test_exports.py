"""Exports: what the files hold, read with plain readers; tests/tools reads them with the tools themselves."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
import urllib.request
import uuid
import warnings
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import failscope as fs
from failscope.golden.dataset import GoldenSet
from failscope.golden.export import FORMATS, write
from failscope.golden.writing import put_tombstones
from tests.tools.hostile import CRITERIA, TEXTS, attacks, example, golden_set, ordinary

pytestmark = pytest.mark.filterwarnings("ignore:.*nothing there can fail")
FILES = {name: chosen.example.format("refunds") for name, chosen in FORMATS.items() if chosen.suffixes}


@pytest.fixture(scope="module")
def golden(tmp_path_factory):
    return golden_set(tmp_path_factory.mktemp("ordinary"), ordinary())


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    return golden_set(tmp_path_factory.mktemp("hostile"), attacks())


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_bytes().split(b"\n") if line]


def everything(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("name", FORMATS)
def test_equal_content_gives_equal_bytes_and_no_half_file_stays(hostile, tmp_path, name):
    where = FORMATS[name].example.format("refunds")
    for folder in ("a", "b"):
        assert hostile.export(tmp_path / folder / where, format=name) == tmp_path / folder / where
        hostile.export(tmp_path / folder / where, format=name)
    assert everything(tmp_path / "a") == everything(tmp_path / "b")
    assert not [p for p in everything(tmp_path) if "half" in p]


@pytest.mark.parametrize("name", FORMATS)
def test_every_field_of_every_row_is_in_the_file(tmp_path, name):
    marked = {key: f"mark-{key}" for key in ("input", "expected_output", "output", "context", "note")}
    row = example(1, system_prompt="mark-system", failure_modes=["mark-mode"], **marked)
    row["criteria"] = [{"type": "rubric", "value": "mark-criterion"}]
    row["provenance"]["trace"]["trace_id"] = "mark-trace"
    row["provenance"]["promoted"]["curator"] = "mark-curator"
    golden = golden_set(tmp_path, [row])
    golden.export(tmp_path / "out" / FORMATS[name].example.format("refunds"), format=name)
    if name == "huggingface":
        body = str(pq.read_table(tmp_path / "out" / "refunds-dataset" / "data").to_pylist())
        body += (tmp_path / "out" / "refunds-dataset" / "README.md").read_text("utf-8")
    else:
        body = b"".join(everything(tmp_path / "out").values()).decode()
    said = set(re.findall(r"mark-\w+", body))
    assert said >= {
        *marked.values(),
        "mark-system",
        "mark-mode",
        "mark-criterion",
        "mark-trace",
        "mark-curator",
    }
    if name != "jsonl":
        assert golden.sha256 in body
    assert row["id"] in body


@pytest.mark.parametrize("name", FORMATS)
def test_a_set_without_examples_is_written(tmp_path, name):
    golden = golden_set(tmp_path, [])
    golden.export(tmp_path / FORMATS[name].example.format("refunds"), format=name)
    assert everything(tmp_path)


@pytest.mark.parametrize("name", FILES)
def test_a_name_that_does_not_fit_says_which_does(golden, tmp_path, name):
    with pytest.raises(fs.ArgumentError, match=re.escape(FILES[name])):
        golden.export(tmp_path / "refunds.docx", format=name)
    (tmp_path / FILES[name]).mkdir()
    with pytest.raises(fs.ArgumentError, match="is a folder"):
        golden.export(tmp_path / FILES[name], format=name)


def test_a_dataset_folder_holds_nothing_else(golden, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(fs.ArgumentError, match=r"notes\.txt"):
        golden.export(tmp_path, format="huggingface")
    with pytest.raises(fs.ArgumentError, match="is a file"):
        golden.export(tmp_path / "notes.txt", format="huggingface")
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_an_unknown_format_names_all_known_ones(golden, tmp_path):
    with pytest.raises(fs.ArgumentError, match="is not known") as error:
        golden.export(tmp_path / "x", format="docx")
    assert all(repr(name) in str(error.value) for name in FORMATS)


def test_a_write_that_fails_leaves_what_was_there(golden, tmp_path, monkeypatch):
    path = tmp_path / "refunds.yaml"
    path.write_text("before")

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        golden.export(path, format="promptfoo")
    assert everything(tmp_path) == {"refunds.yaml": b"before"}


def test_a_link_is_replaced_and_not_followed(golden, tmp_path):
    (tmp_path / "elsewhere.jsonl").write_text("mine")
    (tmp_path / "refunds.jsonl").symlink_to(tmp_path / "elsewhere.jsonl")
    golden.export(tmp_path / "refunds.jsonl")
    assert (tmp_path / "elsewhere.jsonl").read_text() == "mine"


def test_examples_with_nothing_to_fail_on_are_written_and_counted(golden, tmp_path):
    with pytest.warns(UserWarning, match="1 of 11 examples have neither"):
        golden.export(tmp_path / "refunds.yaml", format="promptfoo")
    text = (tmp_path / "refunds.yaml").read_text("utf-8")
    assert "11 examples, 1 of them" in text
    assert len(yaml.safe_load(text)["tests"]) == 11
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        golden.export(tmp_path / "refunds.jsonl")


def test_the_native_form_holds_the_rows_as_they_are(hostile, tmp_path):
    assert lines(hostile.export(tmp_path / "refunds.jsonl")) == list(hostile.rows)


@pytest.mark.parametrize("name", FORMATS)
def test_a_forgotten_example_is_in_no_export(tmp_path, name):
    rows = [example(1, input="mine, delete it"), example(2)]
    home = golden_set(tmp_path, rows).folder.parent
    put_tombstones(home, [rows[0]["id"]])
    golden = GoldenSet.open(home)
    golden.export(tmp_path / "out" / FORMATS[name].example.format("refunds"), format=name)
    assert len(golden) == 1
    assert not [body for body in everything(tmp_path / "out").values() if b"delete it" in body]


# tables --------------------------------------------------------------------------------------------------------


def unguarded(cell: str) -> str:
    return cell[1:] if re.match(r"'+[=+\-@\t\r\n＝＋－＠]", cell) else cell


def test_no_cell_of_a_csv_begins_a_formula_and_every_text_comes_back(hostile, tmp_path):
    path = hostile.export(tmp_path / "refunds.csv", format="csv")
    before = csv.field_size_limit(2**31 - 1)  # Python stops at 131,072 signs unless told otherwise
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file, strict=True))
    finally:
        csv.field_size_limit(before)
    assert not [cell for row in rows for cell in row.values() if re.match(r"[=+\-@\t\r\n＝＋－＠]", cell)]
    for row, held in zip(rows, hostile.rows, strict=True):
        for field in ("input", "expected_output", "output", "context", "system_prompt", "note"):
            assert unguarded(row[field]) == held[field], row["id"]
        assert json.loads(row["failure_modes"]) == held["failure_modes"]
        assert json.loads(row["criteria"]) == held["criteria"]


@given(st.text(alphabet="'=+-@\t\r\n＝a", max_size=6))
@settings(max_examples=200, deadline=None)
def test_the_apostrophe_can_always_be_taken_back(text):
    from failscope.golden.export.tables import _cell

    cell = _cell(text)[1:-1].replace('""', '"')
    assert unguarded(cell) == text
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝"))


def test_pandas_reads_the_csv(hostile, tmp_path):
    path = hostile.export(tmp_path / "refunds.csv", format="csv")
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    assert [unguarded(cell) for cell in frame["input"]] == [row["input"] for row in hostile.rows]


def test_the_dataset_folder_keeps_every_text_and_null(tmp_path):
    golden = golden_set(tmp_path, [*ordinary(), *attacks()])
    folder = golden.export(tmp_path / "out", format="huggingface")
    held = pq.read_table(folder / "data" / "test.parquet").to_pylist()
    for got, row in zip(held, golden.rows, strict=True):
        plain = {key: got[key] for key in got if key not in ("criteria", "provenance")}
        assert plain == {key: row[key] for key in plain}
        assert json.loads(got["criteria"]) == row.get("criteria", [])
        assert json.loads(got["provenance"]) == row["provenance"]


def test_the_card_names_the_data_and_how_many_cannot_fail(golden, tmp_path):
    text = (golden.export(tmp_path / "out", format="huggingface") / "README.md").read_text("utf-8")
    front = yaml.safe_load(text.split("---\n")[1])
    assert front["configs"][0]["data_files"] == [{"split": "test", "path": "data/test.parquet"}]
    assert "1 of\nthem have neither" in text


# JSON records --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["inspect", "deepeval", "openai-evals", "ragas", "langsmith", "langfuse", "braintrust", "phoenix"]
)
def test_records_are_ascii_and_one_line_each(hostile, tmp_path, name):
    body = hostile.export(tmp_path / "refunds.jsonl", format=name).read_bytes()
    assert body.isascii()
    assert body.count(b"\n") == len(hostile)
    assert len(body.decode().splitlines()) == len(hostile)


def test_ids_of_langsmith_are_uuids_that_stay_and_differ_between_sets(tmp_path):
    first, again, other = (
        [
            row["id"]
            for row in lines(
                golden_set(tmp_path / n, rows, name).export(tmp_path / n / "x.jsonl", format="langsmith")
            )
        ]
        for n, name, rows in (
            ("a", "refunds", ordinary()),
            ("b", "refunds", ordinary()[:3]),
            ("c", "tone", ordinary()),
        )
    )
    assert all(uuid.UUID(one).version == 5 for one in first)
    assert first[:3] == again
    assert not set(first) & set(other)


def test_a_chat_has_a_system_prompt_only_where_there_was_one(golden, tmp_path):
    chats = [row["input"] for row in lines(golden.export(tmp_path / "x.jsonl", format="inspect"))]
    assert [len(chat) for chat in chats] == [2 if row["system_prompt"] else 1 for row in golden.rows]
    assert chats[0][0] == {"role": "system", "content": "You answer for a shop."}


def test_what_nobody_wrote_is_missing_and_not_empty(golden, tmp_path):
    at = next(n for n, row in enumerate(golden.rows) if row["expected_output"] is None)
    names = {"openai-evals": "ideal", "ragas": "reference"}
    for name, field in names.items():
        assert field not in lines(golden.export(tmp_path / "x.jsonl", format=name))[at]
    for name, field in {
        "langsmith": "outputs",
        "langfuse": "expectedOutput",
        "braintrust": "expected",
    }.items():
        assert lines(golden.export(tmp_path / "x.jsonl", format=name))[at][field] is None


def test_provenance_is_in_short_in_the_metadata(golden, tmp_path):
    row = lines(golden.export(tmp_path / "x.jsonl", format="langfuse"))[0]
    said = row["metadata"]
    assert (said["trace_id"], said["week"], said["log_file"], said["log_line"]) == (
        "0" * 16,
        "2026-W23",
        "log.jsonl",
        1,
    )
    assert (said["reviewers"], said["curator"]) == (["ana", "ben"], "cleo")
    assert (said["golden_set"], said["version"], said["sha256"]) == ("refunds", 1, golden.sha256)


# promptfoo -----------------------------------------------------------------------------------------------------


def joined(value):
    if isinstance(value, dict) and set(value) == {"parts"}:
        return "".join(value["parts"])
    return value


def test_the_yaml_holds_every_text_and_nothing_that_expands(hostile, tmp_path):
    text = hostile.export(tmp_path / "x.yaml", format="promptfoo").read_text("utf-8")
    config = yaml.load(
        text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    )  # a megabyte takes the other long
    for test, row in zip(config["tests"], hostile.rows, strict=True):
        for field in ("input", "expected_output", "context", "system_prompt"):
            assert joined(test["vars"][field]) == row[field]
        assert joined(test["metadata"]["note"]) == row["note"]
        texts = list(walk([test["vars"], test["metadata"]]))
        assert not [t for t in texts if re.search(r"\{[{%#]", t) or t.startswith(("file://", "package:"))]


def walk(value):
    if isinstance(value, dict):
        value = [*value.values()]
    if isinstance(value, list):
        for item in value:
            yield from walk(item)
    elif isinstance(value, str):
        yield value


@given(st.text(max_size=40) | st.text(alphabet="{%#}\n:/file a", max_size=30))
@settings(max_examples=200, deadline=None)
def test_yaml_brings_any_text_back(text):
    from failscope.golden.export.promptfoo import _inert, _yaml

    text = text.encode("utf-8", "replace").decode()
    assert joined(yaml.safe_load("".join(_yaml({"x": [_inert(text)]})))["x"][0]) == text


def test_criteria_become_assertions(golden, tmp_path):
    config = yaml.safe_load(golden.export(tmp_path / "x.yaml", format="promptfoo").read_text("utf-8"))
    firsts = [test.get("assert", [{"type": None}])[0] for test in config["tests"]]
    assert [one["type"] for one in firsts] == [
        "icontains", "not-contains", "regex", "python", "is-json", "is-refusal", "llm-rubric", "icontains", "factuality", None, "factuality",
    ]  # fmt: skip
    assert firsts[6]["metric"] == "factual_correctness"
    assert "threshold" not in firsts[6]  # a scale of 1 to 5 is not promptfoo's
    assert json.loads(firsts[4]["value"])["$defs"] == {"n": {"type": "integer"}}


# modules -------------------------------------------------------------------------------------------------------


def run_pytest(folder: Path, *, without: str = "") -> str:
    (folder / "conftest.py").write_text(
        f"import sys\nif {without!r}: sys.modules[{without!r}] = None\n"
        "import pytest\n"
        "@pytest.fixture\ndef respond(): return lambda case: 'Refunded within 30 Days. 30 days.'\n"
        "@pytest.fixture\ndef accept(): return lambda case, output: case['note'] == 'read twice'\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", str(folder)],
        capture_output=True,
        text=True,
    )
    return done.stdout


def test_the_pytest_module_checks_criteria_itself_and_asks_about_the_rest(golden, tmp_path):
    golden.export(tmp_path / "test_refunds.py", format="pytest")
    out = run_pytest(tmp_path)
    failed = set(re.findall(r"FAILED .*\[(ex-\w+)\]", out))
    # the answer is no JSON (row 4, and row 7 which has all); nobody accepts row 9, which has no note
    assert failed == {f"ex-{n:016x}" for n in (4, 7, 9)}
    assert "8 passed" in out
    assert "failscope" not in (tmp_path / "test_refunds.py").read_text().split('"""')[2]


def test_the_pytest_module_asks_about_schemas_where_jsonschema_is_absent(tmp_path):
    row = example(1, criteria=[CRITERIA[4]])
    golden_set(tmp_path, [row]).export(tmp_path / "out" / "test_x.py", format="pytest")
    (tmp_path / "out" / "conftest.py").write_text("")
    out = run_pytest(tmp_path / "out", without="jsonschema")
    assert "1 failed" in out  # prose is no JSON, with jsonschema or without


@pytest.mark.parametrize("name", ["class", "2026-audit", "x'y", "a.b c", "check"])
@pytest.mark.parametrize("form", ["pytest", "inspect"])
def test_a_module_compiles_whatever_the_set_is_called(tmp_path, name, form):
    path = golden_set(tmp_path, ordinary(), name).export(tmp_path / "out" / "test_it's.py", format=form)
    compile(path.read_text("utf-8"), str(path), "exec")


def test_a_name_with_quotes_puts_no_code_into_a_module(tmp_path):
    golden = golden_set(tmp_path, ordinary(), 'x"""+print(1)+"""')
    path = golden.export(tmp_path / "out" / "test_x.py", format="pytest")
    assert "print(1)" not in path.read_text("utf-8")


def test_the_checks_of_a_module_agree_with_the_gate(tmp_path):
    from failscope.golden.export.modules import _CHECKS
    from failscope.golden.gate.criteria import criterion

    names: dict = {}
    exec("import json, re\n" + _CHECKS, names)
    outputs = ["", "30 DAYS", "as an AI, refunded in 5 days", '{"days": 3}', '{"days": "3"}', "[]",
               'Here:\n```json\n{"days": 3}\n```\n', '```{"days": 3}```', *list(TEXTS.values())[:-1]]  # fmt: skip
    outputs += ["[" * 100_000, '{"days": NaN}', "NaN", '```json\n{"days": 3, "x": Infinity}\n```']
    judged = 0
    for spec in [*CRITERIA[:5], {"type": "json_schema", "value": {}}]:
        for output in outputs:
            expected = criterion(spec).check(output)
            if expected is not None:
                assert names["check"](spec, output) == expected, (spec, output[:60])
                judged += 1
    assert judged > 100


def checks() -> dict:
    from failscope.golden.export.modules import _CHECKS

    names: dict = {}
    exec("import json, re\n" + _CHECKS, names)
    return names


def test_a_module_fetches_nothing_and_leaves_what_it_cannot_check(monkeypatch):
    asked = []
    monkeypatch.setattr(urllib.request, "urlopen", lambda *a, **k: asked.append(a) or io.BytesIO(b"{}"))
    fulfils = checks()["fulfils"]
    assert fulfils({"$ref": "http://127.0.0.1:9/s.json"}, "3") is None
    assert fulfils({"multipleOf": 0.01}, "1e400") is None
    assert fulfils({"$defs": {"n": {"type": "integer"}}, "$ref": "#/$defs/n"}, "3") is True
    assert asked == []


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("criteria", [{"type": "json_schema", "value": {"$ref": "http://x.example/s"}}], fs.ArgumentError),
        ("criteria", [{"type": "regex", "value": "(x"}], fs.ArgumentError),
        ("criteria", ["contains"], fs.ArgumentError),
        ("criteria", 7, fs.DataError),
        ("provenance", [1], fs.DataError),
        ("provenance", {"trace": "t"}, fs.DataError),
        ("failure_modes", "one", fs.DataError),
        ("expected_output", {"a": 1}, fs.DataError),
        ("input", ["x"], fs.DataError),
    ],
)
def test_a_row_of_another_hand_is_named_and_nothing_is_written(tmp_path, name, field, value, error):
    golden = golden_set(tmp_path, [example(1), example(2, **{field: value})])
    with pytest.raises(error, match=f"example 'ex-{2:016x}'"):
        golden.export(tmp_path / "out" / FORMATS[name].example.format("refunds"), format=name)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", FORMATS)
def test_half_a_surrogate_pair_and_what_older_rows_lack_stop_no_export(tmp_path, name):
    old = example(1, failure_modes=None, provenance={"trace": None, "said": None, "promoted": None})
    bad = "half \\ud800 pair"
    texts = dict.fromkeys(("input", "expected_output", "output", "context", "system_prompt", "note"), "§")
    home = golden_set(tmp_path, [old, example(2, failure_modes=["§"], **texts)]).folder
    lines = (home / "examples.jsonl").read_text("utf-8").replace('"§"', f'"{bad}"').split("\n")
    rows = [json.loads(line) for line in lines if line]
    assert rows[1]["input"] == "half \ud800 pair"
    golden = SimpleNamespace(name="refunds", version=1, branch="main", sha256="0", rows=rows)
    write(golden, tmp_path / "out" / FORMATS[name].example.format("refunds"), name)
    if name == "huggingface":
        held = pq.read_table(tmp_path / "out" / "refunds-dataset" / "data").to_pylist()[1]["input"]
        assert held == "half \ufffd pair"
        return
    body = b"".join(everything(tmp_path / "out").values()).decode()
    assert "half \ufffd pair" in body or "half \\ufffd pair" in body
    assert "\\ud800" not in body


@pytest.mark.parametrize("pattern", ["a{,3}b", "[]x]", "[^]x]", r"\N{DIGIT ONE}", r"\U0001F600", r"\a"])
def test_what_javascript_reads_otherwise_is_left_to_python(tmp_path, pattern):
    row = example(1, criteria=[{"type": "regex", "value": pattern}])
    text = golden_set(tmp_path, [row]).export(tmp_path / "x.yaml", format="promptfoo").read_text("utf-8")
    assert yaml.safe_load(text)["tests"][0]["assert"][0]["type"] == "python"


def test_an_empty_expected_output_is_an_expectation(tmp_path):
    golden = golden_set(tmp_path, [example(1, expected_output="")])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        text = golden.export(tmp_path / "x.yaml", format="promptfoo").read_text("utf-8")
    assert yaml.safe_load(text)["tests"][0]["assert"] == [{"type": "equals", "value": ""}]


def test_the_conftest_of_the_docs_is_all_that_pytest_needs(tmp_path):
    docs = (Path(__file__).resolve().parents[2] / "docs" / "exports.md").read_text("utf-8")
    conftest = re.search(r"```python\n(import pytest\n.*?)```", docs, re.S)[1]
    row = example(1, criteria=[CRITERIA[0]])
    golden_set(tmp_path, [row]).export(tmp_path / "out" / "test_x.py", format="pytest")
    (tmp_path / "out" / "conftest.py").write_text(conftest)
    (tmp_path / "out" / "my_bot.py").write_text("def answer(text): return 'Within 30 days.'\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        cwd=tmp_path / "out",
    )
    assert "1 passed" in done.stdout
