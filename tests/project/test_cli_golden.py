"""The verbs of ``failscope golden``: each against what Python says, with its exit code, on a workspace and on a clone."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import failscope as fs
from failscope.cli import app
from tests.project.test_cli_terminal import ATTACKS, CONTROL
from tests.tools.hostile import example, golden_set

ROOT = Path(__file__).resolve().parents[2]

ASKED = [
    "My kettle arrived with a broken lid, what now?",
    "Can I still cancel the subscription that renewed yesterday?",
    "Which adapter does the travel lamp need in Japan?",
    "I was charged twice for one watch strap.",
    "The speaker hums when the phone is near it.",
    "How do I change the delivery address after paying?",
]


@pytest.fixture
def run():
    """Run the command in this process."""
    runner = CliRunner()
    return lambda *words: runner.invoke(app, [str(w) for w in words])


def reviewed(folder: Path) -> fs.Workspace:
    """Six traces that somebody read and proposed, the first three promoted."""
    ws = fs.Workspace(folder)
    rows = [
        {
            "trace_id": f"t{n}",
            "timestamp": pd.Timestamp("2026-06-01", tz="UTC") + pd.Timedelta(days=n),
            "input": text,
            "output": f"We do not know about number {n}.",
            "thumbs": -1,
        }
        for n, text in enumerate(ASKED)
    ]
    ws.add(fs.Traces.from_frame(pd.DataFrame(rows), signals={"thumbs": "good"}))
    found = fs.cluster(ws.traces(), projector=None, min_cluster_size=2, progress=False)
    session = ws.start_review("2026-W23", fs.plan_review(found, budget=6), reviewers=["ana"])
    for n in range(6):
        mode = "no answer" if n % 2 else "invented policy"
        session.annotate(f"t{n}", reviewer="ana", failure_modes=[mode], expected_output=f"Answer {n}.")
    session.propose("refunds", ["t0", "t1", "t2"], reviewer="ana", reason="typical")
    ws.promote("refunds", curator="cleo", reason="first")
    return ws


@pytest.fixture(scope="session")
def held(tmp_path_factory) -> fs.Workspace:
    """One for all tests that only look."""
    ws = reviewed(tmp_path_factory.mktemp("cli") / "ws")
    session = ws.start_review("2026-W23")
    session.annotate("t1", reviewer="ana", failure_modes=["no answer"], expected_output="Answer one, better.")
    session.propose("refunds", ["t3", "t4"], reviewer="ana", reason="more")
    ws.promote("refunds", curator="cleo", reason="second", trace_ids=["t1", "t3"])
    ws.retire("refunds", ws.golden("refunds").rows.ids[:1], curator="cleo", reason="out of date")
    ws.promote("refunds", curator="cleo", reason="audit", trace_ids=["t4"], branch="audit")
    session.propose("refunds", ["t5"], reviewer="ana", reason="new")
    session.propose("billing", ["t3"], reviewer="ana", reason="billing")
    return ws


@pytest.fixture
def own(tmp_path) -> fs.Workspace:
    """One for a test that changes it."""
    return reviewed(tmp_path / "ws")


@pytest.fixture
def clone(held, tmp_path) -> Path:
    """The files of the golden sets alone."""
    shutil.copytree(held.path / "golden", tmp_path / "clone" / "golden")
    return tmp_path / "clone"


# list --------------------------------------------------------------------------------------------------------


def test_list_tells_versions_branches_modes_and_what_waits(run, held):
    said = json.loads(run("golden", "list", held.path, "--json").stdout)["sets"]
    rows = {(row["set"], row["branch"]): row for row in said}
    assert list(rows) == [("billing", "main"), ("refunds", "main"), ("refunds", "audit")]
    main, golden = rows["refunds", "main"], held.golden("refunds")
    assert (
        (main["version"], main["versions"], main["examples"]) == (golden.version, 3, len(golden)) == (3, 3, 3)
    )
    assert main["failure_modes"] == golden.examples["failure_modes"].explode().value_counts().to_dict()
    waiting = held.proposals("refunds")["status"].value_counts().to_dict()
    assert main["proposals"] == waiting
    assert sum(waiting.values()) >= 1
    assert rows["refunds", "audit"]["version"] == 4
    assert rows["refunds", "audit"]["proposals"] is None
    assert (rows["billing", "main"]["version"], rows["billing", "main"]["proposals"]) == (
        None,
        {"waiting": 1},
    )
    assert main["age_days"] == 0
    table = run("golden", "list", held.path).stdout
    assert "v3" in table
    assert "0 days" in table
    assert "invented policy" in table
    assert "waiting" in table


def test_list_of_files_alone_knows_no_proposals(run, clone):
    said = json.loads(run("golden", "list", clone, "--json").stdout)["sets"]
    assert [(row["set"], row["branch"], row["proposals"]) for row in said] == [
        ("refunds", "main", None),
        ("refunds", "audit", None),
    ]


def test_list_names_a_set_that_is_not_whole_and_still_lists_the_others(run, own):
    own.propose("billing", ["t3"], reviewer="ana")
    (own.path / "golden" / "refunds" / "v0001" / "examples.jsonl").write_text("{}\n", encoding="utf-8")
    done = run("golden", "list", own.path)
    assert done.exit_code == 0, done.output
    assert "not whole" in done.stdout
    assert "billing" in done.stdout


def test_an_empty_workspace_has_no_sets(run, tmp_path):
    fs.Workspace(tmp_path / "ws")
    assert run("golden", "list", tmp_path / "ws").stdout == "there is no golden set yet\n"
    assert run("golden", "verify", tmp_path / "ws").exit_code == 0


def test_list_reads_rows_and_versions_of_another_hand(run, tmp_path):
    rows = [example(n, failure_modes=modes) for n, modes in enumerate([None, 7, [{"a": 1}], ["fine", None]])]
    del rows[0]["failure_modes"]
    golden_set(tmp_path, rows)
    done = run("golden", "list", tmp_path, "--json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)["sets"][0]
    assert said["failure_modes"] == {"{'a': 1}": 1, "fine": 1, "None": 1}
    assert (said["age_days"], said["curator"]) == (None, None)
    assert run("golden", "list", tmp_path).exit_code == 0


# diff --------------------------------------------------------------------------------------------------------


def test_diff_is_what_python_says_and_exits_as_diff_does(run, held):
    done = run("golden", "diff", held.path, "refunds", "1", "3", "--json")
    changes = held.golden("refunds").diff(1)
    assert done.exit_code == 1
    said = json.loads(done.stdout)
    assert said["counts"] == changes.counts() == {"added": 1, "edited": 1, "retired": 1}
    assert {r["example_id"]: r["change"] for r in said["changes"]} == changes.frame["change"].to_dict()
    told = run("golden", "diff", held.path, "refunds", "1", "3").stdout
    assert "1 added, 1 edited, 1 retired" in told
    assert "[-1-]{+one, better+}" in told
    assert "out of date" in told
    assert run("golden", "diff", held.path, "refunds", "2", "2").exit_code == 0


def test_versions_are_named_in_every_way_that_people_write_them(run, held):
    def sides(*words: str) -> tuple[str, str]:
        said = json.loads(run("golden", "diff", held.path, "refunds", *words, "--json").stdout)
        return said["from"], said["to"]

    assert sides() == ("refunds v2", "refunds v3")
    assert sides("1") == ("refunds v1", "refunds v3")
    assert sides("v1", "v0002") == ("refunds v1", "refunds v2")
    assert sides("main", "audit") == ("refunds v3", "refunds v4 on audit")
    assert sides("v3", "v4@audit") == ("refunds v3", "refunds v4 on audit")
    assert sides("--branch", "audit") == ("refunds v3", "refunds v4 on audit")
    assert sides("v1", "1") == ("refunds v1", "refunds v1")


def test_the_first_version_differs_from_nothing_in_all_its_examples(run, own):
    done = run("golden", "diff", own.path, "refunds")
    assert done.exit_code == 1
    assert "nothing -> refunds v1: 3 added" in done.stdout


@pytest.mark.parametrize("at", [0, 50_000, 99_000])
def test_a_change_within_a_long_text_is_shown_wherever_it_is(run, own, at):
    text = "word " * 20_000
    session = own.start_review("2026-W23")
    session.annotate("t0", reviewer="ana", failure_modes=["invented policy"], expected_output=text)
    own.promote("refunds", curator="cleo", waive={"size": "a test"})
    changed = text[:at] + "CHANGED" + text[at:]
    session.annotate("t0", reviewer="ana", failure_modes=["invented policy"], expected_output=changed)
    own.promote("refunds", curator="cleo", waive={"size": "a test"})
    told = " ".join(run("golden", "diff", own.path, "refunds").stdout.split())
    assert "{+CHANGED+}" in told.replace(" ", "")
    assert len(told) < 2_000


# verify ------------------------------------------------------------------------------------------------------


def test_verify_finds_sets_and_log_whole(run, held):
    done = run("golden", "verify", held.path, "--json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["whole"] is True
    assert {s["set"]: s["whole"] for s in said["sets"]} == {"refunds": True}
    assert said["log"]["head"] == held.audit().head
    assert run("golden", "verify", held.path, "--head", held.audit().head).exit_code == 0
    assert run("golden", "verify", held.path, "refunds").exit_code == 0


def _flip(folder: Path) -> None:
    path = folder / "v0001" / "examples.jsonl"
    path.write_bytes(path.read_bytes().replace(b"Answer", b"answer", 1))


def _flip_on_the_branch(folder: Path) -> None:
    path = folder / "v0004@audit" / "examples.jsonl"
    path.write_bytes(path.read_bytes().replace(b"Answer", b"answer", 1))


def _add(folder: Path) -> None:
    (folder / "v0002" / "notes.txt").write_text("x", encoding="utf-8")


def _lose(folder: Path) -> None:
    shutil.rmtree(folder / "v0002")


@pytest.mark.parametrize(
    ("harm", "says"),
    [(_flip, "v0001"), (_flip_on_the_branch, "v0004@audit"), (_add, "notes.txt"), (_lose, "version 2")],
)
def test_verify_of_files_alone_names_what_is_not_as_it_was(run, clone, harm, says):
    assert run("golden", "verify", clone).exit_code == 0
    harm(clone / "golden" / "refunds")
    done = run("golden", "verify", clone)
    assert done.exit_code == 1
    assert says in " ".join(done.stdout.split())
    assert "files alone" in done.stdout
    said = json.loads(run("golden", "verify", clone, "--json").stdout)
    assert (said["whole"], said["log"], [s["whole"] for s in said["sets"]]) == (False, None, [False])


def test_verify_misses_a_set_whose_folder_is_gone(run, own):
    shutil.rmtree(own.path / "golden" / "refunds")
    done = run("golden", "verify", own.path)
    assert done.exit_code == 1
    assert "has lost version 1" in " ".join(done.stdout.split())


def test_verify_finds_a_set_that_was_made_anew_with_hashes_of_its_own(run, own):
    from failscope.golden.dataset import write_version

    golden = own.golden("refunds")
    rows, about = [dict(r, note="forged") for r in golden.rows], dict(golden.manifest)
    home = golden.folder.parent
    shutil.rmtree(golden.folder)
    made = write_version(
        home, rows, about={k: about[k] for k in ("curator", "at", "reason", "failscope")}, parent=None
    )
    assert made.verify()
    done = run("golden", "verify", own.path)
    assert done.exit_code == 1
    assert "another one than was promoted" in " ".join(done.stdout.split())


def test_verify_finds_an_event_that_was_changed(run, own):
    import sqlite3

    head = own.audit().head
    with sqlite3.connect(own.path / "failscope.db") as connection:
        for (trigger,) in connection.execute(
            "select name from sqlite_master where type = 'trigger'"
        ).fetchall():
            connection.execute(f"drop trigger {trigger}")
        connection.execute("update events set actor = 'eve' where kind = 'promotion'")
    done = run("golden", "verify", own.path)
    assert done.exit_code == 1
    assert "is not as it was written" in " ".join(done.stdout.split())
    assert run("golden", "verify", own.path, "--head", head, "--json").exit_code == 1


# export ------------------------------------------------------------------------------------------------------


def test_export_writes_what_python_writes(run, held, clone, tmp_path):
    for where in (held.path, clone):
        done = run(
            "golden",
            "export",
            where,
            "refunds",
            "-o",
            tmp_path / "x" / "cases.jsonl",
            "--version",
            "2",
            "--json",
        )
        assert done.exit_code == 0, done.output
        said = json.loads(done.stdout)
        golden = held.golden("refunds", 2)
        assert (said["version"], said["sha256"], said["format"]) == (2, golden.sha256, "jsonl")
        held.golden("refunds", 2).export(tmp_path / "python.jsonl")
        assert Path(said["written"]).read_bytes() == (tmp_path / "python.jsonl").read_bytes()
    done = run(
        "golden",
        "export",
        held.path,
        "refunds",
        "-o",
        tmp_path / "test_x.py",
        "--format",
        "pytest",
        "--branch",
        "audit",
    )
    assert done.exit_code == 0, done.output
    assert "refunds v4" in done.stdout
    assert "version 4" in (tmp_path / "test_x.py").read_text(encoding="utf-8")


def test_a_disk_that_does_not_take_it_is_one_line_and_exit_code_2(run, held, tmp_path):
    (tmp_path / "file").write_text("x", encoding="utf-8")
    done = run("golden", "export", held.path, "refunds", "-o", tmp_path / "file" / "x.jsonl")
    assert done.exit_code == 2
    assert "file" in done.stderr
    assert done.stderr.count("\n") == 1


# coverage ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def weeks(tmp_path_factory) -> fs.Workspace:
    """Two weeks of the sample data, and a golden set of a few cases of the first."""
    ws = fs.Workspace(tmp_path_factory.mktemp("weeks") / "ws")
    log = fs.read(ROOT / "sample_data" / "support_bot.jsonl.gz", progress=False)
    ws.add(log.between("2026-06-01", "2026-06-15"))
    first = ws.traces(until="2026-06-08")
    found = fs.cluster(first, projector=None, progress=False)
    session = ws.start_review("2026-W23", fs.plan_review(found, budget=40), reviewers=["ana"])
    ids = session.plan.frame["trace_id"].tolist()
    for trace_id in ids:
        session.annotate(trace_id, reviewer="ana", failure_modes=["no answer"], expected_output="An answer.")
    session.propose("support", ids, reviewer="ana", reason="typical")
    ws.promote(
        "support",
        curator="cleo",
        reason="first",
        waive=dict.fromkeys(("personal", "duplicate", "quota"), "a test"),
    )
    return ws


WEEK = ("--since", "2026-06-08", "--until", "2026-06-15")


def test_coverage_is_what_python_measures(run, weeks):
    done = run("golden", "coverage", weeks.path, "support", *WEEK, "--json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    measured = weeks.golden("support").coverage(
        weeks.traces(since="2026-06-08", until="2026-06-15"),
        modes=weeks.reviewed(),
        before=weeks.traces(until="2026-06-08"),
        progress=False,
    )
    assert said["share"] == measured.share
    assert said["line"] == measured.line()
    assert [g["name"] for g in said["gaps"]] == measured.gaps["name"].tolist()
    assert said["golden"]["name"] == "support"
    table = run("golden", "coverage", weeks.path, "support", *WEEK).stdout
    assert table.startswith(measured.line())
    assert str(measured.gaps["name"].iloc[0])[:12] in table
    assert measured.gaps["candidates"].iloc[0][0] in table


def test_coverage_below_what_is_enough_is_the_answer_no(run, weeks):
    share = json.loads(run("golden", "coverage", weeks.path, "support", *WEEK, "--json").stdout)["share"]
    assert 0 < share < 1
    done = run("golden", "coverage", weeks.path, "support", *WEEK, "--min", share + 0.001)
    assert done.exit_code == 1
    assert "is below" in done.stdout
    assert run("golden", "coverage", weeks.path, "support", *WEEK, "--min", share).exit_code == 0


def test_coverage_is_kept_and_says_next_week_what_changed(run, weeks, tmp_path):
    kept = tmp_path / "kept" / "coverage.json"
    first = run("golden", "coverage", weeks.path, "support", "--until", "2026-06-08", "-o", kept)
    assert first.exit_code == 0, first.output
    assert json.loads(kept.read_text(encoding="ascii"))["share"] > 0
    done = run(
        "golden",
        "coverage",
        weeks.path,
        "support",
        *WEEK,
        "--before",
        kept,
        "-o",
        tmp_path / "c.html",
        "--json",
    )
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["near"] == json.loads(kept.read_text(encoding="ascii"))["near"]
    assert said["line"].startswith("coverage ")
    assert "near is" not in said["line"]  # the same line was used
    assert not list(tmp_path.glob("**/*.half"))
    page = (tmp_path / "c.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "default-src 'none'" in page
    assert "<script" not in page


def test_coverage_that_cannot_be_written_leaves_what_was_kept(run, weeks, tmp_path, monkeypatch):
    kept = tmp_path / "coverage.json"
    kept.write_text("last week", encoding="utf-8")

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    done = run("golden", "coverage", weeks.path, "support", "--until", "2026-06-08", "-o", kept)
    assert done.exit_code == 2, done.output
    assert {p.name: p.read_text("utf-8") for p in tmp_path.iterdir()} == {"coverage.json": "last week"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--min", "70"], "--min 70 is no share; write it as 0.7"),
        (["--min", "nan"], "--min nan is no share"),
        (["-o", "coverage.pdf"], "name it coverage.json or coverage.html"),
        (["--before", "{tmp}/nix.json"], "cannot be read"),
        (["--before", "{tmp}/other.json"], "is not what -o coverage.json writes"),
        (["--before", "{tmp}/list.json"], "is not what -o coverage.json writes"),
        (["--before", "{tmp}/texts.json"], "is not what -o coverage.json writes"),
        (["--before", "{tmp}/odd.json"], "is not what -o coverage.json writes"),
        (["--since", "2036-01-01"], "there are no traces"),
        (["--version", "7"], "no version 7"),
    ],
)
def test_what_cannot_be_covered_is_one_line_and_exit_code_2(run, weeks, tmp_path, words, says):
    (tmp_path / "other.json").write_text('{"share": 0.5}', encoding="utf-8")
    (tmp_path / "list.json").write_text("[1, 2]", encoding="utf-8")
    texts = {**dict.fromkeys(("share", "near", "covered", "traces"), "x"), "golden": {"examples": "x"}}
    (tmp_path / "texts.json").write_text(json.dumps(texts), encoding="utf-8")
    odd = {"share": 1.0, "near": 0.5, "covered": 9_000, "traces": 9_000, "golden": {"examples": 3}}
    odd |= {"groups": 7, "params": 7}
    (tmp_path / "odd.json").write_text(json.dumps(odd), encoding="utf-8")
    done = run(
        "golden", "coverage", weeks.path, "support", *(w.replace("{tmp}", str(tmp_path)) for w in words)
    )
    assert done.exit_code == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


# promote and merge -------------------------------------------------------------------------------------------

BY = ("--curator", "cleo", "--reason", "weekly audit")


def test_promote_makes_a_version_and_promoting_again_makes_none(run, own):
    own.propose("refunds", ["t3", "t4"], reviewer="ana", reason="more")
    done = run("golden", "promote", own.path, "refunds", *BY)
    assert done.exit_code == 0, done.output
    assert "refunds v2 made: 5 examples" in done.stdout
    golden = own.golden("refunds")
    assert (golden.manifest["curator"], golden.manifest["reason"]) == ("cleo", "weekly audit")
    done = run("golden", "promote", own.path, "refunds", *BY, "--json")
    assert done.exit_code == 0
    said = json.loads(done.stdout)
    assert (said["new"], said["version"], said["sha256"]) == (False, 2, golden.sha256)


def test_promote_takes_named_traces_onto_a_branch(run, own):
    own.propose("refunds", ["t3", "t4"], reviewer="ana")
    said = json.loads(
        run(
            "golden", "promote", own.path, "refunds", *BY, "--trace", "t4", "--branch", "next", "--json"
        ).stdout
    )
    assert (said["branch"], said["version"], said["examples"], said["new"]) == ("next", 2, 4, True)
    assert own.golden("refunds").version == 1


def test_what_the_gate_refuses_is_told_check_by_check(run, own):
    session = own.start_review("2026-W23")
    session.annotate(
        "t3", reviewer="ana", failure_modes=["no answer"], expected_output="Write to jane.doe@example.org."
    )
    session.propose("refunds", ["t3", "t4"], reviewer="ana")
    done = run("golden", "promote", own.path, "refunds", *BY)
    assert done.exit_code == 0, done.output
    assert "refunds v2 made: 4 examples" in done.stdout
    assert "personal" in done.stdout
    assert "jane.doe" not in done.output
    assert done.stderr == ""
    done = run("golden", "promote", own.path, "refunds", *BY, "--json")
    assert done.exit_code == 1
    said = json.loads(done.stdout)
    assert (said["new"], [(r["trace_id"], r["check"]) for r in said["refused"]]) == (
        False,
        [("t3", "personal")],
    )
    assert said["refused"][0]["says"]
    done = run("golden", "promote", own.path, "refunds", *BY)
    assert done.exit_code == 1
    assert "refused all 1 cases" in done.stdout
    assert own.golden("refunds").version == 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["promote", "refunds", "--curator", "ana", "--reason", "x"], "ana"),
        (["promote", "nix", *BY], "nothing is proposed for 'nix'"),
        (["promote", "../x", *BY], "cannot be a folder"),
        (["promote", "refunds", *BY, "--trace", "t9"], "t9"),
        (["promote", "refunds", "--reason", "x"], "--curator"),
        (["retire", "refunds", "ex-nix", *BY], "no example 'ex-nix'"),
        (["retire", "refunds", "ex-nix", "--curator", "ana", "--reason", "x"], "ana"),
        (["retire", "refunds", *BY], "EXAMPLES"),
        (["retire", "refunds", "ex-nix", "--curator", "cleo"], "--reason"),
        (["merge", "refunds", "nix", *BY], "neither a branch"),
        (["merge", "refunds", "nix", *BY, "--prefer", "mine"], "--prefer"),
        (["merge", "refunds", "nix", *BY, "--prefer", "ex-1=mine"], "the sides are ours and theirs"),
        (["export", "nix", "-o", "x.jsonl"], "no golden set 'nix'"),
        (["export", "refunds", "-o", "x.jsonl", "--format", "nix"], "format='nix'"),
        (["export", "refunds", "-o", "x.jsonl", "--version", "7"], "no version 7"),
        (["verify", "nix"], "no golden set 'nix'"),
        (["verify", "--head", "x"], "head='x'"),
        (["diff", "nix"], "no golden set 'nix'"),
        (["diff", "refunds", "7"], "no version 7"),
        (["diff", "refunds", "../main"], "is neither a version nor a branch"),
        (["diff", "../refunds"], "cannot be a folder"),
        (["coverage", "nix"], "no golden set 'nix'"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_code_2(run, held, words, says):
    done = run("golden", words[0], held.path, *words[1:])
    assert done.exit_code == 2, done.output
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert held.golden("refunds").version == 3


@pytest.mark.parametrize("verb", ["list", "verify"])
def test_a_folder_that_is_no_workspace_is_left_as_it_was(run, tmp_path, verb):
    done = run("golden", verb, tmp_path / "new")
    assert done.exit_code == 2
    assert "is no workspace" in done.stderr
    assert not (tmp_path / "new").exists()


def test_retire_makes_a_version_without_them_that_says_why(run, own):
    first, second, _ = own.golden("refunds").rows.ids
    done = run("golden", "retire", own.path, "refunds", first, *BY)
    assert done.exit_code == 0, done.output
    assert "refunds v2 made: 2 examples" in done.stdout
    assert f"retired: {first}" in done.stdout
    golden = own.golden("refunds")
    assert golden.retired.loc[first, ["by", "reason"]].tolist() == ["cleo", "weekly audit"]
    done = run("golden", "retire", own.path, "refunds", second, *BY, "--branch", "next", "--json")
    assert done.exit_code == 2  # a branch begins with a promotion
    assert "no version on branch 'next'" in done.stderr
    said = json.loads(run("golden", "retire", own.path, "refunds", second, second, *BY, "--json").stdout)
    assert (said["version"], said["examples"], said["new"], said["retired"]) == (3, 1, True, [second])
    assert run("golden", "retire", own.path, "refunds", second, *BY).exit_code == 2
    assert first in own.golden("refunds", 1).rows.ids
    assert run("golden", "verify", own.path).exit_code == 0


def test_merge_settles_a_copy_and_a_conflict_is_the_answer_no(run, own, tmp_path):
    shutil.copytree(own.path, tmp_path / "other")
    other = fs.Workspace(tmp_path / "other")
    for ws, answer, more in ((own, "ours", "t3"), (other, "theirs", "t4")):
        session = ws.start_review("2026-W23")
        session.annotate(
            "t0", reviewer="ana", failure_modes=["invented policy"], expected_output=f"As {answer}."
        )
        session.propose("refunds", [more], reviewer="ana")
        ws.promote("refunds", curator="cleo", reason=answer)
    theirs = other.path / "golden" / "refunds"
    done = run("golden", "merge", own.path, "refunds", theirs, *BY)
    assert done.exit_code == 1
    assert "not merged: both sides changed 1 example" in done.stdout
    said = json.loads(run("golden", "merge", own.path, "refunds", theirs, *BY, "--json").stdout)
    assert said["version"] is None
    assert own.golden("refunds").version == 2
    conflict = next(i for i, row in own.golden("refunds").examples.iterrows() if row["trace_id"] == "t0")
    done = run("golden", "merge", own.path, "refunds", theirs, *BY, "--prefer", f"{conflict}=theirs")
    assert done.exit_code == 0, done.output
    assert "refunds v3 made: 5 examples" in done.stdout
    assert own.golden("refunds").examples.loc[conflict, "expected_output"] == "As theirs."
    assert (
        "holds already" in run("golden", "merge", own.path, "refunds", theirs, *BY, "--prefer", "ours").stdout
    )
    assert run("golden", "verify", own.path).exit_code == 0


def test_hostile_words_of_people_and_logs_cannot_move_the_cursor(run, tmp_path):
    ws = fs.Workspace(tmp_path / "ws")
    rows = [{"trace_id": text, "input": f"{text} {n}", "output": text} for n, text in enumerate(ATTACKS[:9])]
    ws.add(fs.Traces.from_frame(pd.DataFrame(rows)))
    ids = [row["trace_id"] for row in rows]
    ws.propose("hard", ids, reviewer="ana", reason=ATTACKS[0])
    looks = [["promote", "hard", *BY], ["promote", "hard", "--curator", "cleo", "--reason", ATTACKS[1]]]
    looks += [
        ["retire", "hard", ATTACKS[0], *BY],
        ["retire", "hard", ATTACKS[6], "--curator", *ATTACKS[1:2], "--reason", "x"],
    ]
    looks += [["promote", "hard", *BY, "--trace", ATTACKS[2]], ["list"], ["verify"], ["diff", "hard"]]
    for look in looks:
        for more in ([], ["--json"]):
            done = run("golden", look[0], ws.path, *look[1:], *more)
            assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
            assert not CONTROL.search(done.output.replace("\n", "")), look
