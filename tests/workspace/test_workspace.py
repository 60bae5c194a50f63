"""The place that holds everything, in SQLite and in PostgreSQL: adding, reading back, refusing what is not one, surviving a kill."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import failscope as fs
from failscope.workspace import schema, store


def test_adding_twice_changes_nothing_and_says_so(ws, traces):
    again = ws.add(traces)
    assert (again.new, again.known, again.updated, again.conflicting) == (0, len(traces), 0, ())
    assert len(ws.traces()) == len(traces)


def test_what_was_added_comes_back_the_same(home, ws, traces):
    back = home.open().traces()
    pd.testing.assert_frame_equal(back.frame.sort_index(), traces.frame.sort_index(), check_freq=False)
    assert back.signals == traces.signals


def test_a_week_is_what_lies_between_its_ends(ws):
    week = ws.traces(since="2026-06-01", until="2026-06-08")
    assert 0 < len(week) < 80
    assert week.frame["timestamp"].max() < pd.Timestamp("2026-06-08", tz="UTC")


def test_feedback_that_comes_later_updates_the_trace(ws, traces):
    later = traces.frame.head(3).copy()
    later["thumbs"] = -1
    done = ws.add(fs.Traces.from_frame(later.reset_index(), signals={"thumbs": "good"}))
    assert (done.new, done.updated) == (0, 1)  # two of the three were -1 before
    assert ws.traces().frame.loc[later.index, "thumbs"].tolist() == [-1, -1, -1]
    assert len(ws.traces()) == 80


def test_an_export_that_says_less_erases_nothing(ws, traces):
    less = traces.frame.drop(columns=["thumbs", "model"]).reset_index()
    done = ws.add(fs.Traces.from_frame(less))
    assert (done.new, done.updated, done.known) == (0, 0, 80)
    assert ws.traces().frame["thumbs"].notna().all()
    later = traces.frame.head(1).drop(columns=["model"]).assign(thumbs=-1).reset_index()
    assert ws.add(fs.Traces.from_frame(later, signals={"thumbs": "good"})).updated == 1
    assert ws.traces().frame.loc["t000", ["model", "thumbs"]].tolist() == ["m1", -1]


@given(
    st.lists(st.integers(0, 79), min_size=1, max_size=6, unique=True), st.sampled_from(["int64", "float64"])
)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_part_of_what_is_there_changes_nothing(ws, rows, dtype):
    again = ws.traces()
    part = again.take(again.frame.index[rows])
    frame = part.frame.assign(thumbs=part.frame["thumbs"].astype(dtype))
    done = ws.add(replace(part, frame=frame))
    assert (done.new, done.updated, done.known) == (0, 0, len(rows))


def test_a_signal_cannot_change_its_direction(ws, traces):
    with pytest.raises(fs.ArgumentError, match="'thumbs' is 'good'"):
        ws.add(replace(traces.take(["t000"]), signals={"thumbs": "bad"}))
    assert ws.traces().signals == {"thumbs": "good"}


def test_a_signal_without_a_column_is_no_signal(home):
    ws = home.open()
    log = pd.DataFrame({"trace_id": ["a"], "input": ["i"], "output": ["o"]})
    ws.add(fs.Traces.from_frame(log))
    ws.add(fs.Traces.from_frame(log.assign(thumbs=[np.nan]), signals={"thumbs": "good"}))
    assert not ws.traces().any_bad().any()


def test_a_relative_path_means_the_folder_it_was_opened_in(tmp_path, traces, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ws = fs.Workspace("here")
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "there")
    ws.add(traces)
    assert len(fs.Workspace(tmp_path / "here").traces()) == 80


@pytest.mark.parametrize("name", ["what?mode=ro", "a%20b", "ü #1"])
def test_a_folder_may_have_any_name(tmp_path, name, traces):
    fs.Workspace(tmp_path / name).add(traces)
    assert (tmp_path / name / "failscope.db").exists()
    assert len(fs.Workspace(tmp_path / name).traces()) == 80


def test_parts_that_disagree_about_a_column_become_text(home, tmp_path):
    ws = home.open()
    for trace_id, value in (("a", 1), ("b", "x"), ("c", True)):
        ws.add(
            fs.Traces.from_frame(
                pd.DataFrame({"trace_id": [trace_id], "input": ["i"], "output": ["o"], "v": [value]})
            )
        )
    assert isinstance(ws.traces().frame["v"].dtype, pd.StringDtype)
    assert fs.Workspace(tmp_path / "copy").add(ws.traces()).new == 3


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_a_missing_part_is_named(ws):
    next((ws.path / "traces").glob("*.parquet")).unlink()
    with pytest.raises(fs.WorkspaceError, match="restore it"):
        ws.traces()


def test_another_output_under_a_known_id_is_told_and_not_taken(ws, traces):
    other = traces.frame.head(1).copy()
    other["output"] = "something else"
    done = ws.add(fs.Traces.from_frame(other.reset_index(), signals={"thumbs": "good"}))
    assert done.conflicting == ("t000",)
    assert ws.traces().frame.loc["t000", "output"] == traces.frame.loc["t000", "output"]


def test_new_columns_and_an_empty_workspace_are_fine(home):
    ws = home.open()
    assert len(ws.traces()) == 0
    ws.add(fs.Traces.from_frame(pd.DataFrame({"trace_id": ["a"], "input": ["i"], "output": ["o"]})))
    ws.add(
        fs.Traces.from_frame(
            pd.DataFrame({"trace_id": ["b"], "input": ["i"], "output": ["o"], "team": ["x"], "thumbs": [1]})
        )
    )
    frame = ws.traces().frame
    assert frame.loc["a", "team"] == ""
    assert np.isnan(frame.loc["a", "thumbs"])


def test_hostile_text_comes_back_as_it_was(home):
    ws = home.open()
    texts = ["=1+1", "\u202eabc", "\x1b[31mred", "a\u2028b", "x" * 1_000_000, "<script>", "🤖"]
    ids = [f"i{n}" for n in range(len(texts))]
    ws.add(fs.Traces.from_frame(pd.DataFrame({"trace_id": ids, "input": texts, "output": texts})))
    assert ws.traces().frame.loc[ids, "output"].tolist() == texts


def test_a_clustering_is_saved_and_reloaded_by_name(home, ws, found):
    ws.save_clustering("first", found)
    back = home.open().clustering("first")
    assert back.id == found.id
    assert back.labels.tolist() == found.labels.tolist()
    assert back.trace_ids.tolist() == found.trace_ids.tolist()
    pd.testing.assert_frame_equal(back.summary(), found.summary())


def test_vectors_are_made_once(home, ws, monkeypatch):
    class Counting:
        name = "counting"
        texts = 0

        def embed(self, texts):
            Counting.texts += len(texts)
            return np.array([[len(t), 1.0] for t in texts], dtype=np.float32)

    for _ in range(2):
        week = home.open().traces()
        fs.embed_texts(list(week.frame["output"]), embedder=Counting(), cache=week.vectors)
    assert Counting.texts == week.frame["output"].replace("", np.nan).nunique()


def test_a_review_keeps_the_plan_it_began_with(home, ws, session, found):
    assert home.open().start_review("2026-W23").plan.frame.equals(session.plan.frame)
    with pytest.warns(UserWarning, match="another plan"):
        opened = ws.start_review("2026-W23", fs.plan_review(found, budget=5), reviewers=["ana"])
    assert opened.plan.frame.equals(session.plan.frame)
    joined = ws.start_review("2026-W23", session.plan, reviewers=["cy"])
    assert joined.reviewers == ("ana", "ben", "cy")


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda ws: ws.start_review("nope"), "begin it with a plan"),
        (lambda ws: ws.clustering("nope"), "no clustering 'nope'"),
        (lambda ws: ws.golden("nope"), "no golden set 'nope'"),
        (lambda ws: ws.traces(since="soon"), "since='soon'"),
        (lambda ws: ws.propose("x", ["nope"], reviewer="ana"), "no trace 'nope'"),
        (lambda ws: fs.Workspace("mysql://host/db"), "give a folder"),
    ],
)
def test_what_is_not_there_is_named_with_the_next_step(ws, call, word):
    with pytest.raises(fs.FailscopeError, match=word):
        call(ws)


def test_failure_modes_list_what_people_named(ws, session):
    session.annotate("t001", reviewer="ana", failure_modes=["refusal"])
    session.annotate("t005", reviewer="ben", failure_modes=["refusal"])
    session.tag_traces(["t009", "t001"], "refusal", reviewer="ana")
    session.annotate("t002", reviewer="ana", failure_modes=["empty"])
    session.undo(reviewer="ana")
    modes = ws.failure_modes()
    assert list(modes.index) == ["refusal"]
    assert modes.loc["refusal", ["traces", "tagged"]].tolist() == [2, 1]
    assert modes.loc["refusal", "reviewers"] == ["ana", "ben"]


# what is not a workspace -------------------------------------------------------------------------------------


def test_a_file_is_not_a_workspace(tmp_path):
    (tmp_path / "log.csv").write_text("a,b\n")
    with pytest.raises(fs.NotAWorkspaceError, match="is a file"):
        fs.Workspace(tmp_path / "log.csv")


@pytest.mark.parametrize("content", [b"hello world, this is no database", b"PAR1" * 40])
def test_a_database_of_another_kind_is_not_a_workspace(tmp_path, content):
    (tmp_path / "failscope.db").write_bytes(content)
    with pytest.raises(fs.NotAWorkspaceError, match="not a failscope database"):
        fs.Workspace(tmp_path)
    assert (tmp_path / "failscope.db").read_bytes() == content


def test_another_programs_sqlite_file_is_left_alone(tmp_path):
    with sqlite3.connect(tmp_path / "failscope.db") as other:
        other.execute("CREATE TABLE theirs (x)")
    other.close()
    with pytest.raises(fs.NotAWorkspaceError):
        fs.Workspace(tmp_path)


def test_a_newer_workspace_is_not_touched(home, ws):
    home.sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(fs.NewerWorkspaceError, match="later failscope"):
        home.open()


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_a_locked_workspace_says_so(ws, monkeypatch):
    monkeypatch.setattr(store, "WAIT_S", 0.2)
    holder = sqlite3.connect(ws.path / "failscope.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(fs.LockedWorkspaceError, match="another process"):
            fs.Workspace(ws.path)
    finally:
        holder.close()


@pytest.mark.parametrize("home", ["sqlite"], indirect=True)
def test_a_read_only_workspace_says_so(ws):
    """As another user, since root writes anywhere."""
    script = (
        "import os, sys, tempfile\n"
        "import failscope as fs\n"
        "fs.Workspace(tempfile.mkdtemp())\n"  # everything is imported before the rights to read it are given up
        "if os.geteuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        "try: fs.Workspace(sys.argv[1])\n"
        "except fs.ReadOnlyWorkspaceError as e: print('refused:', e)\n"
    )
    for parent in [ws.path, *ws.path.parents][:4]:
        parent.chmod(0o755)
    (ws.path / "failscope.db").chmod(0o444)
    ws.path.chmod(0o555)
    try:
        done = subprocess.run(
            [sys.executable, "-c", script, str(ws.path)], capture_output=True, text=True, cwd="/"
        )
        assert "refused:" in done.stdout, done.stderr[-2000:]
    finally:
        ws.path.chmod(0o755)


def test_the_migrations_make_the_schema_that_the_code_uses(home):
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    ws = home.open()
    with ws.log.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []


# a process killed while it writes ----------------------------------------------------------------------------

WRITER = """
import sys
import failscope as fs
session = fs.Workspace(sys.argv[1], folder=sys.argv[2] or None).start_review("2026-W23")
ids = list(session.traces.frame.index)
n = 0
while True:
    session.annotate(ids[n % len(ids)], reviewer="ana", failure_modes=[f"mode {n}"], note="x" * 2000)
    print(n, flush=True)
    n += 1
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_a_killed_process_loses_nothing_that_was_confirmed(home, ws, session):
    for _ in range(3):
        before = len(session.log.read(session="2026-W23"))
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, *home.arguments], stdout=subprocess.PIPE, text=True
        )
        for _ in range(15):
            writer.stdout.readline()
        time.sleep(0.013)
        os.kill(writer.pid, signal.SIGKILL)
        confirmed = 15 + len(writer.stdout.read().splitlines())
        writer.wait()
        held = home.open().log.read(session="2026-W23")[before:]
        assert confirmed <= len(held) <= confirmed + 1
        assert [e.payload["failure_modes"] for e in held] == [[f"mode {n}"] for n in range(len(held))]
    assert home.open().audit().verify()


APPENDER = """
import sys
import failscope as fs
session = fs.Workspace(sys.argv[1], folder=sys.argv[2] or None).start_review("2026-W23")
for n in range(40):
    session.annotate("t001", reviewer=sys.argv[3], failure_modes=[f"mode {n}"])
"""


def test_processes_that_tag_one_trace_at_the_same_moment_lose_nothing(home, session):
    people = ["ana", "ben"]
    running = [subprocess.Popen([sys.executable, "-c", APPENDER, *home.arguments, who]) for who in people]
    assert [process.wait() for process in running] == [0, 0]
    held = [e for e in home.open().log.read() if e.kind == "annotation"]
    for who in people:
        assert [e.payload["failure_modes"] for e in held if e.actor == who] == [
            [f"mode {n}"] for n in range(40)
        ]
    seqs = [e.seq for e in home.open().log.read()]
    assert seqs == list(range(1, len(seqs) + 1))
    assert home.open().audit().verify()
    assert session.mark("t001")["reviewers"] == people


ADDER = """
import sys, os
import pandas as pd, failscope as fs
from failscope.workspace import files
kill_at = int(sys.argv[3])
steps = 0
def step(original):
    def wrapped(*a, **k):
        global steps
        steps += 1
        if steps == kill_at: os._exit(9)
        return original(*a, **k)
    return wrapped
ws = fs.Workspace(sys.argv[1], folder=sys.argv[2] or None)
for name in ("fsync", "replace", "rename", "open"):
    setattr(os, name, step(getattr(os, name)))
from failscope.workspace.store import Store
Store.append_in = step(Store.append_in)
log = pd.DataFrame({"trace_id": ["k1", "k2"], "input": ["a", "b"], "output": ["c", "d"]})
ws.add(fs.Traces.from_frame(log))
print("done", steps)
"""


def test_adding_killed_at_any_step_adds_all_or_nothing(home, ws):
    for kill_at in range(1, 12):
        done = subprocess.run(
            [sys.executable, "-c", ADDER, *home.arguments, str(kill_at)], capture_output=True, text=True
        )
        there = home.open().traces().frame.index.isin(["k1", "k2"]).sum()
        if "done" in done.stdout:
            assert there == 2
            break
        assert there == 0, f"killed at step {kill_at}: {done.stderr[-500:]}"
    else:
        pytest.fail("the writer never came to its end")


def test_two_processes_opening_a_new_workspace_at_once_both_succeed(home):
    script = "import sys, failscope as fs; print(len(fs.Workspace(sys.argv[1], folder=sys.argv[2] or None).events()))"
    both = [
        subprocess.Popen(
            [sys.executable, "-c", script, *home.arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in both:
        out, err = process.communicate()
        assert out.strip() == "0", err[-2000:]


def test_two_people_starting_and_joining_one_review_at_once_both_succeed(home, ws, found):
    plan = fs.plan_review(found, budget=20)

    def start(name: str) -> tuple[str, ...]:
        return home.open().start_review("together", plan, reviewers=[name]).reviewers

    with ThreadPoolExecutor(4) as pool:
        assert all(name in people for name, people in zip("abcd", pool.map(start, "abcd"), strict=True))
    assert set(ws.start_review("together").reviewers) == set("abcd")


def test_a_clustering_of_other_texts_is_refused(ws, traces, found):
    other = fs.Traces.from_frame(traces.frame.assign(output="x").reset_index())
    with pytest.raises(fs.NotFoundError, match="other texts"):
        ws.start_review("r", fs.plan_review(replace(found, traces=other), budget=5), reviewers=["ana"])


def test_a_review_opens_with_its_own_clustering_whatever_names_are_given_later(ws, session, found, traces):
    other = fs.cluster(
        traces, projector=None, min_cluster_size=5, random_state=3, resolution=0.1, progress=False
    )
    ws.save_clustering(found.id, other)
    assert ws.start_review("2026-W23").clustering.id == found.id


def test_a_week_says_how_many_traces_have_no_time(ws):
    ws.add(fs.Traces.from_frame(pd.DataFrame({"trace_id": ["z"], "input": ["i"], "output": ["o"]})))
    assert ws.traces(since="2026-01-01").notes["left out, without a timestamp"] == 1


def test_the_log_says_who_did_what_when(ws, session):
    session.annotate("t001", reviewer="ana", failure_modes=["x"])
    events = ws.events()
    assert events["kind"].tolist() == ["traces_added", "clustering_saved", "review_started", "annotation"]
    last = events.iloc[-1]
    assert (last["actor"], last["session"], last["trace_id"], last["version"]) == (
        "ana",
        "2026-W23",
        "t001",
        fs.__version__,
    )
    assert json.dumps(last["payload"]) == '{"failure_modes": ["x"]}'
    assert pd.Timestamp(last["at"]).tzinfo is not None


def test_what_was_read_in_any_review_is_not_planned_again(ws, found):
    first = fs.plan_review(found, budget=10)
    session = ws.start_review("W23", first, reviewers=["ana"])
    read, noted = first.frame["trace_id"].iloc[:2]
    session.annotate(read, failure_modes=["loop"])
    session.annotate(noted, note="odd")
    assert ws.reviewed() == {read: ["loop"]}
    again = fs.plan_review(found, budget=79, reviewed=ws.reviewed())
    assert set(again.frame["trace_id"]) == set(found.trace_ids) - {read}
    later = ws.start_review("W24", again, reviewers=["ana"])
    assert ws.start_review("W24").plan.sample().equals(later.plan.sample())
