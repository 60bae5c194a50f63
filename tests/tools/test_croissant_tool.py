"""The description of a golden set as mlcroissant, the reference library of Croissant, reads it."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from failscope.golden.croissant import FIELDS, croissant
from failscope.golden.lines import line_of
from failscope.golden.writing import write_lines

PYTHON = Path(__file__).resolve().parents[2] / ".venv-tools" / "bin" / "python"

LOAD = """
import json, sys
import mlcroissant as mlc
held = mlc.Dataset(sys.argv[1])
issues = held.metadata.ctx.issues
def plain(value):
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, dict):
        return {key.rpartition("/")[2]: plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value.isoformat() if hasattr(value, "isoformat") else value
rows = [plain(row) for kind in held.metadata.record_sets for row in held.records(kind.id)]
json.dump({"errors": sorted(issues.errors), "warnings": sorted(issues.warnings), "rows": rows}, sys.stdout)
"""


@pytest.fixture(scope="module")
def load():
    """Validate and load a description; what mlcroissant complains of, and the records."""
    reason = "mlcroissant is not installed beside the project; python scripts/tools.py makes .venv-tools"
    if (
        not PYTHON.exists()
        or subprocess.run([PYTHON, "-c", "import mlcroissant"], capture_output=True).returncode
    ):
        pytest.skip(reason)

    def run(folder: Path) -> dict:
        done = subprocess.run(
            [PYTHON, "-c", LOAD, folder / "croissant.json"], capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr[-2_000:]
        assert "WARNING" not in done.stderr
        return json.loads(done.stdout)

    return run


def row(number: int, **more) -> dict:
    return {
        "id": f"ex-{number:016x}",
        "input": f'Frage {number}\nzweite Zeile \u2028 ü 漢字 🙂 "quoted" \\ back\tslash',
        "expected_output": None if number % 2 else "Nein,\n“niemals”.",
        "criteria": [
            {"type": "contains", "value": "nein"},
            {"type": "json_schema", "value": {"type": "object"}},
            {"type": "must_refuse"},
            {"type": "rubric", "value": "is right", "dimension": "facts", "threshold": 0.5},
        ],
        "output": "",
        "context": "",
        "system_prompt": "Be kind.",
        "failure_modes": ["größer", "invented policy"],
        "note": "",
        "provenance": {
            "trace": {
                "trace_id": f"t{number}",
                "timestamp": "2026-06-01T10:00:00+00:00",
                "week": "2026-W23",
                "log_file": "log.jsonl",
                "log_line": number,
                "log_sha256": "ab" * 32,
                "model": "m1",
                "prompt_version": "v3",
            },
            "promoted": {"curator": "cleo", "at": "2026-06-10T08:00:00+00:00"},
        },
        **more,
    }


ABOUT = {
    "curator": "Cleo Ü.",
    "at": "2026-06-10T08:00:00+00:00",
    "reason": "an “audit”\n<b>",
    "failscope": "0.1.0",
}


def describe(folder: Path, rows: list[dict], *, fields=FIELDS) -> Path:
    """A folder with these examples and their description, as a version has them."""
    folder.mkdir()
    body = b"".join(line_of(one) + b"\n" for one in rows)
    (folder / "examples.jsonl").write_bytes(body)
    files = {"examples.jsonl": {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}}
    manifest = {"name": "refunds", "version": 1, "sha256": "ab" * 32, "examples": {r["id"]: "" for r in rows}}
    told = croissant({**manifest, **ABOUT}, files=files, fields=fields)
    (folder / "croissant.json").write_text(json.dumps(told), encoding="utf-8")
    return folder


def test_a_version_validates_without_a_word_and_loads_as_it_is(tmp_path, load):
    home, rows = tmp_path / "refunds", [row(n) for n in range(120)]
    first = write_lines(home, {r["id"]: line_of(r) for r in rows}, about=ABOUT, parent=None)
    version = write_lines(
        home, {r["id"]: line_of(r) for r in rows}, about=ABOUT, parent=first, branch="audit"
    )
    told = load(version.folder)
    assert (told["errors"], told["warnings"]) == ([], [])
    assert len(told["rows"]) == 120
    for held, given in zip(told["rows"], rows, strict=True):
        for key in set(FIELDS) - {"criteria", "provenance"}:
            assert held[key] == given[key], key
        assert [c["type"] for c in held["criteria"]] == ["contains", "json_schema", "must_refuse", "rubric"]
        assert held["criteria"][3]["threshold"] == 0.5
        trace, promoted = given["provenance"]["trace"], given["provenance"]["promoted"]
        expected = {**trace, "curator": promoted["curator"], "promoted_at": promoted["at"]}
        assert held["provenance"] == expected


def test_examples_from_before_there_were_criteria_load(tmp_path, load):
    rows = [row(n) for n in range(3)]
    for one in rows:
        del one["criteria"], one["provenance"]["trace"]["log_sha256"]
    told = load(describe(tmp_path / "v", rows, fields=[f for f in FIELDS if f != "criteria"]))
    assert (told["errors"], told["warnings"]) == ([], [])
    assert [one["input"] for one in told["rows"]] == [one["input"] for one in rows]
    assert told["rows"][0]["provenance"]["log_sha256"] is None


def test_a_line_whose_texts_were_removed_loads_as_nothing(tmp_path, load):
    gone = {"id": f"ex-{0:016x}", "forgotten": {"at": "2026-06-12T08:00:00+00:00", "sha256": "ab" * 32}}
    told = load(describe(tmp_path / "v", [gone, row(1)]))
    assert [one["input"] for one in told["rows"]] == [None, row(1)["input"]]


def test_a_set_without_examples_validates(tmp_path, load):
    told = load(describe(tmp_path / "v", []))
    assert (told["errors"], told["warnings"], told["rows"]) == ([], [], [])
