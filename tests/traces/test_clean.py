"""Checking: columns, aliases, ids, times and types."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from failscope.errors import ArgumentError, ColumnError
from failscope.traces.clean import preview
from failscope.traces.columns import ALIASES, fold, match_columns
from failscope.traces.table import COLUMNS, NUMBER_COLUMNS, Traces

DOCS = Path(__file__).resolve().parents[2] / "docs" / "reading.md"


def traces_of(rows: list[dict] | dict, **options) -> Traces:
    return Traces.from_frame(pd.DataFrame(rows), **options)


def one(row: dict, **options) -> pd.Series:
    return traces_of([row], **options).frame.iloc[0]


def test_every_table_has_every_column_and_no_missing_text():
    frame = traces_of({"prompt": ["hi", None], "response": [None, "x"]}).frame
    assert list(frame.columns[: len(COLUMNS)]) == list(COLUMNS)
    assert frame["output"].tolist() == ["", "x"]
    assert frame["error"].tolist() == ["", ""]
    assert frame["timestamp"].isna().all()
    assert str(frame["timestamp"].dtype) == "datetime64[us, UTC]"
    assert all(frame[c].dtype == "float64" for c in NUMBER_COLUMNS)
    assert frame.index.name == "trace_id"


@pytest.mark.parametrize("ours", sorted(set(ALIASES) - {"messages"}))
def test_every_alias_arrives_under_our_name_in_any_spelling(ours):
    for alias in ALIASES[ours]:
        for name in (alias, alias.upper().replace("_", "-"), alias.title().replace("_", " ")):
            assert match_columns([name, "other"]).get(ours) == name


def test_no_alias_means_two_columns():
    keys = [fold(a) for names in ALIASES.values() for a in set(map(fold, names))]
    assert len(keys) == len(set(keys))


def test_our_own_name_wins_then_the_order_of_the_aliases():
    row = one({"question": "3", "prompt": "2", "input": "1", "answer": "b", "completion": "a"})
    assert (row["input"], row["output"]) == ("1", "a")
    assert (row["prompt"], row["question"], row["answer"]) == ("2", "3", "b")


def test_the_order_of_the_columns_does_not_matter():
    assert match_columns(["Prompt", "prompt", "answer"]) == match_columns(["answer", "prompt", "Prompt"])


def test_a_given_column_wins_and_what_it_displaces_is_kept():
    row = one({"input": "raw", "text": "hi", "response": "x"}, columns={"input": "text"})
    assert (row["input"], row["log_input"]) == ("hi", "raw")
    assert "text" not in row


def test_user_and_assistant_are_a_question_and_its_answer():
    row = one({"user": "hi", "assistant": "hello"})
    assert (row["input"], row["output"], row["user_id"]) == ("hi", "hello", "")
    row = one({"prompt": "hi", "user": "u1", "assistant": "hello"})
    assert (row["input"], row["user_id"]) == ("hi", "u1")


def test_a_mapping_to_an_absent_column_lists_the_columns():
    with pytest.raises(
        ColumnError,
        match=re.escape(
            "column 'promt' not found; the columns are 'prompt', 'response'; pass columns={'input': ...}"
        ),
    ):
        traces_of([{"prompt": "a", "response": "b"}], columns={"input": "promt"})
    with pytest.raises(ColumnError, match="'inptu' is not one of our columns"):
        traces_of([{"prompt": "a"}], columns={"inptu": "prompt"})
    with pytest.raises(ColumnError, match="more than one"):
        traces_of([{"prompt": "a"}], columns={"input": "prompt", "output": "prompt"})


def test_a_log_without_input_and_output_is_refused_with_the_next_step():
    with pytest.raises(ColumnError, match=re.escape("the columns are 'a', 'b'; pass columns={'input': ...")):
        traces_of([{"a": "x", "b": "y"}])


def test_a_column_named_twice_is_refused():
    with pytest.raises(ColumnError, match="'prompt' is there 2 times"):
        Traces.from_frame(pd.DataFrame([["a", "b", "c"]], columns=["prompt", "prompt", "response"]))


def test_an_index_of_ids_is_used():
    df = pd.DataFrame(
        {"prompt": ["a", "b"], "response": ["x", "y"]}, index=pd.Index([7, 8], name="Request ID")
    )
    assert Traces.from_frame(df).trace_ids.tolist() == ["7", "8"]


def test_a_row_with_neither_input_nor_output_is_rejected_an_empty_output_is_not():
    traces = traces_of({"prompt": ["q", "", None], "response": ["", "", "a"], "n": [1, 2, 3]})
    assert traces.frame["output"].tolist() == ["", "a"]
    assert traces.rejected[["line", "reason"]].to_numpy().tolist() == [[2, "neither input nor output"]]
    assert traces.rejected["raw"].tolist() == ['{"n":2}']


def test_mixed_types_become_text():
    values = [
        1,
        2.5,
        True,
        None,
        float("nan"),
        {"a": [1]},
        ["x"],
        b"by\xfftes",
        pd.Timestamp("2026-06-01"),
        "text",
    ]
    frame = traces_of(
        {
            "prompt": ["q"] * 10,
            "response": pd.Series(values, dtype=object),
            "other": pd.Series(values, dtype=object),
        }
    ).frame
    texts = ["1", "2.5", "true", "", "", '{"a":[1]}', '["x"]', "by\ufffdtes", "2026-06-01T00:00:00", "text"]
    assert frame["output"].tolist() == texts
    assert frame["other"].tolist() == texts


def test_other_columns_keep_their_names_and_get_plain_types():
    frame = traces_of(
        {
            "prompt": ["a", "b"], "response": ["x", "y"], "n": [1, 2], "maybe": pd.Series([1, None], dtype=object),
            "flagged": pd.Series([True, None], dtype=object), "big": pd.Series([2**60, None], dtype=object),
            "kind": pd.Categorical(["p", None]), "who": pd.Series([{"x": float("nan")}, None], dtype=object),
        }
    ).frame  # fmt: skip
    assert {c: str(frame[c].dtype) for c in ("n", "maybe", "flagged")} == {
        "n": "int64",
        "maybe": "float64",
        "flagged": "float64",
    }
    assert frame["big"].tolist() == [str(2**60), ""]
    assert frame["kind"].tolist() == ["p", ""]
    assert frame["who"].tolist() == ['{"x":null}', ""]


def test_ids_that_became_floats_are_whole_again():
    assert traces_of({"id": [12.0, 13.0], "prompt": ["a", "b"]}).trace_ids.tolist() == ["12", "13"]


def test_a_row_without_an_id_gets_one_from_its_content():
    rows = [
        {"prompt": "a", "response": "x"},
        {"prompt": "a", "response": "y"},
        {"prompt": "a", "response": "x"},
    ]
    ids = traces_of(rows).trace_ids.tolist()
    assert re.fullmatch(r"t-[0-9a-f]{16}", ids[0])
    assert ids[2] == ids[0] + "-2"
    assert ids[1] == traces_of(rows[1:2]).trace_ids[0]
    assert traces_of([{**rows[1], "unused": None}]).trace_ids[0] == ids[1]


def test_ten_thousand_equal_rows_are_all_kept():
    ids = traces_of({"prompt": ["q"] * 10_000, "response": ["a"] * 10_000}).trace_ids.tolist()
    assert len(set(ids)) == 10_000
    assert ids[-1] == ids[0] + "-10000"


def test_only_rows_without_an_id_get_one():
    ids = traces_of(
        [{"id": "x", "prompt": "a"}, {"id": None, "prompt": "b"}, {"id": " ", "prompt": "c"}]
    ).trace_ids
    assert [i[:2] for i in ids] == ["x", "t-", "t-"]


def test_latency_is_in_milliseconds_unless_the_name_says_seconds():
    assert one({"prompt": "a", "latency": 1.5})["latency_ms"] == 1.5
    for name in ("latency_s", "Latency-Seconds", "durationSeconds"):
        assert one({"prompt": "a", name: "1.5"})["latency_ms"] == 1500.0
    assert one({"prompt": "a", "took_sec": 2}, columns={"latency_ms": "took_sec"})["latency_ms"] == 2000.0
    assert one({"prompt": "a", "duration": pd.Timedelta(seconds=2)})["latency_ms"] == 2000.0


def test_numbers_that_are_none_are_counted():
    traces = traces_of({"prompt": list("abcd"), "cost": ["0.5", "free", None, float("inf")]})
    assert traces.frame["cost_usd"].fillna(-1).tolist() == [0.5, -1, -1, -1]
    assert traces.notes["cost_usd that are not numbers"] == 2


NOON = pd.Timestamp("2026-06-01 12:00", tz="UTC")


@pytest.mark.parametrize(
    "value",
    [
        "2026-06-01T12:00:00Z", "2026-06-01T14:00:00+02:00", "2026-06-01 12:00", "2026-06-01T12:00:00.000000",
        "Mon, 01 Jun 2026 12:00:00 GMT", "2026/06/01 12:00:00", "June 1, 2026 12:00", "20260601T120000Z",
        1780315200, 1780315200.0, "1780315200", 1780315200000, 1780315200000000, 1780315200000000000, "1780315200.0",
        pd.Timestamp("2026-06-01 12:00"), pd.Timestamp("2026-06-01 14:00", tz="Europe/Zurich"),
    ],
)  # fmt: skip
def test_a_time_is_read_however_it_is_written(value):
    assert one({"prompt": "a", "time": value})["timestamp"] == NOON
    mixed = traces_of({"prompt": ["a", "b"], "time": pd.Series([value, None], dtype=object)})
    assert mixed.frame["timestamp"].iloc[0] == NOON


@pytest.mark.parametrize(
    "value",
    ["2026-06-01 14:00", "2026-06-01T14:00:00.5", "06/13/2026 14:00", pd.Timestamp("2026-06-01 14:00")],
)
def test_a_time_without_a_zone_is_in_the_given_one(value):
    when = one({"prompt": "a", "time": value}, tz="Europe/Zurich")["timestamp"]
    assert when.hour == 12
    zoned = one({"prompt": "a", "time": "2026-06-01T14:00:00Z"}, tz="Europe/Zurich")["timestamp"]
    assert zoned.hour == 14


def test_hours_that_the_clock_skips_or_repeats_are_read():
    traces = traces_of(
        {"prompt": ["a", "b"], "time": ["2026-03-29 02:30", "2026-10-25 02:30"]}, tz="Europe/Zurich"
    )
    assert traces.frame["timestamp"].tolist() == [
        pd.Timestamp("2026-03-29 01:00", tz="UTC"),
        pd.Timestamp("2026-10-25 00:30", tz="UTC"),
    ]


def test_times_that_cannot_be_read_and_times_to_come_are_kept_and_counted():
    traces = traces_of({"prompt": list("abcdef"), "time": ["yesterday", "now", "12", "", True, "2190-01-01"]})
    assert traces.frame["timestamp"].isna().tolist() == [True] * 5 + [False]
    assert traces.notes["timestamps that cannot be read"] == 4
    assert traces.notes["timestamps in the future"] == 1


def test_days_before_months_are_found_in_the_column_and_the_guess_is_counted():
    read = traces_of({"prompt": ["a", "b"], "time": ["13/06/2026", "01/06/2026"]})
    assert read.frame["timestamp"].dt.month.tolist() == [6, 6]
    guessed = traces_of({"prompt": ["a"], "time": ["01/06/2026"]})
    assert guessed.frame["timestamp"].dt.month.tolist() == [1]
    assert guessed.notes["timestamps as 06/01/2026, read month first"] == 1


def test_an_unknown_time_zone_is_refused():
    with pytest.raises(ArgumentError, match="Mars/Base"):
        traces_of([{"prompt": "a"}], tz="Mars/Base")


def test_passages_are_joined_and_what_else_they_held_is_kept():
    row = one({"prompt": "a", "documents": [{"text": "one", "score": 1}, {"text": "two", "score": 0}]})
    assert row["context"] == "one\n\ntwo"
    assert row["documents"] == '[{"text":"one","score":1},{"text":"two","score":0}]'
    assert one({"prompt": "a", "contexts": ["one", "two"]})["context"] == "one\n\ntwo"


def test_an_empty_frame_is_an_empty_table():
    traces = Traces.from_frame(pd.DataFrame({"prompt": [], "response": []}))
    assert len(traces) == 0
    assert list(traces.rejected.columns) == ["file", "line", "reason", "raw"]
    assert "0 traces" in repr(traces)


def test_a_frame_is_not_changed_by_reading_it():
    df = pd.DataFrame({"prompt": ["a\x00", None], "latency_s": [1, 2]})
    before = df.copy()
    Traces.from_frame(df)
    pd.testing.assert_frame_equal(df, before)


def test_the_preview_is_short_and_inert():
    traces = traces_of(
        [
            {
                "prompt": "<script>alert(1)</script>\x1b[31m\u202eevil",
                "response": "x" * 5000,
                "time": 1780315200,
            }
        ]
    )
    shown = preview(traces.frame)
    assert len(shown["output"].iloc[0]) == 80
    assert shown["timestamp"].iloc[0] == "2026-06-01 12:00"
    html = traces._repr_html_()
    assert "<script>" not in html
    assert "\x1b" not in html
    assert "\u202e" not in html


def test_the_page_on_reading_lists_every_alias_signal_and_outcome():
    from failscope.traces import clean, signals, values

    page = DOCS.read_text(encoding="utf-8")
    names = {a for aliases in ALIASES.values() for a in aliases} | {
        *signals.GOOD_SIGNALS,
        *signals.BAD_SIGNALS,
    }
    notes = {
        clean.EMPTY_OUTPUTS,
        values.NULL_BYTES,
        values.SURROGATES,
        values.UNREADABLE_TIMES,
        values.FUTURE_TIMES,
        values.MONTH_FIRST,
    }
    assert sorted(n for n in names if f"`{n}`" not in page) == []
    assert sorted(n for n in notes if n not in page) == []
