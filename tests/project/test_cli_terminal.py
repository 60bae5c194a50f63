"""What a terminal, a pipe and a program get from the command: never a control sign of the data."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from failscope.cli import app, plain
from failscope.cli.terminal import document, one_line, show
from failscope.golden.dataset import GoldenSet, write_version
from failscope.golden.lines import example_id, line_of
from failscope.golden.writing import write_lines

ROOT = Path(__file__).resolve().parents[2]
CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
# bold, red, green, yellow and the end of each: what our own tables are drawn with
OURS = re.compile("\x1b\\[(?:0|1|31|32|33)m")

ATTACKS = [
    "\x1b[2J\x1b[H gone",
    "\x1b]0;owned\x07 title",
    "\x1b]8;;https://e.example\x1b\\link\x1b]8;;\x1b\\",
    "\x9b31m C1 \x90q\x9c",
    "\u202egnp.exe\u2066 bidi",
    "[red]markup[/red] [link=https://e.example]x[/link] :smile:",
    "\x1b[31mred\x1b[1m",
    "a\rb\x08\x08c\x0bd\x0ce\x7f",
    "\x1bP1$r0m\x1b\\ \x1b_x\x1b\\ \x1b[6n\x1b[>c",
    "x" * 200_000,
    "zero\u200bwidth \ufeff\U000e0041\ud800",
]


def about(reason: str) -> dict[str, Any]:
    return {"curator": "cleo", "at": "2026-06-01T00:00:00+00:00", "reason": reason, "failscope": "0"}


def row(n: int, text: str) -> dict[str, Any]:
    """An example as a promotion writes it, with the same text in every place."""
    text = text.replace("\ud800", "")  # no file in UTF-8 can hold it
    return {
        "id": example_id(f"t{n}"),
        "input": f"{text} {n}",
        "expected_output": text,
        "criteria": [{"type": "contains", "value": text[:20_000]}],
        "output": text,
        "context": text,
        "system_prompt": "",
        "failure_modes": [text, "fine"],
        "note": text,
        "provenance": {"trace": {"trace_id": f"t{n}"}, "promoted": {"version": 1}},
    }


@pytest.fixture(scope="session")
def clone(tmp_path_factory) -> Path:
    """A folder with a golden set alone, as a clone has it, in which every text attacks."""
    folder = tmp_path_factory.mktemp("clone")
    first = write_version(
        folder / "golden" / "hard",
        [row(n, text) for n, text in enumerate(ATTACKS)],
        about=about("first"),
        parent=None,
    )
    turned = [row(n, text) for n, text in enumerate(reversed(ATTACKS))]
    lines = first.rows.by_id() | {r["id"]: line_of(r) for r in turned}
    lines.pop(example_id("t3"))
    said = {"by": "cleo", "at": "2026-06-02", "reason": ATTACKS[0], "version": 2}
    GoldenSet.of(
        write_lines(
            first.folder.parent,
            lines,
            about=about(ATTACKS[1]),
            parent=first.as_version(),
            retired={example_id("t3"): said},
        )
    )
    return folder


@pytest.mark.parametrize("text", ATTACKS)
def test_no_text_keeps_a_sign_that_a_terminal_obeys(text):
    assert not CONTROL.search(plain(text).replace("\n", "").replace("\t", ""))
    assert not CONTROL.search(one_line(text))
    assert "\n" not in one_line(text)


@given(st.text())
def test_a_cell_is_one_printable_line(text):
    line = one_line(text, 40)
    assert line.isprintable()
    assert len(line) <= 40


def test_a_long_text_is_cut_and_the_cut_is_marked():
    assert one_line("word " * 1000, 20) == "word word word word…"
    assert one_line(" " * 5_000 + "x", 20).endswith("…")
    assert one_line("short") == "short"


@pytest.mark.parametrize("width", ["5", "20", "59", "60", "80", "200"])
def test_a_table_of_hostile_cells_fits_any_width(width, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", width)
    show(
        ({"id": f"ex-{n}", "text": text, "n": n} for n, text in enumerate(ATTACKS)), right=["n"], whole=["id"]
    )
    out = capsys.readouterr().out
    assert not CONTROL.search(out.replace("\n", ""))
    from rich.cells import cell_len

    assert max(cell_len(line) for line in out.split("\n")) <= int(width)


def test_markup_and_emoji_codes_of_the_data_stay_as_they_are(capsys):
    show([{"text": "[red]x[/red] :smile: [/nope]"}])
    assert "[red]x[/red] :smile: [/nope]" in capsys.readouterr().out


def test_no_rows_are_no_table(capsys):
    show([])
    assert capsys.readouterr().out == ""


def test_a_document_is_ascii_and_knows_the_types_of_frames(capsys):
    data = {
        "n": np.int64(3),
        "share": float("nan"),
        "big": np.float32("inf"),
        "at": pd.Timestamp("2026-06-01", tz="UTC"),
        "never": pd.NaT,
        "array": np.array([1.5, np.nan]),
        "texts": tuple(ATTACKS),
        1: {"nested": None},
        "yes": np.bool_(True),
    }
    document(data)
    out = capsys.readouterr().out
    assert out.isascii()
    assert not CONTROL.search(out.replace("\n", ""))
    said = json.loads(out)
    assert (said["n"], said["share"], said["big"], said["never"]) == (3, None, None, None)
    assert (said["array"], said["at"], said["yes"]) == ([1.5, None], "2026-06-01T00:00:00+00:00", True)
    assert said["texts"] == ATTACKS


LOOKS = [
    ["golden", "list"],
    ["golden", "diff", "hard"],
    ["golden", "diff", "hard", "2", "1"],
    ["golden", "verify"],
    ["golden", "verify", ATTACKS[0]],
    ["golden", "diff", "hard", ATTACKS[1]],
    ["golden", "export", "hard", "-o", "{out}/x.jsonl"],
    ["golden", "export", "hard", "-o", "{out}/x.jsonl", "--format", ATTACKS[0]],
    ["golden", "retire", "hard", ATTACKS[0], "--curator", ATTACKS[1], "--reason", ATTACKS[2]],
]


def _words(look: list[str], clone: Path, out: Path) -> list[str]:
    return [*look[:2], str(clone), *(w.replace("{out}", str(out)) for w in look[2:])]


@pytest.mark.parametrize("look", LOOKS, ids=lambda w: ascii(" ".join(w))[:40])
@pytest.mark.parametrize("more", [[], ["--json"]])
def test_what_goes_into_a_pipe_holds_no_control_sign(look, more, clone, tmp_path):
    done = CliRunner().invoke(app, [*_words(look, clone, tmp_path), *more])
    assert done.exit_code in (0, 1, 2), done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert not CONTROL.search(done.output.replace("\n", ""))
    if more and done.exit_code < 2:
        assert done.stdout.isascii()
        json.loads(done.stdout)


@pytest.mark.parametrize(
    "words",
    [
        [ATTACKS[0]],
        ["golden", ATTACKS[1]],
        ["golden", "list", ATTACKS[6]],
        ["report", f"--{ATTACKS[0]}"],
        ["read"],
    ],
    ids=lambda w: ascii(w[-1])[:24],
)
def test_a_wrong_use_is_one_line_and_exit_code_2(words):
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("failscope: ")
    assert not CONTROL.search(done.stderr.rstrip("\n"))


@pytest.mark.parametrize("words", [[], ["golden"]])
def test_without_a_verb_the_help_is_shown(words):
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2
    assert "Commands:" in done.stderr


def on_a_terminal(commands: list[list[str]], *, columns: int, env: dict[str, str] | None = None) -> str:
    """Run commands one after the other in one process whose streams are a pseudo-terminal; what the terminal gets."""
    pty, fcntl, termios, struct = (pytest.importorskip(m) for m in ("pty", "fcntl", "termios", "struct"))
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    code = (
        "import json, sys\n"
        "from failscope.cli import app\n"
        "assert sys.stdout.isatty()\n"
        "for words in json.loads(sys.argv[1]):\n"
        "    sys.argv = ['failscope', *words]\n"
        "    try: app()\n"
        "    except SystemExit as error: print('exit', error.code)\n"
    )
    there = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "CI")}
    process = subprocess.Popen(
        [sys.executable, "-c", code, json.dumps(commands)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**there, "TERM": "xterm-256color", **(env or {})},
        cwd=ROOT,
    )
    os.close(theirs)
    got = b""
    try:
        while True:
            try:
                some = os.read(ours, 65_536)
            except OSError:  # the other end is closed
                break
            if not some:
                break
            got += some
    finally:
        os.close(ours)
        process.wait(60)
    assert process.returncode == 0, got[-2_000:]
    return got.decode("utf-8").replace("\r\n", "\n")


def test_on_a_terminal_every_control_sign_is_one_of_our_styles(clone, tmp_path):
    got = on_a_terminal([_words(look, clone, tmp_path) for look in LOOKS], columns=100)
    assert re.findall(r"^exit (\d)$", got, re.M) == ["0", "1", "1", "0", "2", "2", "0", "2", "2"]
    assert "\x1b[1m" in got
    assert "\x1b[32m" in got
    assert not CONTROL.search(OURS.sub("", got).replace("\n", ""))
    # a style that is begun is ended before the next line
    for line in got.split("\n"):
        styles = OURS.findall(line)
        assert not styles or styles[-1] == "\x1b[0m"


def test_without_colours_a_terminal_gets_none(clone, tmp_path):
    words = [_words(look, clone, tmp_path) for look in LOOKS[:2]]
    got = on_a_terminal(words, columns=40, env={"NO_COLOR": "1"})
    assert not set(OURS.findall(got)) & {"\x1b[31m", "\x1b[32m", "\x1b[33m"}
    got = on_a_terminal(words, columns=40, env={"TERM": "dumb"})
    assert "\x1b" not in got


def test_a_fault_of_ours_has_an_exit_code_of_its_own_and_no_control_sign():
    code = (
        "import sys, failscope.cli.sets as sets\n"
        "def broken(workspace): raise RuntimeError('\\x1b[2J said by a model')\n"
        "sets.Sets.of = broken\n"
        "sys.argv = ['failscope', 'golden', 'list', 'x']\n"
        "from failscope.cli import app\n"
        "app()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 3
    assert "RuntimeError: \ufffd[2J said by a model" in done.stderr
    assert "\x1b" not in done.stderr


def test_looking_at_a_clone_loads_nothing_heavy(clone):
    code = (
        "import sys\n"
        "from failscope.cli import app\n"
        "early = {'pandas', 'numpy', 'rich', 'sqlalchemy'} & set(sys.modules)\n"
        "sys.argv = ['failscope', 'golden', 'verify', sys.argv[1]]\n"
        "try: app()\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'sklearn', 'scipy', 'numba', 'networkit', 'sqlalchemy', 'altair', 'jinja2'}\n"
        "print(sorted(early), sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(clone)], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.endswith("[] []\n"), done.stdout + done.stderr


def test_a_stream_that_holds_only_ascii_is_written_all_the_same(clone):
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-c", "from failscope.cli import app; app()", "golden", "diff", str(clone), "hard"],
        capture_output=True,
        env=env,
        cwd=ROOT,
    )
    assert done.returncode == 1, done.stderr
    assert done.stdout.isascii()
    assert b"edited" in done.stdout
