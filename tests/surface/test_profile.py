"""A profile says what is so: rates, intervals and q-values that hold, words that are text."""

from __future__ import annotations

import html.parser

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import failscope as fs
from failscope.surface.cards import text
from failscope.surface.clustering import Clustering
from failscope.surface.lift import lifts, ratio_interval
from failscope.surface.phrases import key_phrases

PROBES = [
    {
        "name": "refusal",
        "says": "refuses",
        "kind": "flag",
        "hint": True,
        "more": "refuses",
        "less": "refuses",
    },
    {
        "name": "length",
        "says": "output length",
        "kind": "amount",
        "hint": False,
        "more": "long answers",
        "less": "short answers",
    },
]


def clustering(frame: pd.DataFrame, labels: np.ndarray, *, signals=None, **behaviours) -> Clustering:
    """A clustering with these labels, without embedding anything."""
    n = len(frame)
    ids = [f"t{i:04d}" for i in range(n)]
    traces = fs.Traces.from_frame(frame.assign(trace_id=ids), signals=signals)
    measured = {"refusal": np.zeros(n), "length": np.ones(n), **behaviours}
    exemplar = pd.Series(labels).groupby(labels).cumcount().to_numpy()
    return Clustering(
        traces=traces,
        trace_ids=traces.trace_ids,
        labels=np.asarray(labels),
        layers=(np.asarray(labels),),
        strength=np.ones(n, dtype=np.float32),
        edge=np.zeros(n, dtype=np.float32),
        stability={int(c): 0.9 for c in np.unique(labels)},
        xy=np.zeros((n, 2), dtype=np.float32),
        exemplar=np.where(exemplar < 12, exemplar, -1),
        view="behaviour",
        params={"probes": PROBES, "projector": None},
        behaviours=pd.DataFrame(measured, index=traces.frame.index),
    )


def log(n: int = 300, **columns) -> pd.DataFrame:
    frame = pd.DataFrame({"input": ["how long is the warranty"] * n, "output": ["it is two years"] * n})
    return frame.assign(**columns)


@pytest.fixture
def found() -> Clustering:
    labels = np.repeat([0, 1, 2], [150, 100, 50])
    bad = np.zeros(300)
    bad[255:290] = 1  # 35 of the 50 in cluster 2
    bad[::40] = 1
    outputs = np.where(labels == 2, "I cannot share that policy", "the warranty is two years").astype(object)
    frame = log(
        flag=bad,
        output=outputs,
        model=np.where(labels == 1, "large", "small"),
        timestamp=pd.date_range("2026-06-01", periods=300, freq="3h", tz="UTC"),
    )
    return clustering(
        frame,
        labels,
        signals={"flag": "bad"},
        refusal=(labels == 2).astype(np.float32),
        length=np.where(labels == 0, 10.0, 40.0) + np.arange(300) % 7,
    )


def test_a_profile_says_what_sets_a_cluster_apart(found):
    says = [d.says for d in found.profile(2).sets_apart]
    assert says[0] == "refuses: 100% here, 0% elsewhere"
    assert "model is large: 0% here, 40% elsewhere" in says
    assert "output length: median 13 here, 43 elsewhere" in [d.says for d in found.profile(0).sets_apart]
    assert found.name(2) == "refuses · I cannot share"


def test_the_most_suspicious_cluster_comes_first_with_its_interval(found):
    first = found.summary().iloc[0]
    assert first.name == 2
    assert first["lift_low"] > 5
    assert first["lift_low"] < first["lift"] < first["lift_high"]
    assert first["q_value"] < 1e-6
    assert "refuses" in found.note
    assert "beyond chance" in found.note


def test_rank_is_by_the_lower_bound_and_not_by_the_rate():
    # 3 of 12 is a higher rate than 60 of 300, and far less sure
    labels = np.repeat([0, 1, 2], [1000, 300, 12])
    bad = np.concatenate([np.arange(1000) < 50, np.arange(300) < 60, np.arange(12) < 3]).astype(float)
    summary = clustering(log(1312, flag=bad), labels, signals={"flag": "bad"}).summary()
    assert summary["bad_rate"].idxmax() == 2
    assert summary.index[0] == 1


def test_nothing_is_made_of_noise():
    rng = np.random.default_rng(4)
    found = clustering(
        log(900, flag=(rng.random(900) < 0.1) * 1.0), rng.integers(0, 9, 900), signals={"flag": "bad"}
    )
    assert found.note.startswith("No cluster has more bad signals than the rest")
    assert "No cluster has more" in found._repr_html_()
    assert not any(d.says.startswith("refuses") for c in range(9) for d in found.profile(c).sets_apart)


def test_without_signals_the_hints_decide_and_it_is_said():
    labels = np.repeat([0, 1], [200, 100])
    found = clustering(log(), labels, refusal=np.where(labels == 1, np.arange(300) % 2, 0).astype(float))
    assert found.summary().index[0] == 1
    assert found.note.startswith("No signal is declared")
    assert found.profile(1).signals.index.tolist() == ["any hint"]


def test_a_hint_that_most_traces_show_is_no_hint():
    labels = np.repeat([0, 1], [200, 100])
    found = clustering(log(), labels, refusal=(np.arange(300) % 3 > 0).astype(float))
    assert found.profile(0).signals.loc["any hint", "bad"] == 0


def test_the_interval_covers_the_ratio_as_often_as_it_says():
    rng = np.random.default_rng(0)
    for p1, n1, p2, n2 in [(0.3, 40, 0.1, 400), (0.05, 60, 0.05, 1500), (0.6, 25, 0.2, 200)]:
        x1, x2 = rng.binomial(n1, p1, 8000), rng.binomial(n2, p2, 8000)
        low, high = ratio_interval(x1, np.full(8000, n1), x2, np.full(8000, n2))
        covered = np.mean((low <= p1 / p2) & (p1 / p2 <= high))
        assert 0.935 < covered < 0.97, (p1, n1, covered)


def test_the_interval_agrees_with_scipy_where_counts_are_large():
    from scipy.stats.contingency import relative_risk

    theirs = relative_risk(300, 1000, 1000, 9000).confidence_interval()
    low, high = ratio_interval(np.array([300]), np.array([1000]), np.array([1000]), np.array([9000]))
    np.testing.assert_allclose([low[0], high[0]], [theirs.low, theirs.high], rtol=0.003)


@given(st.integers(1, 60), st.integers(1, 200), st.data())
@settings(max_examples=60, deadline=None)
def test_the_interval_holds_the_ratio_and_turns_over_with_the_groups(n1, n2, data):
    x1, x2 = data.draw(st.integers(0, n1)), data.draw(st.integers(0, n2))
    low, high = (float(v[0]) for v in ratio_interval(*(np.array([v]) for v in (x1, n1, x2, n2))))
    back = [float(v[0]) for v in ratio_interval(*(np.array([v]) for v in (x2, n2, x1, n1)))]
    assert 0 <= low <= high
    if x1 and x2:
        assert low <= x1 / n1 / (x2 / n2) <= high
        np.testing.assert_allclose([low, high], [1 / back[1], 1 / back[0]], rtol=1e-5)
    assert (low == 0) == (x1 == 0)
    assert np.isinf(high) == (x2 == 0)


def test_q_values_are_benjamini_and_hochberg_of_fishers_exact_test():
    from scipy.stats import false_discovery_control, fisher_exact

    rng = np.random.default_rng(1)
    labels = rng.integers(0, 6, 400)
    bad = (rng.random(400) < np.where(labels == 3, 0.4, 0.1)).astype(float)
    bad[::11] = np.nan
    table = lifts(bad, labels, groups=np.arange(6))
    known = ~np.isnan(bad)
    expected = []
    for c in range(6):
        here, there = bad[known & (labels == c)], bad[known & (labels != c)]
        cells = [[here.sum(), (here == 0).sum()], [there.sum(), (there == 0).sum()]]
        expected.append(fisher_exact(cells, alternative="greater").pvalue)
    np.testing.assert_allclose(table["p_value"], expected, rtol=1e-6)
    np.testing.assert_allclose(table["q_value"], false_discovery_control(expected), rtol=1e-6)
    assert table["known"].sum() == known.sum()


def test_false_discoveries_stay_rare_when_nothing_is_there():
    rng = np.random.default_rng(2)
    wrong = 0
    for _ in range(200):
        table = lifts((rng.random(600) < 0.08).astype(float), rng.integers(0, 15, 600), groups=np.arange(15))
        wrong += bool((table["q_value"] < 0.05).any())
    assert wrong / 200 < 0.08


def test_the_numbers_of_the_labels_do_not_matter():
    rng = np.random.default_rng(3)
    labels, bad = rng.integers(0, 5, 300), (rng.random(300) < 0.2).astype(float)
    swap = np.array([3, 0, 4, 1, 2])
    plain = lifts(bad, labels, groups=np.arange(5))
    swapped = lifts(bad, swap[labels], groups=np.arange(5))
    pd.testing.assert_frame_equal(swapped.loc[swap].reset_index(drop=True), plain.reset_index(drop=True))


def test_too_few_known_rows_say_nothing():
    bad = np.full(100, np.nan)
    bad[:9], bad[50:] = 1, 0
    table = lifts(bad, np.repeat([0, 1], 50), groups=np.array([0, 1]))
    assert table.loc[0, ["lift", "low", "high", "q_value"]].isna().all()
    assert table.loc[0, "known"] == 9


def test_weeks_are_iso_weeks_with_every_week_between():
    when = ["2025-12-28", "2025-12-29", "2026-01-04", "2026-01-20", None] * 20
    found = clustering(log(100, timestamp=when), np.repeat([0, 1], 50))
    weeks = found.profile(0).weeks
    assert weeks.index.tolist() == ["2025-W52", "2026-W01", "2026-W02", "2026-W03", "2026-W04"]
    assert weeks["count"].tolist() == [10, 20, 0, 0, 10]
    assert weeks["total"].tolist() == [20, 40, 0, 0, 20]
    assert weeks["share"].tolist()[:2] == [0.5, 0.5]
    assert np.isnan(weeks["share"].iloc[2])


def test_a_cluster_that_only_came_lately_is_new():
    when = pd.date_range("2026-06-01", periods=300, freq="4h", tz="UTC")
    labels = np.where(np.arange(300) > 260, 1, 0)
    assert clustering(log(timestamp=when), labels).summary()["new"].to_dict() == {0: False, 1: True}


def test_traces_without_times_have_no_weeks():
    found = clustering(log(60), np.repeat([0, 1], 30))
    assert found.profile(0).weeks.empty
    assert "no time" in found.profile(0)._repr_html_()


def test_names_are_different_and_the_same_every_time():
    labels = np.repeat([0, 1, 2], 100)
    first, second = clustering(log(), labels), clustering(log(), labels)
    names = [first.name(c) for c in range(3)]
    assert len(set(names)) == 3
    assert names == [second.name(c) for c in range(3)]


def test_phrases_mark_their_group_and_stop_words_do_not():
    found = key_phrases(
        {0: ["We cannot refund the order"] * 9, 1: ["Reset the password in the app"] * 9, 2: [""] * 3}
    )
    assert "order" in " ".join(found[0])
    assert any("password" in phrase for phrase in found[1])
    assert found[2] == ()
    for phrase in found[0] + found[1]:
        assert not {"the", "in"} & {phrase.split()[0], phrase.split()[-1]}


def test_one_text_that_repeats_itself_does_not_speak_for_its_group():
    found = key_phrases({0: ["spam " * 500] + ["the parcel is late"] * 20, 1: ["wrong invoice"] * 20}, n=2)
    assert "spam" not in found[0]


HOSTILE = "<script>alert(1)</script>\x1b[31m‮drowssap\x00 <img src=x onerror=alert(1)> 'quoted' \"twice\""


class Tags(html.parser.HTMLParser):
    """Collects what a browser would take as tags and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


def test_hostile_outputs_are_only_text_on_a_card():
    labels = np.repeat([0, 1], [60, 40])
    hostile = np.where(labels == 1, HOSTILE * 3, "fine").astype(object)
    frame = log(100, output=hostile, input=hostile, model=hostile)
    found = clustering(frame, labels, signals=None, refusal=(labels == 1) * 1.0)
    for page in (found._repr_html_(), found.profile(1)._repr_html_(), found.profile(0)._repr_html_()):
        seen = Tags()
        seen.feed(page)
        assert not seen.tags & {"script", "img"}
        assert "onerror" not in seen.attributes
        assert not any(c in page for c in "\x1b\x00‮")
        page.encode("utf-8")


@given(st.text())
def test_any_text_can_be_shown(value):
    shown = text(value, 50)
    assert "<" not in shown
    shown.encode("utf-8")


def test_a_megabyte_in_one_line_costs_no_more():
    labels = np.repeat([0, 1], [30, 20])
    outputs = np.where(labels == 1, "x" * 1_000_000, "short").astype(object)
    page = clustering(log(50, output=outputs), labels).profile(1)._repr_html_()
    assert len(page) < 40_000


def test_an_empty_output_is_said_to_be_empty():
    labels = np.repeat([0, 1], [30, 20])
    found = clustering(log(50, output=np.where(labels == 1, "", "words here").astype(object)), labels)
    assert "empty output" in found.profile(1)._repr_html_()
    assert found.summary().loc[1, "name"]
