"""Promotion: versions that never change, and cases that know where they come from."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import failscope as fs
from failscope.golden.dataset import versions, write_version

COMPARED = {"expected": "compared by hand"}
"""Why an example without an expected output may enter, where a test is about something else."""


@pytest.fixture
def golden(session, ws):
    session.annotate(
        "t001", reviewer="ana", failure_modes=["refusal"], expected_output="Order 1 ships today."
    )
    session.tag_cluster(int(session.clustering.labels[0]), "a group", reviewer="ana")
    session.propose("refunds", ["t001", "t002"], reviewer="ana", reason="new this week")
    return ws.promote("refunds", curator="cleo", waive=COMPARED, reason="audit")


def test_a_promoted_trace_is_an_example_with_its_expected_output(golden):
    row = golden.examples.set_index("trace_id").loc["t001"]
    assert row["input"] == "Where is my kettle? It was order 1."
    assert row["expected_output"] == "Order 1 ships today."
    assert row["failure_modes"] == ["refusal"]
    assert len(golden) == 2
    assert golden.version == 1


def test_promoting_twice_creates_no_new_version(golden, ws):
    assert ws.promote("refunds", curator="cleo", waive=COMPARED).version == 1
    assert versions(golden.folder.parent) == [1]


def test_an_edited_expected_output_makes_a_version_with_the_same_ids(golden, ws, session):
    session.annotate("t001", reviewer="ben", expected_output="Another.")
    second = ws.promote("refunds", curator="cleo", waive=COMPARED, reason="better")
    assert second.version == 2
    assert second.manifest["parent"] == {"sha256": golden.sha256, "version": 1}
    assert list(second.examples.index) == list(golden.examples.index)
    assert ws.golden("refunds", 1).examples.equals(golden.examples)
    # the untouched example still says who promoted it first
    untouched = second.examples.index[second.examples["trace_id"] == "t002"][0]
    assert second.provenance(untouched).promoted["version"] == 1


def test_provenance_leads_back_to_the_log_file(golden, session, found):
    example = golden.examples.index[golden.examples["trace_id"] == "t001"][0]
    path = golden.provenance(example)
    assert path.trace["trace_id"] == "t001"
    assert (path.trace["log_file"], path.trace["log_line"], path.trace["week"]) == (
        "log.jsonl",
        2,
        "2026-W23",
    )
    step = path.found[0]
    assert (step["review"], step["clustering"], step["view"]) == ("2026-W23", found.id, "behaviour")
    assert step["cluster"] == found.labels[list(found.trace_ids).index("t001")]
    assert path.said[0]["reviewer"] == "ana"
    assert path.said[0]["at"] > "2026"
    assert path.proposed[0]["reason"] == "new this week"
    assert (path.promoted["curator"], path.promoted["reason"], path.promoted["version"]) == (
        "cleo",
        "audit",
        1,
    )
    assert "log.jsonl" in path._repr_html_()
    steps = ["trace", "found", "said", "agreement", "proposed", "gate", "waived", "promoted"]
    assert list(dict.fromkeys(path.to_frame()["step"])) == [s for s in steps if s != "waived"]


def test_what_is_promoted_no_longer_waits(golden, ws, session):
    assert ws.proposals("refunds").empty
    session.propose("refunds", ["t003"], reviewer="ben")
    assert ws.proposals("refunds")["trace_id"].tolist() == ["t003"]


def test_an_undone_proposal_is_not_promoted(ws, session):
    session.propose("refunds", ["t001"], reviewer="ana")
    session.propose("refunds", ["t002"], reviewer="ana")
    session.undo(reviewer="ana")
    assert ws.promote("refunds", curator="cleo", waive=COMPARED).trace_ids == ["t001"]


def test_nothing_proposed_promotes_nothing(ws):
    with pytest.raises(fs.NotFoundError, match="propose first"):
        ws.promote("refunds", curator="cleo", waive=COMPARED)
    assert ws.golden_sets() == []


def test_verify_finds_any_single_changed_byte(golden):
    assert golden.verify() is True
    for path in sorted(golden.folder.iterdir()):
        sound = path.read_bytes()
        for at in range(0, len(sound), 7):
            path.write_bytes(sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1 :])
            with pytest.raises(fs.IntegrityError, match=path.name):
                golden.verify()
        path.write_bytes(sound + b"\n")
        with pytest.raises(fs.IntegrityError):
            golden.verify()
        path.write_bytes(sound)
    assert golden.verify() is True


def test_verify_finds_a_missing_version_and_a_stray_file(golden, ws, session):
    session.annotate("t001", reviewer="ben", expected_output="Another.")
    second = ws.promote("refunds", curator="cleo", waive=COMPARED)
    (golden.folder / "notes.txt").write_text("x")
    with pytest.raises(fs.IntegrityError, match=r"notes\.txt"):
        second.verify()
    (golden.folder / "notes.txt").unlink()
    golden.folder.rename(golden.folder.with_name("away"))
    with pytest.raises(fs.IntegrityError, match="parent"):
        second.verify()


def test_a_version_that_the_log_knows_cannot_vanish_or_be_swapped(golden, ws, session):
    session.annotate("t001", reviewer="ben", expected_output="Another.")
    second = ws.promote("refunds", curator="cleo", waive=COMPARED)
    shutil.copytree(golden.folder, golden.folder.parent.parent / "other" / "v0007")
    with pytest.raises(fs.IntegrityError, match="moved"):
        ws.golden("other")
    shutil.rmtree(second.folder)
    with pytest.raises(fs.IntegrityError, match="lost version 2"):
        ws.golden("refunds")


def test_a_promotion_killed_before_it_was_logged_is_logged_by_the_next(ws, session, monkeypatch):
    session.annotate("t001", reviewer="ana", expected_output="x")
    session.propose("refunds", ["t001"], reviewer="ana")
    with monkeypatch.context() as patched:
        patched.setattr(ws.log, "append_in", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            ws.promote("refunds", curator="cleo", reason="first")
    golden = ws.promote("refunds", curator="dan", reason="second")
    logged = ws.events().query("kind == 'promotion'")
    assert golden.version == 1
    assert logged["actor"].tolist() == ["cleo"]
    assert logged["payload"].iloc[0]["sha256"] == golden.sha256


def test_the_expected_output_written_last_holds_whatever_is_said_later(ws, session):
    session.annotate("t001", reviewer="ana", expected_output="A")
    session.annotate("t001", reviewer="ben", expected_output="B")
    session.annotate("t001", reviewer="ana", note="hm")
    session.propose("refunds", ["t001"], reviewer="ana")
    assert session.mark("t001")["expected_output"] == "B"
    assert ws.promote("refunds", curator="cleo", waive=COMPARED).examples["expected_output"].tolist() == ["B"]


@pytest.mark.parametrize("name", ["con", "NUL.txt", "a/b", "..", ".x", "x.", ""])
def test_a_name_that_cannot_be_a_folder_everywhere_is_refused(ws, name):
    with pytest.raises(fs.ArgumentError, match="golden set name"):
        ws.propose(name, ["t001"], reviewer="ana")


def test_two_names_that_are_one_folder_on_some_systems_are_refused(golden, ws, session):
    session.propose("Refunds", ["t003"], reviewer="ana")
    with pytest.raises(fs.ArgumentError, match="'refunds'"):
        ws.promote("Refunds", curator="cleo", waive=COMPARED)


def test_an_export_cannot_overwrite_the_set_itself(golden):
    with pytest.raises(fs.ArgumentError, match="inside the golden set"):
        golden.export(golden.folder / "examples.jsonl")
    assert golden.verify()


def test_a_changed_file_is_not_opened(golden, ws):
    path = golden.folder / "examples.jsonl"
    path.write_bytes(path.read_bytes().replace(b"today", b"never"))
    with pytest.raises(fs.IntegrityError, match="ex-"):
        ws.golden("refunds")


def test_curators_promoting_at_once_all_land_in_order(ws, session):
    """Each thread has its own workspace, as each process has."""
    planned = session.plan.frame["trace_id"].tolist()

    def promote(n: int) -> int:
        mine = fs.Workspace(ws.path)
        mine.propose("refunds", [planned[n]], reviewer="ana")
        return mine.promote("refunds", curator=f"c{n}", waive=COMPARED).version

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(promote, range(8)))
    last = ws.golden("refunds")
    assert last.verify()
    assert set(planned[:8]) == set(last.trace_ids)


@given(st.lists(st.text(), min_size=1, max_size=4))
@settings(max_examples=30, deadline=None)
def test_equal_content_gives_equal_bytes_and_any_text_survives(tmp_path_factory, texts):
    rows = [
        {"id": f"ex-{n}", "input": t.encode("utf-8", "replace").decode(), "failure_modes": []}
        for n, t in enumerate(texts)
    ]
    first, again = (
        write_version(tmp_path_factory.mktemp("golden") / "set", r, about={}, parent=None)
        for r in (rows, rows[::-1])
    )
    assert first.sha256 == again.sha256
    assert fs.GoldenSet.open(first.folder.parent).rows == sorted(rows, key=lambda row: row["id"])


def test_the_pytest_export_runs_and_fails_where_the_answer_is_wrong(golden, tmp_path):
    golden.export(tmp_path / "test_refunds.py", format="pytest")
    (tmp_path / "conftest.py").write_text(
        "import pytest\n"
        "@pytest.fixture\ndef respond(): return lambda case: 'Order 1 ships today.'\n"
        "@pytest.fixture\ndef accept(): return lambda case, output: output == case['expected_output']\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert "1 failed, 1 passed" in done.stdout


def test_the_jsonl_export_has_one_example_a_line(golden, tmp_path):
    lines = golden.export(tmp_path / "refunds.jsonl").read_text("utf-8").split("\n")
    assert [json.loads(line)["id"] for line in lines if line] == list(golden.examples.index)


def test_an_unknown_format_names_the_known_ones(golden, tmp_path):
    with pytest.raises(fs.ArgumentError, match="'jsonl', 'pytest'"):
        golden.export(tmp_path / "x", format="docx")


def test_hostile_text_is_escaped_in_html(ws, session):
    bad = "<script>alert(1)</script>"
    session.annotate("t001", reviewer="ana", failure_modes=[bad], expected_output=bad)
    session.propose("refunds", ["t001"], reviewer="ana", reason=bad)
    golden = ws.promote("refunds", curator="cleo", waive=COMPARED, reason=bad)
    shown = golden._repr_html_() + golden.provenance(golden.examples.index[0])._repr_html_()
    assert "<script" not in shown


def test_a_version_half_written_is_not_a_version(golden):
    home: Path = golden.folder.parent
    (home / ".v0002.abc.half").mkdir()
    assert versions(home) == [1]
    assert golden.verify()
