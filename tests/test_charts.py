"""Charts: every trace or a named sample, no colour that vanishes, Vega that draws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import failscope as fs
from failscope.errors import ArgumentError, NotFoundError
from failscope.review.matching import match_weeks
from failscope.surface.clustering import Clustering


def clustering(n: int = 400, *, dated: bool = True) -> Clustering:
    rng = np.random.default_rng(0)
    labels = np.sort(rng.integers(0, 11, n))
    frame = pd.DataFrame(
        {
            "trace_id": [f"t{i:06d}" for i in range(n)],
            "input": "why",
            "output": ["<b>bold</b> \x1b[31m" if c == 3 else f"answer of kind {c}" for c in labels],
            "flag": (rng.random(n) < np.where(labels == 3, 0.7, 0.05)) * 1.0,
        }
    )
    if dated:
        frame["timestamp"] = pd.date_range("2026-06-01", "2026-07-20", periods=n, tz="UTC")[
            rng.permutation(n)
        ]
    traces = fs.Traces.from_frame(frame, signals={"flag": "bad"})
    return Clustering(
        traces=traces,
        trace_ids=traces.trace_ids,
        labels=labels,
        layers=(labels,),
        strength=np.ones(n, dtype=np.float32),
        edge=rng.random(n).astype(np.float32),
        stability=dict.fromkeys(range(11), 0.8),
        xy=rng.normal(size=(n, 2)).astype(np.float32),
        exemplar=np.full(n, -1),
        view="behaviour",
        params={
            "projector": "pca",
            "probes": [
                {
                    "name": "refusal",
                    "says": "refuses",
                    "kind": "flag",
                    "hint": True,
                    "more": "refuses",
                    "less": "",
                }
            ],
        },
        behaviours=pd.DataFrame({"refusal": (labels == 3) * 1.0}, index=traces.frame.index),
    )


@pytest.fixture(scope="module")
def found() -> Clustering:
    return clustering()


def every(found: Clustering) -> dict:
    return {
        "map": fs.charts.cluster_map(found),
        "edge": fs.charts.cluster_map(found, color="edge"),
        "weeks": fs.charts.weekly_shares(found),
        "contrast": fs.charts.behaviour_contrast(found, 3),
        "plain": fs.charts.behaviour_contrast(found, 0),
        "lifts": fs.charts.signal_lifts(found),
        "flag": fs.charts.signal_lifts(found, signal="flag"),
        "trends": fs.charts.mode_trends(match_weeks(found)),
    }


def test_every_chart_draws_and_lets_the_page_shine_through(found):
    converter = pytest.importorskip("vl_convert")
    for name, chart in every(found).items():
        spec = chart.to_dict()
        assert spec["background"] == "transparent", name
        assert len(converter.vegalite_to_svg(spec)) > 1000, name


def test_a_large_map_is_a_sample_and_says_so():
    chart = fs.charts.cluster_map(clustering(12_000))
    spec = chart.to_dict()  # Altair raises above 5,000 rows
    assert spec["title"]["text"] == "Map of 5,000 of 12,000 traces, drawn at random"
    assert sum(len(rows) for rows in spec["datasets"].values()) == 5000


def test_the_most_suspicious_clusters_have_the_colours(found):
    scale = fs.charts.cluster_map(found).to_dict()["encoding"]["color"]["scale"]
    assert scale["domain"][0].startswith("3 ·")
    assert scale["domain"][-1] == "all others"
    assert len(scale["domain"]) == len(scale["range"]) == 9


def test_the_trend_has_a_row_for_each_week_and_cluster(found):
    spec = fs.charts.weekly_shares(found, clusters=[3, 0]).to_dict()
    rows = next(iter(spec["datasets"].values()))
    assert len({row["week"] for row in rows}) == 8
    assert len(rows) == 16
    assert all(row["low"] <= row["share"] <= row["high"] for row in rows)


def test_trends_show_what_changed_and_the_week_in_which_it_was_told():
    found = clustering(2000)
    late = found.traces.frame["timestamp"] >= pd.Timestamp("2026-07-06", tz="UTC")
    labels = np.where(late & (np.arange(2000) % 4 == 0), 99, found.labels)
    movements = match_weeks(replace(found, labels=labels))
    spec = fs.charts.mode_trends(movements).to_dict()
    rows = pd.DataFrame(max(spec["datasets"].values(), key=len))
    new = rows[rows["group"].str.startswith("new since 2026-W28")]
    assert new.loc[new["told"] == "told", "week"].tolist() == ["2026-W28"]
    assert rows.groupby("group").size().eq(len(movements.weeks)).all()
    assert (rows["low"] <= rows["share"]).all()
    assert (rows["share"] <= rows["high"]).all()
    assert len(rows["group"].unique()) <= 12


def test_trends_of_one_week_are_refused():
    found = clustering(200)
    frame = found.traces.frame.assign(timestamp=pd.Timestamp("2026-06-10", tz="UTC"))
    with pytest.raises(ArgumentError, match="only one week"):
        fs.charts.mode_trends(match_weeks(replace(found, traces=replace(found.traces, frame=frame))))


def test_the_lift_that_is_beyond_chance_is_told_from_the_rest(found):
    spec = fs.charts.signal_lifts(found).to_dict()
    rows = max(spec["datasets"].values(), key=len)
    assert rows[0]["cluster"].startswith("3 ·")
    assert rows[0]["verdict"].startswith("beyond chance")
    assert {row["verdict"] for row in rows[1:]} == {"may be chance"}


def test_control_characters_of_outputs_do_not_reach_a_chart(found):
    assert "\\u001b" not in fs.charts.cluster_map(found).to_json()


def test_what_cannot_be_drawn_is_refused_with_the_next_step(found):
    with pytest.raises(ArgumentError, match="timestamp"):
        fs.charts.weekly_shares(clustering(200, dated=False))
    with pytest.raises(ArgumentError, match="color='mood'"):
        fs.charts.cluster_map(found, color="mood")
    with pytest.raises(NotFoundError, match="no signal 'thumbs'"):
        fs.charts.signal_lifts(found, signal="thumbs")


def test_a_chart_is_drawn_by_the_front_end_without_a_network():
    shown = fs.charts.signal_lifts(clustering()).properties(width=300)._repr_mimebundle_()
    assert set(shown) == {"application/vnd.vegalite.v5+json", "text/plain"}
    assert shown["application/vnd.vegalite.v5+json"]["width"] == 300
