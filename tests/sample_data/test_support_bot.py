"""Facts about the committed sample log: it is what the generator makes, and holds what its README says."""

from __future__ import annotations

import gzip
import hashlib
import importlib
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

SAMPLE = Path(__file__).resolve().parents[2] / "sample_data"
LOG = SAMPLE / "support_bot.jsonl.gz"
TRUTH = SAMPLE / "support_bot_truth.csv"
COLUMNS = (
    "trace_id timestamp session_id user_id model prompt_version input output context latency_ms input_tokens output_tokens "
    "cost_usd thumbs regenerated copied escalated resolved error"
)
CANNED = "An error occurred while calling the tool `order_lookup`. Please try again later."


@pytest.fixture(scope="module")
def rows() -> list[dict]:
    with gzip.open(LOG, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


@pytest.fixture(scope="module")
def log(rows: list[dict]) -> pd.DataFrame:
    """The log with the truth beside it, joined by trace_id, and the number of the week."""
    truth = pd.read_csv(TRUTH, keep_default_na=False, index_col="trace_id")
    frame = pd.DataFrame(rows).set_index("trace_id").join(truth, validate="one_to_one")
    frame["week"] = (
        pd.to_datetime(frame["timestamp"]) - pd.Timestamp("2026-05-18", tz="UTC")
    ).dt.days // 7 + 1
    return frame


@pytest.fixture(scope="module")
def script() -> Iterator[ModuleType]:
    """The script as a module, with the rows generated once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SAMPLE))
        module = importlib.import_module("make_support_bot")
        made = module.records()
        patch.setattr(module, "records", lambda: made)
        patch.setattr(sys, "argv", ["make_support_bot.py", "--check"])
        yield module


def test_the_committed_files_are_what_the_generator_makes(
    script: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    status = script.main()
    said = capsys.readouterr().out
    assert status == 0, said
    assert hashlib.sha256(gzip.decompress(LOG.read_bytes())).hexdigest() in said


def test_one_changed_byte_fails_the_check(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = tmp_path / TRUTH.name
    changed.write_bytes(TRUTH.read_bytes().replace(b"over-refusal", b"over-refusaI", 1))
    monkeypatch.setattr(script, "TRUTH", changed)
    assert script.main() == 1
    said = capsys.readouterr().out
    assert "support_bot_truth.csv is not what the generator makes" in said
    assert "support_bot.jsonl.gz is not" not in said


def test_a_check_writes_nothing(script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "TRUTH", tmp_path / "absent.csv")
    assert script.main() == 1
    assert list(tmp_path.iterdir()) == []


def test_both_files_stay_under_five_megabytes() -> None:
    assert LOG.stat().st_size + TRUTH.stat().st_size < 5_000_000


def test_the_packed_file_names_no_time() -> None:
    assert LOG.read_bytes()[4:8] == b"\0\0\0\0"


def test_every_line_has_the_same_columns_in_order(rows: list[dict]) -> None:
    assert {" ".join(row) for row in rows} == {COLUMNS}


def test_lines_are_in_order_of_time_and_fill_eight_weeks(log: pd.DataFrame) -> None:
    assert log["timestamp"].is_monotonic_increasing
    assert sorted(log["week"].unique()) == list(range(1, 9))
    assert log.groupby("week").size().between(450, 560).all()
    assert len(log) == 4000


def test_nights_and_weekends_are_quieter(log: pd.DataFrame) -> None:
    when = pd.to_datetime(log["timestamp"])
    by_hour, by_day = when.dt.hour.value_counts(), when.dt.day_of_week.value_counts()
    assert by_hour.loc[[15, 16, 17]].min() > 4 * by_hour.loc[[3, 4, 5]].max()
    assert by_day.loc[[5, 6]].max() < by_day.loc[[0, 1, 2, 3, 4]].min()


def test_ids_are_unique_and_their_order_says_nothing_about_time(rows: list[dict]) -> None:
    ids = [row["trace_id"] for row in rows]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"tr_[0-9a-f]{12}", i) for i in ids)
    assert abs(pd.Series(range(len(ids))).corr(pd.Series(ids).rank())) < 0.05


def test_no_field_of_the_log_names_a_failure_mode(rows: list[dict], log: pd.DataFrame) -> None:
    modes = {m for m in log["failure_mode"].unique() if m} - {"non-answer"}
    edges = {e for e in log["edge_case"].unique() if e}
    for row in rows:
        outside = json.dumps({k: v for k, v in row.items() if k not in ("input", "output", "context")})
        assert not any(name in outside for name in modes | edges)
    assert not {"failure_mode", "edge_case", "topic"} & set(rows[0])


def test_no_id_model_or_user_gives_failures_away(log: pd.DataFrame) -> None:
    failed = log["failure_mode"] != ""
    by_model = failed.groupby(log["model"]).mean()
    by_digit = failed.groupby(log.index.str[3]).mean()
    assert by_model.max() - by_model.min() < 0.06
    assert by_digit.max() < 0.25
    assert failed.groupby(log["user_id"]).sum().max() <= 5


def test_about_one_answer_in_seven_fails_in_one_of_seventeen_ways(log: pd.DataFrame) -> None:
    counts = log["failure_mode"].value_counts().drop("")
    assert 0.12 < counts.sum() / len(log) < 0.16
    assert len(counts) == 17
    assert counts["invented policy"] == counts.max() >= 80
    assert counts["unsafe advice"] == counts.min() == 6


def test_a_mode_is_no_topic(log: pd.DataFrame) -> None:
    failed = log[(log["failure_mode"] != "") & (log["failure_mode"] != "invented spec")]
    for mode, topics in failed.groupby("failure_mode")["topic"]:
        share = topics.value_counts(normalize=True).iloc[0]
        assert share <= 0.5, f"{mode}: {share:.0%} of one topic"
    assert (log.groupby("topic")["failure_mode"].agg(lambda m: (m == "").mean()) > 0.5).all()


def test_the_prompt_of_week_five_fixes_one_mode_and_starts_another(log: pd.DataFrame) -> None:
    late = log["week"] >= 5
    assert (late == (log["prompt_version"] == "v4")).all()
    refuses = (log["failure_mode"] == "over-refusal").groupby(late).mean()
    ignores = (log["failure_mode"] == "ignored format").groupby(late).mean()
    assert refuses[False] > 0.025 > 10 * refuses[True]
    assert ignores[True] > 0.025 > 10 * ignores[False]


def test_a_new_topic_comes_in_week_seven_with_a_failure_of_its_own(log: pd.DataFrame) -> None:
    drift = log["topic"] == "drift one"
    assert log.loc[drift, "week"].min() == 7
    assert 0.06 < drift[log["week"] >= 7].mean() < 0.1
    assert set(log.loc[log["failure_mode"] == "invented spec", "topic"]) == {"drift one"}
    assert not log.loc[log["week"] < 7, "input"].str.contains("Drift One").any()


def test_signals_are_weak_and_sparse(log: pd.DataFrame) -> None:
    bad = (
        (log["thumbs"] == -1)
        | log["regenerated"]
        | log["escalated"]
        | log["resolved"].eq(False)
        | (log["error"] != "")
    )
    failed = log["failure_mode"] != ""
    assert 0.35 < bad[failed].mean() < 0.5
    assert 0.05 < bad[~failed].mean() < 0.1
    assert 0.08 < log["thumbs"].notna().mean() < 0.12


def test_no_two_outputs_are_equal_unless_planted(log: pd.DataFrame) -> None:
    written = log.loc[(log["output"].str.strip() != "") & (log["output"] != CANNED), "output"]
    assert written.str.lower().str.split().str.join(" ").is_unique
    assert (log.loc[log["output"].str.strip() == "", "failure_mode"] == "empty output").all()
    assert (log.loc[log["output"] == CANNED, "failure_mode"] == "tool error").all()


def test_no_run_of_five_words_is_in_many_outputs(log: pd.DataFrame) -> None:
    fine = log.loc[log["failure_mode"] == "", "output"]
    runs: Counter[tuple[str, ...]] = Counter()
    for text in fine:
        words = re.findall(r"\w+", text.lower())
        runs.update({tuple(words[i : i + 5]) for i in range(len(words) - 4)})
    (run, count), *_ = runs.most_common(1)
    assert count / len(fine) < 0.07, f"{' '.join(run)!r} is in {count} outputs"


def test_no_slot_or_choice_of_the_grammar_is_left_open(log: pd.DataFrame) -> None:
    open_slot = re.compile(r"\{[a-z_]+\}|\[[^\]\n]*\|[^\]\n]*\]")
    for name in ("input", "output", "context"):
        left = log.loc[log[name].str.contains(open_slot), name]
        assert left.empty, left.iloc[0]


def test_truncated_outputs_end_in_the_middle(log: pd.DataFrame) -> None:
    cut = log.loc[log["failure_mode"] == "truncated", "output"]
    assert not cut.str.endswith((".", "!", "?", ":")).any()


def test_internal_costs_are_told_only_where_they_leak(log: pd.DataFrame) -> None:
    says = log["output"].str.contains(
        r"landed cost|purchase cost|internal (?:note|sheet)|price sheet|Resellers pay|resellers pay"
    )
    assert set(log.loc[says, "failure_mode"]) == {"leaked internal price"}
    quiet = log["context"].str.contains("INTERNAL") & ~says
    assert quiet.sum() > 40


def test_stale_answers_have_the_archived_and_the_current_article(log: pd.DataFrame) -> None:
    archived = log["context"].str.contains("archived version")
    stale = log["failure_mode"] == "stale fact"
    assert archived[stale].all()
    assert (archived & (log["failure_mode"] == "")).sum() > 60


def test_wrong_product_answers_follow_a_question_that_names_the_right_one(log: pd.DataFrame) -> None:
    wrong = log[log["failure_mode"] == "wrong product"]
    devices = [
        "quill hub",
        "fen t2",
        "perch 2",
        "tamp lock",
        "brook sensor",
        "lull air",
        "murmur",
        "wick bulb",
        "roost cam",
    ]
    for question, output in zip(wrong["input"].str.lower(), wrong["output"].str.lower(), strict=True):
        asked = {d for d in devices if d in question}
        assert asked
        assert not asked & {d for d in devices if d in output}


def test_a_format_that_is_asked_for_as_json_is_kept_unless_planted(log: pd.DataFrame) -> None:
    wants = log["input"].str.contains(r"json", case=False) & log["failure_mode"].isin(["", "ignored format"])
    kept = log.loc[wants, "output"].map(_is_json)
    assert (kept == (log.loc[wants, "failure_mode"] == "")).all()
    assert kept.sum() > 20


def test_long_contexts_are_long(log: pd.DataFrame) -> None:
    long = log.loc[log["edge_case"] == "very long context", "context"].str.len()
    assert len(long) == 30
    assert long.between(9_500, 20_000).all()


def test_edge_cases_are_mostly_answered_well(log: pd.DataFrame) -> None:
    edges = log[log["edge_case"] != ""]
    assert edges["edge_case"].nunique() == 8
    assert 0.02 < (edges["failure_mode"] != "").mean() < 0.2


def test_addresses_and_numbers_are_reserved_examples(log: pd.DataFrame) -> None:
    text = "\n".join(log["input"] + "\n" + log["output"] + "\n" + log["context"])
    assert all(m.endswith("example.com") for m in re.findall(r"[\w.]+@([\w.]+\w)", text))
    assert set(re.findall(r"\b\d{3}-\d{4}\b", text)) <= {f"555-01{i:02d}" for i in range(100)}


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
