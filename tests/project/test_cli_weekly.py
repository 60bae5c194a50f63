"""The verbs ``failscope read`` and ``failscope cluster``: what is kept, what is said, and with which exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import failscope as fs
from failscope.cli import app
from tests.project.test_cli_terminal import ATTACKS, CONTROL


@pytest.fixture
def run():
    """Run the command in this process."""
    runner = CliRunner()
    return lambda *words: runner.invoke(app, [str(w) for w in words])


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of three outputs in columns of its own."""
    path = tmp_path / "log.jsonl"
    rows = [
        {
            "id": f"t{n}",
            "time": f"2026-06-0{n + 1}T10:00:00Z",
            "frage": f"where is order {n}?",
            "antwort": "here",
            "mood": n % 2,
        }
        for n in range(3)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


NAMED = (
    "--columns",
    "input=frage",
    "--columns",
    "output=antwort",
    "--columns",
    "timestamp=time",
    "--signals",
    "mood=good",
)


def test_reading_makes_the_workspace_and_says_what_is_new(run, log, tmp_path):
    done = run("read", tmp_path / "ws", log, *NAMED)
    assert done.exit_code == 0, done.output
    assert "3 traces read: 3 new, 0 known, 0 updated, 0 conflicting, 0 rejected, 0 forgotten" in done.stdout
    assert "mood (good)" in done.stdout
    held = fs.Workspace(tmp_path / "ws").traces()
    assert held.frame["input"].tolist() == [f"where is order {n}?" for n in range(3)]
    assert held.signals == {"mood": "good"}
    assert "0 new, 3 known" in run("read", tmp_path / "ws", log, *NAMED).stdout


def test_what_came_later_is_updated_and_another_text_is_conflicting(run, log, tmp_path):
    run("read", tmp_path / "ws", log, *NAMED)
    rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    rows[0]["mood"], rows[1]["antwort"] = 5, "somewhere else"
    log.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    done = run("read", tmp_path / "ws", log, *NAMED)
    assert "0 new, 1 known, 1 updated, 1 conflicting" in done.stdout
    assert "kept as first added, since their texts differ: t1" in done.stdout
    said = json.loads(run("read", tmp_path / "ws", log, *NAMED, "--json").stdout)
    assert (said["known"], said["conflicting"], said["conflicting_ids"]) == (2, 1, ["t1"])


def test_rejected_rows_are_named_and_only_strict_makes_them_an_error(run, log, tmp_path):
    with log.open("a", encoding="utf-8") as file:
        file.write('{"id": "broken"\n')
    done = run("read", tmp_path / "ws", log, *NAMED)
    assert done.exit_code == 0
    assert "1 rejected" in done.stdout
    assert "log.jsonl" in done.stdout.split("reason")[1]
    assert "4" in done.stdout.split("reason")[1]
    done = run("read", tmp_path / "ws", log, *NAMED, "--strict", "--json")
    assert done.exit_code == 1
    said = json.loads(done.stdout)
    assert [(r["file"], r["line"]) for r in said["rejected_rows"]] == [("log.jsonl", 4)]
    assert set(said) == {
        *("new", "known", "updated", "conflicting", "rejected", "forgotten"),
        *("read", "conflicting_ids", "rejected_rows", "notes", "signals"),
    }
    assert len(fs.Workspace(tmp_path / "ws").traces()) == 3


def test_more_rejected_rows_than_are_shown_are_counted(run, log, tmp_path):
    with log.open("a", encoding="utf-8") as file:
        file.write("{no json\n" * 30)
    assert "and 10 more rejected" in run("read", tmp_path / "ws", log, *NAMED).stdout


def test_several_files_and_folders_are_read_together(run, log, tmp_path):
    folder = tmp_path / "logs"
    folder.mkdir()
    pd.DataFrame({"id": ["c1"], "prompt": ["hi"], "response": ["hello"]}).to_csv(
        folder / "a.csv", index=False
    )
    (folder / "b.jsonl").write_text('{"id": "j1", "prompt": "hi", "response": "hello"}\n', encoding="utf-8")
    done = run("read", tmp_path / "ws", folder / "b.jsonl", folder / "a.csv")
    assert "2 traces read: 2 new" in done.stdout
    assert "0 new, 2 known" in run("read", tmp_path / "ws", folder).stdout


def test_somebody_who_asked_for_deletion_is_not_read_in_again(run, tmp_path):
    path = tmp_path / "log.jsonl"
    rows = [
        {"id": f"t{n}", "prompt": "hi", "response": "hello", "user_id": f"u{n}" if n else ""}
        for n in range(3)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    run("read", tmp_path / "ws", path)
    fs.Workspace(tmp_path / "ws").forget(user_id="u1", by="cleo")
    assert (
        "0 new, 2 known, 0 updated, 0 conflicting, 0 rejected, 1 forgotten"
        in run("read", tmp_path / "ws", path).stdout
    )
    rows[0]["user_id"] = "u1"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    done = run("read", tmp_path / "ws", path, "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["new"] == 0
    assert done.stderr.startswith("failscope: note: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["{log}x"], "no file or folder"),
        (["{log}", "--columns", "input"], "--columns 'input' is no pair; write it as --columns input=prompt"),
        (["{log}", "--columns", "input=a", "--columns", "input=b"], "--columns names 'input' twice"),
        (["{log}", "--columns", "input=nix"], "nix"),
        (["{log}", "--signals", "mood=sad"], "sad"),
        (["{log}", "--format", "xml"], "format='xml'"),
        (["{log}", "{log}"], "is given twice"),
    ],
)
def test_what_cannot_be_read_makes_no_workspace(run, log, tmp_path, words, says):
    done = run(
        "read", tmp_path / "ws", *(w.replace("{log}", str(log)) for w in words), "--columns", "output=antwort"
    )
    assert done.exit_code == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert not (tmp_path / "ws").exists()


def test_a_hostile_log_cannot_move_the_cursor(run, tmp_path):
    path = tmp_path / "log\x1b[2J\u202e.jsonl"
    lines = [
        json.dumps({"id": text, "prompt": text, "response": text, text[:200].replace("\ud800", ""): 1})
        for text in ATTACKS
    ]
    lines += [f"{{{text}" for text in ATTACKS]
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
    for more in ([], ["--json"]):
        done = run("read", tmp_path / "ws", path, *more)
        assert done.exit_code == 0, done.output
        assert not CONTROL.search(done.output.replace("\n", ""))


# cluster -----------------------------------------------------------------------------------------------------


def test_clustering_prints_what_python_finds_and_saves_it(run, ws, traces):
    done = run("cluster", ws.path, "--json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    found = fs.cluster(traces, progress=False)
    assert (said["id"], said["name"], said["traces"]) == (found.id, "behaviour", 80)
    summary = found.summary()
    assert [c["cluster"] for c in said["clusters"]] == summary.index.tolist()
    assert [c["name"] for c in said["clusters"]] == summary["name"].tolist()
    assert [c["size"] for c in said["clusters"]] == summary["size"].tolist()
    assert {"share", "lift", "lift_low", "lift_high", "stability", "exemplar"} <= set(said["clusters"][0])
    assert ws.clustering("behaviour").id == found.id
    table = run("cluster", ws.path, "--name", "weekly").stdout
    assert table.split("\n")[1].split() == ["cluster", "name", "size", "share", "lift", "stability"]
    assert summary["name"].iloc[0][:20] in table
    assert ws.clusterings()["name"].tolist() == ["weekly", "behaviour"]


def test_times_view_and_seed_are_passed_on_and_are_in_the_name(run, ws):
    words = ("--since", "2026-06-02", "--until", "2026-06-14", "--view", "topic", "--seed", "3", "--json")
    said = json.loads(run("cluster", ws.path, *words).stdout)
    assert said["name"] == "topic from 2026-06-02 until 2026-06-14"
    assert (said["view"], said["random_state"]) == ("topic", 3)
    assert said["traces"] == len(ws.traces(since="2026-06-02", until="2026-06-14")) < 80
    assert ws.clustering(said["name"]).params["random_state"] == 3


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--since", "2036-01-01"], "there are no traces with since='2036-01-01'"),
        (["--since", "soon"], "since='soon' is not a time"),
        (["--view", "mood"], "mood"),
        (["--name", " x "], "clustering name"),
        (["--seed", "x"], "--seed"),
    ],
)
def test_what_cannot_be_clustered_is_one_line_and_exit_code_2(run, ws, words, says):
    done = run("cluster", ws.path, *words)
    assert done.exit_code == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert len(ws.clusterings()) == 0


def test_clusters_of_hostile_texts_cannot_move_the_cursor(run, tmp_path):
    rows = [
        {
            "trace_id": f"t{n}",
            "input": f"{ATTACKS[n % 9]} {n}",
            "output": f"{ATTACKS[(n + n // 9) % 9]} {n % 5}",
            "thumbs": n % 3 - 1,
        }
        for n in range(90)
    ]
    ws = fs.Workspace(tmp_path / "ws")
    ws.add(fs.Traces.from_frame(pd.DataFrame(rows), signals={"thumbs": "good"}))
    for more in ([], ["--json"], ["--view", "response"]):
        done = run("cluster", ws.path, *more)
        assert done.exit_code == 0, done.output
        assert not CONTROL.search(done.output.replace("\n", ""))
