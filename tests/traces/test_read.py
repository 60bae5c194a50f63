"""Reading: every format, and what becomes of whatever a log can hold."""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from failscope.errors import ArgumentError, ColumnError, DataError, NotFoundError
from failscope.traces.read import read
from failscope.traces.table import COLUMNS, Traces

ROWS = [
    {"id": "a", "prompt": "hi", "response": "hello", "created_at": "2026-06-01T10:00:00Z", "thumbs": "up"},
    {"id": "b", "prompt": "bye", "response": "", "created_at": "2026-06-02T10:00:00Z", "thumbs": "down"},
]


def write_lines(path: Path, rows: list, *, encoding: str = "utf-8") -> Path:
    path.write_bytes("\n".join(r if isinstance(r, str) else json.dumps(r) for r in rows).encode(encoding))
    return path


def check_two_rows(traces: Traces) -> None:
    assert traces.trace_ids.tolist() == ["a", "b"]
    assert traces.frame["output"].tolist() == ["hello", ""]
    assert traces.frame["timestamp"].tolist() == [
        pd.Timestamp("2026-06-01 10:00", tz="UTC"),
        pd.Timestamp("2026-06-02 10:00", tz="UTC"),
    ]
    assert traces.bad("thumbs").tolist() == [0.0, 1.0]
    assert len(traces.rejected) == 0
    assert traces.notes == {"empty outputs": 1}


@pytest.mark.parametrize(
    "name",
    [
        "log.csv",
        "log.tsv",
        "log.jsonl",
        "log.ndjson",
        "log.json",
        "log.parquet",
        "log.csv.gz",
        "log.jsonl.gz",
        "log.txt",
    ],
)
def test_every_format_gives_the_same_traces(tmp_path, name):
    path = tmp_path / name
    df = pd.DataFrame(ROWS)
    if name.endswith(".parquet"):
        df.to_parquet(path)
    elif ".csv" in name or ".tsv" in name:
        df.to_csv(path, index=False, sep="\t" if ".tsv" in name else ",")
    else:
        text = json.dumps(ROWS, indent=1) if name == "log.json" else "\n".join(map(json.dumps, ROWS))
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    traces = read(path)
    check_two_rows(traces)
    assert set(traces.frame["source_file"]) == {name}
    lines = {"log.parquet": [1, 2], "log.json": [2, 9]}.get(name, [2, 3] if "sv" in name else [1, 2])
    assert traces.frame["source_line"].tolist() == lines


def test_a_frame_is_read_like_a_file():
    check_two_rows(read(pd.DataFrame(ROWS)))


def test_the_first_bytes_say_what_the_name_does_not(tmp_path):
    pd.DataFrame(ROWS).to_parquet(tmp_path / "export")
    check_two_rows(read(tmp_path / "export"))
    check_two_rows(read(write_lines(tmp_path / "lines.json", ROWS)))
    (tmp_path / "list.jsonl").write_text(json.dumps(ROWS))
    check_two_rows(read(tmp_path / "list.jsonl"))
    (tmp_path / "unpacked.jsonl.gz").write_bytes((tmp_path / "lines.json").read_bytes())
    check_two_rows(read(tmp_path / "unpacked.jsonl.gz"))


def test_a_json_object_that_holds_one_list_is_that_list(tmp_path):
    (tmp_path / "x.json").write_text(json.dumps({"data": ROWS, "total": 2}))
    check_two_rows(read(tmp_path / "x.json"))


def test_a_json_object_that_is_a_trace_is_one_trace(tmp_path):
    (tmp_path / "x.json").write_text(json.dumps({"messages": [{"role": "user", "content": "hi"}]}, indent=2))
    assert read(tmp_path / "x.json").frame["input"].tolist() == ["hi"]


def test_objects_one_after_the_other_are_read(tmp_path):
    (tmp_path / "x.json").write_text("\n".join(json.dumps(r, indent=1) for r in ROWS))
    traces = read(tmp_path / "x.json")
    check_two_rows(traces)
    assert traces.frame["source_line"].tolist() == [1, 8]


def test_a_folder_is_read_whole_with_names_relative_to_it(tmp_path):
    (tmp_path / "june").mkdir()
    write_lines(tmp_path / "june" / "1.jsonl", ROWS[:1])
    pd.DataFrame([{"trace_id": "b", "question": "bye", "answer": ""}]).to_csv(tmp_path / "2.csv", index=False)
    (tmp_path / "notes.md").write_text("not a log")
    traces = read(tmp_path, progress=False)
    assert dict(traces.frame["source_file"]) == {"b": "2.csv", "a": "june/1.jsonl"}
    assert dict(traces.frame["input"]) == {"b": "bye", "a": "hi"}
    assert traces.notes["files of other kinds in the folder, left out"] == 1


def test_a_list_of_files_keeps_the_names_apart(tmp_path):
    for day, row in zip(("mon", "tue"), ROWS, strict=True):
        (tmp_path / day).mkdir()
        write_lines(tmp_path / day / "log.jsonl", [row])
    traces = read([tmp_path / "mon" / "log.jsonl", str(tmp_path / "tue" / "log.jsonl")], progress=False)
    assert traces.frame["source_file"].tolist() == ["mon/log.jsonl", "tue/log.jsonl"]


def test_no_absolute_path_enters_the_table(tmp_path, monkeypatch):
    write_lines(tmp_path / "log.jsonl", ROWS)
    assert set(read(tmp_path / "log.jsonl").frame["source_file"]) == {"log.jsonl"}
    monkeypatch.chdir(tmp_path.parent)
    relative = f"{tmp_path.name}/log.jsonl"
    assert set(read(relative).frame["source_file"]) == {relative}


def test_a_file_named_twice_is_refused(tmp_path):
    path = write_lines(tmp_path / "log.jsonl", ROWS)
    with pytest.raises(ArgumentError, match="given twice"):
        read([path, tmp_path])


def test_lines_that_are_no_traces_are_rejected_with_line_reason_and_raw(tmp_path):
    long = '{"prompt": "' + "x" * 5000
    path = write_lines(
        tmp_path / "log.jsonl", [ROWS[0], "{oops", "", "[1, 2]", "7", {"thumbs": "up"}, long, ROWS[1]]
    )
    traces = read(path)
    assert traces.trace_ids.tolist() == ["a", "b"]
    assert traces.frame["source_line"].tolist() == [1, 8]
    assert traces.rejected["line"].tolist() == [2, 4, 5, 6, 7]
    reasons = traces.rejected["reason"].tolist()
    assert reasons[0].startswith("malformed JSON: ")
    assert reasons[1:4] == [
        "not an object but a list",
        "not an object but a number",
        "neither input nor output",
    ]
    assert traces.rejected["raw"].tolist()[:4] == ["{oops", "[1, 2]", "7", '{"thumbs":"up"}']
    assert len(traces.rejected["raw"].iloc[4]) == 2000
    assert set(traces.rejected["file"]) == {"log.jsonl"}


def test_a_deeply_nested_line_is_rejected(tmp_path):
    path = write_lines(tmp_path / "log.jsonl", [ROWS[0], '{"prompt": ' + "[" * 200_000, ROWS[1]])
    traces = read(path)
    assert len(traces) == 2
    assert traces.rejected["line"].tolist() == [2]


def test_a_broken_json_list_keeps_what_comes_before_the_damage(tmp_path):
    text = json.dumps(ROWS, indent=1)
    (tmp_path / "log.json").write_text(text[: text.index("bye")])
    traces = read(tmp_path / "log.json")
    assert traces.trace_ids.tolist() == ["a"]
    assert traces.rejected["line"].tolist() == [9]
    assert "cannot be read from here on" in traces.rejected["reason"].iloc[0]


def test_the_same_row_twice_is_rejected_once(tmp_path):
    traces = read(write_lines(tmp_path / "log.jsonl", [ROWS[0], ROWS[1], ROWS[0]]))
    assert traces.trace_ids.tolist() == ["a", "b"]
    assert traces.rejected[["line", "reason"]].to_numpy().tolist() == [[3, "duplicate of line 1"]]


def test_an_id_with_other_content_is_rejected_and_says_so(tmp_path):
    traces = read(write_lines(tmp_path / "log.jsonl", [ROWS[0], {**ROWS[0], "response": "other"}]))
    assert traces.frame["output"].tolist() == ["hello"]
    assert traces.rejected["reason"].tolist() == ["trace_id a is also on line 1 with other content"]
    assert "other" in traces.rejected["raw"].iloc[0]


def test_a_duplicate_in_another_file_names_that_file(tmp_path):
    files = [write_lines(tmp_path / "1.jsonl", ROWS), write_lines(tmp_path / "2.jsonl", ROWS[:1])]
    assert read(files, progress=False).rejected["reason"].tolist() == ["duplicate of line 1 of 1.jsonl"]


def test_ragged_csv_rows_are_rejected_by_line_and_quoted_newlines_are_text(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(
        'id,prompt,response\na,"two\nlines","x, ""y"""\nb,short\nc,one,two,three\n\nd,"last",ok\n'
    )
    traces = read(path)
    assert traces.frame["input"].tolist() == ["two\nlines", "last"]
    assert traces.frame["output"].tolist() == ['x, "y"', "ok"]
    assert traces.frame["source_line"].tolist() == [2, 7]
    assert traces.rejected[["line", "reason", "raw"]].to_numpy().tolist() == [
        [4, "the row has 2 fields, the header 3", "b,short"],
        [5, "the row has 4 fields, the header 3", "c,one,two,three"],
    ]


def test_an_open_quote_does_not_swallow_the_rest_of_a_csv(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text('id,prompt,response\na,hi,hello\nb,"oops,x\nc,bye,ciao\nd,so,long\n')
    traces = read(path)
    assert traces.trace_ids.tolist() == ["a", "c", "d"]
    assert traces.rejected[["line", "raw"]].to_numpy().tolist() == [[3, 'b,"oops,x']]


def test_a_csv_keeps_texts_as_they_stand(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("id,prompt,response,score,code\n007,NA,null,0.5,01\n008,1.0,nan,1,02\n")
    frame = read(path).frame
    assert frame.index.tolist() == ["007", "008"]
    assert frame["input"].tolist() == ["NA", "1.0"]
    assert frame["output"].tolist() == ["null", "nan"]
    assert frame["score"].tolist() == [0.5, 1.0]
    assert frame["code"].tolist() == ["01", "02"]


def test_semicolons_and_a_header_named_twice(tmp_path):
    (tmp_path / "a.csv").write_text("prompt;response\nhi, you;hello\n")
    assert read(tmp_path / "a.csv").frame["input"].tolist() == ["hi, you"]
    (tmp_path / "b.csv").write_text("prompt,response,prompt\n1,2,3\n")
    with pytest.raises(ColumnError, match="2 columns 'prompt'"):
        read(tmp_path / "b.csv")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("name", ["log.jsonl", "log.csv"])
def test_a_byte_order_mark_is_believed(tmp_path, name, encoding):
    text = (
        'id,prompt,response\na,"Grüße","日本\u2028語"\n'
        if name == "log.csv"
        else '{"id":"a","prompt":"Grüße","response":"日本\u2028語"}\n'
    )
    (tmp_path / name).write_bytes(text.encode(encoding))
    traces = read(tmp_path / name)
    assert traces.frame[["input", "output"]].to_numpy().tolist() == [["Grüße", "日本\u2028語"]]
    assert traces.notes == {}


@pytest.mark.parametrize("name", ["log.jsonl", "log.csv"])
def test_undecodable_bytes_are_replaced_and_counted_unless_the_encoding_is_given(tmp_path, name):
    text = (
        "prompt,response\nGrüße,a\nfine,b\n"
        if name == "log.csv"
        else '{"prompt":"Grüße","response":"a"}\n{"prompt":"fine","response":"b"}\n'
    )
    (tmp_path / name).write_bytes(text.encode("cp1252"))
    traces = read(tmp_path / name)
    assert traces.frame["input"].tolist() == ["Gr\ufffd\ufffde", "fine"]
    (note,) = traces.notes
    assert "encoding=" in note
    assert traces.notes[note] == 1
    told = read(tmp_path / name, encoding="cp1252")
    assert told.frame["input"].tolist() == ["Grüße", "fine"]
    assert told.notes == {}


def test_an_unknown_encoding_is_refused(tmp_path):
    with pytest.raises(ArgumentError, match="klingon"):
        read(write_lines(tmp_path / "x.jsonl", ROWS), encoding="klingon")


def test_null_bytes_and_lone_surrogates_become_replacement_characters(tmp_path):
    lines = [
        '{"prompt": "a\\u0000b", "response": "x\\ud83dy"}',
        '{"prompt": "\\ud83d\\ude00", "response": "ok"}',
    ]
    traces = read(write_lines(tmp_path / "x.jsonl", lines))
    assert traces.frame["input"].tolist() == ["a\ufffdb", "😀"]
    assert traces.frame["output"].tolist() == ["x\ufffdy", "ok"]
    assert traces.notes == {
        "texts with null bytes (now U+FFFD)": 1,
        "texts with lone surrogates (now U+FFFD)": 1,
    }


def test_an_output_of_a_megabyte_stays_whole(tmp_path):
    big = "0123456789abcdef" * 65_536
    pd.DataFrame([{"prompt": "q", "response": big}]).to_csv(tmp_path / "x.csv", index=False)
    assert read(tmp_path / "x.csv").frame["output"].iloc[0] == big
    assert (
        read(write_lines(tmp_path / "x.jsonl", [{"prompt": "q", "response": big}])).frame["output"].iloc[0]
        == big
    )


@pytest.mark.parametrize("name", ["log.jsonl.gz", "log.csv.gz", "log.json.gz"])
def test_a_truncated_gzip_file_gives_what_can_be_read_and_reports_the_rest(tmp_path, name):
    rng = np.random.default_rng(0)
    rows = [{"id": str(i), "prompt": f"q{i}", "response": rng.bytes(100).hex()} for i in range(500)]
    if "csv" in name:
        text = pd.DataFrame(rows).to_csv(index=False)
    else:
        text = json.dumps(rows) if name == "log.json.gz" else "\n".join(map(json.dumps, rows))
    packed = gzip.compress(text.encode())
    (tmp_path / name).write_bytes(packed[: len(packed) // 2])
    traces = read(tmp_path / name)
    assert 100 < len(traces) < 400
    assert traces.frame["output"].tolist() == [r["response"] for r in rows[: len(traces)]]
    assert traces.rejected["reason"].str.contains("breaks off").any()


def test_a_missing_file_is_named_with_what_is_near_it(tmp_path):
    write_lines(tmp_path / "support.jsonl", ROWS)
    with pytest.raises(NotFoundError, match=r"no file or folder .*suport\.jsonl.*'support\.jsonl'"):
        read(tmp_path / "suport.jsonl")


def test_a_web_address_is_refused_with_the_next_step():
    with pytest.raises(NotFoundError, match="download it"):
        read("https://example.org/log.jsonl")


@pytest.mark.parametrize("name", ["x.csv", "x.jsonl", "x.json", "x.txt", "x.parquet"])
def test_an_empty_file_is_an_error(tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(DataError, match=name):
        read(tmp_path / name)


def test_an_empty_or_broken_file_among_others_is_a_rejected_row(tmp_path):
    write_lines(tmp_path / "a.jsonl", ROWS)
    (tmp_path / "b.csv").write_text("")
    (tmp_path / "c.parquet").write_bytes(b"PAR1 and no more")
    traces = read(tmp_path, progress=False)
    assert len(traces) == 2
    assert traces.rejected["file"].tolist() == ["b.csv", "c.parquet"]
    assert traces.rejected["reason"].iloc[0] == "the file holds no rows"


def test_a_file_without_one_good_line_is_an_error_that_shows_the_first(tmp_path):
    with pytest.raises(DataError, match=r"line 1 of x[.]jsonl: malformed JSON"):
        read(write_lines(tmp_path / "x.jsonl", ["{a", "{b"]))


@pytest.mark.parametrize("source", [7, None, {"prompt": ["a"]}, [pd.DataFrame()], []])
def test_what_is_no_source_is_refused(source):
    with pytest.raises(ArgumentError):
        read(source)


def test_an_archive_is_refused_with_the_next_step(tmp_path):
    (tmp_path / "log.xlsx").write_bytes(b"PK\x03\x04rest")
    with pytest.raises(DataError, match="save it as CSV"):
        read(tmp_path / "log.xlsx")


def test_an_unknown_format_is_refused():
    with pytest.raises(ArgumentError, match="'auto', 'csv'"):
        read(pd.DataFrame(ROWS), format="yaml")


def test_a_written_table_reads_back_as_it_was(tmp_path):
    log = [
        {**ROWS[0], "n": 3, "share": 0.5, "seen": True, "nested": {"a": [1, None]}, "latency": 12},
        {**ROWS[1], "n": 4, "share": None, "seen": False, "tags": ["x"], "cost": 0.1},
        {
            "id": "c",
            "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "hé"}],
        },
    ]
    first = read(write_lines(tmp_path / "log.jsonl", log))
    first.frame.to_parquet(tmp_path / "kept.parquet")
    again = read(tmp_path / "kept.parquet")
    pd.testing.assert_frame_equal(again.frame, first.frame)
    assert again.signals == first.signals
    first.frame.reset_index().to_json(
        tmp_path / "kept.jsonl", orient="records", lines=True, date_format="iso", date_unit="us"
    )
    pd.testing.assert_frame_equal(read(tmp_path / "kept.jsonl").frame, first.frame)
    first.frame.to_csv(tmp_path / "kept.csv")
    pd.testing.assert_frame_equal(read(tmp_path / "kept.csv").frame, first.frame)


def test_parquet_keeps_large_whole_numbers_and_unfolds_lists(tmp_path):
    df = pd.DataFrame(
        {
            "request_id": pd.array([2**62 + 1, None], dtype="Int64"),
            "prompt": ["a", "b"],
            "response": ["x", "y"],
        }
    )
    df["tags"] = [["p", "q"], None]
    df.to_parquet(tmp_path / "x.parquet")
    frame = read(tmp_path / "x.parquet").frame
    assert frame.index[0] == str(2**62 + 1)
    assert frame["tags"].tolist() == ['["p","q"]', ""]


def test_fifty_thousand_rows_are_read_in_seconds(tmp_path):
    text = "lorem ipsum dolor sit amet " * 46
    with (tmp_path / "x.jsonl").open("w") as file:
        for i in range(50_000):
            file.write(
                json.dumps(
                    {
                        "id": i,
                        "prompt": f"question {i}",
                        "response": f"{i} {text}",
                        "created_at": 1_780_000_000 + i,
                    }
                )
                + "\n"
            )
    start = time.perf_counter()
    traces = read(tmp_path / "x.jsonl")
    assert len(traces) == 50_000
    assert time.perf_counter() - start < 15  # about 1.5 s alone on two cores


def test_every_labelled_log_is_read_without_a_loss(shared_data):
    counts = {
        "xstest": 2250,
        "ifeval_en": 9197,
        "halueval_general": 4507,
        "agent_traces": 384,
        "intents_banking77": 13083,
    }
    for name, n in counts.items():
        traces = read(shared_data / f"{name}.jsonl.gz")
        assert (len(traces), len(traces.rejected)) == (n, 0)
        assert (
            not traces.frame.isna()[
                [c for c in COLUMNS if traces.frame[c].dtype != "float64" and c != "timestamp"]
            ]
            .any()
            .any()
        )
        assert not [c for c in traces.frame if traces.frame[c].dtype == object]
    alpaca = read(shared_data / "alpaca_eval.parquet")
    assert len(alpaca) == 64_395
    assert alpaca.frame["output"].str.len().max() == 2000


def test_a_column_whose_name_no_store_takes_is_read_under_a_mended_one(tmp_path):
    path = write_lines(
        tmp_path / "log.jsonl", ['{"input": "hi", "output": "yo", "a\\ud800": 1, "a\ufffd": 2}']
    )
    row = read(path).frame.iloc[0]
    assert (row["a\ufffd"], row["a\ufffd_"]) == (1, 2)
