"""What a golden set covers: the sample log's new product, chance, stale examples, gaps, and what a week's line says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import failscope as fs
from failscope import charts
from failscope.errors import ArgumentError
from failscope.golden.coverage.coverage import Coverage, coverage
from failscope.golden.coverage.gaps import choose
from failscope.golden.dataset import write_version
from tests.conftest import ROOT


class Memory:
    """Vectors kept in memory, so that each text of the log is embedded once."""

    def __init__(self) -> None:
        self.vectors: dict[tuple[str, str], np.ndarray] = {}

    def get(self, embedder: str, hashes: Sequence[str]) -> dict[str, np.ndarray]:
        return {h: self.vectors[embedder, h] for h in hashes if (embedder, h) in self.vectors}

    def put(self, embedder: str, vectors: Mapping[str, np.ndarray]) -> None:
        self.vectors |= {(embedder, h): v for h, v in vectors.items()}


@pytest.fixture(scope="module")
def log() -> fs.Traces:
    traces = fs.read(ROOT / "sample_data" / "support_bot.jsonl.gz", progress=False)
    return replace(traces, vectors=Memory())


@pytest.fixture(scope="module")
def truth() -> pd.DataFrame:
    return pd.read_csv(ROOT / "sample_data" / "support_bot_truth.csv", index_col=0, keep_default_na=False)


def weeks(log: fs.Traces, first: int, last: int | None = None) -> fs.Traces:
    start = pd.Timestamp("2026-05-18", tz="UTC")
    since, until = (start + pd.Timedelta(weeks=w) for w in (first - 1, last or first))
    return log.between(since, until)


def example_id(trace_id: str) -> str:
    return "ex-" + hashlib.sha256(trace_id.encode()).hexdigest()[:16]


def row(traces: fs.Traces, trace_id: str, modes: Sequence[str] = ()) -> dict:
    r = traces.frame.loc[trace_id]
    return {
        "id": example_id(trace_id),
        "input": r["input"],
        "output": r["output"],
        "context": r["context"],
        "system_prompt": r["system_prompt"],
        "expected_output": None,
        "criteria": [],
        "failure_modes": list(modes),
        "note": "",
        "provenance": {
            "trace": {"trace_id": trace_id, "timestamp": r["timestamp"].isoformat()},
            "promoted": {"at": "2026-06-29T09:00:00+00:00", "curator": "cleo"},
        },
    }


def golden_of(traces: fs.Traces, trace_ids: Sequence[str]) -> SimpleNamespace:
    return SimpleNamespace(rows=[row(traces, str(i)) for i in trace_ids], name="support", version=1)


def drawn(log: fs.Traces, truth: pd.DataFrame, size: int, seed: int, *, failing: bool) -> SimpleNamespace:
    """A golden set of weeks 1 to 6."""
    ids = weeks(log, 1, 6).frame.index
    ids = ids[(truth["failure_mode"][ids] != "").to_numpy()] if failing else ids
    return golden_of(log, np.random.default_rng(seed).choice(ids.to_numpy(dtype=object), size, replace=False))


@pytest.mark.parametrize(("size", "seed"), [(60, 0), (60, 1), (120, 2), (120, 3)])
def test_the_product_announced_in_week_7_is_the_first_gap_and_named_in_its_line(log, truth, size, seed):
    golden = drawn(log, truth, size, seed, failing=seed % 2 == 0)
    six = coverage(golden, weeks(log, 6), before=weeks(log, 4, 5), progress=False)
    seven = coverage(golden, weeks(log, 7), before=weeks(log, 5, 6), near=six.near, progress=False)
    assert "Drift" in seven.gaps["name"].iloc[0]
    assert seven.gaps["new"].iloc[0]
    told = seven.points.index[(seven.points["topic"] == seven.gaps["name"].iloc[0])]
    assert (truth["topic"][told] == "drift one").mean() > 0.9
    assert (seven.points.loc[told, "covered"]).mean() < 0.2
    line = seven.line(six)
    assert line.startswith(f"coverage {six.share:.0%} -> {seven.share:.0%}: new topic “Drift One")
    assert "Drift" not in six.line()
    assert "new topic" not in six.line()
    assert not six.gaps["name"].str.contains("Drift").any()
    assert not six.gaps["new"].any()


def test_without_earlier_traces_the_line_still_names_the_new_product(log, truth):
    golden = drawn(log, truth, 60, 7, failing=True)
    six = coverage(golden, weeks(log, 6), progress=False)
    seven = coverage(golden, weeks(log, 7), near=six.near, progress=False)
    kept = json.loads(json.dumps(six.to_dict(), allow_nan=False))
    assert "Drift" in seven.gaps["name"].iloc[0]
    assert "new topic “Drift One" in seven.line(kept)
    assert seven.line(kept) == seven.line(six)
    other = {**kept, "params": {**kept["params"], "embedder": "another"}}
    assert "new topic" not in seven.line(other)  # its topics cannot be compared
    with pytest.raises(ArgumentError, match="previous has no 'covered'"):
        seven.line({"share": 0.5})
    five = coverage(golden, weeks(log, 5), near=six.near, progress=False)
    assert "new topic" not in six.line(five)


def test_a_week_like_the_one_before_says_that_nothing_changed(log, truth):
    golden = drawn(log, truth, 120, 1, failing=False)
    near, said = None, []
    before: Coverage | None = None
    for week in (3, 4):
        now = coverage(
            golden, weeks(log, week), before=weeks(log, week - 2, week - 1), near=near, progress=False
        )
        near = now.near
        said.append(now.line(before))
        before = now
    assert "nothing changed beyond chance" in said[1]
    assert said[0].startswith("coverage ")
    assert "drawn at random" in said[0]
    assert before is not None
    assert "as before: nothing changed" in before.line(before)


def test_a_set_drawn_at_random_covers_what_random_sets_cover(log):
    week = weeks(log, 5)
    for seed in (1, 2, 3):
        ids = np.random.default_rng(seed).choice(week.trace_ids, 60, replace=False)
        found = coverage(golden_of(log, ids), week, progress=False)
        # twenty seeds' range, and a little for the twenty-first
        assert found.reference["low"] - 0.05 <= found.share <= found.reference["high"] + 0.05
        assert found.reference["low"] < found.reference["random"] < found.reference["high"]
        assert found.reference["best"] > found.reference["high"]


def test_a_trace_that_became_an_example_counts_neither_way(log):
    week = weeks(log, 5)
    ids = week.trace_ids[:100]
    found = coverage(golden_of(log, ids), week, near=0.4, progress=False)
    own = found.points["own"]
    assert own.sum() == 100
    assert found.share == pytest.approx(found.points.loc[~own, "covered"].mean())
    assert found.to_dict()["traces"] == len(week) - 100
    assert (found.points.loc[own, "similarity"] < 0.99).any()
    assert "100 traces are examples themselves and count neither way" in repr(found)
    assert found.frame[found.frame["by"] == "topic"]["traces"].sum() == len(week) - 100


def test_one_odd_trace_in_the_set_raises_nothing_but_what_is_near_it(log):
    week = weeks(log, 5)
    base = golden_of(log, weeks(log, 1).trace_ids[:50])
    before = coverage(base, week, near=0.4, progress=False)
    lonely = before.points["similarity"].idxmin()
    more = coverage(golden_of(log, [*weeks(log, 1).trace_ids[:50], lonely]), week, near=0.4, progress=False)
    others = before.points.index.drop(lonely)
    gained = more.points.loc[others, "covered"] & ~before.points.loc[others, "covered"]
    near_it = more.points.loc[others, "nearest"] == example_id(lonely)
    assert not (gained & ~near_it & (before.points.loc[others, "score"] < 0.3)).any()


def test_an_example_more_never_takes_coverage_away(log):
    week, ids = weeks(log, 5), weeks(log, 1, 3).trace_ids
    few = coverage(golden_of(log, ids[:30]), week, progress=False)
    more = coverage(golden_of(log, ids[:90]), week, progress=False)
    assert more.near == few.near
    assert more.points.loc[few.points["covered"], "covered"].all()
    assert more.share > few.share


def test_adding_the_candidates_of_a_gap_gives_the_coverage_that_was_told(log, truth):
    week = weeks(log, 7)
    golden = drawn(log, truth, 60, 0, failing=True)
    found = coverage(golden, week, progress=False)
    gap = found.gaps.iloc[0]
    rows = [*golden.rows, *(row(log, i) for i in gap["candidates"])]
    again = coverage(SimpleNamespace(rows=rows), week, near=found.near, progress=False)
    assert again.share == pytest.approx(gap["coverage_after"][-1])
    assert again.share > found.share + 0.02
    assert set(gap["candidates"]) <= set(found.points.index[~found.points["covered"]])


def test_examples_without_traffic_are_stale_and_the_others_mostly_not(log, truth):
    ids = weeks(log, 7, 8).frame.index
    late = ids[(truth["topic"][ids] == "drift one").to_numpy()]
    usual = weeks(log, 1, 4).trace_ids[::20]
    found = coverage(golden_of(log, [*late, *usual]), weeks(log, 6), before=weeks(log, 3, 5), progress=False)
    of_late = found.examples["trace_id"].isin(late)
    assert found.examples.loc[of_late, "stale"].mean() > 0.35
    assert found.examples.loc[~of_late, "stale"].mean() < 0.12
    assert set(found.stale.index) == set(found.examples.index[found.examples["stale"]])
    dated = found.stale["last_near"].dropna()
    assert (dated < weeks(log, 6).frame["timestamp"].min()).mean() > 0.5


def test_age_counts_from_the_last_trace(log):
    week = weeks(log, 8)
    found = coverage(golden_of(log, weeks(log, 1).trace_ids[:30]), week, near=0.4, progress=False)
    last = week.frame["timestamp"].max()
    days = (last - pd.Timestamp("2026-06-29T09:00", tz="UTC")) / pd.Timedelta(days=1)
    assert found.age.loc["promoted", "median"] == pytest.approx(days)
    assert found.age.loc["trace", "oldest"] > found.age.loc["trace", "newest"] > days


def test_failure_rates_come_from_reads_then_from_signals_then_from_nowhere(log, truth):
    week = weeks(log, 7)
    golden = golden_of(log, weeks(log, 1).trace_ids[:60])
    ids = [str(i) for i in week.trace_ids]
    modes = {i: ([m] if (m := truth["failure_mode"][i]) else []) for i in ids}
    read = coverage(golden, week, modes=modes, near=0.4, progress=False)
    topic = read.frame[read.frame["by"] == "topic"].set_index("group")
    failing = pd.Series({i: bool(m) for i, m in modes.items()})
    name = topic["reads"].idxmax()
    own = failing[read.points.index[read.points["topic"] == name]]
    assert topic.at[name, "failing"] == own.sum()
    shrunk = (own.sum() + 5 * failing.mean()) / (len(own) + 5)
    assert topic.at[name, "failure_rate"] == pytest.approx(shrunk)
    specs = read.frame[(read.frame["by"] == "failure mode") & (read.frame["group"] == "invented spec")]
    assert specs["traces"].item() == (truth["failure_mode"][ids] == "invented spec").sum()
    assert specs["examples"].item() == 0
    signals = coverage(golden, week, near=0.4, progress=False)
    assert signals.frame["reads"].sum() == 0
    assert signals.params["failure_rate_from"] == "signals"
    nothing = coverage(golden, replace(week, signals={}), near=0.4, progress=False)
    assert nothing.frame["failure_rate"].isna().all()
    gaps = nothing.gaps["uncovered"].to_numpy()
    assert (np.diff(gaps) <= 0).all()


def test_every_way_of_grouping_is_there_and_partitions_add_up(log, truth):
    week = weeks(log, 6)
    found = coverage(drawn(log, truth, 60, 0, failing=True), week, near=0.4, progress=False)
    counted = int((~found.points["own"]).sum())
    sums = found.frame.groupby("by")["traces"].sum()
    assert set(sums.index) == {"topic", "behaviour", "failure mode", "language", "length", "edge case"} - (
        {"failure mode"} - set(found.frame["by"])
    )
    assert sums["topic"] == sums["language"] == sums["length"] == counted
    assert {"German", "English", "French", "Spanish"} <= set(found.frame["group"])
    assert found.frame[found.frame["by"] == "length"]["share_of_production"].between(0.2, 0.3).all()
    assert found.frame[found.frame["by"] == "topic"]["examples"].sum() == 60


def test_the_order_of_the_rows_changes_nothing(log):
    week = weeks(log, 5)
    golden = golden_of(log, weeks(log, 1).trace_ids[:40])
    mixed = week.take(np.random.default_rng(0).permutation(week.trace_ids))
    one, two = (coverage(golden, t, progress=False) for t in (week, mixed))
    assert one.near == pytest.approx(two.near)
    pd.testing.assert_series_equal(
        one.points["topic"].sort_index(), two.points["topic"].sort_index(), check_names=False
    )
    assert (one.points["covered"].sort_index() == two.points["covered"].sort_index()).all()


def test_drift_against_earlier_weeks_names_the_new_product(log, truth):
    golden = drawn(log, truth, 60, 0, failing=False)
    found = coverage(golden, weeks(log, 7), before=weeks(log, 5, 6), progress=False)
    assert found.shift is not None
    assert found.shift.p < 0.01
    assert "Drift" in found.shift.drives["group"].iloc[0]
    quiet = coverage(golden, weeks(log, 4), before=weeks(log, 2, 3), progress=False)
    assert quiet.shift is not None
    assert quiet.shift.p > 0.05
    assert quiet.drift is not None


def test_a_golden_set_on_the_disk_is_named_and_summarised_without_texts(log, tmp_path):
    ids = weeks(log, 1).trace_ids[:20]
    golden = write_version(tmp_path / "refunds", [row(log, str(i)) for i in ids], about={}, parent=None)
    found = coverage(golden, weeks(log, 5), near=0.4, progress=False)
    assert repr(found).startswith("<Coverage refunds v1 · ")
    kept = json.dumps(found.to_dict(), allow_nan=False)
    assert found.to_dict()["golden"] == {
        "name": "refunds",
        "version": 1,
        "sha256": golden.sha256,
        "examples": 20,
    }
    long_inputs = [t for t in found.inputs if len(t) > 60]
    assert len(long_inputs) > 50
    assert not any(t in kept for t in long_inputs)


def test_hostile_texts_stay_text():
    bad = "<script>alert(1)</script>\u202e <img src=x onerror=alert(2)>"
    asked = [f"{bad} number {i}" for i in range(30)] + [f"Where is parcel {i}?" for i in range(30)]
    traces = fs.Traces.from_frame(pd.DataFrame({"input": asked, "output": ["x"] * 60}))
    rows = [{"id": bad, "input": "Where is parcel 3?", "failure_modes": [bad]}]
    golden = SimpleNamespace(rows=rows, name=bad, version=1)
    found = coverage(golden, traces, modes={str(traces.trace_ids[0]): [bad]}, progress=False)
    shown = found._repr_html_()
    assert "<script" not in shown
    assert "<img" not in shown
    assert "\u202e" not in shown + found.line() + repr(found)


def test_empty_inputs_are_near_empty_examples_only():
    asked = ["", "  ", *(f"Where is my lamp number {i}?" for i in range(30))]
    traces = fs.Traces.from_frame(pd.DataFrame({"input": asked, "output": ["x"] * 32}))

    def covered(text: str) -> list[bool]:
        golden = SimpleNamespace(rows=[{"id": "ex", "input": text}])
        return coverage(golden, traces, near=0.4, progress=False).points["covered"].tolist()

    assert covered("")[:2] == [True, True]
    assert not any(covered("")[2:])
    assert covered("Where is my lamp number 3?")[:2] == [False, False]


def test_the_same_text_is_covered_whatever_stands_around_it(log):
    week = weeks(log, 5)
    text = str(week.frame["input"].iloc[7])
    golden = SimpleNamespace(rows=[{"id": "ex", "input": text}])
    found = coverage(golden, week, near=0.99, progress=False)
    assert found.points["covered"].sum() == (week.frame["input"] == text).sum()


def test_one_trace_and_one_example_are_enough():
    traces = fs.Traces.from_frame(pd.DataFrame({"input": ["Where is it?"], "output": ["There."]}))
    same, other = (
        coverage(SimpleNamespace(rows=[{"id": "e", "input": t}]), traces, progress=False)
        for t in ("Where is it?", "Please cancel my plan")
    )
    assert (same.share, other.share) == (1.0, 0.0)
    assert same.line_drawn.drawn == "default"
    assert same.drift is None
    assert "no gaps" in same.line()
    own = SimpleNamespace(
        rows=[{"id": "e", "input": "x", "provenance": {"trace": {"trace_id": str(traces.trace_ids[0])}}}]
    )
    nothing = coverage(own, traces, progress=False)
    assert np.isnan(nothing.share)
    assert json.dumps(nothing.to_dict(), allow_nan=False)
    assert nothing.line()
    assert nothing._repr_html_()


def test_what_cannot_be_measured_is_an_error(traces):
    golden = SimpleNamespace(rows=[{"id": "e", "input": "x"}])
    with pytest.raises(ArgumentError, match="no examples"):
        coverage(SimpleNamespace(rows=[]), traces)
    with pytest.raises(ArgumentError, match="no traces"):
        coverage(golden, traces.take([]))
    with pytest.raises(ArgumentError, match=r"near=1\.5 is no similarity"):
        coverage(golden, traces, near=1.5)


def test_the_greedy_choice_is_the_plain_one_and_near_the_best():
    from itertools import combinations

    rng = np.random.default_rng(0)
    for _ in range(5):
        X = rng.normal(size=(14, 3)).astype(np.float32)
        X /= np.linalg.norm(X, axis=1, keepdims=True)
        best = np.full(14, -1.0)

        def value(rows: Sequence[int], X: np.ndarray = X) -> float:
            return float(np.minimum((X @ X[list(rows)].T).max(axis=1), 0.7).sum())

        plain: list[int] = []
        for _ in range(3):
            plain.append(max(set(range(14)) - set(plain), key=lambda r: value([*plain, r])))
        lazy = choose(X, best=best, near=0.7, count=3)
        assert value(lazy) == pytest.approx(value(plain), abs=1e-3)
        top = max(value(rows) for rows in combinations(range(14), 3))
        assert value(lazy) + 14 >= (1 - 1 / np.e) * (top + 14)


def test_the_map_shows_each_trace_once_and_names_the_largest_gaps(log, truth):
    golden = drawn(log, truth, 60, 1, failing=True)
    found = coverage(golden, weeks(log, 7), before=weeks(log, 5, 6), progress=False)
    drawing = charts.coverage_map(found)
    spec = drawing.to_dict()
    tables = [rows for rows in spec["datasets"].values() if "what" in rows[0]]
    assert [r["what"] for r in tables[0]].count("golden example") == 60
    assert len(tables[0]) == len(found.points) + 60
    labels = [r["label"] for rows in spec["datasets"].values() for r in rows if "label" in r]
    assert any("Drift" in label for label in labels)
    assert spec["background"] == "transparent"
    mime = drawing._repr_mimebundle_()
    assert mime["application/vnd.vegalite.v5+json"]["$schema"].endswith("v5.json")


def test_inputs_of_examples_are_kept_nowhere(log):
    from failscope.surface.embedding import text_hash

    memory = Memory()
    week = replace(weeks(log, 5), vectors=memory)
    edited = "An input that a curator wrote anew."
    golden = SimpleNamespace(rows=[{"id": "ex", "input": edited}])
    coverage(golden, week, near=0.4, progress=False)
    kept = {key for _, key in memory.vectors}
    assert text_hash(edited) not in kept
    assert text_hash(str(week.frame["input"].iloc[0])) in kept


def test_counts_of_one_are_told_in_the_singular_and_the_two_earlier_shares_by_their_names(log):
    golden = SimpleNamespace(rows=[{"id": "ex", "input": "Quantum cheese lattice in Antarctica"}])
    found = coverage(golden, weeks(log, 5), before=weeks(log, 4), near=0.4, progress=False)
    found = replace(found, examples=found.examples.assign(stale=True))
    assert "by 1 example ·" in repr(found)
    assert "· 1 stale example ·" in repr(found)
    shown = found._repr_html_()
    assert "1 of 1 example is stale: no trace near it" in shown
    assert f"of the earlier traces {found.share_before:.0%}" in shown
    assert "before: " not in shown
