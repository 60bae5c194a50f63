"""Groups and failure modes from week to week: what was planted is told, once, and nothing else is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import failscope as fs
from benchmarks.modes import by_chance, clusterings, log, told, weeks_of
from failscope.errors import ArgumentError, NotFoundError
from failscope.review.changes import follow
from failscope.review.events import MODE_MATCHED, Event
from failscope.review.matching import match_weeks
from failscope.review.modes import say_match, words_of
from failscope.review.movements import Movements
from failscope.review.pairing import pair_clusters
from failscope.surface.clustering import Clustering

BIG = 300
PROBES = [
    {"name": n, "says": n, "kind": "amount", "hint": False, "more": f"much {n}", "less": f"little {n}"}
    for n in ("a", "b")
]


def clustering(weeks: dict[str, list[int]], *, labels=None, places=None, start=0, each=1) -> Clustering:
    """Groups by name with so many traces in each week; ``each`` of them are one session."""
    names = list(weeks)
    labels = labels or {n: i for i, n in enumerate(names)}
    places = places or {n: (4.0 * i, 0.0) for i, n in enumerate(names)}
    rng = np.random.default_rng(start)
    rows = []
    for name, counts in weeks.items():
        for week, count in enumerate(counts, start=start):
            at = pd.Timestamp("2026-06-01", tz="UTC") + pd.Timedelta(days=7 * week)
            rows += [
                (f"{name}-{week}-{i}", at + pd.Timedelta(minutes=i), f"{name}-{week}-s{i // each}", name)
                for i in range(count)
            ]
    frame = pd.DataFrame(rows, columns=["trace_id", "timestamp", "session_id", "output"]).assign(input="why")
    traces = fs.Traces.from_frame(frame)
    names_of = traces.frame["output"].to_numpy()
    where = np.array([places[n] for n in names_of]) + rng.normal(0, 0.3, (len(frame), 2))
    return Clustering(
        traces=traces,
        trace_ids=traces.trace_ids,
        labels=np.array([labels[n] for n in names_of]),
        layers=(),
        strength=np.ones(len(frame), dtype=np.float32),
        edge=np.zeros(len(frame), dtype=np.float32),
        stability={},
        xy=np.zeros((len(frame), 2), dtype=np.float32),
        exemplar=np.full(len(frame), -1),
        view="behaviour",
        params={"probes": PROBES},
        behaviours=pd.DataFrame(where, columns=["a", "b"], index=traces.frame.index),
    )


PLANTED = {
    "rest": [BIG] * 6,
    "steady": [20, 22, 19, 21, 20, 18],
    "new": [0, 0, 0, 1, 18, 17],
    "shrinking": [40, 38, 42, 12, 11, 12],
    "growing": [12, 14, 11, 12, 45, 44],
    "gone": [25, 24, 26, 25, 0, 0],
    "back": [25, 24, 0, 0, 26, 25],
}


def said(movements: Movements, name: str, found: Clustering) -> list[str]:
    cluster = {n: int(c) for n, c in zip(found.traces.frame["output"], found.labels, strict=True)}[name]
    rows = movements.frame[(movements.frame["kind"] == "group") & (movements.frame["cluster"] == cluster)]
    return rows["what"].tolist()


def test_what_was_planted_is_told_in_its_week_and_only_then():
    found = clustering(PLANTED)
    movements = match_weeks(found)
    told_of = {name: said(movements, name, found)[1:] for name in PLANTED}
    assert told_of["steady"] == ["steady"] * 5
    assert told_of["new"] == ["", "", "steady", "new", "steady"]  # nothing to compare before it was met
    assert told_of["shrinking"] == ["steady", "steady", "shrinking", "steady", "steady"]
    assert told_of["growing"] == ["steady", "steady", "steady", "growing", "steady"]
    assert told_of["gone"] == ["steady", "steady", "steady", "gone", ""]
    assert told_of["back"] == ["steady", "gone", "", "back", "steady"]


def test_a_slow_change_is_told_later_with_the_week_in_which_it_began():
    found = clustering({"rest": [BIG] * 7, "slow": [14, 15, 14, 15, 7, 6, 5]})
    rows = match_weeks(found).frame.query("cluster == 1 and what == 'shrinking'")
    assert len(rows) == 1
    assert rows["since"].tolist() == ["2026-W27"]  # the fifth week
    assert rows["week"].iloc[0] > "2026-W27"


def test_a_week_is_judged_without_a_look_at_later_ones():
    whole = match_weeks(clustering(PLANTED)).frame
    for weeks in (3, 5):
        part = match_weeks(clustering({n: c[:weeks] for n, c in PLANTED.items()})).frame
        last = part["week"].max()
        columns = ["cluster", "what", "since", "p", "q", "evidence"]
        ours, theirs = (
            f[(f["week"] == last) & (f["total"] > 0)].set_index("cluster")[columns[1:]] for f in (part, whole)
        )
        pd.testing.assert_frame_equal(ours, theirs.loc[ours.index])


def test_a_session_with_many_traces_counts_once():
    burst = {"rest": [BIG] * 4, "burst": [0, 0, 0, 12]}
    assert said(match_weeks(clustering(burst)), "burst", clustering(burst))[-1] == "new"
    one = clustering(burst, each=12)
    assert said(match_weeks(one), "burst", one)[-1] == "steady"


def test_the_last_run_is_remembered_and_nothing_is_told_twice():
    first = {n: c[:5] for n, c in PLANTED.items()}
    before = match_weeks(clustering(first))
    labels = {n: i for i, n in enumerate(reversed(PLANTED))}
    after = match_weeks(clustering(PLANTED, labels=labels), before=before)
    keys = {
        m.week().query("kind == 'group'").set_index("key")["name"].sort_index().to_json()
        for m in (before, after)
    }
    assert len(keys) == 1  # the same identities and names, whatever the labels
    assert after.changes().empty
    assert after.changes("2026-W27")["what"].tolist() == before.changes("2026-W27")["what"].tolist()


def test_the_order_of_the_rows_changes_nothing():
    found = clustering(PLANTED)
    order = np.random.default_rng(1).permutation(len(found))
    turned = replace(
        found,
        traces=found.traces.take(found.trace_ids[order]),
        trace_ids=found.trace_ids[order],
        labels=found.labels[order],
        strength=found.strength[order],
        edge=found.edge[order],
        exemplar=found.exemplar[order],
        xy=found.xy[order],
        behaviours=found.behaviours.iloc[order],
        confidence=found.confidence[order],
    )
    pd.testing.assert_frame_equal(match_weeks(found).frame, match_weeks(turned).frame)


def test_a_group_in_two_parts_and_two_groups_in_one_are_told_where_weeks_are_clustered_alone():
    weeks = {"rest": [80], "one": [22], "two": [20], "left": [30], "right": [30]}
    places = {"rest": (0, 0), "one": (6, 0), "two": (6.7, 0), "left": (0, 6), "right": (0.7, 6)}
    whole = {"rest": 0, "one": 1, "two": 1, "left": 2, "right": 3}
    cut = {"rest": 0, "one": 1, "two": 2, "left": 3, "right": 3}
    before = match_weeks(clustering(weeks, places=places, labels=whole))
    after = match_weeks(clustering(weeks, places=places, labels=cut, start=1), before=before)
    rows = after.week().query("kind == 'group'").set_index("cluster")
    assert rows["what"].to_dict() == {0: "", 1: "split", 2: "split", 3: "merged"}
    assert "went into 2 groups" in rows["structure"][1]


def test_a_window_that_is_cut_anew_is_no_movement():
    weeks = {"rest": [BIG] * 3, "left": [30] * 3, "right": [30] * 3}
    before = match_weeks(clustering(weeks, labels={"rest": 0, "left": 1, "right": 1}))
    after = match_weeks(clustering({n: [*c, c[0]] for n, c in weeks.items()}), before=before)
    assert after.changes().empty
    assert after.week()["structure"].str.contains("went into 2 groups").sum() == 2


def test_a_group_far_from_all_earlier_ones_is_matched_to_none():
    before = clustering({"rest": [80], "old": [30]}, places={"rest": (0, 0), "old": (4, 0)})
    now = clustering({"rest": [80], "other": [30]}, places={"rest": (0, 0), "other": (0, 5)}, start=1)
    assert pair_clusters(before, now).pairs == {0: 0}


def test_tags_decide_between_groups_that_lie_alike():
    near = {"a": (0.0, 0.0), "b": (0.8, 0.0)}
    before = clustering({"a": [30], "b": [30]}, places=near)
    now = clustering({"a": [30], "b": [30]}, places=near, start=1)
    plain, tagged = (
        pair_clusters(before, now, tags=tags)
        for tags in (
            {},
            {"x": ["a-0-1", "a-0-2", "a-1-1", "a-1-2"], "y": ["b-0-1", "b-0-2", "b-1-1", "b-1-2"]},
        )
    )
    gap = lambda pair: pair.likeness[0, 0] - pair.likeness[0, 1]  # noqa: E731
    assert gap(tagged) > gap(plain)


def modes_of(weeks: int) -> dict[str, list[str]]:
    return {"late": [f"new-{w}-{i}" for w in range(weeks) for i in range(8)], "fine": ["rest-0-1"]}


def word(seq: int, mode: str | None, exemplars: list[str], **more) -> Event:
    payload = say_match("c", 2, mode, exemplars=exemplars, **more)
    return Event(seq, f"e{seq}", "2026-06-01", MODE_MATCHED, "ana", "", "", payload, "0.1.0")


def match_of(movements: Movements, name: str) -> tuple[str, str]:
    row = movements.week().query("kind == 'group' and cluster == @PLACE[@name]").iloc[0]
    return row["mode"], row["match"]


PLACE = {n: i for i, n in enumerate(PLANTED)}


def test_a_failure_mode_is_proposed_for_the_group_that_has_its_traces():
    mode, match = match_of(match_weeks(clustering(PLANTED), modes=modes_of(6)), "new")
    assert mode == "late"
    assert match.startswith("proposed")


def test_the_persons_word_stands_above_the_proposal_and_is_kept():
    typical = [f"new-4-{i}" for i in range(6)]
    words = words_of([word(1, "named by ana", typical)])
    five = {n: c[:5] for n, c in PLANTED.items()}
    before = match_weeks(clustering(five), modes=modes_of(5), words=words)
    assert match_of(before, "new") == ("named by ana", "said by ana")
    after = match_weeks(clustering(PLANTED), before=before, modes=modes_of(6), words=words)
    assert match_of(after, "new") == ("named by ana", "said by ana")


def test_a_rejected_match_is_never_proposed_again():
    typical = [f"new-4-{i}" for i in range(6)]
    words = words_of([word(1, None, typical, rejected=["late"])])
    five = {n: c[:5] for n, c in PLANTED.items()}
    before = match_weeks(clustering(five), modes=modes_of(5), words=words)
    after = match_weeks(clustering(PLANTED), before=before, modes=modes_of(6))
    assert match_of(before, "new") == match_of(after, "new") == ("", "")
    again = words_of([word(1, None, typical, rejected=["late"]), word(2, "late", typical)])
    assert match_of(match_weeks(clustering(PLANTED), modes=modes_of(6), words=again), "new")[0] == "late"


def test_a_word_is_kept_where_weeks_share_no_traces():
    weeks = {"rest": [80], "odd": [30]}
    words = words_of([word(1, "odd one", [f"odd-0-{i}" for i in range(6)])])
    movements = match_weeks(clustering(weeks), words=words)
    for week in (1, 2):
        found = clustering(weeks, start=week, labels={"rest": 1, "odd": 0})
        movements = match_weeks(found, before=movements, words=words)
        assert movements.week().set_index("cluster").loc[0, ["mode", "match"]].tolist() == [
            "odd one",
            "said by ana",
        ]


def test_modes_are_counted_among_the_traces_that_were_read():
    found = clustering(PLANTED)
    read = [f"{n}-{w}-{i}" for n in ("rest", "new") for w in range(6) for i in range(10)]
    row = match_weeks(found, modes=modes_of(6), read=read).week().query("name == 'late'").iloc[0]
    assert (row["count"], row["total"]) == (8, 20)
    assert 0 <= row["low"] < row["share"] < row["high"] <= 1


def test_the_test_is_fishers():
    from scipy.stats import fisher_exact

    calls = follow(np.array([[5, 20]]), np.array([[300, 310]]))
    less, more = (fisher_exact([[20, 290], [5, 295]], alternative=a).pvalue for a in ("less", "greater"))
    assert calls.p[0, 1] == pytest.approx(2 * min(less, more))


def test_chance_alone_is_told_no_more_often_than_the_level_says():
    rng = np.random.default_rng(0)
    rates = np.r_[np.full(40, 0.02), np.full(20, 0.08)]
    weeks = []
    for _ in range(100):
        calls = follow(rng.binomial(350, rates[:, None], (60, 6)), np.full((60, 6), 350))
        weeks += (~np.isin(calls.what[:, 1:], ["steady", ""])).any(axis=0).tolist()
    assert np.mean(weeks) <= 0.05


def test_what_cannot_be_compared_is_refused_with_the_next_step():
    found = clustering({"rest": [20, 20]})
    timeless = replace(found, traces=replace(found.traces, frame=found.traces.frame.assign(timestamp=pd.NaT)))
    with pytest.raises(ArgumentError, match="no trace has a timestamp"):
        match_weeks(
            replace(
                timeless,
                traces=fs.Traces.from_frame(found.traces.frame.drop(columns="timestamp").reset_index()),
            )
        )
    with pytest.raises(ArgumentError, match="by='shop'"):
        match_weeks(found, by="shop")
    with pytest.raises(ArgumentError, match="twice"):
        match_weeks([found, found])
    with pytest.raises(ArgumentError, match="different traces"):
        match_weeks([found, replace(clustering({"rest": [20, 21]}), view="topic")])
    with pytest.raises(NotFoundError, match="no week '2020-W01'"):
        match_weeks(found).week("2020-W01")


# the sample log --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sample() -> tuple[list[Movements], pd.DataFrame]:
    """The runs of weeks 5 and 7, each of the traces up to it."""
    traces, truth = log()
    week = weeks_of(traces)
    runs = []
    for last in (4, 6):
        here = traces.take(traces.frame.index[week <= last])
        runs.append(match_weeks(clusterings(here), before=runs[-1] if runs else None))
    return runs, truth


def test_the_sample_logs_changes_are_told_in_the_right_weeks_and_nothing_else_as_new(sample):
    runs, truth = sample
    rows = pd.DataFrame(told(runs, truth))
    new = rows[rows["what"] == "new"]
    assert new["since"].tolist() == ["2026-W25", "2026-W27"]
    assert new["week"].tolist() == ["2026-W25", "2026-W27"]
    assert [m.split(" ")[0] for m in new["mostly"]] == ["ignored", "no"]
    assert "drift one" in new["mostly"].iloc[1]
    shrinking = rows[(rows["what"] == "shrinking") & rows["mostly"].str.contains("over-refusal")]
    assert shrinking["since"].iloc[0] == "2026-W25"
    assert shrinking["week"].iloc[0] == "2026-W26"  # of 20 a week to expect, two weeks are needed to be sure


def test_failure_modes_that_people_found_are_told_in_the_right_weeks(sample):
    runs, truth = sample
    modes = {m: list(ids) for m, ids in truth.groupby("failure_mode").groups.items() if m}
    frame = match_weeks(runs[-1].found, modes=modes).frame.query("kind == 'mode'")
    changes = frame[~frame["what"].isin(["", "steady"])]
    assert changes.set_index("name")[["what", "week"]].apply(tuple, axis=1).to_dict() == {
        "ignored format": ("new", "2026-W25"),
        "over-refusal": ("shrinking", "2026-W25"),
        "invented spec": ("new", "2026-W27"),
    }


def test_nothing_is_new_on_shuffled_weeks_more_often_than_the_level_says(sample):
    runs, _ = sample
    chance = by_chance(runs[-1].found, 50)
    assert chance["runs with anything new"] <= 0.06
    assert chance["weeks with any change"] <= 0.05
