"""Properties of reading that hold for any log."""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from failscope.errors import FailscopeError
from failscope.traces.messages import read_chat
from failscope.traces.read import read
from failscope.traces.table import SOURCE_COLUMNS, Traces

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40)
ANY_TEXT = st.text(st.characters(), max_size=40)
VALUE = st.one_of(
    st.none(),
    TEXT,
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(TEXT, TEXT, max_size=2),
)
ROW = st.fixed_dictionaries(
    {"prompt": TEXT, "response": st.one_of(st.none(), TEXT)},
    optional={
        "created_at": st.one_of(st.none(), TEXT, st.integers(), st.datetimes()),
        "thumbs": VALUE,
        "extra": VALUE,
        "latency": VALUE,
    },
)
ROWS = st.lists(ROW, min_size=1, max_size=8)
QUICK = settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow])


def frame_of(rows: list[dict]) -> pd.DataFrame:
    names = dict.fromkeys(["prompt", "response", *(k for row in rows for k in row)])
    return pd.DataFrame({k: pd.Series([row.get(k) for row in rows], dtype=object) for k in names})


@QUICK
@given(ROWS, st.randoms())
def test_permuting_the_rows_gives_the_same_table(rows, random):
    shuffled = rows.copy()
    random.shuffle(shuffled)
    one, two = Traces.from_frame(frame_of(rows)), Traces.from_frame(frame_of(shuffled))
    pd.testing.assert_frame_equal(one.frame.sort_index(), two.frame.sort_index()[one.frame.columns.tolist()])
    assert (one.signals, one.notes) == (two.signals, two.notes)
    assert len(one) + len(one.rejected) == len(rows)


@QUICK
@given(ROWS)
def test_a_written_table_reads_back(rows):
    with tempfile.TemporaryDirectory() as folder:
        first = Traces.from_frame(frame_of(rows))
        if not len(first):
            return
        first.frame.to_parquet(Path(folder) / "x.parquet")
        again = read(Path(folder) / "x.parquet")
    own = again.frame.drop(columns=[*SOURCE_COLUMNS])
    pd.testing.assert_frame_equal(own, first.frame.drop(columns=["source_file", "source_line"]))
    assert again.signals == first.signals
    assert len(again.rejected) == 0


@QUICK
@given(st.lists(TEXT.filter(lambda t: read_chat(t) is None), min_size=1, max_size=5))
def test_any_text_round_trips_through_every_format(texts):
    rows = [{"trace_id": str(i), "input": "q", "output": t} for i, t in enumerate(texts)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "x.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        (folder / "raw.jsonl").write_bytes(
            "\n".join(json.dumps(r, ensure_ascii=False) for r in rows).encode()
        )
        (folder / "x.json").write_text(json.dumps(rows), encoding="utf-8")
        pd.DataFrame(rows).to_parquet(folder / "x.parquet")
        pd.DataFrame(rows).to_csv(folder / "x.csv", index=False, quoting=1)
        for path in folder.iterdir():
            assert read(path).frame["output"].tolist() == texts, path.name


@QUICK
@given(st.lists(ANY_TEXT, min_size=1, max_size=5))
def test_every_text_can_be_stored_after_reading(texts):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.jsonl"
        path.write_text("\n".join(json.dumps({"input": "q", "output": t, "other": t, t: 1}) for t in texts))
        try:
            traces = read(path)
        except ValueError:
            return  # a key that is an alias, or two keys that are one
        traces.frame.to_parquet(Path(folder) / "x.parquet")
        assert len(traces) == len(texts)


@QUICK
@given(st.binary(max_size=300), st.sampled_from(["x.csv", "x.jsonl", "x.json", "x.parquet", "x.csv.gz", "x"]))
def test_any_bytes_give_traces_or_one_of_our_errors(data, name):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        with contextlib.suppress(FailscopeError):
            assert isinstance(read(path), Traces)
