"""The command as a new user meets it: docs/cli.md in a real shell, and every verb on a real terminal with hostile data."""

from __future__ import annotations

import doctest
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import failscope as fs
from failscope.cli import app
from tests.project.test_cli_terminal import ATTACKS, CONTROL, OURS, on_a_terminal

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")


@pytest.fixture
def shell(tmp_path):
    """Run a line in a shell that finds the command, in a folder with the sample data."""
    tools = tmp_path / "bin"
    tools.mkdir()
    command = tools / "failscope"
    command.write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -c "from failscope.cli import app; app()" "$@"\n',
        encoding="utf-8",
    )
    command.chmod(0o755)
    (tmp_path / "home" / "sample_data").mkdir(parents=True)
    shutil.copy(ROOT / "sample_data" / "support_bot.jsonl.gz", tmp_path / "home" / "sample_data")
    there = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "FORCE_COLOR")}
    path = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = {**there, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": os.pathsep.join(path)}

    def run(line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-c", line], capture_output=True, encoding="utf-8", cwd=tmp_path / "home", env=env
        )

    return run


@pytest.mark.skipif(os.name == "nt", reason="the page is of a POSIX shell")
def test_the_page_of_the_command_line_is_true(shell, tmp_path, monkeypatch):
    same = doctest.OutputChecker().check_output
    monkeypatch.chdir(tmp_path / "home")
    shown = 0
    for kind, block in re.findall(r"^```(console|python)\n(.*?)^```", PAGE, re.S | re.M):
        if kind == "python":
            exec(compile(block, "docs/cli.md", "exec"), {})
            continue
        for line, told in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.M):
            done = shell(line)
            assert done.stderr == "", line
            flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
            assert same(told, done.stdout, flags), f"{line}\nsays\n{done.stdout}\nand the page\n{told}"
            shown += 1
    assert shown == 10
    page = (tmp_path / "home" / "coverage" / "W24.html").read_text(encoding="utf-8")
    assert "coverage" in page
    # a clone has the files alone, and the commands that the page gives for it work there
    shutil.copytree(
        tmp_path / "home" / "reviews" / "support-bot" / "golden", tmp_path / "home" / "clone" / "golden"
    )
    yaml = re.search(r"^```yaml\n(.*?)^```", PAGE, re.S | re.M)
    assert yaml is not None
    runs = re.findall(r"- run: (failscope .*)", yaml[1])
    assert len(runs) == 3
    for line in runs:
        done = shell(f"cd clone && {line}")
        assert done.returncode == 0, (line, done.stderr)
    assert (
        json.loads((tmp_path / "home" / "clone" / "diff.json").read_text(encoding="ascii"))["set"]
        == "support"
    )


def test_the_page_names_every_verb_and_every_exit_code_is_in_the_help():
    from typer.main import get_command
    from typer.testing import CliRunner

    root = get_command(app)
    golden = root.commands["golden"]  # type: ignore[attr-defined]
    verbs = [(name,) for name in root.commands if name != "golden"]  # type: ignore[attr-defined]
    verbs += [("golden", name) for name in golden.commands]
    assert len(verbs) == 11
    for words in verbs:
        assert f"`failscope {' '.join(words)} WORKSPACE" in PAGE
        assert f"| `{' '.join(words)}` |" in PAGE
        told = " ".join(CliRunner().invoke(app, [*words, "--help"]).stdout.split())
        assert "0: done, whole, no difference, enough; 1: the answer is no; 2: it cannot be done" in told


def hostile(folder: Path) -> fs.Workspace:
    """A workspace with a golden set in which every text of a log, a model and a person attacks."""
    ws = fs.Workspace(folder)
    log = folder.parent / "hostile.jsonl"
    rows = [
        {"id": f"{text[:60]} {n}", "timestamp": f"2026-06-{n // 20 + 1:02d}T0{n % 10}:00:00Z", "prompt": f"{text} {n}",
         "response": f"{ATTACKS[(n + 3) % 9]} {n}", "user_id": f"u{n}", "thumbs": n % 2}
        for n in range(90)
        for text in [ATTACKS[n % 9]]
    ]  # fmt: skip
    log.write_text("".join(json.dumps(row) + "\n" for row in rows) + f"{{{ATTACKS[0]}\n", encoding="utf-8")
    ws.add(fs.read(log, progress=False))
    found = fs.cluster(ws.traces(), projector=None, min_cluster_size=5, progress=False)
    session = ws.start_review("W1", fs.plan_review(found, budget=12), reviewers=["ana"])
    ids = session.plan.frame["trace_id"].tolist()
    for n, trace_id in enumerate(ids):
        session.annotate(
            trace_id,
            reviewer="ana",
            failure_modes=["no answer"],
            expected_output=ATTACKS[n % 9],
            note=ATTACKS[n % 9],
        )
    session.propose("hard", ids[:8], reviewer="ana", reason=ATTACKS[1])
    every = dict.fromkeys(("expected", "agreement", "duplicate", "personal", "size", "quota"), ATTACKS[4])
    ws.promote("hard", curator="cleo", reason=ATTACKS[6], waive=every)
    session.annotate(ids[0], reviewer="ana", failure_modes=["no answer"], expected_output=ATTACKS[8])
    ws.promote("hard", curator="cleo", reason=ATTACKS[2], waive=every, branch="next")
    ws.promote("hard", curator="cleo", reason=ATTACKS[2], waive=every)
    ws.retire("hard", ws.golden("hard").rows.ids[:1], curator="cleo", reason=ATTACKS[3])
    session.propose("hard", ids[8:], reviewer="ana", reason=ATTACKS[5])
    session.annotate(
        ids[8],
        reviewer="ana",
        failure_modes=["no answer"],
        expected_output=f"{ATTACKS[0]} jane.doe@example.org",
    )
    return ws


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals of this kind")
@pytest.mark.parametrize("columns", [30, 100])
def test_no_verb_lets_data_reach_the_control_of_a_terminal(tmp_path, columns):
    ws = hostile(tmp_path / "ws")
    w, log = str(ws.path), str(tmp_path / "hostile.jsonl")
    by = ["--curator", "cleo", "--reason", "x"]
    commands = {
        "read": ["read", w, log],
        "cluster": ["cluster", w],
        "report": ["report", w, "W1"],
        "list": ["golden", "list", w],
        "diff": ["golden", "diff", w, "hard", "1", "3"],
        "verify": ["golden", "verify", w],
        "export": ["golden", "export", w, "hard", "-o", str(tmp_path / "x.jsonl")],
        "coverage": ["golden", "coverage", w, "hard", "-o", str(tmp_path / "c.json")],
        "again": ["golden", "coverage", w, "hard", "--before", str(tmp_path / "c.json")],
        "promote": ["golden", "promote", w, "hard", *by],
        "merge": ["golden", "merge", w, "hard", "next", "--prefer", "ours", *by],
        "cannot": ["golden", "promote", w, "hard", *by, "--trace", ATTACKS[1]],
    }
    got = on_a_terminal(list(commands.values()), columns=columns)
    codes = dict(zip(commands, re.findall(r"^exit (\w+)$", got, re.M), strict=True))
    assert codes == {**dict.fromkeys(commands, "0"), "diff": "1", "cannot": "2"}, got[-4_000:]
    # a bar goes back to the beginning of its line; it stands on the error stream, which is this terminal too
    rest = re.sub(r"\r[^\r\n]*(?=\r)", "", OURS.sub("", got)).replace("\r", "")
    assert not CONTROL.search(rest.replace("\n", ""))
    assert "\ufffd" in rest
    assert "jane.doe" not in re.split(r"^exit 0$", got, flags=re.M)[9]


def test_what_is_read_in_a_pipe_that_was_closed_is_no_fault(shell):
    done = shell("failscope read ws sample_data/support_bot.jsonl.gz --json | head -c 1")
    assert (done.returncode, done.stdout, done.stderr) == (0, "{", "")
