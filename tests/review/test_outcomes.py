"""What failure modes and clusters cost: what is compared, what may be totalled, what is warned of."""

from __future__ import annotations

import doctest

import numpy as np
import pandas as pd
import pytest
from scipy.stats import false_discovery_control

import failscope as fs
from failscope.errors import ArgumentError, ColumnError, NotFoundError
from failscope.review import outcomes as module
from failscope.review.comparison import compare_shares
from failscope.review.intervals import likelihood_interval
from failscope.review.outcomes import COLUMNS, outcomes


def _traces(n: int = 700, seed: int = 0, **columns) -> fs.Traces:
    """``n`` traces of seven days, everything alike, and what is given besides."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "trace_id": [f"t{i:04}" for i in range(n)],
            "timestamp": pd.Timestamp("2026-06-01", tz="UTC")
            + pd.to_timedelta(np.arange(n) * 7 / n, unit="D"),
            "input": "hi",
            "output": "hello",
            "latency_ms": rng.lognormal(7, 0.5, n),
            "cost_usd": rng.lognormal(-7, 0.5, n),
            **columns,
        }
    )
    return fs.Traces.from_frame(frame)


def _ids(rows) -> list[str]:
    return [f"t{i:04}" for i in rows]


def _escalated(n: int = 700, here: int = 40, of: int = 100, rest: int = 30) -> np.ndarray:
    """Flags of n traces: ``here`` of the first ``of``, ``rest`` of the others."""
    flags = np.zeros(n, bool)
    flags[:here] = True
    flags[of : of + rest] = True
    return flags


def _row(found, group, outcome) -> pd.Series:
    frame = found.frame
    return frame[(frame["group"] == group) & (frame["outcome"] == outcome)].iloc[0]


# figures -----------------------------------------------------------------------------------------------------


def test_every_group_has_a_row_for_each_outcome_in_the_order_given():
    traces = _traces(escalated=_escalated())
    found = outcomes(traces, {"b": _ids(range(100)), "a": _ids(range(50, 300))})
    assert tuple(found.frame.columns) == COLUMNS
    assert list(zip(found.frame["group"], found.frame["outcome"], strict=True)) == [
        (group, outcome) for group in ("b", "a") for outcome in ("escalated", "latency_ms", "cost_usd")
    ]
    assert found.frame["measure"].tolist() == ["share bad", "median", "mean"] * 2


def test_a_clusters_figures_are_those_of_the_single_call():
    traces = _traces(escalated=_escalated())
    row = _row(outcomes(traces, {"c": _ids(range(100))}), "c", "escalated")
    alone = compare_shares(_escalated(), np.arange(700) < 100, unit=np.arange(700), weight=np.ones(700))
    assert (row["here"], row["rest"], row["low"], row["high"]) == pytest.approx(
        (0.4, 0.05, *alone.ends), abs=1e-12
    )
    assert row["p_value"] == pytest.approx(alone.p_value)
    assert row[["n", "known", "events", "rest_n", "units"]].tolist() == [100, 100, 40, 600, 100]
    assert row["says"] == "more often: 40% here, 5% elsewhere"


def test_a_cluster_adds_what_it_has_beyond_the_rest():
    row = _row(outcomes(_traces(escalated=_escalated()), {"c": _ids(range(100))}), "c", "escalated")
    # by hand: 100 of 700 traces, 35 points more: 35 events of 700 in a week of 7 days
    assert row["per_1000"] == pytest.approx(50)
    assert row["per_week"] == pytest.approx(35)
    assert row["per_week_low"] == pytest.approx(100 * row["low"])
    assert row["per_week_high"] == pytest.approx(100 * row["high"])


def test_money_adds_up_and_waiting_does_not():
    cost = np.full(700, 0.001)
    cost[:100] = np.tile([0.002, 0.004], 50)
    found = outcomes(_traces(cost_usd=cost), {"c": _ids(range(100))})
    row = _row(found, "c", "cost_usd")
    assert row["difference"] == pytest.approx(0.002)
    assert row["per_1000"] == pytest.approx(1000 * 0.002 / 7)
    assert row["low"] < 0.002 < row["high"]
    assert row["says"] == "higher: 0.003 here, 0.001 elsewhere"
    waits = _row(found, "c", "latency_ms")
    assert waits[["per_1000", "per_week"]].isna().all()
    frame = _traces(cost_usd=cost).frame["latency_ms"]
    assert waits["here"] == pytest.approx(frame.iloc[:100].median())


def test_q_values_are_over_all_tests():
    found = outcomes(_traces(escalated=_escalated()), {"a": _ids(range(100)), "b": _ids(range(300, 500))})
    tested = found.frame["p_value"].notna()
    assert found.params["tests"] == tested.sum() == 6
    assert found.frame["q_value"].tolist() == pytest.approx(false_discovery_control(found.frame["p_value"]))


def test_an_act_of_praise_is_told_by_the_act():
    row = _row(outcomes(_traces(copied=_escalated()), {"c": _ids(range(100))}), "c", "copied")
    assert (row["measure"], row["here"]) == ("share with it", 0.4)


def test_traces_of_one_user_are_not_independent():
    flags = _escalated(here=20, rest=60)
    alone = _row(outcomes(_traces(escalated=flags), {"c": _ids(range(100))}), "c", "escalated")
    who = np.r_[np.arange(100) // 5, 100 + np.arange(600)]
    found = outcomes(_traces(escalated=flags, user_id=[f"u{i}" for i in who]), {"c": _ids(range(100))})
    row = _row(found, "c", "escalated")
    assert found.params["units"] == "intervals between 620 users"
    assert row["units"] == 20
    assert row["high"] - row["low"] > 1.3 * (alone["high"] - alone["low"])


def test_where_there_is_no_user_the_session_counts_and_then_the_trace():
    users = ["u"] * 10 + [""] * 690
    sessions = ["s"] * 30 + [f"s{i // 2}" for i in range(70)] + [""] * 600
    found = outcomes(
        _traces(escalated=_escalated(), user_id=users, session_id=sessions), {"c": _ids(range(100))}
    )
    assert found.params["units"] == "intervals between 1 users, 36 sessions, 600 single traces"


# modes and reads ---------------------------------------------------------------------------------------------


def test_a_mode_is_totalled_from_the_random_sample_alone():
    flags = _escalated(here=100, of=200, rest=25)
    drawn, chosen = _ids(range(0, 700, 2)), _ids(range(1, 200, 4))
    traces = _traces(escalated=flags)
    mode = [*_ids(range(0, 100, 2)), *chosen]
    row = _row(outcomes(traces, {"mode": mode}, read=[*drawn, *chosen], drawn=drawn), "mode", "escalated")
    inside, event = np.arange(0, 700, 2) < 100, flags[::2]
    alone = compare_shares(event, inside, unit=np.arange(350), weight=np.ones(350))
    assert (row["basis"], row["members"], row["n"], row["rest_n"]) == ("random sample", 100, 50, 300)
    assert (row["low"], row["high"]) == pytest.approx(alone.ends)
    assert row["per_1000"] == pytest.approx(1000 * 50 / 350 * alone.difference)
    # the mode's share is an estimate too, so its total is less sure than a cluster's
    low, high = likelihood_interval(50, 350, population=700)
    assert row["per_1000_high"] > 1000 * 50 / 350 * row["high"]
    assert row["per_1000_high"] < 1000 * high * row["high"]
    assert row["per_1000_low"] > 1000 * low * row["low"] - 1e-9


def test_a_mode_that_only_chosen_reads_met_has_no_total():
    traces = _traces(escalated=_escalated())
    drawn = _ids(range(300, 500))
    read = [*drawn, *_ids(range(60))]
    found = outcomes(traces, {"seen": _ids(range(30)), "met": _ids(range(310, 330))}, read=read, drawn=drawn)
    row = _row(found, "seen", "escalated")
    assert row["basis"] == "those read"
    assert (row["n"], row["rest_n"]) == (30, 230)
    assert row[["per_1000", "per_week"]].isna().all()
    assert row["says"].endswith("among those read")
    assert _row(found, "met", "escalated")["basis"] == "random sample"
    assert (
        "'seen': no member in the random sample (200 traces); compared among those read, no total"
        in found.warnings
    )


def test_reads_without_a_random_draw_have_no_total():
    found = outcomes(_traces(escalated=_escalated()), {"seen": _ids(range(30))}, read=_ids(range(200)))
    assert found.frame["per_1000"].isna().all()
    assert found.warnings[0] == "no random sample was read: groups are compared among those read, no total"


def test_chosen_reads_never_change_a_total():
    traces = _traces(escalated=_escalated())
    drawn = _ids(range(0, 700, 5))
    mode = _ids(range(0, 100, 5))
    few = outcomes(traces, {"m": mode}, drawn=drawn)
    more = outcomes(
        traces, {"m": [*mode, *_ids(range(1, 40, 5))]}, read=[*drawn, *_ids(range(1, 300, 5))], drawn=drawn
    )
    columns = [c for c in COLUMNS if c != "members"]
    pd.testing.assert_frame_equal(few.frame[columns], more.frame[columns])


def test_strata_read_more_densely_weigh_less():
    flags = np.zeros(700, bool)
    flags[:100] = True  # all of the small stratum are escalated, and it is read five times as densely
    sample = pd.DataFrame({"trace_id": _ids([*range(50), *range(100, 160)]), "stratum": [0] * 50 + [1] * 60})
    sample["size"] = sample["stratum"].map({0: 100, 1: 600})
    mode = _ids([*range(50), *range(100, 120)])
    row = _row(outcomes(_traces(escalated=flags), {"m": mode}, drawn=sample), "m", "escalated")
    # by hand: 50 traces that stand for 2 each, 20 that stand for 10
    assert row["here"] == pytest.approx(100 / 300)
    assert row["per_1000"] == pytest.approx(1000 * (300 / 700) * (100 / 300))


def test_totals_of_modes_cover_the_truth():
    """Over 100 random samples of 150 of the same 2,000 traces."""
    rng = np.random.default_rng(0)
    mode = rng.random(2000) < 0.15
    flags = rng.random(2000) < np.where(mode, 0.35, 0.05)
    frame = pd.DataFrame({"trace_id": _ids(range(2000)), "input": "hi", "output": "ho", "escalated": flags})
    traces = fs.Traces.from_frame(frame)
    truth = 1000 * mode.mean() * (flags[mode].mean() - flags[~mode].mean())
    members, held = _ids(np.flatnonzero(mode)), []
    for _ in range(100):
        drawn = _ids(rng.choice(2000, 150, replace=False))
        own = sorted(set(members) & set(drawn))
        row = outcomes(traces, {"m": own}, drawn=drawn).frame.iloc[0]
        held.append(row["per_1000_low"] <= truth <= row["per_1000_high"])
    assert np.mean(held) >= 0.92


# what is warned of -------------------------------------------------------------------------------------------


def _thumbs(here: float, rest: float, *, n: int = 1200, bad: float = 0.3, seed: int = 0) -> np.ndarray:
    """Thumbs of which a share is given, by chance, in the first 200 traces and in the others."""
    rng = np.random.default_rng(seed)
    given = rng.random(n) < np.where(np.arange(n) < 200, here, rest)
    return np.where(given, np.where(rng.random(n) < bad, -1, 1), np.nan)


def test_sparse_feedback_is_told_as_one_in_so_many():
    thumbs = np.full(1200, np.nan)
    thumbs[::12] = np.tile([1, -1], 50)
    found = outcomes(_traces(1200, thumbs=thumbs), {"c": _ids(range(200))})
    assert "thumbs: 1 in 12 traces has one; what the others would say is not known" in found.warnings
    row = _row(found, "c", "thumbs")
    assert row["says"] == "no difference shown: 47% here, 51% elsewhere; too sparse for a total"
    assert row[["per_1000", "per_week"]].isna().all()
    full = outcomes(_traces(thumbs=np.tile([1, -1], 350)), {"c": _ids(range(200))})
    assert not [w for w in full.warnings if "traces has one" in w]


def test_feedback_that_one_group_gives_more_often_is_told_with_the_worst_case():
    found = outcomes(_traces(1200, thumbs=_thumbs(0.6, 0.25)), {"c": _ids(range(200))})
    row = _row(found, "c", "thumbs")
    assert [w for w in found.warnings if w.startswith("thumbs is given unevenly: by 55% in 'c', by 24%")]
    assert "given unevenly, the true difference could be" in row["says"]
    assert row[["per_1000", "per_week"]].isna().all()
    # Manski's bounds by hand: all who are silent bad on one side and fine on the other
    told, others = row["coverage"], row["rest_coverage"]
    bad, rest = row["here"] * told, row["rest"] * others
    assert row["worst_low"] == pytest.approx(bad - (rest + 1 - others))
    assert row["worst_high"] == pytest.approx(bad + 1 - told - rest)
    assert row["worst_low"] < row["low"] < row["high"] < row["worst_high"]


def test_feedback_that_is_as_frequent_everywhere_is_seldom_called_biased():
    told = [
        any(
            "unevenly" in w
            for w in outcomes(
                _traces(1200, thumbs=_thumbs(0.3, 0.3, seed=s)), {"c": _ids(range(200))}
            ).warnings
        )
        for s in range(30)
    ]
    assert np.mean(told) <= 0.1


def test_the_worst_case_holds_the_truth_when_the_silent_differ():
    """Users who are unhappy speak up more: the difference among those who spoke is wrong, the bounds are not."""
    rng = np.random.default_rng(0)
    here = np.arange(1200) < 200
    bad = rng.random(1200) < np.where(here, 0.4, 0.4)
    given = rng.random(1200) < np.where(bad & here, 0.9, np.where(bad, 0.2, 0.4))
    row = _row(
        outcomes(
            _traces(1200, thumbs=np.where(given, np.where(bad, -1, 1), np.nan)), {"c": _ids(range(200))}
        ),
        "c",
        "thumbs",
    )
    truth = bad[here].mean() - bad[~here].mean()
    assert not row["low"] <= truth <= row["high"]
    assert row["worst_low"] <= truth <= row["worst_high"]


def test_few_events_are_not_tested_and_told():
    found = outcomes(_traces(escalated=_escalated(here=2, rest=2)), {"c": _ids(range(100))})
    row = _row(found, "c", "escalated")
    assert np.isnan(row["p_value"])
    assert row["says"] == "too few to say: fewer than 5 events"
    assert "too few events, traces or users to compare 'c' in escalated" in found.warnings
    assert row["low"] < 0.0167 < row["high"]


def test_a_group_of_few_users_is_not_tested():
    who = [f"u{i % 4}" for i in range(100)] + [f"v{i}" for i in range(600)]
    found = outcomes(_traces(escalated=_escalated(), user_id=who), {"c": _ids(range(100))})
    row = _row(found, "c", "cost_usd")
    assert row["says"] == "too few to say: known of 100 here, 4 users or sessions"
    assert row[["low", "high", "per_1000"]].isna().all()


def test_a_short_log_and_one_without_times_are_told():
    days = pd.Timestamp("2026-06-01", tz="UTC") + pd.to_timedelta(np.arange(700) % 2, unit="D")
    short = outcomes(_traces(escalated=_escalated(), timestamp=days), {"c": _ids(range(100))})
    assert "the traces are of 2 days: figures per week suppose that the rest is alike" in short.warnings
    assert _row(short, "c", "escalated")["per_week"] == pytest.approx(35 * 3.5)
    never = outcomes(_traces(escalated=_escalated(), timestamp=pd.NaT), {"c": _ids(range(100))})
    assert "no trace has a timestamp: nothing is said per week" in never.warnings
    assert never.frame["per_week"].isna().all()


def test_an_empty_group_and_a_group_of_all_have_nothing_to_compare():
    found = outcomes(_traces(escalated=_escalated()), {"none": [], "all": _ids(range(700))})
    assert set(found.frame["says"]) == {"no trace of it on this basis", "no others to compare with"}
    assert found.frame["difference"].isna().all()


# the result --------------------------------------------------------------------------------------------------


def test_the_order_of_the_traces_changes_nothing():
    traces = _traces(escalated=_escalated(), user_id=[f"u{i % 90}" for i in range(700)])
    groups = {"a": _ids(range(100)), "b": _ids(range(300, 500))}
    mixed = traces.take(np.random.default_rng(0).permutation(traces.trace_ids))
    pd.testing.assert_frame_equal(outcomes(traces, groups).frame, outcomes(mixed, groups).frame, rtol=1e-9)


def test_a_frame_of_members_is_the_same_as_a_mapping():
    traces = _traces(escalated=_escalated())
    long = pd.DataFrame({"trace_id": _ids(range(100)), "name": "c"})
    pd.testing.assert_frame_equal(
        outcomes(traces, long).frame, outcomes(traces, {"c": _ids(range(100))}).frame
    )


def test_the_seed_decides_the_interval_of_a_mean():
    traces, groups = _traces(), {"c": _ids(range(100))}
    one, same, other = (outcomes(traces, groups, random_state=s).frame for s in (1, 1, 2))
    pd.testing.assert_frame_equal(one, same)
    assert _row(outcomes(traces, groups, random_state=1), "c", "cost_usd")["low"] != other["low"].iloc[-1]


def test_names_are_text_in_html_and_the_frame_given_out_is_a_copy():
    name = "<script>alert(1)</script>"
    found = outcomes(_traces(escalated=_escalated(here=1, rest=1)), {name: _ids(range(100))})
    shown = found._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    assert any(name in w for w in found.warnings)
    copy = found.to_frame()
    copy["says"] = "changed"
    assert "changed" not in set(found.frame["says"])
    assert "1 groups, 3 outcomes" in repr(found)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda t: outcomes(t, {"c": ["nope"]}),
            NotFoundError,
            "group 'c' has 'nope', which is none of the 700",
        ),
        (lambda t: outcomes(t, {"c": "t0001"}), ArgumentError, "is one text; give a list"),
        (lambda t: outcomes(t, pd.DataFrame({"name": ["c"]})), ColumnError, "column 'trace_id' not found"),
        (
            lambda t: outcomes(t, {}, read=["t0001"], drawn=["t0002"]),
            ArgumentError,
            "'t0002', which is not in read",
        ),
        (lambda t: outcomes(t, {}, confidence=95), ArgumentError, "confidence=95"),
        (lambda t: outcomes(t, {}, resamples=3), ArgumentError, "resamples=3"),
    ],
)
def test_calls_that_cannot_be_are_refused_in_words(call, error, words):
    with pytest.raises(error, match=words):
        call(_traces())


def test_traces_without_anything_to_relate_are_refused():
    traces = fs.Traces.from_frame(pd.DataFrame({"input": ["a", "b"], "output": ["c", "d"]}))
    with pytest.raises(ArgumentError, match="declare one with signals="):
        outcomes(traces, {"c": traces.trace_ids[:1]})


def test_no_group_is_an_empty_result():
    assert outcomes(_traces(), {}).frame.empty


def test_examples_in_docstrings_run():
    assert doctest.testmod(module).failed == 0
