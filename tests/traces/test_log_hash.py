"""The hash of the log file that a trace was read from."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

import pandas as pd
import pytest

import failscope as fs
from failscope.traces.read import read
from failscope.traces.table import Traces

ROWS = [
    {"id": "a", "prompt": "hi", "response": "hello", "created_at": "2026-06-01T10:00:00Z", "thumbs": "up"},
    {"id": "b", "prompt": "bye", "response": "", "created_at": "2026-06-02T10:00:00Z", "thumbs": "down"},
]
LINES = "\n".join(map(json.dumps, ROWS)).encode()


def write(path: Path, content: bytes = LINES) -> Path:
    path.write_bytes(content)
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def hashes(traces: Traces) -> set[str]:
    return set(traces.frame["source_sha256"])


@pytest.mark.parametrize("name", ["x.csv", "x.jsonl", "x.json", "x.parquet", "x.csv.gz", "x.jsonl.gz"])
def test_each_row_knows_the_hash_of_its_file_as_it_is_on_the_disk(tmp_path, name):
    path = tmp_path / name
    df = pd.DataFrame(ROWS)
    if name.endswith(".parquet"):
        df.to_parquet(path)
    elif ".csv" in name:
        df.to_csv(path, index=False)
    else:
        text = json.dumps(ROWS).encode() if name == "x.json" else LINES
        write(path, gzip.compress(text) if name.endswith(".gz") else text)
    traces = read(path)
    assert hashes(traces) == {sha256(path)}
    assert len(traces) == 2


def test_a_large_file_is_hashed_whole(tmp_path):
    lines = "\n".join(json.dumps({"id": str(n), "prompt": "q" * 400, "response": "r"}) for n in range(9_000))
    plain, packed = (
        write(tmp_path / "x.jsonl", lines.encode()),
        write(tmp_path / "x.jsonl.gz", gzip.compress(lines.encode())),
    )
    assert plain.stat().st_size > 3 << 20
    for path in (plain, packed):
        assert hashes(read(path)) == {sha256(path)}


def test_a_packed_file_that_breaks_off_is_hashed_as_it_is(tmp_path):
    whole = gzip.compress("\n".join(json.dumps({**ROWS[0], "id": str(n)}) for n in range(2_000)).encode())
    path = write(tmp_path / "x.jsonl.gz", whole[: len(whole) // 2] + b"\0" * 100_000)
    traces = read(path)
    assert len(traces.rejected)
    assert hashes(traces) == {sha256(path)}


def test_each_file_of_a_folder_has_its_own(tmp_path):
    paths = [write(tmp_path / f"{n}.jsonl", json.dumps(row).encode()) for n, row in enumerate(ROWS)]
    traces = read(tmp_path, progress=False)
    assert traces.frame["source_sha256"].to_dict() == {"a": sha256(paths[0]), "b": sha256(paths[1])}


def test_a_frame_has_no_hash():
    assert "source_sha256" not in read(pd.DataFrame(ROWS)).frame


def test_a_table_that_is_read_again_keeps_the_hash_of_the_first_file(tmp_path):
    first = read(write(tmp_path / "log.jsonl"))
    first.frame.to_parquet(tmp_path / "table.parquet")
    again = read(tmp_path / "table.parquet")
    pd.testing.assert_frame_equal(again.frame, first.frame)
    assert hashes(Traces.from_frame(first.frame)) == hashes(first)


def test_a_hash_that_is_none_and_one_of_another_file_are_not_kept(tmp_path):
    first = read(write(tmp_path / "log.jsonl")).frame
    first.assign(source_sha256="<b>no hash</b>").to_parquet(tmp_path / "forged.parquet")
    first.drop(columns="source_sha256").to_parquet(tmp_path / "older.parquet")
    for name in ("forged", "older"):
        again = read(tmp_path / f"{name}.parquet").frame
        assert set(again["source_file"]) == {"log.jsonl"}
        assert "source_sha256" not in again


def test_a_column_of_that_name_in_a_log_is_kept_beside_it(tmp_path):
    path = write(tmp_path / "x.jsonl", json.dumps({**ROWS[0], "source_sha256": "mine"}).encode())
    frame = read(path).frame
    assert frame["log_source_sha256"].tolist() == ["mine"]
    assert set(frame["source_sha256"]) == {sha256(path)}


def test_rows_without_an_id_have_the_same_one_from_any_copy(tmp_path):
    bare = "\n".join(json.dumps({"prompt": "q", "response": str(n)}) for n in range(3)).encode()
    one = read(write(tmp_path / "x.jsonl", bare))
    two = read(write(tmp_path / "y.jsonl.gz", gzip.compress(bare)))
    assert one.trace_ids.tolist() == two.trace_ids.tolist()
    assert hashes(one) != hashes(two)


def test_the_same_traces_from_another_copy_are_known(tmp_path):
    ws = fs.Workspace(tmp_path / "ws")
    assert ws.add(read(write(tmp_path / "x.jsonl"))).new == 2
    added = ws.add(read(write(tmp_path / "y.jsonl.gz", gzip.compress(LINES))))
    assert (added.new, added.known, added.updated) == (0, 2, 0)
    assert hashes(ws.traces()) == {sha256(tmp_path / "x.jsonl")}


def test_traces_that_were_kept_before_there_were_hashes_load_beside_new_ones(tmp_path):
    ws = fs.Workspace(tmp_path / "ws")
    older = read(write(tmp_path / "x.jsonl")).frame.drop(columns="source_sha256")
    ws.add(Traces(older))
    path = write(tmp_path / "y.jsonl", json.dumps({**ROWS[0], "id": "c"}).encode())
    ws.add(read(path))
    frame = fs.Workspace(tmp_path / "ws").traces().frame
    assert frame["source_sha256"].to_dict() == {"a": "", "b": "", "c": sha256(path)}
    assert ws.add(read(tmp_path / "x.jsonl")).known == 2


def test_feedback_from_a_frame_leaves_a_trace_its_file_line_and_hash(tmp_path):
    ws = fs.Workspace(tmp_path / "ws")
    ws.add(read(write(tmp_path / "x.jsonl")))
    later = pd.DataFrame([{**ROWS[1], "resolved": True}])
    assert ws.add(Traces.from_frame(later)).updated == 1
    row = ws.traces().frame.loc["b"]
    assert row["resolved"]
    assert (row["source_file"], row["source_line"], row["source_sha256"]) == (
        "x.jsonl",
        2,
        sha256(tmp_path / "x.jsonl"),
    )


def test_feedback_from_a_file_does_not_mix_one_files_name_with_anothers_hash(tmp_path):
    ws = fs.Workspace(tmp_path / "ws")
    ws.add(read(write(tmp_path / "x.jsonl")))
    later = read(write(tmp_path / "y.jsonl", json.dumps({**ROWS[1], "resolved": True}).encode()))
    without = Traces(later.frame.drop(columns="source_sha256"), signals=later.signals)
    assert ws.add(without).updated == 1
    row = ws.traces().frame.loc["b"]
    assert (row["source_file"], row["source_line"], row["source_sha256"]) == ("y.jsonl", 1, "")
