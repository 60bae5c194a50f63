"""The command: what it writes, its exit codes, and that no text can move a terminal's cursor."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from failscope.cli import app, plain

ROOT = Path(__file__).resolve().parents[2]
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture
def run():
    """Run the command in this process."""
    runner = CliRunner()
    return lambda *words: runner.invoke(app, [str(w) for w in words])


def test_it_writes_the_report_that_python_writes(run, told_ws, tmp_path):
    done = run("report", told_ws.path, "2026-W25", "-o", tmp_path / "r.html", "--now", "2026-06-18")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "r.html").read_text(encoding="utf-8") == told_ws.report(
        "2026-W25", now="2026-06-18"
    ).html
    assert "r.html" in done.stdout


def test_json_is_the_data(run, told_ws):
    done = run("report", told_ws.path, "2026-W25", "--json", "--now", "2026-06-18")
    assert json.loads(done.stdout) == told_ws.report("2026-W25", now="2026-06-18").data


def test_json_and_a_file_go_together(run, told_ws, tmp_path):
    done = run("report", told_ws.path, "2026-W25", "--json", "-o", tmp_path / "r.md")
    assert json.loads(done.stdout)["review"]["name"] == "2026-W25"
    assert (tmp_path / "r.md").is_file()


def test_without_a_file_it_prints_markdown(run, told_ws):
    assert run("report", told_ws.path, "2026-W25").stdout.startswith("# Review 2026")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["report", "{ws}", "nix"], "failscope: no review 'nix'; there are '2026-W25'"),
        (["report", "{ws}/nowhere", "2026-W25"], "is no workspace: it has no failscope.db"),
        (["report", "{ws}", "2026-W25", "-o", "r.pdf"], "name it report.html or report.md"),
        (["report", "{ws}", "2026-W25", "--now", "soon"], "now='soon' is not a time"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_code_2(run, told_ws, words, says):
    done = run(*(w.replace("{ws}", str(told_ws.path)) for w in words))
    assert done.exit_code == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_a_folder_that_is_no_workspace_is_left_as_it_was(run, tmp_path):
    assert run("report", tmp_path / "new", "x").exit_code == 2
    assert not (tmp_path / "new").exists()


def test_a_fault_of_ours_shows_itself(run, told_ws, monkeypatch):
    monkeypatch.setattr("failscope.workspace.Workspace.report", lambda *a, **k: 1 / 0)
    done = run("report", told_ws.path, "2026-W25")
    assert done.exit_code == 1
    assert isinstance(done.exception, ZeroDivisionError)


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_hostile_texts_cannot_move_the_cursor(run, hostile_ws, more):
    done = run("report", hostile_ws.path, "W<b>1</b>", *more)
    assert done.exit_code == 0, done.output
    assert not CONTROL.search(done.stdout.replace("\n", ""))


def test_a_hostile_name_in_an_error_cannot_move_the_cursor(run, told_ws):
    done = run("report", told_ws.path, "\x1b[2J\u202e\nx")
    assert done.exit_code == 2
    assert not CONTROL.search(done.stderr.rstrip("\n"))


def test_plain_keeps_lines_and_honest_signs():
    assert plain("é – “x”\n\tb") == "é – “x”\n\tb"
    assert plain("a\u00a0b\x9bc") == "a b\ufffdc"


def test_the_package_installs_the_command():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["scripts"] == {"failscope": "failscope.cli:app"}


def test_its_version_is_the_packages(run):
    from failscope import __version__

    assert run("--version").stdout == f"failscope {__version__}\n"
